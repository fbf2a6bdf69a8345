//! Events that concern runs that are under way: those that a `wait` waits for, and those of `[[cancel]]`.
//!
//! An event is durable before its sender is told so, whether or not a run waits for it already: it counts for every run that
//! was accepted before it came. Only facts of it are kept.
//!
//! # Source
//! language.md section 3, engine.md section 2.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::expr::Value;
use assent_schema::id::{ClientId, ConnectionId, Name, WorkflowId};
use assent_schema::plan::Event;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::request::json::Json;
use crate::request::place::{self, HEADER};
use crate::request::wire;
use crate::run::compiled::Compiled;
use crate::run::content::values::Values;
use crate::run::events::listeners::Concerned;
use crate::run::{Deployed, Engine, lock};
use crate::store::{Accepted, Fact, Refusal, RunId, Store, StoreError, Transaction, Write};
use crate::world::{Clock as _, World};

/// Where events are kept that runs wait for or will.
const EVENTS: &str = "event/";
/// Where it is kept that a run is to end.
const CANCELS: &str = "cancel/";

/// A genuine event: whose signature it bears was checked before.
pub struct Heard<'a> {
    /// Whose.
    pub client: &'a ClientId,
    /// The workflow that it was sent to.
    pub workflow: &'a WorkflowId,
    /// The connection whose secret it was signed with.
    pub connection: &'a ConnectionId,
    /// The headers that it came with; nothing for a story, where what a header would say is taken as said.
    pub headers: Option<&'a [(String, Vec<u8>)]>,
    /// The body.
    pub body: &'a [u8],
    /// By what it is known again.
    pub key: [u8; 16],
}

/// An event that a `wait` waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct Arrival {
    /// When it came, in milliseconds since 1970.
    pub(in crate::run) at: i64,
    /// Its fields.
    pub(in crate::run) fields: Facts,
}

/// The facts of an event.
pub(in crate::run) type Facts = BTreeMap<Name, Fact>;

/// What reaches a run from outside while it is under way.
pub(in crate::run) struct Signals {
    run: RunId,
    /// What the key of each `[[cancel]]` must be.
    pub(in crate::run) keys: Vec<Option<String>>,
    heard: watch::Sender<Signal>,
}

/// What was heard so far.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::run) struct Signal {
    /// An event came that ends the run.
    pub(in crate::run) cancelled: bool,
    /// How many events came that it waited for.
    woken: u64,
}

impl Signals {
    pub(in crate::run) fn new(run: RunId, keys: Vec<Option<String>>) -> Self {
        Self { run, keys, heard: watch::Sender::new(Signal::default()) }
    }

    /// Whose signals they are.
    pub(in crate::run) fn run(&self) -> RunId {
        self.run
    }

    pub(in crate::run) fn cancel(&self) {
        self.heard.send_modify(|signal| signal.cancelled = true);
    }

    fn wake(&self) {
        self.heard.send_modify(|signal| signal.woken = signal.woken.wrapping_add(1));
    }

    pub(in crate::run) fn is_cancelled(&self) -> bool {
        self.heard.borrow().cancelled
    }

    /// Waits until the run is to end.
    pub(in crate::run) async fn cancelled(&self) {
        // The sender is this very value, so the channel is open.
        let mut heard = self.heard.subscribe();
        drop(heard.wait_for(|signal| signal.cancelled).await);
    }

    /// Changes with whatever is heard.
    pub(in crate::run) fn heard(&self) -> watch::Receiver<Signal> {
        self.heard.subscribe()
    }
}

/// The facts of an event, if what was heard is one of it that did not come from us.
fn taken(event: &Event, heard: &Heard<'_>, json: &Json) -> Option<Facts> {
    let stands = |at: &str, wanted: &str| place::stands(heard.headers.unwrap_or_default(), json, at, wanted);
    let own = event.own.as_ref().is_some_and(|own| stands(&own.at, &own.equals));
    let is_said = |at: &str| heard.headers.is_none() && at.starts_with(HEADER);
    if own || !event.matches.iter().all(|(at, wanted)| is_said(at) || stands(at, wanted)) {
        return None;
    }
    let values = wire::take(json, &event.fields, None).ok()?;
    let fact = |(name, field): (&Name, &assent_schema::shape::Field)| {
        let value = values.get(name)?;
        Some((name.clone(), value.to_fact(&field.shape).ok()?))
    };
    Some(event.fields.iter().filter_map(fact).collect())
}

/// A key as text; only what could be a fact is one.
pub(in crate::run) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if assent_schema::shape::is_token(text) => Some(text.clone()),
        Value::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}

/// Under what name an event is kept.
pub(in crate::run) fn event_name(client: &ClientId, workflow: &WorkflowId, event: &Event, key: &str) -> String {
    format!("{EVENTS}{client}/{workflow}/{}/{}/{key}", event.connection, event.event)
}

/// Under what name it is kept that a run is to end.
pub(in crate::run) fn cancel_name(run: RunId) -> String {
    format!("{CANCELS}{run}")
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// A run is under way.
    pub(in crate::run) fn listen(
        &self,
        run: RunId,
        accepted: &Accepted,
        compiled: &Arc<Compiled>,
        values: &Values,
    ) -> Arc<Signals> {
        let key = |program| values.eval(program).ok().as_ref().and_then(key_text);
        let keys: Vec<_> = compiled.cancels.iter().map(key).collect();
        let signals = Arc::new(Signals::new(run, keys.clone()));
        let place = (accepted.client.clone(), accepted.workflow.clone());
        let follows = (&*compiled.plan, compiled.digest);
        lock(&self.ears).add(run, place, follows, &keys, Arc::clone(&signals));
        signals
    }

    /// A run that a start found can be reached, or never will be by this process.
    pub(in crate::run) fn came(&self, run: RunId) {
        // Whoever waits for all of them is woken once.
        self.coming.send_if_modified(|coming| coming.remove(&run) && coming.is_empty());
    }

    /// A run is no longer driven here.
    pub(in crate::run) fn forget(&self, run: RunId) {
        lock(&self.ears).remove(run);
    }

    /// The connections whose events concern runs of a workflow that are under way, with how they sign: those of each plan
    /// that such a run follows.
    pub fn listens(&self, client: &ClientId, workflow: &WorkflowId) -> Vec<Event> {
        lock(&self.ears).listens(client, workflow)
    }

    /// Takes an event for the runs that it concerns. False when it concerns none.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be made durable; then nothing of it happened.
    ///
    /// # Crash
    /// On `Ok` it is durable. It counts once: a second delivery changes nothing.
    pub async fn hear(&self, heard: &Heard<'_>) -> Result<bool, StoreError> {
        let Ok(json) = Json::parse(heard.body) else { return Ok(false) };
        if !self.coming.borrow().is_empty() {
            // The sender tries again; then it is known which runs there are.
            return Err(StoreError::Busy);
        }
        let now = self.world.clock().now();
        let at = (heard.client, heard.workflow, heard.connection);
        let concerned = lock(&self.ears).concerned(at, |event| taken(event, heard, &json));
        let Concerned { oldest: Some(oldest), cancelled, kept: names, is_swept } = concerned else { return Ok(false) };
        let mut writes = vec![Write::Deliver { key: heard.key, run: oldest }];
        for run in &cancelled {
            writes.push(Write::State { name: cancel_name(*run), value: Some(Vec::new()) });
        }
        for (name, fields) in &names {
            let arrival = Arrival { at: now.millis(), fields: fields.clone() };
            let value = serde_json::to_vec(&arrival).or(Err(StoreError::Damaged("an event without a form")))?;
            writes.push(Write::State { name: name.clone(), value: Some(value) });
        }
        if writes.len() == 1 {
            return Ok(false);
        }
        // With the same oldest run nothing more can be too old.
        let sweeps = !names.is_empty() && !is_swept;
        if sweeps {
            writes.extend(self.old_events(heard.client, heard.workflow, oldest, &names)?);
        }
        match self.store.commit(Transaction { at: now, writes }).await {
            Ok(()) => {}
            Err(StoreError::Refused(Refusal::Duplicate(_))) => return Ok(true),
            Err(error) => return Err(error),
        }
        let mut ears = lock(&self.ears);
        if sweeps {
            ears.swept(heard.client, heard.workflow, oldest);
        }
        cancelled.iter().filter_map(|run| ears.signals(*run)).for_each(|signals| signals.cancel());
        // Who begins to wait only now finds it in the store.
        let waiting = ears.waiting((heard.client, heard.workflow), names.keys());
        drop(ears);
        for signals in waiting {
            signals.wake();
        }
        Ok(true)
    }

    /// Events that came before the oldest run that listens: none of them counts any more.
    fn old_events(
        &self,
        client: &ClientId,
        workflow: &WorkflowId,
        oldest: RunId,
        new: &BTreeMap<String, Facts>,
    ) -> Result<Vec<Write>, StoreError> {
        let kept = self.store.states(&format!("{EVENTS}{client}/{workflow}/"))?;
        let old = kept.into_iter().filter(|(name, value)| {
            let at = serde_json::from_slice::<Arrival>(value).map_or(0, |arrival| arrival.at);
            at < oldest.millis() && !new.contains_key(name)
        });
        Ok(old.map(|(name, _)| Write::State { name, value: None }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some senders say in a header alone what happened, and whose doing it was.
    #[test]
    fn an_event_that_a_header_tells_is_told_from_others() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "connection": "shop",
            "event": "refund.created",
            "dialect": "shopify",
            "matches": {"header:X-Shopify-Topic": "refunds/create"},
            "record": "refund",
            "fields": {"order": {"shape": {"type": "token"}, "at": "order_id", "class": "reference", "written_by": "system"}},
            "self": {"at": "header:X-Made-By", "equals": "us"},
        }))
        .unwrap();
        let (client, workflow, connection) =
            ("acme".parse().unwrap(), "refund".parse().unwrap(), "shop".parse().unwrap());
        let body = br#"{"order_id":"1001"}"#;
        let taken = |headers: Option<&[(String, Vec<u8>)]>| {
            let key = [0; 16];
            let heard = Heard { client: &client, workflow: &workflow, connection: &connection, headers, body, key };
            taken(&event, &heard, &Json::parse(body).unwrap()).is_some()
        };
        let topic = |topic: &str| ("x-shopify-topic".to_owned(), topic.as_bytes().to_vec());
        assert!(taken(Some(&[topic("refunds/create")])));
        assert!(!taken(Some(&[topic("orders/create")])));
        assert!(!taken(Some(&[])));
        assert!(!taken(Some(&[topic("refunds/create"), ("X-Made-By".to_owned(), b"us".to_vec())])));
        assert!(taken(None), "a story says which event it is");
    }
}
