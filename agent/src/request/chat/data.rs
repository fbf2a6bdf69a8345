//! What a provider is given beside the prompt, as JSON: values, and the sources that may be cited. Pure.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::expr::Value;
use assent_schema::id::Name;

use super::Question;
use crate::request::amount;
use crate::request::json::Json;
use crate::request::wrong::{Wrong, WrongKind};

/// The data of a question, as the text of one message.
pub(super) fn message(question: &Question<'_>) -> Result<String, Wrong> {
    let mut data = vec![("with".to_owned(), record(question.with))];
    if question.sources.is_some() {
        let one = |(id, text): &(String, String)| object(vec![("id", text_of(id)), ("text", text_of(text))]);
        data.push(("sources".to_owned(), Json::List(sources(question.sources)?.iter().map(one).collect())));
    }
    let mut user = Vec::new();
    Json::Object(data).write(&mut user);
    String::from_utf8(user).or(Err(WrongKind::ArgumentMisfit.into()))
}

/// The sources as id and text; each id once. What has no text cannot be cited, and is left out.
pub(super) fn sources(value: Option<&Value>) -> Result<Vec<(String, String)>, Wrong> {
    let items = match value {
        None | Some(Value::Absent) => return Ok(Vec::new()),
        Some(Value::List(items)) => items,
        Some(_) => return Err(WrongKind::ArgumentMisfit.into()),
    };
    let mut seen = BTreeSet::new();
    let mut sources = Vec::with_capacity(items.len());
    for item in items {
        let text = |value: &Value| scalar_text(value).ok_or(WrongKind::ArgumentMisfit);
        let id = text(item.get("id").ok_or(WrongKind::ArgumentMisfit)?)?;
        let Some(said) = item.get("text") else { continue };
        let text = text(said)?;
        if seen.insert(id.clone()) {
            sources.push((id, text));
        }
    }
    Ok(sources)
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(n) => Some(n.to_string()),
        _ => None,
    }
}

pub(super) fn object(members: Vec<(&str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(key, member)| (key.to_owned(), member)).collect())
}

pub(super) fn text_of(text: &str) -> Json {
    Json::Text(text.to_owned())
}

pub(super) fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Json {
    Json::List(texts.map(text_of).collect())
}

pub(super) fn number(number: u32) -> Json {
    Json::Number(number.to_string())
}

fn record(fields: &BTreeMap<Name, Value>) -> Json {
    let there = fields.iter().filter(|(_, value)| !value.is_absent());
    Json::Object(there.map(|(name, value)| (name.as_str().to_owned(), plain(value))).collect())
}

/// A value as a model reads it.
fn plain(value: &Value) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Boolean(truth) => Json::Boolean(*truth),
        Value::Integer(n) => Json::Number(n.to_string()),
        Value::Decimal(decimal) => Json::Number(decimal.to_text()),
        Value::Text(text) => Json::Text(text.clone()),
        Value::Instant(moment) => Json::Text(moment.to_string()),
        Value::Period(period) => Json::Text(period.to_string()),
        Value::Money(money) => {
            let amount = amount::write_major(*money);
            object(vec![("amount", Json::Text(amount)), ("currency", text_of(money.currency.as_str()))])
        }
        Value::List(items) => Json::List(items.iter().map(plain).collect()),
        Value::Record(fields) => record(fields),
    }
}
