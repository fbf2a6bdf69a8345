//! Amounts on the wire and back.

use std::collections::BTreeMap;

use assent_schema::shape::{CurrencyWire, MinorUnits, currencies};
use proptest::prelude::*;

use super::*;

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

fn wire(unit: MoneyUnit, minor_units: &[(&str, u8)]) -> MoneyWire {
    let table: BTreeMap<_, _> = minor_units.iter().map(|(code, decimals)| ((*code).to_owned(), *decimals)).collect();
    let minor_units = MinorUnits::try_from(table).unwrap();
    MoneyWire { value: String::new(), currency: CurrencyWire::At("currency".into()), unit, minor_units }
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, currency(code)).unwrap()
}

fn check(number: &str, unit: MoneyUnit, code: &str, wanted: Option<i64>) {
    assert_eq!(read(number, &wire(unit, &[]), currency(code)).map(|m| m.minor), wanted, "{number} {code}");
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
        check(bad, MoneyUnit::Major, "IDR", None);
    }
}

/// Adyen gives ISK and CLP two decimals, IDR and CVE none; ISO 4217 says the opposite of all four.
///
/// # Source
/// docs.adyen.com/development-resources/currency-codes, and for ISK issue 1085 of adyen/adyen-commercetools: 2790 goes out
/// as 279000.
#[test]
fn an_api_counts_as_its_catalog_entry_says() {
    let adyen = [("CLP", 2), ("CVE", 0), ("IDR", 0), ("ISK", 2)];
    // docs.stripe.com/currencies: MGA has none; "to charge 5 UGX, provide an amount value of 500", likewise ISK.
    let stripe = [("ISK", 2), ("MGA", 0), ("UGX", 2)];
    for (table, minor, code, on_the_wire) in [
        (&adyen[..], 2_790, "ISK", "279000"),
        (&adyen, 1_000, "CLP", "100000"),
        (&adyen, 100_000, "IDR", "1000"),
        (&adyen, -100, "CVE", "-1"),
        (&adyen, 1_990, "EUR", "1990"),
        (&adyen, 5, "JPY", "5"),
        (&stripe, 5, "UGX", "500"),
        (&stripe, 500, "MGA", "5"),
        (&stripe, 5, "CLP", "5"),
    ] {
        let wire = wire(MoneyUnit::Minor, table);
        assert_eq!(write(money(minor, code), &wire).as_deref(), Some(on_the_wire), "{code}");
        assert_eq!(read(on_the_wire, &wire, currency(code)), Some(money(minor, code)), "{code}");
    }
}

#[test]
fn what_an_api_cannot_be_told_exactly_is_not_said() {
    let minor = wire(MoneyUnit::Minor, &[("IDR", 0), ("ISK", 2)]);
    // IDR 10.50 where the API knows whole rupiah alone; a number that no double holds; a króna and a half.
    assert_eq!(write(money(1_050, "IDR"), &minor), None);
    assert_eq!(write(money(INTEGER_MOST, "ISK"), &minor), None);
    assert_eq!(write(money(INTEGER_MOST / 100, "ISK"), &minor), Some("9007199254740900".into()));
    assert_eq!(read("150", &minor, currency("ISK")), None);
    assert_eq!(read("9007199254740991", &minor, currency("IDR")), None);
    let major = wire(MoneyUnit::Major, &[("HUF", 0), ("JPY", 6)]);
    assert_eq!(write(money(100_050, "HUF"), &major), None);
    assert_eq!(write(money(100_000, "HUF"), &major), Some("1000".into()));
    assert_eq!(write(money(INTEGER_MOST, "JPY"), &major), None);
    assert_eq!(write(money(-7, "JPY"), &major), Some("-7.000000".into()));
}

proptest! {
    /// Whatever an API counts in, what was written is read back as the same amount, for every currency; and what cannot be
    /// written is an amount with more decimals than the API has, or one that is too large.
    #[test]
    fn what_is_written_is_read_back(
        near in -100_000_i64..=100_000,
        far in -INTEGER_MOST..=INTEGER_MOST,
        decimals in proptest::option::of(0_u8..=6),
    ) {
        for code in currencies() {
            let table: Vec<_> = decimals.iter().map(|decimals| (code, *decimals)).collect();
            for (minor, unit) in [near, far].into_iter().flat_map(|m| [(m, MoneyUnit::Minor), (m, MoneyUnit::Major), (m, MoneyUnit::MajorNumber)]) {
                let (money, wire) = (money(minor, code), wire(unit, &table));
                if let Some(number) = write(money, &wire) {
                    prop_assert_eq!(read(&number, &wire, money.currency), Some(money));
                    continue;
                }
                let more = i128::from(wire.decimals(code)) - i128::from(currency_digits(code));
                let factor = 10_i128.pow(more.unsigned_abs().try_into().unwrap());
                let fits = more < 0 || i128::from(minor).abs() * factor <= i128::from(INTEGER_MOST);
                // A float has 15 figures for sure.
                let figures = i128::from(minor).abs() * if more > 0 { factor } else { 1 };
                let fits = fits && (unit != MoneyUnit::MajorNumber || figures < 1_000_000_000_000_000);
                prop_assert!(!fits || (more < 0 && i128::from(minor) % factor != 0), "{} {}", minor, code);
            }
            prop_assert_eq!(read_major(&write_major(money(far, code)), currency(code)), Some(money(far, code)));
        }
    }

    /// Whatever stands there: a number that is read is the one that would be written.
    #[test]
    fn no_text_is_read_as_another_amount(number in "-?[0-9]{1,18}(\\.[0-9]{0,4})?", decimals in 0_u8..=6, code in "EUR|JPY|KWD|CLF|ISK") {
        let wire = wire(MoneyUnit::Minor, &[(code.as_str(), decimals)]);
        if let Some(money) = read(&number, &wire, currency(&code)) {
            let written = write(money, &wire);
            let plain = number.split('.').next().and_then(|whole| whole.parse::<i64>().ok()).map(|n| n.to_string());
            prop_assert!(written.is_none() || written == plain, "{} {:?}", number, written);
        }
    }
}
