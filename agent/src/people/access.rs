//! Every view is a ledger entry, written before the answer is sent. Facts only: who saw what of which run, never what it said.
//!
//! # Source
//! engine.md section 8; formats.md section 4, `viewed {what, why}`. Promise P10.

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, PersonId};

use crate::store::{Log, Note, Transaction, Waiting, Write};
use crate::world::Wall;

/// A person sees something, by a command on the host or at the console.
pub fn looked(log: Log, person: &PersonId, what: &'static str, why: &str) -> Note {
    let note = Note::new(log, "viewed").fact("what", what).fact("why", why);
    Note { actor: Some(person.clone()), ..note }
}

/// Somebody was turned away from something.
pub fn refused(log: Log, person: Option<&PersonId>, code: &'static str, what: &[u8]) -> Note {
    refused_by(log, person, code, Digest::of_file(what))
}

/// As [`refused`], by a digest of what was refused.
pub fn refused_by(log: Log, person: Option<&PersonId>, code: &'static str, digest: Digest) -> Note {
    let note = Note::new(log, "refused").fact("code", code).fact("digest", digest.to_string());
    Note { actor: person.cloned(), ..note }
}

/// The transaction that must be durable before these questions are shown to this person.
pub fn viewed(client: &ClientId, person: &PersonId, questions: &[&Waiting], at: Wall) -> Transaction {
    let base = |what: &str| {
        let note = Note::new(Log::Client(client.clone()), "viewed").fact("what", what).fact("why", "decision");
        Note { actor: Some(person.clone()), ..note }
    };
    let mut transaction = Transaction::new(at);
    // The list itself is a view, also when it is empty.
    transaction.writes.push(Write::Note(Box::new(base("decisions"))));
    for waiting in questions {
        let (run, step, plan) = (Some(waiting.run), Some(waiting.step.clone()), Some(waiting.plan));
        transaction.writes.push(Write::Note(Box::new(Note { run, step, plan, ..base("question") })));
    }
    transaction
}
