//! Events of PagerDuty's Events API v2.
//!
//! # Source
//! PagerDuty, "Events API v2" (`reference/events-v2/openapiv3.json` of its published API schema) and "Send an alert event":
//! the summary has at most 1,024 characters, the deduplication key 255.

use serde_json::{Map, Value, json};

use super::{Stage, Telling, facts, title};
use crate::people::told::{cut, line};
use crate::store::Severity;

/// The longest summary.
const SUMMARY_MOST: usize = 1_024;

/// One event. The deduplication key is that of the alert, so that what follows finds what it follows.
pub(super) fn event(telling: &Telling<'_>, routing_key: &str) -> Value {
    let dedup_key = telling.message.dedup.to_string();
    let event_action = match telling.stage {
        Stage::Raised => "trigger",
        Stage::Acknowledged => "acknowledge",
        Stage::Over => "resolve",
    };
    let mut event = json!({"routing_key": routing_key, "event_action": event_action, "dedup_key": dedup_key});
    if telling.stage == Stage::Raised
        && let Some(event) = event.as_object_mut()
    {
        event.insert("payload".to_owned(), payload(telling));
        event.insert("client".to_owned(), json!("Assent"));
        if let Some(link) = &telling.message.link {
            event.insert("client_url".to_owned(), json!(link));
            event.insert("links".to_owned(), json!([{"href": link, "text": "In the console"}]));
        }
    }
    event
}

fn payload(telling: &Telling<'_>) -> Value {
    let message = telling.message;
    let source = message.agent.as_ref().map_or("assent", |agent| agent.as_str());
    let severity = match telling.severity {
        Some(Severity::Critical) => "critical",
        Some(Severity::Normal) => "error",
        None => "warning",
    };
    let mut details: Map<String, Value> =
        facts(telling).into_iter().map(|(name, value)| (name.to_lowercase().replace(' ', "_"), json!(value))).collect();
    if !message.commands.is_empty() {
        details.insert("commands".to_owned(), json!(message.commands));
    }
    let mut payload = Map::new();
    payload.insert("summary".to_owned(), json!(cut(&title(telling), SUMMARY_MOST)));
    payload.insert("source".to_owned(), json!(source));
    payload.insert("severity".to_owned(), json!(severity));
    payload.insert("custom_details".to_owned(), Value::Object(details));
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            payload.insert(name.to_owned(), json!(line(&value)));
        }
    };
    say("timestamp", message.since.map(|since| since.to_string()));
    say("component", message.workflow.as_ref().map(ToString::to_string));
    say("group", message.client.as_ref().map(ToString::to_string));
    say("class", message.rule.map(|rule| rule.to_string()));
    Value::Object(payload)
}
