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

    /// The key's point: uncompressed and without its first byte, for P-256.
    fn point(self) -> Vec<u8> {
        match self.kind {
            Kind::Es256 => {
                let whole = self.es256().verifying_key().to_encoded_point(false);
                whole.as_bytes().iter().copied().skip(1).collect()
            }
            Kind::EdDsa => self.eddsa().verifying_key().to_bytes().to_vec(),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub(crate) fn spki(self) -> Vec<u8> {
        let head: &[u8] = match self.kind {
            Kind::Es256 => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
            }
            Kind::EdDsa => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
        };
        [head, &self.point()].concat()
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
        let point = self.point();
        let cose = match self.kind {
            Kind::Es256 => {
                let (x, y) = point.split_at(32);
                [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat()
            }
            Kind::EdDsa => [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(), &point].concat(),
        };
        let after = [&[7_u8; 16], b"\x00\x20".as_slice(), &self.credential(), &cose, &request.after].concat();
        Registration {
            credential: URL_SAFE_NO_PAD.encode(self.credential()),
            key: URL_SAFE_NO_PAD.encode(self.spki()),
            authenticator_data: URL_SAFE_NO_PAD.encode(request.data(&after)),
            client_data: URL_SAFE_NO_PAD.encode(request.client()),
        }
    }
}
