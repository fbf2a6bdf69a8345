//! How local commands reach the running agent: one question and one answer over a socket in the state folder.
//!
//! Who may open the socket owns the state folder. That is not who they are: whatever shows a client's data or changes
//! anything is signed by a person, over a challenge that is good once, and the answer follows from what that person may see
//! and do. References only.
//!
//! # Source
//! engine.md section 8. Promises P09 and P10.

pub mod alerts;
pub mod answer;
pub mod client;
pub mod form;
pub mod incidents;
pub mod ledger;
pub mod offline;
pub mod server;
pub mod standing;

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::{ConnectionFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId, GroupId, Name, OperationRef, PersonId, SlotId, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::status::{Hold, Status};
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

use crate::control::answer::RunState;
use crate::people::wire::{Challenge, Introduction, SignedCommand};
use crate::run::Reread;
use crate::store::{EffectDone, Entry, QueueItem, RunId, TriggerKind};

/// The largest question or answer, in bytes.
pub const MESSAGE_MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The most runs in one answer.
pub const RUNS_MOST: usize = 1_000;

/// What is written to the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Said {
    /// A question that anybody may ask who can open the socket.
    Question(Question),
    /// Somebody wants to show who they are.
    Introduction(Introduction),
    /// A question that somebody signed.
    Command(SignedCommand),
}

impl Said {
    /// The longest time that its answer may take.
    pub fn answer_time(&self) -> Duration {
        match self {
            Self::Question(question) => question.answer_time(),
            Self::Introduction(_) => SHORT,
            Self::Command(signed) => {
                serde_json::from_str(&signed.question).map_or(SHORT, |question: Question| question.answer_time())
            }
        }
    }
}

/// What a command wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// How the agent and its workflows stand.
    Status,
    /// What stands of the agent itself.
    Standing,
    /// Runs, newest first.
    Runs {
        /// Of this client only.
        client: Option<ClientId>,
        /// At most so many.
        most: usize,
    },
    /// One run with its journal.
    Run {
        /// Which.
        run: RunId,
    },
    /// What a run read is read again, live, and shown.
    Reread {
        /// Which.
        run: RunId,
        /// The reason, as a code or ticket id.
        why: Token,
    },
    /// The manual queue.
    Queue,
    /// Runs that ended are gone on with, runs under way are ended, work of the manual queue is done or handed on.
    Handle {
        /// What is done with them.
        verb: Verb,
        /// Which.
        chosen: Chosen,
        /// The reason, as a code or ticket id.
        why: Token,
        /// Whether it is done; else it is only told to which runs it would be.
        really: bool,
    },
    /// Plans go back to the ones before.
    RollBack {
        /// Of which workflow; of all when absent.
        place: Option<(ClientId, WorkflowId)>,
    },
    /// Something is stopped for a while: its triggers are kept, its runs wait.
    Hold {
        /// What.
        at: HoldAt,
        /// The reason, as a code or ticket id.
        why: Token,
        /// For how long, at most.
        lasts: Period,
    },
    /// What was stopped goes on.
    Resume {
        /// What.
        at: HoldAt,
    },
    /// On-call lets an agent go on that stopped for an older store or another instance.
    Recover {
        /// Canonical JSON of `schema::status::Recover`, as it was signed.
        statement: String,
        /// The armoured SSHSIGs over it under `recover@assent`.
        signatures: BTreeMap<PersonId, String>,
    },
    /// The repository is looked at now.
    Pull,
    /// Something about the ledger.
    Ledger(ledger::LedgerQuestion),
    /// The entries of one person's runs are made unreadable.
    Erase {
        /// Whose ledger.
        client: ClientId,
        /// What the person is known by in the client's systems: a value of class `reference`.
        reference: String,
        /// The id of the request.
        request: Token,
    },
    /// Nothing of a ledger may go.
    LegalHold {
        /// Whose; the agent's own when absent.
        client: Option<ClientId>,
        /// The matter, as a code or ticket id.
        why: Token,
    },
    /// It may again.
    LegalRelease {
        /// Whose; the agent's own when absent.
        client: Option<ClientId>,
    },
    /// The vault was changed: it is opened again.
    OpenVault,
    /// What a secret of a slot looks like.
    Form {
        /// The slot, as the vault names it.
        slot: String,
    },
    /// Whether the person may have a new secret of a slot tested; asked before one is put there.
    MayRotate {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// The secret that a person put beside the one that counts is tested and takes its place.
    Rotate {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// What a connection is, to ask somebody for consent.
    Connection {
        /// Whose.
        client: ClientId,
        /// Which.
        connection: ConnectionId,
    },
    /// Something about incidents.
    Incidents(incidents::IncidentQuestion),
    /// Something about alerts that are no incidents.
    Alerts(alerts::AlertQuestion),
}

impl Question {
    /// Whether an agent answers it that has stopped: nothing begins with it, and somebody's clock runs.
    pub fn starts_nothing(&self) -> bool {
        matches!(self, Self::Incidents(incidents::IncidentQuestion::Acknowledge { .. }))
    }
}

/// The longest time for an answer that reads little.
const SHORT: Duration = Duration::from_secs(30);
/// The longest time for one for which others are asked.
const ASKING: Duration = Duration::from_mins(10);
/// The longest time for one that reads a whole ledger.
const LONG: Duration = Duration::from_hours(1);

impl Question {
    /// The longest time that its answer may take.
    pub fn answer_time(&self) -> Duration {
        match self {
            Self::Ledger(_) | Self::Erase { .. } | Self::LegalHold { .. } | Self::LegalRelease { .. } => LONG,
            // APIs and receivers are asked, one after the other.
            Self::Reread { .. } | Self::Handle { .. } | Self::Rotate { .. } | Self::Incidents(_) => ASKING,
            Self::Status
            | Self::Runs { .. }
            | Self::Run { .. }
            | Self::Queue
            | Self::Standing
            | Self::RollBack { .. }
            | Self::Hold { .. }
            | Self::Resume { .. }
            | Self::Recover { .. }
            | Self::Pull
            | Self::OpenVault
            | Self::Form { .. }
            | Self::MayRotate { .. }
            | Self::Connection { .. }
            | Self::Alerts(_) => SHORT,
        }
    }
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// What the person signs, with the question.
    Challenge(Challenge),
    /// How the agent and its workflows stand.
    Status(Box<Status>),
    /// What stands of the agent itself, the worst first.
    Standing(Vec<standing::Trouble>),
    /// Runs, newest first.
    Runs(Vec<RunRow>),
    /// One run; nothing when there is no such run.
    Run(Option<Box<RunStory>>),
    /// What was read again.
    Reread(Vec<ReadAgain>),
    /// The manual queue, oldest first.
    Queue(Vec<QueueItem>),
    /// What went back, and what could not.
    RolledBack(Vec<RolledBack>),
    /// What is held from now on, or goes on.
    Hold(Hold),
    /// What became of each run, or would.
    Handled(Handling),
    /// What there is to say about the ledger.
    Ledger(ledger::LedgerAnswer),
    /// What there is to say about incidents.
    Incidents(incidents::IncidentAnswer),
    /// Alerts that stand, oldest first.
    Alerts(Vec<alerts::AlertLine>),
    /// What was made unreadable.
    Erased(ledger::Erased),
    /// The legal hold that stands from now on, or that ended.
    LegalHold(ledger::LegalHold),
    /// How a rotation stands.
    Rotation(RotationSaid),
    /// What a secret of a slot looks like; nothing where no release names the slot.
    Form(Option<form::Form>),
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

/// What a hold is about: a client, and what of it.
pub type HoldAt = (ClientId, HeldWhat);

/// What people do with runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// They go on at the step that failed.
    Retry,
    /// They go on behind it.
    Skip,
    /// They end at their next step boundary.
    Cancel,
    /// They begin anew with the plan that runs now.
    Rerun,
    /// Somebody did their work.
    Done,
    /// Another group is to do it.
    Reassign(GroupId),
}

impl Verb {
    /// The word in the ledger and in commands.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Rerun => "rerun",
            Self::Done => "done",
            Self::Reassign(_) => "reassign",
        }
    }
}

/// One run, or all that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// This one.
    One(RunId),
    /// Those that fit and that the verb is for.
    Many(Which),
}

/// Which runs; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Of this client.
    pub client: Option<ClientId>,
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// In this state.
    pub state: Option<RunState>,
    /// At this step.
    pub step: Option<Name>,
    /// Accepted at this moment or later.
    pub since: Option<Moment>,
}

impl Which {
    /// Whether a run is among them.
    pub fn fits(&self, run: &RunRow) -> bool {
        self.client.as_ref().is_none_or(|client| *client == run.client)
            && self.workflow.as_ref().is_none_or(|workflow| *workflow == run.workflow)
            && self.state.is_none_or(|state| state == run.state)
            && (self.step.is_none() || self.step == run.step)
            && self.since.is_none_or(|since| since <= run.accepted)
    }
}

/// What became of the runs that somebody handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handling {
    /// The verb.
    pub verb: String,
    /// Whether it was done.
    pub really: bool,
    /// The runs, oldest first.
    pub runs: Vec<HandledRun>,
    /// Whether there are more than one answer may hold.
    pub more: bool,
}

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandledRun {
    /// The run as lists show it.
    pub run: RunRow,
    /// Effects that it did, or of which nobody knows: none of them is repeated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<EffectDone>,
    /// The run that goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RunId>,
    /// Why nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRow {
    /// Which run.
    pub run: RunId,
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The plan with which it runs to its end.
    pub plan: Digest,
    /// Its number in the client's ledger.
    pub number: u64,
    /// What began it.
    pub trigger: TriggerKind,
    /// When it was accepted.
    pub accepted: Moment,
    /// When its last fact was written.
    pub last: Moment,
    /// How it stands, or how it ended.
    pub state: RunState,
    /// The step that it is at or ended at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// Why it ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// One run with its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStory {
    /// The run as lists show it.
    pub run: RunRow,
    /// Its facts in order.
    pub journal: Vec<Written>,
}

/// One fact of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// When it was written.
    pub at: Moment,
    /// The fact.
    pub entry: Entry,
}

/// What a rollback did to one workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// Whose workflow.
    pub client: ClientId,
    /// Which.
    pub workflow: WorkflowId,
    /// The plan that ran, and stays refused until a release readmits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// The plan that runs now; absent when nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Digest>,
    /// Why nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_ledgers_may_take_longer_than_other_answers() {
        let ledger = Question::Ledger(ledger::LedgerQuestion::Export { log: "acme".to_owned() });
        assert_eq!((Question::Status.answer_time(), ledger.answer_time()), (SHORT, LONG));
    }
}
