//! Operators on values.

use super::super::ast::Operator;
use super::super::decimal::Decimal;
use super::super::money::{Money, in_bounds};
use super::super::value::Value;
use super::{EvalCode, Plain, compare, is_order, room, same};
use crate::expr::LIST_MOST;
use crate::time::Period;

/// `-value`.
pub(super) fn negate(value: &Value) -> Plain<Value> {
    match value {
        Value::Integer(n) => integer(n.checked_neg()),
        Value::Decimal(d) => Decimal::default().minus(*d).map(Value::Decimal).ok_or(EvalCode::OutOfRange),
        Value::Money(m) => m.times(-1).map(Value::Money).ok_or(EvalCode::OutOfRange),
        _ => Err(EvalCode::WrongType),
    }
}

/// `left operator right`.
pub(super) fn binary(operator: Operator, left: &Value, right: &Value) -> Plain<Value> {
    if is_order(operator) {
        let order = compare(left, right)?;
        return Ok(Value::Boolean(match operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            _ => order.is_ge(),
        }));
    }
    match operator {
        Operator::Equal => same(left, right).map(Value::Boolean),
        Operator::NotEqual => same(left, right).map(|same| Value::Boolean(!same)),
        Operator::In => is_in(left, right),
        Operator::Plus => plus(left, right),
        Operator::Minus => minus(left, right),
        Operator::Times => times(left, right),
        Operator::Divide | Operator::Modulo => divide(operator, left, right),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            Err(EvalCode::WrongType)
        }
    }
}

/// A number as a decimal.
pub(super) fn decimal(value: &Value) -> Plain<Decimal> {
    match value {
        Value::Integer(n) => Decimal::from_integer(*n).ok_or(EvalCode::OutOfRange),
        Value::Decimal(d) => Ok(*d),
        _ => Err(EvalCode::WrongType),
    }
}

/// An integer, when there is one and it is in bounds.
pub(super) fn integer(n: Option<i64>) -> Plain<Value> {
    n.filter(|n| in_bounds(*n)).map(Value::Integer).ok_or(EvalCode::OutOfRange)
}

fn is_in(left: &Value, right: &Value) -> Plain<Value> {
    let Value::List(items) = right else { return Err(EvalCode::WrongType) };
    for item in items {
        if same(left, item)? {
            return Ok(Value::Boolean(true));
        }
    }
    Ok(Value::Boolean(false))
}

fn plus(left: &Value, right: &Value) -> Plain<Value> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => integer(a.checked_add(*b)),
        (Value::Decimal(a), Value::Decimal(b)) => a.plus(*b).map(Value::Decimal).ok_or(EvalCode::OutOfRange),
        (Value::Money(a), Value::Money(b)) => money(*a, *b, a.plus(*b)),
        (Value::Period(a), Value::Period(b)) => a
            .as_seconds()
            .checked_add(b.as_seconds())
            .map(|s| Value::Period(Period::seconds(s)))
            .ok_or(EvalCode::OutOfRange),
        (Value::Instant(at), Value::Period(period)) => Ok(Value::Instant(at.plus(*period))),
        (Value::Text(a), Value::Text(b)) => {
            room(a.len() + b.len())?;
            // One allocation: a text that grows leaves copies behind.
            let mut joined = String::with_capacity(a.len() + b.len());
            joined.push_str(a);
            joined.push_str(b);
            Ok(Value::Text(joined))
        }
        (Value::List(a), Value::List(b)) if a.len() + b.len() <= LIST_MOST => {
            Ok(Value::List(a.iter().chain(b).cloned().collect()))
        }
        (Value::List(_), Value::List(_)) => Err(EvalCode::TooLarge),
        _ => Err(EvalCode::WrongType),
    }
}

fn minus(left: &Value, right: &Value) -> Plain<Value> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => integer(a.checked_sub(*b)),
        (Value::Decimal(a), Value::Decimal(b)) => a.minus(*b).map(Value::Decimal).ok_or(EvalCode::OutOfRange),
        (Value::Money(a), Value::Money(b)) => money(*a, *b, a.minus(*b)),
        // Periods are never negative: a clock that is a little ahead elsewhere must not fail a run.
        (Value::Instant(a), Value::Instant(b)) => Ok(Value::Period(a.since(*b))),
        (Value::Period(a), Value::Period(b)) => {
            Ok(Value::Period(Period::seconds(a.as_seconds().saturating_sub(b.as_seconds()))))
        }
        (Value::Instant(at), Value::Period(period)) => Ok(Value::Instant(at.minus(*period))),
        _ => Err(EvalCode::WrongType),
    }
}

fn times(left: &Value, right: &Value) -> Plain<Value> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => integer(a.checked_mul(*b)),
        (Value::Decimal(a), Value::Decimal(b)) => a.times(*b).map(Value::Decimal).ok_or(EvalCode::OutOfRange),
        (Value::Money(m), Value::Integer(n)) | (Value::Integer(n), Value::Money(m)) => {
            m.times(*n).map(Value::Money).ok_or(EvalCode::OutOfRange)
        }
        _ => Err(EvalCode::WrongType),
    }
}

fn divide(operator: Operator, left: &Value, right: &Value) -> Plain<Value> {
    match (left, right) {
        (Value::Integer(_), Value::Integer(0)) => Err(EvalCode::DivisionByZero),
        (Value::Integer(a), Value::Integer(b)) if operator == Operator::Divide => integer(a.checked_div(*b)),
        (Value::Integer(a), Value::Integer(b)) => integer(a.checked_rem(*b)),
        _ => Err(EvalCode::WrongType),
    }
}

fn money(a: Money, b: Money, result: Option<Money>) -> Plain<Value> {
    match result {
        Some(money) => Ok(Value::Money(money)),
        None if a.currency != b.currency => Err(EvalCode::OtherCurrency),
        None => Err(EvalCode::OutOfRange),
    }
}
