//! `tests/vectors/`: one example of every signed file, a ledger with its checkpoint and proofs, all from fixed keys.
//!
//! The bytes are what `docs/formats.md` shows and what `tests/vectors/check.py` verifies without our code. They change with a
//! new format number only: `UPDATE=1 cargo test -p assent-schema --test vectors` rewrites them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assent_schema::canon::{self, Digest};
use assent_schema::ledger::proof::{Consistency, Inclusion};
use assent_schema::ledger::{Checkpoint, Entry, Frontier, Head, Kind, LogKey, Origin, Salt, Tree, commitment, export};
use assent_schema::release::{Decision, Freshness, Manifest, Rehearsal};
use assent_schema::status::{Poke, Recover, Status};
use assent_schema::time::Moment;
use assent_schema::trust::{
    self, AgentEntry, Approvers, CatalogLock, ClientEntry, Namespace, People, Person, Role, RoleName, Root, Signer,
    Statement, Teams,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

type Files = BTreeMap<String, Vec<u8>>;

const CLIENT: &str = "acme";
const AGENT: &str = "eu-production-1";
const ORIGIN: &str = "assent/harbor/eu-production-1/acme";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("tests/vectors")
}

fn signer(name: &str) -> Signer {
    Signer::from_seed(Digest::of_file(name.as_bytes()).as_bytes()).expect("a key")
}

fn ledger_key() -> SigningKey {
    SigningKey::from_bytes(Digest::of_file(b"ledger key").as_bytes())
}

fn people(names: &[&str]) -> People {
    let person = |name: &&str| {
        let keys = BTreeSet::from([signer(name).public().clone()]);
        (name.parse().expect("a handle"), Person::new(keys))
    };
    names.iter().map(person).collect()
}

fn role(threshold: u32, names: &[&str]) -> Role {
    Role { threshold, people: names.iter().map(|name| name.parse().expect("a handle")).collect() }
}

fn moment(text: &str) -> Moment {
    text.parse().expect("a moment")
}

/// Files under construction: each is put with its signatures.
#[derive(Default)]
struct Vectors {
    files: Files,
    signed: Vec<Value>,
}

impl Vectors {
    fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of_file(&bytes);
        self.files.insert(path.to_owned(), bytes);
        digest
    }

    fn sign(&mut self, path: &str, bytes: impl Into<Vec<u8>>, namespace: Namespace, by: &[&str]) -> Digest {
        let bytes = bytes.into();
        for name in by {
            let key = signer(name);
            self.put(&format!("{path}.{name}.sig"), trust::sign(&key, namespace, &bytes));
            let line = json!({
                "file": path, "signer": name, "namespace": namespace.as_str(), "key": key.public().to_string(),
            });
            self.signed.push(line);
        }
        self.put(path, bytes)
    }

    fn json<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &str,
        value: Value,
        namespace: Namespace,
        by: &[&str],
    ) -> Digest {
        let typed: T = serde_json::from_value(value).expect("of the form");
        self.sign(path, canon::to_bytes(&typed).expect("canonical"), namespace, by)
    }
}

fn root(expires: &str) -> Root {
    let roles = BTreeMap::from([
        (RoleName::Root, role(2, &["alice", "bruno", "chen"])),
        (RoleName::Release, role(1, &["alice", "bruno"])),
        (RoleName::Freshness, role(1, &["bruno"])),
        (RoleName::Catalog, role(1, &["chen"])),
        (RoleName::Teams, role(1, &["alice"])),
        (RoleName::Oncall, role(1, &["chen"])),
    ]);
    Root::first(moment(expires), people(&["alice", "bruno", "chen"]), roles)
}

fn trust_files(vectors: &mut Vectors) -> (Digest, Digest) {
    let first = root("2027-01-01T00:00:00Z");
    let bytes = first.to_toml().expect("a root");
    let project = vectors.sign("trust/root/1.toml", bytes, Namespace::Trust, &["alice", "bruno"]);
    let client: assent_schema::id::ClientId = CLIENT.parse().expect("an id");
    let approvers = Approvers::first(project, client.clone(), 1, people(&["dana"])).to_toml().expect("approvers");
    let path = "clients/acme/approvers/1.toml";
    let approvers = vectors.sign(path, approvers, Namespace::Approvers, &["dana"]);
    let agent = |environment: &str, name: &str, rehearses| AgentEntry {
        region: "eu".parse().expect("a region"),
        environment: environment.parse().expect("an environment"),
        key: signer(name).public().clone(),
        ledger_key: BASE64.encode(if rehearses {
            SigningKey::from_bytes(Digest::of_file(b"staging ledger key").as_bytes()).verifying_key()
        } else {
            ledger_key().verifying_key()
        }),
        rehearses,
    };
    let agents = [
        (AGENT.parse().expect("an id"), agent("production", AGENT, false)),
        ("eu-staging-1".parse().expect("an id"), agent("staging", "eu-staging-1", true)),
    ];
    let mut second = first.next(project);
    second.agents = agents.into();
    second.clients = BTreeMap::from([(client.clone(), ClientEntry::new(approvers))]);
    vectors.sign("trust/root/2.toml", second.to_toml().expect("a root"), Namespace::Trust, &["alice", "bruno"]);
    let assigned = BTreeMap::from([(client, BTreeSet::from(["alice".parse().expect("a handle")]))]);
    let teams = Teams::new(project, 1, assigned).to_toml().expect("teams");
    vectors.sign("trust/teams.toml", teams, Namespace::Teams, &["alice"]);
    let files = BTreeMap::from([("integrations/shop.toml".to_owned(), Digest::of_file(b"an integration"))]);
    let lock = CatalogLock::new(project, 1, files).to_toml().expect("a lock");
    vectors.sign("catalog/catalog.lock", lock, Namespace::Catalog, &["chen"]);
    (project, approvers)
}

fn statement(project: Digest, approvers: Digest, serial: u64, says: trust::Decision) -> Statement {
    let client = CLIENT.parse().expect("an id");
    Statement { project, client, approvers, serial, given: moment("2026-03-02T09:00:00Z"), says }
}

fn statements(vectors: &mut Vectors, project: Digest, approvers: Digest) -> Digest {
    let uses = json!([
        {
            "kind": "effect", "workflow": "refund", "purpose": "essential.service.operations.support",
            "from": {"agent": true, "region": "eu"},
            "to": {"connection": "shop", "host": "shop.example.com", "region": "eu"},
            "operation": "shop.refund", "effect": "money", "fields": {"order.id": "reference", "order.total": "reference"},
            "scopes": ["orders:write"], "retention": "run",
            "guardrail": {"currency": "EUR", "per_call": 10_000, "per_day": 100_000, "per_day_count": 50},
        },
        {
            "kind": "release", "workflow": "refund", "purpose": "essential.service.operations.support", "bits": 8,
            "releases": ["intent.intent: one_of 3"],
        },
    ]);
    let approval = trust::Approval {
        expires: moment("2027-03-01T00:00:00Z"),
        uses: serde_json::from_value(uses).expect("data uses"),
    };
    let approve = statement(project, approvers, 7, trust::Decision::Approve(approval)).to_toml().expect("an approval");
    let withdraw = trust::Decision::Withdraw(vec![trust::Cancelled::Workflow("refund".parse().expect("an id"))]);
    let withdraw = statement(project, approvers, 8, withdraw).to_toml().expect("a withdrawal");
    let approved = Digest::of_file(approve.as_bytes());
    for text in [approve, withdraw] {
        let path = format!("statements/{}.toml", Digest::of_file(text.as_bytes()));
        vectors.sign(&path, text, Namespace::Approval, &["dana"]);
    }
    approved
}

fn release(vectors: &mut Vectors, project: Digest, approved: Digest) -> Digest {
    let (plan, tests) = (Digest::of_file(b"a plan"), Digest::of_file(b"its scenarios"));
    let rehearsal = json!({
        "type": "rehearsal", "schema": 1, "project": project, "environment": "staging", "region": "eu",
        "agent": "eu-staging-1", "plan": plan, "tests": tests, "time": "2026-03-02T08:00:00Z",
        "engine": {"version": "0.1.0", "binary": Digest::of_file(b"the binary")},
        "results": [{"scenario": "a lead agrees and money moves once", "passed": true}],
    });
    let typed: Rehearsal = serde_json::from_value(rehearsal).expect("of the form");
    let bytes = canon::to_bytes(&typed).expect("canonical");
    let path = format!("rehearsals/{}.json", Digest::of_file(&bytes));
    vectors.sign(&path, bytes.clone(), Namespace::Rehearsal, &["eu-staging-1"]);
    let manifest = json!({
        "type": "release", "schema": 1, "project": project, "environment": "production", "region": "eu", "generation": 1,
        "sequence": 1, "source": {"commit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "tree": Digest::of_file(b"")},
        "compiler": "0.1.0", "at": "2026-03-02T09:00:00Z",
        "accept": {"from": "2026-03-02T09:00:00Z", "until": "2026-03-16T09:00:00Z"},
        "active": [{
            "client": "acme", "workflow": "refund", "plan": plan, "tests": tests, "authors": ["alice"],
            "source": "clients/acme/workflows/refund.toml", "lines": {"ticket": 17},
        }],
        "files": {path: {"size": bytes.len(), "sha256": Digest::of_file(&bytes)}},
    });
    let manifest = vectors.json::<Manifest>("manifest.json", manifest, Namespace::Release, &["alice"]);
    let freshness = json!({
        "type": "freshness", "schema": 1, "project": project, "environment": "production", "region": "eu", "root": 2,
        "sequence": 1, "manifest": manifest, "statements": {"acme": [approved]}, "time": "2026-03-02T09:05:00Z",
    });
    vectors.json::<Freshness>("freshness.json", freshness, Namespace::Freshness, &["bruno"]);
    manifest
}

fn reports(vectors: &mut Vectors, project: Digest, approvers: Digest, manifest: Digest) {
    let decision = json!({
        "type": "decision", "schema": 1, "project": project, "client": "acme", "approvers": approvers, "agent": AGENT,
        "run": "019cadf6a2c07f0a1b2c3d4e5f607182", "step": "agree", "plan": Digest::of_file(b"a plan"),
        "shown": Digest::of_file(b"what was shown"), "choice": "approve", "nonce": Digest::of_file(b"a nonce"),
        "person": "lena",
    });
    vectors.json::<Decision>("decision.json", decision, Namespace::Decision, &["lena"]);
    let status = json!({
        "type": "status", "schema": 1, "project": project, "environment": "production", "region": "eu", "agent": AGENT,
        "time": "2026-03-02T09:10:00Z", "version": "0.1.0",
        "release": {
            "root": 2, "generation": 1, "sequence": 1, "manifest": manifest,
            "commit": "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "fresh": "2026-03-02T09:05:00Z",
        },
        "workflows": {"acme": {"refund": {"stage": "committed", "plan": Digest::of_file(b"a plan"), "named": Digest::of_file(b"a plan")}}},
    });
    vectors.json::<Status>("status.json", status, Namespace::Console, &[AGENT]);
    let recover = json!({
        "type": "recover", "schema": 1, "project": project, "environment": "production", "region": "eu", "agent": AGENT,
        "why": ["ledger-older"], "nonce": Digest::of_file(b"the nonce of a halt"),
    });
    vectors.json::<Recover>("recover.json", recover, Namespace::Recover, &["chen"]);
    let poke = json!({
        "type": "poke", "schema": 1, "project": project, "environment": "production", "region": "eu",
        "time": "2026-03-02T09:05:00Z",
    });
    vectors.json::<Poke>("poke.json", poke, Namespace::Poke, &["alice"]);
}

/// Seconds, run, step, attempt, actor, kind, data.
type Told = (i64, Option<u64>, Option<&'static str>, Option<u32>, Option<&'static str>, &'static str, Value);

fn story(project: Digest, approved: Digest, manifest: Digest) -> Vec<Told> {
    let head = json!([{"origin": "assent/harbor/eu-production-1", "size": 3, "root": Digest::of_file(b"its root")}]);
    let intent = json!({"operation": "shop.refund", "keyed": Digest::of_file(b"keyed"), "amount": {"minor": 4_900, "currency": "EUR"}});
    let decided = json!({"choice": "approve", "shown": Digest::of_file(b"what was shown"), "by": "support-leads"});
    let accepted = |id: &str, event: &str| json!({"id": id, "trigger": "webhook", "event": event});
    vec![
        (0, None, None, None, None, "opened", json!({"root": project})),
        (0, None, None, None, None, "started", json!({"clean": true, "version": "0.1.0"})),
        (5, None, None, None, None, "root", json!({"version": 2})),
        (5, None, None, None, None, "statement", json!({"digest": approved, "decision": "approve"})),
        (5, None, None, None, None, "released", json!({"sequence": 1, "manifest": manifest})),
        (60, Some(1), None, None, None, "accepted", accepted("019cadf6a2c07f0a1b2c3d4e5f607182", "evt-1")),
        (61, Some(2), None, None, None, "accepted", accepted("019cadf6a6a87f0a1b2c3d4e5f607183", "evt-2")),
        (65, Some(2), None, None, None, "ended", json!({"outcome": "done", "name": "not-a-refund"})),
        (300, Some(1), Some("agree"), None, Some("lena"), "decided", decided),
        (301, Some(1), Some("pay"), Some(1), None, "intent", intent),
        (302, Some(1), Some("pay"), Some(1), None, "outcome", json!({"code": "ok", "status": 200})),
        (303, Some(1), None, None, None, "ended", json!({"outcome": "done"})),
        (3_600, None, None, None, None, "tick", json!({"accepted": 2, "finished": 2, "heads": head})),
        (4_000, None, None, None, Some("alice"), "viewed", json!({"what": "run:1", "why": "T-81"})),
        (4_100, None, None, None, Some("alice"), "erased", json!({"ranges": [[6, 7]], "request": "dsr-2026-4"})),
        (4_200, None, None, None, None, "stopped", json!({})),
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

fn ledger(vectors: &mut Vectors, told: Vec<Told>) {
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
fn every_kind(vectors: &mut Vectors, ended: &str) {
    let origin: Origin = "assent/harbor/eu-production-1.2/acme".parse().expect("an origin");
    let head = |size: u64| json!([{"origin": "assent/harbor/eu-production-1.2", "size": size, "root": Digest::of_file(&size.to_be_bytes())}]);
    let digest = |text: &str| Digest::of_file(text.as_bytes());
    let told: Vec<Told> = vec![
        (0, None, None, None, None, "opened", json!({"root": digest("a root"), "old": [ended]})),
        (
            0,
            None,
            None,
            None,
            Some("chen"),
            "recovered",
            json!({"why": ["ledger-older"], "statement": digest("recover"), "runs": 1}),
        ),
        (0, None, None, None, None, "started", json!({"clean": false, "version": "0.1.0"})),
        (
            1,
            None,
            None,
            None,
            Some("chen"),
            "handled",
            json!({"id": "019cadf6a2c07f0a1b2c3d4e5f607182", "what": "done", "why": "T-82"}),
        ),
        (2, None, None, None, None, "refused", json!({"code": "sequence-older", "digest": digest("a manifest")})),
        (3, None, None, None, None, "root", json!({"version": 3})),
        (3, None, None, None, None, "statement", json!({"digest": digest("a statement"), "decision": "approve"})),
        (3, None, None, None, None, "released", json!({"sequence": 2, "manifest": digest("a manifest")})),
        (3, None, None, None, None, "deployed", json!({"workflow": "refund", "stage": "trial"})),
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
        (13, None, None, None, None, "alerted", json!({"rule": "run-failed", "delay": 4})),
        (
            13,
            None,
            None,
            None,
            None,
            "incident",
            json!({"id": "i-1", "state": "opened", "severity": "critical", "cause": "run-failed"}),
        ),
        (
            14,
            None,
            None,
            None,
            Some("chen"),
            "rolled-back",
            json!({"workflow": "refund", "from": digest("a plan"), "to": digest("an older plan"), "why": "by-hand"}),
        ),
        (
            15,
            None,
            None,
            None,
            Some("chen"),
            "held",
            json!({"id": "h-1", "what": {"workflow": "refund"}, "why": "T-83", "until": "2026-03-02T12:00:00Z"}),
        ),
        (16, None, None, None, Some("chen"), "resumed", json!({"id": "h-1"})),
        (17, None, None, None, None, "rotated", json!({"connection": "shop", "slot": "token"})),
        (18, None, None, None, Some("alice"), "viewed", json!({"what": "run:1", "why": "T-84"})),
        (HOUR, None, None, None, None, "tick", json!({"accepted": 1, "finished": 1, "heads": head(7)})),
        // The host slept for two days.
        (HOUR + 2 * DAY, None, None, None, None, "clock", json!({"was": "2026-03-02T10:00:30Z"})),
        (2 * HOUR + 2 * DAY, None, None, None, None, "tick", json!({"accepted": 1, "finished": 1, "heads": head(9)})),
        (2 * HOUR + 2 * DAY, None, None, None, Some("alice"), "legal-held", json!({"id": "l-1", "why": "CASE-9"})),
        (2 * HOUR + 2 * DAY, None, None, None, Some("alice"), "legal-released", json!({"id": "l-1"})),
        (
            2 * HOUR + 2 * DAY,
            None,
            None,
            None,
            Some("alice"),
            "decided",
            json!({"choice": "late", "shown": digest("shown"), "by": "support-leads"}),
        ),
        (
            2 * HOUR + 2 * DAY,
            None,
            None,
            None,
            None,
            "pruned",
            json!({"ranges": [[1, 20]], "rule": "retention", "reason": "90d"}),
        ),
        (
            2 * HOUR + 2 * DAY,
            None,
            None,
            None,
            Some("alice"),
            "erased",
            json!({"ranges": [[1, 20], [25, 25]], "request": "dsr-2026-5"}),
        ),
        (
            2 * HOUR + 2 * DAY,
            None,
            None,
            None,
            Some("alice"),
            "acknowledged",
            json!({"id": "a-1", "rule": "run-failed"}),
        ),
        (
            2 * HOUR + 2 * DAY,
            None,
            None,
            None,
            None,
            "approvers-reset",
            json!({"number": 2, "approvers": digest("approvers"), "standing": "waits", "until": "2026-03-11T10:00:00Z"}),
        ),
        (3 * HOUR + 2 * DAY, None, None, None, None, "stopped", json!({})),
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

fn vectors() -> Files {
    let mut vectors = Vectors::default();
    let (project, approvers) = trust_files(&mut vectors);
    let approved = statements(&mut vectors, project, approvers);
    let manifest = release(&mut vectors, project, approved);
    reports(&mut vectors, project, approvers, manifest);
    ledger(&mut vectors, story(project, approved, manifest));
    let ended = String::from_utf8(vectors.files.get("ledger/checkpoint").expect("a checkpoint").clone()).expect("text");
    every_kind(&mut vectors, &ended);
    let words = format!("{}\n{}\n", project, trust::words(&project));
    vectors.put("words.txt", words);
    let signed = canon::to_bytes(&Value::Array(std::mem::take(&mut vectors.signed))).expect("canonical");
    vectors.put("signed.json", signed);
    vectors.files
}

fn found(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("UTF-8");
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            found(&entry.path(), &format!("{path}/"), files);
        } else if name != "check.py" {
            files.insert(path, fs::read(entry.path()).expect("a file"));
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE=1 rewrites the vectors")]
fn every_format_has_the_bytes_that_were_published() {
    let wanted = vectors();
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        for (path, bytes) in &wanted {
            let path = folder().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
            fs::write(path, bytes).expect("the file is written");
        }
    }
    let mut there = Files::new();
    found(&folder(), "", &mut there);
    assert_eq!(there.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (path, bytes) in wanted {
        assert!(there.get(&path) == Some(&bytes), "{path} has other bytes; a format changes by a new number only");
    }
}

#[test]
fn the_page_shows_the_published_bytes() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    for (path, bytes) in vectors() {
        // The ledger's long files are named; all others stand in the page as they are.
        if path.ends_with(".ledger") || path == "signed.json" || path.contains(".sig") && !path.contains("1.toml.alice")
        {
            continue;
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(page.contains(text.trim_end()), "docs/formats.md does not show {path} as it is");
    }
}

/// What the page shows of a plan is what a plan may hold: each block that stands behind a name of the format.
#[test]
fn the_page_shows_parts_of_plans_that_are_read() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let block = |after: &str| {
        let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("no `{after}`"));
        let (_, rest) = rest.split_once("```json\n").expect("a block");
        rest.split_once("\n```").expect("its end").0.to_owned()
    };
    let job = block("A **call** of an operation with `job`");
    drop(serde_json::from_str::<assent_schema::plan::Job>(&job).expect("a job"));
    for name in ["**`each`** walks a list", "**`wait`** has `until`"] {
        drop(serde_json::from_str::<assent_schema::plan::Action>(&block(name)).expect(name));
    }
    let text = block("A **text of a file** stands");
    drop(serde_json::from_str::<assent_schema::plan::InLocale>(&text).expect("a text"));
    for text in [job, text] {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value.to_string(), text, "members are sorted and nothing stands between them");
    }
}

/// What the page shows of files that no vector is of is what we read, byte for byte what we write.
#[test]
fn the_page_shows_scenarios_and_endpoints_that_are_read() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let block = |after: &str| {
        let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("no `{after}`"));
        let (_, rest) = rest.split_once("```json\n").expect("a block");
        rest.split_once("\n```").expect("its end").0.to_owned()
    };
    let tests = block("### Scenarios");
    let read: assent_schema::scenario::Tests = canon::from_bytes(tests.as_bytes()).expect("tests");
    assert_eq!(canon::to_bytes(&read).expect("canonical"), tests.as_bytes());
    let endpoints = block("### Endpoints");
    let read: assent_schema::client::Endpoints = canon::from_bytes(endpoints.as_bytes()).expect("endpoints");
    assert_eq!(canon::to_bytes(&read).expect("canonical"), endpoints.as_bytes());
}

/// Each member of a use and of its parts stands in the page: a use is what a client signs.
#[test]
fn the_page_names_each_member_of_a_use() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let (_, table) = page.split_once("The members of a use;").expect("the table");
    let (table, _) = table.split_once("`tests/vectors/statements/").expect("its end");
    let source = fs::read_to_string(folder().join("../../schema/src/uses/mod.rs")).expect("the source");
    for name in
        ["DataUse", "FolderParty", "ConnectionParty", "AgentParty", "GroupParty", "GuardrailUse", "AgreementUse"]
    {
        let (_, form) = source.split_once(&format!("pub struct {name} {{\n")).expect(name);
        let (form, _) = form.split_once("\n}").expect("its end");
        let members = form.lines().filter_map(|line| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0));
        let members: Vec<_> = members.collect();
        assert!(!members.is_empty(), "{name}");
        for member in members {
            assert!(table.contains(&format!("`{member}`")), "docs/formats.md does not name {member} of {name}");
        }
    }
}
