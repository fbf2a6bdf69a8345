//! Reads one operation of an integration.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assent_schema::code::Code;
use assent_schema::guard::wrong_retry;
use assent_schema::id::Name;
use assent_schema::plan::{
    ATTEMPTS_MOST, Belongs, Confirm, Effect, Encoding, ErrorRule, Failure, Idempotency, JSON_MEDIA, Job, Method,
    OUTCOMES, OwnEvent, Param, Park, Place, Retry, bounds, is_json_media,
};
use assent_schema::spec::{Operation, Spanned};
use assent_schema::time::Period;

use super::amount;
use super::client::rate;
use super::field::answer_fields;
use super::graphql::{check_document, document};
use super::integration::{header_name, refusals, statuses};
use super::pages::{check_kept, check_polled, pages, polled};
use super::param::{check_targets, param, path_template};
use super::place::{HEADER, answer_place, constants_by_path, path};
use super::reader::{Sink, Table, Value};
use super::tree::Written;
use super::value::{boolean, integer, name, parsed, period, plain_line, within, word};

/// The largest answer unless said, in bytes.
const RESPONSE_BYTES: u64 = 1 << 20;
/// The longest time for one attempt unless said.
const ATTEMPT: Period = Period::seconds(10);

/// Reads an operation.
pub(super) fn operation(value: Value<'_, '_>) -> Option<Operation> {
    let mut table = value.table()?;
    let record = table.need("record", name);
    let method = table.need("method", word);
    let (sink, found) = (table.sink(), table.sink().findings());
    let params = table.map("params", |value| {
        let name = value.key;
        value.spanned(|value| param(value, name))
    });
    let whole = sink.findings() == found;
    let template = table.need("path", |value| value.spanned(|value| path_template(&value, &params)));
    let (mut says_place, mut constants_at) = (true, BTreeMap::new());
    let operation = Operation {
        record: record?,
        method: method?,
        path: template?,
        encoding: table.opt("encoding", word).unwrap_or_default(),
        media: table.opt("media", media),
        document: table.opt("document", |value| value.spanned(document)),
        effect: table.opt("effect", |v| v.spanned(word)).unwrap_or_else(|| Spanned::new(Effect::None, table.span())),
        scopes: table.set("scopes", name),
        params,
        constants: table
            .opt("constants", |value| {
                constants_at = places_of(&value);
                constants_by_path(value)
            })
            .unwrap_or_default(),
        constants_at,
        response: table.opt("response", answer_fields).unwrap_or_default(),
        most_bytes: table.opt("most_bytes", within(bounds::RESPONSE_BYTES)).unwrap_or(RESPONSE_BYTES),
        timeout: table.opt("timeout", period(bounds::ATTEMPT)).unwrap_or(ATTEMPT),
        errors: table.list("errors", |value| value.spanned(error_rule)),
        not_executed: table.opt("not_executed", refusals).unwrap_or_default(),
        idempotency: table.opt("idempotency", |value| value.spanned(idempotency)),
        retry: table.opt("retry", |value| value.spanned(retry)),
        confirm: table.opt("confirm", |value| value.spanned(confirm)),
        reread: table.opt("reread", boolean).unwrap_or_default(),
        finds: table.opt("finds", boolean).unwrap_or_default(),
        park: table.opt("park", |value| value.spanned(park)),
        belongs: table.opt("belongs", |value| value.spanned(belongs)),
        job: table.opt("job", |value| value.spanned(job)),
        rate: table.opt("rate", rate),
        pages: table.opt("pages", |value| {
            says_place = value.clone().table().is_none_or(|pages| pages.has("in"));
            value.spanned(pages)
        }),
        poll: table.opt("poll", |value| value.spanned(polled)),
    };
    check_said(&operation, &mut table);
    if let Some(polled) = &operation.poll {
        check_polled(polled, &operation, table.sink());
    }
    if let Some(pages) = &operation.pages {
        check_kept(pages, &operation, table.sink());
    }
    check_document(&operation, &mut table);
    if operation.media.is_some() && operation.encoding != Encoding::Json {
        let help = "Remove it, or use `encoding = \"json\"`.";
        table.bad::<()>("`media` is what an API calls its JSON, and the body is written in another way here.", help);
    }
    check_compared(&operation, table.sink());
    if !table.is_misspelt("effect") {
        check_targets(&operation, table.sink());
        if !is_effect_misread(&operation, &table) {
            amount::check(&operation, whole, &mut table);
        }
    }
    check_body(&operation, says_place, &table);
    unused(&operation, &mut table);
    if let Some(job) = &operation.job {
        alone(job, &operation, table.sink());
    }
    table.done();
    Some(operation)
}

/// Only a `GET` reads unless the catalog says otherwise, and a `POST` of GraphQL, whose document tells. A search by `POST`
/// looks like a payment: taken for a read it would be sent again after a lost answer, and clients would sign that it reads.
fn check_said(operation: &Operation, table: &mut Table<'_, '_>) {
    let is_told = match operation.method {
        Method::Get => true,
        Method::Post => operation.encoding == Encoding::Graphql,
        Method::Put | Method::Patch | Method::Delete => false,
    };
    if is_told || table.has("effect") {
        return;
    }
    let message = format!("`{}` changes something, unless the catalog says otherwise.", operation.method.as_str());
    let help =
        "Say what: `effect = \"write\"`, `\"message\"` or `\"money\"`, or `effect = \"none\"` where it only reads.";
    table.lacks::<()>(&["effect"], &message, help);
}

/// A step whose answer is a job has no list, no record of somebody's, and keeps no text.
fn alone(job: &Spanned<Job>, operation: &Operation, sink: &Sink) {
    let beside = [
        ("pages", operation.pages.is_some()),
        ("poll", operation.poll.is_some()),
        ("belongs", operation.belongs.is_some()),
        ("park", operation.park.is_some()),
        ("reread", operation.reread),
    ];
    for (key, _) in beside.into_iter().filter(|(_, there)| *there) {
        let message = format!("`job` and `{key}` do not go together: the answer only says that the job was taken.");
        let help = format!("Move `{key}` to the operation that reads what the job made, and call that behind it.");
        sink.refuse(Code::BadValue, &job.span, message, Some(help));
    }
}

/// Only whose record it must be can be compared without being sent, and an amount that the other side knows be counted.
fn check_compared(operation: &Operation, sink: &Sink) {
    let party = operation.belongs.as_ref().map(|belongs| belongs.param.as_str());
    // A party that is no parameter is told elsewhere, and may be this one, misspelt.
    if party.is_some_and(|party| !operation.params.contains_key(party)) {
        return;
    }
    // Of a misspelt effect it is not known whether it moves money.
    let nowhere = |(name, param): &(&Spanned<Name>, &Spanned<Param>)| {
        param.place == Place::None && Some(name.value.as_str()) != party && !param.amount
    };
    for (name, _) in operation.params.iter().filter(nowhere) {
        let message = format!("`{}` goes nowhere, and `belongs` does not compare it.", name.value);
        let help = "Say in `in` where it is sent, or name it as `param` of `belongs`.".to_owned();
        sink.refuse(Code::BadValue, &name.span, message, Some(help));
    }
}

/// A body goes where the method has one, and where a list is asked for with a body its next page is, too.
fn check_body(operation: &Operation, says_place: bool, table: &Table<'_, '_>) {
    let in_body = operation.params.iter().find(|(_, param)| param.place == Place::Body);
    if operation.method == Method::Get {
        let pages = operation.pages.as_ref().filter(|pages| pages.place == Place::Body);
        let what = match (in_body, pages) {
            (Some((name, _)), _) => Some((format!("`{}` stands in the body", name.value), &name.span)),
            (None, Some(pages)) => Some(("the cursor of `pages` stands in the body".to_owned(), &pages.span)),
            (None, None) => None,
        };
        if let Some((what, span)) = what {
            let message = format!("A `GET` has no body, and {what}.");
            let help = "Use the query, or the method that the API wants.".to_owned();
            table.sink().refuse(Code::BadValue, span, message, Some(help));
        }
        return;
    }
    let has_body = operation.encoding == Encoding::Graphql
        || in_body.is_some()
        || !operation.constants.keys().all(|at| at.starts_with(HEADER));
    if let Some(pages) = operation.pages.as_ref().filter(|_| has_body && !says_place) {
        let message = "This list is asked for with a body; `pages` does not say where its cursor goes.".to_owned();
        let help = "Add `in = \"body\"` or `in = \"query\"`, as the API reads it.".to_owned();
        table.sink().refuse(Code::BadValue, &pages.span, message, Some(help));
    }
}

/// Whether the effect is none of ours, which was reported: whether the operation has one is then not known.
fn is_effect_misread(operation: &Operation, table: &Table<'_, '_>) -> bool {
    table.has("effect") && operation.effect.span == table.span()
}

/// Keys that mean nothing beside the operation's effect would make a reader believe in them.
fn unused(operation: &Operation, table: &mut Table<'_, '_>) {
    let misspelled = is_effect_misread(operation, table);
    let acts = operation.effect.value != Effect::None;
    let about_effects = operation.idempotency.is_some() || operation.confirm.is_some() || operation.park.is_some();
    let about_effects = about_effects || operation.finds;
    if !acts && !misspelled && about_effects {
        table.bad::<()>(
            "`idempotency`, `confirm`, `finds` and `park` are about effects, and this operation has none.",
            "Add `effect`, or remove them.",
        );
    }
    let reads = operation.reread || operation.belongs.is_some() || operation.pages.is_some();
    if acts && (reads || operation.poll.is_some()) {
        table.bad::<()>(
            "`reread`, `belongs`, `pages` and `poll` are about reads, and this operation has an effect.",
            "Remove them, or remove `effect`.",
        );
    }
}

/// What an API calls its JSON.
fn media(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    match text {
        JSON_MEDIA => value.bad_with_help("is what is sent anyway", "Remove it.".to_owned()),
        text if is_json_media(text) => Some(text.to_owned()),
        _ => value.bad("is not the name of a kind of JSON, like `application/vnd.api+json`"),
    }
}

/// Where each member of a table stands.
fn places_of(value: &Value<'_, '_>) -> BTreeMap<String, Range<usize>> {
    let Written::Table(members) = value.inner else { return BTreeMap::new() };
    members.iter().map(|(key, _)| (key.get_ref().to_string(), key.span())).collect()
}

fn failure(value: Value<'_, '_>) -> Option<Name> {
    if OUTCOMES.contains(&value.text()?) {
        let help = "Name it after what the API says.".to_owned();
        return value.bad_with_help("is what the agent says of a request that did not fail", help);
    }
    parsed(value)
}

fn error_rule(value: Value<'_, '_>) -> Option<ErrorRule> {
    let mut table = value.table()?;
    let status = table.opt("status", statuses).unwrap_or_default();
    let at = table.opt("at", answer_place);
    let equals = table.opt("equals", plain_line);
    let kind: Option<Failure> = table.need("kind", word);
    let code = table.need("code", failure);
    let body = match (at, equals) {
        (Some(at), Some(equals)) => Some(OwnEvent { at, equals }),
        _ if table.has("at") && table.has("equals") => None,
        (None, None) => None,
        (at, _) => {
            let lacking: &[&str] = if at.is_some() { &["equals"] } else { &["at"] };
            table.lacks(lacking, "`at` and `equals` belong together.", "Write both, or neither.")
        }
    };
    // Whoever got that answer would take what was done for what was refused.
    let says_which = table.has("at") || table.has("equals");
    if let Some(yes) = status.iter().find(|status| (200..300).contains(*status)).filter(|_| !says_which) {
        let message = format!("The rule makes a failure of every answer with {yes}, which says yes.");
        table.bad::<()>(&message, "Say with `at` and `equals` which of them say no.");
    }
    if !table.has("status") && !table.has("at") && !table.has("equals") {
        let keys = ["status", "at", "equals"];
        table.lacks::<()>(&keys, "The rule is about every answer.", "Add `status`, or `at` and `equals`.");
    }
    table.done();
    Some(ErrorRule { status, body, kind: kind?, code: code? })
}

pub(super) fn one_of(value: Value<'_, '_>, places: [Place; 2], otherwise: &str) -> Option<Place> {
    let given = value.clone();
    let place: Place = word(value)?;
    if places.contains(&place) { Some(place) } else { given.bad(otherwise) }
}

fn idempotency(value: Value<'_, '_>) -> Option<Idempotency> {
    let mut table = value.table()?;
    let place = table.need("in", |value| one_of(value, [Place::Header, Place::Body], "is none of `header`, `body`"));
    let at = match place {
        Some(Place::Header) => table.need("at", header_name),
        _ => table.need("at", path),
    };
    let form = table.opt("form", word).unwrap_or_default();
    let lives = table.need("lives", period(bounds::KEY_LIVES));
    table.done();
    Some(Idempotency { place: place?, at: at?, form, lives: lives? })
}

/// Reads how attempts follow one another. One without sense is `bad-retry` here, and the default stands in for it.
pub(super) fn retry(value: Value<'_, '_>) -> Option<Retry> {
    let delay = || period(bounds::DELAY);
    let (sink, span) = (value.sink, value.span.clone());
    let mut table = value.table()?;
    let attempts = table.need("attempts", attempts);
    let first = table.need("first", delay());
    let most = table.need("most", delay());
    let retry = Retry { attempts: attempts?, first: first?, most: most? };
    table.done();
    if let Some(wrong) = wrong_retry(&retry) {
        let turned = retry.first > retry.most;
        let help = turned.then(|| "Write the shortest delay as `first` and the longest as `most`.".to_owned());
        sink.report(Code::BadRetry, &span, wrong, help);
        return None;
    }
    Some(retry)
}

/// How many attempts there are; more than the most are `bad-retry`, and that is the limit that is told.
fn attempts(value: Value<'_, '_>) -> Option<u32> {
    match integer(value.clone())? {
        ..=0 => value.bad(&format!("is not within 1 to {ATTEMPTS_MOST}")),
        _ => within(1..=u32::MAX)(value),
    }
}

fn confirm(value: Value<'_, '_>) -> Option<Confirm> {
    let mut table = value.table()?;
    let operation = table.need("operation", parsed);
    let with = table.map::<Name, Name>("with", parsed);
    let field = table.need("field", parsed);
    let equals = table.opt("equals", plain_line);
    let settles = table.need("settles", period(bounds::SETTLES));
    table.done();
    let with = with.into_iter().map(|(to, from)| (to.value, from)).collect();
    Some(Confirm { operation: operation?, with, field: field?, equals, settles: settles? })
}

fn park(value: Value<'_, '_>) -> Option<Park> {
    let mut table = value.table()?;
    let text = table.need("text", parsed);
    let id = table.need("id", parsed);
    let read = table.need("read", parsed);
    let param = table.need("param", parsed);
    let field = table.need("field", parsed);
    table.done();
    Some(Park { text: text?, id: id?, read: read?, param: param?, field: field? })
}

/// How often a job is looked at unless said.
const JOB_EVERY: Period = Period::seconds(10);
/// So often a job may be looked at; each look is an entry of the ledger.
const JOB_LOOKS_MOST: u64 = 1_000;

fn job(value: Value<'_, '_>) -> Option<Job> {
    let mut table = value.table()?;
    let id = table.need("id", parsed);
    let read = table.need("read", parsed);
    let param = table.need("param", parsed);
    let field = table.need("field", parsed);
    let done = table.need("done", job_words);
    let failed = table.need("failed", job_words);
    let every = table.opt("every", period(bounds::JOB_EVERY)).unwrap_or(JOB_EVERY);
    let within = table.need("within", period(bounds::JOB));
    let (done, failed, within) = (done?, failed?, within?);
    if let Some(both) = done.intersection(&failed).next() {
        let message = format!("`{both}` says that the job is done and that it failed.");
        return table.bad(&message, "Remove it from `done` or from `failed`.");
    }
    if within.as_seconds() / every.as_seconds().max(1) > JOB_LOOKS_MOST {
        let message = format!("A job would be looked at more than {JOB_LOOKS_MOST} times.");
        return table.bad(&message, "Make `every` longer, or `within` shorter.");
    }
    table.done();
    Some(Job { id: id?, read: read?, param: param?, field: field?, done, failed, every, within })
}

/// Words by which an API tells how a job stands; at least one.
fn job_words(value: Value<'_, '_>) -> Option<BTreeSet<String>> {
    let given = value.clone();
    let words: BTreeSet<String> = value.items()?.filter_map(plain_line).collect();
    if words.is_empty() { given.bad("names no word") } else { Some(words) }
}

fn belongs(value: Value<'_, '_>) -> Option<Belongs> {
    let mut table = value.table()?;
    let param = table.need("param", parsed);
    let field = table.need("field", parsed);
    table.done();
    Some(Belongs { param: param?, field: field? })
}
