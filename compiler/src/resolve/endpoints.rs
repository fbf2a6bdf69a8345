//! Where connections lead in each environment of the project: agents refuse a release that leads elsewhere, or nowhere.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, Environment};
use assent_schema::plan::Target;
use assent_schema::reach::{Reach, host_of, reach_of_host};
use assent_schema::spec::{self, Spanned};

use super::client::PRODUCTION;
use super::names::Report;
use crate::parse::Parsed;

type Leads = BTreeMap<Spanned<Environment>, spec::Endpoint>;

/// A connection leads somewhere in each environment of the project, and in production whatever the project says.
pub(super) fn check_there(
    parsed: &Parsed,
    id: &Spanned<ConnectionId>,
    connection: &spec::Connection,
    report: &mut Report<'_>,
) {
    let (leads, file, table) = match &connection.to.value {
        Target::Integration(_) => (&connection.endpoint, None, format!("connections.{}.endpoint", id.value)),
        Target::Provider(name) => {
            let Some(unit) = parsed.providers.get(name) else { return };
            (&unit.spec.endpoint, Some(&unit.file), "endpoint".to_owned())
        }
    };
    let project = parsed.project.iter().flat_map(|project| &project.spec.environments);
    let mut wanted: Vec<&str> = project.map(|environment| environment.as_str()).collect();
    if !wanted.contains(&PRODUCTION) {
        wanted.push(PRODUCTION);
    }
    // A name that is none, which is told there, may stand for the one that is missing.
    if leads.keys().any(|environment| !wanted.contains(&environment.value.as_str())) {
        return;
    }
    for environment in wanted.into_iter().filter(|environment| !leads.contains_key(*environment)) {
        let message = format!("The connection `{}` has no endpoint for `{environment}`.", id.value);
        let to = file.map_or_else(String::new, |file| format!(" to `{file}`"));
        let sandbox = if environment == PRODUCTION { "" } else { " of a sandbox, with `sandbox = true`" };
        let help = format!("Add `[{table}.{environment}]`{to}: `url` and `region`{sandbox}.");
        report.add_with_help(Code::BadValue, &id.span, message, help);
    }
}

/// A host that is written as an address is one that the agent connects to: a private one where the connection says so, and none
/// that is nobody's. A provider's stands in the catalog, and is told at the connection.
pub(super) fn check_addresses(
    connection: &spec::Connection,
    id: &Spanned<ConnectionId>,
    leads: &Leads,
    report: &mut Report<'_>,
) {
    let in_catalog = matches!(&connection.to.value, Target::Provider(_));
    for url in leads.values().flat_map(|endpoint| std::iter::once(&endpoint.url).chain(&endpoint.tokens)) {
        let Some((host, reach)) = host_of(&url.value).and_then(|host| Some((host, reach_of_host(host)?))) else {
            continue;
        };
        let place = if in_catalog { &id.span } else { &url.span };
        let (message, help) = match reach {
            Reach::Private if !connection.private_addresses => (
                format!("`{host}` is a private address, and `{}` does not say that it leads to one.", id.value),
                "Add `private_addresses = true` to the connection, or write a host that is not private.",
            ),
            Reach::Never => (
                format!("`{host}` is an address that no agent connects to."),
                "Write the host of the API: this address is reserved, or that of a cloud's metadata service.",
            ),
            Reach::Public | Reach::Private => continue,
        };
        report.add_with_help(Code::BadValue, place, message, help.to_owned());
    }
}

/// Production reaches no sandbox, and every other environment nothing else. An environment that the project does not have is told
/// elsewhere.
pub(super) fn check_kind(parsed: &Parsed, leads: &Leads, report: &mut Report<'_>) {
    let known = |name: &Environment| {
        let project = parsed.project.as_ref().map(|project| &project.spec.environments);
        project.is_none_or(|environments| environments.contains(name.as_str()))
    };
    for (environment, endpoint) in leads.iter().filter(|(name, _)| known(&name.value)) {
        let Spanned { value: sandbox, span } = &endpoint.sandbox;
        if environment.value.reaches(*sandbox) {
            continue;
        }
        let (message, help) = if *sandbox {
            let message = format!("`{}` reaches no sandbox.", environment.value);
            (message, "Write the production host, without `sandbox`.".to_owned())
        } else {
            let message = format!("`{}` reaches sandboxes alone.", environment.value);
            let help = "Write the host of a sandbox, and `sandbox = true`; only `production` reaches real data.";
            (message, help.to_owned())
        };
        report.add_with_help(Code::BadValue, span, message, help);
    }
}
