//! `approval-expired`: a data use whose only approval has ended or has not begun.

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::trust::Decision;

use super::approval_invalid::file_of;
use super::{Needs, View};
use crate::parse::{anchor, value_place};

/// Reports each approval that would cover a data use that now nothing covers, at its file, once.
///
/// An old approval whose uses are all approved anew is history, not a finding.
///
/// # Source
/// trust.md section 3. Promise P25.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, statements) in &view.trusted.statements {
        let below = view.trusted.approvals.get(id).map(|approvals| &approvals.below);
        let ended = needs.lapsed.keys().filter(|digest| below.is_none_or(|below| !below.contains(*digest)));
        for held in ended.filter_map(|digest| statements.held().get(digest)) {
            if let Some((path, file)) = file_of(view, id, &held.statement.digest()) {
                let (key, message) = match &held.statement.says {
                    Decision::Approve(approval) if view.at.reached(approval.expires) => {
                        ("expires", format!("This approval of `{id}` ended {}.", approval.expires))
                    }
                    _ => {
                        ("given", format!("This approval of `{id}` is given {}, which is later.", held.statement.given))
                    }
                };
                let place = value_place(file.text(), &[key]).unwrap_or_else(|| anchor(file.text()));
                findings.add(Code::ApprovalExpired, Span::new(path, place), message);
            }
        }
    }
}
