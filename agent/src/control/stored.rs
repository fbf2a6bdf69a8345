//! Answers that the store alone can give: the same whether the agent runs or not.

use std::collections::BTreeMap;

use assent_schema::counted::counted;
use assent_schema::id::ClientId;

use super::{Answer, QueueRow, RUNS_MOST, RunRow, RunState, RunStory, Written};
use crate::store::{Aim, Entry, JournalRow, QueueItem, RunFilter, RunId, RunLine, StepAt, Store, StoreError, run_name};
/// Runs, newest first.
///
/// # Errors
/// [`StoreError`].
pub fn runs(store: &impl Store, client: Option<ClientId>, most: usize) -> Result<Answer, StoreError> {
    let filter = RunFilter { client, most: most.min(RUNS_MOST), ..RunFilter::default() };
    store.runs(&filter)?.iter().map(|line| row_in(store, line)).collect::<Result<_, _>>().map(Answer::Runs)
}

/// One run with its journal.
///
/// # Errors
/// [`StoreError`].
pub fn run(store: &impl Store, run: RunId) -> Result<Answer, StoreError> {
    let journal = store.journal(run)?;
    let Some(row) = row_of(run, &journal) else { return Ok(Answer::Run(None)) };
    let journal = journal.iter().map(|row| Written { at: row.at.moment(), entry: row.entry.clone() }).collect();
    Ok(Answer::Run(Some(Box::new(RunStory { run: row, journal }))))
}

/// A run as lists show it, from its journal.
pub(crate) fn row_of(run: RunId, journal: &[JournalRow]) -> Option<RunRow> {
    let (Some(JournalRow { at, entry: Entry::Accepted(accepted) }), Some(last)) = (journal.first(), journal.last())
    else {
        return None;
    };
    let line = RunLine { run, accepted: (**accepted).clone(), at: *at, last: last.clone() };
    Some(row(&line, waits(journal)))
}

/// The manual queue.
///
/// # Errors
/// [`StoreError`].
pub fn queue(store: &impl Store) -> Result<Answer, StoreError> {
    queued(store, store.queue()?)
}

/// Items of the manual queue as lists show them.
///
/// # Errors
/// [`StoreError`].
pub fn queued(store: &impl Store, items: Vec<QueueItem>) -> Result<Answer, StoreError> {
    let row = |item: QueueItem| Ok(QueueRow { name: run_name(store, item.run)?, item });
    items.into_iter().map(row).collect::<Result<_, _>>().map(Answer::Queue)
}

/// A run as lists show it.
///
/// # Errors
/// [`StoreError`].
pub fn row_in(store: &impl Store, line: &RunLine) -> Result<RunRow, StoreError> {
    let row = row(line, None);
    if row.state != RunState::Running || row.step.is_none() {
        return Ok(row);
    }
    Ok(row_of(line.run, &store.journal(line.run)?).unwrap_or(row))
}

/// What a run waits for, if it waits. After a restart what it read is read again, and what it waits for stands all the same.
pub(crate) fn waits(journal: &[JournalRow]) -> Option<&Entry> {
    let mut open: BTreeMap<StepAt, &Entry> = BTreeMap::new();
    for entry in journal.iter().map(|row| &row.entry) {
        match entry {
            Entry::Asked(waiting) => drop(open.insert(waiting.at(), entry)),
            Entry::Rests { step, item, .. } => drop(open.insert(StepAt::new(step, item.as_ref()), entry)),
            Entry::Decided { step, item, .. } | Entry::Woke { step, item, .. } => {
                open.remove(&StepAt::new(step, item.as_ref()));
            }
            Entry::Ended { .. } => return None,
            _ => {}
        }
    }
    open.into_values().next_back()
}

fn row(line: &RunLine, waits: Option<&Entry>) -> RunRow {
    let (state, step, code) = match waits.unwrap_or(&line.last.entry) {
        Entry::Ended { ending, step, code, .. } => (RunState::of(*ending), step.clone(), code.clone()),
        Entry::Asked(waiting) => (RunState::Waiting, Some(waiting.step.clone()), None),
        Entry::Accepted(_) | Entry::Quiet {} => (RunState::Running, None, None),
        Entry::Intent(intent) => (RunState::Running, Some(intent.step.clone()), None),
        Entry::Outcome(outcome) => (RunState::Running, Some(outcome.step.clone()), None),
        Entry::Passed { step, code, .. } => (RunState::Running, Some(step.clone()), Some(code.clone())),
        Entry::Rests { step, .. } => (RunState::Resting, Some(step.clone()), None),
        Entry::When { step, .. }
        | Entry::Answered { step, .. }
        | Entry::Decided { step, .. }
        | Entry::Walked { step, .. }
        | Entry::Item { step, .. }
        | Entry::Woke { step, .. } => (RunState::Running, Some(step.clone()), None),
    };
    RunRow {
        run: line.run,
        client: line.accepted.client.clone(),
        workflow: line.accepted.workflow.clone(),
        plan: line.accepted.plan,
        number: line.accepted.number,
        life: line.accepted.life,
        trigger: line.accepted.trigger,
        accepted: line.at.moment(),
        last: line.last.at.moment(),
        state,
        step,
        code,
    }
}

/// One fact of a journal, for people.
pub fn sentence(entry: &Entry) -> String {
    match entry.item() {
        Some(item) => format!("{} | {}", item.as_str(), said(entry)),
        None => said(entry),
    }
}

fn said(entry: &Entry) -> String {
    match entry {
        Entry::Accepted(accepted) => {
            let again = accepted.again.map(|run| format!(", goes on with run {run}")).unwrap_or_default();
            format!("accepted, event {}{again}", accepted.event)
        }
        Entry::Quiet {} => "no newer event of its key came".to_owned(),
        Entry::When { step, runs: true, .. } => format!("{step}: its condition holds"),
        Entry::When { step, runs: false, .. } => format!("{step}: skipped, its condition does not hold"),
        Entry::Intent(intent) if intent.shadow => format!("{}: {} would be called", intent.step, intent.operation),
        Entry::Intent(intent) => match intent.aim {
            Aim::Step => format!("{}: calls {}, attempt {}", intent.step, intent.operation, intent.attempt),
            Aim::Confirm => format!("{}: asks {} whether it happened", intent.step, intent.operation),
            Aim::Job => format!("{}: asks {} whether the job is over", intent.step, intent.operation),
        },
        Entry::Outcome(outcome) => {
            let status = outcome.status.map(|status| format!(", status {status}")).unwrap_or_default();
            let doubt = if outcome.in_doubt { ", in doubt" } else { "" };
            let request = outcome.request.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
            format!("{}: {}{status}{doubt}{request}", outcome.step, outcome.code)
        }
        Entry::Answered { step, ended, .. } => format!("{step}: {}", ended.as_str()),
        Entry::Asked(waiting) => format!("{}: asks {}", waiting.step, waiting.by),
        Entry::Decided { step, choice, by, .. } => {
            let who = by.as_ref().map_or_else(|| "nobody in time".to_owned(), ToString::to_string);
            format!("{step}: {}, by {who}", choice.said())
        }
        Entry::Passed { step, code, .. } => format!("{step}: went on after {code}"),
        Entry::Walked { step, items } => format!("{step}: {}", counted(items.len(), "item")),
        Entry::Item { step, item, how, code } => {
            let why = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            format!("{step}: item {} is {}{why}", item.as_str(), how.as_str())
        }
        Entry::Rests { step, until, .. } => {
            format!("{step}: waits until {}", crate::world::Wall::from_millis(*until).moment())
        }
        Entry::Woke { step, arrived: true, .. } => format!("{step}: the event came"),
        Entry::Woke { step, arrived: false, .. } => format!("{step}: the time is over"),
        Entry::Ended { ending, stop, code, .. } => {
            let name = stop.as_ref().map(|stop| format!(" as {stop}")).unwrap_or_default();
            let why = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            format!("ended {}{name}{why}", ending.as_str())
        }
    }
}
