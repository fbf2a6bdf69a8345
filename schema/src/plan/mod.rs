//! The plan: the lowered, fully resolved form of one workflow of one client. What agents run; named by its digest.
//!
//! A plan holds everything that decides what the workflow does (expressions, prompts, the catalog facts it uses) and
//! nothing that differs between environments. Stored as canonical JSON; its name is the SHA-256 of those bytes.

mod chat;
mod end_codes;
mod ending;
mod handover;
mod operation;
mod outcome;
mod pages;
mod repeat;
mod shared;
mod step;
mod trigger;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use chat::{
    Chat, HELPDESK_ANSWER, HELPDESK_POST, MESSAGE_TRIES_MOST, SLACK_POST, SLACK_POSTED, SLACK_UPDATE, SlackAccount,
};
pub use end_codes::{Blame, END_CODES, EndCode, Origin, may_go_on, unanswered, unbuilt};
pub use ending::{Ending, NoSuchEnding};
pub use handover::Handover;
pub use operation::{
    Belongs, Confirm, Constant, Effect, Encoding, Job, KEPT_HEADERS, Method, Must, Operation, Param, Park, Place,
    TextFormat,
};
pub use outcome::{
    OUTCOMES, PROVIDER_CODES, STATUSES, UNANSWERED, kept_of_try, meaning, says_no, unanswered_codes, written,
};
pub use pages::{Pages, PagesBy};
pub use repeat::{ATTEMPTS_MOST, ErrorRule, Failure, Idempotency, KeyForm, Rate, Retry};
pub use step::{
    Action, Answer, AskLimit, Awaited, Cancel, Channel, Each, Noted, OnItemError, Spend, Step, Until, WAIT_MOST,
};
pub use trigger::{ADYEN_SIGNED, AfterFile, Dialect, Event, Missed, Once, OwnEvent, Poll, Trigger};

use crate::canon::{self, CanonError, Digest};
use crate::id::{ClientId, ConnectionId, GroupId, IntegrationId, Name, OperationRef, ProviderId, WorkflowId};
use crate::shape::{Shape, is_false};
use crate::time::Period;

/// The current number of this format.
pub const SCHEMA: u32 = 1;

/// One workflow of one client, ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always `plan`.
    #[serde(rename = "type")]
    pub kind: PlanType,
    /// The number of this format.
    pub schema: u32,
    /// Whose data it is.
    pub client: ClientId,
    /// The workflow's id, unique within the client.
    pub workflow: WorkflowId,
    /// What it does, for people.
    pub summary: String,
    /// A Fideslang data use.
    pub purpose: String,
    /// Whether effects are done or only recorded.
    pub mode: Mode,
    /// What starts a run.
    pub trigger: Trigger,
    /// What bounds a run.
    pub limits: Limits,
    /// The connections that are used.
    pub connections: BTreeMap<ConnectionId, Target>,
    /// The catalog facts of the operations that are used, `confirm`, `park`, `belongs` and `reread` included. Response
    /// fields are only those that the workflow reads. Shared: workflows of one client call the same operations.
    #[serde(with = "shared")]
    pub operations: BTreeMap<OperationRef, Arc<Operation>>,
    /// How people are asked through chats and helpdesks, by connection: those that its decisions name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chats: BTreeMap<ConnectionId, Chat>,
    /// The steps in order; at least one.
    pub steps: Vec<Step>,
    /// Events that end runs `superseded`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancels: Vec<Cancel>,
    /// What is counted when a run ends `done`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kpis: Vec<Kpi>,
    /// Where work goes that automation could not finish.
    pub fallback: Fallback,
}

impl Plan {
    /// The bytes that are stored and the digest that names them.
    ///
    /// # Errors
    /// When an integer is beyond 2^53 − 1.
    pub fn to_bytes(&self) -> Result<(Vec<u8>, Digest), CanonError> {
        let bytes = canon::to_bytes(self)?;
        let digest = Digest::of_file(&bytes);
        Ok((bytes, digest))
    }

    /// Every step in order, those inside an `each` behind it.
    pub fn every_step(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.inner()))
    }

    /// Whether events concern runs that are under way.
    pub fn listens(&self) -> bool {
        let waits = |step: &Step| matches!(&step.action, Action::Wait { until: Until::Event(_) });
        !self.cancels.is_empty() || self.every_step().any(waits)
    }

    /// How what a connection sends to runs is signed: events that begin, wake or end them, and answers to questions.
    pub fn dialects(&self, connection: &ConnectionId) -> BTreeSet<Dialect> {
        let trigger = match &self.trigger {
            Trigger::Webhook { connection: of, dialect, .. } => Some((of, *dialect)),
            Trigger::Poll { .. } | Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
        };
        let waits = self.every_step().filter_map(|step| match &step.action {
            Action::Wait { until: Until::Event(awaited) } => Some((&awaited.on.connection, awaited.on.dialect)),
            _ => None,
        });
        let cancels = self.cancels.iter().map(|cancel| (&cancel.on.connection, cancel.on.dialect));
        let answers = self.chats.iter().map(|(of, chat)| (of, chat.dialect()));
        let all = trigger.into_iter().chain(waits).chain(cancels).chain(answers);
        all.filter(|(of, _)| *of == connection).map(|(_, dialect)| dialect).collect()
    }

    /// Whether a run can move money.
    pub fn moves_money(&self) -> bool {
        self.operations.values().any(|operation| operation.effect == Effect::Money)
    }

    /// Whether messages about questions are made with an operation: they are written beside runs, also after their end.
    pub fn tells(&self, operation: &OperationRef) -> bool {
        let chat = self.chats.get(&operation.connection);
        chat.is_some_and(|chat| chat.operations().any(|name| *name == operation.operation))
    }

    /// The step of this id, wherever it stands.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.every_step().find(|step| step.id.as_str() == id)
    }
}

crate::only!(PlanType::Plan);

/// Whether effects are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything is done.
    #[default]
    Live,
    /// Reads and asks run; effects are only recorded.
    Shadow,
}

/// What a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// An API of the catalog.
    Integration(IntegrationId),
    /// An AI model endpoint of the catalog.
    Provider(ProviderId),
}

/// An expression in CEL, as text; `schema::expr` parses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expression(pub String);

/// A value in `with`: texts are templates with `${…}` holes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A template. One hole that is the whole text keeps its type.
    Template(String),
    /// A list.
    List(Vec<Argument>),
    /// A text of a file, in one of its locales.
    Text(InLocale),
    /// Named members.
    Record(BTreeMap<String, Argument>),
}

/// A text of a file, as its own member of an argument: no record of a workflow has one that is spelled so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InLocale {
    /// The text.
    #[serde(rename = "$text")]
    pub text: Box<Text>,
}

/// A text with holes, in several locales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Which locale: an enumeration. Absent for the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Expression>,
    /// The locale for every value that has none of its own, and for no value.
    pub default: String,
    /// What is put into the text, by hole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holes: BTreeMap<Name, Hole>,
    /// The text by locale: templates over the holes alone, each through the escaper of the parameter's format.
    pub locales: BTreeMap<String, String>,
}

/// What is put into a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hole {
    /// A template.
    pub value: String,
    /// What it must fit.
    pub shape: Shape,
}

/// The longest that runs wait for quiet, whatever a workflow says.
pub const QUIET_MOST: Period = Period::days(1);

/// What bounds a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The time a run may take; waiting for people or time is not counted.
    pub timeout: Period,
    /// Runs at once.
    pub concurrency: u32,
    /// A fact: runs of one value go one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_at_a_time: Option<Expression>,
    /// Runs accepted per `one_at_a_time` value and day of the client's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_key_per_day: Option<u32>,
    /// A run begins when no event of its `one_at_a_time` value came for so long; only the last event runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Period>,
    /// The longest that it waits, counted from the first event of its value; [`QUIET_MOST`] unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce_most: Option<Period>,
}

/// What is counted when a run ends `done`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kpi {
    /// Its name.
    pub name: Name,
    /// Only runs for which this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// A path whose value is summed instead of counting one: a `measure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Labels: paths of declared enumerations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// How long one count lasts; an hour unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Period>,
}

/// Where work goes that automation could not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The manual queue.
    pub queue: GroupId,
    /// A template for the link that people open; facts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// Whether a run whose content was lost by a restart goes to people instead of being read again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub manual_on_restart: bool,
}
