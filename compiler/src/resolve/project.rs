//! The names in `assent.toml`, and the environments that clients' endpoints are of.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::spec::{self, Unit};

use super::client::PRODUCTION;
use super::endpoints;
use super::names::{Report, texts};
use crate::parse::Parsed;

/// Routes have different names, and their endpoints stand under environments and regions that the project has.
pub(super) fn check_project(parsed: &Parsed, findings: &mut Findings) {
    let Some(unit) = &parsed.project else { return };
    let project = &unit.spec;
    let mut report = Report::new(unit, findings);
    let environments = texts(project.environments.iter().map(|environment| &environment.value));
    let regions = texts(project.regions.iter().map(|region| &region.value));
    if !project.environments.contains(&project.rehearse_in) {
        report.unknown("environment", &project.rehearse_in, &environments);
    }
    if project.rehearse_in.as_str() == PRODUCTION {
        let said = "Real data is processed in `production`, so nothing is rehearsed there.".to_owned();
        let help = "Name the environment whose agents rehearse for all others, like `staging`.".to_owned();
        report.add_with_help(Code::BadValue, &project.rehearse_in.span, said, help);
    }
    for (position, route) in project.routes.iter().enumerate() {
        if project.routes.iter().take(position).any(|other| other.name == route.name) {
            report.duplicate("alert route", route.name.as_str(), &route.name.span);
        }
        for (environment, by_region) in &route.endpoint {
            if !project.environments.contains(environment) {
                report.unknown("environment", environment, &environments);
            }
            for region in by_region.keys().filter(|region| !project.regions.contains(*region)) {
                report.unknown("region", region, &regions);
            }
        }
    }
    for unit in parsed.providers.values() {
        let unknown = unit.spec.endpoint.keys().filter(|name| !project.environments.contains(*name));
        let mut report = Report::new(unit, findings);
        endpoints::check_kind(parsed, &unit.spec.endpoint, &mut report);
        unknown.for_each(|environment| report.unknown("environment", environment, &environments));
    }
}

/// The endpoints of a client's connections stand under environments that the project has.
pub(super) fn check_environments(parsed: &Parsed, unit: &Unit<spec::Client>, findings: &mut Findings) {
    let Some(project) = parsed.project.as_ref().map(|project| &project.spec) else { return };
    let environments = texts(project.environments.iter().map(|environment| &environment.value));
    let mut report = Report::new(unit, findings);
    let leads = unit.spec.connections.values().flat_map(|connection| connection.endpoint.keys());
    for environment in leads.chain(unit.spec.ledger.keys()).filter(|name| !project.environments.contains(*name)) {
        report.unknown("environment", environment, &environments);
    }
}
