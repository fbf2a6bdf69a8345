//! One client's file to the facts that an agent must know, and where its connections lead.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::{
    Agreement, Auth, Calendar, Carries, ClientFacts, ClientType, ConnectionFacts, ConnectionTo, Decider, Endpoint,
    Holders, LEDGER, PerCustomer, Route, RouteMail, Slot,
};
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ConnectionId, Environment, OperationRef, PersonId, SlotId};
use assent_schema::plan::{Effect, SCHEMA, Target};
use assent_schema::spec::{self, Spanned, Unit};
use assent_schema::time::Moment;
use assent_schema::trust::Deciders;

use super::names::{Report, texts};
use super::{Team, endpoints};
use crate::parse::Parsed;

/// Where connections and alert routes lead, by environment.
pub type EndpointsByEnvironment = BTreeMap<Environment, BTreeMap<ConnectionId, Endpoint>>;

/// What two people who share a key or an account are told.
const ALONE: &str =
    "Name each person once, with keys and accounts that are theirs alone: by them the ledger says who decided.";

/// The environment whose hosts clients approve.
pub const PRODUCTION: &str = Environment::PRODUCTION;

/// Resolves one client's file.
pub(super) fn resolve(
    parsed: &Parsed,
    unit: &Unit<spec::Client>,
    team: Option<&Team>,
    findings: &mut Findings,
) -> (ClientFacts, EndpointsByEnvironment) {
    let client = &unit.spec;
    let mut report = Report::new(unit, findings);
    check_region(parsed, client, &mut report);
    let helpers = check_groups(client, team, &mut report);
    check_people(client, &mut report);
    let mut endpoints = EndpointsByEnvironment::new();
    let mut connections = BTreeMap::new();
    for (id, connection) in &client.connections {
        if let Some(facts) = resolve_connection(parsed, id, connection, &mut endpoints, &mut report) {
            connections.insert(id.value.clone(), facts);
        }
    }
    check_guardrails(parsed, client, &mut report);
    let routes = resolve_routes(parsed, client, &mut endpoints, &mut report);
    let facts = ClientFacts {
        kind: ClientType::Client,
        schema: SCHEMA,
        client: client.name.value.clone(),
        plan: client.plan.value,
        region: client.region.value.clone(),
        zone: client.zone.value.clone(),
        calendar: client.calendar.as_ref().map_or_else(no_calendar, |calendar| calendar.value.clone()),
        retention: client.retention.value,
        stale_limit: client.stale_limit.value,
        guardrails: client.guardrails.iter().map(guardrail).collect(),
        deciders: client.groups.iter().map(|(group, people)| (group.value.clone(), values(people))).collect(),
        people: client.people.iter().map(|(id, person)| (id.value.clone(), decider(person))).chain(helpers).collect(),
        chat_up_to: client.chat_up_to.clone(),
        freeze: client.freeze.iter().map(|freeze| freeze.value.clone()).collect(),
        routes,
        connections,
        contacts: values(&client.contacts),
        mail: client.mail.iter().map(|(person, address)| (person.value.clone(), address.clone())).collect(),
        limits: client.limits,
        ledger: client.ledger.iter().map(|(environment, held)| (environment.value.clone(), holders(held))).collect(),
    };
    check_holders(client, &mut report);
    (facts, endpoints)
}

fn holders(held: &spec::Holders) -> Holders {
    Holders {
        branch: held.branch.as_ref().map(|branch| branch.value.clone()),
        witnesses: held.witnesses.iter().map(|witness| witness.value.clone()).collect(),
    }
}

/// What stands for the holders of a ledger is no connection's name, and each witness has a name of its own.
fn check_holders(client: &spec::Client, report: &mut Report<'_>) {
    if let Some((name, _)) = client.connections.iter().find(|(name, _)| name.as_str() == LEDGER)
        && !client.ledger.is_empty()
    {
        report.duplicate("connection", LEDGER, &name.span);
    }
    for held in client.ledger.values() {
        let mut names = BTreeSet::new();
        for witness in &held.witnesses {
            let Ok(key) = witness.value.key() else { continue };
            if !names.insert(key.name().to_owned()) {
                report.duplicate("witness", key.name(), &witness.span);
            }
        }
    }
}

fn no_calendar() -> Calendar {
    Calendar { hours: BTreeMap::new(), holidays: BTreeSet::new() }
}

fn values<T: Ord + Clone>(set: &BTreeSet<Spanned<T>>) -> BTreeSet<T> {
    set.iter().map(|item| item.value.clone()).collect()
}

fn check_region(parsed: &Parsed, client: &spec::Client, report: &mut Report<'_>) {
    let Some(project) = &parsed.project else { return };
    if !project.spec.regions.contains(&client.region) {
        let known: Vec<_> = project.spec.regions.iter().map(|region| region.as_str()).collect();
        report.unknown("region", &client.region, &known);
    }
}

/// A guardrail that names no operation would guard nothing.
fn check_guardrails(parsed: &Parsed, client: &spec::Client, report: &mut Report<'_>) {
    for guardrail in &client.guardrails {
        let Spanned { value: named, span } = &guardrail.operation;
        let Some(connection) = client.connections.get(named.connection.as_str()) else {
            let known = texts(client.connections.keys().map(|id| &id.value));
            report.unknown_at("connection", named.connection.as_str(), span, &known);
            continue;
        };
        let Target::Integration(name) = &connection.to.value else { continue };
        let Some(integration) = parsed.integrations.get(name) else { continue };
        let Some(operation) = integration.spec.operations.get(named.operation.as_str()) else {
            let known = texts(integration.spec.operations.keys().map(|name| &name.value));
            report.unknown_at("operation", named.operation.as_str(), span, &known);
            continue;
        };
        if let Some(currency) = &guardrail.currency
            && operation.effect.value != Effect::Money
        {
            let message = format!("`{named}` moves no money, so there is no amount to limit.");
            let help = "Remove `currency` and the limits on amounts; `per_day_count` limits the calls.".to_owned();
            report.add_with_help(Code::BadValue, &currency.span, message, help);
        }
        if let Some(limit) = &guardrail.per_customer {
            check_customer(named, operation, limit, report);
        }
    }
}

/// Who the customer is must be known before the call, and may be written down: a limit on anything else binds nobody.
fn check_customer(
    named: &OperationRef,
    operation: &spec::Operation,
    limit: &Spanned<PerCustomer>,
    report: &mut Report<'_>,
) {
    let Some(param) = operation.params.get(limit.param.as_str()) else {
        let known = texts(operation.params.keys().map(|name| &name.value));
        let what = format!("parameter of `{named}` called");
        report.unknown_at(&what, limit.param.as_str(), &limit.span, &known);
        return;
    };
    if !param.class.is_fact() || !param.shape.fits_reference() {
        let wrong = format!("`{}` names the customer and is not a fact of bounded shape.", limit.param);
        report.add(Code::BadValue, &limit.span, wrong);
    }
}

/// The people of the team whom groups name, beside the client's own: the root says what they decide with.
fn check_groups(client: &spec::Client, team: Option<&Team>, report: &mut Report<'_>) -> BTreeMap<PersonId, Decider> {
    let mut helpers = BTreeMap::new();
    let own = client.people.keys().map(|person| person.as_str());
    let known: Vec<_> = own.chain(team.into_iter().flat_map(BTreeMap::keys).map(PersonId::as_str)).collect();
    for person in client.groups.values().flatten().filter(|person| !client.people.contains_key(*person)) {
        match team.and_then(|team| team.get(&person.value)) {
            Some(keys) => {
                let decider = Decider { keys: keys.clone(), accounts: BTreeMap::new() };
                helpers.insert(person.value.clone(), decider);
            }
            None => report.unknown("person", person, &known),
        }
    }
    let groups: Vec<_> = client.groups.keys().map(|group| group.as_str()).collect();
    for guardrail in client.guardrails.iter().filter(|guardrail| !client.groups.contains_key(&guardrail.by)) {
        report.unknown("group", &guardrail.by, &groups);
    }
    helpers
}

/// An answer is one person's: what two share is told at the one who stands later, and an account is one at a connection that the
/// client has.
fn check_people(client: &spec::Client, report: &mut Report<'_>) {
    let connections = texts(client.connections.keys().map(|id| &id.value));
    let mut people: Vec<_> = client.people.iter().collect();
    people.sort_by_key(|(person, _)| person.span.start);
    let mut deciders = Deciders::default();
    for (person, decider) in people {
        for key in &decider.keys {
            if let Some(other) = deciders.take_key(&person.value, &key.value) {
                let message = format!("`{}` has a key that `{other}` has already.", person.value);
                report.add_with_help(Code::DuplicateName, &key.span, message, ALONE.into());
            }
        }
        for (at, account) in &decider.accounts {
            if !client.connections.contains_key(at.as_str()) {
                report.unknown("connection", at, &connections);
            } else if let Some(other) = deciders.take_account(&person.value, &at.value, &account.value) {
                let message =
                    format!("`{}` has an account at `{}` that `{other}` has already.", person.value, at.value);
                report.add_with_help(Code::DuplicateName, &account.span, message, ALONE.into());
            }
        }
    }
}

fn decider(person: &spec::Decider) -> Decider {
    let accounts = person.accounts.iter().map(|(at, account)| (at.value.clone(), account.value.clone()));
    Decider { keys: values(&person.keys), accounts: accounts.collect() }
}

fn guardrail(guardrail: &spec::Guardrail) -> assent_schema::client::Guardrail {
    assent_schema::client::Guardrail {
        operation: guardrail.operation.value.clone(),
        currency: guardrail.currency.as_ref().map(|currency| currency.value.clone()),
        per_call: guardrail.per_call,
        per_day: guardrail.per_day,
        per_day_count: guardrail.per_day_count,
        model_up_to: guardrail.model_up_to,
        per_customer: guardrail.per_customer.as_ref().map(|limit| limit.value.clone()),
        per_workflow: guardrail.per_workflow.as_ref().map(|limit| limit.value.clone()),
        by: guardrail.by.value.clone(),
    }
}

fn resolve_connection(
    parsed: &Parsed,
    id: &Spanned<ConnectionId>,
    connection: &spec::Connection,
    led: &mut EndpointsByEnvironment,
    report: &mut Report<'_>,
) -> Option<ConnectionFacts> {
    let (to, auth, webhook, leads, rate) = match &connection.to.value {
        Target::Integration(name) => {
            let Some(unit) = parsed.integrations.get(name) else {
                unknown_target(parsed, "integration", "integrations", name.as_str(), &connection.to.span, report);
                return None;
            };
            let spec = &unit.spec;
            let to = ConnectionTo::Integration { name: name.clone(), shows: spec.shows };
            let webhook = spec.webhook.as_ref().map(|webhook| webhook.slot.value.clone());
            (to, spec.auth.value.clone(), webhook, &connection.endpoint, connection.rate.or(spec.rate))
        }
        Target::Provider(name) => {
            let Some(unit) = parsed.providers.get(name) else {
                unknown_target(parsed, "provider", "providers", name.as_str(), &connection.to.span, report);
                return None;
            };
            let spec = &unit.spec;
            let to = ConnectionTo::Provider {
                name: name.clone(),
                dialect: spec.dialect.value,
                model: spec.model.value.clone(),
                agreement: spec.agreement.as_ref().map_or_else(no_agreement, agreement),
                class: spec.class,
            };
            (to, spec.auth.value.clone(), None, &spec.endpoint, connection.rate)
        }
    };
    let slots = resolve_slots(connection, &auth, webhook.as_ref(), report);
    for (environment, endpoint) in leads {
        let lead = led.entry(environment.value.clone()).or_default();
        lead.insert(id.value.clone(), resolve_endpoint(endpoint));
    }
    endpoints::check_there(parsed, id, connection, report);
    endpoints::check_addresses(connection, id, leads, report);
    if matches!(&connection.to.value, Target::Integration(_)) {
        endpoints::check_kind(parsed, leads, report);
    }
    let production = leads.iter().find(|(environment, _)| environment.as_str() == PRODUCTION)?;
    if auth.token().is_none() {
        for tokens in leads.values().filter_map(|endpoint| endpoint.tokens.as_ref()) {
            let message = format!("The connection `{}` asks for no access tokens.", id.value);
            let help = "Remove `tokens`, or describe the integration with an `oauth2` kind of `auth`.".to_owned();
            report.add_with_help(Code::BadValue, &tokens.span, message, help);
        }
    }
    let sandboxes = || leads.values().filter(|endpoint| endpoint.sandbox.value);
    let tokens = |endpoint: &spec::Endpoint| endpoint.tokens.as_ref().map(|url| base(&url.value).to_owned());
    Some(ConnectionFacts {
        to,
        host: base(&production.1.url).to_owned(),
        region: production.1.region.value.clone(),
        sandbox_hosts: sandboxes().map(|endpoint| base(&endpoint.url).to_owned()).collect(),
        token_host: tokens(production.1),
        sandbox_token_hosts: sandboxes().filter_map(tokens).collect(),
        scopes: values(&connection.scopes),
        auth,
        slots,
        private_addresses: connection.private_addresses,
        rate,
    })
}

fn unknown_target(
    parsed: &Parsed,
    what: &str,
    folder: &str,
    name: &str,
    place: &std::ops::Range<usize>,
    report: &mut Report<'_>,
) {
    if parsed.is_broken(&format!("catalog/{folder}/{name}.toml")) {
        return;
    }
    let known = match folder {
        "integrations" => texts(parsed.integrations.keys()),
        _ => texts(parsed.providers.keys()),
    };
    report.unknown_at(what, name, place, &known);
}

/// Stands for an agreement that the catalog does not have, so that everything else is checked too; it never holds.
fn no_agreement() -> Agreement {
    Agreement {
        name: "none".into(),
        forbids_training: false,
        from: None,
        until: Moment::from_seconds(0),
        retention: None,
    }
}

fn agreement(agreement: &spec::Agreement) -> Agreement {
    Agreement {
        name: agreement.name.value.clone(),
        forbids_training: agreement.forbids_training.value,
        from: Some(agreement.from.value),
        until: agreement.until.value,
        // The parser lets only `none` and periods through.
        retention: agreement.retention.value.parse().ok(),
    }
}

fn resolve_slots(
    connection: &spec::Connection,
    auth: &Auth,
    webhook: Option<&SlotId>,
    report: &mut Report<'_>,
) -> BTreeMap<SlotId, Slot> {
    let authorises = auth.slot();
    let known: Vec<_> = authorises.into_iter().chain(webhook).map(SlotId::as_str).collect();
    if let Some(missing) = authorises.filter(|slot| !connection.slots.contains_key(slot.as_str())) {
        let message =
            format!("The connection does not declare the secret slot `{missing}` that authorises its requests.");
        let help = format!("Add its table `slots.{missing}` with the interval at which the secret changes, `rotate`.");
        report.add_with_help(Code::BadValue, &connection.to.span, message, help);
    }
    let mut slots = BTreeMap::new();
    for (id, slot) in &connection.slots {
        if !known.contains(&id.as_str()) {
            report.unknown("secret slot", id, &known);
        }
        let webhook = webhook == Some(&id.value);
        // `no-rotation` keeps a client without one from being released.
        let rotate = slot.rotate.as_ref().map_or(spec::ROTATE_MOST, |rotate| rotate.value);
        slots.insert(id.value.clone(), Slot { rotate, webhook });
    }
    slots
}

fn resolve_endpoint(endpoint: &spec::Endpoint) -> Endpoint {
    Endpoint {
        url: endpoint.url.value.clone(),
        tokens: endpoint.tokens.as_ref().map(|url| url.value.clone()),
        region: endpoint.region.value.clone(),
        sandbox: endpoint.sandbox.value,
    }
}

/// The alert routes of the project that the client takes; each leads to the endpoint of the client's region.
fn resolve_routes(
    parsed: &Parsed,
    client: &spec::Client,
    endpoints: &mut EndpointsByEnvironment,
    report: &mut Report<'_>,
) -> Vec<Route> {
    let Some(project) = &parsed.project else { return Vec::new() };
    let known: Vec<_> = project.spec.routes.iter().map(|route| route.name.as_str()).collect();
    let mut routes = Vec::new();
    for name in client.routes.iter() {
        let Some(route) = project.spec.routes.iter().find(|route| route.name == *name) else {
            report.unknown("alert route", name, &known);
            continue;
        };
        if client.connections.contains_key(name) {
            report.duplicate("connection", name.as_str(), &name.span);
        }
        let mut urls = BTreeSet::new();
        for (environment, by_region) in &route.endpoint {
            let Some(endpoint) = by_region.get(&client.region) else { continue };
            urls.insert(endpoint.url.value.clone());
            let lead = endpoints.entry(environment.value.clone()).or_default();
            lead.insert(name.value.clone(), resolve_endpoint(endpoint));
        }
        if urls.is_empty() && project.spec.regions.contains(&client.region) {
            let message = format!("The alert route `{}` has no endpoint in `{}`.", name.value, client.region.value);
            report.add(Code::BadValue, &name.span, message);
        }
        if route.from.is_some() && route.to.is_empty() && !client.contacts.iter().any(|at| client.mail.contains_key(at))
        {
            let message = format!("The alert route `{}` has nobody to write to.", name.value);
            report.add(Code::BadValue, &name.span, message);
        }
        let mail = route.from.as_ref().map(|from| RouteMail { from: from.value.clone(), to: values(&route.to) });
        let carries = |carries: &Spanned<Carries>| Route {
            carries: carries.value,
            via: route.via.value,
            endpoint: name.value.clone(),
            urls: urls.clone(),
            mail: mail.clone(),
        };
        routes.extend(route.carries.iter().map(carries));
    }
    routes
}

/// Host, port and base path of a URL whose form was checked when it was read: what the client approves of it.
fn base(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_base_is_all_but_the_scheme() {
        assert_eq!(super::base("https://a.example:8443/v1"), "a.example:8443/v1");
        assert_eq!(super::base("https://a.example"), "a.example");
    }
}
