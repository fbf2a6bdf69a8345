//! Credentials that systemd decrypted for this service: files of `$CREDENTIALS_DIRECTORY`, one a slot, named
//! `<client>.<connection>.<slot>`. No name of ours holds a full stop, so no two slots share a file.
//!
//! They can only be read. What follows a credential while the agent runs (a refresh token, a secret that was rotated) is
//! kept by the overlay until the credential itself is replaced.
//!
//! # Source
//! systemd.exec(5), "Credentials"; systemd-creds(1).

use std::sync::Arc;

use super::host::HostKey;
use super::overlay::Overlay;
use super::{Asked, Secret, SlotPath, Vault, VaultError, at_once};
use crate::world::Disk;

/// The most credentials that are listed.
const LISTED_MOST: usize = 10_000;

/// Credentials of the service manager, with what follows them in the state folder.
pub struct Credentials<F: Disk, D: Disk> {
    folder: F,
    overlay: Overlay<D>,
}

impl<F: Disk, D: Disk> Credentials<F, D> {
    /// The credentials in a folder; `disk` is the state folder.
    pub fn new(folder: F, disk: D, host: Arc<HostKey>) -> Self {
        Self { folder, overlay: Overlay { disk, host } }
    }

    fn given(&self, path: &SlotPath) -> Result<Secret, VaultError> {
        let bytes = self.folder.read(&file(path)).map_err(VaultError::Disk)?.ok_or(VaultError::Missing)?;
        Secret::new(bytes)
    }

    fn listed(&self) -> Result<Vec<SlotPath>, VaultError> {
        let names = self.folder.list("").map_err(VaultError::Disk)?;
        let mut slots: Vec<_> = names.iter().take(LISTED_MOST).filter_map(|name| slot(name)).collect();
        slots.sort();
        Ok(slots)
    }
}

/// The name of a slot's credential.
fn file(path: &SlotPath) -> String {
    path.to_string().replace('/', ".")
}

/// The slot of a credential; nothing for one of another kind.
fn slot(name: &str) -> Option<SlotPath> {
    if name.contains('/') { None } else { SlotPath::parse(&name.replace('.', "/")) }
}

impl<F: Disk, D: Disk> Vault for Credentials<F, D> {
    fn read<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        at_once(self.given(path).and_then(|given| self.overlay.newest(path, given)))
    }

    fn set<'a>(&'a self, _: &'a SlotPath, _: Secret) -> Asked<'a, ()> {
        at_once(Err(VaultError::ReadOnly))
    }

    fn renew<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        at_once(self.given(path).and_then(|given| self.overlay.renew(path, &given, &secret)))
    }

    fn stage<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        at_once(self.overlay.stage(path, &secret))
    }

    fn staged<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        at_once(self.overlay.staged(path))
    }

    fn unstage<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, ()> {
        at_once(self.overlay.unstage(path))
    }

    fn slots(&self) -> Asked<'_, Vec<SlotPath>> {
        at_once(self.listed())
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite::{held, path, secret};
    use super::*;
    use crate::ledger::testing::Folder;

    #[tokio::test]
    async fn a_credential_is_read_by_its_name_and_never_written() {
        let (folder, disk) = (Folder::default(), Folder::default());
        folder.write("acme.shop.token", b"canary-0").unwrap();
        folder.write("agent.repository", b"user:canary-1").unwrap();
        folder.write("unrelated", b"x").unwrap();
        let host = Arc::new(HostKey::generate());
        let vault = Credentials::new(folder.clone(), disk.clone(), Arc::clone(&host));
        assert_eq!(held(&vault, "acme/shop/token").await, Ok("canary-0".to_owned()));
        assert_eq!(vault.slots().await.unwrap(), [SlotPath::Repository, path("acme/shop/token")]);
        let set = vault.set(&path("acme/shop/token"), secret("x")).await.unwrap_err();
        assert_eq!(set, VaultError::ReadOnly);
        assert!(set.to_string().contains("LoadCredentialEncrypted="));
        // What follows it counts until the credential itself is another.
        vault.renew(&path("acme/shop/token"), secret("canary-2")).await.unwrap();
        let again = Credentials::new(folder.clone(), disk, host);
        assert_eq!(held(&again, "acme/shop/token").await, Ok("canary-2".to_owned()));
        folder.write("acme.shop.token", b"canary-3").unwrap();
        assert_eq!(held(&again, "acme/shop/token").await, Ok("canary-3".to_owned()));
    }
}
