//! Answers: only declared fields are kept, everything else is dropped here; failures become a code of a closed list.
//!
//! # Source
//! engine.md sections 1 and 3; language.md section 2.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::ledger::Token;
use assent_schema::plan::{Encoding, ErrorRule, Failure, Must, Operation, meaning, says_no, written};
use assent_schema::shape::{Field, Shape};

use super::json::Json;
use super::pages::{self, Next};
use super::place::HEADER;
use super::watched::{self, Items, Unread};
use super::wire::{self, BadField, Exact, TooLong};
use crate::retry::backoff;
use crate::world::{HttpResponse, NetFailure};

/// The declared fields of an answer.
#[derive(Clone, Default)]
pub struct Answer {
    /// By name; optional fields that were not there have no member.
    pub fields: BTreeMap<Name, Value>,
    /// Where the next page begins; absent at the end.
    pub next: Option<Next>,
    /// Whether the list that is read in pages holds more than is declared.
    pub cut: bool,
    /// The instants of each item of a list that is watched, as exactly as they came.
    pub exact: Vec<Exact>,
    /// The items of such a list that cannot be read.
    pub unread: Vec<Unread>,
}

/// A failure, told by a code of a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is told of the answer by itself, in any mixture")]
pub struct Failed {
    /// What kind it is.
    pub kind: Failure,
    /// Its code: the operation's, or one of those below.
    pub code: String,
    /// The HTTP status as it is written, if there was an answer.
    pub status: Option<u16>,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether surely nothing ran: the connection was never made, or the status says so.
    pub not_executed: bool,
    /// Whether a rule of the catalog told it.
    pub ruled: bool,
    /// Whether its status says no by itself, before anything is done.
    pub says_no: bool,
    /// The declared field that does not fit, for people.
    pub field: Option<BadField>,
    /// Whether anyone may have written what does not fit.
    pub by_anyone: bool,
    /// The id by which the other side knows the request, if its answer names one.
    pub request: Option<Token>,
}

impl Failed {
    pub(super) fn new(kind: Failure, code: &str, status: Option<u16>) -> Self {
        Self {
            kind,
            code: code.to_owned(),
            // As it came: what is written of it says less.
            says_no: status.is_some_and(says_no),
            status: status.map(written),
            retry_after: None,
            not_executed: false,
            ruled: false,
            field: None,
            by_anyone: false,
            request: None,
        }
    }

    /// Whether nobody knows if an effect happened: all but an answer that says no, for good, and what was never sent.
    ///
    /// # Source
    /// engine.md section 3, "Effects": every other failure after the first byte is in doubt.
    pub fn is_doubtful(&self) -> bool {
        let for_good = matches!(self.kind, Failure::Permanent | Failure::Conflict);
        let said_no = for_good && (self.ruled || self.says_no);
        !self.not_executed && !said_no
    }

    /// Whether it may pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, Failure::Transient | Failure::Throttled)
    }

    /// A failure of our own, before anything was sent.
    pub(crate) fn with_code(kind: Failure, code: &str) -> Self {
        Self { not_executed: true, ..Self::new(kind, code, None) }
    }

    /// The failure that this answer tells.
    pub(super) fn of(self, response: &HttpResponse) -> Self {
        Self { request: request_id(response), ..self }
    }

    /// A failure of the network.
    pub fn of_net(failure: NetFailure) -> Self {
        let kind = match failure {
            NetFailure::NeverConnected | NetFailure::SentNoReply | NetFailure::TimedOut => Failure::Transient,
            NetFailure::AddressRefused
            | NetFailure::TooLarge
            | NetFailure::Redirected
            | NetFailure::Compressed
            | NetFailure::Malformed => Failure::Permanent,
        };
        Self { not_executed: !failure.may_have_run(), ..Self::new(kind, failure.code(), None) }
    }

    /// Whether the other side itself failed, which the breaker counts.
    pub fn is_theirs(&self) -> bool {
        match self.status {
            Some(status) => status >= 500,
            None => self.kind == Failure::Transient,
        }
    }
}

/// The code of an answer that does not fit what the catalog declares.
pub const BAD_ANSWER: &str = "bad_answer";
/// What is logged of such an answer, beside the field by name.
pub const MISFIT: &str = "an answer lacks a declared field, or holds one that does not fit";
/// The code of a GraphQL answer with errors that no rule of the catalog is about.
pub const GRAPHQL_ERROR: &str = "graphql_error";
/// The code of a list that is longer than the catalog says it is read.
pub const LIST_TOO_LONG: &str = "list_too_long";
/// The code of a cursor that came before.
pub const REPEATED_CURSOR: &str = "repeated_cursor";

/// The headers in which APIs name a request, the more telling ones first.
const REQUEST_ID_HEADERS: [&str; 9] = [
    "request-id",
    "x-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-github-request-id",
    "x-zendesk-request-id",
    "x-slack-req-id",
    "x-ms-request-id",
    "x-correlation-id",
];

/// The id by which the other side knows a request: what its support asks for. Only what could be a fact is one.
fn request_id(response: &HttpResponse) -> Option<Token> {
    let named = |name: &&str| std::str::from_utf8(response.header(name)?).ok()?.parse().ok();
    REQUEST_ID_HEADERS.iter().find_map(named)
}

/// Tells whether a text holds a secret: a fact that does would be written down.
pub type IsSecret = fn(&[u8]) -> bool;

/// Reads an answer.
///
/// # Errors
/// [`Failed`], by the operation's rules first, then by the status. An answer that gives a secret back as a fact does not fit.
pub fn read(operation: &Operation, response: &HttpResponse, is_secret: IsSecret) -> Result<Answer, Failed> {
    read_fields(operation, response, is_secret, None).map_err(|failed| failed.of(response))
}

/// Reads an answer of which one list is watched: items of it that cannot be read keep nobody from reading the others.
///
/// # Errors
/// As of [`read()`].
pub fn read_watched(
    operation: &Operation,
    response: &HttpResponse,
    is_secret: IsSecret,
    list: &Name,
) -> Result<Answer, Failed> {
    read_fields(operation, response, is_secret, Some(list)).map_err(|failed| failed.of(response))
}

fn read_fields(
    operation: &Operation,
    response: &HttpResponse,
    is_secret: IsSecret,
    list: Option<&Name>,
) -> Result<Answer, Failed> {
    let json = Json::parse(response.body.reveal()).ok();
    let success = (200..300).contains(&response.status);
    if let Some(rule) = operation.errors.iter().find(|rule| applies(rule, response, success, json.as_ref())) {
        return Err(by_rule(rule, operation, response));
    }
    if !success {
        return Err(by_status_of(operation, response));
    }
    // GraphQL says no with a status that says yes. What the catalog has no rule for may have been done in part.
    let errors = json.as_ref().and_then(|json| json.at("errors"));
    let says_no = matches!(errors, Some(Json::List(errors)) if !errors.is_empty());
    if operation.encoding == Encoding::Graphql && says_no {
        return Err(Failed::new(Failure::Permanent, GRAPHQL_ERROR, Some(response.status)));
    }
    let bad = |field| Failed { field, ..Failed::new(Failure::Permanent, BAD_ANSWER, Some(response.status)) };
    let nothing = Json::Object(Vec::new());
    let json = match &json {
        Some(json) => json,
        // An effect may answer with nothing at all, if nothing is declared that must be there; or with `ok`, if nothing is
        // read of it. A whole page is somebody else's answer.
        None if response.body.reveal().is_empty() => &nothing,
        None if takes_nothing(operation) && response.body.reveal().len() <= WORD_MOST_BYTES => &nothing,
        None => return Err(bad(None)),
    };
    let collected = operation.pages.as_ref().map(|pages| &pages.collect);
    let items = |name: &Name| {
        let field = operation.response.get(name)?;
        watched::items(json.at(&field.at), field, TooLong::cut_where(collected == Some(name)), is_secret)
    };
    let mut items = list.and_then(items);
    let values = RefCell::new(items.as_mut().map(|items| std::mem::take(&mut items.values)));
    let by_item = |name: &Name| if list == Some(name) { values.take() } else { None };
    let find = |name: &Name, field: &Field| match (by_item(name), field.at.strip_prefix(HEADER)) {
        (Some(items), _) => Ok(Value::List(items)),
        (None, Some(header)) => from_header(response, header, field),
        (None, None) => wire::take_field(json.at(&field.at), field, TooLong::cut_where(collected == Some(name))),
    };
    let misfit = |field: BadField| Failed { by_anyone: field.is_by_anyone(), ..bad(Some(field)) };
    let fields = wire::take_each(&operation.response, find).map_err(misfit)?;
    let lacks = operation.must.iter().find(|(_, must)| !holds(response, json, must));
    if let Some((name, _)) = lacks {
        return Err(bad(Some(BadField::of(name))));
    }
    if let Some(field) = wire::fact_where(&fields, &operation.response, is_secret) {
        return Err(bad(Some(BadField::of(&field))));
    }
    let paged = operation.pages.as_ref();
    // Where the next page is belongs to the list; nothing else of the answer is to blame.
    let no_place = |()| bad(collected.map(BadField::of));
    let next = paged.map(|paged| pages::next(json, response, paged)).transpose().map_err(no_place)?.flatten();
    let cut = paged.is_some_and(|paged| pages::is_cut(json, operation, paged));
    let Items { exact, unread, .. } = items.unwrap_or_default();
    Ok(Answer { fields, next, cut, exact, unread })
}

/// A field that stands in a header. `Location` holds an address: what is no text of it is its last segment, as in
/// `/jobs/4711`.
fn from_header(response: &HttpResponse, name: &str, field: &Field) -> Result<Value, BadField> {
    match header_text(response, name) {
        None | Some(Ok("")) if field.optional => Ok(Value::Absent),
        Some(Ok(text)) => in_header(text, name, &field.shape, field.prefix.as_deref()).ok_or_else(BadField::default),
        None | Some(Err(_)) => Err(BadField::default()),
    }
}

fn in_header(text: &str, name: &str, shape: &Shape, prefix: Option<&str>) -> Option<Value> {
    let is_address = name.eq_ignore_ascii_case("location") && !matches!(shape, Shape::Text { .. });
    let text = if is_address { last_segment(text) } else { text };
    wire::read_text(text.strip_prefix(prefix.unwrap_or_default())?, shape)
}

/// Whether an answer holds what nothing is taken of.
fn holds(response: &HttpResponse, json: &Json, must: &Must) -> bool {
    let Some(name) = must.at.strip_prefix(HEADER) else { return wire::holds(json, must) };
    let Some(Ok(text)) = header_text(response, name) else { return false };
    let fits = |shape| in_header(text, name, shape, must.prefix.as_deref()).is_some();
    must.shape.as_ref().map_or(!text.is_empty(), fits)
}

/// What a header says, if it is there.
fn header_text<'r>(response: &'r HttpResponse, name: &str) -> Option<Result<&'r str, std::str::Utf8Error>> {
    let value = response.header(&name.to_ascii_lowercase())?;
    Some(std::str::from_utf8(value).map(str::trim))
}

/// The last segment of an address that says something.
fn last_segment(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The longest word that stands for a yes where JSON is expected, in bytes.
const WORD_MOST_BYTES: usize = 64;

/// Whether an answer may say anything, so that what it says does not exist.
fn takes_nothing(operation: &Operation) -> bool {
    operation.response.is_empty()
        && operation.must.is_empty()
        && operation.pages.is_none()
        && operation.encoding != Encoding::Graphql
}

/// A rule without statuses needs something that the answer says, or it would turn every success into a failure.
fn applies(rule: &ErrorRule, response: &HttpResponse, success: bool, json: Option<&Json>) -> bool {
    let by_status =
        if rule.status.is_empty() { rule.body.is_some() || !success } else { rule.status.contains(&response.status) };
    let there = |at: &str| match at.strip_prefix(HEADER) {
        Some(name) => header_text(response, name)?.ok(),
        None => json.and_then(|json| json.text_at(at)),
    };
    by_status && rule.body.as_ref().is_none_or(|wanted| there(&wanted.at) == Some(wanted.equals.as_str()))
}

/// A failure that the catalog tells by its rules, with what the answer says beside it.
fn by_rule(rule: &ErrorRule, operation: &Operation, response: &HttpResponse) -> Failed {
    let code = rule.code.as_str().to_owned();
    Failed { kind: rule.kind, code, ruled: true, ..by_status_of(operation, response) }
}

fn by_status_of(operation: &Operation, response: &HttpResponse) -> Failed {
    let failed = by_status_alone(response);
    let not_executed = operation.surely_not_executed(response.status, failed.retry_after.is_some());
    Failed { not_executed, ..failed }
}

/// The failure of an answer for which the catalog has no rules.
pub(super) fn by_status_alone(response: &HttpResponse) -> Failed {
    let (kind, code) = meaning(response.status);
    let header = |name| response.header(name).and_then(|value| std::str::from_utf8(value).ok());
    let retry_after = header("retry-after").and_then(|after| backoff::retry_after(after, header("date")));
    Failed { retry_after, ..Failed::new(kind, code, Some(response.status)) }.of(response)
}

/// A failure that the answer tells by a name of its own.
pub(super) fn named(kind: Failure, code: &str, response: &HttpResponse) -> Failed {
    Failed { kind, code: code.to_owned(), ..by_status_alone(response) }
}

/// As [`named`], where the name says all: the status beside it, which may be any, is not kept.
pub(super) fn named_alone(kind: Failure, code: &str, response: &HttpResponse) -> Failed {
    Failed { status: None, ..named(kind, code, response) }
}

/// The account may not spend more; waiting helps nothing.
pub(super) fn out_of_funds(response: &HttpResponse) -> Failed {
    named_alone(Failure::Permanent, "out_of_funds", response)
}

/// Whether there is more behind what a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There is.
    Yes,
    /// The list was read to its end.
    No,
    /// Nobody said: an API gives as many items at once as it likes.
    Unknown,
}

/// Whether the record that was read is the trigger's own party's. True when the operation does not ask.
///
/// # Source
/// language.md section 2, `belongs`.
pub fn belongs(operation: &Operation, arguments: &BTreeMap<Name, Value>, answer: &Answer) -> bool {
    operation.belongs.as_ref().is_none_or(|belongs| {
        match (arguments.get(&belongs.param), answer.fields.get(&belongs.field)) {
            (Some(wanted), Some(there)) => !wanted.is_absent() && same(wanted, there),
            _ => false,
        }
    })
}

/// A token that was written as an integer on one side and as text on the other is the same token.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(n), Value::Text(text)) | (Value::Text(text), Value::Integer(n)) => n.to_string() == *text,
        (a, b) => a == b,
    }
}
