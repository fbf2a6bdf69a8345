//! A month and more after a plan was rehearsed: releases go on, a host that is new takes the newest, and what ends is renewed.

use std::path::Path;

use assent_agent::pull::past::Past;
use assent_agent::verify::{Now, PinnedTrust, Place, RefusalCode, verify_with_past};
use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch::{self, Files};
use assent_schema::canon::{self, Digest};
use assent_schema::release::{Engine, Manifest, Rehearsal, RehearsalType, ScenarioResult};
use assent_schema::scenario::Tests;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Namespace, Signer, sign};
use assent_tests::stage::at;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const STAGING: &str = "eu-staging-1";
const PRODUCTION: &str = "eu-production-1";

fn staging_key() -> Signer {
    Signer::from_seed(&[7; 32]).expect("a key")
}

/// What `assent-agent enrol` prints.
fn enrolled(folder: &Path, agent: &str, environment: &str, key: &Signer) -> std::path::PathBuf {
    let of_ledger = Signer::from_seed(key.public().point()).expect("a key");
    let (public, ledger) = (key.public(), STANDARD.encode(of_ledger.public().point()));
    let text = format!(
        "{{\"agent\":\"{agent}\",\"region\":\"eu\",\"environment\":\"{environment}\",\"key\":\"{public}\",\"ledger_key\":\"{ledger}\"}}"
    );
    let file = folder.join(format!("{agent}.json"));
    put(&file, text.as_bytes()).expect("a file");
    file
}

/// An agency whose clients approved everything, with an agent of each environment.
fn founded(folder: &Path) -> Agency {
    let agency = Agency::found(folder, Lead::AsWritten, at()).expect("an agency");
    let other = Signer::from_seed(&[9; 32]).expect("a key");
    let agents =
        [enrolled(folder, STAGING, "staging", &staging_key()), enrolled(folder, PRODUCTION, "production", &other)];
    agency.establish(&agents, &[STAGING.parse().expect("an id")]).expect("signed trust");
    agency.approve_all().expect("approvals");
    agency
}

fn release(agency: &Agency, environment: &str) -> (Outcome, String) {
    let (key, timer) = (agency.private("alice").expect("a key"), agency.private("timer").expect("a key"));
    let words = ["release", "--environment", environment, "--region", "eu", "--local"];
    let keys = ["--key", &key, "--freshness-key", &timer];
    let line: Vec<String> = words.iter().chain(&keys).map(|word| (*word).to_owned()).collect();
    agency.try_assent(&line).expect("an answer")
}

/// The files of a branch, and the commit that it stands at.
fn released(agency: &Agency, name: &str) -> (Files, String) {
    let repository = branch::open(&agency.source).expect("a repository");
    let tip = branch::tip(&repository, name).expect("a branch").expect("a release");
    (branch::read(&repository, tip).expect("its files"), tip.to_string())
}

fn manifest(files: &Files) -> Manifest {
    canon::from_bytes(files.get("manifest.json").expect("a manifest")).expect("a manifest")
}

/// The staging agent rehearses what its release names of one workflow, or of all.
fn rehearse(agency: &Agency, only: Option<&str>) {
    let (files, _) = released(agency, "release/staging/eu");
    let repository = branch::open(&agency.source).expect("a repository");
    let name = format!("status/staging/eu/{STAGING}");
    let tip = branch::tip(&repository, &name).expect("a repository");
    let mut said = tip.map(|tip| branch::read(&repository, tip).expect("its files")).unwrap_or_default();
    let manifest = manifest(&files);
    for active in manifest.active.iter().filter(|active| only.is_none_or(|only| active.workflow.as_str() == only)) {
        let tests = files.get(&format!("tests/{}.json", active.tests)).expect("scenarios");
        let tests: Tests = canon::from_bytes(tests).expect("scenarios");
        let passed = |name: &str| ScenarioResult { scenario: name.to_owned(), passed: true };
        let rehearsal = Rehearsal {
            kind: RehearsalType::Rehearsal,
            schema: 1,
            project: manifest.project,
            environment: "staging".parse().expect("an id"),
            region: "eu".parse().expect("an id"),
            agent: STAGING.parse().expect("an id"),
            plan: active.plan,
            tests: active.tests,
            engine: Engine { version: env!("CARGO_PKG_VERSION").to_owned(), binary: Digest::of_file(b"engine") },
            time: agency.now,
            results: tests.scenarios.iter().map(|one| passed(&one.name)).collect(),
        };
        let bytes = canon::to_bytes(&rehearsal).expect("bytes");
        let file = format!("rehearsals/{}.json", Digest::of_file(&bytes));
        said.insert(format!("{file}.{STAGING}.sig"), sign(&staging_key(), Namespace::Rehearsal, &bytes).into_bytes());
        said.insert(file, bytes);
    }
    branch::write(&repository, &name, &said, "Rehearsals", agency.now).expect("a branch");
}

/// What a production agent says that was enrolled a moment ago.
fn new_host(agency: &Agency, now: Moment, with_past: bool) -> Result<usize, RefusalCode> {
    let (files, commit) = released(agency, "release/production/eu");
    let project = Digest::of_file(files.get("trust/root/1.toml").expect("the first root"));
    let pinned = PinnedTrust { project: Some(project), ..PinnedTrust::default() };
    let place = Place {
        environment: "production".parse().expect("an id"),
        region: "eu".parse().expect("an id"),
        agent: PRODUCTION.parse().expect("an id"),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let now = Now { expiry: now, clock: now, trusted: now };
    let mut past = Past::of(&agency.source.join(".git"), &commit).filter(|_| with_past);
    let mut past = |digest| past.as_mut()?.manifest(digest);
    let verified = verify_with_past(&files, &pinned, &place, now, None, &mut past);
    verified.map(|bundle| bundle.workflows.len()).map_err(|refusal| refusal.code)
}

#[test]
fn what_was_rehearsed_once_is_released_for_as_long_as_releases_name_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut agency = founded(folder.path());
    assert_eq!(release(&agency, "staging").0, Outcome::Fine);
    rehearse(&agency, None);
    let (outcome, said) = release(&agency, "production");
    assert_eq!(outcome, Outcome::Fine, "{said}");
    assert_eq!(new_host(&agency, at(), false), Ok(3));

    // Forty days later one of the workflows is another. It alone wants to be rehearsed.
    agency.now = at().plus(Period::days(40));
    let path = agency.source.join("clients/acme/workflows/triage.toml");
    let text = std::fs::read_to_string(&path).expect("a workflow");
    put(&path, text.replacen("Read a new ticket", "Read each new ticket", 1).as_bytes()).expect("a workflow");
    agency.commit_as("alice", "Say what triage reads", &["clients/acme"]).expect("a commit");
    let (outcome, said) = release(&agency, "staging");
    assert_eq!(outcome, Outcome::Fine, "{said}");
    let (outcome, said) = release(&agency, "production");
    assert_eq!(outcome, Outcome::Findings, "{said}");
    let named = ["triage", "refund", "reply"].map(|name| said.contains(&format!("rehearsed `{name}`")));
    assert_eq!(named, [true, false, false], "{said}");
    let (outcome, said) =
        agency.try_assent(&["check", "--environment", "production"].map(str::to_owned)).expect("a verdict");
    assert_eq!(outcome, Outcome::Findings, "{said}");
    assert!(!said.contains("rehearsed `refund`"), "{said}");
    rehearse(&agency, Some("triage"));
    let (outcome, said) = release(&agency, "production");
    assert_eq!(outcome, Outcome::Fine, "{said}");

    // The old rehearsals are carried on. A host that is new reads in the past of the branch that they were recent in their time.
    let later = agency.now;
    assert_eq!(new_host(&agency, later, true), Ok(3));
    assert_eq!(new_host(&agency, later, false), Err(RefusalCode::NotRehearsed));
    // And once more, of a release that came after another that carried them.
    agency.now = later.plus(Period::days(10));
    let (outcome, said) = release(&agency, "production");
    assert_eq!(outcome, Outcome::Fine, "{said}");
    assert_eq!(new_host(&agency, agency.now, true), Ok(3));
}

#[test]
fn what_ends_soon_is_said_and_drafted_and_nothing_is_signed_under_a_root_that_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut agency = founded(folder.path());
    let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    assert_eq!(release(&agency, "staging").0, Outcome::Fine);
    let draft = line(&["plan", "--draft", "acme"]);
    let nothing = agency.try_assent(&draft).expect_err("nothing is missing and nothing ends").to_string();
    assert!(nothing.contains("has approved everything already"), "{nothing}");
    let status = line(&["status", "--local"]);
    assert!(!agency.try_assent(&status).expect("a status").1.contains(" ends "));

    agency.now = at().plus(Period::days(340));
    let (outcome, said) = agency.try_assent(&draft).expect("a draft");
    assert_eq!(outcome, Outcome::Fine);
    assert!(said.contains("type = \"approval\""), "{said}");
    let (_, said) = agency.try_assent(&status).expect("a status");
    let ends = |file: &str| said.contains(&format!("`{file}` ends ")) && said.contains("in 25 days");
    let folder = std::fs::read_dir(agency.source.join("clients/acme/approvals")).expect("a folder");
    let names = folder.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned());
    let approval = names.into_iter().find(|name| name.strip_suffix(".toml").is_some()).expect("an approval");
    let approval = format!("clients/acme/approvals/{approval}");
    assert!(ends(&approval) && ends("trust/root/2.toml"), "{said}");

    // It is approved anew: the old approval ends, and nobody needs to know.
    agency.approve_again("acme").expect("an approval");
    agency.commit("The client approves again").expect("a commit");
    let (_, said) = agency.try_assent(&status).expect("a status");
    assert!(!said.contains("clients/acme/approvals/") && said.contains("trust/root/2.toml"), "{said}");

    agency.now = at().plus(Period::days(366));
    let timer = agency.private("timer").expect("a key");
    let why =
        agency.try_assent(&line(&["freshness", "--local", "--key", &timer])).expect_err("it has ended").to_string();
    assert!(why.contains("expired at") && why.contains("assent trust root --expires"), "{why}");
}
