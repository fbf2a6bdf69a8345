//! The digest of a tree of files, which names what a commit holds without trusting git's SHA-1.
//!
//! # Source
//! formats.md section 1: over `<mode> <sha256> <size> <path>\n` for each file, sorted by path bytes.

use assent_schema::canon::Digest;
use git2::{Oid, Repository};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

use super::commit::{Entry, walk};
use super::limits::TREE_FILE_MOST_BYTES;
use super::{Scales, shown_path};

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path relative to the tree's root.
    pub path: String,
    /// Whether its mode is `100755` instead of `100644`.
    pub executable: bool,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// The digest of a tree.
pub fn tree_digest(mut entries: Vec<TreeEntry>) -> Digest {
    entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    let mut hash = Sha256::new();
    for entry in entries {
        let mode = if entry.executable { "100755" } else { "100644" };
        hash.update(format!("{mode} {} {} {}\n", entry.sha256, entry.size, entry.path));
    }
    Digest::from_bytes(hash.finalize().into())
}

/// The digest of a commit's tree, files that the compiler does not read included.
///
/// # Errors
/// When the commit cannot be read, or when its tree has none: it holds something other than plain files and folders.
pub fn tree_digest_of_commit(repository: &Repository, commit: Oid) -> Result<Digest, Error> {
    let odb = repository.odb().map_err(|e| Error::git("open the object database", e))?;
    let scales = Scales::of(repository);
    let mut entries = Vec::new();
    for entry in walk(repository, &scales, commit)? {
        let (path, blob, executable) = match entry {
            Entry::File { path, blob, executable } => (path, blob, executable),
            Entry::Refused { path, what, .. } => {
                return Err(Error::input(format!(
                    "commit {commit} has no tree digest: {} is {what}",
                    shown_path(&path)
                )));
            }
        };
        let unread = |e| Error::git(format!("read {path} of commit {commit}"), e);
        let size = scales.size(&odb, blob).map_err(unread)?;
        if size > TREE_FILE_MOST_BYTES {
            return Err(Error::input(format!("{path} of commit {commit} is larger than {TREE_FILE_MOST_BYTES} bytes")));
        }
        let object = odb.read(blob).map_err(unread)?;
        let bytes = object.data();
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        entries.push(TreeEntry { path, executable, sha256: Digest::of_file(bytes), size });
    }
    Ok(tree_digest(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_can_be_computed_with_sha256sum() {
        // printf '100644 %s 2 a b\n100755 %s 0 a.sh\n' $(printf 'x\n' | sha256sum | cut -c1-64) \
        //   $(printf '' | sha256sum | cut -c1-64) | sha256sum
        let entry = |path: &str, bytes: &[u8], executable| TreeEntry {
            path: path.into(),
            executable,
            sha256: Digest::of_file(bytes),
            size: u64::try_from(bytes.len()).unwrap(),
        };
        let digest = tree_digest(vec![entry("a.sh", b"", true), entry("a b", b"x\n", false)]);
        assert_eq!(digest.to_string(), "35170a2a64be109abc271fec1cff9027e70c6687a2441968800210522a60a1e2");
    }
}
