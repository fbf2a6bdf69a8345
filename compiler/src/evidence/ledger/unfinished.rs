//! Whether somebody was told of each run that could not be finished.

use std::collections::BTreeMap;

use assent_schema::counted::counted;
use assent_schema::ledger::kind::Ended;
use assent_schema::ledger::{Entry, Kind};
use assent_schema::plan::Ending;
use assent_schema::time::Moment;

use super::places::{is_gap, is_gap_until};
use super::{Notes, Verified};

/// A run for which no incident is known to have been open when it ended.
struct Alone<'a> {
    index: u64,
    run: u64,
    outcome: &'a str,
    time: Moment,
}

/// Each run that could not be finished opens an incident, or belongs to one of its rule whose cause is not gone. Of a log that
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
    for Alone { run, outcome, time, .. } in told {
        let said = format!("{origin}: run {run} ended {outcome} at {time}, and no incident of that was open.");
        notes.object("P12", said.clone());
        notes.object("P19", said);
    }
}

fn alone(entries: &[Entry]) -> Vec<Alone<'_>> {
    let (mut open, mut alone): (BTreeMap<&str, &str>, Vec<Alone<'_>>) = (BTreeMap::new(), Vec::new());
    for entry in entries {
        match &entry.kind {
            Kind::Incident(told) if told.state.as_str() == "opened" => {
                let cause = told.cause.as_str();
                open.insert(told.id.as_str(), cause);
                // It is one transaction with the end of the run, in whatever order.
                alone.retain(|one| one.time != entry.time || !is_of(cause, one.outcome));
            }
            Kind::Incident(told) if ["resolved", "closed"].contains(&told.state.as_str()) => {
                open.remove(told.id.as_str());
            }
            Kind::Ended(ended) if leaves_work(ended) => {
                let outcome = ended.outcome.as_str();
                if !open.values().any(|cause| is_of(cause, outcome)) {
                    let (index, time) = (entry.index, entry.time);
                    alone.extend(entry.run.map(|run| Alone { index, run, outcome, time }));
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

/// Whether a rule is that of such an end.
fn is_of(cause: &str, outcome: &str) -> bool {
    cause == outcome || cause.strip_prefix("run-") == Some(outcome)
}
