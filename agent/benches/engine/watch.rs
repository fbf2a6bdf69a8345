//! What watching costs, and how soon an alert is at its receiver: a minute of events in a real store, read by the watcher as
//! the agent does it, then alerts raised while events go on being written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::store::{Alert, RunId, Sqlite, Store as _, Transaction, Write};
use assent_agent::watch::numbers::{Form, Numbers};
use assent_agent::watch::spans::Spans;
use assent_agent::watch::{Place, Routes, Teller, ToldSecret, Watcher, deliver_due};
use assent_agent::world::{Clock as _, Wall};
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::id::{AgentId, ConnectionId};
use serde_json::json;
use tokio::net::TcpListener;

use crate::figures::Times;
use crate::{load, site};

/// Workflows that the events are of.
const WORKFLOWS: u64 = 20;
/// Alerts that are raised.
const ALERTS: usize = 20;

/// What was measured.
pub(crate) struct Watched {
    /// Processor time for a minute of events.
    pub(crate) busy: Duration,
    /// From the commit of an alert to the word of its receiver.
    pub(crate) delivered: Times,
}

fn places() -> BTreeSet<Place> {
    (0..WORKFLOWS).map(|n| ("acme".parse().expect("an id"), format!("w-{n}").parse().expect("an id"))).collect()
}

/// One run, whole: what the engine writes of it in two commits.
async fn run(store: &Sqlite, no: u64, at: Wall) {
    let run = RunId::new(at, [0; 10].map(|_: u8| u8::try_from(no % 251).unwrap_or(0)));
    let accepted = json!({"accepted": {"client": "acme", "workflow": format!("w-{}", no % WORKFLOWS),
        "plan": Digest::of_file(b"plan"), "number": 0, "trigger": "webhook", "event": format!("evt-{no}")}});
    let intent = json!({"intent": {"step": "note", "attempt": 1, "operation": "helpdesk.note", "effect": "write"}});
    let outcome = json!({"outcome": {"step": "note", "attempt": 1, "code": "ok", "status": 201}});
    let ended = json!({"ended": {"ending": "done"}});
    let entry = |value| Write::Journal { run, entry: serde_json::from_value(value).expect("a fact") };
    for writes in [vec![entry(accepted), entry(intent)], vec![entry(outcome), entry(ended)]] {
        store.commit(Transaction { at, writes }).await.expect("a commit");
    }
}

/// Measures a minute of so many events a second.
pub(crate) fn measure(a_second: u64) -> Watched {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(site::store(folder.path(), true));
    runtime.block_on(async {
        let now = RealClock.now();
        // Six weeks of hours, as the watcher itself keeps them.
        for (client, workflow) in places() {
            let today = now.millis().div_euclid(86_400_000);
            let day: BTreeMap<u8, serde_json::Value> = (0..24)
                .map(|hour| (hour, json!({"accepted": 300, "good": 297, "bad": 3, "took": {"20": 200, "22": 97}})))
                .collect();
            let writes = (1..=42).map(|back| Write::State {
                name: format!("watch/hours/{client}/{workflow}/{}", today - back),
                value: serde_json::to_vec(&day).ok(),
            });
            store.commit(Transaction { at: now, writes: writes.collect() }).await.expect("a commit");
        }
        let mut watcher = Watcher::open(&*store, now, Spans::new(true)).expect("a watcher");
        let (mut busy, mut no) = (Duration::ZERO, 0);
        for second in 0..60 {
            for _ in 0..a_second {
                run(&store, no, RealClock.now()).await;
                no += 1;
            }
            // What follows is the watcher's alone, on this thread, which waits for nothing.
            let began = Instant::now();
            watcher.look(&*store).expect("read");
            if second % 10 == 0
                && let Some(transaction) = watcher.unwritten(RealClock.now())
            {
                store.commit(transaction).await.expect("a commit");
                watcher.written(RealClock.now());
            }
            if second % 20 == 0 {
                watcher.unlike(&*store, &places(), RealClock.now(), &|_, _| false, 50).expect("read");
            }
            if second % 15 == 0 {
                let numbers = Numbers { counts: watcher.counts().clone(), ..Numbers::default() };
                assert!(!numbers.text(Form::Text).is_empty());
            }
            if second % 5 == 0 {
                while !watcher.spans().batch().is_empty() {}
            }
            busy += began.elapsed();
        }
        Watched { busy, delivered: delivered(folder.path(), &store, &mut no).await }
    })
}

async fn delivered(folder: &std::path::Path, store: &Arc<Sqlite>, no: &mut u64) -> Times {
    let hook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = hook.local_addr().expect("an address").port();
    tokio::spawn(load::answer(hook));
    let facts: ClientFacts = serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {"1": "09:00-17:00"}}, "retention": "90d", "stale_limit": "72h", "deciders": {}, "people": {},
        "connections": {}, "limits": {"running": 1, "waiting": 1},
        "routes": [{"carries": "alerts", "via": "webhook", "endpoint": "ops"}],
    }))
    .expect("facts");
    let clients = json!({"acme": {"ops": {"url": format!("http://127.0.0.1:{port}"), "region": "eu"}}});
    let endpoints: Endpoints = serde_json::from_value(
        json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": clients}),
    )
    .expect("endpoints");
    let routes = Routes::new([&facts], &endpoints).expect("routes");
    let net = RealNet::new(tls::connector(&[]).expect("TLS"));
    let mut egress = Egress::default();
    egress.allow(&facts.client, &"ops".parse().expect("an id"), "127.0.0.1", port);
    net.permit(egress);
    let disk = RealDisk::open(folder).expect("a folder");
    let world = Real { clock: RealClock, dice: RealDice, net, disk, keyring: RealKeyring::new("eu-1") };
    let agent: AgentId = "eu-1".parse().expect("an id");
    let secrets = |_: &ConnectionId| -> ToldSecret<'_> { Box::pin(async { None }) };
    let teller = Teller::new(&routes, &agent, &secrets);
    let mut times = Vec::new();
    for alert in 0..ALERTS {
        let raised = Alert {
            rule: assent_schema::alert::Rule::AtLimit,
            client: Some(facts.client.clone()),
            workflow: None,
            connection: None,
            code: format!("c-{alert}"),
            run: None,
            incident: false,
            by: None,
            about: None,
        };
        let began = Instant::now();
        store.commit(Transaction::new(RealClock.now()).with(Write::Alert(raised))).await.expect("a commit");
        // Events go on until the second is over after which the agent looks again.
        let pause = Duration::from_millis(u64::try_from(alert % 10).unwrap_or(0) * 100);
        while began.elapsed() < pause {
            run(store, *no, RealClock.now()).await;
            *no += 1;
        }
        assert_eq!(deliver_due(&world, &**store, &teller).await.expect("delivered").sent, 1);
        times.push(began.elapsed());
    }
    Times::new(times)
}
