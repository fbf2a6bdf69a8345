//! `forbidden-purpose`: a workflow whose purpose is not the client's.

use assent_schema::code::Code;
use assent_schema::fides;
use assent_schema::finding::Findings;

use super::View;

/// Reports each such purpose where it is written: in a client's workflow or in one of the library, used or not.
///
/// # Source
/// language.md section 6. Promise P23.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (unit, workflow) in view.written_workflows() {
        let purpose = &workflow.purpose;
        if let Some(why) = fides::forbidden(&purpose.value) {
            let message = format!("The purpose `{}` {why}.", purpose.value);
            findings.add(Code::ForbiddenPurpose, unit.span(&purpose.span), message);
        }
    }
}
