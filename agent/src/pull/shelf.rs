//! Releases that were accepted: kept as references of the agent's own repository, so that nothing is stored twice and a
//! restart needs nobody else.
//!
//! What is read from here is verified again; the shelf is where things lie, not why they are trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_schema::canon::Digest;
use git2::{ErrorCode, Oid, Repository};

use super::PullFailure;
use super::read;

/// Where references to releases on the shelf stand.
pub(super) const ACCEPTED: &str = "refs/accepted/";
/// The most releases that are kept; older ones go first.
const KEPT_MOST: usize = 64;

fn name_of(manifest: &Digest) -> String {
    format!("{ACCEPTED}{manifest}")
}

fn open(repository: &Path) -> Result<Repository, PullFailure> {
    Repository::open_bare(repository).or(Err(PullFailure::Broken))
}

/// Keeps a commit as the release of this manifest; of two with the same manifest the later one, whose freshness is newer.
///
/// # Errors
/// [`PullFailure::Broken`].
///
/// # Crash
/// The repository is set to sync what it writes: on return the release is there after a crash.
pub fn keep(repository: &Path, manifest: &Digest, commit: &str) -> Result<(), PullFailure> {
    let repository = open(repository)?;
    let id = Oid::from_str(commit).or(Err(PullFailure::Broken))?;
    repository.reference(&name_of(manifest), id, true, "").map(drop).or(Err(PullFailure::Broken))
}

/// The commit of a kept release.
///
/// # Errors
/// [`PullFailure::Broken`].
pub fn find(repository: &Path, manifest: &Digest) -> Result<Option<String>, PullFailure> {
    match open(repository)?.refname_to_id(&name_of(manifest)) {
        Ok(id) => Ok(Some(id.to_string())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(_) => Err(PullFailure::Broken),
    }
}

/// The bytes of those of some plans that any kept release holds.
///
/// # Errors
/// [`PullFailure::Broken`].
pub fn plans(repository: &Path, wanted: &BTreeSet<Digest>) -> Result<BTreeMap<Digest, Vec<u8>>, PullFailure> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let repository = open(repository)?;
    for (_, commit) in kept(&repository)? {
        for (plan, id) in plans_of(&repository, commit)? {
            if wanted.contains(&plan) && !found.contains_key(&plan) {
                // One that cannot be read is not there.
                let Ok(bytes) = read::blob(&repository, id) else { continue };
                // Several commits may hold the name; the digest says which bytes are meant.
                if Digest::of_file(&bytes) == plan {
                    found.insert(plan, bytes);
                }
            }
        }
    }
    Ok(found)
}

/// The plans that a kept release holds, by the names of their files.
fn plans_of(repository: &Repository, commit: Oid) -> Result<BTreeMap<Digest, Oid>, PullFailure> {
    let plan = |(name, id): (String, Oid)| Some((name.strip_suffix(".json")?.parse().ok()?, id));
    Ok(read::names(repository, commit, "plans")?.into_iter().filter_map(plan).collect())
}

/// Forgets releases that are neither the newest one nor hold a plan that is still needed.
///
/// # Errors
/// [`PullFailure::Broken`].
pub fn tidy(repository: &Path, newest: &Digest, plans: &BTreeSet<Digest>) -> Result<(), PullFailure> {
    let mut needed = plans.clone();
    let repository = open(repository)?;
    let mut all = kept(&repository)?;
    // The newest first, so that a plan is kept by the newest release that holds it.
    all.sort_by_key(|(name, _)| *name != name_of(newest));
    for (place, (name, commit)) in all.into_iter().enumerate() {
        let mut holds = false;
        for plan in plans_of(&repository, commit)?.keys() {
            holds |= needed.remove(plan);
        }
        if name != name_of(newest) && (!holds || place >= KEPT_MOST) {
            repository.find_reference(&name).and_then(|mut r| r.delete()).or(Err(PullFailure::Broken))?;
        }
    }
    Ok(())
}

/// All kept releases, those with newer commits first.
fn kept(repository: &Repository) -> Result<Vec<(String, Oid)>, PullFailure> {
    let broken = |_| PullFailure::Broken;
    let mut all = Vec::new();
    for reference in repository.references_glob(&format!("{ACCEPTED}*")).map_err(broken)? {
        let reference = reference.map_err(broken)?;
        if let (Ok(name), Some(id)) = (reference.name(), reference.target()) {
            let time = repository.find_commit(id).map_or(i64::MIN, |commit| commit.time().seconds());
            all.push((std::cmp::Reverse(time), name.to_owned(), id));
        }
    }
    all.sort();
    Ok(all.into_iter().map(|(_, name, id)| (name, id)).collect())
}

#[cfg(test)]
mod tests {
    use assent_schema::time::Moment;

    use super::*;
    use crate::pull::push;

    fn release(repository: &Path, texts: &[&str], at: i64) -> (Digest, String) {
        let mut files = BTreeMap::new();
        for text in texts {
            let digest = Digest::of_file(text.as_bytes());
            files.insert(format!("plans/{digest}.json"), text.as_bytes().to_vec());
        }
        let branch = format!("r{at}");
        push::commit(repository, &branch, &files, Moment::from_seconds(at)).unwrap();
        let opened = Repository::open_bare(repository).unwrap();
        let commit = opened.refname_to_id(&format!("refs/heads/{branch}")).unwrap().to_string();
        let manifest = Digest::of_file(commit.as_bytes());
        keep(repository, &manifest, &commit).unwrap();
        (manifest, commit)
    }

    #[test]
    fn plans_are_found_in_any_kept_release_and_go_with_the_last_that_holds_them() {
        let folder = tempfile::tempdir().unwrap();
        read::prepare(folder.path()).unwrap();
        let here = folder.path();
        let (first, commit) = release(here, &["a", "b"], 1);
        let (second, _) = release(here, &["b", "c"], 2);
        let (third, _) = release(here, &["c"], 3);
        assert_eq!(find(here, &first).unwrap(), Some(commit));
        let [a, b, c] = ["a", "b", "c"].map(|text| Digest::of_file(text.as_bytes()));
        let plan = |here: &Path, plan: &Digest| plans(here, &[*plan].into()).map(|mut found| found.remove(plan));
        assert_eq!(plan(here, &a).unwrap(), Some(b"a".to_vec()));
        tidy(here, &third, &[b, c].into()).unwrap();
        assert_eq!(find(here, &first).unwrap(), None);
        assert!(find(here, &second).unwrap().is_some(), "it holds a plan that is needed");
        assert_eq!(plan(here, &a).unwrap(), None);
        assert_eq!(plan(here, &b).unwrap(), Some(b"b".to_vec()));
        tidy(here, &third, &BTreeSet::new()).unwrap();
        assert!(find(here, &third).unwrap().is_some(), "the newest stays");
        assert_eq!(find(here, &second).unwrap(), None);
    }
}
