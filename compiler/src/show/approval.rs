//! An approval file as a client reads and signs it: TOML, written by hand so that its bytes never depend on a library.
//!
//! # Source
//! formats.md section 3.

use std::fmt::Write as _;

use assent_schema::canon::{self, CanonError, Digest};
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use assent_schema::uses::DataUse;
use serde_json::Value;

/// What stands above the data uses of an approval.
#[derive(Clone, Debug)]
pub struct Head {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// Its number.
    pub serial: u64,
    /// When it is given.
    pub given: Moment,
    /// When it ends.
    pub expires: Moment,
}

/// The keys of a data use in the order in which people read them. Those that are absent are left out.
const KEYS: [&str; 16] = [
    "kind",
    "workflow",
    "purpose",
    "from",
    "to",
    "operation",
    "effect",
    "fields",
    "scopes",
    "guardrail",
    "provider",
    "agreement",
    "retention",
    "stale_limit",
    "bits",
    "releases",
];

/// Writes the file that approves these data uses.
///
/// # Shape
/// One `[[use]]` each, sorted by canonical JSON, each once.
///
/// # Errors
/// When a data use holds an integer beyond 2^53 − 1.
pub fn approval(head: &Head, uses: &[DataUse]) -> Result<String, CanonError> {
    let mut sorted = uses.iter().map(|one| Ok((canon::to_bytes(one)?, one))).collect::<Result<Vec<_>, _>>()?;
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    sorted.dedup_by(|a, b| a.0 == b.0);
    let mut out = format!(
        "type = \"approval\"\nschema = 1\nproject = \"{}\"\nclient = \"{}\"\napprovers = \"{}\"\nserial = {}\ndecision = \
         \"approve\"\ngiven = \"{}\"\nexpires = \"{}\"\n",
        head.project, head.client, head.approvers, head.serial, head.given, head.expires
    );
    for (bytes, _) in sorted {
        let members = canon::parse(&bytes)?;
        out.push_str("\n[[use]]\n");
        for key in KEYS {
            if let Some(member) = members.get(key) {
                writeln!(out, "{key} = {}", inline(member)).unwrap_or_default();
            }
        }
    }
    Ok(out)
}

/// A JSON value as an inline TOML value. JSON's strings are TOML's basic strings but for DEL.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let one = |(key, member): (&String, &Value)| format!("{} = {}", name(key), inline(member));
            format!("{{ {} }}", members.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}

fn name(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::class::Class;
    use assent_schema::uses::UseKind;

    #[test]
    fn what_is_written_reads_back_as_the_same_data_use() {
        let text = r#"{"kind":"ask","workflow":"refund","fields":{"ticket.body":"content"},"scopes":[],"bits":8,
            "agreement":{"name":"dpa \"1\"","forbids_training":true,"until":"2027-01-01T00:00:00Z"}}"#;
        let data_use: DataUse = serde_json::from_str(text).expect("a data use");
        assert_eq!((data_use.kind, data_use.fields.get("ticket.body")), (UseKind::Ask, Some(&Class::Content)));
        let head = Head {
            project: Digest::of_file(b"root"),
            client: ClientId::new("acme").expect("an id"),
            approvers: Digest::of_file(b"approvers"),
            serial: 7,
            given: "2026-03-02T09:00:00Z".parse().expect("a moment"),
            expires: "2027-03-01T00:00:00Z".parse().expect("a moment"),
        };
        let written = approval(&head, &[data_use.clone(), data_use.clone()]).expect("small integers");
        let read: toml::Table = written.parse().expect("TOML");
        let uses = read.get("use").and_then(|uses| uses.as_array()).expect("uses");
        assert_eq!(uses.len(), 1);
        let back: DataUse = uses.first().cloned().expect("one").try_into().expect("a data use");
        assert_eq!(back, data_use);
    }
}
