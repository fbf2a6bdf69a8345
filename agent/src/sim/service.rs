//! What answers requests in a simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::id::{Name, OperationRef};

use crate::world::{HttpRequest, HttpResponse, NetFailure, Wall};

/// An answer and how long it takes.
pub struct Reply {
    /// What comes back.
    pub result: Result<HttpResponse, NetFailure>,
    /// After how long.
    pub after: Duration,
}

/// Everything outside that answers requests. It outlives the processes that ask.
pub trait Service: Send + 'static {
    /// Answers one request.
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply;
}

impl<F: FnMut(Wall, HttpRequest) -> Reply + Send + 'static> Service for F {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        self(now, request)
    }
}

/// An effect that ran outside, as the service saw it. Values are those on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// Which operation.
    pub operation: OperationRef,
    /// Its parameters as they came over the wire.
    pub with: BTreeMap<Name, serde_json::Value>,
    /// The idempotency key that came along.
    pub key: Option<String>,
}
