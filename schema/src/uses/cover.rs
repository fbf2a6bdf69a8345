//! Whether approved uses cover derived ones.
//!
//! # Source
//! language.md section 6: covered only by **one** approved use that equals it, except that fields, classes, scopes,
//! guardrail, bits, retention and the agreement's end may be wider in the approved one; parts of two never add up.

use std::collections::BTreeMap;

use super::{AgreementUse, DataUse, GuardrailUse, Party};
use crate::id::WorkflowId;
use crate::time::Period;

/// The derived uses that no one approved use covers, in their order.
///
/// # Shape
/// A use is compared only with those of its own workflow, so that the time grows with the list and not with its square.
pub fn uncovered<'d>(derived: impl IntoIterator<Item = &'d DataUse>, approved: &[DataUse]) -> Vec<&'d DataUse> {
    let mut by_workflow: BTreeMap<Option<&WorkflowId>, Vec<&DataUse>> = BTreeMap::new();
    for given in approved {
        by_workflow.entry(given.workflow.as_ref()).or_default().push(given);
    }
    let is_covered = |needed: &DataUse| {
        let own = by_workflow.get(&needed.workflow.as_ref());
        own.is_some_and(|own| own.iter().any(|given| covers(given, needed)))
    };
    derived.into_iter().filter(|needed| !is_covered(needed)).collect()
}

/// Whether one approved use covers a derived one.
pub fn covers(approved: &DataUse, derived: &DataUse) -> bool {
    // Every member is named here, so that a new one cannot be forgotten.
    let DataUse {
        kind,
        workflow,
        purpose,
        from,
        to,
        operation,
        effect,
        unattended,
        fields,
        scopes,
        guardrail,
        provider,
        agreement,
        retention,
        stale_limit,
        bits,
        releases,
    } = derived;
    let same = *kind == approved.kind
        && *workflow == approved.workflow
        && *purpose == approved.purpose
        && *from == approved.from
        && *to == approved.to
        && *operation == approved.operation
        && *effect == approved.effect
        && *provider == approved.provider
        && *unattended <= approved.unattended;
    let known = [from, to].into_iter().flatten().all(has_host);
    let fields = || fields.iter().all(|(path, class)| approved.fields.get(path).is_some_and(|most| class <= most));
    let scopes = || scopes.iter().flatten().all(|scope| approved.scopes.iter().flatten().any(|s| s == scope));
    let releases = || releases.iter().all(|release| approved.releases.contains(release));
    same && known
        && fields()
        && scopes()
        && guardrail_covers(approved.guardrail.as_ref(), guardrail.as_ref())
        && agreement_covers(approved.agreement.as_ref(), agreement.as_ref())
        && retention_covers(approved.retention.as_deref(), retention.as_deref())
        && stale_limit.unwrap_or_default() <= approved.stale_limit.unwrap_or_default()
        && bits.unwrap_or(0) <= approved.bits.unwrap_or(0)
        && releases()
}

fn has_host(party: &Party) -> bool {
    match party {
        Party::Connection(connection) => !connection.host.is_empty(),
        Party::Agent(_) | Party::Group(_) | Party::Folder(_) => true,
    }
}

/// No limit is wider than any; a limit is wider than a smaller one of the same currency.
fn guardrail_covers(approved: Option<&GuardrailUse>, derived: Option<&GuardrailUse>) -> bool {
    let (approved, derived) = match (approved, derived) {
        // That a model may decide is never meant by saying nothing.
        (None, derived) => return derived.is_none_or(|derived| derived.model_up_to.is_none()),
        (Some(_), None) => return false,
        (Some(approved), Some(derived)) => (approved, derived),
    };
    let amount = |most: Option<i64>, limit: Option<i64>| within(most, limit);
    approved.currency == derived.currency
        && derived.model_up_to <= approved.model_up_to
        && amount(approved.per_call, derived.per_call)
        && amount(approved.per_day, derived.per_day)
        && within(approved.per_day_count, derived.per_day_count)
        && within(approved.per_customer_per_day_count, derived.per_customer_per_day_count)
}

/// Whether a limit is at most another; an absent one is above all.
fn within<T: PartialOrd>(most: Option<T>, limit: Option<T>) -> bool {
    match (most, limit) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(most), Some(limit)) => limit <= most,
    }
}

fn agreement_covers(approved: Option<&AgreementUse>, derived: Option<&AgreementUse>) -> bool {
    match (approved, derived) {
        (None, None) => true,
        (Some(approved), Some(derived)) => {
            approved.name == derived.name
                && approved.forbids_training == derived.forbids_training
                && derived.until <= approved.until
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// How long data stays, from the least: not at all, for the run, for a period.
#[derive(PartialEq, PartialOrd)]
enum Stays {
    Not,
    Run,
    For(Period),
}

fn stays(retention: &str) -> Option<Stays> {
    match retention {
        "none" => Some(Stays::Not),
        "run" => Some(Stays::Run),
        period => period.parse().ok().map(Stays::For),
    }
}

/// What cannot be read covers nothing.
fn retention_covers(approved: Option<&str>, derived: Option<&str>) -> bool {
    match (approved, derived) {
        (None, None) => true,
        (Some(approved), Some(derived)) => match (stays(approved), stays(derived)) {
            (Some(most), Some(stay)) => stay <= most,
            _ => false,
        },
        (None, Some(_)) | (Some(_), None) => false,
    }
}
