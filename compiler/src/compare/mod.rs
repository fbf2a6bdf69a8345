//! Two commits to data uses and behaviour added and dropped, and approvals still missing. Values only; text is `show`'s.
//!
//! # Source
//! language.md section 6. Promise P25.

mod absent;
mod beside;
mod catalog;
mod details;
mod facts;
mod unjudged;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::id::{ClientId, PersonId, WorkflowId};
use assent_schema::plan::{Action, Handover, Plan, Step};
use assent_schema::uses::{DataUse, UseKind};

use details::details;

pub use absent::{Absent, absent};
pub use beside::{Beside, beside};
pub use catalog::{Catalog, Lowered};
pub use details::Detail;
pub use facts::FactChange;
pub use unjudged::{Unjudged, unjudged};

use crate::check::{Judged, Survey};
use crate::sentence::Categories;
use crate::source::Place;

/// What one commit says of one client.
#[derive(Clone, Debug, Default)]
pub struct ClientState {
    /// Its plans.
    pub plans: BTreeMap<WorkflowId, Arc<Plan>>,
    /// Workflows that have errors, so that nothing is known of them.
    pub unread: BTreeSet<WorkflowId>,
    /// Its data uses, derived.
    pub uses: Vec<DataUse>,
    /// Those of them that no approval covers.
    pub missing: Vec<DataUse>,
    /// What holds for all of its workflows.
    pub facts: Option<Arc<ClientFacts>>,
    /// Who approves; absent when the approvers do not hold.
    pub approvers: Option<Approvers>,
    /// Its texts and post-mortems, by path.
    pub texts: BTreeMap<Arc<str>, Arc<str>>,
}

/// What one commit says of all clients, and of what they share.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The clients.
    pub clients: BTreeMap<ClientId, ClientState>,
    /// What integrations say.
    pub catalog: Catalog,
}

/// Who may approve for a client, and how many of them must.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Approvers {
    /// How many must sign.
    pub threshold: u32,
    /// Their handles.
    pub people: BTreeSet<PersonId>,
}

/// What a pull request changes for one client. Every list is sorted.
#[derive(Clone, Debug)]
pub struct ClientChange {
    /// Whose data it is.
    pub client: ClientId,
    /// What the catalog protects less than before, of what this client's connections lead to.
    pub lowered: Vec<Lowered>,
    /// What holds for all of its workflows.
    pub facts: Vec<FactChange>,
    /// Data uses that are new.
    pub added: Vec<DataUse>,
    /// Data uses that end.
    pub dropped: Vec<DataUse>,
    /// Data uses, new or not, that no approval covers.
    pub missing: Vec<DataUse>,
    /// Who approves them.
    pub approvers: Option<Approvers>,
    /// Workflows that behave in another way.
    pub workflows: Vec<WorkflowChange>,
    /// How many bits about content a run can make durable: before and after, where that changes.
    pub bits: BTreeMap<WorkflowId, (u32, u32)>,
    /// Texts and post-mortems that come, go or read otherwise.
    pub texts: Vec<TextChange>,
    /// Of what kind the data is, as both say.
    pub categories: Categories,
}

/// One text that changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TextChange {
    /// Its path.
    pub file: String,
    /// `added`, `dropped` or `changed`.
    pub what: &'static str,
}

impl ClientChange {
    /// Whether nothing changes and nothing is missing.
    pub fn is_empty(&self) -> bool {
        let uses = self.added.is_empty() && self.dropped.is_empty() && self.missing.is_empty();
        let behaviour = self.workflows.is_empty() && self.bits.is_empty() && self.texts.is_empty();
        uses && behaviour && self.lowered.is_empty() && self.facts.is_empty()
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
    /// It has errors, so that nobody can say what it does.
    Unread,
    /// It does other things.
    Changed(Vec<Difference>),
}

/// One difference between two plans of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// What becomes of its events, where some may run again or wait.
    Events(Handover),
    /// A step is new.
    StepAdded(String),
    /// A step is gone.
    StepDropped(String),
    /// A step does something else, or under another condition.
    StepChanged(String, Vec<Detail>),
    /// The prompt of an `ask` reads otherwise: what it was, what it is.
    PromptChanged(String, String, String),
    /// Steps are in another order.
    Reordered,
    /// What starts it.
    Trigger(Vec<Detail>),
    /// What bounds it.
    Limits(Vec<Detail>),
    /// What ends its runs from outside.
    Cancels(Vec<Detail>),
    /// What it counts.
    Kpis(Vec<Detail>),
    /// Where work goes that it cannot finish.
    Fallback(Vec<Detail>),
    /// What an operation of the catalog says: `connection.operation`.
    Operation(String, Vec<Detail>),
    /// What it says of itself: summary, purpose, mode.
    About(Vec<Detail>),
}

/// Compares two commits; clients that nothing happens to are left out.
pub fn compare(base: &State, head: &State) -> Vec<ClientChange> {
    let empty = ClientState::default();
    let lowered = catalog::lowered(&base.catalog, &head.catalog);
    let clients: BTreeSet<&ClientId> = base.clients.keys().chain(head.clients.keys()).collect();
    let changes = clients.into_iter().map(|client| {
        let (old, new) = (base.clients.get(client).unwrap_or(&empty), head.clients.get(client).unwrap_or(&empty));
        let facts = match (&old.facts, &new.facts) {
            (Some(old), Some(new)) => facts::changes(old, new),
            _ => Vec::new(),
        };
        let is_unread = |one: &DataUse| one.workflow.as_ref().is_some_and(|workflow| new.unread.contains(workflow));
        ClientChange {
            client: client.clone(),
            lowered: lowered_for(new.facts.as_deref(), &lowered),
            facts,
            added: without(&new.uses, &old.uses),
            dropped: without(&old.uses, &new.uses).into_iter().filter(|one| !is_unread(one)).collect(),
            missing: new.missing.clone(),
            approvers: new.approvers.clone(),
            workflows: workflows(&old.plans, new),
            bits: bits(&old.uses, &new.uses).into_iter().filter(|(id, _)| !new.unread.contains(id)).collect(),
            texts: texts(&old.texts, &new.texts),
            categories: Categories::of(old.plans.values().chain(new.plans.values()).map(AsRef::as_ref)),
        }
    });
    changes.filter(|change| !change.is_empty()).collect()
}

/// What was lowered of the integrations that a client's connections lead to.
fn lowered_for(
    facts: Option<&ClientFacts>,
    all: &BTreeMap<assent_schema::id::IntegrationId, Vec<Lowered>>,
) -> Vec<Lowered> {
    let connections = facts.map(|facts| facts.connections.values()).into_iter().flatten();
    let used: BTreeSet<_> = connections
        .filter_map(|connection| match &connection.to {
            ConnectionTo::Integration { name, shows: _ } => Some(name),
            ConnectionTo::Provider { .. } => None,
        })
        .collect();
    used.into_iter().filter_map(|name| all.get(name)).flatten().cloned().collect()
}

/// Released bits by workflow, where they change.
fn bits(old: &[DataUse], new: &[DataUse]) -> BTreeMap<WorkflowId, (u32, u32)> {
    let mut found: BTreeMap<WorkflowId, (u32, u32)> = BTreeMap::new();
    let mut add = |uses: &[DataUse], slot: fn(&mut (u32, u32)) -> &mut u32| {
        for data_use in uses.iter().filter(|data_use| data_use.kind == UseKind::Release) {
            if let Some(workflow) = &data_use.workflow {
                let sum = slot(found.entry(workflow.clone()).or_default());
                *sum = sum.saturating_add(data_use.bits.unwrap_or(0));
            }
        }
    };
    add(old, |(was, _)| was);
    add(new, |(_, is)| is);
    found.retain(|_, (was, is)| was != is);
    found
}

fn texts(old: &BTreeMap<Arc<str>, Arc<str>>, new: &BTreeMap<Arc<str>, Arc<str>>) -> Vec<TextChange> {
    let files: BTreeSet<&Arc<str>> = old.keys().chain(new.keys()).collect();
    let change = |file: &Arc<str>| match (old.get(file), new.get(file)) {
        (None, _) => Some("added"),
        (_, None) => Some("dropped"),
        (Some(was), Some(is)) => (was != is).then_some("changed"),
    };
    files.into_iter().filter_map(|file| Some(TextChange { file: file.to_string(), what: change(file)? })).collect()
}

fn without(these: &[DataUse], those: &[DataUse]) -> Vec<DataUse> {
    these.iter().filter(|one| !those.contains(one)).cloned().collect()
}

fn workflows(old: &BTreeMap<WorkflowId, Arc<Plan>>, new: &ClientState) -> Vec<WorkflowChange> {
    let ids: BTreeSet<&WorkflowId> = old.keys().chain(new.plans.keys()).chain(&new.unread).collect();
    let change = |id: &WorkflowId| match (old.get(id), new.plans.get(id)) {
        (_, None) if new.unread.contains(id) => Some(What::Unread),
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
        plan.every_step().map(|step| (step.id.to_string(), alone(step))).collect()
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
        plan.every_step().map(|s| s.id.to_string()).filter(|id| other.contains_key(id)).collect()
    };
    if order(old, &after) != order(new, &before) {
        found.insert(Difference::Reordered);
    }
    found.extend(Handover::between(old, new).map(Difference::Events));
    let about = |plan: &Plan| (plan.summary.clone(), plan.purpose.clone(), plan.mode);
    if about(old) != about(new) {
        let named =
            |plan: &Plan| serde_json::json!({ "summary": plan.summary, "purpose": plan.purpose, "mode": plan.mode });
        found.insert(Difference::About(details(&named(old), &named(new))));
    }
    let parts = [
        (details(&old.trigger, &new.trigger), Difference::Trigger as fn(Vec<Detail>) -> Difference),
        (details(&old.limits, &new.limits), Difference::Limits),
        (details(&old.cancels, &new.cancels), Difference::Cancels),
        (details(&old.kpis, &new.kpis), Difference::Kpis),
        (details(&old.fallback, &new.fallback), Difference::Fallback),
    ];
    let parts = parts.into_iter().filter(|(details, _)| !details.is_empty());
    found.extend(parts.map(|(details, difference)| difference(details)));
    for (name, now) in &new.operations {
        if let Some(was) = old.operations.get(name).filter(|was| *was != now) {
            found.insert(Difference::Operation(name.to_string(), details(&**was, &**now)));
        }
    }
    found.into_iter().collect()
}

/// A step without those inside it, which are compared by themselves.
fn alone(step: &Step) -> Step {
    let mut step = step.clone();
    if let Action::Each(each) = &mut step.action {
        each.steps.clear();
    }
    step
}

/// A step whose only difference is the prompt's wording is told apart: it is the change that a reader would miss.
fn step_difference(id: &str, was: &Step, is: &Step) -> Difference {
    let mut with_new_prompt = was.clone();
    if let (Action::Ask { prompt, .. }, Action::Ask { prompt: now, .. }) = (&mut with_new_prompt.action, &is.action) {
        let before = std::mem::replace(prompt, now.clone());
        if with_new_prompt == *is {
            return Difference::PromptChanged(id.to_owned(), before, now.clone());
        }
    }
    Difference::StepChanged(id.to_owned(), details(was, is))
}

/// What a source says of all clients.
pub fn state(survey: &Survey) -> State {
    let of = |client: &ClientId, judged: &Judged| {
        let plans = judged.workflows.iter().map(|(id, workflow)| (id.clone(), Arc::clone(&workflow.lowered.plan)));
        let known = survey.trusted.statements.get(client).map(|known| known.approvers().newest());
        let approvers = known
            .map(|newest| Approvers { threshold: newest.threshold, people: newest.people.keys().cloned().collect() });
        let folders = [format!("clients/{client}/texts/"), format!("clients/{client}/incidents/")];
        let files = survey.parsed.source.files.iter();
        let texts = files.filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder)));
        let written = survey.parsed.source.files.values().filter_map(|file| match &file.place {
            Place::Workflow(of, name) if of == client => Some(name),
            _ => None,
        });
        ClientState {
            plans: plans.collect(),
            unread: written.filter(|name| !judged.workflows.contains_key(*name)).cloned().collect(),
            uses: judged.all_uses(),
            missing: judged.missing.clone(),
            facts: survey.resolved.clients.get(client).map(|client| Arc::clone(&client.facts)),
            approvers,
            texts: texts.map(|(path, file)| (Arc::clone(path), Arc::clone(file.text()))).collect(),
        }
    };
    State {
        clients: survey.judged.iter().map(|(client, judged)| (client.clone(), of(client, judged))).collect(),
        catalog: Arc::clone(&survey.parsed.integrations),
    }
}
