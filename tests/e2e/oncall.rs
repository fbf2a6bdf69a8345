//! What on-call does to real agents: only who is on call may, the client's ledger names them, and what left the release can
//! still be resumed.

use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, run_id, triage, webhook_to};
use assent_tests::stage::{release, working};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The bodies of acme's ledger, of one kind.
fn entries(stage: &Stage, kind: &str) -> Vec<Value> {
    let export = stage.production.call(&["ledger", "export", "acme"]).expect("an export");
    let lines = export.lines().take_while(|line| !line.is_empty());
    let body = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        serde_json::from_slice::<Value>(&STANDARD.decode(line.get("body")?.as_str()?).ok()?).ok()
    };
    lines.filter_map(body).filter(|body| body["kind"] == kind).collect()
}

#[test]
fn who_is_on_call_rolls_back_and_resumes_what_left_the_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = working(folder.path());

    // A ticket that triage sorts, so that its plan ran healthily here; then a new plan.
    let now = clock().expect("a clock");
    let (status, body) =
        webhook_to(&stage.production, "triage", "evt-1", "42", &WEBHOOK_SECRET, now).expect("an agent that answers");
    assert_eq!(status, 202, "{body}");
    assert_eq!(stage.wait_run_end(&run_id(&body).expect("a run")).expect("an end"), "done");
    let plan = |status: &assent_schema::status::Status| triage(status).and_then(|triage| triage.plan);
    let old = plan(&stage.production.status().expect("a status"));
    put(&stage.agency.source.join("clients/acme/prompts/topic.md"), b"Name the team that can help.\n").expect("a file");
    stage.agency.commit("Reword a prompt").expect("a commit");
    release(&stage, "staging");
    stage.wait_rehearsals().expect("rehearsals");
    release(&stage, "production");
    let moved = |status: &_| plan(status).is_some() && plan(status) != old;
    stage.production.wait_status(moved).expect("a new plan");

    // Alice signs releases and is not on call; nobody knows mallory.
    for by in ["alice", "dana", "mallory"] {
        let refused =
            stage.production.call(&["rollback", "acme/triage", "--by", by]).expect_err("a refusal").to_string();
        assert!(refused.contains("on call") || refused.contains("on-call") || refused.contains("oncall"), "{refused}");
    }
    assert!(moved(&stage.production.status().expect("a status")), "nothing went back");
    assert!(entries(&stage, "rolled-back").is_empty());
    stage.production.call(&["rollback", "acme/triage", "--by", "bruno"]).expect("a rollback");
    stage.production.wait_status(|status| plan(status) == old).expect("the plan before");
    let entry = entries(&stage, "rolled-back");
    let [entry] = &entry[..] else { panic!("one entry: {entry:?}") };
    assert_eq!((entry["actor"].as_str(), entry["data"]["workflow"].as_str()), (Some("bruno"), Some("triage")));

    // Held, then gone from the release, then resumed all the same.
    stage.production.call(&["hold", "acme/triage", "--by", "bruno", "--why", "look", "--for", "4h"]).expect("a hold");
    for file in ["triage.toml", "triage.test.toml"] {
        let path = stage.agency.source.join("clients/acme/workflows").join(file);
        std::fs::remove_file(path).expect("a file that is there");
    }
    stage.agency.commit("Give up sorting").expect("a commit");
    release(&stage, "staging");
    stage.wait_rehearsals().expect("rehearsals");
    release(&stage, "production");
    let (status, _) = stage.production.wait_status(|status| triage(status).is_none()).expect("sorting that is off");
    assert_eq!(status.holds.len(), 1, "a hold outlives the workflow");
    let refused = stage.production.call(&["resume", "acme/triage", "--by", "alice"]);
    assert!(refused.is_err(), "alice is not on call");
    stage.production.call(&["resume", "acme/triage", "--by", "bruno"]).expect("what left the release is resumed");
    assert!(stage.production.status().expect("a status").holds.is_empty());
    let [resumed] = &entries(&stage, "resumed")[..] else { panic!("one entry") };
    assert_eq!(resumed["actor"].as_str(), Some("bruno"));
    stage.production.call(&["ledger", "verify"]).expect("a ledger that verifies");
}
