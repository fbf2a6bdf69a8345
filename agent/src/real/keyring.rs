//! Keys that die by themselves: in the kernel's keyring of this user, with a kernel timeout. Where the system does not
//! allow that, in this process's memory, until their time on the boot clock.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linux_keyutils::{Key, KeyError, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};

use super::clock::RealClock;
use crate::content::Content;
use crate::sync::lock;
use crate::world::{Clock as _, Keyring};

/// The kernel's keyring, with this process's memory behind it.
pub struct RealKeyring {
    /// Keeps the keys of several agents of one user apart.
    owner: String,
    memory: Mutex<BTreeMap<String, Held>>,
    /// The kernel's numbers of keys that were found, not the keys: to read by number spares the search.
    found: Mutex<BTreeMap<String, Key>>,
    /// Whether the kernel took no key when it was last given one.
    refused: AtomicBool,
}

/// Numbers that are remembered at most: a day has 24 epochs.
const FOUND_MOST: usize = 32;

struct Held {
    key: Content<[u8; 32]>,
    until: Duration,
}

impl RealKeyring {
    /// The keys of one agent.
    pub fn new(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            memory: Mutex::default(),
            found: Mutex::default(),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether the kernel takes no keys, so that they live in this process alone and a restart loses them.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn description(&self, name: &str) -> String {
        format!("assent:{}:{name}", self.owner)
    }

    fn read_kernel(&self, name: &str) -> Option<Content<[u8; 32]>> {
        let mut found = lock(&self.found);
        if let Some(bytes) = found.get(name).copied().and_then(read) {
            return Some(bytes);
        }
        // Gone, or never looked for.
        found.remove(name);
        let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).ok()?;
        let key = ring.search(&self.description(name)).ok()?;
        let bytes = read(key)?;
        if found.len() >= FOUND_MOST {
            found.clear();
        }
        found.insert(name.to_owned(), key);
        Some(bytes)
    }

    /// The key gets its timeout in the process's keyring, which dies with the process, and only then outlives it: a crash
    /// in between leaves no key without an end.
    fn write_kernel(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> Result<(), KeyError> {
        let staging = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
        let added: Key = staging.add_key(&self.description(name), key.reveal())?;
        // Without a whole second left the kernel would read 0 as "no timeout".
        added.set_timeout(usize::try_from(lives.as_secs().max(1)).unwrap_or(1))?;
        let may = Permission::VIEW | Permission::READ | Permission::SEARCH | Permission::LINK;
        added.set_perms(KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(may).build())?;
        let user = KeyRing::from_special_id(KeyRingIdentifier::User, false)?;
        user.link_key(added)?;
        staging.unlink_key(added)
    }
}

/// The bytes of a key that is still there. A longer key would report its whole length, so it is told from ours.
fn read(key: Key) -> Option<Content<[u8; 32]>> {
    let mut bytes = Content::new([0; 32]);
    (key.read(bytes.reveal_mut()).ok()? == 32).then_some(bytes)
}

impl Keyring for RealKeyring {
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>> {
        let now = RealClock.boot();
        let mut memory = lock(&self.memory);
        memory.retain(|_, held| now < held.until);
        memory.get(name).map(|held| held.key.clone()).or_else(|| self.read_kernel(name))
    }

    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool {
        lock(&self.found).remove(name);
        let in_kernel = self.write_kernel(name, key, lives).is_ok()
            && self.read_kernel(name).is_some_and(|kept| kept.reveal() == key.reveal());
        self.refused.store(!in_kernel, Ordering::Relaxed);
        let mut memory = lock(&self.memory);
        drop(memory.remove(name));
        if !in_kernel {
            let held = Held { key: key.clone(), until: RealClock.boot().saturating_add(lives) };
            drop(memory.insert(name.to_owned(), held));
        }
        in_kernel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_and_apart_from_those_of_other_agents() {
        let owner = format!("test-{}", std::process::id());
        let ring = RealKeyring::new(&owner);
        assert!(ring.get("epoch").is_none());
        let outlives = ring.put("epoch", &Content::new([7; 32]), Duration::from_secs(30));
        assert!(ring.get("epoch").is_some_and(|key| *key.reveal() == [7; 32]));
        assert!(RealKeyring::new(&format!("{owner}-other")).get("epoch").is_none());
        assert_eq!(
            RealKeyring::new(&owner).get("epoch").is_some(),
            outlives,
            "only the kernel's keys are seen by others"
        );
        assert_eq!(ring.is_refused(), !outlives);
        ring.put("epoch", &Content::new([8; 32]), Duration::from_secs(30));
        assert!(ring.get("epoch").is_some_and(|key| *key.reveal() == [8; 32]));
    }

    #[test]
    fn a_key_without_time_is_gone_from_memory() {
        let ring = RealKeyring::new("test-memory");
        let held = Held { key: Content::new([7; 32]), until: Duration::ZERO };
        ring.memory.lock().unwrap().insert("old".to_owned(), held);
        assert!(ring.get("old").is_none());
    }
}
