//! Functions on values.

use std::borrow::Cow;

use jiff::ZonedDateTime;

use super::super::ast::Node;
use super::super::check::{bounds, constants};
use super::super::decimal::Decimal;
use super::super::escape::{GROWS_MOST, escape};
use super::super::functions::{Function, bucket_names};
use super::super::money::{Currency, Money};
use super::super::value::Value;
use super::operate::{decimal, integer};
use super::{EvalCode, Plain, Scope, compare, room};
use crate::expr::LIST_MOST;
use crate::shape::{currency_digits, is_token};

type Values<'v, 'a> = &'v [Cow<'a, Value>];

/// Calls a function. `arguments` are the parts that the values came from, for those that must be written out.
pub(super) fn call(function: Function, values: Values<'_, '_>, arguments: &[Node], scope: &dyn Scope) -> Plain<Value> {
    match function {
        Function::Size => size(first(values)?),
        Function::Contains => texts(values).map(|(a, b)| Value::Boolean(a.contains(b))),
        Function::StartsWith => texts(values).map(|(a, b)| Value::Boolean(a.starts_with(b))),
        Function::EndsWith => texts(values).map(|(a, b)| Value::Boolean(a.ends_with(b))),
        Function::LowerAscii => text(values).map(|a| Value::Text(a.to_ascii_lowercase())),
        Function::UpperAscii => text(values).map(|a| Value::Text(a.to_ascii_uppercase())),
        Function::Trim => text(values).map(|a| Value::text(a.trim())),
        Function::Split => split(values),
        Function::Join => join(values),
        Function::Truncate => truncate(values),
        Function::Text => Ok(Value::Text(scalar(first(values)?)?.into_owned())),
        Function::Token => token(first(values)?),
        Function::Integer => to_integer(first(values)?),
        Function::Decimal => to_decimal(first(values)?),
        Function::Round => integer(decimal(first(values)?)?.round()),
        Function::Least => pick(values, false),
        Function::Greatest => pick(values, true),
        Function::Money => money(values),
        Function::Minor => amount(values).map(|money| Value::Integer(money.minor)),
        Function::Currency => amount(values).map(|money| Value::text(money.currency.as_str())),
        Function::Year => local(values, scope).map(|at| Value::Integer(at.year().into())),
        Function::Month => local(values, scope).map(|at| Value::Integer(at.month().into())),
        Function::Day => local(values, scope).map(|at| Value::Integer(at.day().into())),
        Function::Weekday => local(values, scope).map(|at| Value::Integer(at.weekday().to_monday_one_offset().into())),
        Function::Hour => local(values, scope).map(|at| Value::Integer(at.hour().into())),
        Function::Minute => local(values, scope).map(|at| Value::Integer(at.minute().into())),
        Function::Date => local(values, scope).map(|at| Value::text(at.date().to_string())),
        Function::Seconds => match first(values)? {
            Value::Period(period) => integer(i64::try_from(period.as_seconds()).ok()),
            _ => Err(EvalCode::WrongType),
        },
        Function::Business => match (first(values)?, second(values)?) {
            (Value::Instant(at), Value::Period(period)) => {
                scope.business(*at, *period).map(Value::Instant).ok_or(EvalCode::NeverOpen)
            }
            _ => Err(EvalCode::WrongType),
        },
        Function::Html | Function::Markdown | Function::Url | Function::Json => escaped(function, first(values)?),
        Function::Pseudonymise => {
            scope.pseudonym(&scalar(first(values)?)?).map(Value::Text).ok_or(EvalCode::NotConvertible)
        }
        Function::OneOf => one_of(text(values)?, arguments),
        Function::Bucket => bucket(first(values)?, arguments),
    }
}

fn first<'v>(values: Values<'v, '_>) -> Plain<&'v Value> {
    values.first().map(|value| &**value).ok_or(EvalCode::WrongType)
}

fn second<'v>(values: Values<'v, '_>) -> Plain<&'v Value> {
    values.get(1).map(|value| &**value).ok_or(EvalCode::WrongType)
}

fn text<'v>(values: Values<'v, '_>) -> Plain<&'v str> {
    first(values)?.as_text().ok_or(EvalCode::WrongType)
}

fn texts<'v>(values: Values<'v, '_>) -> Plain<(&'v str, &'v str)> {
    Ok((text(values)?, second(values)?.as_text().ok_or(EvalCode::WrongType)?))
}

fn amount(values: Values<'_, '_>) -> Plain<Money> {
    first(values)?.as_money().ok_or(EvalCode::WrongType)
}

fn local(values: Values<'_, '_>, scope: &dyn Scope) -> Plain<ZonedDateTime> {
    match first(values)? {
        Value::Instant(at) => Ok(at.timestamp().to_zoned_datetime(scope.zone().clone())),
        _ => Err(EvalCode::WrongType),
    }
}

fn size(value: &Value) -> Plain<Value> {
    match value {
        Value::Text(text) => integer(i64::try_from(text.chars().count()).ok()),
        Value::List(items) => integer(i64::try_from(items.len()).ok()),
        _ => Err(EvalCode::WrongType),
    }
}

fn split(values: Values<'_, '_>) -> Plain<Value> {
    let (text, separator) = texts(values)?;
    if separator.is_empty() {
        return Err(EvalCode::OutOfRange);
    }
    let parts: Vec<Value> = text.split(separator).take(LIST_MOST + 1).map(Value::text).collect();
    if parts.len() > LIST_MOST { Err(EvalCode::TooLarge) } else { Ok(Value::List(parts)) }
}

fn join(values: Values<'_, '_>) -> Plain<Value> {
    let Value::List(items) = first(values)? else { return Err(EvalCode::WrongType) };
    let separator = second(values)?.as_text().ok_or(EvalCode::WrongType)?;
    let parts: Vec<&str> = items.iter().map(Value::as_text).collect::<Option<_>>().ok_or(EvalCode::WrongType)?;
    room(parts.iter().map(|part| part.len() + separator.len()).sum())?;
    Ok(Value::Text(parts.join(separator)))
}

fn truncate(values: Values<'_, '_>) -> Plain<Value> {
    let Value::Integer(most) = second(values)? else { return Err(EvalCode::WrongType) };
    let most = usize::try_from(*most).map_err(|_negative| EvalCode::OutOfRange)?;
    let text = text(values)?;
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    Ok(Value::text(text.get(..end).unwrap_or_default()))
}

/// A scalar as text, as people write it.
pub(in crate::expr) fn scalar(value: &Value) -> Plain<Cow<'_, str>> {
    Ok(match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Boolean(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Value::Integer(n) => Cow::Owned(n.to_string()),
        Value::Decimal(d) => Cow::Owned(d.to_text()),
        Value::Instant(moment) => Cow::Owned(moment.to_string()),
        Value::Period(period) => Cow::Owned(period.to_string()),
        Value::Money(money) => Cow::Owned(major(*money)),
        Value::Absent => return Err(EvalCode::Absent),
        Value::List(_) | Value::Record(_) => return Err(EvalCode::WrongType),
    })
}

/// `12.34 EUR`.
fn major(money: Money) -> String {
    let currency = money.currency;
    let digits = currency_digits(currency.as_str());
    let sign = if money.minor < 0 { "-" } else { "" };
    let minor = money.minor.unsigned_abs();
    if digits == 0 {
        return format!("{sign}{minor} {currency}");
    }
    let power = 10_u64.pow(digits);
    let width = usize::try_from(digits).unwrap_or(0);
    format!("{sign}{}.{:0width$} {currency}", minor / power, minor % power)
}

fn token(value: &Value) -> Plain<Value> {
    match value {
        Value::Integer(n) => Ok(Value::Text(n.to_string())),
        Value::Text(text) if is_token(text) => Ok(Value::text(text.as_str())),
        Value::Text(_) => Err(EvalCode::NotConvertible),
        _ => Err(EvalCode::WrongType),
    }
}

fn to_integer(value: &Value) -> Plain<Value> {
    match value {
        Value::Integer(n) => integer(Some(*n)),
        Value::Decimal(d) => d.as_integer().map_or(Err(EvalCode::NotConvertible), |n| integer(Some(n))),
        Value::Text(text) => {
            let plain = crate::shape::is_decimal(text);
            text.parse().ok().filter(|_| plain).map_or(Err(EvalCode::NotConvertible), |n| integer(Some(n)))
        }
        _ => Err(EvalCode::WrongType),
    }
}

fn to_decimal(value: &Value) -> Plain<Value> {
    match value {
        Value::Integer(_) | Value::Decimal(_) => decimal(value).map(Value::Decimal),
        Value::Text(text) => Decimal::parse(text).map(Value::Decimal).ok_or(EvalCode::NotConvertible),
        _ => Err(EvalCode::WrongType),
    }
}

fn pick(values: Values<'_, '_>, greatest: bool) -> Plain<Value> {
    let (a, b) = (first(values)?, second(values)?);
    let first_wins = if greatest { compare(a, b)?.is_ge() } else { compare(a, b)?.is_le() };
    Ok(if first_wins { a.clone() } else { b.clone() })
}

fn money(values: Values<'_, '_>) -> Plain<Value> {
    match (first(values)?, second(values)?) {
        (Value::Integer(minor), Value::Text(code)) => {
            let money = Currency::new(code).and_then(|currency| Money::new(*minor, currency));
            money.map(Value::Money).ok_or(EvalCode::OutOfRange)
        }
        _ => Err(EvalCode::WrongType),
    }
}

fn escaped(function: Function, value: &Value) -> Plain<Value> {
    let text = scalar(value)?;
    room(text.len() * GROWS_MOST)?;
    match function.escapes() {
        Some(format) => Ok(Value::Text(escape(format, &text))),
        None => Err(EvalCode::WrongType),
    }
}

fn one_of(text: &str, arguments: &[Node]) -> Plain<Value> {
    let constants = arguments.get(1).and_then(constants).ok_or(EvalCode::WrongType)?;
    let found = constants.iter().find(|constant| *constant == text).or(constants.last());
    found.map(Value::text).ok_or(EvalCode::WrongType)
}

fn bucket(value: &Value, arguments: &[Node]) -> Plain<Value> {
    let value = decimal(value)?;
    let bounds = arguments.get(1).and_then(bounds).ok_or(EvalCode::WrongType)?;
    let reached = bounds.iter().filter_map(|bound| Decimal::parse(bound)).filter(|bound| *bound <= value).count();
    bucket_names(&bounds).get(reached).map(Value::text).ok_or(EvalCode::WrongType)
}
