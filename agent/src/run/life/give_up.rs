//! Ends a run of which the journal may not tell the whole story: nothing of it is done any more, people take it over.
//!
//! # Source
//! trust.md section 6: a recovery puts all unfinished effects in doubt.

use assent_schema::id::GroupId;
use assent_schema::plan::Effect;

use crate::run::compiled::Compiled;
use crate::run::life::progress::Progress;
use crate::store::{Aim, Alert, EffectDone, Ending, Entry, JournalRow, QueueItem, RunId, Write};
use crate::world::Wall;

/// Why such a run ended.
const CODE: &str = "recovered";
/// Whose queue it is where the plan, which says so, is not there any more.
const NOBODY: &str = "oncall";

/// What ends a run, with an item of the manual queue that calls each effect in doubt which is not known to be done. Nothing
/// when the rows are none of a run.
pub fn give_up(run: RunId, rows: &[JournalRow], compiled: Option<&Compiled>, now: Wall) -> Vec<Write> {
    let Some(Entry::Accepted(accepted)) = rows.first().map(|row| &row.entry) else { return Vec::new() };
    let done = compiled.map_or_else(|| attempted(rows), |compiled| Progress::replay(rows).doubtful(compiled));
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
    let alert = Alert::of_run(Ending::Stopped, &client, CODE).in_workflow(&workflow).in_run(run);
    let entry = Entry::Ended { ending: Ending::Stopped, stop: None, step: None, code: Some(CODE.to_owned()) };
    vec![
        Write::Queue(Box::new(item)),
        Write::Alert(alert),
        Write::Journal { run, entry },
        Write::Close { run },
        Write::State { name: crate::run::events::deliver::cancel_name(run), value: None },
    ]
}

/// What the journal alone tells of effects, where the plan is not there any more: each that was attempted is in doubt.
fn attempted(rows: &[JournalRow]) -> Vec<EffectDone> {
    let mut all: Vec<EffectDone> = Vec::new();
    for row in rows {
        let Entry::Intent(intent) = &row.entry else { continue };
        let told = all.iter().any(|one| one.step == intent.step && one.item == intent.item);
        if intent.effect != Effect::None && intent.aim == Aim::Step && !intent.shadow && !told {
            let (step, item) = (intent.step.clone(), intent.item.clone());
            all.push(EffectDone { step, item, operation: intent.operation.clone(), in_doubt: true });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assent_schema::canon::Digest;
    use serde_json::json;

    use super::*;

    /// A run that read, was about to pay once and again, and would then write a note.
    fn rows() -> Vec<JournalRow> {
        let accepted = json!({"accepted": {"client": "acme", "workflow": "refund", "plan": Digest::from_bytes([3; 32]), "number": 1,
            "trigger": "manual", "event": "lena"}});
        let intent = |step: &str, operation: &str, effect: &str, attempt: u32| json!({"intent": {"step": step, "attempt": attempt, "operation": operation, "effect": effect}});
        [
            accepted,
            intent("look", "shop.look", "none", 1),
            intent("pay", "shop.pay", "money", 1),
            json!({"outcome": {"step": "pay", "attempt": 1, "code": "timed_out", "in_doubt": true}}),
            intent("pay", "shop.pay", "money", 2),
        ]
        .into_iter()
        .map(|entry| JournalRow { at: Wall::from_millis(5), entry: serde_json::from_value(entry).unwrap() })
        .collect()
    }

    fn compiled() -> Compiled {
        let operation = |effect: &str| {
            json!({"record": "r", "method": "POST", "path": "/x", "encoding": "json", "effect": effect, "scopes": [],
                "params": {}, "response": {}, "most_bytes": 1, "timeout": "1s"})
        };
        let call = |id: &str, operation: &str| json!({"id": id, "action": {"kind": "call", "operation": operation, "with": {}, "retry": {"attempts": 2, "first": "1s", "most": "1m"}}});
        let plan = json!({
            "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "s", "purpose": "p", "mode": "live",
            "trigger": {"kind": "manual", "fields": {}}, "limits": {"timeout": "10m", "concurrency": 1}, "connections": {},
            "operations": {"shop.look": operation("none"), "shop.pay": operation("money"), "shop.note": operation("write")},
            "steps": [call("look", "shop.look"), call("pay", "shop.pay"), call("note", "shop.note")],
            "fallback": {"queue": "support-leads"},
        });
        let plan = serde_json::from_value(plan).unwrap();
        Compiled::new(Arc::new(plan), Digest::from_bytes([3; 32])).unwrap()
    }

    fn item(compiled: Option<&Compiled>) -> QueueItem {
        let run = RunId::from_bytes([4; 16]);
        let writes = give_up(run, &rows(), compiled, Wall::from_millis(9));
        let closes = |write: &Write| matches!(write, Write::Close { run: of } if *of == run);
        assert!(writes.iter().any(closes), "a run that was given up is over");
        let item = writes.into_iter().find_map(|write| match write {
            Write::Queue(item) => Some(*item),
            _ => None,
        });
        item.expect("an item of the manual queue")
    }

    fn told(item: &QueueItem) -> Vec<(&str, bool)> {
        item.done.iter().map(|done| (done.step.as_str(), done.in_doubt)).collect()
    }

    #[test]
    fn what_was_begun_and_what_came_next_are_in_doubt() {
        let compiled = compiled();
        let item = item(Some(&compiled));
        assert_eq!(item.queue.as_str(), "support-leads");
        assert_eq!(told(&item), [("pay", true), ("note", true)]);
    }

    #[test]
    fn a_payment_is_told_also_when_the_plan_is_gone() {
        let item = item(None);
        assert_eq!(item.queue.as_str(), NOBODY);
        assert_eq!(told(&item), [("pay", true)]);
    }

    #[test]
    fn rows_of_no_run_end_nothing() {
        assert!(give_up(RunId::from_bytes([4; 16]), &rows()[1..], None, Wall::from_millis(9)).is_empty());
    }
}
