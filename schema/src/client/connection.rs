//! What a client's connections lead to, and where.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Auth;
use crate::class::Class;
use crate::id::{ClientId, ConnectionId, Environment, IntegrationId, ProviderId, Region, Scope, SlotId};
use crate::plan::Rate;
use crate::shape::is_false;
use crate::time::{Moment, Period};

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
    /// `OpenAI`'s own: the same, with the limit as `max_completion_tokens`, which its newer models want.
    Openai,
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

crate::only!(EndpointsType::Endpoints);

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
