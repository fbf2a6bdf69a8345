//! `unapproved-data-use`: a workflow does something with client data that no one approval covers.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;
use crate::sentence::sentence;

/// Reports each data use without approval, at the workflow that needs it; a guardrail at the client's file.
///
/// What an approval covers that expired or does not hold is reported there. Nothing is said of a client whose approvers
/// do not hold: nobody could approve anything then.
///
/// # Source
/// language.md section 6. Promise P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (id, judged) in view.judged {
        let Some(client) = view.resolved.clients.get(id) else { continue };
        if view.trusted.unclear.contains(id) {
            continue;
        }
        let Some(approvals) = view.trusted.approvals.get(id) else { continue };
        for data_use in judged.missing.iter().filter(|missing| !approvals.told.covers(missing)) {
            let message = format!("`{id}` has not approved that {}", said(data_use));
            let owner = data_use.workflow.as_ref().and_then(|name| client.workflows.get(name));
            let file = view.parsed.clients.get(id).and_then(|files| files.client.as_ref());
            let span = match (owner, file) {
                (Some(workflow), _) => workflow.span(),
                (None, Some(file)) => file.span(&file.spec.name.span),
                (None, None) => continue,
            };
            findings.add(Code::UnapprovedDataUse, span, message);
        }
    }
}

fn said(data_use: &assent_schema::uses::DataUse) -> String {
    match &data_use.workflow {
        Some(workflow) => format!("`{workflow}` {}", sentence(data_use)),
        None => format!("the agent {}", sentence(data_use)),
    }
}
