//! Placeholders of the right shapes. Every text, token and amount is the same, so that what must belong together does.

use std::collections::BTreeMap;

use assent_schema::expr::Fact;
use assent_schema::id::Name;
use assent_schema::plan::{Answer, Must, Operation};
use assent_schema::shape::{CurrencyWire, Field, InstantWire, MoneyUnit, MoneyWire, Shape, as_dotnet, number_of};
use assent_schema::time::Moment;
use serde_json::{Value, json};

/// What stands for a text.
pub(super) const TEXT: &str = "placeholder";
const UUID: &str = "00000000-0000-4000-8000-000000000001";
/// What stands for an amount, in minor units.
const AMOUNT: i64 = 100;

/// How a field names a header.
pub(super) const HEADER: &str = "header:";

/// Makes placeholders.
pub(super) struct Sample<'a> {
    /// What stands for an instant.
    pub(super) at: Moment,
    /// What stands for a currency.
    pub(super) currency: &'a str,
}

impl Sample<'_> {
    /// An answer of an operation, with all that it must hold.
    pub(super) fn reply(&self, operation: &Operation) -> Value {
        let mut body = json!({});
        // An empty place is the answer itself, which is there.
        let in_body = operation.must.values().filter(|must| !must.at.starts_with(HEADER));
        for must in in_body.filter(|must| must.shape.is_some() || !must.at.is_empty()) {
            put(&mut body, &must.at, self.held(must));
        }
        self.fill(&mut body, &operation.response, &BTreeMap::new());
        body
    }

    /// A message with all of its fields; a fact that is one of the field's constants is taken over.
    pub(super) fn message(&self, fields: &BTreeMap<Name, Field>, facts: &BTreeMap<Name, Fact>) -> Value {
        let mut body = json!({});
        self.fill(&mut body, fields, facts);
        body
    }

    fn fill(&self, body: &mut Value, fields: &BTreeMap<Name, Field>, facts: &BTreeMap<Name, Fact>) {
        for (name, field) in fields.iter().filter(|(_, field)| !field.at.starts_with(HEADER)) {
            let chosen = facts.get(name).and_then(|fact| constant_of(&field.shape, fact));
            let value = chosen.unwrap_or_else(|| self.value(&field.shape));
            put(body, &field.at, behind(field.prefix.as_deref(), value));
        }
    }

    /// What stands for a value that an answer must hold.
    fn held(&self, must: &Must) -> Value {
        let value = must.shape.as_ref().map_or_else(|| json!(TEXT), |shape| self.value(shape));
        behind(must.prefix.as_deref(), value)
    }

    /// The headers of an answer that some of its fields stand in.
    pub(super) fn headers(&self, operation: &Operation) -> Value {
        let text = |value: Value| match value {
            Value::String(text) => json!(text),
            value => json!(value.to_string()),
        };
        let taken = operation.response.values();
        let taken = taken.map(|field| (&field.at, behind(field.prefix.as_deref(), self.value(&field.shape))));
        let all = taken.chain(operation.must.values().map(|must| (&must.at, self.held(must))));
        let one = |(at, value): (&String, Value)| Some((at.strip_prefix(HEADER)?.to_owned(), text(value)));
        Value::Object(all.filter_map(one).collect())
    }

    /// An answer of an AI provider with the constants that it chose.
    pub(super) fn answer(fields: &BTreeMap<Name, Answer>, facts: &BTreeMap<Name, Fact>) -> Value {
        let one = |(name, field): (&Name, &Answer)| {
            let value = match field {
                Answer::OneOf(constants) => {
                    let chosen = facts.get(name).map(ToString::to_string).filter(|text| constants.contains(text));
                    json!(chosen.or_else(|| constants.first().cloned()))
                }
                // The greatest number mostly passes a threshold.
                Answer::Number { most, .. } => number(most),
                Answer::Boolean {} => json!(true),
                Answer::Text { .. } => json!(TEXT),
                Answer::Citations { .. } => json!([]),
            };
            (name.to_string(), value)
        };
        Value::Object(fields.iter().map(one).collect())
    }

    fn value(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Text { .. } | Shape::Token {} => json!(TEXT),
            Shape::Uuid {} => json!(UUID),
            Shape::Integer {} => json!(1),
            Shape::Decimal {} => json!("1.5"),
            Shape::Boolean {} => json!(true),
            Shape::Instant { wire } => self.instant(wire),
            Shape::Money { wire } => self.money(wire),
            Shape::OneOf { values, numbers } => {
                numbers.first().map_or_else(|| json!(values.first()), |number| json!(number))
            }
            Shape::List { of, .. } => {
                let mut item = json!({});
                put(&mut item, &of.at, behind(of.prefix.as_deref(), self.value(&of.shape)));
                json!([item])
            }
            Shape::Record { fields } => self.message(fields, &BTreeMap::new()),
        }
    }

    fn instant(&self, wire: &InstantWire) -> Value {
        match wire {
            InstantWire::Iso => json!(self.at),
            InstantWire::Seconds => json!(self.at.seconds()),
            InstantWire::Milliseconds => json!(self.at.seconds().saturating_mul(1_000)),
            InstantWire::Date(clock) => json!(clock.day(self.at)),
            InstantWire::Local(clock) => json!(clock.time(self.at)),
            InstantWire::Dotnet => json!(as_dotnet(self.at.seconds())),
        }
    }

    fn money(&self, wire: &MoneyWire) -> Value {
        let amount = match wire.unit {
            MoneyUnit::Minor => json!(AMOUNT),
            MoneyUnit::Major => json!("1"),
            MoneyUnit::MajorNumber => json!(1),
        };
        let mut value = json!({});
        put(&mut value, &wire.value, amount);
        if let CurrencyWire::At(path) = &wire.currency {
            put(&mut value, path, json!(self.currency));
        }
        value
    }
}

/// A fact that is one of the constants of a shape: it says nothing but what the catalog says already.
fn constant_of(shape: &Shape, fact: &Fact) -> Option<Value> {
    let text = fact.to_string();
    match shape {
        Shape::OneOf { values, numbers } if values.contains(&text) => {
            Some(number_of(values, numbers, &text).map_or_else(|| json!(text), |number| json!(number)))
        }
        _ => None,
    }
}

/// A value as it stands on the wire: a token may have something before it.
fn behind(prefix: Option<&str>, value: Value) -> Value {
    match (prefix, value) {
        (Some(prefix), Value::String(text)) => json!(format!("{prefix}{text}")),
        (_, value) => value,
    }
}

/// A constant of the workflow, written as its field is.
pub(super) fn constant(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Integer {} => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        Shape::Boolean {} => json!(text == "true"),
        _ => json!(text),
    }
}

fn number(text: &str) -> Value {
    text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from)).unwrap_or_else(|_| json!(1))
}

/// Puts a value at a path of a message; an empty path is the message itself.
pub(super) fn put(message: &mut Value, path: &str, value: Value) {
    if path.is_empty() {
        // An amount that stands beside the other fields leaves them there.
        match (message.as_object_mut(), value) {
            (Some(members), Value::Object(more)) => members.extend(more),
            (_, value) => *message = value,
        }
        return;
    }
    let mut here = message;
    for member in path.split('.') {
        if !here.is_object() {
            *here = json!({});
        }
        let Some(members) = here.as_object_mut() else { return };
        here = members.entry(member).or_insert_with(|| json!({}));
    }
    *here = value;
}
