//! What an alert says: client, workflow, cause, since when, how many wait, the clock, commands to copy. Facts only.

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, ConnectionId, WorkflowId};
use assent_schema::time::Moment;
use serde::Serialize;

use super::ending::renews;
use super::overdue::clock;
use super::routes::Routes;
use crate::store::{Alert, AlertNo, AlertRow, IncidentNo, QueueItem, RunId, RunName};

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
    /// How people name that run: of it, too, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_name: Option<RunName>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// How often it came since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// How much work waits in the manual queue: of its workflow, of its client where it has none, or of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    /// The incident whose clock it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Whether an incident was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<bool>,
    /// By when somebody must have answered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<Moment>,
    /// Its page of the console, or that of the incident that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to run on the agent's host, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// An incident that nobody answered or explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its number, as people call it.
    pub incident: String,
    /// The rule that opened it.
    pub rule: Rule,
    /// Its cause.
    pub code: String,
    /// Since when.
    pub began: Moment,
}

/// What is known beside an alert when it is told.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Who says so.
    pub agent: &'a AgentId,
    /// Where alerts go, and how soon incidents must be answered.
    pub routes: &'a Routes,
    /// What waits for people.
    pub queue: &'a [QueueItem],
    /// The incident whose clock it is about.
    pub about: Option<&'a AlertRow>,
    /// Since when the plan of its workflow is in trial, where one before it ran well and may take its place again.
    pub goes_back: Option<Moment>,
    /// Whether another try of the run that it is about could do more than it did.
    pub may_retry: bool,
    /// What commands must say to find the agent's configuration.
    pub config: Option<&'a str>,
    /// Where the console is, with the slash at its end.
    pub console: Option<&'a str>,
    /// How people name the run that it is about.
    pub run: Option<&'a RunName>,
}

/// The whole message, for a route in the client's region.
pub fn message(row: &AlertRow, around: &Around<'_>) -> Message {
    let Around { agent, routes, queue, about, goes_back, may_retry, config, console, run } = *around;
    let alert = &row.alert;
    let since = row.since.moment();
    let answered = match alert.rule {
        Rule::ResponseDue | Rule::ResponseLate => about,
        _ => Some(row).filter(|_| alert.incident),
    };
    let clock = answered.and_then(|row| clock(row, routes));
    let subject = about.map_or(alert, |about| &about.alert);
    Message {
        agent: Some(agent.clone()),
        connection: alert.connection.clone().or_else(|| subject.connection.clone()),
        rule: Some(alert.rule),
        since: Some(since),
        count: Some(row.count),
        waiting: Some(waiting(subject, queue)),
        about: about.map(|about| About {
            incident: number(about),
            rule: about.alert.rule,
            code: about.alert.code.clone(),
            began: about.since.moment(),
        }),
        run_name: run.cloned(),
        incident: Some(alert.incident),
        link: console.map(|console| format!("{console}{}", page(row))),
        respond_by: clock.map(|clock| clock.until),
        commands: commands(row, goes_back, may_retry).into_iter().map(|what| line(&what, config)).collect(),
        ..abroad(agent, row, about)
    }
}

/// What a route in another region may know: client, workflow, code and a random run id.
///
/// # Source
/// language.md section 5, "Residency".
pub(super) fn abroad(agent: &AgentId, row: &AlertRow, about: Option<&AlertRow>) -> Message {
    let alert = &row.alert;
    let subject = about.map_or(alert, |about| &about.alert);
    Message {
        kind: "alert",
        schema: 1,
        dedup: dedup(agent, row),
        agent: None,
        client: alert.client.clone(),
        workflow: subject.workflow.clone(),
        connection: None,
        rule: None,
        code: alert.code.clone(),
        run: subject.run,
        since: None,
        count: None,
        waiting: None,
        about: None,
        incident: None,
        respond_by: None,
        link: None,
        run_name: None,
        commands: Vec::new(),
    }
}

/// The page of the console that tells more: of the incident that it opened or whose clock it is about, else its own.
fn page(row: &AlertRow) -> String {
    let alert = &row.alert;
    let incident = alert.about.or_else(|| alert.incident.then(|| IncidentNo::new(row.no)));
    match (incident, alert.rule) {
        // What could not be stored has no page.
        _ if row.no == 0 => String::new(),
        (Some(incident), Rule::PostMortemDue | Rule::PostMortemLate) => format!("incidents/{incident}#post-mortem"),
        (Some(incident), _) => format!("incidents/{incident}"),
        (None, _) => format!("alerts/{}", AlertNo::new(row.no)),
    }
}

/// Of the alert's key and when it first came: the same through every repetition, another for the next alert of the key.
fn dedup(agent: &AgentId, row: &AlertRow) -> Digest {
    let text = format!("{agent}\n{}\n{}", row.alert.key(), row.since.millis());
    Digest::tagged("assent-alert/v1", text.as_bytes())
}

fn waiting(of: &Alert, queue: &[QueueItem]) -> usize {
    let concerns = |item: &&QueueItem| {
        of.client.as_ref().is_none_or(|client| *client == item.client)
            && of.workflow.as_ref().is_none_or(|workflow| *workflow == item.workflow)
    };
    queue.iter().filter(concerns).count()
}

/// What helps with an alert of its rule, in this order: what it is about first, what its rule means last. Each can be run as it
/// stands, and none changes what runs unless that can help.
fn commands(row: &AlertRow, goes_back: Option<Moment>, may_retry: bool) -> Vec<String> {
    let alert = &row.alert;
    let run = alert.run.map(|run| format!("runs show {run}"));
    let retry = alert.run.filter(|_| may_retry).map(|run| format!("runs retry {run} --why {}", number(row)));
    let runs = alert.client.as_ref().map_or_else(|| "runs".to_owned(), |client| format!("runs --client {client}"));
    // What could not be stored has no number, and nothing to answer.
    let what = if alert.incident { "incidents" } else { "alerts" };
    let acknowledge = (row.no > 0).then(|| format!("{what} acknowledge {}", number(row)));
    let at = |connection: &ConnectionId| alert.client.as_ref().map(|client| format!("{client}/{connection}"));
    let connection = alert.connection.as_ref().and_then(at);
    let place = alert.client.as_ref().zip(alert.workflow.as_ref());
    let place = place.map(|(client, workflow)| format!("{client}/{workflow}"));
    let explain = format!("alerts explain {}", alert.rule);
    let (status, vault) = (|| "status".to_owned(), || "vault list".to_owned());
    let of = |wanted: [Option<String>; COMMANDS_MOST]| {
        wanted.into_iter().flatten().chain([explain.clone()]).take(COMMANDS_MOST).collect::<Vec<_>>()
    };
    let step = |verb: &str| alert.about.map(|incident| format!("incidents {verb} {incident}"));
    match alert.rule {
        Rule::ResponseDue | Rule::ResponseLate => of([step("acknowledge"), step("show"), None]),
        Rule::PostMortemDue | Rule::PostMortemLate => of([step("draft"), step("show"), None]),
        Rule::RotationDue | Rule::RotationOverdue => {
            of([connection.map(|at| format!("vault rotate {at}/{} --set", alert.code)), Some(vault()), None])
        }
        Rule::RotationFailed | Rule::Secret | Rule::Vault | Rule::RouteFails => of([Some(vault()), acknowledge, None]),
        Rule::ConsentNeeded => of([connection.map(|at| format!("vault connect {at}")), acknowledge, None]),
        Rule::CredentialEnds => of([connection.map(|at| renews(&alert.code, &at)), acknowledge, None]),
        Rule::Webhook => of([Some(vault()), Some(runs), None]),
        Rule::HoldLapsed => {
            let held = match (&place, &alert.client, &alert.connection) {
                (Some(place), ..) => Some(place.clone()),
                (None, Some(client), Some(connection)) => Some(format!("{client} --connection {connection}")),
                (None, Some(client), None) => Some(client.to_string()),
                (None, None, _) => None,
            };
            of([Some(runs), held.map(|held| format!("hold {held} --why lapsed --for 4h")), None])
        }
        Rule::DecisionWaits => of([Some("console".to_owned()), Some(runs), None]),
        Rule::Chat => of([run, Some(vault()), None]),
        // The run can go on: that is what is left to do once it was looked at.
        Rule::RunFailed | Rule::RunDone => of([run, acknowledge, retry]),
        Rule::RunStopped | Rule::RunContentLost | Rule::RunSuperseded => of([run, acknowledge, None]),
        // What is unlike before may be the plan's doing, where that came lately and another one of it ran well.
        Rule::AnomalyLatency | Rule::AnomalyFailures => {
            let helps = goes_back.is_some_and(|since| since <= row.since.moment());
            let back = place.filter(|_| helps).map(|place| format!("rollback {place}"));
            of([Some(runs), back.or(acknowledge), None])
        }
        // Nothing else is answered, and what must be known before it may go on is longer than a line.
        Rule::Halted => of([Some(status()), Some("recover".to_owned()), Some("ledger verify".to_owned())]),
        Rule::Reported | Rule::ReportedNormal => {
            of([Some(format!("incidents show {}", number(row))), acknowledge, None])
        }
        Rule::MissedSchedule
        | Rule::ReleaseRefused
        | Rule::ReleaseLost
        | Rule::RolledBack
        | Rule::Refused
        | Rule::WorkflowOff
        | Rule::Stale
        | Rule::StaleStopped
        | Rule::ApprovalEnds
        | Rule::RootEnds
        | Rule::ApproversReset
        | Rule::Pull
        | Rule::Status
        | Rule::CertificateEnds
        | Rule::ScopeWider
        | Rule::ScopeMissing
        | Rule::SecretInLog
        | Rule::AnomalyVolume
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
            let answer = if alert.client.is_some() && !alert.incident { Some(runs) } else { acknowledge };
            of([run.or_else(|| Some(status())), answer, None])
        }
    }
}

/// A command as it is pasted.
fn line(what: &str, config: Option<&str>) -> String {
    config.map_or_else(|| format!("assent-agent {what}"), |config| format!("assent-agent {what} {config}"))
}

/// What people call it by.
fn number(row: &AlertRow) -> String {
    if row.alert.incident { IncidentNo::new(row.no).to_string() } else { AlertNo::new(row.no).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Condition, alert};
    use crate::world::Wall;

    fn told(no: i64, alert: Alert) -> (Message, Message) {
        let row = AlertRow::once(no, alert, Wall::from_millis(0));
        let (agent, routes, run) = ("eu-1".parse().unwrap(), Routes::default(), "acme-2.12".parse().unwrap());
        let around = Around {
            agent: &agent,
            routes: &routes,
            queue: &[],
            about: None,
            goes_back: None,
            may_retry: true,
            config: None,
            console: Some("https://agent.example/"),
            run: Some(&run),
        };
        (message(&row, &around), abroad(&agent, &row, None))
    }

    #[test]
    fn a_link_leads_to_what_the_alert_is_about() {
        let (client, incident) = (|| Some("acme".parse().unwrap()), IncidentNo::new(29));
        for (no, condition, place) in [
            (7, Condition::Clock, "alerts/a-7"),
            (7, Condition::Vault { code: "vault_gone".into() }, "incidents/i-7"),
            (7, Condition::ResponseLate { client: client(), incident }, "incidents/i-29"),
            (7, Condition::PostMortemDue { client: client(), incident, left: "1d" }, "incidents/i-29#post-mortem"),
            (0, Condition::Disk { code: "disk_full".into() }, ""),
        ] {
            let (near, far) = told(no, alert(&condition));
            assert_eq!(near.link, Some(format!("https://agent.example/{place}")), "{condition:?}");
            assert_eq!((far.link, far.run_name), (None, None), "another region is told of neither");
            assert_eq!(near.run_name.map(|name| name.to_string()).as_deref(), Some("acme-2.12"));
        }
    }
}
