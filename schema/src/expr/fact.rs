//! Facts: what of a run may be durable. Small, bounded, and safe to print.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::Money;
use crate::shape::is_token;
use crate::time::Moment;

/// A durable value of class `reference` or lower.
///
/// # Shape
/// In canonical JSON an object of one member that names the kind: `{"token":"T-1"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fact {
    /// True or false.
    Boolean(bool),
    /// An integer within ±(2^53 − 1).
    Integer(i64),
    /// A token, a UUID, or a constant that is one.
    Token(FactText),
    /// A constant of the catalog or workflow that is no token.
    Constant(FactText),
    /// A moment.
    Instant(Moment),
    /// An amount with its currency.
    Money(Money),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Token(text) | Self::Constant(text) => f.write_str(text.as_str()),
            Self::Instant(moment) => write!(f, "{moment}"),
            Self::Money(money) => write!(f, "{} {}", money.minor, money.currency),
        }
    }
}

/// A text of at most 64 characters that may be durable: a token, or a constant of the catalog or workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FactText(Box<str>);

/// The most characters of a constant.
const CONSTANT_MOST: usize = 64;

impl FactText {
    /// Checks the form of a text and takes it as a token.
    pub fn new(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(text.into()))
    }

    /// Takes a constant of the catalog or workflow; only [`super::Value::to_fact`] does, after it found it there.
    pub(super) fn constant(text: &str) -> Option<Self> {
        let bounded = (1..=CONSTANT_MOST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        bounded.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FactText {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::constant(&text).ok_or("is not a token or constant: 1 to 64 characters")
    }
}

impl From<FactText> for String {
    fn from(token: FactText) -> Self {
        token.0.into()
    }
}

/// A value that may not be durable, or does not fit its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAFact;

impl fmt::Display for NotAFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit the shape of a fact")
    }
}

impl std::error::Error for NotAFact {}
