//! What a request says, read back from its bytes: what the other side understands, not what we meant.

use assent_schema::id::Name;
use assent_schema::plan::{Encoding, Operation, Param, Place};
use assent_schema::shape::{CurrencyWire, Field, Shape};
use serde_json::{Map, Value};

use super::service::Done;
use crate::request::url::{self, decode, pairs};
use crate::world::HttpRequest;

/// Reads the parameters and the idempotency key of a request.
pub fn read_wire(operation: &Operation, request: &HttpRequest) -> Done {
    let wire = Wire::new(operation, request);
    let with = |(name, param): (&Name, &Param)| Some((name.clone(), wire.param(name, param)?));
    let key = operation.idempotency.as_ref().and_then(|key| wire.text(key.place, &key.at));
    Done { operation: request.operation.clone(), with: operation.params.iter().filter_map(with).collect(), key }
}

/// A request taken apart.
struct Wire<'r> {
    operation: &'r Operation,
    request: &'r HttpRequest,
    path: &'r str,
    query: Vec<(String, String)>,
    body: Body,
}

/// A body, by how it is written.
enum Body {
    /// JSON; of GraphQL the variables.
    Json(Value),
    /// Pairs of a form or of parts.
    Pairs(Vec<(String, String)>),
}

impl<'r> Wire<'r> {
    fn new(operation: &'r Operation, request: &'r HttpRequest) -> Self {
        let target = request.target.reveal();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let bytes = request.body.reveal();
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let json = || serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let body = match operation.encoding {
            Encoding::Json => Body::Json(json()),
            Encoding::Graphql => Body::Json(json().get_mut("variables").map(Value::take).unwrap_or_default()),
            Encoding::Form => Body::Pairs(pairs(text)),
            Encoding::Multipart => Body::Pairs(parts(text)),
        };
        Self { operation, request, path, query: pairs(query), body }
    }

    fn param(&self, name: &Name, param: &Param) -> Option<Value> {
        match param.place {
            Place::Path => url::held(&self.operation.path, self.path, name.as_str()).map(|text| decode(text).into()),
            Place::Query => in_query(&self.query, &param.at, &param.shape),
            Place::Header => self.text(Place::Header, &param.at).map(Value::from),
            Place::None => None,
            Place::Body => match &self.body {
                Body::Json(json) => in_json(json, &param.at, &param.shape),
                Body::Pairs(pairs) => in_pairs(pairs, &bracketed(&param.at), &param.shape),
            },
        }
    }

    /// One text at a place.
    fn text(&self, place: Place, at: &str) -> Option<String> {
        match (place, &self.body) {
            (Place::Header, _) => {
                let value = self.request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(at))?.1.reveal();
                Some(String::from_utf8_lossy(value).into_owned())
            }
            (Place::Query, _) => first(&self.query, at),
            (Place::Body, Body::Json(json)) => at_path(json, at)?.as_str().map(str::to_owned),
            (Place::Body, Body::Pairs(pairs)) => first(pairs, &bracketed(at)),
            (Place::Path | Place::None, _) => None,
        }
    }
}

fn first(pairs: &[(String, String)], key: &str) -> Option<String> {
    pairs.iter().find(|(there, _)| there == key).map(|(_, value)| value.clone())
}

/// A list is the same name again and again; the parts of an amount stand side by side.
fn in_query(query: &[(String, String)], at: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::List { .. } => {
            let items: Vec<Value> =
                query.iter().filter(|(key, _)| key == at).map(|(_, value)| value.as_str().into()).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Shape::Money { .. } => amount(shape, |part| first(query, if part.is_empty() { at } else { part })),
        _ => first(query, at).map(Value::from),
    }
}

/// What stands at a path of a body. What is spread over the top is put together from its own members.
fn in_json(json: &Value, at: &str, shape: &Shape) -> Option<Value> {
    let members: Vec<&str> = match (at, shape) {
        ("", Shape::Record { fields }) => fields.values().map(|field| field.at.as_str()).collect(),
        ("", Shape::Money { .. }) => parts_of(shape),
        _ => return at_path(json, at).cloned(),
    };
    object(members.into_iter().filter_map(|member| Some((member, at_path(json, member)?.clone()))))
}

/// What the pairs of a form say at a key: the texts of a value, of the items of a list and of the members of a record.
fn in_pairs(pairs: &[(String, String)], key: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::List { of, .. } => {
            let item = |place: usize| in_pairs(pairs, &below(key, &place.to_string()), &of.shape);
            let items: Vec<Value> = (0..pairs.len()).map_while(item).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Shape::Record { fields } => {
            let member = |field: &'_ Field| in_pairs(pairs, &below(key, &field.at), &field.shape);
            object(fields.values().filter_map(|field| Some((field.at.as_str(), member(field)?))))
        }
        Shape::Money { .. } => amount(shape, |part| first(pairs, &below(key, part))),
        _ => first(pairs, key).map(Value::from),
    }
}

/// Where the number and the currency of an amount stand below it.
fn parts_of(shape: &Shape) -> Vec<&str> {
    let Shape::Money { wire } = shape else { return Vec::new() };
    let currency = match &wire.currency {
        CurrencyWire::At(path) => Some(path.as_str()),
        CurrencyWire::Fixed(_) => None,
    };
    [Some(wire.value.as_str()), currency].into_iter().flatten().collect()
}

/// An amount as an object of its parts; as its number where that is all.
fn amount(shape: &Shape, part: impl Fn(&str) -> Option<String>) -> Option<Value> {
    let parts = parts_of(shape);
    if let [""] = parts[..] {
        return part("").map(Value::from);
    }
    object(parts.into_iter().filter_map(|at| Some((at, part(at)?.into()))))
}

/// An object of what stands at paths, if anything does.
fn object<'p>(found: impl Iterator<Item = (&'p str, Value)>) -> Option<Value> {
    let mut members = Map::new();
    found.for_each(|(path, value)| put(&mut members, path, value));
    (!members.is_empty()).then_some(Value::Object(members))
}

fn put(members: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(members.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = members.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// `a.b` as forms write it: `a[b]`.
fn bracketed(path: &str) -> String {
    let mut members = path.split('.');
    let first = members.next().unwrap_or_default().to_owned();
    members.fold(first, |key, member| format!("{key}[{member}]"))
}

/// The key of what stands below another one; at the top where there is none.
fn below(key: &str, path: &str) -> String {
    match (key, path) {
        ("", path) => bracketed(path),
        (key, "") => key.to_owned(),
        (key, path) => path.split('.').fold(key.to_owned(), |key, member| format!("{key}[{member}]")),
    }
}

/// The value at dots-joined members.
fn at_path<'a>(json: &'a Value, at: &str) -> Option<&'a Value> {
    if at.is_empty() {
        return Some(json);
    }
    at.split('.').try_fold(json, |value, member| match value {
        Value::Array(items) => items.get(member.parse::<usize>().ok()?),
        other => other.get(member),
    })
}

/// The parts of a multipart body: their names and what stands in them.
///
/// # Source
/// RFC 7578; the first line is the boundary, since nothing stands before it.
fn parts(text: &str) -> Vec<(String, String)> {
    let Some((boundary, _)) = text.split_once("\r\n") else { return Vec::new() };
    let part = |part: &str| {
        let (head, value) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let (_, name) = head.split_once("name=\"")?;
        let name = name.split('"').next()?;
        Some((decode(name), value.strip_suffix("\r\n")?.to_owned()))
    };
    text.split(boundary).filter_map(part).collect()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
