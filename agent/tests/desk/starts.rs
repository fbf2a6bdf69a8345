//! People start what has a `manual` trigger: by their key, with the fields that it declares, and in the client's ledger.

use super::*;

/// The plan of the others, started by a person.
#[expect(clippy::indexing_slicing, reason = "a plan that does not have these fails the test")]
fn manual() -> Plan {
    let mut plan = serde_json::to_value(plan()).expect("json");
    let field = |shape: Value| json!({"at": "", "shape": shape, "class": "reference", "written_by": "system"});
    let mut urgent = field(json!({"type": "boolean"}));
    urgent["optional"] = json!(true);
    plan["trigger"] = json!({"kind": "manual", "fields": {
        "order_id": field(json!({"type": "token"})), "count": field(json!({"type": "integer"})), "urgent": urgent,
    }});
    plan["steps"][0]["action"]["show"] = json!(["trigger.count", "trigger.order_id"]);
    plan["connections"] = json!({});
    serde_json::from_value(plan).expect("a plan")
}

fn place(facts: ClientFacts) -> Place {
    let (store, kinds) = noting();
    Place::with(manual(), facts, Arc::new(store), kinds)
}

/// A start as a person signs it.
fn start(place: &Place, by: (&str, u8), workflow: &str, fields: &Value) -> Value {
    let (person, seed) = by;
    let (_, asked) = place.ask("/v1/challenge", &json!({"client": "acme", "person": person}));
    let start = json!({
        "type": "start", "schema": 1, "project": asked.get("project"), "client": "acme", "agent": asked.get("agent"),
        "workflow": workflow, "fields": fields, "nonce": asked.get("nonce"), "person": person,
    });
    let text = String::from_utf8(canon::to_bytes(&start).expect("canonical")).expect("text");
    let signature = sign(&signer(seed), Namespace::Console, text.as_bytes());
    json!({"start": text, "signature": signature})
}

const LENA: (&str, u8) = ("lena", 1);
const REFUND: &str = "/v1/start/acme/refund";

#[test]
fn a_decider_or_an_engineer_of_the_client_starts_it_and_the_ledger_says_who() {
    let place = place(facts());
    let fields = json!({"order_id": "1007", "count": "3"});
    let signed = start(&place, LENA, "refund", &fields);
    let (status, answer) = place.ask(REFUND, &signed);
    assert_eq!(status, 202, "{answer}");
    assert!(place.noted().contains(&"accepted lena".to_owned()), "{:?}", place.noted());
    // A text is read as its shape says.
    let waits = place.decisions("lena", 1).1;
    assert_eq!(waits["decisions"][0]["run"], answer["run"], "{waits}");
    assert_eq!(waits["decisions"][0]["values"], json!({"trigger.count": 3, "trigger.order_id": "1007"}));
    // Values are taken as they are, too; and somebody assigned to the client may as well.
    let typed = json!({"order_id": 1007, "count": 4, "urgent": true});
    assert_eq!(place.ask(REFUND, &start(&place, ("bruno", 7), "refund", &typed)).0, 202);
    assert!(place.noted().contains(&"accepted bruno".to_owned()));
    // The same start again is none.
    assert_eq!(place.ask(REFUND, &signed), (401, json!({"code": "bad_challenge"})));
    assert_eq!(place.decisions("lena", 1).1["decisions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_nobody_signed_starts_nothing_and_leaves_no_entry() {
    let place = place(facts());
    let fields = json!({"order_id": "1007", "count": "3"});
    for (by, why) in [(("lena", 3), "somebody else's key"), (("nobody", 1), "nobody of that name")] {
        let answer = place.ask(REFUND, &start(&place, by, "refund", &fields));
        assert_eq!(answer, (401, json!({"code": "bad_signature"})), "{why}");
    }
    let mut changed = start(&place, LENA, "refund", &fields);
    changed["start"] = json!(changed["start"].as_str().expect("text").replace("1007", "1008"));
    assert_eq!(place.ask(REFUND, &changed).0, 401, "what was signed is something else");
    assert!(!place.noted().iter().any(|entry| entry.starts_with("accepted") || entry.starts_with("refused")));
}

#[test]
fn what_is_signed_and_does_not_fit_is_refused_by_name_and_noted() {
    let place = place(facts());
    let good = json!({"order_id": "1007", "count": "3"});
    let mut refused = 0;
    for (workflow, fields, status, answer) in [
        ("refund", json!({"order_id": "1007"}), 400, json!({"code": "bad_field", "field": "count"})),
        ("refund", json!({"order_id": "1007", "count": "many"}), 400, json!({"code": "bad_field", "field": "count"})),
        (
            "refund",
            json!({"order_id": "two words", "count": "3"}),
            400,
            json!({"code": "bad_field", "field": "order_id"}),
        ),
        ("refund", json!({"order_id": "1", "count": "3", "x": "y"}), 400, json!({"code": "undeclared_field"})),
        ("refund", json!(["1007"]), 400, json!({"code": "bad_form"})),
        // Signed for another workflow than the one that is asked to begin.
        ("reply", good.clone(), 409, json!({"code": "other_question"})),
    ] {
        assert_eq!(place.ask(REFUND, &start(&place, LENA, workflow, &fields)), (status, answer), "{workflow} {fields}");
        refused += 1;
        let noted = place.noted();
        assert_eq!(noted.iter().filter(|entry| *entry == "refused lena").count(), refused, "{noted:?}");
    }
    let frozen = place.ask("/v1/start/acme/frozen", &start(&place, LENA, "frozen", &good));
    assert_eq!(frozen, (409, json!({"code": "not_allowed", "why": "off"})));
    let none = place.ask("/v1/start/acme/none", &start(&place, LENA, "none", &good));
    assert_eq!(none, (404, json!({"code": "unknown"})));
    assert!(!place.noted().iter().any(|entry| entry.starts_with("accepted")));
}

#[test]
fn limits_and_a_full_disk_hold_for_people_too_and_are_no_refusal() {
    let mut facts = facts();
    facts.limits.waiting = 1;
    let place = place(facts);
    let fields = json!({"order_id": "1007", "count": "3"});
    let begin = || place.ask(REFUND, &start(&place, LENA, "refund", &fields));
    (place.set_full)(true);
    assert_eq!(begin(), (503, json!({"code": "not_durable"})));
    (place.set_full)(false);
    assert_eq!(begin().0, 202);
    assert_eq!(begin(), (429, json!({"code": "busy"})));
    assert!(!place.noted().contains(&"refused lena".to_owned()));
}

#[test]
fn what_has_another_trigger_is_started_by_nobody() {
    let place = Place::new();
    let signed = start(&place, LENA, "refund", &json!({"ticket_id": "T-1"}));
    assert_eq!(place.ask(REFUND, &signed), (404, json!({"code": "unknown"})));
}
