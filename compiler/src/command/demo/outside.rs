//! The client's systems, played on loopback: a helpdesk, a shop, payments, an AI provider, an alert receiver.
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
use tokio::task::JoinSet;

use crate::error::Error;

/// The order number that the demo's customer types.
pub(super) const ORDER: &str = "o-1001";
/// What the customer writes; nothing of it may ever be found on the agent's disk.
pub(super) const TICKET_TEXT: &str = "CANARY-7f3a my tent leaks, please refund order o-1001. Robin, robin@example.com";

/// The most that a request may carry.
const BODY_MOST_BYTES: usize = 2 << 20;

/// What the outside has seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Requests in order, as `system operation`.
    pub(super) requests: Vec<String>,
    /// Refunds that were really made: one for each key.
    pub(super) refunds: BTreeSet<String>,
    /// Refund requests that repeated a key.
    pub(super) repeated: u32,
    /// Alerts that arrived.
    pub(super) alerts: u32,
}

/// The systems, reachable until they are dropped.
#[derive(Debug)]
pub(super) struct Outside {
    /// Where they listen.
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Outside {
    /// Starts them on a free port of loopback.
    pub(super) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|e| Error::io("listen on loopback for the client's systems", e))?;
        let address = listener.local_addr().map_err(|e| Error::io("read the listening address", e))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(serve(listener, Arc::clone(&seen)));
        Ok(Self { address, seen, task })
    }

    /// Looks at what was seen.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Seen) -> T) -> T {
        ask(&locked(&self.seen))
    }
}

/// Takes connections until the task is aborted; with it end all that are open.
async fn serve(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    let mut open = JoinSet::new();
    // When nothing can be accepted any more the story notices: nothing answers.
    while let Ok((stream, _)) = listener.accept().await {
        while open.try_join_next().is_some() {}
        drop(open.spawn(connection(stream, Arc::clone(&seen))));
    }
}

async fn connection(stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let service = service_fn(move |request| {
        let seen = Arc::clone(&seen);
        async move { Ok::<_, Infallible>(handle(request, &seen).await) }
    });
    // A connection that breaks is the agent's to notice and to repeat.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

type Answer = Response<Full<Bytes>>;

async fn handle(request: Request<Incoming>, seen: &Mutex<Seen>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MOST_BYTES).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    match (&head.method, path.as_slice()) {
        (&Method::GET, ["helpdesk", "tickets", id]) => ticket(seen, id),
        (&Method::PUT, ["helpdesk", "tickets", id]) => assign(seen, id),
        (&Method::GET, ["shop", "orders", id]) => order(seen, id),
        (&Method::POST, ["payments", "v72", "payments", id, "refunds"]) => refund(seen, id, &head.headers),
        (&Method::POST, ["ai", "v1", "chat", "completions"]) => complete(seen, &body.to_bytes()),
        (_, ["alerts", _, ..]) => alert(seen),
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

fn assign(seen: &Mutex<Seen>, id: &str) -> Answer {
    note(seen, format!("helpdesk assign_ticket {id}"));
    answer(StatusCode::OK, &json!({"id": id, "team_assignee_id": "7001"}))
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

fn alert(seen: &Mutex<Seen>) -> Answer {
    locked(seen).alerts += 1;
    empty(StatusCode::ACCEPTED)
}
