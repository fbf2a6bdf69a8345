//! What an alert says: client, workflow, cause, since when, how many wait, the clock, commands to copy. Facts only.

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, ConnectionId, WorkflowId};
use assent_schema::time::Moment;
use serde::Serialize;

use super::routes::ClientRoutes;
use crate::incident::respond_by;
use crate::store::{AlertRow, QueueItem, RunId, Severity, incident_id};

/// The JSON that a webhook route receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Always `alert`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The number of this format.
    pub schema: u32,
    /// Stable for one alert, however often it is delivered: by it a receiver drops repetitions.
    pub dedup: Digest,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Whose data it is about; absent for the agent itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The first of the workflows that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// The connection that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The rule that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The cause, from a closed list.
    pub code: String,
    /// The random id of the first of the runs that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// How often it came since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// How much work waits in the manual queue because of this client's workflow, or of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    /// Whether an incident was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<bool>,
    /// By when somebody must have answered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<Moment>,
    /// What to run on the agent's host, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// The whole message, for a route in the client's region.
pub fn message(agent: &AgentId, row: &AlertRow, routes: Option<&ClientRoutes>, queue: &[QueueItem]) -> Message {
    let alert = &row.alert;
    let since = row.since.moment();
    let clock =
        routes.filter(|_| alert.incident).and_then(|r| respond_by(r.tier, Severity::of(&alert.rule), since, &r.hours));
    Message {
        agent: Some(agent.clone()),
        connection: alert.connection.clone(),
        rule: Some(alert.rule.clone()),
        since: Some(since),
        count: Some(row.count),
        waiting: Some(waiting(row, queue)),
        incident: Some(alert.incident),
        respond_by: clock.map(|clock| clock.until),
        commands: commands(row),
        ..abroad(agent, row)
    }
}

/// What a route in another region may know: client, workflow, code and a random run id.
///
/// # Source
/// language.md section 5, "Residency".
pub(super) fn abroad(agent: &AgentId, row: &AlertRow) -> Message {
    let alert = &row.alert;
    Message {
        kind: "alert",
        schema: 1,
        dedup: dedup(agent, row),
        agent: None,
        client: alert.client.clone(),
        workflow: alert.workflow.clone(),
        connection: None,
        rule: None,
        code: alert.code.clone(),
        run: alert.run,
        since: None,
        count: None,
        waiting: None,
        incident: None,
        respond_by: None,
        commands: Vec::new(),
    }
}

/// Of the alert's key and when it first came: the same through every repetition, another for the next alert of the key.
fn dedup(agent: &AgentId, row: &AlertRow) -> Digest {
    let text = format!("{agent}\n{}\n{}", row.alert.key(), row.since.millis());
    Digest::tagged("assent-alert/v1", text.as_bytes())
}

fn waiting(row: &AlertRow, queue: &[QueueItem]) -> usize {
    let concerns = |item: &&QueueItem| row.alert.client.as_ref().is_none_or(|client| *client == item.client);
    queue.iter().filter(concerns).count()
}

fn commands(row: &AlertRow) -> Vec<String> {
    let status = "assent-agent status".to_owned();
    let Some(client) = &row.alert.client else {
        return vec![status, "assent-agent queue".to_owned(), "assent-agent runs".to_owned()];
    };
    if let ("consent-needed", Some(connection)) = (row.alert.rule.as_str(), &row.alert.connection) {
        let acknowledge = format!("assent-agent incidents acknowledge {} --by PERSON", incident_id(row.no));
        return vec![format!("assent-agent vault connect {client}/{connection}"), acknowledge, status];
    }
    let first = match row.alert.run {
        Some(run) => format!("assent-agent runs show {run}"),
        None => status,
    };
    let last = match &row.alert.workflow {
        Some(workflow) => format!("assent-agent rollback {client}/{workflow}"),
        None => format!("assent-agent runs --client {client}"),
    };
    let second = if row.alert.incident {
        format!("assent-agent incidents acknowledge {}", incident_id(row.no))
    } else {
        "assent-agent queue".to_owned()
    };
    vec![first, second, last]
}
