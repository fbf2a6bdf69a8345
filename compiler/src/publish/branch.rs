//! Reads and writes branches that hold files and nothing else: release branches out, status branches in.
//!
//! Nothing is checked out; trees are walked and built in the object database.

use std::collections::BTreeMap;

use assent_schema::id::{Environment, Region};
use assent_schema::time::Moment;
use git2::{FileMode, ObjectType, Oid, Repository, Signature, Time, Tree};

use crate::error::Error;
use crate::source::Scales;

/// The largest file that is read from a branch, in bytes.
pub const FILE_MOST_BYTES: usize = 64 << 20;
/// The most bytes that are read from a branch.
pub const BRANCH_MOST_BYTES: usize = 512 << 20;
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

pub use super::opened::open;

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
    let mut walk = Walk { repository, scales: Scales::of(repository), files: Files::new(), bytes: 0 };
    if !tree.is_empty() {
        walk.tree(&tree, "", DEPTH_MOST)?;
    }
    Ok(walk.files)
}

/// The bytes of a blob; nothing where it is larger than that. The header comes first: a small pack can hold an object that
/// inflates to gigabytes.
pub(super) fn blob(repository: &Repository, id: Oid, most_bytes: usize) -> Result<Option<Vec<u8>>, git2::Error> {
    let odb = repository.odb()?;
    let (size, kind) = odb.read_header(id)?;
    if kind != ObjectType::Blob || size > most_bytes {
        return Ok(None);
    }
    Ok(Some(odb.read(id)?.data().to_vec()))
}

/// Reads a branch. Whoever may push could otherwise stop everybody who reads: by folders deep in each other, by a few that name
/// one another so often that nobody comes to an end, or by one file that stands in a thousand places. With a file in each folder
/// and each path once, what is walked is bounded by the number of files.
struct Walk<'r> {
    repository: &'r Repository,
    scales: Scales,
    files: Files,
    bytes: usize,
}

impl Walk<'_> {
    fn size(&self, id: Oid) -> Result<usize, git2::Error> {
        self.scales.size(&self.repository.odb()?, id)
    }

    fn tree(&mut self, tree: &Tree<'_>, folder: &str, depth: usize) -> Result<(), Error> {
        if depth == 0 || tree.is_empty() {
            let folder = folder.escape_debug();
            return Err(Error::input(format!("{folder} is an empty folder, or lies deeper than a branch may hold")));
        }
        for entry in tree {
            let name = entry.name().map_err(|e| Error::git("read a name of a branch", e))?;
            let path = format!("{folder}{name}");
            let shown = path.escape_debug();
            let during = |e| Error::git(format!("read {shown}"), e);
            match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) => {
                    if self.size(entry.id()).map_err(during)? > FILE_MOST_BYTES {
                        return Err(Error::input(format!("{shown} has more names than a branch may hold")));
                    }
                    let inner = self.repository.find_tree(entry.id()).map_err(during)?;
                    self.tree(&inner, &format!("{path}/"), depth - 1)?;
                }
                (Some(ObjectType::Blob), mode) if mode != i32::from(FileMode::Link) => {
                    let left = BRANCH_MOST_BYTES.saturating_sub(self.bytes).min(FILE_MOST_BYTES);
                    let fits = self.files.len() < FILES_MOST && self.size(entry.id()).map_err(during)? <= left;
                    let bytes = if fits { blob(self.repository, entry.id(), left).map_err(during)? } else { None };
                    let Some(bytes) = bytes else {
                        return Err(Error::input(format!("{shown} is larger than a branch may hold")));
                    };
                    self.bytes = self.bytes.saturating_add(bytes.len());
                    if self.files.insert(path.clone(), bytes).is_some() {
                        return Err(Error::input(format!("{shown} stands there twice")));
                    }
                }
                _ => return Err(Error::input(format!("{shown} is a link or a submodule"))),
            }
        }
        Ok(())
    }
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

    /// Folders of one name that hold one another: a thousand million paths in nine small trees, and none of them twice in a map.
    #[test]
    fn what_has_no_end_is_not_walked() {
        let here = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(here.path()).unwrap();
        let odb = repository.odb().unwrap();
        let raw = |entries: &[(&str, Oid)]| {
            let mut bytes = Vec::new();
            for (name, id) in entries {
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(id.as_bytes());
            }
            odb.write(ObjectType::Tree, &bytes).unwrap()
        };
        let who = Signature::new("a", "a@example.com", &Time::new(1_800_000_000, 0)).unwrap();
        let refused = |tree: Oid| {
            let tree = repository.find_tree(tree).unwrap();
            let commit = repository.commit(None, &who, &who, "m", &tree, &[]).unwrap();
            read(&repository, commit).unwrap_err().to_string()
        };
        let small = repository.blob(b"x").unwrap();
        let mut same = raw(&[("100644 f", small)]);
        let (mut many, mut deep) = (same, same);
        for level in 0..40 {
            if level < 6 {
                same = raw(&[("40000 n", same); 30]);
            }
            deep = raw(&[("40000 n", deep)]);
        }
        assert!(refused(same).contains("stands there twice"));
        assert!(refused(deep).contains("deeper"));
        assert!(refused(raw(&[("40000 n", raw(&[]))])).contains("empty folder"));
        // One file of 60 MB in a hundred places: no more of it is read than a branch may hold.
        let large = repository.blob(&vec![0; 60 << 20]).unwrap();
        let names: Vec<String> = (0..100).map(|n| format!("100644 f{n:02}")).collect();
        many = raw(&names.iter().map(|name| (name.as_str(), large)).chain([("40000 z", many)]).collect::<Vec<_>>());
        assert!(refused(many).contains("f08 is larger than a branch may hold"));
        let file = repository.blob(&vec![0; FILE_MOST_BYTES + 1]).unwrap();
        assert!(refused(raw(&[("100644 a\u{1b}[2J", file)])).contains("a\\u{1b}[2J is larger"));
    }
}
