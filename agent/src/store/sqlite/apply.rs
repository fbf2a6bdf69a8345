//! One transaction's writes as SQL. Conditions are looked at first, so that a refused transaction leaves nothing.

use std::collections::BTreeMap;

use assent_schema::id::ClientId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::failed;
use crate::store::{
    Alert, Books, Entry, LedgerRow, Log, Note, QueueItem, Refusal, RunId, StoreError, Transaction, Waiting, Write,
};
use crate::world::Wall;

/// Runs that are kept in mind at most; others are read again.
const RUNS_MOST: usize = 4_096;

/// Whose run it is, and its number there: asked for with every entry of the ledger.
#[derive(Clone)]
struct Known {
    client: ClientId,
    number: u64,
}

/// The runs that are under way. To be forgotten when a transaction is rolled back.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<RunId, Known>);

impl Runs {
    /// What was learnt is no longer sure.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn learn(&mut self, run: RunId, client: ClientId, number: u64) {
        if self.0.len() >= RUNS_MOST {
            self.forget();
        }
        self.0.insert(run, Known { client, number });
    }

    fn of(&mut self, db: &Connection, run: RunId) -> Result<Known, StoreError> {
        if let Some(known) = self.0.get(&run) {
            return Ok(known.clone());
        }
        let found = super::read::accepted(db, run)?.ok_or(StoreError::Damaged("a run that was never accepted"))?;
        self.learn(run, found.client.clone(), found.number);
        Ok(Known { client: found.client, number: found.number })
    }
}

/// What transactions are applied to.
pub(super) struct Tables<'a> {
    pub(super) db: &'a Connection,
    pub(super) books: &'a mut dyn Books,
    pub(super) runs: &'a mut Runs,
}

/// Looks at the conditions, then writes everything.
///
/// # Errors
/// [`StoreError::Refused`] before anything was written; any other error after a part was, which the caller rolls back.
pub(super) fn apply(tables: &mut Tables<'_>, transaction: Transaction) -> Result<(), StoreError> {
    let (db, at) = (tables.db, transaction.at);
    for write in &transaction.writes {
        if let Some(refusal) = refusal(db, write)? {
            return Err(StoreError::Refused(refusal));
        }
    }
    for write in transaction.writes {
        one(tables, at, write)?;
    }
    Ok(())
}

fn refusal(db: &Connection, write: &Write) -> Result<Option<Refusal>, StoreError> {
    Ok(match write {
        Write::Deliver { key, run: _ } => super::read::delivered(db, key)?.map(Refusal::Duplicate),
        Write::Count { name, add, most: Some(most) } => {
            let over = super::read::sum(db, name)?.checked_add(*add).is_none_or(|sum| sum > *most);
            over.then(|| Refusal::Over { name: name.clone() })
        }
        Write::Answer { run, step } => {
            super::read::waiting_of(db, *run, step)?.is_none().then_some(Refusal::NotWaiting)
        }
        Write::Swap { name, from, to: _ } => (super::read::state(db, name)? != *from).then_some(Refusal::Moved),
        _ => None,
    })
}

fn one(tables: &mut Tables<'_>, at: Wall, write: Write) -> Result<(), StoreError> {
    let db = tables.db;
    match write {
        Write::Deliver { key, run } => {
            run_sql(db, "INSERT INTO delivery(key, run) VALUES (?1, ?2)", params![key, run.as_bytes()])
        }
        Write::Count { name, add, most: _ } => add_to(db, &name, add).map(drop),
        Write::Answer { run, step } => {
            run_sql(db, "DELETE FROM waiting WHERE run = ?1 AND step = ?2", params![run.as_bytes(), step.as_str()])
        }
        Write::Swap { name, from: _, to: value } | Write::State { name, value } => state(db, &name, value.as_deref()),
        Write::Open { run, sealed } => {
            run_sql(db, "INSERT INTO open(run, sealed) VALUES (?1, ?2)", params![run.as_bytes(), sealed])
        }
        Write::Reseal { run, sealed } => {
            run_sql(db, "UPDATE open SET sealed = ?2 WHERE run = ?1", params![run.as_bytes(), sealed])
        }
        Write::Journal { run, entry } => journal(tables, at, run, entry),
        Write::Close { run } => close(tables, run),
        Write::Ask(waiting) => ask(db, &waiting),
        Write::Queue(item) => queue(db, &item),
        Write::Unqueue { run } => run_sql(db, "DELETE FROM queue WHERE run = ?1", params![run.as_bytes()]),
        Write::Alert(alert) => raise(db, at, &alert),
        Write::AlertSent { no, again } => sent(db, no, again),
        Write::AlertOver { key } => {
            run_sql(db, "UPDATE alert SET over = 1, due = NULL WHERE key = ?1 AND over = 0", params![key])
        }
        Write::Note(note) => append(tables, at, &note),
        Write::Prune { log, from, to } => run_sql(
            db,
            "UPDATE ledger SET sealed = NULL WHERE log = ?1 AND idx BETWEEN ?2 AND ?3",
            params![log.as_str(), number(from), number(to)],
        ),
        Write::ResealLedger { log, index, sealed } => run_sql(
            db,
            "UPDATE ledger SET sealed = ?3 WHERE log = ?1 AND idx = ?2 AND sealed IS NOT NULL",
            params![log.as_str(), number(index), sealed],
        ),
    }
}

/// Every statement is prepared once for each connection.
fn run_sql(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(drop).map_err(failed)
}

fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).or(Err(StoreError::Broken))
}

fn add_to(db: &Connection, name: &str, add: i64) -> Result<i64, StoreError> {
    // A sum that would overflow stays where it is instead of wrapping: limits must not open again.
    let sum = super::read::sum(db, name)?.saturating_add(add);
    let sql = "INSERT INTO sum(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    run_sql(db, sql, params![name, sum])?;
    Ok(sum)
}

fn state(db: &Connection, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
    match value {
        Some(value) => {
            let sql =
                "INSERT INTO state(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
            run_sql(db, sql, params![name, value])
        }
        None => run_sql(db, "DELETE FROM state WHERE name = ?1", params![name]),
    }
}

fn journal(tables: &mut Tables<'_>, at: Wall, run: RunId, mut entry: Entry) -> Result<(), StoreError> {
    let db = tables.db;
    if let Entry::Accepted(accepted) = &mut entry {
        let count = add_to(db, &format!("runs/accepted/{}", accepted.client), 1)?;
        accepted.number = u64::try_from(count).unwrap_or(0);
        tables.runs.learn(run, accepted.client.clone(), accepted.number);
    }
    if let Entry::Ended { .. } = entry {
        let client = tables.runs.of(db, run)?.client;
        add_to(db, &format!("runs/ended/{client}"), 1)?;
    }
    let sql = "INSERT INTO journal(run, seq, at, entry)
      VALUES (?1, (SELECT COALESCE(MAX(seq) + 1, 0) FROM journal WHERE run = ?1), ?2, ?3)";
    run_sql(db, sql, params![run.as_bytes(), at.millis(), json(&entry)?])
}

fn close(tables: &mut Tables<'_>, run: RunId) -> Result<(), StoreError> {
    tables.runs.0.remove(&run);
    run_sql(tables.db, "DELETE FROM open WHERE run = ?1", params![run.as_bytes()])?;
    run_sql(tables.db, "DELETE FROM waiting WHERE run = ?1", params![run.as_bytes()])
}

fn ask(db: &Connection, waiting: &Waiting) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO waiting(run, step, body) VALUES (?1, ?2, ?3)";
    run_sql(db, sql, params![waiting.run.as_bytes(), waiting.step.as_str(), json(waiting)?])
}

fn queue(db: &Connection, item: &QueueItem) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO queue(run, since, body) VALUES (?1, ?2, ?3)";
    run_sql(db, sql, params![item.run.as_bytes(), item.since, json(item)?])
}

/// One standing alert for each key. A further one raises its count and does not make it due again.
fn raise(db: &Connection, at: Wall, alert: &Alert) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert(key, body, since, last, count, sent, due, tries, over)
      VALUES (?1, ?2, ?3, ?3, 1, 0, ?3, 0, 0)
      ON CONFLICT(key) WHERE over = 0 DO UPDATE SET count = count + 1, last = excluded.last";
    run_sql(db, sql, params![alert.key(), json(alert)?, at.millis()])
}

fn sent(db: &Connection, no: i64, again: Option<Wall>) -> Result<(), StoreError> {
    match again {
        None => run_sql(db, "UPDATE alert SET due = NULL, sent = count, tries = 0 WHERE no = ?1", params![no]),
        Some(again) => run_sql(
            db,
            "UPDATE alert SET due = ?2, tries = tries + 1 WHERE no = ?1 AND over = 0",
            params![no, again.millis()],
        ),
    }
}

fn append(tables: &mut Tables<'_>, at: Wall, note: &Note) -> Result<(), StoreError> {
    let db = tables.db;
    let run = note.run.map(|run| tables.runs.of(db, run)).transpose()?.map(|known| known.number);
    let LedgerRow { index, commitment, sealed, day } = tables.books.append(at, run, note)?;
    check_next(db, &note.log, index)?;
    let sql = "INSERT INTO ledger(log, idx, day, commitment, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    run_sql(db, sql, params![note.log.as_str(), number(index), day, commitment, sealed])?;
    match tables.books.end(&note.log) {
        Some(end) => state(db, &crate::store::end_name(&note.log), Some(&end)),
        None => Ok(()),
    }
}

/// The books count by themselves; here is checked that they agree with the table.
fn check_next(db: &Connection, log: &Log, index: u64) -> Result<(), StoreError> {
    let Some(before) = index.checked_sub(1) else { return Ok(()) };
    let sql = "SELECT 1 FROM ledger WHERE log = ?1 AND idx = ?2";
    let found = db
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row(params![log.as_str(), number(before)], |_| Ok(())).optional())
        .map_err(failed)?;
    found.ok_or(StoreError::Damaged("a ledger row is missing"))
}
