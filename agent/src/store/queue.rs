//! The manual queue as it is kept: what people must finish.

use assent_schema::id::{ClientId, GroupId, Name, OperationRef, WorkflowId};
use serde::{Deserialize, Serialize};

use crate::store::fact::FactText;
use crate::store::run_id::RunId;

/// Work that automation could not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueItem {
    /// The run that could not finish.
    pub run: RunId,
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// Whose queue.
    pub queue: GroupId,
    /// Why: a code from a closed list.
    pub why: String,
    /// The step at which it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// The link that people open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// The delivery id of the event.
    pub event: String,
    /// What was already done, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<EffectDone>,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

/// An effect that a run did or may have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectDone {
    /// The step.
    pub step: Name,
    /// Inside an `each`, the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<FactText>,
    /// Its operation.
    pub operation: OperationRef,
    /// Whether nobody knows if it happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
}
