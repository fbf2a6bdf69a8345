//! Findings as JSON.
//!
//! # Source
//! design.md section 5.

use std::collections::BTreeSet;

use assent_schema::hidden::walk;
use serde::Serialize;

use super::findings::Checked;
use super::place::place;

#[derive(Serialize)]
struct Report<'a> {
    findings: Vec<Row<'a>>,
    workflows: usize,
    /// Null for a work tree.
    commit: Option<String>,
    at: String,
    /// What was not looked at, whatever was found.
    not_looked_at: BTreeSet<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    code: &'static str,
    severity: assent_schema::code::Severity,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: &'a str,
    help: &'a str,
}

/// Writes one JSON object and a line end.
pub(super) fn show<'t>(checked: &Checked, text: &dyn Fn(&str) -> Option<&'t str>) -> String {
    let findings = checked.findings.iter().map(|finding| {
        let at = place(&finding.span, text(&finding.span.file));
        Row {
            code: finding.code.row().name,
            severity: finding.code.row().severity,
            file: at.file,
            line: at.start.line,
            column: at.start.column,
            end_line: at.end.line,
            end_column: at.end.column,
            message: &finding.message,
            help: &finding.help,
        }
    });
    let report = Report {
        findings: findings.collect(),
        workflows: checked.workflows,
        commit: checked.commit.map(|commit| commit.to_string()),
        at: checked.at.to_string(),
        not_looked_at: checked.not_looked_at(),
    };
    // Texts and numbers alone: there is nothing here that JSON could not hold.
    let mut json = visible(&serde_json::to_string_pretty(&report).unwrap_or_default());
    json.push('\n');
    json
}

/// The same JSON, in which nothing stands that a terminal would obey or nobody would see: paths are told as they are.
fn visible(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for met in walk(json) {
        if met.refused_in_files().is_some() {
            let units = &mut [0; 2];
            out.extend(met.c.encode_utf16(units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(met.c);
        }
    }
    out
}
