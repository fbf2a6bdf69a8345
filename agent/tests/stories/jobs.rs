//! Operations that answer with a job: looked at until it is over, crashed at every durable write and every request.

use assent_agent::sim::{Crash, Strike};
use assent_agent::store::Ending;
use serde_json::{Value, json};

use crate::story::{Story, Workflow, made_up, workflow};

/// A workflow that begins a job in the shop and, behind it, posts that it is over.
fn exporting(idempotent: bool, looks: &[&str]) -> Workflow {
    let base = workflow("borealis", "overdue");
    let field =
        |shape: &str| json!({"at": "id", "shape": {"type": shape}, "class": "reference", "written_by": "system"});
    let mut start = json!({
        "record": "export", "method": "POST", "path": "/exports", "encoding": "json", "effect": "write", "scopes": [],
        "params": {"day": {"place": "body", "at": "day", "shape": {"type": "token"}, "class": "reference"}},
        "response": {"id": field("token")}, "most_bytes": 4096, "timeout": "10s",
        "job": {"id": "id", "read": "get_export", "param": "id", "field": "state", "done": ["ready"], "failed": ["broken"],
            "every": "10s", "within": "2m"},
    });
    let attempts = if idempotent { 3 } else { 1 };
    if let (true, Some(start)) = (idempotent, start.as_object_mut()) {
        let key = json!({"place": "header", "at": "Idempotency-Key", "lives": "1d"});
        drop(start.insert("idempotency".to_owned(), key));
    }
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "export", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {"day": {"at": "day", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}}},
        "limits": {"timeout": "10m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {
            "shop.start_export": start,
            "shop.get_export": {
                "record": "export", "method": "GET", "path": "/exports/{id}", "encoding": "json", "effect": "none", "scopes": [],
                "params": {"id": {"place": "path", "at": "id", "shape": {"type": "token"}, "class": "reference"}},
                "response": {"state": {"at": "state", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}},
                "most_bytes": 4096, "timeout": "10s"},
            "shop.post": {
                "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "draft", "scopes": [],
                "params": {"export": {"place": "body", "at": "export", "shape": {"type": "token"}, "class": "reference"}},
                "response": {}, "most_bytes": 4096, "timeout": "10s", "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "1d"}},
        },
        "steps": [
            {"id": "export", "action": {"kind": "call", "operation": "shop.start_export", "with": {"day": "${trigger.day}"},
                "retry": {"attempts": attempts, "first": "1s", "most": "1s"}}},
            {"id": "post", "action": {"kind": "call", "operation": "shop.post", "with": {"export": "${export.id}"},
                "retry": {"attempts": 3, "first": "1s", "most": "1s"}}},
        ],
        "fallback": {"queue": "ops"},
    });
    let reply = |to: &str, status: u16, body: &Value| json!({"to": to, "status": status, "body": body.to_string()});
    let mut replies = vec![reply("shop.start_export", 202, &json!({"id": "j-1"})), reply("shop.post", 201, &json!({}))];
    let looks = looks.iter().map(|look| match *look {
        "down" => reply("shop.get_export", 503, &json!({})),
        state => reply("shop.get_export", 200, &json!({"state": state})),
    });
    replies.extend(looks);
    made_up(base, plan, r#"{"day":"monday"}"#, &json!(replies))
}

/// How the calm story ends, and which effects were done.
fn calm(workflow: &Workflow) -> (Option<Ending>, Vec<String>) {
    let story = Story::new(workflow, workflow.tests.scenarios.first().expect("a scenario"), 7);
    story.live(|_, _| {});
    (story.check(), effects(&story))
}

fn effects(story: &Story<'_>) -> Vec<String> {
    story.seen.done().iter().map(|done| done.operation.to_string()).collect()
}

const BOTH: [&str; 2] = ["shop.start_export", "shop.post"];

#[test]
fn a_step_is_over_when_its_job_is() {
    assert_eq!(
        calm(&exporting(true, &["queued", "running", "ready"])),
        (Some(Ending::Done), BOTH.map(str::to_owned).to_vec())
    );
    // What passes while it is looked at is no failure.
    assert_eq!(calm(&exporting(true, &["down", "down", "down", "down", "ready"])).0, Some(Ending::Done));
    let begun = vec!["shop.start_export".to_owned()];
    assert_eq!(calm(&exporting(true, &["running", "broken"])), (Some(Ending::Failed), begun.clone()));
    // Two minutes are over.
    assert_eq!(calm(&exporting(true, &["running"])), (Some(Ending::Failed), begun));
}

#[test]
fn a_job_is_begun_once_wherever_the_machine_dies() {
    for idempotent in [true, false] {
        let workflow = exporting(idempotent, &["queued", "running", "ready"]);
        let quiet = Story::new(&workflow, &workflow.tests.scenarios[0], 7);
        quiet.live(|_, _| {});
        for at in 0..u64::try_from(quiet.host.points().len()).expect("few points") {
            for strike in [Strike::Before, Strike::After, Strike::Lost] {
                let story = Story::new(&workflow, &workflow.tests.scenarios[0], 7);
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                let end = story.check();
                let done = effects(&story);
                assert!(
                    done.iter().filter(|one| *one == "shop.start_export").count() <= 1,
                    "{strike:?} {at}: {done:?}"
                );
                match end {
                    Some(Ending::Done) => assert_eq!(done, BOTH, "{strike:?} {at}"),
                    // Nobody knows whether a job was begun whose answer was lost, and the API cannot tell either.
                    Some(Ending::Failed) => assert!(!idempotent, "{strike:?} {at}"),
                    other => panic!("{other:?} after {strike:?} {at}"),
                }
            }
        }
    }
}
