//! `retention-exceeds-plan`: a client's ledger is kept for longer than its plan includes.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each such `retention`. [`assent_schema::client::Tier::retention_most`] says what each plan includes.
///
/// # Source
/// Promise P14.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for unit in view.client_files() {
        let (plan, retention) = (unit.spec.plan.value, &unit.spec.retention);
        let most = plan.retention_most();
        if retention.value > most {
            let message = format!(
                "The ledger of `{}` is kept for {}, but its plan, `{}`, includes {most}.",
                unit.spec.name.value,
                retention.value,
                plan.as_str()
            );
            findings.add(Code::RetentionExceedsPlan, unit.span(&retention.span), message);
        }
    }
}
