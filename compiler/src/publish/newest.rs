//! The newest release of each branch that this clone saw signed: no older one is taken for the newest afterwards, whatever
//! somebody who may push makes of the branch.
//!
//! # Source
//! trust.md section 4: freshness is signed for the newest manifest alone; section 7: a stolen push key gives delay.

use assent_schema::canon::{self, Digest};
use assent_schema::release::Manifest;
use git2::{ErrorCode, Repository};

use super::branch;
use super::prepare::Published;
use crate::error::Error;

/// Where commits are kept, by branch. Nothing fetches or pushes what stands there.
const SEEN: &str = "refs/assent/newest/";

/// Looks whether a branch stands where it stood, or further.
///
/// # Errors
/// When it was wound back, or holds another release of the same number.
pub(super) fn check(repository: &Repository, branch: &str, tip: &Published) -> Result<(), Error> {
    let during = |e| Error::git(format!("read the newest release of {branch} that was seen here"), e);
    let seen = match repository.refname_to_id(&format!("{SEEN}{branch}")) {
        Ok(id) => id,
        Err(e) if e.code() == ErrorCode::NotFound => return Ok(()),
        Err(e) => return Err(during(e)),
    };
    let bytes = branch::read_one(repository, seen, "manifest.json")?.unwrap_or_default();
    let manifest: Manifest = canon::from_bytes(&bytes)
        .map_err(|e| Error::input(format!("the newest release of {branch} that was seen here: {e}")))?;
    let (then, now) = ((manifest.generation, manifest.sequence), (tip.manifest.generation, tip.manifest.sequence));
    if now == then && tip.digest != Digest::of_file(&bytes) {
        return Err(Error::input(format!(
            "{branch} cannot be built upon: it holds another release {} than the one that was signed before",
            now.1
        )));
    }
    if now < then {
        return Err(Error::input(format!(
            "{branch} holds release {} of generation {}, and release {} of generation {} was signed before: somebody wound the \
             branch back. Push the newer one again: git push REMOTE {SEEN}{branch}:refs/heads/{branch}",
            now.1, now.0, then.1, then.0
        )));
    }
    Ok(())
}

/// Keeps in mind what a branch holds now. Only what was verified or signed here is kept.
///
/// # Errors
/// When git refuses.
pub(crate) fn remember(repository: &Repository, branch: &str) -> Result<(), Error> {
    let during = |e| Error::git(format!("keep the newest release of {branch}"), e);
    let Some(tip) = branch::tip(repository, branch)? else { return Ok(()) };
    repository.reference(&format!("{SEEN}{branch}"), tip, true, "newest").map(drop).map_err(during)
}
