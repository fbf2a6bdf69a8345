//! What the agent says to a question.

use assent_schema::client::{ConnectionFacts, Endpoint};
use assent_schema::id::{Name, OperationRef};
use assent_schema::status::{Hold, Status};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::alerts::AlertLine;
use super::form::Form;
use super::handling::Handling;
use super::incidents::IncidentAnswer;
use super::ledger::{Erased, LedgerAnswer, LegalHold};
use super::rows::{HandedRow, QueueRow, RolledBack, RunRow, RunStory};
use super::standing::Trouble;
use crate::people::wire::Challenge;
use crate::run::Reread;

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// What the person signs, with the question.
    Challenge(Challenge),
    /// How the agent and its workflows stand.
    Status(Box<Status>),
    /// What stands of the agent itself, the worst first.
    Standing(Vec<Trouble>),
    /// Runs, newest first.
    Runs(Vec<RunRow>),
    /// One run; nothing when there is no such run.
    Run(Option<Box<RunStory>>),
    /// What was read again.
    Reread(Vec<ReadAgain>),
    /// Statements that clients handed over and no release holds.
    Statements(Vec<HandedRow>),
    /// The manual queue, oldest first.
    Queue(Vec<QueueRow>),
    /// What went back, and what could not.
    RolledBack(Vec<RolledBack>),
    /// What is held from now on, or goes on.
    Hold(Hold),
    /// What became of each run, or would.
    Handled(Handling),
    /// What there is to say about the ledger.
    Ledger(LedgerAnswer),
    /// What there is to say about incidents.
    Incidents(IncidentAnswer),
    /// Alerts that stand, oldest first.
    Alerts(Vec<AlertLine>),
    /// What was made unreadable.
    Erased(Erased),
    /// The legal hold that stands from now on, or that ended.
    LegalHold(LegalHold),
    /// How a rotation stands.
    Rotation(RotationSaid),
    /// What a secret of a slot looks like; nothing where no release names the slot.
    Form(Option<Form>),
    /// A connection, and where it leads.
    Connection(Box<(ConnectionFacts, Endpoint)>),
    /// It is done.
    Done,
    /// The agent says no.
    Refused {
        /// Why, as one sentence.
        what: String,
        /// What to do.
        help: String,
    },
}

/// What one step's read says now. What it says is content: it is shown to who asked, and stands in nothing else.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadAgain {
    /// The step.
    pub step: Name,
    /// What was called.
    pub operation: OperationRef,
    /// By field; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<serde_json::Map<String, serde_json::Value>>,
    /// Why not, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Says nothing of what was read.
impl std::fmt::Debug for ReadAgain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, operation, code, .. } = self;
        f.debug_struct("ReadAgain")
            .field("step", step)
            .field("operation", operation)
            .field("code", code)
            .finish_non_exhaustive()
    }
}

impl From<Reread> for ReadAgain {
    fn from(read: Reread) -> Self {
        let Reread { step, operation, found } = read;
        let values = found.as_ref().ok().and_then(|bytes| serde_json::from_slice(bytes.reveal()).ok());
        Self { step, operation, values, code: found.err() }
    }
}

/// How a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rotation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RotationSaid {
    /// The new secret counts.
    Done,
    /// The new secret counts and so does the one before: a webhook's.
    Both,
    /// The API does not take the new secret: the old one counts.
    Refused {
        /// Why, from a closed list.
        code: String,
    },
    /// The API could not be asked: the old one counts until it could.
    Waits {
        /// When it is asked again.
        until: Moment,
        /// Why, from a closed list.
        code: String,
    },
}
