//! Which serial a new statement of a client has: above those that count, and never further above than agents take. What anybody
//! commits beside them decides nothing.
//!
//! # Source
//! trust.md section 3: statements; `STEP_MOST` of `schema/src/release.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assent_schema::id::ClientId;
use assent_schema::named::Kind;
use assent_schema::release::STEP_MOST;
use assent_schema::trust::{ApproversChain, KnownStatements, RootChain, SignedFile, Statement, TrustError};

use super::statements;
use crate::error::Error;
use crate::named::{read_if_there, read_named};
use crate::publish::sign::readable_signatures_beside;

/// The serial of the next statement in a work tree.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn next(root: &Path, client: &ClientId) -> Result<u64, Error> {
    let folder = root.join(format!("clients/{client}"));
    let (standing, _) = statements(&folder.join("approvals"))?;
    let serials = standing.values().map(|statement| statement.serial).collect();
    let held = match approvers(root, &folder, client)? {
        Some(chain) => highest_held(KnownStatements::new(chain), &standing)?,
        None => climbed(&serials),
    };
    Ok(after(held, &serials))
}

/// The approvers of a client, as far as they hold; nothing where root says nothing of them, as in a work tree in which somebody broke
/// that: a use is ended all the same.
fn approvers(root: &Path, folder: &Path, client: &ClientId) -> Result<Option<ApproversChain>, Error> {
    let Some(roots) = walk(chain(&root.join("trust/root"))?, RootChain::walk) else { return Ok(None) };
    let files = chain(&folder.join("approvers"))?;
    Ok(walk(files, |files| ApproversChain::walk(roots.newest(), roots.project(), client, files)))
}

/// The highest serial that is reached without a step that no agent takes.
fn climbed(serials: &BTreeSet<u64>) -> u64 {
    serials.iter().fold(0, |held: u64, serial| if *serial <= held.saturating_add(STEP_MOST) { *serial } else { held })
}

/// The files of a chain, from the first on, with their signatures.
fn chain(folder: &Path) -> Result<BTreeMap<u32, SignedFile>, Error> {
    let mut found = BTreeMap::new();
    for number in 1.. {
        let file = folder.join(format!("{number}.toml"));
        let Some(bytes) = read_if_there(&file, Kind::SignedToml)? else { break };
        found.insert(number, SignedFile { bytes, signatures: readable_signatures_beside(&file)? });
    }
    Ok(found)
}

/// As much of a chain as holds, from its first file on: what anybody committed at its end keeps nobody from ending a use.
fn walk<C>(
    mut files: BTreeMap<u32, SignedFile>,
    walk: impl Fn(&BTreeMap<u32, SignedFile>) -> Result<C, TrustError>,
) -> Option<C> {
    loop {
        match walk(&files) {
            Ok(chain) => return Some(chain),
            Err(_) => files.pop_last().map(drop)?,
        }
    }
}

/// The highest serial of those that somebody signed who is or was an approver; zero where there are none.
fn highest_held(mut known: KnownStatements, standing: &BTreeMap<PathBuf, Statement>) -> Result<u64, Error> {
    let mut by_serial: Vec<(&PathBuf, &Statement)> = standing.iter().collect();
    by_serial.sort_by_key(|(path, statement)| (statement.serial, *path));
    let mut signed = Vec::new();
    for (path, _) in by_serial {
        let one =
            SignedFile { bytes: read_named(path, Kind::SignedToml)?, signatures: readable_signatures_beside(path)? };
        signed.push((path.display().to_string(), one));
    }
    // All at once is the usual thing; where one does not hold, each for itself.
    if known.add(signed.iter().cloned()).is_err() {
        for one in signed {
            // It decides nothing, and `assent check` tells why.
            drop(known.add([one]));
        }
    }
    Ok(known.held().values().map(|held| held.statement.serial).max().unwrap_or(0))
}

/// The serial after the highest that counts, `held`, and after all others that stand there, as far as agents take it.
pub(in super::super) fn after(held: u64, standing: &BTreeSet<u64>) -> u64 {
    let most = held.saturating_add(STEP_MOST);
    let next = standing.range(held..most).next_back().map_or(held, |highest| *highest).saturating_add(1);
    if standing.contains(&next) {
        // Somebody put one at the very end: no two drafts have the same all the same.
        let free = (held.saturating_add(1)..next).rev().find(|serial| !standing.contains(serial));
        return free.unwrap_or(next);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_can_tell_what_counts_no_step_is_too_large() {
        assert_eq!(climbed(&[1, 2, 5_000].into()), 2);
        assert_eq!(climbed(&[900, 1_800].into()), 1_800);
        assert_eq!(climbed(&BTreeSet::new()), 0);
    }

    #[test]
    fn a_serial_is_after_all_that_stand_there_and_never_too_far() {
        let next = |held, standing: &[u64]| after(held, &standing.iter().copied().collect());
        assert_eq!(next(0, &[]), 1);
        assert_eq!(next(3, &[1, 2, 3]), 4);
        assert_eq!(next(3, &[1, 2, 3, 4, 5]), 6, "drafts that nobody signed yet");
        assert_eq!(next(3, &[3, 5_000]), 4, "no agent takes one after that");
        assert_eq!(next(3, &[3, 3 + STEP_MOST]), 4);
        assert_eq!(next(3, &[3, 2 + STEP_MOST]), 3 + STEP_MOST);
        assert_eq!(next(3, &[3, 2 + STEP_MOST, 3 + STEP_MOST]), 1 + STEP_MOST, "each has its own");
    }
}
