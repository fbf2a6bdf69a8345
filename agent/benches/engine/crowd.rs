//! Many at once: runs that rest, runs that go on after a restart, workflows that nobody asks for, and what all that takes of
//! memory. The engine and SQLite of an agent in this very process, so the figures hold what the bench itself needs, too.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_agent::ledger::opened;
use assent_agent::real::{Real, RealClock};
use assent_agent::run::{Engine, NewRun};
use assent_agent::store::{Log, Sqlite, Store as _, Transaction, TriggerKind, Write};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::WorkflowId;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::figures::resident;
use crate::load;
use crate::site::{Deployment, facts, plan, resting_plan, store, world};

/// Runs that are begun before it is waited for them.
const BATCH: usize = 1_000;
/// How long runs rest that are to go on after a restart.
const SHORT: &str = "3s";

/// Memory of the process, in MB: before the runs, and while they rest.
pub(crate) struct Resting {
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// How soon runs were taken up after a restart, and how soon all had ended.
pub(crate) struct Resumed {
    pub(crate) taken_up: Duration,
    pub(crate) ended: Duration,
}

type TheEngine = Arc<Engine<Real, Sqlite, Deployment>>;

async fn engine(folder: &Path, rests: &str, api: u16) -> (TheEngine, UnboundedReceiver<Instant>) {
    let workflow = WorkflowId::new("note").expect("an id");
    let (deployment, mut ends) = Deployment::new([resting_plan(&workflow, rests)], facts(1_000_000), api);
    let store = Arc::new(store(folder, true));
    let log = Log::Client(deployment.facts.client.clone());
    if store.ledger_size(&log).expect("a store") == 0 {
        let note = Write::Note(Box::new(opened(log, Digest::of_file(b"root"), Vec::new())));
        store.commit(Transaction::new(RealClock.now()).with(note)).await.expect("a ledger");
    }
    let world = Arc::new(world(folder, api));
    let engine = Engine::open(world, store, Arc::new(deployment)).await.expect("an engine");
    (engine, ends.remove(0).1)
}

fn event(n: usize) -> NewRun {
    let text = |text: String| Value::text(text);
    let fields = [
        ("ticket_id", text(format!("T-{n}"))),
        ("priority", text("high".to_owned())),
        ("text", text("My parcel has not arrived, and I wait for it since a week.".to_owned())),
    ];
    let mut key = [0; 16];
    key.iter_mut().zip(n.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    NewRun {
        client: "acme".parse().expect("an id"),
        workflow: WorkflowId::new("note").expect("an id"),
        trigger: TriggerKind::Webhook,
        event: format!("ev-{n}"),
        keys: vec![key],
        fields: fields.map(|(name, value)| (name.parse().expect("a name"), value)).into(),
        writes: Vec::new(),
    }
}

async fn begin(engine: &TheEngine, runs: usize) {
    for batch in 0..runs.div_ceil(BATCH) {
        let mut durable = Vec::with_capacity(BATCH);
        for n in batch * BATCH..runs.min((batch + 1) * BATCH) {
            let begun = engine.begin(event(n)).unwrap_or_else(|why| panic!("run {n}: {why:?}"));
            tokio::spawn(begun.task);
            durable.push(begun.durable);
        }
        for one in durable {
            one.await.expect("an answer").unwrap_or_else(|why| panic!("{why:?}"));
        }
    }
    // Whatever is still to be written is written.
    let mut commits = 0;
    while engine.store().commits() != commits {
        commits = engine.store().commits();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// So many runs that rest for hours.
pub(crate) fn resting(runs: usize) -> Resting {
    let folder = folder();
    runtime().block_on(async {
        let (engine, _ends) = engine(folder.path(), "12h", 1).await;
        let before = resident(std::process::id());
        begin(&engine, runs).await;
        Resting { before, after: resident(std::process::id()) }
    })
}

/// So many runs that rest when the agent dies; when it starts again they have rested enough, call the API and end.
pub(crate) fn resumed(runs: usize) -> Resumed {
    let folder = folder();
    runtime().block_on(async {
        let (engine, _ends) = engine(folder.path(), SHORT, 1).await;
        let rested = tokio::time::sleep(Duration::from_secs(1));
        begin(&engine, runs).await;
        rested.await;
    });
    // The runtime is gone, and with it every task, as when a process dies.
    std::thread::sleep(Duration::from_secs(3));
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api = listener.local_addr().expect("an address").port();
        tokio::spawn(load::answer(listener));
        let began = Instant::now();
        let (engine, mut ends) = engine(folder.path(), SHORT, api).await;
        let tasks = engine.resume().expect("open runs");
        assert_eq!(tasks.len(), runs, "runs that have not ended");
        for (_, task) in tasks {
            tokio::spawn(task);
        }
        let taken_up = began.elapsed();
        for _ in 0..runs {
            ends.recv().await.expect("an end");
        }
        Resumed { taken_up, ended: began.elapsed() }
    })
}

/// Memory that so many compiled workflows take beside an engine that does nothing, in MB: before and after.
pub(crate) fn idle(workflows: usize) -> Resting {
    let before = resident(std::process::id());
    let ids = (0..workflows).map(|n| WorkflowId::new(&format!("note-{n}")).expect("an id"));
    let (deployment, _ends) = Deployment::new(ids.map(|id| plan(&id)), facts(1_000), 1);
    let folder = folder();
    runtime().block_on(async {
        let world = Arc::new(world(folder.path(), 1));
        let engine =
            Engine::open(world, Arc::new(store(folder.path(), true)), Arc::new(deployment)).await.expect("an engine");
        let after = resident(std::process::id());
        drop(engine);
        Resting { before, after }
    })
}
