//! One transaction for all that a change of plans means: deploy state, ledger entries, alerts. All of it or nothing.

use std::collections::BTreeMap;

use assent_schema::alert::Rule;
use assent_schema::canon;
use assent_schema::id::{ClientId, WorkflowId};

use super::board::{Place, Proposal};
use super::machine::{Change, Off, Proven, Workflow};
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
