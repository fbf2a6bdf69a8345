//! The tables, and the way from older forms to the newest.
//!
//! Narrow tables, and rows that are many are added at the end: each page that a commit touches is written twice. One commit
//! of a run is one row of `journal`. The row of a ledger has the number of its log in the upper bits of its id, its index in
//! the lower 40, and so has each of its tiles. Class of every column: `reference` or lower, but `open.sealed` and `ledger.sealed`, which are ciphertext.

use std::path::Path;

use rusqlite::Connection;

use super::failed;
use crate::durable;
use crate::store::StoreError;

/// Each takes the form before it to the next; the first makes all tables. Never edited once released: add one.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE journal(run BLOB NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, entry BLOB NOT NULL,
  PRIMARY KEY(run, seq)) WITHOUT ROWID, STRICT;
CREATE TABLE open(run BLOB PRIMARY KEY, sealed BLOB) WITHOUT ROWID, STRICT;
CREATE TABLE delivery(key BLOB PRIMARY KEY, run BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE sum(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE waiting(run BLOB NOT NULL, step TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY(run, step))
  WITHOUT ROWID, STRICT;
CREATE TABLE queue(run BLOB PRIMARY KEY, since INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE alert(no INTEGER PRIMARY KEY, key TEXT NOT NULL, body BLOB NOT NULL, since INTEGER NOT NULL,
  last INTEGER NOT NULL, count INTEGER NOT NULL, sent INTEGER NOT NULL, due INTEGER, tries INTEGER NOT NULL,
  over INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX alert_standing ON alert(key) WHERE over = 0;
CREATE INDEX alert_due ON alert(due) WHERE due IS NOT NULL;
CREATE TABLE state(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE ledger(log TEXT NOT NULL, idx INTEGER NOT NULL, day TEXT NOT NULL, commitment BLOB NOT NULL, sealed BLOB,
  PRIMARY KEY(log, idx)) WITHOUT ROWID, STRICT;
",
    "
CREATE TABLE fact(no INTEGER PRIMARY KEY, run BLOB NOT NULL, at INTEGER NOT NULL, keys BLOB, entries BLOB) STRICT;
INSERT INTO fact(run, at, entries) SELECT run, at, entry FROM journal ORDER BY run, seq;
DROP TABLE journal;
ALTER TABLE fact RENAME TO journal;
CREATE INDEX journal_run ON journal(run);
CREATE TABLE log(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO log(name) SELECT DISTINCT log FROM ledger ORDER BY log;
CREATE TABLE entry(id INTEGER PRIMARY KEY, day INTEGER NOT NULL, commitment BLOB NOT NULL, sealed BLOB) STRICT;
INSERT INTO entry SELECT no << 40 | idx, CAST(replace(day, '-', '') AS INTEGER), commitment, sealed
  FROM ledger JOIN log ON name = log ORDER BY no, idx;
DROP TABLE ledger;
ALTER TABLE entry RENAME TO ledger;
",
    "
CREATE TABLE tile(id INTEGER PRIMARY KEY, root BLOB NOT NULL, accepted INTEGER NOT NULL) STRICT;
",
    "
ALTER TABLE alert ADD COLUMN respond_by INTEGER;
",
    "
-- No table changes. The cursor of a list that is polled is its workflow's from here on, and `desk` takes those of single
-- lists over: a program that looks for those would begin now, and pass over what came since.
",
    "
-- What stands open where no connection is to blame is its workflow's from here on.
UPDATE alert SET key = key || '/' || json_extract(CAST(body AS TEXT), '$.workflow')
  WHERE over = 0 AND json_extract(CAST(body AS TEXT), '$.rule') IN ('run-failed', 'run-stopped', 'run-content-lost')
    AND json_extract(CAST(body AS TEXT), '$.connection') IS NULL
    AND json_extract(CAST(body AS TEXT), '$.workflow') IS NOT NULL;
",
];

/// Brings the tables to the newest form. A copy of an older database is kept beside it.
///
/// # Crash
/// All steps are one transaction: the old form stands until the new one does.
pub(super) fn migrate(db: &mut Connection, path: Option<&Path>, steps: &[&str]) -> Result<(), StoreError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let Some(todo) = usize::try_from(found).ok().and_then(|done| steps.get(done..)).filter(|todo| !todo.is_empty())
    else {
        return Ok(());
    };
    if found > 0
        && let Some(copy) = path.map(|path| path.with_extension(format!("db.v{found}")))
    {
        // Also where one stands there already: that is of an earlier upgrade, from which somebody went back.
        keep(db, &copy)?;
    }
    let transaction = db.transaction().map_err(failed)?;
    for step in todo {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Keeps a copy of the database.
///
/// # Crash
/// A file of this name is a whole copy: what a crash left of one that was being made has another name, and is made again.
fn keep(db: &Connection, copy: &Path) -> Result<(), StoreError> {
    let broken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Broken,
    };
    let mut new = copy.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(error)),
        Ok(()) | Err(_) => {}
    }
    db.execute("VACUUM INTO ?1", [new.to_string_lossy()]).map_err(failed)?;
    durable::settle(new, copy).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_that_are_said_to_be_kept() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, None, MIGRATIONS).unwrap();
        let mut found = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").unwrap();
        let found: Vec<String> = found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let kept = crate::store::inventory::KEPT.iter().filter(|kept| kept.is_table).map(|kept| kept.name);
        assert_eq!(found, kept.collect::<Vec<_>>());
    }

    #[test]
    fn an_older_folder_is_opened_and_a_copy_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let steps = ["CREATE TABLE a(x)", "CREATE TABLE b(x)"];
        migrate(&mut Connection::open(&path).unwrap(), Some(&path), &steps[..1]).unwrap();
        let mut db = Connection::open(&path).unwrap();
        migrate(&mut db, Some(&path), &steps).unwrap();
        db.execute("INSERT INTO b VALUES (1)", []).unwrap();
        assert!(folder.path().join("agent.db.v1").exists());
    }

    /// Put back as the state before this upgrade, a copy of an earlier one would lose all that was written between.
    #[test]
    fn the_copy_is_of_the_newest_upgrade() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let steps = ["CREATE TABLE a(x)", "CREATE TABLE b(x)"];
        migrate(&mut Connection::open(&path).unwrap(), Some(&path), &steps[..1]).unwrap();
        migrate(&mut Connection::open(&path).unwrap(), Some(&path), &steps).unwrap();
        let copy = folder.path().join("agent.db.v1");
        std::fs::copy(&copy, &path).unwrap();
        Connection::open(&path).unwrap().execute("INSERT INTO a VALUES (7)", []).unwrap();
        migrate(&mut Connection::open(&path).unwrap(), Some(&path), &steps).unwrap();
        let copy = Connection::open(copy).unwrap();
        assert_eq!(copy.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)), Ok(7));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "plays what a crash leaves behind")]
    fn what_a_crash_left_of_a_copy_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let steps = ["CREATE TABLE a(x)", "CREATE TABLE b(x)"];
        let mut db = Connection::open(&path).unwrap();
        migrate(&mut db, Some(&path), &steps[..1]).unwrap();
        db.execute("INSERT INTO a VALUES (7)", []).unwrap();
        let unfinished = folder.path().join("agent.db.v1.new");
        std::fs::write(&unfinished, b"").unwrap();
        migrate(&mut db, Some(&path), &steps).unwrap();
        let copy = Connection::open(folder.path().join("agent.db.v1")).unwrap();
        assert_eq!(copy.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)), Ok(7));
        assert!(!unfinished.exists());
    }

    #[test]
    fn what_form_1_held_is_read_in_form_2() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, None, &MIGRATIONS[..1]).unwrap();
        let run = crate::store::RunId::from_bytes([7; 16]);
        let accepted = r#"{"accepted":{"client":"acme","workflow":"refund","plan":"0000000000000000000000000000000000000000000000000000000000000001","number":3,"trigger":"webhook","event":"evt-1"}}"#;
        for (seq, entry) in [accepted, r#"{"when":{"step":"pay","runs":true}}"#].into_iter().enumerate() {
            let sql = "INSERT INTO journal VALUES (?1, ?2, 5, ?3)";
            db.execute(sql, rusqlite::params![run.as_bytes(), i64::try_from(seq).unwrap(), entry.as_bytes()]).unwrap();
        }
        for (log, index) in [("bolt", 0_u8), ("acme", 0), ("acme", 1)] {
            let sql = "INSERT INTO ledger VALUES (?1, ?2, '2026-03-02', ?3, ?4)";
            db.execute(sql, rusqlite::params![log, index, [index; 32], log.as_bytes()]).unwrap();
        }
        migrate(&mut db, None, MIGRATIONS).unwrap();
        let rows = super::super::read::journal(&db, run).unwrap();
        assert_eq!((rows.len(), rows[1].at.millis()), (2, 5));
        assert_eq!(super::super::read::accepted(&db, run).unwrap().unwrap().number, 3);
        let log = |name| crate::store::Log::from_name(name).unwrap();
        assert_eq!(super::super::read::logs(&db).unwrap(), [log("acme"), log("bolt")]);
        let rows = super::super::read::ledger_rows(&db, &log("acme"), 0, 9).unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.index, row.day.as_str())).collect::<Vec<_>>(),
            [(0, "2026-03-02"), (1, "2026-03-02")]
        );
        assert_eq!((rows[1].commitment, rows[1].sealed.as_deref()), ([1; 32], Some(b"acme".as_slice())));
    }

    #[test]
    fn what_stands_open_of_a_run_is_its_workflows_afterwards() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, None, &MIGRATIONS[..5]).unwrap();
        let bodies = [
            r#"{"rule":"run-failed","client":"acme","workflow":"refund","code":"timeout","incident":true}"#,
            r#"{"rule":"run-failed","client":"acme","workflow":"refund","connection":"shop","code":"http_503","incident":true}"#,
            r#"{"rule":"stale-stopped","client":"acme","code":"freshness","incident":true}"#,
        ];
        for body in bodies {
            let alert: crate::store::Alert = serde_json::from_str(body).unwrap();
            // The key as it was: without the workflow.
            let key = alert.key().replace("/refund", "");
            let sql =
                "INSERT INTO alert(key, body, since, last, count, sent, tries, over) VALUES (?1, ?2, 1, 1, 1, 1, 0, 0)";
            db.execute(sql, rusqlite::params![key, body.as_bytes()]).unwrap();
        }
        migrate(&mut db, None, MIGRATIONS).unwrap();
        let mut keys = db.prepare("SELECT key FROM alert ORDER BY no").unwrap();
        let keys: Vec<String> = keys.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let wanted =
            ["run-failed/acme/-/timeout/refund", "run-failed/acme/shop/http_503", "stale-stopped/acme/-/freshness"];
        assert_eq!(keys, wanted);
        for (key, body) in keys.iter().zip(bodies) {
            assert_eq!(*key, serde_json::from_str::<crate::store::Alert>(body).unwrap().key(), "it is found again");
        }
    }

    #[test]
    fn a_newer_folder_is_refused() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        let refused = migrate(&mut db, None, MIGRATIONS);
        assert_eq!(refused, Err(StoreError::Newer { found: 99, known: 6 }));
    }
}
