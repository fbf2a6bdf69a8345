//! Readers of single values: names, times, words, numbers, paths.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::tree::Written;
use assent_schema::nearest::nearest;
use assent_schema::plan::{Constant, Expression};
use assent_schema::shape::{is_decimal, wrong_currency};
use assent_schema::spec::Spanned;
use assent_schema::time::Period;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use unicode_script::UnicodeScript as _;

use super::integration::is_header_name;
use super::reader::Value;

/// The longest line of prose for people, in bytes.
const LINE_MOST_BYTES: usize = 500;
/// The longest expression or template, in bytes; `schema::expr` has a limit of its own below it.
const TEMPLATE_MOST_BYTES: usize = 64 << 10;
/// The longest path inside a message, in bytes.
const PATH_MOST_BYTES: usize = 256;

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

/// A path inside a message: members joined by dots.
pub(super) fn path(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if is_path(text) { Some(text.to_owned()) } else { value.bad(PATH_WANTED) }
}

/// As [`path`], or nothing for the message itself.
pub(super) fn path_or_all(value: Value<'_, '_>) -> Option<String> {
    if value.text()?.is_empty() { Some(String::new()) } else { path(value) }
}

/// As [`path_or_all`], in a message of JSON: other notations name other members than they seem to.
pub(super) fn json_path_or_all(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let from_the_end = |part: &str| part.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let foreign = text.starts_with("$.")
        || text.starts_with('/')
        || text.contains(['[', ']', '*'])
        || text.trim() != text
        || text.split('.').any(from_the_end);
    if foreign {
        let help = "Join members by dots, and write the places of a list as numbers, the last one as `last`: `data.0.id`, \
                    `data.last.id`.";
        return value.bad_with_help("is written as other tools write paths", help.to_owned());
    }
    if names_header(text) {
        let help = "A header can be named by a field of an answer that is no part of another, by an error, by `cursor_at` and \
                    `link_at`, and by `match` and `self` of a webhook. The headers of an event are not signed, and no fields.";
        return value.bad_with_help("names a header, and nothing is read from headers here", help.to_owned());
    }
    path_or_all(value)
}

/// As [`json_path_or_all`], and never the message itself.
pub(super) fn json_path(value: Value<'_, '_>) -> Option<String> {
    if value.text()?.is_empty() { path(value) } else { json_path_or_all(value) }
}

/// How a header is named where a path could stand.
pub(super) const HEADER: &str = "header:";

/// Whether a text means to name a header, however it spells that.
fn names_header(text: &str) -> bool {
    text.get(..HEADER.len()).is_some_and(|start| start.eq_ignore_ascii_case(HEADER))
}

/// A path of an answer's body, or one of its headers.
pub(super) fn answer_place(value: Value<'_, '_>) -> Option<String> {
    match value.text()?.strip_prefix(HEADER) {
        Some(name) if !is_header_name(name) => value.bad("names no header"),
        Some(_) => value.text().map(str::to_owned),
        None => json_path(value),
    }
}

/// As [`answer_place`], or nothing for the body itself.
pub(super) fn answer_place_or_all(value: Value<'_, '_>) -> Option<String> {
    if value.text()?.is_empty() { Some(String::new()) } else { answer_place(value) }
}

/// What [`is_path`] wants.
pub(super) const PATH_WANTED: &str = "is not a path: members joined by dots, at most 256 bytes";

/// Whether a text is a path inside a message.
pub(super) fn is_path(text: &str) -> bool {
    text.len() <= PATH_MOST_BYTES && text.split('.').all(|member| !member.is_empty())
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

/// A table of texts by path.
pub(super) fn texts_by_path(value: Value<'_, '_>) -> Option<std::collections::BTreeMap<String, String>> {
    let entries = value.table()?.entries::<Path, String>(|v| v.text().map(str::to_owned));
    Some(entries.into_iter().map(|(path, text)| (path.value.0, text)).collect())
}

/// Constants of a request by path, each in the type in which it is sent.
pub(super) fn constants_by_path(value: Value<'_, '_>) -> Option<std::collections::BTreeMap<String, Constant>> {
    let entries = value.table()?.entries::<Place, Constant>(|constant| match constant.inner {
        Written::String(text) if constant.key.starts_with(HEADER) && !is_header_value(text) => {
            constant.bad("cannot stand in a header: visible ASCII, with single spaces inside")
        }
        Written::String(text) => Some(Constant::Text(text.clone().into_owned())),
        Written::Boolean(truth) => Some(Constant::Boolean(*truth)),
        Written::Integer(_) => integer(constant).map(Constant::Integer),
        Written::Float(_) | Written::Datetime(_) | Written::Array(_) | Written::Table(_) => constant.bad_with_help(
            "is neither a text nor an integer nor `true` or `false`",
            "Write each member of a list or table by its path: `\"tags.0\" = \"new\"`.".into(),
        ),
    });
    Some(entries.into_iter().map(|(path, constant)| (path.value.0, constant)).collect())
}

/// A path as a key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Path(String);

impl FromStr for Path {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_path(text) { Ok(Self(text.to_owned())) } else { Err(PATH_WANTED) }
    }
}

/// A path of a request's body, or one of its headers, as a key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place(String);

impl FromStr for Place {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_named = match text.strip_prefix(HEADER) {
            Some(name) => is_header_name(name),
            None => !names_header(text),
        };
        match (is_path(text), is_named) {
            (true, true) => Ok(Self(text.to_owned())),
            (true, false) => Err("names no header: `header:` and its name, like `header:Notion-Version`"),
            (false, _) => Err(PATH_WANTED),
        }
    }
}

/// Whether a text can be the value of a header.
fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// The base URL of an endpoint: `https://host[:port][/path]`, no slash at its end, nothing else.
pub(super) fn base_url(value: Value<'_, '_>) -> Option<Spanned<String>> {
    value.spanned(|value| {
        let text = value.text()?;
        match why_no_base_url(text) {
            None => Some(text.to_owned()),
            Some(why) => value.bad(why),
        }
    })
}

/// The place of a server that takes mail: `smtps://host[:port]`, or `smtp://` where TLS begins by STARTTLS.
pub(super) fn mail_url(value: Value<'_, '_>) -> Option<Spanned<String>> {
    value.spanned(|value| {
        let text = value.text()?;
        let rest = text.strip_prefix("smtps://").or_else(|| text.strip_prefix("smtp://"));
        match rest.map(|rest| (rest.contains('/'), why_no_base_url(&format!("https://{rest}")))) {
            Some((false, None)) => Some(text.to_owned()),
            Some((false, Some(why))) => value.bad(why),
            Some((true, _)) => value.bad("has a path, which no server of mail has"),
            None => value.bad("is not a place for mail like `smtps://mail.example.com`"),
        }
    })
}

fn why_no_base_url(text: &str) -> Option<&'static str> {
    let (rest, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Some("is not a URL like `https://api.example.com/v1`"),
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let (host, port) = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
    };
    let address = host.parse::<std::net::IpAddr>().ok();
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if address.is_none() && !(host.len() <= 253 && host.split('.').all(label)) {
        return Some("has no host that is a lower-case name or an address");
    }
    if port.is_some_and(|p| p.starts_with('0') || p.parse::<u16>().is_err()) {
        return Some("has a port that is not a number within 1 to 65535");
    }
    let plain_path = |p: &str| {
        p.split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
        })
    };
    if path.is_some_and(|p| !plain_path(p)) {
        return Some("has a path with a slash at its end, a query, or other characters than `A-Z a-z 0-9 - _ . ~`");
    }
    let private = host == "localhost"
        || address.is_some_and(|a| match a {
            std::net::IpAddr::V4(a) => a.is_loopback() || a.is_private() || a.is_link_local(),
            std::net::IpAddr::V6(a) => a.is_loopback() || a.is_unique_local(),
        });
    (plain && !private).then_some("is `http` to a host that is not private; use `https`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_scheme_a_host_and_perhaps_a_path() {
        for good in [
            "https://api.eu.helpdesk.example",
            "https://checkout.eu.payments.example/v72",
            "https://a.example:8443/x/y",
            "http://127.0.0.1:4567",
            "http://localhost:1/a",
            "https://[2001:db8::1]:443",
        ] {
            assert_eq!(why_no_base_url(good), None, "{good}");
        }
        for bad in [
            "",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://u:p@a.example",
            "https://a.example?x",
            "https://a.example/x?y",
            "https://a.example#x",
            "https://A.example",
            "https://a..example",
            "https://a.example:0",
            "https://a.example:99999",
            "https://a.example/..",
            "https://a.example/%2e",
            "http://a.example",
            "http://8.8.8.8",
        ] {
            assert!(why_no_base_url(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn floats_have_one_form_as_decimals() {
        for (float, text) in [("0.50", "0.5"), ("1.0", "1"), ("0.25", "0.25"), ("1e3", "1e3")] {
            assert_eq!(shortened(float), text);
        }
    }
}
