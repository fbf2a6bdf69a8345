//! The systems outside: they answer every request of any event, and fail all the time. What they do is counted by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::request::chat;
use assent_agent::sim::{Reply, Service, read_wire};
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure, Wall};
use assent_schema::id::{ClientId, OperationRef};
use assent_schema::plan::{Action, Answer, Effect, Operation, Plan};
use assent_schema::shape::{CurrencyWire, Field, InstantWire, Shape};
use assent_tests::generate::Dice;
use serde_json::{Map, Value, json};

/// What every name of an event begins with.
pub(crate) const EVENT: &str = "ev-";

/// What was done outside, by client, operation and event: idempotency keys, or one number for each time without.
pub(crate) type Done = BTreeMap<(ClientId, OperationRef, String), BTreeSet<String>>;

/// Who answers.
pub(crate) struct Outside {
    pub(crate) plans: Vec<Arc<Plan>>,
    pub(crate) seed: u64,
    pub(crate) done: Arc<Mutex<Done>>,
    pub(crate) faults: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    requests: u64,
}

/// What goes wrong with a request, and whether it is done nevertheless.
struct Fault {
    name: &'static str,
    does: bool,
    result: Result<HttpResponse, NetFailure>,
    after: Duration,
}

impl Outside {
    pub(crate) fn new(plans: Vec<Arc<Plan>>, seed: u64) -> Self {
        Self { plans, seed, done: Arc::default(), faults: Arc::default(), requests: 0 }
    }

    fn fault(&mut self, request: &HttpRequest) -> Option<Fault> {
        self.requests += 1;
        let quick = Duration::from_millis(20);
        let (name, does, result, after) = match Dice::of(self.seed, &["fault", &self.requests.to_string()]).below(100) {
            0..=2 => ("no connection", false, Err(NetFailure::NeverConnected), quick),
            3 => ("done, no reply", true, Err(NetFailure::SentNoReply), quick),
            4 => ("not done, no reply", false, Err(NetFailure::SentNoReply), quick),
            5 => ("503", false, Ok(response(503, Vec::new())), quick),
            6 => ("429", false, Ok(response(429, Vec::new())), quick),
            7 => ("done, 500", true, Ok(response(500, Vec::new())), quick),
            8 => ("done, too late", true, Err(NetFailure::TimedOut), request.timeout),
            _ => return None,
        };
        Some(Fault { name, does, result, after })
    }

    fn does(&self, request: &HttpRequest, operation: &Operation, event: &str) {
        if operation.effect == Effect::None {
            return;
        }
        let mut done = self.done.lock().unwrap();
        let place = (request.client.clone(), request.operation.clone(), event.to_owned());
        let times = done.entry(place).or_default();
        let time = read_wire(operation, request).key.unwrap_or_else(|| format!("time {}", times.len()));
        times.insert(time);
    }

    /// The answer to what goes well.
    fn says(&self, request: &HttpRequest, event: &str) -> HttpResponse {
        let (held, mut body) = (self.is_held(request, event), json!({}));
        // A plan holds the fields that it uses; an API answers all of them.
        let fields: BTreeMap<&str, &Field> = self
            .operations(request)
            .flat_map(|operation| operation.response.values())
            .map(|field| (field.at.as_str(), field))
            .collect();
        if self.operations(request).next().is_none() {
            return response(200, self.answers(request, event));
        }
        for (at, field) in fields {
            put(&mut body, at, value(field, event, held));
        }
        response(200, body.to_string().into_bytes())
    }

    fn operations(&self, request: &HttpRequest) -> impl Iterator<Item = &Operation> {
        let of = self.plans.iter().filter(|plan| plan.client == request.client);
        of.filter_map(|plan| plan.operations.get(&request.operation))
    }

    /// Whether the order of an event is held: what a `confirm` asks.
    fn is_held(&self, request: &HttpRequest, event: &str) -> bool {
        let done = self.done.lock().unwrap();
        done.keys().any(|(client, operation, of)| {
            (client, of.as_str()) == (&request.client, event) && operation.operation.as_str() == "hold_order"
        })
    }

    fn answers(&self, request: &HttpRequest, event: &str) -> Vec<u8> {
        let body = String::from_utf8_lossy(request.body.reveal());
        let mut steps =
            self.plans.iter().filter(|plan| plan.client == request.client).flat_map(|plan| plan.every_step());
        let answer = steps.find_map(|step| match &step.action {
            Action::Ask { prompt, answer, .. } if body.contains(&prompt.chars().take(24).collect::<String>()) => {
                Some(answer)
            }
            _ => None,
        });
        let mut dice = Dice::of(self.seed, &["answer", event]);
        if dice.one_in(40) {
            return chat::reply(request, None);
        }
        let mut said = Map::new();
        for (name, form) in answer.unwrap() {
            let value = match form {
                Answer::OneOf(values) if dice.below(4) > 0 => json!(values.first()),
                Answer::OneOf(values) => json!(dice.pick(values)),
                Answer::Number { most, .. } => serde_json::from_str(most).unwrap(),
                Answer::Boolean {} => json!(true),
                Answer::Text { .. } => json!(format!("Dear you, about {event}: it is on its way.")),
                Answer::Citations { .. } => json!([format!("{event}.0")]),
            };
            said.insert(name.as_str().to_owned(), value);
        }
        chat::reply(request, Some(&Value::Object(said).to_string()))
    }
}

impl Service for Outside {
    fn answer(&mut self, _: Wall, request: HttpRequest) -> Reply {
        let event = event_of(&request);
        let operation = self.operations(&request).next().cloned();
        let fault = self.fault(&request);
        let does = fault.as_ref().is_none_or(|fault| fault.does);
        if let Some(operation) = operation.filter(|_| does) {
            self.does(&request, &operation, &event);
        }
        match fault {
            Some(fault) => {
                *self.faults.lock().unwrap().entry(fault.name).or_default() += 1;
                Reply { result: fault.result, after: fault.after }
            }
            None => Reply { result: Ok(self.says(&request, &event)), after: Duration::from_millis(40) },
        }
    }
}

/// The event of which a request is: its name stands in every one.
fn event_of(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body.reveal());
    let texts = [request.target.reveal().as_str(), &body];
    let found = texts.into_iter().find_map(|text| text.split_once(EVENT));
    let digits: String = found.map_or("", |(_, rest)| rest).chars().take_while(char::is_ascii_digit).collect();
    assert!(!digits.is_empty(), "a request of no event: {}", request.operation);
    format!("{EVENT}{digits}")
}

fn value(field: &Field, event: &str, held: bool) -> Value {
    match &field.shape {
        Shape::Text { .. } => json!(format!("About {event}, please")),
        Shape::Token {} => json!(event),
        Shape::Uuid {} => json!("0f8fad5b-d9cb-469f-a165-70867728950e"),
        Shape::Integer {} => json!(3),
        Shape::Decimal {} => json!("0.5"),
        Shape::Boolean {} => json!(true),
        Shape::Instant { wire: InstantWire::Iso } => json!("2026-03-01T09:00:00Z"),
        Shape::Instant { wire: InstantWire::Seconds } => json!(1_772_355_600),
        Shape::Instant { wire: InstantWire::Milliseconds } => json!(1_772_355_600_000_i64),
        Shape::Money { wire } => {
            let mut json = Value::Null;
            put(&mut json, &wire.value, json!(1_900));
            if let CurrencyWire::At(path) = &wire.currency {
                put(&mut json, path, json!("EUR"));
            }
            json
        }
        Shape::OneOf { values } => {
            let wanted = if held { "on_hold" } else { "open" };
            json!(values.iter().find(|value| *value == wanted).or(values.first()))
        }
        Shape::List { of, .. } => {
            let item = |place: usize| {
                let mut json = Value::Null;
                put(&mut json, &of.at, value(of, &format!("{event}.{place}"), held));
                json
            };
            Value::Array((0..2).map(item).collect())
        }
        Shape::Record { fields } => {
            let mut json = json!({});
            for field in fields.values() {
                put(&mut json, &field.at, value(field, event, held));
            }
            json
        }
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let kind = ("content-type".to_owned(), Content::new(b"application/json".to_vec()));
    HttpResponse { status, headers: vec![kind], body: Content::new(body) }
}

/// Puts a value at a path, making objects on the way.
fn put(json: &mut Value, path: &str, value: Value) {
    if path.is_empty() {
        *json = value;
        return;
    }
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    if !json.is_object() {
        *json = json!({});
    }
    put(json.as_object_mut().unwrap().entry(key).or_insert(Value::Null), rest, value);
}
