//! `no-limits`: a workflow does not bound the time of a run, or how many run at once.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each workflow without `timeout` or `concurrency`, once.
///
/// # Source
/// Promise P12.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (_, workflow) in view.workflows().filter(|(_, workflow)| !workflow.has_limits) {
        let message = format!("`{}` has no `timeout` or no `concurrency`.", workflow.plan.workflow);
        findings.add(Code::NoLimits, workflow.span(), message);
    }
}
