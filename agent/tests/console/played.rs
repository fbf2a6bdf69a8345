//! A console before a played agent: two clients, their people, runs of every kind. Served for real on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::console::{Console, Done, Known, Office, Refused, Viewer, Who, Written, serve};
use assent_agent::control::Verb;
use assent_agent::control::incidents::IncidentRow;
use assent_agent::incident::{Act, Case, PREFIX, Step};
use assent_agent::people::wire::{Shown, SignedDecision};
use assent_agent::people::{Itself, NotTaken};
use assent_agent::sim::NoBooks;
use assent_agent::store::{
    Books, Entry, LedgerRow, Memory, Note, QueueItem, RunId, Store as _, StoreError, Transaction, Write,
};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, Environment, PersonId, Region, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::plan::Plan;
use assent_schema::release::Choice;
use assent_schema::status::{Hold, Status};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Namespace, Signer, sign};
use serde_json::{Value, json};
use tokio::sync::watch;

/// When all of it happens.
pub(crate) const NOW: &str = "2026-03-02T09:14:00Z";
/// What somebody wrote who would rather be markup.
pub(crate) const SCRIPT: &str = "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>\u{202e}evil";
/// Everybody's key, by seed.
pub(crate) const PEOPLE: [(&str, Option<&str>, u8); 5] = [
    ("alice", None, 1),
    ("bob", None, 2),
    ("lena", Some("acme"), 3),
    ("otto", Some("acme"), 4),
    ("zoe", Some("zenith"), 5),
];

/// What the played agent was asked to do.
pub(crate) type Deeds = Arc<Mutex<Vec<String>>>;

/// Books that remember who did what.
struct Noted {
    books: NoBooks,
    said: Deeds,
}

impl Books for Noted {
    fn append(&mut self, at: Wall, run: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError> {
        let actor = note.actor.as_ref().map_or("-", PersonId::as_str);
        let what = ["what", "code", "state"].iter().find_map(|name| note.data.get(*name)).and_then(Value::as_str);
        let line = format!("{} {} {actor} {}", note.log.as_str(), note.kind, what.unwrap_or("-"));
        self.said.lock().expect("a lock").push(line);
        self.books.append(at, run, note)
    }

    fn keep(&mut self) {
        self.books.keep();
    }

    fn drop_back(&mut self) {
        self.books.drop_back();
    }
}

/// The played agent.
pub(crate) struct Played {
    store: Arc<Memory>,
    itself: Itself,
    plans: BTreeMap<Digest, Arc<Plan>>,
    facts: BTreeMap<ClientId, Arc<ClientFacts>>,
    questions: Mutex<Vec<(PersonId, Shown)>>,
    holds: Mutex<Vec<Hold>>,
    boot: Arc<AtomicU64>,
    dice: AtomicU64,
    deeds: Deeds,
}

impl Played {
    fn did(&self, what: String) {
        self.deeds.lock().expect("a lock").push(what);
    }
}

/// The key of a seed.
pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).expect("a key")
}

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

/// The plan of a workflow of the example agency.
pub(crate) fn plan(name: &str) -> Plan {
    let text = match name {
        "refund" => include_str!("../plans/acme.refund.plan.json"),
        _ => include_str!("../plans/acme.reply.plan.json"),
    };
    serde_json::from_str(text).expect("a plan")
}

use plan as named;

fn digest(plan: &Plan) -> Digest {
    plan.to_bytes().expect("bytes").1
}

/// The instant, so many seconds earlier.
pub(crate) fn before(seconds: i64) -> Wall {
    let now: Moment = id(NOW);
    Wall::from(Moment::from_seconds(now.seconds() - seconds))
}

impl Office for Played {
    type Store = Memory;

    fn store(&self) -> &Memory {
        &self.store
    }

    fn itself(&self) -> &Itself {
        &self.itself
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn place(&self) -> (Environment, Region) {
        (id("production"), id("eu"))
    }

    fn clock(&self) -> (Wall, Duration) {
        (before(0), Duration::from_secs(self.boot.load(Ordering::SeqCst)))
    }

    fn dice(&self) -> [u8; 32] {
        *Digest::of_file(&self.dice.fetch_add(1, Ordering::SeqCst).to_be_bytes()).as_bytes()
    }

    fn known(&self, who: &Who) -> Option<Known> {
        let client = who.client.as_ref().map(ClientId::as_str);
        let (name, _, seed) = PEOPLE.into_iter().find(|(name, at, _)| *name == who.person.as_str() && *at == client)?;
        let clients: BTreeSet<ClientId> = match name {
            "alice" => [id("acme")].into(),
            "bob" => [id("zenith")].into(),
            _ => BTreeSet::new(),
        };
        let viewer = Viewer { who: who.clone(), clients, oncall: name == "alice" };
        Some(Known { keys: [signer(seed).public().clone()].into(), viewer })
    }

    async fn status(&self) -> Result<Status, StoreError> {
        let plan = |name: &str| digest(&named(name));
        let status = json!({
            "type": "status", "schema": 1, "project": self.itself.project, "environment": "production", "region": "eu",
            "agent": self.itself.agent, "time": NOW, "version": "0.1.0",
            "release": {"root": 2, "generation": 1, "sequence": 128, "manifest": "ab".repeat(32), "commit": "4f1c9e2ad0".repeat(4), "fresh": "2026-03-02T09:00:00Z"},
            "workflows": {
                "acme": {
                    "refund": {"stage": "committed", "plan": plan("refund"), "named": plan("refund")},
                    "reply": {"stage": "trial", "plan": plan("reply"), "named": plan("reply"),
                        "trial": {"plan": plan("reply"), "since": "2026-03-02T08:20:00Z", "runs": 7, "failed": 0}},
                    "restock": {"stage": "returned", "plan": "cd".repeat(32), "named": "ce".repeat(32), "why": "failed_runs",
                        "refused": {"ce".repeat(32): "failed_runs"}}
                },
                "zenith": {"dunning": {"stage": "off", "why": "unapproved", "stale": true}}
            },
        });
        let mut status: Status = serde_json::from_value(status).expect("a status");
        status.holds.clone_from(&self.holds.lock().expect("a lock"));
        Ok(status)
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Plan>> {
        self.plans.get(digest).cloned()
    }

    fn written(&self, client: &ClientId, plan: &Digest) -> Option<Written> {
        let plan = self.plans.get(plan)?;
        let lines = plan
            .every_step()
            .enumerate()
            .map(|(place, step)| (step.id.clone(), 14 + 9 * u32::try_from(place).unwrap_or(0)));
        let file = format!("clients/{client}/workflows/{}.toml", plan.workflow);
        Some(Written { file, lines: lines.collect(), commit: "4f1c9e2ad0".repeat(4) })
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.facts.get(client).cloned()
    }

    fn questions(&self, client: &ClientId, person: &PersonId) -> Vec<Shown> {
        let questions = self.questions.lock().expect("a lock");
        let theirs = questions.iter().filter(|(to, shown)| to == person && shown.client == *client);
        theirs.map(|(_, shown)| again(shown)).collect()
    }

    async fn decide(
        &self,
        question: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> Result<(), NotTaken> {
        if question.signature {
            return Err(NotTaken::TooWeak);
        }
        self.questions.lock().expect("a lock").retain(|(_, shown)| shown.nonce != question.nonce);
        self.did(format!("{person} {choice:?} {edits:?}"));
        Ok(())
    }

    async fn decide_signed(&self, signed: SignedDecision) -> Result<(), NotTaken> {
        let decision = assent_agent::people::judge::read(&signed)?;
        let (_, _, seed) =
            PEOPLE.into_iter().find(|(name, ..)| *name == decision.person.as_str()).ok_or(NotTaken::BadSignature)?;
        let keys = [signer(seed).public().clone()].into();
        let verified = assent_schema::trust::verify(
            signed.decision.as_bytes(),
            signed.signature.as_bytes(),
            Namespace::Decision,
            &keys,
        );
        verified.or(Err(NotTaken::BadSignature))?;
        self.questions.lock().expect("a lock").retain(|(_, shown)| shown.nonce != decision.nonce);
        self.did(format!("{} signed {:?}", decision.person, decision.choice));
        Ok(())
    }

    fn incidents(&self) -> Result<Vec<IncidentRow>, StoreError> {
        let done: BTreeMap<_, _> = self.store.states(PREFIX)?.into_iter().collect();
        let mut rows = Vec::new();
        for row in self.store.incidents()? {
            let case = Case::read(row.clone(), done.get(&format!("{PREFIX}{}", row.no)).map(Vec::as_slice))?;
            rows.push(IncidentRow::of(&case, Some(case.opened().plus(Period::hours(1)))));
        }
        Ok(rows)
    }

    async fn step(&self, incident: i64, step: Step, by: PersonId) -> Done<()> {
        let row = self.store.incidents().expect("rows").into_iter().find(|row| row.no == incident).expect("a row");
        let case = Case::read(row, None).expect("a case");
        let (_, writes) = case.after(step, &Act { by, at: id(NOW) }).expect("a step");
        self.store.commit_now(Transaction { at: before(0), writes }).expect("a commit");
        Ok(())
    }

    async fn hold(&self, (client, what): (ClientId, HeldWhat), by: PersonId, why: Token, lasts: Period) -> Done<()> {
        self.did(format!("{by} holds {client}"));
        let (since, id) = (id::<Moment>(NOW), Token::new("h-1").expect("a token"));
        let hold = Hold { id, client, what, why, by, since, until: since.plus(lasts) };
        self.holds.lock().expect("a lock").push(hold);
        Ok(())
    }

    async fn resume(&self, (client, what): (ClientId, HeldWhat), by: PersonId) -> Done<()> {
        self.did(format!("{by} resumes {client}"));
        self.holds.lock().expect("a lock").retain(|hold| hold.client != client || hold.what != what);
        Ok(())
    }

    async fn roll_back(&self, (client, workflow): (ClientId, WorkflowId), by: PersonId) -> Done<Digest> {
        self.did(format!("{by} rolls {client}/{workflow} back"));
        Err(Refused { what: "no other plan ran healthily here".into(), help: "Nothing was changed.".into() })
    }

    async fn handle(&self, run: RunId, verb: Verb, by: PersonId, why: Token) -> Done<Option<RunId>> {
        self.did(format!("{by} {} because of {why}", verb.as_str()));
        let now = Transaction::new(before(0)).with(Write::Unqueue { run });
        self.store.commit_now(now).expect("a commit");
        Ok(None)
    }
}

/// A question holds content and has no copy of its own making.
fn again(shown: &Shown) -> Shown {
    serde_json::from_value(serde_json::to_value(shown).expect("json")).expect("a question")
}

/// A console that answers.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) said: Deeds,
    pub(crate) deeds: Deeds,
    store: Arc<Memory>,
    boot: Arc<AtomicU64>,
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
        let books = Noted { books: NoBooks::default(), said: Arc::clone(&said) };
        let store = Arc::new(Memory::open(Arc::default(), Box::new(books)));
        fill(&store);
        let (deeds, boot) = (Deeds::default(), Arc::new(AtomicU64::new(1_000)));
        let facts: ClientFacts = serde_json::from_str(include_str!("../plans/acme.client.json")).expect("facts");
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
            boot: Arc::clone(&boot),
            dice: AtomicU64::new(0),
            deeds: Arc::clone(&deeds),
        };
        said.lock().expect("a lock").clear();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (stop, stopped) = watch::channel(false);
        let (address, serving) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let console = Console::new(played, vec!["127.0.0.1".to_owned()], false);
            (address, tokio::spawn(serve(listener, console, stopped)))
        });
        Self { address, said, deeds, store: kept, boot, stop, runtime, serving: Some(serving) }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.boot.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Somebody answers all that waits in a run, elsewhere.
    pub(crate) fn answer(&self, (place, seconds): (u8, i64)) {
        let run = run(place, seconds);
        self.store.commit_now(Transaction::new(before(0)).with(Write::Close { run })).expect("a commit");
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
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
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
        let origin = format!("http://{}", self.address);
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

/// The id of one of the played runs.
pub(crate) fn run(place: u8, seconds: i64) -> RunId {
    RunId::new(before(seconds), [place; 10])
}

/// A run of `acme` that failed, one that waits, one of `zenith`.
pub(crate) const FAILED: (u8, i64) = (1, 1_500);
pub(crate) const WAITS: (u8, i64) = (2, 600);
pub(crate) const THEIRS: (u8, i64) = (3, 900);

fn accepted(client: &str, workflow: &str, number: u64, event: &str) -> Entry {
    let name = if workflow == "refund" { "refund" } else { "reply" };
    let value = json!({"accepted": {"client": client, "workflow": workflow, "plan": digest(&plan(name)), "number": number,
        "trigger": "webhook", "event": event, "fields": {"ticket_id": {"token": format!("T-{}", 40_000 + number)}}, "content": true}});
    serde_json::from_value(value).expect("a fact")
}

/// Writes the facts of a run, each so many milliseconds after its acceptance.
fn tell(store: &Memory, run: RunId, first: Entry, rest: &[(i64, Value)], done: bool) {
    let at = Wall::from_millis(run.millis());
    let begin = Transaction::new(at).with(Write::Open { run, sealed: None }).with(Write::Journal { run, entry: first });
    store.commit_now(begin).expect("a run");
    for (after, entry) in rest {
        let at = Wall::from_millis(run.millis() + after);
        let entry = serde_json::from_value(entry.clone()).unwrap_or_else(|e| panic!("{entry}: {e}"));
        store.commit_now(Transaction::new(at).with(Write::Journal { run, entry })).expect("a fact");
    }
    if done {
        store.commit_now(Transaction::new(at).with(Write::Close { run })).expect("an end");
    }
}

fn intent(step: &str, operation: &str, attempt: u32, effect: &str) -> Value {
    json!({"intent": {"step": step, "attempt": attempt, "operation": operation, "effect": effect}})
}

fn outcome(step: &str, attempt: u32, code: &str, status: u16) -> Value {
    json!({"outcome": {"step": step, "attempt": attempt, "code": code, "status": status}})
}

fn fill(store: &Memory) {
    let ticket = [(40, intent("ticket", "helpdesk.get_ticket", 1, "none")), (310, outcome("ticket", 1, "ok", 200))];
    let sorted = |intent: &str| json!({"answered": {"step": "intent", "ended": "answered", "facts": {"intent": {"token": intent}}}});
    let when = |step: &str, runs: bool| json!({"when": {"step": step, "runs": runs}});
    let ended = |ending: &str| json!({"ended": {"ending": ending}});

    for place in 0..24_u8 {
        let number = 18_400 + u64::from(place);
        let run = run(100 + place, 90_000 - 3_000 * i64::from(place));
        let shipping = place % 3 == 1;
        let mut rest = ticket.to_vec();
        rest.push((1_900, sorted(if shipping { "shipping" } else { "refund" })));
        rest.push((1_901, when("order", !shipping)));
        if shipping {
            rest.extend([(1_902, when("agree", false)), (1_903, when("pay", false)), (1_904, ended("done"))]);
        } else {
            rest.extend([
                (1_960, intent("order", "shop.get_order", 1, "none")),
                (2_140, outcome("order", 1, "ok", 200)),
                (2_141, when("agree", true)),
                (900_000, json!({"decided": {"step": "agree", "choice": "approve", "by": "lena"}})),
                (900_001, when("pay", true)),
                (900_040, intent("pay", "payments.refund", 1, "money")),
                (900_420, outcome("pay", 1, "ok", 201)),
                (900_421, ended("done")),
            ]);
        }
        tell(store, run, accepted("acme", "refund", number, &format!("evt-{number}")), &rest, true);
    }

    let failed = run(FAILED.0, FAILED.1);
    let mut rest = ticket.to_vec();
    rest.extend([
        (1_900, sorted("refund")),
        (1_901, when("order", true)),
        (1_940, intent("order", "shop.get_order", 1, "none")),
        (2_200, outcome("order", 1, "unavailable", 503)),
        (4_100, intent("order", "shop.get_order", 2, "none")),
        (4_400, outcome("order", 2, "unavailable", 503)),
        (22_000, intent("order", "shop.get_order", 3, "none")),
        (22_300, outcome("order", 3, "unavailable", 503)),
        (22_301, json!({"ended": {"ending": "failed", "step": "order", "code": "unavailable"}})),
    ]);
    tell(store, failed, accepted("acme", "refund", 18_424, "evt-18424"), &rest, true);
    let item: QueueItem = serde_json::from_value(json!({
        "run": failed, "client": "acme", "workflow": "refund", "queue": "support", "why": "unavailable", "step": "order",
        "open": "https://acme.helpdesk.example/tickets/T-58424", "event": "evt-18424", "since": before(1_470).millis(),
    })).expect("an item");
    let odd: QueueItem = serde_json::from_value(json!({
        "run": run(9, 5_000), "client": "acme", "workflow": "reply", "queue": "support", "why": "in_doubt", "step": "send",
        "open": "javascript:alert(1)", "event": SCRIPT, "since": before(5_000).millis(),
        "done": [{"step": "keep", "operation": "helpdesk.keep_note"}, {"step": "send", "operation": "helpdesk.reply_ticket", "in_doubt": true}],
    })).expect("an item");
    tell(store, run(9, 5_000), accepted("acme", "reply", 18_423, SCRIPT), &[], false);
    let theirs: QueueItem = serde_json::from_value(json!({
        "run": run(THEIRS.0, THEIRS.1), "client": "zenith", "workflow": "dunning", "queue": "support", "why": "zenith_secret_cause",
        "event": "evt-z", "since": before(800).millis(),
    })).expect("an item");
    let queue = [item, odd, theirs]
        .into_iter()
        .fold(Transaction::new(before(700)), |t, item| t.with(Write::Queue(Box::new(item))));
    store.commit_now(queue).expect("a queue");

    let waits = run(WAITS.0, WAITS.1);
    let mut rest = ticket.to_vec();
    let asked = waiting("acme", waits, "refund", "agree", "leads", 7);
    rest.extend([
        (1_900, sorted("refund")),
        (1_901, when("order", true)),
        (1_960, intent("order", "shop.get_order", 1, "none")),
        (2_140, outcome("order", 1, "ok", 200)),
        (2_141, when("agree", true)),
        (2_150, json!({"asked": asked})),
    ]);
    tell(store, waits, accepted("acme", "refund", 18_425, "evt-18425"), &rest, false);
    tell(store, run(THEIRS.0, THEIRS.1), accepted("zenith", "dunning", 77, "evt-z"), &[(10, ended("done"))], true);
    let zenith = waiting("zenith", run(THEIRS.0, THEIRS.1), "dunning", "agree", "leads", 8);
    let other = waiting("acme", waits, "reply", "other", "others", 9);
    for question in [asked, zenith, other] {
        let question = serde_json::from_value(question).expect("a question");
        store.commit_now(Transaction::new(before(598)).with(Write::Ask(Box::new(question)))).expect("a question");
    }

    for (rule, client, connection, code, incident) in [
        ("run-failed", "acme", "shop", "unavailable", true),
        ("rotation-overdue", "acme", "payments", "overdue", false),
        ("run-failed", "zenith", "bank", "timeout", true),
    ] {
        let alert = serde_json::from_value(json!({"rule": rule, "client": client, "workflow": if client == "acme" { "refund" } else { "dunning" }, "connection": connection, "code": code, "incident": incident})).expect("an alert");
        store.commit_now(Transaction::new(before(1_400)).with(Write::Alert(alert))).expect("an alert");
    }
    kpis(store);
}

fn waiting(client: &str, run: RunId, workflow: &str, step: &str, by: &str, nonce: u8) -> Value {
    let since = before(598).millis();
    json!({"run": run, "client": client, "workflow": workflow, "plan": digest(&plan("refund")), "step": step, "by": by,
        "since": since, "until": since + 4 * 3_600_000, "nonce": Digest::from_bytes([nonce; 32]), "shown": Digest::from_bytes([70; 32])})
}

fn kpis(store: &Memory) {
    let hour = before(0).millis() / 3_600_000;
    let mut transaction = Transaction::new(before(10));
    let mut count = |name: String, add: i64| transaction.writes.push(Write::Count { name, add, most: None });
    for day in 0..30_i64 {
        let at = hour - 24 * day - 2;
        let many = 18 + (day * 37 + 11) % 29 - if day % 7 == 1 || day % 7 == 2 { 12 } else { 0 };
        count(format!("kpi/acme/refund/refunds/{at}/intent.intent=refund"), many);
        count(format!("kpi/acme/refund/refunds/{at}/intent.intent=shipping"), i64::from(day == 4) * 3);
        count(format!("kpi/acme/refund/refunded/{at}/currency=EUR"), many * 4_215 + day * 311);
        count(format!("kpi-runs/acme/refund/refunded/{at}/1/currency=EUR"), many);
        count(format!("kpi/acme/reply/answered/{at}"), if day % 3 == 0 { 2 } else { 40 + day * 5 % 31 });
    }
    count(format!("kpi/zenith/dunning/zenith_count/{hour}"), 12);
    store.commit_now(transaction).expect("counts");
}

/// What waits for people: a refund for Lena that needs a signature, a reply that she may change, and one for Otto.
fn questions(itself: &Itself) -> Vec<(PersonId, Shown)> {
    let of = |person: &str, workflow: &str, nonce: u8, signature: bool, values: Value, edit: Value| {
        let salt = Digest::from_bytes([60 + nonce; 32]);
        let shown = json!({
            "project": itself.project, "client": "acme", "approvers": Digest::from_bytes([2; 32]), "agent": itself.agent,
            "run": run(WAITS.0, WAITS.1), "workflow": workflow, "step": "agree", "plan": digest(&plan(workflow)), "guardrail": false,
            "by": "leads", "until": "2026-03-02T13:04:00Z", "signature": signature, "values": values, "edit": edit, "salt": salt,
            "shown": Digest::from_bytes([70; 32]), "nonce": Digest::from_bytes([nonce; 32]),
        });
        (id(person), serde_json::from_value(shown).expect("a question"))
    };
    let long = format!(
        "Hello,\n\nthe zip of my jacket broke on the second day. I would like my money back.\n\n{}\nThank you,\nRobin",
        "It rained all week. ".repeat(40)
    );
    vec![
        of(
            "lena",
            "refund",
            7,
            true,
            json!({"ticket.subject": "Broken zip, please refund", "order.id": "A-100423", "order.payment": "PSP-8812", "order.total": {"currency": "EUR", "minor": 12_990}}),
            json!([]),
        ),
        of(
            "lena",
            "reply",
            10,
            false,
            json!({
            "ticket.subject": SCRIPT, "ticket.body": long, "ticket.id": "T-58425",
            "reply.text": "Hello Robin,\n\nwe are sorry about the zip. You can send the jacket back within 30 days.\n\nYour Acme team",
            "reply.cited": ["returns-30-days", "warranty"]}),
            json!(["reply.text"]),
        ),
        of("otto", "reply", 9, false, json!({"ticket.subject": "otto_only"}), json!([])),
    ]
}

/// A signed challenge.
pub(crate) fn signature(seed: u8, challenge: &str) -> String {
    sign(&signer(seed), Namespace::Console, challenge.as_bytes())
}

/// A signed decision.
pub(crate) fn decided(seed: u8, decision: &str) -> String {
    sign(&signer(seed), Namespace::Decision, decision.as_bytes())
}
