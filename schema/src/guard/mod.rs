//! What compiler and agent both enforce, on a plan before it runs ([`breaches`]) and at each operation while it runs
//! ([`judge`]). One file for each rule on plans, named after its finding code.
//!
//! # Source
//! language.md sections 3 and 5, engine.md section 3. Promises P01, P04, P05, P18, P25.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::class::Class;
use crate::client::{ClientFacts, Guardrail};
use crate::code::Code;
use crate::flow::{Flows, Part, Site, StepFlow, Unsure};
use crate::id::{Name, OperationRef};
use crate::plan::{Action, Argument, Effect, Operation, Plan, Retry, Step};
use crate::shape::{CurrencyWire, Shape};

mod amount;
mod bad_retry;
mod decision_not_shown;
mod flow_denied;
mod kpi_too_fine;
mod marked_target;
mod model_decides_money;
mod money_needs_decision;
mod not_resumable;
mod operation;
mod release_budget;
mod unconfirmed_trigger;
mod unreachable_step;
mod unsafe_retry;
mod unused_personal;

pub use amount::{WrongAmount, wrong_amounts};
pub use bad_retry::wrong as wrong_retry;
pub use operation::{Attempt, Limit, Misplaced, Refused, Sums, Verdict, at_home, base_of, bounding, judge, placed};
pub use unused_personal::Used;

/// Something that a plan does and may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which rule it breaks.
    pub code: Code,
    /// Where.
    pub site: Site,
    /// Byte offsets into the text of that part, where only a stretch of it is wrong.
    pub within: Option<Range<usize>>,
    /// What is wrong, as one sentence. Never a value of class content or personal.
    pub said: String,
    /// What to do, where it is more than the code's own advice.
    pub help: Option<String>,
    /// The way there, for flows: places and what happens at each, in order.
    pub way: Vec<(Site, String)>,
}

impl Breach {
    fn new(code: Code, site: Site, said: String) -> Self {
        Self { code, site, within: None, said, help: None, way: Vec::new() }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn help_if(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }

    fn way(self, way: Vec<(Site, String)>) -> Self {
        Self { way, ..self }
    }
}

/// Everything that a plan does and may not do, in the order of the rules and of its steps.
pub fn breaches(plan: &Plan, flows: &Flows, client: &ClientFacts) -> Vec<Breach> {
    let judged = Judged { plan, steps: plan.every_step().collect(), flows, client };
    let rules = [
        unreachable_step::check,
        flow_denied::check,
        release_budget::check,
        unused_personal::check,
        kpi_too_fine::check,
        model_decides_money::check,
        money_needs_decision::check,
        decision_not_shown::check,
        marked_target::check,
        unconfirmed_trigger::check,
        unsafe_retry::check,
        bad_retry::check,
        not_resumable::check,
    ];
    rules.iter().flat_map(|rule| rule(&judged)).collect()
}

/// As [`breaches`], of a plan in which something is wrong: only those that stand whatever is mended elsewhere.
pub fn sure_breaches(plan: &Plan, flows: &Flows, unsure: &Unsure, client: &ClientFacts) -> Vec<Breach> {
    let calls = |step: &Step, of: fn(&Operation) -> bool| match &step.action {
        Action::Call { operation, .. } => plan.operations.get(operation).is_none_or(|operation| of(operation)),
        _ => false,
    };
    // What a step that is itself wrong would have proved, kept or read.
    let may_be_cleared = |code: Code| match code {
        Code::UnusedPersonal => true,
        Code::MarkedTarget => unsure.any(plan, |step| calls(step, |operation| operation.belongs.is_some())),
        Code::UnconfirmedTrigger => unsure.any(plan, |step| calls(step, |operation| operation.effect == Effect::None)),
        Code::NotResumable => unsure.any(plan, |step| calls(step, |operation| operation.park.is_some())),
        _ => false,
    };
    let found = breaches(plan, flows, client).into_iter();
    found.filter(|breach| !unsure.is_at(&breach.site) && !may_be_cleared(breach.code)).collect()
}

/// Whether what takes at most one class may be given another.
pub fn may_take(most: Class, class: Class) -> bool {
    class <= most
}

/// How often the items of an `each` come one after the other; once outside of one.
fn times(each: Option<&Step>) -> u64 {
    match each.map(|each| &each.action) {
        Some(Action::Each(each)) => u64::from(each.max.div_ceil(each.parallel.max(1))),
        _ => 1,
    }
}

/// What a rule looks at.
struct Judged<'a> {
    plan: &'a Plan,
    /// Every step, in order.
    steps: Vec<&'a Step>,
    flows: &'a Flows,
    client: &'a ClientFacts,
}

/// A step that calls an operation.
struct Called<'a> {
    place: usize,
    step: &'a Step,
    flow: &'a StepFlow,
    reference: &'a OperationRef,
    operation: &'a Operation,
    with: &'a BTreeMap<Name, Argument>,
    retry: &'a Retry,
}

impl Called<'_> {
    /// The one currency of the amount, where the catalog says that it is always the same.
    fn currency(&self) -> Option<&str> {
        let amount = self.operation.params.values().find(|param| param.amount)?;
        let Shape::Money { wire } = &amount.shape else { return None };
        match &wire.currency {
            CurrencyWire::Fixed(code) => Some(code),
            CurrencyWire::At(_) => None,
        }
    }

    /// What to do where a decision said yes outside of the `each` that the step stands in.
    fn help_outside(&self) -> Option<String> {
        let decide = self.flow.outside.first()?;
        Some(format!(
            "`{decide}` says yes once, not to each item: put a `decide` inside the `each`, so that it shows the item."
        ))
    }
}

impl Judged<'_> {
    /// The limits of the client that bound what a step may pay: those in another currency than it ever pays bound nothing.
    fn limits(&self, called: &Called<'_>) -> impl Iterator<Item = &Guardrail> {
        let ours = |guardrail: &&Guardrail| match (called.currency(), &guardrail.currency) {
            (Some(paid), Some(bounded)) => paid == bounded,
            (None, _) | (_, None) => true,
        };
        self.client.guardrails.iter().filter(|guardrail| guardrail.operation == *called.reference).filter(ours)
    }

    /// The `each` that a step stands in.
    fn each_of(&self, step: &Step) -> Option<&Step> {
        self.plan.steps.iter().find(|each| each.inner().iter().any(|inner| inner.id == step.id))
    }

    /// Whether one step surely ran when another does: not skipped, in the same item of an `each`, and not beside it.
    fn is_surely_before(&self, earlier: &Called<'_>, later: &Called<'_>) -> bool {
        let ran = !earlier.flow.optional || later.flow.certain.present.contains(earlier.step.id.as_str());
        let same = self
            .each_of(earlier.step)
            .is_none_or(|each| self.each_of(later.step).is_some_and(|other| other.id == each.id));
        let beside = earlier.step.parallel.is_some() && earlier.step.parallel == later.step.parallel;
        earlier.place < later.place && ran && same && !beside
    }

    /// The steps that call operations, in order.
    fn calls(&self) -> impl Iterator<Item = Called<'_>> {
        self.steps.iter().enumerate().filter_map(|(place, step)| {
            let Action::Call { operation: reference, with, retry, .. } = &step.action else { return None };
            let operation = self.plan.operations.get(reference)?;
            let flow = self.flows.step(step.id.as_str())?;
            Some(Called { place, step, flow, reference, operation, with, retry })
        })
    }
}

fn at(step: &Step, part: Part) -> Site {
    Site { step: Some(step.id.clone()), part }
}

fn of_workflow(part: Part) -> Site {
    Site { step: None, part }
}
