//! `unreachable-step`: a step that never runs.

use super::{Breach, Judged, at};
use crate::code::Code;
use crate::expr::{Program, constant};
use crate::flow::Part;
use crate::plan::{Action, Step};

/// Reports each `when` that is always false, at the condition, and the first step behind a `stop` that always ends the
/// run.
///
/// # Source
/// design.md section 5. Promise P15: what never runs is tested by nothing.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let inner = judged.plan.steps.iter().map(Step::inner);
    std::iter::once(judged.plan.steps.as_slice()).chain(inner).flat_map(of_level).collect()
}

fn of_level(steps: &[Step]) -> Vec<Breach> {
    let mut found = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let truth = truth(step);
        if truth == Some(false) {
            let said = format!("`{}` never runs: its condition is always false.", step.id);
            found.push(Breach::new(Code::UnreachableStep, at(step, Part::When), said));
        }
        let ends = matches!(step.action, Action::Stop { .. }) && (step.when.is_none() || truth == Some(true));
        if let Some(next) = steps.get(place.saturating_add(1)).filter(|_| ends) {
            let said = format!("`{}` never runs: `{}` always stops before it.", next.id, step.id);
            found.push(Breach::new(Code::UnreachableStep, at(next, Part::Id), said));
            break;
        }
    }
    found
}

fn truth(step: &Step) -> Option<bool> {
    constant(&Program::parse(&step.when.as_ref()?.0).ok()?)
}
