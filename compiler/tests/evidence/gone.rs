//! Bodies that are gone and releases that are not here: nobody honest is accused for what they might have said, what cannot be
//! told is said, and what can be is.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use serde_json::{Value, json};

use super::forged::{Told, says};
use super::ledger::{Ledger, SIGNED, incident, rows, said};

fn acme() -> ClientId {
    "acme".parse().unwrap()
}

/// What is said of a log: against, and else.
fn under(ledger: &Ledger) -> (BTreeSet<String>, BTreeSet<String>) {
    said(&rows(&SIGNED, [ledger.read(|_| ())], &BTreeMap::new(), Some(&acme())))
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
        under(&Ledger { gone, ..Ledger::new(&all) })
    };
    let whole = vec![begun.clone(), failed.clone(), opened, alerted.clone()];
    let (against, seen) = story(whole, vec![1, 2, 3, 4]);
    assert_eq!(against, BTreeSet::new());
    for promise in ["P12", "P19"] {
        let why =
            "of 1 runs that could not be finished it cannot be told whether an incident was open, for bodies are gone.";
        assert!(seen.iter().any(|one| one.starts_with(promise) && one.ends_with(why)), "{promise}: {seen:?}");
    }
    // What failed before anything is gone is told, whatever goes later.
    let looked = ("2026-05-21T00:00:00Z", "viewed", json!({"what": "run", "why": "ticket-1"}));
    let erased = ("2026-05-22T00:00:00Z", "erased", json!({"ranges": [[4, 4]], "request": "r-1"}));
    let ledger = Ledger { gone: vec![4], ..Ledger::new(&[begun, failed, alerted, looked, erased]) };
    let why = "run 1 ended failed at 2026-05-20T23:00:00Z, and no incident of that was open";
    says(&under(&ledger).0, &[("P12", why), ("P19", why)]);
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
        said(&rows(&SIGNED, [ledger.read(|_| ())], &kept, Some(&acme())))
    };
    for (index, promise) in [(2, "P13"), (3, "P20"), (4, "P22")] {
        let (against, seen) = story(vec![index], &[index]);
        assert_eq!(against, BTreeSet::new(), "{index}");
        let told = |one: &String| one.starts_with(promise) && one.contains("cannot be told, for bodies are gone");
        assert!(seen.iter().any(told), "{promise}: {seen:?}");
    }
}

