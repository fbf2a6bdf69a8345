//! Where connections lead in each environment of the project: agents refuse a release that leads elsewhere, or nowhere.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, Environment};
use assent_schema::plan::Target;
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
