//! Secrets: where they are kept, and types that never let them be printed.
//!
//! A secret is read by slot, from the verified client; plans never name a path. Only `request` puts one anywhere. Three kinds
//! of vault stand behind one trait; `suite` holds what each of them must do.
//!
//! # Source
//! engine.md section 4. Promises P07, P08.

mod credentials;
pub mod ends;
mod file;
mod host;
mod kinds;
mod kv2;
mod overlay;
pub mod rotate;
mod secret;
#[cfg(test)]
#[path = "suite_tests.rs"]
mod suite;
pub mod tripwire;

use std::fmt;
use std::pin::Pin;

use assent_schema::id::{ClientId, ConnectionId, SlotId};
use assent_schema::time::{Moment, Period};

pub use credentials::Credentials;
pub use file::FileVault;
pub use host::{HostKey, HostKeyError};
pub use kinds::AnyVault;
pub use kv2::{Kv2Vault, own_name};
pub use secret::{SECRET_MOST_BYTES, Secret};

use crate::world::DiskFailure;

/// The slot of the webhook secret before the current one is named after it: a rotation fills it, and both verify.
pub const PREVIOUS: &str = "-previous";
/// So long the one before verifies too: whoever rotates because a secret leaked must not wait for the next rotation.
pub const PREVIOUS_LIVES: Period = Period::hours(24);

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
    /// A file cannot be read or written.
    Disk(DiskFailure),
    /// This kind of vault is filled by others.
    ReadOnly,
    /// Nobody answers, or only to say that it cannot serve now: sealed, standby, overloaded.
    Unreachable,
    /// The server does not let this agent in, or not to this slot.
    Refused,
    /// Somebody else wrote to the slot meanwhile; what they wrote stands.
    Changed,
    /// The file that holds the secrets is not there any more.
    Gone,
}

impl VaultError {
    /// Its code in logs, ledger and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "secret_missing",
            Self::CannotOpen => "vault_cannot_open",
            Self::BadSecret => "bad_secret",
            Self::Disk(failure) => failure.code(),
            Self::ReadOnly => "vault_read_only",
            Self::Unreachable => "vault_unreachable",
            Self::Refused => "vault_refused",
            Self::Changed => "vault_changed",
            Self::Gone => "vault_gone",
        }
    }

    /// Whether it is about the vault and not about one slot: what needs a secret waits until it is over.
    pub fn is_outage(self) -> bool {
        match self {
            Self::Unreachable | Self::Refused => true,
            Self::Missing
            | Self::CannotOpen
            | Self::BadSecret
            | Self::Disk(_)
            | Self::ReadOnly
            | Self::Changed
            | Self::Gone => false,
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
            Self::ReadOnly => f.write_str(
                "this vault is filled by systemd: name the credential in the unit with `LoadCredentialEncrypted=`",
            ),
            Self::Unreachable => f.write_str("the vault cannot be reached, or cannot serve now"),
            Self::Refused => f.write_str("the vault does not let the agent do that: look at its token and its policy"),
            Self::Changed => f.write_str("somebody else wrote to the slot at the same time"),
            Self::Gone => f.write_str("the vault's file is gone"),
        }
    }
}

impl std::error::Error for VaultError {}

/// What a vault will say; some are asked over the network.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// An answer that is there at once.
fn at_once<'a, T: Send + 'a>(answer: Result<T, VaultError>) -> Asked<'a, T> {
    Box::pin(std::future::ready(answer))
}

/// Keeps secrets.
///
/// # Errors
/// [`VaultError`], by every function.
///
/// # Crash
/// On return what was written is durable; when it fails, what was there before counts.
pub trait Vault: Send + Sync {
    /// The secret that counts in a slot now.
    fn read<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret>;

    /// Puts a secret in a slot: what a person does.
    fn set<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()>;

    /// Puts the record that follows the one that was read last into a slot: what the agent does. One caller at a time for
    /// one slot. When a person set the slot meanwhile, what the person set counts.
    fn renew<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()>;

    /// Puts a secret beside the one that counts, to be tested.
    fn stage<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()>;

    /// The secret that is to be tested.
    fn staged<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret>;

    /// Forgets the secret that was to be tested; nothing happens when there is none.
    fn unstage<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, ()>;

    /// The slots that hold a secret, sorted.
    fn slots(&self) -> Asked<'_, Vec<SlotPath>>;

    /// When what a slot holds ends by itself, where this kind of vault says that.
    fn end<'a>(&'a self, _: &'a SlotPath) -> Asked<'a, Option<Moment>> {
        at_once(Ok(None))
    }
}
