//! The way of a value, step by step, from where it came in to where it must not go.

use super::error::{Part, Site};
use super::reads::reads_at;
use super::{Flow, Flows};
use crate::class::Class;
use crate::expr::{Known, Path};
use crate::id::{Name, OperationRef};
use crate::plan::{Action, Plan};

/// What is wrong with the value that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// It is more private than this.
    Above(Class),
    /// Anyone outside or an AI may have chosen it.
    Marked,
    /// The same, or one of them chose whether it is there.
    Chosen,
}

impl Sought {
    fn is(self, flow: &Flow) -> bool {
        match self {
            Self::Above(most) => flow.label.class > most,
            Self::Marked => flow.label.marks.any(),
            Self::Chosen => flow.any_marks().any(),
        }
    }

    fn is_in(self, known: &Known) -> bool {
        let (label, control, sources) = known.whole();
        self.is(&Flow { label, control, chosen: known.chosen, sources })
    }

    /// What is said of a value that is so.
    fn said(self, known: &Known) -> String {
        let label = known.whole_label();
        match self {
            Self::Above(_) => format!("which is {}", label.class),
            Self::Marked | Self::Chosen if label.marks.outside => "which anyone may have written".into(),
            Self::Marked | Self::Chosen => "which an AI answered".into(),
        }
    }
}

/// The way of the first value at a part of a plan that is so, from where it came in.
///
/// # Shape
/// In the order in which a run comes by; empty when nothing there is so. The part itself is not in it.
pub fn way(plan: &Plan, flows: &Flows, site: &Site, sought: Sought) -> Vec<(Site, String)> {
    let mut walked = Vec::new();
    walk(plan, flows, site, sought, &mut walked);
    walked
}

/// A path names steps before it alone, so this ends.
fn walk(plan: &Plan, flows: &Flows, site: &Site, sought: Sought, walked: &mut Vec<(Site, String)>) -> bool {
    let reads = reads_at(plan, site);
    let found = reads.into_iter().find_map(|path| {
        let known = flows.find(&path).filter(|known| sought.is_in(known))?;
        Some((path, known))
    });
    let Some((path, known)) = found else { return false };
    if let Some(each) = plan.steps.iter().find(|step| step.walks(&path.root).is_some()) {
        let over = Site { step: Some(each.id.clone()), part: Part::Over };
        walk(plan, flows, &over, sought, walked);
        walked.push((over, format!("`{path}` is of an item of the list")));
        return true;
    }
    let Some(step) = plan.step(path.root.as_str()) else {
        let came = format!("`{path}`, {}, comes with what starts a run", sought.said(known));
        walked.push((Site { step: None, part: Part::Trigger }, came));
        return true;
    };
    let at = |part| Site { step: Some(step.id.clone()), part };
    if !is_before(plan, &step.id, site) {
        return false;
    }
    match &step.action {
        Action::Call { operation, .. } => {
            let from = params_of(&step.action).into_iter().map(|name| at(Part::With(name.clone())));
            let through = matches!(sought, Sought::Marked | Sought::Chosen)
                && !is_written_by_anyone(plan, operation, &path)
                && from.into_iter().any(|site| walk(plan, flows, &site, sought, walked));
            let came = if through {
                format!("`{operation}` is asked with it and answers `{path}`")
            } else {
                format!("`{operation}` answers `{path}`, {}", sought.said(known))
            };
            walked.push((at(Part::Operation), came));
        }
        Action::Ask { connection, sources, .. } => {
            let given = params_of(&step.action).into_iter().map(|name| Part::With(name.clone()));
            let given = given.chain(sources.as_ref().map(|_| Part::Sources)).map(at);
            let through = given.into_iter().any(|site| walk(plan, flows, &site, sought, walked));
            let came = if through {
                format!("`{connection}` is given it and answers `{path}`")
            } else {
                format!("`{connection}` answers `{path}`, {}", sought.said(known))
            };
            walked.push((at(Part::Operation), came));
        }
        Action::Set { values } => {
            let names = values.keys().filter(|name| path.fields.first().is_none_or(|field| field == *name));
            let sites: Vec<Site> = names.map(|name| at(Part::Set(name.clone()))).collect();
            if let Some(site) = sites.into_iter().find(|site| walk(plan, flows, site, sought, walked)) {
                walked.push((site, format!("`{path}` is made of it")));
            }
        }
        Action::Wait { .. } => walked.push((at(Part::Until), format!("`{path}` comes with the event"))),
        Action::Decide { .. } | Action::Each(_) | Action::Stop { .. } => {}
    }
    true
}

/// Whether a step comes before a part: what does not may have the same name as something else, and is no way there.
fn is_before(plan: &Plan, step: &Name, site: &Site) -> bool {
    let place = |id: &Name| plan.every_step().position(|step| step.id == *id);
    site.step.as_ref().is_none_or(|here| place(step) < place(here))
}

/// Whether the catalog says of an answer's field itself that anyone may write it.
fn is_written_by_anyone(plan: &Plan, operation: &OperationRef, path: &Path) -> bool {
    let response = plan.operations.get(operation).map(|operation| &operation.response);
    let field = response.zip(path.fields.first()).and_then(|(response, field)| response.get(field.as_str()));
    field.is_some_and(|field| field.label().marks.any())
}

fn params_of(action: &Action) -> Vec<&Name> {
    match action {
        Action::Call { with, .. } | Action::Ask { with, .. } => with.keys().collect(),
        Action::Decide { .. } | Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {
            Vec::new()
        }
    }
}

/// Whether what is shown shows the value at a path: the path itself, or a record that holds it.
pub(crate) fn shows(shown: &str, path: &Path) -> bool {
    let text = path.to_string();
    text == shown || text.strip_prefix(shown).is_some_and(|rest| rest.starts_with('.'))
}
