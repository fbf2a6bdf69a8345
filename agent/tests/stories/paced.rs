//! Requests that wait for their turn under a rate: page by page, under two rates at once, and with the token of the moment at
//! which they are sent.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::store::Ending;
use assent_schema::plan::{Plan, Rate};
use assent_schema::scenario::Tests;
use assent_schema::time::Period;
use serde_json::{Value, json};

use crate::story::Workflow;
use crate::tokens::{Server, rotating, story};

/// How long every token of these stories lives, in seconds: shorter than a turn is waited for.
const LIVES: u64 = 20;

/// A workflow that calls these operations of the shop one after another. `find` reads a list of three pages, at two a minute;
/// `post` may be lost, and its API can be asked.
fn calling(steps: &[&str], post: &Value) -> Workflow {
    let base = rotating("borealis", "overdue");
    let token = |at: &str| json!({"at": at, "shape": {"type": "token"}, "class": "reference", "written_by": "system"});
    let rate = json!({"requests": 1, "per": "30s"});
    let action = |operation: &&str| {
        json!({"kind": "call", "operation": format!("shop.{operation}"), "with": {},
        "retry": {"attempts": 1, "first": "1s", "most": "1s"}})
    };
    let steps: Vec<Value> = steps
        .iter()
        .enumerate()
        .map(|(place, operation)| json!({"id": format!("s{place}"), "action": action(operation)}))
        .collect();
    let read = |path: &str, rate: Option<&Value>| {
        let mut read = json!({
            "record": "thing", "method": "GET", "path": path, "encoding": "json", "effect": "none", "scopes": [], "params": {},
            "response": {"state": token("state")}, "most_bytes": 8192, "timeout": "10s"});
        rate.map(|rate| read.as_object_mut().expect("an object").insert("rate".to_owned(), rate.clone()));
        read
    };
    let mut find = read("/things", Some(&rate));
    find["pages"] = json!({"cursor_at": "next", "param": "cursor", "collect": "found", "most": 3});
    find["response"] = json!({"found": {"at": "items", "class": "reference", "written_by": "system",
        "shape": {"type": "list", "most": 100, "of": token("id")}}});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "paced", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {}},
        "limits": {"timeout": "30m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {
            "shop.find": find,
            "shop.slow": read("/slow", Some(&rate)),
            "shop.quick": read("/quick", None),
            "shop.post": {
                "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "write", "scopes": [],
                "params": {}, "response": {}, "most_bytes": 4096, "timeout": "10s", "rate": rate,
                "confirm": {"operation": "slow", "with": {}, "field": "state", "equals": "there", "settles": "1s"}},
        },
        "steps": steps, "fallback": {"queue": "ops"},
    });
    let page = |id: &str, next: Option<&str>| {
        json!({"to": "shop.find", "status": 200,
        "body": json!({"items": [{"id": id}], "next": next}).to_string()})
    };
    let state = |to: &str| json!({"to": to, "status": 200, "body": r#"{"state":"there"}"#});
    let replies = json!([
        page("a", Some("2")),
        page("b", Some("3")),
        page("c", None),
        state("shop.slow"),
        state("shop.quick"),
        post,
    ]);
    let tests = json!({
        "type": "tests", "schema": 1, "client": "borealis", "workflow": "paced",
        "scenarios": [{"name": "in turn", "at": "2026-03-02T09:00:00Z", "event": "{}", "replies": replies, "expect": {"outcome": "done"}}],
    });
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let digest = plan.to_bytes().expect("bytes").1;
    let tests: Tests = serde_json::from_value(tests).expect("tests");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")), tests, facts: base.facts }
}

/// When each request came, in whole seconds after the first one; and how many came with a token that had ended.
fn sent(workflow: &Workflow) -> (Vec<(u64, String)>, u64) {
    let (story, books) = story(workflow, Server::Strict, LIVES);
    story.live(|_, _| {});
    assert_eq!(story.check(), Some(Ending::Done));
    let books = books.lock().expect("a lock");
    let first = books.sent.first().expect("a request").0;
    (books.sent.iter().map(|(at, what)| (at.since(first).as_secs(), what.clone())).collect(), books.ended)
}

fn at(wanted: &[(u64, &str)]) -> Vec<(u64, String)> {
    wanted.iter().map(|(second, what)| (*second, (*what).to_owned())).collect()
}

fn posted(fault: Option<&str>) -> Value {
    let mut reply = json!({"to": "shop.post", "status": 200, "body": "{}"});
    fault.map(|fault| reply.as_object_mut().expect("an object").insert("fault".to_owned(), json!(fault)));
    reply
}

#[test]
fn each_page_waits_for_its_turn_and_takes_the_token_of_its_moment() {
    let (sent, ended) = sent(&calling(&["find"], &posted(None)));
    assert_eq!(sent, at(&[(0, "find"), (30, "find"), (60, "find")]));
    assert_eq!(ended, 0, "requests with a token that had ended");
}

#[test]
fn a_list_tells_the_ledger_nothing_of_its_length() {
    let workflow = calling(&["find"], &posted(None));
    let (story, books) = story(&workflow, Server::Strict, 3_600);
    story.live(|_, _| {});
    assert_eq!(story.check(), Some(Ending::Done));
    assert_eq!(books.lock().expect("a lock").sent.len(), 3);
    let entries = story.entries();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.name()).collect();
    let count = |wanted: &str| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!((count("intent"), count("outcome")), (1, 1), "{kinds:?}");
}

#[test]
fn what_was_built_before_a_wait_is_sent_with_the_token_of_its_turn() {
    let (told, ended) = sent(&calling(&["slow", "slow", "slow"], &posted(None)));
    assert_eq!(told, at(&[(0, "slow"), (30, "slow"), (60, "slow")]));
    assert_eq!(ended, 0, "requests with a token that had ended");
    // Also a read that is no step: whether an effect happened whose answer was lost.
    let (told, ended) = sent(&calling(&["post"], &posted(Some("lost"))));
    assert_eq!(told.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["post", "slow"]);
    assert!(told[1].0 >= 30, "{told:?}");
    assert_eq!(ended, 0, "requests with a token that had ended");
}

#[test]
fn an_operation_has_its_own_rate_beside_that_of_its_connection() {
    let mut workflow = calling(&["slow", "quick", "slow", "quick", "quick"], &posted(None));
    let facts = Arc::make_mut(&mut workflow.facts);
    let shop = facts.connections.iter_mut().find(|(id, _)| id.as_str() == "shop").map(|(_, shop)| shop);
    shop.expect("a shop").rate = Some(Rate { requests: 1, per: Period::seconds(10) });
    let (told, _) = sent(&workflow);
    // What has a rate of its own takes no turn of the connection's, and the other way round.
    assert_eq!(told, at(&[(0, "slow"), (0, "quick"), (30, "slow"), (30, "quick"), (40, "quick")]));
}
