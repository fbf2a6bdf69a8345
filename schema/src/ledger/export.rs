//! One log as a file: every entry a line, an empty line, the checkpoint. Written here and verified here, line by line.
//!
//! # Source
//! formats.md section 4, "Export".

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::audit::{Audit, Fault, Told};
use super::checkpoint::Checkpoint;
use super::entry::{BODY_MOST_BYTES, Entry, Salt, commitment};
use super::log_key::LogKey;
use super::note::NoteError;
use super::origin::Origin;
use super::tree::{Frontier, Head};
use crate::canon::{self, Digest};
use crate::time::Moment;

/// The longest line of an export, in bytes: the largest body in base64, and what stands around it.
pub const LINE_MOST_BYTES: usize = BODY_MOST_BYTES / 3 * 4 + 1_024;

/// What does not verify, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportFault {
    /// The entry, or the first that may be wrong; `None` when the checkpoint or the whole is at fault.
    pub index: Option<u64>,
    /// The last that may be wrong, where a hash over several is another one; `None` when it is one entry.
    pub until: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for ExportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.index, self.until) {
            (Some(index), Some(until)) => write!(f, "entries {index} to {until}: {}", self.fault),
            (Some(index), None) => write!(f, "entry {index}: {}", self.fault),
            (None, _) => write!(f, "{}", self.fault),
        }
    }
}

impl std::error::Error for ExportFault {}

impl ExportFault {
    /// A fault at one entry, or of the whole.
    pub fn at(index: Option<u64>, fault: Fault) -> Self {
        Self { index, until: None, fault }
    }

    /// A fault somewhere among entries, the last of which is before `end`.
    pub fn among(begin: u64, end: u64, fault: Fault) -> Self {
        let last = end.checked_sub(1).filter(|last| begin <= *last);
        Self { index: last.map(|_| begin), until: last.filter(|last| begin < *last), fault }
    }
}

/// What a log that verifies holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Which log, how many entries, which root.
    pub head: Head,
    /// How many bodies are gone.
    pub gone: u64,
    /// Which entries say so, and of what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// Runs accepted, at least.
    pub accepted: u64,
    /// Runs ended, at least.
    pub finished: u64,
    /// The time of the first entry that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Moment>,
    /// The time of the last entry that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Moment>,
    /// Witnesses that cosigned, with their time in seconds since 1970.
    pub witnessed: Vec<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    commitment: Digest,
    index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
}

/// The line of one entry, with its LF; salt and body are left out where they are gone.
///
/// # Errors
/// When the index is beyond 2^53 − 1.
pub fn line(index: u64, committed: &Digest, opened: Option<(&Salt, &[u8])>) -> Result<Vec<u8>, canon::CanonError> {
    let line = Line {
        body: opened.map(|(_, body)| BASE64.encode(body)),
        commitment: *committed,
        index,
        salt: opened.map(|(salt, _)| BASE64.encode(salt)),
    };
    let mut bytes = canon::to_bytes(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Verifies a whole export that is in memory.
///
/// # Errors
/// The first thing that does not verify, with its index.
pub fn verify(bytes: &[u8], key: &LogKey, older: &[Head]) -> Result<Summary, ExportFault> {
    let origin = key.name().parse().or(Err(fault(None, Fault::BadCheckpoint)))?;
    let mut verifier = Verifier::new(origin, older);
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| fault(None, Fault::NoCheckpoint))?;
        let (line, after) = rest.split_at(end);
        rest = after.split_first().map_or(&[], |(_, rest)| rest);
        if line.is_empty() {
            break;
        }
        verifier.line(line)?;
    }
    let note = std::str::from_utf8(rest).or(Err(fault(None, Fault::BadCheckpoint)))?;
    verifier.checkpoint(note, key, &[])
}

/// Which log an export says to be of: the first line of its checkpoint. Nothing is verified.
pub fn origin(bytes: &[u8]) -> Option<Origin> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    // A log without entries begins with the empty line.
    let note = match end {
        Some(end) => bytes.get(end.checked_add(2)?..)?,
        None => bytes.strip_prefix(b"\n")?,
    };
    let line = note.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// The entries of an export that can be read, in order. Nothing is verified: that is [`verify`]'s work.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let lines = bytes.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let opened = lines.filter_map(|line| parse_line(line)?.2);
    opened.filter_map(|(_, body)| Entry::from_bytes(&body).ok()).collect()
}

/// The commitments of all entries of an export, in order. Nothing is verified.
pub fn commitments(bytes: &[u8]) -> Vec<Digest> {
    let lines = bytes.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    lines.filter_map(|line| Some(parse_line(line)?.1)).collect()
}

/// An entry that was looked at by itself: its body gives the commitment and has the form of one.
#[derive(Clone, Debug)]
pub struct Looked {
    committed: Digest,
    /// Nothing when its body is gone.
    entry: Result<Option<Entry>, Fault>,
}

/// Looks at one entry by itself, on whatever thread: most of the work of verifying is here.
pub fn look(committed: &Digest, opened: Option<(&Salt, &[u8])>) -> Looked {
    let entry = opened.map(|(salt, body)| {
        let fits = commitment(salt, body) == *committed;
        let entry = if fits { Entry::from_bytes(body).or(Err(Fault::BadBody)) } else { Err(Fault::BadCommitment) };
        entry.map(Some)
    });
    Looked { committed: *committed, entry: entry.unwrap_or(Ok(None)) }
}

/// Verifies an export as it is read.
#[derive(Debug)]
pub struct Verifier<'a> {
    audit: Audit,
    frontier: Frontier,
    older: &'a [Head],
    /// How many entries are known to be right by an older head.
    sure: u64,
}

impl<'a> Verifier<'a> {
    /// Begins with the first line. `older` are heads that the log must have grown out of.
    pub fn new(origin: Origin, older: &'a [Head]) -> Self {
        Self { audit: Audit::new(origin), frontier: Frontier::new(), older, sure: 0 }
    }

    /// Takes the line of the next entry, without its LF.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn line(&mut self, line: &[u8]) -> Result<(), ExportFault> {
        let at = Some(self.frontier.size());
        let (index, committed, opened) = parse_line(line).ok_or_else(|| fault(at, Fault::BadLine))?;
        if Some(index) != at {
            return Err(fault(at, Fault::BadIndex));
        }
        self.entry(&committed, opened.as_ref().map(|(salt, body)| (salt, body.as_slice())))
    }

    /// Takes the next entry, wherever it was read from.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn entry(&mut self, committed: &Digest, opened: Option<(&Salt, &[u8])>) -> Result<(), ExportFault> {
        self.take(&look(committed, opened))
    }

    /// Takes the next entry, which was looked at.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn take(&mut self, looked: &Looked) -> Result<(), ExportFault> {
        let at = Some(self.frontier.size());
        match &looked.entry {
            Ok(Some(entry)) => self.audit.entry(entry).map_err(|what| fault(at, what))?,
            Ok(None) => self.audit.gone(),
            Err(what) => return Err(fault(at, *what)),
        }
        self.older_heads()?;
        self.frontier.append(looked.committed.as_bytes());
        Ok(())
    }

    /// Takes the checkpoint and ends.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn checkpoint(mut self, note: &str, key: &LogKey, witnesses: &[LogKey]) -> Result<Summary, ExportFault> {
        let none = |what| fault(None, what);
        let checkpoint = Checkpoint::verify(note, key, witnesses).map_err(|what| match what {
            NoteError::WrongOrigin => none(Fault::WrongLog),
            _ => none(Fault::BadCheckpoint),
        })?;
        let head = checkpoint.head();
        let size = self.frontier.size();
        if head.size != size {
            return Err(ExportFault::among(size.min(head.size), size.max(head.size), Fault::WrongSize));
        }
        if head.root != self.frontier.root() {
            return Err(ExportFault::among(self.sure, size, Fault::WrongRoot));
        }
        self.older_heads()?;
        if self.older.iter().any(|old| old.origin != head.origin) {
            return Err(none(Fault::NotConsistent));
        }
        if let Some(most) = self.older.iter().map(|old| old.size).max().filter(|most| *most > size) {
            return Err(ExportFault::among(size, most, Fault::NotConsistent));
        }
        self.audit.end().map_err(|(index, what)| fault(index, what))?;
        let times = self.audit.times();
        Ok(Summary {
            head: head.clone(),
            gone: self.audit.bodies_gone(),
            told: self.audit.told().to_vec(),
            accepted: self.audit.accepted(),
            finished: self.audit.finished(),
            first: times.map(|(first, _)| first),
            last: times.map(|(_, last)| last),
            witnessed: checkpoint.witnessed().to_vec(),
        })
    }

    /// Compares the root so far with the older heads of this size.
    fn older_heads(&mut self) -> Result<(), ExportFault> {
        let size = self.frontier.size();
        let mut same = self.older.iter().filter(|old| old.size == size).peekable();
        if same.peek().is_none() {
            return Ok(());
        }
        let root = self.frontier.root();
        if same.any(|old| old.root != root) {
            return Err(ExportFault::among(self.sure, size, Fault::NotConsistent));
        }
        self.sure = size;
        Ok(())
    }
}

fn fault(index: Option<u64>, fault: Fault) -> ExportFault {
    ExportFault::at(index, fault)
}

type Opened = (Salt, Vec<u8>);

fn parse_line(line: &[u8]) -> Option<(u64, Digest, Option<Opened>)> {
    let line: Line = canon::from_bytes(Some(line).filter(|line| line.len() <= LINE_MOST_BYTES)?).ok()?;
    let opened = match (line.salt, line.body) {
        (Some(salt), Some(body)) => Some((BASE64.decode(salt).ok()?.try_into().ok()?, BASE64.decode(body).ok()?)),
        (None, None) => None,
        _ => return None,
    };
    Some((line.index, line.commitment, opened))
}

#[cfg(test)]
mod tests;
