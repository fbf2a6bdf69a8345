//! `not-rehearsed`: a plan goes to production that no staging agent has rehearsed with the same scenarios.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each plan without a rehearsal, where rehearsals are asked for: for a release to any environment but the one
/// that rehearses.
///
/// # Source
/// trust.md section 4. Promise P15.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let Some(rehearsed) = &view.options.rehearsed else { return };
    for (id, workflow) in view.workflows() {
        let client = &id.facts;
        if view.options.region.as_ref().is_some_and(|region| *region != client.region) {
            continue;
        }
        let lowered = view.judged.get(&client.client).and_then(|judged| judged.lowered(&workflow.plan.workflow));
        let pair = lowered.and_then(|lowered| lowered.form(workflow).ok());
        let pair = pair.and_then(|form| Some((form.digest, form.tests?.digest)));
        if pair.is_some_and(|pair| !rehearsed.contains(&pair)) {
            let message = format!("No staging agent has rehearsed `{}` as it is now.", workflow.plan.workflow);
            findings.add(Code::NotRehearsed, workflow.span(), message);
        }
    }
}
