//! One transaction's writes as SQL. Conditions are looked at first, so that a refused transaction leaves nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::deliveries::Deliveries;
use super::known::{Logs, Runs};
use super::sums::Sums;
use super::{failed, packed};
use crate::store::{
    Alert, Books, Entry, LedgerRow, LedgerTile, Log, Note, QueueItem, Refusal, RunId, StoreError, Transaction, Waiting,
    Write,
};
use crate::store::{bytes_of, disk_name};
use crate::world::Wall;

/// What transactions are applied to.
pub(super) struct Tables<'a> {
    pub(super) db: &'a Connection,
    pub(super) books: &'a mut dyn Books,
    pub(super) runs: &'a mut Runs,
    pub(super) logs: &'a mut Logs,
    pub(super) deliveries: &'a mut Deliveries,
    pub(super) sums: &'a mut Sums,
}

/// What one transaction adds to the journal, by run.
type Rows = BTreeMap<RunId, Row>;

/// What one transaction adds to the journal of one run: one row.
#[derive(Default)]
struct Row {
    keys: Vec<u8>,
    /// A JSON list that is not closed yet.
    entries: Vec<u8>,
}

/// A transaction with more notes than this is about many clients: a release, a sign of life of all logs.
const NOTES_MANY: usize = 8;
/// A transaction that ends more alerts than this is about many workflows: those that stand are asked for once.
const ENDS_MANY: usize = 16;

/// Looks at the conditions, then writes everything.
///
/// # Errors
/// [`StoreError::Refused`] before anything was written; any other error after a part was, which the caller rolls back.
pub(super) fn apply(tables: &mut Tables<'_>, transaction: &Transaction) -> Result<(), StoreError> {
    for write in &transaction.writes {
        if let Some(refusal) = refusal(tables, write)? {
            return Err(StoreError::Refused(refusal));
        }
    }
    let noted = transaction.writes.iter().filter_map(|write| match write {
        Write::Note(note) => Some(&note.log),
        _ => None,
    });
    if noted.clone().nth(NOTES_MANY).is_some() {
        tables.books.prepare(transaction.at, &noted.collect())?;
    }
    let mut rows = Rows::new();
    let mut standing = Standing::of(tables.db, transaction)?;
    for write in &transaction.writes {
        if !standing.rules_out(write) {
            one(tables, &mut rows, transaction.at, write)?;
        }
    }
    rows.into_iter().try_for_each(|(run, row)| add_row(tables, transaction.at, run, row))
}

/// The alerts that stand, for a transaction that ends many: a release ends those that might stand of every workflow, seven of each,
/// and nearly none does.
struct Standing(Option<BTreeSet<String>>);

impl Standing {
    fn of(db: &Connection, transaction: &Transaction) -> Result<Self, StoreError> {
        let is_end = |write: &&Write| matches!(write, Write::AlertOver { .. });
        let many = transaction.writes.iter().filter(is_end).nth(ENDS_MANY).is_some();
        Ok(Self(many.then(|| super::read::standing(db)).transpose()?))
    }

    /// Whether a write ends what does not stand.
    fn rules_out(&mut self, write: &Write) -> bool {
        match (&mut self.0, write) {
            (Some(keys), Write::AlertOver { key }) => !keys.contains(key),
            (Some(keys), Write::Alert(alert)) => {
                keys.insert(alert.key());
                false
            }
            _ => false,
        }
    }
}

fn refusal(tables: &Tables<'_>, write: &Write) -> Result<Option<Refusal>, StoreError> {
    let db = tables.db;
    Ok(match write {
        Write::Deliver { key, run: _ } => tables.deliveries.run(db, key)?.map(Refusal::Duplicate),
        Write::Count { name, add, most: Some(most) } => {
            let over = tables.sums.get(db, name)?.checked_add(*add).is_none_or(|sum| sum > *most);
            over.then(|| Refusal::Over { name: name.clone() })
        }
        Write::Answer { run, at } => super::read::waiting_of(db, *run, at)?.is_none().then_some(Refusal::NotWaiting),
        Write::Swap { name, from, to: _ } => (super::read::state(db, name)? != *from).then_some(Refusal::Moved),
        _ => None,
    })
}

fn one(tables: &mut Tables<'_>, rows: &mut Rows, at: Wall, write: &Write) -> Result<(), StoreError> {
    let db = tables.db;
    match write {
        Write::Deliver { key, run } => {
            rows.entry(*run).or_default().keys.extend(key);
            tables.deliveries.add(*key, *run);
            Ok(())
        }
        Write::Count { name, add, most: _ } => tables.sums.add(db, name, *add).map(drop),
        Write::Answer { run, at } => {
            run_sql(db, "DELETE FROM waiting WHERE run = ?1 AND step = ?2", params![run.as_bytes(), at.to_string()])
        }
        Write::Swap { name, from: _, to: value } | Write::State { name, value } => state(db, name, value.as_deref()),
        Write::Open { run, sealed } => {
            run_sql(db, "INSERT INTO open(run, sealed) VALUES (?1, ?2)", params![run.as_bytes(), sealed])
        }
        Write::Reseal { run, sealed } => {
            run_sql(db, "UPDATE open SET sealed = ?2 WHERE run = ?1", params![run.as_bytes(), sealed])
        }
        Write::Journal { run, entry } => journal(tables, *run, rows.entry(*run).or_default(), entry),
        Write::Close { run } => close(tables, *run),
        Write::Ask(waiting) => ask(tables, waiting),
        Write::Queue(item) => queue(db, item),
        Write::Unqueue { run } => run_sql(db, "DELETE FROM queue WHERE run = ?1", params![run.as_bytes()]),
        Write::Alert(alert) => raise(tables, at, alert),
        Write::AlertSent { no, due, again } => sent(db, *no, *due, *again),
        Write::AlertMoved { no } => {
            // Never the time that it was due before: by that it is known that it moved.
            let sql = "UPDATE alert SET due = ?2 + (due IS NOT NULL AND due = ?2), tries = 0 WHERE no = ?1";
            run_sql(db, sql, params![no, at.millis()])
        }
        Write::AlertOver { key } => {
            let sql = "UPDATE alert SET over = 1, due = ?2 + (due IS NOT NULL AND due = ?2), tries = 0
              WHERE key = ?1 AND over = 0";
            run_sql(db, sql, params![key, at.millis()])
        }
        Write::Note(note) => append(tables, at, note),
        Write::Prune { log, from, to } => {
            let Some(no) = super::read::log_number(db, log)? else { return Ok(()) };
            let range = params![super::read::row_id(no, *from), super::read::row_id(no, *to)];
            if let Log::Client(client) = log {
                let sql = "SELECT COALESCE(SUM(LENGTH(sealed)), 0) FROM ledger WHERE id BETWEEN ?1 AND ?2";
                let sum = db.prepare_cached(sql).and_then(|mut sum| sum.query_row(range, |row| row.get::<_, i64>(0)));
                tables.sums.add(db, &disk_name(client), sum.map_err(failed)?.saturating_neg())?;
            }
            let sql = "UPDATE ledger SET sealed = NULL WHERE id BETWEEN ?1 AND ?2 AND sealed IS NOT NULL";
            run_sql(db, sql, range)
        }
        Write::EndLogs { life } => end_logs(tables, *life),
        Write::ResealLedger { log, index, sealed } => {
            let Some(no) = super::read::log_number(db, log)? else { return Ok(()) };
            let sql = "UPDATE ledger SET sealed = ?2 WHERE id = ?1 AND sealed IS NOT NULL";
            run_sql(db, sql, params![super::read::row_id(no, *index), sealed])
        }
    }
}

/// The old rows keep their numbers, and with them their place; only the name is free again.
fn end_logs(tables: &mut Tables<'_>, life: u32) -> Result<(), StoreError> {
    let db = tables.db;
    tables.sums.write(db)?;
    tables.logs.forget();
    tables.runs.ends();
    let ended = crate::store::life_of(super::read::state(db, crate::store::LIFE)?.as_deref())?;
    run_sql(db, "UPDATE log SET name = name || '.' || ?1 WHERE name NOT LIKE '%.%'", params![ended])?;
    for prefix in crate::store::WITH_LOGS {
        let sql = "UPDATE state SET name = name || '.' || ?2 WHERE name LIKE ?1 || '%' AND name NOT LIKE '%.%'";
        run_sql(db, sql, params![prefix, ended])?;
    }
    run_sql(db, "DELETE FROM state WHERE name LIKE ?1 || '%'", params![crate::store::ENDS])?;
    run_sql(db, "DELETE FROM sum WHERE name LIKE 'runs/accepted/%' OR name LIKE 'runs/ended/%'", params![])?;
    state(db, crate::store::LIFE, Some(life.to_string().as_bytes()))
}

/// Every statement is prepared once for each connection.
pub(super) fn run_sql(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(drop).map_err(failed)
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).or(Err(StoreError::Broken))
}

pub(super) fn state(db: &Connection, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
    match value {
        Some(value) => {
            let sql =
                "INSERT INTO state(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
            run_sql(db, sql, params![name, value])
        }
        None => run_sql(db, "DELETE FROM state WHERE name = ?1", params![name]),
    }
}

fn journal(tables: &mut Tables<'_>, run: RunId, row: &mut Row, entry: &Entry) -> Result<(), StoreError> {
    row.entries.push(if row.entries.is_empty() { b'[' } else { b',' });
    let numbered = match entry {
        Entry::Accepted(accepted) => {
            let count = tables.sums.add(tables.db, &format!("runs/accepted/{}", accepted.client), 1)?;
            let mut accepted = accepted.clone();
            accepted.number = u64::try_from(count).unwrap_or(0);
            accepted.life = tables.runs.life(tables.db)?;
            tables.runs.learn(run, accepted.client.clone(), accepted.number);
            Some(Entry::Accepted(accepted))
        }
        Entry::Ended { .. } => {
            let client = tables.runs.of(tables.db, run)?.client.clone();
            tables.sums.add(tables.db, &format!("runs/ended/{client}"), 1)?;
            None
        }
        _ => None,
    };
    serde_json::to_writer(&mut row.entries, numbered.as_ref().unwrap_or(entry)).or(Err(StoreError::Broken))
}

fn add_row(tables: &mut Tables<'_>, at: Wall, run: RunId, mut row: Row) -> Result<(), StoreError> {
    let keys = (!row.keys.is_empty()).then_some(row.keys);
    let entries = if row.entries.is_empty() {
        None
    } else {
        row.entries.push(b']');
        Some(packed::pack(&row.entries))
    };
    let has_keys = keys.is_some();
    if let Some(entries) = &entries {
        let client = tables.runs.of(tables.db, run)?.client.clone();
        tables.sums.add(tables.db, &disk_name(&client), bytes_of(entries.len()))?;
    }
    let sql = "INSERT INTO journal(run, at, keys, entries) VALUES (?1, ?2, ?3, ?4)";
    run_sql(tables.db, sql, params![run.as_bytes(), at.millis(), keys, entries])?;
    if has_keys {
        tables.deliveries.stand_in(tables.db.last_insert_rowid());
    }
    Ok(())
}

fn close(tables: &mut Tables<'_>, run: RunId) -> Result<(), StoreError> {
    run_sql(tables.db, "DELETE FROM open WHERE run = ?1", params![run.as_bytes()])?;
    if tables.runs.close(run) {
        run_sql(tables.db, "DELETE FROM waiting WHERE run = ?1", params![run.as_bytes()])?;
    }
    Ok(())
}

fn ask(tables: &mut Tables<'_>, waiting: &Waiting) -> Result<(), StoreError> {
    tables.runs.asks(waiting.run);
    let sql = "INSERT OR REPLACE INTO waiting(run, step, body) VALUES (?1, ?2, ?3)";
    run_sql(tables.db, sql, params![waiting.run.as_bytes(), waiting.at().to_string(), json(waiting)?])
}

fn queue(db: &Connection, item: &QueueItem) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO queue(run, since, body) VALUES (?1, ?2, ?3)";
    run_sql(db, sql, params![item.run.as_bytes(), item.since, json(item)?])
}

/// One standing alert for each key. A further one raises its count and does not make it due again. The ledger hears of the
/// incident that a new one opens with the same commit.
fn raise(tables: &mut Tables<'_>, at: Wall, alert: &Alert) -> Result<(), StoreError> {
    let respond_by = tables.books.respond_by(at, alert).filter(|_| alert.incident);
    let sql = "INSERT INTO alert(key, body, since, last, count, sent, due, tries, over, respond_by)
      VALUES (?1, ?2, ?3, ?3, 1, 0, ?3, 0, 0, ?4)
      ON CONFLICT(key) WHERE over = 0 DO UPDATE SET count = count + 1, last = excluded.last
      RETURNING no, count";
    let values = params![alert.key(), json(alert)?, at.millis(), respond_by.map(assent_schema::time::Moment::seconds)];
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let raised = tables.db.prepare_cached(sql).and_then(|mut statement| statement.query_row(values, row));
    let (no, count): (i64, i64) = raised.map_err(failed)?;
    match alert.opens(no, respond_by).filter(|_| count == 1) {
        Some(note) => append(tables, at, &note),
        None => Ok(()),
    }
}

fn sent(db: &Connection, no: i64, due: Wall, again: Option<Wall>) -> Result<(), StoreError> {
    match again {
        None => {
            let sql = "UPDATE alert SET due = NULL, sent = count, tries = 0 WHERE no = ?1 AND due = ?2";
            run_sql(db, sql, params![no, due.millis()])
        }
        Some(again) => {
            let sql = "UPDATE alert SET due = ?3, tries = tries + 1 WHERE no = ?1 AND due = ?2";
            run_sql(db, sql, params![no, due.millis(), again.millis()])
        }
    }
}

fn append(tables: &mut Tables<'_>, at: Wall, note: &Note) -> Result<(), StoreError> {
    let db = tables.db;
    let run = note.run.map(|run| tables.runs.of(db, run).map(|known| known.number)).transpose()?;
    let LedgerRow { index, commitment, sealed, day } = tables.books.append(at, run, note)?;
    let id = tables.logs.next_row(db, &note.log, index)?;
    if let (Log::Client(client), Some(sealed)) = (&note.log, &sealed) {
        tables.sums.add(db, &disk_name(client), bytes_of(sealed.len()))?;
    }
    let sql = "INSERT INTO ledger(id, day, commitment, sealed) VALUES (?1, ?2, ?3, ?4)";
    run_sql(db, sql, params![id, super::read::day_number(&day), commitment, sealed])?;
    if let Some(LedgerTile { at, root, accepted }) = tables.books.tile(&note.log) {
        let sql = "INSERT INTO tile(id, root, accepted) VALUES (?1, ?2, ?3)";
        let accepted = i64::try_from(accepted).unwrap_or(i64::MAX);
        run_sql(db, sql, params![super::read::tile_id(id, at), root.as_bytes(), accepted])?;
    }
    match tables.books.end(&note.log) {
        Some(end) => state(db, &crate::store::end_name(&note.log), Some(&end)),
        None => Ok(()),
    }
}
