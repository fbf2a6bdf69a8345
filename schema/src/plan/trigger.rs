//! What starts a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ConnectionId, EventName, Name};
use crate::shape::Field;

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
        /// The header that holds the secret, for `token` alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
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

impl Dialect {
    /// The dialect as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Shopify => "shopify",
            Self::Zendesk => "zendesk",
            Self::Slack => "slack",
            Self::Token => "token",
        }
    }
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
