//! Runs and steps as OpenTelemetry spans: ids, codes and times, made from the journal after it was durable. Pure.
//!
//! OTLP over HTTP in its JSON form, by the agent's own connections. The `opentelemetry` crates would bring forty packages, a
//! runtime's threads and clients of their own around the egress list; a span of ours is fifteen lines of JSON.
//!
//! The queue is bounded, and what does not fit is dropped and counted: nothing of a run ever waits for it.
//!
//! # Source
//! OpenTelemetry, "OTLP specification 1.x", JSON Protobuf encoding; `opentelemetry/proto/trace/v1/trace.proto`.

use std::collections::{BTreeMap, VecDeque};

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, Name};
use serde_json::{Value, json};

use crate::store::outcome::is_fine;
use crate::store::{Entry, FactText, RunId};
use crate::world::Wall;

/// The most spans that wait to be sent.
const QUEUE_MOST: usize = 8_192;
/// The most spans of one request.
pub const BATCH_MOST: usize = 512;
/// The most runs under way whose spans are put together.
const RUNS_MOST: usize = 20_000;
/// The most steps of one run that are kept until they end.
const STEPS_MOST: usize = 256;

/// A run that has not ended, as far as it is traced.
struct Going {
    client: String,
    workflow: String,
    plan: String,
    at: Wall,
    steps: BTreeMap<Key, (Wall, Option<String>)>,
}

/// A step of a run, of one item, and which attempt.
type Key = (Name, Option<FactText>, u32);

/// Spans that are under way, and those that wait to be sent.
#[derive(Default)]
pub struct Spans {
    on: bool,
    going: BTreeMap<RunId, Going>,
    queue: VecDeque<Value>,
    dropped: u64,
    sent: u64,
}

/// What one span says beside its times.
struct Told<'a> {
    name: &'a str,
    parent: bool,
    id: [u8; 8],
    code: &'a str,
    good: bool,
    more: Vec<(&'static str, Value)>,
}

impl Spans {
    /// Spans that are kept to be sent, or none where nobody takes them.
    pub fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// Takes one fact of a run.
    pub fn take(&mut self, run: RunId, at: Wall, entry: &Entry) {
        if !self.on {
            return;
        }
        if let Entry::Accepted(accepted) = entry {
            if self.going.len() >= RUNS_MOST {
                self.going.pop_first();
                self.dropped = self.dropped.saturating_add(1);
            }
            let (client, workflow) = (accepted.client.to_string(), accepted.workflow.to_string());
            let going = Going { client, workflow, plan: accepted.plan.to_string(), at, steps: BTreeMap::new() };
            self.going.insert(run, going);
            return;
        }
        let Some(going) = self.going.get_mut(&run) else { return };
        let span = match entry {
            Entry::Intent(intent) => {
                let operation = Some(intent.operation.to_string());
                going.begin((intent.step.clone(), intent.item.clone(), intent.attempt), at, operation);
                None
            }
            Entry::Outcome(outcome) => {
                let key = (outcome.step.clone(), outcome.item.clone(), outcome.attempt);
                let status = outcome.status.map(|status| ("http.response.status_code", int(i64::from(status))));
                let attempt = ("assent.attempt", int(i64::from(outcome.attempt)));
                let more = status.into_iter().chain([attempt]).collect();
                going.end(run, key, at, &outcome.code, is_fine(&outcome.code), more)
            }
            Entry::Asked(waiting) => {
                going.begin((waiting.step.clone(), waiting.item.clone(), 0), at, None);
                None
            }
            Entry::Decided { step, item, choice, .. } => {
                going.end(run, (step.clone(), item.clone(), 0), at, choice.as_str(), true, Vec::new())
            }
            Entry::Rests { step, item, .. } => {
                going.begin((step.clone(), item.clone(), 0), at, None);
                None
            }
            Entry::Woke { step, item, arrived, .. } => {
                let code = if *arrived { "arrived" } else { "time" };
                going.end(run, (step.clone(), item.clone(), 0), at, code, true, Vec::new())
            }
            Entry::Ended { ending, step, code, .. } => {
                let good = !ending.is_unfinished();
                let mut more = vec![("assent.plan", text(&going.plan))];
                more.extend(code.as_ref().map(|code| ("assent.code", text(code))));
                more.extend(step.as_ref().map(|step| ("assent.step", text(step.as_str()))));
                let told = Told { name: "run", parent: false, id: root(run), code: ending.as_str(), good, more };
                Some(going.span(run, going.at, at, told))
            }
            Entry::Accepted(_)
            | Entry::When { .. }
            | Entry::Quiet {}
            | Entry::Answered { .. }
            | Entry::Passed { .. }
            | Entry::Walked { .. }
            | Entry::Item { .. } => None,
        };
        if matches!(entry, Entry::Ended { .. }) {
            self.going.remove(&run);
        }
        if let Some(span) = span {
            self.put(span);
        }
    }

    fn put(&mut self, span: Value) {
        if self.queue.len() >= QUEUE_MOST {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.queue.push_back(span);
        }
    }

    /// The next spans to send, oldest first; nothing when none wait.
    pub fn batch(&mut self) -> Vec<Value> {
        let count = self.queue.len().min(BATCH_MOST);
        self.queue.drain(..count).collect()
    }

    /// Spans that did not fit, or that nobody took.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Spans that a collector took.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// A collector took so many.
    pub fn took(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(u64::try_from(count).unwrap_or(0));
    }

    /// Nobody took so many.
    pub fn lost(&mut self, count: usize) {
        self.dropped = self.dropped.saturating_add(u64::try_from(count).unwrap_or(0));
    }
}

impl Going {
    fn begin(&mut self, key: Key, at: Wall, operation: Option<String>) {
        if self.steps.len() < STEPS_MOST {
            self.steps.insert(key, (at, operation));
        }
    }

    fn end(
        &mut self,
        run: RunId,
        key: Key,
        at: Wall,
        code: &str,
        good: bool,
        mut more: Vec<(&'static str, Value)>,
    ) -> Option<Value> {
        let (begun, operation) = self.steps.remove(&key)?;
        let (step, item, attempt) = key;
        more.push(("assent.step", text(step.as_str())));
        more.extend(operation.map(|operation| ("assent.operation", text(&operation))));
        // An item's key is a reference of the client's: it makes another id and is not told.
        let of = format!("{run}/{step}/{}/{attempt}/{}", item.as_ref().map_or("", FactText::as_str), begun.millis());
        let told = Told { name: step.as_str(), parent: true, id: short(&of), code, good, more };
        Some(self.span(run, begun, at, told))
    }

    fn span(&self, run: RunId, from: Wall, until: Wall, told: Told<'_>) -> Value {
        let nanos = |at: Wall| (i128::from(at.millis()) * 1_000_000).to_string();
        let mut attributes = vec![
            ("assent.client", text(&self.client)),
            ("assent.workflow", text(&self.workflow)),
            ("assent.outcome", text(told.code)),
        ];
        attributes.extend(told.more);
        let attributes: Vec<Value> =
            attributes.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let name = if told.parent { told.name.to_owned() } else { format!("{}/{}", self.client, self.workflow) };
        let mut span = json!({
            "traceId": run.to_string(),
            "spanId": hex(told.id),
            "name": name,
            "kind": if told.parent { 3 } else { 1 },
            "startTimeUnixNano": nanos(from),
            "endTimeUnixNano": nanos(until),
            "attributes": attributes,
            "status": {"code": if told.good { 1 } else { 2 }},
        });
        if told.parent
            && let Some(members) = span.as_object_mut()
        {
            members.insert("parentSpanId".to_owned(), json!(hex(root(run))));
        }
        span
    }
}

/// The request that carries spans.
pub fn request(agent: &AgentId, version: &str, spans: &[Value]) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let resource = [
        attribute("service.name", "assent-agent"),
        attribute("service.instance.id", agent.as_str()),
        attribute("service.version", version),
    ];
    json!({"resourceSpans": [{"resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "assent"}, "spans": spans}]}]})
}

fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

fn int(value: i64) -> Value {
    // 64-bit integers are texts in the JSON form.
    json!({"intValue": value.to_string()})
}

fn root(run: RunId) -> [u8; 8] {
    short(&run.to_string())
}

fn short(text: &str) -> [u8; 8] {
    let digest = Digest::tagged("assent-span/v1", text.as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[1; 8], &[]));
    // An id of zeroes is none.
    if *first == [0; 8] { [1; 8] } else { *first }
}

fn hex(id: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}

#[cfg(test)]
mod tests;
