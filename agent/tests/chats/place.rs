//! A desk whose questions go to a Slack and a helpdesk that stand in for the real ones, all of it over loopback HTTP.

#[path = "../support/fixed.rs"]
mod fixed;
#[path = "../support/noted.rs"]
mod noted;
#[path = "../support/post.rs"]
mod post;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use assent_agent::accept::webhook;
use assent_agent::desk::FrontDesk;
use assent_agent::listen;
use assent_agent::people::Itself;
use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::run::Engine;
use assent_agent::store::{Memory, Store as _};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, PersonId};
use assent_schema::plan::Plan;
use assent_schema::time::Moment;
use assent_schema::trust::Signer;
use fixed::{Fixed, compiled, only};
use hmac::{Hmac, Mac as _};
use noted::noted;
use post::{exchange, request, status};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What Slack signs with.
pub(crate) const SIGNING: &[u8] = b"8f742231b10e8888abcd99yyyzzz85a5";
/// What the helpdesk signs with.
pub(crate) const WEBHOOK: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Lena in Slack.
pub(crate) const LENA: (&str, &str) = ("T1DC2JH3J", "U2CERLKJA");
/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a test wants otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Up to how much an account decides, in cents.
    pub(crate) chat_up_to: Option<i64>,
    /// The most private class that Slack may show.
    pub(crate) shows: &'static str,
    /// What the person sees.
    pub(crate) show: &'static [&'static str],
    /// Whether a yes moves money.
    pub(crate) pays: bool,
    /// Who wrote the workflow.
    pub(crate) author: Option<&'static str>,
    /// How long the question waits.
    pub(crate) within: &'static str,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            chat_up_to: Some(5_000),
            shows: "reference",
            show: &["trigger.ticket_id", "trigger.total"],
            pays: true,
            author: None,
            within: "4h",
        }
    }
}

fn plan(wanted: Wanted) -> Plan {
    let reference =
        |at: &str, shape: Value| json!({"at": at, "shape": shape, "class": "reference", "written_by": "system"});
    let money = json!({"type": "money", "wire": {"value": "cents", "currency": {"at": "currency"}, "unit": "minor"}});
    let token = json!({"type": "token"});
    let param =
        |at: &str, shape: &Value, class: &str| json!({"place": "body", "at": at, "shape": shape, "class": class});
    let text = json!({"type": "text", "most_bytes": 30000});
    let operation = |effect: &str, path: &str, encoding: &str, params: Value, response: Value| {
        json!({"record": "posted", "method": "POST", "path": path, "encoding": encoding, "effect": effect, "scopes": [],
            "params": params, "response": response, "most_bytes": 65536, "timeout": "5s",
            "errors": [{"body": {"at": "error", "equals": "ratelimited"}, "kind": "throttled", "code": "ratelimited"}]})
    };
    let mut target = param("channel", &token, "reference");
    target["target"] = json!(true);
    let ticket = json!({"place": "path", "at": "ticket", "shape": token, "class": "reference", "target": true});
    let mut amount = param("amount", &money, "reference");
    amount["amount"] = json!(true);
    let post = json!({"channel": target, "text": param("text", &text, "content"), "blocks": param("blocks", &text, "content")});
    let mut update = post.clone();
    update["ts"] = param("ts", &token, "reference");
    let posted = json!({"channel": reference("channel", token.clone()), "ts": reference("ts", token.clone())});
    let mut operations = json!({
        "chat.post_message": operation("draft", "/api/chat.postMessage", "form", post, posted),
        "chat.update_message": operation("draft", "/api/chat.update", "form", update, json!({})),
        "desk.add_note": operation("draft", "/tickets/{ticket}/notes", "json", json!({"ticket": ticket, "text": param("text", &text, "content")}), json!({})),
    });
    let via = json!(["page", {"slack": "chat"}, {"helpdesk": {"connection": "desk", "on": "trigger.ticket_id"}}]);
    let mut steps = vec![
        json!({"id": "agree", "action": {"kind": "decide", "by": "leads", "show": wanted.show, "within": wanted.within, "via": via}}),
    ];
    if wanted.pays {
        operations["shop.pay"] = operation("money", "/pay", "json", json!({"amount": amount}), json!({}));
        steps.push(json!({"id": "pay", "when": "agree.approved", "action": {"kind": "call", "operation": "shop.pay",
            "with": {"amount": "${trigger.total}"}, "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}));
    }
    let said = json!({"ticket": reference("data.ticket", token.clone()), "by": reference("data.by", token.clone()),
        "text": {"at": "data.text", "shape": {"type": "text", "most_bytes": 2000}, "class": "content", "written_by": "anyone"}});
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "Pay a refund once a person agrees",
        "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "webhook", "connection": "desk", "event": "ticket.created", "dialect": "standard-webhooks",
            "matches": {"topic": "ticket.created"}, "record": "ticket", "fields": {
                "ticket_id": reference("data.id", token), "total": reference("data", money),
                "text": {"at": "data.text", "shape": {"type": "text", "most_bytes": 9000}, "class": "content", "written_by": "anyone"}}},
        "limits": {"timeout": "10m", "concurrency": 8},
        "connections": {"chat": {"integration": "slack"}, "desk": {"integration": "desk"}, "shop": {"integration": "shop"}},
        "operations": operations,
        "chats": {"chat": {"kind": "slack", "post": "post_message", "update": "update_message"},
            "desk": {"kind": "helpdesk", "post": "add_note", "answer": {"connection": "desk", "event": "note.created", "dialect": "standard-webhooks",
                "matches": {"topic": "note.created"}, "record": "note", "fields": said, "self": {"at": "data.by", "equals": "bot"}}}},
        "steps": steps, "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

fn facts(wanted: Wanted) -> ClientFacts {
    let connection = |name: &str, shows: &str, slots: Value| {
        json!({"to": {"integration": {"name": name, "shows": shows}}, "host": "127.0.0.1", "region": "eu", "auth": {"kind": "none"},
            "slots": slots, "private_addresses": true})
    };
    let secret = json!({"webhook": {"rotate": "90d", "webhook": true}});
    let key = Signer::from_seed(&[1; 32]).expect("a key").public().to_string();
    let person = |user: &str, agent: &str| json!({"keys": [key], "accounts": {"chat": format!("{}/{user}", LENA.0), "desk": agent}});
    let up_to = wanted.chat_up_to.map_or(json!({}), |most| json!({"EUR": most}));
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "chat_up_to": up_to,
        "deciders": {"leads": ["lena"], "others": ["otto"]},
        "people": {"lena": person(LENA.1, "agent-1"), "otto": person("U0OTTO", "agent-2")}, "routes": [],
        "connections": {"chat": connection("slack", wanted.shows, secret.clone()), "desk": connection("desk", "content", secret),
            "shop": connection("shop", "reference", json!({}))},
        "limits": {"running": 8, "waiting": 100},
    }))
    .expect("facts")
}

/// What was noted, and the call of who waits for more.
type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A request that reached the outside.
pub(crate) struct Reached {
    /// Its path.
    pub(crate) path: String,
    /// Its body.
    pub(crate) body: String,
}

/// The fields of a form.
pub(crate) fn form(body: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// Slack, the helpdesk and the shop: takes what comes and answers that it did.
fn outside() -> (SocketAddr, mpsc::Receiver<Reached>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, reached) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let sender = sender.clone();
            std::thread::spawn(move || answer(stream, &sender));
        }
    });
    (address, reached)
}

fn answer(mut stream: TcpStream, reached: &mpsc::Sender<Reached>) {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let reply = r#"{"ok":true,"channel":"D024BE91L","ts":"1503435956.000247"}"#;
        let whole = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{reply}",
            reply.len()
        );
        drop(stream.write_all(whole.as_bytes()));
        drop(reached.send(Reached { path, body: body.to_owned() }));
        bytes.clear();
    }
}

/// A desk, what stands in for the outside, and what was noted.
pub(crate) struct Place {
    address: SocketAddr,
    reached: mpsc::Receiver<Reached>,
    lines: Lines,
    store: Arc<Memory>,
    stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
    serving: Vec<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(wanted: Wanted) -> Self {
        let (outside, reached) = outside();
        let lines: Lines = Arc::default();
        let said = Arc::clone(&lines);
        let books = noted(move |note| {
            let actor = note.actor.as_ref().map_or("-", PersonId::as_str);
            let facts = ["code", "operation", "choice", "through"];
            let told = facts.iter().filter_map(|name| note.data.get(*name)).filter_map(Value::as_str);
            let line = [note.kind, actor].into_iter().chain(told).collect::<Vec<_>>().join(" ");
            said.0.lock().expect("a lock").push(line);
            said.1.notify_all();
        });
        let store = Arc::new(Memory::open(Arc::default(), books));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let net = RealNet::new(tls::connector(&[]).expect("roots"));
        let mut egress = Egress::default();
        for name in ["chat", "desk", "shop"] {
            let (client, connection) = ("acme".parse().expect("an id"), name.parse().expect("an id"));
            egress.allow(&client, &connection, "127.0.0.1", outside.port());
        }
        net.permit(egress);
        let disk = RealDisk::open(folder.path()).expect("a folder");
        let keyring = RealKeyring::new("chats-test");
        let world = Arc::new(Real { clock: RealClock, dice: RealDice, net, disk, keyring });
        let (url, secrets) =
            (Some(format!("http://{outside}")), &[("chat/webhook", SIGNING), ("desk/webhook", WEBHOOK)]);
        let fixed = Fixed::new(only(compiled(plan(wanted))), facts(wanted));
        let deployed = Arc::new(Fixed { url, secrets, author: wanted.author, ..fixed });
        let itself = Itself { project: Digest::from_bytes([1; 32]), agent: AgentId::new("eu-1").expect("an id") };
        let (stop, stopped) = watch::channel(false);
        let kept = Arc::clone(&store);
        let (address, serving) = runtime.block_on(async {
            let engine = Engine::open(Arc::clone(&world), kept, Arc::clone(&deployed)).await.expect("an engine");
            let registry = Arc::clone(&deployed);
            let desk = FrontDesk::open(world, engine, deployed, registry, itself).await.expect("a desk");
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let hosts = vec!["127.0.0.1".to_owned()];
            let chats = Arc::clone(&desk);
            let (page, chats_stop) = (Some("https://console.example/".to_owned()), stopped.clone());
            let telling = tokio::spawn(async move { chats.keep_chats(page, chats_stop).await.expect("a store") });
            (address, vec![tokio::spawn(listen::serve(listener, hosts, desk, stopped)), telling])
        });
        Self { address, reached, lines, store, stop, runtime, serving, _folder: folder }
    }

    /// A ticket comes; the message to Lena and the note on the ticket, as they reach the outside.
    pub(crate) fn asked(&self, cents: i64, text: &str) -> (Reached, Reached) {
        let body =
            json!({"topic": "ticket.created", "data": {"id": "T-1", "cents": cents, "currency": "EUR", "text": text}});
        let body = body.to_string();
        let signed = webhook::sign(WEBHOOK, &format!("msg_{cents}"), now(), body.as_bytes()).unwrap_or_default();
        let (status, answer) = self.post("/hooks/acme/refund", &signed, body.as_bytes());
        assert_eq!(status, 202, "{answer}");
        let (first, second) = (self.next(), self.next());
        // Both arrived, and that is written down.
        self.until(|lines| lines.iter().filter(|line| *line == "outcome - ok").count() == 2);
        if first.path.starts_with("/api/") { (first, second) } else { (second, first) }
    }

    /// What reaches the outside next.
    pub(crate) fn next(&self) -> Reached {
        self.reached.recv_timeout(PATIENCE).expect("a request")
    }

    /// Whether nothing else has reached it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.reached.try_recv().is_err()
    }

    /// What the ledger was told since the last call.
    pub(crate) fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.0.lock().expect("a lock"))
    }

    /// Waits until the ledger was told something.
    pub(crate) fn until(&self, told: impl Fn(&[String]) -> bool) {
        let lines = self.lines.0.lock().expect("a lock");
        let waited = self.lines.1.wait_timeout_while(lines, PATIENCE, |lines| !told(lines)).expect("a lock");
        assert!(!waited.1.timed_out(), "{:?}", waited.0);
    }

    /// How many questions wait.
    pub(crate) fn waiting(&self) -> usize {
        self.store.waiting().expect("a store").len()
    }

    pub(crate) fn post(&self, path: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> (u16, String) {
        let (head, body) = exchange(self.address, &request(self.address, path, headers, body));
        (status(&head), body)
    }

    /// A press of a button, signed as Slack signs.
    pub(crate) fn press(&self, press: &Press<'_>) -> (u16, String) {
        let body = press.body();
        self.post("/answers/acme/chat", &slack_signature(press.secret, press.at, &body), body.as_bytes())
    }

    /// A note that somebody writes in the helpdesk, signed as it signs.
    pub(crate) fn note(&self, id: &str, by: &str, text: &str) -> (u16, String) {
        let body = json!({"topic": "note.created", "data": {"ticket": "T-1", "by": by, "text": text}}).to_string();
        let signed = webhook::sign(WEBHOOK, id, now(), body.as_bytes()).unwrap_or_default();
        self.post("/answers/acme/desk", &signed, body.as_bytes())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for serving in self.serving.drain(..) {
            drop(self.runtime.block_on(serving));
        }
    }
}

/// A press of a button.
#[derive(Clone)]
pub(crate) struct Press<'a> {
    /// Which button.
    pub(crate) action: &'a str,
    /// The value that it holds.
    pub(crate) value: &'a str,
    /// Who presses.
    pub(crate) by: (&'a str, &'a str),
    /// When Slack signs it.
    pub(crate) at: Moment,
    /// With what.
    pub(crate) secret: &'a [u8],
}

impl<'a> Press<'a> {
    /// Lena says yes, now.
    pub(crate) fn yes(nonce: &'a str) -> Self {
        Press { action: "assent_yes", value: nonce, by: LENA, at: now(), secret: SIGNING }
    }

    /// The body as Slack sends it.
    pub(crate) fn body(&self) -> String {
        // The form of Slack's `block_actions` payload.
        let payload = json!({
            "type": "block_actions", "team": {"id": self.by.0, "domain": "acme"},
            "user": {"id": self.by.1, "username": "somebody", "name": "somebody", "team_id": self.by.0},
            "api_app_id": "A2CJK3XVV", "token": "9s8d9as89d8as9d8as989",
            "container": {"type": "message", "message_ts": "1503435956.000247", "channel_id": "D024BE91L", "is_ephemeral": false},
            "trigger_id": "12466734323.1395872398", "channel": {"id": "D024BE91L", "name": "directmessage"},
            "response_url": "https://hooks.slack.com/actions/T1DC2JH3J/1234/abc",
            "actions": [{"type": "button", "block_id": "assent", "action_id": self.action, "value": self.value,
                "text": {"type": "plain_text", "text": "Yes, do it", "emoji": false}, "action_ts": "1548426417.840180"}],
        });
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
    }
}

/// How Slack signs.
///
/// Source: Slack, "Verifying requests from Slack".
pub(crate) fn slack_signature(secret: &[u8], at: Moment, body: &str) -> Vec<(String, Vec<u8>)> {
    let time = at.seconds().to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("a key");
    mac.update(format!("v0:{time}:{body}").as_bytes());
    let hex = mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    vec![
        ("x-slack-request-timestamp".to_owned(), time.into_bytes()),
        ("x-slack-signature".to_owned(), format!("v0={hex}").into_bytes()),
        ("content-type".to_owned(), b"application/x-www-form-urlencoded".to_vec()),
    ]
}

pub(crate) fn now() -> Moment {
    RealClock.now().moment()
}

/// The buttons of a message: what a press says, by name.
pub(crate) fn buttons(message: &Reached) -> BTreeMap<String, String> {
    let blocks: Value = serde_json::from_str(&form(&message.body)["blocks"]).expect("blocks");
    let elements = blocks.as_array().expect("a list").iter().filter(|block| block["type"] == "actions");
    let buttons = elements.flat_map(|block| block["elements"].as_array().expect("a list").clone());
    let told = |button: Value| {
        let value = button["value"].as_str().or_else(|| button["url"].as_str()).expect("a value").to_owned();
        (button["action_id"].as_str().expect("an id").to_owned(), value)
    };
    buttons.map(told).collect()
}
