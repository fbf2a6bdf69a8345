//! JSON Schema by somebody else's hand: Python's `jsonschema`, where it is installed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What is wrong with each value by the schema that it names; nothing where the validator is not installed, which is said.
pub(crate) fn validate(schemas: &BTreeMap<String, Value>, values: &[(String, Value)]) -> Option<Vec<Option<String>>> {
    #[expect(clippy::disallowed_methods, reason = "this test asks another program")]
    let begun = Command::new("python3")
        .args(["-c", include_str!("validate.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = begun else { return skipped("python3 is not installed") };
    let given = serde_json::to_vec(&json!({ "schemas": schemas, "values": values })).expect("JSON");
    // A program that cannot begin closes its end; what it said tells why.
    drop(child.stdin.take().expect("a pipe").write_all(&given));
    let ended = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&ended.stderr);
    if said.contains("No module named 'jsonschema'") {
        return skipped("the Python package jsonschema is not installed");
    }
    assert!(ended.status.success(), "{said}");
    Some(serde_json::from_slice(&ended.stdout).expect("verdicts"))
}

fn skipped<T>(why: &str) -> Option<T> {
    writeln!(std::io::stderr(), "skipped: {why}, so no schema is held to it").expect("an open standard error");
    None
}
