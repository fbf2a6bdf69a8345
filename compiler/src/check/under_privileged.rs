//! `under-privileged`: a workflow calls an operation whose scope the connection lacks.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::plan::Action;

use super::View;
use crate::resolve::Site;

/// Reports each scope too few, at the steps that need it: for the operation called and for the reads that confirm it or
/// read back what it kept.
///
/// # Source
/// language.md section 5. Promise P06.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        for step in workflow.plan.every_step() {
            let Action::Call { operation, .. } = &step.action else { continue };
            let Some(facts) = client.facts.connections.get(&operation.connection) else { continue };
            for (needed, scopes) in super::needs(&workflow.plan, operation) {
                for scope in scopes.difference(&facts.scopes) {
                    let message = format!("`{needed}` needs `{scope}`, which the connection is not granted.");
                    let span = workflow.sites.span(&Site::Step(step.id.clone()));
                    findings.add(Code::UnderPrivileged, span, message);
                }
            }
        }
    }
}
