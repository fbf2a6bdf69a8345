//! `assent.toml`: the project's name, regions, environments and alert routes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Endpoint, Spanned};
use crate::client::{Carries, RouteKind};
use crate::id::{ConnectionId, Environment, MailAddress, ProjectName, Region};

/// The agency's project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The first part of every ledger origin.
    pub name: Spanned<ProjectName>,
    /// Where agents run; at least one.
    pub regions: BTreeSet<Spanned<Region>>,
    /// Which environments there are; at least one.
    pub environments: BTreeSet<Spanned<Environment>>,
    /// The environment whose agents rehearse for all others.
    pub rehearse_in: Spanned<Environment>,
    /// Where alerts go, by name, in the order of the file.
    pub routes: Vec<Route>,
}

/// One alert route of the agency.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name; clients choose routes by it.
    pub name: Spanned<ConnectionId>,
    /// What it takes; at least one.
    pub carries: BTreeSet<Spanned<Carries>>,
    /// How.
    pub via: Spanned<RouteKind>,
    /// For mail, and only there: who writes.
    pub from: Option<Spanned<MailAddress>>,
    /// For mail: to whom; to the client's contacts where it is empty.
    pub to: BTreeSet<Spanned<MailAddress>>,
    /// Where it leads, by environment and region of the agent.
    pub endpoint: BTreeMap<Spanned<Environment>, BTreeMap<Spanned<Region>, Endpoint>>,
}
