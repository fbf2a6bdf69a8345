//! What bounds an operation of a client, whatever a workflow says.

use serde::{Deserialize, Serialize};

use crate::id::{GroupId, Name};

/// A limit on an operation; signed by the client as a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The connection and operation that it bounds.
    pub operation: crate::id::OperationRef,
    /// ISO 4217; absent when only calls are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The largest amount of one call, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_call: Option<i64>,
    /// The largest sum of one day of the client's zone, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls of one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
    /// Up to this amount of one call, in minor units, a model may decide; absent: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_up_to: Option<i64>,
    /// The parameter that names the customer, and the most a day for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_customer: Option<PerCustomer>,
    /// The most a day for one workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_workflow: Option<PerWorkflow>,
    /// The group that is asked above a limit.
    pub by: GroupId,
}

/// A limit for one customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerCustomer {
    /// The parameter that names the customer.
    pub param: Name,
    /// The largest sum of a day, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
}

/// A limit for one workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerWorkflow {
    /// The largest sum of a day, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
}
