//! The keys by which checkpoints are verified: those of logs, and those of witnesses that cosign them.
//!
//! # Source
//! C2SP `signed-note`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::note::NoteError;
use super::origin::Origin;

/// Who a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyType {
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
    pub(super) name: String,
    kind: KeyType,
    key: VerifyingKey,
}

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
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Option<Signed> {
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
pub(super) enum Signed {
    ByLog,
    /// With the time in seconds since 1970.
    ByWitness(u64),
}

pub(super) fn key_id(name: &str, kind: KeyType, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(key).finalize();
    let mut id = [0; 4];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

/// `signed-note`: not empty, no Unicode spaces, no plus.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn keys_survive_their_line_and_lines_with_another_id_are_refused() {
        let signing = SigningKey::from_bytes(&[1; 32]);
        let key =
            LogKey::of_log(&"assent/harbor/eu-1/acme".parse().unwrap(), signing.verifying_key().as_bytes()).unwrap();
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
