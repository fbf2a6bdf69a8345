//! Transfers with a repository on this machine: objects are looked up there and put into a pack here, or the other way round. For
//! the child process alone, which has limits.
//!
//! What comes is the commit that a branch stands at, with its files. What stood there before only an agent asks for that has
//! accepted nothing yet, and of that nothing but the manifests.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use git2::{ErrorClass, ErrorCode, ObjectType, Odb, Oid, Repository, RepositoryOpenFlags};

use super::shelf::ACCEPTED;
use super::transfer::OBJECTS_MOST;
use super::{PullFailure, line, loose, weigh};

/// The deepest folder that is looked into: what lies deeper is no part of any release, and refused by its place.
const DEPTH_MOST: usize = 64;

/// The most commits of the past that are asked for.
const PAST_MOST: usize = 10_000;
/// What is asked of each.
const MANIFEST: &str = "manifest.json";

fn open(path: &Path) -> Result<Repository, PullFailure> {
    Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, [] as [&OsStr; 0]).map_err(|error| unreachable(&error))
}

/// Where a reference stands there; nothing where there is none.
fn stands(other: &Repository, reference: &str) -> Result<Option<Oid>, PullFailure> {
    match other.refname_to_id(reference) {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(unreachable(&error)),
    }
}

/// Takes a branch into a reference here. Returns the commit that it stands at; `tell` hears of it before anything is fetched.
///
/// # Errors
/// [`PullFailure`].
pub(super) fn fetch(
    repository: &Repository,
    path: &Path,
    (branch, into): (&str, &str),
    known: Option<&str>,
    most_bytes: u64,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    let other = open(path)?;
    let tip = stands(&other, &format!("refs/heads/{branch}"))?.ok_or(PullFailure::NoBranch)?;
    if known == Some(tip.to_string().as_str()) {
        return Ok(tip.to_string());
    }
    tell(tip);
    loose::look(&other.commondir().join("objects"))?;
    // A child that was ended may have left one.
    weigh::packs(repository)?;
    bring(repository, &other, tip, most_bytes)?;
    weigh::packs(repository)?;
    weigh::commit(repository, tip)?;
    // Forced: quarantine holds whatever the branch holds now.
    repository.reference(into, tip, true, "fetch").map_err(|error| unreachable(&error))?;
    Ok(tip.to_string())
}

/// Brings what is not here of an object and of what it leads to.
fn bring(repository: &Repository, other: &Repository, tip: Oid, most_bytes: u64) -> Result<(), PullFailure> {
    let failed = |error: git2::Error| unreachable(&error);
    let ours = repository.odb().or(Err(PullFailure::Broken))?;
    let mut lacking = Lacking { other, ours: &ours, seen: BTreeSet::new(), found: Vec::new() };
    lacking.put(tip)?;
    let (_, kind) = other.odb().and_then(|odb| odb.read_header(tip)).map_err(failed)?;
    match kind {
        ObjectType::Commit => {
            let tree = other.find_commit(tip).map_err(failed)?.tree_id();
            lacking.folder(tree, DEPTH_MOST)?;
            if !has_accepted(repository)? {
                lacking.past(tip)?;
            }
        }
        ObjectType::Tree => lacking.folder(tip, DEPTH_MOST)?,
        // Whoever reads it refuses it.
        _ => {}
    }
    let found = lacking.found;
    if found.is_empty() {
        return Ok(());
    }
    // Their repository may say how packs are written, and mostly says nothing: then files are written as changes of what happens
    // to be as large, which takes as long as all else together, and longer again for whoever reads them.
    repository.config().and_then(|config| other.set_config(&config)).or(Err(PullFailure::Broken))?;
    let mut builder = other.packbuilder().map_err(failed)?;
    for id in found {
        builder.insert_object(id, None).map_err(failed)?;
    }
    let mut pack = ours.packwriter().or(Err(PullFailure::Broken))?;
    let (mut left, mut whole) = (most_bytes, true);
    let written = builder.foreach(|bytes| {
        match left.checked_sub(bytes.len() as u64) {
            Some(rest) => left = rest,
            None => whole = false,
        }
        whole && pack.write_all(bytes).is_ok()
    });
    if !whole {
        return Err(PullFailure::TooLarge);
    }
    written.map_err(failed)?;
    pack.commit().map(drop).map_err(failed)
}

/// Whether a release is kept here.
fn has_accepted(repository: &Repository) -> Result<bool, PullFailure> {
    let mut kept = repository.references_glob(&format!("{ACCEPTED}*")).or(Err(PullFailure::Broken))?;
    Ok(kept.next().is_some())
}

/// What is not here of what leads from somewhere.
struct Lacking<'r> {
    other: &'r Repository,
    ours: &'r Odb<'r>,
    seen: BTreeSet<Oid>,
    found: Vec<Oid>,
}

impl Lacking<'_> {
    /// Notes an object. Tells whether it is seen for the first time.
    fn put(&mut self, id: Oid) -> Result<bool, PullFailure> {
        if !self.seen.insert(id) {
            return Ok(false);
        }
        if self.seen.len() > OBJECTS_MOST {
            return Err(PullFailure::TooLarge);
        }
        if !self.ours.exists(id) {
            self.found.push(id);
        }
        Ok(true)
    }

    /// Notes the commits before one, each with its manifest, as far as there is room.
    fn past(&mut self, tip: Oid) -> Result<(), PullFailure> {
        let before = |id| self.other.find_commit(id).ok()?.parent_id(0).ok();
        let line: Vec<Oid> = std::iter::successors(before(tip), |id| before(*id)).take(PAST_MOST).collect();
        for id in line {
            // One that is cut off there ends the line.
            let Ok(commit) = self.other.find_commit(id) else { break };
            let Ok(tree) = commit.tree() else { break };
            if self.seen.len().saturating_add(3) > OBJECTS_MOST {
                break;
            }
            self.put(id)?;
            self.put(tree.id())?;
            if let Some(manifest) = tree.get_name(MANIFEST).filter(|entry| entry.kind() == Some(ObjectType::Blob)) {
                self.put(manifest.id())?;
            }
        }
        Ok(())
    }

    /// A folder that is here may lack what stands in it: so each is looked into.
    fn folder(&mut self, id: Oid, depth: usize) -> Result<(), PullFailure> {
        self.put(id)?;
        let tree = self.other.find_tree(id).map_err(|error| unreachable(&error))?;
        for entry in &tree {
            match entry.kind() {
                Some(ObjectType::Tree) if depth == 0 || self.seen.contains(&entry.id()) => {}
                Some(ObjectType::Tree) => self.folder(entry.id(), depth - 1)?,
                // A submodule's commit lies elsewhere; `read` refuses it later.
                Some(ObjectType::Commit) => {}
                _ => drop(self.put(entry.id())?),
            }
        }
        Ok(())
    }
}

/// Gives a commit out, whether people work in the repository or not: a remote of libgit2 takes no push into one with a working
/// tree. Only a commit that continues what stands there moves the reference.
///
/// # Errors
/// [`PullFailure`].
pub(super) fn push(repository: &Repository, path: &Path, commit: Oid, into: &str) -> Result<(), PullFailure> {
    let other = open(path)?;
    let before = stands(&other, into)?;
    if before == Some(commit) {
        return Ok(());
    }
    // What people have before them moves under no one's hands but theirs.
    let worked_on =
        !other.is_bare() && other.find_reference("HEAD").is_ok_and(|head| head.symbolic_target() == Ok(Some(into)));
    if worked_on {
        return Err(PullFailure::PushRefused);
    }
    let mut builder = line::pack(repository, commit, before, &BTreeSet::new())?;
    let mut give = || -> Result<(), git2::Error> {
        let database = other.odb()?;
        let mut pack = database.packwriter()?;
        builder.foreach(|bytes| pack.write_all(bytes).is_ok())?;
        pack.commit()?;
        match before {
            Some(before) => other.reference_matching(into, commit, true, before, "push")?,
            None => other.reference(into, commit, false, "push")?,
        };
        Ok(())
    };
    give().map_err(|error| match error.code() {
        ErrorCode::Modified | ErrorCode::Exists => PullFailure::PushRefused,
        _ => unreachable(&error),
    })
}

fn unreachable(error: &git2::Error) -> PullFailure {
    match (error.code(), error.class()) {
        (ErrorCode::Owner, _) => PullFailure::NotOwned,
        // What came needs more memory than this process may have.
        (_, ErrorClass::NoMemory) => PullFailure::TooLarge,
        _ => PullFailure::Unreachable,
    }
}
