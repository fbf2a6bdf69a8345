//! One file: its text to a table, the table to its kind.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::spec::{Client, Integration, Library, Project, Provider, Tests, Unit, WorkflowFile};
use toml::de::DeTable;

use crate::source::{File, Place};

use super::advice::of_syntax;
use super::escaped;
use super::reader::{Sink, Table};
use super::tree::{Members, Written, tree};
use super::{client, integration, project, provider, scenario, workflow};

/// The largest file for which every syntax error is listed, in bytes. Of a larger one only the first is told: each error
/// holds memory, and a hostile file is nothing but errors.
const ALL_ERRORS_MOST_BYTES: usize = 64 << 10;
/// How many parts a key may not have.
///
/// # Source
/// The limit of the crate `toml`.
const KEY_PARTS_MOST: usize = 80;
/// The most syntax errors that are told of one file: later ones mostly follow from the first.
const SYNTAX_MOST: usize = 5;

/// What one file says.
pub(super) enum Said {
    Project(Unit<Project>),
    Integration(Unit<Integration>),
    Provider(Unit<Provider>),
    Library(Box<Unit<Library>>),
    Client(Unit<Client>),
    Workflow(Unit<WorkflowFile>),
    /// A workflow that cannot be used; what else is wrong in it can be told all the same.
    Partly(Unit<WorkflowFile>),
    /// As `Partly`, of the library.
    LibraryPartly(Box<Unit<Library>>),
    Tests(Unit<Tests>),
}

/// Reads one file; nothing, or a part of it, when it is broken. Files of other kinds, those of `trust` and plain text, are
/// read elsewhere.
pub(super) fn read(path: &Arc<str>, file: &File) -> Option<(Option<Said>, Findings)> {
    let text = file.text();
    let said = reader(path, text, &file.place)?;
    let sink = Sink::new(path);
    let Some(root) = syntax(text, &sink) else {
        return Some((None, sink.finish().0));
    };
    // A scenario may show what comes in from outside.
    if !matches!(file.place, Place::Tests(..)) {
        escaped::check(text, &root, &sink);
    }
    let table = Table::new(&sink, &root, anchor_of(&root, text));
    let said = said(table);
    #[cfg(test)]
    super::asked::file_read(&root);
    let (findings, broken) = sink.finish();
    Some((if broken { said.and_then(partly) } else { said }, findings))
}

/// What may be looked at of a file that cannot be used.
fn partly(said: Said) -> Option<Said> {
    match said {
        Said::Workflow(unit) => Some(Said::Partly(unit)),
        Said::Library(unit) => Some(Said::LibraryPartly(unit)),
        _ => None,
    }
}

/// Reads the table of a file of one kind.
type Reader<'a> = Box<dyn FnOnce(Table<'_, '_>) -> Option<Said> + 'a>;

/// How the files of a kind are read; nothing for kinds that are read elsewhere.
fn reader<'a>(path: &'a Arc<str>, text: &'a Arc<str>, place: &'a Place) -> Option<Reader<'a>> {
    Some(match place {
        Place::Project => {
            Box::new(move |table| project::project(table).map(|spec| Said::Project(unit(path, text, spec))))
        }
        Place::Integration(name) => Box::new(move |table| {
            integration::integration(table, name).map(|spec| Said::Integration(unit(path, text, spec)))
        }),
        Place::Provider(name) => {
            Box::new(move |table| provider::provider(table, name).map(|spec| Said::Provider(unit(path, text, spec))))
        }
        Place::Library(name) => Box::new(move |table| {
            workflow::library(table, name).map(|spec| Said::Library(Box::new(unit(path, text, spec))))
        }),
        Place::Client(name) => {
            Box::new(move |table| client::client(table, name).map(|spec| Said::Client(unit(path, text, spec))))
        }
        Place::Workflow(_, name) => Box::new(move |table| {
            workflow::workflow_file(table, name).map(|spec| Said::Workflow(unit(path, text, spec)))
        }),
        Place::Tests(..) => Box::new(move |table| Some(Said::Tests(unit(path, text, scenario::tests(table))))),
        Place::Root(_)
        | Place::Teams
        | Place::CatalogLock
        | Place::Approvers(..)
        | Place::Approval(_)
        | Place::Text
        | Place::Signature(..)
        | Place::Passkey(..)
        | Place::Beside
        | Place::Data => return None,
    })
}

fn unit<T>(path: &Arc<str>, text: &Arc<str>, spec: T) -> Unit<T> {
    Unit { file: Arc::clone(path), text: Arc::clone(text), spec }
}

fn syntax<'i>(text: &'i str, sink: &Sink) -> Option<Members<'i>> {
    let error = match tree(text) {
        Ok(root) => return Some(root),
        Err(error) => error,
    };
    let errors = if text.len() <= ALL_ERRORS_MOST_BYTES { DeTable::parse_recoverable(text).1 } else { vec![error] };
    let causes = causes(text, &errors);
    for error in causes.iter().take(SYNTAX_MOST) {
        let deep = || if error.message().contains("recur") { deep_key(text) } else { None };
        let span = error.span().or_else(deep).unwrap_or(text.len()..text.len());
        let help = of_syntax(text, &span, error.message(), sink.may_repeat());
        sink.refuse(Code::Syntax, &visible(text, span), sentence(error.message()), help);
    }
    if let Some(next) = causes.get(SYNTAX_MOST) {
        let more = causes.len().saturating_sub(SYNTAX_MOST);
        let span = visible(text, next.span().unwrap_or(text.len()..text.len()));
        let what = format!("What follows cannot be read in {more} more places, this one the first.");
        sink.refuse(Code::Syntax, &span, what, Some("Mend those that are told, then check again.".to_owned()));
    }
    None
}

/// The first name of the first key of too many parts: the reader of TOML says that there is one, and not where.
fn deep_key(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut at, mut start, mut dot, mut dots) = (0_usize, 0_usize, None, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let next = at.saturating_add(1);
        match byte {
            b'.' => {
                dot = dot.or(Some(at));
                dots = dots.saturating_add(1);
                if dots.saturating_add(1) >= KEY_PARTS_MOST {
                    return dot.map(|dot| start..dot);
                }
                at = next;
            }
            // What stands in quotes is one part, whatever it holds.
            b'"' | b'\'' => {
                let rest = bytes.get(next..).unwrap_or_default();
                let closes = rest.iter().position(|other| other == byte || *other == b'\n');
                at = next.saturating_add(closes.unwrap_or(rest.len())).saturating_add(1);
            }
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ' | b'\t') => at = next,
            _ => {
                (at, start, dot, dots) = (next, next, None, 0);
            }
        }
    }
    None
}

/// Errors without those that only follow from one before: after a table that was not read its keys seem to belong to the table
/// above, and a table that stands there again and again is told once.
fn causes<'e>(text: &str, errors: &'e [toml::de::Error]) -> Vec<&'e toml::de::Error> {
    let repeats = |error: &toml::de::Error| error.message().contains("duplicate key");
    let first_other = errors.iter().position(|error| !repeats(error)).unwrap_or(errors.len());
    // Of a table that stands there again every key is there twice.
    let in_head = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default().trim_start().starts_with('[')
    };
    let (mut told, mut head_repeats) = (BTreeSet::new(), false);
    let mut causes = Vec::new();
    for (position, error) in errors.iter().enumerate() {
        let key = error.span().and_then(|span| text.get(span)).unwrap_or_default().trim();
        let is_head = in_head(error);
        head_repeats |= is_head && repeats(error);
        let follows = head_repeats && !is_head;
        if !repeats(error) || (position < first_other && !follows && told.insert(key.to_owned())) {
            causes.push(error);
        }
    }
    causes
}

/// The keys that say best which file it is, in the order in which they are looked for.
const ANCHORS: [&str; 5] = ["name", "serial", "number", "version", "use"];

/// The place in a file for a finding about all of it: the value that says which one it is, else its first key. A file that
/// is no TOML has its first line.
pub(crate) fn anchor(text: &str) -> Range<usize> {
    tree(text).map_or_else(|_| first_line(text), |root| anchor_of(&root, text))
}

/// The place of a value of a TOML file, by the path of its keys; nothing where there is none.
pub(crate) fn value_place(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let root = tree(text).ok()?;
    let (last, folders) = path.split_last()?;
    let table = folders.iter().try_fold(&root, |table, key| match table.get(key)?.get_ref() {
        Written::Table(inner) => Some(inner),
        _ => None,
    })?;
    Some(table.get(last)?.span())
}

/// The place of the value of a key in the item of a list that has this value; nothing where there is none.
pub(crate) fn item_place(text: &str, list: &str, key: &str, value: &str) -> Option<Range<usize>> {
    let root = tree(text).ok()?;
    let Written::Array(items) = root.get(list)?.get_ref() else { return None };
    items.iter().find_map(|item| {
        let Written::Table(item) = item.get_ref() else { return None };
        let given = item.get(key)?;
        matches!(given.get_ref(), Written::String(text) if *text == value).then(|| given.span())
    })
}

fn first_line(text: &str) -> Range<usize> {
    0..text.lines().next().map_or(0, str::len)
}

fn anchor_of(root: &Members<'_>, text: &str) -> Range<usize> {
    let named = ANCHORS.iter().find_map(|key| root.get(key)).map(toml::Spanned::span);
    let first = || root.keys().map(toml::Spanned::span).min_by_key(|span| span.start);
    named.or_else(first).unwrap_or_else(|| first_line(text))
}

/// A place that can be seen: where something is missing, what stands before it in its line, else what comes behind it, else
/// the last line above it.
pub(super) fn visible(text: &str, place: Range<usize>) -> Range<usize> {
    if !place.is_empty() {
        return place;
    }
    let here = place.start.min(text.len());
    let before = text.get(..here).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
    let behind = text.get(here..).unwrap_or_default();
    let end = behind.find('\n').map_or(text.len(), |newline| here.saturating_add(newline));
    let above = before.trim_end().rfind('\n').map_or(0, |newline| newline.saturating_add(1));
    let places = [line..here, here..end, above..here];
    places.into_iter().map(|place| trimmed(text, place)).find(|place| !place.is_empty()).unwrap_or(place)
}

fn trimmed(text: &str, place: Range<usize>) -> Range<usize> {
    let part = text.get(place.clone()).unwrap_or_default();
    let start = place.start.saturating_add(part.len().saturating_sub(part.trim_start().len()));
    start..start.saturating_add(part.trim().len())
}

/// What the TOML parser says, as a sentence.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("This is not TOML: {first}{}.", chars.as_str().trim_end_matches('.')).replace('\n', " ")
}
