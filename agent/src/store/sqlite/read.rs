//! Reads as SQL.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::de::DeserializeOwned;

use super::deliveries::Key;
use super::{failed, packed};
use crate::store::{
    Accepted, AlertRow, Entry, JournalRow, LedgerRow, LedgerTile, Log, OpenRun, QueueItem, RunFilter, RunId, RunLine,
    StepAt, StoreError, Tail, Waiting,
};
use crate::world::Wall;

fn rows<T>(
    db: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql).map_err(failed)?;
    statement.query_map(values, read).and_then(Iterator::collect).map_err(failed)
}

fn row<T>(
    db: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = db.prepare_cached(sql).map_err(failed)?;
    statement.query_row(values, read).optional().map_err(failed)
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).or(Err(StoreError::Damaged("a row cannot be read")))
}

fn run_id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    row.get(column).map(RunId::from_bytes)
}

fn bodies<T: DeserializeOwned>(db: &Connection, sql: &str, values: impl Params) -> Result<Vec<T>, StoreError> {
    rows(db, sql, values, |row| row.get::<_, Vec<u8>>(0))?.iter().map(|body| from_json(body)).collect()
}

pub(super) fn delivered(db: &Connection, key: &[u8; 16]) -> Result<Option<RunId>, StoreError> {
    row(db, "SELECT run FROM delivery WHERE key = ?1", [key], |row| run_id(row, 0))
}

pub(super) fn sum(db: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(row(db, "SELECT value FROM sum WHERE name = ?1", [name], |row| row.get(0))?.unwrap_or(0))
}

/// The text after every text that begins so.
fn after(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

pub(super) fn sums(db: &Connection, prefix: &str) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT name, value FROM sum WHERE name >= ?1 AND name < ?2 ORDER BY name";
    rows(db, sql, [prefix, &after(prefix)], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(super) fn state(db: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    row(db, "SELECT value FROM state WHERE name = ?1", [name], |row| row.get(0))
}

pub(super) fn states(db: &Connection, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let sql = "SELECT name, value FROM state WHERE name >= ?1 AND name < ?2 ORDER BY name";
    rows(db, sql, [prefix, &after(prefix)], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn open(row: &Row<'_>) -> rusqlite::Result<OpenRun> {
    Ok(OpenRun { run: run_id(row, 0)?, sealed: row.get(1)? })
}

pub(super) fn open_runs(db: &Connection) -> Result<Vec<OpenRun>, StoreError> {
    rows(db, "SELECT run, sealed FROM open ORDER BY run", [], open)
}

pub(super) fn open_run(db: &Connection, run: RunId) -> Result<Option<OpenRun>, StoreError> {
    row(db, "SELECT run, sealed FROM open WHERE run = ?1", [run.as_bytes()], open)
}

/// The facts of one row. One commit of a run is one row; rows of older versions have one fact each.
fn entries(row: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let json = packed::unpack(row).ok_or(StoreError::Damaged("a row cannot be read"))?;
    if json.first() == Some(&b'[') { from_json(&json) } else { from_json(&json).map(|one| vec![one]) }
}

pub(super) fn journal(db: &Connection, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
    let sql = "SELECT at, entries FROM journal WHERE run = ?1 AND entries IS NOT NULL ORDER BY no";
    let found: Vec<(i64, Vec<u8>)> = rows(db, sql, [run.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut all = Vec::new();
    for (at, row) in found {
        all.extend(entries(&row)?.into_iter().map(|entry| JournalRow { at: Wall::from_millis(at), entry }));
    }
    Ok(all)
}

pub(super) fn tail(db: &Connection, after: i64, most: usize) -> Result<Vec<Tail>, StoreError> {
    let sql = "SELECT no, run, at, entries FROM journal WHERE no > ?1 AND entries IS NOT NULL ORDER BY no LIMIT ?2";
    let values = params![after, i64::try_from(most).unwrap_or(i64::MAX)];
    let found: Vec<(i64, RunId, i64, Vec<u8>)> =
        rows(db, sql, values, |row| Ok((row.get(0)?, run_id(row, 1)?, row.get(2)?, row.get(3)?)))?;
    let one = |(no, run, at, row): (i64, RunId, i64, Vec<u8>)| {
        Ok(Tail { no, run, at: Wall::from_millis(at), entries: entries(&row)? })
    };
    found.into_iter().map(one).collect()
}

/// The first fact of a run and when it was written.
fn first(db: &Connection, run: RunId) -> Result<Option<(Wall, Accepted)>, StoreError> {
    let sql = "SELECT at, entries FROM journal WHERE run = ?1 AND entries IS NOT NULL ORDER BY no LIMIT 1";
    let found = row(db, sql, [run.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let Some((at, row)) = found else { return Ok(None) };
    match entries(&row)?.into_iter().next() {
        Some(Entry::Accepted(accepted)) => Ok(Some((Wall::from_millis(at), *accepted))),
        _ => Err(StoreError::Damaged("a run does not begin with its acceptance")),
    }
}

pub(super) fn accepted(db: &Connection, run: RunId) -> Result<Option<Accepted>, StoreError> {
    Ok(first(db, run)?.map(|(_, accepted)| accepted))
}

pub(super) fn runs(db: &Connection, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError> {
    let before = filter.before.map_or([0xff; 16], |run| *run.as_bytes());
    let sql = "SELECT DISTINCT run FROM journal WHERE run < ?1 ORDER BY run DESC";
    let mut statement = db.prepare_cached(sql).map_err(failed)?;
    let mut found = statement.query([before]).map_err(failed)?;
    let mut lines = Vec::new();
    while let Some(row) = found.next().map_err(failed)?
        && lines.len() < filter.most
    {
        let run = run_id(row, 0).map_err(failed)?;
        // An event may be known without a run in the journal.
        let Some((at, accepted)) = first(db, run)? else { continue };
        if filter.client.as_ref().is_none_or(|client| *client == accepted.client) {
            lines.push(RunLine { run, accepted, at, last: last(db, run)? });
        }
    }
    Ok(lines)
}

fn last(db: &Connection, run: RunId) -> Result<JournalRow, StoreError> {
    let missing = || StoreError::Damaged("a run without facts");
    let sql = "SELECT at, entries FROM journal WHERE run = ?1 AND entries IS NOT NULL ORDER BY no DESC LIMIT 1";
    let found = row(db, sql, [run.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let (at, row) = found.ok_or_else(missing)?;
    let entry = entries(&row)?.pop().ok_or_else(missing)?;
    Ok(JournalRow { at: Wall::from_millis(at), entry })
}

/// The keys of deliveries in journal rows after one of them.
pub(super) fn keys(db: &Connection, after: i64, mut each: impl FnMut(i64, Key, RunId)) -> Result<(), StoreError> {
    let sql = "SELECT no, keys, run FROM journal WHERE no > ?1 AND keys IS NOT NULL ORDER BY no";
    let found = rows(db, sql, [after], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, run_id(row, 2)?)))?;
    for (no, keys, run) in found {
        let (keys, rest) = keys.as_chunks();
        if !rest.is_empty() {
            return Err(StoreError::Damaged("a key of a delivery"));
        }
        for key in keys {
            each(no, *key, run);
        }
    }
    Ok(())
}

pub(super) fn waiting(db: &Connection) -> Result<Vec<Waiting>, StoreError> {
    bodies(db, "SELECT body FROM waiting ORDER BY run, step", [])
}

pub(super) fn waiting_of(db: &Connection, run: RunId, at: &StepAt) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT body FROM waiting WHERE run = ?1 AND step = ?2";
    Ok(bodies(db, sql, params![run.as_bytes(), at.to_string()])?.into_iter().next())
}

pub(super) fn queue(db: &Connection) -> Result<Vec<QueueItem>, StoreError> {
    bodies(db, "SELECT body FROM queue ORDER BY since, run", [])
}

pub(super) fn alerts(db: &Connection) -> Result<Vec<AlertRow>, StoreError> {
    // Left to itself SQLite reads all that ever were, to have them in order.
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over, respond_by
      FROM alert INDEXED BY alert_standing WHERE over = 0 ORDER BY no";
    alert_rows(db, sql)
}

/// What the alerts that stand are called; the index of them alone is read.
pub(super) fn standing(db: &Connection) -> Result<BTreeSet<String>, StoreError> {
    Ok(rows(db, "SELECT key FROM alert WHERE over = 0", [], |row| row.get(0))?.into_iter().collect())
}

pub(super) fn alert(db: &Connection, no: i64) -> Result<Option<AlertRow>, StoreError> {
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over, respond_by FROM alert WHERE no = ?1";
    row(db, sql, [no], alert_row)?.transpose()
}

pub(super) fn incidents(db: &Connection) -> Result<Vec<AlertRow>, StoreError> {
    // The text is our own JSON, in which the member stands just so or not at all.
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over, respond_by FROM alert
      WHERE instr(CAST(body AS TEXT), '\"incident\":true') > 0 ORDER BY no";
    alert_rows(db, sql)
}

fn alert_rows(db: &Connection, sql: &str) -> Result<Vec<AlertRow>, StoreError> {
    rows(db, sql, [], alert_row)?.into_iter().collect()
}

pub(super) fn alerts_due(db: &Connection, now: Wall, most: usize) -> Result<Vec<AlertRow>, StoreError> {
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over, respond_by FROM alert
      WHERE due IS NOT NULL AND due <= ?1 ORDER BY due, no LIMIT ?2";
    let found = rows(db, sql, params![now.millis(), i64::try_from(most).unwrap_or(i64::MAX)], alert_row)?;
    found.into_iter().collect()
}

fn alert_row(row: &Row<'_>) -> rusqlite::Result<Result<AlertRow, StoreError>> {
    let body: Vec<u8> = row.get(1)?;
    let alert = match from_json(&body) {
        Ok(alert) => alert,
        Err(damaged) => return Ok(Err(damaged)),
    };
    Ok(Ok(AlertRow {
        no: row.get(0)?,
        alert,
        since: Wall::from_millis(row.get(2)?),
        last: Wall::from_millis(row.get(3)?),
        count: row.get(4)?,
        sent: row.get(5)?,
        due: row.get::<_, Option<i64>>(6)?.map(Wall::from_millis),
        tries: row.get(7)?,
        over: row.get::<_, i64>(8)? != 0,
        respond_by: row.get::<_, Option<i64>>(9)?.map(Moment::from_seconds),
    }))
}

pub(super) fn logs(db: &Connection) -> Result<Vec<Log>, StoreError> {
    // Those that ended with a recovery have a dot in their name.
    let names =
        rows(db, "SELECT name FROM log WHERE name NOT LIKE '%.%' ORDER BY name", [], |row| row.get::<_, String>(0))?;
    names.iter().map(|name| Log::from_name(name).ok_or(StoreError::Damaged("a log without a name"))).collect()
}

/// The number by which a log's rows are found; nothing when it has no rows.
pub(super) fn log_number(db: &Connection, log: &Log) -> Result<Option<i64>, StoreError> {
    row(db, "SELECT no FROM log WHERE name = ?1", [log.as_str()], |row| row.get(0))
}

/// Bits of a row's id that say which row of its log it is; the others say which log.
const INDEX_BITS: u32 = 40;

/// The id of a row: rows of one log stand together, in order.
pub(super) fn row_id(log: i64, index: u64) -> i64 {
    let most = (1 << INDEX_BITS) - 1;
    (log << INDEX_BITS) | i64::try_from(index).unwrap_or(most).min(most)
}

/// The id of a tile of the log that a row belongs to.
pub(super) fn tile_id(row: i64, at: u64) -> i64 {
    row_id(row >> INDEX_BITS, at)
}

fn index_of(id: i64) -> u64 {
    u64::try_from(id & ((1 << INDEX_BITS) - 1)).unwrap_or(0)
}

/// A day as a number: `2026-03-02` is 20260302.
pub(super) fn day_number(day: &str) -> i64 {
    day.bytes().filter(u8::is_ascii_digit).fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

fn day_of(number: i64) -> String {
    format!("{:04}-{:02}-{:02}", number / 10_000, number / 100 % 100, number % 100)
}

pub(super) fn ledger_size(db: &Connection, log: &Log) -> Result<u64, StoreError> {
    let Some(no) = log_number(db, log)? else { return Ok(0) };
    let sql = "SELECT MAX(id) FROM ledger WHERE id BETWEEN ?1 AND ?2";
    let ends = params![row_id(no, 0), row_id(no, u64::MAX)];
    let last = row(db, sql, ends, |row| row.get::<_, Option<i64>>(0))?.flatten();
    Ok(last.map_or(0, |id| index_of(id).saturating_add(1)))
}

pub(super) fn ledger_tiles(db: &Connection, log: &Log) -> Result<Vec<LedgerTile>, StoreError> {
    let Some(no) = log_number(db, log)? else { return Ok(Vec::new()) };
    let sql = "SELECT id, root, accepted FROM tile WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    rows(db, sql, params![row_id(no, 0), row_id(no, u64::MAX)], |row| {
        let accepted = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        Ok(LedgerTile { at: index_of(row.get(0)?), root: Digest::from_bytes(row.get(1)?), accepted })
    })
}

pub(super) fn ledger_rows(db: &Connection, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
    let Some(no) = log_number(db, log)? else { return Ok(Vec::new()) };
    let sql = "SELECT id, commitment, sealed, day FROM ledger WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
    let (first, last) = (row_id(no, from), row_id(no, u64::MAX));
    rows(db, sql, params![first, last, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        Ok(LedgerRow {
            index: index_of(row.get(0)?),
            commitment: row.get(1)?,
            sealed: row.get(2)?,
            day: day_of(row.get(3)?),
        })
    })
}
