//! Every blob that can be reached from a commit, once: for what must never have been committed. What `clients.lock` pins has a
//! history of its own.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::ClientId;
use assent_schema::tripwire::patterns;
use git2::{ObjectType, Oid, Repository, Sort};

use super::limits::{DEPTH_MOST, TREE_FILE_MOST_BYTES};
use super::pinned::{CLIENTS_LOCK, Pin, Pins, lock_of};
use super::text::named;
use super::weigh::Scales;
use crate::error::Error;

/// A file of an older commit.
#[derive(Clone, Debug)]
pub struct OldFile {
    /// The newest commit that holds it.
    pub commit: Oid,
    /// Its path there.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Something that stands in an older commit.
#[derive(Clone, Debug)]
pub enum Old {
    /// A file of at most [`TREE_FILE_MOST_BYTES`].
    File(OldFile),
    /// A file that is larger, by its commit and path.
    TooLarge(Oid, String),
    /// A file or folder whose name looks like a secret, by its commit and path.
    Named(Oid, String),
}

/// Shows every blob that commits at or below some tips hold and the one that was looked at does not, newest commit first; of
/// those that are too large, that they are there.
///
/// # Errors
/// When the object database cannot be read: a shallow clone lacks what was asked for, and must not look clean.
pub fn look_through(
    repository: &Repository,
    tips: &BTreeSet<Oid>,
    looked_at: Option<Oid>,
    see: &mut dyn FnMut(Old),
) -> Result<(), Error> {
    let failed = |e| Error::git("walk the history", e);
    if repository.is_shallow() {
        return Err(Error::input("the clone is shallow and lacks older commits; run `git fetch --unshallow` first"));
    }
    let mut walk = repository.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(failed)?;
    tips.iter().try_for_each(|tip| walk.push(*tip)).map_err(failed)?;
    let mut seen = Seen { scales: Scales::of(repository), blobs: BTreeSet::new(), names: BTreeSet::new() };
    if let Some(commit) = looked_at {
        let tree = repository.find_commit(commit).map_err(failed)?.tree_id();
        seen.gather(repository, tree, "", 0, &mut Vec::new()).map_err(failed)?;
    }
    for id in walk {
        let id = id.map_err(failed)?;
        let tree = repository.find_commit(id).map_err(failed)?.tree_id();
        let mut found = Vec::new();
        seen.gather(repository, tree, "", 0, &mut found).map_err(failed)?;
        for (path, item) in found {
            see(match item {
                Item::Named => Old::Named(id, path),
                Item::TooLarge => Old::TooLarge(id, path),
                Item::Blob(blob) => {
                    let bytes = repository.find_blob(blob).map_err(failed)?.content().to_vec();
                    Old::File(OldFile { commit: id, path, bytes })
                }
            });
        }
    }
    Ok(())
}

/// What `clients.lock` of a commit pins, as far as it is here.
///
/// # Errors
/// When the object database cannot be read.
pub fn pins_of(repository: &Repository, commit: Oid) -> Result<BTreeMap<ClientId, Oid>, Error> {
    let failed = |e| Error::git(format!("read {CLIENTS_LOCK} of commit {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed)?;
    let lock = lock_of(repository, &Scales::of(repository), &tree).map_err(failed)?;
    Ok(lock.map_or_else(BTreeMap::new, |lock| pinned_by(repository, &lock)))
}

/// What a lock pins, as far as it is here. A lock that cannot be read pins nothing; that is told elsewhere.
pub fn pinned_by(repository: &Repository, lock: &[u8]) -> BTreeMap<ClientId, Oid> {
    let clients = Pins::parse(lock).unwrap_or_default().clients;
    let here = |pin: &Pin| Oid::from_str(&pin.commit).ok().filter(|id| repository.find_commit(*id).is_ok());
    clients.into_iter().filter_map(|(client, pin)| Some((client, here(&pin)?))).collect()
}

/// What a tree holds that was not seen before.
enum Item {
    Blob(Oid),
    TooLarge,
    Named,
}

/// Trees and blobs that were seen, and names that look like secrets.
struct Seen {
    scales: Scales,
    blobs: BTreeSet<Oid>,
    names: BTreeSet<String>,
}

impl Seen {
    /// What a tree holds that was not seen before.
    fn gather(
        &mut self,
        repository: &Repository,
        tree: Oid,
        folder: &str,
        depth: usize,
        found: &mut Vec<(String, Item)>,
    ) -> Result<(), git2::Error> {
        if depth > DEPTH_MOST || !self.blobs.insert(tree) {
            return Ok(());
        }
        let odb = repository.odb()?;
        if !self.scales.takes_folder(repository, tree)? {
            found.push((folder.to_owned(), Item::TooLarge));
            return Ok(());
        }
        for item in &repository.find_tree(tree)? {
            let bytes = item.name_bytes();
            let name = named(bytes);
            let path = format!("{folder}{name}");
            if !patterns(&name).is_empty() && self.names.insert(path.clone()) {
                found.push((path.clone(), Item::Named));
            }
            match item.kind() {
                Some(ObjectType::Tree) => {
                    self.gather(repository, item.id(), &format!("{path}/"), depth.saturating_add(1), found)?;
                }
                // What it takes comes first: a small pack can hold an object that inflates to gigabytes.
                Some(ObjectType::Blob) if self.blobs.insert(item.id()) => {
                    let fits = self.scales.size(&odb, item.id())? <= TREE_FILE_MOST_BYTES;
                    found.push((path, if fits { Item::Blob(item.id()) } else { Item::TooLarge }));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
