//! Effects in doubt that no further run could settle: what nothing may offer to try again. Pure.
//!
//! The random key under which requests are compared goes with the run, so a later run never repeats under the idempotency key: it
//! can only ask. It does so where the plan says how, and where what it asks with stands in the journal.
//!
//! # Source
//! engine.md section 3, "Effects".

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Each, OnItemError, Plan};

use super::taken_over::{Done, lasting};
use crate::store::{Ending, Entry, FactText, ItemEnd, JournalRow, StepAt};

/// The effect in doubt because of which a run that goes on with this one, or begins it anew with a plan, would end where it
/// did: nothing can tell whether it happened. Nothing where another try could do more.
pub fn unsettled(rows: &[JournalRow], plan: &Plan) -> Option<OperationRef> {
    let Some(Entry::Ended { ending, .. }) = rows.last().map(|row| &row.entry) else { return None };
    let (passed, over) = (passed(rows), over(rows));
    let mut left: BTreeMap<(&Name, FactText), OperationRef> = BTreeMap::new();
    for (at, done) in lasting(rows) {
        if done.sure || passed.contains(&at) || tells(&done, plan) {
            continue;
        }
        let Some(item) = at.item.clone() else { return Some(done.intent.operation) };
        let Some((id, each)) = each_of(plan, &at.step) else { continue };
        let how = over.get(&(id, &item)).copied();
        match how {
            // Somebody let it be passed over, or it is gone.
            Some(ItemEnd::Done | ItemEnd::Gone) => {}
            Some(ItemEnd::Failed) | None if each.on_error == OnItemError::Stop => return Some(done.intent.operation),
            Some(ItemEnd::Failed) | None => drop(left.insert((id, item), done.intent.operation)),
        }
    }
    // Of a run that came to its end, items alone are left; where some of them surely failed, those may be done.
    let mut failed = over.iter().filter(|(_, how)| **how == ItemEnd::Failed);
    let only_doubt =
        *ending == Ending::Done && failed.all(|((id, item), _)| left.contains_key(&(*id, (*item).clone())));
    left.into_values().next().filter(|_| only_doubt)
}

/// Whether the other side can be asked what became of an effect.
fn tells(done: &Done, plan: &Plan) -> bool {
    plan.operations.get(&done.intent.operation).is_some_and(|operation| {
        (operation.confirm.is_some() && done.intent.confirm.is_some())
            || (operation.job.is_some() && done.is_accepted())
    })
}

/// Steps that were passed over: they are not tried again.
fn passed(rows: &[JournalRow]) -> BTreeSet<StepAt> {
    let of = |row: &JournalRow| match &row.entry {
        Entry::Passed { step, item, .. } => Some(StepAt::new(step, item.as_ref())),
        _ => None,
    };
    rows.iter().filter_map(of).collect()
}

/// How the items of each `each` ended, the last word of each.
fn over(rows: &[JournalRow]) -> BTreeMap<(&Name, &FactText), ItemEnd> {
    let ends = rows.iter().filter_map(|row| match &row.entry {
        Entry::Item { step, item, how, .. } => Some(((step, item), *how)),
        _ => None,
    });
    ends.collect()
}

/// The `each` that holds a step.
fn each_of<'p>(plan: &'p Plan, step: &Name) -> Option<(&'p Name, &'p Each)> {
    plan.steps.iter().find_map(|outer| match &outer.action {
        Action::Each(each) if each.steps.iter().any(|inner| inner.id == *step) => Some((&outer.id, &**each)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::world::Wall;

    fn plan(confirms: bool, on_error: &str) -> Plan {
        let pay = |confirm: Value| {
            let mut pay = json!({"record": "r", "method": "POST", "path": "/x", "encoding": "json", "effect": "money",
                "scopes": [], "params": {}, "response": {}, "most_bytes": 1, "timeout": "1s"});
            if confirms {
                pay["confirm"] = confirm;
            }
            pay
        };
        let pay = pay(json!({"operation": "find", "with": {}, "field": "id", "settles": "1s"}));
        let call = |id: &str| json!({"id": id, "action": {"kind": "call", "operation": "shop.pay", "with": {}, "retry": {"attempts": 2, "first": "1s", "most": "1m"}}});
        serde_json::from_value(json!({
            "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "s", "purpose": "p", "mode": "live",
            "trigger": {"kind": "manual", "fields": {}}, "limits": {"timeout": "10m", "concurrency": 1}, "connections": {},
            "operations": {"shop.pay": pay},
            "steps": [call("pay"), {"id": "all", "action": {"kind": "each", "item": "one", "key": "one.id", "max": 9, "parallel": 1,
                "on_error": on_error, "over": "list.items", "steps": [call("hold")]}}],
            "fallback": {"queue": "support-leads"},
        }))
        .unwrap()
    }

    fn intent(step: &str, item: Option<&str>, confirm: bool) -> Value {
        let mut intent = json!({"step": step, "attempt": 1, "operation": "shop.pay", "effect": "money"});
        if let Some(item) = item {
            intent["item"] = json!(item);
        }
        if confirm {
            intent["confirm"] = json!({});
        }
        json!({ "intent": intent })
    }

    fn outcome(step: &str, item: Option<&str>, in_doubt: bool) -> Value {
        let mut outcome = json!({"step": step, "attempt": 1, "code": "server_error", "in_doubt": in_doubt});
        if let Some(item) = item {
            outcome["item"] = json!(item);
        }
        json!({ "outcome": outcome })
    }

    fn item(key: &str, how: &str) -> Value {
        json!({"item": {"step": "all", "item": key, "how": how}})
    }

    fn ended(ending: &str) -> Value {
        json!({"ended": {"ending": ending}})
    }

    fn is_left(plan: &Plan, entries: &[Value]) -> bool {
        let row = |entry: &Value| JournalRow {
            at: Wall::from_millis(5),
            entry: serde_json::from_value(entry.clone()).unwrap(),
        };
        let rows: Vec<JournalRow> = entries.iter().map(row).collect();
        unsettled(&rows, plan).is_some_and(|operation| operation.to_string() == "shop.pay")
    }

    #[test]
    fn a_step_in_doubt_is_left_to_people_unless_the_other_side_can_be_asked() {
        let lost = |confirm| [intent("pay", None, confirm), outcome("pay", None, true), ended("failed")];
        let (plain, asks) = (plan(false, "collect"), plan(true, "collect"));
        assert!(is_left(&plain, &lost(false)), "whether the API knows its key or not");
        assert!(is_left(&asks, &lost(false)), "what it would ask with is not known any more");
        assert!(!is_left(&asks, &lost(true)));
        assert!(is_left(&plain, &[intent("pay", None, false), ended("stopped")]), "nothing is known of it");
        let surely = [intent("pay", None, false), outcome("pay", None, false), ended("failed")];
        assert!(!is_left(&plain, &surely));
        let passed = json!({"passed": {"step": "pay", "code": "skipped"}});
        let [intent, outcome, ended] = lost(false);
        assert!(!is_left(&plain, &[intent.clone(), outcome.clone(), passed, ended]), "somebody skipped it");
        assert!(!is_left(&plain, &[intent, outcome]), "it is under way");
    }

    #[test]
    fn items_in_doubt_are_left_to_people_where_no_other_is_left() {
        let (collects, stops) = (plan(false, "collect"), plan(false, "stop"));
        let doubt = |key| [intent("hold", Some(key), false), outcome("hold", Some(key), true), item(key, "failed")];
        let surely = |key| [intent("hold", Some(key), false), outcome("hold", Some(key), false), item(key, "failed")];
        let with = |parts: &[&[Value]], ending: &str| [parts.concat(), vec![ended(ending)]].concat();
        assert!(is_left(&collects, &with(&[&doubt("1"), &doubt("2")], "done")));
        assert!(!is_left(&collects, &with(&[&doubt("1"), &surely("2")], "done")), "the second may be done");
        assert!(!is_left(&collects, &with(&[&doubt("1")], "failed")), "what came after may be done");
        assert!(is_left(&stops, &with(&[&doubt("1"), &surely("2")], "failed")), "the walk would stop there");
        assert!(!is_left(&collects, &with(&[&doubt("1"), &[item("1", "gone")]], "done")), "somebody skipped it");
    }
}
