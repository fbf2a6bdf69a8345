//! The embedded vault: one file, `vault.age`, sealed to the host's key.
//!
//! Inside, one line a secret: path, space, base64. The secrets live in memory, zeroed on drop, so that a request costs no
//! decryption; the file is opened once, and again by whoever looks after it. What the agent itself renews or stages is the
//! overlay's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use super::host::HostKey;
use super::overlay::Overlay;
use super::{Asked, Secret, SlotPath, Vault, VaultError, at_once};
use crate::sync::lock;
use crate::world::Disk;

/// The file in the state folder.
const PATH: &str = "vault.age";

/// The embedded vault.
pub struct FileVault<D: Disk> {
    overlay: Overlay<D>,
    slots: Mutex<BTreeMap<SlotPath, Slot>>,
}

/// A slot that holds something.
#[derive(Clone)]
struct Slot {
    /// What a person set.
    set: Secret,
    /// What counts: the last that the agent put there since.
    newest: Secret,
}

impl<D: Disk> FileVault<D> {
    /// Opens the vault; it is empty when there is no file.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] when the file was sealed to another key or is damaged.
    pub fn open(disk: D, host: Arc<HostKey>) -> Result<Self, VaultError> {
        let overlay = Overlay { disk, host };
        let secrets = opened(&overlay)?.unwrap_or_default();
        let slot = |(path, set): (SlotPath, Secret)| {
            let newest = overlay.newest(&path, set.clone())?;
            Ok((path, Slot { set, newest }))
        };
        let slots = secrets.into_iter().map(slot).collect::<Result<_, VaultError>>()?;
        Ok(Self { overlay, slots: Mutex::new(slots) })
    }

    /// Whether the file is there and opens: secrets are read from memory, which does not say so. What somebody put there
    /// meanwhile is taken, as after a restart; whether there was anything.
    ///
    /// A slot that the file does not hold keeps its secret, and stands in the file again: a copy from before that secret was set
    /// would take it away from work that goes on.
    ///
    /// # Errors
    /// [`VaultError::Gone`] where there is none, also before the first secret; as [`FileVault::open`] and [`Vault::set`].
    pub fn look(&self) -> Result<bool, VaultError> {
        // Nothing is being written to it meanwhile.
        let mut slots = self.slots();
        let there = opened(&self.overlay)?.ok_or(VaultError::Gone)?;
        let lacks = slots.keys().any(|path| !there.contains_key(path));
        let is_other =
            |(path, set): &(SlotPath, Secret)| slots.get(path).is_none_or(|slot| slot.set.reveal() != set.reveal());
        let others: Vec<_> = there.into_iter().filter(is_other).collect();
        if others.is_empty() && !lacks {
            return Ok(false);
        }
        let (mut changed, is_new) = (slots.clone(), !others.is_empty());
        for (path, set) in others {
            let newest = self.overlay.newest(&path, set.clone())?;
            changed.insert(path, Slot { set, newest });
        }
        if lacks {
            self.save(&changed)?;
        }
        *slots = changed;
        Ok(is_new)
    }

    /// Whether no slot holds a secret.
    pub fn is_empty(&self) -> bool {
        self.slots().is_empty()
    }

    /// Puts a secret in a slot, at once.
    ///
    /// # Errors
    /// As [`Vault::set`].
    pub fn put(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError> {
        self.set_now(path, secret)
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<SlotPath, Slot>> {
        // A panic while the lock was held leaves whole secrets behind: the map is changed by one insertion.
        lock(&self.slots)
    }

    fn set_now(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError> {
        let mut slots = self.slots();
        let mut changed = slots.clone();
        changed.insert(path.clone(), Slot { set: secret.clone(), newest: secret });
        self.save(&changed)?;
        *slots = changed;
        // Also where it is the same secret as before: what a person set last counts.
        self.overlay.forget(path)
    }

    fn save(&self, slots: &BTreeMap<SlotPath, Slot>) -> Result<(), VaultError> {
        let sealed = self.overlay.host.seal(&write(slots)).or(Err(VaultError::CannotOpen))?;
        self.overlay.disk.write(PATH, &sealed).map_err(VaultError::Disk)
    }

    fn renew_now(&self, path: &SlotPath, secret: Secret) -> Result<(), VaultError> {
        let mut slots = self.slots();
        let slot = slots.get_mut(path).ok_or(VaultError::Missing)?;
        self.overlay.renew(path, &slot.set, &secret)?;
        slot.newest = secret;
        Ok(())
    }
}

impl<D: Disk> Vault for FileVault<D> {
    fn read<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        at_once(self.slots().get(path).map(|slot| slot.newest.clone()).ok_or(VaultError::Missing))
    }

    fn set<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        at_once(self.set_now(path, secret))
    }

    fn renew<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        at_once(self.renew_now(path, secret))
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
        at_once(Ok(Self::slots(self).keys().cloned().collect()))
    }
}

/// What stands in the file; nothing where there is none.
fn opened<D: Disk>(overlay: &Overlay<D>) -> Result<Option<BTreeMap<SlotPath, Secret>>, VaultError> {
    let Some(sealed) = overlay.disk.read(PATH).map_err(VaultError::Disk)? else { return Ok(None) };
    parse(&overlay.host.open(&sealed).or(Err(VaultError::CannotOpen))?).map(Some)
}

fn write(slots: &BTreeMap<SlotPath, Slot>) -> Zeroizing<Vec<u8>> {
    // Sized beforehand: a buffer that grows leaves copies of secrets behind.
    let size = slots.iter().map(|(path, slot)| path.to_string().len() + slot.set.reveal().len() * 4 / 3 + 8).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for (path, slot) in slots {
        let line = Zeroizing::new(format!("{path} {}\n", *Zeroizing::new(BASE64.encode(slot.set.reveal()))));
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
    use super::super::overlay::renewed;
    use super::super::suite::{held, path, secret};
    use super::*;
    use crate::ledger::testing::Folder;

    fn open(disk: &Folder, host: &Arc<HostKey>) -> FileVault<Folder> {
        FileVault::open(disk.clone(), Arc::clone(host)).ok().unwrap()
    }

    #[tokio::test]
    async fn secrets_survive_a_restart_and_never_stand_in_the_file() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let vault = open(&disk, &host);
        vault.set(&path("acme/helpdesk/token"), secret("canary-one")).await.unwrap();
        vault.set(&path("acme/helpdesk/webhook"), secret("canary-two")).await.unwrap();
        vault.set(&path("acme/helpdesk/token"), secret("canary-three")).await.unwrap();
        let again = open(&disk, &host);
        assert_eq!(held(&again, "acme/helpdesk/token").await, Ok("canary-three".to_owned()));
        assert_eq!(Vault::slots(&again).await.unwrap(), [path("acme/helpdesk/token"), path("acme/helpdesk/webhook")]);
        assert_eq!(held(&again, "birch/helpdesk/token").await, Err(VaultError::Missing));
        let file = disk.read(PATH).unwrap().unwrap();
        assert!(!file.windows(6).any(|bytes| bytes == b"canary" || bytes == b"helpde"));
    }

    #[tokio::test]
    async fn what_is_renewed_counts_until_somebody_sets_the_slot() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let (slot, other) = (path("acme/shop/oauth"), path("acme/helpdesk/token"));
        let vault = open(&disk, &host);
        assert_eq!(vault.renew(&slot, secret("canary-0")).await.err(), Some(VaultError::Missing));
        vault.set(&slot, secret("canary-0")).await.unwrap();
        vault.renew(&slot, secret("canary-1")).await.unwrap();
        vault.renew(&slot, secret("canary-2")).await.unwrap();
        // A vault that another process opened before does not undo it when it sets another slot.
        let person = open(&disk, &host);
        vault.renew(&slot, secret("canary-3")).await.unwrap();
        person.set(&other, secret("x")).await.unwrap();
        let again = open(&disk, &host);
        assert_eq!(held(&vault, "acme/shop/oauth").await, Ok("canary-3".to_owned()));
        assert_eq!(held(&again, "acme/shop/oauth").await, Ok("canary-3".to_owned()));
        person.set(&slot, secret("canary-9")).await.unwrap();
        assert_eq!(held(&open(&disk, &host), "acme/shop/oauth").await, Ok("canary-9".to_owned()));
        assert_eq!(disk.read(&renewed(&slot)), Ok(None));
        person.renew(&slot, secret("canary-10")).await.unwrap();
        let file = disk.read(&renewed(&slot)).unwrap().unwrap();
        assert!(!file.windows(6).any(|bytes| bytes == b"canary"));
        // The same secret as before is set on purpose, too.
        person.set(&slot, secret("canary-9")).await.unwrap();
        assert_eq!(held(&open(&disk, &host), "acme/shop/oauth").await, Ok("canary-9".to_owned()));
        disk.break_it();
        assert!(person.renew(&slot, secret("canary-4")).await.is_err());
        assert_eq!(held(&person, "acme/shop/oauth").await, Ok("canary-9".to_owned()));
    }

    #[tokio::test]
    async fn another_hosts_vault_does_not_open() {
        let disk = Folder::default();
        let vault = open(&disk, &Arc::new(HostKey::generate()));
        vault.set(&path("acme/helpdesk/token"), secret("x")).await.unwrap();
        let other = FileVault::open(disk, Arc::new(HostKey::generate()));
        assert_eq!(other.err(), Some(VaultError::CannotOpen));
    }

    #[tokio::test]
    async fn what_is_read_from_memory_says_nothing_of_the_file() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let vault = open(&disk, &host);
        assert_eq!(vault.look(), Err(VaultError::Gone), "nothing was ever put there");
        vault.set(&path("acme/helpdesk/token"), secret("canary-one")).await.unwrap();
        assert_eq!(vault.look(), Ok(false));
        let file = disk.read(PATH).unwrap().unwrap();
        for (bytes, found) in [(Some(b"garbage".to_vec()), VaultError::CannotOpen), (None, VaultError::Gone)] {
            match bytes {
                Some(bytes) => disk.write(PATH, &bytes).unwrap(),
                None => disk.remove(PATH).unwrap(),
            }
            assert_eq!(vault.look(), Err(found));
            assert_eq!(held(&vault, "acme/helpdesk/token").await, Ok("canary-one".to_owned()));
        }
        disk.write(PATH, &file).unwrap();
        assert_eq!(vault.look(), Ok(false));
    }

    #[tokio::test]
    async fn a_file_that_is_put_back_is_read_again() {
        let (disk, host) = (Folder::default(), Arc::new(HostKey::generate()));
        let before = open(&disk, &host);
        let [token, hook] = ["acme/helpdesk/token", "acme/helpdesk/webhook"];
        before.set(&path(token), secret("canary-one")).await.unwrap();
        let old = disk.read(PATH).unwrap().unwrap();
        before.renew(&path(token), secret("canary-renewed")).await.unwrap();
        disk.remove(PATH).unwrap();
        // A start without it knows nothing, until it is there again.
        let vault = open(&disk, &host);
        assert_eq!(held(&vault, token).await, Err(VaultError::Missing));
        assert_eq!(vault.look(), Err(VaultError::Gone));
        disk.write(PATH, &old).unwrap();
        assert_eq!((vault.look(), vault.look()), (Ok(true), Ok(false)));
        assert_eq!(held(&vault, token).await, Ok("canary-renewed".to_owned()), "what the agent renewed counts");
        // A copy from before a slot was set takes nothing away, now or at the next start.
        vault.set(&path(hook), secret("canary-two")).await.unwrap();
        disk.write(PATH, &old).unwrap();
        assert_eq!(vault.look(), Ok(false));
        let again = open(&disk, &host);
        for vault in [&vault, &again] {
            assert_eq!(held(vault, hook).await, Ok("canary-two".to_owned()));
        }
        // A secret that another process set counts, as it would after a restart.
        again.set(&path(hook), secret("canary-three")).await.unwrap();
        assert_eq!(vault.look(), Ok(true));
        assert_eq!(held(&vault, hook).await, Ok("canary-three".to_owned()));
    }

    #[tokio::test]
    async fn a_secret_that_could_not_be_written_is_not_taken() {
        let disk = Folder::default();
        let vault = open(&disk, &Arc::new(HostKey::generate()));
        disk.break_it();
        assert!(vault.set(&path("acme/helpdesk/token"), secret("x")).await.is_err());
        assert_eq!(held(&vault, "acme/helpdesk/token").await, Err(VaultError::Missing));
    }
}
