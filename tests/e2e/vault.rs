//! A vault's file is gone when the agent starts, and is put back while it runs: what waited for a secret goes on, without another
//! restart, and on-call hears of both.

use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, run_id, webhook};
use assent_tests::until::{LOOKED, until_so};

/// Waits until what a command of the agent says is as wanted.
fn wait(stage: &Stage, what: &str, wanted: impl Fn(&str) -> bool) {
    until_so(what, LOOKED, || wanted(&stage.production.call(&[what]).expect("an answer")));
}

fn event(stage: &Stage, id: &str) -> (u16, String) {
    webhook(&stage.production, id, "42", &WEBHOOK_SECRET, clock().expect("a clock")).expect("an answer")
}

#[test]
fn a_vault_that_is_put_back_is_read_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let (file, aside) = (stage.production.state().join("vault.age"), folder.path().join("aside"));
    // It knows which secrets it has.
    wait(&stage, "status", |said| said.contains("secret acme/helpdesk/token  since"));
    stage.production.stop().expect("it stops");
    std::fs::rename(&file, &aside).expect("a vault");
    stage.production.start().expect("it starts without it");
    wait(&stage, "alerts", |said| said.contains("vault_gone"));
    let (status, body) = event(&stage, "evt-1");
    assert!(status >= 400, "nobody can tell who sent it: {status} {body}");

    let process = stage.production.process();
    std::fs::rename(&aside, &file).expect("it is put back");
    wait(&stage, "alerts", |said| !said.contains("vault_gone"));
    let (status, body) = event(&stage, "evt-1");
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("the helpdesk, the shop and the provider are asked with their secrets");
    stage.decide(&run).expect("a yes");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    assert_eq!(stage.production.process(), process, "it is the process that began without a vault");
    let log = std::fs::read_to_string(stage.production.log()).expect("a log");
    assert!(log.contains("they count from now on"), "the log says so");
}
