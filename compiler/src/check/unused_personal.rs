//! `unused-personal`: a read whose personal answer nothing uses. Values and answers of an AI that nothing uses are found by
//! `schema::guard`; this file looks at calls, whose unread fields are in no plan.

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::guard::Used;
use assent_schema::id::{ClientId, Name};
use assent_schema::plan::{Action, Effect, Plan};
use assent_schema::shape::{Field, Shape};
use assent_schema::uses::UseKind;

use super::{JudgedWorkflow, View, trust};
use crate::resolve::Site;
use crate::sentence::briefly;

/// Reports each call without effect whose catalog entry answers a personal field, and of whose answer nothing is used:
/// the API sends the person's data for nothing. `has(step)` is a use.
///
/// # Source
/// promises.md, P03: fields that nothing reads are dropped on receipt, so a read is only idle as a whole.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        let judged =
            view.judged.get(&client.facts.client).and_then(|judged| judged.workflows.get(&workflow.plan.workflow));
        let Some(judged) = judged else { continue };
        for step in &judged.idle {
            let message = format!("`{step}` reads a record with personal fields, and nothing uses its answer.");
            let span = workflow.sites.span(&Site::Operation(step.clone()));
            match used_before(view, &client.facts.client, judged, step) {
                Some(before) => {
                    let help = format!("{} {before}", Code::UnusedPersonal.row().help);
                    findings.add_with_help(Code::UnusedPersonal, span, message, help);
                }
                None => findings.add(Code::UnusedPersonal, span, message),
            }
        }
    }
}

/// What the client approved to be done with a personal field of a record, and nothing does any more: then the use was lost
/// rather than the read forgotten.
fn used_before(view: &View<'_>, id: &ClientId, judged: &JudgedWorkflow, step: &Name) -> Option<String> {
    let plan = &judged.lowered.plan;
    let Action::Call { operation, .. } = &plan.step(step.as_str())?.action else { return None };
    let record = format!("{}.", plan.operations.get(operation)?.record);
    let known = view.trusted.statements.get(id)?;
    let approved = known.approved_of(Some(&plan.workflow), view.at.among(trust::times(known)));
    approved.iter().filter(|one| !matches!(one.used.kind, UseKind::Read | UseKind::Cache)).find_map(|one| {
        let is_done = |path: &String| {
            judged
                .uses
                .iter()
                .any(|now| now.kind == one.used.kind && now.to == one.used.to && now.fields.contains_key(path))
        };
        let personal =
            one.used.fields.iter().filter(|(path, class)| path.starts_with(&record) && **class == Class::Personal);
        let (path, _) = personal.into_iter().find(|(path, _)| !is_done(path))?;
        let does = briefly(&one.used);
        Some(format!("`{id}` approved that `{}` {does}, with `{path}` in it; nothing does so now.", plan.workflow))
    })
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
