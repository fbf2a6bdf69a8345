//! Names that one operation of the catalog gives to another, or to its own parameters and fields.

mod channels;
mod places;

use std::collections::BTreeMap;
use std::ops::Range;

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::Name;
use assent_schema::plan::Effect;
use assent_schema::spec::{Integration, Operation, Spanned, Unit};

use super::names::{Report, texts};
use super::reads;
use crate::parse::Parsed;

/// Reports each name in `confirm`, `park`, `job` and `belongs` that leads nowhere: the check that it stands for would not be made.
pub(super) fn check(parsed: &Parsed, findings: &mut Findings) {
    for unit in parsed.integrations.values() {
        check_test(unit, &mut Report::new(unit, findings));
        channels::check(unit, &mut Report::new(unit, findings));
        for (name, operation) in &unit.spec.operations {
            check_retry(&name.value, operation, &mut Report::new(unit, findings));
            check_operation(unit, operation, &mut Report::new(unit, findings));
            check_job(unit, operation, &mut Report::new(unit, findings));
            reads::check(unit, operation, &mut Report::new(unit, findings));
            places::check(unit, operation, &mut Report::new(unit, findings));
        }
    }
}

fn check_operation(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let mut known = |what: &str, name: &Name, whole: &Range<usize>, known: &[&str]| {
        if !known.contains(&name.as_str()) {
            report.unknown_at(what, name.as_str(), &quoted(&unit.text, whole, name), known);
        }
    };
    let operations = texts(unit.spec.operations.keys().map(|name| &name.value));
    if let Some(confirm) = &operation.confirm {
        known("operation", &confirm.operation, &confirm.span, &operations);
        if let Some(read) = unit.spec.operations.get(confirm.operation.as_str()) {
            known("field of that operation called", &confirm.field, &confirm.span, &names(&read.response));
        }
    }
    if let Some(park) = &operation.park {
        known("operation", &park.read, &park.span, &operations);
        known("field of the answer called", &park.id, &park.span, &names(&operation.response));
        if let Some(read) = unit.spec.operations.get(park.read.as_str()) {
            known("field of that operation called", &park.field, &park.span, &names(&read.response));
        }
    }
    if let Some(job) = &operation.job {
        known("operation", &job.read, &job.span, &operations);
        known("field of the answer called", &job.id, &job.span, &names(&operation.response));
        if let Some(read) = unit.spec.operations.get(job.read.as_str()) {
            known("field of that operation called", &job.field, &job.span, &names(&read.response));
            known("parameter of that operation called", &job.param, &job.span, &names(&read.params));
        }
    }
    if let Some(belongs) = &operation.belongs {
        known("parameter", &belongs.param, &belongs.span, &names(&operation.params));
        known("field of the answer called", &belongs.field, &belongs.span, &names(&operation.response));
    }
}

/// Reports a read for testing secrets that is none, or cannot be done with nothing but the secret.
fn check_test(unit: &Unit<Integration>, report: &mut Report<'_>) {
    let auth = &unit.spec.auth;
    let Some(test) = auth.value.test() else { return };
    let Some(read) = unit.spec.operations.get(test.as_str()) else {
        let operations = texts(unit.spec.operations.keys().map(|name| &name.value));
        report.unknown_at("operation", test.as_str(), &quoted(&unit.text, &auth.span, test), &operations);
        return;
    };
    let needs = read.params.iter().find(|(_, param)| !param.optional).map(|(name, _)| &name.value);
    let wrong = match needs {
        _ if read.effect.value != Effect::None => format!("`{test}` tests secrets and is not a read."),
        Some(needs) => format!("`{test}` tests secrets and needs `{needs}`, which nobody gives it then."),
        None => return,
    };
    report.add(Code::BadValue, &auth.span, wrong);
}

/// Reports a `job` whose name is no fact, or whose look at it cannot be made with that name alone.
fn check_job(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let Some(job) = &operation.job else { return };
    let id = operation.response.get(job.id.as_str());
    let read = unit.spec.operations.get(job.read.as_str());
    let tells = read.and_then(|read| read.response.get(job.field.as_str()));
    let mut others =
        read.iter().flat_map(|read| &read.params).filter(|(name, param)| name.value != job.param && !param.optional);
    let wrong = if id.is_some_and(|id| !id.class.is_fact() || !id.shape.fits_reference() || id.optional) {
        format!("`{}` names the job and is not a fact of bounded shape that is always there.", job.id)
    } else if tells.is_some_and(|tells| !tells.class.is_fact()) {
        format!("`{}` tells how the job stands and is not a fact.", job.field)
    } else if read.is_some_and(|read| read.effect.value != Effect::None || read.job.is_some()) {
        format!("`{}` looks at the job and is not a simple read.", job.read)
    } else if let Some((name, _)) = others.next() {
        format!("`{}` also needs `{}`, and a job has only its name.", job.read, name.value)
    } else {
        return;
    };
    report.add(Code::BadValue, &job.span, wrong);
}

/// `unsafe-retry` of an operation as the catalog has it, whether a workflow calls it or not: the next one that does would.
fn check_retry(name: &Name, operation: &Operation, report: &mut Report<'_>) {
    let Some(retry) = &operation.retry else { return };
    if operation.effect.value == Effect::None || retry.attempts <= 1 {
        return;
    }
    let worst = retry.worst(operation.timeout);
    let (wrong, help) = match &operation.idempotency {
        None if operation.not_executed.is_empty() => (
            format!(
                "`{name}` is tried up to {} times, and the API cannot tell that it is the same request.",
                retry.attempts
            ),
            "Say with which `idempotency` key or after which `not_executed` statuses a repeat is safe, or set one attempt.",
        ),
        Some(key) if worst > key.lives => (
            format!("The attempts of `{name}` may take {worst}, and the API remembers its key for {}.", key.lives),
            "Make fewer attempts, or shorter delays.",
        ),
        _ => return,
    };
    report.add_with_help(Code::UnsafeRetry, &retry.span, wrong, help.to_owned());
}

/// The names of parameters, fields or operations.
pub(super) fn names<T>(map: &BTreeMap<Spanned<Name>, T>) -> Vec<&str> {
    texts(map.keys().map(|name| &name.value))
}

/// Where a name stands in quotes within a stretch of the file; the whole stretch when it is written in another way.
pub(super) fn quoted(text: &str, whole: &Range<usize>, name: &Name) -> Range<usize> {
    let quoted = format!("\"{name}\"");
    let at = text.get(whole.clone()).and_then(|part| part.find(&quoted));
    at.map_or_else(|| whole.clone(), |at| whole.start + at..whole.start + at + quoted.len())
}
