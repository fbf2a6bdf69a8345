//! One run of a plan on the real engine, and everything that anybody can see of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use assent_agent::accept::event;
use assent_agent::ledger::{DayKeys, Ledgers, opened};
use assent_agent::run::{Compiled, Engine, Heard, NewRun, NotBegun};
use assent_agent::sim::{Crash, Host, SimWorld, Spawner, Stage, Stop, run};
use assent_agent::store::Write as Row;
use assent_agent::store::{Books, Entry, JournalRow, LedgerRows, Log, Memory, RunFilter, Store as _, Transaction};
use assent_agent::vault::HostKey;
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::expr::Origin;
use assent_schema::flow::Flows;
use assent_schema::id::{AgentId, ConnectionId, ProjectName};
use assent_schema::ledger::{Audit, Origin as LogOrigin};
use assent_schema::plan::{Action, Event, Plan, Trigger, Until};
use assent_tests::scenarios::values::put;
use serde_json::{Value, json};

#[path = "../../agent/tests/stories/told.rs"]
mod leaves;

use crate::inputs::{Inputs, Spot};
use crate::once::Did;
use crate::outside::{Outside, Sent};
use crate::people::People;

static HOST_KEY: LazyLock<Arc<HostKey>> = LazyLock::new(|| Arc::new(HostKey::generate()));

/// When the event comes in.
const AT: &str = "2026-03-02T09:00:00Z";
/// How long after the event another one comes that a run may wait for, or that ends it.
const LATER: Duration = Duration::from_mins(5);

/// What is seen of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// Every request, in order.
    pub(crate) sent: Vec<Sent>,
    /// The journal, without hashes under keys that die with the run.
    pub(crate) journal: Vec<JournalRow>,
    /// Counters: KPIs and limits.
    pub(crate) sums: BTreeMap<String, i64>,
    /// The ledger, opened; the manual queue; alerts; named values; lines of the log.
    pub(crate) rest: Vec<String>,
    /// How many durable writes and requests there were, those before the run among them.
    pub(crate) points: usize,
    /// The effects that were done, in order.
    pub(crate) did: Vec<Did>,
}

/// A plan that is ready to run.
pub(crate) struct Ready {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) facts: Arc<ClientFacts>,
    pub(crate) flows: Flows,
}

impl Ready {
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.compiled.plan
    }

    /// Runs the plan once. `None` when its event is none of its own.
    pub(crate) fn play(&self, inputs: &Inputs) -> Option<Trace> {
        self.play_killed(inputs, None)
    }

    /// The same with a process that dies at a durable write or request, and another that goes on.
    pub(crate) fn play_killed(&self, inputs: &Inputs, crash: Option<Crash>) -> Option<Trace> {
        self.event(inputs)?;
        let (outside, sent, counts) = Outside::new(Arc::clone(self.plan()), inputs.clone());
        let did = outside.did();
        let host = Host::new(inputs.facts, AT.parse().unwrap(), outside);
        let lines = Lines::default();
        let for_log = lines.clone();
        let log = tracing_subscriber::fmt().with_writer(move || for_log.clone()).without_time().finish();
        host.crash_at(crash);
        let stop = tracing::subscriber::with_default(log, || {
            let stop = self.process(&host.boot(), inputs);
            if stop != Stop::Crashed {
                return stop;
            }
            counts.lock().unwrap().clear();
            self.process(&host.boot(), inputs)
        });
        assert!(matches!(stop, Stop::Ended | Stop::Idle), "{stop:?}");
        let points = host.points().len();
        let sent = sent.lock().unwrap().clone();
        let mut trace = self.read(&host, sent);
        trace.points = points;
        trace.did.clone_from(&did.lock().unwrap());
        trace.rest.push(String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned());
        Some(trace)
    }

    fn process(&self, world: &SimWorld, inputs: &Inputs) -> Stop {
        let Some(new) = self.event(inputs) else { return Stop::Ended };
        let store = Arc::new(world.store(|rows| books(world, rows)).unwrap());
        let stage = Stage::new(Arc::clone(&self.compiled), Arc::clone(&self.facts));
        let (spawner, shared) = (Spawner::default(), Arc::new(world.clone()));
        let people = People {
            facts: Arc::clone(&self.facts),
            plan: Arc::clone(&self.compiled.plan),
            flows: self.flows.clone(),
            inputs: inputs.clone(),
            handled: BTreeSet::new(),
        };
        let (starter, log) = (spawner.clone(), Log::Client(self.facts.client.clone()));
        let later: Vec<(ConnectionId, Vec<u8>)> = self.later(inputs);
        let of = (new.client.clone(), new.workflow.clone());
        run(world, &spawner, async move {
            if store.ledger_size(&log).unwrap() == 0 {
                let note = Row::Note(Box::new(opened(log, Digest::of_file(b"root"), Vec::new())));
                // The process may die here, too.
                if store.commit(Transaction::new(shared.now()).with(note)).await.is_err() {
                    return;
                }
            }
            let Ok(engine) = Engine::open(Arc::clone(&shared), store, Arc::new(stage)).await else { return };
            let Ok(resumed) = engine.resume() else { return };
            for (_, task) in resumed {
                starter.spawn(task);
            }
            let (clock, asking) = (Arc::clone(&shared), Arc::clone(&engine));
            starter.spawn(async move { people.answer(&clock, &asking).await });
            // What does not fit was never accepted; after a kill its sender sends it again, and it may be known.
            match engine.begin(new) {
                Ok(begun) => starter.spawn(begun.task),
                Err(NotBegun::Duplicate(_)) => {}
                Err(_) => return,
            }
            shared.sleep(LATER).await;
            for (place, (connection, body)) in (0_u8..).zip(&later) {
                let (client, workflow) = (&of.0, &of.1);
                let heard = Heard { client, workflow, connection, headers: None, body, key: [place; 16] };
                drop(engine.hear(&heard).await);
            }
        })
    }

    fn event(&self, inputs: &Inputs) -> Option<NewRun> {
        let plan = self.plan();
        let (trigger, fields) = event::told(&plan.trigger, body_of(&plan.trigger, inputs).to_string().as_bytes())?;
        Some(NewRun {
            client: plan.client.clone(),
            workflow: plan.workflow.clone(),
            trigger,
            event: "evt-1".into(),
            keys: vec![[1; 16]],
            fields,
            writes: Vec::new(),
        })
    }

    /// Events that steps wait for and that end runs: facts, all of them.
    fn later(&self, inputs: &Inputs) -> Vec<(ConnectionId, Vec<u8>)> {
        let plan = self.plan();
        let awaited = plan.every_step().filter_map(|step| match &step.action {
            Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
            _ => None,
        });
        let cancels = plan.cancels.iter().map(|cancel| &cancel.on);
        let comes = |event: &&Event| inputs.dice(event.record.as_str(), true, &Spot::default()).one_in(2);
        let body = |event: &Event| {
            let origin = Origin::Connection(event.connection.clone());
            let mut body = inputs.record(&event.fields, &origin, event.record.as_str(), &Spot::default());
            matches(&mut body, &event.matches);
            (event.connection.clone(), body.to_string().into_bytes())
        };
        awaited.chain(cancels).filter(comes).map(body).collect()
    }

    fn read(&self, host: &Host, sent: Vec<Sent>) -> Trace {
        let world = host.boot();
        let store: Arc<Memory> = Arc::new(world.store(|rows| books(&world, rows)).unwrap());
        let mut journal = Vec::new();
        for line in store.runs(&RunFilter { most: 10, ..RunFilter::default() }).unwrap() {
            journal.extend(store.journal(line.run).unwrap().into_iter().map(without_hashes));
        }
        let mut rest = self.ledger(&world, &store);
        rest.extend(store.queue().unwrap().iter().map(|item| serde_json::to_string(item).unwrap()));
        rest.extend(store.alerts().unwrap().iter().map(|alert| format!("{alert:?}")));
        for (name, value) in store.states("").unwrap() {
            // What is cached is sealed and stands under a hash with the hour's key, which only the kernel holds; the ends of
            // logs are hashes over hashes with salts.
            let cached = name.strip_prefix("cache/").and_then(|name| name.rsplit_once('/'));
            let ends = name.starts_with("ledger/");
            rest.push(match cached {
                Some((hour_and_client, _)) => format!("cached {hour_and_client}"),
                None if ends => name,
                None => format!("{name} {value:?}"),
            });
        }
        let sums = store.sums("").unwrap().into_iter().collect();
        // Last: what is delivered is noted in the store.
        rest.extend(leaves::told(&store, &self.facts).iter().map(|one| String::from_utf8_lossy(one).into_owned()));
        Trace { sent, journal, sums, rest, points: 0, did: Vec::new() }
    }

    fn ledger(&self, world: &SimWorld, store: &Memory) -> Vec<String> {
        let origin = LogOrigin {
            project: ProjectName::new("harbor").unwrap(),
            agent: AgentId::new("eu-1").unwrap(),
            life: 1,
            client: Some(self.facts.client.clone()),
        };
        let mut days = DayKeys::new(world.clone(), Arc::clone(&HOST_KEY));
        let rows = store.ledger_rows(&Log::Client(self.facts.client.clone()), 0, usize::MAX).unwrap();
        let mut audit = Audit::new(origin.clone());
        let open = |row: &assent_agent::store::LedgerRow| {
            let key = days.open(&origin, &row.day).unwrap();
            let (_, body) = key.open(&origin, row.index, row.sealed.as_deref().unwrap()).unwrap();
            // The log is whole, wherever the agent died.
            audit.entry(&assent_schema::ledger::Entry::from_bytes(&body).unwrap()).unwrap();
            let mut entry: Value = serde_json::from_slice(&body).unwrap();
            hide(&mut entry);
            entry.to_string()
        };
        let entries = rows.iter().map(open).collect();
        audit.end().unwrap();
        entries
    }
}

fn books(world: &SimWorld, rows: &dyn LedgerRows) -> Result<Box<dyn Books>, assent_agent::store::StoreError> {
    let (project, agent) = (ProjectName::new("harbor").unwrap(), AgentId::new("eu-1").unwrap());
    Ok(Box::new(Ledgers::load(project, agent, (world.clone(), world.clone(), Arc::clone(&HOST_KEY)), rows)?))
}

/// The event that starts a run, as its sender writes it.
fn body_of(trigger: &Trigger, inputs: &Inputs) -> Value {
    let spot = Spot::default();
    let mut body = match trigger {
        Trigger::Webhook { connection, record, fields, .. } => {
            inputs.record(fields, &Origin::Connection(connection.clone()), record.as_str(), &spot)
        }
        Trigger::Poll { poll, record, fields, .. } => {
            inputs.record(fields, &Origin::Connection(poll.read.connection.clone()), record.as_str(), &spot)
        }
        Trigger::Inbox { folder, fields, .. } => inputs.record(fields, &Origin::Agent, folder.as_str(), &spot),
        Trigger::Manual { fields } => inputs.record(fields, &Origin::Agent, "trigger", &spot),
        Trigger::Schedule { .. } => json!({}),
    };
    for (name, wanted) in trigger.only().into_iter().flatten() {
        let field = trigger.fields().and_then(|fields| fields.get(name.as_str())).unwrap();
        put(&mut body, &field.at, json!(wanted));
    }
    if let Trigger::Webhook { matches: told, .. } = trigger {
        matches(&mut body, told);
    }
    body
}

fn matches(body: &mut Value, told: &BTreeMap<String, String>) {
    for (at, equals) in told.iter().filter(|(at, _)| !at.starts_with("header:")) {
        put(body, at, json!(equals));
    }
}

/// Hashes of content are under a key or a salt of the run's own, which dies with it: they tell nobody anything.
fn without_hashes(mut row: JournalRow) -> JournalRow {
    let none = Digest::of_file(b"");
    match &mut row.entry {
        Entry::Intent(intent) => intent.keyed = intent.keyed.map(|_| none),
        Entry::Asked(waiting) => {
            waiting.shown = none;
            waiting.keyed.values_mut().for_each(|keyed| *keyed = none);
        }
        _ => {}
    }
    row
}

/// The same in an entry of the ledger.
fn hide(entry: &mut Value) {
    match entry {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match (name.as_str(), &*value) {
            ("keyed" | "shown" | "edits" | "signature", _) => *value = Value::Null,
            // What was signed names what was shown and edited, by hashes under the salt of the question.
            ("decision", Value::String(text)) if text.starts_with('{') => {
                let mut decision = serde_json::from_str(text).unwrap();
                hide(&mut decision);
                *value = decision;
            }
            _ => hide(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Lines of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
