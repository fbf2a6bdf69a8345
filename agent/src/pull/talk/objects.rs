//! What libgit2 does: which objects we have, packs in, packs out.

use std::collections::BTreeSet;
use std::io::Write as _;

use git2::{ObjectType, Odb, OdbPackwriter, Oid, Repository, Sort};

use super::super::PullFailure;
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

/// What we have.
pub(super) struct Have {
    /// Where references stand: with everything that these commits need.
    tips: Vec<Oid>,
    /// Some commits among them and before them, the newest first.
    pub(super) said: Vec<Oid>,
}

impl Have {
    /// Whether a commit is here with everything that it needs.
    pub(super) fn holds(&self, repository: &Repository, commit: Oid) -> bool {
        self.tips.contains(&commit)
            || (repository.find_commit(commit).is_ok()
                && self.tips.iter().any(|tip| repository.graph_descendant_of(*tip, commit).unwrap_or(false)))
    }
}

/// Looks up what we have.
pub(super) fn have(repository: &Repository) -> Result<Have, PullFailure> {
    let mut tips = BTreeSet::new();
    for reference in repository.references().map_err(broken)? {
        let id = reference.map_err(broken)?.target();
        tips.extend(id.filter(|id| repository.find_commit(*id).is_ok()));
    }
    let mut walk = repository.revwalk().map_err(broken)?;
    walk.set_sorting(Sort::TIME).map_err(broken)?;
    tips.iter().try_for_each(|tip| walk.push(*tip)).map_err(broken)?;
    let said = walk.take(HAVE_MOST).collect::<Result<_, _>>().map_err(broken)?;
    Ok(Have { tips: tips.into_iter().collect(), said })
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

/// Sees to it that everything is here that a commit needs, so that later fetches may rest on it.
///
/// A server that sent less would otherwise do lasting harm: we would say to have what we do not.
///
/// # Errors
/// [`PullFailure::Garbled`] when something is missing.
pub(super) fn complete(repository: &Repository, tip: Oid, have: &Have) -> Result<(), PullFailure> {
    let missing = |_| PullFailure::Garbled;
    let mut walk = repository.revwalk().map_err(broken)?;
    walk.push(tip).map_err(missing)?;
    have.tips.iter().try_for_each(|tip| walk.hide(*tip)).map_err(broken)?;
    let odb = repository.odb().map_err(broken)?;
    let mut seen = BTreeSet::new();
    for commit in walk {
        let commit = repository.find_commit(commit.map_err(missing)?).map_err(missing)?;
        complete_tree(repository, &odb, commit.tree_id(), DEPTH_MOST, &mut seen)?;
    }
    Ok(())
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

/// Everything that a commit needs and the other side has not.
///
/// # Errors
/// [`PullFailure::Broken`] when it cannot be read here.
pub(super) fn pack(
    repository: &Repository,
    new: Oid,
    theirs: impl Iterator<Item = Oid>,
) -> Result<Vec<u8>, PullFailure> {
    let mut walk = repository.revwalk().map_err(broken)?;
    walk.push(new).map_err(broken)?;
    for known in theirs.filter(|id| repository.find_commit(*id).is_ok()) {
        walk.hide(known).map_err(broken)?;
    }
    let mut builder = repository.packbuilder().map_err(broken)?;
    builder.insert_walk(&mut walk).map_err(broken)?;
    let mut buffer = git2::Buf::new();
    builder.write_buf(&mut buffer).map_err(broken)?;
    Ok(buffer.to_vec())
}
