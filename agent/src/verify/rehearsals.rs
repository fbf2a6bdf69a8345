//! Whether plans that are new here were rehearsed: by enough staging agents, recently, on the same engine, all passed.
//!
//! # Source
//! trust.md section 4. Promise P15.

use std::collections::BTreeSet;

use assent_schema::id::AgentId;
use assent_schema::release::{REHEARSAL_MOST, Rehearsal};
use assent_schema::scenario::Tests;
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Verified, verify_rehearsal};

use super::clients::Named;
use super::files::Sorted;
use super::refusal::{Refusal, RefusalCode};

/// Every rehearsal of the release whose signature counts. One that does not is worth nothing, and no more.
pub(super) fn verified(sorted: &Sorted, roots: &RootChain) -> Vec<Verified<Rehearsal>> {
    let mut found = Vec::new();
    for (digest, (bytes, signatures)) in &sorted.rehearsals {
        let file = format!("rehearsals/{digest}.json");
        found.extend(
            signatures.iter().filter_map(|(agent, armour)| verify_rehearsal(&file, bytes, agent, armour, roots).ok()),
        );
    }
    found
}

/// Checks one plan that is accepted here for the first time.
pub(super) fn check(
    named: &Named,
    rehearsals: &[Verified<Rehearsal>],
    needed: u32,
    engine: &str,
    at: Moment,
) -> Result<(), Refusal> {
    let agents: BTreeSet<&AgentId> =
        rehearsals.iter().filter(|one| counts(one, named, engine, at)).map(|one| &one.agent).collect();
    if u32::try_from(agents.len()).unwrap_or(u32::MAX) >= needed {
        return Ok(());
    }
    let workflow = format!("{}/{}", named.active.client, named.active.workflow);
    let detail = format!("{workflow} has {} of {needed} rehearsals that count", agents.len());
    Err(Refusal::new(RefusalCode::NotRehearsed, detail))
}

fn counts(rehearsal: &Rehearsal, named: &Named, engine: &str, at: Moment) -> bool {
    rehearsal.plan == named.active.plan
        && rehearsal.tests == named.active.tests
        && major(&rehearsal.engine.version) == major(engine)
        && rehearsal.time <= at
        && at.since(rehearsal.time) <= REHEARSAL_MOST
        && is_whole(rehearsal, &named.tests)
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
