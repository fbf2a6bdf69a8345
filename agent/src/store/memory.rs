//! The store in memory, for simulations: what was committed stays in the tables, whatever becomes of its users.
//!
//! It does the same as the one on SQLite; one suite of tests holds both.

mod apply;
mod undo;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use assent_schema::id::ClientId;

use super::{
    AlertRow, Books, Entry, JournalRow, LedgerRow, LedgerRows, LedgerTile, Log, OpenRun, QueueItem, RunFilter, RunId,
    RunLine, StepAt, Store, StoreError, Tail, Transaction, Waiting,
};
use crate::sync::lock;
use crate::world::Wall;
use undo::Was;

/// What is durable. A clone is a copy of the disk.
#[derive(Clone, Default)]
pub struct Tables {
    journal: BTreeMap<RunId, Vec<JournalRow>>,
    /// Which fact of which run was written in which order.
    order: Vec<(RunId, usize)>,
    open: BTreeMap<RunId, Option<Vec<u8>>>,
    delivery: BTreeMap<[u8; 16], RunId>,
    sums: BTreeMap<String, i64>,
    waiting: BTreeMap<(RunId, StepAt), Waiting>,
    queue: BTreeMap<RunId, QueueItem>,
    alerts: Vec<AlertRow>,
    state: BTreeMap<String, Vec<u8>>,
    ledger: BTreeMap<Log, Vec<LedgerRow>>,
    tiles: BTreeMap<Log, Vec<LedgerTile>>,
    /// Commits that are refused for lack of space, for tests.
    full: bool,
}

impl Tables {
    /// Everything that is stored, as bytes, for scans.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when a row cannot be written.
    pub fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        let json = |value: serde_json::Result<Vec<u8>>| value.or(Err(StoreError::Broken));
        let mut out = Vec::new();
        for row in self.journal.values().flatten() {
            out.extend(json(serde_json::to_vec(&row.entry))?);
        }
        for waiting in self.waiting.values() {
            out.extend(json(serde_json::to_vec(waiting))?);
        }
        for item in self.queue.values() {
            out.extend(json(serde_json::to_vec(item))?);
        }
        for row in &self.alerts {
            out.extend(json(serde_json::to_vec(&row.alert))?);
        }
        out.extend(self.open.values().flatten().flatten());
        out.extend(self.sums.keys().flat_map(|name| name.bytes()));
        out.extend(self.state.iter().flat_map(|(name, value)| name.bytes().chain(value.iter().copied())));
        out.extend(self.ledger.values().flatten().flat_map(|row| row.sealed.clone().unwrap_or_default()));
        Ok(out)
    }

    /// From now on there is no space, or there is again.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// Changes a row as nobody may, for tests.
    #[cfg(test)]
    pub(crate) fn forge(&mut self, log: &Log, index: usize, change: impl FnOnce(&mut LedgerRow)) {
        self.ledger.get_mut(log).and_then(|rows| rows.get_mut(index)).map(change);
    }
}

impl LedgerRows for Tables {
    fn logs(&self) -> Result<Vec<Log>, StoreError> {
        Ok(self.ledger.keys().filter(|log| **log == log.written()).cloned().collect())
    }

    fn life(&self) -> Result<u32, StoreError> {
        super::life_of(self.state.get(super::LIFE).map(Vec::as_slice))
    }

    fn end(&self, log: &Log) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state.get(&super::end_name(log)).cloned())
    }

    fn counts(&self, log: &Log) -> Result<(u64, u64), StoreError> {
        super::counts(log, |name| Ok(self.sums.get(name).copied().unwrap_or(0)))
    }

    fn rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = self.ledger.get(log).map(Vec::as_slice).unwrap_or_default();
        Ok(rows.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)).take(most).cloned().collect())
    }
}

/// Stands around each commit: simulations let time pass there, and let processes die.
pub trait Gate: Send + Sync {
    /// Before a commit. Tells whether the process dies after it.
    fn before(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;

    /// After a commit. Never returns when the process dies there.
    fn after(&self, dies: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A store over tables in memory. Several may follow one another on the same tables, as processes on a disk.
pub struct Memory {
    tables: Arc<Mutex<Tables>>,
    books: Mutex<Box<dyn Books>>,
    gate: Option<Arc<dyn Gate>>,
}

impl Memory {
    /// Opens tables, with books that were loaded from them.
    pub fn open(tables: Arc<Mutex<Tables>>, books: Box<dyn Books>) -> Self {
        Self { tables, books: Mutex::new(books), gate: None }
    }

    /// The same with a gate around each commit.
    #[must_use]
    pub fn guarded(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&lock(&self.tables))
    }

    /// Commits at once.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_now(&self, transaction: Transaction) -> Result<(), StoreError> {
        let mut tables = lock(&self.tables);
        let mut books = lock(&self.books);
        let before: Vec<Was> = transaction.writes.iter().map(|write| tables.was(write)).collect();
        let done = tables.apply(books.as_mut(), transaction);
        if done.is_ok() {
            books.keep();
        } else {
            before.into_iter().rev().for_each(|was| tables.put_back(was));
            books.drop_back();
        }
        done
    }
}

fn begins<'a, V>(map: &'a BTreeMap<String, V>, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a V)> {
    map.range(prefix.to_owned()..).take_while(move |(name, _)| name.starts_with(prefix))
}

impl Store for Memory {
    async fn commit(&self, transaction: impl Into<Arc<Transaction>> + Send) -> Result<(), StoreError> {
        let transaction = Arc::unwrap_or_clone(transaction.into());
        let Some(gate) = &self.gate else { return self.commit_now(transaction) };
        let dies = gate.before().await;
        let done = self.commit_now(transaction);
        gate.after(dies).await;
        done
    }

    fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        let open = |(run, sealed): (&RunId, &Option<Vec<u8>>)| OpenRun { run: *run, sealed: sealed.clone() };
        Ok(self.read(|t| t.open.iter().map(open).collect()))
    }

    fn open_run(&self, run: RunId) -> Result<Option<OpenRun>, StoreError> {
        Ok(self.read(|t| t.open.get(&run).map(|sealed| OpenRun { run, sealed: sealed.clone() })))
    }

    fn journal(&self, run: RunId) -> Result<Vec<JournalRow>, StoreError> {
        Ok(self.read(|t| t.journal.get(&run).cloned().unwrap_or_default()))
    }

    fn tail(&self, after: i64, most: usize) -> Result<Vec<Tail>, StoreError> {
        let skipped = usize::try_from(after).unwrap_or(0);
        Ok(self.read(|t| {
            let rows = t.order.iter().enumerate().skip(skipped).take(most);
            let one = |(no, (run, at)): (usize, &(RunId, usize))| {
                let row = t.journal.get(run)?.get(*at)?;
                let no = i64::try_from(no).unwrap_or(i64::MAX).saturating_add(1);
                Some(Tail { no, run: *run, at: row.at, entries: vec![row.entry.clone()] })
            };
            rows.filter_map(one).collect()
        }))
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError> {
        let line = |run: &RunId, rows: &Vec<JournalRow>| {
            let (first, last) = (rows.first()?, rows.last()?);
            let Entry::Accepted(accepted) = &first.entry else { return None };
            Some(RunLine { run: *run, accepted: (**accepted).clone(), at: first.at, last: last.clone() })
        };
        Ok(self.read(|t| {
            let newest = t.journal.iter().rev().filter(|(run, _)| filter.before.is_none_or(|before| **run < before));
            let lines = newest.filter_map(|(run, rows)| line(run, rows));
            let of_client = |line: &RunLine| filter.client.as_ref().is_none_or(|c| *c == line.accepted.client);
            lines.filter(of_client).take(filter.most).collect()
        }))
    }

    fn delivered(&self, key: &[u8; 16]) -> Result<Option<RunId>, StoreError> {
        Ok(self.read(|t| t.delivery.get(key).copied()))
    }

    fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        Ok(self.read(|t| t.waiting.values().cloned().collect()))
    }

    fn waiting_of(&self, run: RunId, at: &StepAt) -> Result<Option<Waiting>, StoreError> {
        Ok(self.read(|t| t.waiting.get(&(run, at.clone())).cloned()))
    }

    fn queue(&self) -> Result<Vec<QueueItem>, StoreError> {
        let mut items: Vec<_> = self.read(|t| t.queue.values().cloned().collect());
        items.sort_by_key(|item| (item.since, item.run));
        Ok(items)
    }

    fn alerts_due(&self, now: Wall, most: usize) -> Result<Vec<AlertRow>, StoreError> {
        let is_due = |row: &&AlertRow| row.due.is_some_and(|due| due <= now);
        let mut due: Vec<_> = self.read(|t| t.alerts.iter().filter(is_due).cloned().collect());
        due.sort_by_key(|row| (row.due, row.no));
        due.truncate(most);
        Ok(due)
    }

    fn alerts(&self) -> Result<Vec<AlertRow>, StoreError> {
        Ok(self.read(|t| t.alerts.iter().filter(|row| !row.over).cloned().collect()))
    }

    fn alert(&self, no: i64) -> Result<Option<AlertRow>, StoreError> {
        Ok(self.read(|t| t.alerts.iter().find(|row| row.no == no).cloned()))
    }

    fn incidents(&self) -> Result<Vec<AlertRow>, StoreError> {
        Ok(self.read(|t| t.alerts.iter().filter(|row| row.alert.incident).cloned().collect()))
    }

    fn sum(&self, name: &str) -> Result<i64, StoreError> {
        Ok(self.read(|t| t.sums.get(name).copied().unwrap_or(0)))
    }

    fn sums(&self, prefix: &str) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(self.read(|t| begins(&t.sums, prefix).map(|(name, sum)| (name.clone(), *sum)).collect()))
    }

    fn state(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(|t| t.state.get(name).cloned()))
    }

    fn states(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(self.read(|t| begins(&t.state, prefix).map(|(name, value)| (name.clone(), value.clone())).collect()))
    }

    fn logs(&self) -> Result<Vec<Log>, StoreError> {
        self.read(LedgerRows::logs)
    }

    fn ledger_size(&self, log: &Log) -> Result<u64, StoreError> {
        Ok(self.read(|t| t.ledger.get(log).map_or(0, |rows| u64::try_from(rows.len()).unwrap_or(0))))
    }

    fn ledger_rows(&self, log: &Log, from: u64, most: usize) -> Result<Vec<LedgerRow>, StoreError> {
        self.read(|t| t.rows(log, from, most))
    }

    fn run_counts(&self, client: &ClientId) -> Result<(u64, u64), StoreError> {
        super::counts(&Log::Client(client.clone()), |name| self.sum(name))
    }

    fn ledger_tiles(&self, log: &Log) -> Result<Vec<LedgerTile>, StoreError> {
        Ok(self.read(|t| t.tiles.get(log).cloned().unwrap_or_default()))
    }
}
