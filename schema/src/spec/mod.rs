//! Source files as people write them, each value with the place where it stands.
//!
//! Types only: the compiler reads TOML into them. Every value here has the right form (an id is an id, a period a
//! period); whether names lead anywhere is settled later.
//!
//! # Source
//! language.md sections 1 to 3 and 7.

mod client;
mod integration;
mod library;
mod project;
mod provider;
mod scenario;
mod step;
mod workflow;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::{Deref, Range};
use std::sync::Arc;

pub use client::{Client, Connection, Decider, Endpoint, Guardrail, Holders, ROTATE_MOST, Slot};
pub use integration::{ChannelKind, ChannelSpec, Event, Integration, Operation, Polled, Webhook};
pub use library::{Classes, Library, Literal, Setting, SettingType, Use};
pub use project::{Project, Route};
pub use provider::{Agreement, Prices, Provider};
pub use scenario::{Decided, Expect, ExpectedCall, Later, Reply, Scenario, Tests};
pub use step::{Action, Argument, AskLimit, Cancel, Each, On, Spend, Step, Text, TextUse, Until};
pub use workflow::{Fallback, Kpi, Limits, Poll, Trigger, Workflow, WorkflowFile};

use crate::finding::Span;

/// A value and where it stands in its file.
///
/// Equality and order look at the value alone, so that a map keyed by it behaves like one keyed by the value.
///
/// # Units
/// `span` is in bytes of the file, end exclusive. For a text it covers the quotes too.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// What stands there.
    pub value: T,
    /// Where.
    pub span: Range<usize>,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub const fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }

    /// The same place with a value made from this one.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: make(self.value), span: self.span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Borrow<str>> Borrow<str> for Spanned<T> {
    fn borrow(&self) -> &str {
        self.value.borrow()
    }
}

/// One file and what was read from it.
#[derive(Clone, Debug)]
pub struct Unit<T> {
    /// The path inside the commit.
    pub file: Arc<str>,
    /// The file's text, for excerpts and for places inside quoted texts.
    pub text: Arc<str>,
    /// What it says.
    pub spec: T,
}

impl<T> Unit<T> {
    /// A place in this file, for a finding.
    pub fn span(&self, range: &Range<usize>) -> Span {
        Span::new(&self.file, range.clone())
    }

    /// The place of a part of a quoted text; `part` is in bytes of the text's value.
    pub fn within(&self, quoted: &Range<usize>, part: &Range<usize>) -> Span {
        self.span(&within(&self.text, quoted, part))
    }
}

/// The place of a part of a quoted text inside a file; `part` is in bytes of the text's value. The whole text where the part
/// is not in it.
///
/// # Source
/// TOML 1.0, strings: quotes, escapes, line ends that a backslash swallows.
pub fn within(file: &str, quoted: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    let raw = file.get(quoted.clone()).unwrap_or_default();
    let open = ["\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"].iter().find(|quote| raw.starts_with(**quote));
    let open = open.map_or(0, |quote| quote.len());
    let inside = raw.get(open..).unwrap_or_default();
    let place = if raw.starts_with('"') && inside.contains('\\') {
        written(inside, part.start, false).zip(written(inside, part.end, true))
    } else {
        Some((part.start, part.end))
    };
    let start = quoted.start.saturating_add(open);
    let place = place.map(|(from, to)| start.saturating_add(from)..start.saturating_add(to));
    place.filter(|place| place.start <= place.end && place.end <= quoted.end).unwrap_or_else(|| quoted.clone())
}

/// Where the byte of a text's value is written, between its quotes; at the end of what is written before it, or at the
/// beginning of itself.
fn written(inside: &str, byte: usize, end: bool) -> Option<usize> {
    let (mut at, mut done) = (0_usize, 0_usize);
    loop {
        if done == byte && (end || !swallows(inside.get(at..)?)) {
            return Some(at);
        }
        if done > byte {
            return None;
        }
        let rest = inside.get(at..).filter(|rest| !rest.is_empty())?;
        let (length, bytes) = one(rest)?;
        at = at.checked_add(length)?;
        done = done.checked_add(bytes)?;
    }
}

/// How long one character is as it is written, and in the value.
fn one(rest: &str) -> Option<(usize, usize)> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    if first != '\\' {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    if swallows(rest) {
        let behind = rest.get(1..)?;
        return Some((rest.len().checked_sub(behind.trim_start().len())?, 0));
    }
    let coded = |digits: usize| {
        let code = rest.get(2..digits.checked_add(2)?)?;
        let character = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?;
        Some((digits.checked_add(2)?, character.len_utf8()))
    };
    match chars.next()? {
        'x' => coded(2),
        'u' => coded(4),
        'U' => coded(8),
        other => Some((other.len_utf8().checked_add(1)?, 1)),
    }
}

/// Whether a backslash swallows the line's end and the white space behind it.
fn swallows(rest: &str) -> bool {
    let behind = rest.strip_prefix('\\').unwrap_or_default();
    let line = behind.split('\n').next().unwrap_or_default();
    behind.contains('\n') && line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_has_a_place() {
        let file = "when = \"a == 'b'\"\nx = '''\ntwo'''\ny = \"\\ta\"\n";
        assert_eq!(within(file, &(7..17), &(0..1)), 8..9);
        assert_eq!(file.get(within(file, &(22..32), &(0..3))), Some("two"));
        assert_eq!(file.get(within(file, &(37..42), &(1..2))), Some("a"));
        assert_eq!(within(file, &(7..17), &(0..99)), 7..17);
    }

    #[test]
    fn escapes_and_swallowed_lines_count_as_what_they_stand_for() {
        let check = |raw: &str, value: &str, part: &str| {
            let start = value.find(part).expect("a part");
            let place = within(raw, &(0..raw.len()), &(start..start + part.len()));
            assert_eq!(raw.get(place), Some(part), "{raw}");
        };
        check(r#""ticket.subject == \"a\" && nope.x""#, r#"ticket.subject == "a" && nope.x"#, "nope.x");
        check(r#""\u00e9 \U0001f600 \\ b""#, "é 😀 \\ b", "b");
        check("\"\"\"\na && \\\n    b\"\"\"", "a && b", "b");
        // What ends before a swallowed line end does not hold it.
        check("\"\"\"\na && \\\n    b\"\"\"", "a && b", "a &&");
    }
}
