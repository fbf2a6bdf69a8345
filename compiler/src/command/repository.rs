//! The arguments by which commands name a repository, a commit and a moment, and what they lead to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_schema::finding::{Finding, Findings};
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use git2::Repository;

use super::Context;
use crate::error::Error;
use crate::publish::spec::Spoilt;
use crate::publish::{branch, opened, remote};
use crate::source::{
    CLIENTS_LOCK, Commit, Held, Parts, PinnedClients, Source, look_beside, open_commit, read_pinned, read_worktree,
    read_worktree_file, resolve_commit,
};

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

    /// The commit, to be read part by part.
    ///
    /// # Errors
    /// When there is no such repository or commit, or it cannot be read.
    pub fn commit(&self) -> Result<Commit, Error> {
        commit(&self.open()?, &self.commit)
    }

    /// The work tree instead of a commit.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn worktree(&self) -> Result<Held, Error> {
        worktree(&opened::top(&self.repo))
    }

    /// The work tree, with what stands in it beside the source looked through for secrets.
    ///
    /// # Errors
    /// As [`Self::worktree`].
    pub fn whole_worktree(&self) -> Result<Held, Error> {
        let root = opened::top(&self.repo);
        let (mut source, mut findings) = read_worktree(&root)?;
        match branch::open(&root) {
            Ok(repository) => {
                let (beside, found) = look_beside(&root, &repository)?;
                source.absorb(beside);
                findings.append(found);
            }
            // Only git tells what would be committed. And whoever looks at files first is told in time that no commit of them
            // would be read.
            Err(why) => findings.leave_out(format!("files beside the source, since {why}")),
        }
        held(&root, source, findings)
    }
}

/// A commit by any name that git has for it, to be read part by part.
///
/// # Errors
/// When there is no such commit, or it cannot be read.
pub fn commit(repository: &Repository, revision: &str) -> Result<Commit, Error> {
    open_commit(repository, resolve_commit(repository, revision)?)
}

/// A work tree.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn worktree(root: &Path) -> Result<Held, Error> {
    let (source, findings) = read_worktree(root)?;
    held(root, source, findings)
}

/// A source on disk with the clients that its lock pins.
fn held(root: &Path, mut source: Source, mut findings: Findings) -> Result<Held, Error> {
    let lock = read_worktree_file(root, CLIENTS_LOCK)?.unwrap_or_default();
    let mut clients = PinnedClients::default();
    if !lock.is_empty() {
        let (pinned, wrong, found) = read_pinned(&branch::open(root)?, &lock, &source)?;
        source.absorb(pinned);
        findings.append(wrong);
        clients = found;
    }
    Ok(Held::new(source, findings).with_beside(CLIENTS_LOCK, &lock).with_pinned(clients))
}

/// Refuses a source whose pinned clients are not all here: what is not looked at must not look clean. `instead` is what else
/// there is to do.
///
/// # Errors
/// When one is not here.
pub fn all_here(away: &[ClientId], instead: &str) -> Result<(), Error> {
    if away.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = away.iter().map(ClientId::as_str).collect();
    Err(Error::input(format!(
        "what clients.lock pins is not here of {}: fetch it with `assent trust pin`{instead}",
        names.join(", ")
    )))
}

/// The texts of the files that findings are about.
pub fn texts(parts: &dyn Parts, findings: &[Finding]) -> BTreeMap<Arc<str>, String> {
    let spans = |finding: &Finding| {
        let way = finding.path.iter().map(|(span, _)| Arc::clone(&span.file));
        std::iter::once(Arc::clone(&finding.span.file)).chain(way).collect::<Vec<_>>()
    };
    let mut texts = BTreeMap::new();
    for file in findings.iter().flat_map(spans) {
        if let Entry::Vacant(place) = texts.entry(file) {
            let text = parts.text(place.key()).unwrap_or_default();
            place.insert(text);
        }
    }
    texts
}

/// What is wrong where no remote is named.
const NO_ORIGIN: &str = "this clone has no remote `origin`";

/// Where branches are now, in words.
pub fn pushed(to: Option<&str>) -> String {
    to.map_or_else(|| "not pushed: it is in this clone alone".to_owned(), |to| format!("pushed to {to}"))
}

/// Which remote repository branches are fetched from and pushed to.
#[derive(Clone, Debug, clap::Args)]
pub struct RemoteArgs {
    /// The remote, by its name in the repository, by its path or by a URL that `git` can push to; `origin` where there is
    /// one, unless said.
    #[arg(long, value_name = "NAME|PATH|URL")]
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

    /// Refuses to publish where nobody said that it shall stay here and there is nowhere to push to. Asked before anything is
    /// signed.
    ///
    /// # Errors
    /// When no remote is named, and there is no `origin`.
    pub fn must_lead(&self, repository: &Repository) -> Result<(), Error> {
        if self.local || self.chosen(repository).is_some() {
            return Ok(());
        }
        Err(Error::input(format!("{NO_ORIGIN}: name one with `--remote`, or say `--local`; nothing was signed")))
    }

    /// Fetches the branches whose names begin so, and tells people which could not be taken; those are given back, too.
    ///
    /// # Errors
    /// When the remote cannot be reached.
    pub fn fetch(
        &self,
        repository: &Repository,
        prefixes: &[&str],
        context: &mut Context<'_>,
    ) -> Result<Vec<Spoilt>, Error> {
        if !self.local && self.chosen(repository).is_none() {
            context.note(&format!(
                "assent: {NO_ORIGIN}, so this is of the branches as they stand in it: name one with `--remote`, or say `--local`"
            ))?;
        }
        let spoilt = self.fetched(repository, prefixes)?;
        spoilt.iter().try_for_each(|one| self.tell(repository, one, context))?;
        Ok(spoilt)
    }

    /// Fetches the branches whose names begin so; says which could not be taken.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetched(&self, repository: &Repository, prefixes: &[&str]) -> Result<Vec<Spoilt>, Error> {
        let Some(remote) = self.chosen(repository) else { return Ok(Vec::new()) };
        remote::fetch(repository, &remote, prefixes)
    }

    /// Tells of a branch that could not be taken.
    ///
    /// # Errors
    /// When standard error is closed or full.
    pub fn tell(&self, repository: &Repository, spoilt: &Spoilt, context: &mut Context<'_>) -> Result<(), Error> {
        let remote = self.chosen(repository).unwrap_or_default();
        context.note(&format!("assent: of {}, {spoilt}", remote::shown(&remote)))
    }

    /// The names of the remote's branches that begin so; nothing where no remote is asked.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn names(&self, repository: &Repository, prefix: &str) -> Result<Option<BTreeSet<String>>, Error> {
        self.chosen(repository).map(|remote| remote::names(repository, &remote, prefix)).transpose()
    }

    /// Fetches by refspecs.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_as(&self, repository: &Repository, specs: &[String]) -> Result<Vec<Spoilt>, Error> {
        let Some(remote) = self.chosen(repository) else { return Ok(Vec::new()) };
        if specs.is_empty() { Ok(Vec::new()) } else { remote::fetch_as(repository, &remote, specs) }
    }

    /// Pushes branches, and says where to; nothing where they stay here.
    ///
    /// # Errors
    /// When the remote cannot be reached or refuses one.
    pub fn push(&self, repository: &Repository, branches: &[String]) -> Result<Option<String>, Error> {
        let Some(remote) = self.chosen(repository) else { return Ok(None) };
        if !branches.is_empty() {
            remote::push(repository, &remote, branches)?;
        }
        Ok(Some(remote::shown(&remote)))
    }
}
