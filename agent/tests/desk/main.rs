//! The whole way in, over real loopback HTTP: signed webhooks, people who sign in and decide, and everybody who may not.

mod callers;
#[path = "../support/fixed.rs"]
mod fixed;
mod limits;
mod lost;
#[path = "../support/noted.rs"]
mod noted;
#[path = "../support/post.rs"]
mod post;
mod starts;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

use assent_agent::accept::webhook;
use assent_agent::desk::FrontDesk;
use assent_agent::listen;
use assent_agent::people::Itself;
use assent_agent::real::{Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::run::Engine;
use assent_agent::store::{Gate, Memory, RunFilter, Store};
use assent_agent::world::Clock as _;
use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, PersonId};
use assent_schema::plan::Plan;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Signer, sign};
use fixed::{Fixed, compiled, only};
use noted::noted;
use post::{exchange, request, status};
use serde_json::{Value, json};
use tokio::sync::watch;

const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The secret before that one.
const BEFORE: &[u8] = b"whsec_BfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One plan that asks a person about what a webhook brought.
fn deployed(plan: Plan, facts: ClientFacts) -> Arc<Fixed> {
    let bruno = (PersonId::new("bruno").expect("an id"), BTreeSet::from([signer(7).public().clone()]));
    let assigned = BTreeMap::from([bruno]);
    let secrets = &[("helpdesk/webhook", SECRET), ("helpdesk/webhook-previous", BEFORE)];
    Arc::new(Fixed { secrets, expected: Some("frozen"), assigned, ..Fixed::new(only(compiled(plan)), facts) })
}

type Kinds = Arc<Mutex<Vec<String>>>;

/// A store whose books remember what was noted, and by whom.
fn noting() -> (Memory, Kinds) {
    let kinds = Kinds::default();
    let said = Arc::clone(&kinds);
    let books = noted(move |note| {
        let actor = note.actor.as_ref().map_or("-", PersonId::as_str);
        said.lock().expect("a lock").push(format!("{} {actor}", note.kind));
    });
    (Memory::open(Arc::default(), books), kinds)
}

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).expect("a key")
}

fn facts() -> ClientFacts {
    let person = |seed| json!({"keys": [signer(seed).public().to_string()]});
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h",
        "deciders": {"leads": ["lena"], "others": ["otto"]}, "people": {"lena": person(1), "otto": person(3)}, "routes": [],
        "connections": {"helpdesk": {"to": {"integration": {"name": "intercom"}}, "host": "api.example.com", "region": "eu", "auth": {"kind": "none"},
            "slots": {"webhook": {"rotate": "90d", "webhook": true}}}},
        "limits": {"running": 8, "waiting": 100},
    }))
    .expect("facts")
}

fn plan() -> Plan {
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "webhook", "connection": "helpdesk", "event": "ticket.created", "dialect": "standard-webhooks",
            "matches": {"topic": "ticket.created"}, "record": "ticket", "self": {"at": "data.by", "equals": "bot"},
            "fields": {"ticket_id": {"at": "data.id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}}},
        "limits": {"timeout": "10m", "concurrency": 8}, "connections": {"helpdesk": {"integration": "intercom"}}, "operations": {},
        "steps": [{"id": "agree", "action": {"kind": "decide", "by": "leads", "show": ["trigger.ticket_id"], "within": "4h", "via": ["cli"]}}],
        "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

/// The same trigger, for runs that wait for an event of their ticket and end with another one.
#[expect(clippy::indexing_slicing, reason = "a plan that does not have these fails the test")]
fn waiting() -> Plan {
    let on = |event: &str| {
        json!({"connection": "helpdesk", "event": event, "dialect": "standard-webhooks", "matches": {"topic": event}, "record": "ticket",
            "fields": {"ticket_id": {"at": "data.id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}}})
    };
    let mut plan = serde_json::to_value(plan()).expect("json");
    plan["limits"]["one_at_a_time"] = json!("trigger.ticket_id");
    plan["cancels"] = json!([{"on": on("ticket.closed"), "key": "ticket_id", "match": "trigger.ticket_id"}]);
    let event = json!({"on": on("ticket.answered"), "key": "ticket_id", "match": "trigger.ticket_id", "within": "2d"});
    let wait = json!({"id": "answer", "action": {"kind": "wait", "until": {"event": event}}});
    let mut agree = plan["steps"][0].clone();
    agree["when"] = json!("answer.arrived");
    plan["steps"] = json!([wait, agree]);
    serde_json::from_value(plan).expect("a plan")
}

fn world(folder: &std::path::Path) -> Real {
    Real {
        clock: RealClock,
        dice: RealDice,
        net: RealNet::new(tls::connector(&[]).expect("roots")),
        disk: RealDisk::open(folder).expect("a folder"),
        keyring: RealKeyring::new("desk-test"),
    }
}

struct Place {
    address: SocketAddr,
    kinds: Kinds,
    stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
    /// Says that nearly no space is left, or that there is some again.
    set_full: Box<dyn Fn(bool)>,
    serving: Option<tokio::task::JoinHandle<()>>,
    /// Whose events were refused since it was asked last, and by which limit.
    refused: Box<dyn Fn() -> Vec<(String, &'static str)>>,
    /// How often events began no run of their own, as metrics tell it: workflow, code and count.
    counted: Box<dyn Fn() -> Vec<String>>,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let (store, kinds) = noting();
        Self::over(Arc::new(store), kinds)
    }

    fn over<S: Store>(store: Arc<S>, kinds: Kinds) -> Self {
        Self::running(plan(), store, kinds)
    }

    fn running<S: Store>(plan: Plan, store: Arc<S>, kinds: Kinds) -> Self {
        Self::with(plan, facts(), store, kinds)
    }

    fn with<S: Store>(plan: Plan, facts: ClientFacts, store: Arc<S>, kinds: Kinds) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let world = Arc::new(world(folder.path()));
        let deployed = deployed(plan, facts);
        let itself = Itself { project: Digest::from_bytes([1; 32]), agent: AgentId::new("eu-1").expect("an id") };
        let (stop, stopped) = watch::channel(false);
        let (address, serving, refused, counted, set_full) = runtime.block_on(async {
            let engine = Engine::open(Arc::clone(&world), store, Arc::clone(&deployed)).await.expect("an engine");
            let registry = Arc::clone(&deployed);
            let asks = Arc::clone(&engine);
            let refused =
                move || asks.take_refused().into_iter().map(|(one, limit)| (one.to_string(), limit)).collect();
            let filled = Arc::clone(&engine);
            let set_full: Box<dyn Fn(bool)> = Box::new(move |full| filled.set_full(full));
            let desk = FrontDesk::open(world, engine, deployed, registry, itself).await.expect("a desk");
            let counts = Arc::clone(&desk);
            let counted: Box<dyn Fn() -> Vec<String>> = Box::new(move || {
                let told = counts.counted().events().samples("workflow").into_iter();
                told.map(|(labels, count)| {
                    let of: Vec<_> = labels.iter().skip(1).map(|(_, value)| value.as_str()).collect();
                    format!("{} {count}", of.join(" "))
                })
                .collect()
            });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let hosts = vec!["127.0.0.1".to_owned()];
            (address, tokio::spawn(listen::serve(listener, hosts, desk, stopped)), refused, counted, set_full)
        });
        let (serving, refused) = (Some(serving), Box::new(refused));
        Self { address, kinds, stop, runtime, set_full, serving, refused, counted, _folder: folder }
    }

    /// Sends bytes on a connection of their own; the status and body that come back.
    fn raw(&self, bytes: &[u8]) -> (u16, String) {
        let (head, body) = exchange(self.address, bytes);
        (status(&head), body)
    }

    fn post(&self, path: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> (u16, String) {
        self.raw(&request(self.address, path, headers, body))
    }

    fn heads(&self, path: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> (String, String) {
        exchange(self.address, &request(self.address, path, headers, body))
    }

    fn ask(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.post(path, &[], body.to_string().as_bytes());
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn hook(&self, id: &str, at: Moment, body: &str) -> (u16, String) {
        self.hook_signed(id, at, body, SECRET)
    }

    /// The same, signed with whatever secret.
    fn hook_signed(&self, id: &str, at: Moment, body: &str, secret: &[u8]) -> (u16, String) {
        let headers =
            webhook::sign(secret, id, at, body.as_bytes()).unwrap_or_else(|refused| panic!("{}", refused.code()));
        self.post("/hooks/acme/refund", &headers, body.as_bytes())
    }

    /// What waits for a person who signs with this key.
    fn decisions(&self, person: &str, seed: u8) -> (u16, Value) {
        self.decisions_and(person, seed, None)
    }

    /// The same, and what became of the questions of a run.
    fn decisions_and(&self, person: &str, seed: u8, run: Option<&str>) -> (u16, Value) {
        let (status, challenge) =
            self.post("/v1/challenge", &[], json!({"client": "acme", "person": person}).to_string().as_bytes());
        assert_eq!(status, 200);
        let signature = sign(&signer(seed), Namespace::Console, challenge.as_bytes());
        let mut body = json!({"challenge": challenge, "signature": signature});
        if let (Some(run), Some(body)) = (run, body.as_object_mut()) {
            drop(body.insert("run".to_owned(), json!(run)));
        }
        self.ask("/v1/decisions", &body)
    }

    fn noted(&self) -> Vec<String> {
        self.kinds.lock().expect("a lock").clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            drop(self.runtime.block_on(serving));
        }
    }
}

const BODY: &str = r#"{"topic":"ticket.created","data":{"id":"T-1","text":"secret words"}}"#;

fn now() -> Moment {
    RealClock.now().moment()
}

/// The same trigger, with a question about each line of what came.
#[expect(clippy::indexing_slicing, reason = "a plan that does not have these fails the test")]
fn of_each_line() -> Plan {
    let field =
        |at: &str, shape: Value| json!({"at": at, "shape": shape, "class": "reference", "written_by": "system"});
    let line = field("", json!({"type": "record", "fields": {"id": field("id", json!({"type": "token"}))}}));
    let mut plan = serde_json::to_value(plan()).expect("json");
    // A list is no fact, whatever its items are.
    let lines = json!({"at": "data.lines", "shape": {"type": "list", "most": 9, "of": line}, "class": "content", "written_by": "system"});
    plan["trigger"]["fields"]["lines"] = lines;
    let agree = json!({"id": "agree", "action": {"kind": "decide", "by": "leads", "show": ["line.id"], "within": "4h", "via": ["cli"]}});
    plan["steps"] = json!([{"id": "all", "action": {"kind": "each", "over": "trigger.lines", "item": "line", "key": "line.id", "max": 9,
        "parallel": 4, "on_error": "stop", "steps": [agree]}}]);
    serde_json::from_value(plan).expect("a plan")
}

/// Who asks what waits is told what names each question: its run, as pages name it, its step and its item.
#[test]
fn each_question_of_a_step_has_a_name_of_its_own() {
    let (store, kinds) = noting();
    let place = Place::running(of_each_line(), Arc::new(store), kinds);
    let body = BODY.replace("\"id\"", "\"lines\":[{\"id\":\"INV-1\"},{\"id\":\"INV-2\"}],\"id\"");
    assert_eq!(place.hook("msg_1", now(), &body).0, 202);
    let answer = place.decisions("lena", 1).1;
    let asked = answer["decisions"].as_array().expect("questions");
    assert_eq!(asked.len(), 2, "{answer}");
    for (asked, item) in asked.iter().zip(["INV-1", "INV-2"]) {
        let told = ["name", "step", "item"].map(|name| asked[name].as_str().expect("a text"));
        assert_eq!(told, ["acme-1", "agree", item]);
        assert_eq!(asked["values"], json!({"line.id": item}));
    }
}

/// Whoever comes too late is told who decided what, and when; of a run that is not theirs nobody is told anything.
#[test]
fn what_became_of_a_question_is_told_to_those_who_might_have_answered_it() {
    let (store, kinds) = noting();
    let place = Place::running(of_each_line(), Arc::new(store), kinds);
    let body = BODY.replace("\"id\"", "\"lines\":[{\"id\":\"INV-1\"},{\"id\":\"INV-2\"}],\"id\"");
    assert_eq!(place.hook("msg_1", now(), &body).0, 202);
    let waiting = place.decisions_and("lena", 1, Some("acme-1")).1;
    assert_eq!(waiting.get("over"), None, "all of them are asked: {waiting}");
    let asked = waiting.pointer("/decisions/0").expect("a question");
    let before = now();
    assert_eq!(place.ask("/v1/decide", &decision(asked, "lena", 1)).0, 200);
    assert_eq!(place.ask("/v1/decide", &decision(asked, "lena", 1)).0, 409, "the other item is asked by that step");
    for run in ["acme-1", asked["run"].as_str().expect("a text")] {
        let told = place.decisions_and("lena", 1, Some(run)).1;
        let over = told["over"].as_array().expect("a list");
        assert_eq!(over.len(), 1, "{told}");
        let of = ["name", "step", "item", "end", "by"].map(|name| over[0][name].as_str().expect("a text"));
        assert_eq!(of, ["acme-1", "agree", "INV-1", "approve", "lena"]);
        let at: Moment = over[0]["at"].as_str().expect("a text").parse().expect("an instant");
        assert!((before..=now()).contains(&at), "{told}");
    }
    assert_eq!(place.decisions_and("lena", 1, Some("acme-9")).1.get("over"), None, "there is no such run");
}

/// The decision on a question, as a person signs it.
fn decision(question: &Value, person: &str, seed: u8) -> Value {
    let take = |name: &str| question[name].clone();
    let decision = json!({
        "type": "decision", "schema": 1, "project": take("project"), "client": take("client"), "approvers": take("approvers"),
        "agent": take("agent"), "run": take("run"), "step": take("step"), "plan": take("plan"), "shown": take("shown"),
        "choice": "approve", "nonce": take("nonce"), "person": person,
    });
    let text = String::from_utf8(canon::to_bytes(&decision).expect("canonical")).expect("text");
    let signature = sign(&signer(seed), Namespace::Decision, text.as_bytes());
    json!({"decision": text, "signature": signature})
}

#[test]
fn a_full_disk_stops_acceptance_and_says_so() {
    let place = Place::new();
    let health = || {
        place.raw(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", place.address).as_bytes())
    };
    assert_eq!(health().0, 200);
    (place.set_full)(true);
    assert_eq!(health(), (503, r#"{"code":"disk_full"}"#.to_owned()));
    assert_eq!(place.hook("evt-1", now(), BODY).0, 503, "the sender keeps it and tries again");
    (place.set_full)(false);
    assert_eq!((health().0, place.hook("evt-1", now(), BODY).0), (200, 202));
}

#[test]
fn neither_strangers_nor_other_clients_use_up_a_client_s_turns() {
    let place = Place::new();
    let hand =
        |client: &str, by: &str| place.ask("/statements", &json!({"statement": client, "signatures": {by: "-"}})).0;
    for _ in 0..100 {
        assert_eq!(hand("acme", "mallory"), 422);
    }
    assert_eq!(hand("acme", "acme"), 200);
    // One client that hands over without end is told to wait, and the others are not.
    let answers: Vec<u16> = (0..70).map(|_| hand("acme", "acme")).collect();
    assert!(answers.contains(&429), "{answers:?}");
    assert_eq!(hand("cedar", "cedar"), 200);
    assert_eq!(
        place.ask("/poke", &json!({"poke": "{}", "signatures": {}})).0,
        404,
        "who deploys nothing is poked in vain"
    );
}

#[test]
fn a_webhook_begins_one_run_and_a_replay_finds_it() {
    let place = Place::new();
    let at = now();
    let (status, first) = place.hook("msg_1", at, BODY);
    assert_eq!(status, 202, "{first}");
    assert_eq!(place.hook("msg_1", at, BODY), (200, first), "a replay");
    assert_eq!(place.hook("msg_1", at, &BODY.replace("T-1", "T-2")).0, 200, "the same id with another body");
    assert_eq!(place.hook("msg_2", at, BODY).0, 202, "another delivery");
    assert_eq!(place.noted().iter().filter(|kind| kind.starts_with("accepted")).count(), 2);
}

#[test]
fn a_genuine_form_is_refused_by_a_name_of_its_own_and_recorded() {
    let place = Place::new();
    let form = "payload=%7B%22type%22%3A%22ticket.created%22%7D";
    assert_eq!(place.hook("msg_1", now(), form), (415, r#"{"code":"not_json"}"#.to_owned()));
    assert_eq!(place.hook("msg_2", now(), "[]"), (400, r#"{"code":"bad_body"}"#.to_owned()));
    assert_eq!(place.noted().iter().filter(|kind| kind.starts_with("refused")).count(), 2);
}

#[test]
fn forged_old_and_foreign_deliveries_begin_nothing() {
    let place = Place::new();
    let at = now();
    let signed = |body: &str| webhook::sign(SECRET, "msg_1", at, body.as_bytes()).unwrap_or_default();
    assert_eq!(place.post("/hooks/acme/refund", &[], BODY.as_bytes()).0, 400);
    assert_eq!(place.post("/hooks/acme/refund", &signed("{}"), BODY.as_bytes()).0, 401);
    let twice = [signed(BODY), signed(BODY)].concat();
    assert_eq!(
        place.post("/hooks/acme/refund", &twice, BODY.as_bytes()),
        (400, r#"{"code":"header_twice"}"#.to_owned())
    );
    assert_eq!(place.hook("msg_1", Moment::from_seconds(at.seconds() - 600), BODY).0, 401);
    assert_eq!(place.hook("msg_1", Moment::from_seconds(at.seconds() + 600), BODY).0, 401);
    assert_eq!(place.hook("msg_1", at, "{").0, 400);
    assert_eq!(place.hook("msg_1", at, &BODY.replace("ticket.created", "ticket.closed")).0, 200);
    assert_eq!(place.post("/hooks/acme/other", &signed(BODY), BODY.as_bytes()).0, 404);
    assert_eq!(place.post("/hooks/zenith/refund", &signed(BODY), BODY.as_bytes()).0, 404);
    let (head, _) = place.heads("/hooks/acme/frozen", &signed(BODY), BODY.as_bytes());
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("\r\nretry-after: 30"), "{head}");
    assert_eq!(place.noted(), ["refused -"], "what was signed and could not be read");
    assert_eq!(place.hook("msg_1", at, &BODY.replace("\"id\"", "\"by\":\"bot\",\"id\"")).0, 200, "our own event");
    assert_eq!(place.noted(), ["refused -", "refused -"], "dropped and recorded");
    // Each is counted by its code, and names of nobody here are not.
    let codes = ["bad_body", "bad_signature", "header_twice", "missing_header", "too_new", "too_old"];
    assert_eq!((place.counted)(), codes.map(|code| format!("refund {code} 1")));
    assert_eq!((place.hook("msg_9", at, BODY).0, place.hook("msg_9", at, BODY).0), (202, 200));
    assert!((place.counted)().contains(&"refund duplicate 1".to_owned()), "{:?}", (place.counted)());
}

#[test]
fn the_listener_is_bounded_and_answers_to_its_own_names() {
    let place = Place::new();
    let get = |path: &str, host: &str| {
        place.raw(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).0
    };
    assert_eq!(get("/healthz", "127.0.0.1"), 200);
    assert_eq!(get("/healthz", "evil.example"), 421);
    assert_eq!(get("/hooks/acme/refund", "127.0.0.1"), 405);
    assert_eq!(get("/", "127.0.0.1"), 404);
    assert_eq!(
        place.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").0,
        421
    );
    assert_eq!(place.raw(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").0, 421);
    assert_eq!(place.raw(b"POST /hooks/acme/refund HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1048577\r\n\r\n").0, 413);
    assert_eq!((place.counted)(), ["refund too_large 1"]);
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x1_0000));
    let chunked = format!(
        "POST /v1/decide HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    assert_eq!(place.raw(chunked.as_bytes()).0, 413);
    let long = format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    assert_eq!(place.raw(long.as_bytes()).0, 431);
    assert_eq!(place.raw(b"\x16\x03\x01\x02\x00").0, 400);
}

#[test]
fn who_knows_no_workflow_of_ours_is_answered_before_anything_of_a_body_is_read() {
    let place = Place::new();
    let announced = |path: &str| {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1048000\r\n\r\n");
        place.raw(head.as_bytes()).0
    };
    for path in ["/hooks/nobody/nothing", "/hooks/acme/other", "/answers/nobody/chat"] {
        assert_eq!(announced(path), 404, "{path}");
    }
    assert!((place.counted)().is_empty(), "names of nobody here make no series");
}

#[test]
fn events_reach_the_runs_that_wait_for_them_and_end_those_they_cancel() {
    let (store, kinds) = noting();
    let store = Arc::new(store);
    let place = Place::running(waiting(), Arc::clone(&store), kinds);
    let at = now();
    let event = |topic: &str, ticket: &str| BODY.replace("ticket.created", topic).replace("T-1", ticket);
    let open = || store.open_runs().expect("read").len();
    assert_eq!(place.hook("msg_1", at, &event("ticket.created", "T-1")).0, 202);
    assert_eq!(place.hook("msg_2", at, &event("ticket.created", "T-2")).0, 202);
    assert_eq!(place.decisions("lena", 1).1["decisions"], json!([]), "both wait");
    // Somebody else's, one that nobody waits for, and one that nobody signed.
    assert_eq!(place.hook("msg_3", at, &event("ticket.answered", "T-9")).0, 200);
    assert_eq!(place.hook("msg_4", at, &event("ticket.moved", "T-1")), (200, r#"{"code":"ignored"}"#.to_owned()));
    let forged = event("ticket.answered", "T-1");
    let signed = webhook::sign(SECRET, "msg_5", at, b"{}").unwrap_or_default();
    assert_eq!(place.post("/hooks/acme/refund", &signed, forged.as_bytes()).0, 401);
    assert_eq!((place.decisions("lena", 1).1["decisions"].clone(), open()), (json!([]), 2), "both still wait");
    // The event of the first ticket lets its run go on, and a replay changes nothing.
    assert_eq!(place.hook("msg_6", at, &event("ticket.answered", "T-1")).0, 200);
    assert_eq!(place.hook("msg_6", at, &event("ticket.answered", "T-1")).0, 200);
    let answer = place.decisions("lena", 1).1;
    assert_eq!(answer["decisions"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["decisions"][0]["values"], json!({"trigger.ticket_id": "T-1"}));
    // Closing a ticket ends its run, whatever it waits for.
    let heard = place.hook("msg_7", at, &event("ticket.closed", "T-2"));
    assert_eq!(heard, (200, r#"{"code":"heard"}"#.to_owned()), "its sender hears that it was of use");
    assert_eq!(place.decisions("lena", 1).1["decisions"].as_array().map(Vec::len), Some(1), "the other goes on");
    assert_eq!(open(), 1, "the second is superseded");
    assert_eq!(place.hook("msg_8", at, &event("ticket.closed", "T-1")).0, 200);
    assert_eq!((place.decisions("lena", 1).1["decisions"].clone(), open()), (json!([]), 0), "nobody is asked any more");
}
