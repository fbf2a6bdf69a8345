//! `model-decides-money`: an AI or anyone outside chose an amount, where it goes, or that money moves, and no person agrees.

use super::{Breach, Called, Judged, at};
use crate::class::Marks;
use crate::code::Code;
use crate::flow::{Flow, Part, Site, Sought, StepFlow, way};
use crate::id::Name;
use crate::plan::{Effect, Step};

/// Reports each money step that no `decide` dominates though its amount, what it goes to or its condition is marked, at that.
/// A guardrail with `model_up_to`, which the client signs, allows it up to that amount; the agent asks above.
///
/// # Source
/// language.md section 5, "Marks". Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    judged
        .calls()
        .filter(|called| is_marked(called) && !is_allowed(judged, called))
        .map(|c| breach(judged, &c))
        .collect()
}

/// Whether money moves on the word of an AI or of anyone outside, without a person's.
pub(super) fn is_marked(called: &Called<'_>) -> bool {
    called.operation.effect == Effect::Money
        && called.flow.certain.approved.is_empty()
        && (called.flow.control.any()
            || marked_amount(called, Flow::any_marks).is_some()
            || chosen_target(called).is_some())
}

fn is_allowed(judged: &Judged<'_>, called: &Called<'_>) -> bool {
    judged.limits(called).any(|guardrail| guardrail.model_up_to.is_some())
}

/// The amount that they chose; of data alone, or by conditions too.
fn marked_amount(called: &Called<'_>, marks: impl Fn(&Flow) -> Marks) -> Option<Part> {
    let amounts = called.operation.params.iter().filter(|(_, param)| param.amount);
    let mut given = amounts.filter_map(|(name, _)| Some((name, called.flow.with.get(name.as_str())?)));
    given.find(|(_, flow)| marks(flow).any()).map(|(name, _)| Part::With(name.clone()))
}

/// What the money goes to, where they chose it among others. What they wrote themselves is `marked-target`.
fn chosen_target<'a>(called: &Called<'a>) -> Option<&'a Name> {
    let targets = called.operation.params.iter().filter(|(_, param)| param.target);
    let chosen = |name: &&Name| called.flow.with.get(name.as_str()).is_some_and(|flow| flow.control.any());
    targets.map(|(name, _)| name).find(chosen)
}

fn breach(judged: &Judged<'_>, called: &Called<'_>) -> Breach {
    let step = &called.step.id;
    let amount = marked_amount(called, |flow| flow.label.marks);
    let by_itself = called.flow.when.any_marks().any();
    let amount = amount.or_else(|| if by_itself { None } else { marked_amount(called, Flow::any_marks) });
    let target = if called.flow.control.any() { None } else { chosen_target(called) };
    let (site, said) = match (amount, target) {
        (Some(part), _) => {
            (at(called.step, part), format!("The amount of `{step}` was chosen by an AI or by anyone outside."))
        }
        (None, Some(target)) => (
            at(called.step, Part::With(target.clone())),
            format!("An AI or anyone outside chose among the `{target}` that `{step}` moves money for."),
        ),
        (None, None) => {
            (condition(judged, called), format!("An AI or anyone outside chose that `{step}` moves money."))
        }
    };
    let walked = way(judged.plan, judged.flows, &site, Sought::Chosen);
    Breach::new(Code::ModelDecidesMoney, site, said).way(walked).help_if(called.help_outside())
}

/// The step's own condition or that of a step before it, else the list or the key of the `each` that it stands in, else the step
/// that could have ended the run, else what the event had to say.
fn condition(judged: &Judged<'_>, called: &Called<'_>) -> Site {
    let marked = |marks: fn(&StepFlow) -> Marks| {
        let is_marked = move |step: &&&Step| judged.flows.step(step.id.as_str()).is_some_and(|flow| marks(flow).any());
        judged.steps.iter().take(called.place.saturating_add(1)).rev().find(is_marked).copied()
    };
    if let Some(step) = marked(|flow| flow.when.any_marks()) {
        return at(step, Part::When);
    }
    let ended = marked(|flow| flow.ends).map(|step| at(step, Part::Id));
    let around = judged.plan.steps.iter().find(|step| step.inner().iter().any(|inner| inner.id == called.step.id));
    let Some(around) = around else {
        return ended.unwrap_or(Site { step: None, part: Part::Trigger });
    };
    let list = judged.flows.step(around.id.as_str()).and_then(|flow| flow.sources.as_ref());
    if list.is_some_and(|list| list.any_marks().any()) {
        return at(around, Part::Over);
    }
    ended.unwrap_or_else(|| at(around, Part::Key))
}
