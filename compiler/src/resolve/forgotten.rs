//! Texts that are nothing but the path of a value: their `${…}` was forgotten, and the other side would get the path itself.

use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::{Action, Argument, Plan};

use super::names::Report;
use super::paths::paths;
use super::sites::{Site, Sites};

/// Reports each argument that is a constant and spells a value which the plan has.
pub(super) fn check(plan: &Plan, sites: &Sites, report: &mut Report<'_>) {
    for step in plan.every_step() {
        let (Action::Call { with, .. } | Action::Ask { with, .. } | Action::Set { values: with }) = &step.action else {
            continue;
        };
        for (name, argument) in with {
            if let Some(path) = spelled(plan, argument) {
                let place = sites.span(&Site::Argument(step.id.clone(), name.clone()));
                let message = format!("`{name}` is the text `{path}`, not the value that stands there.");
                let help = format!("Write `${{{path}}}`.");
                report.add_with_help(Code::BadValue, &(place.start..place.end), message, help);
            }
        }
    }
}

/// The path, where a constant is one and something stands there.
fn spelled<'a>(plan: &Plan, argument: &'a Argument) -> Option<&'a str> {
    let Argument::Template(text) = argument else { return None };
    let path = paths(text).next().filter(|path| path.range == (0..text.len()))?;
    let field = path.field?;
    let has = |fields: Option<bool>| fields.unwrap_or_default();
    let known = if path.root == "trigger" {
        has(plan.trigger.fields().map(|fields| fields.contains_key(field)))
    } else {
        match &plan.step(path.root)?.action {
            Action::Call { operation, .. } => {
                has(plan.operations.get(operation).map(|operation| operation.response.contains_key(field)))
            }
            Action::Ask { answer, .. } => answer.contains_key(field),
            Action::Set { values } => Name::new(field).is_ok_and(|field| values.contains_key(&field)),
            Action::Decide { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => false,
        }
    };
    known.then_some(text.as_str())
}
