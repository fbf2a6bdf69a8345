//! Whether what runs did was decided by people where the plan says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::flow::{self, Flows};
use assent_schema::id::Name;
use assent_schema::ledger::kind::Choice;
use assent_schema::ledger::{Entry, Kind};
use assent_schema::plan::{Action, Effect, Plan};

use super::{Notes, Seen, Verified};

/// A plan of the commit, with what is certain where.
struct Known {
    plan: Arc<Plan>,
    flows: Flows,
}

/// A step, and the item that it ran for.
type Ran = (Name, Option<String>);

/// One run, as far as the log tells it.
#[derive(Default)]
struct Run {
    plan: Option<Digest>,
    approved: BTreeSet<Ran>,
}

/// Looks at each intent of an effect whose plan the commit holds: the decisions that the plan makes certain came before it.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(client) = &verified.origin.client else { return };
    // What a body that is gone said is not known.
    if verified.summary.gone > 0 {
        return;
    }
    let Some(judged) = seen.survey.judged.get(client) else { return };
    let plans = judged.workflows.values().filter_map(|workflow| {
        let plan = Arc::clone(&workflow.lowered.plan);
        let (_, digest) = plan.to_bytes().ok()?;
        Some((digest, Known { flows: flow::analyse(&plan).ok()?, plan }))
    });
    let plans: BTreeMap<Digest, Known> = plans.collect();
    let mut runs: BTreeMap<u64, Run> = BTreeMap::new();
    for entry in &verified.entries {
        let Some(number) = entry.run else { continue };
        let run = runs.entry(number).or_default();
        run.plan = entry.plan.or(run.plan);
        match &entry.kind {
            Kind::Decided(decided) if decided.choice == Choice::Approve => {
                run.approved.extend(entry.step.clone().map(|step| (step, entry.item.clone())));
            }
            Kind::Intent(_) => {
                let known = run.plan.and_then(|plan| plans.get(&plan));
                for step in known.map(|known| missing(entry, run, known)).unwrap_or_default() {
                    let origin = &verified.origin;
                    let said = format!(
                        "{origin}: run {number} began an effect at {}, and nobody agreed at `{step}`.",
                        entry.time
                    );
                    notes.object("P11", said);
                }
            }
            _ => {}
        }
    }
}

/// The decisions that had to say yes before an intent and did not.
fn missing(intent: &Entry, run: &Run, known: &Known) -> Vec<Name> {
    let Some(id) = &intent.step else { return Vec::new() };
    let Some(Action::Call { operation, .. }) = known.plan.every_step().find(|step| step.id == *id).map(|s| &s.action)
    else {
        return Vec::new();
    };
    let has_effect = known.plan.operations.get(operation).is_some_and(|called| called.effect != Effect::None);
    let Some(flow) = known.flows.step(id.as_str()).filter(|_| has_effect) else { return Vec::new() };
    let said_yes =
        |decision: &&Name, item: Option<&String>| run.approved.contains(&((*decision).clone(), item.cloned()));
    let here = |decision: &&Name| said_yes(decision, intent.item.as_ref()) || said_yes(decision, None);
    let inside = flow.certain.approved.iter().filter(|decision| !here(decision));
    inside.chain(flow.outside.iter().filter(|decision| !said_yes(decision, None))).cloned().collect()
}
