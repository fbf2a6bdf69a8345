//! Characters that no file may hold, brought in by escapes: they stand in what people are shown, and nobody sees them.

use assent_schema::code::Code;
use assent_schema::hidden::walk;

use super::reader::Sink;
use super::tree::{Members, Written};

/// Reports each key and text that holds one.
pub(super) fn check(text: &str, root: &Members<'_>, sink: &Sink) {
    // What stands there as it is was refused when the file was read.
    if text.contains('\\') {
        table(root, sink);
    }
}

fn table(members: &Members<'_>, sink: &Sink) {
    for (key, value) in members.iter() {
        word(key.get_ref(), &key.span(), sink);
        written(value, sink);
    }
}

fn written(value: &toml::Spanned<Written<'_>>, sink: &Sink) {
    match value.get_ref() {
        Written::String(text) => word(text, &value.span(), sink),
        Written::Array(items) => items.iter().for_each(|item| written(item, sink)),
        Written::Table(inner) => table(inner, sink),
        Written::Integer(_) | Written::Float(_) | Written::Boolean(_) | Written::Datetime(_) => {}
    }
}

fn word(text: &str, span: &std::ops::Range<usize>, sink: &Sink) {
    let Some((c, kind)) = walk(text).find_map(|met| Some((met.c, met.refused_in_files()?))) else { return };
    let message = format!("By an escape, this holds {kind}, U+{:04X}.", u32::from(c));
    sink.report(Code::FileRefused, span, message, Some("Take the escape out: nobody sees what it makes.".to_owned()));
}
