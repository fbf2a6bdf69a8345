//! Values at run time. They may be content, so they cannot be printed, logged or written, and leave memory when dropped.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use super::decimal::Decimal;
use super::fact::{Fact, FactText, NotAFact};
use super::money::{Money, in_bounds};
use crate::id::Name;
use crate::shape::{Shape, is_token, is_uuid};
use crate::time::{Moment, Period};

/// A value of a run.
///
/// It has no `Debug`, `Display` or `Serialize`; the one way to something durable is [`Value::to_fact`]. Text is
/// overwritten when it is dropped, numbers too.
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing: the step did not run, or the field was not there.
    #[default]
    Absent,
    /// True or false.
    Boolean(bool),
    /// An integer within ±(2^53 − 1).
    Integer(i64),
    /// A decimal.
    Decimal(Decimal),
    /// Text of any kind: tokens and constants too.
    Text(String),
    /// A moment.
    Instant(Moment),
    /// A length of time.
    Period(Period),
    /// An amount with its currency.
    Money(Money),
    /// A list.
    List(Vec<Value>),
    /// Named fields.
    Record(BTreeMap<Name, Value>),
}

impl Value {
    /// Takes a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The field of a record; nothing when this is no record or has no such field, or the field is absent.
    pub fn get(&self, field: &str) -> Option<&Self> {
        match self {
            Self::Record(fields) => fields.get(field).filter(|value| !value.is_absent()),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the value with all that is in it takes no more room than so many bytes.
    pub fn is_within(&self, most_bytes: usize) -> bool {
        fn take(value: &Value, left: &mut usize) -> bool {
            let own = size_of::<Value>().saturating_add(value.as_text().map_or(0, str::len));
            let Some(rest) = left.checked_sub(own) else { return false };
            *left = rest;
            match value {
                Value::List(items) => items.iter().all(|item| take(item, left)),
                Value::Record(fields) => fields.values().all(|field| take(field, left)),
                _ => true,
            }
        }
        take(self, &mut { most_bytes })
    }

    /// How much room the value takes with all that is in it, in bytes.
    pub fn room_bytes(&self) -> usize {
        let own = size_of::<Self>().saturating_add(self.as_text().map_or(0, str::len));
        let inner: usize = match self {
            Self::List(items) => items.iter().map(Self::room_bytes).sum(),
            Self::Record(fields) => fields.values().map(Self::room_bytes).sum(),
            _ => 0,
        };
        own.saturating_add(inner)
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, when it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The amount, when it is one.
    pub fn as_money(&self) -> Option<Money> {
        match self {
            Self::Money(money) => Some(*money),
            _ => None,
        }
    }

    /// The same as something durable, when the shape is one of class `reference` and the value fits it.
    ///
    /// Whether its *class* allows that is the caller's to know: [`crate::flow`] says it before anything runs.
    ///
    /// # Errors
    /// When the shape is not bounded, or the value does not fit it. The error says nothing of the value.
    pub fn to_fact(&self, shape: &Shape) -> Result<Fact, NotAFact> {
        let token = |text: &str| FactText::new(text).map(Fact::Token).ok_or(NotAFact);
        match (shape, self) {
            (Shape::Token {}, Self::Text(text)) => token(text),
            (Shape::Token {}, Self::Integer(n)) if in_bounds(*n) => token(&n.to_string()),
            (Shape::Uuid {}, Self::Text(text)) if is_uuid(text) => token(text),
            (Shape::Integer {}, Self::Integer(n)) if in_bounds(*n) => Ok(Fact::Integer(*n)),
            (Shape::Boolean {}, Self::Boolean(truth)) => Ok(Fact::Boolean(*truth)),
            (Shape::Instant { .. }, Self::Instant(moment)) => Ok(Fact::Instant(*moment)),
            (Shape::Money { .. }, Self::Money(money)) if in_bounds(money.minor) => Ok(Fact::Money(*money)),
            (Shape::OneOf { values, .. }, Self::Text(text)) if values.contains(text) => {
                // A constant of the catalog or workflow; most are tokens, the others are named by their place.
                if is_token(text) { token(text) } else { FactText::constant(text).map(Fact::Constant).ok_or(NotAFact) }
            }
            _ => Err(NotAFact),
        }
    }

    /// Whether the value fits a shape: sizes, characters, bounds, and all of a list or record.
    pub fn fits(&self, shape: &Shape) -> bool {
        match (shape, self) {
            (Shape::Text { most_bytes }, Self::Text(text)) => {
                u32::try_from(text.len()).is_ok_and(|size| size <= *most_bytes)
            }
            (Shape::Decimal {}, Self::Decimal(_)) => true,
            (Shape::Decimal {}, Self::Integer(n)) => in_bounds(*n),
            (Shape::List { most, of }, Self::List(items)) => {
                u32::try_from(items.len()).is_ok_and(|count| count <= *most)
                    && items.iter().all(|item| item.fits(&of.shape))
            }
            (Shape::Record { fields }, Self::Record(members)) => {
                members.keys().all(|name| fields.contains_key(name))
                    && fields.iter().all(|(name, field)| match members.get(name) {
                        Some(value) if !value.is_absent() => value.fits(&field.shape),
                        _ => field.optional,
                    })
            }
            (Shape::Text { .. } | Shape::Decimal {} | Shape::List { .. } | Shape::Record { .. }, _) => false,
            (shape, value) => value.to_fact(shape).is_ok(),
        }
    }
}

impl From<&Fact> for Value {
    fn from(fact: &Fact) -> Self {
        match fact {
            Fact::Boolean(truth) => Self::Boolean(*truth),
            Fact::Integer(n) => Self::Integer(*n),
            Fact::Token(text) | Fact::Constant(text) => Self::Text(text.as_str().to_owned()),
            Fact::Instant(moment) => Self::Instant(*moment),
            Fact::Money(money) => Self::Money(*money),
        }
    }
}

impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Self::Absent => {}
            Self::Boolean(truth) => truth.zeroize(),
            Self::Integer(n) => n.zeroize(),
            Self::Decimal(d) => d.wipe(),
            Self::Text(text) => text.zeroize(),
            Self::Instant(moment) => *moment = Moment::from_seconds(0),
            Self::Period(period) => *period = Period::seconds(0),
            Self::Money(money) => money.minor.zeroize(),
            Self::List(items) => items.iter_mut().for_each(Zeroize::zeroize),
            // Field names are the catalog's.
            Self::Record(fields) => fields.values_mut().for_each(Zeroize::zeroize),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // Parts drop by themselves after this, so each is overwritten once.
        match self {
            Self::List(_) | Self::Record(_) => {}
            scalar => scalar.zeroize(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::InstantWire;

    #[test]
    fn only_what_fits_a_reference_shape_becomes_a_fact() {
        let token = Shape::Token {};
        assert_eq!(Value::text("T-1").to_fact(&token).map(|f| f.to_string()), Ok("T-1".into()));
        assert_eq!(Value::Integer(7).to_fact(&token).map(|f| f.to_string()), Ok("7".into()));
        for bad in ["", "two words", "ünsafe", &"x".repeat(65), "a@b"] {
            assert_eq!(Value::text(bad).to_fact(&token), Err(NotAFact), "{bad}");
        }
        assert!(Value::text("x").to_fact(&Shape::Text { most_bytes: 10 }).is_err());
        assert!(Value::Decimal(Decimal::default()).to_fact(&Shape::Decimal {}).is_err());
        assert!(Value::Absent.to_fact(&token).is_err());
        assert!(Value::Integer(i64::MAX).to_fact(&Shape::Integer {}).is_err());
        let state = Shape::one_of(vec!["on hold".into(), "open".into()]);
        for constant in ["on hold", "open"] {
            let fact = Value::text(constant).to_fact(&state).expect("a fact");
            let json = serde_json::to_string(&fact).expect("json");
            let again: Fact = serde_json::from_str(&json).expect("the same");
            assert!(fact == again && Value::from(&again) == Value::text(constant));
        }
        assert!(Value::text("closed").to_fact(&state).is_err());
        let instant = Shape::Instant { wire: InstantWire::Iso };
        assert!(Value::Instant(Moment::from_seconds(5)).to_fact(&instant).is_ok());
    }

    #[test]
    fn a_value_is_overwritten() {
        let mut value = Value::List(vec![Value::text("a secret"), Value::Integer(42)]);
        value.zeroize();
        assert!(value == Value::List(vec![Value::text(""), Value::Integer(0)]));
    }
}
