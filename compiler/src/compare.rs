//! Two commits to data uses and behaviour added and dropped, and approvals still missing. Values only; text is `show`'s.
//!
//! # Source
//! language.md section 6. Promise P25.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::plan::{Action, Plan, Step};
use assent_schema::uses::DataUse;

use crate::check::{Judged, Survey};

/// What one commit says of one client.
#[derive(Clone, Debug, Default)]
pub struct ClientState {
    /// Its plans.
    pub plans: BTreeMap<WorkflowId, Arc<Plan>>,
    /// Its data uses, derived.
    pub uses: Vec<DataUse>,
    /// Those of them that no approval covers.
    pub missing: Vec<DataUse>,
}

/// What one commit says of all clients.
pub type State = BTreeMap<ClientId, ClientState>;

/// What a pull request changes for one client. Every list is sorted.
#[derive(Clone, Debug)]
pub struct ClientChange {
    /// Whose data it is.
    pub client: ClientId,
    /// Data uses that are new.
    pub added: Vec<DataUse>,
    /// Data uses that end.
    pub dropped: Vec<DataUse>,
    /// Data uses, new or not, that no approval covers.
    pub missing: Vec<DataUse>,
    /// Workflows that behave in another way.
    pub workflows: Vec<WorkflowChange>,
}

impl ClientChange {
    /// Whether nothing changes and nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty() && self.missing.is_empty() && self.workflows.is_empty()
    }
}

/// How one workflow behaves in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowChange {
    /// Which.
    pub workflow: WorkflowId,
    /// What is different.
    pub what: What,
}

/// What is different about a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Dropped,
    /// It does other things.
    Changed(Vec<Difference>),
}

/// One difference between two plans of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A step is new.
    StepAdded(String),
    /// A step is gone.
    StepDropped(String),
    /// A step does something else, or under another condition.
    StepChanged(String),
    /// The prompt of an `ask` reads otherwise.
    PromptChanged(String),
    /// Steps are in another order.
    Reordered,
    /// What starts it.
    Trigger,
    /// What bounds it.
    Limits,
    /// What it counts.
    Kpis,
    /// Where work goes that it cannot finish.
    Fallback,
    /// What an operation of the catalog says: `connection.operation`.
    Operation(String),
    /// What it says of itself: summary, purpose, mode.
    About,
}

/// Compares two commits; clients that nothing happens to are left out.
pub fn compare(base: &State, head: &State) -> Vec<ClientChange> {
    let empty = ClientState::default();
    let clients: BTreeSet<&ClientId> = base.keys().chain(head.keys()).collect();
    let changes = clients.into_iter().map(|client| {
        let (old, new) = (base.get(client).unwrap_or(&empty), head.get(client).unwrap_or(&empty));
        ClientChange {
            client: client.clone(),
            added: without(&new.uses, &old.uses),
            dropped: without(&old.uses, &new.uses),
            missing: new.missing.clone(),
            workflows: workflows(&old.plans, &new.plans),
        }
    });
    changes.filter(|change| !change.is_empty()).collect()
}

fn without(these: &[DataUse], those: &[DataUse]) -> Vec<DataUse> {
    these.iter().filter(|one| !those.contains(one)).cloned().collect()
}

fn workflows(old: &BTreeMap<WorkflowId, Arc<Plan>>, new: &BTreeMap<WorkflowId, Arc<Plan>>) -> Vec<WorkflowChange> {
    let ids: BTreeSet<&WorkflowId> = old.keys().chain(new.keys()).collect();
    let change = |id: &WorkflowId| match (old.get(id), new.get(id)) {
        (None, _) => Some(What::Added),
        (_, None) => Some(What::Dropped),
        (Some(old), Some(new)) if old != new => Some(What::Changed(differences(old, new))),
        _ => None,
    };
    ids.into_iter().filter_map(|id| Some(WorkflowChange { workflow: id.clone(), what: change(id)? })).collect()
}

/// Everything that differs between two plans of one workflow, sorted.
pub fn differences(old: &Plan, new: &Plan) -> Vec<Difference> {
    let mut found = BTreeSet::new();
    let steps = |plan: &Plan| -> BTreeMap<String, Step> {
        plan.steps.iter().map(|step| (step.id.to_string(), step.clone())).collect()
    };
    let (before, after) = (steps(old), steps(new));
    found.extend(before.keys().filter(|id| !after.contains_key(*id)).cloned().map(Difference::StepDropped));
    found.extend(after.keys().filter(|id| !before.contains_key(*id)).cloned().map(Difference::StepAdded));
    for (id, step) in &after {
        if let Some(was) = before.get(id).filter(|was| *was != step) {
            found.insert(step_difference(id, was, step));
        }
    }
    let order = |plan: &Plan, other: &BTreeMap<String, Step>| -> Vec<String> {
        plan.steps.iter().map(|s| s.id.to_string()).filter(|id| other.contains_key(id)).collect()
    };
    if order(old, &after) != order(new, &before) {
        found.insert(Difference::Reordered);
    }
    let parts = [
        (old.trigger != new.trigger, Difference::Trigger),
        (old.limits != new.limits, Difference::Limits),
        (old.kpis != new.kpis, Difference::Kpis),
        (old.fallback != new.fallback, Difference::Fallback),
        ((&old.summary, &old.purpose, old.mode) != (&new.summary, &new.purpose, new.mode), Difference::About),
    ];
    found.extend(parts.into_iter().filter(|(differs, _)| *differs).map(|(_, difference)| difference));
    let both = new.operations.iter().filter(|(name, now)| old.operations.get(*name).is_some_and(|was| was != *now));
    found.extend(both.map(|(name, _)| Difference::Operation(name.to_string())));
    found.into_iter().collect()
}

/// A step whose only difference is the prompt's wording is told apart: it is the change that a reader would miss.
fn step_difference(id: &str, was: &Step, is: &Step) -> Difference {
    let mut with_new_prompt = was.clone();
    if let (Action::Ask { prompt, .. }, Action::Ask { prompt: now, .. }) = (&mut with_new_prompt.action, &is.action) {
        prompt.clone_from(now);
        if with_new_prompt == *is {
            return Difference::PromptChanged(id.to_owned());
        }
    }
    Difference::StepChanged(id.to_owned())
}

/// What a source says of all clients.
pub fn state(survey: &Survey) -> State {
    let of = |judged: &Judged| {
        let plans = judged.workflows.iter().map(|(id, workflow)| (id.clone(), Arc::clone(&workflow.lowered.plan)));
        ClientState { plans: plans.collect(), uses: judged.all_uses(), missing: judged.missing.clone() }
    };
    survey.judged.iter().map(|(client, judged)| (client.clone(), of(judged))).collect()
}
