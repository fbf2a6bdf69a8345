//! Operations: the catalog's facts, as far as one plan has them.

use super::super::bounds;
use super::super::path::{holes, segments};
use super::super::{Effect, Encoding, KEPT_HEADERS, Method, Operation, Param, Place, Plan, is_json_media};
use super::step::attempts;
use super::{Unwritten, is_read, leads, must, shape, within};
use crate::id::{Name, OperationRef};
use crate::shape::Shape;

/// What stands before the name of a constant that is a header.
const IN_HEADER: &str = "header:";

/// One operation under its name.
pub(super) fn check(plan: &Plan, name: &OperationRef, operation: &Operation) -> Result<(), Unwritten> {
    let what = || format!("`{name}`");
    leads(plan, &name.connection, &what)?;
    within(&bounds::RESPONSE_BYTES, &operation.most_bytes, || format!("the answer of {}", what()))?;
    within(&bounds::ATTEMPT, &operation.timeout, || format!("the time of {}", what()))?;
    must(is_path(&operation.path, operation), || format!("the path of {} is not that of its parameters", what()))?;
    must((operation.encoding == Encoding::Graphql) == operation.document.is_some(), || {
        format!("the document of {} is not that of its encoding", what())
    })?;
    must(operation.method != Method::Get || !in_body(operation), || format!("{} is a `GET` with a body", what()))?;
    must(operation.media.as_deref().is_none_or(is_json_media), || format!("{} is called no JSON", what()))?;
    let mut headers = operation.constants.keys().filter_map(|at| at.strip_prefix(IN_HEADER));
    must(!headers.any(is_ours), || format!("a constant of {} is a header that is not its to set", what()))?;
    operation.params.iter().try_for_each(|(param, given)| {
        takes(operation, param, given)
            .map_err(|Unwritten(wrong)| Unwritten(format!("`{param}` of {}: {wrong}", what())))
    })?;
    for (field, answered) in &operation.response {
        shape::field(answered, &|| format!("`{field}` of {}", what()))?;
    }
    for must_hold in operation.must.values().filter_map(|must_hold| must_hold.shape.as_ref()) {
        shape::shape(must_hold, &|| format!("what {} must answer", what()))?;
    }
    repeats(operation, &what)?;
    reads(plan, name, operation, &what)
}

/// A parameter, in a place where it may stand.
fn takes(operation: &Operation, name: &Name, param: &Param) -> Result<(), Unwritten> {
    let compared = operation.belongs.as_ref().is_some_and(|belongs| belongs.param == *name);
    let counted = param.amount && operation.effect == Effect::Money;
    must(param.place != Place::None || compared || counted, || "it goes nowhere".to_owned())?;
    must(param.place != Place::Path || !param.optional, || "it may be left out of the path".to_owned())?;
    must(param.place != Place::Header || !is_ours(&param.at), || "it is a header that is not its to set".to_owned())?;
    must(param.prefix.is_none() || matches!(param.shape, Shape::Token {}), || {
        "it has a prefix and is no token".to_owned()
    })?;
    must(!param.amount || matches!(param.shape, Shape::Money { .. }), || "it is an amount of nothing".to_owned())?;
    must(param.place == Place::Query || !shape::has_currency_below(&param.shape), || {
        "it has its currency below its number".to_owned()
    })?;
    shape::shape(&param.shape, &|| "it".to_owned())
}

fn is_ours(header: &str) -> bool {
    KEPT_HEADERS.iter().any(|kept| header.eq_ignore_ascii_case(kept))
}

fn in_body(operation: &Operation) -> bool {
    operation.params.values().any(|param| param.place == Place::Body)
        || operation.pages.as_ref().is_some_and(|pages| pages.place == Place::Body)
}

/// A path below the endpoint whose holes are exactly the parameters of the path.
fn is_path(path: &str, operation: &Operation) -> bool {
    let in_path = operation.params.iter().filter(|(_, param)| param.place == Place::Path);
    let mut params: Vec<&str> = in_path.map(|(name, _)| name.as_str()).collect();
    let mut holes = holes(path);
    params.sort_unstable();
    holes.sort_unstable();
    segments(path).is_ok() && holes == params
}

/// How it fails and is repeated.
fn repeats(operation: &Operation, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    let statuses = operation.errors.iter().flat_map(|rule| &rule.status);
    must(statuses.into_iter().all(|status| (100..=599).contains(status)), || {
        format!("{} fails with no status", what())
    })?;
    must(operation.errors.iter().all(|rule| !rule.status.is_empty() || rule.body.is_some()), || {
        format!("{} always fails", what())
    })?;
    must(operation.not_executed.iter().all(|status| (300..=599).contains(status)), || {
        format!("{} says yes where nothing ran", what())
    })?;
    operation.retry.iter().try_for_each(|retry| attempts(retry, &|| format!("the `retry` of {}", what())))?;
    if let Some(rate) = &operation.rate {
        within(&bounds::RATE, &rate.requests, || format!("the `rate` of {}", what()))?;
        within(&bounds::RATE_PER, &rate.per, || format!("the `rate` of {}", what()))?;
    }
    let Some(key) = &operation.idempotency else { return Ok(()) };
    within(&bounds::KEY_LIVES, &key.lives, || format!("how long the key of {} lives", what()))?;
    let fits = match key.place {
        Place::Header => !is_ours(&key.at),
        Place::Body => true,
        Place::Path | Place::Query | Place::None => false,
    };
    must(fits, || format!("the key of {} goes where none can be", what()))
}

/// The reads that it rests on, and what it is read with.
fn reads(plan: &Plan, name: &OperationRef, operation: &Operation, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    let acts = operation.effect != Effect::None;
    let of_effects = operation.idempotency.is_some() || operation.confirm.is_some() || operation.park.is_some();
    must(acts || !(of_effects || operation.finds), || format!("{} confirms, parks or repeats no effect", what()))?;
    let of_reads = operation.reread || operation.belongs.is_some() || operation.pages.is_some();
    must(!(acts && of_reads), || format!("{} reads and has an effect", what()))?;
    if let Some(confirm) = &operation.confirm {
        within(&bounds::SETTLES, &confirm.settles, || format!("how long {} settles", what()))?;
    }
    if let Some(job) = &operation.job {
        within(&bounds::JOB_EVERY, &job.every, || format!("how often the job of {} is looked at", what()))?;
        within(&bounds::JOB, &job.within, || format!("the job of {}", what()))?;
        must(!job.done.is_empty() && job.done.is_disjoint(&job.failed), || {
            format!("the job of {} never ends", what())
        })?;
    }
    let read = [
        operation.confirm.as_ref().map(|confirm| &confirm.operation),
        operation.park.as_ref().map(|park| &park.read),
        operation.job.as_ref().map(|job| &job.read),
    ];
    for sibling in read.into_iter().flatten() {
        must(is_read(plan, &name.connection, sibling), || {
            format!("{} rests on `{sibling}`, which is no read", what())
        })?;
    }
    if let Some(belongs) = &operation.belongs {
        must(operation.params.contains_key(&belongs.param), || format!("{} belongs to nobody", what()))?;
    }
    let Some(pages) = &operation.pages else { return Ok(()) };
    within(&bounds::PAGES, &pages.most, || format!("the pages of {}", what()))?;
    must(matches!(pages.place, Place::Query | Place::Body), || format!("the pages of {} are asked for nowhere", what()))
}
