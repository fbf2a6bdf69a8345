//! Reads the tree of a commit out of the object database; never the work tree, never a checkout.

use std::collections::BTreeSet;

use git2::{ErrorClass, ErrorCode, Odb, Oid, Repository, Tree};

use crate::error::Error;

use super::limits::{DEPTH_MOST, FILES_MOST, PATH_MOST_BYTES};
use super::text::{bad_name, shown};
use super::{Collector, Reading, Scales, Source, advice};
use assent_schema::finding::Findings;

const FILE: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const FOLDER: i32 = 0o040_000;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// Finds the commit that a revision names.
///
/// # Errors
/// When there is none, or a branch and a tag of that name lead to two.
pub fn resolve_commit(repository: &Repository, revision: &str) -> Result<Oid, Error> {
    let leads = |kind: &str| {
        let reference = repository.find_reference(&format!("refs/{kind}/{revision}")).ok()?;
        Some(reference.peel_to_commit().ok()?.id())
    };
    if let (Some(branch), Some(tag)) = (leads("heads"), leads("tags"))
        && branch != tag
    {
        return Err(Error::input(format!(
            "`{revision}` is a branch and a tag that lead to two commits; say `heads/{revision}` or `tags/{revision}`"
        )));
    }
    repository
        .revparse_single(revision)
        .and_then(|object| object.peel_to_commit())
        .map(|commit| commit.id())
        .map_err(|e| no_commit(repository, revision, e))
}

/// Why a revision leads to no commit, and what to do.
fn no_commit(repository: &Repository, revision: &str, error: git2::Error) -> Error {
    let is_unborn = || repository.head().is_err_and(|error| error.code() == ErrorCode::UnbornBranch);
    if revision == "HEAD" && is_unborn() {
        return Error::input("there is no commit yet: HEAD leads to none before the first `git commit`");
    }
    match (error.class(), error.code()) {
        // An object is missing, which is another matter.
        (ErrorClass::Odb, ErrorCode::NotFound) if repository.revparse_single(revision).is_ok() => {
            Error::git(format!("find commit `{revision}`"), error)
        }
        (_, ErrorCode::Ambiguous) => {
            Error::input(format!("`{revision}` is the beginning of several ids: write more of the one that is meant"))
        }
        (ErrorClass::Object, _) | (_, ErrorCode::Peel) => Error::input(format!("`{revision}` is no commit")),
        _ if repository.is_shallow() => Error::input(format!(
            "there is no commit `{revision}` in this clone, which is shallow: run `git fetch --unshallow` first"
        )),
        (_, ErrorCode::NotFound | ErrorCode::InvalidSpec) | (ErrorClass::Invalid, _) => Error::input(format!(
            "there is no commit `{revision}` here: `git log --all --oneline` lists those that there are, `git fetch` brings more"
        )),
        _ => Error::git(format!("find commit `{revision}`"), error),
    }
}

/// Reads the files of a commit that the compiler compiles; what it will not read is a finding.
///
/// # Errors
/// When the object database cannot be read.
pub fn read_commit(repository: &Repository, commit: Oid) -> Result<(Source, Findings), Error> {
    let scales = Scales::of(repository);
    let entries = walk(repository, &scales, commit)?;
    let odb = repository.odb().map_err(|e| Error::git("open the object database", e))?;
    let mut collector = Collector::new();
    let mut clean = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Refused { path, what, help } => {
                collector.refuse(&path, format!("The commit holds {what}."), help);
            }
            Entry::File { path, blob, .. } => {
                if let Some(reading) = collector.begin(&path) {
                    read_blob((&odb, &scales), blob, reading, &mut collector)
                        .map_err(|e| Error::git(format!("read {path} of commit {commit}"), e))?;
                } else if clean.contains(&blob) {
                    // The same bytes under many paths are looked through once.
                } else if let Some(reading) = Collector::begin_beside(&path) {
                    let keeps = read_beside((&odb, &scales), blob, reading, &mut collector)
                        .map_err(|e| Error::git(format!("read {path} of commit {commit}"), e))?;
                    if !keeps {
                        clean.insert(blob);
                    }
                }
            }
        }
    }
    Ok(collector.finish(Some(commit)))
}

pub(super) fn read_blob(
    (odb, scales): (&Odb<'_>, &Scales),
    blob: Oid,
    reading: Reading,
    collector: &mut Collector,
) -> Result<(), git2::Error> {
    // What it takes comes first: a small pack can hold an object that inflates to gigabytes.
    let size = scales.size(odb, blob)?;
    if collector.admit(&reading, size) {
        let object = odb.read(blob)?;
        collector.take(reading, object.data());
    }
    Ok(())
}

/// Whether the file is kept, since it holds what looks like a secret.
pub(super) fn read_beside(
    (odb, scales): (&Odb<'_>, &Scales),
    blob: Oid,
    reading: Reading,
    collector: &mut Collector,
) -> Result<bool, git2::Error> {
    let size = scales.size(odb, blob)?;
    if !collector.admit_one_beside(&reading, size) {
        return Ok(false);
    }
    let object = odb.read(blob)?;
    Ok(collector.take_beside(reading, object.data()))
}

/// What stands at a path of a commit.
pub(super) enum Entry {
    /// A plain file.
    File {
        /// Its path.
        path: String,
        /// Its bytes.
        blob: Oid,
        /// Whether its mode is `100755`.
        executable: bool,
    },
    /// Something that is not read.
    Refused {
        /// Its path; people see it by [`shown_path`](super::shown_path).
        path: String,
        /// What it is, as a sentence fragment.
        what: &'static str,
        /// What to do about it, as a sentence.
        help: &'static str,
    },
}

/// Lists all that a commit holds, in the order of its trees.
pub(super) fn walk(repository: &Repository, scales: &Scales, commit: Oid) -> Result<Vec<Entry>, Error> {
    let tree = repository
        .find_commit(commit)
        .and_then(|c| c.tree())
        .map_err(|e| Error::git(format!("read commit {commit}"), e))?;
    let mut entries = Vec::new();
    walk_tree((repository, scales), &tree, "", 0, &mut entries)?;
    Ok(entries)
}

/// Lists all that a folder holds, in the order of its trees.
pub(super) fn walk_tree(
    (repository, scales): (&Repository, &Scales),
    tree: &Tree<'_>,
    folder: &str,
    depth: usize,
    entries: &mut Vec<Entry>,
) -> Result<(), Error> {
    walk_below((repository, scales), tree, folder, depth, entries, &mut |_, _| false)
}

/// As [`walk_tree`], but for the folders that somebody else takes.
pub(super) fn walk_below(
    (repository, scales): (&Repository, &Scales),
    tree: &Tree<'_>,
    folder: &str,
    depth: usize,
    entries: &mut Vec<Entry>,
    taken: &mut dyn FnMut(&str, Oid) -> bool,
) -> Result<(), Error> {
    let (mut names, mut last) = (BTreeSet::new(), Vec::new());
    for item in tree {
        if entries.len() >= FILES_MOST {
            // Once is enough; the walk stops here in every folder above, too.
            if entries.len() == FILES_MOST {
                let what = "more files than the compiler reads";
                entries.push(Entry::Refused { path: folder.to_owned(), what, help: advice::TOO_MANY });
            }
            return Ok(());
        }
        let bytes = item.name_bytes();
        let Ok(name) = std::str::from_utf8(bytes) else {
            let what = "a name that is not UTF-8";
            entries.push(Entry::Refused { path: join(folder, &shown(bytes)), what, help: advice::NOT_UTF8 });
            continue;
        };
        if let Some((what, help)) = bad_name(name) {
            entries.push(Entry::Refused { path: join(folder, name), what, help });
            continue;
        }
        let path = join(folder, name);
        // Git sorts folders as if a slash ended their names.
        let place = [bytes, if item.filemode_raw() == FOLDER { b"/" } else { b"\0" }].concat();
        let sorted = last < place;
        last = place;
        let (what, help) = match item.filemode_raw() {
            _ if !names.insert(bytes.to_vec()) => ("two things of one name", advice::TREE),
            _ if !sorted => {
                ("names in another order than git's, which hides some from whoever looks for them", advice::TREE)
            }
            _ if path.len() > PATH_MOST_BYTES => ("a path that is too long", advice::TOO_LONG),
            mode @ (FILE | EXECUTABLE) => {
                entries.push(Entry::File { path, blob: item.id(), executable: mode == EXECUTABLE });
                continue;
            }
            FOLDER if depth >= DEPTH_MOST => ("a folder that is too deep", advice::TOO_DEEP),
            FOLDER if taken(&path, item.id()) => continue,
            FOLDER => {
                let failed = |e| Error::git(format!("read the folder {path}"), e);
                if !scales.takes_folder(repository, item.id()).map_err(failed)? {
                    let what = "a folder whose list of names is too large";
                    entries.push(Entry::Refused { path, what, help: advice::TOO_MANY });
                    continue;
                }
                let inner = repository.find_tree(item.id()).map_err(failed)?;
                walk_below((repository, scales), &inner, &path, depth.saturating_add(1), entries, taken)?;
                continue;
            }
            LINK => ("a link", advice::LINK),
            SUBMODULE => ("a submodule", advice::SUBMODULE),
            _ => ("an entry of a mode that files do not have", advice::MODE),
        };
        entries.push(Entry::Refused { path, what, help });
    }
    Ok(())
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_to_two_commits_leads_to_none() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let who = git2::Signature::new("a", "a@example.com", &git2::Time::new(1_800_000_000, 0)).unwrap();
        let tree = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let first = repository.commit(Some("refs/heads/main"), &who, &who, "one", &tree, &[]).unwrap();
        repository.reference("refs/tags/main", first, false, "").unwrap();
        assert_eq!(resolve_commit(&repository, "main").unwrap(), first);
        let parent = repository.find_commit(first).unwrap();
        let second = repository.commit(Some("refs/heads/main"), &who, &who, "two", &tree, &[&parent]).unwrap();
        assert!(resolve_commit(&repository, "main").unwrap_err().to_string().contains("a branch and a tag"));
        assert_eq!(resolve_commit(&repository, "heads/main").unwrap(), second);
        assert_eq!(resolve_commit(&repository, "tags/main").unwrap(), first);
    }
}
