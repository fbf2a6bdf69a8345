//! What an earlier check found out of a client and of each of its workflows, as notes on a [`Shelf`].
//!
//! A note names by digest everything that it rests on: the build and what it was asked, the files outside of the clients'
//! folders, the client's own, the workflow's. Where one differs nothing is recalled.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings, Span};
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::instant::{At, Window};
use super::needs::Needs;
use crate::source::{Pending, Shelf};

/// What was found out about a client, or about one of its workflows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    found: Vec<Row>,
    /// What was not looked at because of what was found.
    hidden: Vec<String>,
    /// What the workflows need together.
    pub(super) needs: Needs,
    /// The files of the client's folder, read or not.
    pub(super) files: usize,
    /// The bytes that were read for it.
    pub(super) bytes: usize,
}

impl Known {
    /// What is known after a check.
    pub(super) fn new(findings: &Findings, needs: &Needs, files: usize, bytes: usize) -> Self {
        let hidden = findings.hidden().iter().cloned().collect();
        Self { found: findings.iter().map(Row::of).collect(), hidden, needs: needs.clone(), files, bytes }
    }

    /// The findings; nothing when one has a code that there is no longer.
    pub(super) fn findings(&self) -> Option<Findings> {
        let mut findings = Findings::new();
        for row in &self.found {
            findings.push(row.finding()?);
        }
        self.hidden.iter().cloned().for_each(|what| findings.hide(what));
        Some(findings)
    }
}

/// A note: when it holds, what it rests on, and what is known.
#[derive(Serialize, Deserialize)]
struct Note<T> {
    key: Digest,
    window: Window,
    known: T,
}

/// The notes of one check.
#[derive(Clone, Copy)]
pub(super) struct Recall<'s> {
    shelf: &'s Shelf,
    /// What the check is asked and what all clients share.
    project: Digest,
}

impl<'s> Recall<'s> {
    /// Notes of checks that were asked the same, of sources that share the same.
    pub(super) fn new(shelf: &'s Shelf, project: Digest, asked: &str) -> Self {
        let project = Digest::tagged("assent-check-project/v1", format!("{project} {asked}").as_bytes());
        Self { shelf, project }
    }

    /// What a client's note rests on; `mark` names all or some of its files.
    pub(super) fn key(&self, client: &ClientId, mark: Digest) -> Digest {
        Digest::tagged("assent-check-client/v1", format!("{} {client} {mark}", self.project).as_bytes())
    }

    /// Everything about a client of which no file has changed.
    pub(super) fn client(&self, client: &ClientId, key: Digest, at: Moment) -> Option<Known> {
        self.note(&format!("{client}.client"), key, at).map(|note| note.known)
    }

    /// Everything about its workflows, by [`workflow_key`], where its other files are the same.
    pub(super) fn workflows(&self, client: &ClientId, key: Digest, at: &At) -> BTreeMap<Digest, Known> {
        let note = self.note(&format!("{client}.workflows"), key, at.among([]));
        note.map_or_else(BTreeMap::new, |note| {
            at.narrow(note.window);
            note.known
        })
    }

    /// Keeps what a check found out of a client.
    pub(super) fn keep_client(&self, client: &ClientId, key: Digest, at: &At, known: &Known) {
        self.keep(&format!("{client}.client"), &Note { key, window: at.window(), known });
    }

    /// Keeps what it found out of its workflows.
    pub(super) fn keep_workflows(&self, client: &ClientId, key: Digest, at: &At, known: &BTreeMap<Digest, Known>) {
        self.keep(&format!("{client}.workflows"), &Note { key, window: at.window(), known });
    }

    fn note<T: for<'de> Deserialize<'de>>(&self, name: &str, key: Digest, at: Moment) -> Option<Note<T>> {
        let bytes = self.shelf.get(name)?;
        // The head alone first: most notes that do not hold are long.
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        if head != key.to_string().as_bytes() {
            return None;
        }
        let note: Note<T> = serde_json::from_slice(rest).ok()?;
        (note.key == key && note.window.holds(at)).then_some(note)
    }

    fn keep<T: Serialize>(&self, name: &str, note: &Note<T>) {
        let mut bytes = note.key.to_string().into_bytes();
        if serde_json::to_writer(&mut bytes, note).is_ok() {
            self.shelf.put(name, &bytes);
        }
    }
}

/// The key with which a note begins, in bytes.
const HEAD_BYTES: usize = 64;

/// What a workflow's note rests on besides its client's other files; nothing for a source without blobs.
pub(super) fn workflow_key(pending: &Pending) -> Option<Digest> {
    let blob = |id: Option<git2::Oid>| id.map_or_else(String::new, |id| id.to_string());
    (pending.workflow.is_some() || pending.tests.is_some()).then(|| {
        let named = format!("{} {} {}", pending.name, blob(pending.workflow), blob(pending.tests));
        Digest::tagged("assent-check-workflow/v1", named.as_bytes())
    })
}

/// A finding as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    code: String,
    place: (String, usize, usize),
    message: String,
    /// Absent for the advice of its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path: Vec<((String, usize, usize), String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brief: Option<String>,
}

impl Row {
    fn of(finding: &Finding) -> Self {
        let place = |span: &Span| (span.file.to_string(), span.start, span.end);
        let row = finding.code.row();
        Self {
            code: row.name.to_owned(),
            place: place(&finding.span),
            message: finding.message.clone(),
            help: (*finding.help != *row.help).then(|| finding.help.to_string()),
            path: finding.path.iter().map(|(span, what)| (place(span), what.clone())).collect(),
            brief: finding.brief.clone(),
        }
    }

    fn finding(&self) -> Option<Finding> {
        let span = |(file, start, end): &(String, usize, usize)| Span::new(&Arc::from(file.as_str()), *start..*end);
        let code = Code::from_name(&self.code)?;
        Some(Finding {
            span: span(&self.place),
            code,
            message: self.message.clone(),
            help: self.help.clone().map_or_else(|| code.row().help.into(), Into::into),
            path: self.path.iter().map(|(place, what)| (span(place), what.clone())).collect(),
            brief: self.brief.clone(),
        })
    }
}
