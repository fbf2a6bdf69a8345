//! What is kept in mind of runs and logs, so that a commit need not ask the tables. All of it is forgotten when a commit
//! fails: then it is read again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use assent_schema::id::ClientId;
use rusqlite::{Connection, params};

use super::read::{self, row_id};
use crate::store::{LIFE, Log, RunId, StoreError, life_of};

/// Runs that are kept in mind at most; others are read again.
const RUNS_MOST: usize = 4_096;

/// Whose run it is, and its number there: asked for with every entry of the ledger.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) client: ClientId,
    pub(super) number: u64,
    /// Whether a question of the run may wait.
    asks: bool,
}

/// The runs that are under way.
#[derive(Default)]
pub(super) struct Runs {
    known: BTreeMap<RunId, Known>,
    closed: Vec<RunId>,
    /// Which of the agent's lives it is.
    life: Option<u32>,
}

impl Runs {
    /// The run was accepted.
    pub(super) fn learn(&mut self, run: RunId, client: ClientId, number: u64) {
        self.known.insert(run, Known { client, number, asks: false });
    }

    /// Which of the agent's lives it is, for the names of runs.
    pub(super) fn life(&mut self, db: &Connection) -> Result<u32, StoreError> {
        match self.life {
            Some(life) => Ok(life),
            None => Ok(*self.life.insert(life_of(read::state(db, LIFE)?.as_deref())?)),
        }
    }

    /// The logs ended: another life begins.
    pub(super) fn ends(&mut self) {
        self.life = None;
    }

    /// A run that was accepted, in this commit or before.
    pub(super) fn of(&mut self, db: &Connection, run: RunId) -> Result<&Known, StoreError> {
        match self.known.entry(run) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let found = read::accepted(db, run)?.ok_or(StoreError::Damaged("a run that was never accepted"))?;
                Ok(place.insert(Known { client: found.client, number: found.number, asks: true }))
            }
        }
    }

    /// The run asks somebody.
    pub(super) fn asks(&mut self, run: RunId) {
        if let Some(known) = self.known.get_mut(&run) {
            known.asks = true;
        }
    }

    /// The run ended. Tells whether a question of it may wait.
    pub(super) fn close(&mut self, run: RunId) -> bool {
        self.closed.push(run);
        self.known.get(&run).is_none_or(|known| known.asks)
    }

    /// The commit is durable: runs that ended are asked for no more.
    pub(super) fn keep(&mut self) {
        for run in self.closed.drain(..) {
            self.known.remove(&run);
        }
        if self.known.len() > RUNS_MOST {
            self.known.clear();
        }
    }

    /// What was learnt is no longer sure.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.closed.clear();
        self.life = None;
    }
}

fn new_number(db: &Connection, log: &Log) -> Result<i64, StoreError> {
    super::apply::run_sql(db, "INSERT INTO log(name) VALUES (?1)", params![log.as_str()])?;
    Ok(db.last_insert_rowid())
}

/// The number of each log, and of its next row.
#[derive(Default)]
pub(super) struct Logs(BTreeMap<Log, (i64, u64)>);

impl Logs {
    /// The place of the row that the books made. They count by themselves; here is checked that they agree with the table.
    pub(super) fn next_row(&mut self, db: &Connection, log: &Log, index: u64) -> Result<i64, StoreError> {
        let (number, next) = match self.0.entry(log.clone()) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(place) => {
                let number = match read::log_number(db, log)? {
                    Some(number) => number,
                    None => new_number(db, log)?,
                };
                place.insert((number, read::ledger_size(db, log)?))
            }
        };
        if *next != index {
            return Err(StoreError::Damaged("a ledger row is missing"));
        }
        *next = next.saturating_add(1);
        Ok(row_id(*number, index))
    }

    /// What was learnt is no longer sure.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
