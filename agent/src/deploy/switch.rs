//! One transaction for all that a change of plans means: deploy state, ledger entries, alerts. All of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::alert::Rule;
use assent_schema::canon;
use assent_schema::id::{ClientId, WorkflowId};

use super::board::{Place, Proposal};
use super::machine::{Change, Off, Proven, Why, Workflow};
use crate::store::{Alert, Log, Note, Store, StoreError, Transaction, Write};
use crate::world::Wall;

/// Where the state of each workflow stands in the store.
const PREFIX: &str = "deploy/";

fn name_of(place: &Place) -> String {
    format!("{PREFIX}{}/{}", place.0, place.1)
}

/// Reads the plans of all workflows as they were made durable.
///
/// # Errors
/// When the store cannot be read or holds something else.
pub fn load(store: &impl Store) -> Result<BTreeMap<Place, Workflow>, StoreError> {
    let damaged = || StoreError::Damaged("a row of the deploy state");
    store
        .states(PREFIX)?
        .into_iter()
        .map(|(name, bytes)| {
            let place = name.strip_prefix(PREFIX).and_then(parse_place).ok_or_else(damaged)?;
            Ok((place, canon::from_bytes(&bytes).or(Err(damaged()))?))
        })
        .collect()
}

/// Reads `<client>/<workflow>`.
pub fn parse_place(text: &str) -> Option<Place> {
    let (client, workflow) = text.split_once('/')?;
    Some((ClientId::new(client).ok()?, WorkflowId::new(workflow).ok()?))
}

/// Adds what a proposal means to a transaction.
///
/// # Errors
/// [`StoreError::Damaged`] when a state has no canonical form, which no state has.
pub fn write(proposal: &Proposal, transaction: &mut Transaction) -> Result<(), StoreError> {
    transaction.writes.extend(states(proposal)?);
    transaction.writes.extend(over(proposal));
    for (place, change) in &proposal.changes {
        transaction.writes.extend(note(place, change).map(|note| Write::Note(Box::new(note))));
        transaction.writes.extend(alert(place, change).map(Write::Alert));
    }
    Ok(())
}

/// The states alone, of what was told already.
///
/// # Errors
/// As [`write`].
pub fn states(proposal: &Proposal) -> Result<Vec<Write>, StoreError> {
    let state = |(place, workflow): (&Place, &Workflow)| {
        let kept = Some(workflow).filter(|workflow| **workflow != Workflow::default());
        let value = kept.map(canon::to_bytes).transpose();
        let value = value.or(Err(StoreError::Damaged("a deploy state without canonical form")))?;
        Ok(Write::State { name: name_of(place), value })
    };
    proposal.next.iter().map(state).collect()
}

/// The transaction of a proposal alone.
///
/// # Errors
/// As [`write`].
pub fn transaction(proposal: &Proposal, at: Wall) -> Result<Transaction, StoreError> {
    let mut transaction = Transaction::new(at);
    write(proposal, &mut transaction)?;
    Ok(transaction)
}

fn note((client, workflow): &Place, change: &Change) -> Option<Note> {
    let log = Log::Client(client.clone());
    let deployed = |stage: &str, plan| {
        let note = Note::new(log.clone(), "deployed").fact("workflow", workflow.as_str()).fact("stage", stage);
        Some(Note { plan: Some(plan), ..note })
    };
    let refused =
        |code: &str, digest: String| Some(Note::new(log.clone(), "refused").fact("code", code).fact("digest", digest));
    match change {
        Change::Staged(plan) => deployed("staged", *plan),
        Change::Trial(plan) => deployed("trial", *plan),
        Change::Committed { plan, proven: Proven::Yes } => deployed("committed", *plan),
        Change::Committed { plan, proven: Proven::Not } => deployed("unproven", *plan),
        Change::Returned { plan, to, why } => {
            let note = Note::new(log, "rolled-back").fact("workflow", workflow.as_str());
            let note = note.fact("from", plan.to_string()).fact("why", why.code());
            Some(match to {
                Some(to) => note.fact("to", to.to_string()),
                None => note,
            })
        }
        Change::StaysRefused(plan) => refused("returned", plan.to_string()),
        Change::Denied(plan) => refused("not-permitted", plan.to_string()),
        // What turned it off stands in an entry of its own just before.
        Change::Off(_) => None,
    }
}

/// What stood of a workflow and is over: it was off and runs, or is meant to be off; its plan went back, and another one came.
/// The next time is told again.
fn over(proposal: &Proposal) -> Vec<Write> {
    let runs = |workflow: &Workflow| matches!(workflow.off(), None | Some(Off::NotNamed));
    let offs = proposal.next.iter().filter(|(_, workflow)| runs(workflow)).flat_map(|(place, _)| {
        let codes = [Off::NotPermitted, Off::Returned, Off::Frozen].map(Off::code);
        keys(place, Rule::WorkflowOff, codes)
    });
    let went = proposal.changes.iter().filter(|(_, change)| matches!(change, Change::Returned { .. }));
    let went: BTreeSet<&Place> = went.map(|(place, _)| place).collect();
    let came = |change: &Change| matches!(change, Change::Trial(_) | Change::Committed { .. });
    let others = proposal.changes.iter().filter(|(place, change)| came(change) && !went.contains(place));
    let backs = others.flat_map(|(place, _)| {
        let codes = [Why::FailureRate, Why::Latency, Why::Unproven, Why::ByHand].map(Why::code);
        keys(place, Rule::RolledBack, codes)
    });
    offs.chain(backs).map(|key| Write::AlertOver { key }).collect()
}

/// What alerts of a rule about a workflow are called in the store, one for each code.
fn keys<const N: usize>((client, workflow): &Place, rule: Rule, codes: [&str; N]) -> [String; N] {
    let mut alert = Alert::of(rule, Some(client), "").in_workflow(workflow);
    codes.map(|code| {
        code.clone_into(&mut alert.code);
        alert.key()
    })
}

fn alert((client, workflow): &Place, change: &Change) -> Option<Alert> {
    let (rule, code) = match change {
        // Off because somebody took it out of the release on purpose; the rest is news, no trouble.
        Change::Staged(_)
        | Change::Trial(_)
        | Change::Committed { .. }
        | Change::Denied(_)
        | Change::Off(Off::NotNamed) => return None,
        Change::Returned { why, .. } => (Rule::RolledBack, why.code().to_owned()),
        Change::StaysRefused(plan) => (Rule::Refused, format!("returned-{}", plan.short())),
        Change::Off(off) => (Rule::WorkflowOff, off.code().to_owned()),
    };
    Some(Alert::of(rule, Some(client), code).in_workflow(workflow))
}

#[cfg(test)]
mod tests {
    use assent_schema::canon::Digest;
    use assent_schema::time::Moment;

    use super::super::board::{Accepted, Board};
    use super::*;
    use crate::run::Went;

    /// Alerts that a proposal begins, with a plus, and ends.
    fn told(board: &mut Board, proposal: Proposal) -> Vec<String> {
        let writes = transaction(&proposal, Wall::from_millis(0)).unwrap().writes;
        board.apply(proposal);
        let alerts = writes.into_iter().filter_map(|write| match write {
            Write::Alert(alert) => Some(format!("+{}", alert.key())),
            Write::AlertOver { key } => Some(format!("-{key}")),
            _ => None,
        });
        alerts.collect()
    }

    #[test]
    fn a_workflow_that_runs_again_is_not_off_any_more_and_the_next_time_is_told() {
        let place: Place = ("acme".parse().unwrap(), "refund".parse().unwrap());
        let plan = |n: u8| Digest::from_bytes([n; 32]);
        let naming = |n: u8| Accepted { named: BTreeMap::from([(place.clone(), plan(n))]), ..Accepted::default() };
        let now = Moment::from_seconds(0);
        let (off, back) = ("workflow-off/acme/-/returned/refund", "rolled-back/acme/-/failure-rate/refund");
        let mut board = Board::default();
        for n in 1..=2 {
            let accepted = board.accept(&naming(n), now);
            let runs = told(&mut board, accepted);
            assert!(runs.contains(&format!("-{off}")) && runs.contains(&format!("-{back}")), "{n}: {runs:?}");
            assert!(runs.iter().all(|one| one.starts_with('-')), "{n}: {runs:?}");
            // In trial it fails, and no other plan is left.
            let mut fails = Vec::new();
            for _ in 0..4 {
                let ended = board.ended(&place, plan(n), Went::Badly, 5, now);
                fails.extend(told(&mut board, ended));
            }
            assert!(fails.contains(&format!("+{off}")) && fails.contains(&format!("+{back}")), "{n}: {fails:?}");
            let begun = fails.iter().position(|one| *one == format!("+{off}"));
            let ended = fails.iter().rposition(|one| *one == format!("-{off}"));
            assert!(begun > ended, "{n}: what is so stays told: {fails:?}");
        }
        let gone = board.accept(&Accepted::default(), now);
        let gone = told(&mut board, gone);
        assert!(gone.contains(&format!("-{off}")), "nobody wants it to run: {gone:?}");
    }
}
