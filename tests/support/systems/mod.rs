//! The systems outside, played from what plans say of their operations: they answer every request of any event, and count
//! by event what they did. `serve` has them on a real port.

mod serve;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use assent_agent::content::Content;
use assent_agent::request::chat;
use assent_agent::sim::read_wire;
use assent_agent::world::{HttpRequest, HttpResponse};
use assent_schema::class::Class;
use assent_schema::id::{ClientId, Name, OperationRef};
use assent_schema::plan::{Action, Answer, Effect, Operation, Plan};
use assent_schema::shape::{CurrencyWire, Field, InstantWire, Shape, WrittenBy, number_of};
use assent_schema::time::Moment;
use serde_json::{Map, Value, json};

use crate::generate::Dice;

pub use serve::Served;

/// What every name of an event begins with.
pub const EVENT: &str = "ev-";

/// What was done outside, by client, operation and event: idempotency keys, or one number for each time without.
pub type Done = BTreeMap<(ClientId, OperationRef, String), BTreeSet<String>>;

/// Who answers.
#[derive(Clone)]
pub struct Systems {
    plans: Vec<Arc<Plan>>,
    seed: u64,
    at: Moment,
    done: Arc<Mutex<Done>>,
}

impl Systems {
    /// Systems that know the operations of some plans; `at` is every instant that they tell.
    pub fn new(plans: Vec<Arc<Plan>>, seed: u64, at: Moment) -> Self {
        Self { plans, seed, at, done: Arc::default() }
    }

    /// What they did so far.
    pub fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a request asks for, if it asks for an effect.
    pub fn does(&self, request: &HttpRequest, event: &str) {
        let Some(operation) = self.operations(request).next().filter(|one| one.effect != Effect::None) else { return };
        let mut done = self.done();
        let place = (request.client.clone(), request.operation.clone(), event.to_owned());
        let times = done.entry(place).or_default();
        let time = read_wire(operation, request).key.unwrap_or_else(|| format!("time {}", times.len()));
        times.insert(time);
    }

    /// The answer to what goes well.
    pub fn says(&self, request: &HttpRequest, event: &str) -> HttpResponse {
        if self.operations(request).next().is_none() {
            return response(200, self.answers(request, event));
        }
        // A plan holds the fields that it uses; an API answers all of them.
        let fields: BTreeMap<String, Field> =
            self.alike(request).flat_map(answered_fields).map(|(_, field)| (field.at.clone(), field)).collect();
        let (held, mut body) = (self.is_held(request, event), json!({}));
        for (at, field) in &fields {
            put(&mut body, at, self.value(field, event, held));
        }
        response(200, body.to_string().into_bytes())
    }

    fn operations(&self, request: &HttpRequest) -> impl Iterator<Item = &Operation> {
        let of = self.plans.iter().filter(|plan| plan.client == request.client);
        of.filter_map(|plan| plan.operations.get(&request.operation).map(|operation| &**operation))
    }

    /// All that is asked of the API in the same way: the catalog may have several names for it.
    fn alike(&self, request: &HttpRequest) -> impl Iterator<Item = &Operation> {
        let of = self.plans.iter().filter(|plan| plan.client == request.client).flat_map(|plan| &plan.operations);
        let there = of.filter(|(name, _)| name.connection == request.operation.connection);
        let asked = self.operations(request).next();
        let same = move |one: &&Operation| {
            asked.is_some_and(|asked| {
                (one.method, &one.path, &one.constants) == (asked.method, &asked.path, &asked.constants)
                    && one.document == asked.document
            })
        };
        there.map(|(_, operation)| &**operation).filter(same)
    }

    /// Whether the order of an event is held: what a `confirm` asks.
    fn is_held(&self, request: &HttpRequest, event: &str) -> bool {
        let Ok(operation) = Name::new("hold_order") else { return false };
        let hold = OperationRef { connection: request.operation.connection.clone(), operation };
        self.done().contains_key(&(request.client.clone(), hold, event.to_owned()))
    }

    /// What a model answers: what the plan asks for, mostly.
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
        for (name, form) in answer.expect("a question of a plan") {
            let value = match form {
                Answer::OneOf(values) if dice.below(4) > 0 => json!(values.first()),
                Answer::OneOf(values) => json!(dice.pick(values)),
                Answer::Number { most, .. } => serde_json::from_str(most).expect("a number"),
                Answer::Boolean {} => json!(true),
                Answer::Text { .. } => json!(format!("Dear you, about {event}: it is on its way.")),
                Answer::Citations { .. } => json!([format!("{event}.0")]),
            };
            said.insert(name.as_str().to_owned(), value);
        }
        chat::reply(request, Some(&Value::Object(said).to_string()))
    }

    fn value(&self, field: &Field, event: &str, held: bool) -> Value {
        match &field.shape {
            Shape::Text { .. } => json!(format!("About {event}, please")),
            Shape::Token {} => json!(format!("{}{event}", field.prefix.as_deref().unwrap_or_default())),
            Shape::Uuid {} => json!("0f8fad5b-d9cb-469f-a165-70867728950e"),
            Shape::Integer {} => json!(3),
            Shape::Decimal {} => json!("0.5"),
            Shape::Boolean {} => json!(true),
            Shape::Instant { wire: InstantWire::Iso } => json!(self.at.to_string()),
            Shape::Instant { wire: InstantWire::Seconds } => json!(self.at.seconds()),
            Shape::Instant { wire: InstantWire::Milliseconds } => json!(self.at.seconds().saturating_mul(1_000)),
            Shape::Instant { wire: InstantWire::Date(clock) } => json!(clock.day(self.at)),
            Shape::Instant { wire: InstantWire::Local(clock) } => json!(clock.time(self.at)),
            Shape::Money { wire } => {
                let mut json = Value::Null;
                put(&mut json, &wire.value, json!(AMOUNT));
                if let CurrencyWire::At(path) = &wire.currency {
                    put(&mut json, path, json!("EUR"));
                }
                json
            }
            Shape::OneOf { values, numbers } => {
                let wanted = if held { "on_hold" } else { "open" };
                let word = values.iter().find(|value| *value == wanted).or(values.first());
                let number = word.and_then(|word| number_of(values, numbers, word));
                number.map_or_else(|| json!(word), |number| json!(number))
            }
            Shape::List { of, .. } => {
                let item = |place: usize| {
                    let mut json = Value::Null;
                    put(&mut json, &of.at, self.value(of, &format!("{event}.{place}"), held));
                    json
                };
                Value::Array((0..2).map(item).collect())
            }
            Shape::Record { fields } => {
                let mut json = json!({});
                for field in fields.values() {
                    put(&mut json, &field.at, self.value(field, event, held));
                }
                json
            }
        }
    }
}

/// The fields of an answer: what is read of it, and what it must hold besides.
pub fn answered_fields(operation: &Operation) -> BTreeMap<Name, Field> {
    let besides = operation.must.iter().filter(|(_, must)| must.shape.is_some() || !must.at.is_empty());
    let besides = besides.map(|(name, must)| {
        let class = if must.shape.is_some() { Class::Reference } else { Class::Content };
        let shape = must.shape.clone().unwrap_or(Shape::Text { most_bytes: 64 });
        let field = Field {
            at: must.at.clone(),
            shape,
            class,
            written_by: WrittenBy::System,
            optional: false,
            prefix: must.prefix.clone(),
            empty: None,
            measure: false,
            category: None,
        };
        (name.clone(), field)
    });
    besides.chain(operation.response.iter().map(|(name, field)| (name.clone(), field.clone()))).collect()
}

/// Every amount that they tell, in minor units.
pub const AMOUNT: i64 = 1_900;

/// The event of which a request is: its name stands in every one that is about one.
pub fn event_of(request: &HttpRequest) -> Option<String> {
    let body = String::from_utf8_lossy(request.body.reveal());
    let texts = [request.target.reveal().as_str(), &body];
    let (_, rest) = texts.into_iter().find_map(|text| text.split_once(EVENT))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("{EVENT}{digits}"))
}

/// An answer in JSON.
pub fn response(status: u16, body: Vec<u8>) -> HttpResponse {
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
    let members = json.as_object_mut().expect("an object");
    put(members.entry(key).or_insert(Value::Null), rest, value);
}
