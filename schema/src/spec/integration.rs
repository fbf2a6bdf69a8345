//! `catalog/integrations/<name>.toml`: everything that HTTP leaves open.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Spanned;
use crate::class::Class;
use crate::client::Auth;
use crate::id::{EventName, IntegrationId, Name, Scope, SlotId};
use crate::plan::{
    Belongs, Confirm, Constant, Dialect, Effect, Encoding, ErrorRule, Hmac, Idempotency, Job, Method, Once, OwnEvent,
    Pages, Param, Park, Rate, Retry,
};
use crate::shape::Field;
use crate::time::Period;

/// An API.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its name; the name of its file.
    pub name: Spanned<IntegrationId>,
    /// What it is, for people.
    pub summary: Spanned<String>,
    /// Where its shapes were taken from.
    pub source: Option<Spanned<String>>,
    /// How requests are authorised.
    pub auth: Spanned<Auth>,
    /// How it signs its events; absent when it sends none.
    pub webhook: Option<Webhook>,
    /// The most private class that its messages may show to people who decide; `reference` unless said.
    pub shows: Class,
    /// How people are asked through it; absent where they are not.
    pub channel: Option<Spanned<ChannelSpec>>,
    /// How many requests it takes.
    pub rate: Option<Rate>,
    /// What it sends.
    pub events: BTreeMap<Spanned<EventName>, Event>,
    /// What it does.
    pub operations: BTreeMap<Spanned<Name>, Operation>,
}

/// How people are asked through an API.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// In which way.
    pub kind: ChannelKind,
    /// The operation that asks.
    pub post: Spanned<Name>,
    /// The operation that takes the question back once it was answered, for `slack`.
    pub update: Option<Spanned<Name>>,
    /// The event that answers, for `helpdesk`.
    pub event: Option<Spanned<EventName>>,
}

/// A way to ask people through an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Messages with buttons, as Slack has them.
    Slack,
    /// Private notes, and events about notes.
    Helpdesk,
}

impl ChannelKind {
    /// The word in source files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Helpdesk => "helpdesk",
        }
    }
}

/// How an API signs its events.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its way of signing.
    pub dialect: Spanned<Dialect>,
    /// The header that holds the secret, for `token` alone.
    pub header: Option<String>,
    /// How it is signed, for `hmac` alone.
    pub hmac: Option<Hmac>,
    /// The slot of the secret.
    pub slot: Spanned<SlotId>,
    /// How to tell an event that our own connection caused.
    pub own: Option<OwnEvent>,
}

/// One kind of event.
#[derive(Clone, Debug)]
pub struct Event {
    /// What its record is called, for data uses.
    pub record: Spanned<Name>,
    /// How it is told from others: a path in the body and the text that stands there; at least one.
    pub matches: BTreeMap<String, String>,
    /// The `reference` fields by which it is accepted once, for dialects that sign no delivery id.
    pub once: Option<Spanned<Once>>,
    /// The fields that are taken.
    pub fields: BTreeMap<Spanned<Name>, Spanned<Field>>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What the answer's record is called, for data uses.
    pub record: Spanned<Name>,
    /// The HTTP method.
    pub method: Method,
    /// The path below the endpoint, with `{parameter}` holes; each hole is a `path` parameter and the reverse.
    pub path: Spanned<String>,
    /// How the request's body is written.
    pub encoding: Encoding,
    /// What the API calls its JSON, where that is not `application/json`.
    pub media: Option<String>,
    /// The document that a GraphQL request carries.
    pub document: Option<Spanned<String>>,
    /// What it changes outside.
    pub effect: Spanned<Effect>,
    /// The permissions it needs.
    pub scopes: BTreeSet<Spanned<Scope>>,
    /// Its parameters.
    pub params: BTreeMap<Spanned<Name>, Spanned<Param>>,
    /// Members of the body that are always the same, by path; of a `GET`, values of the query by name.
    pub constants: BTreeMap<String, Constant>,
    /// Where each of them stands.
    pub constants_at: BTreeMap<String, Range<usize>>,
    /// Its answer's fields.
    pub response: BTreeMap<Spanned<Name>, Spanned<Field>>,
    /// The largest answer, in bytes; 1 MiB unless said.
    pub most_bytes: u64,
    /// The longest time for one attempt; 10 s unless said.
    pub timeout: Period,
    /// How failures are told apart, in order.
    pub errors: Vec<Spanned<ErrorRule>>,
    /// Statuses after which surely nothing ran.
    pub not_executed: BTreeSet<u16>,
    /// How the API deduplicates.
    pub idempotency: Option<Spanned<Idempotency>>,
    /// How it is retried unless a step says otherwise.
    pub retry: Option<Spanned<Retry>>,
    /// The read that tells whether it happened.
    pub confirm: Option<Spanned<Confirm>>,
    /// Whether the same read may be done again later for the same record.
    pub reread: bool,
    /// Whether an effect answers a record that may have been there before, found by what it was given.
    pub finds: bool,
    /// Where a text can wait in the client's own system.
    pub park: Option<Spanned<Park>>,
    /// The check that a record is the trigger's own party's.
    pub belongs: Option<Spanned<Belongs>>,
    /// How the end is waited for, where the API answers with a job.
    pub job: Option<Spanned<Job>>,
    /// How many requests it takes.
    pub rate: Option<Rate>,
    /// How long lists are read.
    pub pages: Option<Spanned<Pages>>,
    /// How the list is walked by those who wait for news in it.
    pub poll: Option<Spanned<Polled>>,
}

/// How a list is walked by those who wait for news in it: items come oldest first.
#[derive(Clone, Debug)]
pub struct Polled {
    /// The response field with the items.
    pub items: Name,
    /// The field of an item by which the list is ordered: an instant.
    pub order: Name,
    /// The field of an item that names it.
    pub id: Name,
    /// The parameter that takes the instant from which on items are wanted.
    pub since: Name,
    /// The field of an item, and its value, that tell what our own connection caused.
    pub own: Option<OwnEvent>,
}
