//! An authenticator of one's own making: it signs whatever a test asks for, honest or not.

use assent_schema::passkey::{Assertion, Passkey, Registration};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

/// User present and user verified.
pub(crate) const FLAGS: u8 = 0b101;

/// Which algorithm a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Es256,
    EdDsa,
}

/// One credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticator {
    pub(crate) kind: Kind,
    pub(crate) seed: u8,
}

/// What is signed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: &'static str,
    pub(crate) file: Vec<u8>,
    pub(crate) origin: String,
    pub(crate) rp: String,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    /// What stands behind the origin in the client data.
    pub(crate) rest: &'static str,
    /// What stands behind the counter.
    pub(crate) after: Vec<u8>,
}

impl Request {
    /// An honest one.
    pub(crate) fn new(file: &[u8], origin: &str, rp: &str) -> Self {
        let (file, origin, rp) = (file.to_vec(), origin.to_owned(), rp.to_owned());
        let rest = ",\"crossOrigin\":false";
        Self { kind: "webauthn.get", file, origin, rp, flags: FLAGS, count: 0, rest, after: Vec::new() }
    }

    fn client(&self) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.file));
        let Self { kind, origin, rest, .. } = self;
        format!("{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"{origin}\"{rest}}}")
    }

    fn data(&self, after: &[u8]) -> Vec<u8> {
        [&Sha256::digest(&self.rp)[..], &[self.flags], &self.count.to_be_bytes(), after].concat()
    }
}

impl Authenticator {
    fn es256(self) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[self.seed; 32]).expect("a scalar")
    }

    fn eddsa(self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[self.seed; 32])
    }

    /// The name of the credential.
    pub(crate) fn credential(self) -> Vec<u8> {
        Sha256::digest([self.seed, u8::from(self.kind == Kind::Es256)]).to_vec()
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(self) -> Vec<u8> {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
        };
        match self.kind {
            Kind::Es256 => {
                let point = self.es256().verifying_key().to_encoded_point(false);
                [hex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), point.as_bytes().to_vec()].concat()
            }
            Kind::EdDsa => [hex("302a300506032b6570032100"), self.eddsa().verifying_key().to_bytes().to_vec()].concat(),
        }
    }

    /// The line of a signed file.
    pub(crate) fn line(self, rp: &str) -> String {
        format!("passkey {rp} {} {}", URL_SAFE_NO_PAD.encode(self.credential()), STANDARD.encode(self.spki()))
    }

    /// The same as a value.
    pub(crate) fn passkey(self, rp: &str) -> Passkey {
        self.line(rp).parse().expect("a passkey")
    }

    /// Signs.
    pub(crate) fn sign(self, request: &Request) -> Assertion {
        let (data, client) = (request.data(&request.after), request.client());
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = match self.kind {
            Kind::Es256 => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&self.es256(), &message);
                signature.to_der().as_bytes().to_vec()
            }
            Kind::EdDsa => self.eddsa().sign(&message).to_bytes().to_vec(),
        };
        Assertion {
            credential: URL_SAFE_NO_PAD.encode(self.credential()),
            authenticator_data: URL_SAFE_NO_PAD.encode(data),
            client_data: URL_SAFE_NO_PAD.encode(client),
            signature: URL_SAFE_NO_PAD.encode(signature),
        }
    }

    /// Tells of itself, as a new credential.
    pub(crate) fn register(self, request: &Request) -> Registration {
        let spki = self.spki();
        let cose = match self.kind {
            Kind::Es256 => {
                let (x, y) = spki[27..].split_at(32);
                [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat()
            }
            Kind::EdDsa => [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(), &spki[12..]].concat(),
        };
        let after = [&[7_u8; 16], b"\x00\x20".as_slice(), &self.credential(), &cose, &request.after].concat();
        Registration {
            credential: URL_SAFE_NO_PAD.encode(self.credential()),
            key: URL_SAFE_NO_PAD.encode(spki),
            authenticator_data: URL_SAFE_NO_PAD.encode(request.data(&after)),
            client_data: URL_SAFE_NO_PAD.encode(request.client()),
        }
    }
}
