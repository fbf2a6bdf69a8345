//! Amounts on the wire: minor units as integers, major units as decimals with the digits of the currency. No floats.
//!
//! # Source
//! ISO 4217, list one.

use assent_schema::expr::{Currency, Money};
use assent_schema::shape::MoneyUnit;

/// The digits after the point of a currency.
pub fn digits(currency: Currency) -> usize {
    match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// Reads the number of an amount. More digits than the currency has are refused unless they are zeroes: nothing is rounded.
pub fn read(number: &str, unit: MoneyUnit, currency: Currency) -> Option<Money> {
    let digits = match unit {
        MoneyUnit::Minor => 0,
        MoneyUnit::Major => digits(currency),
    };
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (kept, cut) = fraction.split_at_checked(digits.min(fraction.len()))?;
    let fine = !whole.is_empty() && numeric(whole) && numeric(fraction) && cut.bytes().all(|b| b == b'0');
    let minor = format!("{whole}{kept:0<digits$}");
    // Leading zeroes carry nothing; what is left must fit an i64 and then the bounds of money.
    let minor: i64 = minor.parse().ok().filter(|_| fine)?;
    Money::new(sign * minor, currency)
}

/// Writes the number of an amount; major units with all digits of the currency.
pub fn write(money: Money, unit: MoneyUnit) -> String {
    let digits = match unit {
        MoneyUnit::Minor => 0,
        MoneyUnit::Major => digits(money.currency),
    };
    if digits == 0 {
        return money.minor.to_string();
    }
    let sign = if money.minor < 0 { "-" } else { "" };
    let figures = format!("{:0>width$}", money.minor.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = figures.split_at_checked(figures.len() - digits).unwrap_or((&figures, ""));
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap()
    }

    fn check(number: &str, unit: MoneyUnit, code: &str, wanted: Option<i64>) {
        assert_eq!(read(number, unit, currency(code)).map(|m| m.minor), wanted, "{number} {code}");
    }

    #[test]
    fn amounts_are_exact() {
        check("19.99", MoneyUnit::Major, "EUR", Some(1_999));
        check("19.9", MoneyUnit::Major, "EUR", Some(1_990));
        check("-0.05", MoneyUnit::Major, "EUR", Some(-5));
        check("20", MoneyUnit::Major, "EUR", Some(2_000));
        check("20.000", MoneyUnit::Major, "EUR", Some(2_000));
        check("500", MoneyUnit::Major, "JPY", Some(500));
        check("1.234", MoneyUnit::Major, "KWD", Some(1_234));
        check("1999", MoneyUnit::Minor, "EUR", Some(1_999));
        check("1999.0", MoneyUnit::Minor, "EUR", Some(1_999));
    }

    #[test]
    fn nothing_is_rounded_and_nothing_else_is_a_number() {
        check("19.999", MoneyUnit::Major, "EUR", None);
        check("0.5", MoneyUnit::Major, "JPY", None);
        check("19.99", MoneyUnit::Minor, "EUR", None);
        for bad in [
            "",
            "-",
            ".",
            ".5",
            "1e3",
            "1,000.00",
            " 1",
            "+1",
            "1.-5",
            "--1",
            "NaN",
            "99999999999999999999",
            "9007199254740993",
        ] {
            check(bad, MoneyUnit::Minor, "EUR", None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in -9_007_199_254_740_991_i64..=9_007_199_254_740_991, code in "EUR|JPY|KWD|CLF") {
            let money = Money::new(minor, currency(&code)).unwrap();
            for unit in [MoneyUnit::Minor, MoneyUnit::Major] {
                prop_assert_eq!(read(&write(money, unit), unit, money.currency), Some(money));
            }
        }
    }
}
