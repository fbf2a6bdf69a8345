//! Reads of the catalog that other operations rest on: the one that tells whether an effect happened, the one that reads
//! back what was parked. The engine makes them as reads, so nothing else may stand there.
//!
//! # Source
//! language.md section 2, engine.md section 3.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::Effect;
use assent_schema::shape::{Field, Shape};
use assent_schema::spec::{Integration, Operation, Spanned, Unit};

use super::catalog::{names, quoted};
use super::names::Report;

/// Reports a `confirm`, `park`, `job` or `pages` of an operation that cannot be made as it stands.
pub(super) fn check(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    check_confirm(unit, operation, report);
    check_park(unit, operation, report);
    check_words(unit, operation, report);
    if let Some(pages) = &operation.pages {
        let listed = operation.response.get(pages.collect.as_str()).map(|field| &field.shape);
        if !matches!(listed, Some(Shape::List { .. })) {
            let wrong = format!("`{}` is collected over the pages and is not a list of the answer.", pages.collect);
            report.add(Code::BadValue, &pages.span, wrong);
        }
    }
}

fn check_confirm(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let Some(confirm) = &operation.confirm else { return };
    let Some(read) = unit.spec.operations.get(confirm.operation.as_str()) else { return };
    for (to, from) in &confirm.with {
        for (what, name, known) in
            [("parameter of that operation called", to, &read.params), ("parameter", from, &operation.params)]
        {
            if !known.contains_key(name.as_str()) {
                report.unknown_at(what, name.as_str(), &quoted(&unit.text, &confirm.span, name), &names(known));
            }
        }
    }
    let field = read.response.get(confirm.field.as_str());
    let wrong = if is_no_read(read) {
        format!("`{}` tells whether it happened and is not a simple read.", confirm.operation)
    } else if let Some(name) = needed(read, |name| confirm.with.contains_key(name)) {
        format!("`{}` also needs `{name}`, and `with` does not give it.", confirm.operation)
    } else if let Some(value) = confirm.equals.as_deref().filter(|value| field.is_some_and(|f| never(f, value))) {
        format!("`{}` is never `{value}`, so that it would never have happened.", confirm.field)
    } else {
        return;
    };
    report.add(Code::BadValue, &confirm.span, wrong);
}

fn check_park(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let Some(park) = &operation.park else { return };
    if !operation.params.contains_key(park.text.as_str()) {
        let place = quoted(&unit.text, &park.span, &park.text);
        report.unknown_at("parameter", park.text.as_str(), &place, &names(&operation.params));
    }
    let Some(read) = unit.spec.operations.get(park.read.as_str()) else { return };
    if !read.params.contains_key(park.param.as_str()) {
        let place = quoted(&unit.text, &park.span, &park.param);
        report.unknown_at("parameter of that operation called", park.param.as_str(), &place, &names(&read.params));
    }
    let id = operation.response.get(park.id.as_str());
    let wrong = if id.is_some_and(|id| !id.class.is_fact() || !id.shape.fits_reference() || id.optional) {
        format!("`{}` names what was parked and is not a fact of bounded shape that is always there.", park.id)
    } else if is_no_read(read) {
        format!("`{}` reads back what was parked and is not a simple read.", park.read)
    } else if let Some(name) = needed(read, |name| name == park.param.as_str()) {
        format!("`{}` also needs `{name}`, and what was parked has only its name.", park.read)
    } else {
        return;
    };
    report.add(Code::BadValue, &park.span, wrong);
}

/// What a job is waited for to say, its field can say.
fn check_words(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let Some(job) = &operation.job else { return };
    let field = unit.spec.operations.get(job.read.as_str()).and_then(|read| read.response.get(job.field.as_str()));
    let mut words = job.done.iter().chain(&job.failed);
    if let Some(word) = words.find(|word| field.is_some_and(|field| never(field, word))) {
        report.add(Code::BadValue, &job.span, format!("`{}` is never `{word}`.", job.field));
    }
}

fn is_no_read(operation: &Operation) -> bool {
    operation.effect.value != Effect::None || operation.job.is_some()
}

/// A parameter that an operation needs and nobody gives it.
fn needed(read: &Operation, given: impl Fn(&str) -> bool) -> Option<&Name> {
    let params: &BTreeMap<Spanned<Name>, _> = &read.params;
    params.iter().find(|(name, param)| !param.optional && !given(name.as_str())).map(|(name, _)| &name.value)
}

/// Whether a field of declared constants has another value than these.
fn never(field: &Field, value: &str) -> bool {
    match &field.shape {
        Shape::OneOf { values, .. } => !values.iter().any(|known| known == value),
        Shape::Boolean {} => value != "true" && value != "false",
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Instant { .. }
        | Shape::Money { .. }
        | Shape::List { .. }
        | Shape::Record { .. } => false,
    }
}
