//! `clients/<client>/client.toml`: what the client agreed, whom it connects, who decides.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Spanned;
use crate::client::{self, Calendar, ClientLimits, Freeze, PerCustomer, PerWorkflow, Tier};
use crate::id::{
    ClientId, ConnectionId, Environment, GroupId, MailAddress, OperationRef, PersonId, Region, Scope, SlotId,
};
use crate::plan::{Rate, Target};
use crate::time::Period;

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id; the name of its folder.
    pub name: Spanned<ClientId>,
    /// Who it is, for people.
    pub summary: Spanned<String>,
    /// What it pays for.
    pub plan: Spanned<Tier>,
    /// Where its data is processed.
    pub region: Spanned<Region>,
    /// Its IANA time zone.
    pub zone: Spanned<String>,
    /// How long its ledger is kept.
    pub retention: Spanned<Period>,
    /// How long its workflows run without a current freshness statement; 72 h unless said.
    pub stale_limit: Spanned<Period>,
    /// The routes of the project that its alerts take; at the client's name where the key is absent.
    pub routes: Spanned<BTreeSet<Spanned<ConnectionId>>>,
    /// Who is told of incidents, by handle.
    pub contacts: BTreeSet<Spanned<PersonId>>,
    /// Where contacts get mail.
    pub mail: BTreeMap<Spanned<PersonId>, MailAddress>,
    /// Its business hours and holidays.
    pub calendar: Option<Spanned<Calendar>>,
    /// What bounds all of its workflows together; 64 running and 10,000 waiting unless said.
    pub limits: ClientLimits,
    /// The people who decide.
    pub people: BTreeMap<Spanned<PersonId>, Decider>,
    /// Groups of them.
    pub groups: BTreeMap<Spanned<GroupId>, BTreeSet<Spanned<PersonId>>>,
    /// Up to this amount, in minor units by currency, a chat account may decide on money.
    pub chat_up_to: BTreeMap<String, i64>,
    /// Its connections.
    pub connections: BTreeMap<Spanned<ConnectionId>, Connection>,
    /// Limits on operations, in the order of the file.
    pub guardrails: Vec<Guardrail>,
    /// Times in which no plan is committed.
    pub freeze: Vec<Spanned<Freeze>>,
    /// Who holds checkpoints of its ledger besides the agent, by environment.
    pub ledger: BTreeMap<Spanned<Environment>, Holders>,
}

/// Who holds checkpoints of a client's ledger besides the agent.
#[derive(Clone, Debug)]
pub struct Holders {
    /// A git branch that the client owns.
    pub branch: Option<Spanned<client::OwnedBranch>>,
    /// Who cosigns.
    pub witnesses: Vec<Spanned<client::Witness>>,
}

/// A person who decides.
#[derive(Clone, Debug)]
pub struct Decider {
    /// OpenSSH public keys and passkeys.
    pub keys: BTreeSet<Spanned<String>>,
    /// Chat accounts by connection.
    pub accounts: BTreeMap<Spanned<ConnectionId>, Spanned<String>>,
}

/// One use of an integration or provider.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What it leads to.
    pub to: Spanned<Target>,
    /// The permissions that the API granted.
    pub scopes: BTreeSet<Spanned<Scope>>,
    /// Whether loopback, link-local and private addresses may be reached.
    pub private_addresses: bool,
    /// Where it leads, by environment. Empty for a provider, whose catalog file says it.
    pub endpoint: BTreeMap<Spanned<Environment>, Endpoint>,
    /// Secret slots.
    pub slots: BTreeMap<Spanned<SlotId>, Slot>,
    /// How many requests the API takes of this client.
    pub rate: Option<Rate>,
}

/// Where something leads in one environment.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The base URL, `https://host[:port][/path]`, without a slash at its end. `http` only to private addresses.
    pub url: Spanned<String>,
    /// The base URL below which access tokens are asked for, of the same form, where it is another one.
    pub tokens: Option<Spanned<String>>,
    /// Where it is.
    pub region: Spanned<Region>,
    /// Whether it is a sandbox without real data.
    pub sandbox: Spanned<bool>,
}

/// The longest time between two rotations of a secret.
pub const ROTATE_MOST: Period = Period::days(400);

/// A secret slot.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The slot in the file.
    pub span: Range<usize>,
    /// The time between rotations; `no-rotation` where it is absent or above [`ROTATE_MOST`].
    pub rotate: Option<Spanned<Period>>,
}

/// A limit on an operation.
#[derive(Clone, Debug)]
pub struct Guardrail {
    /// What it bounds.
    pub operation: Spanned<OperationRef>,
    /// ISO 4217; absent when only calls are counted.
    pub currency: Option<Spanned<String>>,
    /// The largest amount of one call, in minor units.
    pub per_call: Option<i64>,
    /// The largest sum of one day of the client's zone, in minor units.
    pub per_day: Option<i64>,
    /// The most calls of one day.
    pub per_day_count: Option<u32>,
    /// Up to this amount of one call, in minor units, a model may decide.
    pub model_up_to: Option<i64>,
    /// The most of one day for one customer, and the parameter that names it.
    pub per_customer: Option<Spanned<PerCustomer>>,
    /// The most of one day for one workflow.
    pub per_workflow: Option<Spanned<PerWorkflow>>,
    /// The group that is asked above a limit.
    pub by: Spanned<GroupId>,
}
