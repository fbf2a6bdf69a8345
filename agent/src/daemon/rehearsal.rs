//! A rehearsal on a staging agent: all scenarios of one plan on the real engine, and the statement about it.

use std::sync::Arc;

use assent_schema::canon;
use assent_schema::release::{Engine, Rehearsal, RehearsalType};

use super::acceptance::Taken;
use super::agent::Agent;
use crate::rehearse;
use crate::verify::WorkflowBundle;

/// Runs the scenarios of a workflow. Returns the statement's bytes; nothing when the plan cannot be run at all.
pub(super) async fn rehearse(agent: &Arc<Agent>, taken: &Arc<Taken>, workflow: &WorkflowBundle) -> Option<Vec<u8>> {
    let active = &workflow.active;
    let facts = Arc::clone(taken.clients.get(&active.client)?);
    let (plan, digest, tests) = (workflow.plan.read()?, active.plan, Arc::clone(workflow.tests.as_ref()?));
    // Scenarios compute and wait for nothing: not on the thread that runs are driven on.
    let asking = Arc::clone(agent);
    let work =
        tokio::task::spawn_blocking(move || (rehearse::rehearse(&plan, digest, &tests, &facts), asking.binary()));
    let Ok((Ok(rehearsed), Ok(binary))) = work.await else {
        tracing::error!(client = %active.client, workflow = %active.workflow, "a plan could not be rehearsed");
        return None;
    };
    for one in rehearsed.iter().filter(|one| !one.failures.is_empty()) {
        let (client, workflow, scenario) = (&active.client, &active.workflow, &one.scenario);
        tracing::warn!(%client, %workflow, %scenario, failures = one.failures.len(), "a scenario failed");
    }
    let statement = Rehearsal {
        kind: RehearsalType::Rehearsal,
        schema: 1,
        project: agent.pin.project,
        environment: agent.config.environment.clone(),
        region: agent.config.region.clone(),
        agent: agent.config.agent.clone(),
        plan: active.plan,
        tests: active.tests,
        engine: Engine { version: env!("CARGO_PKG_VERSION").to_owned(), binary },
        time: agent.field.now(),
        results: rehearsed.iter().map(rehearse::Rehearsed::result).collect(),
    };
    canon::to_bytes(&statement).ok()
}
