//! What an agent must know of a client besides its plans: `clients/<client>.json` and `endpoints.json` of a release.

mod auth;
mod connection;
mod guardrail;
mod holders;
mod route;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::class::Class;
use crate::id::{ClientId, ConnectionId, Environment, GroupId, MailAddress, Name, PersonId, Region, WorkflowId};
use crate::plan::{Channel, Rate};
use crate::time::{Moment, Period};

pub use auth::{Auth, ClientAuth};
pub use connection::{
    Agreement, ConnectionFacts, ConnectionTo, Endpoint, Endpoints, EndpointsType, ProviderDialect, Slot,
};
pub use guardrail::{Guardrail, PerCustomer, PerWorkflow};
pub use holders::{BadHolders, Holders, LEDGER, OwnedBranch, Witness};
pub use route::{Carries, Route, RouteKind, RouteMail};

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

crate::only!(ClientType::Client);

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
