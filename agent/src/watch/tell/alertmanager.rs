//! Alerts as an Alertmanager takes them, and as it sends them on to webhooks.
//!
//! # Source
//! Prometheus, "Alertmanager API v2" (`postableAlert`) and "Configuration", `webhook_config`, version 4.

use std::collections::BTreeMap;

use assent_schema::time::Period;
use serde_json::{Value, json};

use super::{Stage, Telling, facts, title};
use crate::people::told::line;
use crate::store::Severity;

/// Until when an Alertmanager keeps an alert that stands: it hears when it is over, and forgets it by itself after this.
const STANDS: Period = Period::days(30);
/// The time that stands for "not over" in what an Alertmanager sends.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// An alert for an Alertmanager itself.
pub(super) fn alert(telling: &Telling<'_>) -> Value {
    let mut alert = json!({"labels": labels(telling), "annotations": annotations(telling)});
    let ends = if telling.stage == Stage::Over { telling.now } else { telling.now.plus(STANDS) };
    if let Some(alert) = alert.as_object_mut() {
        alert.insert("endsAt".to_owned(), json!(ends.to_string()));
        alert.extend(telling.message.since.map(|since| ("startsAt".to_owned(), json!(since.to_string()))));
        alert.extend(telling.message.link.as_ref().map(|link| ("generatorURL".to_owned(), json!(link))));
    }
    alert
}

/// What an Alertmanager sends to a webhook of such an alert.
pub(super) fn webhook(telling: &Telling<'_>) -> Value {
    let (labels, annotations) = (labels(telling), annotations(telling));
    let over = telling.stage == Stage::Over;
    let status = if over { "resolved" } else { "firing" };
    let dedup = telling.message.dedup.to_string();
    let starts = telling.message.since.unwrap_or(telling.now).to_string();
    let ends = if over { telling.now.to_string() } else { NEVER.to_owned() };
    let link = telling.message.link.as_deref().unwrap_or_default();
    let alert = json!({"status": status, "labels": labels, "annotations": annotations, "startsAt": starts, "endsAt": ends,
        "generatorURL": link, "fingerprint": dedup.get(..16).unwrap_or_default()});
    json!({"version": "4", "groupKey": dedup, "truncatedAlerts": 0, "status": status, "receiver": "assent",
        "groupLabels": {"alertname": labels.get("alertname")}, "commonLabels": labels, "commonAnnotations": annotations,
        "externalURL": link, "alerts": [alert]})
}

/// What an alert is told apart by: the same as long as it stands. Names have the form that Prometheus asks for.
fn labels(telling: &Telling<'_>) -> BTreeMap<&'static str, String> {
    let message = telling.message;
    let severity = match telling.severity {
        Some(Severity::Critical) => "critical",
        Some(Severity::Normal) => "error",
        None => "warning",
    };
    let mut labels = BTreeMap::new();
    let mut say = |name, value: Option<String>| labels.extend(value.map(|value| (name, line(&value))));
    say("alertname", Some(message.rule.map_or_else(|| "assent".to_owned(), |rule| rule.to_string())));
    say("severity", Some(severity.to_owned()));
    say("agent", message.agent.as_ref().map(ToString::to_string));
    say("client", message.client.as_ref().map(ToString::to_string));
    say("connection", message.connection.as_ref().map(ToString::to_string));
    say("workflow", message.workflow.as_ref().map(ToString::to_string));
    say("code", Some(message.code.clone()));
    say("dedup", Some(message.dedup.to_string()));
    labels
}

fn annotations(telling: &Telling<'_>) -> BTreeMap<String, String> {
    let raised = Telling { stage: Stage::Raised, ..telling.clone() };
    let mut said: BTreeMap<String, String> =
        facts(telling).into_iter().map(|(name, value)| (name.to_lowercase().replace(' ', "_"), value)).collect();
    said.insert("summary".to_owned(), title(&raised));
    if !telling.message.commands.is_empty() {
        said.insert("commands".to_owned(), telling.message.commands.join("\n"));
    }
    said
}
