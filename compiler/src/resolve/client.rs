//! One client's file to the facts that an agent must know, and where its connections lead.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::{
    Calendar, Carries, ClientFacts, ClientType, Decider, Endpoint, Holders, LEDGER, PerCustomer, Route, RouteMail,
};
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ConnectionId, Environment, OperationRef, PersonId};
use assent_schema::plan::{Effect, SCHEMA, Target};
use assent_schema::spec::{self, Spanned, Unit};
use assent_schema::trust::Deciders;

use super::Team;
use super::connection::{resolve_connection, resolve_endpoint};
use super::names::{Report, texts};
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

/// Whether each connection and route leads to what could be read.
pub(super) fn is_whole(parsed: &Parsed, client: &spec::Client, facts: &ClientFacts) -> bool {
    let Some(project) = &parsed.project else { return false };
    let is_route = |name: &Spanned<ConnectionId>| project.spec.routes.iter().any(|route| route.name == *name);
    client.connections.keys().all(|id| facts.connections.contains_key(id.as_str()))
        && client.routes.iter().all(is_route)
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

pub(super) fn values<T: Ord + Clone>(set: &BTreeSet<Spanned<T>>) -> BTreeSet<T> {
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
