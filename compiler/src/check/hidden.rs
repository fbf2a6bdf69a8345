//! What is not looked at because of something else that is wrong: named in the last line, so that nobody takes silence for
//! praise.

use assent_schema::finding::Findings;
use assent_schema::id::{ClientId, WorkflowId};

use super::Trusted;
use crate::parse::Parsed;

/// Says which of a part's files could be read in part at most.
pub(super) fn files(parsed: &Parsed, findings: &mut Findings) {
    // What could be read of a workflow is looked at as one.
    let partly = |path: &str| parsed.clients.values().flat_map(|files| &files.partly).any(|unit| *unit.file == *path);
    for path in parsed.broken.iter().filter(|path| !partly(path)) {
        findings.hide(match path.strip_suffix(".test.toml") {
            Some(workflow) => format!("the scenarios of {workflow}.toml"),
            None => format!("the rest of {path}"),
        });
    }
}

/// Says that nothing is known of a workflow but what is wrong with it.
pub(super) fn workflow(client: &ClientId, workflow: &WorkflowId, findings: &mut Findings) {
    findings.hide(format!("the data uses and scenarios of `{workflow}` of {client}"));
}

/// Says that it is not known what a workflow's scenarios show: they fail for something else that was found.
pub(super) fn scenarios(client: &ClientId, workflow: &WorkflowId, findings: &mut Findings) {
    findings.hide(format!("what the scenarios of `{workflow}` of {client} show"));
}

/// Says that it is not known whether a client approved what holds for all of its workflows: not all that its file names could
/// be read.
pub(super) fn terms(client: &ClientId, findings: &mut Findings) {
    findings.hide(format!("the terms of {client}"));
}

/// Says that it is not known whether some workflow of a client needs each scope that is granted.
pub(super) fn scopes(client: &ClientId, findings: &mut Findings) {
    findings.hide(format!("whether {client} needs all its scopes"));
}

/// Says that nothing of a client was looked at: its own file could not be read.
pub(super) fn client(client: &ClientId, findings: &mut Findings) {
    findings.hide(format!("the workflows of {client}"));
}

/// Says that it is not known what the clients signed: the root does not hold.
pub(super) fn signed(findings: &mut Findings) {
    findings.hide("everything that is signed".to_owned());
}

/// Says that it is not known what a client approved, where its approvers do not hold or an approval cannot be read.
pub(super) fn approvals(client: &ClientId, trusted: &Trusted, findings: &mut Findings) {
    if trusted.roots.is_some() && (!trusted.approvals.contains_key(client) || trusted.unclear.contains(client)) {
        findings.hide(format!("which data uses {client} approved"));
    }
}
