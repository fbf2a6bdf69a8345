//! The plan: the lowered, fully resolved form of one workflow of one client. What agents run; named by its digest.
//!
//! A plan holds everything that decides what the workflow does (expressions, prompts, the catalog facts it uses) and
//! nothing that differs between environments. Stored as canonical JSON; its name is the SHA-256 of those bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::{self, CanonError, Digest};
use crate::class::Class;
use crate::id::{
    ClientId, ConnectionId, EventName, GroupId, IntegrationId, Name, OperationRef, ProviderId, Scope, WorkflowId,
};
use crate::shape::{Field, Shape, is_false};
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
    /// fields are only those that the workflow reads.
    pub operations: BTreeMap<OperationRef, Operation>,
    /// The steps in order; at least one.
    pub steps: Vec<Step>,
    /// What is counted when a run ends `done`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kpis: Vec<Kpi>,
    /// Where work goes that automation could not finish.
    pub fallback: Fallback,
}

/// The `type` member of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanType {
    /// The only value.
    Plan,
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

    /// The step of this id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id.as_str() == id)
    }
}

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
    /// Named members.
    Record(BTreeMap<String, Argument>),
}

/// What starts a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Trigger {
    /// A signed event of a connection.
    Webhook {
        /// Whose event.
        connection: ConnectionId,
        /// Which event.
        event: EventName,
        /// How the integration signs.
        dialect: Dialect,
        /// How the event is told from others: a path in the body and the value that it has there.
        matches: BTreeMap<String, String>,
        /// What the event's record is called, for data uses.
        record: Name,
        /// The fields that are taken; all others are dropped on receipt.
        fields: BTreeMap<Name, Field>,
        /// The `reference` field by which an event is accepted once, for dialects that sign no delivery id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<Name>,
        /// The path and value that tell an event that our own connection caused.
        #[serde(default, rename = "self", skip_serializing_if = "Option::is_none")]
        own: Option<OwnEvent>,
    },
    /// A crontab line.
    Schedule {
        /// Five fields.
        cron: String,
        /// An IANA time zone.
        zone: String,
        /// What happens to times that passed while nothing ran.
        missed: Missed,
    },
    /// A person starts it.
    Manual {
        /// What the person gives; all of class `reference`.
        fields: BTreeMap<Name, Field>,
    },
}

/// How to tell an event that our own connection caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnEvent {
    /// Where in the body.
    pub at: String,
    /// What stands there then.
    pub equals: String,
}

/// How an integration signs its webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// The Standard Webhooks specification.
    StandardWebhooks,
    /// Stripe's `Stripe-Signature`.
    Stripe,
    /// GitHub's `X-Hub-Signature-256`.
    Github,
    /// Shopify's `X-Shopify-Hmac-Sha256`.
    Shopify,
    /// Zendesk's `X-Zendesk-Webhook-Signature`.
    Zendesk,
    /// Slack's `X-Slack-Signature`.
    Slack,
    /// A header that equals a secret.
    Token,
}

/// What happens to scheduled times that passed while nothing ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// One run for all of them.
    Once,
    /// One run for each, at most 100.
    All,
}

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
}

/// What an operation changes outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// Something only staff see.
    Draft,
    /// A record.
    Write,
    /// What somebody outside receives.
    Message,
    /// Money moves.
    Money,
}

impl Effect {
    /// The effect as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Draft => "draft",
            Self::Write => "write",
            Self::Message => "message",
            Self::Money => "money",
        }
    }
}

/// The catalog facts of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What the answer's record is called, for data uses: `ticket`.
    pub record: Name,
    /// The HTTP method.
    pub method: Method,
    /// The path below the connection's endpoint, with `{parameter}` holes of one segment each.
    pub path: String,
    /// How the request's body is written.
    pub encoding: Encoding,
    /// What it changes outside.
    pub effect: Effect,
    /// The permissions it needs.
    pub scopes: BTreeSet<Scope>,
    /// Its parameters.
    pub params: BTreeMap<Name, Param>,
    /// Members of the body that are always the same, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, String>,
    /// Its answer's fields.
    pub response: BTreeMap<Name, Field>,
    /// The largest answer, in bytes.
    pub most_bytes: u64,
    /// The longest time for one attempt.
    pub timeout: Period,
    /// How failures are told apart, in order; the first match counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// Statuses after which surely nothing ran.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_executed: BTreeSet<u16>,
    /// How the API deduplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// How it is retried unless a step says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The read that tells whether it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// Whether the same read may be done again later for the same record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reread: bool,
    /// The operation that keeps a text in a private place of the client's own system, and the one that reads it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub park: Option<Park>,
    /// The check that the record read is the trigger's own party's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongs: Option<Belongs>,
    /// How many requests the API takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How long lists are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

/// How a request's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// One parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Where it goes.
    pub place: Place,
    /// Its name or path there.
    pub at: String,
    /// What it looks like.
    pub shape: Shape,
    /// The most private class it takes.
    pub class: Class,
    /// Whether it is an amount of money.
    #[serde(default, skip_serializing_if = "is_false")]
    pub amount: bool,
    /// Whether it chooses a record, recipient or account.
    #[serde(default, skip_serializing_if = "is_false")]
    pub target: bool,
    /// Whether it may be left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// The format whose escaper a text must go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// One segment of the path.
    Path,
    /// One value of the query.
    Query,
    /// A header.
    Header,
    /// A member of the body.
    Body,
}

/// A text format with an escaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextFormat {
    /// HTML.
    Html,
    /// Markdown.
    Markdown,
    /// A URL.
    Url,
    /// JSON.
    Json,
}

/// How one kind of failure is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The HTTP statuses it is about; empty for any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub status: BTreeSet<u16>,
    /// A path in the body and the text that stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<OwnEvent>,
    /// What kind of failure it is.
    pub kind: Failure,
    /// Its code, from the operation's closed list.
    pub code: Name,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// It may work later.
    Transient,
    /// Too many requests.
    Throttled,
    /// The record is in another state than the request expects.
    Conflict,
    /// It will not work.
    Permanent,
}

/// How the API deduplicates requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// Where the key goes: a header or a member of the body.
    pub place: Place,
    /// Its name or path there.
    pub at: String,
    /// How long the API remembers a key.
    pub lives: Period,
}

/// How attempts follow one another: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, 1 to 20.
    pub attempts: u32,
    /// The first delay.
    pub first: Period,
    /// The longest delay.
    pub most: Period,
}

impl Retry {
    /// One attempt.
    pub const ONCE: Self = Self { attempts: 1, first: Period::seconds(1), most: Period::seconds(1) };
    /// What reads and idempotent effects get when nobody says otherwise.
    pub const DEFAULT: Self = Self { attempts: 3, first: Period::seconds(1), most: Period::seconds(30) };
}

/// The read that tells whether an effect happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The read, of the same connection.
    pub operation: Name,
    /// Its parameters, from those of the effect: `param` to `param`.
    pub with: BTreeMap<Name, Name>,
    /// The field that tells.
    pub field: Name,
    /// The value it has when the effect happened; absent means that any value does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// How long after the attempt the answer "not done" counts.
    pub settles: Period,
}

/// Where a text can wait in the client's own system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Park {
    /// The parameter that takes the text.
    pub text: Name,
    /// The response field that names where it was put.
    pub id: Name,
    /// The operation of the same connection that reads it back.
    pub read: Name,
    /// The parameter of `read` that takes the name.
    pub param: Name,
    /// The response field of `read` that holds the text.
    pub field: Name,
}

/// The check that a record is the trigger's own party's: a response field equals a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belongs {
    /// The parameter that names the party; never sent.
    pub param: Name,
    /// The response field that must equal it.
    pub field: Name,
}

/// How many requests an API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests.
    pub requests: u32,
    /// In this time.
    pub per: Period,
}

/// How long lists are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// The path of the next cursor in the answer; empty or absent at the end.
    pub cursor_at: String,
    /// The query parameter that takes it.
    pub param: String,
    /// The response field that is collected over the pages.
    pub collect: Name,
    /// The most pages that are read.
    pub most: u32,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its id, unique in the workflow; expressions read its result by this name.
    pub id: Name,
    /// It runs only when this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Failures after which the run goes on without it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub continue_on: BTreeSet<Name>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    /// Calls an operation.
    Call {
        /// Which.
        operation: OperationRef,
        /// Its parameters.
        with: BTreeMap<Name, Argument>,
        /// How it is retried.
        retry: Retry,
        /// The text parameter whose value comes from this earlier `call` with `park`, read back when it is needed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parked: Option<Name>,
    },
    /// Asks an AI provider.
    Ask {
        /// The connection to the provider.
        connection: ConnectionId,
        /// The prompt's text.
        prompt: String,
        /// What is put beside the prompt.
        with: BTreeMap<Name, Argument>,
        /// A list of sources to cite: records with `id` and `text`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sources: Option<Expression>,
        /// The fields of the answer; the shapes are `OneOf`, `Integer`, `Decimal`, `Boolean`, `Text` or `Token`, or a list
        /// of citations.
        answer: BTreeMap<Name, Answer>,
        /// What it may use.
        limit: AskLimit,
    },
    /// Asks a person.
    Decide {
        /// The group that decides.
        by: GroupId,
        /// What is shown: paths like `ticket.subject`.
        show: Vec<String>,
        /// What the person may edit: paths that are shown.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        edit: Vec<String>,
        /// How long; then the answer is no.
        within: Period,
        /// Through which channels.
        via: Vec<Channel>,
    },
    /// Computes values.
    Set {
        /// By name.
        values: BTreeMap<Name, Argument>,
    },
    /// Ends the run early.
    Stop {
        /// How the run is called that ended here.
        outcome: Name,
    },
}

/// One field of an AI's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// One of these constants, 2 to 32: a fact, costed in bits.
    OneOf(Vec<String>),
    /// A decimal between two bounds; content.
    Number {
        /// The least, as decimal text.
        least: String,
        /// The most, as decimal text.
        most: String,
    },
    /// True or false; content.
    Boolean {},
    /// A text up to so many bytes; content.
    Text {
        /// The largest size in bytes.
        most_bytes: u32,
    },
    /// Ids of the sources given; each must be one of them.
    Citations {
        /// The greatest number of them.
        most: u32,
    },
}

/// What an `ask` may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskLimit {
    /// Tokens of one answer.
    pub tokens: u32,
    /// Tries in all, invalid answers included.
    pub tries: u32,
}

/// How a person is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A page of the agent.
    Page,
    /// The command line.
    Cli,
    /// A Slack connection of the client.
    Slack(ConnectionId),
    /// A helpdesk connection of the client.
    Helpdesk(ConnectionId),
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
