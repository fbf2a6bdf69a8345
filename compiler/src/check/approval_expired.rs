//! `approval-expired`: a data use whose only approval has ended or has not begun.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::trust::Decision;
use assent_schema::uses::{DataUse, uncovered};

use super::View;
use crate::parse::{anchor, value_place};
use crate::source::Place;

/// Reports each approval that would cover a data use that now nothing covers, at its file, once.
///
/// An old approval whose uses are all approved anew is history, not a finding.
///
/// # Source
/// trust.md section 3. Promise P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (id, judged) in view.judged {
        let Some(statements) = view.trusted.statements.get(id) else { continue };
        let mut lapsed: BTreeMap<Digest, Vec<DataUse>> = BTreeMap::new();
        for approved in statements.lapsed(view.at) {
            lapsed.entry(approved.statement).or_default().push(approved.used);
        }
        for (digest, uses) in &lapsed {
            let Some(held) = statements.held().get(digest) else { continue };
            if uncovered(&judged.missing, uses).len() == judged.missing.len() {
                continue;
            }
            let files = view.parsed.source.files.iter();
            let mut of = files.filter(|(_, file)| matches!(&file.place, Place::Approval(client) if client == id));
            if let Some((path, file)) = of.find(|(_, file)| Digest::of_file(&file.bytes) == *digest) {
                let (key, message) = match &held.statement.says {
                    Decision::Approve(approval) if view.at >= approval.expires => {
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
