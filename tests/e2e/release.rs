//! A release made by the commands that people type, verified by the agent's own code.

use std::collections::BTreeMap;
use std::path::Path;

use assent_agent::verify::{self, Now, PinnedTrust, Place};
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use assent_schema::trust::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const AT: &str = "2026-06-01T09:00:00Z";

fn at() -> Moment {
    AT.parse().expect("an instant")
}

/// An agency whose clients approved everything, and its staging release for `eu`.
fn released(folder: &Path) -> (Agency, BTreeMap<String, Vec<u8>>) {
    let agency = Agency::found(folder, Lead::AsWritten, at()).expect("an agency");
    let agent = folder.join("agent.json");
    put(&agent, enrolled().as_bytes()).expect("a file");
    agency.establish(&[agent], &["eu-staging-1".parse().expect("an id")]).expect("signed trust");
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
    let (key, ledger) = (Signer::from_seed(&[7; 32]), Signer::from_seed(&[8; 32]));
    let key = key.expect("a key").public().to_string();
    let ledger = STANDARD.encode(ledger.expect("a key").public().point());
    format!(
        "{{\"agent\":\"eu-staging-1\",\"region\":\"eu\",\"environment\":\"staging\",\"key\":\"{key}\",\"ledger_key\":\"{ledger}\"}}"
    )
}

fn place() -> Place {
    Place {
        environment: "staging".parse().expect("an id"),
        region: "eu".parse().expect("an id"),
        agent: "eu-staging-1".parse().expect("an id"),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn pinned(files: &BTreeMap<String, Vec<u8>>) -> PinnedTrust {
    let project = Digest::of_file(files.get("trust/root/1.toml").expect("the first root"));
    PinnedTrust { project: Some(project), ..PinnedTrust::default() }
}

#[test]
fn what_the_compiler_releases_the_agent_permits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = released(folder.path());
    let now = Now { expiry: at(), clock: at() };
    let bundle = verify::verify(&files, &pinned(&files), &place(), now).expect("the release verifies");
    assert_eq!(bundle.workflows.len(), 3, "acme has three workflows");
    for ((client, workflow), one) in &bundle.workflows {
        let why: Vec<String> = one.off.iter().map(|off| format!("{} {}", off.code, off.detail)).collect();
        assert!(one.off.is_empty(), "{client}/{workflow} is off: {why:?}\n{:#?}", one.uses);
    }
}
