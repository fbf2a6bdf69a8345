//! The arguments by which commands name a repository, a commit and a moment, and what they lead to.

use std::path::PathBuf;

use assent_schema::finding::Findings;
use assent_schema::time::Moment;
use git2::Repository;

use crate::error::Error;
use crate::publish::branch;
use crate::source::{Source, read_commit, read_worktree, resolve_commit};

/// Which source.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    /// The commit, by any name that git has for it.
    #[arg(default_value = "HEAD", value_name = "COMMIT")]
    pub commit: String,
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub repo: PathBuf,
    /// The moment at which approvals and agreements must hold, like 2026-03-02T09:00:00Z; now, unless said.
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<Moment>,
}

impl SourceArgs {
    /// Opens the repository.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(&self) -> Result<Repository, Error> {
        branch::open(&self.repo)
    }

    /// Reads the commit.
    ///
    /// # Errors
    /// When there is no such repository or commit, or it cannot be read.
    pub fn read(&self) -> Result<(Source, Findings), Error> {
        let repository = self.open()?;
        let commit = resolve_commit(&repository, &self.commit)?;
        read_commit(&repository, commit)
    }

    /// Reads the work tree instead of a commit.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn read_worktree(&self) -> Result<(Source, Findings), Error> {
        read_worktree(&self.repo)
    }
}

/// Which remote repository branches are fetched from and pushed to.
#[derive(Clone, Debug, clap::Args)]
pub struct RemoteArgs {
    /// The remote, by its name in the repository or by its path; `origin` where there is one, unless said.
    #[arg(long, value_name = "NAME|PATH")]
    pub remote: Option<String>,
    /// Neither fetch nor push.
    #[arg(long, conflicts_with = "remote")]
    pub local: bool,
}

impl RemoteArgs {
    fn chosen(&self, repository: &Repository) -> Option<String> {
        if self.local {
            return None;
        }
        self.remote.clone().or_else(|| repository.find_remote("origin").is_ok().then(|| "origin".to_owned()))
    }

    /// Fetches the branches whose names begin so.
    ///
    /// # Errors
    /// When the remote cannot be reached.
    pub fn fetch(&self, repository: &Repository, prefixes: &[&str]) -> Result<(), Error> {
        let Some(remote) = self.chosen(repository) else { return Ok(()) };
        prefixes.iter().try_for_each(|prefix| branch::fetch(repository, &remote, prefix))
    }

    /// Pushes branches.
    ///
    /// # Errors
    /// When the remote cannot be reached or refuses one.
    pub fn push(&self, repository: &Repository, branches: &[String]) -> Result<(), Error> {
        let Some(remote) = self.chosen(repository) else { return Ok(()) };
        if branches.is_empty() { Ok(()) } else { branch::push(repository, &remote, branches) }
    }
}
