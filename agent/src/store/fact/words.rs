//! The words of the journal: small closed lists, each with its name in rows and output.

use serde::{Deserialize, Serialize};

/// How an item of an `each` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemEnd {
    /// Its steps are behind it, or a `stop` ended it.
    Done,
    /// A step of it failed for good.
    Failed,
    /// The list no longer held it when the run went on.
    Gone,
}

impl ItemEnd {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

/// What began a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TriggerKind {
    /// A signed event.
    Webhook,
    /// An item of a list that is read again and again.
    Poll,
    /// An event that was found in a list and never delivered.
    Reconcile,
    /// A file in a folder.
    Inbox,
    /// A crontab line.
    Schedule,
    /// A person.
    Manual,
}

impl TriggerKind {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Reconcile => "reconcile",
            Self::Inbox => "inbox",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        }
    }
}

/// How an `ask` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskEnd {
    /// With an answer that fits.
    Answered,
    /// The model refused.
    Refused,
    /// No try gave an answer that fits.
    Invalid,
    /// Tokens or spend were used up.
    OutOfBudget,
}

impl AskEnd {
    /// The word that expressions see in `<step>.ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::OutOfBudget => "out_of_budget",
        }
    }
}

/// What a request is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aim {
    /// For the step itself.
    #[default]
    Step,
    /// To learn whether an effect in doubt happened.
    Confirm,
    /// To learn whether a job is over.
    Job,
}
