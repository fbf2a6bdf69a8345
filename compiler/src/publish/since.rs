//! From where on a release would judge who signed the commits, as far as this repository tells.
//!
//! # Source
//! trust.md section 2, "Teams".

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::Environment;
use assent_schema::trust::RootChain;
use git2::{ErrorCode, Oid, Repository};

use super::branch::{self, Files};
use super::prepare::{Published, Target, last_source, release_of};
use crate::error::Error;

/// The largest signature of a manifest that is read, in bytes.
const SIGNATURE_MOST_BYTES: usize = 64 << 10;
/// The most people whose signatures of one manifest are read.
const SIGNATURES_MOST: usize = 1_000;

/// From where on who signed is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// What the newest release of each branch was made of; the whole history for one whose generation is over.
    Released(BTreeSet<Option<Oid>>),
    /// The commit's first parent, since no release is known here that says more; or why none that is known does.
    Parent(Oid, Option<String>),
    /// Nowhere, and why.
    Nowhere(String),
}

/// From where on a release of a commit would judge who signed.
///
/// # Errors
/// When the repository cannot be read.
pub fn since(
    repository: &Repository,
    commit: Oid,
    roots: &RootChain,
    environment: Option<&Environment>,
) -> Result<Since, Error> {
    let (mut bases, mut unfit) = (BTreeSet::new(), None);
    for (target, releases) in known(repository)? {
        if environment.is_some_and(|environment| *environment != target.environment) {
            continue;
        }
        // Whoever may push may write a branch, so one that does not hold hides no other.
        let mut newest = None;
        for release in releases {
            match last_source(repository, Some(&release), &target, roots) {
                Ok(base) => newest = newest.max(Some((release.manifest.generation, release.manifest.sequence, base))),
                Err(why) => unfit = Some(format!("{}: {why}", target.branch())),
            }
        }
        let Some((_, _, base)) = newest else { continue };
        match base {
            Some(base) if !are_related(repository, commit, base)? => {
                unfit = Some(format!("it has no commit in common with {base}, of which {} is", target.branch()));
            }
            _ => drop(bases.insert(base)),
        }
    }
    if !bases.is_empty() {
        return Ok(Since::Released(bases));
    }
    let found = repository.find_commit(commit).map_err(|e| Error::git(format!("read commit {commit}"), e))?;
    Ok(match found.parent_id(0) {
        Ok(parent) if repository.find_commit(parent).is_ok() => Since::Parent(parent, unfit),
        Ok(_) => Since::Nowhere("the clone is shallow".to_owned()),
        Err(_) if repository.is_shallow() => Since::Nowhere("the clone is shallow".to_owned()),
        Err(_) => Since::Nowhere(unfit.unwrap_or_else(|| "no release and no earlier commit is here".to_owned())),
    })
}

fn are_related(repository: &Repository, one: Oid, other: Oid) -> Result<bool, Error> {
    match repository.merge_base(one, other) {
        Ok(_) => Ok(true),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(false),
        Err(e) => Err(Error::git(format!("compare {one} with {other}"), e)),
    }
}

/// The newest release of each branch of releases, as it stands here and as it stood at each remote: a plain clone has only the
/// latter. Nothing of them is verified.
fn known(repository: &Repository) -> Result<BTreeMap<Target, Vec<Published>>, Error> {
    let mut all: BTreeMap<Target, Vec<Published>> = BTreeMap::new();
    for glob in ["refs/heads/release/*", "refs/remotes/*/release/*"] {
        let tried = |e| Error::git(format!("list {glob}"), e);
        for reference in repository.references_glob(glob).map_err(tried)? {
            let Ok(reference) = reference else { continue };
            let Some(target) = reference.name().ok().and_then(target_of) else { continue };
            let Some(tip) = reference.target() else { continue };
            if let Some(release) = manifest_of(repository, &target, tip) {
                all.entry(target).or_default().push(release);
            }
        }
    }
    Ok(all)
}

/// `refs/remotes/origin/release/production/eu`.
fn target_of(reference: &str) -> Option<Target> {
    let (_, place) = reference.rsplit_once("/release/")?;
    let (environment, region) = place.split_once('/')?;
    Some(Target { environment: environment.parse().ok()?, region: region.parse().ok()? })
}

/// A release with its manifest and the signatures of it alone; nothing where it holds none that can be read.
fn manifest_of(repository: &Repository, target: &Target, tip: Oid) -> Option<Published> {
    let tree = repository.find_commit(tip).and_then(|commit| commit.tree()).ok()?;
    let mut files = Files::new();
    let manifests = tree.iter().filter(|entry| entry.name_bytes().starts_with(b"manifest.json"));
    for entry in manifests.take(SIGNATURES_MOST) {
        let Ok(name) = entry.name() else { continue };
        let most = if name == "manifest.json" { branch::FILE_MOST_BYTES } else { SIGNATURE_MOST_BYTES };
        let bytes = branch::blob(repository, entry.id(), most).ok().flatten()?;
        files.insert(name.to_owned(), bytes);
    }
    release_of(&target.branch(), files).ok()
}
