//! Where a finding stands, as lines and columns.

use assent_schema::finding::{LineColumn, Span, line_column};

/// A stretch of a file as lines and columns.
pub(super) struct Place<'a> {
    /// The path inside the commit.
    pub(super) file: &'a str,
    /// The first character.
    pub(super) start: LineColumn,
    /// The place after the last character.
    pub(super) end: LineColumn,
}

/// Finds lines and columns; a file without text has one line and one column.
pub(super) fn place<'a>(span: &'a Span, text: Option<&str>) -> Place<'a> {
    let text = text.unwrap_or_default();
    let at = |offset: usize| line_column(text, boundary(text, offset));
    Place { file: &span.file, start: at(span.start), end: at(span.end.max(span.start)) }
}

/// The character boundary at or before an offset.
pub(super) fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
