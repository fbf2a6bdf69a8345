//! Bodies: JSON objects by dotted path, or form pairs with the rest of the path in brackets.
//!
//! `multipart` writes the same pairs as parts. `graphql` is JSON: the catalog's document, and every parameter a variable, so
//! that no value ever becomes part of the document.

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::plan::{Constant, Encoding, Operation};
use assent_schema::shape::Shape;
use sha2::{Digest as _, Sha256};

use super::json::Json;
use super::limits::BODY_MOST_BYTES;
use super::url::encode;
use super::wire::{self, Scalar};
use super::wrong::WrongKind;
use crate::content::Content;

/// A body that is being put together.
pub(super) enum Body {
    /// `application/json`.
    Json(Json),
    /// `application/x-www-form-urlencoded`, pairs in order.
    Form(Vec<(String, Content<String>)>),
    /// `multipart/form-data`, parts in order.
    Multipart(Vec<(String, Content<String>)>),
    /// `application/json` with a document and its variables.
    Graphql {
        /// The catalog's text.
        document: String,
        /// What it is asked with.
        variables: Json,
    },
}

impl Body {
    pub(super) fn new(operation: &Operation) -> Self {
        match operation.encoding {
            Encoding::Multipart => Self::Multipart(Vec::new()),
            Encoding::Graphql => Self::Graphql {
                document: operation.document.clone().unwrap_or_default(),
                variables: Json::Object(Vec::new()),
            },
            Encoding::Json => Self::Json(Json::Object(Vec::new())),
            Encoding::Form => Self::Form(Vec::new()),
        }
    }

    /// Puts a value at a path; the empty path spreads a record or an amount over the top.
    pub(super) fn put(&mut self, path: &str, value: &Value, shape: &Shape) -> Result<(), WrongKind> {
        match self {
            Self::Json(json) | Self::Graphql { document: _, variables: json } => {
                put_json(json, path, wire::write(value, shape).ok_or(WrongKind::ArgumentMisfit)?)
            }
            Self::Form(pairs) | Self::Multipart(pairs) => put_form(pairs, path, value, shape),
        }
    }

    /// Puts what is not a value of the run: a constant of the catalog, an idempotency key, the place of a page.
    pub(super) fn put_constant(&mut self, path: &str, constant: &Constant) -> Result<(), WrongKind> {
        match self {
            Self::Json(json) | Self::Graphql { document: _, variables: json } => {
                let value = match constant {
                    Constant::Boolean(truth) => Json::Boolean(*truth),
                    Constant::Integer(n) => Json::Number(n.to_string()),
                    Constant::Text(text) => Json::Text(text.clone()),
                };
                put_json(json, path, value)
            }
            Self::Form(pairs) | Self::Multipart(pairs) => put_pair(pairs, path, constant.to_string()),
        }
    }

    pub(super) fn content_type(&self) -> String {
        match self {
            Self::Json(_) | Self::Graphql { .. } => "application/json".to_owned(),
            Self::Form(_) => "application/x-www-form-urlencoded".to_owned(),
            Self::Multipart(pairs) => format!("multipart/form-data; boundary={}", boundary(pairs)),
        }
    }

    pub(super) fn write(&self) -> Result<Content<Vec<u8>>, WrongKind> {
        let mut out = Content::new(Vec::with_capacity(256));
        match self {
            Self::Json(json) => json.write(out.reveal_mut()),
            Self::Graphql { document, variables } => {
                let members = vec![
                    ("query".to_owned(), Json::Text(document.clone())),
                    ("variables".to_owned(), variables.clone()),
                ];
                Json::Object(members).write(out.reveal_mut());
            }
            Self::Multipart(pairs) => write_parts(pairs, out.reveal_mut()),
            Self::Form(pairs) => {
                let mut text = String::with_capacity(256);
                for (i, (key, value)) in pairs.iter().enumerate() {
                    if i > 0 {
                        text.push('&');
                    }
                    encode(key, &mut text);
                    text.push('=');
                    encode(value.reveal(), &mut text);
                }
                *out.reveal_mut() = text.into_bytes();
            }
        }
        if out.reveal().len() > BODY_MOST_BYTES { Err(WrongKind::TooLarge) } else { Ok(out) }
    }
}

/// A line that stands in no part. Made of what the parts hold, so that a repeat has the same bytes.
fn boundary(pairs: &Pairs) -> String {
    let mut mark = Sha256::new();
    for (key, value) in pairs {
        mark.update((key.len() as u64).to_be_bytes());
        mark.update(key.as_bytes());
        mark.update((value.reveal().len() as u64).to_be_bytes());
        mark.update(value.reveal().as_bytes());
    }
    format!("assent-{}", Digest::from_bytes(mark.finalize().into()).to_string().chars().take(40).collect::<String>())
}

/// # Source
/// RFC 7578; names as the HTML standard's multipart encoding escapes them.
fn write_parts(pairs: &Pairs, out: &mut Vec<u8>) {
    let boundary = boundary(pairs);
    for (key, value) in pairs {
        let name = key.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        out.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
        out.extend(value.reveal().as_bytes());
        out.extend(b"\r\n");
    }
    out.extend(format!("--{boundary}--\r\n").as_bytes());
}

fn put_json(json: &mut Json, path: &str, value: Json) -> Result<(), WrongKind> {
    let done = match (path, &value) {
        ("", Json::Object(members)) => members.iter().all(|(key, member)| json.put(key, member.clone())),
        ("", _) => return Err(WrongKind::ArgumentMisfit),
        (path, _) => json.put(path, value),
    };
    if done { Ok(()) } else { Err(WrongKind::PlaceTaken) }
}

type Pairs = Vec<(String, Content<String>)>;

fn put_form(pairs: &mut Pairs, path: &str, value: &Value, shape: &Shape) -> Result<(), WrongKind> {
    match (shape, value) {
        (Shape::Money { wire }, _) => {
            for (part, scalar) in wire::money(value, wire).ok_or(WrongKind::ArgumentMisfit)? {
                put_pair(pairs, &join(path, &part), scalar.into_text())?;
            }
            Ok(())
        }
        (Shape::List { most, of }, Value::List(items)) => {
            if items.len() as u64 > u64::from(*most) {
                return Err(WrongKind::ArgumentMisfit);
            }
            items
                .iter()
                .enumerate()
                .try_for_each(|(i, item)| put_form(pairs, &join(path, &i.to_string()), item, &of.shape))
        }
        (Shape::Record { fields }, Value::Record(members)) => {
            if members.keys().any(|name| !fields.contains_key(name)) {
                return Err(WrongKind::ArgumentMisfit);
            }
            for (name, field) in fields {
                match members.get(name).filter(|member| !member.is_absent()) {
                    Some(member) => put_form(pairs, &join(path, &field.at), member, &field.shape)?,
                    None if field.optional => {}
                    None => return Err(WrongKind::ArgumentMisfit),
                }
            }
            Ok(())
        }
        _ => {
            let text = wire::scalar(value, shape).map(Scalar::into_text).ok_or(WrongKind::ArgumentMisfit)?;
            put_pair(pairs, path, text)
        }
    }
}

fn join(path: &str, part: &str) -> String {
    match (path, part) {
        ("", part) => part.to_owned(),
        (path, "") => path.to_owned(),
        (path, part) => format!("{path}.{part}"),
    }
}

/// `a.b.c` becomes `a[b][c]`, as the APIs that take nested forms read it.
fn put_pair(pairs: &mut Pairs, path: &str, text: String) -> Result<(), WrongKind> {
    let mut parts = path.split('.');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        key.push('[');
        key.push_str(part);
        key.push(']');
    }
    if key.is_empty() {
        return Err(WrongKind::ArgumentMisfit);
    }
    if pairs.iter().any(|(there, _)| *there == key) {
        return Err(WrongKind::PlaceTaken);
    }
    pairs.push((key, Content::new(text)));
    Ok(())
}
