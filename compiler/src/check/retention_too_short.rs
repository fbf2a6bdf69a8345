//! `retention-too-short`: a client's ledger is kept for less than 90 days.

use assent_schema::client::RETENTION_LEAST;
use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::View;

/// Reports each such `retention`.
///
/// # Source
/// Promise P14.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for unit in view.client_files() {
        let retention = &unit.spec.retention;
        if retention.value < RETENTION_LEAST {
            let message = format!(
                "The ledger of `{}` is kept for {}, which is less than {RETENTION_LEAST}.",
                unit.spec.name.value, retention.value
            );
            findings.add(Code::RetentionTooShort, unit.span(&retention.span), message);
        }
    }
}
