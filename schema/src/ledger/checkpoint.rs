//! Checkpoints: size and root of a log as a C2SP signed note, and the keys that sign them.
//!
//! # Source
//! C2SP `signed-note` v1.0.0, `tlog-checkpoint` v1.0.0, `tlog-cosignature` v1.0.1; formats.md section 4.

use ed25519_dalek::{Signer as _, SigningKey};

use super::log_key::{KeyType, LogKey, Signed, key_id};
use super::note::{NOTE_MOST_BYTES, NoteError, SignatureLine, parse_text, signature_line, split, text_of};
use super::tree::Head;

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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD as BASE64;

    use super::*;
    use crate::canon::Digest;

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
}
