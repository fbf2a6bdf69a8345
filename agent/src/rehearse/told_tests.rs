//! What people read of a scenario that does not go as it says.

use serde_json::{Value, json};

use super::*;

fn facts() -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {"leads": []}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": "shop.example", "region": "eu",
            "auth": {"kind": "none"}, "slots": {}}},
        "limits": {"running": 8, "waiting": 100},
    }))
    .unwrap()
}

fn plan() -> Plan {
    let token = |at: &str| json!({"at": at, "shape": {"type": "token"}, "class": "reference", "written_by": "system"});
    let order = json!({"type": "record", "fields": {"changed": token("changed_at")}});
    let items = json!({"type": "list", "most": 9, "of": {"at": "", "shape": order, "class": "content", "written_by": "system"}});
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "look", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {"number": token("number")}},
        "limits": {"timeout": "10m", "concurrency": 8}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.list": {
            "record": "orders", "method": "GET", "path": "/orders", "encoding": "json", "effect": "none", "scopes": [],
            "params": {}, "response": {"orders": {"at": "data", "shape": items, "class": "content", "written_by": "system"}},
            "most_bytes": 65536, "timeout": "10s"}},
        "steps": [{"id": "orders", "action": {"kind": "call", "operation": "shop.list", "with": {},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "leads"},
    }))
    .unwrap()
}

fn failures(event: &Value, body: &str, outcome: &str) -> Vec<String> {
    let scenario: Scenario = serde_json::from_value(json!({
        "name": "one", "at": "2026-03-02T14:00:00Z", "event": event.to_string(),
        "replies": [{"to": "shop.list", "status": 200, "body": body}], "expect": {"outcome": outcome},
    }))
    .unwrap();
    let (plan, facts) = (plan(), facts());
    let (_, digest) = plan.to_bytes().unwrap();
    let (compiled, facts) = ready(&plan, digest, &facts).unwrap_or_else(|_| panic!("a plan that runs"));
    one(&compiled, &facts, &scenario, 1, script(&compiled, &scenario)).failures
}

#[test]
fn a_field_that_does_not_fit_is_named_where_a_scenario_does_not_expect_it() {
    let (event, body) = (json!({"number": "7"}), r#"{"data":[{"changed_at":"1"},{"changed_at":"two words"}]}"#);
    assert_eq!(failures(&event, r#"{"data":[{"changed_at":"1"}]}"#, "done"), Vec::<String>::new());
    let told = failures(&event, body, "done");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("`bad_answer`") && told[1].contains("`shop.list`") && told[1].contains("`orders.changed`")
    );
    assert!(!told.concat().contains("two words"), "not what stood there");
    assert_eq!(failures(&event, body, "failed"), Vec::<String>::new(), "a scenario may be about that");
    let told = failures(&json!({"number": "two words"}), body, "done");
    assert!(told.iter().any(|said| said.contains("the event lacks `number`")), "{told:?}");
}

/// A webhook whose events are told apart by a field, and what it does with each.
fn noting() -> Plan {
    let token = |at: &str| json!({"at": at, "shape": {"type": "token"}, "class": "reference", "written_by": "system"});
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "note", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "webhook", "connection": "shop", "dialect": "stripe", "event": "paid", "record": "paid",
            "matches": {"type": "paid"}, "once": "number", "fields": {"number": token("number")}},
        "limits": {"timeout": "10m", "concurrency": 8}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.note": {
            "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "write", "scopes": [],
            "params": {"number": {"place": "body", "at": "number", "shape": {"type": "token"}, "class": "reference"}},
            "response": {}, "most_bytes": 65536, "timeout": "10s"}},
        "steps": [{"id": "note", "action": {"kind": "call", "operation": "shop.note", "with": {"number": "${trigger.number}"},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "kpis": [{"name": "noted"}],
        "fallback": {"queue": "leads"},
    }))
    .unwrap()
}

fn noted(further: &[&str], expect: &Value) -> Vec<String> {
    let event = |number: &str| json!({"type": "paid", "number": number}).to_string();
    let further: Vec<_> = further.iter().map(|number| json!({"after": "1h", "event": event(number)})).collect();
    let scenario: Scenario = serde_json::from_value(json!({
        "name": "one", "at": "2026-03-02T14:00:00Z", "event": event("7"), "further": further,
        "replies": [{"to": "shop.note", "status": 200, "body": "{}"}], "expect": expect,
    }))
    .unwrap();
    let (plan, facts) = (noting(), facts());
    let (_, digest) = plan.to_bytes().unwrap();
    let (compiled, facts) = ready(&plan, digest, &facts).unwrap_or_else(|_| panic!("a plan that runs"));
    one(&compiled, &facts, &scenario, 1, script(&compiled, &scenario)).failures
}

#[test]
fn events_that_are_the_same_begin_one_run() {
    let counted = |number: i64| json!({"outcome": "done", "kpis": {"noted": number}});
    assert_eq!(noted(&["7"], &counted(1)), Vec::<String>::new());
    assert_eq!(noted(&["8"], &counted(2)), Vec::<String>::new());
}

#[test]
fn what_should_not_have_been_done_is_told_when_it_was() {
    let never =
        |with: Value| json!({"outcome": "done", "calls": [{"operation": "shop.note", "times": 0, "with": with}]});
    let failures = noted(&[], &never(json!({})));
    assert_eq!(failures, ["`shop.note` should not have been called and was"]);
    assert_eq!(noted(&[], &never(json!({"number": "\"8\""}))), Vec::<String>::new());
    assert_eq!(noted(&[], &never(json!({"number": "\"7\""}))).len(), 1);
}
