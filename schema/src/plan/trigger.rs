//! What starts a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Argument, Hmac};
use crate::id::{ConnectionId, EventName, Name, OperationRef};
use crate::shape::Field;
use crate::time::Period;

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
        /// How it is signed, for `hmac` alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hmac: Option<Box<Hmac>>,
        /// How the event is told from others: a path in the body and the value that it has there.
        matches: BTreeMap<String, String>,
        /// What the event's record is called, for data uses.
        record: Name,
        /// The fields that are taken; all others are dropped on receipt.
        fields: BTreeMap<Name, Field>,
        /// The `reference` fields by which an event is accepted once, for dialects that sign no delivery id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<Once>,
        /// The path and value that tell an event that our own connection caused.
        #[serde(default, rename = "self", skip_serializing_if = "Option::is_none")]
        own: Option<OwnEvent>,
        /// The fields that must have these values, as text; any other event is not for this workflow.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        only: BTreeMap<Name, String>,
        /// The list in which events that were never delivered are found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reconcile: Option<Box<Poll>>,
    },
    /// A list that is read again and again.
    Poll {
        /// Which list, and how.
        poll: Box<Poll>,
        /// What one item of it is called, for data uses.
        record: Name,
        /// The fields of an item that are taken.
        fields: BTreeMap<Name, Field>,
        /// As for a webhook.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        only: BTreeMap<Name, String>,
    },
    /// Files of JSON that another system puts into a folder of the agent's host.
    Inbox {
        /// The folder's name below the client's own.
        folder: Name,
        /// Which names are taken: `*` stands for any characters, `?` for one.
        pattern: String,
        /// What becomes of a file that was taken.
        after: AfterFile,
        /// The fields that are taken; all of class `reference`.
        fields: BTreeMap<Name, Field>,
        /// As for a webhook.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        only: BTreeMap<Name, String>,
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

impl Trigger {
    /// The fields that come with an event; nothing for a schedule.
    pub fn fields(&self) -> Option<&BTreeMap<Name, Field>> {
        match self {
            Self::Webhook { fields, .. }
            | Self::Poll { fields, .. }
            | Self::Inbox { fields, .. }
            | Self::Manual { fields } => Some(fields),
            Self::Schedule { .. } => None,
        }
    }

    /// As [`Self::fields`], to be changed.
    pub fn fields_mut(&mut self) -> Option<&mut BTreeMap<Name, Field>> {
        match self {
            Self::Webhook { fields, .. }
            | Self::Poll { fields, .. }
            | Self::Inbox { fields, .. }
            | Self::Manual { fields } => Some(fields),
            Self::Schedule { .. } => None,
        }
    }

    /// The fields that must have certain values, as text.
    pub fn only(&self) -> Option<&BTreeMap<Name, String>> {
        match self {
            Self::Webhook { only, .. } | Self::Poll { only, .. } | Self::Inbox { only, .. } => Some(only),
            Self::Schedule { .. } | Self::Manual { .. } => None,
        }
    }

    /// The list that is read: by the trigger itself, or to find what was never delivered.
    pub fn poll(&self) -> Option<&Poll> {
        match self {
            Self::Webhook { reconcile, .. } => reconcile.as_deref(),
            Self::Poll { poll, .. } => Some(poll),
            Self::Inbox { .. } | Self::Schedule { .. } | Self::Manual { .. } => None,
        }
    }

    /// Whether the engine itself reads a field, besides expressions.
    pub fn needs(&self, field: &Name) -> bool {
        let once = matches!(self, Self::Webhook { once: Some(once), .. } if once.names().contains(field));
        let own = |poll: &Poll| poll.own.as_ref().is_some_and(|own| own.at == field.as_str());
        let listed = matches!(self, Self::Poll { poll, .. } if poll.order == *field || poll.id == *field || own(poll));
        once || listed || self.only().is_some_and(|only| only.contains_key(field))
    }
}

/// The fields by which an event is accepted once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Once {
    /// One field tells events apart.
    One(Name),
    /// Several do together, as a record and the moment of its change.
    Several(Vec<Name>),
}

impl Once {
    /// The fields, in the order in which they are named.
    pub fn names(&self) -> &[Name] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// A list that is read again and again: what is behind the cursor is an event.
///
/// The cursor is `(order, id)` of the last item that was accepted. It belongs to client and workflow, not to
/// a plan, and not to the list that a plan reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The operation that reads.
    pub read: OperationRef,
    /// Its parameters besides `since`; constants.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<Name, Argument>,
    /// How often.
    pub every: Period,
    /// How far behind the cursor each read begins: how late an item may appear in the list.
    pub lag: Period,
    /// The response field with the items, oldest first.
    pub items: Name,
    /// The field of an item by which the list is ordered: an instant.
    pub order: Name,
    /// The field of an item that names it.
    pub id: Name,
    /// The parameter that takes the instant from which on items are wanted.
    pub since: Name,
    /// The field of an item, and its value as text, that tell what our own connection caused.
    #[serde(default, rename = "self", skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnEvent>,
}

/// What becomes of a file that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterFile {
    /// It is moved into a folder beside it: `accepted` or `refused`.
    #[default]
    Move,
    /// It stays where it is, and is remembered by name and digest.
    Keep,
}

/// An event that is not a trigger: what a `wait` waits for, or a `[[cancel]]` ends runs by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Whose event.
    pub connection: ConnectionId,
    /// Which event.
    pub event: EventName,
    /// How the integration signs.
    pub dialect: Dialect,
    /// The header that holds the secret, for `token` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// How it is signed, for `hmac` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<Box<Hmac>>,
    /// How the event is told from others: a path in the body and the value that it has there.
    pub matches: BTreeMap<String, String>,
    /// What the event's record is called, for data uses.
    pub record: Name,
    /// The fields that are taken, facts all of them; all others are dropped on receipt.
    pub fields: BTreeMap<Name, Field>,
    /// The path and value that tell an event that our own connection caused.
    #[serde(default, rename = "self", skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnEvent>,
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
    /// Intercom's `X-Hub-Signature`, by SHA-1.
    Intercom,
    /// Front's `X-Front-Signature` of application webhooks.
    Front,
    /// Adyen's `hmacSignature`, which stands in the body and signs eight of its values.
    Adyen,
    /// HubSpot's `X-HubSpot-Signature-v3`, over the address, too. Events come in lists.
    Hubspot,
    /// Twilio's `X-Twilio-Signature`, over the address and a form, by SHA-1.
    Twilio,
    /// Mailgun's `signature`, which stands in the body and signs a time and an id alone.
    Mailgun,
    /// HMAC-SHA256 over the body, perhaps with a time, by the parts that the catalog names.
    Hmac,
    /// A header that equals a secret.
    Token,
}

/// What `adyen` signs, in the order in which it does; nothing else of such a message is proved.
///
/// # Source
/// Adyen, "Verify HMAC signatures", standard webhooks.
pub const ADYEN_SIGNED: [&str; 8] = [
    "notificationItems.0.NotificationRequestItem.pspReference",
    "notificationItems.0.NotificationRequestItem.originalReference",
    "notificationItems.0.NotificationRequestItem.merchantAccountCode",
    "notificationItems.0.NotificationRequestItem.merchantReference",
    "notificationItems.0.NotificationRequestItem.amount.value",
    "notificationItems.0.NotificationRequestItem.amount.currency",
    "notificationItems.0.NotificationRequestItem.eventCode",
    "notificationItems.0.NotificationRequestItem.success",
];

impl Dialect {
    /// Whether what an event says is signed, or only that somebody may send one: then anyone who saw one may have written it.
    pub fn signs_events(self) -> bool {
        match self {
            Self::StandardWebhooks
            | Self::Stripe
            | Self::Github
            | Self::Shopify
            | Self::Zendesk
            | Self::Slack
            | Self::Intercom
            | Self::Front
            | Self::Adyen
            | Self::Hubspot
            | Self::Twilio
            | Self::Hmac => true,
            Self::Mailgun | Self::Token => false,
        }
    }

    /// The dialect as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Shopify => "shopify",
            Self::Zendesk => "zendesk",
            Self::Slack => "slack",
            Self::Intercom => "intercom",
            Self::Front => "front",
            Self::Adyen => "adyen",
            Self::Hubspot => "hubspot",
            Self::Twilio => "twilio",
            Self::Mailgun => "mailgun",
            Self::Hmac => "hmac",
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
