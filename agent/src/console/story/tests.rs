//! Runs as people read them.

use serde_json::json;

use super::*;

fn plan(name: &str) -> Plan {
    let text = match name {
        "refund" => include_str!("../../../tests/plans/acme.refund.plan.json"),
        _ => include_str!("../../../tests/plans/acme.reply.plan.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn journal(entries: serde_json::Value) -> Vec<JournalRow> {
    let entries: Vec<Entry> = serde_json::from_value(entries).unwrap();
    let at = |place: usize| Wall::from_millis(1_000 * i64::try_from(place).unwrap());
    entries.into_iter().enumerate().map(|(place, entry)| JournalRow { at: at(place), entry }).collect()
}

fn accepted() -> serde_json::Value {
    json!({"accepted": {"client": "acme", "workflow": "refund", "plan": "0".repeat(64), "number": 7, "trigger": "webhook",
        "event": "evt-1", "fields": {"ticket_id": {"token": "T-1"}}}})
}

fn told(workflow: &str, entries: serde_json::Value) -> Vec<(String, Stand, Vec<Option<bool>>)> {
    let plan = plan(workflow);
    let told = steps(&plan, &journal(entries), jiff::tz::TimeZone::UTC);
    let held = |story: &StepStory<'_>| story.operands.iter().map(|operand| operand.held).collect();
    told.iter().map(|story| (story.step.id.to_string(), story.stand.clone(), held(story))).collect()
}

fn operands(entries: serde_json::Value, step: &str) -> Vec<Option<bool>> {
    told("refund", entries).into_iter().find(|(id, ..)| id == step).unwrap().2
}

fn when(step: &str, runs: bool) -> serde_json::Value {
    json!({"when": {"step": step, "runs": runs}})
}

fn answered(intent: &str) -> serde_json::Value {
    json!({"answered": {"step": "intent", "ended": "answered", "facts": {"intent": {"token": intent}}}})
}

#[test]
fn the_operand_that_was_false_is_named_where_facts_tell_it() {
    // The order's: has(ticket.order_id) && intent.ended == 'answered' && intent.intent == 'refund' && intent.confidence >= 0.8
    let found = operands(json!([accepted(), answered("shipping"), when("order", false)]), "order");
    assert_eq!(found, [None, Some(true), Some(false), None], "content is not kept, so nothing is said of it");
    let found = operands(json!([accepted(), answered("refund"), when("order", false)]), "order");
    assert_eq!(found, [None, Some(true), Some(true), None], "one of two, and nobody knows which");
    let found = operands(json!([accepted(), answered("refund"), when("order", true)]), "order");
    assert_eq!(found, [Some(true); 4]);

    // The payment's: has(order.total) && agree.approved
    let no = json!({"decided": {"step": "agree", "choice": "refuse", "by": "lena"}});
    assert_eq!(operands(json!([accepted(), no, when("pay", false)]), "pay"), [None, Some(false)]);
    let yes = json!({"decided": {"step": "agree", "choice": "approve", "by": "lena"}});
    let found = operands(json!([accepted(), yes, when("pay", false)]), "pay");
    assert_eq!(found, [Some(false), Some(true)], "what is left must be the one");
    let skipped = json!([accepted(), when("order", false), when("agree", false), when("pay", false)]);
    assert_eq!(operands(skipped, "pay"), [Some(false), Some(false)], "of a step that was skipped everything is absent");
}

#[test]
fn every_step_stands_where_the_journal_says() {
    let intent = |step: &str, attempt| json!({"intent": {"step": step, "attempt": attempt, "operation": "helpdesk.get_ticket", "effect": "none"}});
    let outcome = |step: &str, attempt, code: &str, in_doubt: bool| json!({"outcome": {"step": step, "attempt": attempt, "code": code, "status": 503, "in_doubt": in_doubt}});
    let stands =
        |workflow, entries| -> Vec<Stand> { told(workflow, entries).into_iter().map(|(_, stand, _)| stand).collect() };
    let failed = json!([
        accepted(), intent("ticket", 1), outcome("ticket", 1, "unavailable", false), intent("ticket", 2),
        outcome("ticket", 2, "unavailable", false), {"ended": {"ending": "failed", "step": "ticket", "code": "unavailable"}}
    ]);
    let mut wanted = vec![Stand::Ahead; 5];
    wanted[0] = Stand::Failed("unavailable".into());
    assert_eq!(stands("refund", failed.clone()), wanted);
    let refund = plan("refund");
    let steps = steps(&refund, &journal(failed), jiff::tz::TimeZone::UTC);
    assert_eq!(steps[0].attempts.len(), 2);
    assert!(steps[0].attempts.iter().all(|attempt| attempt.outcome.is_some()));

    let skipped = json!([
        accepted(), intent("ticket", 1), outcome("ticket", 1, "ok", false), answered("other"), when("order", false),
        when("agree", false), when("pay", false), {"ended": {"ending": "done"}}
    ]);
    let done = Stand::Done;
    assert_eq!(stands("refund", skipped), [done.clone(), done.clone(), Stand::Skipped, Stand::Skipped, Stand::Skipped]);

    let doubt = json!([accepted(), when("pay", true), intent("pay", 1), outcome("pay", 1, "timeout", true)]);
    assert_eq!(stands("refund", doubt)[4], Stand::InDoubt("timeout".into()));

    // What went well has more names than one, and a job under way is none that failed.
    for code in ["cached", "confirmed", "shadow"] {
        let fine = json!([accepted(), intent("ticket", 1), outcome("ticket", 1, code, false)]);
        assert_eq!(stands("refund", fine)[0], Stand::Done, "{code}");
    }
    let job = json!([accepted(), intent("ticket", 1), outcome("ticket", 1, "accepted", false)]);
    assert_eq!(stands("refund", job)[0], Stand::Running);

    let stopped = json!([
        accepted(), intent("ticket", 1), outcome("ticket", 1, "ok", false), intent("articles", 1),
        outcome("articles", 1, "ok", false), when("unknown", true), {"ended": {"ending": "done", "stop": "unknown"}}
    ]);
    let found = stands("reply", stopped);
    assert_eq!((&found[..3], &found[3..]), (&[done.clone(), done.clone(), done][..], &vec![Stand::Ahead; 5][..]));
}

#[test]
fn who_is_asked_whether_an_effect_happened_is_told_so() {
    let refund = plan("refund");
    let intent = |aim: &str| json!({"intent": {"step": "pay", "attempt": 1, "operation": "shop.refund", "effect": "money", "aim": aim}});
    let outcome = |code: &str, in_doubt: bool| json!({"outcome": {"step": "pay", "attempt": 1, "code": code, "in_doubt": in_doubt}});
    let mut entries = vec![accepted(), when("pay", true), intent("step"), intent("confirm")];
    let pay = |entries: &[serde_json::Value]| {
        steps(&refund, &journal(json!(entries)), jiff::tz::TimeZone::UTC).pop().unwrap()
    };

    // The answer was lost in a crash, and the confirming read is out.
    let story = pay(&entries);
    assert_eq!(story.stand, Stand::Confirming);
    let told: Vec<&str> = story.attempts.iter().enumerate().map(|(at, attempt)| attempt.unanswered(at == 1)).collect();
    assert_eq!(told, ["no answer", "is being read, to learn whether it happened"]);

    // What it told belongs to it.
    entries.push(outcome("confirmed", false));
    let story = pay(&entries);
    assert_eq!(story.stand, Stand::Done);
    assert!(story.attempts[0].outcome.is_none() && story.attempts[1].outcome.is_some());

    // It told nothing.
    entries.pop();
    entries.push(json!({"ended": {"ending": "failed", "step": "pay", "code": "in_doubt"}}));
    assert_eq!(pay(&entries).stand, Stand::InDoubt("in_doubt".into()));
}
