//! The embedded vault: one file, `vault.age`, sealed to the host's key.
//!
//! Inside, one line a secret: path, space, base64. The file is opened once; the secrets then live in memory, zeroed on
//! drop, so that a request costs no decryption.
//!
//! What the agent itself renews stands in a file for each slot, below `renewed/`: the vault's own file has one writer, the
//! person who sets secrets, and each of these another, so that no write undoes another's. A renewed record names the one
//! that a person set; when that is set anew, what was renewed before counts no more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use assent_schema::canon::Digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use super::host::HostKey;
use super::{Secret, SlotPath, Vault, VaultError};
use crate::world::Disk;

/// The file in the state folder.
const PATH: &str = "vault.age";

/// The embedded vault.
pub struct FileVault<D: Disk> {
    disk: D,
    host: std::sync::Arc<HostKey>,
    secrets: Mutex<BTreeMap<SlotPath, Secret>>,
}

impl<D: Disk> FileVault<D> {
    /// Opens the vault; it is empty when there is no file.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] when the file was sealed to another key or is damaged.
    pub fn open(disk: D, host: std::sync::Arc<HostKey>) -> Result<Self, VaultError> {
        let secrets = match disk.read(PATH).map_err(VaultError::Disk)? {
            Some(sealed) => parse(&host.open(&sealed).or(Err(VaultError::CannotOpen))?)?,
            None => BTreeMap::new(),
        };
        Ok(Self { disk, host, secrets: Mutex::new(secrets) })
    }

    fn secrets(&self) -> MutexGuard<'_, BTreeMap<SlotPath, Secret>> {
        // A panic while the lock was held leaves whole secrets behind: the map is changed by one insertion.
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> Vault for FileVault<D> {
    fn read(&self, path: &SlotPath) -> Result<Secret, VaultError> {
        self.secrets().get(path).cloned().ok_or(VaultError::Missing)
    }

    fn set(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError> {
        let mut secrets = self.secrets();
        let mut changed = secrets.clone();
        changed.insert(path.clone(), secret);
        let sealed = self.host.seal(&write(&changed)).or(Err(VaultError::CannotOpen))?;
        self.disk.write(PATH, &sealed).map_err(VaultError::Disk)?;
        *secrets = changed;
        Ok(())
    }

    fn newest(&self, path: &SlotPath) -> Result<Secret, VaultError> {
        let set = self.read(path)?;
        let Some(sealed) = self.disk.read(&renewed(path)).map_err(VaultError::Disk)? else { return Ok(set) };
        let opened = self.host.open(&sealed).or(Err(VaultError::CannotOpen))?;
        let (follows, record) = opened.split_at_checked(32).ok_or(VaultError::CannotOpen)?;
        if follows == follow(&set) { Secret::new(record.to_vec()) } else { Ok(set) }
    }

    fn renew(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError> {
        let set = self.read(path)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 + secret.reveal().len()));
        bytes.extend_from_slice(&follow(&set));
        bytes.extend_from_slice(secret.reveal());
        let sealed = self.host.seal(&bytes).or(Err(VaultError::CannotOpen))?;
        self.disk.write(&renewed(path), &sealed).map_err(VaultError::Disk)
    }

    fn slots(&self) -> Result<Vec<SlotPath>, VaultError> {
        Ok(self.secrets().keys().cloned().collect())
    }
}

/// The file of what was renewed in a slot.
fn renewed(path: &SlotPath) -> String {
    format!("renewed/{path}.age")
}

/// What a renewed record says of the one that a person set. It stands inside the seal.
fn follow(set: &Secret) -> [u8; 32] {
    *Digest::of_file(set.reveal()).as_bytes()
}

fn write(secrets: &BTreeMap<SlotPath, Secret>) -> Zeroizing<Vec<u8>> {
    // Sized beforehand: a buffer that grows leaves copies of secrets behind.
    let size = secrets.iter().map(|(path, secret)| path.to_string().len() + secret.reveal().len() * 4 / 3 + 8).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for (path, secret) in secrets {
        let line = Zeroizing::new(format!("{path} {}\n", *Zeroizing::new(BASE64.encode(secret.reveal()))));
        out.extend_from_slice(line.as_bytes());
    }
    out
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<SlotPath, Secret>, VaultError> {
    let text = std::str::from_utf8(bytes).or(Err(VaultError::CannotOpen))?;
    let mut secrets = BTreeMap::new();
    for line in text.lines() {
        let (path, secret) = line.split_once(' ').ok_or(VaultError::CannotOpen)?;
        let path = SlotPath::parse(path).ok_or(VaultError::CannotOpen)?;
        let secret = Secret::new(BASE64.decode(secret).or(Err(VaultError::CannotOpen))?)?;
        if secrets.insert(path, secret).is_some() {
            return Err(VaultError::CannotOpen);
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::Folder;
    use std::sync::Arc;

    fn path(text: &str) -> SlotPath {
        SlotPath::parse(text).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn secrets_survive_a_restart_and_never_stand_in_the_file() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let vault = FileVault::open(disk.clone(), Arc::clone(&host)).ok().unwrap();
        vault.set(&path("acme/helpdesk/token"), secret("canary-one")).unwrap();
        vault.set(&path("acme/helpdesk/webhook"), secret("canary-two")).unwrap();
        vault.set(&path("acme/helpdesk/token"), secret("canary-three")).unwrap();
        let again = FileVault::open(disk.clone(), Arc::clone(&host)).ok().unwrap();
        assert_eq!(again.read(&path("acme/helpdesk/token")).ok().unwrap().reveal(), b"canary-three");
        assert_eq!(again.slots().unwrap(), [path("acme/helpdesk/token"), path("acme/helpdesk/webhook")]);
        assert_eq!(again.read(&path("birch/helpdesk/token")).err(), Some(VaultError::Missing));
        let file = disk.read(PATH).unwrap().unwrap();
        assert!(!file.windows(6).any(|bytes| bytes == b"canary" || bytes == b"helpde"));
    }

    #[test]
    fn what_is_renewed_counts_until_somebody_sets_the_slot() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let (slot, other) = (path("acme/shop/oauth"), path("acme/helpdesk/token"));
        let vault = FileVault::open(disk.clone(), Arc::clone(&host)).ok().unwrap();
        assert_eq!(vault.newest(&slot).err(), Some(VaultError::Missing));
        vault.set(&slot, secret("canary-0")).unwrap();
        let newest = |vault: &FileVault<Folder>| String::from_utf8(vault.newest(&slot).ok().unwrap().reveal().to_vec());
        assert_eq!(newest(&vault).unwrap(), "canary-0");
        vault.renew(&slot, secret("canary-1")).unwrap();
        vault.renew(&slot, secret("canary-2")).unwrap();
        // A vault that another process opened before sees it, and does not undo it when it sets another slot.
        let person = FileVault::open(disk.clone(), Arc::clone(&host)).ok().unwrap();
        vault.renew(&slot, secret("canary-3")).unwrap();
        person.set(&other, secret("x")).unwrap();
        let again = FileVault::open(disk.clone(), Arc::clone(&host)).ok().unwrap();
        assert_eq!((newest(&person).unwrap(), newest(&again).unwrap()), ("canary-3".into(), "canary-3".into()));
        person.set(&slot, secret("canary-9")).unwrap();
        assert_eq!(newest(&person).unwrap(), "canary-9");
        let file = disk.read(&renewed(&slot)).unwrap().unwrap();
        assert!(!file.windows(6).any(|bytes| bytes == b"canary"));
        disk.break_it();
        assert!(person.renew(&slot, secret("canary-4")).is_err());
    }

    #[test]
    fn another_hosts_vault_does_not_open() {
        let disk = Folder::default();
        let vault = FileVault::open(disk.clone(), Arc::new(HostKey::generate())).ok().unwrap();
        vault.set(&path("acme/helpdesk/token"), secret("x")).unwrap();
        let other = FileVault::open(disk, Arc::new(HostKey::generate()));
        assert_eq!(other.err(), Some(VaultError::CannotOpen));
    }

    #[test]
    fn a_secret_that_could_not_be_written_is_not_taken() {
        let disk = Folder::default();
        let vault = FileVault::open(disk.clone(), Arc::new(HostKey::generate())).ok().unwrap();
        disk.break_it();
        assert!(vault.set(&path("acme/helpdesk/token"), secret("x")).is_err());
        assert_eq!(vault.read(&path("acme/helpdesk/token")).err(), Some(VaultError::Missing));
    }

    #[test]
    fn an_empty_or_huge_secret_is_refused() {
        assert!(Secret::new(vec![]).is_err());
        assert!(Secret::new(vec![0; SECRET_MOST]).is_ok());
        assert!(Secret::new(vec![0; SECRET_MOST + 1]).is_err());
    }

    const SECRET_MOST: usize = super::super::SECRET_MOST_BYTES;
}
