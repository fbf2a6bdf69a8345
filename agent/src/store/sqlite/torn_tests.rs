//! Files that end anywhere, as a power cut leaves them: what was told to be durable before that place is there, whole, and
//! nothing is half there. The log may end with nothing, with zeros or with anything; so may a checkpoint half way.
#![expect(clippy::disallowed_methods, reason = "the test puts files there as a power cut leaves them")]

use std::path::{Path, PathBuf};

use super::Sqlite;
use crate::sim::NoBooks;
use crate::store::{Log, Note, Store as _, Transaction, Write};
use crate::world::Wall;

/// Commits that are told durable, one by one.
const COMMITS: usize = 40;
/// Places at which files end, beside the ends of commits.
const PLACES: usize = 40;

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, |rows| NoBooks::load(rows)).unwrap()
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// A value, its twin and an entry, in one transaction.
async fn write(store: &Sqlite, n: usize) {
    let state = |kind: &str| Write::State { name: format!("{kind}/{n:04}"), value: Some(vec![7; 900 + 40 * n]) };
    let note = Write::Note(Box::new(Note::new(Log::Agent, "opened")));
    let transaction = Transaction::new(Wall::default()).with(state("row")).with(note).with(state("twin"));
    store.commit(transaction).await.unwrap();
}

/// Opens such files in a folder of their own: how many commits are there.
fn commits(database: &[u8], log: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    std::fs::write(&path, database).unwrap();
    std::fs::write(log_of(&path), log).unwrap();
    let store = open(&path);
    let (rows, twins) = (store.states("row/").unwrap(), store.states("twin/").unwrap());
    let entries = usize::try_from(store.ledger_size(&Log::Agent).unwrap()).unwrap();
    assert_eq!((rows.len(), twins.len()), (entries, entries), "half of a transaction");
    for (n, (name, value)) in rows.iter().enumerate() {
        assert_eq!(
            (name.as_str(), value.len()),
            (format!("row/{n:04}").as_str(), 900 + 40 * n),
            "the first and no others"
        );
    }
    entries
}

#[tokio::test]
async fn a_log_that_ends_anywhere_keeps_what_was_durable_before_that_and_no_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let store = open(&path);
    let mut ends = Vec::new();
    for n in 0..COMMITS {
        write(&store, n).await;
        ends.push(usize::try_from(std::fs::metadata(log_of(&path)).unwrap().len()).unwrap());
    }
    let (database, log) = (std::fs::read(&path).unwrap(), std::fs::read(log_of(&path)).unwrap());
    drop(store);
    assert!(ends.is_sorted() && ends.last() == Some(&log.len()), "each commit makes the log longer");
    let between = (0..PLACES).map(|place| log.len() * place / PLACES);
    for (number, place) in between.chain(ends.iter().flat_map(|end| [end - 1, *end])).enumerate() {
        let mut torn = log[..place].to_vec();
        match number % 3 {
            0 => {}
            1 => torn.resize(log.len(), 0),
            // Anything at all.
            _ => torn.extend(log.iter().rev().take(log.len() - place)),
        }
        // Where what follows is what was there, by chance or as zeros are, nothing is cut there.
        let told = ends.iter().filter(|end| torn.get(..**end) == log.get(..**end)).count();
        assert!(told >= ends.iter().filter(|end| **end <= place).count());
        assert_eq!(commits(&database, &torn), told, "the log ends at {place}");
    }
}

#[tokio::test]
async fn a_checkpoint_that_ends_anywhere_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let store = open(&path);
    for n in 0..COMMITS {
        write(&store, n).await;
    }
    let (before, log) = (std::fs::read(&path).unwrap(), std::fs::read(log_of(&path)).unwrap());
    // Closing moves the log into the database.
    drop(store);
    let after = std::fs::read(&path).unwrap();
    assert!(after.len() > before.len());
    for place in (0..PLACES).map(|place| after.len() * place / PLACES + place) {
        let rest = before.get(place..).unwrap_or_default();
        let half = [&after[..place], rest].concat();
        assert_eq!(commits(&half, &log), COMMITS, "the checkpoint ends at {place}");
    }
}
