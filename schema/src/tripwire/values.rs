//! What a word without white space holds that is a secret: by a name before it, or because it was drawn by lot. A word's values are
//! what stands in quotes, and what stands behind a name.

use std::ops::Range;

use super::entropy::{LEAST_CHARACTERS, is_key_character, is_like_a_key, is_like_a_password, long_runs};
use super::{Secret, named};

/// How far a quote may be from the one that closes it: no password is longer, and nothing is looked at without end.
const QUOTED_MOST_BYTES: usize = 256;
const NAMED: &str = "a secret, as the name before it says";

/// What a word holds that is a key by its name or is as random as one.
pub(super) fn keys_in<'t>(text: &'t str, word: &Range<usize>) -> impl Iterator<Item = Secret> + 't {
    let (bytes, start) = (text.as_bytes().get(word.clone()).unwrap_or_default(), word.start);
    long_runs(bytes, named::LEAST_CHARACTERS, is_key_character).filter_map(move |run| {
        let run = start.saturating_add(run.start)..start.saturating_add(run.end);
        let named = named::value(text, &run).map(|range| Secret { range, what: NAMED });
        let is_random = || text.get(run.clone()).is_some_and(is_like_a_key) && !named::is_for_everybody(text, &run);
        named.or_else(|| is_random().then(|| Secret { range: run.clone(), what: "a key: its characters are random" }))
    })
}

/// The values of a word that are passwords, with signs among their letters and digits.
pub(super) fn passwords_in<'t>(text: &'t str, word: &Range<usize>) -> impl Iterator<Item = Secret> + 't {
    values(text, word).into_iter().filter_map(move |range| {
        let value = text.get(range.clone())?;
        if value.len() < named::LEAST_CHARACTERS || value.bytes().all(is_key_character) {
            return None;
        }
        // What holds a long stretch of characters of keys was judged by that.
        if long_runs(value.as_bytes(), LEAST_CHARACTERS, is_key_character).next().is_some() {
            return None;
        }
        if named::is_password(text, &range) {
            return Some(Secret { range, what: NAMED });
        }
        let is_random = is_like_a_password(value) && !named::is_for_everybody(text, &range);
        is_random.then_some(Secret { range, what: "a password: its characters are random" })
    })
}

/// Stretches of a word, each one value: the inside of quotes, and what stands before, between and behind them. A quote that is
/// not closed is a character like any other.
fn values(text: &str, word: &Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (word.start, word.start);
    while at < word.end {
        let quote = text.as_bytes().get(at).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let next = at.saturating_add(1);
        let most = next.saturating_add(QUOTED_MOST_BYTES).min(word.end);
        match quote.and_then(|quote| closing(text, next..most, quote)) {
            Some(end) => {
                found.push(behind_name(text, start..at));
                found.push(next..end);
                start = end.saturating_add(1);
                at = start;
            }
            None => at = next,
        }
    }
    found.push(behind_name(text, start..word.end));
    found
}

/// Where a quote is closed; one behind a backslash closes nothing.
fn closing(text: &str, within: Range<usize>, quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    let inside = text.as_bytes().get(within.clone())?.iter().position(|byte| {
        let closes = *byte == quote && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    })?;
    Some(within.start.saturating_add(inside))
}

/// A stretch without the name and sign before its value, `name=` or `name:`, and without what ends a sentence or a list.
fn behind_name(text: &str, whole: Range<usize>) -> Range<usize> {
    let written = text.get(whole.clone()).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let sign = written
        .find(|c: char| !is_name(c))
        .filter(|at| *at > 0 && written.get(*at..).is_some_and(|rest| rest.starts_with(['=', ':'])));
    let from = sign.map_or(0, |at| at.saturating_add(1));
    let value = written.get(from..).unwrap_or_default().trim_end_matches([',', ';', '.', ')']);
    let start = whole.start.saturating_add(from);
    start..start.saturating_add(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, wanted: &[&str]) {
        let found = values(word, &(0..word.len()));
        let found: Vec<&str> =
            found.into_iter().filter_map(|range| word.get(range)).filter(|value| !value.is_empty()).collect();
        assert_eq!(found, wanted, "{word}");
    }

    #[test]
    fn a_word_holds_what_is_quoted_and_what_has_a_name() {
        check("plain", &["plain"]);
        check("\"quoted\",", &["quoted"]);
        check("'it\"s'", &["it\"s"]);
        check("{\"a\":\"b\\\"c\"}", &["{", "a", ":", "b\\\"c", "}"]);
        check("SECRET=x!y&z", &["x!y&z"]);
        check("token:abc).", &["abc"]);
        check("isn't-closed", &["isn't-closed"]);
        check("https://a.example", &["//a.example"]);
        check("a`b`c", &["a", "b", "c"]);
    }
}
