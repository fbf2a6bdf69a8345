//! Whether a plan may run: data uses derived again and compared with what the client approved, agreements, revocations.
//!
//! Asked when a release comes, for plans of older releases that might come back, and before each step of a run.
//!
//! # Source
//! trust.md section 3: a run keeps the plan it began with, never the permission. Promises P24, P25.

use std::collections::BTreeSet;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::flow;
use assent_schema::guard;
use assent_schema::plan::{Operation, Plan};
use assent_schema::time::Moment;
use assent_schema::trust::{KnownStatements, Root};
use assent_schema::uses::{self, DataUse};

use super::refusal::{Off, OffCode};
use crate::kept::KeptPlan;

/// The data uses of a plan and of its client as a whole, derived here, whatever anybody said of them.
///
/// # Errors
/// [`OffCode::PlanUnsound`] when the plan's flows cannot be followed, or it does what the compiler would have refused.
pub fn uses_of(plan: &Plan, facts: &ClientFacts) -> Result<Vec<DataUse>, Off> {
    uses_beside(plan, facts, &uses::derive_client(facts))
}

/// The same, with the uses of the client as a whole, which are those of each of its plans.
///
/// # Errors
/// As [`uses_of`].
pub(super) fn uses_beside(plan: &Plan, facts: &ClientFacts, of_client: &[DataUse]) -> Result<Vec<DataUse>, Off> {
    let unsound = |detail: String| Off { code: OffCode::PlanUnsound, detail };
    let flows = flow::analyse(plan).map_err(|errors| unsound(format!("{} errors", errors.len())))?;
    if let Some(breach) = guard::breaches(plan, &flows, facts).first() {
        let step = breach.site.step.as_ref().map(|step| format!(" at `{step}`"));
        return Err(unsound(format!("{}{}", breach.code, step.unwrap_or_default())));
    }
    let wrong = |operation: &Operation| !guard::wrong_amounts(operation.effect, &operation.params).is_empty();
    if let Some((name, _)) = plan.operations.iter().find(|(_, operation)| wrong(operation)) {
        return Err(unsound(format!("the amount of {name}")));
    }
    let mut uses = uses::derive(plan, facts, &flows);
    uses.extend_from_slice(of_client);
    Ok(uses)
}

/// Everything that forbids a plan to run at an instant; nothing when it may.
///
/// `uses` are those of [`uses_of`]; they do not change while plan and facts stay the same.
pub fn forbidden(
    plan: &KeptPlan,
    uses: &[DataUse],
    facts: &ClientFacts,
    statements: &KnownStatements,
    root: &Root,
    at: Moment,
) -> BTreeSet<Off> {
    let mut found = BTreeSet::new();
    if root.revoked_plans.contains(&plan.digest) {
        found.insert(Off { code: OffCode::PlanRevoked, detail: plan.digest.to_string() });
    }
    for used in uses::uncovered(uses, statements.approved_for(&plan.workflow, at).iter().map(|used| &**used)) {
        let detail = used.digest().map_or_else(|e| e.to_string(), |digest| digest.to_string());
        found.insert(Off { code: OffCode::Uncovered, detail });
    }
    found.extend(lapsed_agreements(plan, facts, at));
    found
}

/// The providers that the plan asks and whose agreement does not hold.
fn lapsed_agreements(plan: &KeptPlan, facts: &ClientFacts, at: Moment) -> BTreeSet<Off> {
    let holds = |connection: &&_| match facts.connections.get(*connection).map(|facts| &facts.to) {
        Some(ConnectionTo::Provider { agreement, .. }) => agreement.holds(at),
        _ => false,
    };
    plan.asks
        .iter()
        .filter(|connection| !holds(connection))
        .map(|connection| Off { code: OffCode::AgreementLapsed, detail: connection.to_string() })
        .collect()
}
