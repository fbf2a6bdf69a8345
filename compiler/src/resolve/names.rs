//! `unknown-name` and `duplicate-name`: what every file of this room says when a name leads nowhere or twice.

use std::ops::Range;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span, there_are};
use assent_schema::nearest::nearest;
use assent_schema::spec::{Spanned, Unit};

/// Where findings of one file go.
pub(super) struct Report<'a> {
    /// The path inside the commit.
    pub(super) file: Arc<str>,
    /// What was found.
    pub(super) findings: &'a mut Findings,
}

impl<'a> Report<'a> {
    /// Reports on one file.
    pub(super) fn new<T>(unit: &Unit<T>, findings: &'a mut Findings) -> Self {
        Self { file: Arc::clone(&unit.file), findings }
    }

    /// A finding with the advice of its code.
    pub(super) fn add(&mut self, code: Code, place: &Range<usize>, message: String) {
        self.findings.add(code, Span::new(&self.file, place.clone()), message);
    }

    /// As [`Self::add`], with advice of its own.
    pub(super) fn add_with_help(&mut self, code: Code, place: &Range<usize>, message: String, help: String) {
        self.findings.add_with_help(code, Span::new(&self.file, place.clone()), message, help);
    }

    /// A name that nothing has, with the nearest one that something has.
    pub(super) fn unknown<T: AsRef<str>>(&mut self, what: &str, name: &Spanned<T>, known: &[&str]) {
        self.unknown_at(what, name.value.as_ref(), &name.span, known);
    }

    /// As [`Self::unknown`], for a name that is a part of what stands there.
    pub(super) fn unknown_at(&mut self, what: &str, name: &str, place: &Range<usize>, known: &[&str]) {
        let message = format!("There is no {what} `{name}`.");
        let span = Span::new(&self.file, place.clone());
        match nearest(name, known.iter().copied()) {
            Some(near) => {
                self.findings.add_with_help(Code::UnknownName, span, message, format!("Did you mean `{near}`?"));
            }
            None => match there_are(known.iter().copied()) {
                Some(help) => self.findings.add_with_help(Code::UnknownName, span, message, help),
                None => self.findings.add(Code::UnknownName, span, message),
            },
        }
    }

    /// A name that something else has already.
    pub(super) fn duplicate(&mut self, what: &str, name: &str, place: &Range<usize>) {
        self.add(Code::DuplicateName, place, format!("Another {what} is called `{name}` already."));
    }
}

/// The names as texts, for suggestions.
pub(super) fn texts<'a, T: AsRef<str> + 'a>(names: impl IntoIterator<Item = &'a T>) -> Vec<&'a str> {
    names.into_iter().map(AsRef::as_ref).collect()
}
