//! One scenario on the real engine, on a simulated machine that may die at any durable write and any request.

mod process;

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::ledger::{DayKeys, Ledgers};
use assent_agent::run::{Act, Compiled, Engine, Heard, NewRun, NotAgain, Question, Way};
use assent_agent::sim::{Host, Reply, Script, Seen, Service, SimWorld, Stage};
use assent_agent::store::{
    Aim, Ending, Entry, FactText, ItemEnd, JournalRow, Log, Memory, QueueItem, RunFilter, RunId, RunLine, Store as _,
};
use assent_agent::vault::{HostKey, Secret, SlotPath};
use assent_agent::world::{Clock as _, HttpRequest, Wall};
use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, GroupId, Name, OperationRef, ProjectName};
use assent_schema::ledger::{Audit, Entry as LedgerEntry, Origin, commitment};
use assent_schema::plan::{Effect, Plan};
use assent_schema::release::Choice;
use assent_schema::scenario::{Later, Scenario, Tests};
use assent_schema::time::Moment;
use serde_json::{Value, json};

use crate::private::Canaries;
use crate::rotation::Wanted;
use crate::sender::Sender;

pub(crate) static HOST_KEY: LazyLock<Arc<HostKey>> = LazyLock::new(|| Arc::new(HostKey::generate()));

/// A workflow as an agent has it.
pub(crate) struct Workflow {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) tests: Tests,
    pub(crate) facts: Arc<ClientFacts>,
}

/// Reads one of the lowered workflows beside this file.
pub(crate) fn workflow(client: &str, name: &str) -> Workflow {
    let read = |file: String| {
        std::fs::read(format!("{}/tests/plans/{file}.json", env!("CARGO_MANIFEST_DIR"))).expect("a lowered workflow")
    };
    let plan = read(format!("{client}.{name}.plan"));
    let digest = Digest::of_file(&plan);
    let plan: Plan = canon::from_bytes(&plan).expect("a plan");
    Workflow {
        compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("a plan that runs")),
        tests: canon::from_bytes(&read(format!("{client}.{name}.tests"))).expect("tests"),
        facts: Arc::new(canon::from_bytes(&read(format!("{client}.client"))).expect("a client")),
    }
}

/// A workflow of the same client that is made up, with one scenario, which ends well.
pub(crate) fn made_up(base: Workflow, plan: Value, event: &str, replies: &Value) -> Workflow {
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    let tests = json!({
        "type": "tests", "schema": 1, "client": plan.client, "workflow": plan.workflow,
        "scenarios": [{"name": plan.workflow, "at": "2026-03-02T09:00:00Z", "event": event, "replies": replies,
            "expect": {"outcome": "done"}}],
    });
    let digest = plan.to_bytes().expect("bytes").1;
    let tests = serde_json::from_value(tests).expect("tests");
    Workflow { compiled: Arc::new(Compiled::new(Arc::new(plan), digest).expect("it runs")), tests, facts: base.facts }
}

/// All workflows of the example.
pub(crate) fn workflows() -> Vec<Workflow> {
    let acme = ["refund", "reply", "triage"].map(|name| ("acme", name));
    let borealis = ["failed-payment", "overdue", "chase", "summary", "order-status"].map(|name| ("borealis", name));
    let cedar = ["packing", "triage", "order-status"].map(|name| ("cedar", name));
    acme.into_iter().chain(borealis).chain(cedar).map(|(client, name)| workflow(client, name)).collect()
}

/// What somebody of on-call does.
#[derive(Clone)]
pub(crate) enum Handle {
    /// Lets a run go on that has ended.
    Again(RunId, Way, Act),
    /// Would let it go on, and is told why not.
    Refused(RunId, Way, Act, NotAgain),
    /// Hands its work on to another group.
    Reassign(RunId, GroupId, Act),
    /// Takes its work out of the manual queue while somebody else hands it on.
    Both(RunId, GroupId, Act),
    /// Takes its work out of the manual queue.
    Done(RunId, Act),
    /// Ends the run that waits for a person.
    Cancel(Act),
}

/// A machine with one scenario's services, and what was seen there.
pub(crate) struct Story<'a> {
    pub(crate) workflow: &'a Workflow,
    pub(crate) scenario: &'a Scenario,
    /// What no byte may hold.
    pub(crate) private: Canaries,
    pub(crate) host: Host,
    pub(crate) seen: Seen,
    /// When each request had its answer, or was known to get none.
    pub(crate) answered: Answered,
    /// Until when somebody holds everything.
    pub(crate) held: Option<(Moment, Moment)>,
    /// What a person puts into the vault when somebody must consent.
    pub(crate) consents: Option<Consents>,
    /// The secret that a person rotates meanwhile.
    pub(crate) rotates: Option<Arc<Wanted>>,
    /// Releases that come meanwhile, in order: when, and the client's facts; nothing where it names the client no more.
    pub(crate) releases: Vec<(Moment, Option<Arc<ClientFacts>>)>,
    /// A person who answers each question by what is shown, beside those of the scenario.
    pub(crate) answers: Option<Answers>,
}

/// Requests by operation, and when each was over.
pub(crate) type Answered = Arc<Mutex<Vec<(OperationRef, Wall)>>>;

/// What a person says to a question; nothing where they say nothing.
pub(crate) type Answers = Arc<dyn Fn(&Question) -> Option<Choice> + Send + Sync>;

/// Tells whether somebody must consent: the slot and its new record.
pub(crate) type Consents = Arc<dyn Fn() -> Option<(SlotPath, Secret)> + Send + Sync>;

/// A script whose confirming reads tell what happened: scenarios say only what happens without crashes.
pub(crate) struct Honest {
    script: Script,
    plan: Arc<Plan>,
    seen: Seen,
    pub(crate) answered: Answered,
}

impl Service for Honest {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let (asked, timeout) = (request.operation.clone(), request.timeout);
        let mut reply = self.script.answer(now, request);
        self.answered.lock().expect("a lock").push((asked.clone(), now.plus(reply.after.min(timeout))));
        let Ok(response) = &mut reply.result else { return reply };
        for done in self.seen.done() {
            let operation = self.plan.operations.get(&done.operation);
            let Some(confirm) = operation.and_then(|operation| operation.confirm.as_ref()) else { continue };
            let Some(equals) = &confirm.equals else { continue };
            if done.operation.connection == asked.connection && confirm.operation == asked.operation {
                let confirming = self.plan.operations.get(&asked).expect("the operation that was asked");
                let at = &confirming.response.get(&confirm.field).expect("the field that confirms").at;
                let mut json: Value = serde_json::from_slice(response.body.reveal()).expect("JSON");
                let members = json.as_object_mut().expect("an object");
                members.insert(at.as_str().to_owned(), Value::from(equals.as_str()));
                response.body = Content::new(json.to_string().into_bytes());
            }
        }
        reply
    }
}

impl<'a> Story<'a> {
    pub(crate) fn new(workflow: &'a Workflow, scenario: &'a Scenario, seed: u64) -> Self {
        Self::behind(workflow, scenario, seed, |service| service)
    }

    /// The same with something between the agent and the services.
    pub(crate) fn behind<S: Service>(
        workflow: &'a Workflow,
        scenario: &'a Scenario,
        seed: u64,
        between: impl FnOnce(Honest) -> S,
    ) -> Self {
        let (script, seen) = Script::new(Arc::clone(&workflow.compiled.plan), &scenario.replies);
        let (plan, answered) = (Arc::clone(&workflow.compiled.plan), Answered::default());
        let honest = Honest { script, plan, seen: seen.clone(), answered: Arc::clone(&answered) };
        Self {
            workflow,
            scenario,
            private: Canaries::of(&workflow.compiled.plan, scenario),
            host: Host::new(seed, scenario.at, between(honest)),
            seen,
            answered,
            held: None,
            consents: None,
            rotates: None,
            releases: Vec::new(),
            answers: None,
        }
    }

    /// Starts processes until one has nothing left to do. Before each, `before` may set a crash or change the machine.
    pub(crate) fn live(&self, mut before: impl FnMut(usize, &Host)) {
        self.processes(None, &mut before);
    }

    /// The same, while somebody handles a run, and does it again after a crash.
    pub(crate) fn handle(&self, handle: &Handle, mut before: impl FnMut(usize, &Host)) {
        self.processes(Some(handle), &mut before);
    }

    pub(crate) fn books(world: &SimWorld) -> Memory {
        let (project, agent) = (ProjectName::new("harbor").expect("an id"), AgentId::new("eu-1").expect("an id"));
        let load = |rows: &dyn assent_agent::store::LedgerRows| {
            let parts = (world.clone(), world.clone(), Arc::clone(&HOST_KEY));
            Ok(Box::new(Ledgers::load(project, agent, parts, rows)?) as Box<dyn assent_agent::store::Books>)
        };
        world.store(load).expect("a store")
    }

    fn sender(&self) -> Sender {
        Sender::of(&self.workflow.compiled.plan, self.scenario)
    }

    pub(crate) fn event(&self) -> Option<NewRun> {
        self.sender().event(0)
    }

    /// What is left for people.
    pub(crate) fn queue(&self) -> Vec<QueueItem> {
        Self::books(&self.host.boot()).queue().expect("read")
    }

    /// What is stored.
    pub(crate) fn store(&self) -> Memory {
        Self::books(&self.host.boot())
    }

    /// How many KPIs were counted, how many effects only recorded, and with which codes runs ended.
    pub(crate) fn told(&self) -> (usize, usize, Vec<String>) {
        let store = self.store();
        let kpis = store.sums("kpi/").expect("read").len();
        let (mut shadows, mut codes) = (0, Vec::new());
        for line in store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read") {
            for row in store.journal(line.run).expect("read") {
                match row.entry {
                    Entry::Intent(intent) if intent.shadow => shadows += 1,
                    Entry::Ended { code, .. } => codes.extend(code),
                    _ => {}
                }
            }
        }
        (kpis, shadows, codes)
    }

    fn all_ended(&self) -> bool {
        Self::books(&self.host.boot()).open_runs().expect("read").is_empty()
    }

    /// What is always true, wherever the machine died. `None` when the event was none of the workflow's.
    pub(crate) fn check(&self) -> Option<Ending> {
        let name = &self.scenario.name;
        let store = Self::books(&self.host.boot());
        let runs = store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
        self.check_ledger(&store);
        self.check_canaries();
        self.check_effects();
        self.check_guards(&store);
        if runs.is_empty() {
            assert!(self.event().is_none() && self.seen.done().is_empty(), "{name}: no run");
            return None;
        }
        assert_eq!(runs.len(), self.sender().count(), "{name}: a run for each event");
        let endings: Vec<Ending> = runs.iter().map(|line| self.check_run(&store, line)).collect();
        endings.first().copied()
    }

    fn check_run(&self, store: &Memory, line: &RunLine) -> Ending {
        let (name, done, alone) = (&self.scenario.name, self.seen.done(), self.scenario.further.is_empty());
        let journal = store.journal(line.run).expect("read");
        let ends: Vec<_> = journal.iter().filter(|row| matches!(row.entry, Entry::Ended { .. })).collect();
        assert_eq!(ends.len(), 1, "{name}: a run ends once");
        self.check_settled(&journal);
        let Entry::Ended { ending, .. } = line.last.entry else { panic!("{name}: something came after the end") };
        let queue: Vec<_> = store.queue().expect("read").into_iter().filter(|item| item.run == line.run).collect();
        let failed = |row: &JournalRow| matches!(row.entry, Entry::Item { how: ItemEnd::Failed, .. });
        let queued = match ending {
            Ending::Stopped | Ending::Failed | Ending::ContentLost => true,
            Ending::Done => journal.iter().any(failed),
            // Who had begun something is told; one that may have been done counts as done. Whose place another event took has not.
            Ending::Superseded => alone && (!done.is_empty() || !queue.is_empty()),
        };
        assert_eq!(queue.len(), usize::from(queued), "{name}: {ending:?}");
        let alerts = store.alerts().expect("read").into_iter().filter(|row| row.alert.run == Some(line.run)).count();
        assert_eq!(if alone { store.alerts().expect("read").len() } else { alerts }, queue.len(), "{name}: alerts");
        for row in store.alerts().expect("read").iter().filter(|row| row.alert.run == Some(line.run)) {
            let in_doubt = queue.iter().flat_map(|item| &item.done).any(|effect| effect.in_doubt);
            let due = ending != Ending::Superseded || in_doubt;
            assert_eq!(row.alert.incident, due, "{name}: {ending:?}: work that was left undone opens an incident");
        }
        for item in queue.iter().filter(|_| alone) {
            for one in &done {
                let known = item.done.iter().any(|effect| effect.operation == one.operation);
                assert!(known, "{name}: the item does not tell of {}", one.operation);
            }
        }
        ending
    }

    /// That an effect was not done is believed only when it had the time to become visible, from when its request can last have
    /// been worked on.
    fn check_settled(&self, journal: &[JournalRow]) {
        for (place, row) in journal.iter().enumerate() {
            let Entry::Outcome(no) = &row.entry else { continue };
            if no.code != "not_done" {
                continue;
            }
            let before = || journal.iter().take(place).rev();
            let same = |step: &Name, item: &Option<FactText>, attempt: u32| {
                (step, item, attempt) == (&no.step, &no.item, no.attempt)
            };
            let sent = before().find_map(|row| match &row.entry {
                Entry::Intent(intent)
                    if intent.aim == Aim::Step && same(&intent.step, &intent.item, intent.attempt) =>
                {
                    Some((row.at, &intent.operation))
                }
                _ => None,
            });
            let (sent, operation) = sent.expect("an attempt");
            let heard = before().find_map(|row| match &row.entry {
                Entry::Outcome(outcome) if same(&outcome.step, &outcome.item, outcome.attempt) => Some(row.at),
                _ => None,
            });
            // What was heard is written down with the next commit, which may come later than that.
            let heard = heard.map(|written| {
                let answered = self.answered.lock().expect("a lock");
                let of = answered.iter().filter(|(of, at)| of == operation && (sent..=written).contains(at));
                of.map(|(_, at)| *at).max().unwrap_or(written)
            });
            let operation = self.workflow.compiled.plan.operations.get(operation).expect("an operation");
            let settles = operation.confirm.as_ref().expect("a confirm").settles.duration();
            let last = heard.unwrap_or_else(|| sent.plus(operation.timeout.duration()));
            assert!(
                row.at >= last.plus(settles),
                "{}: a no at {:?} for what was sent at {sent:?}",
                self.scenario.name,
                row.at
            );
        }
    }

    /// No effect was done twice: of events that come again and again each does what it is to do.
    pub(crate) fn check_effects(&self) {
        let (name, done) = (&self.scenario.name, self.seen.done());
        let most = if self.scenario.further.is_empty() { 1 } else { self.at_work() };
        for one in &done {
            let operation = self.workflow.compiled.plan.operations.get(&one.operation).expect("an operation");
            let same = || done.iter().filter(|other| other.operation == one.operation);
            assert!(operation.effect != Effect::Money || same().count() <= most, "{name}: money moved twice");
            let again = same().filter(|other| other.with == one.with).count();
            assert!(again <= most, "{name}: {} was done twice for the same", one.operation);
        }
    }

    /// How many runs went on whose place no other event took.
    fn at_work(&self) -> usize {
        let runs = self.store().runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read");
        let goes_on = |line: &&RunLine| !matches!(line.last.entry, Entry::Ended { ending: Ending::Superseded, .. });
        runs.iter().filter(goes_on).count()
    }

    /// The client's log is whole: every row opens, says what its commitment says, and follows the one before.
    pub(crate) fn check_ledger(&self, store: &Memory) {
        let origin = self.origin();
        let mut audit = Audit::new(origin);
        for entry in self.entries() {
            audit.entry(&entry).unwrap_or_else(|fault| panic!("{}: {fault:?}", self.scenario.name));
        }
        assert_eq!(audit.size(), store.ledger_size(&Log::Client(self.workflow.facts.client.clone())).expect("read"));
        audit.end().expect("a whole log");
    }

    fn origin(&self) -> Origin {
        Origin {
            project: ProjectName::new("harbor").expect("an id"),
            agent: AgentId::new("eu-1").expect("an id"),
            life: 1,
            client: Some(self.workflow.facts.client.clone()),
        }
    }

    /// The entries of the client's log.
    pub(crate) fn entries(&self) -> Vec<LedgerEntry> {
        let (origin, store, mut entries) = (self.origin(), self.store(), Vec::new());
        let mut days = DayKeys::new(self.host.boot(), Arc::clone(&HOST_KEY));
        let rows = store.ledger_rows(&Log::Client(self.workflow.facts.client.clone()), 0, usize::MAX).expect("read");
        for row in rows {
            let key = days.open(&origin, &row.day).expect("a day key");
            let sealed = row.sealed.as_deref().expect("a body");
            let (salt, body) = key.open(&origin, row.index, sealed).expect("it opens");
            assert_eq!(commitment(&salt, &body).as_bytes(), &row.commitment);
            let text = String::from_utf8_lossy(&body).into_owned();
            assert!(!self.private.are_in(body.as_slice()), "content in the ledger: {text}");
            entries.push(LedgerEntry::from_bytes(&body).expect("an entry"));
        }
        entries
    }

    /// No content in any stored byte.
    pub(crate) fn check_canaries(&self) {
        let bytes = self.host.durable_bytes().expect("bytes");
        assert!(!self.private.are_in(&bytes), "{}: content in a durable byte", self.scenario.name);
    }
}

/// An event that comes so long after the story began, or at once when that is past; sent again until it is taken.
pub(crate) async fn arrive(
    world: &SimWorld,
    engine: &Engine<SimWorld, Memory, Stage>,
    plan: &Plan,
    later: &Later,
    (begun, place): (Wall, u8),
) {
    let due = begun.plus(later.after.duration());
    while world.now() < due {
        world.sleep(due.since(world.now()).min(Duration::from_mins(1))).await;
    }
    let (client, workflow, connection) = (&plan.client, &plan.workflow, &later.connection);
    let body = later.event.as_bytes();
    let heard = Heard { client, workflow, connection, headers: None, body, key: [100 + place; 16] };
    while engine.hear(&heard).await.is_err() {
        world.sleep(Duration::from_secs(10)).await;
    }
}
