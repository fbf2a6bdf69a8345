//! What a release is built upon: what the release role signed, and nothing that somebody put beside it. Whoever may push to a
//! release branch writes what they like there, so nothing of it is taken before it was held against a signature.
//!
//! # Source
//! trust.md section 7: a stolen push key gives delay.

use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::release::Manifest;
use assent_schema::trust::{RoleName, RootChain, SignedFile, verify_placed};
use git2::Repository;

use super::backwards::{Backwards, TooMuch};
use super::branch;
use super::prepare::{Published, Target, release_of};
use crate::error::Error;

/// The most commits of a branch that are looked at: of a timer that says every ten minutes what is newest, those of two years.
const COMMITS_MOST: usize = 100_000;
/// The most releases that are looked at for an older plan.
const RELEASES_MOST: usize = 1_000;

/// Looks whether the release role signed a release for its place.
///
/// # Errors
/// When it did not: nothing may be built upon it.
pub fn check_signed(published: &Published, target: &Target, roots: &RootChain) -> Result<(), Error> {
    let bytes = published.files.get("manifest.json").cloned().unwrap_or_default();
    let person = |path: &str| path.strip_prefix("manifest.json.")?.strip_suffix(".sig")?.parse::<PersonId>().ok();
    let signatures = published.files.iter().filter_map(|(path, armour)| Some((person(path)?, armour.clone())));
    let signed = SignedFile { bytes, signatures: signatures.collect() };
    let (environment, region) = (&target.environment, &target.region);
    verify_placed::<Manifest>("manifest.json", &signed, RoleName::Release, roots, environment, region)
        .map(drop)
        .map_err(|e| refused(&e))
}

/// That a release is nothing to build upon, and why.
pub(super) fn refused(why: &dyn std::fmt::Display) -> Error {
    Error::input(format!("the last release cannot be built upon: {why}"))
}

/// Looks whether a release holds each file that its manifest lists, as it lists it, and takes what else stands there away but the
/// manifest with its signatures.
///
/// # Errors
/// When one lacks, or is another.
pub fn as_listed(mut published: Published) -> Result<Published, Error> {
    let files = &published.files;
    let is_as_listed = |path: &String, sha256: Digest| files.get(path).is_some_and(|b| Digest::of_file(b) == sha256);
    let wrong = published.manifest.files.iter().find(|(path, entry)| !is_as_listed(path, entry.sha256));
    if let Some((path, _)) = wrong {
        return Err(refused(&format_args!("{path} is not there as its manifest lists it")));
    }
    let listed = &published.manifest.files;
    published.files.retain(|path, _| path.starts_with("manifest.json") || listed.contains_key(path));
    Ok(published)
}

/// The releases before one, of its generation, the newest first. Each is named by the one after it, so the signature of that one
/// vouches for all of them; whatever else stands in the history of the branch counts for nothing.
///
/// # Errors
/// When the history cannot be read.
pub fn before(repository: &Repository, target: &Target, newest: &Published) -> Result<Vec<Published>, Error> {
    let name = target.branch();
    let tried = |e| Error::git(format!("read the history of {name}"), e);
    let mut found = Vec::new();
    let mut past = Backwards::of(repository);
    let (mut next, mut wanted) = (branch::tip(repository, &name)?, newest.manifest.previous);
    for _ in 0..COMMITS_MOST {
        let (Some(id), Some(digest)) = (next, wanted) else { return Ok(found) };
        next = repository.find_commit(id).map_err(tried)?.parent_id(0).ok();
        let met = past.manifest(id, digest).map_err(|TooMuch| too_much(&name))?;
        if met.is_none() {
            continue;
        }
        // Somebody may have put the manifest there again with other files: the commit that was made with it lies further back.
        let whole = branch::read(repository, id).and_then(|files| release_of(&name, files)).and_then(as_listed);
        let Ok(release) = whole else { continue };
        wanted = release.manifest.previous.filter(|_| found.len() + 1 < RELEASES_MOST);
        found.push(release);
    }
    Err(too_much(&name))
}

/// That more stands in the past of a branch than is looked at.
fn too_much(name: &str) -> Error {
    Error::input(format!(
        "the history of {name} holds more than is looked at that no release names: somebody put it there. Push the branch as it \
         was before that"
    ))
}
