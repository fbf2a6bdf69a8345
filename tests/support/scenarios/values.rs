//! Values of fields and answers: the usual ones, and those that may make a difference.

use assent_schema::expr::Template;
use assent_schema::plan::{Answer, Argument};
use assent_schema::shape::{CurrencyWire, Field, InstantWire, MoneyUnit, MoneyWire, Shape, as_dotnet};
use assent_schema::time::Moment;
use serde_json::{Value, json};

use super::{AT, TOKEN};

/// The constants of an expression, as JSON, and numbers beside them.
pub(super) fn constants(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text.split('\'').skip(1).step_by(2).map(|text| json!(text).to_string()).collect();
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<i64>().ok());
    found.extend(numbers.flat_map(|number| [number, number - 1, number + 1]).map(|number| number.to_string()));
    found
}

/// Values of a field that may make a difference, as JSON.
pub(super) fn values(field: &Field, constants: &[String]) -> Vec<String> {
    let integers = constants.iter().filter_map(|text| text.parse::<i64>().ok());
    let mut found: Vec<String> = match &field.shape {
        Shape::OneOf { numbers, .. } if !numbers.is_empty() => numbers.iter().map(ToString::to_string).collect(),
        Shape::OneOf { values, .. } => values.iter().map(|value| json!(value).to_string()).collect(),
        Shape::Text { .. } | Shape::Token {} => {
            let texts = constants.iter().filter(|text| text.starts_with('"')).cloned();
            texts.chain(["\"other\"".to_owned()]).collect()
        }
        Shape::Integer {} => integers.chain([0, 1_000]).map(|number| number.to_string()).collect(),
        Shape::Money { wire } => {
            integers.chain([1, 9_000, 1_000_000]).map(|minor| money(minor, wire).to_string()).collect()
        }
        Shape::Boolean {} => vec!["true".to_owned(), "false".to_owned()],
        Shape::Decimal {} | Shape::Uuid {} | Shape::Instant { .. } | Shape::List { .. } | Shape::Record { .. } => {
            Vec::new()
        }
    };
    if field.optional {
        found.push("null".to_owned());
    }
    found
}

/// Answers of an AI that may make a difference, as JSON; the first is the usual one.
pub(super) fn answers(form: &Answer) -> Vec<String> {
    match form {
        Answer::OneOf(values) => values.iter().map(|value| json!(value).to_string()).collect(),
        Answer::Number { least, most } => vec![most.clone(), least.clone()],
        Answer::Boolean {} => vec!["true".to_owned(), "false".to_owned()],
        Answer::Text { .. } => vec!["\"A text.\"".to_owned()],
        Answer::Citations { .. } => vec!["[]".to_owned()],
    }
}

/// The expressions in an argument.
pub(super) fn holes(argument: &Argument) -> Vec<String> {
    match argument {
        Argument::Template(text) => Template::parse(text)
            .map(|template| template.programs().map(ToString::to_string).collect())
            .unwrap_or_default(),
        Argument::List(items) => items.iter().flat_map(holes).collect(),
        Argument::Record(members) => members.values().flat_map(holes).collect(),
        Argument::Boolean(_) | Argument::Integer(_) | Argument::Text(_) => Vec::new(),
    }
}

pub(super) fn sample(shape: &Shape) -> Value {
    let at: Moment = AT.parse().expect("a moment");
    match shape {
        Shape::Text { .. } | Shape::Token {} => json!(TOKEN),
        Shape::Uuid {} => json!("00000000-0000-4000-8000-000000000001"),
        Shape::Integer {} => json!(1),
        Shape::Decimal {} => json!("1.5"),
        Shape::Boolean {} => json!(true),
        Shape::Instant { wire: InstantWire::Iso } => json!(at),
        Shape::Instant { wire: InstantWire::Seconds } => json!(at.seconds()),
        Shape::Instant { wire: InstantWire::Milliseconds } => json!(at.seconds() * 1_000),
        Shape::Instant { wire: InstantWire::Date(clock) } => json!(clock.day(at)),
        Shape::Instant { wire: InstantWire::Local(clock) } => json!(clock.time(at)),
        Shape::Instant { wire: InstantWire::Dotnet } => json!(as_dotnet(at.seconds())),
        Shape::Money { wire } => money(100, wire),
        Shape::OneOf { values, numbers } => {
            numbers.first().map_or_else(|| json!(values.first()), |number| json!(number))
        }
        Shape::List { .. } | Shape::Record { .. } => json!([]),
    }
}

/// An amount in euros, as it stands on the wire.
pub fn money(minor: i64, wire: &MoneyWire) -> Value {
    let mut json = json!({});
    let number = match wire.unit {
        MoneyUnit::Minor => json!(minor),
        MoneyUnit::Major => json!(format!("{}.{:02}", minor / 100, minor % 100)),
        MoneyUnit::MajorNumber => {
            serde_json::from_str(&format!("{}.{:02}", minor / 100, minor % 100)).expect("a number")
        }
    };
    put(&mut json, &wire.value, number);
    if let CurrencyWire::At(path) = &wire.currency {
        put(&mut json, path, json!("EUR"));
    }
    json
}

/// Puts a value at dots-joined members; objects that meet become one.
pub fn put(json: &mut Value, path: &str, value: Value) {
    if path.is_empty() {
        match (json, value) {
            (Value::Object(members), Value::Object(more)) => members.extend(more),
            (json, value) => *json = value,
        }
        return;
    }
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Ok(place) = key.parse::<usize>() {
        if !json.is_array() {
            *json = json!([]);
        }
        let items = json.as_array_mut().expect("a list");
        items.resize(items.len().max(place + 1), Value::Null);
        return put(items.get_mut(place).expect("an item"), rest, value);
    }
    if !json.is_object() {
        *json = json!({});
    }
    put(json.as_object_mut().expect("an object").entry(key).or_insert_with(|| json!({})), rest, value);
}
