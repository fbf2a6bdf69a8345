//! Weighs what a fetch brought, before a reference leads to it: what has to be made in memory on the way to an object, which its
//! own size does not say. For the child process alone, which has limits; so whatever the parent reads was measured.
//!
//! A pack that was weighed has a file beside it that names what in it is heavy, mostly nothing. One without was left by a child that
//! was ended before it could say so, and is weighed by the next.
//!
//! # Source
//! trust.md section 5: "limits (objects, inflated size and delta depth too)".

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use assent_schema::packed::{self, HEAD_BYTES, Index, Loads, Name, Pack};
use git2::{ObjectType, Odb, Oid, Repository};

use super::PullFailure;
use super::read::{COMMIT_MOST_BYTES, FILE_MOST_BYTES, FILES_MOST, FOLDER_MOST_BYTES};
use crate::durable;

/// How the file ends that stands beside a pack which was weighed.
const WEIGHED: &str = "weighed";
/// What may have to be made for one object, whatever its size, without anybody counting it: such things are kept, not made anew.
const LIGHT_MOST_BYTES: u64 = 64 * 1024;
/// What may have to be made for all heavy objects of a commit, in bytes: some seconds of work.
const HEAVY_MOST_BYTES: u64 = 1 << 30;

/// Weighs each pack that was not weighed yet, and removes it when it is refused.
///
/// # Errors
/// [`PullFailure::TooLarge`] when something in one is a change of what is larger than anything that is read, or the last of a chain that
/// is too long.
///
/// # Crash
/// What was not weighed is weighed by the next call.
pub(super) fn packs(repository: &Repository) -> Result<(), PullFailure> {
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    for index in indexes(repository)? {
        let mark = index.with_extension(WEIGHED);
        if mark.exists() {
            continue;
        }
        match heavy(&odb, &index) {
            Ok(heavy) => {
                let lines: Vec<String> = heavy.iter().map(|(id, load)| format!("{id} {load}\n")).collect();
                durable::put(&mark, lines.concat().as_bytes()).or(Err(PullFailure::Broken))?;
            }
            Err(failure) => {
                // The index first: without it git does not know the pack.
                for file in [index.clone(), index.with_extension("pack")] {
                    std::fs::remove_file(&file).or(Err(PullFailure::Broken))?;
                }
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// The indexes of the packs of an own repository.
fn indexes(repository: &Repository) -> Result<Vec<PathBuf>, PullFailure> {
    let listed = match std::fs::read_dir(repository.path().join("objects/pack")) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(_) => return Err(PullFailure::Broken),
    };
    let paths: Result<Vec<PathBuf>, _> = listed.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.or(Err(PullFailure::Broken))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "idx"));
    Ok(paths)
}

/// A pack on disk; what its objects come to is asked of libgit2.
struct OnDisk<'o> {
    file: File,
    odb: &'o Odb<'o>,
}

impl Pack for OnDisk<'_> {
    fn head(&self, place: u64) -> Option<Vec<u8>> {
        let mut head = vec![0; HEAD_BYTES];
        let read = self.file.read_at(&mut head, place).ok()?;
        head.truncate(read);
        Some(head)
    }

    fn size(&self, name: &Name) -> Option<u64> {
        let (size, _) = self.odb.read_header(Oid::from_bytes(name).ok()?).ok()?;
        u64::try_from(size).ok()
    }
}

/// The objects of a pack for which much more than themselves has to be made, and how much.
fn heavy(odb: &Odb<'_>, index: &Path) -> Result<Vec<(Oid, u64)>, PullFailure> {
    let broken = |_| PullFailure::Broken;
    let file = File::open(index.with_extension("pack")).map_err(broken)?;
    let bytes = std::fs::read(index).map_err(broken)?;
    let pack = OnDisk { file, odb };
    let mut loads = Loads::new(Index::parse(bytes).ok_or(PullFailure::Broken)?);
    let mut found = Vec::new();
    for number in 0..loads.index().count() {
        let load = loads.of(number, &pack).ok_or(PullFailure::TooLarge)?;
        if load.largest == 0 {
            continue;
        }
        let name = loads.index().name(number).ok_or(PullFailure::Broken)?;
        let id = Oid::from_bytes(name).or(Err(PullFailure::Broken))?;
        let (size, kind) = odb.read_header(id).or(Err(PullFailure::Broken))?;
        // Whatever changes lead to it, an object is of the kind that it began as.
        let most = match kind {
            ObjectType::Commit => COMMIT_MOST_BYTES,
            ObjectType::Tree => FOLDER_MOST_BYTES,
            _ => FILE_MOST_BYTES,
        };
        if load.largest > most as u64 {
            return Err(PullFailure::TooLarge);
        }
        if !packed::is_bearable(load.all, size as u64, LIGHT_MOST_BYTES) {
            found.push((id, load.all));
        }
    }
    Ok(found)
}

/// Weighs all that a commit holds: many small files of which each rests on a large one take long to read, whoever brought them when.
///
/// # Errors
/// [`PullFailure::TooLarge`].
pub(super) fn commit(repository: &Repository, id: Oid) -> Result<(), PullFailure> {
    let mut heavy: BTreeMap<Oid, u64> = BTreeMap::new();
    for index in indexes(repository)? {
        let mark = index.with_extension(WEIGHED);
        if mark.metadata().or(Err(PullFailure::Broken))?.len() == 0 {
            continue;
        }
        let text = std::fs::read_to_string(&mark).or(Err(PullFailure::Broken))?;
        note(&mut heavy, &text).ok_or(PullFailure::Broken)?;
    }
    if heavy.is_empty() {
        return Ok(());
    }
    // A branch may stand at something else, which whoever reads it refuses.
    let Ok(commit) = repository.find_commit(id) else { return Ok(()) };
    let mut scales = Scales { repository, heavy, left: HEAVY_MOST_BYTES, entries: FILES_MOST.saturating_mul(2) };
    scales.put(id)?;
    scales.folder(commit.tree_id())
}

/// Notes what stands beside a pack of heavy objects. Of two packs that hold one nobody says which of them git reads.
fn note(heavy: &mut BTreeMap<Oid, u64>, text: &str) -> Option<()> {
    for line in text.lines() {
        let (id, load) = line.split_once(' ')?;
        let (id, load) = (id.parse().ok()?, load.parse::<u64>().ok()?);
        heavy.entry(id).and_modify(|known| *known = load.max(*known)).or_insert(load);
    }
    Some(())
}

/// What may still be put on.
struct Scales<'r> {
    repository: &'r Repository,
    heavy: BTreeMap<Oid, u64>,
    left: u64,
    entries: usize,
}

impl Scales<'_> {
    fn put(&mut self, id: Oid) -> Result<(), PullFailure> {
        self.entries = self.entries.checked_sub(1).ok_or(PullFailure::TooLarge)?;
        let load = self.heavy.get(&id).copied().unwrap_or(0);
        self.left = self.left.checked_sub(load).ok_or(PullFailure::TooLarge)?;
        Ok(())
    }

    /// As often as it is read: a folder may stand in many others, and a file in many places.
    fn folder(&mut self, tree: Oid) -> Result<(), PullFailure> {
        self.put(tree)?;
        let tree = self.repository.find_tree(tree).or(Err(PullFailure::Garbled))?;
        for entry in &tree {
            match entry.kind() {
                Some(ObjectType::Tree) => self.folder(entry.id())?,
                _ => self.put(entry.id())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever may push and serves the packs brings the same file twice.
    #[test]
    fn what_two_packs_hold_weighs_as_much_as_in_the_heavier() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        for order in [[0, 1], [1, 0]] {
            let packs = [format!("{one} 70000\n{two} 5\n"), format!("{one} 64000000000\n")];
            let mut heavy = BTreeMap::new();
            for pack in order {
                note(&mut heavy, &packs[pack]).unwrap();
            }
            assert_eq!(heavy.into_values().collect::<Vec<_>>(), [64_000_000_000, 5]);
        }
        assert_eq!(note(&mut BTreeMap::new(), "1 2 3"), None);
    }
}
