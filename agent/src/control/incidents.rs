//! Questions and answers about incidents.

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use crate::incident::{Case, Done, State};
use crate::store::Severity;

/// What is asked about incidents, or done about one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum IncidentQuestion {
    /// Which there are, oldest first.
    List {
        /// Of this client only.
        client: Option<ClientId>,
        /// Also those that are closed.
        closed: bool,
    },
    /// A person opens one.
    Open {
        /// Whose; the agent's own when absent.
        client: Option<ClientId>,
        /// Which workflow it is about.
        workflow: Option<WorkflowId>,
        /// What it is, as a code or ticket id.
        code: Token,
        /// How bad it is.
        severity: Severity,
    },
    /// Somebody takes care of it.
    Acknowledge {
        /// Its number.
        no: i64,
    },
    /// Its cause is gone.
    Resolve {
        /// Its number.
        no: i64,
    },
    /// Its post-mortem, as far as the ledger knows it.
    Draft {
        /// Its number.
        no: i64,
    },
    /// Its post-mortem goes to the client's contacts.
    Share {
        /// Its number.
        no: i64,
        /// The post-mortem.
        text: String,
    },
    /// Nothing is left to do.
    Close {
        /// Its number.
        no: i64,
    },
}

/// What there is to say about incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum IncidentAnswer {
    /// Which there are, oldest first.
    List(Vec<IncidentRow>),
    /// How one stands now.
    One(Box<IncidentRow>),
    /// A post-mortem to finish, in Markdown.
    Draft(String),
}

/// One incident. Serde takes unknown keys here, because what people did stands among the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Its name.
    pub id: String,
    /// Whose; absent for the agent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The first of the workflows that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// The connection that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The rule that found it; `reported` and `reported-normal` when a person did.
    pub rule: Rule,
    /// The cause, as a code.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// How it stands.
    pub state: State,
    /// When it began.
    pub began: Moment,
    /// How often its cause came since.
    pub count: i64,
    /// By when somebody must answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Moment>,
    /// By when the post-mortem must have been shared.
    pub share_by: Moment,
    /// What people did about it.
    #[serde(flatten)]
    pub done: Done,
}

impl IncidentRow {
    /// An incident as lists show it.
    pub fn of(case: &Case, answer_by: Option<Moment>) -> Self {
        let alert = &case.row.alert;
        Self {
            id: case.id(),
            client: alert.client.clone(),
            workflow: alert.workflow.clone(),
            connection: alert.connection.clone(),
            rule: alert.rule,
            code: alert.code.clone(),
            severity: case.severity(),
            state: case.state(),
            began: case.opened(),
            count: case.row.count,
            answer_by,
            share_by: case.share_by(),
            done: case.done.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_did_stands_among_the_other_keys() {
        let row = serde_json::json!({
            "id": "i-7", "client": "acme", "rule": "run-failed", "code": "http_503", "severity": "critical",
            "state": "resolved", "began": "2026-06-01T10:00:00Z", "count": 2, "share_by": "2026-06-08T10:00:00Z",
            "acknowledged": {"by": "omar", "at": "2026-06-01T10:05:00Z"},
            "resolved": {"by": "ann", "at": "2026-06-01T11:00:00Z"},
        });
        let read: IncidentRow = serde_json::from_value(row.clone()).unwrap();
        assert_eq!(read.done.resolved.as_ref().map(|act| act.by.as_str()), Some("ann"));
        assert_eq!(serde_json::to_value(&read).unwrap(), row);
    }
}
