//! Tripwires over text: what looks like a secret, and what looks like a real person's data.
//!
//! They find what has a form. A password that is a word, or a name, has none: nothing here proves that a text is harmless.
//!
//! # Source
//! language.md sections 5 and 7, design.md section 5. Promises P01, P07.

mod bytes;
mod entropy;
mod named;
mod numbers;
mod pairs;
mod personal;
mod placed;
mod secret;
mod values;

use std::ops::Range;

pub use bytes::{Located, Searched, is_binary, readable, search};
pub use personal::{Personal, PersonalKind, personal};
pub use placed::{keys_in_addresses, sent_keys};
pub use secret::{Secret, patterns, secrets};

/// A text with every secret and everything personal in it replaced by `*`, for excerpts that people see.
///
/// # Shape
/// As many bytes as before, so that places stay places.
pub fn hidden(text: &str) -> String {
    let mut ranges: Vec<Range<usize>> = secrets(text).into_iter().map(|found| found.range).collect();
    ranges.extend(personal(text).into_iter().map(|found| found.range));
    masked(text, &ranges)
}

/// A text with some stretches replaced by `*`; line ends stay.
pub fn masked(text: &str, ranges: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_hidden = covered(ranges);
    for (at, c) in text.char_indices() {
        if is_hidden(at) && c != '\n' {
            out.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// Tells of places, each after the one before, whether one of some stretches covers it. A text may have as many stretches as
/// words, so none is looked at twice.
pub fn covered(ranges: &[Range<usize>]) -> impl FnMut(usize) -> bool {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.start);
    let (mut next, mut until) = (sorted.into_iter().peekable(), 0);
    move |at| {
        while let Some(range) = next.next_if(|range| range.start <= at) {
            until = until.max(range.end);
        }
        at < until
    }
}

/// Stretches of a text that are made of some characters alone, in order; each as long as it can be.
fn runs(text: &str, member: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| member(*byte))?;
        let length = bytes.get(start..)?.iter().position(|byte| !member(*byte));
        at = length.map_or(bytes.len(), |length| start + length);
        Some(start..at)
    })
}

/// The byte before a place.
fn before(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_keeps_its_length_and_lines() {
        let text = "a = \"AKIA2E0A8F3B244C9986\"\nb = \"lena@acme.io\"\n";
        let shown = hidden(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown, "a = \"********************\"\nb = \"************\"\n");
    }
}
