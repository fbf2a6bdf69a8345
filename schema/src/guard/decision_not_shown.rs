//! `decision-not-shown`: a person agrees to an effect without seeing which amount or which record it is about.

use super::{Breach, Called, Judged, at, marked_target};
use crate::code::Code;
use crate::expr::Path;
use crate::flow::{Part, of_argument, shows};
use crate::id::Name;
use crate::plan::{Action, Argument, Effect};

/// Reports each `amount` and `target` of an effect under a decision that none of its decisions shows, at the argument, and
/// each that is made of what was shown: what is sent is the very value that was shown. A target that is a constant of the
/// workflow need not be: of what is sent or paid it is part of the data use. An amount must be seen, whoever wrote it.
///
/// # Source
/// language.md section 5, "Decisions clear what they show". Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let effects = judged.calls().filter(|called| called.operation.effect != Effect::None);
    effects
        .filter(|called| !called.flow.certain.approved.is_empty())
        .flat_map(|called| of_one(judged, &called))
        .collect()
}

fn of_one(judged: &Judged<'_>, called: &Called<'_>) -> Vec<Breach> {
    let relied = called.operation.params.iter().filter(|(_, param)| param.amount || param.target);
    let hidden = |name: &Name| {
        let given = called.with.get(name.as_str())?;
        let is_amount = called.operation.params.get(name.as_str()).is_some_and(|param| param.amount);
        hidden(judged, called, given)
            .or_else(|| (is_amount && of_argument(given).is_empty()).then_some(Hidden::Constant))
    };
    let breach = |(name, hidden): (&Name, Hidden)| {
        let decides: Vec<_> = called.flow.certain.approved.iter().map(|decide| format!("`{decide}`")).collect();
        let decide = decides.join(" and ");
        let (said, help) = match hidden {
            Hidden::Path(path) => (
                format!("`{}` relies on {decide}, which does not show `{path}`.", called.step.id),
                format!("Add `\"{path}\"` to `show` of {decide}: people agree to what they see."),
            ),
            Hidden::Constant => (
                format!("`{}` relies on {decide}, which does not show `{name}`.", called.step.id),
                format!("Write the amount in a `set` before {decide}, show that, and pass it on as it is."),
            ),
            Hidden::Made => (
                format!(
                    "`{}` relies on {decide}, and `{name}` is made of what it shows, not that itself.",
                    called.step.id
                ),
                format!("Compute it with a `set` before {decide}, show that, and pass it on as it is."),
            ),
        };
        Breach::new(Code::DecisionNotShown, at(called.step, Part::With(name.clone())), said).help(help)
    };
    relied.filter_map(|(name, _)| Some((name, hidden(name)?))).map(breach).collect()
}

/// What people did not see of an argument.
enum Hidden {
    /// A value that is not shown.
    Path(Path),
    /// What the workflow makes of values that are shown.
    Made,
    /// An amount that the workflow itself writes.
    Constant,
}

fn hidden(judged: &Judged<'_>, called: &Called<'_>, given: &Argument) -> Option<Hidden> {
    match given {
        Argument::List(items) => return items.iter().find_map(|item| hidden(judged, called, item)),
        Argument::Record(members) => return members.values().find_map(|member| hidden(judged, called, member)),
        Argument::Boolean(_) | Argument::Integer(_) | Argument::Template(_) | Argument::Text(_) => {}
    }
    let paths = of_argument(given);
    if let Some(path) = paths.iter().find(|path| !is_shown(judged, called, path)) {
        // A choice by the decision itself is made of it.
        let decides = called.flow.certain.approved.contains(&path.root);
        return Some(if decides { Hidden::Made } else { Hidden::Path(path.clone()) });
    }
    paths.iter().any(|path| !marked_target::is_only(given, path)).then_some(Hidden::Made)
}

/// Whether a decision that the step relies on shows a path, or a record that holds it.
fn is_shown(judged: &Judged<'_>, called: &Called<'_>, path: &Path) -> bool {
    called.flow.certain.approved.iter().any(|decide| match judged.plan.step(decide.as_str()).map(|step| &step.action) {
        Some(Action::Decide { show, .. }) => show.iter().any(|shown| shows(shown, path)),
        _ => false,
    })
}
