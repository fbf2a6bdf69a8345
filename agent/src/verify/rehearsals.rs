//! Whether plans that are new here were rehearsed: by enough staging agents, recently, on the same engine, all passed.
//!
//! # Source
//! trust.md section 4. Promise P15.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::id::AgentId;
use assent_schema::release::{REHEARSAL_MOST, Rehearsal};
use assent_schema::scenario::Tests;
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Verified, verify_rehearsal};

use super::clients::Named;
use super::files::Sorted;
use super::refusal::{Refusal, RefusalCode};
use crate::cores;

/// The rehearsals of some plans whose signature counts, by plan. One that does not is worth nothing, and no more.
///
/// A signature costs more than all else of a plan: those of plans that need none are not looked at.
pub(super) fn verified(
    sorted: &Sorted<'_>,
    roots: &RootChain,
    wanted: &BTreeSet<Digest>,
) -> BTreeMap<Digest, Vec<Verified<Rehearsal>>> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let of_wanted = |bytes| spelled_plan(bytes).is_some_and(|plan| wanted.contains(&plan));
    let all: Vec<_> = sorted.rehearsals.iter().filter(|(_, (bytes, _))| of_wanted(bytes)).collect();
    let counted = cores::each(&all, |(digest, (bytes, signatures))| {
        let file = format!("rehearsals/{digest}.json");
        let verified = |(agent, armour): (&AgentId, &&[u8])| verify_rehearsal(&file, bytes, agent, armour, roots).ok();
        signatures.iter().filter_map(verified).collect::<Vec<_>>()
    });
    let mut found: BTreeMap<Digest, Vec<Verified<Rehearsal>>> = BTreeMap::new();
    for one in counted.into_iter().flatten() {
        found.entry(one.plan).or_default().push(one);
    }
    found
}

/// The plan that a rehearsal in canonical form is of, before it is read: a quote inside of a text has a backslash before it,
/// so nothing but the member is spelled so.
fn spelled_plan(bytes: &[u8]) -> Option<Digest> {
    const MEMBER: &[u8] = b"\"plan\":\"";
    let at = bytes.windows(MEMBER.len()).position(|here| here == MEMBER)?;
    std::str::from_utf8(bytes.get(at + MEMBER.len()..)?.get(..64)?).ok()?.parse().ok()
}

/// Checks one plan that is accepted here for the first time.
pub(super) fn check(
    named: &Named,
    rehearsals: &BTreeMap<Digest, Vec<Verified<Rehearsal>>>,
    needed: u32,
    engine: &str,
    at: Moment,
) -> Result<(), Refusal> {
    let of_plan = rehearsals.get(&named.active.plan).map(Vec::as_slice).unwrap_or_default();
    let agents: BTreeSet<&AgentId> =
        of_plan.iter().filter(|one| counts(one, named, engine, at)).map(|one| &one.agent).collect();
    if u32::try_from(agents.len()).unwrap_or(u32::MAX) >= needed {
        return Ok(());
    }
    let workflow = format!("{}/{}", named.active.client, named.active.workflow);
    let detail = format!("{workflow} has {} of {needed} rehearsals that count", agents.len());
    Err(Refusal::new(RefusalCode::NotRehearsed, detail))
}

fn counts(rehearsal: &Rehearsal, named: &Named, engine: &str, at: Moment) -> bool {
    rehearsal.tests == named.active.tests
        && major(&rehearsal.engine.version) == major(engine)
        && rehearsal.time <= at
        && at.since(rehearsal.time) <= REHEARSAL_MOST
        && named.tests.as_ref().is_some_and(|tests| is_whole(rehearsal, tests))
}

/// Whether each scenario, in order, ran and passed.
fn is_whole(rehearsal: &Rehearsal, tests: &Tests) -> bool {
    let names = tests.scenarios.iter().map(|scenario| scenario.name.as_str());
    rehearsal.results.iter().map(|result| result.scenario.as_str()).eq(names)
        && rehearsal.results.iter().all(|result| result.passed)
}

/// The first number of a version; versions without one are all the same unknown one and match nothing but themselves.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}
