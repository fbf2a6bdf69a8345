//! Where alerts of each client go, checked once from what a release says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use assent_schema::calendar::{BusinessHours, zone};
use assent_schema::client::{Carries, ClientFacts, Endpoint, Endpoints, Route, RouteKind, Tier};
use assent_schema::id::{ClientId, ConnectionId, MailAddress, PersonId, Region};

use crate::request::url::Base;

/// One place that takes alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The route's name in `endpoints.json`.
    pub name: ConnectionId,
    /// What it takes.
    pub carries: Carries,
    /// How it is told.
    pub via: RouteKind,
    /// Its URL.
    pub base: Base,
    /// For mail: who writes, and to whom.
    pub mail: Option<Addresses>,
    /// Whether it lies in the client's own region; if not it is told less.
    pub near: bool,
}

/// Who writes mail of a route, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Who writes.
    pub from: MailAddress,
    /// The route's own recipients.
    pub to: BTreeSet<MailAddress>,
    /// The client's contacts.
    pub contacts: BTreeSet<MailAddress>,
    /// Whether each of them has an address.
    pub all_contacts: bool,
}

impl Addresses {
    /// Who is told of an alert: the route's own recipients; where there are none, the contacts of a client of whom it is.
    pub(super) fn told(&self, of_client: bool) -> Vec<MailAddress> {
        let to = if self.to.is_empty() && of_client { &self.contacts } else { &self.to };
        to.iter().cloned().collect()
    }

    /// Who is sent a post-mortem: the client's contacts, if it can reach all of them, and nobody else.
    pub(super) fn explained(&self) -> Vec<MailAddress> {
        if self.all_contacts { self.contacts.iter().cloned().collect() } else { Vec::new() }
    }
}

impl Target {
    /// Whether anybody is told by it.
    pub(super) fn reaches(&self, of_client: bool) -> bool {
        self.mail.as_ref().is_none_or(|mail| !mail.told(of_client).is_empty())
    }

    /// Whether it is the same receiver. Where a secret says who that is, one URL stands for many.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        let open = match self.via {
            RouteKind::Webhook | RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook => true,
            RouteKind::Slack | RouteKind::Pagerduty | RouteKind::Smtp => false,
        };
        self.name == other.name || (open && self.via == other.via && self.base == other.base)
    }
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

    /// A client as it is kept here, with its routes.
    pub(super) fn client(&self, client: &ClientId) -> Option<(&ClientId, &ClientRoutes)> {
        self.0.get_key_value(client)
    }

    /// The clients with their routes.
    pub fn clients(&self) -> impl Iterator<Item = (&ClientId, &ClientRoutes)> {
        self.0.iter()
    }

    /// Every target of alerts, each place once for each thing that it carries, with a client that names it: for alerts about
    /// the agent itself.
    pub fn all(&self) -> Vec<(&ClientId, &Target)> {
        let mut found: Vec<(&ClientId, &Target)> = Vec::new();
        for (client, routes) in &self.0 {
            for target in &routes.targets {
                let known = |known: &Target| known.carries == target.carries && known.is_same_place(target);
                if found.iter().all(|(_, other)| !known(other)) {
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
    let target = |route: &Route, endpoint: &Endpoint| {
        let missing = || RouteError::NoEndpoint(facts.client.clone(), route.endpoint.clone());
        let base = match route.via {
            RouteKind::Smtp => Base::parse_mail(&endpoint.url),
            RouteKind::Webhook
            | RouteKind::Alertmanager
            | RouteKind::AlertmanagerWebhook
            | RouteKind::Slack
            | RouteKind::Pagerduty => Base::parse(&endpoint.url),
        };
        let mail = match (route.via, &route.mail) {
            (RouteKind::Smtp, Some(mail)) => Some(Addresses {
                from: mail.from.clone(),
                to: mail.to.clone(),
                contacts: facts.contacts.iter().filter_map(|contact| facts.mail.get(contact)).cloned().collect(),
                all_contacts: facts.contacts.iter().all(|contact| facts.mail.contains_key(contact)),
            }),
            (RouteKind::Smtp, None) => return Err(missing()),
            _ => None,
        };
        let (name, base) = (route.endpoint.clone(), base.ok_or_else(missing)?);
        let near = is_near(&endpoint.region, &facts.region);
        Ok(Target { name, carries: route.carries, via: route.via, base, mail, near })
    };
    // Outside of production a route may lead nowhere; in it `verify` takes no release with such a one.
    let led = facts.routes.iter().filter_map(|route| Some((route, known?.get(&route.endpoint)?)));
    let targets = led.map(|(route, endpoint)| target(route, endpoint)).collect::<Result<_, _>>()?;
    Ok(ClientRoutes { targets, tier: facts.plan, hours, contacts: facts.contacts.clone() })
}

fn is_near(endpoint: &Region, client: &Region) -> bool {
    endpoint == client
}
