//! Notes that more than one room writes, and how a note becomes the kind of an entry.

use assent_schema::canon::Digest;
use assent_schema::ledger::Kind;

use crate::store::Log;
pub use crate::store::Note;

/// The first entry of a log: `root` is the SHA-256 of root version 1, `old` the last checkpoints of the agent's older logs.
pub fn opened(log: Log, root: Digest, old: Vec<String>) -> Note {
    let note = Note::new(log, "opened").fact("root", root.to_string());
    if old.is_empty() { note } else { note.fact("old", old) }
}

/// The agent came up; `clean` when it went down in order before.
pub fn started(log: Log, clean: bool) -> Note {
    Note::new(log, "started").fact("clean", clean).fact("version", env!("CARGO_PKG_VERSION"))
}

/// The agent goes down in order.
pub fn stopped(log: Log) -> Note {
    Note::new(log, "stopped")
}

/// The hourly sign of life. Counts and heads are filled in when it is appended, so that they are those of the log.
pub fn tick(log: Log) -> Note {
    Note::new(log, "tick")
}

/// The kind that a note stands for. Data of a kind that formats.md names is taken strictly as it says; other kinds are facts
/// of their own, since the list there may grow.
pub(super) fn kind_of(note: &Note) -> Option<Kind> {
    Kind::parse(note.kind, &note.data).ok()
}
