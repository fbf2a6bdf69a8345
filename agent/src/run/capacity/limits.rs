//! What each client may take up beside its runs: content in memory, and room on disk. Who takes much is refused alone.
//!
//! # Source
//! engine.md section 2: limits per client answer 429 and alert for that client alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::client::ClientLimits;
use assent_schema::id::ClientId;

use crate::run::lock;
use crate::store::{Store, disk_name};

/// Content of one client's events that is in memory at once, unless the client says otherwise, in MiB.
const MEMORY_MIB: u32 = 256;
/// What one client's runs and ledger take on disk, unless the client says otherwise, in MiB.
const DISK_MIB: u32 = 65_536;
/// How long it is believed what a client took on disk.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Weights = Arc<Mutex<BTreeMap<ClientId, u64>>>;

/// What clients take up now.
#[derive(Debug, Default)]
pub(in crate::run) struct Loads {
    memory: Weights,
    /// Bytes on disk, and when they were looked at.
    disk: Mutex<BTreeMap<ClientId, (Duration, u64)>>,
}

/// The content of one run in memory, as long as it is there.
#[derive(Debug)]
pub(in crate::run) struct Weight {
    client: ClientId,
    bytes: u64,
    of: Weights,
}

impl Loads {
    /// The limit that one more event of so many bytes would pass; nothing where it fits.
    pub(in crate::run) fn passed(
        &self,
        client: &ClientId,
        limits: &ClientLimits,
        bytes: usize,
        (store, now): (&impl Store, Duration),
    ) -> Option<&'static str> {
        let most = |mib: Option<u32>, unless: u32| u64::from(mib.unwrap_or(unless)) << 20;
        let held = lock(&self.memory).get(client).copied().unwrap_or(0);
        if held.saturating_add(bytes as u64) > most(limits.memory_mib, MEMORY_MIB) {
            return Some("memory");
        }
        (self.on_disk(client, store, now) >= most(limits.disk_mib, DISK_MIB)).then_some("disk")
    }

    fn on_disk(&self, client: &ClientId, store: &impl Store, now: Duration) -> u64 {
        let mut disk = lock(&self.disk);
        if let Some((looked, bytes)) = disk.get(client)
            && now < looked.saturating_add(LOOK_EVERY)
        {
            return *bytes;
        }
        // A store that cannot be read refuses the event by itself.
        let bytes = store.sum(&disk_name(client)).unwrap_or(0);
        let bytes = u64::try_from(bytes).unwrap_or(0);
        disk.insert(client.clone(), (now, bytes));
        bytes
    }

    /// Counts the content of a run until what is returned is dropped. A run that is there is never refused its room.
    pub(in crate::run) fn take(&self, client: &ClientId, bytes: usize) -> Weight {
        let weight = Weight { client: client.clone(), bytes: bytes as u64, of: Arc::clone(&self.memory) };
        let mut memory = lock(&self.memory);
        let held = memory.entry(client.clone()).or_default();
        *held = held.saturating_add(weight.bytes);
        weight
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        let mut memory = lock(&self.of);
        if let Some(held) = memory.get_mut(&self.client) {
            *held = held.saturating_sub(self.bytes);
            if *held == 0 {
                memory.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::NoBooks;
    use crate::store::{Memory, Transaction, Write};
    use crate::world::Wall;

    const LIMITS: ClientLimits =
        ClientLimits { running: 1, waiting: 1, rate: None, memory_mib: Some(1), disk_mib: Some(1) };

    #[test]
    fn who_holds_much_is_refused_alone_and_only_meanwhile() {
        let (loads, store) = (Loads::default(), Memory::open(Arc::default(), Box::new(NoBooks::default())));
        let (acme, cedar): (ClientId, ClientId) = ("acme".parse().unwrap(), "cedar".parse().unwrap());
        let passed = |client: &ClientId, bytes| loads.passed(client, &LIMITS, bytes, (&store, Duration::ZERO));
        assert_eq!((passed(&acme, 1 << 20), passed(&acme, (1 << 20) + 1)), (None, Some("memory")));
        let held = loads.take(&acme, 1 << 20);
        assert_eq!((passed(&acme, 1), passed(&cedar, 1)), (Some("memory"), None));
        drop(held);
        assert_eq!(passed(&acme, 1), None);
    }

    #[test]
    fn who_fills_the_disk_is_refused_alone_until_days_are_pruned() {
        let (loads, store) = (Loads::default(), Memory::open(Arc::default(), Box::new(NoBooks::default())));
        let (acme, cedar): (ClientId, ClientId) = ("acme".parse().unwrap(), "cedar".parse().unwrap());
        let add = |bytes| {
            let count = Write::Count { name: disk_name(&acme), add: bytes, most: None };
            store.commit_now(Transaction::new(Wall::default()).with(count)).unwrap();
        };
        let passed = |client: &ClientId, at| loads.passed(client, &LIMITS, 1, (&store, Duration::from_secs(at)));
        assert_eq!(passed(&acme, 0), None);
        add(1 << 20);
        assert_eq!((passed(&acme, 0), passed(&acme, 1), passed(&cedar, 1)), (None, Some("disk"), None));
        add(-1);
        assert_eq!(passed(&acme, 2), None);
    }
}
