//! `decision-not-shown`: a person agrees to an effect without seeing which amount or which record it is about.

use super::{Breach, Called, Judged, at};
use crate::code::Code;
use crate::expr::Path;
use crate::flow::{Part, of_argument, shows};
use crate::id::Name;
use crate::plan::{Action, Effect};

/// Reports each `amount` and `target` of an effect under a decision that none of its decisions shows, at the argument.
/// Constants of the workflow need not be shown: the client approved them.
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
        of_argument(given).into_iter().find(|path| !is_shown(judged, called, path))
    };
    let breach = |(name, path): (&Name, Path)| {
        let decides: Vec<_> = called.flow.certain.approved.iter().map(|decide| format!("`{decide}`")).collect();
        let decide = decides.join(" and ");
        let said = format!("`{}` relies on {decide}, which does not show `{path}`.", called.step.id);
        let help = format!("Add `\"{path}\"` to `show` of {decide}: people agree to what they see.");
        Breach::new(Code::DecisionNotShown, at(called.step, Part::With(name.clone())), said).help(help)
    };
    relied.filter_map(|(name, _)| Some((name, hidden(name)?))).map(breach).collect()
}

/// Whether a decision that the step relies on shows a path, or a record that holds it.
fn is_shown(judged: &Judged<'_>, called: &Called<'_>, path: &Path) -> bool {
    called.flow.certain.approved.iter().any(|decide| match judged.plan.step(decide.as_str()).map(|step| &step.action) {
        Some(Action::Decide { show, .. }) => show.iter().any(|shown| shows(shown, path)),
        _ => false,
    })
}
