//! What on-call must know, as a fact of the store: alerts, how bad their incidents are, how both are named.

use std::fmt;
use std::str::FromStr;

use assent_schema::alert::{Groups, Opens, Rule};
use assent_schema::id::{ClientId, ConnectionId, PersonId, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::plan::Ending;
use assent_schema::time::Moment;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::log::Log;
use super::run_id::RunId;
use super::write::Note;
use crate::world::Wall;

macro_rules! numbers {
    ($($(#[$doc:meta])* $type:ident $letter:literal $error:ident $wrong:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(i64);

        impl $type {
            /// That of a row of the store.
            pub const fn new(no: i64) -> Self {
                Self(no)
            }

            /// The number alone.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "-{}"), self.0)
            }
        }

        impl FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let digits = text.strip_prefix(concat!($letter, "-")).ok_or($error)?;
                let number: i64 = digits.parse().or(Err($error))?;
                let number = Self(number);
                // One number has one name: no sign, no zeros in front.
                if number.0 > 0 && number.to_string() == text { Ok(number) } else { Err($error) }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        /// It is no such name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $error;

        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($wrong)
            }
        }

        impl std::error::Error for $error {}
    )*};
}

numbers! {
    /// How the incident of an alert is named everywhere: `i-7`.
    IncidentNo "i" NotAnIncident "is not an incident: `i-` and its number";
    /// How an alert that opened no incident is named everywhere: `a-7`.
    AlertNo "a" NotAnAlert "is not an alert: `a-` and its number; incidents have `assent-agent incidents`";
}

/// How bad an incident is: it decides how soon somebody must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Work was left undone, or the agent cannot be relied on.
    Critical,
    /// Something else, which a person found worth an incident.
    Normal,
}

impl Severity {
    /// The rule of an incident that a person opened with this severity.
    pub fn by_hand(self) -> Rule {
        match self {
            Self::Critical => Rule::Reported,
            Self::Normal => Rule::ReportedNormal,
        }
    }

    /// How bad an incident of a rule is.
    pub fn of(rule: Rule) -> Self {
        if rule == Rule::ReportedNormal { Self::Normal } else { Self::Critical }
    }

    /// Its name in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
        }
    }
}

/// What on-call must know. Facts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The rule that found it.
    pub rule: Rule,
    /// Whose; absent for the agent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Which workflow, of those that it is about the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// Which connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// A code from a closed list.
    pub code: String,
    /// A run, of those that it is about the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Whether it also opens an incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incident: bool,
    /// Who opened it, when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// The incident whose clock it is about; rows of before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<IncidentNo>,
}

impl Alert {
    /// An alert of a rule about a client or, without one, about the agent itself. It opens an incident if the rule always does.
    pub fn of(rule: Rule, client: Option<&ClientId>, code: impl Into<String>) -> Self {
        Self {
            rule,
            client: client.cloned(),
            workflow: None,
            connection: None,
            code: code.into(),
            run: None,
            incident: rule.row().opens_incident == Opens::Always,
            by: None,
            about: None,
        }
    }

    /// The alert of a run that ended so and left something to people.
    pub fn of_run(ending: Ending, client: &ClientId, code: impl Into<String>) -> Self {
        let rule = match ending {
            Ending::Done => Rule::RunDone,
            Ending::Stopped => Rule::RunStopped,
            Ending::Failed => Rule::RunFailed,
            Ending::ContentLost => Rule::RunContentLost,
            Ending::Superseded => Rule::RunSuperseded,
        };
        Self::of(rule, Some(client), code)
    }

    /// About this workflow.
    #[must_use]
    pub fn in_workflow(self, workflow: &WorkflowId) -> Self {
        Self { workflow: Some(workflow.clone()), ..self }
    }

    /// About this connection or route.
    #[must_use]
    pub fn on(self, connection: &ConnectionId) -> Self {
        Self { connection: Some(connection.clone()), ..self }
    }

    /// About this run.
    #[must_use]
    pub fn in_run(self, run: RunId) -> Self {
        Self { run: Some(run), ..self }
    }

    /// About the clock of this incident.
    #[must_use]
    pub fn about(self, incident: IncidentNo) -> Self {
        Self { about: Some(incident), ..self }
    }

    /// One of a rule that opens an incident only when it is grave, as this one is.
    #[must_use]
    pub fn grave_if(self, grave: bool) -> Self {
        let incident = match self.rule.row().opens_incident {
            Opens::Always => true,
            Opens::Grave => grave,
            Opens::Never => false,
        };
        Self { incident, ..self }
    }

    /// What groups alerts: rule, client, connection and code, never text or time. That a workflow went off or back, left items
    /// undone, or failed where no connection is to blame, is a cause of its own: whoever mends the first one must hear of the
    /// others.
    pub fn key(&self) -> String {
        let client = self.client.as_ref().map_or("-", ClientId::as_str);
        let connection = self.connection.as_ref().map_or("-", ConnectionId::as_str);
        // A release ends those of thousands of workflows at once.
        let mut key = [self.rule.as_str(), client, connection, &self.code].join("/");
        if let Some(workflow) = self.alone() {
            key.push('/');
            key.push_str(workflow.as_str());
        }
        key
    }

    /// The one workflow that it is about; nothing where it may be about several, or is about none.
    fn alone(&self) -> Option<&WorkflowId> {
        let is_alone = match self.rule.row().groups_by_workflow {
            Groups::Workflow => true,
            Groups::Place => self.connection.is_none(),
            Groups::Cause => false,
        };
        self.workflow.as_ref().filter(|_| is_alone)
    }

    /// What the ledger says of the incident that the alert opens, in the same transaction; nothing where it opens none.
    pub(super) fn opens(&self, no: i64, respond_by: Option<Moment>) -> Option<Note> {
        if !self.incident {
            return None;
        }
        let log = self.client.clone().map_or(Log::Agent, Log::Client);
        let note = Note::new(log, "incident")
            .fact("id", IncidentNo::new(no).to_string())
            .fact("state", "opened")
            .fact("severity", Severity::of(self.rule).as_str())
            .fact("cause", self.rule.as_str());
        // What it is about, so that whoever reads the ledger can tell which runs it is the incident of.
        let about = [
            ("code", Token::new(&self.code).ok().map(|code| code.as_str().to_owned())),
            ("connection", self.connection.as_ref().map(ToString::to_string)),
            ("workflow", self.alone().map(ToString::to_string)),
        ];
        let note = about.into_iter().fold(note, |note, (name, value)| match value {
            Some(value) => note.fact(name, value),
            None => note,
        });
        let note = match respond_by {
            Some(until) => note.fact("respond_by", until.to_string()),
            None => note,
        };
        Some(Note { actor: self.by.clone(), ..note })
    }
}

/// An alert and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its number, by which it is answered.
    pub no: i64,
    /// What on-call must know.
    pub alert: Alert,
    /// When the first came.
    pub since: Wall,
    /// When the last came.
    pub last: Wall,
    /// How many came.
    pub count: i64,
    /// How many of them a route delivered already.
    pub sent: i64,
    /// When it is due for delivery; `None` when it was delivered.
    pub due: Option<Wall>,
    /// How often delivery failed.
    pub tries: i64,
    /// Whether its cause is gone.
    pub over: bool,
    /// By when somebody must answer the incident that it opened, as it was promised then; `None` for no incident, for one that
    /// no clock runs for, and for those of before it was kept.
    pub respond_by: Option<Moment>,
}

impl AlertRow {
    /// An alert that came once, of which nobody heard yet.
    pub fn once(no: i64, alert: Alert, at: Wall) -> Self {
        Self { no, alert, since: at, last: at, count: 1, sent: 0, due: None, tries: 0, over: false, respond_by: None }
    }
}

/// By when incidents must be answered, as the client's plan and calendar are now.
pub trait Clocks: Send + Sync {
    /// Whose incident, how severe, since when; `None` where no clock runs.
    fn respond_by(&self, client: Option<&ClientId>, severity: Severity, since: Wall) -> Option<Moment>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ended(ending: Ending, workflow: &str) -> Alert {
        Alert::of_run(ending, &"acme".parse().unwrap(), "http_503")
            .on(&"helpdesk".parse().unwrap())
            .in_workflow(&workflow.parse().unwrap())
    }

    #[test]
    fn one_cause_behind_many_runs_and_workflows_is_one_alert() {
        let keys: BTreeSet<String> = ["refund", "reply"].map(|w| ended(Ending::Failed, w).key()).into();
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["run-failed/acme/helpdesk/http_503"]);
    }

    /// What B left undone is told and answered by itself, also while A's incident of the same code stands open.
    #[test]
    fn what_failed_where_no_connection_is_to_blame_is_its_workflows_own() {
        let of = |ending, workflow: &str| Alert { connection: None, code: "timeout".into(), ..ended(ending, workflow) };
        for (ending, rule) in [
            (Ending::Failed, "run-failed"),
            (Ending::Stopped, "run-stopped"),
            (Ending::ContentLost, "run-content-lost"),
        ] {
            let keys = ["refund", "reply"].map(|workflow| of(ending, workflow).key());
            assert_eq!(keys, ["refund", "reply"].map(|workflow| format!("{rule}/acme/-/timeout/{workflow}")));
        }
        let about = |alert: &Alert| {
            let note = alert.opens(7, None).unwrap();
            ["code", "connection", "workflow"]
                .map(|name| note.data.get(name).map(|value| value.as_str().unwrap().to_owned()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(about(&of(Ending::Failed, "refund")), [some("timeout"), None, some("refund")]);
        // Of an API that is to blame it may be about several.
        assert_eq!(about(&ended(Ending::Failed, "refund")), [some("http_503"), some("helpdesk"), None]);
    }

    #[test]
    fn a_workflow_that_went_off_or_back_is_an_alert_of_its_own() {
        let of = |rule| Alert { rule, ..ended(Ending::Failed, "refund") }.key();
        for (rule, key) in [
            (Rule::WorkflowOff, "workflow-off/acme/helpdesk/http_503/refund"),
            (Rule::RolledBack, "rolled-back/acme/helpdesk/http_503/refund"),
            (Rule::RunDone, "run-done/acme/helpdesk/http_503/refund"),
            (Rule::Refused, "refused/acme/helpdesk/http_503/refund"),
        ] {
            assert_eq!(of(rule) == key, rule != Rule::Refused, "{rule}");
        }
    }

    #[test]
    fn work_that_was_left_undone_is_an_incident() {
        for (ending, incident) in [
            (Ending::Done, true),
            (Ending::Superseded, false),
            (Ending::Failed, true),
            (Ending::Stopped, true),
            (Ending::ContentLost, true),
        ] {
            let alert = ended(ending, "refund");
            assert_eq!((alert.incident, alert.rule.as_str()), (incident, &*format!("run-{}", ending.as_str())));
        }
        assert!(ended(Ending::Superseded, "refund").grave_if(true).incident, "what it did is in doubt");
    }

    #[test]
    fn a_number_has_one_name() {
        assert_eq!((IncidentNo::new(7).to_string(), AlertNo::new(7).to_string()), ("i-7".into(), "a-7".into()));
        assert_eq!("i-7".parse(), Ok(IncidentNo::new(7)));
        for wrong in ["7", "i-", "i-0", "i--1", "i-+7", "i-07", "a-7", "I-7"] {
            assert_eq!(wrong.parse::<IncidentNo>(), Err(NotAnIncident), "{wrong}");
        }
    }
}
