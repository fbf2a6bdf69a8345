//! TOML as signed files are written: nothing twice, nothing unknown, no dates, no floats, the first keys in their order.
//!
//! # Source
//! formats.md section 1, trust.md section 1.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::canon::INTEGER_MOST;

use super::error::TrustError;

/// The largest signed TOML file, in bytes.
pub const TOML_MOST_BYTES: usize = 1 << 20;

/// Reads a signed TOML file.
///
/// `first` gives the keys with which the file must begin, from the keys that it has at its top.
pub(super) fn read<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    first: impl FnOnce(&Map<String, Value>) -> &'static [&'static str],
) -> Result<T, TrustError> {
    Sound::parse(file, bytes, first)?.read()
}

/// A signed TOML file in which nothing can be read in two ways.
pub(super) struct Sound<'f> {
    file: &'f str,
    members: Map<String, Value>,
}

impl<'f> Sound<'f> {
    /// As [`read`], but for what the members are.
    pub(super) fn parse(
        file: &'f str,
        bytes: &[u8],
        first: impl FnOnce(&Map<String, Value>) -> &'static [&'static str],
    ) -> Result<Self, TrustError> {
        let text = text(file, bytes)?;
        let table =
            DeTable::parse(text).map_err(|e| at(file, e.span(), format!("is not valid TOML: {}", e.message())))?;
        let table = table.into_inner();
        let order = order(&table);
        let members = members(file, &table)?;
        let first = first(&members);
        if !order.iter().map(String::as_str).take(first.len()).eq(first.iter().copied()) {
            return Err(TrustError::new(file, format!("must begin with the keys {}", first.join(", "))));
        }
        Ok(Self { file, members })
    }

    /// A text at the top.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.members.get(key)?.as_str()
    }

    /// All members, none of them unknown.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, TrustError> {
        serde_json::from_value(Value::Object(self.members))
            .map_err(|e| TrustError::new(self.file, format!("is not as it must be: {e}")))
    }
}

fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, TrustError> {
    if bytes.len() > TOML_MOST_BYTES {
        return Err(TrustError::new(file, format!("is larger than {TOML_MOST_BYTES} bytes")));
    }
    let text = std::str::from_utf8(bytes).or(Err(TrustError::new(file, "is not UTF-8")))?;
    if text.contains('\r') {
        return Err(TrustError::new(file, "has CRLF line ends; LF is needed"));
    }
    // Nearly every file is plain ASCII; one pass settles it.
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Ok(text);
    }
    match text.char_indices().find(|(_, c)| is_hidden(*c)) {
        Some((start, c)) => Err(at(file, Some(start..start + c.len_utf8()), "holds an invisible character".into())),
        None => Ok(text),
    }
}

/// Characters that make a file read otherwise than it looks: controls, byte order mark, direction marks, zero widths.
fn is_hidden(c: char) -> bool {
    let plain = c == '\n' || c == '\t';
    let marks = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    marks || (c.is_control() && !plain)
}

/// The keys at the top, in the order of the file.
fn order(table: &DeTable<'_>) -> Vec<String> {
    let mut keys: Vec<_> = table.keys().map(|key| (key.span().start, key.get_ref().to_string())).collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

fn members(file: &str, table: &DeTable<'_>) -> Result<Map<String, Value>, TrustError> {
    let member = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        if key.get_ref().chars().any(is_hidden) {
            return Err(at(file, Some(key.span()), "holds an invisible character".into()));
        }
        Ok((key.get_ref().to_string(), self::value(file, value)?))
    };
    table.iter().map(member).collect()
}

fn value(file: &str, found: &Spanned<DeValue<'_>>) -> Result<Value, TrustError> {
    let refuse = |what: &str| Err(at(file, Some(found.span()), what.to_owned()));
    match found.get_ref() {
        DeValue::String(text) if text.chars().any(is_hidden) => refuse("holds an invisible character"),
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(yes) => Ok(Value::Bool(*yes)),
        DeValue::Integer(digits) => match digits.as_str().parse::<i64>() {
            Ok(n) if digits.radix() == 10 && (-INTEGER_MOST..=INTEGER_MOST).contains(&n) => Ok(Value::from(n)),
            _ => refuse("holds an integer that is not decimal or beyond 2^53 − 1"),
        },
        DeValue::Float(_) => refuse("holds a float; numbers are integers here"),
        DeValue::Datetime(_) => refuse("holds a TOML date; instants are texts like \"2026-03-02T09:00:00Z\""),
        DeValue::Array(items) => items.iter().map(|item| value(file, item)).collect(),
        DeValue::Table(table) => members(file, table).map(Value::Object),
    }
}

fn at(file: &str, span: Option<std::ops::Range<usize>>, what: String) -> TrustError {
    TrustError { span, ..TrustError::new(file, what) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[serde(rename = "type")]
        kind: String,
        number: i64,
        #[serde(default)]
        more: Vec<String>,
    }

    fn read_small(text: &str) -> Result<Small, TrustError> {
        read("a.toml", text.as_bytes(), |_| &["type", "number"])
    }

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Yes,
    }

    #[test]
    fn a_word_is_written_in_one_way() {
        #[derive(Deserialize, Debug)]
        struct One {
            word: Word,
        }
        let one = |text: &str| read::<One>("a.toml", text.as_bytes(), |_| &["word"]);
        assert!(matches!(one("word = \"yes\"").unwrap().word, Word::Yes));
        assert!(one("word = { yes = {} }").is_err());
        assert!(one("word = { yes = [] }").is_err());
        assert!(one("word = { yes = \"\" }").is_err());
    }

    #[test]
    fn a_file_is_read_as_written() {
        let small = read_small("# why\ntype = \"a\"\nnumber = 3\nmore = [\"b\"]\n").unwrap();
        assert_eq!((small.kind.as_str(), small.number, small.more.len()), ("a", 3, 1));
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for bad in [
            "number = 3\ntype = \"a\"\n",
            "more = []\ntype = \"a\"\nnumber = 3\n",
            "type = \"a\"\ntype = \"b\"\nnumber = 3\n",
            "type = \"a\"\nnumber = 3\nless = 1\n",
            "type = \"a\"\nnumber = 3.0\n",
            "type = \"a\"\nnumber = 0x3\n",
            "type = \"a\"\nnumber = 9007199254740992\n",
            "type = \"a\"\nnumber = -9223372036854775808\n",
            "type = \"a\"\nnumber = 3\nmore = [2026-01-01]\n",
            "type = \"a\"\nnumber = 2026-01-01T00:00:00Z\n",
            "type = \"a\"\r\nnumber = 3\r\n",
            "\u{feff}type = \"a\"\nnumber = 3\n",
            "type = \"a\u{202e}\"\nnumber = 3\n",
            "type = \"a\\u202e\"\nnumber = 3\n",
            "type = \"a\\u0000\"\nnumber = 3\n",
            "type = \"a\"\n",
            "type = \"a\"\nnumber = 3\n[",
            "",
        ] {
            assert!(read_small(bad).is_err(), "{bad:?}");
        }
        assert!(read::<Small>("a", b"type = \"\xff\"", |_| &[]).is_err());
    }

    #[test]
    fn depth_has_an_end() {
        let deep = format!("type = \"a\"\nnumber = 3\nmore = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read_small(&deep).is_err());
    }
}
