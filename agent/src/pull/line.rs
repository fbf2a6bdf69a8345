//! What an own branch has that the other side has not: its commits down to the one that stands there, and what is new in each.

use std::collections::BTreeSet;

use git2::{ObjectType, Oid, PackBuilder, Repository, Tree};

use super::PullFailure;
use super::compact::cut;

/// The deepest folder of what an agent writes.
const DEPTH_MOST: usize = 64;

fn broken<E>(_: E) -> PullFailure {
    PullFailure::Broken
}

/// A pack, not written yet, of what a commit has over the one that stands on the other side, which has `theirs` as well.
///
/// # Errors
/// [`PullFailure::PushRefused`] where the other side holds what the commit does not continue, or what it rests on is neither there
/// nor here: then it must be put anew on what stands there.
pub(super) fn pack<'r>(
    repository: &'r Repository,
    new: Oid,
    old: Option<Oid>,
    theirs: &BTreeSet<Oid>,
) -> Result<PackBuilder<'r>, PullFailure> {
    let commits = since(repository, new, old, theirs)?;
    let mut pack = Pack { repository, builder: repository.packbuilder().map_err(broken)?, seen: BTreeSet::new() };
    // Where that is not here, the other side gets again what it has.
    if let Some(tree) = old.and_then(|old| repository.find_commit(old).ok()?.tree().ok()) {
        pack.has(&tree, DEPTH_MOST);
    }
    for id in commits {
        let commit = repository.find_commit(id).map_err(broken)?;
        pack.put(id)?;
        pack.folder(&commit.tree().map_err(broken)?, DEPTH_MOST)?;
    }
    Ok(pack.builder)
}

fn since(repository: &Repository, new: Oid, old: Option<Oid>, theirs: &BTreeSet<Oid>) -> Result<Vec<Oid>, PullFailure> {
    let cut = cut(repository)?;
    let (mut found, mut seen, mut next) = (Vec::new(), BTreeSet::new(), vec![new]);
    let mut continues = old.is_none();
    while let Some(id) = next.pop() {
        if Some(id) == old {
            continues = true;
            continue;
        }
        if theirs.contains(&id) || !seen.insert(id) {
            continue;
        }
        let commit = repository.find_commit(id).or(Err(PullFailure::PushRefused))?;
        // What stood before it went from here.
        if cut.contains(&id) {
            return Err(PullFailure::PushRefused);
        }
        next.extend(commit.parent_ids());
        found.push(id);
    }
    if continues { Ok(found) } else { Err(PullFailure::PushRefused) }
}

struct Pack<'r> {
    repository: &'r Repository,
    builder: PackBuilder<'r>,
    seen: BTreeSet<Oid>,
}

impl Pack<'_> {
    fn put(&mut self, id: Oid) -> Result<(), PullFailure> {
        self.builder.insert_object(id, None).map_err(broken)
    }

    /// Notes what the other side has, as far as it is here.
    fn has(&mut self, tree: &Tree<'_>, depth: usize) {
        if depth == 0 || !self.seen.insert(tree.id()) {
            return;
        }
        for entry in tree {
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    if let Ok(inner) = self.repository.find_tree(entry.id()) {
                        self.has(&inner, depth - 1);
                    }
                }
                _ => drop(self.seen.insert(entry.id())),
            }
        }
    }

    fn folder(&mut self, tree: &Tree<'_>, depth: usize) -> Result<(), PullFailure> {
        if depth == 0 {
            return Err(PullFailure::Broken);
        }
        if !self.seen.insert(tree.id()) {
            return Ok(());
        }
        self.put(tree.id())?;
        for entry in tree {
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let inner = self.repository.find_tree(entry.id()).map_err(broken)?;
                    self.folder(&inner, depth - 1)?;
                }
                Some(ObjectType::Blob) if self.seen.insert(entry.id()) => self.put(entry.id())?,
                _ => {}
            }
        }
        Ok(())
    }
}
