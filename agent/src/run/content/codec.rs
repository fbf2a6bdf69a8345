//! Values as bytes, for sealing, and as JSON, for people and hashes.

use std::collections::BTreeMap;

use assent_schema::expr::{Currency, Decimal, Money, Value};
use assent_schema::id::Name;
use assent_schema::time::{Moment, Period};

use crate::content::Content;

/// Lists and records inside of each other at most; the catalog's shapes are far below.
const DEPTH_MOST: u8 = 32;

/// Writes a value. One byte for the kind, then lengths as four bytes and content.
pub(in crate::run) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Absent => out.push(0),
        Value::Boolean(truth) => out.extend([1, u8::from(*truth)]),
        Value::Integer(n) => fixed(2, *n, out),
        Value::Decimal(decimal) => bytes(3, decimal.to_text().as_bytes(), out),
        Value::Text(text) => bytes(4, text.as_bytes(), out),
        Value::Instant(moment) => fixed(5, moment.seconds(), out),
        Value::Period(period) => fixed(6, i64::try_from(period.as_seconds()).unwrap_or(i64::MAX), out),
        Value::Money(money) => {
            fixed(7, money.minor, out);
            out.extend(money.currency.as_str().bytes());
        }
        Value::List(items) => {
            length(8, items.len(), out);
            for item in items {
                write(item, out);
            }
        }
        Value::Record(fields) => {
            length(9, fields.len(), out);
            for (name, field) in fields {
                bytes(4, name.as_str().as_bytes(), out);
                write(field, out);
            }
        }
    }
}

fn fixed(kind: u8, n: i64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(n.to_be_bytes());
}

fn length(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn bytes(kind: u8, content: &[u8], out: &mut Vec<u8>) {
    length(kind, content.len(), out);
    out.extend(content);
}

/// Reads what [`write`] wrote, from the front of the slice.
pub(in crate::run) fn read(from: &mut &[u8]) -> Option<Value> {
    read_at(from, 0)
}

fn read_at(from: &mut &[u8], depth: u8) -> Option<Value> {
    if depth > DEPTH_MOST {
        return None;
    }
    Some(match take(from, 1)?.first()? {
        0 => Value::Absent,
        1 => Value::Boolean(*take(from, 1)?.first()? == 1),
        2 => Value::Integer(integer(from)?),
        3 => Value::Decimal(Decimal::parse(text(from)?)?),
        4 => Value::Text(text(from)?.to_owned()),
        5 => Value::Instant(Moment::from_seconds(integer(from)?)),
        6 => Value::Period(Period::seconds(u64::try_from(integer(from)?).ok()?)),
        7 => {
            let minor = integer(from)?;
            Value::Money(Money::new(minor, Currency::new(std::str::from_utf8(take(from, 3)?).ok()?)?)?)
        }
        8 => {
            let count = count(from)?;
            Value::List((0..count).map(|_| read_at(from, depth.saturating_add(1))).collect::<Option<_>>()?)
        }
        9 => {
            let count = count(from)?;
            let mut fields = BTreeMap::new();
            for _ in 0..count {
                if take(from, 1)? != [4] {
                    return None;
                }
                let name = Name::new(text(from)?).ok()?;
                fields.insert(name, read_at(from, depth.saturating_add(1))?);
            }
            Value::Record(fields)
        }
        _ => return None,
    })
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(head)
}

fn integer(from: &mut &[u8]) -> Option<i64> {
    take(from, 8)?.try_into().ok().map(i64::from_be_bytes)
}

fn count(from: &mut &[u8]) -> Option<usize> {
    let count = take(from, 4)?.try_into().ok().map(u32::from_be_bytes)?;
    usize::try_from(count).ok().filter(|count| *count <= from.len())
}

fn text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let count = count(from)?;
    std::str::from_utf8(take(from, count)?).ok()
}

/// The value as people read it and as hashes of what was shown cover it.
pub(in crate::run) fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        // Null has no canonical form: nothing is an empty text.
        Value::Absent => Json::String(String::new()),
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Integer(n) => Json::from(*n),
        Value::Decimal(decimal) => Json::String(decimal.to_text()),
        Value::Text(text) => Json::String(text.clone()),
        Value::Instant(moment) => Json::String(moment.to_string()),
        Value::Period(period) => Json::String(period.to_string()),
        Value::Money(money) => {
            serde_json::json!({ "currency": money.currency.as_str(), "minor": money.minor })
        }
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Record(fields) => {
            Json::Object(fields.iter().map(|(name, field)| (name.to_string(), to_json(field))).collect())
        }
    }
}

/// The bytes of one value, for keyed hashes.
pub(in crate::run) fn hashed(value: &Value) -> Content<Vec<u8>> {
    let mut out = Vec::new();
    write(value, &mut out);
    Content::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_and_no_bytes_panic() {
        let name = |n| Name::new(n).unwrap();
        let money = Value::Money(Money::new(-5, Currency::new("EUR").unwrap()).unwrap());
        let list = Value::List(vec![
            Value::Absent,
            Value::Boolean(true),
            Value::Integer(-7),
            Value::Decimal(Decimal::parse("0.25").unwrap()),
            Value::text("ünsafe"),
            Value::Instant(Moment::from_seconds(9)),
            Value::Period(Period::minutes(3)),
            money,
        ]);
        let value = Value::Record(BTreeMap::from([(name("a"), list), (name("b"), Value::Record(BTreeMap::new()))]));
        let mut bytes = Vec::new();
        write(&value, &mut bytes);
        assert!(read(&mut bytes.as_slice()).unwrap() == value);
        for end in 0..bytes.len() {
            assert!(read(&mut &bytes[..end]).is_none());
        }
        assert!(read(&mut [8, 0xff, 0xff, 0xff, 0xff].as_slice()).is_none());
        assert!(read(&mut [8_u8, 0, 0, 0, 1].repeat(100).as_slice()).is_none(), "nesting is bounded");
    }
}
