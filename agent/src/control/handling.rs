//! What on-call does with runs: what, with which, and what became of each.

use assent_schema::id::{ClientId, GroupId, Name, WorkflowId};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::rows::{RunRow, RunState};
use crate::store::{EffectDone, RunId, RunRef};

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
    /// Which it is, whoever it names.
    pub fn kind(&self) -> VerbKind {
        match self {
            Self::Retry => VerbKind::Retry,
            Self::Skip => VerbKind::Skip,
            Self::Cancel => VerbKind::Cancel,
            Self::Rerun => VerbKind::Rerun,
            Self::Done => VerbKind::Done,
            Self::Reassign(_) => VerbKind::Reassign,
        }
    }
}

/// A [`Verb`] without whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerbKind {
    /// [`Verb::Retry`].
    Retry,
    /// [`Verb::Skip`].
    Skip,
    /// [`Verb::Cancel`].
    Cancel,
    /// [`Verb::Rerun`].
    Rerun,
    /// [`Verb::Done`].
    Done,
    /// [`Verb::Reassign`].
    Reassign,
}

impl VerbKind {
    /// The word in commands and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Rerun => "rerun",
            Self::Done => "done",
            Self::Reassign => "reassign",
        }
    }
}

/// Whether something is done. In questions and answers it is whether it is `really` done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Mode {
    /// It is only told what would be done.
    Count,
    /// It is done.
    Do,
}

impl From<bool> for Mode {
    fn from(really: bool) -> Self {
        if really { Self::Do } else { Self::Count }
    }
}

impl From<Mode> for bool {
    fn from(mode: Mode) -> Self {
        mode == Mode::Do
    }
}

/// One run, or all that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// This one.
    One(RunRef),
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
    /// What people do with them.
    pub verb: VerbKind,
    /// Whether it was done.
    #[serde(rename = "really")]
    pub mode: Mode,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_one_word_everywhere() {
        use VerbKind::{Cancel, Done, Reassign, Rerun, Retry, Skip};
        for kind in [Retry, Skip, Cancel, Rerun, Done, Reassign] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
