//! A rehearsal on a staging agent: all scenarios of one plan on the real engine, and the statement about it.

use std::fmt;
use std::sync::Arc;

use assent_schema::canon;
use assent_schema::release::{Engine, Rehearsal, RehearsalType};

use super::acceptance::Taken;
use super::agent::Agent;
use crate::error::Error;
use crate::rehearse;
use crate::run::NotRunnable;
use crate::verify::WorkflowBundle;

/// Why there is no statement about a plan.
#[derive(Debug)]
pub(super) enum NotRehearsed {
    /// The release lacks what a rehearsal needs.
    Incomplete(&'static str),
    /// The plan is not one that this agent runs.
    NotRunnable(NotRunnable),
    /// It is not known which program this is.
    Program(Error),
    /// A scenario panicked, or the agent stops.
    Ended(tokio::task::JoinError),
    /// What came of it has no canonical form.
    Unwritten(canon::CanonError),
}

impl fmt::Display for NotRehearsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(what) => write!(f, "the release has no {what}"),
            Self::NotRunnable(why) => write!(f, "the plan cannot be run: {why}"),
            Self::Program(why) => write!(f, "{why}"),
            Self::Ended(why) => write!(f, "the rehearsal ended early: {why}"),
            Self::Unwritten(why) => write!(f, "the statement cannot be written: {why}"),
        }
    }
}

/// Runs the scenarios of a workflow. Returns the statement and its bytes.
///
/// # Errors
/// [`NotRehearsed`]. A scenario that fails is none: the statement says so.
pub(super) async fn rehearse(
    agent: &Arc<Agent>,
    taken: &Arc<Taken>,
    workflow: &WorkflowBundle,
) -> Result<(Rehearsal, Vec<u8>), NotRehearsed> {
    let active = &workflow.active;
    let lacks = NotRehearsed::Incomplete;
    let facts = Arc::clone(taken.clients.get(&active.client).ok_or(lacks("client"))?);
    let plan = workflow.plan.read().ok_or(lacks("plan"))?;
    let (digest, tests) = (active.plan, Arc::clone(workflow.tests.as_ref().ok_or(lacks("scenarios"))?));
    // Scenarios compute and wait for nothing: not on the thread that runs are driven on.
    let asking = Arc::clone(agent);
    let work =
        tokio::task::spawn_blocking(move || (rehearse::rehearse(&plan, digest, &tests, &facts), asking.binary()));
    let (rehearsed, binary) = work.await.map_err(NotRehearsed::Ended)?;
    let rehearsed = rehearsed.map_err(NotRehearsed::NotRunnable)?;
    let binary = binary.map_err(NotRehearsed::Program)?;
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
    let bytes = canon::to_bytes(&statement).map_err(NotRehearsed::Unwritten)?;
    Ok((statement, bytes))
}
