//! The client's systems, played on loopback: a helpdesk, a shop, payments, an AI provider, an alert receiver.
//!
//! Answers have the shapes that `examples/agency/catalog` declares. Payments deduplicates by `Idempotency-Key`, as the
//! real one does, and counts the refunds that were really made.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use crate::error::Error;

/// The order number that the demo's customer types.
pub(super) const ORDER: &str = "o-1001";
/// What the customer writes; nothing of it may ever be found on the agent's disk.
pub(super) const TICKET_TEXT: &str = "CANARY-7f3a my tent leaks, please refund order o-1001. Robin, robin@example.com";

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
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|e| Error::io("listen on loopback for the client's systems", e))?;
        let address = listener.local_addr().map_err(|e| Error::io("read the listening address", e))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = router(Arc::clone(&seen));
        let task = tokio::spawn(async move {
            if axum::serve(listener, router).await.is_err() {
                // The story will notice: nothing answers any more.
            }
        });
        Ok(Self { address, seen, task })
    }

    /// Looks at what was seen.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Seen) -> T) -> T {
        ask(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Shared = State<Arc<Mutex<Seen>>>;

fn router(seen: Arc<Mutex<Seen>>) -> Router {
    Router::new()
        .route("/helpdesk/tickets/{id}", get(ticket).put(assign))
        .route("/shop/orders/{id}", get(order))
        .route("/payments/v72/payments/{id}/refunds", post(refund))
        .route("/ai/v1/chat/completions", post(complete))
        .route("/alerts/{*rest}", any(alert))
        .with_state(seen)
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], String);

fn answer(status: StatusCode, body: &Value) -> Answer {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string())
}

fn note(seen: &Arc<Mutex<Seen>>, what: String) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).requests.push(what);
}

async fn ticket(State(seen): Shared, Path(id): Path<String>) -> Answer {
    note(&seen, format!("helpdesk get_ticket {id}"));
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

async fn assign(State(seen): Shared, Path(id): Path<String>) -> Answer {
    note(&seen, format!("helpdesk assign_ticket {id}"));
    answer(StatusCode::OK, &json!({"id": id, "team_assignee_id": "7001"}))
}

async fn order(State(seen): Shared, Path(id): Path<String>) -> Answer {
    note(&seen, format!("shop get_order {id}"));
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

async fn refund(State(seen): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let key = headers.get("Idempotency-Key").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    if key.is_empty() {
        return answer(StatusCode::BAD_REQUEST, &json!({"errorCode": "702"}));
    }
    note(&seen, format!("payments refund {id}"));
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.refunds.insert(key) {
        seen.repeated += 1;
    }
    answer(StatusCode::CREATED, &json!({"pspReference": "psp-4712", "status": "received"}))
}

/// Answers as a chat-completions endpoint with structured output: the schema in the request says which question it is.
async fn complete(State(seen): Shared, request: String) -> Answer {
    note(&seen, "ai chat".to_owned());
    let request: Value = serde_json::from_str(&request).unwrap_or_default();
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

async fn alert(State(seen): Shared) -> StatusCode {
    seen.lock().unwrap_or_else(PoisonError::into_inner).alerts += 1;
    StatusCode::ACCEPTED
}
