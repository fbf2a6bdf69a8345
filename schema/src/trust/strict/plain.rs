//! The plain way in which signed files are written, read at once: heads of lists, one key on a line, values on that line.
//!
//! Nearly every statement is written like this, and there are tens of megabytes of them in a large source. It is a part of
//! TOML in which everything means what it means in TOML; a file that holds anything else is for the reader of all of TOML,
//! and so is one in which something is wrong: what is refused is refused there.
//!
//! # Source
//! TOML 1.0; `trust::emit`, which writes it.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::canon::INTEGER_MOST;

/// How deep values may stand in one another.
const DEPTH_MOST: usize = 8;
/// The most keys of a table whose keys are in no order: each is compared with all others.
const UNSORTED_MOST: usize = 32;
/// For how many keys a table under a head has room from the first: a data use has about a dozen.
const MEMBERS: usize = 16;

/// A table's members, in the order of the file.
pub(super) type Members<'f> = Vec<(&'f str, Plain<'f>)>;

/// One value.
#[derive(Debug, PartialEq)]
pub(super) enum Plain<'f> {
    /// A text.
    Text(Cow<'f, str>),
    /// An integer within ±(2^53 − 1).
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A list.
    List(Vec<Plain<'f>>),
    /// A table.
    Table(Members<'f>),
}

/// Reads a file of printable ASCII; nothing where it holds anything that is written otherwise.
pub(super) fn parse(text: &str) -> Option<Members<'_>> {
    let mut top: Members<'_> = Vec::new();
    // The list whose head came last, and the table below that head.
    let mut item: Option<(&str, Members<'_>)> = None;
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            if name.is_empty() || !name.bytes().all(is_bare) {
                return None;
            }
            let goes_on = item.as_ref().is_some_and(|(last, _)| *last == name);
            close(&mut top, item.replace((name, Vec::with_capacity(MEMBERS))))?;
            // A value of that name stands at the top already, or a list of which something else was said since.
            if !goes_on && top.iter().any(|(known, _)| *known == name) {
                return None;
            }
            continue;
        }
        let mut rest = line;
        let key = key(&mut rest)?;
        rest = rest.strip_prefix(" = ")?;
        let value = value(&mut rest, 0)?;
        if !rest.is_empty() {
            return None;
        }
        match &mut item {
            Some((_, members)) => members.push((key, value)),
            None => top.push((key, value)),
        }
    }
    close(&mut top, item)?;
    distinct(&top).then_some(top)
}

/// Puts a table that is over at the end of its list.
fn close<'f>(top: &mut Members<'f>, item: Option<(&'f str, Members<'f>)>) -> Option<()> {
    let Some((name, members)) = item else { return Some(()) };
    if !distinct(&members) {
        return None;
    }
    match top.last_mut() {
        // What has this name can only be the list to which it belongs: anything else was refused at the head.
        Some((last, Plain::List(items))) if *last == name => items.push(Plain::Table(members)),
        Some((last, _)) if *last == name => return None,
        _ => top.push((name, Plain::List(vec![Plain::Table(members)]))),
    }
    Some(())
}

/// Whether no key comes twice; nothing is known of long tables in no order.
fn distinct(members: &Members<'_>) -> bool {
    let sorted = members.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a < b));
    let each_once = || {
        let twice =
            |(at, (key, _)): (usize, &(&str, Plain<'_>))| members.iter().take(at).any(|(other, _)| other == key);
        members.len() <= UNSORTED_MOST && !members.iter().enumerate().any(twice)
    };
    sorted || each_once()
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn key<'f>(rest: &mut &'f str) -> Option<&'f str> {
    if rest.starts_with('"') {
        return match quoted(rest)? {
            Cow::Borrowed(key) if !key.is_empty() => Some(key),
            Cow::Borrowed(_) | Cow::Owned(_) => None,
        };
    }
    let length = rest.bytes().position(|byte| !is_bare(byte))?;
    let (key, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    (!key.is_empty()).then_some(key)
}

/// A text in quotes. Three quotes begin another kind of text. Of escapes, those of quotes and backslashes are known, which
/// stand in what is JSON in a text.
fn quoted<'f>(rest: &mut &'f str) -> Option<Cow<'f, str>> {
    let body = rest.strip_prefix('"')?;
    let end = body.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (inside, behind) = body.split_at_checked(end)?;
    if let Some(behind) = behind.strip_prefix('"') {
        if inside.is_empty() && behind.starts_with('"') {
            return None;
        }
        *rest = behind;
        return Some(Cow::Borrowed(inside));
    }
    let (mut text, mut left) = (inside.to_owned(), behind);
    while let Some(escaped) = left.strip_prefix('\\') {
        let escape = escaped.chars().next().filter(|c| matches!(c, '"' | '\\'))?;
        text.push(escape);
        let next = escaped.get(1..)?;
        let end = next.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (inside, behind) = next.split_at_checked(end)?;
        text.push_str(inside);
        left = behind;
    }
    *rest = left.strip_prefix('"')?;
    Some(Cow::Owned(text))
}

fn value<'f>(rest: &mut &'f str, depth: usize) -> Option<Plain<'f>> {
    if depth > DEPTH_MOST {
        return None;
    }
    match rest.as_bytes().first()? {
        b'"' => quoted(rest).map(Plain::Text),
        b'[' => list(rest, depth).map(Plain::List),
        b'{' => table(rest, depth).map(Plain::Table),
        _ => word(rest),
    }
}

fn list<'f>(rest: &mut &'f str, depth: usize) -> Option<Vec<Plain<'f>>> {
    *rest = rest.strip_prefix('[')?;
    let mut items = Vec::new();
    while !take(rest, "]") {
        if !items.is_empty() && !take(rest, ", ") {
            return None;
        }
        items.push(value(rest, depth.saturating_add(1))?);
    }
    Some(items)
}

fn table<'f>(rest: &mut &'f str, depth: usize) -> Option<Members<'f>> {
    if take(rest, "{}") {
        return Some(Vec::new());
    }
    *rest = rest.strip_prefix("{ ")?;
    let mut members = Vec::new();
    while !take(rest, " }") {
        if !members.is_empty() && !take(rest, ", ") {
            return None;
        }
        let key = key(rest)?;
        *rest = rest.strip_prefix(" = ")?;
        members.push((key, value(rest, depth.saturating_add(1))?));
    }
    distinct(&members).then_some(members)
}

fn take(rest: &mut &str, wanted: &str) -> bool {
    let behind = rest.strip_prefix(wanted);
    if let Some(behind) = behind {
        *rest = behind;
    }
    behind.is_some()
}

/// `true`, `false`, or an integer as people write it.
fn word<'f>(rest: &mut &'f str) -> Option<Plain<'f>> {
    let length = rest.bytes().position(|byte| matches!(byte, b',' | b']' | b' ')).unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let digits = word.strip_prefix('-').unwrap_or(word);
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit()) && (1..=16).contains(&digits.len());
    match word {
        "true" => Some(Plain::Boolean(true)),
        "false" => Some(Plain::Boolean(false)),
        "0" => Some(Plain::Integer(0)),
        _ if is_integer && !digits.starts_with('0') => {
            let number: i64 = word.parse().ok()?;
            (-INTEGER_MOST..=INTEGER_MOST).contains(&number).then_some(Plain::Integer(number))
        }
        _ => None,
    }
}

/// What a file says as a record; nothing where it does not fit.
pub(super) fn read<T: DeserializeOwned>(members: &Members<'_>) -> Option<T> {
    T::deserialize(Value::Top(members)).ok()
}

/// That something does not fit: what, the reader of all of TOML says.
#[derive(Debug)]
pub(super) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does not fit")
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The file, or one value in it.
#[derive(Clone, Copy)]
enum Value<'de, 'f> {
    Top(&'de Members<'f>),
    Within(&'de Plain<'f>),
}

fn visit_table<'de, V: Visitor<'de>>(members: &'de Members<'_>, visitor: V) -> Result<V::Value, Misfit> {
    let mut members = MapDeserializer::new(members.iter().map(|(key, value)| (*key, Value::Within(value))));
    let read = visitor.visit_map(&mut members)?;
    members.end()?;
    Ok(read)
}

impl<'de> Deserializer<'de> for Value<'de, '_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Top(members) | Self::Within(Plain::Table(members)) => visit_table(members, visitor),
            Self::Within(Plain::Text(text)) => visitor.visit_borrowed_str(text),
            Self::Within(Plain::Boolean(yes)) => visitor.visit_bool(*yes),
            Self::Within(Plain::Integer(number)) => visitor.visit_i64(*number),
            Self::Within(Plain::List(items)) => {
                let mut items = SeqDeserializer::new(items.iter().map(Value::Within));
                let read = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(read)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// As in `value`: a word is a text and nothing else.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self {
            Self::Within(Plain::Text(text)) => visitor.visit_enum((&**text).into_deserializer()),
            Self::Top(_) | Self::Within(_) => Err(Misfit::invalid_type(Unexpected::Other("something else"), &"a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for Value<'de, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
