//! The `messages` dialect: the Anthropic-style API, asked for one use of one tool whose input is the answer.
//!
//! The tool does nothing and nobody runs it: its input is how this API gives a structured answer.
//!
//! # Source
//! The Claude API reference, "Messages", "Errors", "Tool use" (`tool_choice`) and "Handling stop reasons".

use assent_schema::plan::Failure;

use super::data::{self, number, object, text_of};
use super::form::{schema, take};
use super::{End, FRAME, Question, Said, count};
use crate::request::json::Json;
use crate::request::read::{self, Failed};
use crate::request::wrong::Wrong;
use crate::world::HttpResponse;

/// Where questions go, below the endpoint.
pub(super) const PATH: &str = "/messages";
/// The version of the API, which every request names.
pub(super) const VERSION: &str = "2023-06-01";
/// The tool whose input is the answer.
const TOOL: &str = "answer";

/// The body of a question.
pub(super) fn message(question: &Question<'_>, model: &str) -> Result<Json, Wrong> {
    let system = format!("{}{FRAME}Answer by one use of the tool `{TOOL}` alone.", question.prompt);
    let user = object(vec![("role", text_of("user")), ("content", Json::Text(data::message(question)?))]);
    let tool = object(vec![
        ("name", text_of(TOOL)),
        ("description", text_of("Takes the answer.")),
        ("input_schema", schema(question)?),
    ]);
    let choice = object(vec![
        ("type", text_of("tool")),
        ("name", text_of(TOOL)),
        ("disable_parallel_tool_use", Json::Boolean(true)),
    ]);
    Ok(object(vec![
        ("model", text_of(model)),
        ("max_tokens", number(question.limit.tokens)),
        ("system", Json::Text(system)),
        ("messages", Json::List(vec![user])),
        ("tools", Json::List(vec![tool])),
        ("tool_choice", choice),
    ]))
}

/// What an answer that is no success says.
pub(super) fn failed(json: Option<&Json>, response: &HttpResponse) -> Failed {
    let text = |path| json.and_then(|json| json.text_at(path));
    match text("error.type") {
        // Some gateways pass it on with another status than 529.
        Some("overloaded_error") => read::named_alone(Failure::Transient, "overloaded", response),
        // A spend limit has the type of a rate limit and stays for the month.
        Some("rate_limit_error") if text("error.details.error_code") == Some("enforced_spend_limit_reached") => {
            read::out_of_funds(response)
        }
        Some("billing_error") => read::out_of_funds(response),
        Some("rate_limit_error") => read::named_alone(Failure::Throttled, "throttled", response),
        Some(_) | None => read::by_status_alone(response),
    }
}

pub(super) fn said(question: &Question<'_>, json: &Json) -> Said {
    // `input_tokens` counts only what neither came from nor went into the provider's cache.
    let input = ["usage.input_tokens", "usage.cache_creation_input_tokens", "usage.cache_read_input_tokens"];
    let tokens_in = input.into_iter().fold(0_u64, |sum, path| sum.saturating_add(count(json, path)));
    Said { end: end(question, json), tokens_in, tokens_out: count(json, "usage.output_tokens") }
}

fn end(question: &Question<'_>, json: &Json) -> End {
    match json.text_at("stop_reason") {
        Some("refusal") => End::Refused,
        Some("max_tokens" | "model_context_window_exceeded") => End::OutOfBudget,
        Some("tool_use") => answer(json).and_then(|answer| take(question, answer)).map_or(End::Invalid, End::Answered),
        // A model that talks instead of answering said nothing of the declared form.
        Some(_) | None => End::Invalid,
    }
}

/// The input of the one use of the tool. Text beside it was not asked for and is dropped; anything else is no answer.
fn answer(json: &Json) -> Option<&Json> {
    let Some(Json::List(blocks)) = json.at("content") else { return None };
    let mut found = None;
    for block in blocks {
        match block.text_at("type") {
            Some("text") => {}
            Some("tool_use") if found.is_none() && block.text_at("name") == Some(TOOL) => found = block.at("input"),
            Some(_) | None => return None,
        }
    }
    found
}

/// What a provider of this dialect answers.
pub(super) fn reply(answer: Option<&str>) -> Json {
    // What is no JSON cannot be the input of a tool: the model said it as text.
    let (content, stop) = match answer.map(|text| Json::parse(text.as_bytes()).ok().ok_or(text)) {
        Some(Ok(input)) => {
            let block = vec![
                ("type", text_of("tool_use")),
                ("id", text_of("toolu_sim")),
                ("name", text_of(TOOL)),
                ("input", input),
            ];
            (vec![object(block)], "tool_use")
        }
        Some(Err(text)) => (vec![object(vec![("type", text_of("text")), ("text", text_of(text))])], "end_turn"),
        None => (Vec::new(), "refusal"),
    };
    object(vec![
        ("type", text_of("message")),
        ("role", text_of("assistant")),
        ("content", Json::List(content)),
        ("stop_reason", text_of(stop)),
        ("usage", object(vec![("input_tokens", number(100)), ("output_tokens", number(50))])),
    ])
}
