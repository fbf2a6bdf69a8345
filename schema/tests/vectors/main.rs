//! `tests/vectors/`: one example of every signed file, a ledger with its checkpoint and proofs, all from fixed keys.
//!
//! The bytes are what `docs/formats.md` shows and what `tests/vectors/check.py` verifies without our code. They change with a
//! new format number only: `UPDATE=1 cargo test -p assent-schema --test vectors` rewrites them.

#[expect(dead_code, reason = "tests of sign-ins use all of it")]
#[path = "../../../agent/tests/console/authenticator.rs"]
mod authenticator;
mod log;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assent_schema::canon::{self, Digest};
use assent_schema::passkey::Ceremony;
use assent_schema::release::{Decision, Freshness, Manifest, Rehearsal};
use assent_schema::status::{Poke, Recover, Status};
use assent_schema::time::Moment;
use assent_schema::trust::{
    self, AgentEntry, Approvers, CatalogLock, ClientEntry, Namespace, People, Person, Role, RoleName, Root, Signer,
    Statement, Teams,
};
use authenticator::{Authenticator, Kind, Request};
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
    let uses: Vec<assent_schema::uses::DataUse> = serde_json::from_value(uses).expect("data uses");
    let approval = trust::Approval::new(moment("2027-03-01T00:00:00Z"), uses);
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
        "returned": [{"plan": Digest::of_file(b"a plan before"), "reason": "rolled back by a release"}],
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
    passkeys(vectors);
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

/// The decision once more, by a passkey of each algorithm: what stands in the `passkey` member of a `decided` entry.
fn passkeys(vectors: &mut Vectors) {
    let (origin, rp) = ("https://console.harbor.example:8443", "console.harbor.example");
    let file = vectors.files.get("decision.json").expect("a decision").clone();
    let kinds = [(Kind::Es256, 3), (Kind::EdDsa, 4)];
    let signed = kinds.map(|(kind, seed)| {
        let lena = Authenticator { kind, seed };
        let proof = lena.sign(&Request { count: 7, ..Request::new(&file, origin, rp) });
        let known = [lena.passkey(rp)].into();
        let used = proof.verify(&known, &Ceremony { file: &file, origin }).expect("it counts");
        assert_eq!(used.count, 7);
        json!({"file": "decision.json", "signer": "lena", "key": lena.line(rp), "origin": origin, "passkey": proof})
    });
    vectors.put("passkeys.json", canon::to_bytes(&signed).expect("canonical"));
}

fn vectors() -> Files {
    let mut vectors = Vectors::default();
    let (project, approvers) = trust_files(&mut vectors);
    let approved = statements(&mut vectors, project, approvers);
    let manifest = release(&mut vectors, project, approved);
    reports(&mut vectors, project, approvers, manifest);
    log::ledger(&mut vectors, log::story(project, approved, manifest));
    let ended = String::from_utf8(vectors.files.get("ledger/checkpoint").expect("a checkpoint").clone()).expect("text");
    log::every_kind(&mut vectors, &ended);
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
