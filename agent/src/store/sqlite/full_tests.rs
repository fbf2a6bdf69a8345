//! A database that can grow no further, as on a full disk: what was told to be durable is, and no more.

use std::path::Path;

use super::{Connection, Sqlite, failed};
use crate::sim::NoBooks;
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::world::Wall;

/// As many pages as SQLite allows.
const PAGES_MOST: u32 = 4_294_967_294;

impl Sqlite {
    /// Lets the database grow no further than it is, or again as far as the disk allows.
    pub(crate) fn be_full(&self, full: bool) {
        // SQLite takes a smaller limit than there are pages as their number.
        let most = if full { 1 } else { PAGES_MOST };
        let limited = |db: &Connection| db.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
        limited(&lock(&self.shared.db).connection).map_err(failed).unwrap();
    }
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, |rows| NoBooks::load(rows)).unwrap()
}

async fn write(store: &Sqlite, n: usize) -> Result<(), StoreError> {
    let state = Write::State { name: format!("row/{n}"), value: Some(vec![7; 500]) };
    store.commit(Transaction::new(Wall::default()).with(state)).await
}

#[tokio::test]
async fn a_full_database_takes_nothing_loses_nothing_and_goes_on_with_space() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let store = open(&path);
    write(&store, 0).await.unwrap();
    store.be_full(true);
    // The pages that are there have some room left.
    let mut taken = 1;
    let why = loop {
        match write(&store, taken).await {
            Ok(()) => taken += 1,
            Err(why) => break why,
        }
    };
    assert_eq!((why, write(&store, taken).await), (StoreError::Full, Err(StoreError::Full)));
    assert_eq!(store.states("row/").unwrap().len(), taken, "each that was told so, and no other");
    store.be_full(false);
    write(&store, taken).await.unwrap();
    drop(store);
    assert_eq!(open(&path).states("row/").unwrap().len(), taken + 1);
}
