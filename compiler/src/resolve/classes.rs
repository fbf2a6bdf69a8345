//! `class-lowered`: a workflow raises the class of a field and never lowers it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::{Action, Cancel, Event, Operation, Plan, Step, Trigger, Until};
use assent_schema::shape::{Field, Shape};
use assent_schema::spec::Classes;

use super::names::Report;

/// Raises the fields that a workflow names as `<record>.<field>`, in every event and in every answer of that record. What is
/// a fact no more does not come with an event that is waited for or that cancels.
/// `given` puts settings into a class. A name that leads nowhere is `unknown-name`, a lower class `class-lowered`.
pub(super) fn raise(plan: &mut Plan, classes: &Classes, given: impl Fn(&str) -> String, report: &mut Report<'_>) {
    for (path, class) in classes {
        let said = given(&class.value);
        let Some(wanted) = Class::ALL.into_iter().find(|known| known.as_str() == said) else {
            report.add(Code::BadValue, &class.span, format!("`{}` is not a class.", said.escape_debug()));
            continue;
        };
        let mut fields = fields_at(plan, &path.value);
        if fields.is_empty() {
            let known = all_fields(plan);
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            report.unknown("field of a record that this workflow reads, called", path, &known);
            continue;
        }
        if let Some(lowered) = fields.iter().map(|field| field.class).find(|catalog| wanted < *catalog) {
            let message = format!("`{}` is `{lowered}` in the catalog, and `{wanted}` is less private.", path.value);
            report.add(Code::ClassLowered, &class.span, message);
        }
        for field in &mut fields {
            field.class = field.class.join(wanted);
        }
    }
    for event in awaited(&mut plan.steps, &mut plan.cancels) {
        event.fields.retain(|_, field| field.class.is_fact());
    }
}

/// The events that a run waits for or that cancel it.
fn awaited<'p>(steps: &'p mut [Step], cancels: &'p mut [Cancel]) -> impl Iterator<Item = &'p mut Event> {
    let all = steps.iter_mut().flat_map(|step| match &mut step.action {
        Action::Each(each) => each.steps.iter_mut().map(|step| &mut step.action).collect::<Vec<_>>(),
        action => vec![action],
    });
    let waits = all.filter_map(|action| match action {
        Action::Wait { until: Until::Event(awaited) } => Some(&mut awaited.on),
        _ => None,
    });
    waits.chain(cancels.iter_mut().map(|cancel| &mut cancel.on))
}

/// The fields of all records that the workflow reads, as `<record>.<field>`.
fn all_fields(plan: &mut Plan) -> BTreeSet<String> {
    let of_event = |event: &mut Event| {
        let Event { record, fields, .. } = event;
        fields.keys().map(|field| format!("{record}.{field}")).collect::<Vec<_>>()
    };
    let events: Vec<String> = awaited(&mut plan.steps, &mut plan.cancels).flat_map(of_event).collect();
    let trigger = match &plan.trigger {
        Trigger::Webhook { record, fields, .. } | Trigger::Poll { record, fields, .. } => Some((record, fields)),
        Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
    };
    let answers = plan.operations.values().map(|operation| (&operation.record, &operation.response));
    let records = trigger.into_iter().chain(answers);
    let known = records.flat_map(|(record, fields)| fields.keys().map(move |field| format!("{record}.{field}")));
    known.chain(events).collect()
}

/// Every field of this path, with `list` items passed through.
fn fields_at<'p>(plan: &'p mut Plan, path: &str) -> Vec<&'p mut Field> {
    let Some((record, rest)) = path.split_once('.') else { return Vec::new() };
    let names: Vec<&str> = rest.split('.').collect();
    let Plan { trigger, operations, steps, cancels, .. } = plan;
    let trigger = match trigger {
        Trigger::Webhook { record, fields, .. } | Trigger::Poll { record, fields, .. } => Some((&*record, fields)),
        Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
    };
    // Only what is of this record is copied: the others stay shared.
    let answers = operations.values_mut().filter(|operation| operation.record.as_str() == record).map(|operation| {
        let Operation { record, response, .. } = Arc::make_mut(operation);
        (&*record, response)
    });
    let events = awaited(steps, cancels).map(|event| (&event.record, &mut event.fields));
    let of_record = trigger.into_iter().chain(answers).chain(events).filter(|(of, _)| of.as_str() == record);
    of_record.filter_map(|(_, fields)| below(fields, &names)).collect()
}

fn below<'f>(fields: &'f mut BTreeMap<Name, Field>, names: &[&str]) -> Option<&'f mut Field> {
    let (first, rest) = names.split_first()?;
    let field = fields.get_mut(*first)?;
    if rest.is_empty() {
        return Some(field);
    }
    match &mut field.shape {
        Shape::Record { fields } => below(fields, rest),
        Shape::List { of, .. } => match &mut of.shape {
            Shape::Record { fields } => below(fields, rest),
            _ => None,
        },
        _ => None,
    }
}
