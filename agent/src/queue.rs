//! The manual queue: where work goes that automation could not finish, each item with what was already done.
//!
//! Items are written by the run that ends, in the transaction of its end. Here they are read, and taken out by a person.

use crate::store::{QueueItem, RunId, Store, StoreError, Transaction, Write};
use crate::world::Wall;

/// What waits for people, oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn list(store: &impl Store) -> Result<Vec<QueueItem>, StoreError> {
    store.queue()
}

/// A person has done the work of an item: takes it out. False when there is no such item.
///
/// # Errors
/// [`StoreError`].
///
/// # Crash
/// On return the item is gone for good; the run's journal and ledger entries stay.
pub async fn take_out(store: &impl Store, run: RunId, now: Wall) -> Result<bool, StoreError> {
    let is_there = store.queue()?.iter().any(|item| item.run == run);
    if is_there {
        store.commit(Transaction::new(now).with(Write::Unqueue { run })).await?;
    }
    Ok(is_there)
}
