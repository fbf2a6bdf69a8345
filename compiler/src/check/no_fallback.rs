//! `no-fallback`: a workflow does not say where work goes that automation could not finish.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each workflow without a fallback, once.
///
/// # Source
/// Promise P19.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (_, workflow) in view.workflows().filter(|(_, workflow)| !workflow.has_fallback) {
        let message = format!("`{}` does not say where work goes that it cannot finish.", workflow.plan.workflow);
        findings.add(Code::NoFallback, workflow.span(), message);
    }
}
