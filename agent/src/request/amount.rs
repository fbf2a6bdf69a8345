//! Amounts on the wire: integers of the minor units that the API counts, or decimals of major units. No floats, nothing
//! rounded: what cannot be said exactly is not said.
//!
//! # Source
//! ISO 4217, list one; language.md section 2, Fields.

use assent_schema::canon::INTEGER_MOST;
use assent_schema::expr::{Currency, Money};
use assent_schema::shape::{MoneyUnit, MoneyWire, currency_digits};

/// Reads the number of an amount, as its API counts. What is no whole number of the currency's own minor unit is refused.
pub fn read(number: &str, wire: &MoneyWire, currency: Currency) -> Option<Money> {
    match wire.unit {
        MoneyUnit::Minor => read_shifted(number, more_digits(wire, currency).checked_neg()?, currency),
        MoneyUnit::Major | MoneyUnit::MajorNumber => read_major(number, currency),
    }
}

/// Reads a number of major units.
pub fn read_major(number: &str, currency: Currency) -> Option<Money> {
    read_shifted(number, i32::try_from(currency_digits(currency.as_str())).ok()?, currency)
}

/// Writes the number of an amount, with all decimals that its API counts. Nothing where the API cannot be told it exactly.
pub fn write(money: Money, wire: &MoneyWire) -> Option<String> {
    let more = more_digits(wire, money.currency);
    let factor = 10_i64.checked_pow(more.unsigned_abs())?;
    let number = match more {
        0.. => money.minor.checked_mul(factor)?,
        _ if money.minor % factor == 0 => money.minor / factor,
        _ => return None,
    };
    match wire.unit {
        // A greater one is read as another by those for whom numbers are floats.
        MoneyUnit::Minor => number.unsigned_abs().le(&INTEGER_MOST.unsigned_abs()).then(|| number.to_string()),
        MoneyUnit::Major => Some(pointed(number, wire.decimals(money.currency.as_str()))),
        // So does one that has more figures than a float holds for sure.
        MoneyUnit::MajorNumber => (number.unsigned_abs() < 10_u64.pow(f64::DIGITS))
            .then(|| pointed(number, wire.decimals(money.currency.as_str()))),
    }
}

/// Writes an amount in major units, with all digits of its currency.
pub fn write_major(money: Money) -> String {
    pointed(money.minor, currency_digits(money.currency.as_str()))
}

/// How many decimals more than ISO 4217 an API gives a currency.
fn more_digits(wire: &MoneyWire, currency: Currency) -> i32 {
    let of = |digits: u32| i32::try_from(digits).unwrap_or(i32::MAX);
    of(wire.decimals(currency.as_str())) - of(currency_digits(currency.as_str()))
}

/// A number times a power of ten, where that is a whole number.
fn read_shifted(number: &str, by: i32, currency: Currency) -> Option<Money> {
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    let places = usize::try_from(by.unsigned_abs()).ok()?;
    let (minor, cut) = if by >= 0 {
        let (kept, cut) = fraction.split_at_checked(places.min(fraction.len()))?;
        (format!("{whole}{kept:0<places$}"), cut.to_owned())
    } else {
        let whole = format!("{whole:0>width$}", width = places + 1);
        let (kept, cut) = whole.split_at_checked(whole.len() - places)?;
        (kept.to_owned(), format!("{cut}{fraction}"))
    };
    // Leading zeroes carry nothing; what is left must fit an i64 and then the bounds of money.
    let minor: i64 = minor.parse().ok().filter(|_| cut.bytes().all(|b| b == b'0'))?;
    Money::new(sign * minor, currency)
}

/// A whole number with a point before its last digits.
fn pointed(number: i64, digits: u32) -> String {
    if digits == 0 {
        return number.to_string();
    }
    let digits = digits as usize;
    let sign = if number < 0 { "-" } else { "" };
    let figures = format!("{:0>width$}", number.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = figures.split_at_checked(figures.len() - digits).unwrap_or((&figures, ""));
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
#[path = "amount_tests.rs"]
mod tests;
