//! The plans that runs had, and what they say of a step: what it calls, and which decisions it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::flow::{self, Flows};
use assent_schema::id::{Name, OperationRef};
use assent_schema::ledger::Entry;
use assent_schema::plan::{Action, Effect, Plan};

use super::super::decisions::Strength;
use super::super::force::Force;
use super::super::{Seen, Verified};
use super::Run;

/// A plan, with what is certain where.
pub(super) struct Known {
    pub(super) plan: Arc<Plan>,
    pub(super) flows: Option<Flows>,
}

/// The plans that the runs of a log take: of the releases, and of the commit.
pub(super) fn plans(force: &Force<'_>, verified: &Verified, seen: &Seen<'_>) -> BTreeMap<Digest, Known> {
    let taken: BTreeSet<Digest> = verified.entries.iter().filter_map(|entry| entry.plan).collect();
    let judged = verified.origin.client.as_ref().and_then(|client| seen.survey.judged.get(client));
    let of_commit = judged.into_iter().flat_map(|judged| judged.workflows.values()).filter_map(|workflow| {
        let plan = Arc::clone(&workflow.lowered.plan);
        Some((plan.to_bytes().ok()?.1, plan))
    });
    let released = force.history().into_iter().flat_map(|history| &history.plans);
    let all = of_commit.chain(released.map(|(digest, plan)| (*digest, Arc::clone(plan))));
    let all =
        all.filter(|(digest, plan)| taken.contains(digest) && Some(&plan.client) == verified.origin.client.as_ref());
    all.map(|(digest, plan)| (digest, Known { flows: flow::analyse(&plan).ok(), plan })).collect()
}

/// Whether an action calls an operation.
pub(super) fn calls(action: Option<&Action>, wanted: &OperationRef) -> bool {
    matches!(action, Some(Action::Call { operation, .. }) if operation == wanted)
}

/// Whether an action asks an AI of this connection.
pub(super) fn asks(action: Option<&Action>, wanted: &OperationRef) -> bool {
    matches!(action, Some(Action::Ask { connection, .. }) if *connection == wanted.connection)
}

/// What must have been said before an effect.
pub(super) struct Needed<'k> {
    inside: &'k BTreeSet<Name>,
    outside: &'k BTreeSet<Name>,
    pub(super) is_money: bool,
}

impl<'k> Needed<'k> {
    /// Each decision that must have said yes, and how who said so showed who they are.
    pub(super) fn decisions(&self, intent: &Entry, run: &Run<'_>) -> Vec<(&'k Name, Option<Strength>)> {
        let said =
            |decision: &Name, item: Option<&String>| run.approved.get(&(decision.clone(), item.cloned())).copied();
        let here =
            |decision: &'k Name| (decision, said(decision, intent.item.as_ref()).or_else(|| said(decision, None)));
        let inside = self.inside.iter().map(here);
        inside.chain(self.outside.iter().map(|decision| (decision, said(decision, None)))).collect()
    }
}

/// The decisions that had to say yes before an effect; nothing where it is none.
pub(super) fn needed<'k>(intent: &Entry, known: &'k Known) -> Option<Needed<'k>> {
    let id = intent.step.as_ref()?.as_str();
    let Action::Call { operation, .. } = &known.plan.step(id)?.action else { return None };
    let called = known.plan.operations.get(operation).filter(|called| called.effect != Effect::None)?;
    let flow = known.flows.as_ref()?.step(id)?;
    let (inside, outside) = (&flow.certain.approved, &flow.outside);
    Some(Needed { inside, outside, is_money: called.effect == Effect::Money })
}
