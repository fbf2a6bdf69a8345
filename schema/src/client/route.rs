//! Where alerts and incidents of a client go.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{ConnectionId, MailAddress};

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
