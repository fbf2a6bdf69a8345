//! Transactions that come up together are committed together, with one fsync; one that is alone commits by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Shared, Sqlite, apply, deliveries, failed, known, sums};
use crate::store::{Books, StoreError, Transaction};
use crate::sync::{lock, wait};

/// Transactions that share one fsync at most: bounds the time for which a reader waits.
const GROUP_MOST: usize = 256;

type Waiter = (Arc<Transaction>, oneshot::Sender<Result<(), StoreError>>);

pub(super) struct Db {
    pub(super) connection: Connection,
    pub(super) books: Box<dyn Books>,
    pub(super) runs: known::Runs,
    pub(super) logs: known::Logs,
    pub(super) deliveries: deliveries::Deliveries,
    pub(super) commits: u64,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiters: Vec<Waiter>,
    pub(super) closed: bool,
}

/// The writer thread: commits whatever is queued, until the store is closed and nothing is left.
pub(super) fn write_queued(shared: &Shared) {
    loop {
        let group: Vec<Waiter> = {
            let mut queue = lock(&shared.queue);
            while queue.waiters.is_empty() {
                if queue.closed {
                    return;
                }
                queue = wait(&shared.wake, queue);
            }
            let count = queue.waiters.len().min(GROUP_MOST);
            queue.waiters.drain(..count).collect()
        };
        let (transactions, senders): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let results = lock(&shared.db).commit(&transactions);
        // Whoever was refused wants what it gave back.
        drop(transactions);
        for (sender, result) in senders.into_iter().zip(results) {
            // Nobody waits any more when the caller's task was dropped; the transaction is durable all the same.
            drop(sender.send(result));
        }
    }
}

impl Db {
    /// Commits a group with one fsync. One that cannot be written does not take the others with it.
    pub(super) fn commit(&mut self, group: &[Arc<Transaction>]) -> Vec<Result<(), StoreError>> {
        match (self.together(group), group) {
            (Ok(results), _) => results,
            (Err(error), [_]) => vec![Err(error)],
            (Err(_), _) => group.chunks(1).map(|one| self.together(one).and_then(single)).collect(),
        }
    }

    /// # Errors
    /// When a transaction could not be written; then none of the group was.
    fn together(&mut self, group: &[Arc<Transaction>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let done = self.try_together(group);
        if done.is_ok() {
            self.books.keep();
            self.runs.keep();
            self.deliveries.keep();
        } else {
            self.books.drop_back();
            self.runs.forget();
            self.logs.forget();
            self.deliveries.drop_back();
        }
        done
    }

    fn try_together(&mut self, group: &[Arc<Transaction>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let db = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let mut sums = sums::Sums::default();
        let mut tables = apply::Tables {
            db: &db,
            books: self.books.as_mut(),
            runs: &mut self.runs,
            logs: &mut self.logs,
            deliveries: &mut self.deliveries,
            sums: &mut sums,
        };
        let mut results = Vec::with_capacity(group.len());
        for one in group {
            results.push(match apply::apply(&mut tables, one) {
                Err(StoreError::Refused(refusal)) => Err(StoreError::Refused(refusal)),
                Err(error) => return Err(error),
                Ok(()) => Ok(()),
            });
        }
        sums.write(&db)?;
        self.deliveries.move_some(&db)?;
        db.commit().map_err(failed)?;
        self.commits = self.commits.saturating_add(1);
        Ok(results)
    }
}

fn single(results: Vec<Result<(), StoreError>>) -> Result<(), StoreError> {
    results.into_iter().next().unwrap_or(Err(StoreError::Broken))
}

impl Sqlite {
    pub(super) async fn commit_it(&self, transaction: Arc<Transaction>) -> Result<(), StoreError> {
        let flight = Flight::begin(&self.shared.in_flight);
        // One thread drives all runs: whoever committed at once would never meet another. So all that is ready to commit
        // now comes here first.
        tokio::task::yield_now().await;
        if flight.is_alone()
            && let Ok(mut db) = self.shared.db.try_lock()
        {
            return single(db.commit(&[transaction]));
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut queue = lock(&self.shared.queue);
            if queue.closed {
                return Err(StoreError::Broken);
            }
            queue.waiters.push((transaction, sender));
        }
        self.shared.wake.notify_one();
        receiver.await.unwrap_or(Err(StoreError::Broken))
    }
}

/// One commit between its begin and its end, dropped futures included.
struct Flight<'a> {
    count: &'a AtomicUsize,
}

impl<'a> Flight<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self { count }
    }

    fn is_alone(&self) -> bool {
        self.count.load(Ordering::Acquire) == 1
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}
