//! Questions and answers about incidents.

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use crate::incident::{Act, Case};
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

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// `opened`, `acknowledged`, `resolved`, `written`, `shared` or `closed`.
    pub state: String,
    /// When it began.
    pub began: Moment,
    /// How often its cause came since.
    pub count: i64,
    /// By when somebody must answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Moment>,
    /// By when the post-mortem must have been shared.
    pub share_by: Moment,
    /// Who takes care of it, since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Act>,
    /// Who said that its cause is gone, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Act>,
    /// Who shared the post-mortem, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Act>,
    /// Who wrote the post-mortem of a client that had left, and when: it went to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Act>,
    /// SHA-256 of the post-mortem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Digest>,
    /// Who closed it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Act>,
    /// By which routes the post-mortem went, in the answer to whoever shares it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub took: Vec<ConnectionId>,
}

impl IncidentRow {
    /// An incident as lists show it.
    pub fn of(case: &Case, answer_by: Option<Moment>) -> Self {
        let (alert, done) = (&case.row.alert, case.done.clone());
        Self {
            id: case.id(),
            client: alert.client.clone(),
            workflow: alert.workflow.clone(),
            connection: alert.connection.clone(),
            rule: alert.rule,
            code: alert.code.clone(),
            severity: case.severity(),
            state: case.state().to_owned(),
            began: case.opened(),
            count: case.row.count,
            answer_by,
            share_by: case.share_by(),
            acknowledged: done.acknowledged,
            resolved: done.resolved,
            shared: done.shared,
            written: done.written,
            file: done.file,
            closed: done.closed,
            took: Vec::new(),
        }
    }
}
