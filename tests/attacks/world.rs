//! One honest agency in memory, with a client's real workflow that moves money: every attack bends one thing of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use assent_agent::verify::{Bundle, Now, PinnedTrust, Refusal, Verified, uses_of, verify};
use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::PersonId;
use assent_schema::plan::Plan;
use assent_schema::release::{FileEntry, FileName, Freshness, Manifest, Rehearsal};
use assent_schema::scenario::Tests;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{
    Approval, Approvers, Cancelled, CatalogLock, ClientEntry, Decision, Namespace, Role, RoleName, Root, Statement,
    Teams,
};
use assent_schema::uses::DataUse;
use serde_json::{Value, json};

use super::fixture::{Files, acme, agent, at, bytes, id, now, people, place, put, put_json, read, text};
use super::table::Verdict;

/// A signature by somebody under a name; the two differ when somebody cheats.
pub(crate) type By = &'static str;

/// Everything that a release is made of, not yet written.
#[derive(Clone)]
pub(crate) struct World {
    /// The instant at which it releases.
    pub(crate) now: Moment,
    pub(crate) project: Digest,
    pub(crate) roots: Vec<(Root, Vec<By>)>,
    pub(crate) teams: (Teams, Vec<By>),
    pub(crate) lock: (CatalogLock, Vec<By>),
    pub(crate) approvers: Vec<(Approvers, Vec<By>)>,
    pub(crate) statements: Vec<(String, Vec<By>)>,
    pub(crate) facts: ClientFacts,
    pub(crate) plan: Plan,
    pub(crate) tests: Tests,
    pub(crate) rehearsals: Vec<(Rehearsal, By)>,
    pub(crate) endpoints: Value,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Digest>,
    pub(crate) releasers: Vec<By>,
}

fn sample<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) -> T {
    canon::from_bytes(bytes).expect("a lowered file")
}

/// The root of the table's time, half a year before it expires.
const ROOT_LIVES: Period = Period::days(213);

/// Version 1: three people, two of whom change the root and sign releases; not everybody holds each of the other roles.
fn first_root(now: Moment) -> Root {
    let all: BTreeSet<PersonId> = ["ann", "ben", "cid"].map(id).into();
    let holders = |name| match name {
        RoleName::Root | RoleName::Release | RoleName::Freshness | RoleName::Oncall => all.clone(),
        RoleName::Catalog => ["ben", "cid"].map(id).into(),
        RoleName::Teams => [id("ann")].into(),
    };
    let two = |name| matches!(name, RoleName::Root | RoleName::Release);
    let role = |name| (name, Role { threshold: if two(name) { 2 } else { 1 }, people: holders(name) });
    let roles = RoleName::ALL.into_iter().map(role).collect();
    Root::first(now.plus(ROOT_LIVES), people(&["ann", "ben", "cid"]), roles)
}

pub(crate) fn project() -> Digest {
    World::honest().project
}

impl World {
    /// Everybody did what they should.
    pub(crate) fn honest() -> Self {
        static HONEST: LazyLock<World> = LazyLock::new(|| World::at(at()));
        HONEST.clone()
    }

    /// The same at another time.
    pub(crate) fn at(now: Moment) -> Self {
        let first = first_root(now);
        let project = Digest::of_file(text(first.to_toml()).as_bytes());
        let mut facts: ClientFacts = sample(include_bytes!("../../agent/tests/plans/acme.client.json"));
        for route in &mut facts.routes {
            route.urls.insert(OPS.to_owned());
        }
        let approvers = Approvers::first(project, acme(), 2, people(&["dana", "emil", "fay"]));
        let mut root = first.next(project);
        for name in ["eu-staging-1", "eu-staging-2", "eu-production-1"] {
            let environment = name.split('-').nth(1).expect("a name with an environment");
            root.agents.insert(name.parse().expect("an id"), agent(name, environment));
        }
        root.clients.insert(acme(), ClientEntry::new(Digest::of_file(text(approvers.to_toml()).as_bytes())));
        let teams = Teams::new(project, 1, [(acme(), [id("ann")].into())].into());
        let lock = CatalogLock::new(project, 1, [("integrations/shop.toml".to_owned(), Digest::of_file(b""))].into());
        let mut world = Self {
            now,
            project,
            roots: vec![(first, vec!["ann", "ben"]), (root, vec!["ann", "ben"])],
            teams: (teams, vec!["ann"]),
            lock: (lock, vec!["ben"]),
            approvers: vec![(approvers, vec!["dana", "emil", "fay"])],
            statements: Vec::new(),
            endpoints: endpoints(&facts),
            facts,
            plan: sample(include_bytes!("../../agent/tests/plans/acme.refund.plan.json")),
            tests: sample(include_bytes!("../../agent/tests/plans/acme.refund.tests.json")),
            rehearsals: Vec::new(),
            sequence: 1,
            previous: None,
            releasers: vec!["ann", "ben"],
        };
        world.statements = vec![(world.approve(1, world.uses()), vec!["dana", "emil"])];
        world.rehearsals = vec![(world.rehearsal(), "eu-staging-1")];
        world
    }

    /// What the plan and the client need to be approved.
    pub(crate) fn uses(&self) -> Vec<DataUse> {
        uses_of(&self.plan, &self.facts).expect("a sound plan")
    }

    /// One of those uses, by what its operation and kind are.
    pub(crate) fn one_use(&self, wanted: impl Fn(&DataUse) -> bool) -> DataUse {
        self.uses().into_iter().find(wanted).expect("such a use")
    }

    pub(crate) fn approve(&self, serial: u64, uses: Vec<DataUse>) -> String {
        self.says(serial, Decision::Approve(Approval::new(self.now.plus(Period::days(272)), uses)))
    }

    pub(crate) fn withdraw(&self, serial: u64, what: Cancelled) -> String {
        self.says(serial, Decision::Withdraw(vec![what]))
    }

    pub(crate) fn says(&self, serial: u64, says: Decision) -> String {
        text(self.statement(serial, says).to_toml())
    }

    pub(crate) fn statement(&self, serial: u64, says: Decision) -> Statement {
        let approvers = Digest::of_file(text(self.approvers[0].0.to_toml()).as_bytes());
        let given = self.now.minus(Period::days(93));
        Statement { project: self.project, client: acme(), approvers, serial, given, says }
    }

    /// What a staging agent says of the plan that stands here.
    pub(crate) fn rehearsal(&self) -> Rehearsal {
        let results: Vec<Value> =
            self.tests.scenarios.iter().map(|one| json!({"scenario": one.name, "passed": true})).collect();
        read(json!({
            "type": "rehearsal", "schema": 1, "project": self.project, "environment": "staging", "region": "eu",
            "agent": "eu-staging-1", "plan": self.plan_digest(), "tests": Digest::of_file(&bytes(&self.tests)),
            "engine": {"version": "0.9.9", "binary": Digest::of_file(b"engine")}, "time": self.now.minus(Period::days(1)),
            "results": results,
        }))
    }

    pub(crate) fn plan_digest(&self) -> Digest {
        Digest::of_file(&bytes(&self.plan))
    }

    /// Changes the plan as somebody does who also gets it rehearsed.
    pub(crate) fn bend_plan(&mut self, pointer: &str, value: Value) {
        let mut plan = serde_json::to_value(&self.plan).expect("JSON");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = plan.pointer_mut(parent).expect("a place in the plan");
        match parent.as_object_mut() {
            // What is empty is not written.
            Some(members) => drop(members.insert(name.replace("~1", "/"), value)),
            None => *parent.pointer_mut(&format!("/{name}")).expect("a place in the plan") = value,
        }
        self.plan = serde_json::from_value(plan).expect("a plan");
        self.rehearsals = vec![(self.rehearsal(), "eu-staging-1")];
    }

    /// Changes the client's facts.
    pub(crate) fn bend_facts(&mut self, pointer: &str, value: Value) {
        let mut facts = serde_json::to_value(&self.facts).expect("JSON");
        *facts.pointer_mut(pointer).expect("a place in the facts") = value;
        self.facts = serde_json::from_value(facts).expect("facts");
    }

    /// Leads a connection to an address of this machine; the client approves that too.
    pub(crate) fn lead(&mut self, connection: &str, address: &str) {
        let led = self.facts.connections.get_mut(connection).expect("a connection");
        address.clone_into(&mut led.host);
        // Nothing on the agent's own host is asked otherwise.
        led.private_addresses = true;
        self.endpoints["clients"]["acme"][connection]["url"] = format!("http://{address}").into();
        self.statements.push((self.approve(2, self.uses()), vec!["dana", "emil"]));
    }

    /// A third root version, to be changed.
    pub(crate) fn next_root(&self) -> Root {
        self.roots.last().expect("a root").0.next(self.project)
    }

    /// Every file that the manifest lists.
    pub(crate) fn listed(&self) -> Files {
        let mut files = Files::new();
        for (root, by) in &self.roots {
            put(&mut files, &FileName::Root(root.version), text(root.to_toml()).as_bytes(), Namespace::Trust, by);
        }
        put(&mut files, &FileName::Teams, text(self.teams.0.to_toml()).as_bytes(), Namespace::Teams, &self.teams.1);
        let lock = text(self.lock.0.to_toml());
        put(&mut files, &FileName::CatalogLock, lock.as_bytes(), Namespace::Catalog, &self.lock.1);
        for (approvers, by) in &self.approvers {
            let name = FileName::Approvers(acme(), approvers.number);
            put(&mut files, &name, text(approvers.to_toml()).as_bytes(), Namespace::Approvers, by);
        }
        for (statement, by) in &self.statements {
            super::fixture::put_statement(&mut files, statement, by);
        }
        for (rehearsal, by) in &self.rehearsals {
            super::fixture::put_rehearsal(&mut files, rehearsal, by);
        }
        put_json(&mut files, &FileName::Client(acme()), &self.facts);
        put_json(&mut files, &FileName::Endpoints, &self.endpoints);
        put_json(&mut files, &FileName::Plan(self.plan_digest()), &self.plan);
        put_json(&mut files, &FileName::Tests(Digest::of_file(&bytes(&self.tests))), &self.tests);
        files
    }

    /// The manifest over some files.
    pub(crate) fn manifest(&self, files: &Files) -> Manifest {
        let entry = |bytes: &Vec<u8>| FileEntry { size: bytes.len() as u64, sha256: Digest::of_file(bytes) };
        let active = json!([{"client": "acme", "workflow": "refund", "plan": self.plan_digest(),
            "tests": Digest::of_file(&bytes(&self.tests)), "authors": ["ann"], "source": "s.toml", "lines": {}}]);
        let mut manifest: Manifest = read(json!({
            "type": "release", "schema": 1, "project": self.project, "environment": "production", "region": "eu",
            "generation": self.newest().generation, "sequence": self.sequence,
            "source": {"commit": "c".repeat(40), "tree": Digest::of_file(b"tree")}, "compiler": "0.1.0",
            "at": self.now.minus(Period::days(1)),
            "accept": {"from": self.now.minus(Period::days(1)), "until": self.now.plus(Period::days(29))}, "active": active, "files": {},
        }));
        manifest.previous = self.previous;
        manifest.files = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
        manifest
    }

    fn newest(&self) -> &Root {
        &self.roots.last().expect("a root").0
    }

    /// Adds the manifest with its signatures.
    pub(crate) fn seal(&self, mut files: Files, manifest: &Manifest) -> Files {
        put(&mut files, &FileName::Manifest, &bytes(manifest), Namespace::Release, &self.releasers);
        files
    }

    /// What the freshness role says of a sealed release.
    pub(crate) fn freshness(&self, files: &Files) -> Freshness {
        let statement = |path: &String| match FileName::parse(path) {
            Some(FileName::Statement(digest)) => Some(digest),
            _ => None,
        };
        let statements: BTreeSet<Digest> = files.keys().filter_map(statement).collect();
        let sealed: Manifest = sample(&files["manifest.json"]);
        read(json!({
            "type": "freshness", "schema": 1, "project": self.project, "environment": "production", "region": "eu",
            "root": self.newest().version, "sequence": sealed.sequence,
            "manifest": Digest::of_file(&files["manifest.json"]), "statements": {"acme": statements},
            "time": self.now.minus(Period::hours(1)),
        }))
    }

    /// A release whose manifest somebody with the release keys changed before it was signed.
    pub(crate) fn release_with(&self, change: impl FnOnce(&mut Manifest)) -> Files {
        let files = self.listed();
        let mut manifest = self.manifest(&files);
        change(&mut manifest);
        self.freshen(self.seal(files, &manifest), |_| ())
    }

    /// A release over these files, whoever changed them.
    pub(crate) fn release_of(&self, files: Files) -> Files {
        let manifest = self.manifest(&files);
        self.freshen(self.seal(files, &manifest), |_| ())
    }

    /// Adds a freshness statement.
    pub(crate) fn freshen(&self, mut files: Files, change: impl FnOnce(&mut Freshness)) -> Files {
        let mut freshness = self.freshness(&files);
        change(&mut freshness);
        put(&mut files, &FileName::Freshness, &bytes(&freshness), Namespace::Freshness, &["cid"]);
        files
    }

    pub(crate) fn release(&self) -> Files {
        self.release_with(|_| ())
    }
}

/// Where the client's alerts go.
const OPS: &str = "https://ops.acme.example/hook";

/// Where the connections and routes of a client lead in production.
fn endpoints(facts: &ClientFacts) -> Value {
    let mut led = serde_json::Map::new();
    for (name, connection) in &facts.connections {
        let url = format!("https://{}", connection.host);
        led.insert(name.to_string(), json!({"url": url, "region": connection.region}));
    }
    for route in &facts.routes {
        let ops = json!({"url": OPS, "region": facts.region});
        led.insert(route.endpoint.to_string(), ops);
    }
    json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": {"acme": led}})
}

/// What an agent knows that has just been enrolled.
pub(crate) fn enrolled() -> PinnedTrust {
    PinnedTrust { project: Some(project()), root: (1, None), sequence: (1, 1), ..PinnedTrust::default() }
}

/// What an agent knows that has accepted a release.
pub(crate) fn after(files: &Files) -> PinnedTrust {
    accepted(files).pin(&enrolled())
}

/// The bundle of a release that must be accepted.
pub(crate) fn accepted(files: &Files) -> Verified<Bundle> {
    verify(files, &enrolled(), &place(), now()).expect("an honest release")
}

/// The verdict of an agent that has just been enrolled.
pub(crate) fn judge(files: &Files) -> Verdict {
    judge_by(files, &enrolled())
}

/// The verdict of an agent that knows something already.
pub(crate) fn judge_by(files: &Files, pinned: &PinnedTrust) -> Verdict {
    verdict(verify(files, pinned, &place(), now()))
}

/// The verdict at another time.
pub(crate) fn judge_at(files: &Files, pinned: &PinnedTrust, now: Now) -> Verdict {
    verdict(verify(files, pinned, &place(), now))
}

/// What the verifier said, as the table says it: the code of a refusal, or those of what is off.
pub(crate) fn verdict(judged: Result<Verified<Bundle>, Refusal>) -> Verdict {
    match judged {
        Err(refusal) => Verdict::new(refusal.code.code(), refusal.detail),
        Ok(bundle) => {
            let off: Vec<_> = bundle.workflows.values().flat_map(|workflow| &workflow.off).collect();
            let codes: BTreeSet<&str> = off.iter().map(|off| off.code.code()).collect();
            if codes.is_empty() {
                return Verdict::accepted();
            }
            let details: Vec<&str> = off.iter().map(|off| off.detail.as_str()).collect();
            Verdict::new(format!("off: {}", codes.into_iter().collect::<Vec<_>>().join(", ")), details.join(" "))
        }
    }
}

/// An honest world with one thing bent, released and judged.
pub(crate) fn bent(change: impl FnOnce(&mut World)) -> Verdict {
    let mut world = World::honest();
    change(&mut world);
    judge(&world.release())
}

/// The second release of an honest world that was bent after the first was accepted.
pub(crate) fn bent_second(change: impl FnOnce(&mut World)) -> Verdict {
    let mut world = World::honest();
    let pinned = after(&world.release());
    (world.sequence, world.previous) = (2, pinned.manifest);
    change(&mut world);
    judge_by(&world.release(), &pinned)
}

/// The instant so long after that of the release.
pub(crate) fn later(by: Period) -> Now {
    let moment = at().plus(by);
    Now { expiry: moment, clock: moment, trusted: moment }
}
