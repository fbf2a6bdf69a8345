//! Journal, ledger rows, outbox and deploy state in one database. Facts in, facts out; no SQL outside this room.
//!
//! Everything here is of class `reference` or lower, but for `sealed`, which is ciphertext before it gets here.
//!
//! # Source
//! engine.md section 3, design.md section 6. Promises P01, P11, P19.

mod alert;
mod fact;
pub mod inventory;
mod lives;
mod log;
mod memory;
pub mod outcome;
mod queue;
mod run_id;
mod run_name;
mod sqlite;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::time::Moment;

pub use alert::{Alert, AlertNo, AlertRow, Clocks, IncidentNo, NotAnAlert, NotAnIncident, Severity};
pub use fact::{
    Accepted, Aim, AskEnd, Ending, Entry, Fact, FactText, Intent, ItemEnd, JournalRow, Outcome, StepAt, TriggerKind,
    Waiting,
};
pub use lives::life;
use lives::{ENDS, LIFE, WITH_LOGS, life_of};
pub(crate) use lives::{GONE, WORK, end_name};
pub use log::{EndedLog, Log, NotALog};
pub use memory::{Gate, Memory, Tables};
pub use queue::{EffectDone, QueueItem};
pub use run_id::{BadRunId, RunId};
pub use run_name::{NotARunName, RunName, RunRef, run_name, run_of_name};
pub use sqlite::{LedgerRows, Sqlite};
pub use write::{Note, Refusal, Transaction, Write};

use crate::world::Wall;

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A condition of the transaction did not hold; nothing of it happened.
    Refused(Refusal),
    /// No space is left; nothing of the transaction happened.
    Full,
    /// A newer version of this program wrote the folder.
    Newer {
        /// The number of its tables' form.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// Another process has it open.
    Busy,
    /// Something is there that was never written, or a row is missing.
    Damaged(&'static str),
    /// Anything else that the database said; nothing of the transaction happened.
    Broken,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => f.write_str("a condition of the transaction does not hold"),
            Self::Full => f.write_str("no space is left in the state folder"),
            Self::Newer { found, known } => {
                write!(f, "the state folder has form {found}, this program knows {known}: run the newer version")
            }
            Self::Busy => f.write_str("another process has the state folder open"),
            Self::Damaged(what) => write!(f, "the database is damaged: {what}"),
            Self::Broken => f.write_str("the database could not be read or written"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A run that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Which run.
    pub run: RunId,
    /// Content for the run alone, sealed under the epoch key.
    pub sealed: Option<Vec<u8>>,
}

/// One row of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its index, from 0.
    pub index: u64,
    /// What the tree is over.
    pub commitment: [u8; 32],
    /// Salt and body under the day key; `None` where pruned.
    pub sealed: Option<Vec<u8>>,
    /// The UTC day of its time, `YYYY-MM-DD`: which key opens it.
    pub day: String,
}

/// What is kept of 256 rows of a ledger that stand together, when the last of them is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerTile {
    /// Which: rows `256 * at` and on.
    pub at: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// How many runs were accepted until then.
    pub accepted: u64,
}

/// Makes ledger rows inside a commit. `ledger` has the real one; it keeps the trees' frontiers in memory.
///
/// The store calls `append` for each note of a group of transactions, and then `keep` when they are durable, or `drop_back`
/// when they are not: then the books stand as they stood after the last `keep`.
pub trait Books: Send {
    /// Makes the row of one note. `run` is the run's number in the log.
    ///
    /// # Errors
    /// When the day key cannot be read or written.
    fn append(&mut self, at: Wall, run: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError>;

    /// Makes ready for notes in several logs, which is faster than in one after the other. Nothing is appended.
    ///
    /// # Errors
    /// As [`Books::append`].
    fn prepare(&mut self, _at: Wall, _logs: &BTreeSet<&Log>) -> Result<(), StoreError> {
        Ok(())
    }

    /// By when an incident must be answered that opens now: it goes into its row and its entry.
    fn respond_by(&self, _at: Wall, _alert: &Alert) -> Option<Moment> {
        None
    }

    /// What spares the next start reading the whole log, when it is time to keep it again. Asked after each `append`; the
    /// store keeps it with the row, as [`LedgerRows::end`].
    fn end(&self, _log: &Log) -> Option<Vec<u8>> {
        None
    }

    /// The tile that the last row ended, if it did. Asked after each `append`; the store keeps it with the row.
    fn tile(&self, _log: &Log) -> Option<LedgerTile> {
        None
    }

    /// All rows since the last call are durable.
    fn keep(&mut self);

    /// No row since the last call of `keep` became durable.
    fn drop_back(&mut self);
}

/// How many runs of a log's client were accepted and how many ended; the agent's own log has none.
fn counts(log: &Log, sum: impl Fn(&str) -> Result<i64, StoreError>) -> Result<(u64, u64), StoreError> {
    let Log::Client(client) = log else { return Ok((0, 0)) };
    let count = |name: &str| Ok(u64::try_from(sum(name)?).unwrap_or(0));
    Ok((count(&format!("runs/accepted/{client}"))?, count(&format!("runs/ended/{client}"))?))
}

/// The sum of what a client's runs and ledger take on disk, in bytes: as long as rows are kept, whichever process looks.
pub(crate) fn disk_name(client: &ClientId) -> String {
    format!("disk/{client}")
}

/// So many bytes, for a sum.
fn bytes_of(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A run as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLine {
    /// Which run.
    pub run: RunId,
    /// Its first fact.
    pub accepted: Accepted,
    /// When it was accepted.
    pub at: Wall,
    /// Its last fact and when; [`Entry::Ended`] when it ended.
    pub last: JournalRow,
}

/// What one commit added to the journal of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// Its number: higher than that of everything that was durable before.
    pub no: i64,
    /// Which run.
    pub run: RunId,
    /// When it was written.
    pub at: Wall,
    /// The facts, in order.
    pub entries: Vec<Entry>,
}

/// The times of commits, in microseconds, that [`CommitTimes`] counts up to.
pub const COMMIT_STEPS: [u64; 10] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 2_000_000];

/// How long commits took, each with what it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitTimes {
    /// How many took at most as long as each of [`COMMIT_STEPS`], and longer than the step before.
    pub counts: [u64; 10],
    /// How many took longer than the last step.
    pub longer: u64,
    /// All of them together, in microseconds.
    pub sum: u64,
}

impl CommitTimes {
    /// Counts one.
    pub fn count(&mut self, took: std::time::Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum = self.sum.saturating_add(micros);
        let mut steps = COMMIT_STEPS.iter().zip(&mut self.counts);
        let count = steps.find(|(most, _)| micros <= **most).map_or(&mut self.longer, |(_, count)| count);
        *count = count.saturating_add(1);
    }
}

/// Which runs a list shows, newest first.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this client only.
    pub client: Option<ClientId>,
    /// Older than this run only.
    pub before: Option<RunId>,
    /// At most so many.
    pub most: usize,
}

/// The database of one agent.
///
/// Reads see what was committed. They are short and block; commits are shared with whoever commits at the same time.
pub trait Store: Send + Sync + 'static {
    /// Makes a transaction durable.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a condition does not hold; otherwise when nothing could be written.
    ///
    /// Whoever keeps the `Arc` has the transaction back when it is refused.
    ///
    /// # Crash
    /// On `Ok` everything is durable. Before that, all of it or nothing is.
    fn commit(
        &self,
        transaction: impl Into<Arc<Transaction>> + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Runs that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError>;

    /// One run that has not ended.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_run(&self, run: RunId) -> Result<Option<OpenRun>, StoreError>;

    /// The facts of a run in order; empty when there is no such run.
    ///
    /// # Errors
    /// [`StoreError`].
    fn journal(&self, run: RunId) -> Result<Vec<JournalRow>, StoreError>;

    /// What was added to the journals of all runs since the row of this number, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tail(&self, after: i64, most: usize) -> Result<Vec<Tail>, StoreError>;

    /// Runs for people, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError>;

    /// Which run an event began.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delivered(&self, key: &[u8; 16]) -> Result<Option<RunId>, StoreError>;

    /// All questions that wait for people, oldest run first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn waiting(&self) -> Result<Vec<Waiting>, StoreError>;

    /// One question.
    ///
    /// # Errors
    /// [`StoreError`].
    fn waiting_of(&self, run: RunId, at: &StepAt) -> Result<Option<Waiting>, StoreError>;

    /// The manual queue, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn queue(&self) -> Result<Vec<QueueItem>, StoreError>;

    /// Alerts that are due for delivery, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts_due(&self, now: Wall, most: usize) -> Result<Vec<AlertRow>, StoreError>;

    /// All alerts whose cause is not gone.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts(&self) -> Result<Vec<AlertRow>, StoreError>;

    /// The alert of this number, also one whose cause is gone, while it is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alert(&self, no: i64) -> Result<Option<AlertRow>, StoreError> {
        Ok(self.alerts()?.into_iter().chain(self.incidents()?).find(|row| row.no == no))
    }

    /// All alerts that opened an incident, oldest first, also those whose cause is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    fn incidents(&self) -> Result<Vec<AlertRow>, StoreError>;

    /// A named sum; 0 when nothing was added.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sum(&self, name: &str) -> Result<i64, StoreError>;

    /// All sums whose name begins so, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sums(&self, prefix: &str) -> Result<Vec<(String, i64)>, StoreError>;

    /// A named value.
    ///
    /// # Errors
    /// [`StoreError`].
    fn state(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All named values whose name begins so, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn states(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// The logs that have rows, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn logs(&self) -> Result<Vec<Log>, StoreError>;

    /// How many rows a log has.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ledger_size(&self, log: &Log) -> Result<u64, StoreError>;

    /// At most `most` rows of a log from an index on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ledger_rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError>;

    /// The tiles of a log that are kept, in order. Logs that are older than tiles have none for their beginning.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ledger_tiles(&self, log: &Log) -> Result<Vec<LedgerTile>, StoreError>;

    /// How many runs of a client were accepted and how many ended, since its log began.
    ///
    /// # Errors
    /// [`StoreError`].
    fn run_counts(&self, client: &ClientId) -> Result<(u64, u64), StoreError>;
}
