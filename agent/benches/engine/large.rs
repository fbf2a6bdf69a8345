//! Releases of any size, signed by everybody whom they need: clients, each with so many workflows that look at an order.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::ClientId;
use assent_schema::plan::Plan;
use assent_schema::release::{FileEntry, FileName, Manifest, Rehearsal};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{
    AgentEntry, Approval, Approvers, CatalogLock, ClientEntry, Decision, Namespace, Statement, Teams,
};
use assent_schema::uses::DataUse;
use serde_json::{Value, json};

use crate::deploy::fixture::{
    self, Files, bytes, first_root, id, people, project, put, put_json, put_rehearsal, put_statement, read, text,
};

/// What a release is made from.
#[derive(Clone)]
pub(crate) struct Large {
    pub(crate) now: Moment,
    pub(crate) clients: usize,
    pub(crate) workflows_each: usize,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Digest>,
    /// Who runs it, as root lists it.
    pub(crate) agent: AgentEntry,
    /// Where the clients' shop is, as `127.0.0.1:port`.
    pub(crate) shop: String,
    /// What is said in the first workflow of the first client, so that its plan is another one.
    pub(crate) words: String,
}

impl Large {
    fn clients(&self) -> Vec<ClientId> {
        (0..self.clients).map(|n| format!("client-{n:04}").parse().expect("an id")).collect()
    }

    fn facts(&self, client: &ClientId) -> ClientFacts {
        let mut facts = serde_json::to_value(fixture::facts()).expect("JSON");
        facts["client"] = json!(client);
        facts["limits"] = json!({"running": 4, "waiting": 64});
        facts["connections"]["shop"]["host"] = json!(format!("{}/v1", self.shop));
        facts["connections"]["shop"]["private_addresses"] = json!(true);
        read(facts)
    }

    fn plan(&self, client: &ClientId, n: usize) -> Plan {
        let mut plan = serde_json::to_value(fixture::plan()).expect("JSON");
        plan["client"] = json!(client);
        plan["workflow"] = json!(format!("look-{n:04}"));
        if n == 0 && client.as_str() == "client-0000" {
            plan["summary"] = json!(self.words);
            plan["trigger"] = json!({"kind": "schedule", "cron": "* * * * *", "zone": "UTC", "missed": "skip"});
        }
        read(plan)
    }

    /// Every file, signed.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::new();
        self.put_trust(&mut files);
        let mut active = Vec::new();
        let mut endpoints = serde_json::Map::new();
        let mut statements = serde_json::Map::new();
        for client in self.clients() {
            let facts = self.facts(&client);
            let mut uses: BTreeSet<DataUse> = BTreeSet::new();
            for n in 0..self.workflows_each {
                let plan = self.plan(&client, n);
                uses.extend(assent_agent::verify::uses_of(&plan, &facts).expect("a sound plan"));
                active.push(self.put_plan(&mut files, &plan));
            }
            let given = self.now.minus(Period::days(30));
            let says = Decision::Approve(Approval::new(given.plus(Period::days(365)), uses));
            let approvers = Digest::of_file(text(approvers_of(&client).to_toml()).as_bytes());
            let statement = Statement { project: project(), client: client.clone(), approvers, serial: 1, given, says };
            let statement = text(statement.to_toml());
            put_statement(&mut files, &statement, &["dana"]);
            statements.insert(client.to_string(), json!([Digest::of_file(statement.as_bytes())]));
            put_json(&mut files, &FileName::Client(client.clone()), &facts);
            let url = format!("http://{}/v1", self.shop);
            endpoints.insert(client.to_string(), json!({"shop": {"url": url, "region": "eu"}}));
        }
        let endpoints = json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu",
            "clients": endpoints});
        put_json(&mut files, &FileName::Endpoints, &endpoints);
        let manifest = self.manifest(&files, &active);
        let files = fixture::seal(files, &manifest);
        self.freshen(files, &statements)
    }

    fn put_trust(&self, files: &mut Files) {
        let mut root = first_root().next(project());
        root.agents.insert("eu-staging-1".parse().expect("an id"), fixture::agent("eu-staging-1", "staging"));
        root.agents.insert("eu-production-1".parse().expect("an id"), self.agent.clone());
        for client in self.clients() {
            let first = approvers_of(&client);
            let first = text(first.to_toml());
            let entry = ClientEntry::new(Digest::of_file(first.as_bytes()));
            put(files, &FileName::Approvers(client.clone(), 1), first.as_bytes(), Namespace::Approvers, &["dana"]);
            root.clients.insert(client, entry);
        }
        for root in [first_root(), root] {
            let name = FileName::Root(root.version);
            put(files, &name, text(root.to_toml()).as_bytes(), Namespace::Trust, &["ann", "ben"]);
        }
        let assigned = self.clients().into_iter().map(|client| (client, [id("ann")].into())).collect();
        let teams = text(Teams::new(project(), 1, assigned).to_toml());
        put(files, &FileName::Teams, teams.as_bytes(), Namespace::Teams, &["ann"]);
        let lock = CatalogLock::new(project(), 1, [("integrations/shop.toml".to_owned(), Digest::of_file(b""))].into());
        put(files, &FileName::CatalogLock, text(lock.to_toml()).as_bytes(), Namespace::Catalog, &["ben"]);
    }

    /// Adds a plan, its scenarios and its rehearsal. What the manifest says of it.
    fn put_plan(&self, files: &mut Files, plan: &Plan) -> Value {
        let scenario =
            json!({"name": "it looks", "at": "2026-03-02T09:00:00Z", "replies": [], "expect": {"outcome": "done"}});
        let tests = json!({"type": "tests", "schema": 1, "client": plan.client, "workflow": plan.workflow,
            "scenarios": [scenario]});
        let tests: assent_schema::scenario::Tests = read(tests);
        let (plan_bytes, tests_bytes) = (bytes(plan), bytes(&tests));
        let (digest, tests) = (Digest::of_file(&plan_bytes), Digest::of_file(&tests_bytes));
        let rehearsal: Rehearsal = read(json!({
            "type": "rehearsal", "schema": 1, "project": project(), "environment": "staging", "region": "eu",
            "agent": "eu-staging-1", "plan": digest, "tests": tests,
            "engine": {"version": env!("CARGO_PKG_VERSION"), "binary": Digest::of_file(b"engine")},
            "time": self.now.minus(Period::days(1)), "results": [{"scenario": "it looks", "passed": true}],
        }));
        put_rehearsal(files, &rehearsal, "eu-staging-1");
        files.insert(FileName::Plan(digest).to_string(), plan_bytes);
        files.insert(FileName::Tests(tests).to_string(), tests_bytes);
        json!({"client": plan.client, "workflow": plan.workflow, "plan": digest, "tests": tests, "authors": ["ann"],
            "source": "s.toml", "lines": {"order": 1}})
    }

    fn manifest(&self, files: &Files, active: &[Value]) -> Manifest {
        let entry = |bytes: &Vec<u8>| FileEntry { size: bytes.len() as u64, sha256: Digest::of_file(bytes) };
        let mut manifest: Manifest = read(json!({
            "type": "release", "schema": 1, "project": project(), "environment": "production", "region": "eu",
            "generation": 1, "sequence": self.sequence, "source": {"commit": "c".repeat(40), "tree": Digest::of_file(b"tree")},
            "compiler": "0.1.0", "at": self.now.minus(Period::hours(1)),
            "accept": {"from": self.now.minus(Period::days(1)), "until": self.now.plus(Period::days(7))},
            "active": active, "files": {},
        }));
        manifest.previous = self.previous;
        manifest.files = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
        manifest
    }

    fn freshen(&self, mut files: Files, statements: &serde_json::Map<String, Value>) -> Files {
        let manifest = Digest::of_file(files.get("manifest.json").expect("a manifest"));
        let freshness: assent_schema::release::Freshness = read(json!({
            "type": "freshness", "schema": 1, "project": project(), "environment": "production", "region": "eu",
            "root": 2, "sequence": self.sequence, "manifest": manifest, "statements": statements, "time": self.now,
        }));
        put(&mut files, &FileName::Freshness, &bytes(&freshness), Namespace::Freshness, &["ben"]);
        files
    }
}

fn approvers_of(client: &ClientId) -> Approvers {
    Approvers::first(project(), client.clone(), 1, people(&["dana"]))
}
