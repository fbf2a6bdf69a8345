//! Attempts of steps, beside what their plan allows.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use serde_json::{Value, json};

use super::ledger::{Ledger, judged, refund};

type Told = (&'static str, &'static str, Value);

fn accepted() -> Told {
    ("2026-05-20T10:00:00Z", "accepted", json!({"run": 1, "id": "r", "trigger": "webhook", "event": "e"}))
}

fn tried(step: &str, operation: &str, attempt: u64) -> Told {
    let keyed = Digest::of_file(b"keyed");
    let data = json!({"run": 1, "step": step, "operation": operation, "keyed": keyed, "attempt": attempt});
    ("2026-05-20T10:00:01Z", "intent", data)
}

fn restarted() -> Told {
    ("2026-05-20T10:00:01Z", "started", json!({"clean": false, "version": "0.1.0"}))
}

fn of_p18(plan: Digest, entries: &[Told]) -> BTreeSet<String> {
    let begun = ("2026-05-20T09:00:00Z", restarted().1, restarted().2);
    let all: Vec<Told> = std::iter::once(begun).chain(entries.iter().cloned()).collect();
    let found = judged(Ledger { plan: Some(plan), ..Ledger::new(&all) }.sorted().read(|_| ()), &BTreeMap::new());
    assert!(!found.iter().any(|one| one.contains("does not verify")), "{found:?}");
    found.into_iter().filter(|one| one.starts_with("P18: ")).collect()
}

#[test]
fn attempts_are_as_many_as_the_plan_allows_and_follow_each_other() {
    let plan = refund();
    let story = |step: &str, operation: &str, attempts: &[u64]| {
        let mut all = vec![accepted()];
        // 0 is a restart.
        all.extend(attempts.iter().map(|attempt| match attempt {
            0 => restarted(),
            attempt => tried(step, operation, *attempt),
        }));
        of_p18(plan, &all)
    };
    let none = BTreeSet::new();
    let read = |attempts: &[u64]| story("order", "shop.get_order", attempts);
    let pay = |attempts: &[u64]| story("pay", "payments.refund", attempts);
    let ask = |attempts: &[u64]| story("intent", "assistant.ask", attempts);
    // Each may be tried until the plan says no, and once more for a token and for each restart.
    for (attempts, well) in [
        (&[1_u64, 2, 3, 4, 5, 6] as &[u64], true),
        (&[1, 2, 3, 4, 5, 6, 7], false),
        (&[1, 2, 3, 0, 4, 5, 6, 7], true),
        (&[1, 2, 3, 0, 4, 5, 6, 7, 8], false),
        (&[2], false),
        (&[1, 3], false),
        (&[1, 40], false),
        (&[1, 1], false),
        (&[1, 0, 1], false),
        (&[1, 2, 1], false),
    ] {
        assert_eq!(pay(attempts) == none, well, "{attempts:?}: {:?}", pay(attempts));
    }
    // What was read is read again when it is needed again.
    for (attempts, well) in
        [(&[1_u64, 1] as &[u64], true), (&[1, 2, 1, 2], true), (&[1, 2, 4], false), (&[1, 2, 2], false), (&[40], false)]
    {
        assert_eq!(read(attempts) == none, well, "{attempts:?}: {:?}", read(attempts));
        assert_eq!(ask(attempts) == none, well, "{attempts:?}: {:?}", ask(attempts));
    }
    let said =
        "run 1 began payments.refund at `pay` at 2026-05-20T10:00:01Z as attempt 3, and the one before was attempt 1.";
    assert!(pay(&[1, 3]).iter().any(|one| one.ends_with(said)), "{:?}", pay(&[1, 3]));
    // What a step asks besides counts for itself each time, and not for ever.
    assert_eq!(story("pay", "shop.get_order", &[1, 2, 1, 1]), none);
    assert_ne!(story("pay", "shop.get_order", &[1, 40]), none);
}

#[test]
fn a_run_that_goes_on_with_another_counts_on() {
    let plan = refund();
    let handled = |next: &str| {
        let data = json!({"run": 1, "id": "r-0", "what": "retry", "why": "x", "next": next});
        ("2026-05-20T10:00:00Z", "handled", data)
    };
    let begun = |next: &str, attempts: &[u64]| {
        let mut all = vec![accepted(), handled(next)];
        all.extend(attempts.iter().map(|attempt| tried("pay", "payments.refund", *attempt)));
        of_p18(plan, &all)
    };
    assert_eq!(begun("r", &[6, 7]), BTreeSet::new());
    assert_ne!(begun("another", &[6, 7]), BTreeSet::new());
    assert_ne!(begun("r", &[6, 8]), BTreeSet::new());
    assert_ne!(begun("r", &[6, 7, 8, 9]), BTreeSet::new());
}
