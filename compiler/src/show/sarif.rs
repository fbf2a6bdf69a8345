//! Findings as SARIF, which forges show beside the code.
//!
//! # Source
//! OASIS SARIF 2.1.0: sections 3.20 (invocation), 3.27 (result), 3.49 (rule), 3.27.22 (related locations), 3.30 (region), 3.36 (code flow).

use assent_schema::code::{Code, Severity};
use assent_schema::finding::{Finding, Span};
use serde_json::{Value, json};

use super::findings::Checked;
use super::place::place;

/// Writes one SARIF log and a line end.
pub(super) fn show<'t>(checked: &Checked, text: &dyn Fn(&str) -> Option<&'t str>) -> String {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = checked.findings.iter().map(|finding| result(finding, text)).collect();
    let left_out = checked
        .not_looked_at()
        .into_iter()
        .map(|what| json!({ "level": "warning", "message": { "text": format!("Not looked at: {what}.") } }));
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "assent", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": { "text": "The root of the source repository." } } },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": left_out.collect::<Vec<Value>>(),
            }],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    let row = code.row();
    json!({
        "id": row.name,
        "shortDescription": { "text": row.what },
        "fullDescription": { "text": row.why },
        "help": { "text": row.help },
        "defaultConfiguration": { "level": level(row.severity) },
        "properties": { "tags": row.promises },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result<'t>(finding: &Finding, text: &dyn Fn(&str) -> Option<&'t str>) -> Value {
    let row = finding.code.row();
    let mut result = json!({
        "ruleId": row.name,
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": level(row.severity),
        "message": { "text": format!("{} {}", finding.message, finding.help) },
        "locations": [location(&finding.span, text)],
    });
    if let (false, Some(members)) = (finding.path.is_empty(), result.as_object_mut()) {
        let steps = finding.path.iter().map(|(span, what)| {
            let mut location = location(span, text);
            if let Some(members) = location.as_object_mut() {
                members.insert("message".into(), json!({ "text": what }));
            }
            json!({ "location": location })
        });
        let steps: Vec<Value> = steps.collect();
        let related: Vec<Value> = steps.iter().filter_map(|step| step.get("location").cloned()).collect();
        members.insert("relatedLocations".into(), Value::Array(related));
        members.insert("codeFlows".into(), json!([{ "threadFlows": [{ "locations": steps }] }]));
    }
    result
}

fn location<'t>(span: &Span, text: &dyn Fn(&str) -> Option<&'t str>) -> Value {
    let at = place(span, text(&span.file));
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&span.file), "uriBaseId": "SRCROOT" },
            "region": {
                "startLine": at.start.line,
                "startColumn": at.start.column,
                "endLine": at.end.line,
                "endColumn": at.end.column,
            },
        },
    })
}

/// A path as a relative URI.
///
/// # Source
/// RFC 3986 section 2.3: everything but unreserved characters and the slash is escaped.
fn uri(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
