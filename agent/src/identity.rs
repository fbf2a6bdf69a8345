//! The keys of this agent: made once at enrolment, kept in the state folder, never replaced. A new key is a new agent.
//!
//! Three keys, for three things that must not stand in for each other: `signing` (SSH) signs status and rehearsals,
//! `ledger` signs checkpoints, `host` (age) opens the vault and the ledger's day keys.

use std::fmt;
use std::sync::Arc;

use assent_schema::trust::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::ledger::{signing_key_from_file, signing_key_to_file};
use crate::vault::HostKey;
use crate::world::{Dice, Disk, DiskFailure};

const SIGNING: &str = "identity/signing";
const LEDGER: &str = "identity/ledger";
const HOST: &str = "identity/host";

/// The keys of one agent. No `Debug`: they are secrets.
pub struct Identity {
    /// Signs status and rehearsals.
    pub signing: Signer,
    /// Signs checkpoints of the ledger.
    pub ledger: SigningKey,
    /// Opens the vault and the ledger's day keys.
    pub host: Arc<HostKey>,
}

/// Why the keys could not be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFailure {
    /// There are keys already; they are never replaced.
    AlreadyThere,
    /// There are none.
    Missing,
    /// A file holds no key of its kind.
    Damaged,
    /// The state folder cannot be read or written.
    Disk(DiskFailure),
}

impl fmt::Display for IdentityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyThere => f.write_str("this state folder holds the keys of an agent already"),
            Self::Missing => f.write_str("this state folder holds no keys of an agent"),
            Self::Damaged => f.write_str("a key in this state folder cannot be read"),
            Self::Disk(failure) => write!(f, "the keys cannot be read or written: {failure}"),
        }
    }
}

impl std::error::Error for IdentityFailure {}

impl From<DiskFailure> for IdentityFailure {
    fn from(failure: DiskFailure) -> Self {
        Self::Disk(failure)
    }
}

impl Identity {
    /// Makes the keys and keeps them.
    ///
    /// # Errors
    /// [`IdentityFailure::AlreadyThere`], or when the folder cannot be written.
    ///
    /// # Crash
    /// A crash leaves some of the keys; then making them again completes the set with new ones, for none was published.
    pub fn make(disk: &impl Disk, dice: &impl Dice, name: &str) -> Result<Self, IdentityFailure> {
        if [SIGNING, LEDGER, HOST]
            .iter()
            .try_fold(true, |all, path| Ok::<_, DiskFailure>(all && disk.read(path)?.is_some()))?
        {
            return Err(IdentityFailure::AlreadyThere);
        }
        let seed = Zeroizing::new(dice.bytes::<32>());
        let signing = Signer::from_seed(&seed).or(Err(IdentityFailure::Damaged))?;
        let text = signing.to_openssh(name).or(Err(IdentityFailure::Damaged))?;
        disk.write(SIGNING, text.as_bytes())?;
        let ledger = SigningKey::from_bytes(&Zeroizing::new(dice.bytes::<32>()));
        disk.write(LEDGER, &signing_key_to_file(&ledger))?;
        // age brings dice of its own and takes no others.
        let host = HostKey::generate();
        disk.write(HOST, &host.to_file())?;
        Ok(Self { signing, ledger, host: Arc::new(host) })
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`IdentityFailure`].
    pub fn load(disk: &impl Disk) -> Result<Self, IdentityFailure> {
        let signing = Signer::from_openssh(&read(disk, SIGNING)?).or(Err(IdentityFailure::Damaged))?;
        let ledger = signing_key_from_file(&read(disk, LEDGER)?).ok_or(IdentityFailure::Damaged)?;
        let host = HostKey::from_file(&read(disk, HOST)?).or(Err(IdentityFailure::Damaged))?;
        Ok(Self { signing, ledger, host: Arc::new(host) })
    }

    /// The public half of `signing`, `type base64`, as root writes it.
    pub fn signing_public(&self) -> String {
        self.signing.public().to_string()
    }

    /// The public half of `ledger`, base64 of 32 bytes, as root writes it.
    pub fn ledger_public(&self) -> String {
        STANDARD.encode(self.ledger.verifying_key().as_bytes())
    }
}

fn read(disk: &impl Disk, path: &str) -> Result<Zeroizing<Vec<u8>>, IdentityFailure> {
    disk.read(path)?.map(Zeroizing::new).ok_or(IdentityFailure::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::{RealDice, RealDisk};

    #[test]
    fn keys_are_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(folder.path()).unwrap();
        assert!(matches!(Identity::load(&disk), Err(IdentityFailure::Missing)));
        let made = Identity::make(&disk, &RealDice, "eu-1").map_err(|e| e.to_string()).unwrap();
        let read = Identity::load(&disk).map_err(|e| e.to_string()).unwrap();
        assert_eq!(made.signing_public(), read.signing_public());
        assert_eq!(made.ledger_public(), read.ledger_public());
        assert!(made.signing_public().starts_with("ssh-ed25519 AAAA"));
        assert!(matches!(Identity::make(&disk, &RealDice, "eu-1"), Err(IdentityFailure::AlreadyThere)));
    }
}
