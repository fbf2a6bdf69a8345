//! What an agent must know of a client besides its plans: `clients/<client>.json` and `endpoints.json` of a release.

mod auth;
mod holders;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::class::Class;
use crate::id::{
    ClientId, ConnectionId, Environment, GroupId, IntegrationId, MailAddress, Name, PersonId, ProviderId, Region,
    Scope, SlotId, WorkflowId,
};
use crate::plan::{Channel, Rate};
use crate::shape::is_false;
use crate::time::{Moment, Period};

pub use auth::{Auth, ClientAuth};
pub use holders::{BadHolders, Holders, LEDGER, OwnedBranch, Witness};

/// All that the agent needs from `client.toml`, with the catalog facts of its connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFacts {
    /// Always `client`.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// The number of this format.
    pub schema: u32,
    /// Whose data it is.
    pub client: ClientId,
    /// What it pays for.
    pub plan: Tier,
    /// Where its data is processed.
    pub region: Region,
    /// Its IANA time zone.
    pub zone: String,
    /// Its business hours and holidays.
    pub calendar: Calendar,
    /// How long its ledger is kept.
    pub retention: Period,
    /// How long its workflows run without a current freshness statement.
    pub stale_limit: Period,
    /// Limits on money and other effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// Groups of people who decide.
    pub deciders: BTreeMap<GroupId, BTreeSet<PersonId>>,
    /// The people in those groups.
    pub people: BTreeMap<PersonId, Decider>,
    /// Up to this amount, in minor units by currency, a chat account may decide on money.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chat_up_to: BTreeMap<String, i64>,
    /// Times in which no plan is committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// Where alerts go.
    pub routes: Vec<Route>,
    /// Its connections.
    pub connections: BTreeMap<ConnectionId, ConnectionFacts>,
    /// Who is told of incidents, by handle.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub contacts: BTreeSet<PersonId>,
    /// Where contacts get mail.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mail: BTreeMap<PersonId, MailAddress>,
    /// What bounds all of its workflows together.
    pub limits: ClientLimits,
    /// Who holds checkpoints of its ledger besides the agent, by environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ledger: BTreeMap<Environment, Holders>,
}

impl ClientFacts {
    /// The most private class that a channel may show to people who decide.
    pub fn shown_by(&self, channel: &Channel) -> Class {
        let Some(connection) = channel.connection() else { return Class::Personal };
        match self.connections.get(connection).map(|facts| &facts.to) {
            Some(ConnectionTo::Integration { shows, .. }) => *shows,
            Some(ConnectionTo::Provider { .. }) | None => Class::Public,
        }
    }
}

/// The `type` member of [`ClientFacts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// The only value.
    Client,
}

/// A client's plan in the commercial sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Next business day.
    Starter,
    /// Four hours for critical incidents.
    Growth,
    /// One hour.
    Scale,
}

/// The shortest time that any ledger is kept.
pub const RETENTION_LEAST: Period = Period::days(90);

impl Tier {
    /// The plan as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Growth => "growth",
            Self::Scale => "scale",
        }
    }

    /// The longest ledger retention that the tier includes: what every client is promised on `starter`, a year on
    /// `growth`, two on `scale`.
    ///
    /// # Source
    /// Promise P14.
    pub fn retention_most(self) -> Period {
        match self {
            Self::Starter => RETENTION_LEAST,
            Self::Growth => Period::days(365),
            Self::Scale => Period::days(730),
        }
    }
}

/// Business hours and holidays, in the client's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Open hours by ISO weekday `1` (Monday) to `7`: `09:00-17:00`.
    pub hours: BTreeMap<String, String>,
    /// Closed days, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holidays: BTreeSet<String>,
}

/// A limit on an operation; signed by the client as a data use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The connection and operation that it bounds.
    pub operation: crate::id::OperationRef,
    /// ISO 4217; absent when only calls are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The largest amount of one call, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_call: Option<i64>,
    /// The largest sum of one day of the client's zone, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls of one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
    /// Up to this amount of one call, in minor units, a model may decide; absent: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_up_to: Option<i64>,
    /// The parameter that names the customer, and the most a day for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_customer: Option<PerCustomer>,
    /// The most a day for one workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_workflow: Option<PerWorkflow>,
    /// The group that is asked above a limit.
    pub by: GroupId,
}

/// A limit for one customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerCustomer {
    /// The parameter that names the customer.
    pub param: Name,
    /// The largest sum of a day, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
}

/// A limit for one workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerWorkflow {
    /// The largest sum of a day, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
}

/// A person who decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decider {
    /// OpenSSH public keys, `type base64`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
    /// Chat accounts by connection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<ConnectionId, String>,
}

/// A time in which no plan is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its first moment.
    pub from: Moment,
    /// The moment after its last.
    pub until: Moment,
    /// Why.
    pub reason: String,
}

/// Where alerts go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What it takes.
    pub carries: Carries,
    /// How.
    pub via: RouteKind,
    /// The name by which `endpoints.json` gives its URL.
    pub endpoint: ConnectionId,
    /// The URLs that the client approves, of all environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub urls: BTreeSet<String>,
    /// For mail: who writes, and to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<RouteMail>,
}

/// The addresses of a route that sends mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteMail {
    /// Who writes.
    pub from: MailAddress,
    /// To whom; to the client's contacts where it is empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to: BTreeSet<MailAddress>,
}

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carries {
    /// Alerts.
    Alerts,
    /// Incidents.
    Incidents,
    /// Post-mortems, for the client's contacts.
    #[serde(rename = "post-mortems")]
    PostMortems,
}

/// A kind of alert route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// A POST of JSON in the agent's own form.
    Webhook,
    /// An Alertmanager, by its API of version 2.
    Alertmanager,
    /// A POST of JSON as an Alertmanager sends it to its webhooks, version 4.
    AlertmanagerWebhook,
    /// An incoming webhook of Slack.
    Slack,
    /// PagerDuty, by its events API of version 2.
    Pagerduty,
    /// Mail, handed to a server that sends it on.
    Smtp,
}

impl RouteKind {
    /// The word in source files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::AlertmanagerWebhook => "alertmanager-webhook",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Smtp => "smtp",
        }
    }

    /// Whether such a route can take this: a post-mortem is a text for people, which not every receiver shows.
    pub fn takes(self, carries: Carries) -> bool {
        match self {
            Self::Webhook | Self::Slack | Self::Smtp => true,
            Self::Alertmanager | Self::AlertmanagerWebhook | Self::Pagerduty => carries != Carries::PostMortems,
        }
    }
}

/// What bounds all workflows of a client together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientLimits {
    /// Runs at once.
    pub running: u32,
    /// Runs that wait.
    pub waiting: u32,
    /// Events that it may send, in which time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Content of its events that is in memory at once, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// What its runs and its ledger take on disk, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_mib: Option<u32>,
}

/// One connection of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionFacts {
    /// What it leads to.
    pub to: ConnectionTo,
    /// The production host that the client approves, and its region.
    pub host: String,
    /// The region of that host.
    pub region: Region,
    /// Hosts of sandboxes that the client approves beside it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sandbox_hosts: BTreeSet<String>,
    /// The host at which access tokens are asked for in production, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_host: Option<String>,
    /// Such hosts of sandboxes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sandbox_token_hosts: BTreeSet<String>,
    /// The permissions that the API granted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<Scope>,
    /// How requests are authorised.
    pub auth: Auth,
    /// Secret slots and when they are rotated.
    pub slots: BTreeMap<SlotId, Slot>,
    /// Whether loopback, link-local and private addresses may be reached.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private_addresses: bool,
    /// How many requests the API takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// What a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ConnectionTo {
    /// An API.
    Integration {
        /// Its name in the catalog.
        name: IntegrationId,
        /// The most private class that its messages may show to people who decide.
        #[serde(default = "reference", skip_serializing_if = "is_reference")]
        shows: Class,
    },
    /// An AI model endpoint.
    Provider {
        /// Its name in the catalog.
        name: ProviderId,
        /// How it is spoken to.
        dialect: ProviderDialect,
        /// The model that is asked.
        model: String,
        /// The agreement that governs it.
        agreement: Agreement,
        /// The most private class that it may be given.
        #[serde(default, skip_serializing_if = "is_personal")]
        class: Class,
    },
}

fn reference() -> Class {
    Class::Reference
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_reference(class: &Class) -> bool {
    *class == Class::Reference
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_personal(class: &Class) -> bool {
    *class == Class::Personal
}

/// How an AI provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderDialect {
    /// OpenAI-compatible chat completions with structured output.
    ChatCompletions,
    /// Anthropic-style messages; the answer is the input of one tool.
    Messages,
}

/// An agreement with an AI provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its name.
    pub name: String,
    /// Whether it forbids training on input.
    pub forbids_training: bool,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// When it ends.
    pub until: Moment,
    /// How long the provider keeps what it is sent; absent when it keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Period>,
}

impl Agreement {
    /// Whether it forbids training and is in force.
    pub fn holds(&self, at: Moment) -> bool {
        self.forbids_training && self.from.is_none_or(|from| from <= at) && at < self.until
    }
}

/// A secret slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Days between rotations, at most 400.
    pub rotate: Period,
    /// Whether it verifies webhooks instead of authorising requests.
    #[serde(default, skip_serializing_if = "is_false")]
    pub webhook: bool,
}

/// Where the connections of one region and environment lead: `endpoints.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Always `endpoints`.
    #[serde(rename = "type")]
    pub kind: EndpointsType,
    /// The number of this format.
    pub schema: u32,
    /// The environment it is for.
    pub environment: Environment,
    /// The region it is for.
    pub region: Region,
    /// By client and connection; alert routes of the client stand here too.
    pub clients: BTreeMap<ClientId, BTreeMap<ConnectionId, Endpoint>>,
}

/// The `type` member of [`Endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointsType {
    /// The only value.
    Endpoints,
}

/// Where one connection leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The base URL, `https://host[:port][/path]`, without a slash at its end. `http` only to private addresses. Of a
    /// route that sends mail `smtps://host[:port]` or, with STARTTLS, `smtp://host[:port]`.
    pub url: String,
    /// The base URL below which access tokens are asked for, of the same form, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
    /// Where it is.
    pub region: Region,
    /// Whether it is a sandbox without real data.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sandbox: bool,
}

impl Endpoint {
    /// The base URL below which access tokens are asked for.
    pub fn token_url(&self) -> &str {
        self.tokens.as_deref().unwrap_or(&self.url)
    }
}

/// What one active workflow is: part of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveWorkflow {
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The plan.
    pub plan: Digest,
    /// Its lowered scenarios.
    pub tests: Digest,
    /// Who wrote it: the people who signed the commits that changed its files, in this release or an earlier one; everybody
    /// whom the root lists where that cannot be told.
    pub authors: BTreeSet<PersonId>,
    /// The source file, for people.
    pub source: String,
    /// The line of each step in it, for people.
    pub lines: BTreeMap<Name, u32>,
}
