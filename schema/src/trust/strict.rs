//! TOML 1.0 as signed files are written: nothing twice, nothing unknown, no dates, no floats, the first keys in their order.
//!
//! # Source
//! formats.md section 1, trust.md section 1.

mod newer;
mod plain;
mod value;

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::canon::INTEGER_MOST;
use crate::hidden::{Met, walk};

use super::error::TrustError;

/// The largest signed TOML file, in bytes.
pub const TOML_MOST_BYTES: usize = 1 << 20;

/// Reads a signed TOML file.
///
/// `first` gives the keys with which the file must begin, from whether it has a key at its top.
pub(super) fn read<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    first: impl FnOnce(&dyn Fn(&str) -> bool) -> &'static [&'static str],
) -> Result<T, TrustError> {
    Sound::parse(file, bytes, first)?.read()
}

/// A signed TOML file in which nothing can be read in two ways.
pub(super) struct Sound<'f> {
    file: &'f str,
    said: Said<'f>,
}

/// What the file says.
enum Said<'f> {
    /// Read at once; with the bytes, to be read anew where something in them does not fit.
    Plain(plain::Members<'f>, &'f str),
    /// Read with the place of everything.
    Placed(Spanned<DeTable<'f>>),
}

impl<'f> Sound<'f> {
    /// As [`read`], but for what the members are.
    pub(super) fn parse(
        file: &'f str,
        bytes: &'f [u8],
        first: impl FnOnce(&dyn Fn(&str) -> bool) -> &'static [&'static str],
    ) -> Result<Self, TrustError> {
        let text = text(file, bytes)?;
        let said = match is_plain(bytes).then(|| plain::parse(text)).flatten() {
            Some(members) => Said::Plain(members, text),
            None => Said::Placed(placed(file, text)?),
        };
        let keys = match &said {
            Said::Plain(members, _) => members.iter().map(|(key, _)| *key).collect(),
            Said::Placed(table) => order(table.get_ref()),
        };
        let first = first(&|key| keys.contains(&key));
        if !keys.into_iter().take(first.len()).eq(first.iter().copied()) {
            return Err(TrustError::new(file, format!("must begin with the keys {}", first.join(", "))));
        }
        Ok(Self { file, said })
    }

    /// A text at the top.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.said {
            Said::Plain(members, _) => match &members.iter().find(|(name, _)| *name == key)?.1 {
                plain::Plain::Text(text) => Some(text),
                _ => None,
            },
            Said::Placed(table) => match table.get_ref().get(key)?.get_ref() {
                DeValue::String(text) => Some(text),
                _ => None,
            },
        }
    }

    /// All members, none of them unknown.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, TrustError> {
        let table = match self.said {
            Said::Plain(members, text) => match plain::read(&members) {
                Some(read) => return Ok(read),
                // Only a place says to people what is wrong.
                None => placed(self.file, text)?,
            },
            Said::Placed(table) => table,
        };
        value::read(&table).map_err(|wrong| at(self.file, wrong.span, format!("is not as it must be: {}", wrong.what)))
    }
}

/// Reads all of TOML, but for what can be read in two ways.
fn placed<'f>(file: &str, text: &'f str) -> Result<Spanned<DeTable<'f>>, TrustError> {
    let plain = is_plain(text.as_bytes()) && !text.contains('\\');
    let one_line = plain && !text.contains("\"\"\"") && !text.contains("'''");
    let table = DeTable::parse(text).map_err(|e| at(file, e.span(), format!("is not valid TOML: {}", e.message())))?;
    // Programs that read TOML 1.0 would refuse what somebody signed.
    if let Some(place) = newer::find(text) {
        return Err(at(file, Some(place), "is written as TOML 1.1 allows; signed files are TOML 1.0".to_owned()));
    }
    Walk { file, plain, lines: one_line }.table(table.get_ref())?;
    Ok(table)
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
    if is_plain(bytes) {
        return Ok(text);
    }
    match walk(text).find(Met::misleads) {
        Some(met) => Err(at(file, Some(met.at..met.at + met.c.len_utf8()), "holds an invisible character".into())),
        None => Ok(text),
    }
}

/// The keys at the top, in the order of the file.
fn order<'t>(table: &'t DeTable<'_>) -> Vec<&'t str> {
    let mut keys: Vec<_> = table.keys().map(|key| (key.span().start, &**key.get_ref())).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, key)| key).collect()
}

/// Whether bytes are visible ASCII, spaces, line ends and tabs alone. Block by block without a way out in between, so that
/// many bytes are looked at with each instruction.
pub fn is_plain(bytes: &[u8]) -> bool {
    let fits = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    bytes.chunks(64).all(|block| block.iter().fold(true, |all, byte| all & fits(byte)))
}

/// Looks at every key and value once.
#[derive(Clone, Copy)]
struct Walk<'f> {
    file: &'f str,
    /// Whether the file is plain ASCII without an escape: then no text in it hides anything.
    plain: bool,
    /// Whether texts here may have lines, or none in the file has any.
    lines: bool,
}

/// Members whose texts are sent as they stand; whoever shows one quotes it. Every other text is a part of a sentence or line that people
/// sign, and one with lines of its own would forge others.
const WITH_LINES: [&str; 2] = ["constants", "document"];

impl Walk<'_> {
    fn table(self, table: &DeTable<'_>) -> Result<(), TrustError> {
        table.iter().try_for_each(|(key, value)| {
            self.text(key.get_ref(), || key.span())?;
            let lines = self.lines || WITH_LINES.contains(&&**key.get_ref());
            Self { lines, ..self }.value(value)
        })
    }

    fn value(self, found: &Spanned<DeValue<'_>>) -> Result<(), TrustError> {
        let refuse = |what: &str| Err(at(self.file, Some(found.span()), what.to_owned()));
        match found.get_ref() {
            DeValue::String(text) => self.text(text, || found.span()),
            DeValue::Boolean(_) => Ok(()),
            DeValue::Integer(digits) => match digits.as_str().parse::<i64>() {
                Ok(n) if digits.radix() == 10 && (-INTEGER_MOST..=INTEGER_MOST).contains(&n) => Ok(()),
                _ => refuse("holds an integer that is not decimal or beyond 2^53 − 1"),
            },
            DeValue::Float(_) => refuse("holds a float; numbers are integers here"),
            DeValue::Datetime(_) => refuse("holds a TOML date; instants are texts like \"2026-03-02T09:00:00Z\""),
            DeValue::Array(items) => items.iter().try_for_each(|item| self.value(item)),
            DeValue::Table(table) => self.table(table),
        }
    }

    /// A text must hide nothing, and look like no other.
    fn text(self, text: &str, span: impl FnOnce() -> Range<usize>) -> Result<(), TrustError> {
        if !self.plain && walk(text).any(|met| met.misleads()) {
            return Err(at(self.file, Some(span()), "holds an invisible character".into()));
        }
        if !self.lines && text.contains('\n') {
            return Err(at(self.file, Some(span()), "holds a line break inside of a text".into()));
        }
        Ok(())
    }
}

fn at(file: &str, span: Option<Range<usize>>, what: String) -> TrustError {
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
            "type = \"a\u{e0141}\"\nnumber = 3\n",
            "type = \"a\\u3164\"\nnumber = 3\n",
            "type = \"a\u{fe0f}\u{fe0e}\"\nnumber = 3\n",
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
    fn a_wrong_value_has_a_place() {
        let place = |text: &'static str| read_small(text).unwrap_err().span.and_then(|span| text.get(span));
        assert_eq!(place("type = \"a\"\nnumber = \"three\"\n"), Some("\"three\""));
        assert_eq!(place("type = \"a\"\nnumber = 3\nmore = [\"b\", 4]\n"), Some("4"));
        assert_eq!(place("type = \"a\"\nnumber = 0x3\n"), Some("0x3"));
        assert_eq!(place("type = \"a\"\nnumber = 3\nless = 1\n"), Some("less"));
    }

    #[test]
    fn depth_has_an_end() {
        let deep = format!("type = \"a\"\nnumber = 3\nmore = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read_small(&deep).is_err());
    }
}
