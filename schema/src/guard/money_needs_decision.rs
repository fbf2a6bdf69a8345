//! `money-needs-decision`: a step moves money, and neither a person nor a limit of the client stands before it.

use super::{Breach, Called, Judged, at, model_decides_money};
use crate::client::Guardrail;
use crate::code::Code;
use crate::flow::Part;
use crate::plan::{Action, Effect, Step};

/// Reports each money step without a dominating `decide` and without a guardrail per call and per day, at what it calls.
///
/// # Source
/// language.md section 5, "Guardrails". Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let moves = judged.calls().filter(|called| called.operation.effect == Effect::Money);
    let alone = moves.filter(|called| called.flow.certain.approved.is_empty());
    // What a model chose needs a person; saying so once is enough.
    let alone = alone.filter(|called| !model_decides_money::is_marked(called));
    let bounds = |guardrail: &Guardrail| guardrail.per_call.is_some() && guardrail.per_day.is_some();
    let unbounded = alone.filter(|called| !judged.limits(called).any(bounds));
    unbounded
        .map(|called| {
            let said = format!(
                "`{}` moves money, and it needs no yes of a person and keeps to no limit of the client.",
                called.step.id
            );
            let help = called.help_outside().or_else(|| in_another(judged, &called));
            let help = help.or_else(|| whatever_it_says(judged, &called));
            Breach::new(Code::MoneyNeedsDecision, at(called.step, Part::Operation), said).help_if(help)
        })
        .collect()
}

/// What to do where a decision stands before the step, and the step runs whatever it says.
fn whatever_it_says(judged: &Judged<'_>, called: &Called<'_>) -> Option<String> {
    let of = |step: &Step| judged.each_of(step).map(|each| &each.id);
    let before = judged.steps.iter().take(called.place).rev();
    let mut decisions = before.filter(|step| matches!(step.action, Action::Decide { .. }));
    let decide = &decisions.find(|step| of(step) == of(called.step))?.id;
    let how = match &called.step.when {
        Some(_) => format!("join `{decide}.approved` to its `when` with `&&`"),
        None => format!("add `when = \"{decide}.approved\"`"),
    };
    Some(format!("`{decide}` stands before `{}`, which runs whatever it says: {how}.", called.step.id))
}

/// What to do where the client has limits, and all of them are in another currency than is ever paid.
fn in_another(judged: &Judged<'_>, called: &Called<'_>) -> Option<String> {
    let paid = called.currency()?;
    let limits = judged.client.guardrails.iter().filter(|guardrail| guardrail.operation == *called.reference);
    let other = limits.filter_map(|guardrail| guardrail.currency.as_deref()).find(|bounded| *bounded != paid)?;
    Some(format!(
        "`{}` pays in {paid} alone, and the client's limit is in {other}: write one in {paid}, with `per_call` and `per_day`.",
        called.reference
    ))
}
