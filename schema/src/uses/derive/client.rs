//! The uses of a client besides those of its workflows.

use super::people::group;
use super::{empty, sorted};
use crate::client::{ClientFacts, Guardrail};
use crate::uses::{DataUse, GuardrailUse, UseKind, terms};

/// The data uses of a client besides those of its workflows: its guardrails, how long it is content to be kept and left
/// alone, and what else of its file it signs for.
///
/// # Shape
/// As [`derive`].
pub fn derive_client(client: &ClientFacts) -> Vec<DataUse> {
    let mut uses: Vec<DataUse> = client
        .guardrails
        .iter()
        .map(|guardrail| DataUse {
            to: Some(group(&guardrail.by, "any", client)),
            operation: Some(guardrail.operation.clone()),
            guardrail: Some(guardrail.into()),
            ..empty(UseKind::Guardrail)
        })
        .collect();
    uses.push(DataUse {
        retention: Some(client.retention.to_string()),
        stale_limit: Some(client.stale_limit),
        terms: terms::of(client),
        ..empty(UseKind::Guardrail)
    });
    sorted(uses)
}

impl From<&Guardrail> for GuardrailUse {
    fn from(guardrail: &Guardrail) -> Self {
        Self {
            currency: guardrail.currency.clone(),
            per_call: guardrail.per_call,
            per_day: guardrail.per_day,
            per_day_count: guardrail.per_day_count,
            model_up_to: guardrail.model_up_to,
            per_customer_per_day_count: guardrail.per_customer.as_ref().and_then(|limit| limit.per_day_count),
            per_customer_per_day: guardrail.per_customer.as_ref().and_then(|limit| limit.per_day),
            per_workflow_per_day_count: guardrail.per_workflow.as_ref().and_then(|limit| limit.per_day_count),
            per_workflow_per_day: guardrail.per_workflow.as_ref().and_then(|limit| limit.per_day),
        }
    }
}
