//! Answers that say yes and hold something else than the catalog declares: nobody knows whether the effect happened.

use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::store::Ending;
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use serde_json::{Value, json};

use crate::story::{Story, Workflow, workflow};

/// A workflow that posts a note of which it reads nothing, and that is answered so.
fn posting(must: &Value, answer: &Value, idempotent: bool) -> Workflow {
    let base = workflow("borealis", "overdue");
    let mut post = json!({
        "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "write", "scopes": [],
        "params": {"day": {"place": "body", "at": "day", "shape": {"type": "token"}, "class": "reference"}},
        "response": {}, "must": must, "most_bytes": 4096, "timeout": "10s",
    });
    if let (true, Some(post)) = (idempotent, post.as_object_mut()) {
        drop(post.insert("idempotency".to_owned(), json!({"place": "header", "at": "Idempotency-Key", "lives": "1d"})));
    }
    let attempts = if idempotent { 3 } else { 1 };
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "post", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {"day": {"at": "day", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}}},
        "limits": {"timeout": "10m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.post": post},
        "steps": [{"id": "post", "action": {"kind": "call", "operation": "shop.post", "with": {"day": "${trigger.day}"},
            "retry": {"attempts": attempts, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "ops"},
    });
    let tests = json!({
        "type": "tests", "schema": 1, "client": "borealis", "workflow": "post",
        "scenarios": [{"name": "a note", "at": "2026-03-02T09:00:00Z", "event": r#"{"day":"monday"}"#,
            "replies": [{"to": "shop.post", "status": 200, "body": answer.to_string()}], "expect": {"outcome": "done"}}],
    });
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let tests: Tests = serde_json::from_value(tests).expect("tests");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")), tests, facts: base.facts }
}

/// How the run ends, with which codes, how often the note was posted, and whether people are told that perhaps it was.
fn ended(workflow: &Workflow) -> (Option<Ending>, Vec<String>, usize, Vec<bool>) {
    let story = Story::new(workflow, workflow.tests.scenarios.first().expect("a scenario"), 7);
    story.live(|_, _| {});
    let perhaps = story.queue().iter().flat_map(|item| &item.done).map(|done| done.in_doubt).collect();
    (story.check(), story.told().2, story.seen.done().len(), perhaps)
}

#[test]
fn an_effect_that_is_answered_with_an_error_under_a_yes_is_in_doubt_and_not_repeated() {
    let must = json!({"id": {"at": "note.id", "shape": {"type": "token"}}});
    let (told, error) = (json!({"note": {"id": "n-1"}}), json!({"error": {"code": "over_quota"}}));
    assert_eq!(ended(&posting(&must, &told, false)), (Some(Ending::Done), Vec::new(), 1, Vec::new()));
    let doubt = (Some(Ending::Failed), vec!["bad_answer".to_owned()], 1, vec![true]);
    assert_eq!(ended(&posting(&must, &error, false)), doubt);
    // Under a key that the API remembers the same request is the same effect; what it answers stays what it is.
    assert_eq!(ended(&posting(&must, &error, true)), doubt);
    // Where nothing is declared, nothing is missed.
    assert_eq!(ended(&posting(&json!({}), &error, false)).0, Some(Ending::Done));
}
