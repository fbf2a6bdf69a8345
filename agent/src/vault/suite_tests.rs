//! What every kind of vault must do. Each kind stands here with the way in which people fill it.

use std::sync::Arc;

use super::*;
use crate::ledger::testing::Folder;
use crate::world::Disk as _;

pub(super) fn path(text: &str) -> SlotPath {
    SlotPath::parse(text).unwrap()
}

pub(super) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).ok().unwrap()
}

/// What a slot holds, as text.
pub(super) async fn held(vault: &dyn Vault, slot: &str) -> Result<String, VaultError> {
    vault.read(&path(slot)).await.map(|secret| String::from_utf8(secret.reveal().to_vec()).unwrap())
}

/// A kind of vault that can be left and opened again.
pub(super) trait Kind {
    /// A person fills a slot, in the way of this kind.
    async fn fill(&self, slot: &str, text: &str);
    /// As a new process sees it.
    async fn open(&self) -> Box<dyn Vault>;
}

struct File(Folder, Arc<HostKey>);

impl Kind for File {
    async fn fill(&self, slot: &str, text: &str) {
        self.open().await.set(&path(slot), secret(text)).await.unwrap();
    }

    async fn open(&self) -> Box<dyn Vault> {
        Box::new(FileVault::open(self.0.clone(), Arc::clone(&self.1)).ok().unwrap())
    }
}

struct Systemd(Folder, Folder, Arc<HostKey>);

impl Kind for Systemd {
    async fn fill(&self, slot: &str, text: &str) {
        self.0.write(&slot.replace('/', "."), text.as_bytes()).unwrap();
    }

    async fn open(&self) -> Box<dyn Vault> {
        Box::new(Credentials::new(self.0.clone(), self.1.clone(), Arc::clone(&self.2)))
    }
}

pub(super) async fn does_what_a_vault_does(kind: &impl Kind) {
    let (slot, other) = (path("acme/shop/oauth"), "birch/shop/oauth");
    let vault = kind.open().await;
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Err(VaultError::Missing));
    assert_eq!(vault.slots().await, Ok(Vec::new()));
    kind.fill("acme/shop/oauth", "canary-0").await;
    kind.fill(other, "canary-other").await;
    kind.fill("agent/repository", "user:canary").await;
    let vault = kind.open().await;
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-0".to_owned()));
    let all = [path("acme/shop/oauth"), SlotPath::Repository, path(other)];
    let mut sorted = all.to_vec();
    sorted.sort();
    assert_eq!(vault.slots().await, Ok(sorted));
    // What is staged counts for nobody before it was renewed with, and is forgotten when it is asked for.
    assert_eq!(vault.staged(&slot).await.err(), Some(VaultError::Missing));
    vault.stage(&slot, secret("canary-1")).await.unwrap();
    vault.stage(&slot, secret("canary-2")).await.unwrap();
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-0".to_owned()));
    let vault = kind.open().await;
    assert_eq!(vault.slots().await.unwrap().len(), 3, "what is staged is not a slot");
    let staged = vault.staged(&slot).await.ok().unwrap();
    assert_eq!(staged.reveal(), b"canary-2");
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-0".to_owned()));
    vault.renew(&slot, staged).await.unwrap();
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-2".to_owned()));
    vault.unstage(&slot).await.unwrap();
    vault.unstage(&slot).await.unwrap();
    assert_eq!(vault.staged(&slot).await.err(), Some(VaultError::Missing));
    let vault = kind.open().await;
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-2".to_owned()));
    assert_eq!(held(&*vault, other).await, Ok("canary-other".to_owned()));
    // What a person puts there afterwards counts, whatever the agent had renewed.
    kind.fill("acme/shop/oauth", "canary-9").await;
    let vault = kind.open().await;
    assert_eq!(held(&*vault, "acme/shop/oauth").await, Ok("canary-9".to_owned()));
    // Bytes that are no text.
    let bytes = Secret::new(vec![0xff, 0, b'\n', 0x80]).ok().unwrap();
    vault.renew(&slot, bytes).await.unwrap();
    assert_eq!(kind.open().await.read(&slot).await.ok().unwrap().reveal(), [0xff, 0, b'\n', 0x80]);
}

#[tokio::test]
async fn a_file_does_what_a_vault_does() {
    does_what_a_vault_does(&File(Folder::default(), Arc::new(HostKey::generate()))).await;
}

#[tokio::test]
async fn credentials_do_what_a_vault_does() {
    does_what_a_vault_does(&Systemd(Folder::default(), Folder::default(), Arc::new(HostKey::generate()))).await;
}
