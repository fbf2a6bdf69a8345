//! What an alert says: client, workflow, cause, since when, how many wait, the clock, commands to copy. Facts only.

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, ConnectionId, WorkflowId};
use assent_schema::time::Moment;
use serde::Serialize;

use super::overdue::clock;
use super::routes::Routes;
use crate::store::{AlertRow, IncidentNo, QueueItem, RunId};

/// The most commands that an alert has on-call copy.
const COMMANDS_MOST: usize = 3;

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
    pub rule: Option<Rule>,
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
pub fn message(agent: &AgentId, row: &AlertRow, routes: &Routes, queue: &[QueueItem]) -> Message {
    let alert = &row.alert;
    let since = row.since.moment();
    let clock = Some(row).filter(|_| alert.incident).and_then(|row| clock(row, routes));
    Message {
        agent: Some(agent.clone()),
        connection: alert.connection.clone(),
        rule: Some(alert.rule),
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

/// What helps with an alert of its rule, in this order: what it is about first. Each can be run as it stands.
fn commands(row: &AlertRow) -> Vec<String> {
    let alert = &row.alert;
    let agent = |what: String| format!("assent-agent {what}");
    let (status, queue) = (agent("status".to_owned()), agent("queue".to_owned()));
    let alerts = agent("alerts".to_owned());
    let runs = alert.client.as_ref().map_or_else(|| "runs".to_owned(), |client| format!("runs --client {client}"));
    let runs = agent(runs);
    let run = alert.run.map(|run| agent(format!("runs show {run}")));
    let acknowledge = alert.incident.then(|| agent(format!("incidents acknowledge {}", IncidentNo::new(row.no))));
    let at = |connection: &ConnectionId| alert.client.as_ref().map(|client| format!("{client}/{connection}"));
    let connection = alert.connection.as_ref().and_then(at);
    let place = alert.client.as_ref().zip(alert.workflow.as_ref());
    let place = place.map(|(client, workflow)| format!("{client}/{workflow}"));
    let back = place.as_ref().map(|place| agent(format!("rollback {place}")));
    let explain = agent(format!("alerts explain {}", alert.rule));
    let of = |wanted: [Option<String>; 4]| {
        wanted.into_iter().flatten().chain([explain.clone()]).take(COMMANDS_MOST).collect::<Vec<_>>()
    };
    match alert.rule {
        Rule::ResponseDue | Rule::ResponseLate => {
            let step = |verb: &str| alert.about.map(|incident| agent(format!("incidents {verb} {incident}")));
            of([step("acknowledge"), step("show"), Some(status), None])
        }
        Rule::PostMortemDue | Rule::PostMortemLate => {
            let step = |verb: &str| alert.about.map(|incident| agent(format!("incidents {verb} {incident}")));
            of([step("draft"), step("show"), Some(status), None])
        }
        Rule::RotationDue | Rule::RotationOverdue => {
            let rotate = connection.map(|at| agent(format!("vault rotate {at}/{} --set", alert.code)));
            of([rotate, Some(agent("vault list".to_owned())), Some(status), None])
        }
        Rule::RotationFailed | Rule::Secret | Rule::Vault => {
            of([Some(agent("vault list".to_owned())), acknowledge, Some(status), Some(runs)])
        }
        Rule::ConsentNeeded => {
            let connect = connection.map(|at| agent(format!("vault connect {at}")));
            of([connect, acknowledge, Some(status), Some(runs)])
        }
        Rule::HoldLapsed => {
            let held = match (&place, &alert.client, &alert.connection) {
                (Some(place), ..) => Some(place.clone()),
                (None, Some(client), Some(connection)) => Some(format!("{client} --connection {connection}")),
                (None, Some(client), None) => Some(client.to_string()),
                (None, None, _) => None,
            };
            let hold = held.map(|held| agent(format!("hold {held} --why lapsed --for 4h")));
            of([Some(runs), hold, Some(status), None])
        }
        Rule::DecisionWaits => of([Some(agent("console".to_owned())), Some(runs), Some(status), None]),
        Rule::Chat => of([run, Some(agent("vault list".to_owned())), Some(status), Some(runs)]),
        Rule::RolledBack | Rule::Refused | Rule::WorkflowOff => {
            of([Some(status), acknowledge, Some(runs), Some(queue)])
        }
        Rule::RunFailed | Rule::RunStopped | Rule::RunContentLost | Rule::RunDone | Rule::RunSuperseded => {
            of([run, acknowledge.or(Some(queue)), back, Some(runs)])
        }
        Rule::Halted => of([Some(status), Some(agent("ledger verify".to_owned())), acknowledge, Some(alerts)]),
        // What is unlike before may be the plan's doing: it has a workflow, and another plan of it may be better.
        Rule::MissedSchedule
        | Rule::ReleaseRefused
        | Rule::ReleaseLost
        | Rule::Stale
        | Rule::StaleStopped
        | Rule::ApprovalEnds
        | Rule::ApproversReset
        | Rule::Pull
        | Rule::Status
        | Rule::CertificateEnds
        | Rule::ScopeWider
        | Rule::ScopeMissing
        | Rule::SecretInLog
        | Rule::RouteFails
        | Rule::AnomalyVolume
        | Rule::AnomalyLatency
        | Rule::AnomalyFailures
        | Rule::Reported
        | Rule::ReportedNormal
        | Rule::AtLimit
        | Rule::EventLost
        | Rule::Inbox
        | Rule::Poll
        | Rule::Lag
        | Rule::Heartbeat
        | Rule::Log
        | Rule::Clock
        | Rule::Disk
        | Rule::LedgerKey
        | Rule::LedgerBranch
        | Rule::Witness => {
            if alert.client.is_some() {
                of([run.or(Some(status)), acknowledge.or(Some(queue)), back, Some(runs)])
            } else {
                of([Some(status), acknowledge, Some(alerts), Some(queue)])
            }
        }
    }
}
