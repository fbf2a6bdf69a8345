//! Reads `assent.toml`.

use std::collections::BTreeMap;

use assent_schema::id::Region;
use assent_schema::spec::{Endpoint, Project, Route, Spanned};

use super::client::endpoint;
use super::reader::{Table, Value};
use super::unique::Unique;
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
    let via = table.need("via", |value| value.spanned(word));
    let endpoints = table.map("endpoint", by_region);
    table.done();
    Some(Route { name: route_name?, carries, via: via?, endpoint: endpoints })
}

/// Agents of a region alert in their region: the table's name is the endpoint's region too.
fn by_region(value: Value<'_, '_>) -> Option<BTreeMap<Spanned<Region>, Endpoint>> {
    Some(value.table()?.entries(|value| {
        let region = Spanned::new(Region::new(value.key).ok()?, value.span.clone());
        endpoint(value, Some(region))
    }))
}
