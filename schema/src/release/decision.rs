//! What a person signs who decides, and what shows who signed.

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::choice::Choice;
use crate::id::{AgentId, ClientId, PersonId};
use crate::passkey::Assertion;

/// A decision of a person, signed under `decision@assent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Always `decision`.
    #[serde(rename = "type")]
    pub kind: DecisionType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// The agent that asks.
    pub agent: AgentId,
    /// The random id of the run.
    pub run: String,
    /// The step that asks.
    pub step: crate::id::Name,
    /// The plan of the run.
    pub plan: Digest,
    /// The hash of what was shown.
    pub shown: Digest,
    /// Yes or no.
    pub choice: Choice,
    /// A nonce that the agent gave with the question: 64 hex digits.
    pub nonce: Digest,
    /// Who decides.
    pub person: PersonId,
    /// What the person wrote instead, if anything: SHA-256 over `"assent-edits/v1\0"`, the salt of what was shown, and the
    /// canonical JSON of the object from path to text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<Digest>,
}

/// The number of the format of decisions.
pub const DECISION_SCHEMA: u32 = 1;

/// What shows who signed something that an agent asked them to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Proof {
    /// An armoured SSHSIG.
    Ssh(String),
    /// What a passkey signed, with the SHA-256 of the signed bytes as its challenge.
    Passkey(Assertion),
}

impl From<String> for Proof {
    fn from(armour: String) -> Self {
        Self::Ssh(armour)
    }
}

crate::only!(DecisionType::Decision);
