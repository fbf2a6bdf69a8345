//! What senders and people get back: a status and a little JSON, never kept by anybody on the way.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};

use crate::accept::Refused;
use crate::content::Content;
use crate::store::RunId;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It began this run, durably.
    Accepted(RunId),
    /// It began this run before.
    Duplicate(RunId),
    /// It is genuine and not for this workflow, or our own connection caused it.
    Ignored,
    /// It is genuine and began no run, and concerns runs that are under way: it ends one, or one waits for it.
    Heard,
    /// It asks whether we are who the sender means; this text says so.
    Challenge(String),
    /// It is not taken.
    Refused(Refused),
    /// The client has too much under way.
    Busy {
        /// When it may be sent again.
        after: Duration,
    },
    /// There is no such workflow, or it takes no events of this kind.
    Unknown,
    /// Nothing is accepted now: no space, going down, or not yet ready.
    Unavailable,
}

/// The answer to a person: a status and JSON.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// JSON; may hold what is shown to a decider.
    pub body: Content<Vec<u8>>,
}

impl Reply {
    /// A reply that is only a code.
    pub fn code(status: u16, code: &'static str) -> Self {
        Self { status, body: Content::new(format!("{{\"code\":\"{code}\"}}").into_bytes()) }
    }
}

/// The code of an event that its client has no room for.
pub(crate) const BUSY: &str = "busy";
/// When a sender may try again after it was told that nothing is accepted now.
const UNAVAILABLE_AFTER: Duration = Duration::from_secs(30);

pub(super) type Answer = Response<Full<Bytes>>;

/// The answer for the sender of an event.
pub(super) fn to_sender(receipt: &Receipt) -> Answer {
    match receipt {
        Receipt::Accepted(run) => json(202, &format!("{{\"run\":\"{run}\"}}")),
        Receipt::Duplicate(run) => json(200, &format!("{{\"run\":\"{run}\"}}")),
        Receipt::Ignored => json(200, "{\"code\":\"ignored\"}"),
        Receipt::Heard => json(200, "{\"code\":\"heard\"}"),
        Receipt::Challenge(text) => json(200, &serde_json::json!({ "challenge": text }).to_string()),
        Receipt::Refused(refused) => coded(refused_status(*refused), refused.code()),
        Receipt::Busy { after } => later(429, BUSY, *after),
        Receipt::Unknown => coded(404, "not_found"),
        Receipt::Unavailable => later(503, "unavailable", UNAVAILABLE_AFTER),
    }
}

fn refused_status(refused: Refused) -> u16 {
    match refused {
        Refused::TooLarge => 413,
        Refused::NotJson => 415,
        Refused::MissingHeader | Refused::HeaderTwice | Refused::BadHeader | Refused::BadBody => 400,
        Refused::TooOld | Refused::TooNew | Refused::BadSignature => 401,
        // Ours to mend; the sender shall try again.
        Refused::BadSecret => 503,
    }
}

/// The answer for a person.
pub(super) fn to_person(reply: &Reply) -> Answer {
    whole(reply.status, Bytes::copy_from_slice(reply.body.reveal()))
}

/// An answer that is only a code.
pub(super) fn coded(status: u16, code: &str) -> Answer {
    json(status, &format!("{{\"code\":\"{code}\"}}"))
}

fn later(status: u16, code: &str, after: Duration) -> Answer {
    let mut answer = coded(status, code);
    // Whole seconds, at least one: 0 would invite the sender back at once.
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    answer
}

fn json(status: u16, body: &str) -> Answer {
    whole(status, Bytes::copy_from_slice(body.as_bytes()))
}

fn whole(status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
