//! Plans that follow one another, with one thing of their triggers changed.

use serde_json::{Value, json};

use super::*;

fn fields(id: &str) -> Value {
    let system =
        |at: &str, shape: Value| json!({"at": at, "shape": shape, "class": "reference", "written_by": "system"});
    json!({"id": system(id, json!({"type": "token"})), "at": system("at", json!({"type": "instant", "wire": "iso"}))})
}

fn poll(read: &str) -> Value {
    json!({"read": read, "every": "1m", "lag": "5m", "items": "items", "order": "at", "id": "id", "since": "since"})
}

fn polled(read: &str) -> Value {
    json!({"kind": "poll", "poll": poll(read), "record": "item", "fields": fields("id")})
}

fn hooked(once: &str, reconcile: Option<&str>) -> Value {
    let mut trigger = json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "github",
        "matches": {}, "record": "item", "fields": fields("id"), "once": once});
    if let Some(read) = reconcile {
        trigger["reconcile"] = poll(read);
    }
    trigger
}

/// A plan whose lists of these names are read by these paths, with ids from these members.
fn plan(trigger: &Value, lists: &[(&str, &str, &str)]) -> Plan {
    let operation = |path: &str, id: &str| {
        let item = json!({"at": "", "shape": {"type": "record", "fields": fields(id)}, "class": "reference", "written_by": "system"});
        let list = json!({"at": "items", "shape": {"type": "list", "most": 3, "of": item}, "class": "reference", "written_by": "system"});
        json!({"record": "items", "method": "GET", "path": path, "encoding": "json", "effect": "none", "scopes": [],
            "params": {}, "response": {"items": list}, "most_bytes": 65536, "timeout": "10s"})
    };
    let operations: Value = lists.iter().map(|(read, path, id)| ((*read).to_owned(), operation(path, id))).collect();
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "news", "summary": "s", "purpose": "essential.service",
        "mode": "live", "trigger": trigger, "limits": {"timeout": "10m", "concurrency": 8},
        "connections": {"shop": {"integration": "shop"}, "store": {"integration": "shop"}, "desk": {"integration": "desk"}},
        "operations": operations,
        "steps": [{"id": "end", "action": {"kind": "stop", "outcome": "seen"}}], "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

#[test]
fn a_list_that_may_have_other_ids_is_said() {
    let lag = Period::minutes(5);
    let old = plan(&polled("shop.list"), &[("shop.list", "/items", "id")]);
    let check = |read: &str, path: &str, id: &str, expected: Option<Handover>| {
        let new = plan(&polled(read), &[(read, path, id)]);
        assert_eq!(Handover::between(&old, &new), expected, "{read} {path} {id}");
        assert_eq!(Handover::between(&new, &old), expected, "{read} {path} {id}, and back");
    };
    check("shop.list", "/items", "id", None);
    // The connection has another name, and leads to the same API.
    check("store.list", "/items", "id", None);
    let other = Some(Handover::OtherList { lag });
    check("shop.list_two", "/items", "id", other);
    check("shop.list", "/v2/items", "id", other);
    check("shop.list", "/items", "uuid", other);
    check("desk.list", "/items", "id", other);
}

#[test]
fn another_way_to_know_events_is_said_and_that_none_are_looked_for() {
    let list = [("shop.list", "/items", "id"), ("shop.other", "/other", "id")];
    let (lag, plan) = (Period::minutes(5), |trigger: &Value| plan(trigger, &list));
    let check = |from: &Value, to: &Value, there: Option<Handover>, back: Option<Handover>| {
        let (from, to) = (plan(from), plan(to));
        assert_eq!((Handover::between(&from, &to), Handover::between(&to, &from)), (there, back));
    };
    let names = Some(Handover::OtherNames { lag });
    check(&polled("shop.list"), &hooked("id", Some("shop.list")), names, names);
    check(&hooked("id", Some("shop.list")), &hooked("at", Some("shop.list")), names, names);
    // What `once` names comes with the event, whichever list tells of it, and where none is looked for.
    check(&hooked("id", Some("shop.list")), &hooked("id", Some("shop.other")), None, None);
    check(&hooked("id", Some("shop.list")), &hooked("id", None), None, None);
    check(&hooked("id", None), &hooked("at", None), None, None);
    let (left, taken_up) = (Some(Handover::ListLeft), Some(Handover::ListTakenUp));
    check(&polled("shop.list"), &hooked("id", None), left, taken_up);
    check(&hooked("id", Some("shop.list")), &json!({"kind": "manual", "fields": {}}), left, taken_up);
}

#[test]
fn each_says_how_far_back() {
    let lag = Period::minutes(5);
    assert!(Handover::OtherList { lag }.says().contains("of the last 5m"));
    assert!(Handover::OtherNames { lag }.says().contains("of the last 5m"));
    assert_ne!(Handover::ListLeft.says(), Handover::ListTakenUp.says());
}
