//! What a source admits: places, sizes, characters. The same for a commit and a work tree.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::tripwire::{self, Searched};
use git2::Oid;

use super::limits::{FILE_MOST_BYTES, SIGNATURE_MOST_BYTES, TOTAL_MOST_BYTES, TREE_FILE_MOST_BYTES};
use super::place::{Standing, standing};
use super::text::bad_text;
use super::weigh::HEAVY;
use super::{File, Files, Place, Source, advice};

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
    beside_bytes: usize,
}

/// A name that holds what looks like a secret: as it may be shown, and what it holds, as a sentence. What is only random is none
/// here: names of built files are.
pub fn secret_name(path: &str) -> Option<(String, String)> {
    let found = tripwire::patterns(path);
    let what = format!("The name of this file looks like {}.", found.first()?.what);
    let ranges: Vec<_> = found.into_iter().map(|secret| secret.range).collect();
    Some((tripwire::masked(path, &ranges), what))
}

/// Reports what was found in a large file, of which no text is kept.
pub fn report_searched(path: &Arc<str>, searched: &Searched, help: Option<&'static str>, findings: &mut Findings) {
    let help = help.unwrap_or(Code::InlineSecret.row().help);
    let mut add = |what| findings.add_with_help(Code::InlineSecret, Span::new(path, 0..0), what, help);
    for found in &searched.found {
        add(format!("This looks like {}, in line {}.", found.what, found.line));
    }
    if let Some(line) = searched.until {
        add(format!("Line {line} holds what looks like a secret as well; what follows it was not looked through."));
    }
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
            beside_bytes: 0,
        }
    }

    /// Reports something that is not read.
    pub(super) fn refuse(&mut self, path: &str, what: String, help: &'static str) {
        let path = self.name(path);
        self.findings.add_with_help(Code::FileRefused, Span::new(&path, 0..0), what, help);
        self.unread.insert(path);
    }

    /// Reports what looks like a secret in a name itself; the name as it may be shown.
    fn name(&mut self, path: &str) -> Arc<str> {
        let Some((shown, what)) = secret_name(path) else { return path.into() };
        let shown: Arc<str> = shown.into();
        let help = "Rotate it, and give the file another name.";
        self.findings.add_with_help(Code::InlineSecret, Span::new(&shown, 0..0), what, help);
        shown
    }

    /// Whether the file at a path is one to read.
    pub(super) fn begin(&mut self, path: &str) -> Option<Reading> {
        let shown = self.name(path);
        match standing(path) {
            Standing::Read(place) => Some(Reading { path: path.into(), place }),
            Standing::Ignored => None,
            Standing::Misplaced => {
                let path = shown;
                let nameless = path.strip_suffix(".sig").filter(|of| matches!(standing(of), Standing::Read(_)));
                let (what, help) = match nameless {
                    // As `ssh-keygen -Y sign` calls what it writes.
                    Some(of) => (
                        "The name of a signature says who signed, and this one does not.",
                        format!("Call it `{of}.PERSON.sig`, by whoever signed."),
                    ),
                    None => (
                        "No kind of source file stands at this path, so nothing would read it.",
                        "Move the file to where its kind stands, correct its name, or remove it.".to_owned(),
                    ),
                };
                self.findings.add_with_help(Code::FileRefused, Span::new(&path, 0..0), what, help);
                self.unread.insert(path);
                None
            }
        }
    }

    /// A file that the compiler does not compile, to be looked through for secrets alone; nothing for one of its own.
    pub(super) fn begin_beside(path: &str) -> Option<Reading> {
        matches!(standing(path), Standing::Ignored).then(|| Reading { path: path.into(), place: Place::Beside })
    }

    /// Whether a file beside the source, up to which there are so many bytes of such files, is looked through. What is not is
    /// told: a commit that holds it has no tree digest, or would take too long.
    pub(super) fn admit_beside(&mut self, reading: &Reading, size_bytes: usize, before_bytes: usize) -> bool {
        if self.is_heavy(reading, size_bytes) {
            return false;
        }
        if size_bytes > TREE_FILE_MOST_BYTES {
            let what = format!(
                "The file is larger than {TREE_FILE_MOST_BYTES} bytes, so it is not looked through for secrets, and its commit \
                 cannot be released."
            );
            self.refuse(&reading.path, what, advice::OUTSIDE);
            return false;
        }
        let all = before_bytes.saturating_add(size_bytes);
        if before_bytes <= TOTAL_MOST_BYTES && all > TOTAL_MOST_BYTES {
            let what = format!(
                "The files beside the source are larger than {TOTAL_MOST_BYTES} bytes in all: this one and those after it are \
                 not looked through for secrets."
            );
            self.refuse(&reading.path, what, advice::OUTSIDE);
        }
        all <= TOTAL_MOST_BYTES
    }

    /// As [`Self::admit_beside`], where one collector takes all files.
    pub(super) fn admit_one_beside(&mut self, reading: &Reading, size_bytes: usize) -> bool {
        let before = self.beside_bytes;
        self.beside_bytes = before.saturating_add(if size_bytes == HEAVY { 0 } else { size_bytes });
        self.admit_beside(reading, size_bytes, before)
    }

    /// Keeps a file beside the source if it holds what looks like a secret; whether it does. Of one that is too large to be
    /// shown, the places are told instead.
    pub(super) fn take_beside(&mut self, reading: Reading, bytes: &[u8]) -> bool {
        let Reading { path, .. } = reading;
        if bytes.len() > FILE_MOST_BYTES {
            let searched = tripwire::search(bytes);
            report_searched(&path, &searched, None, &mut self.findings);
            return !searched.found.is_empty();
        }
        let text = tripwire::readable(bytes);
        let is_data = tripwire::is_binary(&text);
        let found = if is_data { tripwire::patterns(&text) } else { tripwire::secrets(&text) };
        if !found.is_empty() {
            let place = if is_data { Place::Data } else { Place::Beside };
            self.files.insert(path, File::new(place, text.as_bytes()));
        }
        !found.is_empty()
    }

    /// Refuses a file that takes far more to read than itself.
    fn is_heavy(&mut self, reading: &Reading, size_bytes: usize) -> bool {
        if size_bytes == HEAVY {
            let what =
                "Git stores the file as a change of something that is far larger, which would have to be read as well.";
            self.refuse(&reading.path, what.to_owned(), advice::HEAVY);
        }
        size_bytes == HEAVY
    }

    /// Whether a file of this size is read.
    pub(super) fn admit(&mut self, reading: &Reading, size_bytes: usize) -> bool {
        let (most, help) = if reading.place.is_proof() {
            (SIGNATURE_MOST_BYTES, advice::NO_SIGNATURE)
        } else {
            (FILE_MOST_BYTES, advice::TOO_LARGE)
        };
        if self.is_heavy(reading, size_bytes) {
            return false;
        }
        if size_bytes > most {
            self.refuse(&reading.path, format!("The file is larger than {most} bytes."), help);
            return false;
        }
        let before = self.total_bytes;
        self.total_bytes = before.saturating_add(size_bytes);
        if before <= TOTAL_MOST_BYTES && self.total_bytes > TOTAL_MOST_BYTES {
            let what = format!("The source is larger than {TOTAL_MOST_BYTES} bytes in all.");
            self.refuse(&reading.path, what, advice::OUTSIDE);
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
