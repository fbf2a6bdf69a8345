//! Proofs as text: that one entry is in a log, and that a log grew out of an older one.
//!
//! # Source
//! C2SP `tlog-proof` v1 and the `add-checkpoint` body of `tlog-witness` v1.0.0; formats.md section 4.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use super::audit::Fault;
use super::checkpoint::Checkpoint;
use super::entry::{BODY_MOST_BYTES, Entry, Salt, commitment};
use super::log_key::LogKey;
use super::note::{parse_hash, parse_size};
use super::tree::{PROOF_MOST, verify_consistency, verify_inclusion};
use crate::canon::Digest;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof that one entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The place of the entry.
    pub index: u64,
    /// Salt and body; `None` when the body is gone.
    pub opened: Option<(Salt, Vec<u8>)>,
    /// The path of RFC 6962 section 2.1.1.
    pub path: Vec<Digest>,
    /// The checkpoint that it leads to, as a note.
    pub checkpoint: String,
}

impl Inclusion {
    /// The text of an `<index>.tlog-proof` file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        if let Some((salt, body)) = &self.opened {
            let extra: Vec<u8> = salt.iter().chain(body).copied().collect();
            push_line(&mut text, "extra ", &BASE64.encode(extra));
        }
        push_line(&mut text, "index ", &self.index.to_string());
        push_path(&mut text, &self.path);
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a proof. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Fault::BadProof`] when the text has another form.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = Fault::BadProof;
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(bad)?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(bad);
        }
        let opened = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                let opened = parse_extra(extra).ok_or(bad)?;
                lines.next();
                Some(opened)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_size).ok_or(bad)?;
        let path = parse_path(lines).ok_or(bad)?;
        Ok(Self { index, opened, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies the proof against the log's key. With the body it gives the entry; without, the caller brings the
    /// commitment.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn verify(&self, key: &LogKey, known: Option<&Digest>) -> Result<Option<Entry>, Fault> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, key, &[]).or(Err(Fault::BadCheckpoint))?;
        let opened = self.opened.as_ref().map(|(salt, body)| commitment(salt, body));
        let committed = match (opened, known) {
            (Some(opened), Some(known)) if opened != *known => return Err(Fault::BadCommitment),
            (Some(committed), _) => committed,
            (None, Some(known)) => *known,
            (None, None) => return Err(Fault::BadProof),
        };
        let head = checkpoint.head();
        if !verify_inclusion(committed.as_bytes(), self.index, head.size, &self.path, &head.root) {
            return Err(Fault::BadProof);
        }
        let Some((_, body)) = &self.opened else { return Ok(None) };
        let entry = Entry::from_bytes(body).or(Err(Fault::BadBody))?;
        if entry.log != head.origin {
            return Err(Fault::WrongLog);
        }
        if entry.index == self.index { Ok(Some(entry)) } else { Err(Fault::BadIndex) }
    }
}

/// A proof that a log grew out of an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The size of the older log.
    pub old: u64,
    /// The path of RFC 6962 section 2.1.2.
    pub path: Vec<Digest>,
    /// The newer checkpoint, as a note.
    pub checkpoint: String,
}

impl Consistency {
    /// The text of an `add-checkpoint` body.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        push_path(&mut text, &self.path);
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads an `add-checkpoint` body. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Fault::BadProof`] when the text has another form.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = Fault::BadProof;
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(bad)?;
        let mut lines = proof.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_size).ok_or(bad)?;
        let path = parse_path(lines).ok_or(bad)?;
        Ok(Self { old, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that the newer checkpoint continues the older one.
    ///
    /// # Errors
    /// The first thing that does not verify.
    pub fn verify(&self, key: &LogKey, older: &Checkpoint) -> Result<Checkpoint, Fault> {
        let newer = Checkpoint::verify(&self.checkpoint, key, &[]).or(Err(Fault::BadCheckpoint))?;
        let (from, to) = (older.head(), newer.head());
        if from.size != self.old || from.origin != to.origin {
            return Err(Fault::BadProof);
        }
        let grew = self.leads((from.size, &from.root), (to.size, &to.root));
        if grew { Ok(newer) } else { Err(Fault::NotConsistent) }
    }
}

impl Consistency {
    /// Whether the path leads from one size and root to another.
    pub fn leads(&self, (old, old_root): (u64, &Digest), (size, root): (u64, &Digest)) -> bool {
        verify_consistency(old, old_root, size, root, &self.path)
    }
}

fn push_path(text: &mut String, path: &[Digest]) {
    for hash in path {
        push_line(text, "", &BASE64.encode(hash.as_bytes()));
    }
    text.push('\n');
}

fn push_line(text: &mut String, word: &str, value: &str) {
    text.push_str(word);
    text.push_str(value);
    text.push('\n');
}

fn parse_path<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Digest>> {
    let path = lines.take(PROOF_MOST + 1).map(parse_hash).collect::<Option<Vec<_>>>()?;
    Some(path).filter(|path| path.len() <= PROOF_MOST)
}

fn parse_extra(text: &str) -> Option<(Salt, Vec<u8>)> {
    let most = (BODY_MOST_BYTES + 32).div_ceil(3) * 4;
    let bytes = BASE64.decode(Some(text).filter(|text| text.len() <= most)?).ok()?;
    let (salt, body) = bytes.split_first_chunk::<32>()?;
    Some((*salt, body.to_vec()))
}
