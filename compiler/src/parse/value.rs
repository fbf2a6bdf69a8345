//! Readers of single values: names, times, words, numbers.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::tree::Written;
use assent_schema::nearest::nearest;
use assent_schema::plan::Expression;
use assent_schema::shape::{is_decimal, wrong_currency};
use assent_schema::spec::Spanned;
use assent_schema::time::Period;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use unicode_script::UnicodeScript as _;

use super::reader::Value;

/// The longest line of prose for people, in bytes.
const LINE_MOST_BYTES: usize = 500;
/// The longest expression or template, in bytes; `schema::expr` has a limit of its own below it.
const TEMPLATE_MOST_BYTES: usize = 64 << 10;

/// A text of a form that a type checks.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: Value<'_, '_>) -> Option<T> {
    let text = value.text()?;
    match text.parse() {
        Ok(parsed) => Some(parsed),
        Err(e) => value.bad(&misnamed(text, &e)),
    }
}

/// Why a text is no name. A letter that looks like one of ours is named: everything that one sees fits then.
pub(super) fn misnamed(text: &str, why: &dyn Display) -> String {
    match text.chars().find(|c| !c.is_ascii()) {
        Some(stranger) => format!("{why}; it has {}", foreign(stranger)),
        None => why.to_string(),
    }
}

/// A character of another script, so that it can be told from those that look like it.
pub(crate) fn foreign(c: char) -> String {
    let what = if c.is_alphabetic() { format!("{} letter", c.script().full_name()) } else { "character".to_owned() };
    format!("the {what} `{}` (U+{:04X})", c.escape_debug(), u32::from(c))
}

/// As [`parsed`], with its place.
pub(super) fn name<T: FromStr<Err: Display>>(value: Value<'_, '_>) -> Option<Spanned<T>> {
    value.spanned(parsed)
}

/// One of the words that an enumeration of the schema has.
pub(super) fn word<T: DeserializeOwned>(value: Value<'_, '_>) -> Option<T> {
    let text = value.text()?;
    let reader: StrDeserializer<'_, NoSuchWord> = text.into_deserializer();
    match T::deserialize(reader) {
        Ok(word) => Some(word),
        Err(NoSuchWord(words)) => not_one_of(&value, text, words),
    }
}

/// The words that an enumeration of the schema has: those that [`word`] takes.
pub(super) fn words<T: DeserializeOwned>() -> Vec<&'static str> {
    let reader: StrDeserializer<'_, NoSuchWord> = "".into_deserializer();
    T::deserialize(reader).err().map_or_else(Vec::new, |NoSuchWord(words)| words.to_vec())
}

/// Reports a text that is none of some words.
pub(super) fn not_one_of<T>(value: &Value<'_, '_>, text: &str, words: &[&str]) -> Option<T> {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let what = format!("is none of {}", quoted.join(", "));
    match nearest(text, words.iter().copied()) {
        Some(near) => value.bad_with_help(&what, format!("Did you mean `{near}`?")),
        None => value.bad(&what),
    }
}

/// The words that were expected instead.
#[derive(Debug)]
struct NoSuchWord(&'static [&'static str]);

impl Display for NoSuchWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such word")
    }
}

impl std::error::Error for NoSuchWord {}

impl serde::de::Error for NoSuchWord {
    fn custom<T: Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

/// True or false.
pub(super) fn boolean(value: Value<'_, '_>) -> Option<bool> {
    match value.inner {
        Written::Boolean(flag) => Some(*flag),
        _ => value.mistyped("`true` or `false`"),
    }
}

/// An integer within ±(2^53 − 1).
pub(super) fn integer(value: Value<'_, '_>) -> Option<i64> {
    let Written::Integer(digits) = value.inner else { return value.mistyped("an integer") };
    let most = assent_schema::canon::INTEGER_MOST;
    match i64::from_str_radix(digits.as_str(), digits.radix()) {
        Ok(n) if (-most..=most).contains(&n) => Some(n),
        _ => value.bad("is not an integer within ±(2^53 − 1)"),
    }
}

/// An integer within bounds.
pub(super) fn within<T: TryFrom<i64> + PartialOrd + Display>(
    bounds: RangeInclusive<T>,
) -> impl Fn(Value<'_, '_>) -> Option<T> {
    move |value| {
        #[cfg(test)]
        super::asked::note_bounds(value.inner, &bounds);
        let n = T::try_from(integer(value.clone())?).ok().filter(|n| bounds.contains(n));
        n.or_else(|| value.bad(&format!("is not within {} to {}", bounds.start(), bounds.end())))
    }
}

/// A line of prose for people.
pub(super) fn line(value: Value<'_, '_>) -> Option<Spanned<String>> {
    value.spanned(plain_line)
}

/// As [`line()`], without its place.
pub(super) fn plain_line(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if (1..=LINE_MOST_BYTES).contains(&text.len()) && !text.contains(char::is_control) && text.trim() == text {
        Some(text.to_owned())
    } else {
        value.bad(&format!("is not one line of 1 to {LINE_MOST_BYTES} bytes without spaces around it"))
    }
}

/// A text with `${…}` holes, or an expression.
pub(super) fn template(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if text.len() <= TEMPLATE_MOST_BYTES {
        Some(text.to_owned())
    } else {
        value.bad(&format!("is longer than {TEMPLATE_MOST_BYTES} bytes"))
    }
}

/// An expression; it is parsed where its names are known.
pub(super) fn expression(value: Value<'_, '_>) -> Option<Spanned<Expression>> {
    value.spanned(|value| template(value).map(Expression))
}

/// A decimal number, written as text, as an integer or as a TOML float; kept as canonical text.
pub(super) fn decimal(value: Value<'_, '_>) -> Option<String> {
    let text = match value.inner {
        Written::String(text) => text.clone().into_owned(),
        Written::Integer(digits) if digits.radix() == 10 => digits.as_str().to_owned(),
        Written::Float(digits) => shortened(digits),
        _ => return value.mistyped("a decimal"),
    };
    if is_decimal(&text) { Some(text) } else { value.bad("is not a decimal like `0.25`") }
}

/// `0.50` as `0.5`, `1.0` as `1`: TOML floats have many spellings, canonical decimals one.
fn shortened(digits: &str) -> String {
    match digits.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b.is_ascii_digit()) => {
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        }
        _ => digits.to_owned(),
    }
}

/// A currency of ISO 4217 that money moves in.
pub(super) fn currency(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    match wrong_currency(text) {
        None => Some(text.to_owned()),
        Some(why) => value.bad_with_help(why, "Write an ISO 4217 code like `EUR`.".to_owned()),
    }
}

/// A period within bounds.
pub(super) fn period(bounds: RangeInclusive<Period>) -> impl Fn(Value<'_, '_>) -> Option<Period> {
    period_told(bounds.clone(), bounds)
}

/// As [`period`], where what lies within these bounds and not within those that are told has a finding of its own.
pub(super) fn period_told(
    bounds: RangeInclusive<Period>,
    told: RangeInclusive<Period>,
) -> impl Fn(Value<'_, '_>) -> Option<Period> {
    move |value| {
        if !matches!(value.inner, Written::String(_)) {
            return value.mistyped("a period in quotes, like `30s` or `5m`,");
        }
        if value.text().is_some_and(|text| text.contains("settings.")) {
            let help = "Write the period itself. A `wait` can take one of a setting as an instant: `until = \"now + \
                        settings.NAME\"`; and what differs by client otherwise is a workflow of its own.";
            return value.bad_with_help("is a setting, and a period that the plan fixes stands here", help.into());
        }
        let period: Period = parsed(value.clone())?;
        if bounds.contains(&period) {
            Some(period)
        } else {
            value.bad(&format!("is not within {} to {}", told.start(), told.end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_one_form_as_decimals() {
        for (float, text) in [("0.50", "0.5"), ("1.0", "1"), ("0.25", "0.25"), ("1e3", "1e3")] {
            assert_eq!(shortened(float), text);
        }
    }
}
