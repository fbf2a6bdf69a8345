//! The rehearsals that staging agents signed and pushed, verified before a release relies on them.
//!
//! # Source
//! trust.md section 4. Promise P15.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::id::{AgentId, Environment};
use assent_schema::release::{REHEARSAL_MOST, Rehearsal};
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Root, verify};
use git2::Repository;

use super::branch;
use crate::bundle::Signed;
use crate::error::Error;

/// What staging agents attest.
#[derive(Clone, Debug, Default)]
pub struct Rehearsals {
    /// Pairs of plan and tests that enough different agents rehearsed.
    pub complete: BTreeSet<(Digest, Digest)>,
    by_plan: BTreeMap<(Digest, Digest), BTreeMap<AgentId, (Moment, Signed<AgentId>)>>,
}

impl Rehearsals {
    /// The rehearsals of some plans over some tests, one of each agent.
    pub fn of(&self, pairs: &BTreeSet<(Digest, Digest)>) -> Vec<Signed<AgentId>> {
        let found = pairs.iter().filter_map(|pair| self.by_plan.get(pair));
        found.flat_map(BTreeMap::values).map(|(_, signed)| signed.clone()).collect()
    }
}

/// Reads every status branch of an environment. What does not verify counts for nothing.
///
/// # Errors
/// When a branch cannot be read.
pub fn collect(
    repository: &Repository,
    environment: &Environment,
    root: &Root,
    project: Digest,
    at: Moment,
) -> Result<Rehearsals, Error> {
    let mut found = Rehearsals::default();
    for name in branch::branches(repository, &format!("status/{environment}/"))? {
        let Some(tip) = branch::tip(repository, &name)? else { continue };
        let files = branch::read(repository, tip)?;
        for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("rehearsals/") && path.ends_with(".json"))
        {
            let Some((rehearsal, armour)) = judge(bytes, &files, path, root) else { continue };
            let current = rehearsal.project == project
                && rehearsal.environment == *environment
                && rehearsal.time <= at
                && at.since(rehearsal.time) <= REHEARSAL_MOST;
            if current && !rehearsal.results.is_empty() && rehearsal.results.iter().all(|r| r.passed) {
                keep(&mut found, rehearsal, bytes, armour);
            }
        }
    }
    let enough = |agents: &BTreeMap<AgentId, _>| u32::try_from(agents.len()).is_ok_and(|n| n >= root.rehearsals);
    found.complete = found.by_plan.iter().filter(|(_, agents)| enough(agents)).map(|(pair, _)| *pair).collect();
    Ok(found)
}

/// A rehearsal that an agent which may rehearse really signed.
fn judge<'f>(bytes: &[u8], files: &'f branch::Files, path: &str, root: &Root) -> Option<(Rehearsal, &'f Vec<u8>)> {
    let rehearsal: Rehearsal = canon::from_bytes(bytes).ok()?;
    let entry = root.agents.get(&rehearsal.agent).filter(|agent| agent.rehearses)?;
    let place = entry.environment == rehearsal.environment && entry.region == rehearsal.region;
    let armour = files.get(&format!("{path}.{}.sig", rehearsal.agent)).filter(|_| place)?;
    verify(bytes, armour, Namespace::Rehearsal, &[entry.key.clone()].into()).ok()?;
    Some((rehearsal, armour))
}

/// Keeps the newest rehearsal of each agent.
fn keep(found: &mut Rehearsals, rehearsal: Rehearsal, bytes: &[u8], armour: &[u8]) {
    let agents = found.by_plan.entry((rehearsal.plan, rehearsal.tests)).or_default();
    if agents.get(&rehearsal.agent).is_some_and(|(time, _)| *time >= rehearsal.time) {
        return;
    }
    let signatures = [(rehearsal.agent.clone(), armour.to_vec())].into();
    agents.insert(rehearsal.agent, (rehearsal.time, Signed { bytes: bytes.to_vec(), signatures }));
}
