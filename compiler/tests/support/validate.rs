//! JSON Schema by somebody else's hand: Python's `jsonschema`, where it is installed.

#[path = "../../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
pub(crate) mod skipped;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What is wrong with each value by the schema that it names; nothing where the validator is not installed, which is said.
pub(crate) fn validate(schemas: &BTreeMap<String, Value>, values: &[(String, Value)]) -> Option<Vec<Option<String>>> {
    // Debian's package is Debian's Python's, which is not always the first on the path.
    let Some(python) = ["/usr/bin/python3", "python3"].into_iter().find(|python| has_jsonschema(python)) else {
        return without("the Python package jsonschema is not installed");
    };
    #[expect(clippy::disallowed_methods, reason = "this test asks another program")]
    let begun = Command::new(python)
        .args(["-c", include_str!("validate.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = begun else { return without("python3 is not installed") };
    let given = serde_json::to_vec(&json!({ "schemas": schemas, "values": values })).expect("JSON");
    // A program that cannot begin closes its end; what it said tells why.
    drop(child.stdin.take().expect("a pipe").write_all(&given));
    let ended = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    Some(serde_json::from_slice(&ended.stdout).expect("verdicts"))
}

#[expect(clippy::disallowed_methods, reason = "this test asks another program")]
fn has_jsonschema(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import jsonschema"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn without<T>(why: &str) -> Option<T> {
    skipped::skipped(&format!("{why}, so no schema is held to it"));
    None
}
