//! `under-privileged`: a workflow calls an operation whose scope the connection lacks.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::OperationRef;
use assent_schema::plan::{Action, Plan};

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
            for operation in called(&workflow.plan, &step.action) {
                let Some(facts) = client.facts.connections.get(&operation.connection) else { continue };
                for (needed, scopes) in super::needs(&workflow.plan, &operation) {
                    for scope in scopes.difference(&facts.scopes) {
                        let message = format!("`{needed}` needs `{scope}`, which the connection is not granted.");
                        let span = workflow.sites.span(&Site::Step(step.id.clone()));
                        findings.add(Code::UnderPrivileged, span, message);
                    }
                }
            }
        }
    }
}

/// What a step calls: its operation, or those by which a decision asks in chats.
fn called(plan: &Plan, action: &Action) -> Vec<OperationRef> {
    match action {
        Action::Call { operation, .. } => vec![operation.clone()],
        Action::Decide { via, .. } => {
            let chats = via.iter().filter_map(|channel| {
                let connection = channel.connection()?;
                Some((connection, plan.chats.get(connection)?))
            });
            let named = chats.flat_map(|(connection, chat)| chat.operations().map(move |name| (connection, name)));
            named
                .map(|(connection, name)| OperationRef { connection: connection.clone(), operation: name.clone() })
                .collect()
        }
        Action::Ask { .. } | Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {
            Vec::new()
        }
    }
}
