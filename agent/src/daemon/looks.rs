//! What the agent remembers about its looks at secrets, and when the next is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::secrets::Named;
use crate::run::Ends;
use crate::vault::VaultError;

/// How often it is looked which secret counts in each slot.
const SLOTS_EVERY: Duration = Duration::from_hours(1);
/// How often the APIs are asked what they granted.
const SCOPES_EVERY: Duration = Duration::from_hours(24);

/// What the agent remembers about its looks at secrets.
#[derive(Default)]
pub(super) struct Looks {
    /// When it last looked which secrets count, in seconds since boot; 0 for never.
    pub(super) slots_at: AtomicU64,
    /// When it last asked what was granted.
    pub(super) scopes_at: AtomicU64,
    /// How many slots there were then.
    pub(super) slots: AtomicUsize,
    /// Slots whose secret cannot be one.
    pub(super) misfits: Mutex<BTreeSet<Named>>,
    /// When what slots hold ends, where somebody said so.
    pub(super) ends: Mutex<BTreeMap<Named, Ends>>,
    /// Held while a rotation is gone on with.
    pub(super) rotating: tokio::sync::Mutex<()>,
    /// Why the vault would not open if the agent began now.
    pub(super) fault: Mutex<Option<VaultError>>,
    /// Lines of the log that were told to on-call.
    pub(super) tripped: AtomicU64,
    /// A person changed something.
    pub(super) news: tokio::sync::Notify,
}

impl Looks {
    /// Each hour, and when a release brings other slots.
    pub(super) fn is_slot_look_due(&self, boot: Duration, slots: usize) -> bool {
        if self.slots.swap(slots, Ordering::Relaxed) != slots {
            self.slots_at.store(0, Ordering::Relaxed);
        }
        is_due(&self.slots_at, boot, SLOTS_EVERY)
    }

    /// Once a day.
    pub(super) fn is_scope_look_due(&self, boot: Duration) -> bool {
        is_due(&self.scopes_at, boot, SCOPES_EVERY)
    }
}

fn is_due(at: &AtomicU64, boot: Duration, every: Duration) -> bool {
    let (now, before) = (boot.as_secs().max(1), at.load(Ordering::Relaxed));
    let is_due = before == 0 || now >= before.saturating_add(every.as_secs());
    if is_due {
        at.store(now, Ordering::Relaxed);
    }
    is_due
}
