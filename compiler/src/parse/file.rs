//! One file: its text to a table, the table to its kind.

use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::spec::{Client, Integration, Library, Project, Provider, Tests, Unit, WorkflowFile};
use toml::de::DeTable;

use crate::source::{File, Place};

use super::reader::{Sink, Table};
use super::{client, integration, project, provider, scenario, workflow};

/// The largest file for which every syntax error is listed, in bytes. Of a larger one only the first is told: each error
/// holds memory, and a hostile file is nothing but errors.
const ALL_ERRORS_MOST_BYTES: usize = 64 << 10;
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
    Tests(Unit<Tests>),
}

/// Reads one file; nothing when it is broken. Files of other kinds are read elsewhere.
pub(super) fn read(path: &Arc<str>, file: &File) -> (Option<Said>, Findings) {
    let text = file.text();
    let sink = Sink::new(path);
    let Some(root) = syntax(text, &sink) else {
        return (None, sink.finish().0);
    };
    let table = Table::new(&sink, &root, 0..0);
    let said = kind(path, text, &file.place, table);
    let (findings, broken) = sink.finish();
    (said.filter(|_| !broken), findings)
}

fn kind(path: &Arc<str>, text: &Arc<str>, place: &Place, table: Table<'_, '_>) -> Option<Said> {
    match place {
        Place::Project => project::project(table).map(|spec| Said::Project(unit(path, text, spec))),
        Place::Integration(name) => {
            integration::integration(table, name).map(|spec| Said::Integration(unit(path, text, spec)))
        }
        Place::Provider(name) => provider::provider(table, name).map(|spec| Said::Provider(unit(path, text, spec))),
        Place::Library(name) => {
            workflow::library(table, name).map(|spec| Said::Library(Box::new(unit(path, text, spec))))
        }
        Place::Client(name) => client::client(table, name).map(|spec| Said::Client(unit(path, text, spec))),
        Place::Workflow(_, name) => {
            workflow::workflow_file(table, name).map(|spec| Said::Workflow(unit(path, text, spec)))
        }
        Place::Tests(..) => Some(Said::Tests(unit(path, text, scenario::tests(table)))),
        Place::Root(_)
        | Place::Teams
        | Place::CatalogLock
        | Place::Approvers(..)
        | Place::Approval(_)
        | Place::Text
        | Place::Signature(..)
        | Place::Passkey(..) => None,
    }
}

fn unit<T>(path: &Arc<str>, text: &Arc<str>, spec: T) -> Unit<T> {
    Unit { file: Arc::clone(path), text: Arc::clone(text), spec }
}

fn syntax<'i>(text: &'i str, sink: &Sink) -> Option<DeTable<'i>> {
    let error = match DeTable::parse(text) {
        Ok(root) => return Some(root.into_inner()),
        Err(error) => error,
    };
    let errors = if text.len() <= ALL_ERRORS_MOST_BYTES { DeTable::parse_recoverable(text).1 } else { vec![error] };
    for error in errors.iter().take(SYNTAX_MOST) {
        let span = error.span().unwrap_or(0..0);
        sink.refuse(Code::Syntax, &span, sentence(error.message()), None);
    }
    None
}

/// What the TOML parser says, as a sentence.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("This is not TOML: {first}{}.", chars.as_str().trim_end_matches('.')).replace('\n', " ")
}
