//! What an agent sent back is not released again unasked, and nobody but the agent says what that is.

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::canon::{self, Digest};
use assent_schema::trust::{Namespace, Signer, sign};
use git2::Repository;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::reword;

const AGENT: &str = "eu-staging-1";
const BRANCH: &str = "status/staging/eu/eu-staging-1";
pub(super) const RELEASES: &str = "release/staging/eu";

/// An agency with one agent in the staging environment of one region, and two releases: the second reworded a prompt.
pub(super) struct Place {
    _folder: TempDir,
    pub(super) agency: Agency,
    pub(super) repository: Repository,
}

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
        let keys = [41, 42].map(|seed| signer(seed).public().clone());
        let ledger = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, keys[1].point());
        let enrolled = json!({"agent": AGENT, "region": "eu", "environment": "staging", "key": keys[0].to_string(),
            "ledger_key": ledger});
        let file = folder.path().join("enrolled.json");
        put(&file, enrolled.to_string().as_bytes()).unwrap();
        agency.establish(&[file], &[]).unwrap();
        agency.approve_all().unwrap();
        let repository = branch::open(&agency.source).unwrap();
        let place = Self { _folder: folder, agency, repository };
        place.release(&[]).unwrap();
        reword(&place.agency, "bruno", "Say what its writer wants.\n");
        place.release(&[]).unwrap();
        place
    }

    pub(super) fn call(&self, command: &[&str], more: &[&str]) -> Result<String, String> {
        let key = self.agency.private("alice").unwrap();
        let rest = ["--environment", "staging", "--region", "eu", "--key", &key, "--local", "--format", "json"];
        let line: Vec<String> = [command, &rest, more].concat().into_iter().map(str::to_owned).collect();
        match self.agency.try_assent(&line) {
            Ok((Outcome::Fine, said)) => Ok(said),
            Ok((_, said)) => Err(said),
            Err(error) => Err(error.to_string()),
        }
    }

    fn release(&self, more: &[&str]) -> Result<String, String> {
        self.call(&["release"], more)
    }

    /// Releases; nothing may hold that back.
    fn passes(&self) -> Value {
        let said: Value = serde_json::from_str(&self.release(&[]).unwrap()).unwrap();
        said["releases"][0].clone()
    }

    /// The manifest of the newest release, and its digest.
    pub(super) fn newest(&self) -> (Value, Digest) {
        let tip = branch::tip(&self.repository, RELEASES).unwrap().unwrap();
        let files = branch::read(&self.repository, tip).unwrap();
        (serde_json::from_slice(&files["manifest.json"]).unwrap(), Digest::of_file(&files["manifest.json"]))
    }

    pub(super) fn plan(&self) -> String {
        let (manifest, _) = self.newest();
        let active = manifest["active"].as_array().unwrap();
        let refund = active.iter().find(|one| one["client"] == "acme" && one["workflow"] == "refund").unwrap();
        refund["plan"].as_str().unwrap().to_owned()
    }

    /// What the agent says at some time, with the newest release, of a plan that it sent back.
    fn word(&self, time: &str, back: Option<&str>) -> Value {
        let (manifest, digest) = self.newest();
        let root = std::fs::read(self.agency.source.join("trust/root/1.toml")).unwrap();
        let release = json!({"root": 2, "generation": 1, "sequence": manifest["sequence"], "manifest": digest,
            "commit": "0".repeat(40)});
        let refused: Value = back.map_or(json!({}), |plan| json!({ plan: "failure-rate" }));
        let mut refund = json!({"stage": "returned", "refused": refused});
        if back.is_none() {
            refund = json!({"stage": "committed"});
        }
        json!({"type": "status", "schema": 1, "environment": "staging", "region": "eu", "project": Digest::of_file(&root),
            "agent": AGENT, "time": time, "version": "0.1.0", "release": release, "workflows": {"acme": {"refund": refund}}})
    }

    /// Puts a word on the agent's branch, signed by a key.
    fn put(&self, word: &Value, seed: u8) {
        let bytes = canon::to_bytes(word).unwrap();
        let armour = sign(&signer(seed), Namespace::Console, &bytes).into_bytes();
        let files = [("status.json".to_owned(), bytes), (format!("status.json.{AGENT}.sig"), armour)].into();
        branch::write(&self.repository, BRANCH, &files, "Status", self.agency.now).unwrap();
    }

    /// The agent itself says it.
    fn says(&self, time: &str, back: Option<&str>) {
        self.put(&self.word(time, back), 41);
    }

    /// As from a clone that saw nothing before.
    fn forget(&self) {
        let kept = self.repository.path().join("assent/status");
        assert!(kept.exists(), "a clone remembers what agents said");
        std::fs::remove_dir_all(kept).unwrap();
    }
}

#[test]
fn what_an_agent_sent_back_is_released_again_by_name_alone() {
    let place = Place::new();
    let bad = place.plan();
    place.says("2026-06-01T08:10:00Z", None);
    assert!(place.passes().get("unheard").is_none());
    place.says("2026-06-01T08:20:00Z", Some(&bad));
    place.says("2026-06-01T08:30:00Z", Some(&bad));
    let refused = place.release(&[]).unwrap_err();
    let why =
        "eu-staging-1 sent it back (failure-rate) and says so since 2026-06-01T08:20:00Z, last at 2026-06-01T08:30:00Z";
    for part in ["release/staging/eu cannot name", "acme/refund", why, &format!("--readmit {bad}"), "assent rollback"] {
        assert!(refused.contains(part), "{refused}");
    }
    let (before, _) = place.newest();
    assert_eq!(before["sequence"], 3, "nothing was written");
    // By name it goes, and that stays said for whoever releases before the agent took it.
    place.release(&["--readmit", &bad, "--reason", "mended"]).unwrap();
    assert_eq!(place.newest().0["readmitted"], json!([{"plan": bad, "reason": "mended"}]));
    // An agent that was away meanwhile and takes a later one first hears of it from that.
    for _ in 0..2 {
        assert!(place.passes().get("passed_over").is_none());
        assert_eq!(place.newest().0["readmitted"], json!([{"plan": bad, "reason": "mended", "since": 4}]));
    }
    // It sent the plan back again under a release that carries that on; later ones carry it on too, and say nothing new.
    let mut early = place.word("2026-06-01T08:35:00Z", Some(&bad));
    early["release"]["sequence"] = 5.into();
    place.put(&early, 41);
    assert!(place.release(&[]).unwrap_err().contains("says so since"));
    // So too under the newest.
    place.says("2026-06-01T08:40:00Z", Some(&bad));
    assert!(place.release(&[]).unwrap_err().contains("says so since"));
    place.release(&["--readmit", &bad, "--reason", "mended again"]).unwrap();
    assert_eq!(place.newest().0["readmitted"], json!([{"plan": bad, "reason": "mended again"}]));
    // A source that makes another plan is released all the same.
    reword(&place.agency, "bruno", "Say in a word what its writer wants.\n");
    place.passes();
    assert_ne!(place.plan(), bad);
    assert_eq!(place.newest().0.get("readmitted"), None, "it is carried on as long as the plan stays");
    // With the plan named again behind another one, an agent that was away all the time never hears of it: that is told.
    reword(&place.agency, "bruno", "Say what its writer wants.\n");
    assert_eq!(place.passes()["passed_over"], json!({ AGENT: { &bad: 7 } }));
    assert_eq!(place.plan(), bad);
}

/// What a rollback takes back it no longer lets in; what it leaves alone it carries on.
#[test]
fn a_rollback_carries_on_what_it_leaves_alone() {
    let place = Place::new();
    let bad = place.plan();
    place.says("2026-06-01T08:20:00Z", Some(&bad));
    place.release(&["--readmit", &bad, "--reason", "mended"]).unwrap();
    place.call(&["rollback", "acme/refund"], &["--to", "1"]).unwrap();
    let (manifest, _) = place.newest();
    assert_eq!(manifest.get("readmitted"), None);
    assert_eq!(manifest["returned"], json!([{"plan": bad, "reason": "rolled back by a release"}]));
    place.call(&["rollback", "acme/refund"], &["--to", "2", "--readmit", "it was elsewhere"]).unwrap();
    let (manifest, _) = place.newest();
    assert_eq!(manifest["readmitted"], json!([{"plan": bad, "reason": "it was elsewhere"}]));
    place.passes();
    assert_eq!(place.newest().0["readmitted"], json!([{"plan": bad, "reason": "it was elsewhere", "since": 5}]));
    // Another workflow goes back; this one stays.
    put(&place.agency.source.join("clients/acme/prompts/topic.md"), b"Say what the ticket is about.\n").unwrap();
    place.agency.commit_as("bruno", "Reword another prompt", &["*"]).unwrap();
    place.passes();
    place.call(&["rollback", "acme/triage"], &[]).unwrap();
    assert_eq!(place.newest().0["readmitted"], json!([{"plan": bad, "reason": "it was elsewhere", "since": 5}]));
}

#[test]
fn a_rollback_takes_no_plan_that_an_agent_sent_back() {
    let place = Place::new();
    let bad = place.plan();
    reword(&place.agency, "bruno", "Say in a word what its writer wants.\n");
    place.release(&[]).unwrap();
    place.says("2026-06-01T08:20:00Z", Some(&bad));
    let refused = place.call(&["rollback", "acme/refund"], &["--to", "2"]).unwrap_err();
    assert!(refused.contains("went back itself (eu-staging-1 sent it back"), "{refused}");
    let said: Value = serde_json::from_str(&place.call(&["rollback", "acme/refund"], &[]).unwrap()).unwrap();
    assert_eq!(said["workflows"][0]["from"], 1, "the one before");
}

/// Whoever may push writes what they like where agents speak.
#[test]
fn a_forged_status_holds_no_release() {
    let place = Place::new();
    let plan = place.plan();
    let unheard = |why: &str| {
        let row = place.passes();
        let said = row["unheard"][AGENT].as_str().unwrap_or_default().to_owned();
        assert!(said.contains(why), "{row}");
    };
    unheard("has no status branch");
    // By somebody else's key; of another place; by another agent; with the signature of another word.
    place.put(&place.word("2026-06-01T08:20:00Z", Some(&plan)), 7);
    unheard("sig");
    let mut elsewhere = place.word("2026-06-01T08:20:00Z", Some(&plan));
    elsewhere["region"] = "us".into();
    place.put(&elsewhere, 41);
    unheard("another project, environment, region");
    let mut other = place.word("2026-06-01T08:20:00Z", Some(&plan));
    other["agent"] = "eu-staging-2".into();
    place.put(&other, 41);
    unheard("another machine");
    // What the agent said before it was readmitted, put there again, holds nothing any more, in no clone.
    place.says("2026-06-01T08:30:00Z", Some(&plan));
    let once = branch::tip(&place.repository, BRANCH).unwrap().unwrap();
    place.release(&["--readmit", &plan, "--reason", "mended"]).unwrap();
    place.says("2026-06-01T08:40:00Z", None);
    place.passes();
    place.repository.reference(&format!("refs/heads/{BRANCH}"), once, true, "").unwrap();
    place.passes();
    place.forget();
    place.passes();
}

#[test]
fn a_forged_status_hides_no_return() {
    let place = Place::new();
    let bad = place.plan();
    let held = || {
        let refused = place.release(&[]).unwrap_err();
        assert!(refused.contains("eu-staging-1 sent it back (failure-rate)"), "{refused}");
    };
    place.says("2026-06-01T08:10:00Z", None);
    let before = branch::tip(&place.repository, BRANCH).unwrap().unwrap();
    place.says("2026-06-01T08:20:00Z", Some(&bad));
    // Somebody writes over it: what the agent signed before still stands below, in a clone that never looked too.
    place.put(&place.word("2026-06-01T08:50:00Z", None), 7);
    let junk = [("status.json".to_owned(), b"{}".to_vec())].into();
    branch::write(&place.repository, BRANCH, &junk, "Status", place.agency.now).unwrap();
    held();
    place.forget();
    held();
    // Wound back to what the agent itself said before, or gone: this clone saw more.
    let name = format!("refs/heads/{BRANCH}");
    place.repository.reference(&name, before, true, "").unwrap();
    held();
    place.repository.find_reference(&name).unwrap().delete().unwrap();
    held();
    // What a clone remembers is believed as what it is: signed by the agent, or nothing.
    let file = place.repository.path().join("assent/status/staging/eu/eu-staging-1.json");
    let kept = std::fs::read_to_string(&file).unwrap();
    put(&file, kept.replace("08:20:00", "08:21:00").as_bytes()).unwrap();
    assert_eq!(place.passes()["unheard"][AGENT], "it has no status branch");
    // An agent whose clock was ahead is not remembered by what it said then.
    place.says("2026-07-01T09:20:00Z", None);
    place.passes();
    place.repository.reference(&name, before, true, "").unwrap();
    place.says("2026-06-01T08:45:00Z", Some(&bad));
    held();
}

/// A return outlives silence: it stands until a release readmits the plan.
#[test]
fn an_old_status_counts_and_one_of_no_release_too() {
    let place = Place::new();
    let bad = place.plan();
    let mut old = place.word("2026-01-01T00:00:00Z", Some(&bad));
    old.as_object_mut().unwrap().remove("release");
    place.put(&old, 41);
    assert!(place.release(&[]).unwrap_err().contains("since 2026-01-01T00:00:00Z"));
    // Of an older generation, and of a workflow that no release names any more.
    let mut gone = place.word("2026-01-02T00:00:00Z", None);
    gone["release"]["generation"] = 0.into();
    gone["workflows"] = json!({});
    gone["returned"] = json!({"acme": {"refund": {bad.clone(): "by-hand"}}});
    place.put(&gone, 41);
    assert!(place.release(&[]).unwrap_err().contains("(by-hand)"));
    place.release(&["--readmit", &bad, "--reason", "mended"]).unwrap();
    place.passes();
}
