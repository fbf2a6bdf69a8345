//! The manual queue: where work goes that automation could not finish, each item with what was already done.
//!
//! Items are written by the run that ends, in the transaction of its end. Here a person takes them out or hands them on; an
//! item that a person took out is never gone on with by another run, and the other way round.

use assent_schema::id::GroupId;

use crate::run::{Act, NotAgain, acceptance, handled, handling_note, unhandled};
use crate::store::{QueueItem, Refusal, RunId, Store, StoreError, Transaction, Write};
use crate::world::Wall;

/// A person has done the work of an item: the entry first, then it is gone.
///
/// # Errors
/// [`NotAgain`] when there is no such item, or when a run goes on with it.
///
/// # Crash
/// On return the item is gone for good; the run's journal and ledger entries stay.
pub async fn done(store: &impl Store, run: RunId, act: &Act, now: Wall) -> Result<(), NotAgain> {
    item(store, run)?;
    let rows = store.journal(run)?;
    let accepted = acceptance(&rows).ok_or(NotAgain::Unknown)?;
    let transaction = Transaction { at: now, writes: handled(store, (run, accepted), "done", act, None)?.into() };
    taken(store.commit(transaction).await)
}

/// An item goes to another group: the entry first.
///
/// # Errors
/// [`NotAgain`] when there is no such item.
///
/// # Crash
/// On return the item is with the other group.
pub async fn reassign(store: &impl Store, run: RunId, to: GroupId, act: &Act, now: Wall) -> Result<(), NotAgain> {
    let item = QueueItem { queue: to, ..item(store, run)? };
    let rows = store.journal(run)?;
    let accepted = acceptance(&rows).ok_or(NotAgain::Unknown)?;
    let note = Write::Note(Box::new(handling_note(store, (run, accepted), "reassign", act)?));
    let transaction = Transaction::new(now).with(unhandled(run)).with(note).with(Write::Queue(Box::new(item)));
    taken(store.commit(transaction).await)
}

/// Somebody else may have been quicker.
fn taken(done: Result<(), StoreError>) -> Result<(), NotAgain> {
    match done {
        Err(StoreError::Refused(Refusal::Moved)) => Err(NotAgain::NotQueued),
        done => Ok(done?),
    }
}

fn item(store: &impl Store, run: RunId) -> Result<QueueItem, NotAgain> {
    store.queue()?.into_iter().find(|item| item.run == run).ok_or(NotAgain::NotQueued)
}
