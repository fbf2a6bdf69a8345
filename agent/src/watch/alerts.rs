//! Facts to alerts. Pure: the same condition gives the same alert, whose key groups it by rule, client, connection, code.

use std::collections::BTreeMap;

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId, SlotId, WorkflowId};
use assent_schema::ledger::HeldWhat;
use assent_schema::time::Moment;

use super::anomaly::Anomaly;
use super::ending::ending_code;
use crate::store::{Alert, AlertRow, IncidentNo, Write};
use crate::vault::ends::{Ending, Left};

/// The most that one alert counts at once.
const COUNT_MOST: i64 = 1_000;

/// What was found to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nobody answered an incident, and half of the time for it is over.
    ResponseDue {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Which one.
        incident: IncidentNo,
    },
    /// Nobody answered an incident in time.
    ResponseLate {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Which one.
        incident: IncidentNo,
    },
    /// The post-mortem of an incident must be shared soon.
    PostMortemDue {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Which one.
        incident: IncidentNo,
        /// Within which time.
        left: &'static str,
    },
    /// The post-mortem of an incident was not shared in time.
    PostMortemLate {
        /// Whose, if it is a client's.
        client: Option<ClientId>,
        /// Which one.
        incident: IncidentNo,
    },
    /// A release was refused whole.
    ReleaseRefused {
        /// Which rule.
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
    /// The root ends soon: 30, 7 or 1 days before.
    RootEnds {
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
    /// A credential ends soon, or has ended.
    CredentialEnds {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot holds it.
        slot: SlotId,
        /// Whether it is the secret or what a person consented to.
        what: Ending,
        /// How soon.
        left: Left,
    },
    /// Events of a webhook do not come as they should.
    Webhook {
        /// Whose.
        client: ClientId,
        /// Which workflow waits for them.
        workflow: WorkflowId,
        /// Of which connection.
        connection: ConnectionId,
        /// How, from a closed list.
        code: &'static str,
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
    /// A secret cannot be one of its slot.
    Secret {
        /// Whose.
        client: ClientId,
        /// Of which connection.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotId,
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
}

/// What on-call is told of a condition. Whether an incident is opened with it says the table of rules.
pub fn alert(condition: &Condition) -> Alert {
    match condition {
        Condition::ResponseDue { client, incident } => {
            Alert::of(Rule::ResponseDue, client.as_ref(), incident.to_string()).about(*incident)
        }
        Condition::ResponseLate { client, incident } => {
            Alert::of(Rule::ResponseLate, client.as_ref(), incident.to_string()).about(*incident)
        }
        Condition::PostMortemDue { client, incident, left } => {
            Alert::of(Rule::PostMortemDue, client.as_ref(), format!("{incident}-{left}")).about(*incident)
        }
        Condition::PostMortemLate { client, incident } => {
            Alert::of(Rule::PostMortemLate, client.as_ref(), incident.to_string()).about(*incident)
        }
        Condition::ReleaseRefused { code } => Alert::of(Rule::ReleaseRefused, None, code),
        Condition::Stale => Alert::of(Rule::Stale, None, "freshness"),
        Condition::StaleStopped { client } => Alert::of(Rule::StaleStopped, Some(client), "freshness"),
        Condition::ApprovalEnds { client, days } => Alert::of(Rule::ApprovalEnds, Some(client), format!("{days}d")),
        Condition::RootEnds { days } => Alert::of(Rule::RootEnds, None, format!("{days}d")),
        Condition::CertificateEnds { code } => Alert::of(Rule::CertificateEnds, None, code).grave_if(code == "over"),
        Condition::ApproversReset { client, number, until } => {
            Alert::of(Rule::ApproversReset, Some(client), format!("file-{number}-until-{}", until.day()))
        }
        Condition::RotationDue { client, connection, slot } => {
            Alert::of(Rule::RotationDue, Some(client), slot.as_str()).on(connection)
        }
        Condition::RotationOverdue { client, connection, slot } => {
            Alert::of(Rule::RotationOverdue, Some(client), slot.as_str()).on(connection)
        }
        Condition::RotationFailed { client, connection, code } => {
            Alert::of(Rule::RotationFailed, Some(client), code).on(connection)
        }
        Condition::ConsentNeeded { client, connection } => {
            Alert::of(Rule::ConsentNeeded, Some(client), "consent_needed").on(connection)
        }
        Condition::CredentialEnds { client, connection, slot, what, left } => {
            let code = ending_code(slot, *what, *left);
            Alert::of(Rule::CredentialEnds, Some(client), code).on(connection).grave_if(*left == Left::Over)
        }
        Condition::Webhook { client, workflow, connection, code } => {
            Alert::of(Rule::Webhook, Some(client), *code).in_workflow(workflow).on(connection)
        }
        Condition::ScopeWider { client, connection } => {
            Alert::of(Rule::ScopeWider, Some(client), "wider").on(connection)
        }
        Condition::ScopeMissing { client, connection } => {
            Alert::of(Rule::ScopeMissing, Some(client), "missing").on(connection)
        }
        Condition::Vault { code } => Alert::of(Rule::Vault, None, code),
        Condition::SecretInLog => Alert::of(Rule::SecretInLog, None, "secret_in_log"),
        Condition::Secret { client, connection, slot } => {
            Alert::of(Rule::Secret, Some(client), slot.as_str()).on(connection)
        }
        Condition::RouteFails { route, code } => Alert::of(Rule::RouteFails, None, code).on(route),
        Condition::Unlike { client, workflow, anomaly } => {
            Alert::of(anomaly.rule(), Some(client), anomaly.code()).in_workflow(workflow)
        }
        Condition::DecisionWaits { client, workflow } => {
            Alert::of(Rule::DecisionWaits, Some(client), "half").in_workflow(workflow)
        }
        Condition::Lag { code } => Alert::of(Rule::Lag, None, *code),
        Condition::PingFails { code } => Alert::of(Rule::Heartbeat, None, code),
        Condition::AtLimit { client, code } => Alert::of(Rule::AtLimit, Some(client), code),
        Condition::EventLost { client, workflow, connection, code } => {
            Alert::of(Rule::EventLost, Some(client), *code).in_workflow(workflow).on(connection)
        }
        Condition::HoldLapsed { client, what } => {
            let about = Alert::of(Rule::HoldLapsed, Some(client), "lapsed");
            match what {
                HeldWhat::Client => about,
                HeldWhat::Workflow(workflow) => about.in_workflow(workflow),
                HeldWhat::Connection(connection) => about.on(connection),
            }
        }
        Condition::LogLost => Alert::of(Rule::Log, None, "lines_lost"),
        Condition::Clock => Alert::of(Rule::Clock, None, "differs"),
        Condition::Disk { code } => Alert::of(Rule::Disk, None, code),
        Condition::Halted { code } => Alert::of(Rule::Halted, None, code),
        Condition::LedgerBranch { client, code, grave } => {
            Alert::of(Rule::LedgerBranch, Some(client), code).grave_if(*grave)
        }
        Condition::Witness { client, code, grave } => Alert::of(Rule::Witness, Some(client), code).grave_if(*grave),
    }
}

/// What brings the open alerts of some rules in line with what is so now: each condition is told once, and over when it is.
pub fn settle(open: &[AlertRow], rules: &[Rule], conditions: &[Condition]) -> Vec<Write> {
    let mut wanted: BTreeMap<String, Alert> = BTreeMap::new();
    for alert in conditions.iter().map(alert) {
        wanted.entry(alert.key()).or_insert(alert);
    }
    let ours = |row: &&AlertRow| rules.contains(&row.alert.rule);
    let gone = open.iter().filter(ours).map(|row| row.alert.key()).filter(|key| !wanted.contains_key(key));
    let mut writes: Vec<Write> = gone.map(|key| Write::AlertOver { key }).collect();
    for row in open {
        wanted.remove(&row.alert.key());
    }
    writes.extend(wanted.into_values().map(Write::Alert));
    writes
}

/// As [`settle`], of conditions of which several are one alert: its count is how many there are.
pub fn settle_counted(open: &[AlertRow], rules: &[Rule], conditions: &[Condition]) -> Vec<Write> {
    let mut writes = settle(open, rules, conditions);
    let mut counts: BTreeMap<String, (Alert, i64)> = BTreeMap::new();
    for alert in conditions.iter().map(alert) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_behind_many_workflows_is_one_alert_with_a_count() {
        let unlike = |workflow: &str| Condition::Unlike {
            client: "acme".parse().unwrap(),
            workflow: workflow.parse().unwrap(),
            anomaly: Anomaly::Silent,
        };
        let conditions = ["refund", "reply", "renew"].map(unlike);
        let writes = settle_counted(&[], &[Rule::AnomalyVolume], &conditions);
        let keys = writes.iter().map(|write| if let Write::Alert(alert) = write { alert.key() } else { "-".into() });
        assert_eq!(keys.collect::<Vec<_>>(), ["anomaly-volume/acme/-/silent"; 3]);
    }
}
