//! How scenarios are run: on the agent's engine, in simulated time.

use assent_agent::rehearse::{Rehearsed, rehearse};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::coverage::Evidence;
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;

/// Runs all scenarios of a workflow and tells what those that passed reached. Nothing when the engine does not take it.
pub fn evidence(plan: &Plan, digest: Digest, tests: &Tests, facts: &ClientFacts) -> Option<Evidence> {
    Some(sum(&rehearse(plan, digest, tests, facts).ok()?))
}

/// What all scenarios of a workflow show together.
pub(super) fn sum(results: &[Rehearsed]) -> Evidence {
    let mut evidence = Evidence::default();
    for rehearsed in results {
        match rehearsed.failures.first() {
            None => evidence.reached.merge(rehearsed.reached.clone()),
            Some(first) => drop(evidence.failing.insert(rehearsed.scenario.clone(), first.clone())),
        }
    }
    evidence
}
