//! The git server goes away and comes back. Meanwhile the agent works, also after a restart; then it takes what is new.

use std::path::Path;

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, refund, run_id, webhook};
use assent_schema::status::Status;

/// One ticket from its webhook to the end of its run.
fn refunded(stage: &mut Stage, event: &str, ticket: &str) {
    let works = |status: &Status| refund(status).is_some_and(|refund| refund.plan.is_some());
    stage.production.wait_status(works).expect("a workflow at work");
    let now = clock().expect("a clock");
    let (status, body) = webhook(&stage.production, event, ticket, &WEBHOOK_SECRET, now).expect("an answer");
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("a question");
    stage.decide(&run).expect("a decision");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
}

fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).expect("the remote can be moved");
}

#[test]
fn work_goes_on_while_the_git_server_is_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let (remote, elsewhere) = (stage.agency.remote.clone(), folder.path().join("elsewhere.git"));

    rename(&remote, &elsewhere);
    refunded(&mut stage, "evt-away", "5001");
    stage.production.kill();
    stage.production.start().expect("it starts without the git server");
    refunded(&mut stage, "evt-restarted", "5002");
    let (status, _) = stage.production.wait_status(|status| refund(status).is_some()).expect("a status");
    let before = refund(&status).and_then(|refund| refund.plan);

    rename(&elsewhere, &remote);
    let prompt = stage.agency.source.join("clients/acme/prompts/intent.md");
    let mut text = std::fs::read(&prompt).expect("a prompt");
    text.extend_from_slice(b"\nBe brief.\n");
    put(&prompt, &text).expect("a file");
    stage.agency.commit("Reword the prompt of the refund workflow").expect("a commit");
    for environment in ["staging", "production"] {
        let (outcome, said) = stage.release(environment).expect("a command that runs");
        assert_eq!(outcome, Outcome::Fine, "{said}");
        if environment == "staging" {
            stage.wait_rehearsals().expect("rehearsals");
        }
    }
    let moved = |status: &Status| refund(status).is_some_and(|refund| refund.plan.is_some() && refund.plan != before);
    stage.production.wait_status(moved).expect("the new release runs");
    assert_eq!(stage.outside.look(|seen| seen.refunds.len()), 2, "refunds by idempotency key");
}
