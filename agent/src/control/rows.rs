//! Runs as lists show them, one run as a story, and what a rollback did.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, Name, PersonId, WorkflowId};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use crate::store::{Ending, Entry, QueueItem, RunId, RunName, TriggerKind};

/// How a run stands, as lists show it and as one looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A step is under way.
    Running,
    /// A person is asked.
    Waiting,
    /// It waits for time or an event.
    Resting,
    /// It ended well.
    Done,
    /// A step failed for good.
    Failed,
    /// It was not allowed to go on.
    Stopped,
    /// What it needs is gone.
    ContentLost,
    /// Another took its place.
    Superseded,
}

impl RunState {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Waiting,
        Self::Resting,
        Self::Done,
        Self::Failed,
        Self::Stopped,
        Self::ContentLost,
        Self::Superseded,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Resting => "resting",
            Self::Done => Ending::Done.as_str(),
            Self::Failed => Ending::Failed.as_str(),
            Self::Stopped => Ending::Stopped.as_str(),
            Self::ContentLost => Ending::ContentLost.as_str(),
            Self::Superseded => Ending::Superseded.as_str(),
        }
    }

    /// Whether it has not ended.
    pub fn is_open(self) -> bool {
        match self {
            Self::Running | Self::Waiting | Self::Resting => true,
            Self::Done | Self::Failed | Self::Stopped | Self::ContentLost | Self::Superseded => false,
        }
    }

    /// How a run stands that ended like this.
    pub(super) fn of(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::Done,
            Ending::Stopped => Self::Stopped,
            Ending::Failed => Self::Failed,
            Ending::ContentLost => Self::ContentLost,
            Ending::Superseded => Self::Superseded,
        }
    }
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
    /// Which of the agent's ledgers of that name it is: one more after each recovery.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub life: u32,
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

impl RunRow {
    /// How people name it.
    pub fn name(&self) -> RunName {
        RunName::new(self.client.clone(), self.life, self.number)
    }
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(life: &u32) -> bool {
    *life == first()
}

/// An item of the manual queue in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueRow {
    /// How people name its run, while its journal is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RunName>,
    /// The item.
    pub item: QueueItem,
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
    /// What becomes of its events, where the two plans know them otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// Why nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn what_is_looked_for_is_spelled_as_lists_show_it_and_nothing_else_is_a_state() {
        assert_eq!(RunState::value_variants(), RunState::ALL);
        for state in RunState::ALL {
            assert_eq!(RunState::from_str(state.as_str(), false), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!(RunState::from_str("failled", false).is_err());
    }
}

/// A statement that was handed to the agent and that its release does not hold, as the files that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandedRow {
    /// Whose.
    pub client: ClientId,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// What it says: `approve`, `reject` or `withdraw`.
    pub decision: String,
    /// Its serial.
    pub serial: u64,
    /// The file.
    pub text: String,
    /// The signatures over it, by who made them.
    pub signatures: BTreeMap<PersonId, String>,
}
