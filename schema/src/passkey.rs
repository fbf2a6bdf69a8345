//! Passkeys: keys of people inside authenticators, and what browsers bring back from them.
//!
//! Two algorithms, each with one spelling of its key. An algorithm is a property of the key that a signed file names; what
//! comes from the browser never chooses it. CBOR is not parsed: the one place where it matters, the key in a registration,
//! is compared with the only bytes that CTAP2 allows there.
//!
//! # Source
//! Web Authentication Level 3, sections 5.8.1, 6.1, 7.1 and 7.2; CTAP 2.1 section 8 (canonical CBOR); RFC 5480 and RFC 8410
//! (keys); RFC 9053 section 7 (COSE keys).

mod browser;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use browser::{HAS_CREDENTIAL, HAS_EXTENSIONS, Head, check_client, part};
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::point;

/// The word with which a passkey's line begins.
const KIND: &str = "passkey";
/// The lengths that the name of a credential may have, in bytes.
const CREDENTIAL_BYTES: std::ops::RangeInclusive<usize> = 16..=1_023;
/// The longest relying party id.
const RP_MOST_BYTES: usize = 253;
/// What stands before an uncompressed point of P-256 in a `SubjectPublicKeyInfo`.
const ES256_SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// What stands before a point of Ed25519 in a `SubjectPublicKeyInfo`.
const EDDSA_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// A passkey of a person: `passkey RP-ID CREDENTIAL KEY`, as it stands in a signed file.
///
/// # Shape
/// The credential is base64url without padding, the key the base64 of a `SubjectPublicKeyInfo`. Points are on their curve, and
/// each key has one spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Passkey {
    rp: Box<str>,
    credential: Box<[u8]>,
    key: Key,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The uncompressed point of P-256 without its first byte.
    Es256([u8; 64]),
    EdDsa([u8; 32]),
}

/// Why a text is no passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPasskey {
    /// It is not four words, or one of them is not in its form.
    Form,
    /// The relying party id is no name of a host.
    Rp,
    /// The name of the credential is shorter than 16 bytes or longer than 1,023.
    Credential,
    /// The key is neither one of P-256 nor one of Ed25519 in its one spelling.
    Key,
}

impl fmt::Display for BadPasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not `passkey RP-ID CREDENTIAL KEY` as the console prints it",
            Self::Rp => "is a passkey for what is not a name of a host",
            Self::Credential => "is a passkey whose credential is shorter than 16 bytes or longer than 1,023",
            Self::Key => "is a passkey whose key is neither P-256 nor Ed25519 in its one spelling",
        })
    }
}

impl std::error::Error for BadPasskey {}

/// Why what a browser brought does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyError {
    /// A part of it is not in its form.
    Form,
    /// No passkey of this person has that credential.
    UnknownKey,
    /// The key did not sign these bytes.
    Mismatch,
    /// It was made for something else than it is used for, in a frame of another site, or carries a key where none may be.
    Type,
    /// It answers another challenge.
    Challenge,
    /// It was made on another page.
    Origin,
    /// It was made for another relying party.
    Rp,
    /// Nobody touched the authenticator.
    UserPresence,
    /// The authenticator did not see who touched it.
    UserVerification,
}

impl fmt::Display for PasskeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not what an authenticator gives",
            Self::UnknownKey => "is by a passkey that is not listed for this person here",
            Self::Mismatch => "was not signed by that passkey",
            Self::Type => "was made for something else",
            Self::Challenge => "answers another challenge",
            Self::Origin => "was made on another page",
            Self::Rp => "was made for another site",
            Self::UserPresence => "was made without anybody's touch",
            Self::UserVerification => "was made without a PIN, a finger or a face",
        })
    }
}

impl std::error::Error for PasskeyError {}

/// What an authenticator signed, as the browser gave it: base64url without padding, each part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The name of the credential.
    pub credential: String,
    /// The bytes that the authenticator signed first.
    pub authenticator_data: String,
    /// The bytes whose hash it signed after them: `clientDataJSON`.
    pub client_data: String,
    /// Its signature.
    pub signature: String,
}

/// A new credential, as the browser gave it: base64url without padding, each part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The name of the credential.
    pub credential: String,
    /// Its `SubjectPublicKeyInfo`.
    pub key: String,
    /// What the authenticator says of it.
    pub authenticator_data: String,
    /// What the browser says: `clientDataJSON`.
    pub client_data: String,
}

/// What must have been asked for, and on which page.
#[derive(Clone, Copy, Debug)]
pub struct Ceremony<'a> {
    /// The bytes whose SHA-256 is the challenge.
    pub file: &'a [u8],
    /// The page's origin: `https://console.example`.
    pub origin: &'a str,
}

/// A passkey that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which.
    pub passkey: Passkey,
    /// How often it signed, as it says; 0 where it does not count.
    pub count: u32,
}

/// The relying party id of pages of a host, which may have a port; nothing for an address of numbers, which can have none.
pub fn rp_of(host: &str) -> Option<&str> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    is_rp(name).then_some(name)
}

fn is_rp(text: &str) -> bool {
    let label = |label: &str| {
        let fine = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fine && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= RP_MOST_BYTES && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

impl Key {
    fn from_spki(spki: &[u8]) -> Option<Self> {
        if let Some(point) = spki.strip_prefix(ES256_SPKI) {
            let [4, rest @ ..] = point else { return None };
            // Whether the point is on the curve; an uncompressed one has one spelling.
            p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            return rest.try_into().ok().map(Self::Es256);
        }
        let point = spki.strip_prefix(EDDSA_SPKI)?.try_into().ok()?;
        point::is_honest(&point).then_some(Self::EdDsa(point))
    }

    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Es256(point) => [ES256_SPKI, &[4], point].concat(),
            Self::EdDsa(point) => [EDDSA_SPKI, point.as_slice()].concat(),
        }
    }

    /// The one spelling of the key in authenticator data.
    fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(point) => {
                let (x, y) = point.split_at(32);
                [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat()
            }
            Self::EdDsa(point) => [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(), point].concat(),
        }
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                let point = [&[4], point.as_slice()].concat();
                let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point) else { return false };
                // Authenticators write either of the two s; the DER around them has one spelling.
                let Ok(read) = p256::ecdsa::Signature::from_der(signature) else { return false };
                read.to_der().as_bytes() == signature && key.verify(message, &read).is_ok()
            }
            Self::EdDsa(point) => {
                let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(point) else { return false };
                let Ok(read) = ed25519_dalek::Signature::from_slice(signature) else { return false };
                key.verify_strict(message, &read).is_ok()
            }
        }
    }
}

impl Passkey {
    /// For which site it is.
    pub fn rp(&self) -> &str {
        &self.rp
    }

    /// The name of the credential, base64url without padding.
    pub fn credential(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.credential)
    }

    /// 32 bytes that no other key has: the point of an Ed25519 key, so that it is the same as in an SSH key, else a hash.
    pub fn point(&self) -> [u8; 32] {
        match &self.key {
            Key::EdDsa(point) => *point,
            Key::Es256(_) => Sha256::digest(self.key.spki()).into(),
        }
    }

    /// What a browser says of a new credential, made on our page for this site.
    ///
    /// # Errors
    /// As [`PasskeyError`] says.
    ///
    /// # Source
    /// Section 7.1; attestation is not asked for, since what counts is the signed file that names the key.
    pub fn register(registration: &Registration, rp: &str, ceremony: &Ceremony<'_>) -> Result<Self, PasskeyError> {
        let Registration { credential, key, authenticator_data, client_data } = registration;
        let (credential, key) = (part(credential)?, part(key)?);
        let (data, client) = (part(authenticator_data)?, part(client_data)?);
        check_client(&client, "webauthn.create", ceremony)?;
        let head = Head::read(&data).ok_or(PasskeyError::Form)?;
        head.check(rp, ceremony.origin)?;
        let key = Key::from_spki(&key).ok_or(PasskeyError::Form)?;
        if head.flags & HAS_CREDENTIAL == 0 || !is_rp(rp) || !CREDENTIAL_BYTES.contains(&credential.len()) {
            return Err(PasskeyError::Form);
        }
        let length = u16::try_from(credential.len()).or(Err(PasskeyError::Form))?.to_be_bytes();
        let rest = head.rest.get(16..).unwrap_or_default();
        let wanted = [length.as_slice(), &credential, &key.cose()].concat();
        let after = rest.strip_prefix(wanted.as_slice()).ok_or(PasskeyError::Form)?;
        if after.is_empty() == (head.flags & HAS_EXTENSIONS != 0) {
            return Err(PasskeyError::Form);
        }
        Ok(Self { rp: rp.into(), credential: credential.into(), key })
    }
}

impl Assertion {
    /// Verifies that one of these passkeys signed, on that page, with its person's touch and recognised.
    ///
    /// The signature is looked at first: whoever has no key learns nothing else.
    ///
    /// # Errors
    /// As [`PasskeyError`] says. Never panics, whatever the bytes.
    ///
    /// # Source
    /// Section 7.2. That a challenge is used once, and that counters go up, is for who keeps them to judge.
    pub fn verify(&self, passkeys: &BTreeSet<Passkey>, ceremony: &Ceremony<'_>) -> Result<Used, PasskeyError> {
        let credential = part(&self.credential)?;
        let (data, client) = (part(&self.authenticator_data)?, part(&self.client_data)?);
        let signature = part(&self.signature)?;
        let passkey = passkeys.iter().find(|passkey| *passkey.credential == *credential);
        let passkey = passkey.ok_or(PasskeyError::UnknownKey)?;
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        if !passkey.key.signed(&message, &signature) {
            return Err(PasskeyError::Mismatch);
        }
        check_client(&client, "webauthn.get", ceremony)?;
        let head = Head::read(&data).ok_or(PasskeyError::Form)?;
        head.check(&passkey.rp, ceremony.origin)?;
        if head.flags & HAS_CREDENTIAL != 0 || head.rest.is_empty() == (head.flags & HAS_EXTENSIONS != 0) {
            return Err(PasskeyError::Type);
        }
        Ok(Used { passkey: passkey.clone(), count: head.count })
    }
}

impl fmt::Display for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND} {} {} {}", self.rp, self.credential(), STANDARD.encode(self.key.spki()))
    }
}

impl std::str::FromStr for Passkey {
    type Err = BadPasskey;

    fn from_str(text: &str) -> Result<Self, BadPasskey> {
        let words: Vec<_> = text.split(' ').collect();
        let [KIND, rp, credential, key] = words.as_slice() else { return Err(BadPasskey::Form) };
        if !is_rp(rp) {
            return Err(BadPasskey::Rp);
        }
        let credential = URL_SAFE_NO_PAD.decode(credential).or(Err(BadPasskey::Form))?;
        if !CREDENTIAL_BYTES.contains(&credential.len()) {
            return Err(BadPasskey::Credential);
        }
        let spki = STANDARD.decode(key).or(Err(BadPasskey::Form))?;
        let key = Key::from_spki(&spki).ok_or(BadPasskey::Key)?;
        Ok(Self { rp: (*rp).into(), credential: credential.into(), key })
    }
}

impl TryFrom<String> for Passkey {
    type Error = BadPasskey;

    fn try_from(text: String) -> Result<Self, BadPasskey> {
        text.parse()
    }
}

impl From<Passkey> for String {
    fn from(passkey: Passkey) -> Self {
        passkey.to_string()
    }
}
