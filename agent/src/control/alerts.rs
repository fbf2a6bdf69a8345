//! Questions and answers about alerts that are no incidents.

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use crate::incident::Act;
use crate::store::{AlertNo, AlertRow, IncidentNo};

/// What is asked about alerts, or done about one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AlertQuestion {
    /// Which stand, oldest first.
    List {
        /// Of this client only.
        client: Option<ClientId>,
    },
    /// Somebody takes care of one.
    Acknowledge {
        /// Its number.
        no: i64,
    },
}

/// An alert as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertLine {
    /// Its name, `a-7`; that of its incident, `i-7`, where it opened one.
    pub id: String,
    /// The rule that found it.
    pub rule: Rule,
    /// Whose; absent for the agent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The first of the workflows that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// The connection or route that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The cause.
    pub code: String,
    /// Since when.
    pub since: Moment,
    /// When it came last.
    pub last: Moment,
    /// How often it came.
    pub count: i64,
    /// Whether every route took what there is to say.
    pub delivered: bool,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Act>,
}

impl AlertLine {
    /// An alert and who takes care of it.
    pub fn of(row: &AlertRow, acknowledged: Option<Act>) -> Self {
        let alert = &row.alert;
        Self {
            id: if alert.incident { IncidentNo::new(row.no).to_string() } else { AlertNo::new(row.no).to_string() },
            rule: alert.rule,
            client: alert.client.clone(),
            workflow: alert.workflow.clone(),
            connection: alert.connection.clone(),
            code: alert.code.clone(),
            since: row.since.moment(),
            last: row.last.moment(),
            count: row.count,
            delivered: row.due.is_none(),
            acknowledged,
        }
    }
}
