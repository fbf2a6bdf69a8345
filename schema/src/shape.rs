//! Shapes: what a value may look like, and what the catalog says of each field. Plans, the catalog and expressions share these.
//!
//! # Source
//! language.md sections 2 and 5.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::class::{Class, Label, Marks};
use crate::id::Name;

mod clock;
mod currency;
mod instant;

pub use clock::Clock;
pub use currency::{
    DECIMALS_MOST, MinorUnits, WrongUnits, currencies, currency_digits, is_currency, is_listed, wrong_currency,
};
pub use instant::{InstantWire, as_dotnet, dotnet_milliseconds};

/// What a value may look like.
///
/// A value that does not fit is refused on receipt and written nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// Any text up to a size in bytes of UTF-8.
    Text {
        /// The largest size in bytes.
        most_bytes: u32,
    },
    /// 1 to 64 of `A-Z a-z 0-9 . _ : -`, of which the last one or two may be `=`. On the wire a string or an integer.
    Token {},
    /// A UUID in lower-case hex with hyphens.
    Uuid {},
    /// An integer within ±(2^53 − 1).
    Integer {},
    /// A number kept as decimal text.
    Decimal {},
    /// True or false.
    Boolean {},
    /// A moment.
    Instant {
        /// How it is written on the wire.
        wire: InstantWire,
    },
    /// An amount with its currency (ISO 4217).
    Money {
        /// How it is written on the wire.
        wire: MoneyWire,
    },
    /// One of at least one constant; each is 1 to 64 characters.
    OneOf {
        /// The constants, in the order of the catalog or workflow.
        values: Vec<String>,
        /// The number that stands for each of them on the wire, in the same order; empty where they stand there as they are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        numbers: Vec<i64>,
    },
    /// A list of bounded length.
    List {
        /// The greatest number of items; a longer list is cut there by `pages`, else refused.
        most: u32,
        /// Every item.
        of: Box<Field>,
    },
    /// Named fields. Fields that are not declared are dropped on receipt.
    Record {
        /// The fields by name.
        fields: BTreeMap<Name, Field>,
    },
}

/// How an amount is written on the wire: paths are relative to the field's own place, dots between members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyWire {
    /// The path of the number; empty when the field's own place holds it.
    pub value: String,
    /// Where the currency comes from.
    pub currency: CurrencyWire,
    /// The unit of the number.
    pub unit: MoneyUnit,
    /// The decimals that the API gives currencies otherwise than ISO 4217.
    #[serde(default, skip_serializing_if = "MinorUnits::is_empty")]
    pub minor_units: MinorUnits,
}

/// Where the currency of an amount comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CurrencyWire {
    /// The path of the ISO 4217 code.
    At(String),
    /// Always this ISO 4217 code.
    Fixed(String),
}

impl MoneyWire {
    /// The decimals that a currency has where this amount stands.
    pub fn decimals(&self, currency: &str) -> u32 {
        self.minor_units.decimals(currency)
    }
}

/// The unit of a number that is an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyUnit {
    /// An integer of minor units, as many as the API gives the currency: cents.
    Minor,
    /// A decimal of major units: euros, as text or number; as text where it is written.
    Major,
    /// The same, as a number where it is written.
    MajorNumber,
}

/// Who writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenBy {
    /// The system itself: ids, times, states.
    System,
    /// Anybody who can reach the system from outside.
    #[default]
    Anyone,
}

/// What an empty text on the wire means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// That there is no value, as `null` says elsewhere.
    Absent,
}

/// What the catalog says of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Where it stands on the wire, relative to its record: members joined by dots. Empty for the place itself.
    pub at: String,
    /// What it looks like.
    pub shape: Shape,
    /// How private it is.
    pub class: Class,
    /// Who writes it.
    pub written_by: WrittenBy,
    /// Whether it may be missing on the wire.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// What stands before the value on the wire, always the same: `gid://shopify/Order/`. For tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What an empty text on the wire means, where it is not a value like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<Empty>,
    /// Whether KPIs may sum it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub measure: bool,
    /// A Fideslang data category, for people: `user.contact.email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

impl Field {
    /// Class and marks of the field's value as it comes in.
    pub fn label(&self) -> Label {
        let outside = self.written_by == WrittenBy::Anyone;
        Label::new(self.class, Marks { outside, model: false })
    }

    /// Whether it is a fact, or something in it is.
    pub fn holds_fact(&self) -> bool {
        match &self.shape {
            Shape::Record { fields } => fields.values().any(Self::holds_fact),
            Shape::List { of, .. } => of.holds_fact(),
            _ => self.class.is_fact(),
        }
    }
}

/// For serde: leave a false flag out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Shape {
    /// Whether the shape is small and bounded enough for class `reference`.
    pub fn fits_reference(&self) -> bool {
        match self {
            Self::Token {}
            | Self::Uuid {}
            | Self::Integer {}
            | Self::Boolean {}
            | Self::Instant { .. }
            | Self::Money { .. }
            | Self::OneOf { .. } => true,
            Self::Text { .. } | Self::Decimal {} | Self::List { .. } | Self::Record { .. } => false,
        }
    }

    /// One of some constants that stand on the wire as they are.
    pub fn one_of(values: Vec<String>) -> Self {
        Self::OneOf { values, numbers: Vec::new() }
    }

    /// The shape as people write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Token {} => "token",
            Self::Uuid {} => "uuid",
            Self::Integer {} => "integer",
            Self::Decimal {} => "decimal",
            Self::Boolean {} => "boolean",
            Self::Instant { .. } => "instant",
            Self::Money { .. } => "money",
            Self::OneOf { .. } => "one_of",
            Self::List { .. } => "list",
            Self::Record { .. } => "record",
        }
    }
}

/// The number that stands for one of some constants on the wire; nothing where it stands there as it is.
pub fn number_of(values: &[String], numbers: &[i64], value: &str) -> Option<i64> {
    let place = values.iter().position(|known| known == value)?;
    numbers.get(place).copied()
}

/// Whether a text fits shape `token`.
///
/// # Shape
/// What stands as it is in a line of a log, in a segment of a path and in a cell of a table. Ids in base64 end in `=`, so
/// one or two may stand there and nowhere else. Of bounded length: it is written to the ledger and stays for years, and a
/// longer one could be a sentence.
pub fn is_token(text: &str) -> bool {
    let rest = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    text.len() <= 64
        && !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

/// Whether a text is a UUID in lower-case hex with hyphens.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

/// Whether a text is a canonical decimal number.
///
/// # Source
/// formats.md section 1: `-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?`, not `-0`.
pub fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let numeric = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    text != "-0"
        && numeric(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|f| numeric(f) && !f.ends_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_uuids_and_decimals_have_one_form() {
        assert!(is_token("cnv_yo1kg5q==") && is_token("Z2lk=") && is_token(&format!("{}==", "a".repeat(62))));
        for bad in ["=", "==", "a===", "=a", "a=b", "a==b", &format!("{}=", "a".repeat(64))] {
            assert!(!is_token(bad), "{bad}");
        }
        assert!(is_token("a.B_1:-") && !is_token("") && !is_token("a b") && !is_token(&"a".repeat(65)));
        assert!(is_uuid("0f8fad5b-d9cb-469f-a165-70867728950e") && !is_uuid("0F8FAD5B-d9cb-469f-a165-70867728950e"));
        for good in ["0", "-1", "10", "0.5", "-0.25", "12.01"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in ["", "-0", "01", "1.", "1.0", ".5", "1e3", "+1", "--1"] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }
}
