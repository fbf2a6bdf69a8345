//! How an operation fails, how its failures are told apart, and how it is repeated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::OwnEvent;
use super::operation::Place;
use crate::id::Name;
use crate::time::Period;

/// How one kind of failure is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The HTTP statuses it is about; empty for any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub status: BTreeSet<u16>,
    /// A path in the body and the text that stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<OwnEvent>,
    /// What kind of failure it is.
    pub kind: Failure,
    /// Its code, from the operation's closed list.
    pub code: Name,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// It may work later.
    Transient,
    /// Too many requests.
    Throttled,
    /// The record is in another state than the request expects.
    Conflict,
    /// It will not work.
    Permanent,
}

/// What an idempotency key looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyForm {
    /// 32 hexadecimal digits.
    #[default]
    Hex,
    /// A UUID.
    Uuid,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_hex(form: &KeyForm) -> bool {
    *form == KeyForm::Hex
}

/// How the API deduplicates requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// Where the key goes: a header or a member of the body.
    pub place: Place,
    /// Its name or path there.
    pub at: String,
    /// What it looks like.
    #[serde(default, skip_serializing_if = "is_hex")]
    pub form: KeyForm,
    /// How long the API remembers a key.
    pub lives: Period,
}

/// How attempts follow one another: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, 1 to 20.
    pub attempts: u32,
    /// The first delay.
    pub first: Period,
    /// The longest delay.
    pub most: Period,
}

impl Retry {
    /// One attempt.
    pub const ONCE: Self = Self { attempts: 1, first: Period::seconds(1), most: Period::seconds(1) };
    /// What reads and idempotent effects get when nobody says otherwise.
    pub const DEFAULT: Self = Self { attempts: 3, first: Period::seconds(1), most: Period::seconds(30) };

    /// The longest time that all attempts take together, each no longer than `attempt`.
    ///
    /// # Shape
    /// Of at most [`ATTEMPTS_MOST`] attempts.
    pub fn worst(&self, attempt: Period) -> Period {
        let attempts = self.attempts.min(ATTEMPTS_MOST);
        let (mut sum, mut delay) = (attempt.as_seconds().saturating_mul(u64::from(attempts)), self.first.as_seconds());
        for _ in 1..attempts {
            sum = sum.saturating_add(delay.min(self.most.as_seconds()));
            delay = delay.saturating_mul(2);
        }
        Period::seconds(sum)
    }
}

/// The most attempts of one step.
pub const ATTEMPTS_MOST: u32 = 20;

/// How many requests an API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests.
    pub requests: u32,
    /// In this time.
    pub per: Period,
}
