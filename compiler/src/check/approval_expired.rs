//! `approval-expired`: a data use whose only approval has ended or has not begun.

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::trust::Decision;

use super::{Needs, View};
use crate::parse::{anchor, value_place};
use crate::source::Place;

/// Reports each approval that would cover a data use that now nothing covers, at its file, once.
///
/// An old approval whose uses are all approved anew is history, not a finding.
///
/// # Source
/// trust.md section 3. Promise P25.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, statements) in &view.trusted.statements {
        for held in needs.lapsed.iter().filter_map(|digest| statements.held().get(digest)) {
            let files = view.parsed.source.files.iter();
            let mut of = files.filter(|(_, file)| matches!(&file.place, Place::Approval(client) if client == id));
            if let Some((path, file)) = of.find(|(_, file)| Digest::of_file(&file.bytes) == held.statement.digest()) {
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
