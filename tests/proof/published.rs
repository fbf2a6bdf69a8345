//! The example's catalog agrees with what the owners of two APIs publish. The facts stand in `published.txt`, with where
//! they are from.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::plan::{Constant, Method, Place};
use assent_schema::shape::{Field, Shape};
use assent_schema::spec::Operation;
use assent_tests::signed::Signed;

const FACTS: &str = include_str!("published.txt");

/// What is published about one operation.
#[derive(Default)]
struct Published {
    /// Method and path.
    line: String,
    /// By place and path: whether a request must have it, and what it looks like.
    takes: BTreeMap<(String, String), (bool, Looks)>,
    /// What an answer holds, by path.
    answers: BTreeMap<String, Looks>,
}

/// JSON type and constants; no constants where every value is fine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks {
    kind: String,
    constants: BTreeSet<String>,
}

fn published() -> BTreeMap<String, Published> {
    let mut all: BTreeMap<String, Published> = BTreeMap::new();
    let mut name = String::new();
    for line in FACTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            header.clone_into(&mut name);
            continue;
        }
        let operation = all.entry(name.clone()).or_default();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [_, _] => line.clone_into(&mut operation.line),
            [place, path, kind, constants @ ..] => {
                let constants = constants.iter().map(ToString::to_string).collect();
                let looks = Looks { kind: (*kind).to_owned(), constants };
                if *place == "answer" {
                    operation.answers.insert((*path).to_owned(), looks);
                } else {
                    let must = place.ends_with('!');
                    let place = place.trim_end_matches('!').to_owned();
                    operation.takes.insert((place, (*path).to_owned()), (must, looks));
                }
            }
            _ => panic!("a line that says nothing: {line}"),
        }
    }
    all
}

/// A path without the names of what stands in it.
fn plain(path: &str) -> String {
    let segment = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn looks(shape: &Shape) -> Looks {
    let (kind, constants) = match shape {
        Shape::Text { .. } | Shape::Token {} | Shape::Uuid {} | Shape::Decimal {} => ("string", Vec::new()),
        Shape::Instant { wire } if wire.is_text() => ("string", Vec::new()),
        Shape::Integer {} | Shape::Instant { .. } => ("integer", Vec::new()),
        Shape::Boolean {} => ("boolean", Vec::new()),
        Shape::Money { .. } => ("money", Vec::new()),
        Shape::OneOf { values, .. } => ("string", values.clone()),
        Shape::List { .. } => ("list", Vec::new()),
        Shape::Record { .. } => ("any", Vec::new()),
    };
    Looks { kind: kind.to_owned(), constants: constants.into_iter().collect() }
}

/// Whether one end may send what the other end takes.
fn fits(sent: &Looks, taken: &Looks) -> bool {
    let is_known = taken.constants.is_empty() || sent.constants.is_subset(&taken.constants);
    sent.kind == taken.kind && is_known
}

/// Every field of an answer with its path, those of items and records included.
fn fields<'f>(at: &str, field: &'f Field, all: &mut Vec<(String, &'f Shape)>) {
    let path = [at, &field.at].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    match &field.shape {
        Shape::List { of, .. } => {
            all.push((path.clone(), &field.shape));
            fields(&path, of, all);
        }
        Shape::Record { fields: inner } => inner.values().for_each(|field| fields(&path, field, all)),
        shape => all.push((path, shape)),
    }
}

/// What of an operation is not as published.
fn differences(operation: &Operation, published: &Published) -> Vec<String> {
    let mut wrong = Vec::new();
    let (method, path) = published.line.split_once(' ').unwrap();
    let said = match operation.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    if said != method || plain(&operation.path.value) != plain(path) {
        wrong.push(format!("{said} {} instead of {}", operation.path.value, published.line));
    }
    let place = |place: Place| match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Body => "body",
        Place::None => "none",
    };
    let constant = |(at, value): (&String, &Constant)| {
        let kind = match value {
            Constant::Boolean(_) => "boolean",
            Constant::Integer(_) => "integer",
            Constant::Text(_) => "string",
        };
        let looks = Looks { kind: kind.to_owned(), constants: BTreeSet::from([value.to_string()]) };
        (("body".to_owned(), at.clone()), (true, looks))
    };
    let param = |param: &assent_schema::plan::Param| {
        ((place(param.place).to_owned(), param.at.clone()), (!param.optional, looks(&param.shape)))
    };
    // A party that a read must belong to is compared, not sent.
    let compared = operation.belongs.as_ref().map(|belongs| belongs.value.param.clone());
    let params = operation.params.iter().filter(|(name, _)| Some(&name.value) != compared.as_ref());
    let mut sent: BTreeMap<(String, String), (bool, Looks)> = params.map(|(_, one)| param(&one.value)).collect();
    sent.extend(operation.constants.iter().map(constant));
    for (at, (_, looks)) in sent.iter().filter(|((place, _), _)| place != "path") {
        match published.takes.get(at) {
            Some((_, taken)) if fits(looks, taken) => {}
            Some((_, taken)) => wrong.push(format!("{at:?} is {looks:?}, and {taken:?} is taken")),
            None => wrong.push(format!("{at:?} is sent and not known")),
        }
    }
    for (at, (must, _)) in &published.takes {
        if *must && !sent.get(at).is_some_and(|(always, _)| *always) {
            wrong.push(format!("{at:?} is missing"));
        }
    }
    if let Some(idempotency) = &operation.idempotency {
        let at = (place(idempotency.value.place).to_owned(), idempotency.value.at.clone());
        if !published.takes.contains_key(&at) {
            wrong.push(format!("there is no idempotency key at {at:?}"));
        }
    }
    let mut answered = Vec::new();
    operation.response.values().for_each(|field| fields("", &field.value, &mut answered));
    for (at, shape) in answered {
        let looks = looks(shape);
        let is_free = |(root, found): (&String, &Looks)| found.kind == "any" && at.starts_with(&format!("{root}."));
        match published.answers.get(&at) {
            Some(found) if found.kind == looks.kind && found.constants == looks.constants => {}
            None if published.answers.iter().any(is_free) => {}
            found => wrong.push(format!("the answer's {at} is {looks:?}, published is {found:?}")),
        }
    }
    wrong
}

#[test]
fn the_catalog_says_what_the_owners_of_the_apis_publish() {
    let checked = Signed::example("2026-06-01T12:00:00Z".parse().unwrap()).check();
    let mut published = published();
    let mut wrong = Vec::new();
    for (name, unit) in checked.survey.parsed.integrations.iter() {
        if !FACTS.contains(&format!("[{name}.")) {
            continue;
        }
        for (operation_name, operation) in &unit.spec.operations {
            let name = format!("{name}.{}", operation_name.value);
            match published.remove(&name) {
                Some(published) => {
                    let found = differences(operation, &published);
                    wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
                }
                None => wrong.push(format!("{name}: nothing is written down about it")),
            }
        }
    }
    wrong.extend(published.into_keys().map(|name| format!("{name} is not in the catalog")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
