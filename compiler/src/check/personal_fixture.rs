//! `personal-fixture`: a test, prompt, text or incident report holds what looks like a real person's data.
//!
//! Names are not decidable: nothing here looks for them, and the page of this code says so.

use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::tripwire::personal;

use super::View;
use crate::source::{File, Place};

/// Reports each such place. The message says what it looks like, never what it is.
///
/// # Source
/// language.md section 7. Promises P01, P03.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let of_kind = |(_, file): &(&Arc<str>, &File)| matches!(file.place, Place::Tests(..) | Place::Text);
    for (path, file) in view.parsed.source.files.iter().filter(of_kind) {
        for one in personal(file.text()) {
            let message = format!("This looks like {}.", one.kind.what());
            findings.add_with_help(Code::PersonalFixture, Span::new(path, one.range), message, one.kind.instead());
        }
    }
}
