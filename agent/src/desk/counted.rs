//! How often something that came in was refused, and how lists answered: for metrics, since this process began.

use std::sync::Mutex;

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};

use crate::listen::{BUSY, Receipt};
use crate::sync::lock;
use crate::watch::tally::Tally;

/// The code of an event that began a run before: it is answered with that run.
const KNOWN: &str = "duplicate";

/// What is counted at the front desk.
#[derive(Default)]
pub struct Counted {
    events: Mutex<Tally>,
    answers: Mutex<Tally>,
    looks: Mutex<Tally>,
}

impl Counted {
    /// An event began no run of its own.
    pub(super) fn refused(&self, client: &ClientId, workflow: &WorkflowId, code: &str) {
        lock(&self.events).count(client, workflow.as_str(), code);
    }

    /// An answer from a chat or helpdesk was refused.
    pub(super) fn refused_answer(&self, client: &ClientId, connection: &ConnectionId, code: &str) {
        lock(&self.answers).count(client, connection.as_str(), code);
    }

    /// A list was looked at.
    pub(super) fn looked(&self, client: &ClientId, connection: &ConnectionId, code: &str) {
        lock(&self.looks).count(client, connection.as_str(), code);
    }

    /// Events that began no run of their own, by workflow.
    pub fn events(&self) -> Tally {
        lock(&self.events).clone()
    }

    /// Refused answers of chats and helpdesks, by connection.
    pub fn answers(&self) -> Tally {
        lock(&self.answers).clone()
    }

    /// Looks at lists, by connection.
    pub fn looks(&self) -> Tally {
        lock(&self.looks).clone()
    }
}

/// By which code an event is counted that began no run of its own; nothing where it began one, or where it is for nobody
/// here. Names that are none of ours make no series.
pub(super) fn code_of(receipt: &Receipt) -> Option<&'static str> {
    match receipt {
        Receipt::Refused(refused) => Some(refused.code()),
        Receipt::Duplicate(_) => Some(KNOWN),
        Receipt::Busy { .. } => Some(BUSY),
        // What cannot be taken now comes again, and is no fault of whoever sent it.
        Receipt::Accepted(_)
        | Receipt::Ignored
        | Receipt::Heard
        | Receipt::Challenge(_)
        | Receipt::Unknown
        | Receipt::Unavailable => None,
    }
}
