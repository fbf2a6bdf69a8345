//! Bodies that are gone and releases that are not here: nobody honest is accused for what they might have said, what cannot be
//! told is said, and what can be is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use assent_compiler::evidence::{Region, Whole};
use assent_compiler::publish::history::{History, Past};
use assent_compiler::publish::prepare::Target;
use assent_compiler::publish::standing::Standing;
use assent_compiler::publish::verdict::{Finding, RegionVerdict, Verdict};
use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::ClientId;
use assent_schema::release::Manifest;
use assent_schema::trust::{AgentEntry, Signer};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::forged::{Paid, Told, says};
use super::ledger::{Ledger, SIGNED, facts, incident, refund, rows_of, said};
use super::support::signed::{drop_agent, list_agent};
use super::support::{Files, assent};

/// The example, with a root that lists the agent: releases are those of its region.
static LISTED: LazyLock<Files> = LazyLock::new(|| {
    let key = |seed: u8| SigningKey::from_bytes(&[seed; 32]).verifying_key();
    let entry = AgentEntry {
        region: "eu".parse().unwrap(),
        environment: "production".parse().unwrap(),
        key: Signer::from_seed(&[6; 32]).unwrap().public().clone(),
        ledger_key: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key(7).as_bytes()),
        rehearses: false,
    };
    let mut files = SIGNED.clone();
    list_agent(&mut files, "eu-production-1", entry);
    files
});

fn acme() -> ClientId {
    "acme".parse().unwrap()
}

/// What is said of a log beside releases: against, and else.
fn under(ledger: &Ledger, history: Option<History>) -> (BTreeSet<String>, BTreeSet<String>) {
    let regions: Vec<Region> = history.into_iter().map(region).collect();
    said(&rows_of(&LISTED, ([ledger.read(|_| ())], regions.as_slice()), &BTreeMap::new(), Some(&acme())))
}

/// The same without the checkpoints that nobody published here.
fn against(ledger: &Ledger, history: Option<History>) -> BTreeSet<String> {
    let (mut against, _) = under(ledger, history);
    against.retain(|one| !one.contains("nobody holds a checkpoint"));
    against
}

fn region(history: History) -> Region {
    let judged = RegionVerdict { finding: Finding::new(Verdict::Behind, ""), agents: BTreeMap::new() };
    let standing = Standing {
        target: Target { environment: "production".parse().unwrap(), region: "eu".parse().unwrap() },
        release: history.releases.first().map(|past| (past.manifest.sequence, past.digest)),
        judged,
        foreign: BTreeSet::new(),
        statuses: BTreeMap::new(),
        unsigned: BTreeMap::new(),
    };
    Region { standing, release: Whole::Unjudged, is_gone: false, history, other_source: None, follows: false }
}

/// A release that names the plan, by these authors, with a client's file.
fn past(sequence: u64, plan: Digest, authors: &[&str], change: impl FnOnce(&mut ClientFacts)) -> Past {
    let mut manifest: Manifest = canon::from_bytes(include_bytes!("../../../tests/vectors/manifest.json")).unwrap();
    manifest.sequence = sequence;
    manifest.returned.clear();
    manifest.files.clear();
    for active in &mut manifest.active {
        active.plan = plan;
        active.authors = authors.iter().map(|who| who.parse().unwrap()).collect();
    }
    let mut facts = facts();
    change(&mut facts);
    Past {
        manifest,
        digest: name(sequence),
        clients: [(acme(), Arc::new(facts))].into(),
        teams: None,
        root: None,
        approvers: [(acme(), 1)].into(),
    }
}

/// The digest of the manifest of a release, in these tests.
fn name(sequence: u64) -> Digest {
    Digest::of_file(format!("release {sequence}").as_bytes())
}

fn history(releases: Vec<Past>, is_whole: bool) -> History {
    History { releases, is_whole, ..History::default() }
}

fn took(sequence: u64) -> Told {
    ("2026-05-01T12:00:00Z", "released", json!({"sequence": sequence, "manifest": name(sequence)}))
}

fn run(run: u64, time: &'static str, ended: &'static str, outcome: &str) -> [Told; 2] {
    let begun = json!({"run": run, "id": format!("r-{run}"), "trigger": "webhook", "event": "e"});
    [(time, "accepted", begun), (ended, "ended", json!({"run": run, "outcome": outcome}))]
}

/// An incident that stays open over midnight, and a run that fails under it on the next day. Then the first day is pruned.
#[test]
fn a_run_that_failed_under_an_incident_whose_entry_is_gone_is_not_alone() {
    let alerted = ("2026-05-20T23:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5}));
    let [begun, failed] = run(1, "2026-05-20T22:59:00Z", "2026-05-20T23:00:00Z", "failed");
    let [begun_2, failed_2] = run(2, "2026-05-21T12:00:00Z", "2026-05-21T12:00:30Z", "failed");
    let opened = ("2026-05-20T23:00:00Z", "incident", incident("opened"));
    let pruned = ("2026-11-18T00:30:00Z", "pruned", json!({"ranges": [[1, 4]], "rule": "retention", "reason": "180d"}));
    let story = |first: Vec<Told>, gone: Vec<u64>| {
        let all: Vec<Told> = first.into_iter().chain([begun_2.clone(), failed_2.clone(), pruned.clone()]).collect();
        under(&Ledger { gone, ..Ledger::new(&all) }, None)
    };
    let whole = vec![begun.clone(), failed.clone(), opened, alerted.clone()];
    let (against, seen) = story(whole, vec![1, 2, 3, 4]);
    assert_eq!(against, BTreeSet::new());
    for promise in ["P12", "P19"] {
        let why =
            "of 1 run that could not be finished it cannot be told whether an incident was open, for bodies are gone.";
        assert!(seen.iter().any(|one| one.starts_with(promise) && one.ends_with(why)), "{promise}: {seen:?}");
    }
    // What failed before anything is gone is told, whatever goes later.
    let looked = ("2026-05-21T00:00:00Z", "viewed", json!({"what": "run", "why": "ticket-1"}));
    let erased = ("2026-05-22T00:00:00Z", "erased", json!({"ranges": [[4, 4]], "request": "r-1"}));
    let ledger = Ledger { gone: vec![4], ..Ledger::new(&[begun, failed, alerted, looked, erased]) };
    let why = "run 1 ended failed at 2026-05-20T23:00:00Z, and no incident of that was open";
    says(&under(&ledger, None).0, &[("P12", why), ("P19", why)]);
}

/// Entries of people that an erasure took along.
#[test]
fn an_answer_whose_entry_is_gone_is_not_called_late() {
    let story = |gone: Vec<u64>, told: &[u64]| {
        let shared = json!({"id": "i-7", "state": "shared", "severity": "critical", "cause": "run-failed", "file": Digest::of_file(b"why")});
        let ranges: Vec<Value> = told.iter().map(|index| json!([index, index])).collect();
        let all = [
            ("2026-05-20T10:00:00Z", "incident", incident("opened")),
            ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
            ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
            ("2026-05-22T09:00:00Z", "incident", shared),
            ("2026-05-24T09:00:00Z", "erased", json!({"ranges": ranges, "request": "r-1"})),
        ];
        let kept = BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), Digest::of_file(b"why"))]);
        let ledger = Ledger { gone, ..Ledger::new(&all) };
        said(&rows_of(&SIGNED, ([ledger.read(|_| ())], &[][..]), &kept, Some(&acme())))
    };
    for (index, promise) in [(2, "P13"), (3, "P20"), (4, "P22")] {
        let (against, seen) = story(vec![index], &[index]);
        assert_eq!(against, BTreeSet::new(), "{index}");
        let told = |one: &String| one.starts_with(promise) && one.contains("cannot be told, for bodies are gone");
        assert!(seen.iter().any(told), "{promise}: {seen:?}");
    }
}

/// Lena decided under a release in which she was no author; later she wrote a comment of the same plan. The entry that says which
/// release was in force is gone.
#[test]
fn who_may_have_been_no_author_then_is_not_accused() {
    let plan = refund();
    let ledger = Paid::well(plan).ledger(plan);
    let releases = |authors: [&[&str]; 2]| {
        let [newest, first] = authors;
        history(vec![past(2, plan, newest, |_| ()), past(1, plan, first, |_| ())], true)
    };
    let wrote = "lena wrote the workflow, which moves money";
    let both = ["alice", "lena"];
    let none = BTreeSet::new();
    assert_eq!(against(&ledger, Some(releases([&both, &["alice"]]))), none);
    let accused = against(&ledger, Some(releases([&both, &both])));
    assert!(accused.iter().any(|one| one.starts_with("P11: ") && one.contains(wrote)), "{accused:?}");
    // Where it is told, it is that one.
    for (taken, is_accused) in [(1, false), (2, true)] {
        let mut told = Paid::well(plan).ledger(plan);
        let (time, kind, data) = took(taken);
        told.entries.insert(1, (time.parse().unwrap(), kind, data));
        let found = against(&told, Some(releases([&both, &["alice"]])));
        assert_eq!(found.iter().any(|one| one.contains(wrote)), is_accused, "{taken}: {found:?}");
    }
    // All of it has to hold under one release: here she was in the group in one, and no author in the other.
    let out = |facts: &mut ClientFacts| {
        for group in facts.deciders.values_mut() {
            group.retain(|who| who.as_str() != "lena");
        }
    };
    let split = history(vec![past(2, plan, &both, |_| ()), past(1, plan, &["alice"], out)], true);
    assert!(against(&ledger, Some(split)).iter().any(|one| one.contains(wrote)));
}

/// Whoever may push took release 1 out of the branch. What was done under it cannot be held against what came later.
#[test]
fn what_was_done_under_a_release_that_is_not_here_is_not_judged_by_another() {
    let plan = refund();
    let mut ledger = Paid::well(plan).ledger(plan);
    let (time, kind, data) = took(1);
    ledger.entries.insert(1, (time.parse().unwrap(), kind, data));
    // Nobody decides any more, and nothing may be paid.
    let later = |sequence| {
        past(sequence, plan, &["alice"], |facts| {
            facts.deciders.clear();
            facts.people.clear();
            facts.guardrails.clear();
        })
    };
    let (against, seen) = under(&ledger, Some(history(vec![later(2)], false)));
    let unvouched = |one: &&String| !one.contains("nobody holds a checkpoint");
    assert_eq!(against.iter().filter(unvouched).collect::<Vec<_>>(), Vec::<&String>::new());
    for (promise, why) in [
        ("P16", "of 1 release taken up it cannot be told whether the branch held them, for it lacks some."),
        ("P16", "looked at 1 release of the branch, and not at those before"),
        ("P11", "of 1 decisions it cannot be told whether who made them might, for the release of then is not here."),
    ] {
        assert!(seen.iter().any(|one| one.starts_with(promise) && one.contains(why)), "{promise} {why}: {seen:?}");
    }
    // Where the branch is whole, there was none.
    let (against, _) = under(&ledger, Some(history(vec![later(2)], true)));
    assert!(
        against.iter().any(|one| one.starts_with("P16: ") && one.ends_with("and the branch never held that.")),
        "{against:?}"
    );
    // Above its newest it may have been wound back: that is said, and not who did it.
    let (against, _) = under(&ledger, Some(history(vec![later(0)], true)));
    let wound =
        |one: &String| one.starts_with("P16: ") && one.contains("it was wound back, or there never was such a release");
    assert!(against.iter().any(wound), "{against:?}");
    assert!(!against.iter().any(|one| one.contains("was not in the group")), "{against:?}");
}

/// The example, in which the agent was listed once and is none any more.
static DROPPED: LazyLock<Files> = LazyLock::new(|| {
    let mut files = LISTED.clone();
    drop_agent(&mut files, "eu-production-1");
    files
});

/// A host that died, was moved or was stolen takes none of its evidence along; and a stolen key writes nothing more.
#[test]
fn what_an_agent_wrote_before_root_took_it_out_is_evidence_and_what_is_dated_after_that_is_not() {
    let alerted = |time| (time, "alerted", json!({"rule": "stale", "delay": 5}));
    let before = Ledger::new(&[alerted("2026-05-02T10:00:00Z"), alerted("2026-05-10T23:00:00Z")]);
    let after = Ledger::new(&[alerted("2026-05-02T10:00:00Z"), alerted("2026-05-11T10:00:01Z")]);
    let out = |root| {
        let mut release = past(1, refund(), &["alice"], |_| ());
        (release.root, release.manifest.at) = (Some(root), "2026-05-10T10:00:00Z".parse().unwrap());
        [region(history(vec![release], true))]
    };
    let judged = |ledger: &Ledger, regions: &[Region]| {
        let (mut against, seen) =
            said(&rows_of(&DROPPED, ([ledger.read(|_| ())], regions), &BTreeMap::new(), Some(&acme())));
        against.retain(|one| !one.contains("nobody holds a checkpoint"));
        (against, seen)
    };
    let (against, seen) = judged(&before, &out(4));
    assert_eq!(against, BTreeSet::new());
    let since = "no agent since root 4, released at 2026-05-10T10:00:00Z.";
    assert!(seen.iter().any(|one| one.starts_with("P11: ") && one.ends_with(since)), "{seen:?}");
    let why = "the entries from 2 on are of 2026-05-11T10:00:01Z and later";
    says(&judged(&after, &out(4)).0, &[("P10", why), ("P11", why), ("P14", why)]);
    // Where no release carries that root, nobody can say what the agent had to know.
    let (against, seen) = judged(&after, &out(3));
    assert_eq!(against, BTreeSet::new());
    assert!(seen.iter().any(|one| one.contains("until when it might write cannot be told")), "{seen:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this test makes a work tree")]
fn the_ledger_of_an_agent_that_is_none_any_more_verifies_by_the_key_that_the_root_had_for_it() {
    let alerted = ("2026-05-02T10:00:00Z", "alerted", json!({"rule": "stale", "delay": 5}));
    let (folder, _) = super::committed(&DROPPED, "alice");
    let tree = tempfile::tempdir().unwrap();
    for (path, bytes) in DROPPED.iter().filter(|(path, _)| path.starts_with("trust/root/") || *path == "assent.toml") {
        let file = tree.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let export = tree.path().join("acme.ledger");
    std::fs::write(&export, Ledger::new(&[alerted]).export()).unwrap();
    let (status, value) = super::asked(&folder, &format!("promises HEAD --client acme --ledger {}", export.display()));
    assert_eq!((status, super::broken(&value)), (0, BTreeSet::new()), "{value:#}");

    let keys = |tree: &std::path::Path| assent(&["trust", "ledger-keys", "--repo", tree.to_str().unwrap()]);
    let told = keys(tree.path()).out;
    let (since, key) = told.split_once('\n').unwrap();
    assert_eq!(since, "# no agent since root 4:");
    assert!(key.starts_with("assent/harbor/eu-production-1/acme+"), "{told}");
    // What root itself did not sign gives nobody a key.
    std::fs::remove_file(tree.path().join("trust/root/3.toml.alice.sig")).unwrap();
    assert_ne!(keys(tree.path()).status, 0);
}

/// What is gone may have been counted, too; and whose word it went by is the client's to know.
#[test]
fn where_bodies_are_gone_counts_are_told_as_at_least_and_so_is_who_had_them_go() {
    let looked = |time| (time, "viewed", json!({"what": "run", "why": "ticket-1"}));
    let erased = ("2026-05-22T00:00:00Z", "erased", json!({"ranges": [[1, 1]], "request": "dsr-7"}));
    let views = [looked("2026-05-21T00:00:00Z"), looked("2026-05-21T00:01:00Z")];
    let ends = |seen: &BTreeSet<String>, what: &str| {
        assert!(seen.iter().any(|one| one.ends_with(what)), "{what}: {seen:?}");
    };
    let (_, whole) = under(&Ledger::new(&views), None);
    ends(&whole, "acme: alice looked 2 times.");
    ends(&whole, "acme: 0 runs accepted, 0 ended.");
    let (_, seen) = under(&Ledger { gone: vec![1], ..Ledger::new(&[views.as_slice(), &[erased]].concat()) }, None);
    ends(&seen, "acme: alice looked at least 1 times.");
    ends(&seen, "acme: at least 0 runs accepted, 0 ended.");
    ends(&seen, "acme: entry 3 of 2026-05-22T00:00:00Z: erased by alice (dsr-7): 1 to 1.");
}
