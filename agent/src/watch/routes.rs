//! Where alerts of each client go, checked once from what a release says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use assent_schema::calendar::{BusinessHours, zone};
use assent_schema::client::{Carries, ClientFacts, Endpoints, RouteKind, Tier};
use assent_schema::id::{ClientId, ConnectionId, PersonId, Region};

use crate::request::url::Base;

/// One place that takes alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The route's name in `endpoints.json`.
    pub name: ConnectionId,
    /// What it takes.
    pub carries: Carries,
    /// Its URL.
    pub base: Base,
    /// Whether it lies in the client's own region; if not it is told less.
    pub near: bool,
}

/// The routes of one client, and how soon its incidents must be answered.
#[derive(Clone, Debug)]
pub struct ClientRoutes {
    /// Where its alerts and incidents go.
    pub targets: Vec<Target>,
    /// What it pays for.
    pub tier: Tier,
    /// Its calendar.
    pub hours: BusinessHours,
    /// Who is told of incidents, by handle.
    pub contacts: BTreeSet<PersonId>,
}

/// Why the routes of a client cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// A route has no endpoint, or its URL has another form.
    NoEndpoint(ClientId, ConnectionId),
    /// The client's zone or calendar has another form.
    BadCalendar(ClientId),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoint(client, route) => write!(f, "alert route {route} of {client} has no endpoint"),
            Self::BadCalendar(client) => write!(f, "the calendar of {client} has another form"),
        }
    }
}

impl std::error::Error for RouteError {}

/// The routes of all clients of an agent.
#[derive(Clone, Debug, Default)]
pub struct Routes(BTreeMap<ClientId, ClientRoutes>);

impl Routes {
    /// Checks the routes of these clients.
    ///
    /// # Errors
    /// The first client whose routes cannot be used.
    pub fn new<'a>(
        clients: impl IntoIterator<Item = &'a ClientFacts>,
        endpoints: &Endpoints,
    ) -> Result<Self, RouteError> {
        clients
            .into_iter()
            .map(|facts| Ok((facts.client.clone(), of_client(facts, endpoints)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The routes of a client.
    pub fn of(&self, client: &ClientId) -> Option<&ClientRoutes> {
        self.0.get(client)
    }

    /// The clients with their routes.
    pub fn clients(&self) -> impl Iterator<Item = (&ClientId, &ClientRoutes)> {
        self.0.iter()
    }

    /// Every target of alerts, each URL once, with a client that names it: for alerts about the agent itself.
    pub fn all(&self) -> Vec<(&ClientId, &Target)> {
        let mut found: Vec<(&ClientId, &Target)> = Vec::new();
        for (client, routes) in &self.0 {
            for target in &routes.targets {
                if found.iter().all(|(_, known)| known.base != target.base) {
                    found.push((client, target));
                }
            }
        }
        found
    }
}

fn of_client(facts: &ClientFacts, endpoints: &Endpoints) -> Result<ClientRoutes, RouteError> {
    let bad = || RouteError::BadCalendar(facts.client.clone());
    let zone = zone(&facts.zone).ok_or_else(bad)?;
    let hours = BusinessHours::new(&facts.calendar, zone).or(Err(bad()))?;
    let known = endpoints.clients.get(&facts.client);
    let target = |route: &assent_schema::client::Route| {
        let RouteKind::Webhook = route.via;
        let missing = || RouteError::NoEndpoint(facts.client.clone(), route.endpoint.clone());
        let endpoint = known.and_then(|known| known.get(&route.endpoint)).ok_or_else(missing)?;
        let base = Base::parse(&endpoint.url).ok_or_else(missing)?;
        let near = is_near(&endpoint.region, &facts.region);
        Ok(Target { name: route.endpoint.clone(), carries: route.carries, base, near })
    };
    let targets = facts.routes.iter().map(target).collect::<Result<_, _>>()?;
    Ok(ClientRoutes { targets, tier: facts.plan, hours, contacts: facts.contacts.clone() })
}

fn is_near(endpoint: &Region, client: &Region) -> bool {
    endpoint == client
}
