//! Whether approved uses cover derived ones.
//!
//! # Source
//! language.md section 6: covered only by **one** approved use that equals it, except that fields, classes, scopes,
//! guardrail, bits, retention and the agreement's end may be wider in the approved one; parts of two never add up. So may
//! who decides (more people, more keys) and what goes into which parameter (more fields and constants); what operations ask for and how
//! events are known may be more, and each is equal. What else holds for the
//! client is equal, so that nothing of it goes either.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::{AgreementUse, DataUse, GuardrailUse, Party, RequestUse, UseKind};
use crate::class::Class;
use crate::expr::pseudonym_of;
use crate::id::{OperationRef, ProviderId, WorkflowId};
use crate::plan::Effect;
use crate::time::Period;

/// Approved uses, kept so that whether one of them covers a derived use is looked up and not searched for.
///
/// # Shape
/// Sorted by what must be equal; those that are may be wider or narrower in the rest.
#[derive(Clone, Debug)]
pub struct Coverage<U>(Vec<U>);

impl<U> Default for Coverage<U> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<U: Borrow<DataUse>> Coverage<U> {
    /// What these uses cover, each by itself.
    pub fn new(approved: impl IntoIterator<Item = U>) -> Self {
        let mut approved: Vec<U> = approved.into_iter().collect();
        approved.sort_by(|a, b| fixed(a.borrow()).cmp(&fixed(b.borrow())));
        Self(approved)
    }

    /// Whether one of the uses covers a derived one.
    pub fn covers(&self, derived: &DataUse) -> bool {
        let wanted = fixed(derived);
        let first = self.0.partition_point(|given| fixed(given.borrow()) < wanted);
        let equal = self.0.iter().skip(first).take_while(|given| fixed((*given).borrow()) == wanted);
        equal.into_iter().any(|given| is_wider(given.borrow(), derived))
    }

    /// Whether nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What must be equal in both, in an order that tells most uses apart early.
type Fixed<'a> = (
    Option<&'a WorkflowId>,
    UseKind,
    Option<&'a OperationRef>,
    Option<&'a Party>,
    Option<&'a Party>,
    Option<&'a str>,
    Option<Effect>,
    Option<&'a ProviderId>,
);

fn fixed(one: &DataUse) -> Fixed<'_> {
    (
        one.workflow.as_ref(),
        one.kind,
        one.operation.as_ref(),
        one.from.as_ref(),
        one.to.as_ref(),
        one.purpose.as_deref(),
        one.effect,
        one.provider.as_ref(),
    )
}

/// The derived uses that no one approved use covers, in their order.
pub fn uncovered<'d, 'a>(
    derived: impl IntoIterator<Item = &'d DataUse>,
    approved: impl IntoIterator<Item = &'a DataUse>,
) -> Vec<&'d DataUse> {
    let approved = Coverage::new(approved);
    derived.into_iter().filter(|needed| !approved.covers(needed)).collect()
}

/// Whether one approved use covers a derived one.
pub fn covers(approved: &DataUse, derived: &DataUse) -> bool {
    fixed(derived) == fixed(approved) && is_wider(approved, derived)
}

/// Whether one approved use covers a derived one, of two in which all is equal that must be ([`fixed`]).
fn is_wider(approved: &DataUse, derived: &DataUse) -> bool {
    // Every member is named here, so that a new one cannot be forgotten; what is not taken out is in `fixed`.
    let DataUse {
        kind: _,
        workflow: _,
        purpose: _,
        from,
        to,
        operation: _,
        effect: _,
        unattended,
        fields: _,
        puts,
        scopes,
        guardrail,
        deciders,
        requests,
        events,
        opens,
        provider: _,
        agreement,
        retention,
        stale_limit,
        terms,
        bits,
        releases,
    } = derived;
    let known = [from, to].into_iter().flatten().all(has_host);
    let same = known && *terms == approved.terms && *unattended <= approved.unattended;
    let fields = || fields_beyond(approved, derived).next().is_none();
    let scopes = || scopes.iter().flatten().all(|scope| approved.scopes.iter().flatten().any(|s| s == scope));
    let decides = |who, by: &BTreeSet<String>| approved.deciders.get(who).is_some_and(|most| by.is_subset(most));
    let deciders = || deciders.iter().all(|(who, by)| decides(who, by));
    let told_before =
        |operation, asked| approved.requests.get(operation).is_some_and(|given| request_covers(given, asked));
    let requests = || requests.iter().all(|(operation, asked)| told_before(operation, asked));
    let known_before = |event, used| approved.events.get(event).is_some_and(|given| given.covers(used));
    let events = || events.iter().all(|(event, used)| known_before(event, used));
    let puts = || puts.iter().all(|(param, put)| approved.puts.get(param).is_some_and(|most| put.is_within(most)));
    let opens = || opens.is_none() || *opens == approved.opens;
    let releases = || releases.iter().all(|release| approved.releases.contains(release));
    same && fields()
        && scopes()
        && deciders()
        && requests()
        && events()
        && puts()
        && opens()
        && guardrail_covers(approved.guardrail.as_ref(), guardrail.as_ref())
        && agreement_covers(approved.agreement.as_ref(), agreement.as_ref())
        && retention_covers(approved.retention.as_deref(), retention.as_deref())
        && stale_limit.unwrap_or_default() <= approved.stale_limit.unwrap_or_default()
        && bits.unwrap_or(0) <= approved.bits.unwrap_or(0)
        && releases()
}

/// The fields of a derived use that an approved one does not cover.
pub fn fields_beyond<'d>(approved: &DataUse, derived: &'d DataUse) -> impl Iterator<Item = (&'d String, &'d Class)> {
    // Who may be given a value may be given the name that stands for it.
    let most = |path: &str| approved.fields.get(path).or_else(|| approved.fields.get(pseudonym_of(path)?));
    // What a read says of a field is what the catalog says. A catalog that protects it less than the client was told is
    // something new; everything else may be approved of more than is needed.
    let told = derived.kind == UseKind::Read && !derived.gives() && matches!(derived.from, Some(Party::Connection(_)));
    let fits = move |class: &Class, most: &Class| if told { class == most } else { class <= most };
    derived.fields.iter().filter(move |(path, class)| !most(path).is_some_and(|most| fits(class, most)))
}

fn has_host(party: &Party) -> bool {
    match party {
        Party::Connection(connection) => !connection.host.is_empty(),
        Party::Agent(_) | Party::Group(_) | Party::Folder(_) => true,
    }
}

/// No limit is wider than any; a limit is wider than a smaller one of the same currency.
pub fn guardrail_covers(approved: Option<&GuardrailUse>, derived: Option<&GuardrailUse>) -> bool {
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
        && amount(approved.per_customer_per_day, derived.per_customer_per_day)
        && within(approved.per_workflow_per_day_count, derived.per_workflow_per_day_count)
        && amount(approved.per_workflow_per_day, derived.per_workflow_per_day)
}

/// Whether a limit is at most another; an absent one is above all.
fn within<T: PartialOrd>(most: Option<T>, limit: Option<T>) -> bool {
    match (most, limit) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(most), Some(limit)) => limit <= most,
    }
}

/// What is asked for is the same; of the answer no more is read, and nothing from elsewhere.
fn request_covers(approved: &RequestUse, derived: &RequestUse) -> bool {
    let RequestUse { method, path, digest, answers, constants, document, media, unsent } = derived;
    let same = (method, path, digest) == (&approved.method, &approved.path, &approved.digest)
        && (constants, document) == (&approved.constants, &approved.document)
        && (media, unsent) == (&approved.media, &approved.unsent);
    same && answers.iter().all(|(name, at)| approved.answers.get(name) == Some(at))
}

/// Whether an agreement is the approved one, and ends no later.
pub fn agreement_covers(approved: Option<&AgreementUse>, derived: Option<&AgreementUse>) -> bool {
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
pub fn retention_covers(approved: Option<&str>, derived: Option<&str>) -> bool {
    match (approved, derived) {
        (None, None) => true,
        (Some(approved), Some(derived)) => match (stays(approved), stays(derived)) {
            (Some(most), Some(stay)) => stay <= most,
            _ => false,
        },
        (None, Some(_)) | (Some(_), None) => false,
    }
}
