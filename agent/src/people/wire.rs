//! What people and the agent say to each other: bodies of `/v1/*`. The command line and the console's pages speak it.
//!
//! Everything that is signed is canonical JSON and goes as text, so that the signed bytes are the bytes that were sent.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::choice::QuestionEnd;
use assent_schema::expr::FactText;
use assent_schema::id::{AgentId, ClientId, GroupId, Name, PersonId, WorkflowId};
use assent_schema::release::{Choice, DECISION_SCHEMA, Decision, DecisionType, Proof};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use crate::store::{RunId, RunName, RunRef};

/// `POST /statements`: a statement of a client with its signatures, exactly as they lie in a source repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// The file that was signed.
    pub statement: String,
    /// The armoured signatures, by who made them.
    pub signatures: BTreeMap<PersonId, String>,
}

/// `POST /poke`: somebody who signs releases asks the agent to look for one now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poked {
    /// Canonical JSON of `schema::status::Poke`, as it was signed.
    pub poke: String,
    /// The armoured signatures, by who made them.
    pub signatures: BTreeMap<PersonId, String>,
}

/// The answer to a statement that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Its SHA-256, as ledger and releases name it.
    pub statement: Digest,
    /// Whether it was here before, with all of these signatures.
    pub known: bool,
}

/// `POST /v1/challenge`: who wants to show who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// At which client; absent for the agency's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Who.
    pub person: PersonId,
}

/// The answer to an introduction; its bytes, as they come, are signed under `console@assent`. Good for one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Always `console`.
    #[serde(rename = "type")]
    pub kind: ChallengeType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// At which client; absent for the agency's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The agent that gave it; who signs compares it with the agent that was asked.
    pub agent: AgentId,
    /// Who signs.
    pub person: PersonId,
    /// Given by the agent, good once.
    pub nonce: Digest,
    /// Until when it is good.
    pub until: Moment,
}

assent_schema::only!(ChallengeType::Console);

/// What somebody asks of the agent by a command on its host; canonical JSON of it is signed under `console@assent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Always `command`.
    #[serde(rename = "type")]
    pub kind: CommandType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The agent that is asked.
    pub agent: AgentId,
    /// Who asks.
    pub person: PersonId,
    /// Of the agent's challenge; good once.
    pub nonce: Digest,
    /// The digest of the question: [`Command::digest`].
    pub question: Digest,
}

impl Command {
    /// The digest of a question's bytes.
    pub fn digest(question: &str) -> Digest {
        Digest::tagged("assent-command/v1", question.as_bytes())
    }
}

assent_schema::only!(CommandType::Command);

/// A question with the command that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCommand {
    /// The question's bytes.
    pub question: String,
    /// The canonical JSON of [`Command`].
    pub command: String,
    /// The armoured SSHSIG over it under `console@assent`.
    pub signature: String,
}

/// `POST /v1/decisions`: a signed challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedIn {
    /// The challenge's bytes as they came.
    pub challenge: String,
    /// What shows who signed them: an armoured SSHSIG under `console@assent`, or what a passkey signed.
    pub signature: Proof,
    /// The run of which is asked, too, what became of its questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
}

/// The answer to a signed challenge: what waits for this person.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingForMe {
    /// Oldest first.
    pub decisions: Vec<Shown>,
    /// What became of the questions of the run that was asked about, as far as they were this person's to answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<NoLonger>,
}

/// A question that nobody asks any more. Facts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoLonger {
    /// The run.
    pub run: RunId,
    /// How people name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RunName>,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The step that asked.
    pub step: Name,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// How it ended; absent where the run ended before anybody decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<QuestionEnd>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// When.
    pub at: Moment,
}

impl NoLonger {
    /// What became of it, as the rest of a sentence.
    pub fn became(&self) -> String {
        let at = self.at;
        match (self.end, &self.by) {
            (Some(QuestionEnd::Decided(choice)), Some(by)) => format!("{by} said {} at {at}", choice.said()),
            (Some(QuestionEnd::Decided(choice)), None) => format!("somebody said {} at {at}", choice.said()),
            (Some(QuestionEnd::Late), _) => format!("nobody answered in time, which meant no at {at}"),
            (None, _) => format!("its run ended at {at} before anybody answered"),
        }
    }
}

/// One question, with everything that a decision must name. Holds content, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// The agent that asks.
    pub agent: AgentId,
    /// The run.
    pub run: RunId,
    /// How people name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RunName>,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The step that asks.
    pub step: Name,
    /// Inside an `each`, the item's key: a step asks about each item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// The plan of the run.
    pub plan: Digest,
    /// Whether an effect is above a guardrail.
    pub guardrail: bool,
    /// The group that decides.
    pub by: GroupId,
    /// When the answer is no.
    pub until: Moment,
    /// Whether only a signature decides here.
    pub signature: bool,
    /// What is shown, by path. Canonical JSON of it is what `shown` is the hash of.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Paths whose text may be changed.
    pub edit: BTreeSet<String>,
    /// The steps whose effects are done already, as where a run goes on with another: a yes does them no second time.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub done: BTreeSet<Name>,
    /// The salt of `shown`: 64 hex digits. Whoever keeps it can later prove what was shown.
    pub salt: Digest,
    /// The hash of what is shown; compute it again before signing.
    pub shown: Digest,
    /// Given with the question.
    pub nonce: Digest,
}

impl Shown {
    /// What somebody signs who answers: all that the question is about, and the hash of the texts that they changed.
    pub fn decision(&self, person: &PersonId, choice: Choice, edits: Option<Digest>) -> Decision {
        Decision {
            kind: DecisionType::Decision,
            schema: DECISION_SCHEMA,
            project: self.project,
            client: self.client.clone(),
            approvers: self.approvers,
            agent: self.agent.clone(),
            run: self.run.to_string(),
            step: self.step.clone(),
            plan: self.plan,
            shown: self.shown,
            choice,
            nonce: self.nonce,
            person: person.clone(),
            edits,
        }
    }
}

/// `POST /v1/decide`: a signed decision.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDecision {
    /// Canonical JSON of `schema::release::Decision`, as it was signed.
    pub decision: String,
    /// What shows who signed it: an armoured SSHSIG under `decision@assent`, or what a passkey signed.
    pub signature: Proof,
    /// What the person wrote instead, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, String>,
}

/// `POST /v1/start/<client>/<workflow>`: a signed start.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStart {
    /// Canonical JSON of [`Start`], as it was signed.
    pub start: String,
    /// The armoured SSHSIG over it under `console@assent`.
    pub signature: String,
}

/// A person starts a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Always `start`.
    #[serde(rename = "type")]
    pub kind: StartType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose workflow.
    pub client: ClientId,
    /// The agent that runs it.
    pub agent: AgentId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// What the person gives: the trigger's fields, facts all of them. An object.
    pub fields: serde_json::Value,
    /// The nonce of a challenge that this person was given.
    pub nonce: Digest,
    /// Who starts it.
    pub person: PersonId,
}

assent_schema::only!(StartType::Start);
