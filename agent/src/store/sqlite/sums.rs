//! Named sums within one commit: what all its transactions add is written once.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::apply::run_sql;
use super::read;
use crate::store::StoreError;

/// The sums that the commit changed.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<String, i64>);

impl Sums {
    /// A sum as the transactions before left it.
    pub(super) fn get(&self, db: &Connection, name: &str) -> Result<i64, StoreError> {
        self.0.get(name).map_or_else(|| read::sum(db, name), |sum| Ok(*sum))
    }

    /// Adds to a sum. One that would overflow stays where it is instead of wrapping: limits must not open again.
    pub(super) fn add(&mut self, db: &Connection, name: &str, add: i64) -> Result<i64, StoreError> {
        let sum = self.get(db, name)?.saturating_add(add);
        match self.0.get_mut(name) {
            Some(there) => *there = sum,
            None => drop(self.0.insert(name.to_owned(), sum)),
        }
        Ok(sum)
    }

    /// Writes what changed, within the commit.
    pub(super) fn write(&mut self, db: &Connection) -> Result<(), StoreError> {
        let sql = "INSERT INTO sum(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
        std::mem::take(&mut self.0).into_iter().try_for_each(|(name, sum)| run_sql(db, sql, params![name, sum]))
    }
}
