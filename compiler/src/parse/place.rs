//! Readers of places inside messages: paths of a body, names of headers, and what stands at them.

use std::str::FromStr;

use assent_schema::plan::Constant;

use super::integration::is_header_name;
use super::reader::Value;
use super::tree::Written;
use super::value::integer;

/// The longest path inside a message, in bytes.
const PATH_MOST_BYTES: usize = 256;

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
