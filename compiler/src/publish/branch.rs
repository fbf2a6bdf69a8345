//! Reads and writes branches that hold files and nothing else: release branches out, status branches in.
//!
//! Nothing is checked out; trees are walked and built in the object database.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::id::{Environment, Region};
use assent_schema::time::Moment;
use git2::{FileMode, ObjectType, Oid, Repository, Signature, Time, Tree};

use super::config;
use crate::error::Error;

/// The largest file that is read from a branch, in bytes.
pub const FILE_MOST_BYTES: usize = 64 << 20;
/// How deep folders lie in each other: `trust/approvers/<client>/`, and some more.
const DEPTH_MOST: usize = 8;
/// The most files that are read from a branch.
pub const FILES_MOST: usize = 1_000_000;
/// Release commits are nobody's in particular: trust rests on the files' own signatures.
const COMMITTER: (&str, &str) = ("assent", "assent@localhost");

/// Files of a commit by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The branch of one environment and region.
pub fn release_branch(environment: &Environment, region: &Region) -> String {
    format!("release/{environment}/{region}")
}

/// Opens a repository, bare or not.
///
/// # Errors
/// When there is none, or its configuration includes what is no plain file.
pub fn open(path: &Path) -> Result<Repository, Error> {
    config::look_at(path)?;
    Repository::open(path).map_err(|e| Error::git(format!("open the repository {}", path.display()), e))
}

/// The commit that a branch stands at; nothing when there is no such branch.
///
/// # Errors
/// When the repository cannot be read.
pub fn tip(repository: &Repository, branch: &str) -> Result<Option<Oid>, Error> {
    match repository.refname_to_id(&format!("refs/heads/{branch}")) {
        Ok(id) => Ok(Some(id)),
        Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(e) => Err(Error::git(format!("read branch {branch}"), e)),
    }
}

/// Every branch whose name begins with a prefix, sorted.
///
/// # Errors
/// When the repository cannot be read.
pub fn branches(repository: &Repository, prefix: &str) -> Result<Vec<String>, Error> {
    let found = repository
        .references_glob(&format!("refs/heads/{prefix}*"))
        .map_err(|e| Error::git(format!("list branches {prefix}*"), e))?;
    let mut names: Vec<String> = found
        .filter_map(Result::ok)
        .filter_map(|r| r.name().ok().and_then(|n| n.strip_prefix("refs/heads/")).map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// All regular files of a commit.
///
/// # Errors
/// When the commit cannot be read, holds a link or submodule, or is larger than the limits.
pub fn read(repository: &Repository, commit: Oid) -> Result<Files, Error> {
    let tree = repository
        .find_commit(commit)
        .and_then(|c| c.tree())
        .map_err(|e| Error::git(format!("read commit {commit}"), e))?;
    let mut files = Files::new();
    if !tree.is_empty() {
        read_tree(repository, &tree, "", DEPTH_MOST, &mut files)?;
    }
    Ok(files)
}

/// One file of a commit, in none of its folders; nothing when it is not there.
///
/// # Errors
/// When it cannot be read, or is larger than a branch may hold.
pub fn read_one(repository: &Repository, commit: Oid, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let during = |e| Error::git(format!("read {name} of commit {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(during)?;
    let Some(entry) = tree.iter().find(|entry| entry.name_bytes() == name.as_bytes()) else { return Ok(None) };
    let blob = repository.find_blob(entry.id()).map_err(during)?;
    if blob.size() > FILE_MOST_BYTES {
        return Err(Error::input(format!("{name} is larger than a branch may hold")));
    }
    Ok(Some(blob.content().to_vec()))
}

fn read_tree(
    repository: &Repository,
    tree: &Tree<'_>,
    folder: &str,
    depth: usize,
    files: &mut Files,
) -> Result<(), Error> {
    // Whoever may push could otherwise stop everybody who reads: folders deep in each other, or a few that name one another
    // so often that nobody comes to an end. With a file in each, what is walked is bounded by the number of files.
    if depth == 0 || tree.is_empty() {
        return Err(Error::input(format!("{folder} is an empty folder, or lies deeper than a branch may hold")));
    }
    for entry in tree {
        let name = entry.name().map_err(|e| Error::git(format!("read a name in {folder}"), e))?;
        let path = format!("{folder}{name}");
        match (entry.kind(), entry.filemode()) {
            (Some(ObjectType::Tree), _) => {
                let inner = repository.find_tree(entry.id()).map_err(|e| Error::git(format!("read {path}"), e))?;
                read_tree(repository, &inner, &format!("{path}/"), depth - 1, files)?;
            }
            (Some(ObjectType::Blob), mode) if mode != i32::from(FileMode::Link) => {
                let blob = repository.find_blob(entry.id()).map_err(|e| Error::git(format!("read {path}"), e))?;
                if blob.size() > FILE_MOST_BYTES || files.len() >= FILES_MOST {
                    return Err(Error::input(format!("{path} is larger than a branch may hold")));
                }
                files.insert(path, blob.content().to_vec());
            }
            _ => return Err(Error::input(format!("{path} is a link or a submodule"))),
        }
    }
    Ok(())
}

/// Commits files as the whole content of a branch, on top of what it holds.
///
/// # Errors
/// When the object database cannot be written, or the branch moved meanwhile.
pub fn write(repository: &Repository, branch: &str, files: &Files, message: &str, at: Moment) -> Result<Oid, Error> {
    let during = |e| Error::git(format!("write branch {branch}"), e);
    let tree_id = write_tree(repository, files.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect())?;
    let tree = repository.find_tree(tree_id).map_err(during)?;
    let who = Signature::new(COMMITTER.0, COMMITTER.1, &Time::new(at.seconds(), 0)).map_err(during)?;
    let parent = tip(repository, branch)?.map(|id| repository.find_commit(id)).transpose().map_err(during)?;
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some(&format!("refs/heads/{branch}")), &who, &who, message, &tree, &parents).map_err(during)
}

fn write_tree(repository: &Repository, files: BTreeMap<&str, &[u8]>) -> Result<Oid, Error> {
    let during = |e| Error::git("write a tree".to_owned(), e);
    let mut builder = repository.treebuilder(None).map_err(during)?;
    let mut folders: BTreeMap<&str, BTreeMap<&str, &[u8]>> = BTreeMap::new();
    for (path, bytes) in files {
        if let Some((folder, rest)) = path.split_once('/') {
            folders.entry(folder).or_default().insert(rest, bytes);
        } else {
            let blob = repository.blob(bytes).map_err(during)?;
            builder.insert(path, blob, i32::from(FileMode::Blob)).map_err(during)?;
        }
    }
    for (folder, inner) in folders {
        let id = write_tree(repository, inner)?;
        builder.insert(folder, id, i32::from(FileMode::Tree)).map_err(during)?;
    }
    builder.write().map_err(during)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let here = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(here.path()).unwrap();
        let files: Files = [("a.json", "1"), ("b/c.json", "2"), ("b/d/e.json", "3")]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .into();
        let at = Moment::from_seconds(1_800_000_000);
        let first = write(&repository, "release/staging/eu", &files, "one", at).unwrap();
        let second = write(&repository, "release/staging/eu", &files, "two", at).unwrap();
        assert_ne!(first, second);
        assert_eq!(read(&repository, second).unwrap(), files);
    }
}
