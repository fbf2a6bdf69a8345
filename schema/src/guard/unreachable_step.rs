//! `unreachable-step`: a step that never runs.

use std::collections::BTreeSet;

use super::{Breach, Judged, at};
use crate::code::Code;
use crate::expr::{Facts, Path, Program, constant};
use crate::flow::Part;
use crate::id::Name;
use crate::plan::{Action, Effect, Step};

/// Reports each `when` that is always false, at the condition, and the first step behind a `stop` that always ends the
/// run.
///
/// # Source
/// design.md section 5. Promise P15: what never runs is tested by nothing.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let mut never = BTreeSet::new();
    let inner = judged.plan.steps.iter().map(Step::inner);
    let levels = std::iter::once(judged.plan.steps.as_slice()).chain(inner);
    levels.flat_map(|steps| of_level(judged, steps, &mut never)).collect()
}

fn of_level<'a>(judged: &Judged<'_>, steps: &'a [Step], never: &mut BTreeSet<&'a Name>) -> Vec<Breach> {
    let mut found = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let truth = truth(judged, step, never);
        if truth == Some(false) {
            never.insert(&step.id);
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

/// What a condition always is. One that asks for a step which never runs, or reads its result, is false.
fn truth(judged: &Judged<'_>, step: &Step, never: &BTreeSet<&Name>) -> Option<bool> {
    let program = Program::parse(&step.when.as_ref()?.0).ok()?;
    if program.needs().any(|root| never.contains(root)) {
        Some(false)
    } else {
        constant(&program, |path| is_surely_there(judged, path))
    }
}

/// Whether every run that comes so far has what a path names: the step always ran, and no field of it may be absent. Of an effect
/// nothing is sure: one that a read confirms has no answer, and a person may skip one.
fn is_surely_there(judged: &Judged<'_>, path: &Path) -> bool {
    let root = path.root.as_str();
    // What is known of a `decide` says nothing of whether it ran, and an item is not known by its name alone.
    let ran = judged.flows.step(root).is_some_and(|flow| !flow.optional) || root == "trigger";
    let known = judged.flows.known.get(root);
    ran && !has_effect(judged, root)
        && judged.flows.find(path).is_some()
        && known.is_some_and(|known| known.absent(path, &Facts::default()).is_none())
}

fn has_effect(judged: &Judged<'_>, step: &str) -> bool {
    match judged.plan.step(step).map(|step| &step.action) {
        Some(Action::Call { operation, .. }) => {
            judged.plan.operations.get(operation).is_none_or(|of| of.effect != Effect::None)
        }
        _ => false,
    }
}
