//! Reads `assent.toml`.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::{Carries, RouteKind};
use assent_schema::code::Code;
use assent_schema::id::Region;
use assent_schema::spec::{Endpoint, Project, Route, Spanned};

use super::client::route_endpoint;
use super::reader::{Table, Value};
use super::unique::Unique;
use super::url::{base_url, mail_url};
use super::value::{name, word};

/// Reads the project.
pub(super) fn project(mut table: Table<'_, '_>) -> Option<Project> {
    let project_name = table.need("name", name);
    let regions = table.set("regions", name);
    let environments = table.set("environments", name);
    for (key, empty) in [("regions", regions.is_empty()), ("environments", environments.is_empty())] {
        if empty {
            let help = format!("List at least one under `{key}`.");
            table.lacks::<()>(&[key], &format!("The project has no {key}."), &help);
        }
    }
    let rehearse_in = table.need("rehearse_in", name);
    let mut names = Unique::new("route");
    let routes = table.list("route", |value| {
        let route = route(value.clone())?;
        names.check(&value, &route.name);
        Some(route)
    });
    table.done();
    Some(Project { name: project_name?, regions, environments, rehearse_in: rehearse_in?, routes })
}

fn route(value: Value<'_, '_>) -> Option<Route> {
    let mut table = value.table()?;
    let route_name = table.need("name", name);
    let carries = table.set("carries", |value| value.spanned(word));
    if carries.is_empty() {
        table.lacks::<()>(
            &["carries"],
            "The route carries nothing.",
            "Add `carries` with `alerts`, `incidents` or both.",
        );
    }
    let via: Option<Spanned<RouteKind>> = table.need("via", |value| value.spanned(word));
    let (from, to) = (table.opt("from", name), table.set("to", name));
    let is_mail = via.as_ref().is_some_and(|via| via.value == RouteKind::Smtp);
    if let Some(via) = &via {
        check(&mut table, via, &carries);
    }
    let url = if is_mail { mail_url } else { base_url };
    let endpoints = table.map("endpoint", |value| by_region(url, value));
    table.done();
    Some(Route { name: route_name?, carries, via: via?, from, to, endpoint: endpoints })
}

/// What a route carries and to whom must fit how it is reached.
fn check(table: &mut Table<'_, '_>, via: &Spanned<RouteKind>, carries: &BTreeSet<Spanned<Carries>>) {
    let is_mail = via.value == RouteKind::Smtp;
    if is_mail && !table.has("from") {
        table.lacks::<()>(&["from"], "Mail has no sender.", "Add `from` with the address that mail comes from.");
    }
    if !is_mail && (table.has("from") || table.has("to")) {
        let help = "Take `from` and `to` away, or say `via = \"smtp\"`.";
        table.bad::<()>("Only mail has a sender and recipients.", help);
    }
    if let Some(one) = carries.iter().find(|one| !via.value.takes(one.value)) {
        let help = "Let a route of the kind `slack`, `smtp` or `webhook` carry them.";
        let message = format!("A route of the kind `{}` cannot carry post-mortems.", via.value.as_str());
        table.sink().refuse(Code::BadValue, &one.span, message, Some(help.to_owned()));
    }
}

/// Agents of a region alert in their region: the table's name is the endpoint's region too.
fn by_region(
    url: fn(Value<'_, '_>) -> Option<Spanned<String>>,
    value: Value<'_, '_>,
) -> Option<BTreeMap<Spanned<Region>, Endpoint>> {
    Some(value.table()?.entries(|value| {
        let region = Spanned::new(Region::new(value.key).ok()?, value.span.clone());
        route_endpoint(url, value, region)
    }))
}
