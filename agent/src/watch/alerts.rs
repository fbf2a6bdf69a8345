//! Facts to alerts. Pure: the same condition gives the same alert, whose key groups it by rule, client, connection, code.

use std::collections::BTreeMap;

use assent_schema::id::{ClientId, ConnectionId, SlotId, WorkflowId};
use assent_schema::ledger::HeldWhat;
use assent_schema::time::Moment;

use super::anomaly::Anomaly;
use crate::store::{Alert, AlertRow, Ending, RunId, Write};

/// The most that one alert counts at once.
const COUNT_MOST: i64 = 1_000;

/// What was found to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A run ended without being done.
    RunEnded {
        /// Whose run.
        client: ClientId,
        /// Of which workflow.
        workflow: WorkflowId,
        /// The connection that failed, if one did.
        connection: Option<ConnectionId>,
        /// How it ended.
        ending: Ending,
        /// Why, from a closed list.
        code: String,
        /// Which run.
        run: RunId,
        /// Whether an effect was done or is in doubt.
        touched: bool,
    },
    /// Nobody answered an incident, and half of the time for it is over.
    ResponseDue {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Its name.
        id: String,
    },
    /// Nobody answered an incident in time.
    ResponseLate {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Its name.
        id: String,
    },
    /// The post-mortem of an incident must be shared soon.
    PostMortemDue {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Its name.
        id: String,
        /// Within which time.
        left: &'static str,
    },
    /// The post-mortem of an incident was not shared in time.
    PostMortemLate {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Its name.
        id: String,
    },
    /// Scheduled runs did not begin.
    ScheduleMissed {
        /// Whose.
        client: ClientId,
        /// Which workflow.
        workflow: WorkflowId,
    },
    /// A release was refused whole.
    ReleaseRefused {
        /// Which rule.
        code: String,
    },
    /// The repository cannot be reached or read.
    FetchFails {
        /// Why, from a closed list.
        code: String,
    },
    /// There is no current freshness statement.
    Stale,
    /// There has been none for so long that a client's workflows stopped.
    StaleStopped {
        /// Whose.
        client: ClientId,
    },
    /// An approval ends soon: 30, 7 or 1 days before.
    ApprovalEnds {
        /// Whose.
        client: ClientId,
        /// In how many days, at most.
        days: u32,
    },
    /// The certificate of the agent's listeners ends soon, or has ended and nobody can send it anything.
    CertificateEnds {
        /// How soon: `14d`, `7d`, `1d`, `over`.
        code: String,
    },
    /// Root resets the approvers of a client; one of them can end it until a day.
    ApproversReset {
        /// Whose.
        client: ClientId,
        /// The number of the file.
        number: u32,
        /// Until when.
        until: Moment,
    },
    /// A secret must be rotated soon.
    RotationDue {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// A secret was not rotated in time.
    RotationOverdue {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
    },
    /// A new secret did not pass its test: the old one stays.
    RotationFailed {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Why, from a closed list.
        code: String,
    },
    /// A person must consent again: what uses the connection waits.
    ConsentNeeded {
        /// Whose.
        client: ClientId,
        /// Which connection.
        connection: ConnectionId,
    },
    /// An API granted more than the workflows need.
    ScopeWider {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
    },
    /// An API granted less than the workflows need.
    ScopeMissing {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
    },
    /// The vault cannot be used: what needs a secret waits.
    Vault {
        /// Why, from a closed list.
        code: String,
    },
    /// A line of the log held a secret and was not written.
    SecretInLog,
    /// A secret is missing or does not open.
    Secret {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Why, from a closed list.
        code: String,
    },
    /// A route takes nothing, and alerts wait for it.
    RouteFails {
        /// Which route.
        route: ConnectionId,
        /// Why, from a closed list.
        code: String,
    },
    /// A workflow is unlike the weeks before.
    Unlike {
        /// Whose.
        client: ClientId,
        /// Which workflow.
        workflow: WorkflowId,
        /// In what.
        anomaly: Anomaly,
    },
    /// Half of the time for a decision is over, and nobody decided.
    DecisionWaits {
        /// Whose.
        client: ClientId,
        /// Which workflow.
        workflow: WorkflowId,
    },
    /// The agent itself is behind.
    Lag {
        /// With what.
        code: &'static str,
    },
    /// Nobody takes the dead-man's ping.
    PingFails {
        /// Why, from a closed list.
        code: String,
    },
    /// A client is at one of its limits.
    AtLimit {
        /// Which client.
        client: ClientId,
        /// Which limit.
        code: String,
    },
    /// A genuine event is refused for good: nobody will send it again.
    EventLost {
        /// Whose.
        client: ClientId,
        /// Which workflow it was for.
        workflow: WorkflowId,
        /// Which connection signed it.
        connection: ConnectionId,
        /// Why, from a closed list.
        code: &'static str,
    },
    /// A hold ended by time: whatever it was for may not be mended.
    HoldLapsed {
        /// Whose.
        client: ClientId,
        /// What was held.
        what: HeldWhat,
    },
    /// Lines of the log could not be written.
    LogLost,
    /// The clock is not where signed times and the boot clock say.
    Clock,
    /// No space is left, or little.
    Disk {
        /// `disk_full` or `disk_low`.
        code: String,
    },
    /// The agent's store is older than what it published, or another instance holds its identity: nothing is started.
    Halted {
        /// What was found first.
        code: String,
    },
    /// Checkpoints of a client's ledger do not reach the branch that it owns.
    LedgerBranch {
        /// Whose.
        client: ClientId,
        /// Why, from a closed list.
        code: String,
        /// Whether it is more than an outage.
        grave: bool,
    },
    /// A witness does not cosign the checkpoints of a client's ledger.
    Witness {
        /// Whose.
        client: ClientId,
        /// Why, from a closed list.
        code: String,
        /// Whether it is more than an outage.
        grave: bool,
    },
    /// The ledger is not what was published, or cannot be written.
    Ledger {
        /// Why, from a closed list.
        code: String,
    },
}

/// What on-call is told of a condition; `None` when nobody needs to know.
///
/// # Shape
/// An incident is opened with it when work was left undone, or when the agent cannot be relied on.
pub fn alert(condition: &Condition) -> Option<Alert> {
    Some(match condition {
        Condition::RunEnded { client, workflow, connection, ending, code, run, touched } => {
            let (rule, incident) = rule_of(*ending, *touched)?;
            let about = of(rule, Some(client), code);
            let (workflow, connection) = (Some(workflow.clone()), connection.clone());
            Alert { workflow, connection, run: Some(*run), incident, ..about }
        }
        Condition::ResponseDue { client, id } => of("response-due", client.as_ref(), id),
        Condition::ResponseLate { client, id } => of("response-late", client.as_ref(), id),
        Condition::PostMortemDue { client, id, left } => {
            of("post-mortem-due", client.as_ref(), &format!("{id}-{left}"))
        }
        Condition::PostMortemLate { client, id } => of("post-mortem-late", client.as_ref(), id),
        Condition::ScheduleMissed { client, workflow } => {
            Alert { workflow: Some(workflow.clone()), ..of("schedule-missed", Some(client), "missed") }
        }
        Condition::ReleaseRefused { code } => of("release-refused", None, code),
        Condition::FetchFails { code } => of("fetch-fails", None, code),
        Condition::Stale => of("stale", None, "freshness"),
        Condition::StaleStopped { client } => serious(of("stale-stopped", Some(client), "freshness")),
        Condition::ApprovalEnds { client, days } => of("approval-ends", Some(client), &format!("{days}d")),
        Condition::CertificateEnds { code } => {
            let about = of("certificate", None, code);
            if code == "over" { serious(about) } else { about }
        }
        Condition::ApproversReset { client, number, until } => {
            let day = until.to_string().split('T').next().unwrap_or_default().to_owned();
            of("approvers-reset", Some(client), &format!("file-{number}-until-{day}"))
        }
        Condition::RotationDue { client, connection, slot } => {
            Alert { connection: Some(connection.clone()), ..of("rotation-due", Some(client), slot.as_str()) }
        }
        Condition::RotationOverdue { client, connection, slot } => {
            Alert { connection: Some(connection.clone()), ..of(ROTATION_OVERDUE, Some(client), slot.as_str()) }
        }
        Condition::RotationFailed { client, connection, code } => {
            Alert { connection: Some(connection.clone()), ..of("rotation-failed", Some(client), code) }
        }
        Condition::ConsentNeeded { client, connection } => serious(Alert {
            connection: Some(connection.clone()),
            ..of("consent-needed", Some(client), "consent_needed")
        }),
        Condition::ScopeWider { client, connection } => {
            Alert { connection: Some(connection.clone()), ..of("scope-wider", Some(client), "wider") }
        }
        Condition::ScopeMissing { client, connection } => {
            Alert { connection: Some(connection.clone()), ..of("scope-missing", Some(client), "missing") }
        }
        Condition::Vault { code } => serious(of("vault", None, code)),
        Condition::SecretInLog => serious(of("secret-in-log", None, "secret_in_log")),
        Condition::Secret { client, connection, code } => {
            serious(Alert { connection: Some(connection.clone()), ..of("secret", Some(client), code) })
        }
        Condition::RouteFails { route, code } => {
            Alert { connection: Some(route.clone()), ..of("route-fails", None, code) }
        }
        Condition::Unlike { client, workflow, anomaly } => {
            Alert { workflow: Some(workflow.clone()), ..of(anomaly.rule(), Some(client), anomaly.code()) }
        }
        Condition::DecisionWaits { client, workflow } => {
            Alert { workflow: Some(workflow.clone()), ..of("decision-waits", Some(client), "half") }
        }
        Condition::Lag { code } => of("lag", None, code),
        Condition::PingFails { code } => of("heartbeat", None, code),
        Condition::AtLimit { client, code } => of("at-limit", Some(client), code),
        Condition::EventLost { client, workflow, connection, code } => Alert {
            workflow: Some(workflow.clone()),
            connection: Some(connection.clone()),
            ..of("event-lost", Some(client), code)
        },
        Condition::HoldLapsed { client, what } => {
            let about = of("hold-lapsed", Some(client), "lapsed");
            match what {
                HeldWhat::Client => about,
                HeldWhat::Workflow(workflow) => Alert { workflow: Some(workflow.clone()), ..about },
                HeldWhat::Connection(connection) => Alert { connection: Some(connection.clone()), ..about },
            }
        }
        Condition::LogLost => of("log", None, "lines_lost"),
        Condition::Clock => of("clock", None, "differs"),
        Condition::Disk { code } => serious(of("disk", None, code)),
        Condition::Halted { code } => serious(of("halted", None, code)),
        Condition::LedgerBranch { client, code, grave } => {
            Alert { incident: *grave, ..of("ledger-branch", Some(client), code) }
        }
        Condition::Witness { client, code, grave } => Alert { incident: *grave, ..of("witness", Some(client), code) },
        Condition::Ledger { code } => serious(of("ledger", None, code)),
    })
}

/// The rule of an alert about a secret whose time is over; its code is the slot.
pub(super) const ROTATION_OVERDUE: &str = "rotation-overdue";

/// What brings the open alerts of some rules in line with what is so now: each condition is told once, and over when it is.
pub fn settle(open: &[AlertRow], rules: &[&str], conditions: &[Condition]) -> Vec<Write> {
    let mut wanted: BTreeMap<String, Alert> = BTreeMap::new();
    for alert in conditions.iter().filter_map(alert) {
        wanted.entry(alert.key()).or_insert(alert);
    }
    let ours = |row: &&AlertRow| rules.contains(&row.alert.rule.as_str());
    let gone = open.iter().filter(ours).map(|row| row.alert.key()).filter(|key| !wanted.contains_key(key));
    let mut writes: Vec<Write> = gone.map(|key| Write::AlertOver { key }).collect();
    for row in open {
        wanted.remove(&row.alert.key());
    }
    writes.extend(wanted.into_values().map(Write::Alert));
    writes
}

/// As [`settle`], of conditions of which several are one alert: its count is how many there are.
pub fn settle_counted(open: &[AlertRow], rules: &[&str], conditions: &[Condition]) -> Vec<Write> {
    let mut writes = settle(open, rules, conditions);
    let mut counts: BTreeMap<String, (Alert, i64)> = BTreeMap::new();
    for alert in conditions.iter().filter_map(alert) {
        let (_, count) = counts.entry(alert.key()).or_insert((alert, 0));
        *count = count.saturating_add(1).min(COUNT_MOST);
    }
    for (key, (alert, count)) in counts {
        // A new one is raised once already.
        let told = open.iter().find(|row| row.alert.key() == key).map_or(1, |row| row.count);
        writes.extend((told..count).map(|_| Write::Alert(alert.clone())));
    }
    writes
}

fn rule_of(ending: Ending, touched: bool) -> Option<(&'static str, bool)> {
    match ending {
        Ending::Done => None,
        Ending::Superseded => touched.then_some(("run-superseded", false)),
        Ending::Stopped => Some(("run-stopped", true)),
        Ending::Failed => Some(("run-failed", true)),
        Ending::ContentLost => Some(("content-lost", true)),
    }
}

fn of(rule: &str, client: Option<&ClientId>, code: &str) -> Alert {
    Alert {
        rule: rule.to_owned(),
        client: client.cloned(),
        workflow: None,
        connection: None,
        code: code.to_owned(),
        run: None,
        incident: false,
        by: None,
    }
}

fn serious(alert: Alert) -> Alert {
    Alert { incident: true, ..alert }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(n: u8, workflow: &str, ending: Ending, touched: bool) -> Option<Alert> {
        alert(&Condition::RunEnded {
            client: "acme".parse().unwrap(),
            workflow: workflow.parse().unwrap(),
            connection: Some("helpdesk".parse().unwrap()),
            ending,
            code: "http_503".into(),
            run: RunId::from_bytes([n; 16]),
            touched,
        })
    }

    #[test]
    fn one_cause_behind_many_runs_and_workflows_is_one_alert() {
        let keys: std::collections::BTreeSet<_> = (0..20)
            .flat_map(|n| ["refund", "reply"].map(|w| ended(n, w, Ending::Failed, false).unwrap().key()))
            .collect();
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["run-failed/acme/helpdesk/http_503"]);
    }

    #[test]
    fn one_cause_behind_many_workflows_is_one_alert_with_a_count() {
        let unlike = |workflow: &str| Condition::Unlike {
            client: "acme".parse().unwrap(),
            workflow: workflow.parse().unwrap(),
            anomaly: Anomaly::Silent,
        };
        let conditions = ["refund", "reply", "renew"].map(unlike);
        let writes = settle_counted(&[], &["anomaly-volume"], &conditions);
        let keys = writes.iter().map(|write| if let Write::Alert(alert) = write { alert.key() } else { "-".into() });
        assert_eq!(keys.collect::<Vec<_>>(), ["anomaly-volume/acme/-/silent"; 3]);
    }

    #[test]
    fn work_that_was_left_undone_is_an_incident_and_work_that_was_done_is_nothing() {
        assert_eq!(ended(1, "refund", Ending::Done, true), None);
        assert_eq!(ended(1, "refund", Ending::Superseded, false), None);
        assert!(ended(1, "refund", Ending::Superseded, true).is_some_and(|a| !a.incident));
        for ending in [Ending::Failed, Ending::Stopped, Ending::ContentLost] {
            assert!(ended(1, "refund", ending, false).is_some_and(|a| a.incident));
        }
    }
}
