//! Files of one name along a branch, as a walk into its past meets them. Whoever may push chooses how many commits stand there and
//! how large the files are, so what counts for nothing is read within bounds: each file once, and so many bytes of all of them.
//! What counts was signed, and is read whatever there is of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_schema::canon::{self, Digest};
use assent_schema::id::AgentId;
use assent_schema::release::Manifest;
use assent_schema::trust::RootChain;
use git2::{Oid, Repository, Tree};

use super::branch;
use super::standing::{STATUS, said_at};
use super::verdict::Evidence;

/// What is read of files that count for nothing, in bytes: some seconds of work.
const STRAYS_MOST_BYTES: u64 = 1 << 30;

/// More stands there that counts for nothing than is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// A walk into the past of one branch.
pub(super) struct Backwards<'r> {
    repository: &'r Repository,
    /// How many bytes may still be read of what counts for nothing.
    left: u64,
    manifests: BTreeMap<Oid, Digest>,
    unsigned: BTreeSet<(Oid, Oid)>,
}

impl<'r> Backwards<'r> {
    /// A walk in which nothing was read yet.
    pub(super) fn of(repository: &'r Repository) -> Self {
        Self::within(repository, STRAYS_MOST_BYTES)
    }

    /// The same with other bounds.
    pub(super) fn within(repository: &'r Repository, left: u64) -> Self {
        Self { repository, left, manifests: BTreeMap::new(), unsigned: BTreeSet::new() }
    }

    /// The manifest of a commit, if it is the one with this digest.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub(super) fn manifest(&mut self, commit: Oid, wanted: Digest) -> Result<Option<Manifest>, TooMuch> {
        let Some(id) = self.tree(commit).and_then(|tree| at(&tree, "manifest.json")) else { return Ok(None) };
        if self.manifests.get(&id).is_some_and(|known| *known != wanted) {
            return Ok(None);
        }
        let before = self.take(&[id])?;
        let Ok(Some(bytes)) = branch::blob(self.repository, id, branch::FILE_MOST_BYTES) else { return Ok(None) };
        let digest = Digest::of_file(&bytes);
        self.manifests.insert(id, digest);
        if digest != wanted {
            return Ok(None);
        }
        self.left = before;
        Ok(canon::from_bytes(&bytes).ok())
    }

    /// What an agent says at a commit of its branch. Of what was met before and was not the agent's, nothing is said again.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub(super) fn said(&mut self, commit: Oid, agent: &AgentId, roots: &RootChain) -> Result<Evidence, TooMuch> {
        let names = [STATUS.to_owned(), format!("{STATUS}.{agent}.sig")];
        let ids = self.tree(commit).map(|tree| names.map(|name| at(&tree, &name)));
        let Some([Some(status), Some(signature)]) = ids else {
            return Ok(said_at(self.repository, commit, agent, roots));
        };
        if self.unsigned.contains(&(status, signature)) {
            return Ok(Evidence::Missing);
        }
        let before = self.take(&[status, signature])?;
        let said = said_at(self.repository, commit, agent, roots);
        match said {
            Evidence::Says(_) => self.left = before,
            Evidence::Broken(_) | Evidence::Missing => drop(self.unsigned.insert((status, signature))),
        }
        Ok(said)
    }

    fn tree(&self, commit: Oid) -> Option<Tree<'r>> {
        self.repository.find_commit(commit).ok()?.tree().ok()
    }

    /// Takes the sizes of files off what may be read. Returns what there was before.
    fn take(&mut self, files: &[Oid]) -> Result<u64, TooMuch> {
        let before = self.left;
        for id in files {
            let size = self.repository.odb().and_then(|odb| odb.read_header(*id)).map_or(0, |(size, _)| size);
            // What is larger is not read.
            let size = if size > branch::FILE_MOST_BYTES { 0 } else { size as u64 };
            self.left = self.left.checked_sub(size).ok_or(TooMuch)?;
        }
        Ok(before)
    }
}

fn at(tree: &Tree<'_>, path: &str) -> Option<Oid> {
    tree.get_path(Path::new(path)).ok().map(|entry| entry.id())
}

#[cfg(test)]
mod tests {
    use assent_schema::time::Moment;

    use super::*;

    /// Commits of a branch whose manifests are these, oldest first.
    fn branch_of(repository: &Repository, manifests: &[&[u8]]) -> Vec<Oid> {
        let put = |bytes: &&[u8]| {
            let files = [("manifest.json".to_owned(), bytes.to_vec())].into();
            branch::write(repository, "release/staging/eu", &files, "m", Moment::from_seconds(1_800_000_000)).unwrap()
        };
        manifests.iter().map(put).collect()
    }

    #[test]
    fn what_counts_for_nothing_is_read_once_and_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let good: &[u8] = include_bytes!("../../../tests/vectors/manifest.json");
        let wanted = Digest::of_file(good);
        let (one, two) = (vec![b'1'; 4_000], vec![b'2'; 4_000]);
        let commits = branch_of(&repository, &[good, &one, &two, &one, &two, good]);
        let walk = |most: u64| -> Vec<Result<bool, TooMuch>> {
            let mut past = Backwards::within(&repository, most);
            let met = |id: &Oid| past.manifest(*id, wanted).map(|manifest| manifest.is_some());
            commits.iter().rev().map(met).collect()
        };
        let all = [Ok(true), Ok(false), Ok(false), Ok(false), Ok(false), Ok(true)];
        assert_eq!(walk(8_000 + good.len() as u64), all, "each stray once, and what counts takes nothing");
        assert_eq!(walk(7_999).get(2), Some(&Err(TooMuch)));
        // What was no match may be what is looked for further back.
        let mut past = Backwards::of(&repository);
        let tip = *commits.last().unwrap();
        assert_eq!(past.manifest(tip, Digest::of_file(&one)), Ok(None));
        assert!(past.manifest(tip, wanted).unwrap().is_some());
    }
}
