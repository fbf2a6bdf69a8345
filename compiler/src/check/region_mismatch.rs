//! `region-mismatch`: something leads out of the client's region.

use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings, Span, line_column};
use assent_schema::guard;
use assent_schema::spec::{self, Endpoint, Unit};

use super::{Needs, View};
use crate::resolve::PRODUCTION;

/// Reports each endpoint of a connection or alert route that lies elsewhere.
///
/// The one exception is a connection whose production endpoint the client approved: every data use that leads there names
/// the other region, and is covered.
///
/// # Source
/// language.md section 5. Promise P05.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, files) in &view.parsed.clients {
        let Some(unit) = &files.client else { continue };
        let project = view.parsed.project.as_ref();
        if project.is_some_and(|project| !project.spec.regions.contains(&unit.spec.region)) {
            // A region that the project does not have was reported; nothing can lie in it.
            continue;
        }
        check_ledger(unit, findings);
        for (connection, spec) in &unit.spec.connections {
            for (place, environment, endpoint) in endpoints(view, unit, spec) {
                let elsewhere = endpoint.region.value != unit.spec.region.value;
                let approved = environment == PRODUCTION && needs.approved_abroad(&connection.value, &endpoint.region);
                if elsewhere && !approved {
                    let message = format!(
                        "`{}` of `{id}` leads to `{}`, but the client's data is processed in `{}`.",
                        connection.value, endpoint.region.value, unit.spec.region.value
                    );
                    findings.push(elsewhere_than(unit, place, message));
                }
            }
        }
    }
}

/// A repository or witness of the ledger is at home: checkpoints tell how much happens, and nobody approves that elsewhere.
fn check_ledger(unit: &Unit<spec::Client>, findings: &mut Findings) {
    for held in unit.spec.ledger.values() {
        let branch = held.branch.iter().map(|branch| (&branch.span, &branch.value.region, "branch of the ledger"));
        let witnesses = held.witnesses.iter().map(|one| (&one.span, &one.value.region, "witness of the ledger"));
        for (span, region, what) in branch.chain(witnesses) {
            if !guard::at_home(&unit.spec.region.value, region) {
                let message = format!(
                    "A {what} is in `{region}`, but the client's data is processed in `{}`.",
                    unit.spec.region.value
                );
                findings.add(Code::RegionMismatch, unit.span(span), message);
            }
        }
    }
}

/// A finding that also shows where the client's region is said: perhaps it is that line which is wrong.
fn elsewhere_than(unit: &Unit<spec::Client>, span: Span, message: String) -> Finding {
    let region = &unit.spec.region;
    let line = line_column(&unit.text, region.span.start).line;
    let help = format!(
        "Connect an endpoint in `{0}`, or change `region = \"{0}\"` in line {line} of `{1}`; else have the client approve the other region.",
        region.value, unit.file
    );
    let path = vec![(unit.span(&region.span), format!("the client's region is `{}`", region.value))];
    Finding { span, code: Code::RegionMismatch, message, help: help.into(), path, brief: None }
}

/// A route's endpoint for a region lies in that region: alerts name clients and workflows.
pub(super) fn check_routes(view: &View<'_>, findings: &mut Findings) {
    let Some(unit) = &view.parsed.project else { return };
    for route in &unit.spec.routes {
        let leads = route.endpoint.values().flatten();
        for (region, endpoint) in leads.filter(|(region, endpoint)| region.value != endpoint.region.value) {
            let message = format!(
                "The alert route `{}` for `{}` leads to `{}`.",
                route.name.value, region.value, endpoint.region.value
            );
            findings.add(Code::RegionMismatch, unit.span(&endpoint.region.span), message);
        }
    }
}

/// The endpoints of a connection with the place of their region; for a provider, the place where the client connects it.
fn endpoints<'a>(
    view: &'a View<'_>,
    unit: &'a Unit<spec::Client>,
    connection: &'a spec::Connection,
) -> Vec<(Span, &'a str, &'a Endpoint)> {
    match &connection.to.value {
        assent_schema::plan::Target::Integration(_) => {
            let own = connection.endpoint.iter();
            own.map(|(name, endpoint)| (unit.span(&endpoint.region.span), name.as_str(), endpoint)).collect()
        }
        assent_schema::plan::Target::Provider(name) => {
            let provider = view.parsed.providers.get(name);
            let leads = provider.into_iter().flat_map(|provider| &provider.spec.endpoint);
            leads.map(|(name, endpoint)| (unit.span(&connection.to.span), name.as_str(), endpoint)).collect()
        }
    }
}
