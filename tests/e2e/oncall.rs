//! What on-call does to real agents: only who is on call may, the client's ledger names them, and what left the release can
//! still be resumed.

use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, refund, run_id, triage, webhook_to};
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

    // Alice signs releases and is not on call; dana decides for the client; nobody knows mallory, nor bruno by her key.
    let of = |person: &str| stage.agency.private(person).expect("a key");
    let alices = of("alice").replacen("alice=", "", 1);
    for (key, why) in [
        (of("alice"), "does not list you as on-call"),
        (format!("dana={alices}"), "knows nobody of that name and key"),
        (format!("mallory={alices}"), "knows nobody of that name and key"),
        (format!("bruno={alices}"), "knows nobody of that name and key"),
    ] {
        let refused = stage.production.call(&["rollback", "acme/triage", "--key", &key]);
        let refused = refused.expect_err("a refusal").to_string();
        assert!(refused.contains(why), "{key}: {refused}");
    }
    assert!(moved(&stage.production.status().expect("a status")), "nothing went back");
    assert!(entries(&stage, "rolled-back").is_empty());
    stage.production.call(&["rollback", "acme/triage"]).expect("a rollback");
    stage.production.wait_status(|status| plan(status) == old).expect("the plan before");
    let entry = entries(&stage, "rolled-back");
    let [entry] = &entry[..] else { panic!("one entry: {entry:?}") };
    assert_eq!((entry["actor"].as_str(), entry["data"]["workflow"].as_str()), (Some("bruno"), Some("triage")));

    // All of them at once: what has a plan before goes back, what has none runs on, and both are told.
    put(&stage.agency.source.join("clients/acme/prompts/topic.md"), b"Name the team that helps best.\n")
        .expect("a file");
    stage.agency.commit("Reword it again").expect("a commit");
    release(&stage, "staging");
    stage.wait_rehearsals().expect("rehearsals");
    release(&stage, "production");
    let (before, _) = stage.production.wait_status(moved).expect("a newer plan");
    let refunds = refund(&before).and_then(|refund| refund.plan);
    assert!(refunds.is_some());
    // Exit status 1: not all of them could.
    let told = stage.production.call(&["rollback", "--all"]).expect_err("a refusal").to_string();
    let line =
        |workflow: &str| told.lines().find(|line| line.contains(&format!("acme/{workflow}: "))).unwrap_or_default();
    assert!(line("triage").contains(" runs again; "), "{told}");
    assert!(line("refund").contains("not rolled back: "), "{told}");
    let (after, _) = stage.production.wait_status(|status| plan(status) == old).expect("the plan before");
    assert_eq!(refund(&after).and_then(|refund| refund.plan), refunds, "what could not go back runs on");
    let entry = entries(&stage, "rolled-back");
    assert_eq!(entry.len(), 2, "one more: {entry:?}");
    assert!(entry.iter().all(|entry| entry["data"]["workflow"] == "triage" && entry["actor"] == "bruno"), "{entry:?}");

    // Held, then gone from the release, then resumed all the same.
    stage.production.call(&["hold", "acme/triage", "--why", "look", "--for", "4h"]).expect("a hold");
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
    let alice = stage.agency.private("alice").expect("a key");
    let refused = stage.production.call(&["resume", "acme/triage", "--key", &alice]);
    assert!(refused.is_err(), "alice is not on call");
    stage.production.call(&["resume", "acme/triage"]).expect("what left the release is resumed");
    assert!(stage.production.status().expect("a status").holds.is_empty());
    let [resumed] = &entries(&stage, "resumed")[..] else { panic!("one entry") };
    assert_eq!(resumed["actor"].as_str(), Some("bruno"));
    stage.production.call(&["ledger", "verify"]).expect("a ledger that verifies");
}

#[test]
fn commands_show_people_what_is_theirs_and_the_ledger_says_who_looked() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = working(folder.path());
    let now = clock().expect("a clock");
    let (_, body) =
        webhook_to(&stage.production, "triage", "evt-1", "42", &WEBHOOK_SECRET, now).expect("an agent that answers");
    let run = run_id(&body).expect("a run");
    // Bruno is assigned to acme, chen is not; both are of the agency.
    let of = |person: &str| stage.agency.private(person).expect("a key");
    let (chen, agent) = (of("chen"), &stage.production);
    assert!(agent.call(&["runs"]).expect("runs").contains(&run));
    assert!(agent.call(&["runs", "show", &run]).expect("a run").contains(&run));
    assert!(!agent.call(&["runs", "--key", &chen]).expect("runs of others").contains(&run));
    for line in [
        &["runs", "--client", "acme"][..],
        &["runs", "show", &run],
        &["ledger", "export", "acme"],
        &["ledger", "show", "--client", "acme"],
        &["ledger", "prove", "acme", "--index", "0"],
    ] {
        let refused = agent.call(&[line, &["--key", &chen]].concat()).expect_err("a refusal").to_string();
        assert!(refused.contains("yours to see"), "{line:?}: {refused}");
    }
    let shown = agent.call(&["ledger", "show", "--key", &chen]).expect("what is his");
    assert!(shown.contains("index 0: opened") && !shown.contains("/acme"), "{shown}");

    let looks = entries(&stage, "viewed");
    let of_acme = |what: &str| {
        looks
            .iter()
            .any(|look| look["actor"] == "bruno" && look["data"]["what"] == what && look["data"]["why"] == "command")
    };
    assert!(["runs", "run", "ledger"].iter().all(|what| of_acme(what)), "{looks:?}");
    assert!(looks.iter().all(|look| look["actor"] != "chen"), "{looks:?}");
    let refused = entries(&stage, "refused");
    let chens = refused.iter().filter(|entry| entry["actor"] == "chen" && entry["data"]["code"] == "not_assigned");
    assert_eq!(chens.count(), 5, "{refused:?}");

    // Without an agent nobody would write down who looked.
    let mut stage = stage;
    stage.production.kill();
    for line in [&["runs"][..], &["queue"], &["ledger", "export", "acme"]] {
        let refused = stage.production.call(line).expect_err("no agent").to_string();
        assert!(refused.contains("no agent runs"), "{refused}");
    }
    stage.production.call(&["ledger", "verify", "acme"]).expect("a ledger that verifies");
}
