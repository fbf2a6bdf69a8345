//! Ends a run of which the journal may not tell the whole story: nothing of it is done any more, people take it over.
//!
//! # Source
//! trust.md section 6: a recovery puts all unfinished effects in doubt.

use assent_schema::id::GroupId;

use super::compiled::Compiled;
use super::progress::Progress;
use crate::store::{Alert, Ending, Entry, JournalRow, QueueItem, RunId, Write};
use crate::world::Wall;

/// Why such a run ended.
const CODE: &str = "recovered";
/// Whose queue it is where the plan, which says so, is not there any more.
const NOBODY: &str = "oncall";

/// What ends a run, with an item of the manual queue that calls each effect in doubt which is not known to be done. Nothing
/// when the rows are none of a run.
pub fn give_up(run: RunId, rows: &[JournalRow], compiled: Option<&Compiled>, now: Wall) -> Vec<Write> {
    let Some(Entry::Accepted(accepted)) = rows.first().map(|row| &row.entry) else { return Vec::new() };
    let done = compiled.map(|compiled| Progress::replay(rows).doubtful(compiled)).unwrap_or_default();
    let queue = compiled.map(|compiled| compiled.plan.fallback.queue.clone());
    let Some(queue) = queue.or_else(|| GroupId::new(NOBODY).ok()) else { return Vec::new() };
    let (client, workflow) = (accepted.client.clone(), accepted.workflow.clone());
    let item = QueueItem {
        run,
        client: client.clone(),
        workflow: workflow.clone(),
        queue,
        why: CODE.to_owned(),
        step: None,
        item: None,
        open: None,
        event: accepted.event.clone(),
        done,
        since: now.millis(),
    };
    let alert = Alert {
        rule: format!("run-{}", Ending::Stopped.as_str()),
        client: Some(client),
        workflow: Some(workflow),
        connection: None,
        code: CODE.to_owned(),
        run: Some(run),
        incident: true,
    };
    let entry = Entry::Ended { ending: Ending::Stopped, stop: None, step: None, code: Some(CODE.to_owned()) };
    vec![
        Write::Queue(Box::new(item)),
        Write::Alert(alert),
        Write::Journal { run, entry },
        Write::Close { run },
        Write::State { name: super::hear::cancel_name(run), value: None },
    ]
}
