//! `clients/<client>/workflows/<name>.test.toml`: scenarios.

use std::collections::BTreeMap;

use super::Spanned;
use crate::choice::Choice;
use crate::id::{ConnectionId, Name, OperationRef, PersonId};
use crate::scenario::{Expected, Fault};
use crate::time::{Moment, Period};

/// All scenarios of one workflow.
#[derive(Clone, Debug)]
pub struct Tests {
    /// The scenarios in the order of the file; `no-scenario` where there are none.
    pub scenarios: Vec<Scenario>,
}

/// One story: what comes in, what the world answers, what must then have happened.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, unique in the file.
    pub name: Spanned<String>,
    /// When the event comes in.
    pub at: Spanned<Moment>,
    /// The event's body, as the connection would send it, as JSON text: a tree of it would take many times the room.
    pub event: Option<Spanned<String>>,
    /// Further events of the trigger, each so long after the first.
    pub further: Vec<(Period, Spanned<String>)>,
    /// What connections answer, in order.
    pub replies: Vec<Reply>,
    /// What people decide.
    pub decisions: Vec<Decided>,
    /// Events that come while the run is under way.
    pub later: Vec<Later>,
    /// What must have happened in the end.
    pub expect: Expect,
}

/// What a connection answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// To which operation; `connection.ask` for an AI provider.
    pub to: Spanned<OperationRef>,
    /// The HTTP status; 200 unless said.
    pub status: u16,
    /// The body as JSON text. For an AI provider, the answer's object.
    pub body: Option<Spanned<String>>,
    /// What goes wrong instead.
    pub fault: Option<Fault>,
    /// How long the reply takes.
    pub after: Option<Period>,
    /// The `Retry-After` header.
    pub retry_after: Option<Period>,
    /// Further headers, by name.
    pub headers: BTreeMap<String, String>,
}

/// What a person decides.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The step that asks.
    pub step: Spanned<Name>,
    /// Who; absent for any member of the group.
    pub person: Option<Spanned<PersonId>>,
    /// What; absent when nobody answers.
    pub choice: Option<Choice>,
    /// How long it takes; nothing unless said.
    pub after: Period,
    /// What the person wrote instead, by path.
    pub edits: BTreeMap<Spanned<String>, String>,
}

/// An event that comes while the run is under way.
#[derive(Clone, Debug)]
pub struct Later {
    /// How long after the run began.
    pub after: Spanned<Period>,
    /// Whose event.
    pub connection: Spanned<ConnectionId>,
    /// Its body as JSON text.
    pub event: Spanned<String>,
}

/// What must have happened in the end.
#[derive(Clone, Debug)]
pub struct Expect {
    /// How the run ended, or that none began.
    pub outcome: Spanned<Expected>,
    /// The name that a `stop` gave it.
    pub stop: Option<Spanned<Name>>,
    /// The effects that were done, in order.
    pub calls: Vec<ExpectedCall>,
    /// Whether `calls` is the whole list of effects that were done.
    pub only: bool,
    /// KPIs that were counted.
    pub kpis: BTreeMap<Spanned<Name>, i64>,
    /// Whether an item stands in the manual queue; not checked when absent.
    pub queued: Option<bool>,
}

/// A request that must have been made.
#[derive(Clone, Debug)]
pub struct ExpectedCall {
    /// To which operation.
    pub operation: Spanned<OperationRef>,
    /// Parameters that it must have had, as JSON text; others are not checked.
    pub with: BTreeMap<Spanned<Name>, String>,
    /// How often; 1 when absent.
    pub times: Option<u32>,
}
