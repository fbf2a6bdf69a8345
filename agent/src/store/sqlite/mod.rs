//! The store on SQLite: write-ahead log, `synchronous=FULL`, commits shared by whoever commits at the same time.
//!
//! Alone in flight, the caller commits by itself: no hand-over between threads. Otherwise the transaction goes to one
//! writer thread, which commits whatever has come up meanwhile, with one fsync.

mod apply;
mod deliveries;
#[cfg(test)]
#[path = "full_tests.rs"]
mod full;
mod group;
mod known;
mod packed;
mod read;
mod schema;
mod sums;
#[cfg(test)]
#[path = "torn_tests.rs"]
mod torn;

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use assent_schema::id::ClientId;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::group::{Db, Queue, write_queued};
use super::{
    AlertRow, Books, CommitTimes, JournalRow, LedgerRow, LedgerTile, Log, OpenRun, QueueItem, RunFilter, RunId,
    RunLine, StepAt, Store, StoreError, Tail, Transaction, Waiting,
};
use crate::sync::lock;
use crate::world::Wall;

/// Statements kept prepared: more than there are in this room.
const STATEMENTS: usize = 64;
/// Pages of the write-ahead log before they move into the database. A larger one made single commits slow.
const CHECKPOINT_PAGES: i64 = 1_000;
/// How long to wait for a process that is just going away.
const BUSY_WAIT: Duration = Duration::from_millis(500);

struct Shared {
    db: Mutex<Db>,
    queue: Mutex<Queue>,
    wake: Condvar,
    in_flight: AtomicUsize,
    watch: OnceLock<fn() -> Duration>,
    times: Mutex<CommitTimes>,
}

/// The database of one agent in one file.
pub struct Sqlite {
    shared: Arc<Shared>,
    writer: Option<std::thread::JoinHandle<()>>,
}

/// A database's error as ours; its text stays behind.
#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` wants")]
fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged("SQLite says so"),
        _ => StoreError::Broken,
    }
}

/// Opens the database alone, without books: for commands that read while the agent does not run, and to load the books.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    let set = |name: &str, value: &str| {
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            other => Err(failed(other)),
        })
    };
    // Exclusive before the first use of the log: then its index is in our memory and no second agent can open the file.
    set("locking_mode", "EXCLUSIVE")?;
    set("journal_mode", "WAL")?;
    set("synchronous", "FULL")?;
    set("wal_autocheckpoint", &CHECKPOINT_PAGES.to_string())?;
    set("secure_delete", "ON")?;
    set("temp_store", "MEMORY")?;
    schema::migrate(&mut connection, Some(path), schema::MIGRATIONS)?;
    Ok(connection)
}

impl Sqlite {
    /// Opens the database, or makes it. `books` gets a reader of the ledger rows that are there, to load its trees.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer version wrote it, [`StoreError::Busy`] when another process has it open.
    pub fn open(
        path: &Path,
        books: impl FnOnce(&dyn LedgerRows) -> Result<Box<dyn Books>, StoreError>,
    ) -> Result<Self, StoreError> {
        let connection = connect(path)?;
        let books = books(&connection)?;
        let deliveries = deliveries::Deliveries::load(&connection)?;
        let (runs, logs) = (known::Runs::default(), known::Logs::default());
        let shared = Arc::new(Shared {
            db: Mutex::new(Db { connection, books, runs, logs, deliveries, commits: 0 }),
            queue: Mutex::new(Queue::default()),
            wake: Condvar::new(),
            in_flight: AtomicUsize::new(0),
            watch: OnceLock::new(),
            times: Mutex::default(),
        });
        let behind = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_queued(&behind))
            .or(Err(StoreError::Broken))?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// How many commits there were since it was opened, each with one sync of the log.
    pub fn commits(&self) -> u64 {
        lock(&self.shared.db).commits
    }

    /// Takes the time of each commit from now on, by a clock that only moves forward.
    pub fn time_commits(&self, clock: fn() -> Duration) {
        // The first clock stays: times of two would be no times.
        self.shared.watch.get_or_init(|| clock);
    }

    /// How long commits took since [`Sqlite::time_commits`].
    pub fn commit_times(&self) -> CommitTimes {
        *lock(&self.shared.times)
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&lock(&self.shared.db).connection)
    }
}

/// The ledger rows of a database that is being opened.
pub trait LedgerRows {
    /// The logs that have rows, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn logs(&self) -> Result<Vec<Log>, StoreError>;

    /// Which of the agent's logs they are: 1 unless it was recovered.
    ///
    /// # Errors
    /// [`StoreError`].
    fn life(&self) -> Result<u32, StoreError>;

    /// What [`Books::end`] gave last for this log.
    ///
    /// # Errors
    /// [`StoreError`].
    fn end(&self, log: &Log) -> Result<Option<Vec<u8>>, StoreError>;

    /// How many runs were accepted and how many ended since the log began, as the journal counts them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn counts(&self, log: &Log) -> Result<(u64, u64), StoreError>;

    /// At most `most` rows of a log from an index on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError>;
}

impl LedgerRows for Connection {
    fn logs(&self) -> Result<Vec<Log>, StoreError> {
        read::logs(self)
    }

    fn life(&self) -> Result<u32, StoreError> {
        super::life_of(read::state(self, super::LIFE)?.as_deref())
    }

    fn end(&self, log: &Log) -> Result<Option<Vec<u8>>, StoreError> {
        read::state(self, &super::end_name(log))
    }

    fn counts(&self, log: &Log) -> Result<(u64, u64), StoreError> {
        super::counts(log, |name| read::sum(self, name))
    }

    fn rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
        read::ledger_rows(self, log, from, most)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            // The thread ends when the queue is empty; a panic there has been answered with an error already.
            drop(writer.join());
        }
        // Nothing depends on it: a log that stays is read at the next start.
        drop(lock(&self.shared.db).connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    }
}

impl Store for Sqlite {
    async fn commit(&self, transaction: impl Into<Arc<Transaction>> + Send) -> Result<(), StoreError> {
        let transaction = transaction.into();
        let timed = self.shared.watch.get().map(|clock| (clock, clock()));
        let done = self.commit_it(transaction).await;
        if let Some((clock, begun)) = timed {
            lock(&self.shared.times).count(clock().saturating_sub(begun));
        }
        done
    }

    fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        self.read(read::open_runs)
    }

    fn open_run(&self, run: RunId) -> Result<Option<OpenRun>, StoreError> {
        self.read(|db| read::open_run(db, run))
    }

    fn journal(&self, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
        self.read(|db| read::journal(db, run))
    }

    fn tail(&self, after: i64, most: usize) -> Result<Vec<Tail>, StoreError> {
        self.read(|db| read::tail(db, after, most))
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError> {
        self.read(|db| read::runs(db, filter))
    }

    fn delivered(&self, key: &[u8; 16]) -> Result<Option<RunId>, StoreError> {
        let db = lock(&self.shared.db);
        db.deliveries.run(&db.connection, key)
    }

    fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.read(read::waiting)
    }

    fn waiting_of(&self, run: RunId, at: &StepAt) -> Result<Option<Waiting>, StoreError> {
        self.read(|db| read::waiting_of(db, run, at))
    }

    fn queue(&self) -> Result<Vec<QueueItem>, StoreError> {
        self.read(read::queue)
    }

    fn alerts_due(&self, now: Wall, most: usize) -> Result<Vec<AlertRow>, StoreError> {
        self.read(|db| read::alerts_due(db, now, most))
    }

    fn alerts(&self) -> Result<Vec<AlertRow>, StoreError> {
        self.read(read::alerts)
    }

    fn alert(&self, no: i64) -> Result<Option<AlertRow>, StoreError> {
        self.read(|db| read::alert(db, no))
    }

    fn incidents(&self) -> Result<Vec<AlertRow>, StoreError> {
        self.read(read::incidents)
    }

    fn sum(&self, name: &str) -> Result<i64, StoreError> {
        self.read(|db| read::sum(db, name))
    }

    fn sums(&self, prefix: &str) -> Result<Vec<(String, i64)>, StoreError> {
        self.read(|db| read::sums(db, prefix))
    }

    fn state(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|db| read::state(db, name))
    }

    fn states(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|db| read::states(db, prefix))
    }

    fn logs(&self) -> Result<Vec<Log>, StoreError> {
        self.read(read::logs)
    }

    fn ledger_size(&self, log: &Log) -> Result<u64, StoreError> {
        self.read(|db| read::ledger_size(db, log))
    }

    fn ledger_rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
        self.read(|db| read::ledger_rows(db, log, from, most))
    }

    fn ledger_tiles(&self, log: &Log) -> Result<Vec<LedgerTile>, StoreError> {
        self.read(|db| read::ledger_tiles(db, log))
    }

    fn run_counts(&self, client: &ClientId) -> Result<(u64, u64), StoreError> {
        super::counts(&Log::Client(client.clone()), |name| self.sum(name))
    }
}
