//! The manifests of a release branch's older commits, as far as they are here. Whoever may push wrote them: what they are worth,
//! `verify` finds out by their digests.

use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::release::FileName;
use git2::{ObjectType, Oid, Repository};

use super::read::{COMMIT_MOST_BYTES, blob, folder, weighed};

/// The most commits that are looked at. A branch gets one for every release and every freshness.
const COMMITS_MOST: usize = 10_000;

/// Walks from a commit to those before it, the newest first.
pub struct Past {
    repository: Repository,
    next: Option<Oid>,
    left: usize,
    /// The manifest that was read last: with a commit for freshness alone it is the same file again.
    last: Option<Oid>,
}

impl Past {
    /// What came before a commit; nothing when the repository cannot be opened.
    pub fn of(repository: &Path, commit: &str) -> Option<Self> {
        let repository = Repository::open_bare(repository).ok()?;
        let next = Oid::from_str(commit).ok()?;
        Some(Self { repository, next: Some(next), left: COMMITS_MOST, last: None })
    }

    /// Goes back to the manifest with this digest; nothing when it is not there, or lies nearer than where the walk is.
    pub fn manifest(&mut self, digest: Digest) -> Option<Vec<u8>> {
        while let Some(commit) = self.next.filter(|_| self.left > 0) {
            self.left -= 1;
            self.next = self.before(commit);
            let found = self.file(commit).filter(|id| self.last != Some(*id));
            let Some(id) = found else { continue };
            self.last = Some(id);
            let bytes = blob(&self.repository, id).ok();
            if let Some(bytes) = bytes.filter(|bytes| Digest::of_file(bytes) == digest) {
                return Some(bytes);
            }
        }
        None
    }

    fn before(&self, commit: Oid) -> Option<Oid> {
        let odb = self.repository.odb().ok()?;
        weighed(&odb, commit, ObjectType::Commit, COMMIT_MOST_BYTES).ok()?;
        self.repository.find_commit(commit).ok()?.parent_id(0).ok()
    }

    fn file(&self, commit: Oid) -> Option<Oid> {
        let tree = folder(&self.repository, commit, "").ok()??;
        tree.get_name(&FileName::Manifest.to_string()).map(|entry| entry.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Signature;

    #[test]
    fn a_manifest_is_found_by_its_digest_behind_commits_of_freshness_and_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let who = Signature::now("a", "a@example.com").unwrap();
        let mut parent: Option<Oid> = None;
        for (manifest, fresh) in [("first", "1"), ("first", "2"), ("stranger", "3"), ("second", "4"), ("third", "5")] {
            let mut tree = repository.treebuilder(None).unwrap();
            tree.insert("manifest.json", repository.blob(manifest.as_bytes()).unwrap(), 0o100_644).unwrap();
            tree.insert("freshness.json", repository.blob(fresh.as_bytes()).unwrap(), 0o100_644).unwrap();
            let tree = repository.find_tree(tree.write().unwrap()).unwrap();
            let before = parent.map(|id| repository.find_commit(id).unwrap());
            let before: Vec<_> = before.iter().collect();
            parent = Some(repository.commit(None, &who, &who, "m", &tree, &before).unwrap());
        }
        let newest = parent.unwrap().to_string();
        let mut past = Past::of(folder.path(), &newest).unwrap();
        let mut find = |text: &str| past.manifest(Digest::of_file(text.as_bytes()));
        assert_eq!(find("second").unwrap(), b"second");
        assert_eq!(find("first").unwrap(), b"first");
        assert_eq!(find("second"), None, "it goes back alone");
        assert!(Past::of(folder.path(), "nothing").is_none());
    }
}
