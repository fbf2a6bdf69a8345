//! `unused-value`: a value that a `set` computes and nothing uses. Of personal ones `unused-personal` tells.

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::flow::Flows;
use assent_schema::guard::Used;
use assent_schema::id::Name;
use assent_schema::plan::{Action, Plan};

use super::View;
use crate::resolve::Site;

/// Reports each such value, where nothing else is wrong with what the workflow does: else it may be what the other finding
/// wants to be used.
///
/// # Source
/// language.md section 3, `set`. The agent runs such a plan: it harms nobody.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        let judged =
            view.judged.get(&client.facts.client).and_then(|judged| judged.workflows.get(&workflow.plan.workflow));
        let Some(judged) = judged.filter(|judged| judged.breaches.is_empty()) else { continue };
        for (step, name) in &judged.unused {
            let span = workflow.sites.span(&Site::Argument(step.clone(), name.clone()));
            findings.add(Code::UnusedValue, span, format!("`{step}.{name}` is computed, and nothing uses it."));
        }
    }
}

/// The values of a plan that nothing uses, but for personal ones: the step, and the value's name.
pub(super) fn unused(plan: &Plan, flows: &Flows) -> Vec<(Name, Name)> {
    let sets = || {
        plan.every_step().filter_map(|step| match &step.action {
            Action::Set { values } => Some((&step.id, values)),
            _ => None,
        })
    };
    if sets().next().is_none() {
        return Vec::new();
    }
    let used = Used::of(plan);
    let is_personal = |step: &Name, name: &Name| {
        let result = flows.step(step.as_str()).and_then(|flow| flow.result.get(name.as_str()));
        result.is_some_and(|label| label.class == Class::Personal)
    };
    let named = sets().flat_map(|(step, values)| values.keys().map(move |name| (step, name)));
    let unused = named.filter(|(step, name)| !used.has(step, Some(name)) && !is_personal(step, name));
    unused.map(|(step, name)| (step.clone(), name.clone())).collect()
}
