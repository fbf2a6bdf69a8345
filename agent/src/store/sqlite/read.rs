//! Reads as SQL.

use assent_schema::id::Name;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::de::DeserializeOwned;

use super::failed;
use crate::store::{
    Accepted, AlertRow, Entry, JournalRow, LedgerRow, Log, OpenRun, QueueItem, RunFilter, RunId, RunLine, StoreError,
    Waiting,
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

fn journal_row((at, entry): (i64, Vec<u8>)) -> Result<JournalRow, StoreError> {
    Ok(JournalRow { at: Wall::from_millis(at), entry: from_json(&entry)? })
}

pub(super) fn journal(db: &Connection, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
    let sql = "SELECT at, entry FROM journal WHERE run = ?1 ORDER BY seq";
    let found = rows(db, sql, [run.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.into_iter().map(journal_row).collect()
}

pub(super) fn accepted(db: &Connection, run: RunId) -> Result<Option<Accepted>, StoreError> {
    let sql = "SELECT entry FROM journal WHERE run = ?1 AND seq = 0";
    let Some(entry) = row(db, sql, [run.as_bytes()], |row| row.get::<_, Vec<u8>>(0))? else { return Ok(None) };
    match from_json(&entry)? {
        Entry::Accepted(accepted) => Ok(Some(*accepted)),
        _ => Err(StoreError::Damaged("a run does not begin with its acceptance")),
    }
}

pub(super) fn runs(db: &Connection, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError> {
    let before = filter.before.map_or([0xff; 16], |run| *run.as_bytes());
    let mut statement = db
        .prepare_cached("SELECT run, at, entry FROM journal WHERE run < ?1 AND seq = 0 ORDER BY run DESC")
        .map_err(failed)?;
    let mut found = statement.query([before]).map_err(failed)?;
    let mut lines = Vec::new();
    while let Some(row) = found.next().map_err(failed)?
        && lines.len() < filter.most
    {
        let (run, at) = (run_id(row, 0).map_err(failed)?, Wall::from_millis(row.get(1).map_err(failed)?));
        let Entry::Accepted(accepted) = from_json(&row.get::<_, Vec<u8>>(2).map_err(failed)?)? else { continue };
        if filter.client.as_ref().is_none_or(|client| *client == accepted.client) {
            lines.push(RunLine { run, accepted: *accepted, at, last: last(db, run)? });
        }
    }
    Ok(lines)
}

fn last(db: &Connection, run: RunId) -> Result<JournalRow, StoreError> {
    let sql = "SELECT at, entry FROM journal WHERE run = ?1 ORDER BY seq DESC LIMIT 1";
    let found = row(db, sql, [run.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    journal_row(found.ok_or(StoreError::Damaged("a run without facts"))?)
}

pub(super) fn waiting(db: &Connection) -> Result<Vec<Waiting>, StoreError> {
    bodies(db, "SELECT body FROM waiting ORDER BY run, step", [])
}

pub(super) fn waiting_of(db: &Connection, run: RunId, step: &Name) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT body FROM waiting WHERE run = ?1 AND step = ?2";
    Ok(bodies(db, sql, params![run.as_bytes(), step.as_str()])?.into_iter().next())
}

pub(super) fn queue(db: &Connection) -> Result<Vec<QueueItem>, StoreError> {
    bodies(db, "SELECT body FROM queue ORDER BY since, run", [])
}

pub(super) fn alerts(db: &Connection) -> Result<Vec<AlertRow>, StoreError> {
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over FROM alert WHERE over = 0 ORDER BY no";
    rows(db, sql, [], alert_row)?
        .into_iter()
        .map(|(body, row)| Ok(AlertRow { alert: from_json(&body)?, ..row }))
        .collect()
}

pub(super) fn alerts_due(db: &Connection, now: Wall, most: usize) -> Result<Vec<AlertRow>, StoreError> {
    let sql = "SELECT no, body, since, last, count, sent, due, tries, over FROM alert
      WHERE due IS NOT NULL AND due <= ?1 ORDER BY due, no LIMIT ?2";
    let found = rows(db, sql, params![now.millis(), i64::try_from(most).unwrap_or(i64::MAX)], alert_row)?;
    found.into_iter().map(|(body, row)| Ok(AlertRow { alert: from_json(&body)?, ..row })).collect()
}

fn alert_row(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, AlertRow)> {
    let alert = crate::store::Alert {
        rule: String::new(),
        client: None,
        workflow: None,
        connection: None,
        code: String::new(),
        run: None,
        incident: false,
    };
    let rest = AlertRow {
        no: row.get(0)?,
        alert,
        since: Wall::from_millis(row.get(2)?),
        last: Wall::from_millis(row.get(3)?),
        count: row.get(4)?,
        sent: row.get(5)?,
        due: row.get::<_, Option<i64>>(6)?.map(Wall::from_millis),
        tries: row.get(7)?,
        over: row.get::<_, i64>(8)? != 0,
    };
    Ok((row.get(1)?, rest))
}

pub(super) fn logs(db: &Connection) -> Result<Vec<Log>, StoreError> {
    // From one log to the next by the key: `DISTINCT` would read every row.
    let sql = "WITH RECURSIVE each(log) AS (SELECT MIN(log) FROM ledger
      UNION ALL SELECT (SELECT MIN(log) FROM ledger WHERE log > each.log) FROM each WHERE each.log IS NOT NULL)
      SELECT log FROM each WHERE log IS NOT NULL";
    let names = rows(db, sql, [], |row| row.get::<_, String>(0))?;
    names.iter().map(|name| Log::from_name(name).ok_or(StoreError::Damaged("a log without a name"))).collect()
}

pub(super) fn ledger_size(db: &Connection, log: &Log) -> Result<u64, StoreError> {
    let sql = "SELECT COALESCE(MAX(idx) + 1, 0) FROM ledger WHERE log = ?1";
    let size = row(db, sql, [log.as_str()], |row| row.get::<_, i64>(0))?.unwrap_or(0);
    Ok(u64::try_from(size).unwrap_or(0))
}

pub(super) fn ledger_rows(db: &Connection, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = "SELECT idx, commitment, sealed, day FROM ledger WHERE log = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3";
    let (from, most) = (i64::try_from(from).unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX));
    rows(db, sql, params![log.as_str(), from, most], |row| {
        Ok(LedgerRow {
            index: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            commitment: row.get(1)?,
            sealed: row.get(2)?,
            day: row.get(3)?,
        })
    })
}
