//! The newest release of each branch, as this clone saw it signed and as the agents say that they accepted it: no older one is
//! taken for the newest afterwards, whatever somebody who may push makes of the branch.
//!
//! # Source
//! trust.md section 3: statements are a set that only grows; section 4: freshness is signed for the newest manifest alone;
//! section 7: a stolen push key gives delay.

use std::path::PathBuf;

use assent_schema::canon::{self, Digest};
use assent_schema::release::{FileName, Manifest};
use assent_schema::trust::{RootChain, Statement};
use git2::{Oid, Repository};
use serde::{Deserialize, Serialize};

use super::prepare::{Published, Target};
use super::verdict::Evidence;
use super::{branch, place, standing};
use crate::error::Error;

/// What keeps the objects of the newest commits in the repository, by branch. It is not believed: a fetch into a mirror moves it.
const KEPT: &str = "refs/assent/newest/";

/// The newest release of a branch that was verified or signed here: `assent/newest/<branch>.json` in the repository's own folder,
/// which no fetch and no push reaches.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    generation: u32,
    sequence: u64,
    manifest: Digest,
    /// A commit that holds it.
    commit: String,
}

/// Looks whether a branch stands where it stood, or further, with all that clients said until then. `believed` are manifests
/// that somebody named as the newest nonetheless.
///
/// # Errors
/// When it was wound back, is gone, holds another release of the same number, or lacks what the one before had.
pub(super) fn check(
    repository: &Repository,
    target: &Target,
    tip: Option<&Published>,
    believed: &[Digest],
) -> Result<(), Error> {
    let branch = target.branch();
    let Some(seen) = seen(repository, &branch)?.filter(|_| !is_believed(tip, believed)) else { return Ok(()) };
    if !is_newer(tip, (seen.generation, seen.sequence), seen.manifest) {
        let holds = said(tip);
        let is_other = tip.is_some_and(|tip| number(tip) == (seen.generation, seen.sequence));
        let what = if is_other {
            format!("{branch} cannot be built upon: it holds another {holds} than the one that was signed before")
        } else {
            let (generation, sequence) = (seen.generation, seen.sequence);
            format!(
                "{branch} holds {holds}, and release {sequence} of generation {generation} was signed before: somebody wound the \
                 branch back"
            )
        };
        return Err(Error::input(format!(
            "{what}. Push the one that was signed again: git push REMOTE {}:refs/heads/{branch}{}",
            seen.commit,
            believe(tip)
        )));
    }
    match tip.filter(|tip| tip.digest != seen.manifest) {
        Some(tip) => only_grew(repository, &seen, tip),
        None => Ok(()),
    }
}

/// Looks whether an agent of the place accepted something newer already.
///
/// # Errors
/// When one says so, signed with the key that the root lists.
pub fn check_agents(
    repository: &Repository,
    target: &Target,
    tip: Option<&Published>,
    roots: &RootChain,
    believed: &[Digest],
) -> Result<(), Error> {
    if is_believed(tip, believed) {
        return Ok(());
    }
    let (agents, _) = standing::agents(repository, target, roots)?;
    for (agent, evidence) in agents {
        let Evidence::Says(status) = evidence else { continue };
        let Some(accepted) = &status.release else { continue };
        if !is_newer(tip, (accepted.generation, accepted.sequence), accepted.manifest) {
            return Err(Error::input(format!(
                "{} holds {}, and {agent} says that it accepted release {} of generation {} already: somebody wound the branch \
                 back, or that agent lies. Push the newer one again, from a clone that has it or from the agent's own repository; \
                 take an agent that lies out of the root{}",
                target.branch(),
                said(tip),
                accepted.sequence,
                accepted.generation,
                believe(tip)
            )));
        }
    }
    Ok(())
}

/// Keeps in mind which release a branch holds now. Only what was verified or signed here is kept.
///
/// # Errors
/// When git refuses, or the file cannot be written.
pub fn remember(repository: &Repository, target: &Target, manifest: &Manifest, digest: Digest) -> Result<(), Error> {
    let branch = target.branch();
    let during = |e| Error::git(format!("keep the newest release of {branch}"), e);
    let Some(tip) = branch::tip(repository, &branch)? else { return Ok(()) };
    let (generation, sequence, commit) = (manifest.generation, manifest.sequence, tip.to_string());
    let bytes = canon::to_bytes(&Seen { generation, sequence, manifest: digest, commit })
        .map_err(|e| Error::internal("write what was seen", e))?;
    repository.reference(&format!("{KEPT}{branch}"), tip, true, "newest").map_err(during)?;
    place::put(&file_of(repository, &branch), &bytes)
}

/// The commit that was the newest of a branch when that was kept in mind.
pub(super) fn kept_tip(repository: &Repository, branch: &str) -> Option<Oid> {
    repository.refname_to_id(&format!("{KEPT}{branch}")).ok()
}

fn file_of(repository: &Repository, branch: &str) -> PathBuf {
    repository.commondir().join("assent/newest").join(format!("{branch}.json"))
}

fn seen(repository: &Repository, branch: &str) -> Result<Option<Seen>, Error> {
    let file = file_of(repository, branch);
    match std::fs::read(&file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(format!("read {}", file.display()), e)),
        Ok(bytes) => canon::from_bytes(&bytes).map(Some).map_err(|e| {
            let file = file.display();
            Error::input(format!(
                "{file} says which release of {branch} is the newest, and cannot be read: {e}. Remove it only \
                                  once you know from elsewhere that the branch holds the newest"
            ))
        }),
    }
}

fn is_newer(tip: Option<&Published>, then: (u32, u64), manifest: Digest) -> bool {
    tip.is_some_and(|tip| {
        let now = number(tip);
        now > then || (now == then && tip.digest == manifest)
    })
}

fn number(release: &Published) -> (u32, u64) {
    (release.manifest.generation, release.manifest.sequence)
}

fn is_believed(tip: Option<&Published>, believed: &[Digest]) -> bool {
    tip.is_some_and(|tip| believed.contains(&tip.digest))
}

fn said(tip: Option<&Published>) -> String {
    tip.map_or("nothing".to_owned(), |tip| {
        format!("release {} of generation {}", tip.manifest.sequence, tip.manifest.generation)
    })
}

/// The way out where the memory is wrong: a manifest named in full, so that a timer cannot be set up to believe anything.
fn believe(tip: Option<&Published>) -> String {
    tip.map(|tip| format!(". If what it holds is the newest all the same: --believe {}", tip.digest))
        .unwrap_or_default()
}

/// Statements, roots and approvers only grow, as long as the client is there.
fn only_grew(repository: &Repository, seen: &Seen, tip: &Published) -> Result<(), Error> {
    let commit =
        Oid::from_str(&seen.commit).map_err(|e| Error::git("read the newest release that was seen here", e))?;
    let is_there = |client| tip.files.contains_key(&FileName::Client(client).to_string());
    for (path, bytes) in branch::read(repository, commit)? {
        let stays = match FileName::parse(&path) {
            Some(FileName::Root(_)) => true,
            Some(FileName::Approvers(client, _)) => is_there(client),
            Some(FileName::Statement(_)) => {
                Statement::parse(&path, &bytes).is_ok_and(|statement| is_there(statement.client))
            }
            _ => false,
        };
        if stays && tip.files.get(&path) != Some(&bytes) {
            return Err(Error::input(format!(
                "release {} leaves out {path}, which release {} had: what was said once stays said. Release a source that has \
                 it{}",
                tip.manifest.sequence,
                seen.sequence,
                believe(Some(tip))
            )));
        }
    }
    Ok(())
}
