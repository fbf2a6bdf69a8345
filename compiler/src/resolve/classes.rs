//! `class-lowered`: a workflow raises the class of a field and never lowers it.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::{Plan, Trigger};
use assent_schema::shape::{Field, Shape};
use assent_schema::spec::Classes;

use super::names::Report;

/// Raises the fields that a workflow names as `<record>.<field>`, in the event and in every answer of that record.
/// `given` puts settings into a class. A name that leads nowhere is `unknown-name`, a lower class `class-lowered`.
pub(super) fn raise(plan: &mut Plan, classes: &Classes, given: impl Fn(&str) -> String, report: &mut Report<'_>) {
    for (path, class) in classes {
        let said = given(&class.value);
        let Some(wanted) = Class::ALL.into_iter().find(|known| known.as_str() == said) else {
            report.add(Code::BadValue, &class.span, format!("`{}` is no class.", said.escape_debug()));
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
}

/// The fields of all records that the workflow reads, as `<record>.<field>`.
fn all_fields(plan: &Plan) -> BTreeSet<String> {
    let trigger = match &plan.trigger {
        Trigger::Webhook { record, fields, .. } | Trigger::Poll { record, fields, .. } => Some((record, fields)),
        Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
    };
    let answers = plan.operations.values().map(|operation| (&operation.record, &operation.response));
    let records = trigger.into_iter().chain(answers);
    records.flat_map(|(record, fields)| fields.keys().map(move |field| format!("{record}.{field}"))).collect()
}

/// Every field of this path, with `list` items passed through.
fn fields_at<'p>(plan: &'p mut Plan, path: &str) -> Vec<&'p mut Field> {
    let Some((record, rest)) = path.split_once('.') else { return Vec::new() };
    let names: Vec<&str> = rest.split('.').collect();
    let mut found = Vec::new();
    if let Trigger::Webhook { record: of, fields, .. } | Trigger::Poll { record: of, fields, .. } = &mut plan.trigger
        && of.as_str() == record
    {
        found.extend(below(fields, &names));
    }
    for operation in plan.operations.values_mut().filter(|operation| operation.record.as_str() == record) {
        found.extend(below(&mut operation.response, &names));
    }
    found
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
