//! A secret key in memory, read from a file as OpenSSH writes it; gone when dropped.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::key::PublicKey;

/// A secret Ed25519 key. Neither shown nor written out by accident; zeroed on drop.
pub struct Signer {
    secret: SigningKey,
    public: PublicKey,
}

/// Why a text is not a private key that can sign here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPrivateKey {
    /// It is not a private key in OpenSSH's form.
    Form,
    /// It is protected by a passphrase.
    Encrypted,
    /// It is of another type than `ssh-ed25519`; a hardware key signs through `ssh-keygen`.
    Type,
}

impl fmt::Display for BadPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not a private key as `ssh-keygen -t ed25519` writes it",
            Self::Encrypted => "is protected by a passphrase",
            Self::Type => "is not an ssh-ed25519 key, in a file or in hardware",
        })
    }
}

impl std::error::Error for BadPrivateKey {}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}

impl Signer {
    /// The key that grows from 32 secret bytes.
    ///
    /// # Errors
    /// [`BadPrivateKey::Form`] for a seed whose point no honest key has; nobody will ever see that.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, BadPrivateKey> {
        let secret = SigningKey::from_bytes(seed);
        let public = PublicKey::ed25519(secret.verifying_key().to_bytes()).or(Err(BadPrivateKey::Form))?;
        Ok(Self { secret, public })
    }

    /// Reads a private key file of OpenSSH.
    ///
    /// # Errors
    /// When it is not one, is encrypted, or is not Ed25519.
    pub fn from_openssh(text: &[u8]) -> Result<Self, BadPrivateKey> {
        let key = PrivateKey::from_openssh(text).or(Err(BadPrivateKey::Form))?;
        if key.is_encrypted() {
            return Err(BadPrivateKey::Encrypted);
        }
        let pair = key.key_data().ed25519().ok_or(BadPrivateKey::Type)?;
        let seed = Zeroizing::new(pair.private.to_bytes());
        let signer = Self::from_seed(&seed)?;
        // A file whose public half is another key would sign under a name that it does not have.
        if signer.public.point() == pair.public.as_ref() { Ok(signer) } else { Err(BadPrivateKey::Form) }
    }

    /// The public half in a private key file of OpenSSH, which stands there in clear even where a passphrase or hardware keeps
    /// the private one.
    ///
    /// # Errors
    /// When it is not such a file, or of a type that signs nothing here.
    pub fn public_of(text: &[u8]) -> Result<PublicKey, BadPrivateKey> {
        let key = PrivateKey::from_openssh(text).or(Err(BadPrivateKey::Form))?;
        let line = key.public_key().to_openssh().or(Err(BadPrivateKey::Form))?;
        line.parse().or(Err(BadPrivateKey::Type))
    }

    /// Writes the key as a private key file of OpenSSH.
    ///
    /// # Errors
    /// [`BadPrivateKey::Form`] when the comment cannot stand in one.
    pub fn to_openssh(&self, comment: &str) -> Result<Zeroizing<String>, BadPrivateKey> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from(&self.secret));
        PrivateKey::new(pair, comment).and_then(|key| key.to_openssh(LineEnding::LF)).or(Err(BadPrivateKey::Form))
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs the challenge of a log-in by SSH; nothing for what is none, so that no statement is signed by this way.
    ///
    /// # Source
    /// RFC 4252 section 7: session id (a hash of 32 or 64 bytes), then `SSH_MSG_USERAUTH_REQUEST`.
    pub fn log_in(&self, challenge: &[u8]) -> Option<[u8; 64]> {
        let (length, rest) = challenge.split_first_chunk::<4>()?;
        let session = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| (20..=64).contains(length))?;
        (rest.get(session) == Some(&50)).then(|| self.sign(challenge))
    }

    /// Signs bytes as they are.
    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.secret.sign(bytes).to_bytes()
    }
}
