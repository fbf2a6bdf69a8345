//! Findings as annotations of a GitHub workflow: one line each, read from the log of the job.

use std::fmt::Write as _;

use assent_schema::code::Severity;

use super::findings::Checked;
use super::place::place;
use crate::source::shown_path;

/// Writes one line for each finding.
pub(super) fn show<'t>(checked: &Checked, text: &dyn Fn(&str) -> Option<&'t str>) -> String {
    let mut out = String::new();
    for finding in &checked.findings {
        let row = finding.code.row();
        let level = match row.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let at = place(&finding.span, text(&finding.span.file));
        let message = message(&format!("{}\n{}", finding.for_people(), finding.help));
        // Writing to a `String` cannot fail.
        let _written = writeln!(
            out,
            "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{message}",
            property(&shown_path(at.file)),
            at.start.line,
            at.end.line,
            at.start.column,
            at.end.column,
            property(row.name),
        );
    }
    for what in checked.not_looked_at() {
        let _written = writeln!(out, "::warning title=not-looked-at::{}", message(&format!("Not looked at: {what}.")));
    }
    out
}

/// Escapes a message, so that it stays one line and begins no command of its own.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
