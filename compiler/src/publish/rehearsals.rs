//! The rehearsals that staging agents signed and pushed, verified before a release relies on them; and those with which the
//! release before came, whose plans are not asked for others as long as releases name them.
//!
//! # Source
//! trust.md section 4. Promise P15.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::id::{AgentId, Environment};
use assent_schema::release::{FileName, REHEARSAL_MOST, Rehearsal};
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Verified, verify_rehearsal};
use git2::Repository;

use super::branch;
use super::prepare::{Published, listed};
use crate::bundle::Signed;
use crate::error::Error;

/// A plan and the tests over which it was rehearsed.
type Pair = (Digest, Digest);

/// What staging agents attest.
#[derive(Clone, Debug, Default)]
pub struct Rehearsals {
    complete: BTreeSet<Pair>,
    newest: BTreeMap<Pair, BTreeMap<AgentId, Attested>>,
}

/// One agent's newest rehearsal of a pair.
#[derive(Clone, Debug)]
struct Attested {
    time: Moment,
    signed: Signed<AgentId>,
}

impl Rehearsals {
    /// Pairs of plan and tests that enough different agents rehearsed.
    pub fn complete(&self) -> &BTreeSet<Pair> {
        &self.complete
    }

    /// The rehearsals of some plans over some tests, one of each agent. Those with which the release before came go on where
    /// there are not enough others.
    pub fn of(&self, pairs: &BTreeSet<Pair>, carried: &Carried) -> Vec<Signed<AgentId>> {
        let mut found = Vec::new();
        for pair in pairs {
            let newest = self.newest.get(pair);
            found.extend(newest.into_iter().flat_map(BTreeMap::values).map(|attested| attested.signed.clone()));
            let older = carried.signed.get(pair).filter(|_| !self.complete.contains(pair));
            let older = older.into_iter().flatten();
            let gone = older.filter(|(agent, _)| newest.is_none_or(|newest| !newest.contains_key(*agent)));
            found.extend(gone.map(|(_, signed)| signed.clone()));
        }
        found
    }
}

/// What the release before names with its rehearsals. Only one whose signatures hold may be given.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    pairs: BTreeSet<Pair>,
    signed: BTreeMap<Pair, BTreeMap<AgentId, Signed<AgentId>>>,
}

impl Carried {
    /// What a release names, and the rehearsals that it holds as its manifest lists them.
    pub fn of(before: &Published) -> Self {
        let pairs: BTreeSet<Pair> = before.manifest.active.iter().map(|active| (active.plan, active.tests)).collect();
        let mut armours: BTreeMap<Digest, BTreeMap<AgentId, Vec<u8>>> = BTreeMap::new();
        for (name, bytes) in listed(Some(before)) {
            if let FileName::RehearsalSignature(digest, agent) = name {
                armours.entry(digest).or_default().insert(agent, bytes.clone());
            }
        }
        let mut signed: BTreeMap<Pair, BTreeMap<AgentId, Signed<AgentId>>> = BTreeMap::new();
        for (name, bytes) in listed(Some(before)) {
            let FileName::Rehearsal(digest) = name else { continue };
            let Ok(rehearsal) = canon::from_bytes::<Rehearsal>(bytes) else { continue };
            let pair = (rehearsal.plan, rehearsal.tests);
            let Some(armour) = armours.get(&digest).and_then(|by| by.get(&rehearsal.agent)) else { continue };
            if pairs.contains(&pair) {
                let signatures = [(rehearsal.agent.clone(), armour.clone())].into();
                let one = Signed { bytes: bytes.clone(), signatures };
                signed.entry(pair).or_default().insert(rehearsal.agent, one);
            }
        }
        Self { pairs, signed }
    }

    /// The pairs of plan and tests that the release names.
    pub fn pairs(&self) -> &BTreeSet<Pair> {
        &self.pairs
    }
}

/// Reads every status branch of an environment. What does not verify counts for nothing.
///
/// # Errors
/// When a branch cannot be read.
pub fn collect(
    repository: &Repository,
    environment: &Environment,
    roots: &RootChain,
    at: Moment,
) -> Result<Rehearsals, Error> {
    let mut found = Rehearsals::default();
    for name in branch::branches(repository, &format!("status/{environment}/"))? {
        // Whoever may push can make any branch: those of no agent are not looked at, and one that cannot be read says nothing.
        let agent = name.rsplit('/').next().and_then(|agent| agent.parse::<AgentId>().ok());
        if !agent.is_some_and(|agent| roots.newest().agents.contains_key(&agent)) {
            continue;
        }
        let Some(tip) = branch::tip(repository, &name)? else { continue };
        let Ok(files) = branch::read(repository, tip) else { continue };
        for (path, bytes) in &files {
            for (agent, armour) in signatures(&files, path) {
                let Ok(rehearsal) = verify_rehearsal(path, bytes, &agent, armour, roots) else { continue };
                if rehearsal.environment == *environment && counts(&rehearsal, at) {
                    keep(
                        &mut found,
                        &rehearsal,
                        Signed { bytes: bytes.clone(), signatures: [(agent, armour.clone())].into() },
                    );
                }
            }
        }
    }
    let needed = roots.newest().rehearsals;
    let enough = |agents: &BTreeMap<AgentId, _>| u32::try_from(agents.len()).is_ok_and(|agents| agents >= needed);
    found.complete = found.newest.iter().filter(|(_, agents)| enough(agents)).map(|(pair, _)| *pair).collect();
    Ok(found)
}

/// The signatures beside a rehearsal, `rehearsals/<digest>.json.<agent>.sig`; none when the path is not of one.
fn signatures<'f>(files: &'f branch::Files, path: &str) -> Vec<(AgentId, &'f Vec<u8>)> {
    if path.strip_prefix("rehearsals/").and_then(|name| name.strip_suffix(".json")).is_none() {
        return Vec::new();
    }
    let start = format!("{path}.");
    let agent = |name: &str| name.strip_prefix(&start)?.strip_suffix(".sig")?.parse().ok();
    let beside = files.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start));
    beside.filter_map(|(name, armour)| Some((agent(name)?, armour))).collect()
}

/// Whether it is recent and every scenario passed.
fn counts(rehearsal: &Rehearsal, at: Moment) -> bool {
    let is_recent = rehearsal.time <= at && at.since(rehearsal.time) <= REHEARSAL_MOST;
    is_recent && !rehearsal.results.is_empty() && rehearsal.results.iter().all(|result| result.passed)
}

/// Keeps the newest rehearsal of each agent.
fn keep(found: &mut Rehearsals, rehearsal: &Verified<Rehearsal>, signed: Signed<AgentId>) {
    let agents = found.newest.entry((rehearsal.plan, rehearsal.tests)).or_default();
    if agents.get(&rehearsal.agent).is_none_or(|known| known.time < rehearsal.time) {
        agents.insert(rehearsal.agent.clone(), Attested { time: rehearsal.time, signed });
    }
}
