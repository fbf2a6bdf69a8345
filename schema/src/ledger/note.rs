//! A signed note as text: what is signed, its lines of signatures, and three lines that are a checkpoint.
//!
//! # Source
//! C2SP `signed-note` and `tlog-checkpoint`.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use super::log_key::{LogKey, is_key_name};
use super::tree::Head;
use crate::canon::Digest;

/// The largest note, in bytes: a checkpoint with a hundred cosignatures is far below.
pub const NOTE_MOST_BYTES: usize = 64 << 10;
/// The most signature lines of a note.
const SIGNATURES_MOST: usize = 100;
/// How a signature line begins: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Why a text is not a key, or a note cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// The text is no vkey: `name+id+base64`.
    BadKey,
    /// The note is longer than [`NOTE_MOST_BYTES`], or has another form than `signed-note` gives it.
    BadNote,
    /// The note is no checkpoint of ours: three lines, origin, size and root.
    BadCheckpoint,
    /// The checkpoint is of another log.
    WrongOrigin,
    /// No line is by the log's key, or more than one.
    NotSigned,
    /// A line by a known key does not verify.
    BadSignature,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadKey => "the text is not a key of the form `name+id+base64`",
            Self::BadNote => "the text is not a signed note",
            Self::BadCheckpoint => "the note is not a checkpoint of three lines: origin, size, root",
            Self::WrongOrigin => "the checkpoint is of another log",
            Self::NotSigned => "the note has not exactly one line by the log's key",
            Self::BadSignature => "a line by a known key does not verify",
        })
    }
}

impl std::error::Error for NoteError {}

pub(super) fn text_of(head: &Head) -> String {
    format!("{}\n{}\n{}\n", head.origin, head.size, BASE64.encode(head.root.as_bytes()))
}

pub(super) fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    let data: Vec<u8> = id.iter().chain(signature).copied().collect();
    format!("{DASH}{name} {}\n", BASE64.encode(data))
}

/// Splits a note at its last empty line into the text that is signed and the signature lines.
pub(super) fn split(note: &str) -> Result<(&str, Vec<&str>), NoteError> {
    let plain = |c: char| c == '\n' || !c.is_control();
    if note.len() > NOTE_MOST_BYTES || !note.chars().all(plain) {
        return Err(NoteError::BadNote);
    }
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::BadNote)?;
    // The signed text keeps the newline that ends its last line.
    let text = note.get(..=text.len()).ok_or(NoteError::BadNote)?;
    let lines: Vec<&str> = signatures.strip_suffix('\n').ok_or(NoteError::BadNote)?.split('\n').collect();
    if lines.len() > SIGNATURES_MOST { Err(NoteError::BadNote) } else { Ok((text, lines)) }
}

pub(super) fn parse_text(text: &str) -> Result<Head, NoteError> {
    let bad = NoteError::BadCheckpoint;
    let mut lines = text.strip_suffix('\n').ok_or(bad)?.split('\n');
    let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
        return Err(bad);
    };
    let origin = origin.parse().or(Err(bad))?;
    let size = parse_size(size).ok_or(bad)?;
    let root = parse_hash(root).ok_or(bad)?;
    Ok(Head { origin, size, root })
}

/// A number in decimal without leading zeros.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    text.parse().ok().filter(|_| plain)
}

/// A hash in padded base64.
pub(super) fn parse_hash(text: &str) -> Option<Digest> {
    BASE64.decode(text).ok()?.try_into().ok().map(Digest::from_bytes)
}

pub(super) struct SignatureLine<'a> {
    pub(super) name: &'a str,
    pub(super) id: [u8; 4],
    pub(super) signature: Vec<u8>,
}

impl<'a> SignatureLine<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self, NoteError> {
        let (name, data) = line.strip_prefix(DASH).and_then(|l| l.split_once(' ')).ok_or(NoteError::BadNote)?;
        let data = BASE64.decode(data).or(Err(NoteError::BadNote))?;
        let (id, signature) = data.split_first_chunk::<4>().ok_or(NoteError::BadNote)?;
        if !is_key_name(name) || signature.is_empty() {
            return Err(NoteError::BadNote);
        }
        Ok(Self { name, id: *id, signature: signature.to_vec() })
    }

    pub(super) fn is_by(&self, key: &LogKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}
