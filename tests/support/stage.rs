//! Releases made by the commands that people type, and the stage of the demo with both its agents at work.

use std::path::Path;

use assent_agent::verify::{Now, PinnedTrust, Place};
use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::command::demo::stage::{self, Stage};
use assent_compiler::publish::branch::{self, Files};
use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use assent_schema::trust::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The agent of releases that no process verifies.
const AGENT: &str = "eu-staging-1";

/// The instant at which [`released`] releases.
///
/// # Panics
/// Never: it is well formed.
pub fn at() -> Moment {
    "2026-06-01T09:00:00Z".parse().expect("an instant")
}

/// The instant for an agent that looks at a release of [`released`].
pub fn then() -> Now {
    Now { expiry: at(), clock: at(), trusted: at() }
}

/// An agency whose clients approved everything, and its staging release for `eu`.
///
/// # Panics
/// When a command refuses.
pub fn released(folder: &Path) -> (Agency, Files) {
    let agency = Agency::found(folder, Lead::AsWritten, at()).expect("an agency");
    let agent = folder.join("agent.json");
    put(&agent, enrolled().as_bytes()).expect("a file");
    agency.establish(&[agent], &[AGENT.parse().expect("an id")]).expect("signed trust");
    agency.approve_all().expect("approvals");
    let (key, timer) = (agency.private("alice").expect("a key"), agency.private("timer").expect("a key"));
    let args =
        ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--freshness-key", &timer, "--local"];
    agency.assent(&args.map(str::to_owned)).expect("a release");
    let repository = branch::open(&agency.source).expect("a repository");
    let tip = branch::tip(&repository, "release/staging/eu").expect("a branch").expect("a release");
    let files = branch::read(&repository, tip).expect("its files");
    (agency, files)
}

/// What `assent-agent enrol` prints, with keys that nobody has.
fn enrolled() -> String {
    let public = |seed: u8| Signer::from_seed(&[seed; 32]).expect("a key").public().clone();
    let (key, ledger) = (public(7), STANDARD.encode(public(8).point()));
    format!(
        "{{\"agent\":\"{AGENT}\",\"region\":\"eu\",\"environment\":\"staging\",\"key\":\"{key}\",\"ledger_key\":\"{ledger}\"}}"
    )
}

/// The staging agent's place.
///
/// # Panics
/// Never: its names are well formed.
pub fn place() -> Place {
    Place {
        environment: "staging".parse().expect("an id"),
        region: "eu".parse().expect("an id"),
        agent: AGENT.parse().expect("an id"),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What an agent knows that has just been enrolled.
///
/// # Panics
/// When the release holds no root.
pub fn pinned(files: &Files) -> PinnedTrust {
    let project = Digest::of_file(files.get("trust/root/1.toml").expect("the first root"));
    PinnedTrust { project: Some(project), ..PinnedTrust::default() }
}

/// The demo's stage with a production release at work: agreed, rehearsed by the staging agent, pulled by the production
/// agent.
///
/// # Panics
/// When a step fails.
pub fn working(folder: &Path) -> Stage {
    working_after(folder, |_| {})
}

/// The same, with something changed in the source before the clients agreed to it.
///
/// # Panics
/// When a step fails.
pub fn working_after(folder: &Path, change: impl FnOnce(&Agency)) -> Stage {
    let now = stage::clock().expect("a clock");
    let mut stage = Stage::set(folder, now, &crate::assent()).expect("a stage");
    stage.establish().expect("signed trust");
    change(&stage.agency);
    stage.agency.approve_all().expect("approvals");
    release(&stage, "staging");
    stage::secrets(&stage.staging).expect("secrets");
    stage.staging.start().expect("a staging agent");
    stage.wait_rehearsals().expect("rehearsals");
    release(&stage, "production");
    stage::secrets(&stage.production).expect("secrets");
    stage.production.start().expect("a production agent");
    let works = |status: &_| stage::refund(status).is_some_and(|refund| refund.plan.is_some());
    stage.production.wait_status(works).expect("a workflow at work");
    stage
}

/// Releases the newest commit.
///
/// # Panics
/// When the command refuses.
pub fn release(stage: &Stage, environment: &str) {
    let (outcome, said) = stage.release(environment).expect("a command that runs");
    assert_eq!(outcome, Outcome::Fine, "{said}");
}
