//! The kinds of vault as one type: what `agent.toml` names.

use assent_schema::time::Moment;

use super::{Asked, Credentials, FileVault, Kv2Vault, Secret, SlotPath, Vault, VaultError};
use crate::world::{Clock, Disk, Net};

/// A vault of one of the kinds.
pub enum AnyVault<F: Disk, D: Disk, N: Net, C: Clock> {
    /// One file sealed to the host.
    File(FileVault<D>),
    /// Credentials of systemd.
    Systemd(Credentials<F, D>),
    /// HashiCorp Vault or OpenBao.
    Kv2(Box<Kv2Vault<N, C>>),
}

impl<F: Disk, D: Disk, N: Net, C: Clock> AnyVault<F, D, N, C> {
    /// Whether what holds the secrets is there and opens, where reading one does not say so; whether somebody put others there.
    ///
    /// # Errors
    /// As [`FileVault::look`].
    pub fn look(&self) -> Result<bool, VaultError> {
        match self {
            Self::File(vault) => vault.look(),
            // They are asked for each secret, and say so themselves.
            Self::Systemd(_) | Self::Kv2(_) => Ok(false),
        }
    }

    fn kind(&self) -> &dyn Vault {
        match self {
            Self::File(vault) => vault,
            Self::Systemd(vault) => vault,
            Self::Kv2(vault) => &**vault,
        }
    }
}

impl<F: Disk, D: Disk, N: Net, C: Clock> Vault for AnyVault<F, D, N, C> {
    fn read<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        self.kind().read(path)
    }

    fn set<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        self.kind().set(path, secret)
    }

    fn renew<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        self.kind().renew(path, secret)
    }

    fn stage<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        self.kind().stage(path, secret)
    }

    fn staged<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        self.kind().staged(path)
    }

    fn unstage<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, ()> {
        self.kind().unstage(path)
    }

    fn slots(&self) -> Asked<'_, Vec<SlotPath>> {
        self.kind().slots()
    }

    fn end<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Option<Moment>> {
        self.kind().end(path)
    }
}
