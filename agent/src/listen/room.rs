//! How much of each client's bodies is in memory at once: who sends much takes room from nobody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use assent_schema::id::ClientId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// Bodies of one client that are read or judged at once, in KiB.
const EACH_MOST_KIB: usize = 16 * 1024;

/// The room of all clients. Only those that are known here are asked for, so that nobody can fill it with names.
#[derive(Default)]
pub(super) struct Room(Mutex<BTreeMap<ClientId, Arc<Semaphore>>>);

impl Room {
    /// Room for a body of so many bytes, given back when it is dropped; nothing where there is none now.
    pub(super) fn take(&self, client: &ClientId, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let room = {
            let mut all = lock(&self.0);
            let new = || Arc::new(Semaphore::new(EACH_MOST_KIB));
            Arc::clone(all.entry(client.clone()).or_insert_with(new))
        };
        let kib = u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        room.try_acquire_many_owned(kib).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_takes_room_from_nobody_else() {
        let (room, acme, cedar) = (Room::default(), "acme".parse().unwrap(), "cedar".parse().unwrap());
        let mut held: Vec<_> = (0..16).map(|_| room.take(&acme, 1024 * 1024)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(room.take(&acme, 1).is_none(), "acme has all that it may have");
        assert!(room.take(&cedar, 1024 * 1024).is_some());
        held.pop();
        assert!(room.take(&acme, 1024 * 1024).is_some(), "what was judged gives its room back");
    }
}
