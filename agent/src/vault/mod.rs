//! Secrets: where they are kept, and types that never let them be printed.
//!
//! A secret is read by slot, from the verified client; plans never name a path. Only `request` puts one anywhere.
//!
//! # Source
//! engine.md section 4. Promises P07, P08.

mod file;
mod host;

use std::fmt;

use assent_schema::id::{ClientId, ConnectionId, SlotId};
use zeroize::Zeroizing;

pub use file::FileVault;
pub use host::{HostKey, HostKeyError};

use crate::world::DiskFailure;

/// The largest secret, in bytes: a PEM key with its certificates fits.
pub const SECRET_MOST_BYTES: usize = 16 << 10;

/// A secret. No `Debug`, `Display` or `Serialize`; overwritten with zeroes when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes as a secret.
    ///
    /// # Errors
    /// [`VaultError::BadSecret`] when they are empty or more than [`SECRET_MOST_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, VaultError> {
        let secret = Self(Zeroizing::new(bytes));
        if (1..=SECRET_MOST_BYTES).contains(&secret.0.len()) { Ok(secret) } else { Err(VaultError::BadSecret) }
    }

    /// The bytes, for the one place that the auth scheme names.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

/// The slot of what opens the git repository.
const REPOSITORY: &str = "agent/repository";

/// What stands before the slots of alert routes.
const ROUTE: &str = "route";

/// Where a secret is: a client's in `<client>/<connection>/<slot>`, the agent's own in `agent/repository`, that of an alert
/// route in `route/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotPath {
    /// What opens the git repository.
    Repository,
    /// What an alert route takes alerts for.
    Route(ConnectionId),
    /// A secret of a client.
    Client {
        /// Whose secret.
        client: ClientId,
        /// The connection that uses it.
        connection: ConnectionId,
        /// Which of its secrets.
        slot: SlotId,
    },
}

impl SlotPath {
    /// The path of a client's slot.
    pub fn new(client: ClientId, connection: ConnectionId, slot: SlotId) -> Self {
        Self::Client { client, connection, slot }
    }

    /// Reads a path; nothing for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text == REPOSITORY {
            return Some(Self::Repository);
        }
        if let Some((ROUTE, name)) = text.split_once('/').filter(|(_, name)| !name.contains('/')) {
            return name.parse().ok().map(Self::Route);
        }
        let mut parts = text.split('/');
        let path = Self::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(path)
    }
}

impl fmt::Display for SlotPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository => f.write_str(REPOSITORY),
            Self::Route(name) => write!(f, "{ROUTE}/{name}"),
            Self::Client { client, connection, slot } => write!(f, "{client}/{connection}/{slot}"),
        }
    }
}

/// Why a secret cannot be read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// The slot is empty.
    Missing,
    /// The vault was sealed to another host's key, or is damaged.
    CannotOpen,
    /// The secret is empty or too large.
    BadSecret,
    /// The file cannot be read or written.
    Disk(DiskFailure),
}

impl VaultError {
    /// Its code in logs, ledger and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "secret_missing",
            Self::CannotOpen => "vault_cannot_open",
            Self::BadSecret => "bad_secret",
            Self::Disk(failure) => failure.code(),
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the slot is empty: set it with `assent-agent vault set`"),
            Self::CannotOpen => f.write_str("the vault does not open with this host's key"),
            Self::BadSecret => write!(f, "a secret has 1 to {SECRET_MOST_BYTES} bytes"),
            Self::Disk(failure) => write!(f, "the vault's file: {failure}"),
        }
    }
}

impl std::error::Error for VaultError {}

/// Keeps secrets.
pub trait Vault: Send + Sync {
    /// The secret of a slot.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when the slot is empty.
    fn read(&self, path: &SlotPath) -> Result<Secret, VaultError>;

    /// Puts a secret in a slot.
    ///
    /// # Errors
    /// When it cannot be made durable; then the old one is still there.
    ///
    /// # Crash
    /// On return the secret is durable.
    fn set(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError>;

    /// The newest record of a slot whose secret changes as it is used: the last that [`Vault::renew`] put there, unless
    /// somebody set the slot since.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when the slot is empty.
    fn newest(&self, path: &SlotPath) -> Result<Secret, VaultError>;

    /// Puts the record that follows into a slot. One caller at a time for one slot.
    ///
    /// # Errors
    /// When it cannot be made durable; then the old one is still there.
    ///
    /// # Crash
    /// On return the record is durable.
    fn renew(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError>;

    /// The slots that hold a secret, sorted.
    ///
    /// # Errors
    /// When the vault cannot be opened.
    fn slots(&self) -> Result<Vec<SlotPath>, VaultError>;
}
