//! Keeps the agent's own repository small: what a fetch brought and nothing needs goes again, and so does the past of what is kept.
//!
//! Kept are, each with its files: every release on the shelf; of the agent's own branch, what the other side has not got yet,
//! and what it got last; of branches that clients own, the newest. Of the commits before those nothing is needed: `shallow`
//! says where they are cut off, to git as well. So nobody who may push fills the disk, and neither does an agent that is
//! left alone for years.
//!
//! # Source
//! trust.md section 7: whoever may push gives delay, and nothing that lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use assent_schema::packed::{Index, Name};
use git2::{ObjectType, Oid, Repository, Tree};

use super::PullFailure;
use super::read::COMMIT_MOST_BYTES;
use super::shelf::ACCEPTED;
use crate::durable;

/// What a fetch brought, until somebody has looked at it.
const QUARANTINE: &str = "refs/quarantine/";
/// The agent's own branches, and the copies of those that clients own.
const BRANCHES: &str = "refs/heads/";
const OWNED: &str = "owned/";
/// What the other side took last of an own branch.
pub(super) const PUSHED: &str = "refs/pushed/";
/// Where git says which commits have lost those before them.
const SHALLOW: &str = "shallow";
/// The deepest folder of what is kept; releases have far less.
const DEPTH_MOST: usize = 64;
/// So much may lie about before it is worth the work, in bytes, or half of what was kept last, if that is more.
const GROWS_LEAST: u64 = 1024 * 1024;
/// What git is told so that it writes everything as it is.
const AS_IT_IS: [&str; 2] = ["pack.deltaCacheSize", "core.bigFileThreshold"];

fn broken<E>(_: E) -> PullFailure {
    PullFailure::Broken
}

/// The bytes of all objects, needed or not.
pub fn size(repository: &Path) -> u64 {
    let folders = folders(&repository.join("objects")).unwrap_or_default();
    let files = folders.iter().flat_map(|folder| listed(folder).unwrap_or_default());
    files.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

/// Whether so much came since that many bytes were kept that it is worth letting go.
pub fn is_grown(now: u64, kept: u64) -> bool {
    now > kept.saturating_add(GROWS_LEAST.max(kept / 2))
}

/// Remembers what the other side took of an own branch.
pub(super) fn pushed(repository: &Path, branch: &str, commit: &str) -> Result<(), PullFailure> {
    let repository = Repository::open_bare(repository).map_err(broken)?;
    let id = Oid::from_str(commit).map_err(broken)?;
    repository.reference(&format!("{PUSHED}{branch}"), id, true, "").map(drop).map_err(broken)
}

/// The commits of which those before them are not here any more.
pub(super) fn cut(repository: &Repository) -> Result<BTreeSet<Oid>, PullFailure> {
    match std::fs::read_to_string(repository.path().join(SHALLOW)) {
        Ok(text) => text.lines().map(|line| Oid::from_str(line).map_err(broken)).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(_) => Err(PullFailure::Broken),
    }
}

/// Lets everything go that is not kept. Nobody else may use the repository meanwhile.
///
/// # Errors
/// [`PullFailure::Broken`]; then nothing went that is kept.
///
/// # Crash
/// What is kept goes from where it lies only when one pack holds all of it, which is durable by then; so whatever a crash
/// leaves, all of it is there, and the next call goes on.
pub fn compact(repository: &Path) -> Result<(), PullFailure> {
    let repository = Repository::open_bare(repository).map_err(broken)?;
    without_changes(&repository)?;
    forget_quarantine(&repository)?;
    let mut kept = Kept { repository: &repository, objects: BTreeSet::new(), cut: BTreeSet::new() };
    kept.all()?;
    let Kept { objects, cut: new, .. } = kept;
    let packs = repository.path().join("objects/pack");
    // First what holds nothing that is kept: on a full disk that makes the room for what follows.
    for index in indexes(&packs)? {
        let found = Index::parse(std::fs::read(&index).map_err(broken)?).ok_or(PullFailure::Broken)?;
        if !objects.iter().any(|id| name_of(*id).is_some_and(|name| found.find(&name).is_some())) {
            remove(&index)?;
        }
    }
    for (id, file) in loose(&repository)? {
        if id.is_none_or(|id| !objects.contains(&id)) {
            unlink(&file)?;
        }
    }
    if !objects.is_empty() && holder(&packs, &objects)?.is_none() {
        write(&repository, &objects)?;
    }
    let holder = holder(&packs, &objects)?;
    if holder.is_none() && !objects.is_empty() {
        return Err(PullFailure::Broken);
    }
    let cut: BTreeSet<Oid> = cut(&repository)?.union(&new).filter(|id| objects.contains(*id)).copied().collect();
    let lines = cut.iter().fold(String::new(), |lines, id| lines + &id.to_string() + "\n");
    let shallow = repository.path().join(SHALLOW);
    if !lines.is_empty() || shallow.exists() {
        durable::put(&shallow, lines.as_bytes()).map_err(broken)?;
    }
    let is_holder = |file: &Path| holder.as_deref().is_some_and(|h| file.with_extension("") == h.with_extension(""));
    indexes(&packs)?.iter().filter(|index| !is_holder(index)).try_for_each(|index| remove(index))?;
    // What a process left of a pack that died.
    listed(&packs)?.iter().filter(|file| !is_holder(file)).try_for_each(|file| unlink(file))?;
    loose(&repository)?.into_iter().try_for_each(|(_, file)| unlink(&file))
}

/// Nobody looks at it any more.
fn forget_quarantine(repository: &Repository) -> Result<(), PullFailure> {
    for reference in repository.references_glob(&format!("{QUARANTINE}*")).map_err(broken)? {
        reference.map_err(broken)?.delete().map_err(broken)?;
    }
    Ok(())
}

/// What is kept, gathered.
struct Kept<'r> {
    repository: &'r Repository,
    objects: BTreeSet<Oid>,
    /// Commits of which those before them are not kept.
    cut: BTreeSet<Oid>,
}

impl Kept<'_> {
    fn all(&mut self) -> Result<(), PullFailure> {
        let references = self.repository.references().map_err(broken)?;
        let named = references.map(|reference| {
            let reference = reference.map_err(broken)?;
            let name = reference.name().map_err(broken)?.to_owned();
            Ok(reference.target().map(|id| (name, id)))
        });
        let named: BTreeMap<String, Oid> = named.filter_map(Result::transpose).collect::<Result<_, PullFailure>>()?;
        for (name, id) in &named {
            if name.starts_with(ACCEPTED) {
                self.alone(*id)?;
            } else if let Some(branch) = name.strip_prefix(BRANCHES) {
                self.line(*id, branch.starts_with(OWNED), named.get(&format!("{PUSHED}{branch}")).copied())?;
            }
        }
        // A mark at what is no part of its branch any more says nothing, and would be one at nothing.
        for (name, _) in named.iter().filter(|(name, id)| name.starts_with(PUSHED) && !self.objects.contains(id)) {
            self.repository.find_reference(name).and_then(|mut mark| mark.delete()).map_err(broken)?;
        }
        Ok(())
    }

    /// A commit with its files, cut off from those before it.
    fn alone(&mut self, id: Oid) -> Result<(), PullFailure> {
        if !self.commit(id)?.is_empty() {
            self.cut.insert(id);
        }
        Ok(())
    }

    /// A commit with its files; those before it are told.
    fn commit(&mut self, id: Oid) -> Result<Vec<Oid>, PullFailure> {
        let repository = self.repository;
        let commit = repository.find_commit(id).map_err(broken)?;
        self.objects.insert(id);
        self.folder(&commit.tree().map_err(broken)?, DEPTH_MOST)?;
        Ok(commit.parent_ids().collect())
    }

    /// The commits of an own branch that the other side has not got, and what they rest on: that one as a commit alone, without
    /// files, for somebody else may have written it. Of a branch that is written anew each time, the newest.
    fn line(&mut self, tip: Oid, newest_alone: bool, pushed: Option<Oid>) -> Result<(), PullFailure> {
        if pushed == Some(tip) {
            return self.alone(tip);
        }
        let mut next = vec![tip];
        while let Some(id) = next.pop() {
            for parent in self.commit(id)? {
                let is_known = self.objects.contains(&parent);
                let is_here = || self.repository.find_commit(parent).is_ok();
                if newest_alone || pushed == Some(parent) {
                    self.bare(parent)?;
                } else if !is_known && is_here() {
                    next.push(parent);
                }
            }
        }
        Ok(())
    }

    fn bare(&mut self, id: Oid) -> Result<(), PullFailure> {
        let odb = self.repository.odb().map_err(broken)?;
        let Ok((size, ObjectType::Commit)) = odb.read_header(id) else { return Ok(()) };
        if size <= COMMIT_MOST_BYTES {
            self.objects.insert(id);
            self.cut.insert(id);
        }
        Ok(())
    }

    fn folder(&mut self, tree: &Tree<'_>, depth: usize) -> Result<(), PullFailure> {
        if depth == 0 {
            return Err(PullFailure::Broken);
        }
        if !self.objects.insert(tree.id()) {
            return Ok(());
        }
        for entry in tree {
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let inner = self.repository.find_tree(entry.id()).map_err(broken)?;
                    self.folder(&inner, depth - 1)?;
                }
                Some(ObjectType::Blob) => drop(self.objects.insert(entry.id())),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The files of a folder; none where there is no folder.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, PullFailure> {
    Ok(entries(folder)?.into_iter().filter(|path| !path.is_dir()).collect())
}

/// The folders in a folder.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, PullFailure> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PullFailure> {
    match std::fs::read_dir(folder) {
        Ok(found) => found.map(|entry| entry.map(|entry| entry.path()).map_err(broken)).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(_) => Err(PullFailure::Broken),
    }
}

/// The indexes of the packs in a folder, those that have a pack.
fn indexes(packs: &Path) -> Result<Vec<PathBuf>, PullFailure> {
    let is_index = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "idx");
    Ok(listed(packs)?.into_iter().filter(is_index).filter(|index| index.with_extension("pack").exists()).collect())
}

/// The objects that stand in files of their own, and what else stands where those do.
fn loose(repository: &Repository) -> Result<Vec<(Option<Oid>, PathBuf)>, PullFailure> {
    let mut found = Vec::new();
    for folder in folders(&repository.path().join("objects"))? {
        let Some(first) = folder.file_name().and_then(|name| name.to_str()).filter(|name| name.len() == 2) else {
            continue;
        };
        for file in listed(&folder)? {
            let rest = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            found.push((Oid::from_str(&format!("{first}{rest}")).ok(), file));
        }
    }
    Ok(found)
}

/// A pack that holds all of some objects, by its index.
fn holder(packs: &Path, objects: &BTreeSet<Oid>) -> Result<Option<PathBuf>, PullFailure> {
    for index in indexes(packs)? {
        let found = Index::parse(std::fs::read(&index).map_err(broken)?).ok_or(PullFailure::Broken)?;
        // One that holds more is no smaller than it can be.
        let holds = |id: &Oid| name_of(*id).is_some_and(|name| found.find(&name).is_some());
        if found.count() == objects.len() && objects.iter().all(holds) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn name_of(id: Oid) -> Option<Name> {
    id.as_bytes().try_into().ok()
}

/// Has what is kept or brought written as it is and never as a change of something else: then it costs nothing to read, whatever it
/// is, and no fetch finds it too heavy. libgit2 goes by the first of the two settings, as it means the second.
pub(super) fn without_changes(repository: &Repository) -> Result<(), PullFailure> {
    let mut config = repository.config().map_err(broken)?;
    let unset = AS_IT_IS.into_iter().filter(|name| config.get_i64(name).ok() != Some(1)).collect::<Vec<_>>();
    unset.into_iter().try_for_each(|name| config.set_i64(name, 1)).map_err(broken)
}

/// Whether it was told to a repository.
pub(super) fn is_without_changes(repository: &Repository) -> bool {
    let config = repository.config();
    config.is_ok_and(|config| AS_IT_IS.into_iter().all(|name| config.get_i64(name).ok() == Some(1)))
}

/// Writes one pack of some objects, which is durable on return.
fn write(repository: &Repository, objects: &BTreeSet<Oid>) -> Result<(), PullFailure> {
    let mut builder = repository.packbuilder().map_err(broken)?;
    for id in objects {
        builder.insert_object(*id, None).map_err(broken)?;
    }
    let odb = repository.odb().map_err(broken)?;
    let mut pack = odb.packwriter().map_err(broken)?;
    let mut is_written = true;
    builder
        .foreach(|bytes| {
            is_written = pack.write_all(bytes).is_ok();
            is_written
        })
        .map_err(broken)?;
    pack.commit().map(drop).map_err(broken)
}

/// Takes a pack away: its index first, without which git does not know it.
fn remove(index: &Path) -> Result<(), PullFailure> {
    for extension in ["idx", "pack", "weighed"] {
        unlink(&index.with_extension(extension))?;
    }
    Ok(())
}

fn unlink(file: &Path) -> Result<(), PullFailure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PullFailure::Broken),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
