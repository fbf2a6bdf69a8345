//! The client's systems, played on loopback: a helpdesk, a shop, payments, an AI provider, a chat, an alert receiver.
//!
//! Answers have the shapes that `examples/agency/catalog` declares. Payments deduplicates by `Idempotency-Key`, as the
//! real one does, and counts the refunds that were really made.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::Error;

/// The order number that the demo's customer types.
pub const ORDER: &str = "o-1001";
/// What the customer writes; nothing of it may ever be found on the agent's disk.
pub const TICKET_TEXT: &str = "CANARY-7f3a my tent leaks, please refund order o-1001. Robin, robin@example.com";

/// The point at which money has moved and nobody was told yet.
pub const REFUNDED: &str = "refunded";

/// The most that a request may carry.
const BODY_MOST_BYTES: usize = 2 << 20;

/// What the outside has seen so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests in order, as `system operation`.
    pub requests: Vec<String>,
    /// Refunds that were really made: one for each key.
    pub refunds: BTreeSet<String>,
    /// Refund requests that repeated a key.
    pub repeated: u32,
    /// Alerts that arrived.
    pub alerts: u32,
    /// What they said.
    pub told: Vec<Value>,
    /// Messages that a chat took: its method, and the form that it was sent.
    pub messages: Vec<(String, String)>,
    /// Requests that had to wait at a point.
    pub waited: usize,
}

/// The systems, reachable until they are dropped.
#[derive(Debug)]
pub struct Outside {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    held: watch::Sender<Option<&'static str>>,
    /// Runs them; they end with it.
    _runtime: Runtime,
}

impl Outside {
    /// Starts them on a free port of loopback.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub fn start() -> Result<Self, Error> {
        let tried = |e| Error::io("listen on loopback for the client's systems", e);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(tried)?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).map_err(tried)?;
        let address = listener.local_addr().map_err(tried)?;
        let (seen, held) = (Arc::new(Mutex::new(Seen::default())), watch::Sender::new(None));
        let played = Played { seen: Arc::clone(&seen), held: held.subscribe() };
        drop(runtime.spawn(serve(listener, played)));
        Ok(Self { address, seen, held, _runtime: runtime })
    }

    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets requests wait at a point, and at no other: before a system (the first segment of its path) takes them, or
    /// at [`REFUNDED`]. A request that its sender gives up meanwhile goes no further.
    pub fn hold(&self, point: Option<&'static str>) {
        self.held.send_replace(point);
    }

    /// Looks at what was seen.
    pub fn look<T>(&self, ask: impl FnOnce(&Seen) -> T) -> T {
        ask(&locked(&self.seen))
    }
}

/// What each connection knows.
#[derive(Clone, Debug)]
struct Played {
    seen: Arc<Mutex<Seen>>,
    held: watch::Receiver<Option<&'static str>>,
}

impl Played {
    async fn pass(&self, point: &str) {
        let mut held = self.held.clone();
        if *held.borrow_and_update() == Some(point) {
            locked(&self.seen).waited += 1;
            // An error says that the story is over.
            drop(held.wait_for(|held| *held != Some(point)).await);
        }
    }
}

/// Takes connections until the task is aborted; with it end all that are open.
async fn serve(listener: TcpListener, played: Played) {
    let mut open = JoinSet::new();
    // When nothing can be accepted any more the story notices: nothing answers.
    while let Ok((stream, _)) = listener.accept().await {
        while open.try_join_next().is_some() {}
        drop(open.spawn(connection(stream, played.clone())));
    }
}

async fn connection(stream: TcpStream, played: Played) {
    let service = service_fn(move |request| {
        let played = played.clone();
        async move { Ok::<_, Infallible>(handle(request, &played).await) }
    });
    // A connection that breaks is the agent's to notice and to repeat.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

type Answer = Response<Full<Bytes>>;

async fn handle(request: Request<Incoming>, played: &Played) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MOST_BYTES).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    played.pass(path.first().copied().unwrap_or_default()).await;
    let seen = played.seen.as_ref();
    match (&head.method, path.as_slice()) {
        (&Method::GET, ["helpdesk", "tickets", id]) => ticket(seen, id),
        (&Method::PUT, ["helpdesk", "tickets", id]) => assign(seen, id, &body.to_bytes()),
        (&Method::GET, ["shop", "orders", id]) => order(seen, id),
        (&Method::POST, ["payments", "v72", "payments", id, "refunds"]) => {
            let refunded = refund(seen, id, &head.headers);
            played.pass(REFUNDED).await;
            refunded
        }
        (&Method::POST, ["ai", "v1", "chat", "completions"]) => complete(seen, &body.to_bytes()),
        (&Method::POST, ["api", method]) => chat(seen, method, &body.to_bytes()),
        (_, ["alerts", _, ..]) => alert(seen, &body.to_bytes()),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(seen: &Mutex<Seen>, what: String) {
    locked(seen).requests.push(what);
}

fn ticket(seen: &Mutex<Seen>, id: &str) -> Answer {
    note(seen, format!("helpdesk get_ticket {id}"));
    let body = json!({
        "id": id,
        "ticket_attributes": {
            "_default_title_": "Leaking tent",
            "_default_description_": TICKET_TEXT,
            "order_id": ORDER,
            "contact_id": "c-77",
        },
        "ticket_state": {"category": "submitted"},
        "ignored": {"phone": "+1 555-0142"},
    });
    answer(StatusCode::OK, &body)
}

/// Teams that the helpdesk has.
const TEAMS: [&str; 3] = ["7001", "7002", "7003"];

fn assign(seen: &Mutex<Seen>, id: &str, request: &[u8]) -> Answer {
    note(seen, format!("helpdesk assign_ticket {id}"));
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let team = request.pointer("/assignment/assignee_id").and_then(Value::as_str).unwrap_or_default();
    if TEAMS.contains(&team) {
        answer(StatusCode::OK, &json!({"id": id, "team_assignee_id": team}))
    } else {
        answer(StatusCode::NOT_FOUND, &json!({"errors": [{"code": "not_found"}]}))
    }
}

fn order(seen: &Mutex<Seen>, id: &str) -> Answer {
    note(seen, format!("shop get_order {id}"));
    let body = json!({
        "id": id,
        "customer": {"helpdesk_id": "c-77", "name": "Robin Example"},
        "payment": {"reference": "psp-4711"},
        "total": {"cents": 4900, "currency": "EUR"},
        "state": "delivered",
        "placed_at": "2026-11-01T10:00:00Z",
    });
    answer(StatusCode::OK, &body)
}

fn refund(seen: &Mutex<Seen>, id: &str, headers: &HeaderMap) -> Answer {
    let key = headers.get("Idempotency-Key").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    if key.is_empty() {
        return answer(StatusCode::BAD_REQUEST, &json!({"errorCode": "702"}));
    }
    note(seen, format!("payments refund {id}"));
    let mut seen = locked(seen);
    if !seen.refunds.insert(key) {
        seen.repeated += 1;
    }
    answer(StatusCode::CREATED, &json!({"pspReference": "psp-4712", "status": "received"}))
}

/// Answers as a chat-completions endpoint with structured output: the schema in the request says which question it is.
fn complete(seen: &Mutex<Seen>, request: &[u8]) -> Answer {
    note(seen, "ai chat".to_owned());
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let wanted = request.pointer("/response_format/json_schema/schema/properties");
    let asked = |name: &str| wanted.and_then(|w| w.get(name)).is_some();
    let said = if asked("intent") {
        json!({"intent": "refund", "confidence": 0.93})
    } else if asked("team") {
        json!({"team": "products"})
    } else {
        json!({"reply": "Thank you, we look into it.", "sources": []})
    };
    let body = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said.to_string()}}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140},
    });
    answer(StatusCode::OK, &body)
}

/// Answers as a chat's web API does: where the message stands.
fn chat(seen: &Mutex<Seen>, method: &str, form: &[u8]) -> Answer {
    note(seen, format!("chat {method}"));
    locked(seen).messages.push((method.to_owned(), String::from_utf8_lossy(form).into_owned()));
    answer(StatusCode::OK, &json!({"ok": true, "channel": "D024BE91L", "ts": "1503435956.000247"}))
}

fn alert(seen: &Mutex<Seen>, body: &[u8]) -> Answer {
    let mut seen = locked(seen);
    seen.alerts += 1;
    seen.told.extend(serde_json::from_slice::<Value>(body).ok());
    drop(seen);
    empty(StatusCode::ACCEPTED)
}
