//! What the ledger is told of people at the console: who looked at what, and who was turned away. Facts only.
//!
//! # Source
//! formats.md section 4, `viewed` and `refused`. Promise P10.

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, Name, PersonId};

use crate::people::access;
use crate::store::{Log, Note, RunId, Transaction, Write};
use crate::world::Wall;

/// A person sees something.
pub(super) fn viewed(log: Log, person: &PersonId, what: &'static str) -> Note {
    access::looked(log, person, what, "console")
}

/// A person sees a run.
pub(super) fn run(client: &ClientId, person: &PersonId, run: RunId, plan: Digest) -> Note {
    Note { run: Some(run), plan: Some(plan), ..viewed(Log::Client(client.clone()), person, "run") }
}

/// A person sees a question with its content.
pub(super) fn question(client: &ClientId, person: &PersonId, (run, step, plan): (RunId, Name, Digest)) -> Note {
    let note = viewed(Log::Client(client.clone()), person, "question");
    Note { run: Some(run), step: Some(step), plan: Some(plan), ..note }
}

/// Somebody was turned away at a place.
pub(super) fn refused(log: Log, person: Option<&PersonId>, code: &'static str, place: &str) -> Note {
    access::refused(log, person, code, place.as_bytes())
}

/// The transaction that must be durable before anything is shown.
pub(super) fn together(at: Wall, notes: Vec<Note>) -> Transaction {
    Transaction { at, writes: notes.into_iter().map(|note| Write::Note(Box::new(note))).collect() }
}
