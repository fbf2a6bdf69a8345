//! The agent's own branch: a signed status, checkpoints, and on staging rehearsals. Written here, never forced out.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::id::{AgentId, Environment, Region};
use assent_schema::time::Moment;
use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Repository, Signature, Time};

use super::read::COMMIT_MOST_BYTES;
use super::{PullFailure, compact};

/// Commits are nobody's in particular: trust rests on the files' own signatures.
const COMMITTER: (&str, &str) = ("assent-agent", "assent-agent@localhost");

/// The branch of one agent.
pub fn branch(environment: &Environment, region: &Region, agent: &AgentId) -> String {
    format!("status/{environment}/{region}/{agent}")
}

/// Puts files into the branch, beside those that stand there. Returns whether anything changed.
///
/// # Errors
/// [`PullFailure::Broken`] when the object database cannot be written.
pub fn commit(
    repository: &Path,
    branch: &str,
    files: &BTreeMap<String, Vec<u8>>,
    at: Moment,
) -> Result<bool, PullFailure> {
    put(repository, branch, files, at).or(Err(PullFailure::Broken))
}

/// What is known here of a branch of its own without asking the other side: what that took last, and what is to be pushed.
pub fn known(repository: &Path, branch: &str) -> Vec<String> {
    let Ok(repository) = Repository::open_bare(repository) else { return Vec::new() };
    let names = [format!("{}{branch}", compact::PUSHED), format!("refs/heads/{branch}")];
    names.iter().filter_map(|name| repository.refname_to_id(name).ok()).map(|id| id.to_string()).collect()
}

/// Makes a commit that holds exactly these files, on top of another one or of none, and lets a reference name it. Returns the
/// commit.
///
/// # Errors
/// [`PullFailure::Broken`] when the object database cannot be read or written.
pub fn alone(
    repository: &Path,
    branch: &str,
    over: Option<&str>,
    files: &[(&str, &[u8])],
    at: Moment,
) -> Result<String, PullFailure> {
    let put = || -> Result<String, git2::Error> {
        let repository = Repository::open_bare(repository)?;
        let mut tree = repository.treebuilder(None)?;
        for (name, bytes) in files {
            tree.insert(name, repository.blob(bytes)?, FileMode::Blob.into())?;
        }
        let tree = repository.find_tree(tree.write()?)?;
        let over = over.map(|over| repository.find_commit(git2::Oid::from_str(over)?)).transpose()?;
        let who = Signature::new(COMMITTER.0, COMMITTER.1, &Time::new(at.seconds(), 0))?;
        let parents: Vec<_> = over.iter().collect();
        let commit = repository.commit(None, &who, &who, "Checkpoint", &tree, &parents)?;
        repository.reference(&format!("refs/heads/{branch}"), commit, true, "")?;
        Ok(commit.to_string())
    };
    put().or(Err(PullFailure::Broken))
}

/// Puts what stands on the branch here after a commit that somebody else wrote to it, so that it can be given out again
/// without force. Their files are not taken, and what they wrote over is not said again: it may be gone here.
///
/// # Errors
/// [`PullFailure::Broken`] when the object database cannot be read or written.
pub fn after(repository: &Path, branch: &str, theirs: &str, at: Moment) -> Result<(), PullFailure> {
    // Before it is true: else what stood before theirs would be looked for here.
    compact::pushed(repository, branch, theirs)?;
    anew(repository, branch, Some(theirs), at).or(Err(PullFailure::Broken))
}

/// Puts what stands on the branch here as the first commit of all, for another side that has no such branch any more.
///
/// # Errors
/// As [`after`].
pub fn first(repository: &Path, branch: &str, at: Moment) -> Result<(), PullFailure> {
    anew(repository, branch, None, at).or(Err(PullFailure::Broken))
}

fn anew(repository: &Path, branch: &str, over: Option<&str>, at: Moment) -> Result<(), git2::Error> {
    let repository = Repository::open_bare(repository)?;
    let mut reference = repository.find_reference(&format!("refs/heads/{branch}"))?;
    let ours = reference.peel_to_commit()?;
    let over = over.map(git2::Oid::from_str).transpose()?;
    if let Some(over) = over {
        let (size, _) = repository.odb()?.read_header(over)?;
        if size > COMMIT_MOST_BYTES {
            return Err(git2::Error::from_str("somebody wrote a commit that nobody reads"));
        }
    }
    let over = over.map(|over| repository.find_commit(over)).transpose()?;
    let who = Signature::new(COMMITTER.0, COMMITTER.1, &Time::new(at.seconds(), 0))?;
    let parents: Vec<_> = over.iter().collect();
    let commit = repository.commit(None, &who, &who, "Status", &ours.tree()?, &parents)?;
    reference.set_target(commit, "").map(drop)
}

fn put(repository: &Path, branch: &str, files: &BTreeMap<String, Vec<u8>>, at: Moment) -> Result<bool, git2::Error> {
    let repository = Repository::open_bare(repository)?;
    let reference = format!("refs/heads/{branch}");
    let parent = match repository.refname_to_id(&reference) {
        Ok(id) => Some(repository.find_commit(id)?),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(error),
    };
    let base = match &parent {
        Some(parent) => parent.tree()?,
        None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
    };
    let mut update = TreeUpdateBuilder::new();
    for (path, bytes) in files {
        update.upsert(path.as_str(), repository.blob(bytes)?, FileMode::Blob);
    }
    let tree = repository.find_tree(update.create_updated(&repository, &base)?)?;
    if parent.as_ref().is_some_and(|parent| parent.tree_id() == tree.id()) {
        return Ok(false);
    }
    let who = Signature::new(COMMITTER.0, COMMITTER.1, &Time::new(at.seconds(), 0))?;
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some(&reference), &who, &who, "Status", &tree, &parents)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::transfer::{Bounds, Request, Task};
    use super::*;
    use crate::config::Repository as Other;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn request(here: &Path, there: &Path, task: Task) -> Request {
        let limits = Bounds { bytes: 1 << 20, memory_bytes: 1 << 30, cpu_seconds: 10 };
        Request { repository: here.to_path_buf(), other: Other::Path(there.to_path_buf()), task, limits }
    }

    fn work(request: &Request) -> Result<String, PullFailure> {
        super::super::transfer::work(request, None)
    }

    #[test]
    fn what_is_put_travels_and_what_stood_there_stays() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Repository::init_bare(here.path()).unwrap();
        Repository::init_bare(there.path()).unwrap();
        let at = Moment::from_seconds(1_800_000_000);
        let name = "status/staging/eu/eu-1";
        assert_eq!(
            commit(here.path(), name, &files(&[("status.json", "1"), ("checkpoints/a/checkpoint", "c")]), at),
            Ok(true)
        );
        assert_eq!(commit(here.path(), name, &files(&[("status.json", "1")]), at), Ok(false));
        assert_eq!(commit(here.path(), name, &files(&[("status.json", "2")]), at), Ok(true));
        let push = Task::Push { branch: name.to_owned(), into: name.to_owned() };
        let pushed = work(&request(here.path(), there.path(), push)).unwrap();
        let theirs = Repository::open_bare(there.path()).unwrap();
        let tree = theirs.revparse_single(&pushed).unwrap().peel_to_tree().unwrap();
        assert!(tree.get_path(Path::new("checkpoints/a/checkpoint")).is_ok());
    }

    #[test]
    fn people_may_work_in_the_repository_that_is_pushed_to() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Repository::init_bare(here.path()).unwrap();
        let theirs = Repository::init(there.path()).unwrap();
        let at = Moment::from_seconds(1_800_000_000);
        let push = |branch: &str, into: &str| {
            let task = Task::Push { branch: branch.to_owned(), into: into.to_owned() };
            work(&request(here.path(), there.path(), task))
        };
        let name = "status/staging/eu/eu-1";
        commit(here.path(), name, &files(&[("status.json", "1")]), at).unwrap();
        assert!(push(name, name).is_ok());
        commit(here.path(), name, &files(&[("status.json", "2"), ("checkpoints/a/checkpoint", "c")]), at).unwrap();
        let second = push(name, name).unwrap();
        assert_eq!(push(name, name), Ok(second.clone()), "there already");
        let tip = theirs.refname_to_id(&format!("refs/heads/{name}")).unwrap();
        assert_eq!(tip.to_string(), second);
        assert!(
            theirs.find_commit(tip).unwrap().tree().unwrap().get_path(Path::new("checkpoints/a/checkpoint")).is_ok()
        );
        // Another history, one that is older, and the branch that somebody has checked out: nothing moves.
        let first = theirs.find_commit(tip).unwrap().parent_id(0).unwrap();
        Repository::open_bare(here.path()).unwrap().reference("refs/heads/old", first, true, "").unwrap();
        commit(here.path(), "other", &files(&[("status.json", "3")]), at).unwrap();
        assert_eq!(push("old", name), Err(PullFailure::PushRefused));
        assert_eq!(push("other", name), Err(PullFailure::PushRefused));
        theirs.set_head(&format!("refs/heads/{name}")).unwrap();
        commit(here.path(), name, &files(&[("status.json", "4")]), at).unwrap();
        assert_eq!(push(name, name), Err(PullFailure::PushRefused));
        assert_eq!(theirs.refname_to_id(&format!("refs/heads/{name}")).unwrap().to_string(), second);
    }

    #[test]
    fn a_fetch_forces_the_quarantine_reference_and_names_a_missing_branch() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Repository::init_bare(here.path()).unwrap();
        let theirs = Repository::init_bare(there.path()).unwrap();
        let at = Moment::from_seconds(1_800_000_000);
        let fetch = |known: Option<&str>| {
            let (branch, into) = ("release/staging/eu".to_owned(), "refs/quarantine/release".to_owned());
            work(&request(here.path(), there.path(), Task::Fetch { branch, into, known: known.map(str::to_owned) }))
        };
        assert_eq!(fetch(None), Err(PullFailure::NoBranch));
        commit(there.path(), "release/staging/eu", &files(&[("manifest.json", "1")]), at).unwrap();
        let first = fetch(None).unwrap();
        assert_eq!(fetch(Some(&first)), Ok(first.clone()));
        // Another history altogether, as after a forced push.
        theirs.find_reference("refs/heads/release/staging/eu").unwrap().delete().unwrap();
        commit(there.path(), "release/staging/eu", &files(&[("manifest.json", "2")]), at).unwrap();
        let second = fetch(Some(&first)).unwrap();
        assert_ne!(first, second);
        let ours = Repository::open_bare(here.path()).unwrap();
        assert_eq!(ours.refname_to_id("refs/quarantine/release").unwrap().to_string(), second);
        let away = tempfile::tempdir().unwrap();
        let push = Task::Push { branch: "status/a".to_owned(), into: "status/a".to_owned() };
        assert_eq!(work(&request(here.path(), away.path(), push)), Err(PullFailure::NoBranch));
    }

    #[test]
    fn too_many_bytes_end_a_fetch() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Repository::init_bare(here.path()).unwrap();
        Repository::init_bare(there.path()).unwrap();
        let noise: String = (0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
        commit(there.path(), "r", &files(&[("manifest.json", &noise)]), Moment::from_seconds(0)).unwrap();
        let task = Task::Fetch { branch: "r".into(), into: "refs/quarantine/r".into(), known: None };
        let mut request = request(here.path(), there.path(), task);
        request.limits.bytes = 1_000;
        assert_eq!(work(&request), Err(PullFailure::TooLarge));
    }
}
