//! One small honest release, for tests: one client, one workflow that reads one order, everybody's signatures.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::plan::Plan;
use assent_schema::release::{FileEntry, FileName, Freshness, Manifest, Rehearsal};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{
    AgentEntry, Approval, Approvers, CatalogLock, ClientEntry, Decision, Namespace, People, Person, Role, RoleName,
    Root, Signer, Statement, Teams, sign,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Now, PinnedTrust, Place, uses_of};

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The instant at which the release is judged.
pub(crate) fn at() -> Moment {
    moment("2026-06-02T00:00:00Z")
}

pub(crate) fn now() -> Now {
    Now { expiry: at(), clock: at(), trusted: at() }
}

pub(crate) fn moment(text: &str) -> Moment {
    text.parse().expect("a moment")
}

/// The key that grows from a name.
pub(crate) fn key(name: &str) -> Signer {
    Signer::from_seed(Digest::of_file(name.as_bytes()).as_bytes()).expect("a key")
}

pub(crate) fn people(names: &[&str]) -> People {
    let person = |name: &&str| (id(name), Person::new([key(name).public().clone()].into()));
    names.iter().map(person).collect()
}

pub(crate) fn id(name: &str) -> PersonId {
    name.parse().expect("an id")
}

pub(crate) fn acme() -> ClientId {
    "acme".parse().expect("an id")
}

pub(crate) fn place() -> Place {
    Place {
        environment: "production".parse().expect("an id"),
        region: "eu".parse().expect("an id"),
        agent: "eu-production-1".parse().expect("an id"),
        engine: "0.1.0".into(),
    }
}

pub(crate) fn first_root() -> Root {
    let all: BTreeSet<PersonId> = ["ann", "ben"].map(id).into();
    let role = |name| (name, Role { threshold: if name == RoleName::Root { 2 } else { 1 }, people: all.clone() });
    Root::first(moment("2126-01-01T00:00:00Z"), people(&["ann", "ben"]), RoleName::ALL.into_iter().map(role).collect())
}

pub(crate) fn project() -> Digest {
    Digest::of_file(text(first_root().to_toml()).as_bytes())
}

pub(crate) fn text<E: std::fmt::Debug>(written: Result<String, E>) -> String {
    written.expect("a file that is accepted")
}

pub(crate) fn approvers() -> Approvers {
    Approvers::first(project(), acme(), 1, people(&["dana"]))
}

pub(crate) fn agent(name: &str, environment: &str) -> AgentEntry {
    AgentEntry {
        region: "eu".parse().expect("an id"),
        environment: environment.parse().expect("an id"),
        key: key(name).public().clone(),
        ledger_key: STANDARD.encode(key(&format!("ledger of {name}")).public().point()),
        rehearses: environment == "staging",
    }
}

pub(crate) fn second_root() -> Root {
    let mut root = first_root().next(project());
    for environment in ["staging", "production"] {
        let name = format!("eu-{environment}-1");
        root.agents.insert(name.parse().expect("an id"), agent(&name, environment));
    }
    let approvers = Digest::of_file(text(approvers().to_toml()).as_bytes());
    root.clients.insert(acme(), ClientEntry::new(approvers));
    root
}

pub(crate) fn facts() -> ClientFacts {
    read(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "180d", "stale_limit": "72h", "deciders": {}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": "shop.example/v1", "region": "eu",
            "scopes": ["read_orders"], "auth": {"kind": "none"}, "slots": {}}},
        "limits": {"running": 1, "waiting": 1},
    }))
}

pub(crate) fn plan() -> Plan {
    let token = json!({"at": "state", "shape": {"type": "token"}, "class": "reference", "written_by": "system"});
    read(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "look", "summary": "s",
        "purpose": "essential.service.operations.support", "mode": "live",
        "trigger": {"kind": "manual", "fields": {}}, "limits": {"timeout": "10m", "concurrency": 1},
        "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.get_order": {"record": "order", "method": "GET", "path": "/orders/1", "encoding": "json",
            "effect": "none", "scopes": ["read_orders"], "params": {}, "response": {"state": token}, "most_bytes": 100,
            "timeout": "1s"}},
        "steps": [{"id": "order", "action": {"kind": "call", "operation": "shop.get_order", "with": {},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "support"},
    }))
}

fn tests() -> Vec<u8> {
    let scenario =
        json!({"name": "it looks", "at": "2026-03-02T09:00:00Z", "replies": [], "expect": {"outcome": "done"}});
    let tests: assent_schema::scenario::Tests = read(json!({
        "type": "tests", "schema": 1, "client": "acme", "workflow": "look", "scenarios": [scenario],
    }));
    bytes(&tests)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a value of the wanted form")
}

pub(crate) fn bytes<T: serde::Serialize>(value: &T) -> Vec<u8> {
    canon::to_bytes(value).expect("canonical JSON")
}

pub(crate) fn approval() -> String {
    approval_given(moment("2026-03-01T00:00:00Z"))
}

/// The same, given at another time; it holds for a year.
pub(crate) fn approval_given(given: Moment) -> String {
    approval_of(&facts(), given)
}

/// The same of a client with other facts.
pub(crate) fn approval_of(facts: &ClientFacts, given: Moment) -> String {
    let uses = uses_of(&plan(), facts).expect("a sound plan");
    statement_given(given, 1, Decision::Approve(Approval::new(given.plus(Period::days(365)), uses)))
}

pub(crate) fn statement(serial: u64, says: Decision) -> String {
    statement_given(moment("2026-03-01T00:00:00Z"), serial, says)
}

fn statement_given(given: Moment, serial: u64, says: Decision) -> String {
    let approvers = Digest::of_file(text(approvers().to_toml()).as_bytes());
    text(Statement { project: project(), client: acme(), approvers, serial, given, says }.to_toml())
}

/// Puts a file and its signatures.
pub(crate) fn put(files: &mut Files, name: &FileName, bytes: &[u8], namespace: Namespace, by: &[&str]) {
    files.insert(name.to_string(), bytes.to_vec());
    for name_of in by {
        files.insert(format!("{name}.{name_of}.sig"), sign(&key(name_of), namespace, bytes).into_bytes());
    }
}

pub(crate) fn put_statement(files: &mut Files, text: &str, by: &[&str]) {
    let name = FileName::Statement(Digest::of_file(text.as_bytes()));
    put(files, &name, text.as_bytes(), Namespace::Approval, by);
}

pub(crate) fn rehearsal() -> Rehearsal {
    read(json!({
        "type": "rehearsal", "schema": 1, "project": project(), "environment": "staging", "region": "eu",
        "agent": "eu-staging-1", "plan": Digest::of_file(&bytes(&plan())), "tests": Digest::of_file(&tests()),
        "engine": {"version": "0.9.9", "binary": Digest::of_file(b"engine")}, "time": "2026-06-01T00:00:00Z",
        "results": [{"scenario": "it looks", "passed": true}],
    }))
}

pub(crate) fn put_rehearsal(files: &mut Files, rehearsal: &Rehearsal, by: &str) {
    let written = bytes(rehearsal);
    put(files, &FileName::Rehearsal(Digest::of_file(&written)), &written, Namespace::Rehearsal, &[by]);
}

/// Every file but manifest and freshness.
pub(crate) fn listed() -> Files {
    let mut files = Files::new();
    let both = &["ann", "ben"];
    for root in [first_root(), second_root()] {
        put(&mut files, &FileName::Root(root.version), text(root.to_toml()).as_bytes(), Namespace::Trust, both);
    }
    let teams = Teams::new(project(), 1, [(acme(), [id("ann")].into())].into());
    put(&mut files, &FileName::Teams, text(teams.to_toml()).as_bytes(), Namespace::Teams, &["ann"]);
    let lock = CatalogLock::new(project(), 1, [("integrations/shop.toml".to_owned(), Digest::of_file(b""))].into());
    put(&mut files, &FileName::CatalogLock, text(lock.to_toml()).as_bytes(), Namespace::Catalog, &["ben"]);
    let first = FileName::Approvers(acme(), 1);
    put(&mut files, &first, text(approvers().to_toml()).as_bytes(), Namespace::Approvers, &["dana"]);
    put_statement(&mut files, &approval(), &["dana"]);
    put_rehearsal(&mut files, &rehearsal(), "eu-staging-1");
    put_json(&mut files, &FileName::Client(acme()), &facts());
    let shop = json!({"url": "https://shop.example/v1", "region": "eu"});
    let endpoints = json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu",
        "clients": {"acme": {"shop": shop}}});
    put_json(&mut files, &FileName::Endpoints, &endpoints);
    let plan = bytes(&plan());
    files.insert(FileName::Plan(Digest::of_file(&plan)).to_string(), plan);
    files.insert(FileName::Tests(Digest::of_file(&tests())).to_string(), tests());
    files
}

pub(crate) fn put_json<T: serde::Serialize>(files: &mut Files, name: &FileName, value: &T) {
    files.insert(name.to_string(), bytes(value));
}

/// The manifest over some files.
pub(crate) fn manifest(files: &Files, sequence: u64, previous: Option<Digest>) -> Manifest {
    let entry = |bytes: &Vec<u8>| FileEntry { size: bytes.len() as u64, sha256: Digest::of_file(bytes) };
    let active = json!([{"client": "acme", "workflow": "look", "plan": Digest::of_file(&bytes(&plan())),
        "tests": Digest::of_file(&tests()), "authors": ["ann"], "source": "s.toml", "lines": {"order": 1}}]);
    let mut manifest: Manifest = read(json!({
        "type": "release", "schema": 1, "project": project(), "environment": "production", "region": "eu",
        "generation": 1, "sequence": sequence, "source": {"commit": "c".repeat(40), "tree": Digest::of_file(b"tree")},
        "compiler": "0.1.0", "at": "2026-06-01T00:00:00Z",
        "accept": {"from": "2026-06-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}, "active": active, "files": {},
    }));
    manifest.previous = previous;
    manifest.files = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
    manifest
}

/// Adds a manifest with its signature.
pub(crate) fn seal(mut files: Files, manifest: &Manifest) -> Files {
    put(&mut files, &FileName::Manifest, &bytes(manifest), Namespace::Release, &["ann"]);
    files
}

/// Adds the freshness statement that speaks of a sealed release.
pub(crate) fn freshen(mut files: Files, change: impl FnOnce(&mut Freshness)) -> Files {
    let sealed: Manifest = canon::from_bytes(&files["manifest.json"]).expect("a manifest");
    let statement = |path: &String| match FileName::parse(path) {
        Some(FileName::Statement(digest)) => Some(digest),
        _ => None,
    };
    let statements: BTreeSet<Digest> = files.keys().filter_map(statement).collect();
    let mut freshness: Freshness = read(json!({
        "type": "freshness", "schema": 1, "project": project(), "environment": "production", "region": "eu", "root": 2,
        "sequence": sealed.sequence, "manifest": Digest::of_file(&files["manifest.json"]),
        "statements": {"acme": statements}, "time": "2026-06-01T23:00:00Z",
    }));
    change(&mut freshness);
    put(&mut files, &FileName::Freshness, &bytes(&freshness), Namespace::Freshness, &["ben"]);
    files
}

/// A whole honest release over some files.
pub(crate) fn release(files: Files) -> Files {
    let manifest = manifest(&files, 1, None);
    freshen(seal(files, &manifest), |_| ())
}

/// What an agent knows that has just been enrolled.
pub(crate) fn enrolled() -> PinnedTrust {
    PinnedTrust { project: Some(project()), root: (1, None), sequence: (1, 1), ..PinnedTrust::default() }
}
