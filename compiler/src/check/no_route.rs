//! `no-route`: a client whose alerts or incidents reach nobody.

use std::collections::BTreeSet;

use assent_schema::client::Carries;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::ConnectionId;

use super::View;
use crate::resolve::{Client, PRODUCTION};

/// Reports each client whose routes do not carry both alerts and incidents from its region in production, at its routes; else
/// each route that leads nowhere from there, at its name: agents take no release with one.
///
/// A client that names a route or a region which there is not is not judged: what would be carried where is not known.
///
/// # Source
/// Promises P13, P19.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let Some(project) = &view.parsed.project else { return };
    let known: BTreeSet<&ConnectionId> = project.spec.routes.iter().map(|route| &route.name.value).collect();
    for unit in view.client_files() {
        let Some(client) = view.resolved.clients.get(&unit.spec.name.value) else { continue };
        let is_known = project.spec.regions.contains(&unit.spec.region);
        if !is_known || !unit.spec.routes.iter().all(|route| known.contains(&route.value)) {
            continue;
        }
        let missing: Vec<&str> = [(Carries::Alerts, "alerts"), (Carries::Incidents, "incidents")]
            .into_iter()
            .filter(|(carries, _)| !reaches(client, *carries))
            .map(|(_, what)| what)
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "No route of `{}` takes its {} anywhere from `{}` in {PRODUCTION}.",
                unit.spec.name.value,
                missing.join(" and "),
                unit.spec.region.value
            );
            findings.add(Code::NoRoute, unit.span(&unit.spec.routes.span), message);
            continue;
        }
        for name in unit.spec.routes.iter().filter(|name| !leads(client, &name.value)) {
            let (route, region) = (&name.value, &unit.spec.region.value);
            let message = format!("The route `{route}` leads nowhere from `{region}` in {PRODUCTION}.");
            findings.add(Code::NoRoute, unit.span(&name.span), message);
        }
    }
}

/// Whether a route takes this and has an endpoint in production.
fn reaches(client: &Client, carries: Carries) -> bool {
    client.facts.routes.iter().any(|route| route.carries == carries && leads(client, &route.endpoint))
}

/// Whether a route has an endpoint in production.
fn leads(client: &Client, route: &ConnectionId) -> bool {
    let production = client.endpoints.iter().find(|(environment, _)| environment.is_production());
    production.is_some_and(|(_, leads)| leads.contains_key(route))
}
