//! A strict reader of JSON that others send, and a writer. What it holds is content: no `Debug`, overwritten on drop.
//!
//! Numbers stay text, so that no amount passes through a float. Keys that stand twice are refused: two readers could see
//! two different documents.
//!
//! # Source
//! RFC 8259.

mod reader;

use zeroize::Zeroize as _;

use self::reader::Reader;

/// A JSON value.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members in the order in which they stand; no key twice.
    Object(Vec<(String, Json)>),
}

/// The text is no JSON, has a key twice, or is beyond the limits. Says nothing more: the text is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadJson;

/// The last place of a list, in a path.
const LAST: &str = "last";

impl Drop for Json {
    fn drop(&mut self) {
        match self {
            Self::Number(text) | Self::Text(text) => text.zeroize(),
            Self::Object(members) => members.iter_mut().for_each(|(key, _)| key.zeroize()),
            Self::Null | Self::Boolean(_) | Self::List(_) => {}
        }
    }
}

impl Json {
    /// Reads one JSON value with nothing after it but white space.
    ///
    /// # Errors
    /// [`BadJson`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadJson> {
        let text = std::str::from_utf8(bytes).or(Err(BadJson))?;
        let mut reader = Reader { text, at: 0, values: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(BadJson) }
    }

    /// What stands at a path: members joined by dots, numbers or [`LAST`] for places in a list; the value itself for the empty
    /// path.
    pub fn at(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        path.split('.').try_fold(self, |value, part| match value {
            Self::Object(members) => members.iter().find(|(key, _)| key == part).map(|(_, member)| member),
            Self::List(items) if part == LAST => items.last(),
            Self::List(items) => items.get(part.parse::<usize>().ok()?),
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::Text(_) => None,
        })
    }

    /// The text that stands at a path; numbers and booleans as they are written.
    pub fn text_at(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Puts a value at a path: members joined by dots, numbers below a member for places in a list. Makes objects and lists on
    /// the way; places before one that was never given are `null`. Returns false when something else already stands there.
    pub fn put(&mut self, path: &str, value: Self) -> bool {
        let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
        let slot = match self {
            Self::Object(members) => {
                let there = members.iter().position(|(k, _)| k == key);
                let place = there.unwrap_or(members.len());
                if there.is_none() {
                    members.push((key.to_owned(), Self::Null));
                }
                members.get_mut(place).map(|(_, member)| (member, there.is_some()))
            }
            Self::List(items) => {
                let Some(place) = place_in_list(key) else { return false };
                let there = items.get(place).is_some_and(|item| !matches!(item, Self::Null));
                items.resize(items.len().max(place.saturating_add(1)), Self::Null);
                items.get_mut(place).map(|item| (item, there))
            }
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::Text(_) => None,
        };
        match (slot, rest) {
            (None, _) | (Some((_, true)), None) => false,
            (Some((slot, false)), None) => {
                *slot = value;
                true
            }
            (Some((slot, there)), Some(rest)) => {
                if !there {
                    let first = rest.split('.').next().unwrap_or_default();
                    *slot = match place_in_list(first) {
                        Some(_) => Self::List(Vec::new()),
                        None => Self::Object(Vec::new()),
                    };
                }
                slot.put(rest, value)
            }
        }
    }

    /// Writes the value without white space.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(true) => out.extend_from_slice(b"true"),
            Self::Boolean(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (i, (key, member)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_text(key, out);
                    out.push(b':');
                    member.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if u32::from(c) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The most places of a list that paths may name: a body is written out, place by place.
const PLACES_MOST: usize = 1_000;

/// The place in a list that a part of a path names.
fn place_in_list(part: &str) -> Option<usize> {
    let digits =
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    part.parse().ok().filter(|place| digits && *place < PLACES_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::limits::{JSON_MOST_DEPTH, JSON_MOST_VALUES, NUMBER_MOST_BYTES};
    use proptest::prelude::*;

    fn again(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Json::parse(text.as_bytes()).ok()?.write(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = r#"{"a":[12.10,-0.5e+3,9007199254740993,true,null,{}],"b":"é\n\"\\"}"#;
        assert_eq!(again(text).as_deref(), Some(text));
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(again(r#" "\u00e9\ud83d\ude00\/\b\f" "#).as_deref(), Some("\"é😀/\\u0008\\u000c\""));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bad in [
            "",
            " ",
            "nul",
            "tru",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "--1",
            "NaN",
            "Infinity",
            "0x10",
            "'a'",
            "\"a",
            "\"\u{1}\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            "[1,]",
            "[1 2]",
            "[",
            "{",
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            "{a:1}",
            "1 1",
            "[]]",
            "\u{feff}1",
            "{\"a\":1,\"a\":1}",
            r#"{"a":1,"\u0061":2}"#,
            "// x\n1",
        ] {
            assert!(Json::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn depth_size_and_numbers_have_limits() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(Json::parse(nested(JSON_MOST_DEPTH + 1).as_bytes()).is_ok());
        assert!(Json::parse(nested(JSON_MOST_DEPTH + 2).as_bytes()).is_err());
        assert!(Json::parse("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(Json::parse("1".repeat(NUMBER_MOST_BYTES + 1).as_bytes()).is_err());
        let many = format!("[{}1]", "1,".repeat(JSON_MOST_VALUES));
        assert!(Json::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn paths_lead_through_members_and_places() {
        let json = Json::parse(br#"{"a":{"b":[{"c":"x"},7]},"d":null}"#).ok().unwrap();
        assert_eq!(json.text_at("a.b.0.c"), Some("x"));
        assert_eq!(json.text_at("a.b.1"), Some("7"));
        for nothing in ["a.b.2", "a.b.x", "a.c", "d", "d.e", "a.b.0.c.d", "."] {
            assert!(json.text_at(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn numbers_in_a_path_are_places_in_a_list() {
        let text = |text: &str| Json::Text(text.to_owned());
        let mut json = Json::Object(Vec::new());
        assert!(
            json.put("to.1.email", text("b")) && json.put("to.0.email", text("a")) && json.put("to.0.name", text("n"))
        );
        assert!(!json.put("to.0", Json::Null) && !json.put("to.x", Json::Null) && !json.put("to.01", Json::Null));
        assert!(!json.put("far.1000", Json::Null) || json.at("far").is_some_and(|far| matches!(far, Json::Object(_))));
        let mut out = Vec::new();
        json.at("to").expect("a list").write(&mut out);
        assert_eq!(String::from_utf8(out).expect("text"), r#"[{"email":"a","name":"n"},{"email":"b"}]"#);
    }

    #[test]
    fn a_place_is_taken_once() {
        let mut json = Json::Object(Vec::new());
        assert!(json.put("a.b", Json::Boolean(true)) && json.put("a.c", Json::Null));
        assert!(!json.put("a.b", Json::Null) && !json.put("a", Json::Null) && !json.put("a.b.c", Json::Null));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Json::parse(&bytes));
        }

        #[test]
        fn any_text_comes_back(text in ".*") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert!(Json::parse(&out) == Ok(Json::Text(text.clone())), "differs");
            prop_assert_eq!(serde_json::from_slice::<String>(&out).ok(), Some(text));
        }
    }
}
