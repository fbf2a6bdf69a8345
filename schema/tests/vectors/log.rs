//! A ledger with its checkpoints and proofs: a story of two runs, and a second life of every kind of entry.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::ledger::proof::{Consistency, Inclusion};
use assent_schema::ledger::{Checkpoint, Entry, Frontier, Head, Kind, LogKey, Origin, Salt, Tree, commitment, export};
use assent_schema::time::Moment;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{ORIGIN, Vectors, ledger_key, moment};

/// Seconds, run, step, attempt, actor, kind, data.
pub(crate) type Told = (i64, Option<u64>, Option<&'static str>, Option<u32>, Option<&'static str>, &'static str, Value);

/// What is about no run, and by nobody.
fn own(seconds: i64, kind: &'static str, data: Value) -> Told {
    (seconds, None, None, None, None, kind, data)
}

/// The same, by a person.
fn by(person: &'static str, seconds: i64, kind: &'static str, data: Value) -> Told {
    (seconds, None, None, None, Some(person), kind, data)
}

pub(crate) fn story(project: Digest, approved: Digest, manifest: Digest) -> Vec<Told> {
    let head = json!([{"origin": "assent/harbor/eu-production-1", "size": 3, "root": Digest::of_file(b"its root")}]);
    let intent = json!({"operation": "shop.refund", "keyed": Digest::of_file(b"keyed"), "amount": {"minor": 4_900, "currency": "EUR"}});
    let decided = json!({"choice": "approve", "shown": Digest::of_file(b"what was shown"), "by": "support-leads"});
    let accepted = |id: &str, event: &str| json!({"id": id, "trigger": "webhook", "event": event});
    vec![
        own(0, "opened", json!({"root": project})),
        own(0, "started", json!({"clean": true, "version": "0.1.0"})),
        own(5, "root", json!({"version": 2})),
        own(5, "statement", json!({"digest": approved, "decision": "approve"})),
        own(5, "released", json!({"sequence": 1, "manifest": manifest})),
        (60, Some(1), None, None, None, "accepted", accepted("019cadf6a2c07f0a1b2c3d4e5f607182", "evt-1")),
        (61, Some(2), None, None, None, "accepted", accepted("019cadf6a6a87f0a1b2c3d4e5f607183", "evt-2")),
        (65, Some(2), None, None, None, "ended", json!({"outcome": "done", "name": "not-a-refund"})),
        (300, Some(1), Some("agree"), None, Some("lena"), "decided", decided),
        (301, Some(1), Some("pay"), Some(1), None, "intent", intent),
        (302, Some(1), Some("pay"), Some(1), None, "outcome", json!({"code": "ok", "status": 200})),
        (303, Some(1), None, None, None, "ended", json!({"outcome": "done"})),
        own(3_600, "tick", json!({"accepted": 2, "finished": 2, "heads": head})),
        by("alice", 4_000, "viewed", json!({"what": "run:1", "why": "T-81"})),
        by("alice", 4_100, "erased", json!({"ranges": [[6, 7]], "request": "dsr-2026-4"})),
        own(4_200, "stopped", json!({})),
    ]
}

fn entries(told: Vec<Told>) -> Vec<(Salt, Vec<u8>)> {
    entries_of(&ORIGIN.parse().expect("an origin"), told)
}

fn entries_of(origin: &Origin, told: Vec<Told>) -> Vec<(Salt, Vec<u8>)> {
    let begin = moment("2026-03-02T09:00:00Z").seconds();
    let entry = |(index, (seconds, run, step, attempt, actor, kind, data)): (u64, Told)| {
        let Value::Object(data) = data else { panic!("data is an object") };
        let entry = Entry {
            log: origin.clone(),
            index,
            time: Moment::from_seconds(begin + seconds),
            run,
            step: step.map(|step| step.parse().expect("a name")),
            item: None,
            attempt,
            actor: actor.map(|actor| actor.parse().expect("a handle")),
            plan: run.map(|_| Digest::of_file(b"a plan")),
            kind: Kind::parse(kind, &data).expect("of the form"),
        };
        (*Digest::of_file(&index.to_be_bytes()).as_bytes(), entry.to_bytes().expect("a body"))
    };
    (0..).zip(told).map(entry).collect()
}

pub(crate) fn ledger(vectors: &mut Vectors, told: Vec<Told>) {
    let origin: Origin = ORIGIN.parse().expect("an origin");
    let public = LogKey::of_log(&origin, ledger_key().verifying_key().as_bytes()).expect("a key");
    let entries = entries(told);
    let commitments: Vec<_> = entries.iter().map(|(salt, body)| commitment(salt, body)).collect();
    let tree = Tree::new(commitments.iter().map(|c| c.as_bytes().as_slice()));
    let mut frontier = Frontier::new();
    let (mut file, mut older) = (Vec::new(), None);
    for ((index, committed), (salt, body)) in (0..).zip(&commitments).zip(&entries) {
        let opened = (![6, 7].contains(&index)).then_some((salt, body.as_slice()));
        file.extend(export::line(index, committed, opened).expect("a line"));
        frontier.append(committed.as_bytes());
        if frontier.size() == 5 {
            let head = Head { origin: origin.clone(), size: 5, root: frontier.root() };
            older = Some(Checkpoint::sign(head, &ledger_key()));
        }
    }
    let head = Head { origin, size: frontier.size(), root: frontier.root() };
    let checkpoint = Checkpoint::sign(head.clone(), &ledger_key());
    file.push(b'\n');
    file.extend_from_slice(checkpoint.note().as_bytes());
    let older = older.expect("five entries");
    export::verify(&file, &public, std::slice::from_ref(older.head())).expect("it verifies");
    let note = checkpoint.note().to_owned();
    for ((index, committed), opened) in (0..).zip(&commitments).zip(&entries).skip(5).take(2) {
        let opened = (index == 5).then(|| opened.clone());
        let path = tree.inclusion(index, head.size).expect("a path");
        let proof = Inclusion { index, opened, path, checkpoint: note.clone() };
        proof.verify(&public, Some(committed)).expect("it verifies");
        vectors.put(&format!("ledger/{index}.tlog-proof"), proof.to_text());
    }
    let path = tree.consistency(5, head.size).expect("a path");
    let proof = Consistency { old: 5, path, checkpoint: note.clone() };
    proof.verify(&public, &older).expect("it verifies");
    vectors.put("ledger/add-checkpoint", proof.to_text());
    vectors.put("ledger/acme.ledger", file);
    vectors.put("ledger/checkpoint", note);
    vectors.put("ledger/older-checkpoint", older.note());
    vectors.put("ledger/vkey", format!("{}\n", public.to_vkey()));
    vectors.put("ledger/key.pem", public.to_pem());
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Signs a checkpoint over entries; those whose bodies are gone stand in `gone`.
fn signed_export(origin: &Origin, entries: &[(Salt, Vec<u8>)], gone: &[u64]) -> (Vec<u8>, Checkpoint, LogKey) {
    let public = LogKey::of_log(origin, ledger_key().verifying_key().as_bytes()).expect("a key");
    let (mut file, mut frontier) = (Vec::new(), Frontier::new());
    for (index, (salt, body)) in (0..).zip(entries) {
        let committed = commitment(salt, body);
        let opened = (!gone.contains(&index)).then_some((salt, body.as_slice()));
        file.extend(export::line(index, &committed, opened).expect("a line"));
        frontier.append(committed.as_bytes());
    }
    let head = Head { origin: origin.clone(), size: frontier.size(), root: frontier.root() };
    let checkpoint = Checkpoint::sign(head, &ledger_key());
    file.push(b'\n');
    file.extend_from_slice(checkpoint.note().as_bytes());
    (file, checkpoint, public)
}

/// The log of the agent's second life, after a recovery: every kind there is, a clock that was set, a day that was pruned,
/// an entry that was erased; cosigned by a witness.
pub(crate) fn every_kind(vectors: &mut Vectors, ended: &str) {
    let origin: Origin = "assent/harbor/eu-production-1.2/acme".parse().expect("an origin");
    let head = |size: u64| json!([{"origin": "assent/harbor/eu-production-1.2", "size": size, "root": Digest::of_file(&size.to_be_bytes())}]);
    let digest = |text: &str| Digest::of_file(text.as_bytes());
    let told: Vec<Told> = vec![
        own(0, "opened", json!({"root": digest("a root"), "old": [ended]})),
        by("chen", 0, "recovered", json!({"why": ["ledger-older"], "statement": digest("recover"), "runs": 1})),
        own(0, "started", json!({"clean": false, "version": "0.1.0"})),
        by("chen", 1, "handled", json!({"id": "019cadf6a2c07f0a1b2c3d4e5f607182", "what": "done", "why": "T-82"})),
        own(2, "refused", json!({"code": "sequence-older", "digest": digest("a manifest")})),
        own(3, "root", json!({"version": 3})),
        own(3, "statement", json!({"digest": digest("a statement"), "decision": "approve"})),
        own(3, "released", json!({"sequence": 2, "manifest": digest("a manifest")})),
        own(3, "deployed", json!({"workflow": "refund", "stage": "trial"})),
        (
            9,
            Some(1),
            None,
            None,
            None,
            "accepted",
            json!({"id": "019cadf6b2c07f0a1b2c3d4e5f607184", "trigger": "webhook", "event": "evt-3"}),
        ),
        (
            10,
            Some(1),
            Some("order"),
            Some(1),
            None,
            "intent",
            json!({"operation": "shop.get_order", "keyed": digest("keyed")}),
        ),
        (11, Some(1), Some("order"), Some(1), None, "outcome", json!({"code": "never_connected"})),
        (12, Some(1), None, None, None, "ended", json!({"outcome": "failed", "name": "never_connected"})),
        own(13, "alerted", json!({"rule": "run-failed", "delay": 4})),
        own(
            13,
            "incident",
            json!({"id": "i-1", "state": "opened", "severity": "critical", "cause": "run-failed", "respond_by": "2026-03-02T13:00:13Z"}),
        ),
        by(
            "chen",
            14,
            "rolled-back",
            json!({"workflow": "refund", "from": digest("a plan"), "to": digest("an older plan"), "why": "by-hand"}),
        ),
        by(
            "chen",
            15,
            "held",
            json!({"id": "h-1", "what": {"workflow": "refund"}, "why": "T-83", "until": "2026-03-02T12:00:00Z"}),
        ),
        by("chen", 16, "resumed", json!({"id": "h-1"})),
        own(17, "rotated", json!({"connection": "shop", "slot": "token"})),
        by("alice", 18, "viewed", json!({"what": "run:1", "why": "T-84"})),
        own(HOUR, "tick", json!({"accepted": 1, "finished": 1, "heads": head(7)})),
        // The host slept for two days.
        own(HOUR + 2 * DAY, "clock", json!({"was": "2026-03-02T10:00:30Z"})),
        own(2 * HOUR + 2 * DAY, "tick", json!({"accepted": 1, "finished": 1, "heads": head(9)})),
        by("alice", 2 * HOUR + 2 * DAY, "legal-held", json!({"id": "l-1", "why": "CASE-9"})),
        by("alice", 2 * HOUR + 2 * DAY, "legal-released", json!({"id": "l-1"})),
        by(
            "alice",
            2 * HOUR + 2 * DAY,
            "decided",
            json!({"choice": "late", "shown": digest("shown"), "by": "support-leads"}),
        ),
        own(2 * HOUR + 2 * DAY, "pruned", json!({"ranges": [[1, 20]], "rule": "retention", "reason": "90d"})),
        by("alice", 2 * HOUR + 2 * DAY, "erased", json!({"ranges": [[1, 20], [25, 25]], "request": "dsr-2026-5"})),
        by("alice", 2 * HOUR + 2 * DAY, "acknowledged", json!({"id": "a-1", "rule": "run-failed"})),
        own(
            2 * HOUR + 2 * DAY,
            "approvers-reset",
            json!({"number": 2, "approvers": digest("approvers"), "standing": "waits", "until": "2026-03-11T10:00:00Z"}),
        ),
        own(
            2 * HOUR + 2 * DAY,
            "used",
            json!({"connection": "shop", "hour": "2026-03-04T10:00:00Z", "sent_bytes": 1000, "received_bytes": 2000}),
        ),
        own(3 * HOUR + 2 * DAY, "stopped", json!({})),
    ];
    let kinds: BTreeSet<&str> = told.iter().map(|told| told.5).collect();
    assert_eq!(kinds, Kind::NAMES.iter().copied().collect(), "every kind stands in the vectors");
    let entries = entries_of(&origin, told);
    // Whole once, so that every kind is read; then as it is after what went.
    let (whole, ..) = signed_export(&origin, entries.get(..26).expect("so many"), &[]);
    vectors.put("ledger/whole.ledger", whole);
    let gone: Vec<u64> = (1..=20).chain([25]).collect();
    let (file, checkpoint, public) = signed_export(&origin, &entries, &gone);
    export::verify(&file, &public, &[]).expect("it verifies");
    vectors.put("ledger/recovered.ledger", file);
    vectors.put("ledger/recovered-vkey", format!("{}\n", public.to_vkey()));
    let witness = SigningKey::from_bytes(Digest::of_file(b"witness key").as_bytes());
    let key = LogKey::of_witness("witness.example/1", witness.verifying_key().as_bytes()).expect("a key");
    let cosigned = checkpoint.cosign("witness.example/1", &witness, 1_772_712_000).expect("a name");
    Checkpoint::verify(&cosigned, &public, std::slice::from_ref(&key)).expect("it verifies");
    vectors.put("ledger/cosigned", cosigned);
    vectors.put("ledger/witness-vkey", format!("{}\n", key.to_vkey()));
}
