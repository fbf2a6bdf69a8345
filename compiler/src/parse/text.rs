//! Reads `texts/<name>.md`: what its holes take, then the text in each locale.
//!
//! ```text
//! +++
//! default = "en"
//! [holes]
//! order = { type = "token" }
//! +++ en
//! Thank you for your order ${order}.
//! +++ de
//! Danke für deine Bestellung ${order}.
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::tree::tree;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::Name;
use assent_schema::shape::Shape;
use assent_schema::spec::{Spanned, Text};

use super::field::shape;
use super::file::visible;
use super::reader::{Sink, Table, Value};

/// What a line that ends the head or begins a locale begins with.
const FENCE: &str = "+++";
/// The most locales of one text.
const LOCALES_MOST: usize = 100;
const FORM: &str =
    "Begin the file with `+++`, then `default` and `[holes]`, then for each locale a line like `+++ en` and its text.";

type Holes = BTreeMap<Spanned<Name>, Shape>;

/// Reads a text; nothing when it is broken.
pub fn text(path: &Arc<str>, whole: &str) -> (Option<Text>, Findings) {
    let sink = Sink::new(path);
    let read = read(whole, &sink);
    let (findings, broken) = sink.finish();
    (read.filter(|_| !broken), findings)
}

fn read(whole: &str, sink: &Sink) -> Option<Text> {
    let sections = sections(whole);
    let Some((head, locales)) = sections.split_first().filter(|(head, _)| head.name.is_empty()) else {
        let first = whole.lines().next().map_or(0, str::len);
        let message = "The text does not say what its holes take.".to_owned();
        sink.refuse(Code::BadValue, &(0..first), message, Some(FORM.into()));
        return None;
    };
    // Blank what stands before the head, so that places are those of the file.
    let toml = " ".repeat(head.body.start) + whole.get(head.body.clone())?;
    let root = match tree(&toml) {
        Ok(root) => root,
        Err(error) => {
            let message = format!("The head of the text is not TOML: {}.", error.message().replace('\n', " "));
            sink.refuse(Code::Syntax, &visible(whole, error.span().unwrap_or(head.body.clone())), message, None);
            return None;
        }
    };
    let mut table = Table::new(sink, &root, head.line.clone());
    let default = table.need("default", |value| value.spanned(locale));
    let holes: Holes = table.map("holes", hole);
    table.done();
    #[cfg(test)]
    super::asked::file_read(&root);
    let locales = by_locale(whole, locales, &holes, sink);
    let default = default?;
    if !locales.contains_key(&default.value) {
        let message = format!("There is no text for the default locale `{}`.", default.value);
        let help = format!("Add a line `+++ {}` and the text below it.", default.value);
        sink.refuse(Code::BadValue, &default.span, message, Some(help));
    }
    Some(Text { default, holes, locales })
}

/// A part of the file between two fences.
struct Section {
    /// What stands behind the fence: the locale; nothing for the head.
    name: String,
    /// The line of the fence.
    line: Range<usize>,
    body: Range<usize>,
}

fn sections(whole: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut at = 0;
    for line in whole.split_inclusive('\n') {
        let end = at + line.len();
        if let Some(name) = line.strip_prefix(FENCE) {
            let shown = at..at + line.trim_end().len();
            sections.push(Section { name: name.trim().to_owned(), line: shown, body: end..end });
        } else if let Some(last) = sections.last_mut() {
            last.body.end = end;
        } else {
            return Vec::new();
        }
        at = end;
    }
    sections
}

fn by_locale(whole: &str, sections: &[Section], holes: &Holes, sink: &Sink) -> BTreeMap<String, Spanned<String>> {
    let mut locales = BTreeMap::new();
    for Section { name, line, body } in sections.iter().take(LOCALES_MOST) {
        if !is_locale(name) {
            sink.refuse(Code::BadValue, line, "This line names no locale like `en` or `de-AT`.".into(), None);
            continue;
        }
        let text = whole.get(body.clone()).unwrap_or_default().trim_end();
        check_holes(text, body.start, holes, line, sink);
        let text = Spanned::new(text.to_owned(), body.clone());
        if locales.insert(name.clone(), text).is_some() {
            sink.refuse(Code::DuplicateName, line, format!("The locale `{name}` stands here twice."), None);
        }
    }
    locales
}

/// Each hole of a text is declared, and each that is declared is filled in every locale: what one reader is told, all are.
fn check_holes(text: &str, start: usize, holes: &Holes, line: &Range<usize>, sink: &Sink) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (place, name) in names(text) {
        let place = start + place.start..start + place.end;
        if holes.contains_key(name) {
            used.insert(name);
        } else {
            let message = format!("There is no hole `{}` in `[holes]`.", name.escape_debug());
            let help = "Declare it with the type of what is put there; a text reads nothing else.".to_owned();
            sink.refuse(Code::UnknownName, &place, message, Some(help));
        }
    }
    if let Some(missing) = holes.keys().find(|name| !used.contains(name.as_str())) {
        let message = format!("This locale leaves out the hole `{}`.", missing.value);
        sink.refuse(Code::BadValue, line, message, Some(format!("Write `${{{}}}` where it belongs.", missing.value)));
    }
}

/// The holes of a text with the place of each, `$${` passed over.
pub fn names(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let opens = text.match_indices("${").filter(|(at, _)| !text.get(..*at).is_some_and(|before| before.ends_with('$')));
    opens.filter_map(|(at, _)| {
        let inside = text.get(at + 2..)?;
        let length = inside.find('}').unwrap_or(inside.len());
        Some((at..(at + 2 + length + 1).min(text.len()), inside.get(..length)?.trim()))
    })
}

fn locale(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if is_locale(text) { Some(text.to_owned()) } else { value.bad("is not a locale like `en` or `de-AT`") }
}

/// # Source
/// BCP 47: a language, then subtags; only its form is checked.
fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase()) && parts.all(subtag)
}

/// What one hole takes: a value that stands in a line.
fn hole(value: Value<'_, '_>) -> Option<Shape> {
    let given = value.clone();
    let mut table = value.table()?;
    let shape = shape(&mut table);
    table.done();
    match shape? {
        Shape::List { .. } | Shape::Record { .. } => given.bad("is a list or record, which does not fit into a line"),
        shape => Some(shape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(whole: &str) -> Vec<String> {
        text(&"texts/a.md".into(), whole).1.sorted().iter().map(|finding| finding.message.clone()).collect()
    }

    const GOOD: &str = "+++\ndefault = \"en\"\n[holes]\nname = { type = \"text\" }\n+++ en\nHello ${name}, $${name}.\n+++ de\nHallo ${name}!\n";

    #[test]
    fn a_text_has_a_head_and_a_section_for_each_locale() {
        assert!(check(GOOD).is_empty(), "{:?}", check(GOOD));
        let read = text(&"texts/a.md".into(), GOOD).0.unwrap();
        assert_eq!(read.locales.keys().collect::<Vec<_>>(), ["de", "en"]);
        assert_eq!(read.locales.get("de").map(|text| text.as_str()), Some("Hallo ${name}!"));
    }

    #[test]
    fn what_is_wrong_with_a_text_is_told() {
        for (from, to, wanted) in [
            ("+++\n", "", "does not say what its holes take"),
            ("default = \"en\"", "default = \"fr\"", "no text for the default locale `fr`"),
            ("Hallo ${name}!", "Hallo!", "leaves out the hole `name`"),
            ("Hallo ${name}!", "Hallo ${name} ${other}!", "no hole `other`"),
            ("Hallo ${name}!", "Hallo ${name} ${open", "no hole `open`"),
            ("+++ de", "+++ German", "names no locale"),
            ("+++ de", "+++ en", "stands here twice"),
            ("[holes]", "[holes", "not TOML"),
            ("type = \"text\"", "type = \"text\", class = \"content\"", "no key `class`"),
        ] {
            let found = check(&GOOD.replacen(from, to, 1));
            assert!(found.iter().any(|message| message.contains(wanted)), "{wanted}: {found:?}");
        }
    }
}
