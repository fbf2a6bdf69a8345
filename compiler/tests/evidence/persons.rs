//! Entries that name somebody whom nobody knows, or who might not do that.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use serde_json::{Value, json};

use super::ledger::{Ledger, incident, judged, shared};

const AT: &str = "2026-05-20T10:00:00Z";

/// What is said against one entry that names somebody; `null` names nobody.
fn by(kind: &'static str, mut data: Value, who: Value) -> BTreeSet<String> {
    data["actor"] = who;
    judged(Ledger::new(&[(AT, kind, data)]).read(|_| ()), &BTreeMap::new())
}

fn says(found: &BTreeSet<String>, promise: &str, what: &str) {
    let said = |one: &String| one.starts_with(&format!("{promise}: ")) && one.contains(what);
    assert!(found.iter().any(said), "{promise} {what}: {found:?}");
}

/// Each kind of entry that people make: whether only on-call may, and whether it must name somebody.
fn acts() -> Vec<(&'static str, Value, bool, bool)> {
    let plan = Digest::of_file(b"plan");
    let until = "2026-05-21T10:00:00Z";
    vec![
        ("viewed", json!({"what": "ledger", "why": "command"}), false, true),
        ("viewed", json!({"what": "queue", "why": "command"}), false, true),
        ("accepted", json!({"id": "r", "trigger": "manual", "event": "e"}), false, false),
        ("held", json!({"id": "h-1", "what": "client", "why": "x", "until": until}), true, true),
        ("resumed", json!({"id": "h-1"}), true, false),
        ("rolled-back", json!({"workflow": "refund", "from": plan, "why": "by-hand"}), true, false),
        ("deployed", json!({"workflow": "refund", "stage": "trial"}), true, false),
        ("recovered", json!({"why": ["other-instance"], "statement": plan, "runs": 0}), true, false),
        ("handled", json!({"id": "r", "what": "done", "why": "x"}), true, true),
        ("acknowledged", json!({"id": "a-1", "rule": "stale"}), true, true),
        ("incident", incident("opened"), true, false),
        ("incident", incident("acknowledged"), true, true),
        ("incident", incident("resolved"), true, true),
        ("incident", incident("closed"), true, true),
        ("rotated", json!({"connection": "shop", "slot": "token"}), true, false),
        ("erased", json!({"ranges": [], "request": "r-1"}), true, true),
        ("legal-held", json!({"id": "l-1", "why": "x"}), true, true),
        ("legal-released", json!({"id": "l-1"}), true, true),
    ]
}

#[test]
fn whom_nobody_knows_did_nothing() {
    for (kind, data, _, _) in acts() {
        let what = format!("the entry `{kind}` of {AT} names mallory, whom neither the root nor the client's file");
        let found = by(kind, data, json!("mallory"));
        says(&found, "P10", &what);
        let is_about_a_run = ["accepted", "handled"].contains(&kind);
        assert_eq!(
            found.iter().any(|one| one.starts_with("P11: ") && one.contains(&what)),
            is_about_a_run,
            "{found:?}"
        );
    }
}

#[test]
fn people_do_what_they_may_and_no_more() {
    for (kind, data, of_oncall, named) in acts() {
        let objects = |who: &str| {
            let found = by(kind, data.clone(), json!(who));
            found.into_iter().filter(|one| one.contains(&format!("names {who}"))).collect::<BTreeSet<_>>()
        };
        assert_eq!(objects("alice"), BTreeSet::new(), "on call and assigned: {kind}");
        // Who decides for the client looks and starts; everything else is on-call's.
        let lena = objects("lena");
        assert_eq!(!lena.is_empty(), of_oncall, "{kind}: {lena:?}");
        // Whom the root lists, and who is neither on call nor assigned.
        let bruno = objects("bruno");
        says(&bruno, "P10", if of_oncall { "bruno, who was not on call" } else { "bruno, who was not assigned" });
        assert_eq!(bruno.iter().any(|one| one.starts_with("P09: ")), !of_oncall, "{bruno:?}");
        let nobody = by(kind, data, Value::Null);
        assert_eq!(
            nobody.iter().any(|one| one.contains(&format!("`{kind}` of {AT} names nobody."))),
            named,
            "{nobody:?}"
        );
    }
}

#[test]
fn who_was_turned_away_is_whoever_they_said() {
    let refused = json!({"code": "not_in_group", "digest": Digest::of_file(b"what")});
    assert_eq!(by("refused", refused, json!("mallory")), BTreeSet::new());
}

#[test]
fn a_stranger_answers_and_shares_no_incident() {
    let kept = BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), Digest::of_file(b"why"))]);
    let with = |mut data: Value, who: &str| {
        data["actor"] = who.into();
        data
    };
    let story = |answers: &str, shares: &str| {
        let ledger = Ledger::new(&[
            (AT, "incident", incident("opened")),
            ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
            ("2026-05-20T13:00:00Z", "incident", with(incident("acknowledged"), answers)),
            ("2026-05-22T09:00:00Z", "incident", with(shared(), shares)),
        ]);
        judged(ledger.read(|_| ()), &kept)
    };
    assert_eq!(story("alice", "alice"), BTreeSet::new());
    says(&story("mallory", "alice"), "P20", "i-7 was not answered by 2026-05-20T14:00:00Z");
    says(&story("alice", "bruno"), "P22", "i-7: no post-mortem was shared by 2026-05-22T10:00:00Z");
}

#[test]
fn the_agents_own_log_is_of_the_agencys_people() {
    let story = |who: &str| {
        let looked = json!({"what": "ledger", "why": "command", "actor": who});
        let ledger =
            Ledger { of_agent: true, ..Ledger::new(&[(AT, "viewed", looked.clone()), (AT, "viewed", looked)]) };
        judged(ledger.read(|_| ()), &BTreeMap::new())
    };
    assert_eq!(story("bruno"), BTreeSet::new());
    let what = format!("2 entries `viewed` from {AT} on name lena, whom neither");
    says(&story("lena"), "P10", &what);
}
