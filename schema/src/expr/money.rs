//! Amounts of money: minor units with a currency, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canon::INTEGER_MOST;
use crate::shape::{is_currency, is_listed};

/// An ISO 4217 code: three capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Checks the form of a text and takes it as a currency.
    pub fn new(text: &str) -> Option<Self> {
        if is_currency(text) { text.as_bytes().try_into().ok().map(Self) } else { None }
    }

    /// As [`Self::new`], of a currency that ISO 4217 lists or listed.
    pub fn listed(text: &str) -> Option<Self> {
        Self::new(text).filter(|_| is_listed(text))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("is not a currency: three capitals")
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An amount of money: a `reference` by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Which money.
    pub currency: Currency,
    /// How much, in minor units: cents. Within ±(2^53 − 1).
    pub minor: i64,
}

impl Money {
    /// An amount, unless it is out of bounds.
    pub fn new(minor: i64, currency: Currency) -> Option<Self> {
        in_bounds(minor).then_some(Self { currency, minor })
    }

    /// The sum of two amounts of one currency, unless it is out of bounds.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.same(other)?;
        Self::new(self.minor.checked_add(other.minor)?, self.currency)
    }

    /// The difference of two amounts of one currency, unless it is out of bounds.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.same(other)?;
        Self::new(self.minor.checked_sub(other.minor)?, self.currency)
    }

    /// So many times this amount, unless it is out of bounds.
    pub fn times(self, factor: i64) -> Option<Self> {
        Self::new(self.minor.checked_mul(factor)?, self.currency)
    }

    fn same(self, other: Self) -> Option<()> {
        (self.currency == other.currency).then_some(())
    }
}

/// Whether an integer is one that canonical JSON keeps.
pub(crate) fn in_bounds(integer: i64) -> bool {
    (-INTEGER_MOST..=INTEGER_MOST).contains(&integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_two_currencies_never_mix() {
        let euro = |minor| Money::new(minor, Currency::new("EUR").expect("a currency")).expect("in bounds");
        let yen = Money::new(5, Currency::new("JPY").expect("a currency")).expect("in bounds");
        assert_eq!(euro(2).plus(euro(3)), Some(euro(5)));
        assert_eq!(euro(2).minus(euro(3)), Some(euro(-1)));
        assert_eq!(euro(2).times(3), Some(euro(6)));
        assert_eq!(euro(2).plus(yen), None);
        assert_eq!(euro(INTEGER_MOST).plus(euro(1)), None);
        assert_eq!(euro(INTEGER_MOST).times(i64::MAX), None);
        assert_eq!(serde_json::to_string(&euro(7)).expect("json"), r#"{"currency":"EUR","minor":7}"#);
    }
}
