//! `inline-secret`: something in a file of the commit looks like a secret. The message never says what it is.

use std::ops::Range;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::tripwire::{self, Secret};

use super::View;
use crate::source::Place;

/// Reports each such place, in files that the compiler compiles and in those beside them.
///
/// # Source
/// design.md section 5. Promise P07.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let source = &view.parsed.source;
    for (path, file) in source.files.iter().chain(&source.refused) {
        for secret in secrets(&file.place, file.text()) {
            report(path, file.text(), &secret, findings);
        }
    }
}

/// What to do about a secret of an older commit.
pub const OLD_HELP: &str =
    "Rotate it: what was committed once is known, and taking it out of the history changes nothing about that.";

/// What looks like a secret in a file of a kind. Signatures are none, and files about keys hold public ones.
pub fn secrets(place: &Place, text: &str) -> Vec<Secret> {
    if place.is_proof() {
        Vec::new()
    } else if place.holds_keys() {
        tripwire::patterns(text)
    } else {
        let placed = match place {
            Place::Integration(_) => tripwire::sent_keys(text),
            Place::Provider(_) | Place::Client(_) | Place::Project => tripwire::keys_in_addresses(text),
            _ => Vec::new(),
        };
        let mut found = tripwire::secrets(text);
        let is_new = |secret: &Secret| !found.iter().any(|there| overlap(&there.range, &secret.range));
        let more: Vec<Secret> = placed.into_iter().filter(is_new).collect();
        found.extend(more);
        found
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Reports one. A secret of several lines is shown by its first.
fn report(path: &Arc<str>, text: &str, secret: &Secret, findings: &mut Findings) {
    findings.add(Code::InlineSecret, place(path, text, secret), said(secret));
}

/// Reports one in an older commit.
pub fn report_old(path: &Arc<str>, text: &str, secret: &Secret, findings: &mut Findings) {
    findings.add_with_help(Code::InlineSecret, place(path, text, secret), said(secret), OLD_HELP);
}

fn said(secret: &Secret) -> String {
    format!("This looks like {}.", secret.what)
}

fn place(path: &Arc<str>, text: &str, secret: &Secret) -> Span {
    let whole = text.get(secret.range.clone()).unwrap_or_default();
    let first = whole.lines().next().unwrap_or_default().len();
    Span::new(path, secret.range.start..secret.range.start.saturating_add(first))
}
