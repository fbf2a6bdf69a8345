//! An outage of fifteen minutes around an agent, in real time: of who holds a client's checkpoints, and of an API that takes
//! connections and answers nothing. `-- --ignored` waits for it; how long is long enough is held by `holders` in the agent, on a
//! clock of its own. It takes a quarter of an hour, so that nothing waits for it unless it is asked.

use std::time::{Duration, Instant};

use assent_compiler::command::demo::stage::{WEBHOOK_SECRET, clock, secrets, triage, webhook_to};
use assent_schema::status::Status;
use assent_tests::servers::{Nginx, PASSWORD, USER};
use assent_tests::until::{LOOKED, until_so};
use assent_tests::{Running, command};
use serde_json::Value;

use super::holders::{Scene, Witness};

/// How long an outage lasts before on-call is told.
const OUTAGE: Duration = Duration::from_mins(15);
/// Rounds come once a minute; the first that fails begins the outage, and one after it tells.
const TOLD_WITHIN: Duration = Duration::from_mins(18);

/// What on-call was told by a rule.
fn told(scene: &Scene, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    let is_it = |told: &&Value| told["rule"].as_str().is_some_and(&wanted);
    scene.outside.look(|seen| seen.told.iter().filter(is_it).cloned().collect())
}

fn sort(scene: &Scene, event: &str) -> u16 {
    let now = clock().expect("a clock");
    webhook_to(&scene.agent, "triage", event, &format!("t-{event}"), &WEBHOOK_SECRET, now).expect("an answer").0
}

#[test]
#[ignore = "takes a quarter of an hour"]
#[expect(clippy::disallowed_methods, reason = "the test lives through the outage")]
fn an_outage_is_told_when_it_has_lasted_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut nginx) = Nginx::start(folder.path(), folder.path()) else { return };
    let mut scene = Scene::set(folder.path());
    let mut witness = Witness::start(folder.path(), &scene.vkey());
    let ca = std::fs::read_to_string(&nginx.authority.certificate).expect("a certificate");
    let branch = format!(
        "\n[ledger.staging.branch]\nrepository = \"{}\"\nname = \"held\"\nca = \"\"\"\n{ca}\"\"\"\nregion = \"eu\"\n",
        nginx.url("git/client.git")
    );
    scene.begin(&(branch + &witness.toml()), &format!("{USER}:{PASSWORD}"));
    secrets(&scene.agent).expect("secrets");
    scene.held(|note| note.contains("witness.acme.example/1"));
    let works = |status: &Status| triage(status).is_some_and(|triage| triage.plan.is_some());
    scene.agent.wait_status(works).expect("a workflow at work");

    // All of them are away at once.
    let nobody = || Running::begin(&mut command("true", folder.path()));
    drop(std::mem::replace(&mut nginx.running, [nobody(), nobody()]));
    witness.running = None;
    scene.outside.hold(Some("helpdesk"));
    let began = Instant::now();
    assert_eq!(sort(&scene, "silent"), 202);
    let holders = |rule: &str| ["witness", "ledger-branch"].contains(&rule);
    let mut heard_of_run = None;
    until_so("an alert of each holder", TOLD_WITHIN, || {
        let since = began.elapsed();
        if told(&scene, holders).len() >= 2 {
            return true;
        }
        assert!(since > OUTAGE || told(&scene, holders).is_empty(), "too soon: {since:?}");
        if heard_of_run.is_none() && !told(&scene, |rule| rule.starts_with("run-")).is_empty() {
            heard_of_run = Some(since);
        }
        false
    });
    let all = told(&scene, holders);
    assert!(
        all.iter().all(|told| told["incident"] == false && told["client"] == "acme"),
        "an outage is no incident: {all:?}"
    );
    // The run that asked the API did not wait for ever: on-call heard of it, as an incident, long before.
    let run = told(&scene, |rule| rule.starts_with("run-"));
    assert!(heard_of_run.is_some_and(|after| after < OUTAGE) && run[0]["incident"] == true, "{heard_of_run:?} {run:?}");

    // The API answers again, and so does what is asked of it. The witness is back, and its alert is over.
    scene.outside.hold(None);
    witness.again();
    assert_eq!(sort(&scene, "heard"), 202);
    let standing = || scene.agent.call(&["alerts"]).expect("alerts");
    until_so("the end of the witness's alert", LOOKED, || !standing().contains("witness "));
    let ended = |scene: &Scene| {
        scene.outside.look(|seen| seen.requests.iter().any(|one| one == "helpdesk assign_ticket t-heard"))
    };
    assert!(ended(&scene), "tickets are sorted again");
}
