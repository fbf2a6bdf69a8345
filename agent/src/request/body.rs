//! Bodies: JSON objects by dotted path, or form pairs with the rest of the path in brackets.

use assent_schema::expr::Value;
use assent_schema::plan::Encoding;
use assent_schema::shape::Shape;

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
}

impl Body {
    pub(super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Json(Json::Object(Vec::new())),
            Encoding::Form => Self::Form(Vec::new()),
        }
    }

    /// Puts a value at a path; the empty path spreads a record or an amount over the top.
    pub(super) fn put(&mut self, path: &str, value: &Value, shape: &Shape) -> Result<(), WrongKind> {
        match self {
            Self::Json(json) => put_json(json, path, wire::write(value, shape).ok_or(WrongKind::ArgumentMisfit)?),
            Self::Form(pairs) => put_form(pairs, path, value, shape),
        }
    }

    /// Puts a text that is not a value of the run: a constant of the catalog, an idempotency key.
    pub(super) fn put_text(&mut self, path: &str, text: &str) -> Result<(), WrongKind> {
        match self {
            Self::Json(json) => put_json(json, path, Json::Text(text.to_owned())),
            Self::Form(pairs) => put_pair(pairs, path, text.to_owned()),
        }
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    pub(super) fn write(&self) -> Result<Content<Vec<u8>>, WrongKind> {
        let mut out = Content::new(Vec::with_capacity(256));
        match self {
            Self::Json(json) => json.write(out.reveal_mut()),
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
