//! What libgit2 does: which objects we have, packs in.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::Write as _;

use git2::{ObjectType, Odb, OdbPackwriter, Oid, Repository};

use super::super::PullFailure;
use super::super::compact::PUSHED;
use super::super::transfer::OBJECTS_MOST;

/// The most commits that we say to have.
pub(super) const HAVE_MOST: usize = 256;
/// The beginning of a pack: `PACK`, version, number of objects.
const HEAD_BYTES: usize = 12;
/// The deepest folder of a tree.
const DEPTH_MOST: usize = 64;

fn broken<E>(_: E) -> PullFailure {
    PullFailure::Broken
}

/// The commits where references stand, the newest first, each here with all of its files. What stood before them need not be here:
/// the other side is told so.
pub(super) fn have(repository: &Repository) -> Result<Vec<Oid>, PullFailure> {
    let mut tips = BTreeSet::new();
    for reference in repository.references().map_err(broken)? {
        let reference = reference.map_err(broken)?;
        // What the other side took last may be here as a commit alone.
        let is_whole = reference.name().is_ok_and(|name| !name.starts_with(PUSHED));
        let commit = reference.target().filter(|_| is_whole).and_then(|id| repository.find_commit(id).ok());
        tips.extend(commit.map(|commit| (Reverse(commit.time().seconds()), commit.id())));
    }
    Ok(tips.into_iter().map(|(_, id)| id).take(HAVE_MOST).collect())
}

/// A pack on its way into the object database.
pub(super) struct Incoming<'o> {
    writer: OdbPackwriter<'o>,
    /// The beginning of the pack, until there is enough of it to be judged.
    head: Vec<u8>,
}

impl<'o> Incoming<'o> {
    pub(super) fn new(odb: &'o Odb<'_>) -> Result<Self, PullFailure> {
        Ok(Self { writer: odb.packwriter().map_err(broken)?, head: Vec::new() })
    }

    /// Takes the next bytes of it.
    ///
    /// # Errors
    /// [`PullFailure::TooLarge`] for too many objects, [`PullFailure::Garbled`] for what is no pack.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), PullFailure> {
        if self.head.len() >= HEAD_BYTES {
            return self.write(bytes);
        }
        self.head.extend_from_slice(bytes);
        match self.head.get(8..HEAD_BYTES).and_then(|count| count.try_into().ok()).map(u32::from_be_bytes) {
            // libgit2 makes room for as many objects as the pack says to hold.
            Some(count) if count as usize > OBJECTS_MOST => Err(PullFailure::TooLarge),
            Some(_) => self.write(&self.head.clone()),
            None => Ok(()),
        }
    }

    /// Ends it: only now are its objects here.
    ///
    /// # Errors
    /// As [`Incoming::take`].
    pub(super) fn finish(mut self) -> Result<(), PullFailure> {
        self.writer.commit().map(drop).or(Err(PullFailure::Garbled))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PullFailure> {
        self.writer.write_all(bytes).or(Err(PullFailure::Garbled))
    }
}

/// Sees to it that all files of a commit are here, so that later fetches may rest on it.
///
/// A server that sent less would otherwise do lasting harm: we would say to have what we do not.
///
/// # Errors
/// [`PullFailure::Garbled`] when something is missing.
pub(super) fn complete(repository: &Repository, tip: Oid) -> Result<(), PullFailure> {
    let odb = repository.odb().map_err(broken)?;
    // A branch may stand at something else, which whoever reads it refuses.
    if !odb.exists(tip) {
        return Err(PullFailure::Garbled);
    }
    let Ok(commit) = repository.find_commit(tip) else { return Ok(()) };
    complete_tree(repository, &odb, commit.tree_id(), DEPTH_MOST, &mut BTreeSet::new())
}

fn complete_tree(
    repository: &Repository,
    odb: &Odb<'_>,
    tree: Oid,
    depth: usize,
    seen: &mut BTreeSet<Oid>,
) -> Result<(), PullFailure> {
    if !seen.insert(tree) {
        return Ok(());
    }
    if depth == 0 || seen.len() > OBJECTS_MOST {
        return Err(PullFailure::TooLarge);
    }
    let tree = repository.find_tree(tree).or(Err(PullFailure::Garbled))?;
    for entry in &tree {
        match entry.kind() {
            Some(ObjectType::Tree) => complete_tree(repository, odb, entry.id(), depth - 1, seen)?,
            // A submodule's commit lies elsewhere; `read` refuses it later.
            Some(ObjectType::Commit) => {}
            // Most files are the same in most commits: each is looked for once.
            _ if seen.contains(&entry.id()) => {}
            _ if odb.exists(entry.id()) => {
                seen.insert(entry.id());
            }
            _ => return Err(PullFailure::Garbled),
        }
    }
    Ok(())
}
