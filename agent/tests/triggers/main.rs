//! Lists and folders at the front desk: what is new begins a run once, whatever was delivered otherwise and whenever the
//! process stops in between.

mod aside;
#[path = "../support/fixed.rs"]
mod fixed;
mod inboxes;
mod polls;
mod reconciled;
mod released;
mod schedules;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::accept::{inbox, webhook};
use assent_agent::content::Content;
use assent_agent::desk::{self, FrontDesk, Minds};
use assent_agent::listen::{Desk as _, Event, Receipt};
use assent_agent::people::Itself;
use assent_agent::run::{Compiled, Engine};
use assent_agent::sim::NoBooks;
use assent_agent::store::{
    AlertRow, Entry, Gate, Memory, RunFilter, RunId, RunLine, Store as _, Tables, Transaction, TriggerKind, Write,
};
use assent_agent::world::{
    Clock, Dice, Disk, DiskFailure, HttpRequest, HttpResponse, Inboxes, Keyring, Net, NetFailure, Seen, Wall, Whole,
};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, ClientId, WorkflowId};
use assent_schema::plan::Plan;
use fixed::{Fixed, Plans, compiled, only};
use serde_json::{Value, json};
use tokio::sync::Notify;

const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const START: i64 = 1_772_442_000;

/// A world whose time moves by hand and whose only host answers with one list.
#[derive(Clone, Default)]
struct Hand {
    seconds: Arc<Mutex<i64>>,
    thrown: Arc<Mutex<u8>>,
    list: Arc<Mutex<Vec<Value>>>,
    status: Arc<Mutex<u16>>,
    /// For how many seconds it asks to be left alone.
    retry_after: Arc<Mutex<Option<u32>>>,
    /// How often it was asked.
    asked: Arc<AtomicUsize>,
}

impl Clock for Hand {
    fn now(&self) -> Wall {
        Wall::from_millis((START + *self.seconds.lock().expect("a lock")) * 1_000)
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(u64::try_from(*self.seconds.lock().expect("a lock")).expect("a number"))
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

impl Dice for Hand {
    fn fill(&self, bytes: &mut [u8]) {
        let mut thrown = self.thrown.lock().expect("a lock");
        *thrown += 1;
        bytes.fill(*thrown);
    }
}

impl Net for Hand {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, NetFailure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let target = request.target.reveal().clone();
        let since = target.split("since=").nth(1).and_then(|text| text.split('&').next()?.parse().ok()).unwrap_or(0);
        let mut items: Vec<Value> = self.list.lock().expect("a lock").clone();
        items.retain(|item| item["at"].as_i64().is_none_or(|at| at >= since));
        // Some stand in one of two lists alone.
        items.retain(|item| item["in"].as_str().is_none_or(|path| target.contains(path)));
        items.sort_by_key(|item| item["at"].as_i64());
        items.truncate(3);
        let body = json!({ "items": items }).to_string().into_bytes();
        let after = *self.retry_after.lock().expect("a lock");
        let headers = after.map(|after| ("retry-after".to_owned(), Content::new(after.to_string().into_bytes())));
        let headers = headers.into_iter().collect();
        Ok(HttpResponse { status: *self.status.lock().expect("a lock"), headers, body: Content::new(body) })
    }
}

impl Disk for Hand {
    fn read(&self, _: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        Ok(None)
    }

    fn write(&self, _: &str, _: &[u8]) -> Result<(), DiskFailure> {
        Ok(())
    }

    fn remove(&self, _: &str) -> Result<(), DiskFailure> {
        Ok(())
    }

    fn list(&self, _: &str) -> Result<Vec<String>, DiskFailure> {
        Ok(Vec::new())
    }
}

impl Keyring for Hand {
    fn get(&self, _: &str) -> Option<Content<[u8; 32]>> {
        None
    }

    fn put(&self, _: &str, _: &Content<[u8; 32]>, _: Duration) -> bool {
        false
    }
}

impl Whole for Hand {}

fn facts(waiting: u32) -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {"leads": []}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": "shop.example", "region": "eu", "auth": {"kind": "none"},
            "slots": {"webhook": {"rotate": "90d", "webhook": true}}},
            "store": {"to": {"integration": {"name": "shop"}}, "host": "shop.example", "region": "eu", "auth": {"kind": "none"}, "slots": {}}},
        "limits": {"running": 8, "waiting": waiting},
    }))
    .expect("facts")
}

fn item_fields() -> Value {
    json!({
        "id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"},
        "at": {"at": "at", "shape": {"type": "instant", "wire": "seconds"}, "class": "reference", "written_by": "system"},
        "by": {"at": "by", "shape": {"type": "token"}, "class": "reference", "written_by": "system", "optional": true},
    })
}

fn poll() -> Value {
    json!({"read": "shop.list", "every": "1m", "lag": "1m", "items": "items", "order": "at", "id": "id", "since": "since",
        "self": {"at": "by", "equals": "bot"}})
}

fn plan(trigger: &Value) -> Plan {
    let list = json!({"type": "list", "most": 3, "of": {"at": "", "shape": {"type": "record", "fields": item_fields()}, "class": "reference", "written_by": "system"}});
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "news", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": trigger, "limits": {"timeout": "10m", "concurrency": 8}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.list": {
            "record": "items", "method": "GET", "path": "/items", "encoding": "json", "effect": "none", "scopes": [],
            "params": {"since": {"place": "query", "at": "since", "shape": {"type": "instant", "wire": "seconds"}, "class": "reference"}},
            "response": {"items": {"at": "items", "shape": list, "class": "reference", "written_by": "system"}},
            "most_bytes": 65536, "timeout": "10s"}},
        "steps": [{"id": "end", "action": {"kind": "stop", "outcome": "seen"}}],
        "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

/// What outlives a process.
#[derive(Clone)]
struct Host {
    world: Hand,
    tables: Arc<Mutex<Tables>>,
    /// The plan that runs.
    compiled: Arc<Compiled>,
    plans: Plans,
    waiting: u32,
    /// Whether nearly no space is left.
    full: bool,
    /// When the process dies.
    death: Option<Arc<Death>>,
}

/// The death of a process at one of its commits.
struct Death {
    at: usize,
    after: bool,
    commits: AtomicUsize,
    told: Notify,
}

impl Gate for Death {
    fn before(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let commit = self.commits.fetch_add(1, Ordering::SeqCst);
            if commit > self.at || (commit == self.at && !self.after) {
                self.told.notify_one();
                std::future::pending::<()>().await;
            }
            commit == self.at
        })
    }

    fn after(&self, dies: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if dies {
                self.told.notify_one();
                std::future::pending::<()>().await;
            }
        })
    }
}

type Door = Arc<FrontDesk<Hand, Memory, Fixed, Fixed>>;

impl Host {
    fn new(trigger: &Value) -> Self {
        let compiled = compiled(plan(trigger));
        let plans = only(Arc::clone(&compiled));
        let world = Hand::default();
        *world.status.lock().expect("a lock") = 200;
        Self { world, tables: Arc::default(), compiled, plans, waiting: 100, full: false, death: None }
    }

    /// Another plan of the workflow runs from here on, in a process that goes on.
    fn deploy(&mut self, plan: &Arc<Compiled>) {
        self.plans.lock().expect("a lock").push(Arc::clone(plan));
        self.compiled = Arc::clone(plan);
    }

    fn store(&self) -> Memory {
        let books = NoBooks::load(&*self.tables.lock().expect("a lock")).expect("books");
        let store = Memory::open(Arc::clone(&self.tables), books);
        match &self.death {
            Some(death) => store.guarded(Arc::clone(death) as Arc<dyn Gate>),
            None => store,
        }
    }

    /// A new process on the same machine.
    async fn boot(&self) -> Door {
        let (url, secrets) = (Some("https://shop.example".to_owned()), &[("shop/webhook", SECRET)]);
        let fixed = Fixed::new(Arc::clone(&self.plans), facts(self.waiting));
        let deployed = Arc::new(Fixed { url, secrets, ..fixed });
        let world = Arc::new(self.world.clone());
        let engine =
            Engine::open(Arc::clone(&world), Arc::new(self.store()), Arc::clone(&deployed)).await.expect("an engine");
        engine.set_full(self.full);
        let itself = Itself { project: Digest::from_bytes([1; 32]), agent: AgentId::new("eu-1").expect("an id") };
        FrontDesk::open(world, engine, Arc::clone(&deployed), deployed, itself).await.expect("a desk")
    }

    fn pass(&self, seconds: i64) {
        *self.world.seconds.lock().expect("a lock") += seconds;
    }

    fn appears(&self, id: &str, order: i64) {
        self.world.list.lock().expect("a lock").push(json!({"id": id, "at": START + order, "by": "lena"}));
    }

    /// The events of all runs, oldest first.
    fn runs(&self) -> Vec<(TriggerKind, String)> {
        let filter = RunFilter { most: 100, ..RunFilter::default() };
        let mut lines = self.store().runs(&filter).expect("runs");
        lines.sort_by_key(|line| (line.at, line.accepted.number));
        lines.into_iter().map(|line| (line.accepted.trigger, line.accepted.event)).collect()
    }

    fn events(&self) -> Vec<String> {
        self.runs().into_iter().map(|(_, event)| event).collect()
    }
}

impl Host {
    /// An item with a field of another form than the catalog says.
    fn appears_bad(&self, id: &str, order: i64) {
        self.world.list.lock().expect("a lock").push(json!({"id": id, "at": START + order, "by": {"name": "lena"}}));
    }

    fn mends(&self, id: &str) {
        let mut list = self.world.list.lock().expect("a lock");
        list.iter_mut().filter(|item| item["id"] == id).for_each(|item| item["by"] = json!("lena"));
    }

    /// The events in the manual queue, each with why.
    fn queue(&self) -> Vec<(String, String)> {
        self.store().queue().expect("a queue").into_iter().map(|item| (item.event, item.why)).collect()
    }

    /// A look that must not fail.
    async fn looks(&self) {
        let desk = self.boot().await;
        desk.look_at_poll(&self.compiled).await.expect("a look");
    }
}

fn polled() -> Host {
    Host::new(&json!({"kind": "poll", "poll": poll(), "record": "item", "fields": item_fields()}))
}
