//! Flows: the class and marks of every value of a plan, where each draws its data from, and what a run can release.
//!
//! [`check_plan`] finds everything that is wrong with the expressions of a plan; [`analyse`] follows the data of a plan
//! where nothing is. Compiler and agent both call them, so neither trusts the other's answer. What may not live here:
//! what a flow is allowed to do ([`crate::guard`]) and what a client signs of it ([`crate::uses`]).
//!
//! # Source
//! language.md sections 4 and 5. Promises P01, P04.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{Class, Label, Marks};
use crate::expr::{Facts, Known, Path, Program, Sources};
use crate::id::Name;
use crate::plan::Plan;
use crate::shape::Shape;

mod argument;
mod around;
mod called;
mod decided;
mod error;
mod extent;
mod label;
mod nested;
mod outcomes;
mod reads;
mod results;
mod unsure;
mod walk;
mod way;
mod written;

pub use error::{Part, PlanError, PlanErrorKind, Site};
pub(crate) use reads::draws_on_trigger;
pub use reads::{of_argument, reads_at};
pub use unsure::Unsure;
use walk::Open;
pub(crate) use way::shows;
pub use way::{Sought, way};
pub(crate) use written::written;

/// The most bits about content that one run may release.
pub const BITS_MOST: u32 = 64;

/// Where one value comes from and who may have chosen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Class and marks, by data flow.
    pub label: Label,
    /// Marks of the conditions by which the value was chosen. They count for money.
    pub control: Marks,
    /// Marks of the conditions that chose the value among others. What is made of several such values has them by data: who
    /// chooses each letter writes the word.
    pub chosen: Marks,
    /// The declared fields that it draws from.
    pub sources: Sources,
}

impl Flow {
    /// A constant of the workflow.
    pub const CONSTANT: Self =
        Self { label: Label::CONSTANT, control: Marks::NONE, chosen: Marks::NONE, sources: Sources::NONE };

    /// The flow of a value of which this is known, with everything in it.
    pub(crate) fn of(known: &Known) -> Self {
        let (label, control, sources) = known.whole();
        Self { label, control, chosen: known.chosen, sources }
    }

    /// The flow of what was computed from it.
    fn computed(mut self) -> Self {
        self.label.marks = self.label.marks.join(self.chosen);
        self.chosen = Marks::NONE;
        self
    }

    /// The flow of what was made from both.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        let Self { label, control, chosen, sources } = other;
        self.label = self.label.join(label);
        self.control = self.control.join(control);
        self.chosen = self.chosen.join(chosen);
        self.sources.join(&sources);
        self
    }

    /// Who may have chosen it, by data or by condition.
    pub fn any_marks(&self) -> Marks {
        self.label.marks.join(self.control)
    }
}

/// The flows of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFlow {
    /// What its condition draws from; a constant without one.
    pub when: Flow,
    /// Marks of the conditions under which it runs: its own, and those under which the run came to it.
    pub control: Marks,
    /// What is certain when it runs: steps that ran, fields that are there, decisions that said yes.
    pub certain: Facts,
    /// Decisions outside of the `each` that it stands in, which certainly said yes: a yes that was given once, whatever the
    /// item is. They are not in `certain`.
    pub outside: BTreeSet<Name>,
    /// Who may have chosen whether it fails.
    pub failing: Marks,
    /// Who may have chosen whether it ends the run by an expression that fails.
    pub ends: Marks,
    /// Whether it may not run, or fail and be passed over.
    pub optional: bool,
    /// Its parameters, what stands beside its prompt, or the values that it sets.
    pub with: BTreeMap<Name, Flow>,
    /// The members of parameters that are records or lists, by parameter.
    pub inner: Vec<(Name, Inner)>,
    /// The sources that an `ask` may cite, or the list that an `each` walks.
    pub sources: Option<Flow>,
    /// What a `decide` shows, by path.
    pub show: BTreeMap<String, Flow>,
    /// Class and marks of each field of its result.
    pub result: BTreeMap<Name, Label>,
    /// The fields of its result that may be durable, each with the shape that it then has.
    pub facts: BTreeMap<Name, Shape>,
}

impl StepFlow {
    /// Whether anything that a call or an `ask` is given may not be durable.
    pub fn is_given_content(&self) -> bool {
        self.with.values().chain(&self.sources).any(|given| !given.label.class.is_fact())
    }
}

/// A member of a parameter that has members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Its path in the parameter.
    pub path: String,
    /// The most private class that it takes.
    pub most: Class,
    /// What it is given.
    pub flow: Flow,
}

/// One way in which a run tells something of content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// What is told, as clients sign it: `intent.intent: one_of 3`.
    pub what: String,
    /// How much at most.
    pub bits: u32,
    /// Where.
    pub site: Site,
}

/// All flows of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flows {
    /// By step.
    pub steps: BTreeMap<Name, StepFlow>,
    /// What a run can tell of content, sorted.
    pub releases: Vec<Release>,
    /// What the key of `one_at_a_time` draws from.
    pub key: Option<Flow>,
    /// What the link of the fallback draws from.
    pub open: Option<Flow>,
    /// What is known of the trigger and of each step's result.
    pub known: BTreeMap<Name, Known>,
}

impl Flows {
    /// The bits that one run can release in all.
    pub fn bits(&self) -> u32 {
        self.releases.iter().fold(0, |sum, release| sum.saturating_add(release.bits))
    }

    /// What is known of a path, when its root and fields exist.
    pub fn find(&self, path: &Path) -> Option<&Known> {
        path.fields.iter().try_fold(self.known.get(path.root.as_str())?, |known, field| known.get(field.as_str()))
    }

    /// The flows of a step.
    pub fn step(&self, id: &str) -> Option<&StepFlow> {
        self.steps.get(id)
    }
}

/// Follows the data of a plan.
///
/// # Errors
/// When the plan is not one that [`check_plan`] finds nothing wrong with.
pub fn analyse(plan: &Plan) -> Result<Flows, Vec<PlanError>> {
    let (walked, errors) = walk::walk(plan, Open::Nowhere);
    if errors.is_empty() { Ok(walked.flows) } else { Err(errors) }
}

/// Everything that is wrong with the names, types and guards of a plan, in the order of its steps.
pub fn check_plan(plan: &Plan) -> Vec<PlanError> {
    let mut errors = walk::walk(plan, Open::Nowhere).1;
    errors.retain(|error| !error.is_echo());
    errors
}

/// What can be followed of a plan, and everything that is wrong with it as [`check_plan`] says. What is wrong flows nowhere:
/// of what may rest on it [`Unsure`] tells.
pub fn follow_partly(plan: &Plan) -> (Flows, Vec<PlanError>) {
    let (walked, errors) = walk::walk(plan, Open::Nowhere);
    (walked.flows, errors)
}

/// What the expressions of a step may read: its condition first, then all else with what the condition makes certain.
///
/// Without a step, what KPIs may read. For whoever writes expressions that a plan could hold, as `tests/interference` does.
pub fn env_of(plan: &Plan, step: Option<&Name>) -> crate::expr::Env {
    walk::walk(plan, step.map_or(Open::Behind, Open::Step)).0.env.unwrap_or_default()
}

/// What is known of a path that stands by itself, as text.
pub fn find<'f>(flows: &'f Flows, path: &str) -> Option<&'f Known> {
    match Program::parse(path).ok()?.as_path() {
        Some(path) => flows.find(path),
        None => None,
    }
}

/// The declared fields that come with the event that starts a run.
pub(crate) fn trigger_sources(trigger: &crate::plan::Trigger) -> Sources {
    results::trigger(trigger).whole().2
}

/// The declared fields that come with an event that is no trigger.
pub(crate) fn event_sources(event: &crate::plan::Event) -> Sources {
    results::event(event).whole().2
}

/// log2, rounded up.
pub(crate) fn bits_of(ways: usize) -> u32 {
    usize::BITS - ways.saturating_sub(1).leading_zeros()
}

#[cfg(test)]
mod tests;
