//! Lists and folders at the front desk: what is new begins a run once, whatever was delivered otherwise and whenever the
//! process stops in between.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::accept::{inbox, webhook};
use assent_agent::content::Content;
use assent_agent::desk::{self, FrontDesk, Minds, Registry};
use assent_agent::listen::{Desk as _, Event, Receipt};
use assent_agent::people::Itself;
use assent_agent::run::{Compiled, Deployed, Engine, Permission, Use, Went};
use assent_agent::sim::NoBooks;
use assent_agent::store::{Gate, Memory, RunFilter, Store as _, Tables, Transaction, TriggerKind, Write};
use assent_agent::vault::{Secret, VaultError};
use assent_agent::world::{
    Clock, Dice, Disk, DiskFailure, HttpRequest, HttpResponse, Inboxes, Keyring, Net, NetFailure, Seen, Wall, World,
};
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoint};
use assent_schema::id::{AgentId, ClientId, ConnectionId, PersonId, SlotId, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::trust::PublicKey;
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
        let target = request.target.reveal().clone();
        let since = target.split("since=").nth(1).and_then(|text| text.split('&').next()?.parse().ok()).unwrap_or(0);
        let mut items: Vec<Value> = self.list.lock().expect("a lock").clone();
        items.retain(|item| item["at"].as_i64().is_none_or(|at| at >= since));
        items.sort_by_key(|item| item["at"].as_i64());
        items.truncate(3);
        let body = json!({ "items": items }).to_string().into_bytes();
        Ok(HttpResponse { status: *self.status.lock().expect("a lock"), headers: Vec::new(), body: Content::new(body) })
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

impl World for Hand {
    type Clock = Self;
    type Dice = Self;
    type Net = Self;
    type Disk = Self;
    type Keyring = Self;

    fn clock(&self) -> &Self {
        self
    }

    fn dice(&self) -> &Self {
        self
    }

    fn net(&self) -> &Self {
        self
    }

    fn disk(&self) -> &Self {
        self
    }

    fn keyring(&self) -> &Self {
        self
    }
}

/// One plan, deployed.
struct Deployment {
    compiled: Arc<Compiled>,
    facts: Arc<ClientFacts>,
}

impl Deployed for Deployment {
    fn active(&self, _: &ClientId, _: &WorkflowId) -> Option<Arc<Compiled>> {
        Some(Arc::clone(&self.compiled))
    }

    fn plan(&self, _: &Digest) -> Option<Arc<Compiled>> {
        Some(Arc::clone(&self.compiled))
    }

    fn client(&self, _: &ClientId) -> Option<Arc<ClientFacts>> {
        Some(Arc::clone(&self.facts))
    }

    fn endpoint(&self, _: &ClientId, _: &ConnectionId) -> Option<Endpoint> {
        serde_json::from_value(json!({"url": "https://shop.example", "region": "eu"})).ok()
    }

    async fn secret(&self, _: &ClientId, _: &ConnectionId, _: &SlotId) -> Result<Secret, VaultError> {
        Secret::new(SECRET.to_vec())
    }

    fn permission(&self, _: &Use<'_>) -> Permission {
        Permission::Go
    }

    fn ended(&self, _: &ClientId, _: &WorkflowId, _: &Digest, _: Went, _: Duration) {}
}

impl Registry for Deployment {
    fn active(&self) -> Vec<(ClientId, WorkflowId)> {
        vec![(self.facts.client.clone(), self.compiled.plan.workflow.clone())]
    }

    fn expects(&self, _: &ClientId, _: &WorkflowId) -> bool {
        false
    }

    fn approvers(&self, _: &ClientId) -> Option<Digest> {
        None
    }

    fn authors(&self, _: &ClientId, _: &Digest) -> BTreeSet<PersonId> {
        BTreeSet::new()
    }

    fn assigned(&self, _: &ClientId) -> BTreeMap<PersonId, BTreeSet<PublicKey>> {
        BTreeMap::new()
    }
}

fn facts(waiting: u32) -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {"leads": []}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": "shop.example", "region": "eu", "auth": {"kind": "none"},
            "slots": {"webhook": {"rotate": "90d", "webhook": true}}}},
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
    compiled: Arc<Compiled>,
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

type Door = Arc<FrontDesk<Hand, Memory, Deployment, Deployment>>;

impl Host {
    fn new(trigger: &Value) -> Self {
        let plan = plan(trigger);
        let digest = plan.to_bytes().expect("bytes").1;
        let compiled = Arc::new(Compiled::new(Arc::new(plan), digest).unwrap_or_else(|_| panic!("a plan that runs")));
        let world = Hand::default();
        *world.status.lock().expect("a lock") = 200;
        Self { world, tables: Arc::default(), compiled, waiting: 100, full: false, death: None }
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
        let deployed =
            || Arc::new(Deployment { compiled: Arc::clone(&self.compiled), facts: Arc::new(facts(self.waiting)) });
        let world = Arc::new(self.world.clone());
        let engine = Engine::open(Arc::clone(&world), Arc::new(self.store()), deployed()).await.expect("an engine");
        engine.set_full(self.full);
        let itself = Itself { project: Digest::from_bytes([1; 32]), agent: AgentId::new("eu-1").expect("an id") };
        FrontDesk::open(world, engine, deployed(), deployed(), itself).await.expect("a desk")
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

#[tokio::test]
async fn a_list_begins_now_and_each_item_runs_once_also_when_it_comes_late() {
    let host = polled();
    let desk = host.boot().await;
    host.appears("before", -500);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert!(host.events().is_empty());
    host.appears("a", 10);
    host.appears("b", 20);
    host.pass(30);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a", "b"]);
    // Late, and behind the cursor by less than the lag; then, after a restart, one more.
    host.appears("late", 15);
    host.pass(30);
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("c", 61);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a", "b", "late", "c"]);
}

#[tokio::test]
async fn an_item_from_the_future_is_taken_and_told_and_nothing_behind_it_is_passed_over() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 10);
    host.appears("future", 2_000_000_000);
    host.pass(30);
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Future));
    let told =
        || -> Vec<String> { host.store().alerts().expect("alerts").into_iter().map(|row| row.alert.code).collect() };
    assert_eq!((host.events(), told()), (vec!["a".into(), "future".into()], vec!["from_the_future".into()]));
    // It stands there, and is one run; then it is gone again.
    for i in 0..4 {
        host.appears(&format!("b{i}"), 40 + i);
    }
    host.pass(30);
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Future));
    host.world.list.lock().expect("a lock").retain(|item| item["id"] != "future");
    host.appears("c", 70);
    host.pass(30);
    let desk = host.boot().await;
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Past));
    assert_eq!(host.events(), ["a", "future", "b0", "b1", "b2", "b3", "c"]);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_put_aside_and_the_list_goes_on() {
    let host = polled();
    host.looks().await;
    host.appears("a", 10);
    host.appears_bad("bad", 20);
    for i in 0..6 {
        host.appears(&format!("c{i}"), 30 + i);
    }
    host.pass(60);
    host.looks().await;
    let all = ["a", "bad", "c0", "c1", "c2", "c3", "c4", "c5"];
    assert_eq!(host.events(), all);
    assert_eq!(host.queue(), [("bad".to_owned(), "bad_item".to_owned())]);
    let told: Vec<_> = host.store().alerts().expect("alerts").into_iter().map(|row| row.alert.key()).collect();
    assert!(told.iter().any(|key| key.contains("bad_item")), "{told:?}");
    // It stays there, and is told once.
    for _ in 0..3 {
        host.pass(1_900);
        host.looks().await;
    }
    assert_eq!((host.events(), host.queue().len()), (all.map(str::to_owned).to_vec(), 1));
}

#[tokio::test]
async fn what_was_put_aside_comes_back_once_it_can_be_read() {
    for wait in [5, 3_600] {
        let host = polled();
        host.looks().await;
        host.appears_bad("bad", 10);
        host.appears("a", 20);
        host.pass(30);
        host.looks().await;
        assert_eq!(host.events(), ["bad", "a"]);
        // Within the lag at once, behind it when it is looked for.
        host.mends("bad");
        host.pass(wait);
        host.looks().await;
        host.looks().await;
        assert_eq!((host.events(), host.queue().len()), (vec!["bad".into(), "a".into(), "bad".into()], 0), "{wait}");
    }
}

#[tokio::test]
async fn what_a_person_handled_does_not_come_back() {
    let host = polled();
    host.looks().await;
    host.appears_bad("bad", 10);
    host.appears("a", 20);
    host.pass(30);
    host.looks().await;
    let run = host.store().queue().expect("a queue").first().expect("an item").run;
    let now = host.world.now();
    host.store().commit(Transaction::new(now).with(Write::Unqueue { run })).await.expect("a commit");
    host.mends("bad");
    for wait in [5, 3_600, 3_600] {
        host.pass(wait);
        host.looks().await;
    }
    assert_eq!(host.events(), ["bad", "a"]);
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_read_stands_still_and_keeps_all() {
    let host = polled();
    host.looks().await;
    host.appears_bad("b0", 10);
    host.appears_bad("b1", 11);
    host.pass(30);
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect_err("another form than the catalog says");
    assert!(host.events().is_empty() && host.queue().is_empty());
    // The catalog is mended, or the API: nothing was lost. Else what follows is not stopped.
    host.mends("b0");
    host.looks().await;
    assert_eq!((host.events(), host.queue().len()), (vec!["b0".into(), "b1".into()], 1));
    // What is known does not make a list one that cannot be read.
    host.world.list.lock().expect("a lock").retain(|item| item["id"] == "b1");
    host.looks().await;
}

#[tokio::test]
async fn an_item_without_id_or_instant_is_put_aside_too() {
    let host = polled();
    host.looks().await;
    host.appears("a", 10);
    for item in [json!({"at": START + 12, "by": "lena"}), json!({"id": "b", "at": "soon"}), json!("odd")] {
        host.world.list.lock().expect("a lock").push(item);
        host.looks().await;
        host.pass(10);
        host.looks().await;
        host.world.list.lock().expect("a lock").truncate(1);
    }
    host.appears("c", 31);
    host.pass(30);
    host.looks().await;
    let (events, queue) = (host.events(), host.queue());
    assert_eq!((events.len(), queue.len()), (5, 3), "{events:?} {queue:?}");
    assert!(queue.iter().all(|(event, why)| event.starts_with("unread-") && why == "bad_item"), "{queue:?}");
    assert!(events.contains(&"a".to_owned()) && events.last() == Some(&"c".to_owned()), "{events:?}");
}

#[tokio::test]
async fn a_crash_at_any_commit_neither_loses_nor_repeats_an_item_that_cannot_be_read() {
    for after in [false, true] {
        for at in 0.. {
            let mut host = polled();
            host.looks().await;
            host.appears("a", 10);
            host.appears_bad("bad", 20);
            host.appears("c", 30);
            host.world.list.lock().expect("a lock").push(json!({"at": START + 31}));
            host.pass(40);
            let death = Arc::new(Death { at, after, commits: AtomicUsize::new(0), told: Notify::new() });
            host.death = Some(Arc::clone(&death));
            for mended in [false, true] {
                if mended {
                    host.mends("bad");
                }
                let looks = async {
                    let desk = host.boot().await;
                    desk.look_at_poll(&host.compiled).await
                };
                tokio::select! {
                    _ = looks => {}
                    () = death.told.notified() => host.death = None,
                }
            }
            let died = host.death.take().is_none();
            host.looks().await;
            host.looks().await;
            let mut events = host.events();
            events.sort();
            let put_aside = events.iter().filter(|event| *event == "bad").count();
            // Whether it was seen before it was mended depends on when the process died.
            assert!((1..=2).contains(&put_aside), "{at} {events:?}");
            events.retain(|event| event != "bad");
            assert!(
                matches!(events.as_slice(), [a, c, odd] if a == "a" && c == "c" && odd.starts_with("unread-")),
                "{at} {events:?}"
            );
            let queue = host.queue();
            assert!(matches!(queue.as_slice(), [(odd, _)] if odd.starts_with("unread-")), "{at} {queue:?}");
            if !died {
                assert!(at > 3, "there is something to die at");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_list_longer_than_one_read_is_walked_and_our_own_items_are_passed_over() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    for i in 0..8 {
        host.appears(&format!("i{i}"), i);
    }
    host.world.list.lock().expect("a lock").push(json!({"id": "own", "at": START + 9, "by": "bot"}));
    host.pass(20);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events().len(), 8);
}

#[tokio::test]
async fn items_wait_in_their_list_while_what_is_left_of_the_disk_is_for_runs_that_are_known() {
    let mut host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 1);
    host.pass(10);
    host.full = true;
    let desk = host.boot().await;
    // It may say that it could not; nothing is lost, and nothing begins.
    drop(desk.look_at_poll(&host.compiled).await);
    assert!(host.events().is_empty());
    host.full = false;
    let desk = host.boot().await;
    host.pass(60);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a"]);
}

#[tokio::test]
async fn items_wait_in_their_list_while_the_client_has_too_much() {
    let mut host = polled();
    host.waiting = 0;
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 1);
    host.pass(5);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert!(host.events().is_empty());
    host.waiting = 10;
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_or_walked_is_told_and_nothing_is_lost() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    *host.world.status.lock().expect("a lock") = 403;
    host.appears("a", 1);
    host.pass(5);
    desk.look_at_poll(&host.compiled).await.expect_err("forbidden");
    *host.world.status.lock().expect("a lock") = 200;
    for i in 0..4 {
        host.appears(&format!("same{i}"), 3);
    }
    desk.look_at_poll(&host.compiled).await.expect_err("more at one instant than one read gives");
    assert!(host.events().contains(&"a".to_owned()));
}

fn reconciled() -> Host {
    Host::new(&json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "standard-webhooks",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id", "reconcile": poll()}))
}

async fn deliver(desk: &Door, host: &Host, delivery: &str, id: &str) -> Receipt {
    let body = json!({"topic": "item.new", "id": id, "at": START + 5}).to_string().into_bytes();
    let headers = webhook::sign(SECRET, delivery, host.world.now().moment(), &body).expect("signed");
    let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
    desk.deliver(Event { client, workflow, headers, body: Content::new(body) }).await
}

#[tokio::test]
async fn what_was_never_delivered_is_found_and_what_was_is_not_run_again() {
    let host = reconciled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.pass(10);
    assert!(matches!(deliver(&desk, &host, "d1", "7").await, Receipt::Accepted(_)));
    host.appears("7", 5);
    host.appears("8", 6);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    let expected = [(TriggerKind::Webhook, "7".to_owned()), (TriggerKind::Reconcile, "8".to_owned())];
    assert_eq!(host.runs(), expected);
    // Delivered after all, and once more under another delivery id, after a restart.
    let desk = host.boot().await;
    assert!(matches!(deliver(&desk, &host, "d2", "8").await, Receipt::Duplicate(_)));
    assert!(matches!(deliver(&desk, &host, "d3", "7").await, Receipt::Duplicate(_)));
    assert_eq!(host.runs().len(), 2);
}

/// A list of events as HubSpot sends it: each is one run, whatever happens to the others, and once.
#[tokio::test]
async fn each_event_of_a_list_that_is_delivered_is_one_run() {
    use base64::Engine as _;
    use hmac::Mac as _;
    let host = Host::new(&json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "hubspot",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id"}));
    let desk = host.boot().await;
    let item = |id: &str, more: Value| {
        let mut item = json!({"topic": "item.new", "id": id, "at": START});
        item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        item
    };
    let send = async |items: Value, path: &str| {
        let (body, time) = (items.to_string(), (START * 1_000).to_string());
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET).expect("a key");
        mac.update(format!("POSThttps://agent.example/hooks/acme/news{body}{time}").as_bytes());
        let proof = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let headers = [
            ("host", "agent.example"),
            ("x-hubspot-signature-v3", &proof),
            (":path", path),
            ("x-hubspot-request-timestamp", &time),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
        let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
        desk.deliver(Event { client, workflow, headers, body: Content::new(body.into_bytes()) }).await
    };
    let path = "/hooks/acme/news";
    let odd = item("odd", json!({"by": {}}));
    let other = item("other", json!({"topic": "item.gone"}));
    let list = json!([item("1", json!({})), odd, other, item("2", json!({}))]);
    assert!(matches!(send(list.clone(), path).await, Receipt::Accepted(_)));
    assert_eq!(host.events(), ["1", "2"]);
    // The sender tries again, and says so in the list; one is new.
    let again = json!([item("1", json!({"attempt": 1})), item("2", json!({"attempt": 1})), item("3", json!({}))]);
    assert!(matches!(send(again, path).await, Receipt::Accepted(_)));
    assert_eq!(host.events(), ["1", "2", "3"]);
    assert!(matches!(send(list, path).await, Receipt::Duplicate(_)));
    let lost = host
        .store()
        .alerts()
        .expect("alerts")
        .into_iter()
        .filter(|row| row.alert.rule == assent_schema::alert::Rule::EventLost)
        .count();
    assert_eq!(lost, 1, "what does not fit is told");
    let elsewhere = send(json!([item("4", json!({}))]), "/hooks/acme/other").await;
    assert!(matches!(elsewhere, Receipt::Refused(_)), "another address was signed");
}

/// Files by path, and the calls that move them.
#[derive(Default)]
struct Folder {
    files: Mutex<BTreeMap<String, (Vec<u8>, i64)>>,
    stuck: Mutex<bool>,
    /// Whether the folder is not there.
    missing: Mutex<bool>,
}

impl Folder {
    fn put(&self, name: &str, bytes: &str, changed: i64) {
        self.files.lock().expect("a lock").insert(format!("acme/drop/{name}"), (bytes.as_bytes().to_vec(), changed));
    }

    fn names(&self) -> Vec<String> {
        self.files.lock().expect("a lock").keys().map(|path| path.trim_start_matches("acme/drop/").to_owned()).collect()
    }
}

impl Inboxes for Folder {
    fn shown(&self, folder: &str, _: usize) -> Result<Option<Vec<Seen>>, DiskFailure> {
        if *self.missing.lock().expect("a lock") {
            return Ok(None);
        }
        let files = self.files.lock().expect("a lock");
        let here = files.iter().filter_map(|(path, file)| {
            let name = path.strip_prefix(folder)?.strip_prefix('/').filter(|name| !name.contains('/'))?;
            Some(Seen { name: name.to_owned(), size: file.0.len() as u64, changed: file.1 })
        });
        Ok(Some(here.collect()))
    }

    fn file(&self, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, DiskFailure> {
        let files = self.files.lock().expect("a lock");
        let bytes = files.get(&format!("{folder}/{name}")).map(|(bytes, _)| bytes.clone());
        Ok(bytes.filter(|bytes| bytes.len() as u64 <= most))
    }

    fn set_aside(&self, folder: &str, name: &str, into: &str, _: &str) -> Result<(), DiskFailure> {
        if *self.stuck.lock().expect("a lock") {
            return Err(DiskFailure::Broken);
        }
        let mut files = self.files.lock().expect("a lock");
        let file = files.remove(&format!("{folder}/{name}")).ok_or(DiskFailure::Broken)?;
        files.insert(format!("{folder}/{into}/{name}"), file);
        Ok(())
    }
}

fn dropped(after: &str) -> Host {
    Host::new(&json!({"kind": "inbox", "folder": "drop", "pattern": "*.json", "after": after,
        "fields": {"id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "anyone"}}}))
}

/// Looks until files stood still.
async fn settle(host: &Host, desk: &Door, folder: &Folder, minds: &mut Minds) {
    for _ in 0..3 {
        desk.look_at_inboxes(Some(folder), minds).await;
        host.pass(2);
    }
}

#[tokio::test]
async fn a_file_begins_one_run_and_is_set_aside_and_a_bad_one_is_not_lost() {
    let (host, folder, mut minds) = (dropped("move"), Folder::default(), Minds::new());
    let desk = host.boot().await;
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    folder.put("b.json", r#"{"id":"two words"}"#, 1);
    folder.put("c.txt", r#"{"id":"3"}"#, 1);
    folder.put(".d.json", r#"{"id":"4"}"#, 1);
    settle(&host, &desk, &folder, &mut minds).await;
    assert_eq!(host.runs().len(), 1);
    assert_eq!(folder.names(), [".d.json", "accepted/a.json", "c.txt", "refused/b.json"]);
    assert_eq!(host.store().alerts().expect("alerts").len(), 1);
}

#[tokio::test]
async fn a_stop_between_the_run_and_the_move_repeats_nothing() {
    let (host, folder) = (dropped("move"), Folder::default());
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    *folder.stuck.lock().expect("a lock") = true;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["a.json".to_owned()]));
    *folder.stuck.lock().expect("a lock") = false;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["accepted/a.json".to_owned()]));
}

#[tokio::test]
async fn files_that_stay_are_known_by_name_and_bytes_also_after_a_restart() {
    let (host, folder) = (dropped("keep"), Folder::default());
    folder.put("a.json", r#"{"id":"1"}"#, 1);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!((host.runs().len(), folder.names()), (1, vec!["a.json".to_owned()]));
    folder.put("a.json", r#"{"id":"2"}"#, 2);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!(host.runs().len(), 2);
}

#[tokio::test]
async fn a_file_leaves_no_plain_hash_and_one_that_was_known_by_it_is_known_still() {
    let (host, folder) = (dropped("keep"), Folder::default());
    let (phone, old) = (r#"{"id":"1","phone":"+49 30 23125 101"}"#, r#"{"id":"2"}"#);
    let plain = Digest::of_file(phone.as_bytes()).to_string();
    let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
    let name = "drop".parse().expect("a name");
    let former = |file: &str, bytes: &str| {
        inbox::former_key(&client, &workflow, &name, file, &Digest::of_file(bytes.as_bytes()))
    };
    folder.put("a.json", phone, 1);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    let first = host.store().runs(&RunFilter { most: 9, ..RunFilter::default() }).expect("runs").remove(0);
    assert!(!plain.starts_with(&first.accepted.event), "whoever reads it could try all numbers");
    assert_eq!(host.store().delivered(&former("a.json", phone)), Ok(None));
    // What an earlier version wrote.
    let write = Write::Deliver { key: former("b.json", old), run: first.run };
    host.store().commit(Transaction::new(host.world.now()).with(write)).await.expect("durable");
    folder.put("b.json", old, 2);
    settle(&host, &host.boot().await, &folder, &mut Minds::new()).await;
    assert_eq!(host.runs().len(), 1);
}

#[tokio::test]
async fn a_workflow_without_its_folder_is_told_of_once_and_when_it_is_there() {
    let (host, mut minds) = (dropped("keep"), Minds::new());
    let desk = host.boot().await;
    let told = || {
        let alerts = host.store().alerts().expect("alerts");
        alerts.into_iter().map(|row| (row.alert.code, row.count)).collect::<Vec<_>>()
    };
    desk.look_at_inboxes(None::<&Folder>, &mut minds).await;
    desk.look_at_inboxes(None::<&Folder>, &mut minds).await;
    assert_eq!(told(), [("no_root".to_owned(), 1)]);
    let folder = Folder::default();
    *folder.missing.lock().expect("a lock") = true;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    assert_eq!(told(), [("no_folder".to_owned(), 1)]);
    *folder.missing.lock().expect("a lock") = false;
    desk.look_at_inboxes(Some(&folder), &mut minds).await;
    assert_eq!(told(), []);
}

fn scheduled(cron: &str) -> Host {
    Host::new(&json!({"kind": "schedule", "cron": cron, "zone": "Europe/Berlin", "missed": "all"}))
}

#[tokio::test]
async fn another_line_of_a_schedule_begins_when_it_comes() {
    let host = scheduled("0 * * * *");
    let desk = host.boot().await;
    desk.look_at_schedules().await;
    host.pass(3_600);
    desk.look_at_schedules().await;
    assert_eq!(host.events(), ["2026-03-02T10:00:00Z"]);
    // Nothing looked for a while: what passed was missed.
    host.pass(7_800);
    desk.look_at_schedules().await;
    let before = ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"];
    assert_eq!(host.events(), before);
    // Ten minutes later a release brings another line: no time of it had passed.
    host.pass(600);
    let other = Host { compiled: scheduled("*/5 * * * *").compiled, ..host };
    let desk = other.boot().await;
    desk.look_at_schedules().await;
    assert_eq!(other.events(), before);
    other.pass(300);
    desk.look_at_schedules().await;
    assert_eq!(other.events(), [&before[..], &["2026-03-02T12:25:00Z"]].concat());
}
