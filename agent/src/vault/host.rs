//! The host's age key: what vault and day keys are sealed to. It never leaves the host.

use std::fmt;
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use zeroize::Zeroizing;

/// The host's key. No `Debug`, `Display` or `Serialize`.
pub struct HostKey {
    identity: Identity,
    recipient: Recipient,
}

/// The bytes are no age key, or what was sealed does not open with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostKeyError;

impl fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host's key does not fit: the file is not an age key, or this was sealed to another")
    }
}

impl std::error::Error for HostKeyError {}

impl HostKey {
    /// A new key, from the system's dice.
    pub fn generate() -> Self {
        Self::of(Identity::generate())
    }

    /// Reads the key from its file: one line that begins with `AGE-SECRET-KEY-1`, as `age-keygen` writes it.
    ///
    /// # Errors
    /// When there is no such line, or more than one.
    pub fn from_file(bytes: &[u8]) -> Result<Self, HostKeyError> {
        let text = std::str::from_utf8(bytes).or(Err(HostKeyError))?;
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(HostKeyError) };
        Identity::from_str(line).map(Self::of).or(Err(HostKeyError))
    }

    /// The key's file, for mode 0600.
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let line = self.identity.to_string();
        Zeroizing::new(format!("{}\n", line.expose_secret()).into_bytes())
    }

    /// The public half, as `age -r` takes it.
    pub fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    /// Seals bytes to this host.
    ///
    /// # Errors
    /// When age refuses, which it does not for a key of this kind.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, HostKeyError> {
        age::encrypt(&self.recipient, bytes).or(Err(HostKeyError))
    }

    /// Opens what was sealed to this host.
    ///
    /// # Errors
    /// When it was sealed to another, or a byte was changed.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, HostKeyError> {
        age::decrypt(&self.identity, sealed).map(Zeroizing::new).or(Err(HostKeyError))
    }

    fn of(identity: Identity) -> Self {
        let recipient = identity.to_public();
        Self { identity, recipient }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_alone() {
        let key = HostKey::generate();
        let again = HostKey::from_file(&key.to_file()).unwrap();
        let mut sealed = key.seal(b"canary").unwrap();
        assert_eq!(again.open(&sealed).unwrap().as_slice(), b"canary");
        assert!(HostKey::generate().open(&sealed).is_err());
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert!(key.open(&sealed).is_err());
    }

    #[test]
    fn a_file_holds_one_key() {
        let line = HostKey::generate().to_file();
        let twice: Vec<u8> = line.iter().chain(line.iter()).copied().collect();
        for bad in [b"".as_slice(), b"AGE-SECRET-KEY-1", b"# nothing\n", &twice, &[0xff]] {
            assert!(HostKey::from_file(bad).is_err());
        }
        let commented: Vec<u8> = b"# created by age-keygen\n".iter().chain(line.iter()).copied().collect();
        assert!(HostKey::from_file(&commented).is_ok());
    }
}
