//! A run is under way when the agent dies and its state is put back from a copy: nothing starts until somebody on call says so,
//! the run goes to people, and money that moved moves no second time.

use std::path::Path;

use assent_agent::pull::read;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, refund, run_id, webhook};
use assent_schema::ledger::{Checkpoint, LogKey, export};
use assent_schema::status::Status;
use assent_tests::until::LOOKED;
use assent_tests::{command, run, succeed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The payment system, after it moved the money and before it says so.
const REFUNDED: &str = assent_compiler::command::demo::outside::REFUNDED;

/// Copies a folder as an operator does who restores one.
fn copy(from: &Path, to: &Path, home: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).expect("a folder that goes");
    }
    succeed(command("cp", home).arg("-a").args([from, to]));
}

/// How many entries of acme's log a checkpoint is about.
fn size(note: &str) -> u64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size")
}

/// The checkpoint of acme's log that the agent published last.
fn published(stage: &Stage) -> Option<u64> {
    let remote = &stage.agency.remote;
    let repository = git2::Repository::open_bare(remote).expect("a repository");
    let tip = repository.refname_to_id("refs/heads/status/production/eu/eu-production-1").ok()?;
    let note = read::read_one(remote, &tip.to_string(), "checkpoints/acme/checkpoint").ok()??;
    Some(size(std::str::from_utf8(&note).expect("text")))
}

/// Waits until more entries of acme's log are published than these.
fn wait_published(stage: &mut Stage, more_than: u64) -> u64 {
    let remote = stage.agency.remote.clone();
    let look = || {
        let repository = git2::Repository::open_bare(&remote).expect("a repository");
        let Ok(tip) = repository.refname_to_id("refs/heads/status/production/eu/eu-production-1") else {
            return Ok(None);
        };
        let note = read::read_one(&remote, &tip.to_string(), "checkpoints/acme/checkpoint").ok().flatten();
        let size = note.map(|note| size(std::str::from_utf8(&note).expect("text")));
        Ok(size.filter(|size| *size > more_than))
    };
    stage.production.wait_within(LOOKED, look).expect("a newer checkpoint")
}

fn works(status: &Status) -> bool {
    refund(status).is_some_and(|refund| refund.plan.is_some())
}

/// Sends an event; the status of the answer, and its body.
fn send(stage: &Stage, event: &str, ticket: &str) -> (u16, String) {
    webhook(&stage.production, event, ticket, &WEBHOOK_SECRET, clock().expect("a clock")).expect("an answer")
}

fn refunds(stage: &Stage) -> usize {
    stage.outside.look(|seen| seen.refunds.len())
}

/// One event, told to its good end.
fn refunded(stage: &mut Stage, event: &str, ticket: &str) {
    let (status, body) = send(stage, event, ticket);
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("a question");
    stage.decide(&run).expect("a decision");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
}

#[test]
fn a_restored_agent_repeats_nothing_and_goes_on_when_on_call_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let snapshot = folder.path().join("snapshot");

    // A run that waits for a person, in a copy of the state.
    let (status, body) = send(&stage, "evt-under-way", "6001");
    assert_eq!(status, 202, "{body}");
    let under_way = run_id(&body).expect("a run");
    stage.wait_decision(&under_way).expect("a question");
    let kept = wait_published(&mut stage, 0);
    stage.production.kill();
    copy(&stage.production.state(), &snapshot, folder.path());
    stage.production.start().expect("it starts");

    // The person says yes, money moves, nobody hears of it; what happened until then was published.
    stage.production.wait_status(works).expect("a workflow at work");
    let before = published(&stage).unwrap_or(0);
    stage.outside.hold(Some(REFUNDED));
    stage.wait_decision(&under_way).expect("the same question");
    stage.decide(&under_way).expect("a decision");
    let (production, outside) = (&mut stage.production, &stage.outside);
    production.wait_for(|| Ok((outside.look(|seen| seen.refunds.len()) == 1).then_some(()))).expect("money that moves");
    let published_before = wait_published(&mut stage, before);

    // The machine dies; somebody puts yesterday's copy back.
    stage.production.kill();
    stage.outside.hold(None);
    let state = stage.production.state();
    copy(&snapshot, &state, folder.path());
    stage.production.start().expect("it starts");
    let (status, _) = stage.production.wait_status(|status| status.halt.is_some()).expect("it starts nothing");
    assert!(refund(&status).is_none_or(|refund| refund.plan.is_none()) || status.halt.is_some());
    assert!(send(&stage, "evt-while-it-waits", "6002").0 >= 400, "it takes no event");
    assert_eq!(refunds(&stage), 1);

    // A stranger, and somebody who is not on call, cannot let it go on.
    let alice = stage.agency.private("alice").expect("a key");
    assert!(stage.production.call(&["recover", "--key", &alice]).is_err(), "alice is not on call");
    let bruno = stage.agency.private("bruno").expect("a key");
    stage.production.call(&["recover", "--key", &bruno]).expect("a recovery");
    stage.production.wait_status(|status| status.halt.is_none() && works(status)).expect("it works again");

    // The run is with people; the same event is no new run; money moved once.
    let queue = stage.production.call(&["queue", "--format", "json"]).expect("a queue");
    assert!(queue.contains(&under_way), "{queue}");
    let (status, body) = send(&stage, "evt-under-way", "6001");
    assert!(status == 200 || status >= 400, "{status} {body}");
    assert!(status != 200 || run_id(&body).is_ok_and(|run| run == under_way), "the same run: {body}");
    assert_eq!(refunds(&stage), 1, "by idempotency key");
    refunded(&mut stage, "evt-after", "6003");
    assert_eq!(refunds(&stage), 2);
    for log in [&["ledger", "verify"][..], &["ledger", "verify", "acme"]] {
        stage.production.call(log).expect("a ledger that verifies");
    }
    let export = stage.production.call(&["ledger", "export", "acme"]).expect("an export");
    assert!(export.contains("\nassent/harbor/eu-production-1.2/acme\n"), "the log began again under a name of its own");

    // The log that ended is there for an auditor: as far as this copy of it went, which is not as far as it was published.
    stage.production.call(&["ledger", "verify", "acme", "--life", "1"]).expect("the log that ended verifies");
    let ended = stage.production.call(&["ledger", "export", "acme", "--life", "1"]).expect("an export");
    let keys = stage.agency.assent(&["trust", "ledger-keys"].map(str::to_owned)).expect("ledger keys");
    let name = "assent/harbor/eu-production-1/acme";
    let vkey = keys.split_whitespace().find(|word| word.starts_with(&format!("{name}+"))).expect("the client's");
    let key = LogKey::from_vkey(vkey).expect("a key");
    let summary = export::verify(ended.as_bytes(), &key, &[]).expect("an export that verifies");
    assert_eq!(summary.head.origin.to_string(), name);
    assert!((kept..published_before).contains(&summary.head.size), "{} of {published_before}", summary.head.size);
    let newest = export
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|line| opened(&line))
        .expect("a note");
    let head = Checkpoint::verify(&newest, &key, &[]).expect("the checkpoint that was published last").head().clone();
    assert_eq!(head.size, published_before);
    let fault = export::verify(ended.as_bytes(), &key, &[head]).expect_err("what the copy lost");
    assert_eq!(fault.fault.code(), "not-consistent", "{fault}");
}

/// The checkpoint that the first entry of a log names of the log before it.
fn opened(line: &Value) -> Option<String> {
    let body = STANDARD.decode(line.get("body")?.as_str()?).ok()?;
    let entry: Value = serde_json::from_slice(&body).ok()?;
    entry.get("data")?.get("old")?.as_array()?.first()?.as_str().map(str::to_owned)
}

/// One agent's folder in two places, and two processes on one folder: one works, the other starts nothing.
#[test]
#[expect(clippy::disallowed_methods, reason = "the twin gets a configuration and a log of its own")]
fn an_agent_that_is_there_twice_works_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());

    // A second process on the same folder ends by itself, and says why.
    let program = assent_tests::assent();
    let run_with = |config: &Path| {
        let mut command = command(&program, folder.path());
        command.args(["agent", "run", "--config"]).arg(config);
        command
    };
    let second = run(&mut run_with(&stage.production.config()));
    assert!(!second.status.success(), "two processes on one folder");
    assert!(!second.stderr.is_empty(), "it says why");
    refunded(&mut stage, "evt-1", "7001");

    // A copy of the folder, at another port, while the first one goes on.
    stage.production.kill();
    let twin = folder.path().join("twin");
    std::fs::create_dir(&twin).expect("a folder");
    copy(&stage.production.state(), &twin.join("state"), folder.path());
    let before = published(&stage).unwrap_or(0);
    stage.production.start().expect("it starts");
    stage.production.wait_status(works).expect("a workflow at work");
    refunded(&mut stage, "evt-2", "7002");
    wait_published(&mut stage, before);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let config = std::fs::read_to_string(stage.production.config()).expect("a configuration");
    let own = stage.production.url().trim_start_matches("http://").to_owned();
    let config = config.replace(&own, &address);
    let (old, new) = (stage.production.state().display().to_string(), twin.join("state").display().to_string());
    let path = twin.join("agent.toml");
    // Its console is another one too, if there is one.
    let listens = |line: &&str| !line.starts_with("console");
    let config = config.lines().filter(listens).collect::<Vec<_>>().join("\n");
    std::fs::write(&path, config.replace(&old, &new)).expect("a configuration");
    let log = std::fs::File::create(twin.join("log")).expect("a file");
    let mut other = run_with(&path).stdout(log).spawn().expect("a process");
    let halted = || {
        let mut status = command(&program, folder.path());
        status.args(["agent", "status", "--format", "json", "--config"]).arg(&path);
        let said: Option<Status> = serde_json::from_slice(&run(&mut status).stdout).ok();
        Ok(said.filter(|status| status.halt.is_some()))
    };
    let found = stage.production.wait_for(halted);
    other.kill().and_then(|()| other.wait()).expect("an own process can be ended");
    let halt = found.expect("the twin starts nothing").halt.expect("a reason");
    assert!(halt.why.iter().any(|why| why.as_str().starts_with("ledger-")), "{halt:?}");
    refunded(&mut stage, "evt-3", "7003");
    assert_eq!(refunds(&stage), 3, "by idempotency key");
}
