//! Keys of hexadecimal digits that no name tells: what a catalog sends to an API always, and what an address is made of, is no
//! digest, whatever its place is called (`key`, `sig`, `appid`).

use std::ops::Range;

use super::secret::Secret;
use super::{before, named, runs};

/// The fewest digits of a key: identifiers of records are shorter.
const LEAST_DIGITS: usize = 24;
/// The fewest digits that differ: placeholders repeat one or two.
const LEAST_DIFFERENT: usize = 6;
/// Keys of the catalog that are for people.
const FOR_PEOPLE: [&str; 2] = ["source", "summary"];
const WHAT: &str = "a key: nothing else is sent always and is made of such digits";
const WHAT_OF_URL: &str = "a key in an address: its digits are random";

/// What a file of the catalog sends that is a key: a constant, a part of a path.
pub fn sent_keys(text: &str) -> Vec<Secret> {
    let is_sent = |range: &Range<usize>| {
        let line = line_before(text, range.start);
        !line.starts_with('#') && !FOR_PEOPLE.iter().any(|key| begins_with_key(line, key))
    };
    let found = digits(text).filter(|range| is_sent(range) && !named::is_for_everybody(text, range));
    found.map(|range| Secret { range, what: WHAT }).collect()
}

/// Keys that stand in an address.
pub fn keys_in_addresses(text: &str) -> Vec<Secret> {
    let in_address = |range: &Range<usize>| {
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
        let start = text.get(..range.start).and_then(|before| before.rsplit(ends).next()).unwrap_or_default();
        start.starts_with("https://") || start.starts_with("http://")
    };
    digits(text).filter(in_address).map(|range| Secret { range, what: WHAT_OF_URL }).collect()
}

/// Stretches of hexadecimal digits that are no part of a word, no number and no placeholder.
fn digits(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    runs(text, |byte| byte.is_ascii_alphanumeric()).filter(|range| {
        let run = text.as_bytes().get(range.clone()).unwrap_or_default();
        let mut different: Vec<u8> = run.to_ascii_lowercase();
        different.sort_unstable();
        different.dedup();
        run.len() >= LEAST_DIGITS
            && run.iter().all(u8::is_ascii_hexdigit)
            && run.iter().any(u8::is_ascii_digit)
            && run.iter().any(u8::is_ascii_alphabetic)
            && different.len() >= LEAST_DIFFERENT
            && before(text, range.start) != Some(b'_')
    })
}

/// What stands in a line before a place, without the white space at its begin.
fn line_before(text: &str, at: usize) -> &str {
    let line = text.get(..at).and_then(|before| before.rsplit('\n').next());
    line.unwrap_or_default().trim_start()
}

fn begins_with_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn key() -> String {
        ["0f3c5a7b9d1e2f4a", "6b8c0d1e2f3a4b5c", "6d7e8f90"].concat()
    }

    fn found(text: &str, by: fn(&str) -> Vec<Secret>) -> Vec<&str> {
        by(text).into_iter().map(|secret| text.get(secret.range).unwrap_or_default()).collect()
    }

    #[test]
    fn what_is_sent_always_is_a_key_whatever_it_is_called() {
        let key = key();
        for text in [
            format!("constants = {{ key = \"{key}\", limit = 5 }}"),
            format!("[operation.a.constants]\n\"header:X-Sig\" = '{}'\n", key.to_ascii_uppercase()),
            format!("path = \"/hooks/{key}/send\""),
            format!("constants = {{ appid = \"{}\" }}", key.get(..24).unwrap()),
        ] {
            assert_eq!(found(&text, sent_keys).len(), 1, "{text}");
        }
        for text in [
            format!("# as of commit {key}"),
            format!("source = \"its OpenAPI description, commit {key}\""),
            format!("constants = {{ \"extensions.persistedQuery.sha256Hash\" = \"{key}\" }}"),
            format!("constants = {{ id = \"{}\" }}", key.get(..23).unwrap()),
            format!("constants = {{ of = \"{key}g\" }}"),
            "constants = { id = \"000000000000000000000001234567\" }".to_owned(),
            "constants = { of = \"deadbeefdeadbeefdeadbeef\" }".to_owned(),
        ] {
            assert!(found(&text, sent_keys).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_address_holds_no_such_digits() {
        let key = key();
        let url = format!("url = \"https://hooks.example.com/services/{key}\"");
        assert_eq!(found(&url, keys_in_addresses), [key.as_str()]);
        let host = format!("host_key = \"{key}\"\nurl = \"https://hooks.example.com/services\"");
        assert!(found(&host, keys_in_addresses).is_empty());
    }
}
