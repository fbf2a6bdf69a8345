//! Names that may stand once.

use std::collections::BTreeSet;

use assent_schema::code::Code;
use assent_schema::spec::Spanned;

use super::reader::Value;

/// The names seen so far of one kind of thing.
pub(super) struct Unique {
    kind: &'static str,
    seen: BTreeSet<String>,
}

impl Unique {
    /// None seen yet; `kind` is what the things are called in a message.
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, seen: BTreeSet::new() }
    }

    /// Reports a name that stands for the second time.
    pub(super) fn check<T: AsRef<str>>(&mut self, value: &Value<'_, '_>, name: &Spanned<T>) {
        if !self.seen.insert(name.value.as_ref().to_owned()) {
            let message = format!("Another {} of this file has this name.", self.kind);
            value.sink.refuse(Code::DuplicateName, &name.span, message, None);
        }
    }
}
