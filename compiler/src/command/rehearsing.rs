//! How scenarios are run: on the agent's engine, in simulated time.

use std::collections::BTreeSet;

use assent_agent::rehearse::{Rehearsed, rehearse};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::coverage::{Evidence, Failing};
use assent_schema::id::Name;
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;

/// What steps meet where nothing went wrong, or where people and time decided.
const FINE: [&str; 11] =
    ["ok", "accepted", "cached", "confirmed", "shadow", "answered", "approve", "refuse", "late", "arrived", "over"];

/// Runs all scenarios of a workflow and tells what those that passed reached. Nothing when the engine does not take it.
pub fn evidence(plan: &Plan, digest: Digest, tests: &Tests, facts: &ClientFacts) -> Option<Evidence> {
    Some(sum(&rehearse(plan, digest, tests, facts).ok()?))
}

/// What all scenarios of a workflow show together.
pub(super) fn sum(results: &[Rehearsed]) -> Evidence {
    let mut evidence = Evidence::default();
    let passed = results.iter().filter(|rehearsed| rehearsed.failures.is_empty());
    let fine: BTreeSet<&(Name, String)> = passed.flat_map(|rehearsed| &rehearsed.codes).collect();
    for rehearsed in results {
        let Some(first) = rehearsed.failures.first() else {
            evidence.reached.merge(rehearsed.reached.clone());
            continue;
        };
        let is_wrong = |(_, code): &&(Name, String)| !FINE.contains(&code.as_str()) && !code.starts_with("item_");
        let met = rehearsed.codes.iter().filter(is_wrong).filter(|met| !fine.contains(met)).cloned().collect();
        let failing = Failing { what: first.clone(), met, unanswered: rehearsed.unanswered.clone() };
        evidence.failing.insert(rehearsed.scenario.clone(), failing);
    }
    evidence
}
