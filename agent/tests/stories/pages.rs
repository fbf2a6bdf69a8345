//! Lists that come in pages: what is given out as the list is the whole of it, or the step fails.

use assent_agent::store::Ending;
use serde_json::{Value, json};

use crate::story::{Story, Workflow, made_up, workflow};

/// A workflow that looks for a phrase and tells how much there was. The first page names a second one by a long cursor.
fn counting(phrase: &str) -> Workflow {
    let base = workflow("borealis", "overdue");
    let text = json!({"type": "text", "most_bytes": 1000});
    let found = json!({"at": "items", "class": "reference", "written_by": "system", "shape": {"type": "list", "most": 100,
        "of": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}}});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "count", "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "manual", "fields": {}},
        "limits": {"timeout": "10m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {
            "shop.find": {
                "record": "thing", "method": "GET", "path": "/things", "encoding": "json", "effect": "none", "scopes": [],
                "params": {"phrase": {"place": "query", "at": "phrase", "shape": text, "class": "public"}},
                "pages": {"cursor_at": "next", "param": "cursor", "collect": "found", "most": 3},
                "response": {"found": found}, "most_bytes": 8192, "timeout": "10s"},
            "shop.tell": {
                "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "draft", "scopes": [],
                "params": {"total": {"place": "body", "at": "total", "shape": {"type": "integer"}, "class": "reference"}},
                "response": {}, "most_bytes": 4096, "timeout": "10s", "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "1d"}},
        },
        "steps": [
            {"id": "find", "action": {"kind": "call", "operation": "shop.find", "with": {"phrase": phrase},
                "retry": {"attempts": 1, "first": "1s", "most": "1s"}}},
            {"id": "tell", "action": {"kind": "call", "operation": "shop.tell", "with": {"total": "${find.found.size()}"},
                "retry": {"attempts": 1, "first": "1s", "most": "1s"}}},
        ],
        "fallback": {"queue": "ops"},
    });
    let items = |ids: &[&str]| ids.iter().map(|id| json!({"id": id})).collect::<Vec<Value>>();
    let reply = |to: &str, body: &Value| json!({"to": to, "status": 200, "body": body.to_string()});
    let replies = [
        reply("shop.find", &json!({"items": items(&["a", "b"]), "next": "ü".repeat(1_000)})),
        reply("shop.find", &json!({"items": items(&["c"])})),
        reply("shop.tell", &json!({})),
    ];
    let event = "{}";
    made_up(base, plan, event, &json!(replies))
}

/// How it ends, and what was told.
fn told(phrase: &str) -> (Option<Ending>, Vec<Value>) {
    let workflow = counting(phrase);
    let story = Story::new(&workflow, workflow.tests.scenarios.first().expect("a scenario"), 7);
    story.live(|_, _| {});
    let ended = story.check();
    (ended, story.seen.done().iter().filter_map(|done| done.with.get("total").cloned()).collect())
}

#[test]
fn a_page_that_cannot_be_asked_for_is_not_the_end_of_the_list() {
    assert_eq!(told("short"), (Some(Ending::Done), vec![json!(3)]));
    // With the cursor the target is longer than any that is sent.
    assert_eq!(told(&"ü".repeat(470)), (Some(Ending::Failed), Vec::new()));
}
