//! `unused-personal`: a read whose personal answer nothing uses. Values and answers of an AI that nothing uses are found by
//! `schema::guard`; this file looks at calls, whose unread fields are in no plan.

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::guard::Used;
use assent_schema::id::Name;
use assent_schema::plan::{Action, Effect, Plan};
use assent_schema::shape::{Field, Shape};

use super::View;
use crate::resolve::Site;

/// Reports each call without effect whose catalog entry answers a personal field, and of whose answer nothing is used:
/// the API sends the person's data for nothing. `has(step)` is a use.
///
/// # Source
/// promises.md, P03: fields that nothing reads are dropped on receipt, so a read is only idle as a whole.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        let judged =
            view.judged.get(&client.facts.client).and_then(|judged| judged.workflows.get(&workflow.plan.workflow));
        for step in judged.iter().flat_map(|judged| &judged.idle) {
            let message = format!("`{step}` reads a record with personal fields, and nothing uses its answer.");
            findings.add(Code::UnusedPersonal, workflow.sites.span(&Site::Operation(step.clone())), message);
        }
    }
}

/// The steps of a candidate plan that read personal fields for nothing.
pub(super) fn idle(plan: &Plan) -> Vec<Name> {
    let reads = plan.every_step().filter(|step| match &step.action {
        Action::Call { operation, .. } => plan
            .operations
            .get(operation)
            .is_some_and(|called| called.effect == Effect::None && called.response.values().any(is_personal)),
        Action::Ask { .. }
        | Action::Decide { .. }
        | Action::Set { .. }
        | Action::Each(_)
        | Action::Wait { .. }
        | Action::Stop { .. } => false,
    });
    let reads: Vec<_> = reads.collect();
    if reads.is_empty() {
        return Vec::new();
    }
    let used = Used::of(plan);
    reads.into_iter().filter(|step| !used.has(&step.id, None)).map(|step| step.id.clone()).collect()
}

fn is_personal(field: &Field) -> bool {
    field.class == Class::Personal
        || match &field.shape {
            Shape::Record { fields } => fields.values().any(is_personal),
            Shape::List { of, .. } => is_personal(of),
            _ => false,
        }
}
