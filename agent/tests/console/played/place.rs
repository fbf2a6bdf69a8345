//! The console that is served, and a browser as simple as one can be.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::console::{Console, Standing, serve};
use assent_agent::people::Itself;
use assent_agent::store::{Memory, RunId, Store as _, Tables, Transaction, Write};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::trust::{Namespace, sign};
use serde_json::json;
use tokio::sync::watch;

use super::filling::{fill, questions, run};
use super::{Deeds, PEOPLE, Passkeys, Played, before, digest, id, noting, plan, signer};

/// A console that answers.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// The name and port by which it is asked.
    host: String,
    pub(crate) said: Deeds,
    pub(crate) deeds: Deeds,
    store: Arc<Memory>,
    tables: Arc<Mutex<Tables>>,
    boot: Arc<AtomicU64>,
    passkeys: Passkeys,
    standing: Arc<Mutex<Standing>>,
    stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
    serving: Option<tokio::task::JoinHandle<()>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) = self
            .body
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no {name}: {}", self.body));
        rest.split('"').next().unwrap_or_default().replace("&quot;", "\"")
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let said = Deeds::default();
        let tables = Arc::<Mutex<Tables>>::default();
        let store = Arc::new(Memory::open(Arc::clone(&tables), noting(&said)));
        fill(&store);
        let (passkeys, standing) = (Passkeys::default(), Arc::<Mutex<Standing>>::default());
        let (deeds, boot) = (Deeds::default(), Arc::new(AtomicU64::new(1_000)));
        let facts: ClientFacts = serde_json::from_str(include_str!("../../plans/acme.client.json")).expect("facts");
        let mut other = facts.clone();
        other.client = id("zenith");
        let facts = [facts, other].map(|facts| (facts.client.clone(), Arc::new(facts))).into();
        let plans = ["refund", "reply"].map(|name| (digest(&plan(name)), Arc::new(plan(name)))).into();
        let itself = Itself { project: Digest::from_bytes([1; 32]), agent: id("eu-production-1") };
        let questions = Mutex::new(questions(&itself));
        let kept = Arc::clone(&store);
        let played = Played {
            store,
            itself,
            plans,
            facts,
            questions,
            holds: Mutex::default(),
            standing: Arc::clone(&standing),
            boot: Arc::clone(&boot),
            dice: AtomicU64::new(0),
            deeds: Arc::clone(&deeds),
            passkeys: Arc::clone(&passkeys),
        };
        said.lock().expect("a lock").clear();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (stop, stopped) = watch::channel(false);
        let (address, serving) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let console = Console::new(played, vec!["127.0.0.1".to_owned(), "localhost".to_owned()], false);
            (address, tokio::spawn(serve(listener, console, stopped)))
        });
        let host = address.to_string();
        let (store, serving) = (kept, Some(serving));
        Self { address, host, said, deeds, store, tables, boot, passkeys, standing, stop, runtime, serving }
    }

    /// Asked by a name: passkeys belong to names, not to numbers.
    pub(crate) fn by_name(mut self) -> Self {
        self.host = format!("localhost:{}", self.address.port());
        self
    }

    /// The origin of its pages.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.boot.fetch_add(seconds, Ordering::SeqCst);
    }

    /// From now on much stands wrong: of the agent, and of both clients.
    pub(crate) fn trouble(&self) {
        let since = "2026-03-02T08:20:00Z";
        let trouble = |rule: &str, code: &str, no: &str| {
            let trouble = json!({"id": no, "rule": rule, "code": code, "since": since});
            serde_json::from_value(trouble).expect("a trouble")
        };
        let hold = |client: &str, what: serde_json::Value| {
            let hold = json!({"id": "h-9", "client": client, "what": what, "why": "TICKET-9", "by": "bruno", "since": since,
                "until": "2026-03-02T13:00:00Z"});
            serde_json::from_value(hold).expect("a hold")
        };
        let refused = json!([{"code": "bad-signature", "digest": "ab".repeat(32)}]);
        *self.standing.lock().expect("a lock") = Standing {
            troubles: vec![trouble("vault", "vault_gone", "i-6"), trouble("stale", "stale", "a-1")],
            keyring: Some("keyring_refused".to_owned()),
            refused: serde_json::from_value(refused).expect("a refusal"),
            holds: vec![hold("acme", json!({"workflow": "refund"})), hold("zenith", json!("client"))],
            ..Standing::default()
        };
    }

    /// From now on there is no space for an entry, or there is again.
    pub(crate) fn be_full(&self, full: bool) {
        self.tables.lock().expect("a lock").set_full(full);
    }

    /// Somebody answers all that waits in a run, elsewhere.
    pub(crate) fn answer(&self, (place, seconds): (u8, i64)) {
        let run = run(place, seconds);
        self.store.commit_now(Transaction::new(before(0)).with(Write::Close { run })).expect("a commit");
    }

    /// Somebody lets a run go on as another.
    pub(crate) fn go_on(&self, run: RunId, next: RunId) {
        let mark = Write::State { name: format!("handled/{run}"), value: Some(next.as_bytes().to_vec()) };
        self.store.commit_now(Transaction::new(before(0)).with(mark)).expect("a commit");
    }

    /// A recovery comes after all that was so far.
    pub(crate) fn recover(&self) {
        let life = Write::State { name: "ledger/life".to_owned(), value: Some(b"2".to_vec()) };
        let mark = assent_agent::run::recovered(before(0));
        self.store.commit_now(Transaction::new(before(0)).with(mark).with(life)).expect("a commit");
    }

    /// A run of acme begins; how people name it.
    pub(crate) fn begin(&self, run: RunId) -> String {
        let entry = json!({"accepted": {"client": "acme", "workflow": "refund", "plan": digest(&plan("refund")), "number": 0,
            "trigger": "webhook", "event": "evt-later"}});
        let entry = serde_json::from_value(entry).expect("a fact");
        let begun = Transaction::new(Wall::from_millis(run.millis())).with(Write::Open { run, sealed: None });
        self.store.commit_now(begun.with(Write::Journal { run, entry })).expect("a run");
        assent_agent::store::run_name(&*self.store, run).expect("a journal").expect("a run").to_string()
    }

    /// The cause of an alert is gone.
    pub(crate) fn end_alert(&self, no: i64) {
        let row = self.store.alert(no).expect("rows").expect("a row");
        let over = Write::AlertOver { key: row.alert.key() };
        self.store.commit_now(Transaction::new(before(0)).with(over)).expect("a commit");
    }

    /// Lists a passkey for somebody, as a release would.
    pub(crate) fn list(&self, person: &str, line: &str) {
        let passkey = line.parse().expect("a passkey");
        self.passkeys.lock().expect("a lock").entry(person.to_owned()).or_default().insert(passkey);
    }

    /// What the ledger was told since the last call.
    pub(crate) fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().expect("a lock"))
    }

    /// What was done since the last call.
    pub(crate) fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.deeds.lock().expect("a lock"))
    }

    /// Sends a request of one's own making.
    pub(crate) fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        drop(stream.write_all(request.as_bytes()));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A request as a browser sends it.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        if method == "POST" {
            write!(request, "Content-Length: {}\r\n", body.len()).expect("a text takes everything");
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").expect("a text takes everything");
        }
        self.raw(&format!("{request}\r\n{body}"))
    }

    /// A look with a cookie.
    pub(crate) fn look(&self, path: &str, cookie: &str) -> Answer {
        self.ask("GET", path, &[("Cookie", cookie)], "")
    }

    /// A form as one of our own pages sends it.
    pub(crate) fn send(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.origin();
        let headers = [("Cookie", cookie), ("Origin", &origin), ("Content-Type", "application/x-www-form-urlencoded")];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, &headers, &body)
    }

    /// A form with its token.
    pub(crate) fn act(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let form = self.form(cookie);
        let mut all = vec![("form", form.as_str())];
        all.extend(fields);
        self.send(path, cookie, &all)
    }

    /// The token of somebody's forms.
    pub(crate) fn form(&self, cookie: &str) -> String {
        self.look("/", cookie).field("form")
    }

    /// Signs somebody in with a key; what came of it.
    pub(crate) fn try_in(&self, person: &str, client: Option<&str>, seed: u8) -> Answer {
        let asked = self.send("/sign-in", "", &[("person", person), ("client", client.unwrap_or_default())]);
        let challenge = asked.field("challenge");
        let signature = sign(&signer(seed), Namespace::Console, challenge.as_bytes());
        self.send("/sign-in/proof", "", &[("challenge", &challenge), ("signature", &signature)])
    }

    /// Signs one of the people in; their cookie.
    pub(crate) fn sign_in(&self, person: &str) -> String {
        let (_, client, seed) = PEOPLE.into_iter().find(|(name, ..)| *name == person).expect("a person");
        let answer = self.try_in(person, client, seed);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").expect("a cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
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
