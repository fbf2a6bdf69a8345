//! Evaluation: bounded in steps and size, without clock or network. Errors are a code and a place, never a value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use super::ast::{Each, Node, NodeKind, Operator, Path, Program};
use super::value::Value;
use super::{COST_MOST, LIST_MOST, RESULT_MOST_BYTES};
use crate::id::Name;
use crate::time::{Moment, Period};

mod call;
pub(super) use call::scalar;
mod operate;

/// What an expression may read while it is evaluated.
pub trait Scope {
    /// The value of `trigger` or of a step that ran; nothing for a step that did not.
    ///
    /// A `decide` that was skipped, refused or late is `{approved: false}`.
    fn root(&self, name: &str) -> Option<&Value>;
    /// The moment that `now` is for the whole run.
    fn now(&self) -> Moment;
    /// The client's zone.
    fn zone(&self) -> &jiff::tz::TimeZone;
    /// The moment after so much of the client's business time; nothing when the client is never open.
    fn business(&self, from: Moment, period: Period) -> Option<Moment>;
    /// The client's own name for a value, a token; nothing where nobody has the key.
    fn pseudonym(&self, value: &str) -> Option<String>;
}

/// Why an evaluation has no result. Safe to keep: it says nothing of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// What went wrong.
    pub code: EvalCode,
    /// Byte offsets of the part into the expression or template.
    pub span: Range<usize>,
}

/// What can go wrong with an evaluation: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvalCode {
    /// A value that is read is absent.
    Absent,
    /// A number, moment or position is out of bounds.
    OutOfRange,
    /// A division by zero.
    DivisionByZero,
    /// A text is not the number or token that was asked for.
    NotConvertible,
    /// Two amounts are of different currencies.
    OtherCurrency,
    /// A text or list is too large.
    TooLarge,
    /// The evaluation takes too many steps.
    TooCostly,
    /// The client has no business hours.
    NeverOpen,
    /// A value has another type than the expression was checked with.
    WrongType,
}

impl EvalCode {
    /// The code as the ledger and people see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::OutOfRange => "out_of_range",
            Self::DivisionByZero => "division_by_zero",
            Self::NotConvertible => "not_convertible",
            Self::OtherCurrency => "other_currency",
            Self::TooLarge => "too_large",
            Self::TooCostly => "too_costly",
            Self::NeverOpen => "never_open",
            Self::WrongType => "wrong_type",
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}..{}", self.code.as_str(), self.span.start, self.span.end)
    }
}

impl std::error::Error for EvalError {}

/// Evaluates a checked expression.
///
/// # Errors
/// When a value that is read is absent or out of bounds, or a limit is reached. Also on unchecked programs: a wrong type
/// is an error here, never a panic.
pub fn eval(program: &Program, scope: &dyn Scope) -> Result<Value, EvalError> {
    let mut run = Eval { scope, locals: Vec::new(), cost: 0 };
    run.eval(&program.root).map(Cow::into_owned)
}

type Found<'a> = Result<Cow<'a, Value>, EvalError>;
type Plain<T> = Result<T, EvalCode>;

struct Eval<'a> {
    scope: &'a dyn Scope,
    locals: Vec<(&'a Name, Cow<'a, Value>)>,
    cost: u32,
}

fn error(node: &Node, code: EvalCode) -> EvalError {
    EvalError { code, span: node.span.clone() }
}

fn owned<'a>(value: Value) -> Cow<'a, Value> {
    Cow::Owned(value)
}

impl<'a> Eval<'a> {
    fn charge(&mut self, steps: usize) -> Plain<()> {
        self.cost = self.cost.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.cost > COST_MOST { Err(EvalCode::TooCostly) } else { Ok(()) }
    }

    fn eval(&mut self, node: &'a Node) -> Found<'a> {
        let wrong = || error(node, EvalCode::WrongType);
        self.charge(1).map_err(|code| error(node, code))?;
        Ok(match &node.kind {
            NodeKind::Boolean(truth) => owned(Value::Boolean(*truth)),
            NodeKind::Integer(n) => owned(Value::Integer(*n)),
            NodeKind::Decimal(d) => owned(Value::Decimal(*d)),
            NodeKind::Text(text) => owned(Value::Text(text.clone())),
            NodeKind::Period(period) => owned(Value::Period(*period)),
            NodeKind::Instant(moment) => owned(Value::Instant(*moment)),
            NodeKind::Now => owned(Value::Instant(self.scope.now())),
            NodeKind::Path(path) => self.find(path).ok_or_else(|| error(node, EvalCode::Absent))?,
            NodeKind::Has(path) => owned(Value::Boolean(self.find(path).is_some())),
            NodeKind::Field(of, field) => {
                let of = self.eval(of)?;
                below(of, field).ok_or_else(|| error(node, EvalCode::Absent))?
            }
            NodeKind::Index(of, index) => self.index(of, index, node)?,
            NodeKind::List(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for part in nodes {
                    let item = self.eval(part)?;
                    // What stands in a list is copied into it, once for each time it is named.
                    self.charge(weight(&item)).map_err(|code| error(part, code))?;
                    items.push(item.into_owned());
                }
                owned(Value::List(items))
            }
            NodeKind::Not(of) => owned(Value::Boolean(!self.truth(of)?)),
            NodeKind::Negate(of) => {
                let of = self.eval(of)?;
                owned(operate::negate(&of).map_err(|code| error(node, code))?)
            }
            NodeKind::And(nodes) => owned(Value::Boolean(self.chain(nodes, false)?)),
            NodeKind::Or(nodes) => owned(Value::Boolean(self.chain(nodes, true)?)),
            NodeKind::Binary(operator, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.charge(weight(&left) + weight(&right)).map_err(|code| error(node, code))?;
                owned(operate::binary(*operator, &left, &right).map_err(|code| error(node, code))?)
            }
            NodeKind::Choose(condition, yes, no) => {
                let branch = if self.truth(condition)? { yes } else { no };
                self.eval(branch)?
            }
            NodeKind::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.eval(argument)?);
                }
                let weights = values.iter().map(|value| weight(value)).sum();
                self.charge(weights).map_err(|code| error(node, code))?;
                owned(call::call(*function, &values, arguments, self.scope).map_err(|code| error(node, code))?)
            }
            NodeKind::Each(each, of, variable, body) => {
                let of = self.eval(of)?;
                match of {
                    Cow::Borrowed(Value::List(items)) => {
                        self.each(*each, items.iter().map(Cow::Borrowed), variable, body)?
                    }
                    Cow::Owned(mut list) => match &mut list {
                        Value::List(items) => {
                            let items = std::mem::take(items);
                            self.each(*each, items.into_iter().map(Cow::Owned), variable, body)?
                        }
                        _ => return Err(wrong()),
                    },
                    Cow::Borrowed(_) => return Err(wrong()),
                }
            }
        })
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        self.eval(node)?.as_boolean().ok_or_else(|| error(node, EvalCode::WrongType))
    }

    /// Goes on until an operand is `stop`, which then is the answer.
    fn chain(&mut self, nodes: &'a [Node], stop: bool) -> Result<bool, EvalError> {
        for part in nodes {
            if self.truth(part)? == stop {
                return Ok(stop);
            }
        }
        Ok(!stop)
    }

    fn find(&self, path: &Path) -> Option<Cow<'a, Value>> {
        let local = self.locals.iter().rev().find(|(name, _)| **name == path.root).map(|(_, value)| value);
        let Some(local) = local else {
            let root = self.scope.root(path.root.as_str()).filter(|value| !value.is_absent())?;
            return path.fields.iter().try_fold(root, |value, field| value.get(field.as_str())).map(Cow::Borrowed);
        };
        match local {
            Cow::Borrowed(root) => {
                path.fields.iter().try_fold(*root, |value, field| value.get(field.as_str())).map(Cow::Borrowed)
            }
            Cow::Owned(root) => {
                let found = path.fields.iter().try_fold(root, |value, field| value.get(field.as_str()))?;
                Some(Cow::Owned(found.clone()))
            }
        }
    }

    fn index(&mut self, of: &'a Node, index: &'a Node, node: &Node) -> Found<'a> {
        let list = self.eval(of)?;
        let at = match &*self.eval(index)? {
            Value::Integer(n) => usize::try_from(*n).ok(),
            _ => return Err(error(index, EvalCode::WrongType)),
        };
        let missing = || error(node, EvalCode::OutOfRange);
        let at = at.ok_or_else(missing)?;
        match list {
            Cow::Borrowed(Value::List(items)) => items.get(at).map(Cow::Borrowed).ok_or_else(missing),
            Cow::Owned(mut list) => match &mut list {
                Value::List(items) if at < items.len() => Ok(owned(items.swap_remove(at))),
                Value::List(_) => Err(missing()),
                _ => Err(error(of, EvalCode::WrongType)),
            },
            Cow::Borrowed(_) => Err(error(of, EvalCode::WrongType)),
        }
    }

    fn each(
        &mut self,
        each: Each,
        items: impl Iterator<Item = Cow<'a, Value>>,
        variable: &'a Name,
        body: &'a Node,
    ) -> Found<'a> {
        let mut kept = Vec::new();
        for item in items {
            let copy = matches!(each, Each::Filter).then(|| item.clone());
            self.locals.push((variable, item));
            let result = self.eval(body);
            self.locals.pop();
            let result = result?;
            let truth = result.as_boolean();
            match (each, truth) {
                (Each::Exists, Some(true)) => return Ok(owned(Value::Boolean(true))),
                (Each::All, Some(false)) => return Ok(owned(Value::Boolean(false))),
                (Each::Exists | Each::Filter, Some(false)) | (Each::All, Some(true)) => {}
                (Each::Filter, Some(true)) => kept.extend(copy.map(Cow::into_owned)),
                (Each::Map, _) => kept.push(result.into_owned()),
                (Each::Exists | Each::All | Each::Filter, None) => return Err(error(body, EvalCode::WrongType)),
            }
            if kept.len() > LIST_MOST {
                return Err(error(body, EvalCode::TooLarge));
            }
            let weights = kept.last().map_or(0, weight);
            self.charge(weights).map_err(|code| error(body, code))?;
        }
        Ok(owned(match each {
            Each::Exists => Value::Boolean(false),
            Each::All => Value::Boolean(true),
            Each::Filter | Each::Map => Value::List(kept),
        }))
    }
}

fn below<'a>(of: Cow<'a, Value>, field: &Name) -> Option<Cow<'a, Value>> {
    match of {
        Cow::Borrowed(value) => value.get(field.as_str()).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(field.as_str()).cloned().map(Cow::Owned),
    }
}

/// How much work it is to read a value once.
fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() / 64,
        Value::List(items) => items.len() + items.iter().map(weight).sum::<usize>(),
        Value::Record(fields) => fields.len() + fields.values().map(weight).sum::<usize>(),
        _ => 0,
    }
}

/// Whether a text of so many bytes may be made.
fn room(bytes: usize) -> Plain<()> {
    if bytes > RESULT_MOST_BYTES { Err(EvalCode::TooLarge) } else { Ok(()) }
}

/// The order of two scalars of one kind.
fn compare(a: &Value, b: &Value) -> Plain<Ordering> {
    Ok(match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            operate::decimal(a)?.cmp(&operate::decimal(b)?)
        }
        (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
        (Value::Period(a), Value::Period(b)) => a.cmp(b),
        (Value::Money(a), Value::Money(b)) if a.currency == b.currency => a.minor.cmp(&b.minor),
        (Value::Money(_), Value::Money(_)) => return Err(EvalCode::OtherCurrency),
        _ => return Err(EvalCode::WrongType),
    })
}

/// Whether two scalars are the same.
fn same(a: &Value, b: &Value) -> Plain<bool> {
    Ok(match (a, b) {
        (Value::Integer(_), Value::Decimal(_)) | (Value::Decimal(_), Value::Integer(_)) => compare(a, b)?.is_eq(),
        (Value::Boolean(_), Value::Boolean(_))
        | (Value::Integer(_), Value::Integer(_))
        | (Value::Decimal(_), Value::Decimal(_))
        | (Value::Text(_), Value::Text(_))
        | (Value::Instant(_), Value::Instant(_))
        | (Value::Period(_), Value::Period(_))
        | (Value::Money(_), Value::Money(_)) => a == b,
        _ => return Err(EvalCode::WrongType),
    })
}

/// The steps that one evaluation may take in operators, by kind.
pub(super) fn is_order(operator: Operator) -> bool {
    matches!(operator, Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual)
}
