//! Currencies: which there are, how many decimals each has, and where an API counts them otherwise.
//!
//! # Source
//! ISO 4217, list one as its agency (SIX) published it on 25 June 2024, which the npm package `currency-codes` 2.2.0 carries as XML,
//! with its amendments since: 176 (`XCG` comes, `ANG` goes), 178 (`CUC` goes), 179 (`XAD` comes, a unit of account), 180 (`BGN`
//! goes at the start of 2026); 177 (`ZWG` comes, `ZWL` goes) is in that list. Codes and minor units were compared with it by a
//! program on 30 November 2026, and what is in use with `currencyData` of CLDR 48.2 (npm `cldr-core`), whose own digits are those of
//! cash and differ. language.md section 2, Fields.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes of list one that stand for money that is paid with, funds among it. Those for metals, for units of account (`XAD`,
/// `XDR`, `XSU`, `XUA`, `XBA` to `XBD`), for tests (`XTS`) and for no currency (`XXX`) are none of them. Sorted.
const ACTIVE: [&str; 164] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND",
    "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CLF", "CLP", "CNY",
    "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD",
    "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN",
    "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD",
    "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
    "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG",
];

/// Codes that were taken off list one since 2018: APIs go on listing them, and no amount of them is asked for any more. Sorted.
const FORMER: [&str; 9] = ["ANG", "BGN", "CUC", "HRK", "MRO", "SLL", "STD", "VEF", "ZWL"];

/// The most decimals that an API may give a currency: millionths, as some write prices.
pub const DECIMALS_MOST: u8 = 6;

/// Whether a text has the form of a currency code: three capitals. What comes over the wire is asked for more ([`is_listed`]), and
/// so is what people write ([`wrong_currency`]).
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Why a text that somebody wrote into a source file is no currency that money moves in; nothing where it is one.
pub fn wrong_currency(text: &str) -> Option<&'static str> {
    let listed = |list: &[&str]| list.binary_search(&text).is_ok();
    match text {
        _ if listed(&ACTIVE) => None,
        _ if listed(&FORMER) => Some("is a currency that there is no more"),
        "XTS" => Some("is what ISO 4217 calls a currency in tests, and none that money moves in"),
        "XXX" => Some("is what ISO 4217 calls no currency at all"),
        _ => Some("is not an ISO 4217 code like `EUR`"),
    }
}

/// Every currency that an API may list: those of ISO 4217, and those that were.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    ACTIVE.into_iter().chain(FORMER)
}

/// Whether a code is, or was, a currency of ISO 4217. Of any other nobody knows how many decimals it has, so that no amount in
/// it is taken off the wire.
pub fn is_listed(text: &str) -> bool {
    [&ACTIVE[..], &FORMER].iter().any(|list| list.binary_search(&text).is_ok())
}

/// How many digits of the minor unit a currency has.
///
/// # Source
/// ISO 4217, list one, column `CcyMnrUnts`: two unless listed here.
pub fn currency_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// How many decimals an API gives currencies, where they are others than those of ISO 4217. Only what stands on the wire is
/// counted so: an amount itself always has the minor unit of ISO 4217.
///
/// # Shape
/// Currencies of ISO 4217, each with at most [`DECIMALS_MOST`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, u8>")]
pub struct MinorUnits(BTreeMap<String, u8>);

/// Why a table says nothing of decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrongUnits {
    /// There is no such currency.
    Currency(String),
    /// A currency that there is has more decimals than any API counts.
    Decimals(String),
}

impl fmt::Display for WrongUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currency(code) => write!(f, "`{}` is no currency of ISO 4217", code.escape_debug()),
            Self::Decimals(code) => write!(f, "`{code}` has more than {DECIMALS_MOST} decimals"),
        }
    }
}

impl std::error::Error for WrongUnits {}

impl TryFrom<BTreeMap<String, u8>> for MinorUnits {
    type Error = WrongUnits;

    fn try_from(table: BTreeMap<String, u8>) -> Result<Self, Self::Error> {
        for (code, decimals) in &table {
            if !is_listed(code) {
                return Err(WrongUnits::Currency(code.clone()));
            }
            if *decimals > DECIMALS_MOST {
                return Err(WrongUnits::Decimals(code.clone()));
            }
        }
        Ok(Self(table))
    }
}

impl MinorUnits {
    /// Whether every currency is counted as in ISO 4217.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The decimals of a currency on the wire.
    pub fn decimals(&self, currency: &str) -> u32 {
        self.0.get(currency).map_or_else(|| currency_digits(currency), |decimals| u32::from(*decimals))
    }

    /// This table, and what another says of currencies of which this one says nothing.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let mut both = other.0.clone();
        both.extend(self.0.iter().map(|(code, decimals)| (code.clone(), *decimals)));
        Self(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(of: &[(&str, u8)]) -> Result<MinorUnits, WrongUnits> {
        of.iter().map(|(code, decimals)| ((*code).to_owned(), *decimals)).collect::<BTreeMap<_, _>>().try_into()
    }

    #[test]
    fn every_currency_is_listed_once_and_has_decimals() {
        assert!(ACTIVE.is_sorted_by(|a, b| a < b) && FORMER.is_sorted_by(|a, b| a < b));
        assert!(!FORMER.iter().any(|code| ACTIVE.contains(code)));
        assert!(currencies().all(|code| is_currency(code) && currency_digits(code) <= 4));
    }

    #[test]
    fn money_moves_in_currencies_that_there_are() {
        for code in ["EUR", "USD", "XAF", "XCG", "ZWG", "CLF"] {
            assert_eq!(wrong_currency(code), None, "{code}");
        }
        for code in ["", "eur", "EURO", "ZZZ", "XAU", "XAD", "XDR", "XTS", "XXX", "BGN", "HRK", "ZWL"] {
            assert!(wrong_currency(code).is_some(), "{code}");
        }
        assert!(
            is_listed("EUR")
                && is_listed("BGN")
                && is_listed("ZWL")
                && !["ZZZ", "XTS", "eur", ""].into_iter().any(is_listed)
        );
        // An API may say how it counts what there was.
        assert!(table(&[("BGN", 2)]).is_ok() && table(&[("XTS", 2)]).is_err());
    }

    #[test]
    fn a_table_holds_currencies_with_decimals_that_there_are() {
        let units = table(&[("IDR", 0), ("ISK", 2)]).unwrap();
        assert_eq!([units.decimals("IDR"), units.decimals("ISK"), units.decimals("KWD")], [0, 2, 3]);
        for unknown in ["isk", "XXZ", "", "ISKK"] {
            assert_eq!(table(&[(unknown, 2)]), Err(WrongUnits::Currency(unknown.to_owned())));
        }
        assert_eq!(table(&[("ISK", 7)]), Err(WrongUnits::Decimals("ISK".into())));
        // Who changes a plan by hand cannot say it either.
        assert!(serde_json::from_str::<MinorUnits>(r#"{"ISK":2}"#).is_ok());
        for bad in [r#"{"ISK":7}"#, r#"{"ISK":-1}"#, r#"{"ISK":300}"#, r#"{"isk":2}"#, r#"{"ISK":"2"}"#, "[]"] {
            assert!(serde_json::from_str::<MinorUnits>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_field_says_goes_before_what_its_api_says() {
        let (api, field) = (table(&[("IDR", 0), ("ISK", 2)]).unwrap(), table(&[("IDR", 2)]).unwrap());
        assert_eq!(field.over(&api), table(&[("IDR", 2), ("ISK", 2)]).unwrap());
    }
}
