//! Checkpoints: size and root of a log as a C2SP signed note, and the keys that sign them.
//!
//! # Source
//! C2SP `signed-note` v1.0.0, `tlog-checkpoint` v1.0.0, `tlog-cosignature` v1.0.1; formats.md section 4.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::origin::Origin;
use super::tree::Head;
use crate::canon::Digest;

/// The largest note, in bytes: a checkpoint with a hundred cosignatures is far below.
pub const NOTE_MOST_BYTES: usize = 64 << 10;
/// The most signature lines of a note.
const SIGNATURES_MOST: usize = 100;
/// How a signature line begins: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Who a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyType {
    /// The log's own key.
    Log,
    /// A witness that cosigns with a time.
    Witness,
}

impl KeyType {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Witness => 0x04,
        }
    }
}

/// A public key by which checkpoints are verified, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    name: String,
    kind: KeyType,
    key: VerifyingKey,
}

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

impl LogKey {
    /// The key of a log, from its 32 bytes.
    ///
    /// # Errors
    /// `BadKey` when the bytes are no point of the curve.
    pub fn of_log(origin: &Origin, key: &[u8; 32]) -> Result<Self, NoteError> {
        Self::new(origin.to_string(), KeyType::Log, key)
    }

    /// The key of a witness.
    ///
    /// # Errors
    /// `BadKey` when the bytes are no point of the curve, or the name is none.
    pub fn of_witness(name: &str, key: &[u8; 32]) -> Result<Self, NoteError> {
        Self::new(name.to_owned(), KeyType::Witness, key)
    }

    fn new(name: String, kind: KeyType, key: &[u8; 32]) -> Result<Self, NoteError> {
        let key = VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak());
        key.filter(|_| is_key_name(&name)).map(|key| Self { name, kind, key }).ok_or(NoteError::BadKey)
    }

    /// Reads a vkey line: `name+id+base64(type || key)`.
    ///
    /// # Errors
    /// `BadKey` when it has another form, another type, or an id that does not fit.
    pub fn from_vkey(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey);
        };
        let data = BASE64.decode(data).or(Err(NoteError::BadKey))?;
        let (kind, key) = match data.split_first() {
            Some((0x01, key)) => (KeyType::Log, key),
            Some((0x04, key)) => (KeyType::Witness, key),
            _ => return Err(NoteError::BadKey),
        };
        let key = key.try_into().or(Err(NoteError::BadKey))?;
        let key = Self::new(name.to_owned(), kind, key)?;
        if id == hex(&key.id()) { Ok(key) } else { Err(NoteError::BadKey) }
    }

    /// The key as one line for tools: `name+id+base64(type || key)`.
    pub fn to_vkey(&self) -> String {
        let data: Vec<u8> = [self.kind.byte()].into_iter().chain(*self.key.as_bytes()).collect();
        format!("{}+{}+{}", self.name, hex(&self.id()), BASE64.encode(data))
    }

    /// The key as a file for OpenSSL: PEM of `SubjectPublicKeyInfo`.
    ///
    /// # Source
    /// RFC 8410 section 4: a fixed prefix, then the 32 bytes.
    pub fn to_pem(&self) -> String {
        const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let der: Vec<u8> = PREFIX.into_iter().chain(*self.key.as_bytes()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(der))
    }

    /// The name that stands in signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key of a log, for the log that the agent wrote in another of its lives: what ended or began with a recovery.
    ///
    /// # Errors
    /// [`NoteError::WrongOrigin`] when that is the log of another agent or client.
    pub fn of_life(&self, origin: &Origin) -> Result<Self, NoteError> {
        let own: Origin = self.name.parse().or(Err(NoteError::WrongOrigin))?;
        if (Origin { life: origin.life, ..own }) != *origin {
            return Err(NoteError::WrongOrigin);
        }
        Self::of_log(origin, self.key.as_bytes())
    }

    /// Whether it is a key of a witness and not of a log.
    pub fn is_of_witness(&self) -> bool {
        self.kind == KeyType::Witness
    }

    /// The first four bytes of `SHA256(name || "\n" || type || key)`.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.kind, self.key.as_bytes())
    }

    /// Who signed a note's text, if the signature by this key holds.
    fn verify(&self, text: &str, signature: &[u8]) -> Option<Signed> {
        match self.kind {
            KeyType::Log => {
                let signature = Signature::from_slice(signature).ok()?;
                self.key.verify_strict(text.as_bytes(), &signature).ok().map(|()| Signed::ByLog)
            }
            KeyType::Witness => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                let signature = Signature::from_slice(signature).ok()?;
                self.key.verify_strict(message.as_bytes(), &signature).ok().map(|()| Signed::ByWitness(time))
            }
        }
    }
}

/// Who signed a note.
enum Signed {
    ByLog,
    /// With the time in seconds since 1970.
    ByWitness(u64),
}

fn key_id(name: &str, kind: KeyType, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(key).finalize();
    let mut id = [0; 4];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

/// `signed-note`: not empty, no Unicode spaces, no plus.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// A checkpoint whose log signature was verified, with the bytes that were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    head: Head,
    note: String,
    /// Witnesses that cosigned, by name, with their time in seconds since 1970.
    witnessed: Vec<(String, u64)>,
}

impl Checkpoint {
    /// Signs a head with the log's key.
    pub fn sign(head: Head, key: &SigningKey) -> Self {
        let text = text_of(&head);
        let name = head.origin.to_string();
        let id = key_id(&name, KeyType::Log, key.verifying_key().as_bytes());
        let signature = key.sign(text.as_bytes()).to_bytes();
        let note = format!("{text}\n{}", signature_line(&name, id, &signature));
        Self { head, note, witnessed: Vec::new() }
    }

    /// Reads a note and verifies it: exactly one line by the log's key, which holds; lines by the witnesses given hold
    /// too; all other lines are ignored.
    ///
    /// # Errors
    /// [`NoteError`]; a line by a known key that does not verify refuses the whole note.
    pub fn verify(note: &str, log: &LogKey, witnesses: &[LogKey]) -> Result<Self, NoteError> {
        let (text, lines) = split(note)?;
        let head = parse_text(text)?;
        if head.origin.to_string() != log.name {
            return Err(NoteError::WrongOrigin);
        }
        let mut by_log = 0;
        let mut witnessed = Vec::new();
        for line in lines {
            let line = SignatureLine::parse(line)?;
            let Some(key) = std::iter::once(log).chain(witnesses).find(|key| line.is_by(key)) else { continue };
            match key.verify(text, &line.signature).ok_or(NoteError::BadSignature)? {
                // A second line by the same key is no second witness.
                Signed::ByWitness(time) => match witnessed.iter_mut().find(|(name, _)| *name == key.name) {
                    Some((_, before)) => *before = time.max(*before),
                    None => witnessed.push((key.name.clone(), time)),
                },
                Signed::ByLog => by_log += 1,
            }
        }
        if by_log != 1 {
            return Err(NoteError::NotSigned);
        }
        Ok(Self { head, note: note.to_owned(), witnessed })
    }

    /// The same note with one more line: the cosignature of a witness, at so many seconds since 1970.
    ///
    /// # Errors
    /// `BadKey` when the name is none.
    ///
    /// # Source
    /// C2SP `tlog-cosignature` v1.0.1.
    pub fn cosign(&self, name: &str, key: &SigningKey, time: u64) -> Result<String, NoteError> {
        let public = LogKey::of_witness(name, key.verifying_key().as_bytes())?;
        let (text, _) = split(&self.note)?;
        let signature = key.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes()).to_bytes();
        let signed: Vec<u8> = time.to_be_bytes().into_iter().chain(signature).collect();
        Ok(format!("{}{}", self.note, signature_line(name, public.id(), &signed)))
    }

    /// The same note with the line of its log alone.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] when the log is another one.
    pub fn without_cosignatures(&self, log: &LogKey) -> Result<Self, NoteError> {
        let (text, lines) = split(&self.note)?;
        let by_log = |line: &&str| SignatureLine::parse(line).is_ok_and(|line| line.is_by(log));
        let line = lines.into_iter().find(by_log).ok_or(NoteError::NotSigned)?;
        Ok(Self { head: self.head.clone(), note: format!("{text}\n{line}\n"), witnessed: Vec::new() })
    }

    /// The same note with the lines that a witness answered: those by its key, which hold, in place of older ones by it.
    /// Lines by others are left out.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] when no line is by its key, and the others when a line has another form or does not hold.
    ///
    /// # Source
    /// C2SP `tlog-witness`, `add-checkpoint`.
    pub fn take_lines(&self, lines: &str, witness: &LogKey) -> Result<Self, NoteError> {
        let (text, before) = split(&self.note)?;
        if lines.len() > NOTE_MOST_BYTES {
            return Err(NoteError::BadNote);
        }
        let mut newest: Option<(u64, &str)> = None;
        for line in lines.strip_suffix('\n').ok_or(NoteError::BadNote)?.split('\n') {
            let read = SignatureLine::parse(line)?;
            if !read.is_by(witness) {
                continue;
            }
            match witness.verify(text, &read.signature) {
                Some(Signed::ByWitness(time)) => newest = newest.max(Some((time, line))),
                Some(Signed::ByLog) | None => return Err(NoteError::BadSignature),
            }
        }
        let (time, line) = newest.ok_or(NoteError::NotSigned)?;
        let theirs = |line: &&str| SignatureLine::parse(line).is_ok_and(|line| line.is_by(witness));
        let kept: String = before.into_iter().filter(|line| !theirs(line)).flat_map(|line| [line, "\n"]).collect();
        let mut witnessed = self.witnessed.clone();
        witnessed.retain(|(name, _)| *name != witness.name);
        witnessed.push((witness.name.clone(), time));
        let note = format!("{text}\n{kept}{line}\n");
        split(&note)?;
        Ok(Self { head: self.head.clone(), note, witnessed })
    }

    /// Reads size and root of a note without verifying who signed it: to find out which key to verify it with.
    ///
    /// # Errors
    /// [`NoteError`] when the text is no checkpoint.
    pub fn peek(note: &str) -> Result<Head, NoteError> {
        let (text, lines) = split(note)?;
        lines.iter().try_for_each(|line| SignatureLine::parse(line).map(|_| ()))?;
        parse_text(text)
    }

    /// Size and root.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The note as it is stored and published.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The witnesses that cosigned, by name, with their time in seconds since 1970.
    pub fn witnessed(&self) -> &[(String, u64)] {
        &self.witnessed
    }
}

fn text_of(head: &Head) -> String {
    format!("{}\n{}\n{}\n", head.origin, head.size, BASE64.encode(head.root.as_bytes()))
}

fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    let data: Vec<u8> = id.iter().chain(signature).copied().collect();
    format!("{DASH}{name} {}\n", BASE64.encode(data))
}

/// Splits a note at its last empty line into the text that is signed and the signature lines.
fn split(note: &str) -> Result<(&str, Vec<&str>), NoteError> {
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

fn parse_text(text: &str) -> Result<Head, NoteError> {
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

struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl<'a> SignatureLine<'a> {
    fn parse(line: &'a str) -> Result<Self, NoteError> {
        let (name, data) = line.strip_prefix(DASH).and_then(|l| l.split_once(' ')).ok_or(NoteError::BadNote)?;
        let data = BASE64.decode(data).or(Err(NoteError::BadNote))?;
        let (id, signature) = data.split_first_chunk::<4>().ok_or(NoteError::BadNote)?;
        if !is_key_name(name) || signature.is_empty() {
            return Err(NoteError::BadNote);
        }
        Ok(Self { name, id: *id, signature: signature.to_vec() })
    }

    fn is_by(&self, key: &LogKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn head() -> Head {
        Head { origin: "assent/harbor/eu-1/acme".parse().unwrap(), size: 7, root: Digest::of_file(b"root") }
    }

    fn log_key(seed: u8) -> LogKey {
        LogKey::of_log(&head().origin, key(seed).verifying_key().as_bytes()).unwrap()
    }

    fn cosigned(note: &str, seed: u8, time: u64) -> String {
        let text = split(note).unwrap().0;
        let signature = key(seed).sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes()).to_bytes();
        let data: Vec<u8> = time.to_be_bytes().into_iter().chain(signature).collect();
        let id = key_id("witness.example", KeyType::Witness, key(seed).verifying_key().as_bytes());
        format!("{note}{}", signature_line("witness.example", id, &data))
    }

    #[test]
    fn a_signed_head_verifies_and_no_other_byte_string_does() {
        let note = Checkpoint::sign(head(), &key(1)).note().to_owned();
        let verified = Checkpoint::verify(&note, &log_key(1), &[]).unwrap();
        assert_eq!((verified.head(), verified.note()), (&head(), note.as_str()));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let bent = String::from_utf8(bytes).map(|bent| Checkpoint::verify(&bent, &log_key(1), &[]).is_ok());
            assert_ne!(bent, Ok(true), "byte {at}");
        }
    }

    #[test]
    fn another_key_signs_nothing() {
        let note = Checkpoint::sign(head(), &key(2)).note().to_owned();
        assert_eq!(Checkpoint::verify(&note, &log_key(1), &[]), Err(NoteError::NotSigned));
        let other = Head { origin: "assent/harbor/eu-1/birch".parse().unwrap(), ..head() };
        let note = Checkpoint::sign(other, &key(1)).note().to_owned();
        assert_eq!(Checkpoint::verify(&note, &log_key(1), &[]), Err(NoteError::WrongOrigin));
    }

    #[test]
    fn unknown_lines_are_ignored_and_known_ones_that_fail_refuse_the_note() {
        let note = cosigned(Checkpoint::sign(head(), &key(1)).note(), 9, 1_700_000_000);
        let witness = LogKey::of_witness("witness.example", key(9).verifying_key().as_bytes()).unwrap();
        let unknown = Checkpoint::verify(&note, &log_key(1), &[]).unwrap();
        assert!(unknown.witnessed().is_empty());
        let known = Checkpoint::verify(&note, &log_key(1), std::slice::from_ref(&witness)).unwrap();
        assert_eq!(known.witnessed(), [("witness.example".to_owned(), 1_700_000_000)]);
        let (text, lines) = split(&note).unwrap();
        let line = SignatureLine::parse(lines[1]).unwrap();
        let mut forged = line.signature.clone();
        forged[20] ^= 1;
        let forged = format!("{text}\n{}\n{}", lines[0], signature_line(line.name, line.id, &forged));
        assert!(Checkpoint::verify(&forged, &log_key(1), &[]).is_ok());
        assert_eq!(Checkpoint::verify(&forged, &log_key(1), &[witness]), Err(NoteError::BadSignature));
    }

    #[test]
    fn the_logs_line_stands_once() {
        let note = Checkpoint::sign(head(), &key(1)).note().to_owned();
        let line = split(&note).unwrap().1[0];
        assert_eq!(Checkpoint::verify(&format!("{note}{line}\n"), &log_key(1), &[]), Err(NoteError::NotSigned));
    }

    #[test]
    fn extension_lines_and_other_spellings_are_refused() {
        let signed = |text: &str| {
            let id = log_key(1).id();
            let signature = key(1).sign(text.as_bytes()).to_bytes();
            format!("{text}\n{}", signature_line(log_key(1).name(), id, &signature))
        };
        let root = BASE64.encode(head().root.as_bytes());
        assert!(Checkpoint::verify(&signed(&text_of(&head())), &log_key(1), &[]).is_ok());
        for text in [
            format!("assent/harbor/eu-1/acme\n7\n{root}\nextension\n"),
            format!("assent/harbor/eu-1/acme\n07\n{root}\n"),
            format!("assent/harbor/eu-1/acme\n+7\n{root}\n"),
            format!("assent/harbor/eu-1/acme\n7\n{}\n", root.trim_end_matches('=')),
            format!("assent/harbor/eu-1/acme\n7\n{root}\n\n"),
        ] {
            assert!(Checkpoint::verify(&signed(&text), &log_key(1), &[]).is_err(), "{text}");
        }
        let note = signed(&text_of(&head()));
        for bent in [note.replace('\n', "\r\n"), note.trim_end().to_owned(), format!("{note}\n"), String::new()] {
            assert!(Checkpoint::verify(&bent, &log_key(1), &[]).is_err());
        }
    }

    #[test]
    fn lines_of_a_witness_take_the_place_of_its_older_ones() {
        let checkpoint = Checkpoint::sign(head(), &key(1));
        let witness = LogKey::of_witness("witness.example", key(9).verifying_key().as_bytes()).unwrap();
        let lines = |note: &str, seed, time| cosigned(note, seed, time).strip_prefix(note).unwrap().to_owned();
        let note = checkpoint.note();
        let first = checkpoint.take_lines(&lines(note, 9, 5), &witness).unwrap();
        let both = lines(note, 9, 7) + &lines(note, 8, 6) + &lines(note, 9, 6);
        let second = first.take_lines(&both, &witness).unwrap();
        assert_eq!(second.note().lines().count(), 6, "one line of the log, one of the witness");
        assert_eq!(second.witnessed(), [("witness.example".to_owned(), 7)]);
        let read = Checkpoint::verify(second.note(), &log_key(1), std::slice::from_ref(&witness)).unwrap();
        assert_eq!(read, second);
        let twice = Checkpoint::verify(&cosigned(second.note(), 9, 9), &log_key(1), std::slice::from_ref(&witness));
        assert_eq!(twice.unwrap().witnessed(), [("witness.example".to_owned(), 9)], "one witness, however often");
        let other = Head { size: 8, ..head() };
        let forged = lines(Checkpoint::sign(other, &key(1)).note(), 9, 5);
        assert_eq!(checkpoint.take_lines(&forged, &witness), Err(NoteError::BadSignature));
        assert_eq!(checkpoint.take_lines(&lines(note, 8, 5), &witness), Err(NoteError::NotSigned));
        for bad in ["", "\n", "x\n", "\u{2014} witness.example AAAA"] {
            assert!(checkpoint.take_lines(bad, &witness).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_survive_their_line_and_lines_with_another_id_are_refused() {
        let key = log_key(1);
        let line = key.to_vkey();
        assert_eq!(LogKey::from_vkey(&line), Ok(key.clone()));
        assert_eq!(LogKey::from_vkey(&line.replacen(&hex(&key.id()), "00000000", 1)), Err(NoteError::BadKey));
        for bad in ["", "a", "a+b", "a+00000000+AQ=="] {
            assert_eq!(LogKey::from_vkey(bad), Err(NoteError::BadKey), "{bad}");
        }
    }

    /// The example of the Go package `golang.org/x/mod/sumdb/note`, which C2SP `signed-note` was taken from.
    #[test]
    fn the_published_key_has_the_published_id() {
        let line = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = LogKey::from_vkey(line).unwrap();
        assert_eq!((key.to_vkey().as_str(), hex(&key.id()).as_str()), (line, "c74f20a3"));
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let data = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let bytes = BASE64.decode(data).unwrap();
        assert_eq!(bytes[..4], key.id());
        assert!(key.verify(text, &bytes[4..]).is_some());
    }
}
