//! The `chat-completions` dialect: the API of `OpenAI` and its likes, with `response_format: json_schema`; and `openai`, which
//! is the same with another name for the limit.
//!
//! # Source
//! The `OpenAI` API reference, "Create chat completion" and "Structured outputs".

use super::data::{self, number, object, text_of};
use super::form::{schema, take};
use super::{End, FRAME, Question, Said, count};
use crate::request::json::Json;
use crate::request::read::{self, Failed};
use crate::request::wrong::Wrong;
use crate::world::HttpResponse;

/// Where questions go, below the endpoint.
pub(super) const PATH: &str = "/chat/completions";

/// How most call the limit.
pub(super) const LIMIT: &str = "max_tokens";
/// How `OpenAI` calls it: its reasoning models refuse the other.
pub(super) const LIMIT_OF_OPENAI: &str = "max_completion_tokens";

/// The body of a question.
pub(super) fn message(question: &Question<'_>, model: &str, limit: &str) -> Result<Json, Wrong> {
    let said = |role: &str, content: String| object(vec![("role", text_of(role)), ("content", Json::Text(content))]);
    let system = format!("{}{FRAME}Answer with JSON of the given schema alone.", question.prompt);
    let schema =
        object(vec![("name", text_of("answer")), ("strict", Json::Boolean(true)), ("schema", schema(question)?)]);
    Ok(object(vec![
        ("model", text_of(model)),
        ("messages", Json::List(vec![said("system", system), said("user", data::message(question)?)])),
        (limit, number(question.limit.tokens)),
        ("response_format", object(vec![("type", text_of("json_schema")), ("json_schema", schema)])),
    ]))
}

/// What an answer that is no success says: a filter that refuses is an end, all else a failure.
pub(super) fn failed(json: Option<&Json>, response: &HttpResponse) -> Result<End, Failed> {
    match (response.status, json.and_then(|json| json.text_at("error.code"))) {
        (400, Some("content_filter")) => Ok(End::Refused),
        // The account is empty: waiting does not fill it.
        (429, Some("insufficient_quota")) => Err(read::out_of_funds(response)),
        _ => Err(read::by_status_alone(response)),
    }
}

pub(super) fn said(question: &Question<'_>, json: &Json) -> Said {
    Said {
        end: end(question, json),
        tokens_in: count(json, "usage.prompt_tokens"),
        tokens_out: count(json, "usage.completion_tokens"),
    }
}

fn end(question: &Question<'_>, json: &Json) -> End {
    let refused = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    match (json.at("choices.0"), json.at("choices.1")) {
        (Some(choice), None) => match choice.text_at("finish_reason") {
            _ if refused(choice.text_at("message.refusal")) => End::Refused,
            Some("content_filter") => End::Refused,
            Some("length") => End::OutOfBudget,
            Some("stop") => {
                let answer = choice.text_at("message.content").and_then(|text| Json::parse(text.as_bytes()).ok());
                answer.and_then(|answer| take(question, &answer)).map_or(End::Invalid, End::Answered)
            }
            // Tools were not offered, and what is not known is not guessed.
            Some(_) | None => End::Invalid,
        },
        _ => End::Invalid,
    }
}

/// What a provider of this dialect answers.
pub(super) fn reply(answer: Option<&str>) -> Json {
    let (content, refusal) = match answer {
        Some(text) => (text_of(text), Json::Null),
        None => (Json::Null, text_of("refused")),
    };
    let message = object(vec![("role", text_of("assistant")), ("content", content), ("refusal", refusal)]);
    let choice = object(vec![("index", number(0)), ("message", message), ("finish_reason", text_of("stop"))]);
    let usage = object(vec![("prompt_tokens", number(100)), ("completion_tokens", number(50))]);
    object(vec![("object", text_of("chat.completion")), ("choices", Json::List(vec![choice])), ("usage", usage)])
}
