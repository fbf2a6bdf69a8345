//! `no-limits`: a workflow does not bound the time of a run, or how many run at once.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each workflow without `timeout` or `concurrency`, once.
///
/// # Source
/// Promise P12.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (_, workflow) in view.workflows() {
        let (what, help) = match workflow.missing_limits.as_slice() {
            [] => continue,
            ["timeout"] => ("`timeout`", "Add `timeout` to `[limits]`, like `timeout = \"10m\"`."),
            ["concurrency"] => ("`concurrency`", "Add `concurrency` to `[limits]`, like `concurrency = 4`."),
            _ => ("`timeout` and no `concurrency`", Code::NoLimits.row().help),
        };
        let message = format!("`{}` has no {what}.", workflow.plan.workflow);
        findings.add_with_help(Code::NoLimits, workflow.span(), message, help);
    }
}
