//! Values to JSON and back, by the shapes of the catalog. What was not declared is dropped; what does not fit is refused.
//!
//! # Source
//! language.md sections 2 and 5.

mod instant;
#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::fmt;

use assent_schema::canon::INTEGER_MOST;
use assent_schema::expr::{Currency, Decimal, Value};
use assent_schema::id::Name;
use assent_schema::plan::Must;
use assent_schema::shape::{CurrencyWire, Empty, Field, InstantWire, MoneyWire, Shape, WrittenBy, is_token, is_uuid};

use super::amount;
use super::json::Json;

pub use instant::{Exact, exact};
pub use written::{Scalar, money, scalar, write};

/// A field that does not fit: its name, behind those of the fields that it is part of. Never what stood there.
///
/// # Shape
/// Written with dots: `orders.changed`. Items of lists have no name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BadField {
    names: Vec<Name>,
    /// Who may have written what does not fit, once it is known.
    by: Option<WrittenBy>,
}

impl BadField {
    /// One field that does not fit as a whole, by nobody's doing.
    pub fn of(name: &Name) -> Self {
        Self::missing().in_field(name)
    }

    /// Whether anyone may have written what does not fit. What is missing is nobody's doing.
    pub fn is_by_anyone(&self) -> bool {
        self.by == Some(WrittenBy::Anyone)
    }

    fn missing() -> Self {
        Self { by: Some(WrittenBy::System), ..Self::default() }
    }

    fn in_field(mut self, name: &Name) -> Self {
        self.names.insert(0, name.clone());
        self
    }
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.iter().enumerate().try_for_each(|(place, name)| {
            if place > 0 {
                f.write_str(".")?;
            }
            f.write_str(name.as_str())
        })
    }
}

/// Takes the declared fields out of what came in.
///
/// # Shape
/// Optional fields that are missing, null, or empty where that means so, have no member, nor have those that anyone may write
/// and whose text does not fit: whoever fills in a form decides about no run of others. `cut` is the one list field that is cut at its
/// length instead of being refused, because it is read in pages.
///
/// # Errors
/// [`BadField`] for the first field, in order of names, that is missing or does not fit.
pub fn take(
    json: &Json,
    fields: &BTreeMap<Name, Field>,
    cut: Option<&Name>,
) -> Result<BTreeMap<Name, Value>, BadField> {
    take_each(fields, |name, field| take_field(json.at(&field.at), field, TooLong::cut_where(cut == Some(name))))
}

/// Takes declared fields, each as it is found; absent ones have no member.
pub(super) fn take_each(
    fields: &BTreeMap<Name, Field>,
    find: impl Fn(&Name, &Field) -> Result<Value, BadField>,
) -> Result<BTreeMap<Name, Value>, BadField> {
    let mut taken = BTreeMap::new();
    for (name, field) in fields {
        let value = find(name, field).map_err(|bad| bad.in_field(name))?;
        if !value.is_absent() {
            drop(taken.insert(name.clone(), value));
        }
    }
    Ok(taken)
}

/// The outermost declared field in which a fact is what `is` tells, if there is one.
pub fn fact_where(
    values: &BTreeMap<Name, Value>,
    fields: &BTreeMap<Name, Field>,
    is: fn(&[u8]) -> bool,
) -> Option<Name> {
    let mut known = values.iter().filter_map(|(name, value)| Some((name, value, fields.get(name)?)));
    known.find(|(_, value, field)| is_fact_where(value, field, is)).map(|(name, ..)| name.clone())
}

fn is_fact_where(value: &Value, field: &Field, is: fn(&[u8]) -> bool) -> bool {
    match (&field.shape, value) {
        (Shape::List { of, .. }, Value::List(items)) => items.iter().any(|item| is_fact_where(item, of, is)),
        (Shape::Record { fields }, Value::Record(members)) => fact_where(members, fields, is).is_some(),
        (_, Value::Text(text)) => field.class.is_fact() && is(text.as_bytes()),
        _ => false,
    }
}

/// What becomes of a list that is longer than its shape says. What is inside of it is never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLong {
    /// It is cut there: the list is read in pages, and the rest comes with the next.
    Cut,
    /// It does not fit.
    Fails,
}

impl TooLong {
    /// [`TooLong::Cut`] for what is read in pages.
    pub(super) fn cut_where(is_paged: bool) -> Self {
        if is_paged { Self::Cut } else { Self::Fails }
    }
}

/// The value of a field of which this was found.
pub(super) fn take_field(there: Option<&Json>, field: &Field, too_long: TooLong) -> Result<Value, BadField> {
    let taken = match (there.filter(|there| !is_nothing(there, field)), &field.prefix) {
        (None, _) if field.optional => Ok(Value::Absent),
        (None, _) => Err(BadField::missing()),
        (Some(there), None) => fit(there, &field.shape, too_long),
        (Some(Json::Text(text)), Some(prefix)) => {
            let rest = text.strip_prefix(prefix.as_str());
            rest.and_then(|text| read_text(text, &field.shape)).ok_or_else(BadField::default)
        }
        (Some(_), Some(_)) => Err(BadField::default()),
    };
    match taken {
        Ok(value) => Ok(value),
        Err(bad) => {
            // What a person writes is a text; another kind of JSON is the system's doing.
            let by = if matches!(there, Some(Json::Text(_))) { field.written_by } else { WrittenBy::System };
            let bad = BadField { by: bad.by.or(Some(by)), ..bad };
            if field.optional && field.written_by == WrittenBy::Anyone && bad.is_by_anyone() {
                return Ok(Value::Absent);
            }
            Err(bad)
        }
    }
}

/// Whether what stands there says that there is no value. An amount is its number: a currency alone is none.
fn is_nothing(there: &Json, field: &Field) -> bool {
    let says_so = |json: &Json| match json {
        Json::Null => true,
        Json::Text(text) => text.is_empty() && field.empty == Some(Empty::Absent),
        Json::Boolean(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => false,
    };
    match (&field.shape, there) {
        (Shape::Money { wire }, Json::Object(_)) => there.at(&wire.value).is_none_or(says_so),
        _ => says_so(there),
    }
}

/// Whether an answer holds what nothing is taken of.
pub(super) fn holds(json: &Json, must: &Must) -> bool {
    match (json.at(&must.at), &must.shape, &must.prefix) {
        (None | Some(Json::Null), _, _) => false,
        (Some(_), None, _) => true,
        (Some(there), Some(shape), None) => read(there, shape).is_some(),
        (Some(Json::Text(text)), Some(shape), Some(prefix)) => {
            text.strip_prefix(prefix.as_str()).is_some_and(|text| read_text(text, shape).is_some())
        }
        (Some(_), Some(_), Some(_)) => false,
    }
}

/// One value of a shape; `None` when it does not fit.
pub fn read(json: &Json, shape: &Shape) -> Option<Value> {
    fit(json, shape, TooLong::Fails).ok()
}

fn fit(json: &Json, shape: &Shape, too_long: TooLong) -> Result<Value, BadField> {
    match (shape, json) {
        (Shape::List { most, of }, Json::List(items)) => {
            let most = usize::try_from(*most).unwrap_or(usize::MAX);
            if items.len() > most && too_long == TooLong::Fails {
                return Err(BadField::default());
            }
            let item = |item: &Json| take_field(item.at(&of.at), of, TooLong::Fails);
            items.iter().take(most).map(item).collect::<Result<_, _>>().map(Value::List)
        }
        (Shape::Record { fields }, json @ Json::Object(_)) => take(json, fields, None).map(Value::Record),
        _ => read_one(json, shape).ok_or_else(BadField::default),
    }
}

/// A value that has no fields of its own.
fn read_one(json: &Json, shape: &Shape) -> Option<Value> {
    match (shape, json) {
        (Shape::Text { most_bytes }, Json::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Value::text(text.as_str()))
        }
        (Shape::Token {}, Json::Text(text)) if is_token(text) => Some(Value::text(text.as_str())),
        // An id is a text, however long the number is that it is written as.
        (Shape::Token {}, Json::Number(number)) if is_token(number) && !number.contains(['.', 'e', 'E']) => {
            Some(Value::text(number.as_str()))
        }
        // RFC 9562 writes them small and reads both.
        (Shape::Uuid {}, Json::Text(text)) => {
            let text = text.to_ascii_lowercase();
            is_uuid(&text).then(|| Value::text(text))
        }
        (Shape::Integer {}, Json::Number(number)) => integer(number).map(Value::Integer),
        (Shape::Decimal {}, Json::Number(number) | Json::Text(number)) => {
            Decimal::parse(&without_exponent(number)?).map(Value::Decimal)
        }
        (Shape::Boolean {}, Json::Boolean(truth)) => Some(Value::Boolean(*truth)),
        (Shape::Instant { wire }, json) => instant::read(json, wire).map(Value::Instant),
        (Shape::Money { wire }, json) => read_money(json, wire),
        (Shape::OneOf { values, numbers }, json) => read_one_of(json, values, numbers),
        _ => None,
    }
}

/// A text of which this is a value, however it came; `None` when it does not fit, or when no single text is a value of this
/// shape.
pub(super) fn read_text(text: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Integer {} => integer(text).map(Value::Integer),
        Shape::Boolean {} => text.parse().ok().map(Value::Boolean),
        Shape::Instant { wire } if !wire.is_text() => read_one(&Json::Number(text.to_owned()), shape),
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Decimal {}
        | Shape::OneOf { .. }
        | Shape::Instant { .. } => read_one(&Json::Text(text.to_owned()), shape),
        Shape::Money { .. } | Shape::List { .. } | Shape::Record { .. } => None,
    }
}

/// A value as a person writes it: `1007`, `true`, `2026-03-02T09:00:00Z`, `49.00 EUR`; `None` when it does not fit its shape.
pub fn said(text: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Money { wire } => {
            let (number, code) = text.trim().split_once(' ')?;
            let currency = Currency::listed(code.trim())?;
            let fits = match &wire.currency {
                CurrencyWire::Fixed(code) => code == currency.as_str(),
                CurrencyWire::At(_) => true,
            };
            amount::read_major(number, currency).filter(|_| fits).map(Value::Money)
        }
        Shape::Integer {} => integer(text).map(Value::Integer),
        Shape::Boolean {} => text.parse().ok().map(Value::Boolean),
        // However machines write it on the wire.
        Shape::Instant { .. } => instant::read(&Json::Text(text.to_owned()), &InstantWire::Iso).map(Value::Instant),
        // The word, whatever number stands for it on the wire.
        Shape::OneOf { values, .. } => {
            values.iter().find(|value| *value == text).map(|value| Value::text(value.as_str()))
        }
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Decimal {}
        | Shape::List { .. }
        | Shape::Record { .. } => read(&Json::Text(text.to_owned()), shape),
    }
}

/// A word that stands on the wire as it is, or as its number.
fn read_one_of(json: &Json, values: &[String], numbers: &[i64]) -> Option<Value> {
    let place = match json {
        Json::Text(text) if numbers.is_empty() => values.iter().position(|value| value == text),
        Json::Number(number) => {
            let number = integer(number)?;
            numbers.iter().position(|known| *known == number)
        }
        _ => None,
    };
    values.get(place?).map(|value| Value::text(value.as_str()))
}

/// An integer without point or exponent, within ±(2^53 − 1).
fn integer(number: &str) -> Option<i64> {
    number.parse().ok().filter(|n: &i64| (-INTEGER_MOST..=INTEGER_MOST).contains(n))
}

/// The longest number after its exponent is written out, in digits.
const PLAIN_MOST_DIGITS: usize = 40;

/// A number with its exponent written out: `1.5e3` is `1500`. Some libraries write large and small amounts so.
pub(super) fn without_exponent(number: &str) -> Option<String> {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return Some(number.to_owned()) };
    let exponent: i32 = exponent.parse().ok().filter(|e| (-30..=30).contains(e))?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let before = usize::try_from(-point).unwrap_or(0);
    let figures = format!("{}{whole}{fraction}", "0".repeat(before));
    let point = usize::try_from(point).unwrap_or(0);
    let figures = format!("{figures:0<point$}");
    let (whole, fraction) = figures.split_at_checked(point)?;
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let plain = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    (plain.len() <= PLAIN_MOST_DIGITS).then_some(plain)
}

fn read_money(json: &Json, wire: &MoneyWire) -> Option<Value> {
    let currency = match &wire.currency {
        CurrencyWire::Fixed(code) => Currency::new(code),
        // Some APIs write currencies small.
        CurrencyWire::At(path) => Currency::listed(&json.text_at(path)?.to_ascii_uppercase()),
    };
    let number = match json.at(&wire.value)? {
        Json::Number(number) | Json::Text(number) => without_exponent(number)?,
        _ => return None,
    };
    amount::read(&number, wire, currency?).map(Value::Money)
}
