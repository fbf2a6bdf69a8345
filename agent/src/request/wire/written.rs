//! Values as JSON, texts and numbers, by the shapes of the catalog.

use std::collections::BTreeMap;

use assent_schema::canon::INTEGER_MOST;
use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::shape::{CurrencyWire, Field, MoneyUnit, MoneyWire, Shape, is_token, is_uuid, number_of};

use super::instant;
use crate::request::amount;
use crate::request::json::Json;

/// A value as JSON, if it fits its shape.
pub fn write(value: &Value, shape: &Shape) -> Option<Json> {
    match (shape, value) {
        (Shape::Text { most_bytes }, Value::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Json::Text(text.clone()))
        }
        (Shape::Token {} | Shape::Uuid {} | Shape::OneOf { .. } | Shape::Instant { .. }, _) => {
            match scalar(value, shape)? {
                Scalar::Text(text) => Some(Json::Text(text)),
                Scalar::Number(number) => Some(Json::Number(number)),
            }
        }
        (Shape::Integer {} | Shape::Decimal {}, _) => match scalar(value, shape)? {
            Scalar::Text(number) | Scalar::Number(number) => Some(Json::Number(number)),
        },
        (Shape::Boolean {}, Value::Boolean(truth)) => Some(Json::Boolean(*truth)),
        (Shape::Money { wire }, Value::Money(_)) => {
            let mut json = Json::Object(Vec::new());
            for (path, scalar) in money(value, wire)? {
                let leaf = match scalar {
                    Scalar::Text(text) => Json::Text(text),
                    Scalar::Number(number) => Json::Number(number),
                };
                if path.is_empty() {
                    return Some(leaf);
                }
                json.put(&path, leaf).then_some(())?;
            }
            Some(json)
        }
        (Shape::List { most, of }, Value::List(items)) => {
            let fits = items.len() <= usize::try_from(*most).unwrap_or(usize::MAX);
            let items = items.iter().map(|item| write(item, &of.shape)).collect::<Option<Vec<_>>>()?;
            fits.then_some(Json::List(items))
        }
        (Shape::Record { fields }, Value::Record(members)) => write_record(members, fields),
        _ => None,
    }
}

fn write_record(members: &BTreeMap<Name, Value>, fields: &BTreeMap<Name, Field>) -> Option<Json> {
    let mut json = Json::Object(Vec::new());
    for (name, field) in fields {
        match members.get(name) {
            Some(value) if !value.is_absent() => json.put(&field.at, write(value, &field.shape)?).then_some(())?,
            _ => field.optional.then_some(())?,
        }
    }
    members.keys().all(|name| fields.contains_key(name)).then_some(json)
}

/// A value that is one text or number on the wire.
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(String),
}

impl Scalar {
    /// The characters, whichever it is.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// A value as one text or number, if it fits its shape and its shape is one; amounts are not.
pub fn scalar(value: &Value, shape: &Shape) -> Option<Scalar> {
    match (shape, value) {
        (Shape::Text { most_bytes }, Value::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Scalar::Text(text.clone()))
        }
        (Shape::Token {}, Value::Text(text)) => is_token(text).then(|| Scalar::Text(text.clone())),
        (Shape::Token {}, Value::Integer(n)) => Some(Scalar::Text(n.to_string())),
        (Shape::Uuid {}, Value::Text(text)) => is_uuid(text).then(|| Scalar::Text(text.clone())),
        (Shape::OneOf { values, numbers }, Value::Text(text)) => match number_of(values, numbers, text) {
            Some(number) => Some(Scalar::Number(number.to_string())),
            None => (numbers.is_empty() && values.contains(text)).then(|| Scalar::Text(text.clone())),
        },
        (Shape::Integer {}, Value::Integer(n)) => {
            (-INTEGER_MOST..=INTEGER_MOST).contains(n).then(|| Scalar::Number(n.to_string()))
        }
        (Shape::Decimal {}, Value::Decimal(decimal)) => Some(Scalar::Number(decimal.to_text())),
        (Shape::Decimal {}, Value::Integer(n)) => Some(Scalar::Number(n.to_string())),
        (Shape::Boolean {}, Value::Boolean(truth)) => Some(Scalar::Text(truth.to_string())),
        (Shape::Instant { wire }, Value::Instant(moment)) => instant::write(*moment, wire),
        _ => None,
    }
}

/// An amount as its parts, by path relative to its place; empty for the place itself.
///
/// Major units go out as text unless the catalog says that the API wants a number: one would be read as a float by many.
/// Nothing where the API counts in larger units than the amount needs.
pub fn money(value: &Value, wire: &MoneyWire) -> Option<Vec<(String, Scalar)>> {
    let money = value.as_money()?;
    let number = amount::write(money, wire)?;
    let number = match wire.unit {
        MoneyUnit::Minor | MoneyUnit::MajorNumber => Scalar::Number(number),
        MoneyUnit::Major => Scalar::Text(number),
    };
    let currency = money.currency.as_str().to_owned();
    match &wire.currency {
        CurrencyWire::Fixed(code) => (*code == currency).then(|| vec![(wire.value.clone(), number)]),
        CurrencyWire::At(path) => Some(vec![(wire.value.clone(), number), (path.clone(), Scalar::Text(currency))]),
    }
}
