//! What a run leaves behind: the facts of its journal, by which it resumes. Class `reference` or lower, all of it.
//!
//! Rows are JSON without spaces; members may be added, never renamed or given another meaning.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, GroupId, Name, OperationRef, PersonId, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::plan::Effect;
use assent_schema::release::Choice;
use serde::{Deserialize, Serialize};

use super::RunId;
use super::run_name::FIRST;
use crate::world::Wall;

pub use assent_schema::expr::{Fact, FactText};
pub use assent_schema::plan::Ending;
pub use words::{Aim, AskEnd, ItemEnd, TriggerKind};

/// A step of a run: inside an `each`, of one of its items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepAt {
    /// The step's id.
    pub step: Name,
    /// The item's key.
    pub item: Option<FactText>,
}

impl StepAt {
    /// A step, of an item inside an `each`.
    pub fn new(step: &Name, item: Option<&FactText>) -> Self {
        Self { step: step.clone(), item: item.cloned() }
    }
}

/// The step's id; inside an `each` followed by a slash, which no key holds, and the item's key.
impl fmt::Display for StepAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}/{}", self.step, item.as_str()),
            None => write!(f, "{}", self.step),
        }
    }
}

/// The first fact of every run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The plan with which it runs to its end.
    pub plan: Digest,
    /// The number of the run in the client's ledger, from 1. The store fills it in.
    #[serde(default)]
    pub number: u64,
    /// Which of the agent's ledgers of that name it is, from 1. The store fills it in.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub life: u32,
    /// What began it.
    pub trigger: TriggerKind,
    /// The delivery id, of `reference` shape; the scheduled instant; or the person who started it.
    pub event: String,
    /// The trigger's fields of class `reference`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Name, Fact>,
    /// The value of `one_at_a_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the trigger had fields above `reference`, which live in memory and in the sealed cache only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub content: bool,
    /// The run that a person let this one go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<RunId>,
    /// The digest of the calendar and the time zone by which its expressions are evaluated, to its end. Runs of older agents go by
    /// those of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Digest>,
}

/// The life of whatever was accepted before a first recovery.
fn first() -> u32 {
    FIRST
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(life: &u32) -> bool {
    *life == FIRST
}

/// A request is about to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The step.
    pub step: Name,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// Counted from 1 within the step.
    pub attempt: u32,
    /// The operation; `connection.ask` for an AI provider.
    pub operation: OperationRef,
    /// What it changes outside.
    pub effect: Effect,
    /// What it is made for.
    #[serde(default)]
    pub aim: Aim,
    /// The keyed hash of the request, under the run's own key: 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed: Option<Digest>,
    /// Until when the API remembers the idempotency key, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_until: Option<i64>,
    /// The run under whose idempotency key it went out, where that is an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_of: Option<RunId>,
    /// What the effect counts in sums of guardrails, by their names: this attempt and those before it together. Absent in
    /// journals of before it was kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<String, i64>,
    /// What a `confirm` asks with, by the parameter of the effect, where all of it are facts: what is asked is whether *this*
    /// happened, whatever would be sent later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<BTreeMap<Name, Fact>>,
    /// Whether the effect is only recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The step.
    pub step: Name,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// Which attempt.
    pub attempt: u32,
    /// `ok`, or a code from a closed list.
    pub code: String,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether nobody knows if the effect happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// The id by which the other side knows the request, of a failure whose answer named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    /// When the next attempt begins at the earliest, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<i64>,
    /// Answer fields of class `reference` that cannot be read again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<Name, Fact>,
}

/// A person is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Which run.
    pub run: RunId,
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The plan.
    pub plan: Digest,
    /// The step that asks; for a guardrail, the step whose effect is above it.
    pub step: Name,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// Whether the effect of the step is above a guardrail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guardrail: bool,
    /// The group that decides.
    pub by: GroupId,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// When the answer is no, in milliseconds since 1970.
    pub until: i64,
    /// Given with the question and signed with the answer.
    pub nonce: Digest,
    /// The hash of what was shown.
    pub shown: Digest,
    /// The keyed hash of each value that was shown, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keyed: BTreeMap<String, Digest>,
}

/// One fact of a run's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// The run exists.
    Accepted(Box<Accepted>),
    /// A `when` was evaluated.
    When {
        /// The step.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// Whether it runs.
        runs: bool,
    },
    /// A request is about to leave.
    Intent(Intent),
    /// No newer event of the run's key came while it waited for quiet.
    Quiet {},
    /// What came of it.
    Outcome(Outcome),
    /// An `ask` ended.
    Answered {
        /// The step.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// How.
        ended: AskEnd,
        /// The `one_of` fields.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        facts: BTreeMap<Name, Fact>,
    },
    /// A person is asked.
    Asked(Box<Waiting>),
    /// A person decided, or the time was over.
    Decided {
        /// The step that asked.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// Whether it was about a guardrail.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        guardrail: bool,
        /// What; a time that is over is a refusal.
        choice: Choice,
        /// Who; absent when the time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
        /// Paths that the person edited; the texts live in memory and in the sealed cache.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        edited: Vec<String>,
    },
    /// A failure after which the run goes on without the step.
    Passed {
        /// The step.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// The failure's code.
        code: String,
    },
    /// An `each` began with these items, and takes up no others.
    Walked {
        /// The step.
        step: Name,
        /// Their keys, in the order of the list.
        items: Vec<FactText>,
    },
    /// An item of an `each` ended.
    Item {
        /// The `each`.
        step: Name,
        /// The item's key.
        item: FactText,
        /// How.
        how: ItemEnd,
        /// Why it failed, a code; or the name that a `stop` gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// A `wait` began.
    Rests {
        /// The step.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// When it is over, in milliseconds since 1970.
        until: i64,
    },
    /// A `wait` is over.
    Woke {
        /// The step.
        step: Name,
        /// Inside an `each`, the item's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<FactText>,
        /// Whether the event came that it waited for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        arrived: bool,
        /// The fields of the event.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        facts: BTreeMap<Name, Fact>,
    },
    /// The run's only end.
    Ended {
        /// How.
        ending: Ending,
        /// The name that a `stop` gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Name>,
        /// The step at which it ended early.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<Name>,
        /// Why: a code from a closed list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

impl Entry {
    /// The step that it is about; an `each` for its items.
    pub fn step(&self) -> Option<&Name> {
        match self {
            Self::When { step, .. }
            | Self::Answered { step, .. }
            | Self::Decided { step, .. }
            | Self::Passed { step, .. }
            | Self::Walked { step, .. }
            | Self::Item { step, .. }
            | Self::Rests { step, .. }
            | Self::Woke { step, .. } => Some(step),
            Self::Intent(intent) => Some(&intent.step),
            Self::Outcome(outcome) => Some(&outcome.step),
            Self::Asked(waiting) => Some(&waiting.step),
            // A run ends at a step only when it fails there, which the end says by itself.
            Self::Accepted(_) | Self::Quiet {} | Self::Ended { .. } => None,
        }
    }

    /// The item of an `each` inside of which it happened.
    pub fn item(&self) -> Option<&FactText> {
        match self {
            Self::Intent(intent) => intent.item.as_ref(),
            Self::Outcome(outcome) => outcome.item.as_ref(),
            Self::Asked(waiting) => waiting.item.as_ref(),
            Self::When { item, .. }
            | Self::Answered { item, .. }
            | Self::Decided { item, .. }
            | Self::Passed { item, .. }
            | Self::Rests { item, .. }
            | Self::Woke { item, .. } => item.as_ref(),
            Self::Accepted(_) | Self::Quiet {} | Self::Walked { .. } | Self::Item { .. } | Self::Ended { .. } => None,
        }
    }
}

impl Waiting {
    /// The step that asks, of which item.
    pub fn at(&self) -> StepAt {
        StepAt::new(&self.step, self.item.as_ref())
    }
}

/// One row of a run's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// When it was written.
    pub at: Wall,
    /// The fact.
    pub entry: Entry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_of_before_counts_were_kept_is_read() {
        let old = r#"{"intent":{"step":"pay","attempt":1,"operation":"shop.pay","effect":"money","aim":"step"}}"#;
        let entry: Entry = serde_json::from_str(old).unwrap();
        let Entry::Intent(intent) = &entry else { panic!("{entry:?}") };
        assert!(intent.counted.is_empty() && intent.confirm.is_none());
        assert_eq!(serde_json::to_string(&entry).unwrap(), old, "what is not there is not written");
    }
}
