//! What routes are sent: one file per receiver, each a pure function from what is told to bytes. Nothing is sent here.
//!
//! Whatever a text holds, it stays text: markup, mentions, line ends and marks that turn writing around are taken out or
//! escaped by the one function of each receiver that puts texts in.

mod alertmanager;
mod mail;
mod pagerduty;
mod slack;

use assent_schema::client::RouteKind;
use assent_schema::id::PersonId;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::people::told;
use crate::store::Severity;

pub(super) use mail::{Letter, letter};

/// How far an alert came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It stands, and nobody took care of it yet.
    Raised,
    /// Somebody takes care of it.
    Acknowledged,
    /// Its cause is gone.
    Over,
}

impl Stage {
    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Over => "over",
        }
    }

    /// The stage of this name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Raised, Self::Acknowledged, Self::Over].into_iter().find(|stage| stage.as_str().as_bytes() == name)
    }
}

/// What one route is told of one alert.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// Everything there is to say, or what a route in another region may know.
    pub message: &'a Message,
    /// How far it came.
    pub stage: Stage,
    /// How bad it is; nothing for what is no incident, and abroad.
    pub severity: Option<Severity>,
    /// Who took care of it, where that may be said.
    pub by: Option<&'a PersonId>,
    /// The time now.
    pub now: Moment,
}

/// Whether a receiver of this kind wants to hear that an alert came to a stage.
pub(super) fn follows(via: RouteKind, stage: Stage) -> bool {
    match (via, stage) {
        (_, Stage::Raised) | (RouteKind::Slack | RouteKind::Pagerduty | RouteKind::Smtp, _) => true,
        (RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook, stage) => stage == Stage::Over,
        (RouteKind::Webhook, Stage::Acknowledged | Stage::Over) => false,
    }
}

/// Where below a route's URL it is sent, and the JSON; nothing where it cannot be written, or for mail.
///
/// `secret` is what the receiver takes events for, where that stands in the body.
pub(super) fn body(via: RouteKind, telling: &Telling<'_>, secret: Option<&str>) -> Option<(&'static str, Vec<u8>)> {
    match via {
        RouteKind::Webhook => Some(("", assent_schema::canon::to_bytes(telling.message).ok()?)),
        RouteKind::Alertmanager => Some(("/api/v2/alerts", json(&[alertmanager::alert(telling)])?)),
        RouteKind::AlertmanagerWebhook => Some(("", json(&alertmanager::webhook(telling))?)),
        RouteKind::Slack => Some(("", json(&slack::alert(telling))?)),
        RouteKind::Pagerduty => Some(("/v2/enqueue", json(&pagerduty::event(telling, secret?))?)),
        RouteKind::Smtp => None,
    }
}

/// A text for people as messages of Slack, in their order.
pub(super) fn slack_texts(title: &str, text: &str) -> Option<Vec<Vec<u8>>> {
    slack::texts(title, text).iter().map(json).collect()
}

fn json<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}

/// What it is about, in one line.
fn title(telling: &Telling<'_>) -> String {
    let message = telling.message;
    let place = match (&message.client, &message.workflow) {
        (Some(client), Some(workflow)) => format!("{client}/{workflow}"),
        (Some(client), None) => client.to_string(),
        (None, _) => message.agent.as_ref().map_or_else(|| "agent".to_owned(), |agent| format!("agent {agent}")),
    };
    let cause = match &message.rule {
        Some(rule) => format!("{rule} ({})", message.code),
        None => message.code.clone(),
    };
    let lead = match telling.stage {
        Stage::Raised => "",
        Stage::Acknowledged => "Acknowledged: ",
        Stage::Over => "Over: ",
    };
    told::line(&format!("{lead}{place}: {cause}"))
}

/// Everything else, by name, in the order in which people ask.
fn facts(telling: &Telling<'_>) -> Vec<(&'static str, String)> {
    let message = telling.message;
    let mut facts = Vec::new();
    let mut say = |name, value: Option<String>| facts.extend(value.map(|value| (name, told::line(&value))));
    say("Client", message.client.as_ref().map(ToString::to_string));
    say("Workflow", message.workflow.as_ref().map(ToString::to_string));
    say("Connection", message.connection.as_ref().map(ToString::to_string));
    let about = message.about.as_ref();
    say("Incident", about.map(|about| about.incident.clone()));
    say("Cause", Some(about.map_or_else(|| message.code.clone(), |about| format!("{} ({})", about.rule, about.code))));
    say("Began", about.map(|about| about.began.to_string()));
    say("Since", message.since.map(|since| since.to_string()));
    say("Times", message.count.map(|count| count.to_string()));
    say("Waiting", message.waiting.map(|waiting| format!("{waiting} in the manual queue")));
    say("Answer by", message.respond_by.map(|until| until.to_string()));
    say("By", telling.by.map(ToString::to_string));
    let name = message.run_name.as_ref().map(ToString::to_string);
    say("Run", name.or_else(|| message.run.map(|run| run.to_string())));
    say("Agent", message.agent.as_ref().map(ToString::to_string));
    facts
}

#[cfg(test)]
mod tests;
