//! A service that answers as a scenario says, and remembers which effects it did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::client::ClientFacts;
use assent_schema::id::OperationRef;
use assent_schema::plan::{Action, Effect, Plan};
use assent_schema::scenario::{Fault, Reply as Scripted};
use assent_schema::time::Period;

use super::sent::Sent;
use super::service::{Done, Reply, Service};
use super::wire::read_wire;
use crate::content::Content;
use crate::request::{self, chat, oauth};
use crate::sync::lock;
use crate::world::{HttpRequest, HttpResponse, NetFailure, Wall};

/// How long an answer takes when the scenario does not say.
const ANSWER_MILLIS: u64 = 20;

/// What a script saw, shared with who checks it afterwards.
#[derive(Clone, Default)]
pub struct Seen {
    done: Arc<Mutex<Vec<Done>>>,
    unscripted: Arc<Mutex<Vec<OperationRef>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    misfits: Arc<Mutex<BTreeSet<(OperationRef, String)>>>,
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

    /// Declared fields that an answer lacks or that do not fit, by operation.
    pub fn misfits(&self) -> BTreeSet<(OperationRef, String)> {
        lock(&self.misfits).clone()
    }

    /// Every request, in order, where they are written down.
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }
}

/// Answers for every connection of one plan.
pub struct Script {
    plan: Arc<Plan>,
    replies: BTreeMap<OperationRef, Vec<Scripted>>,
    used: BTreeMap<OperationRef, usize>,
    seen: Seen,
    /// Whose requests are written down; nothing where they are not.
    listens: Option<Arc<ClientFacts>>,
}

impl Script {
    /// The replies of one scenario.
    pub fn new(plan: Arc<Plan>, replies: &[Scripted]) -> (Self, Seen) {
        let mut by_operation: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for reply in replies {
            by_operation.entry(reply.to.clone()).or_default().push(reply.clone());
        }
        let seen = Seen::default();
        (Self { plan, replies: by_operation, used: BTreeMap::new(), seen: seen.clone(), listens: None }, seen)
    }

    /// The same, and every request is written down as it would leave in production.
    #[must_use]
    pub fn listening(self, facts: Arc<ClientFacts>) -> Self {
        Self { listens: Some(facts), ..self }
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
        let answered =
            self.plan.operations.get(operation).map(|operation| request::read(operation, response, |_| false));
        match answered {
            Some(Ok(_)) => true,
            Some(Err(failed)) => {
                if let Some(field) = &failed.field {
                    lock(&self.seen.misfits).insert((operation.clone(), field.to_string()));
                }
                failed.code == request::BAD_ANSWER && (200..300).contains(&response.status)
            }
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
        if let Some(facts) = &self.listens {
            lock(&self.seen.sent).push(Sent::of(&request, facts));
        }
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
    let said = reply.headers.iter();
    headers.extend(said.map(|(name, value)| (name.to_ascii_lowercase(), Content::new(value.clone().into_bytes()))));
    HttpResponse { status: reply.status, headers, body: Content::new(body) }
}
