//! Source files as people write them, each value with the place where it stands.
//!
//! Types only: the compiler reads TOML into them. Every value here has the right form (an id is an id, a period a
//! period); whether names lead anywhere is settled later.
//!
//! # Source
//! language.md sections 1 to 3 and 7.

mod client;
mod integration;
mod project;
mod provider;
mod scenario;
mod workflow;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::{Deref, Range};
use std::sync::Arc;

pub use client::{Client, Connection, Endpoint, Guardrail, Holders, ROTATE_MOST, Slot};
pub use integration::{ChannelKind, ChannelSpec, Event, Integration, Operation, Polled, Webhook};
pub use project::{Project, Route};
pub use provider::{Agreement, Prices, Provider};
pub use scenario::{Decided, Expect, ExpectedCall, Later, Reply, Scenario, Tests};
pub use workflow::{
    Action, Argument, AskLimit, Cancel, Classes, Each, Fallback, Kpi, Library, Limits, Literal, On, Poll, Setting,
    SettingType, Spend, Step, Text, TextUse, Trigger, Until, Use, Workflow, WorkflowFile,
};

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
    ///
    /// # Shape
    /// Exact when the text is written without escapes; else the whole text.
    pub fn within(&self, quoted: &Range<usize>, part: &Range<usize>) -> Span {
        self.span(&within(&self.text, quoted, part))
    }
}

/// The place of a part of a quoted text inside a file; `part` is in bytes of the text's value.
///
/// # Shape
/// Exact when the text is written without escapes; else the whole text.
pub fn within(file: &str, quoted: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    let raw = file.get(quoted.clone()).unwrap_or_default();
    let escaped = raw.starts_with('"') && raw.contains('\\');
    let open = ["\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"].iter().find(|quote| raw.starts_with(**quote));
    let start = quoted.start.saturating_add(open.map_or(0, |quote| quote.len()));
    let place = start.saturating_add(part.start)..start.saturating_add(part.end);
    if escaped || place.start > place.end || place.end > quoted.end { quoted.clone() } else { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_has_a_place_unless_the_text_has_escapes() {
        let file = "when = \"a == 'b'\"\nx = '''\ntwo'''\ny = \"\\ta\"\n";
        assert_eq!(within(file, &(7..17), &(0..1)), 8..9);
        assert_eq!(file.get(within(file, &(22..32), &(0..3))), Some("two"));
        assert_eq!(within(file, &(37..42), &(1..2)), 37..42);
        assert_eq!(within(file, &(7..17), &(0..99)), 7..17);
    }
}
