//! Whether somebody was told of each run that could not be finished.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::id::WorkflowId;
use assent_schema::ledger::kind::{Ended, Incident};
use assent_schema::ledger::{Entry, Kind, Token};
use assent_schema::plan::Ending;
use assent_schema::time::Moment;

use super::places::{is_gap, is_gap_until};
use super::{Notes, Verified};

/// A run for which no incident is known to have been open when it ended.
struct Alone<'a> {
    index: u64,
    run: u64,
    ended: &'a Ended,
    workflow: Option<&'a WorkflowId>,
    time: Moment,
}

/// Whose workflow's a run is: by its plan, as the entries of deployments name them.
struct Workflows<'a> {
    by_plan: BTreeMap<Digest, &'a WorkflowId>,
    by_run: BTreeMap<u64, Digest>,
}

impl<'a> Workflows<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let (mut by_plan, mut by_run) = (BTreeMap::new(), BTreeMap::new());
        for entry in entries {
            match &entry.kind {
                Kind::Deployed(deployed) => by_plan.extend(entry.plan.map(|plan| (plan, &deployed.workflow))),
                Kind::RolledBack(back) => {
                    by_plan.extend([Some(back.from), back.to].into_iter().flatten().map(|plan| (plan, &back.workflow)));
                }
                Kind::Accepted(_) => by_run.extend(entry.run.zip(entry.plan)),
                _ => {}
            }
        }
        Self { by_plan, by_run }
    }

    fn of_run(&self, run: u64, ended: &Entry) -> Option<&'a WorkflowId> {
        let plan = ended.plan.or_else(|| self.by_run.get(&run).copied())?;
        self.by_plan.get(&plan).copied()
    }
}

/// Each run that could not be finished opens an incident, or belongs to one of its cause that is not gone: of its rule, its code
/// and its connection, and where no connection is to blame, of its workflow. Of a log that
/// began anew after a recovery, the incidents of before are told elsewhere. What a body that is gone said, nobody can tell: it may
/// have opened the incident to which every run after it belongs.
pub(super) fn look(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    if origin.client.is_none() {
        return;
    }
    let is_told = |alone: &Alone<'_>| {
        origin.is_first()
            && !is_gap(&verified.entries, 0, alone.index)
            && !is_gap_until(verified, alone.index, alone.time)
    };
    let (told, unknown): (Vec<_>, Vec<_>) = alone(&verified.entries).into_iter().partition(is_told);
    if !unknown.is_empty() {
        let why = if origin.is_first() { "bodies are gone" } else { "another log tells what was open before" };
        let said = format!(
            "{origin}: of {} that could not be finished it cannot be told whether an incident was open, for {why}.",
            counted(unknown.len(), "run")
        );
        notes.see("P12", said.clone());
        notes.see("P19", said);
    }
    for Alone { run, ended, time, .. } in told {
        let outcome = ended.outcome.as_str();
        let said = format!("{origin}: run {run} ended {outcome} at {time}, and no incident of that was open.");
        notes.object("P12", said.clone());
        notes.object("P19", said);
    }
}

fn alone(entries: &[Entry]) -> Vec<Alone<'_>> {
    let (mut open, mut alone): (BTreeMap<&str, &Incident>, Vec<Alone<'_>>) = (BTreeMap::new(), Vec::new());
    let workflows = Workflows::of(entries);
    for entry in entries {
        match &entry.kind {
            Kind::Incident(told) if told.state.as_str() == "opened" => {
                open.insert(told.id.as_str(), told);
                // It is one transaction with the end of the run, in whatever order.
                alone.retain(|one| one.time != entry.time || !covers(told, (one.ended, one.workflow)));
            }
            Kind::Incident(told) if ["resolved", "closed"].contains(&told.state.as_str()) => {
                open.remove(told.id.as_str());
            }
            Kind::Ended(ended) if leaves_work(ended) => {
                let workflow = entry.run.and_then(|run| workflows.of_run(run, entry));
                if !open.values().any(|told| covers(told, (ended, workflow))) {
                    let (index, time) = (entry.index, entry.time);
                    alone.extend(entry.run.map(|run| Alone { index, run, ended, workflow, time }));
                }
            }
            _ => {}
        }
    }
    alone
}

/// Whether a run that ended so left something to people, so that an incident is due.
pub(super) fn leaves_work(ended: &Ended) -> bool {
    ended.left.is_some() || !is_fine(ended.outcome.as_str())
}

/// Whether nobody has to look at a run that ended so; at one of which nobody knows how it ended, somebody has to.
fn is_fine(outcome: &str) -> bool {
    outcome.parse::<Ending>().is_ok_and(|ending| !ending.is_unfinished())
}

/// Whether an incident is that of a run that ended so. What an older agent opened says only its rule.
fn covers(told: &Incident, (ended, workflow): (&Ended, Option<&WorkflowId>)) -> bool {
    let outcome = ended.outcome.as_str();
    let Some(code) = &told.code else { return is_of(told.cause.as_str(), outcome) };
    let of_end = ended.left.as_ref().or(ended.name.as_ref()).map_or(outcome, Token::as_str);
    let same = |one: &WorkflowId| workflow.is_none_or(|workflow| workflow == one);
    is_of(told.cause.as_str(), outcome)
        && code.as_str() == of_end
        && told.connection == ended.connection
        && told.workflow.as_ref().is_none_or(same)
}

/// Whether a rule is that of such an end.
fn is_of(cause: &str, outcome: &str) -> bool {
    cause == outcome || cause.strip_prefix("run-") == Some(outcome)
}
