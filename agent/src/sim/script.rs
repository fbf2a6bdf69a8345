//! A service that answers as a scenario says, and remembers which effects it did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Effect, Operation, Place, Plan};
use assent_schema::scenario::{Fault, Reply as Scripted};
use assent_schema::time::Period;
use serde_json::Value;

use super::host::lock;
use super::service::{Done, Reply, Service};
use crate::content::Content;
use crate::request::{self, chat, oauth};
use crate::world::{HttpRequest, HttpResponse, NetFailure, Wall};

/// How long an answer takes when the scenario does not say.
const ANSWER_MILLIS: u64 = 20;

/// What a script saw, shared with who checks it afterwards.
#[derive(Clone, Default)]
pub struct Seen {
    done: Arc<Mutex<Vec<Done>>>,
    unscripted: Arc<Mutex<Vec<OperationRef>>>,
}

impl Seen {
    /// The effects that ran, in order; one idempotency key is one effect.
    pub fn done(&self) -> Vec<Done> {
        lock(&self.done).clone()
    }

    /// Requests for which the scenario has no reply.
    pub fn unscripted(&self) -> Vec<OperationRef> {
        lock(&self.unscripted).clone()
    }
}

/// Answers for every connection of one plan.
pub struct Script {
    plan: Arc<Plan>,
    replies: BTreeMap<OperationRef, Vec<Scripted>>,
    used: BTreeMap<OperationRef, usize>,
    seen: Seen,
}

impl Script {
    /// The replies of one scenario.
    pub fn new(plan: Arc<Plan>, replies: &[Scripted]) -> (Self, Seen) {
        let mut by_operation: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for reply in replies {
            by_operation.entry(reply.to.clone()).or_default().push(reply.clone());
        }
        let seen = Seen::default();
        (Self { plan, replies: by_operation, used: BTreeMap::new(), seen: seen.clone() }, seen)
    }

    /// The first unused reply of an operation; the last one again and again.
    fn take(&mut self, operation: &OperationRef) -> Option<Scripted> {
        let replies = self.replies.get(operation)?;
        let used = self.used.entry(operation.clone()).or_default();
        let reply = replies.get(*used).or_else(|| replies.last())?;
        *used = used.saturating_add(1);
        Some(reply.clone())
    }

    fn ran(&self, request: &HttpRequest) {
        let Some(operation) = self.plan.operations.get(&request.operation) else { return };
        if operation.effect == Effect::None {
            return;
        }
        let done = read_wire(operation, request);
        let mut all = lock(&self.seen.done);
        let again =
            |before: &Done| before.key.is_some() && before.key == done.key && before.operation == done.operation;
        if !all.iter().any(again) {
            all.push(done);
        }
    }

    /// Whether the catalog takes the answer for a success: some APIs say no with status 200.
    fn says_yes(&self, operation: &OperationRef, response: &HttpResponse) -> bool {
        let answered = self.plan.operations.get(operation).map(|operation| request::read(operation, response));
        match answered {
            Some(Ok(_)) => true,
            Some(Err(failed)) => failed.code == request::BAD_ANSWER && (200..300).contains(&response.status),
            None => false,
        }
    }

    fn is_ask(&self, operation: &OperationRef) -> bool {
        let asks =
            |action: &Action| matches!(action, Action::Ask { connection, .. } if *connection == operation.connection);
        operation.operation.as_str() == "ask" && self.plan.every_step().any(|step| asks(&step.action))
    }
}

impl Service for Script {
    fn answer(&mut self, _: Wall, request: HttpRequest) -> Reply {
        let Some(reply) = self.take(&request.operation) else {
            // A rehearsal is not about tokens, unless its scenario says so.
            if let Some(body) = oauth::reply(&request) {
                let response = HttpResponse { status: 200, headers: Vec::new(), body: Content::new(body) };
                return Reply { result: Ok(response), after: Duration::from_millis(ANSWER_MILLIS) };
            }
            lock(&self.seen.unscripted).push(request.operation);
            return Reply { result: Err(NetFailure::NeverConnected), after: Duration::ZERO };
        };
        let after = reply.after.map_or(Duration::from_millis(ANSWER_MILLIS), Period::duration);
        let result = match reply.fault {
            Some(Fault::Unreachable) => Err(NetFailure::NeverConnected),
            Some(Fault::Timeout) => Err(NetFailure::TimedOut),
            Some(Fault::Lost) => {
                self.ran(&request);
                Err(NetFailure::SentNoReply)
            }
            Some(Fault::Refused) => Ok(response(&reply, chat::reply(&request, None))),
            None => {
                let body = reply.body.clone().unwrap_or_default();
                // Only a success is wrapped: how a provider fails is written as it says it.
                let wraps = self.is_ask(&request.operation) && (200..300).contains(&reply.status);
                let body = if wraps { chat::reply(&request, Some(&body)) } else { body.into_bytes() };
                let response = response(&reply, body);
                if self.says_yes(&request.operation, &response) {
                    self.ran(&request);
                }
                Ok(response)
            }
        };
        let after = if reply.fault == Some(Fault::Timeout) { request.timeout } else { after };
        Reply { result, after }
    }
}

fn response(reply: &Scripted, body: Vec<u8>) -> HttpResponse {
    let mut headers = vec![("content-type".to_owned(), Content::new(b"application/json".to_vec()))];
    if let Some(after) = reply.retry_after {
        headers.push(("retry-after".to_owned(), Content::new(after.as_seconds().to_string().into_bytes())));
    }
    HttpResponse { status: reply.status, headers, body: Content::new(body) }
}

/// Reads the parameters back from the wire: what the other side understands, not what we meant.
pub fn read_wire(operation: &Operation, request: &HttpRequest) -> Done {
    let target = request.target.reveal();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let json: Value = serde_json::from_slice(request.body.reveal()).unwrap_or(Value::Null);
    let form = pairs(std::str::from_utf8(request.body.reveal()).unwrap_or_default());
    let query = pairs(query);
    let header = |name: &str| {
        let value = request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?.1.reveal();
        Some(Value::from(String::from_utf8_lossy(value)))
    };
    let read = |place: Place, at: &str| match place {
        Place::Path => segment(&operation.path, path, at).map(Value::from),
        Place::Query => query.get(at).cloned().map(Value::from),
        Place::Header => header(at),
        Place::None => None,
        Place::Body => at_path(&json, at).cloned().or_else(|| form.get(at).cloned().map(Value::from)),
    };
    let with =
        |(name, param): (&Name, &assent_schema::plan::Param)| Some((name.clone(), read(param.place, &param.at)?));
    let key =
        operation.idempotency.as_ref().and_then(|i| read(i.place, &i.at)).and_then(|v| v.as_str().map(str::to_owned));
    Done { operation: request.operation.clone(), with: operation.params.iter().filter_map(with).collect(), key }
}

/// The value at dots-joined members.
fn at_path<'a>(json: &'a Value, at: &str) -> Option<&'a Value> {
    at.split('.').try_fold(json, |value, member| match value {
        Value::Array(items) => items.get(member.parse::<usize>().ok()?),
        other => other.get(member),
    })
}

/// The segment of a path that stands where the template has `{name}`, counted from the end: the base path comes first.
fn segment(template: &str, path: &str, name: &str) -> Option<String> {
    let hole = format!("{{{name}}}");
    let from_end = template.split('/').rev().position(|part| part == hole)?;
    path.split('/').rev().nth(from_end).map(decode)
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| part.split_once('=').map(|(k, v)| (decode(k), decode(&v.replace('+', " "))));
    text.split('&').filter_map(pair).collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
        let code = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
        out.push(code.unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_read_back() {
        assert_eq!(segment("/tickets/{id}/reply", "/v1/tickets/a%20b/reply", "id"), Some("a b".into()));
        assert_eq!(segment("/tickets/{id}", "/tickets/1", "other"), None);
        assert_eq!(pairs("a=1&b=x+y%26").get("b").map(String::as_str), Some("x y&"));
        let json = serde_json::json!({"a": [{"b": 1}]});
        assert_eq!(at_path(&json, "a.0.b"), Some(&Value::from(1)));
    }
}
