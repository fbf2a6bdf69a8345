//! What a source admits: places, sizes, characters. The same for a commit and a work tree.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::tripwire::{patterns, secrets};
use git2::Oid;

use super::limits::{FILE_MOST_BYTES, SIGNATURE_MOST_BYTES, TOTAL_MOST_BYTES, TREE_FILE_MOST_BYTES};
use super::place::{Standing, standing};
use super::text::bad_text;
use super::{File, Files, Place, Source};

/// What can be read of any bytes. Of UTF-16 that is what is ASCII in it, without the zeros; of other encodings all but what they
/// have beyond ASCII.
pub fn legible(bytes: &[u8]) -> (Place, Cow<'_, str>) {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= FILE_MOST_BYTES && !text.contains('\0') => (Place::Beside, Cow::Borrowed(text)),
        Ok(text) if !text.contains('\0') => (Place::Data, Cow::Borrowed(text)),
        _ => {
            let without: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
            (Place::Data, Cow::Owned(String::from_utf8_lossy(&without).into_owned()))
        }
    }
}

/// A file that is about to be read.
pub(super) struct Reading {
    path: Arc<str>,
    place: Place,
}

/// Gathers files and findings.
pub(super) struct Collector {
    files: Files,
    refused: Files,
    unread: BTreeSet<Arc<str>>,
    findings: Findings,
    total_bytes: usize,
}

impl Collector {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            files: Files::new(),
            refused: Files::new(),
            unread: BTreeSet::new(),
            findings: Findings::new(),
            total_bytes: 0,
        }
    }

    /// Reports something that is not read.
    pub(super) fn refuse(&mut self, path: &str, what: String) {
        let path = Arc::from(path);
        self.findings.add(Code::FileRefused, Span::new(&path, 0..0), what);
        self.unread.insert(path);
    }

    /// Whether the file at a path is one to read.
    pub(super) fn begin(&mut self, path: &str) -> Option<Reading> {
        match standing(path) {
            Standing::Read(place) => Some(Reading { path: path.into(), place }),
            Standing::Ignored => None,
            Standing::Misplaced => {
                let path = Arc::from(path);
                self.findings.add_with_help(
                    Code::FileRefused,
                    Span::new(&path, 0..0),
                    "No kind of source file stands at this path, so nothing would read it.",
                    "Move the file to where its kind stands, correct its name, or remove it.",
                );
                self.unread.insert(path);
                None
            }
        }
    }

    /// A file that the compiler does not compile, to be looked through for secrets alone; nothing for one of its own.
    pub(super) fn begin_beside(path: &str) -> Option<Reading> {
        matches!(standing(path), Standing::Ignored).then(|| Reading { path: path.into(), place: Place::Beside })
    }

    /// Whether a file beside the source is looked through; one that cannot be is reported.
    pub(super) fn admit_beside(&mut self, reading: &Reading, size_bytes: usize) -> bool {
        let admitted = size_bytes <= TREE_FILE_MOST_BYTES;
        if admitted {
            self.total_bytes = self.total_bytes.saturating_add(size_bytes);
        } else {
            let what = format!(
                "The file is larger than {TREE_FILE_MOST_BYTES} bytes, so it is not looked through for secrets."
            );
            let help = "Keep large files outside of the repository.";
            self.findings.add_with_help(Code::FileRefused, Span::new(&reading.path, 0..0), what, help);
            self.unread.insert(Arc::clone(&reading.path));
        }
        admitted
    }

    /// Keeps a file beside the source if it holds what looks like a secret; whether it does.
    pub(super) fn take_beside(&mut self, reading: Reading, bytes: &[u8]) -> bool {
        let (place, text) = legible(bytes);
        let found = if place.holds_keys() { patterns(&text) } else { secrets(&text) };
        if !found.is_empty() {
            self.files.insert(reading.path, File::new(place, text.as_bytes()));
        }
        !found.is_empty()
    }

    /// Whether a file of this size is read.
    pub(super) fn admit(&mut self, reading: &Reading, size_bytes: usize) -> bool {
        let most = if reading.place.is_proof() { SIGNATURE_MOST_BYTES } else { FILE_MOST_BYTES };
        if size_bytes > most {
            self.refuse(&reading.path, format!("The file is larger than {most} bytes."));
            return false;
        }
        let before = self.total_bytes;
        self.total_bytes = before.saturating_add(size_bytes);
        if before <= TOTAL_MOST_BYTES && self.total_bytes > TOTAL_MOST_BYTES {
            self.refuse(&reading.path, format!("The source is larger than {TOTAL_MOST_BYTES} bytes in all."));
        }
        self.total_bytes <= TOTAL_MOST_BYTES
    }

    /// Takes the bytes of a file.
    pub(super) fn take(&mut self, reading: Reading, bytes: &[u8]) {
        let Reading { path, place } = reading;
        let bad = if place.is_binary() { None } else { bad_text(bytes, place.is_signed()) };
        let file = File::new(place, bytes);
        match bad {
            Some(bad) => {
                self.findings.add_with_help(Code::FileRefused, Span::new(&path, bad.range), bad.what, bad.help);
                self.refused.insert(path, file);
            }
            None => {
                self.files.insert(path, file);
            }
        }
    }

    /// The source and what was refused.
    pub(super) fn finish(self, commit: Option<Oid>) -> (Source, Findings) {
        let (files, refused, unread) = (self.files, self.refused, self.unread);
        (Source { commit, files, refused, unread, above: None }, self.findings)
    }
}
