//! Takes what stands on an agent's own branch out of the object database, sizes first: anybody who may push can write there.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{Oid, Repository};

use super::PullFailure;
use super::read::{names, read_one};

/// The folder of checkpoints on the branch.
const CHECKPOINTS: &str = "checkpoints";
/// The most logs that are looked at; an agent has one for each client, and one of its own.
const LOGS_MOST: usize = 100_000;
/// The largest checkpoint, in bytes: three lines, and a signature each of some witnesses.
const NOTE_MOST_BYTES: usize = 16 * 1024;

/// What stands on the branch. Nothing of it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// `status.json` and its signature.
    pub status: Option<(Vec<u8>, Vec<u8>)>,
    /// The notes of checkpoints by the name of their log.
    pub checkpoints: BTreeMap<String, String>,
}

/// Reads what a commit of the branch of `agent` holds. What does not look like something that an agent writes is passed over.
///
/// # Errors
/// [`PullFailure::Broken`] when the commit cannot be read.
pub fn read(repository: &Path, commit: &str, agent: &str) -> Result<Branch, PullFailure> {
    let file = |path: &str| read_one(repository, commit, path).ok().flatten();
    let status = file("status.json").zip(file(&format!("status.json.{agent}.sig")));
    let mut checkpoints = BTreeMap::new();
    for name in folders(repository, commit)? {
        let note = file(&format!("{CHECKPOINTS}/{name}/checkpoint")).filter(|note| note.len() <= NOTE_MOST_BYTES);
        if let Some(note) = note.and_then(|note| String::from_utf8(note).ok()) {
            checkpoints.insert(name, note);
        }
    }
    Ok(Branch { status, checkpoints })
}

fn folders(repository: &Path, commit: &str) -> Result<Vec<String>, PullFailure> {
    let broken = |_| PullFailure::Broken;
    let repository = Repository::open_bare(repository).map_err(broken)?;
    let id = Oid::from_str(commit).map_err(broken)?;
    Ok(names(&repository, id, CHECKPOINTS)?.into_iter().take(LOGS_MOST).map(|(name, _)| name).collect())
}
