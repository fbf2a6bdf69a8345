//! The form of an answer: the schema that a provider is given, and the strict reading of what comes back. Pure.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::expr::{Decimal, Value};
use assent_schema::id::Name;
use assent_schema::plan::Answer;

use super::Question;
use super::data::{number, object, sources, text_of, texts};
use crate::request::json::Json;
use crate::request::wire::without_exponent;
use crate::request::wrong::Wrong;

/// Digits after the point that are kept of a number; models write as many as floats have.
const FRACTION_MOST: usize = 12;

/// The schema of the answer: every field required, no other allowed.
pub(super) fn schema(question: &Question<'_>) -> Result<Json, Wrong> {
    let sources = sources(question.sources)?;
    let ids: Vec<&str> = sources.iter().map(|(id, _)| id.as_str()).collect();
    let typed = |kind: &str, mut more: Vec<(&'static str, Json)>| {
        more.insert(0, ("type", text_of(kind)));
        object(more)
    };
    let one = |field: &Answer| match field {
        Answer::OneOf(values) => typed("string", vec![("enum", texts(values.iter().map(String::as_str)))]),
        Answer::Number { least, most } => {
            typed("number", vec![("minimum", Json::Number(least.clone())), ("maximum", Json::Number(most.clone()))])
        }
        Answer::Boolean {} => typed("boolean", Vec::new()),
        Answer::Text { most_bytes } => {
            typed("string", vec![("description", Json::Text(format!("at most {most_bytes} bytes")))])
        }
        Answer::Citations { most } => {
            let least = u32::try_from(ids.len()).unwrap_or(u32::MAX).min(*most);
            // An empty `enum` is no valid schema.
            let id = if ids.is_empty() { Vec::new() } else { vec![("enum", texts(ids.iter().copied()))] };
            typed("array", vec![("items", typed("string", id)), ("maxItems", number(least))])
        }
    };
    let properties = question.answer.iter().map(|(name, field)| (name.as_str().to_owned(), one(field))).collect();
    Ok(typed(
        "object",
        vec![
            ("properties", Json::Object(properties)),
            ("required", texts(question.answer.keys().map(Name::as_str))),
            ("additionalProperties", Json::Boolean(false)),
        ],
    ))
}

/// The fields of an answer: exactly the declared ones, each of its form.
pub(super) fn take(question: &Question<'_>, answer: &Json) -> Option<BTreeMap<Name, Value>> {
    let Json::Object(members) = answer else { return None };
    if members.iter().any(|(key, _)| !question.answer.contains_key(key.as_str())) {
        return None;
    }
    let sources = sources(question.sources).ok()?;
    let fields = question.answer.iter();
    fields.map(|(name, form)| Some((name.clone(), value(answer.at(name.as_str())?, form, &sources)?))).collect()
}

fn value(json: &Json, form: &Answer, sources: &[(String, String)]) -> Option<Value> {
    match (form, json) {
        (Answer::OneOf(values), Json::Text(text)) => values.contains(text).then(|| Value::text(text.as_str())),
        (Answer::Number { least, most }, Json::Number(number)) => {
            let number = Decimal::parse(&shortened(&without_exponent(number)?))?;
            let fits = Decimal::parse(least)? <= number && number <= Decimal::parse(most)?;
            fits.then_some(Value::Decimal(number))
        }
        (Answer::Boolean {}, Json::Boolean(truth)) => Some(Value::Boolean(*truth)),
        (Answer::Text { most_bytes }, Json::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Value::text(text.as_str()))
        }
        (Answer::Citations { most }, Json::List(items)) => citations(items, *most, sources),
        _ => None,
    }
}

/// Ids of the sources that were given, each once.
fn citations(items: &[Json], most: u32, sources: &[(String, String)]) -> Option<Value> {
    let mut seen = BTreeSet::new();
    for item in items {
        let Json::Text(id) = item else { return None };
        if !sources.iter().any(|(there, _)| there == id) {
            return None;
        }
        seen.insert(id.as_str());
    }
    (seen.len() as u64 <= u64::from(most)).then(|| Value::List(seen.into_iter().map(Value::text).collect()))
}

fn shortened(number: &str) -> String {
    match number.split_once('.') {
        Some((whole, fraction)) if fraction.len() > FRACTION_MOST => {
            let kept: String = fraction.chars().take(FRACTION_MOST).collect();
            format!("{whole}.{kept}")
        }
        _ => number.to_owned(),
    }
}
