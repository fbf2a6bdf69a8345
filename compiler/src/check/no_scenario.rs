//! `no-scenario`: a workflow that nothing tests.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each workflow whose test file is absent or empty, once. A test file that could not be read was reported.
///
/// # Source
/// Promise P15.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (_, workflow) in view.workflows() {
        let tested = workflow.tests.as_ref().is_some_and(|tests| !tests.scenarios.is_empty());
        let file = workflow.file.strip_suffix(".toml").map(|stem| format!("{stem}.test.toml")).unwrap_or_default();
        if !tested && !view.parsed.is_broken(&file) {
            let message = format!("`{}` has no scenario in `{file}`.", workflow.plan.workflow);
            findings.add(Code::NoScenario, workflow.span(), message);
        }
    }
}
