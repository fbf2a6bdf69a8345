//! `money-needs-decision`: a step moves money, and neither a person nor a limit of the client stands before it.

use super::{Breach, Judged, at, model_decides_money};
use crate::code::Code;
use crate::flow::Part;
use crate::plan::Effect;

/// Reports each money step without a dominating `decide` and without a guardrail per call and per day, at what it calls.
///
/// # Source
/// language.md section 5, "Guardrails". Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let moves = judged.calls().filter(|called| called.operation.effect == Effect::Money);
    let alone = moves.filter(|called| called.flow.certain.approved.is_empty());
    // What a model chose needs a person; saying so once is enough.
    let alone = alone.filter(|called| !model_decides_money::is_marked(called));
    let unbounded = alone.filter(|called| {
        let limits = judged.client.guardrails.iter().filter(|guardrail| guardrail.operation == *called.reference);
        !limits.into_iter().any(|guardrail| guardrail.per_call.is_some() && guardrail.per_day.is_some())
    });
    unbounded
        .map(|called| {
            let said =
                format!("`{}` moves money, and no person and no limit of the client stands before it.", called.step.id);
            Breach::new(Code::MoneyNeedsDecision, at(called.step, Part::Operation), said).help_if(called.help_outside())
        })
        .collect()
}
