//! What whoever decides keeps: by it they can show later what they were shown. The agent keeps none of it.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::release::{Choice, Proof};
use serde::{Deserialize, Serialize};

use super::wire::{Shown, SignedDecision};

/// The number of this format.
const SCHEMA: u32 = 1;

/// A decider's receipt. Holds content, so it has no `Debug`.
///
/// # Source
/// formats.md section 3, "Receipt".
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Always `receipt`.
    #[serde(rename = "type")]
    pub kind: ReceiptType,
    /// The number of this format.
    pub schema: u32,
    /// What was said.
    pub choice: Choice,
    /// The decision as it was signed; absent where a sign-in was enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// What shows who signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Proof>,
    /// The salt of the hashes of what was shown and edited.
    pub salt: Digest,
    /// What was shown, by path.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// What was written instead, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, String>,
}

assent_schema::only!(ReceiptType::Receipt);

impl Receipt {
    /// The receipt of an answer, with what was signed where something was.
    pub fn of(
        shown: &Shown,
        choice: Choice,
        edits: &BTreeMap<String, String>,
        signed: Option<&SignedDecision>,
    ) -> Self {
        Self {
            kind: ReceiptType::Receipt,
            schema: SCHEMA,
            choice,
            decision: signed.map(|signed| signed.decision.clone()),
            signature: signed.map(|signed| signed.signature.clone()),
            salt: shown.salt,
            values: shown.values.clone(),
            edits: edits.clone(),
        }
    }
}
