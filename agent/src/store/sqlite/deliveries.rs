//! Which events were accepted: their keys, random by nature, without a random page written for each.
//!
//! A key becomes durable in the journal row of its run. A table sorted by key is what old ones are looked up in; new ones
//! are kept in mind and moved there many at once, in the order of the table, a few with each commit. A start reads the
//! keys that were not moved yet back from the journal.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::failed;
use super::read;
use crate::store::{RunId, StoreError};

/// The key of a delivery.
pub(super) type Key = [u8; 16];

/// So many keys begin a move. They take about half a megabyte.
const MOVED_AT: usize = 8_192;
/// So many are moved with one commit, so that no run waits for all of them.
const SLICE: usize = 64;
/// The name of the state that says up to which journal row all keys were moved.
const MOVED: &str = "store/deliveries-moved";

/// The keys that are not yet in the table.
#[derive(Default)]
pub(super) struct Deliveries {
    fresh: BTreeMap<Key, RunId>,
    moving: BTreeMap<Key, RunId>,
    /// Once `moving` is empty, all keys up to this journal row are in the table.
    moving_to: i64,
    /// The last journal row that has keys, and the last that is durable.
    last: i64,
    last_kept: i64,
    /// What came and what was moved since the last commit.
    added: Vec<Key>,
    moved: Vec<Key>,
}

impl Deliveries {
    /// Reads the keys that were not moved.
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let moved = match read::state(db, MOVED)? {
            Some(bytes) => {
                bytes.try_into().map(i64::from_be_bytes).or(Err(StoreError::Damaged("a number of a row")))?
            }
            None => 0,
        };
        let mut deliveries = Self { last: moved, ..Self::default() };
        read::keys(db, moved, |row, key, run| {
            deliveries.last = row;
            deliveries.fresh.insert(key, run);
        })?;
        deliveries.last_kept = deliveries.last;
        Ok(deliveries)
    }

    /// Which run an event began.
    pub(super) fn run(&self, db: &Connection, key: &Key) -> Result<Option<RunId>, StoreError> {
        match self.fresh.get(key).or_else(|| self.moving.get(key)) {
            Some(run) => Ok(Some(*run)),
            None => read::delivered(db, key),
        }
    }

    /// An event began a run.
    pub(super) fn add(&mut self, key: Key, run: RunId) {
        self.fresh.insert(key, run);
        self.added.push(key);
    }

    /// The journal row that has the keys that were added last.
    pub(super) fn stand_in(&mut self, row: i64) {
        self.last = row;
    }

    /// Moves some keys to the table, within the commit that is being made.
    pub(super) fn move_some(&mut self, db: &Connection) -> Result<(), StoreError> {
        if self.moving.is_empty() {
            return Ok(());
        }
        let mut insert =
            db.prepare_cached("INSERT OR REPLACE INTO delivery(key, run) VALUES (?1, ?2)").map_err(failed)?;
        for (key, run) in self.moving.iter().take(SLICE) {
            insert.execute(params![key, run.as_bytes()]).map_err(failed)?;
            self.moved.push(*key);
        }
        if self.moved.len() == self.moving.len() {
            super::apply::state(db, MOVED, Some(&self.moving_to.to_be_bytes()))?;
        }
        Ok(())
    }

    /// The commit is durable.
    pub(super) fn keep(&mut self) {
        self.added.clear();
        self.last_kept = self.last;
        for key in self.moved.drain(..) {
            self.moving.remove(&key);
        }
        if self.moving.is_empty() && self.fresh.len() >= MOVED_AT {
            self.moving = std::mem::take(&mut self.fresh);
            self.moving_to = self.last;
        }
    }

    /// Nothing of the commit became durable.
    pub(super) fn drop_back(&mut self) {
        for key in self.added.drain(..) {
            self.fresh.remove(&key);
        }
        self.moved.clear();
        self.last = self.last_kept;
    }
}
