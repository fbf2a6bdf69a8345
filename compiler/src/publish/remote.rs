//! Branches out to a remote repository and in from it.
//!
//! A repository on a server is reached by the user's own `git`: so keys, agents, credential helpers, proxies and
//! certificates are those that work for `git push`, and the compiler knows of none. A folder of this machine is reached
//! by libgit2, which starts nothing.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::{Command, Stdio};

use git2::{Direction, PushOptions, RemoteCallbacks, Repository};

use crate::error::Error;

/// Pushes branches, never forced.
///
/// # Errors
/// When the remote cannot be reached or refuses one of them.
pub fn push(repository: &Repository, remote: &str, branches: &[String]) -> Result<(), Error> {
    let specs: Vec<String> = branches.iter().map(|b| format!("refs/heads/{b}:refs/heads/{b}")).collect();
    if is_here(repository, remote) {
        push_here(repository, remote, &specs)
    } else {
        git(repository, &["push", "--no-follow-tags"], remote, &specs).map(drop)
    }
}

/// Fetches branches whose names begin with one of some prefixes, so that they stand here as they stand there.
///
/// # Errors
/// When the remote cannot be reached.
pub fn fetch(repository: &Repository, remote: &str, prefixes: &[&str]) -> Result<(), Error> {
    let specs: Vec<String> = prefixes.iter().map(|p| format!("+refs/heads/{p}*:refs/heads/{p}*")).collect();
    fetch_as(repository, remote, &specs)
}

/// Fetches by refspecs.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_as(repository: &Repository, remote: &str, specs: &[String]) -> Result<(), Error> {
    if is_here(repository, remote) {
        let during = |e| Error::git(format!("fetch from {}", shown(remote)), e);
        find(repository, remote).and_then(|mut found| found.fetch(specs, None, None)).map_err(during)
    } else {
        git(repository, &["fetch", "--no-tags"], remote, specs).map(drop)
    }
}

/// The names of the branches of a remote that begin with a prefix.
///
/// # Errors
/// As [`fetch`].
pub fn names(repository: &Repository, remote: &str, prefix: &str) -> Result<BTreeSet<String>, Error> {
    const HEADS: &str = "refs/heads/";
    let all: Vec<String> = if is_here(repository, remote) {
        let during = |e| Error::git(format!("list the branches of {}", shown(remote)), e);
        let mut found = find(repository, remote).map_err(during)?;
        found.connect(Direction::Fetch).map_err(during)?;
        let listed = found.list().map_err(during)?;
        listed.iter().map(|head| head.name().to_owned()).collect()
    } else {
        let said = git(repository, &["ls-remote", "--heads"], remote, &[format!("{HEADS}{prefix}*")])?;
        said.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())).collect()
    };
    let names = all.iter().filter_map(|name| name.strip_prefix(HEADS));
    Ok(names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
}

/// Whether a remote, by name or as it is written, is a folder of this machine.
fn is_here(repository: &Repository, remote: &str) -> bool {
    let named = repository.find_remote(remote).ok();
    let url = named.as_ref().and_then(|named| named.pushurl().ok().flatten().or_else(|| named.url().ok()));
    let url = url.unwrap_or(remote);
    if let Some((scheme, _)) = url.split_once("://") {
        return scheme == "file";
    }
    // `host:path` is how scp and git name a server, unless there is a folder of that name.
    Path::new(url).exists() || url.split_once(':').is_none_or(|(host, _)| host.contains('/'))
}

fn push_here(repository: &Repository, remote: &str, specs: &[String]) -> Result<(), Error> {
    let during = |e| Error::git(format!("push to {}", shown(remote)), e);
    let mut refused = Vec::new();
    {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.push_update_reference(|name, status| {
            if let Some(why) = status {
                refused.push(format!("{name}: {why}"));
            }
            Ok(())
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks);
        find(repository, remote).and_then(|mut found| found.push(specs, Some(&mut options))).map_err(during)?;
    }
    if refused.is_empty() { Ok(()) } else { Err(Error::input(format!("{remote} refused {}", refused.join(", ")))) }
}

/// A remote by its name in the repository's configuration, else by path.
fn find<'r>(repository: &'r Repository, remote: &str) -> Result<git2::Remote<'r>, git2::Error> {
    repository.find_remote(remote).or_else(|_| repository.remote_anonymous(remote))
}

#[expect(clippy::disallowed_methods, reason = "the user's git is how the user's servers are reached")]
fn git(repository: &Repository, what: &[&str], remote: &str, specs: &[String]) -> Result<String, Error> {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(repository.path()).args(what).arg("--").arg(remote).args(specs);
    git.stdin(Stdio::null()).stdout(Stdio::piped());
    // On a terminal people see git's progress, and what it or a hardware key wants of them, as it happens.
    git.stderr(if io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::piped() });
    let ended = git.spawn().and_then(std::process::Child::wait_with_output);
    let ended = ended.map_err(|e| Error::io(format!("start git to reach {}", shown(remote)), e))?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
    }
    let (verb, said) = (what.first().unwrap_or(&"talk"), String::from_utf8_lossy(&ended.stderr));
    Err(Error::input(format!("git could not {verb} with {}\n{}", shown(remote), said.trim_end())))
}

/// A remote without the credentials that some people write into URLs.
fn shown(remote: &str) -> String {
    match remote.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (who, rest))) if who.contains(':') && !who.contains('/') => format!("{scheme}://…@{rest}"),
        _ => remote.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::branch;

    #[test]
    fn folders_are_told_from_servers() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        repository.remote("forge", "git@git.example:harbor/agency.git").unwrap();
        repository.remote("disk", "../agency.git").unwrap();
        for here in ["disk", "/srv/agency.git", "file:///srv/agency.git", "./a:b.git", "agency.git"] {
            assert!(is_here(&repository, here), "{here}");
        }
        for away in ["forge", "https://git.example/a.git", "ssh://git@git.example/a.git", "git.example:a.git"] {
            assert!(!is_here(&repository, away), "{away}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_not_said_again() {
        assert_eq!(shown("https://me:secret@git.example/a@b.git"), "https://…@git.example/a@b.git");
        assert_eq!(shown("ssh://git@git.example/a.git"), "ssh://git@git.example/a.git");
        assert_eq!(shown("origin"), "origin");
    }

    #[test]
    fn branches_travel_through_a_folder() {
        let (here, there, elsewhere) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repository = Repository::init_bare(here.path()).unwrap();
        Repository::init_bare(there.path()).unwrap();
        let files = [("a.json".to_owned(), b"1".to_vec())].into();
        let at = assent_schema::time::Moment::from_seconds(1_800_000_000);
        let commit = branch::write(&repository, "release/staging/eu", &files, "one", at).unwrap();
        let remote = there.path().to_str().unwrap();
        push(&repository, remote, &["release/staging/eu".to_owned()]).unwrap();
        let other = Repository::init_bare(elsewhere.path()).unwrap();
        fetch(&other, remote, &["release/", "status/"]).unwrap();
        assert_eq!(branch::branches(&other, "release/").unwrap(), ["release/staging/eu"]);
        assert_eq!(branch::tip(&other, "release/staging/eu").unwrap(), Some(commit));
        assert_eq!(branch::tip(&other, "release/staging/us").unwrap(), None);
        assert_eq!(names(&other, remote, "release/").unwrap(), ["release/staging/eu".to_owned()].into());
        assert_eq!(names(&other, remote, "status/").unwrap(), BTreeSet::new());
    }
}
