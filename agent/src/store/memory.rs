//! The store in memory, for simulations: what was committed stays in the tables, whatever becomes of its users.
//!
//! It does the same as the one on SQLite; one suite of tests holds both.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use assent_schema::id::ClientId;

use super::{
    Accepted, Alert, AlertRow, Books, Entry, JournalRow, LedgerRow, LedgerRows, LedgerTile, Log, Note, OpenRun,
    QueueItem, Refusal, RunFilter, RunId, RunLine, StepAt, Store, StoreError, Tail, Transaction, Waiting, Write,
};
use crate::world::Wall;

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

/// What is kept of an open run.
type Sealed = Option<Vec<u8>>;

/// How something was before a write, to put it back.
///
/// A copy of all tables would do as well, and make each commit cost as much as everything before it.
enum Was {
    Delivery([u8; 16], Option<RunId>),
    Sums(Vec<(String, Option<i64>)>),
    State(String, Option<Vec<u8>>),
    Open(RunId, Option<Sealed>),
    Journal(RunId, usize, Vec<(String, Option<i64>)>),
    Waiting(RunId, BTreeMap<(RunId, StepAt), Waiting>),
    Closed(RunId, Option<Sealed>, BTreeMap<(RunId, StepAt), Waiting>),
    Queue(RunId, Option<QueueItem>),
    /// An alert may open an incident, which is a note in a log.
    Alerts(Vec<AlertRow>, Option<LogWas>),
    Log(LogWas),
    /// What is rare: everything.
    All(Box<Tables>),
}

/// What is kept of logs, after all of them that were written ended.
fn end_all<T>(logs: BTreeMap<Log, T>, life: u32) -> BTreeMap<Log, T> {
    let ended = |log: Log| if log == log.written() { log.ended(life) } else { log };
    logs.into_iter().map(|(log, kept)| (ended(log), kept)).collect()
}

struct LogWas {
    log: Log,
    rows: usize,
    tiles: usize,
    end: Option<Vec<u8>>,
    disk: Option<(String, Option<i64>)>,
}

impl Tables {
    fn sum_was(&self, name: String) -> (String, Option<i64>) {
        let sum = self.sums.get(&name).copied();
        (name, sum)
    }

    fn waiting_was(&self, run: RunId) -> BTreeMap<(RunId, StepAt), Waiting> {
        self.waiting
            .iter()
            .filter(|((of, _), _)| *of == run)
            .map(|(at, waiting)| (at.clone(), waiting.clone()))
            .collect()
    }

    fn log_was(&self, log: &Log) -> LogWas {
        LogWas {
            log: log.clone(),
            rows: self.ledger.get(log).map_or(0, Vec::len),
            tiles: self.tiles.get(log).map_or(0, Vec::len),
            end: self.state.get(&super::end_name(log)).cloned(),
            disk: log.client().map(|client| self.sum_was(super::disk_name(client))),
        }
    }

    /// What a write is going to change, as it is now.
    fn was(&self, write: &Write) -> Was {
        match write {
            Write::Deliver { key, run: _ } => Was::Delivery(*key, self.delivery.get(key).copied()),
            Write::Count { name, add: _, most: _ } => Was::Sums(vec![self.sum_was(name.clone())]),
            Write::Answer { run, at: _ } => Was::Waiting(*run, self.waiting_was(*run)),
            Write::Ask(waiting) => Was::Waiting(waiting.run, self.waiting_was(waiting.run)),
            Write::Swap { name, .. } | Write::State { name, value: _ } => {
                Was::State(name.clone(), self.state.get(name).cloned())
            }
            Write::Open { run, sealed: _ } | Write::Reseal { run, sealed: _ } => {
                Was::Open(*run, self.open.get(run).cloned())
            }
            Write::Journal { run, entry } => {
                let client = match entry {
                    Entry::Accepted(accepted) => Some(accepted.client.clone()),
                    _ => self.accepted(*run).ok().map(|accepted| accepted.client.clone()),
                };
                let names = client.into_iter().flat_map(|client| {
                    let counts = ["accepted", "ended"].map(|what| format!("runs/{what}/{client}"));
                    counts.into_iter().chain([super::disk_name(&client)]).map(|name| self.sum_was(name))
                });
                Was::Journal(*run, self.journal.get(run).map_or(0, Vec::len), names.collect())
            }
            Write::Close { run } => Was::Closed(*run, self.open.get(run).cloned(), self.waiting_was(*run)),
            Write::Queue(item) => Was::Queue(item.run, self.queue.get(&item.run).cloned()),
            Write::Unqueue { run } => Was::Queue(*run, self.queue.get(run).cloned()),
            Write::Alert(alert) => {
                let opens = alert.opens(0, None).map(|note| self.log_was(&note.log));
                Was::Alerts(self.alerts.clone(), opens)
            }
            Write::AlertSent { .. } | Write::AlertMoved { .. } | Write::AlertOver { .. } => {
                Was::Alerts(self.alerts.clone(), None)
            }
            Write::Note(note) => Was::Log(self.log_was(&note.log)),
            Write::Prune { .. } | Write::EndLogs { .. } | Write::ResealLedger { .. } => {
                Was::All(Box::new(self.clone()))
            }
        }
    }

    fn put_back(&mut self, was: Was) {
        fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
            match value {
                Some(value) => drop(map.insert(key, value)),
                None => drop(map.remove(&key)),
            }
        }
        match was {
            Was::Delivery(key, run) => put(&mut self.delivery, key, run),
            Was::Sums(sums) => sums.into_iter().for_each(|(name, sum)| put(&mut self.sums, name, sum)),
            Was::State(name, value) => put(&mut self.state, name, value),
            Was::Open(run, sealed) => put(&mut self.open, run, sealed),
            Was::Journal(run, rows, sums) => {
                if rows == 0 {
                    self.journal.remove(&run);
                } else if let Some(journal) = self.journal.get_mut(&run) {
                    journal.truncate(rows);
                }
                for (name, sum) in sums {
                    put(&mut self.sums, name, sum);
                }
            }
            Was::Waiting(run, waiting) => {
                self.waiting.retain(|(of, _), _| *of != run);
                self.waiting.extend(waiting);
            }
            Was::Closed(run, sealed, waiting) => {
                put(&mut self.open, run, sealed);
                self.waiting.extend(waiting);
            }
            Was::Queue(run, item) => put(&mut self.queue, run, item),
            Was::Alerts(alerts, log) => {
                self.alerts = alerts;
                if let Some(log) = log {
                    self.log_back(log);
                }
            }
            Was::Log(log) => self.log_back(log),
            Was::All(tables) => *self = *tables,
        }
    }

    fn log_back(&mut self, was: LogWas) {
        let LogWas { log, rows, tiles, end, disk } = was;
        match disk {
            Some((name, Some(sum))) => drop(self.sums.insert(name, sum)),
            Some((name, None)) => drop(self.sums.remove(&name)),
            None => {}
        }
        let name = super::end_name(&log);
        match end {
            Some(end) => drop(self.state.insert(name, end)),
            None => drop(self.state.remove(&name)),
        }
        if rows == 0 {
            self.ledger.remove(&log);
        } else if let Some(kept) = self.ledger.get_mut(&log) {
            kept.truncate(rows);
        }
        if tiles == 0 {
            self.tiles.remove(&log);
        } else if let Some(kept) = self.tiles.get_mut(&log) {
            kept.truncate(tiles);
        }
    }

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

    fn accepted(&self, run: RunId) -> Result<&Accepted, StoreError> {
        match self.journal.get(&run).and_then(|rows| rows.first()).map(|row| &row.entry) {
            Some(Entry::Accepted(accepted)) => Ok(accepted),
            _ => Err(StoreError::Damaged("a run that was never accepted")),
        }
    }

    fn add(&mut self, name: String, add: i64) -> i64 {
        let sum = self.sums.entry(name).or_default();
        *sum = sum.saturating_add(add);
        *sum
    }

    fn refusal(&self, write: &Write) -> Option<Refusal> {
        match write {
            Write::Deliver { key, run: _ } => self.delivery.get(key).copied().map(Refusal::Duplicate),
            Write::Count { name, add, most: Some(most) } => {
                let sum = self.sums.get(name).copied().unwrap_or(0).checked_add(*add);
                sum.is_none_or(|sum| sum > *most).then(|| Refusal::Over { name: name.clone() })
            }
            Write::Answer { run, at } => {
                (!self.waiting.contains_key(&(*run, at.clone()))).then_some(Refusal::NotWaiting)
            }
            Write::Swap { name, from, to: _ } => (self.state.get(name) != from.as_ref()).then_some(Refusal::Moved),
            _ => None,
        }
    }

    fn apply(&mut self, books: &mut dyn Books, transaction: Transaction) -> Result<(), StoreError> {
        if let Some(refusal) = transaction.writes.iter().find_map(|write| self.refusal(write)) {
            return Err(StoreError::Refused(refusal));
        }
        if self.full {
            return Err(StoreError::Full);
        }
        let at = transaction.at;
        transaction.writes.into_iter().try_for_each(|write| self.one(books, at, write))
    }

    fn one(&mut self, books: &mut dyn Books, at: Wall, write: Write) -> Result<(), StoreError> {
        match write {
            Write::Deliver { key, run } => drop(self.delivery.insert(key, run)),
            Write::Count { name, add, most: _ } => drop(self.add(name, add)),
            Write::Answer { run, at } => drop(self.waiting.remove(&(run, at))),
            Write::Swap { name, from: _, to: value } | Write::State { name, value } => match value {
                Some(value) => drop(self.state.insert(name, value)),
                None => drop(self.state.remove(&name)),
            },
            Write::Open { run, sealed } => {
                if self.open.insert(run, sealed).is_some() {
                    return Err(StoreError::Broken);
                }
            }
            Write::Reseal { run, sealed } => {
                if let Some(slot) = self.open.get_mut(&run) {
                    *slot = sealed;
                }
            }
            Write::Journal { run, entry } => self.write_journal(at, run, entry)?,
            Write::Close { run } => {
                self.open.remove(&run);
                self.waiting.retain(|(of, _), _| *of != run);
            }
            Write::Ask(waiting) => drop(self.waiting.insert((waiting.run, waiting.at()), *waiting)),
            Write::Queue(item) => drop(self.queue.insert(item.run, *item)),
            Write::Unqueue { run } => drop(self.queue.remove(&run)),
            Write::Alert(alert) => self.raise(books, at, alert)?,
            Write::AlertSent { no, due, again } => self.sent(no, due, again),
            Write::AlertMoved { no } => {
                self.alerts.iter_mut().filter(|row| row.no == no).for_each(|row| is_due_again(row, at));
            }
            Write::AlertOver { key } => {
                self.alerts.iter_mut().filter(|row| !row.over && row.alert.key() == key).for_each(|row| {
                    row.over = true;
                    is_due_again(row, at);
                });
            }
            Write::Note(note) => self.append(books, at, &note)?,
            Write::Prune { log, from, to } => {
                let rows = self.ledger.entry(log.clone()).or_default();
                let gone = rows.iter_mut().filter(|row| (from..=to).contains(&row.index));
                let bytes = gone.filter_map(|row| row.sealed.take()).map(|sealed| sealed.len()).sum();
                if let Log::Client(client) = &log {
                    self.add(super::disk_name(client), super::bytes_of(bytes).saturating_neg());
                }
            }
            Write::EndLogs { life } => {
                let ended = life.saturating_sub(1);
                self.ledger = end_all(std::mem::take(&mut self.ledger), ended);
                self.tiles = end_all(std::mem::take(&mut self.tiles), ended);
                let goes_along = |name: &String| {
                    super::WITH_LOGS.iter().any(|prefix| name.starts_with(prefix)) && !name.contains('.')
                };
                let state = std::mem::take(&mut self.state).into_iter();
                let named = |(name, value)| (if goes_along(&name) { format!("{name}.{ended}") } else { name }, value);
                self.state = state.filter(|(name, _)| !name.starts_with(super::ENDS)).map(named).collect();
                self.state.insert(super::LIFE.to_owned(), life.to_string().into_bytes());
                self.sums.retain(|name, _| !name.starts_with("runs/accepted/") && !name.starts_with("runs/ended/"));
            }
            Write::ResealLedger { log, index, sealed } => {
                let rows = self.ledger.entry(log).or_default();
                if let Some(row) = rows.iter_mut().find(|row| row.index == index && row.sealed.is_some()) {
                    row.sealed = Some(sealed);
                }
            }
        }
        Ok(())
    }

    fn write_journal(&mut self, at: Wall, run: RunId, mut entry: Entry) -> Result<(), StoreError> {
        if let Entry::Accepted(accepted) = &mut entry {
            let count = self.add(format!("runs/accepted/{}", accepted.client), 1);
            accepted.number = u64::try_from(count).unwrap_or(0);
        }
        if let Entry::Ended { .. } = entry {
            let name = format!("runs/ended/{}", self.accepted(run)?.client);
            self.add(name, 1);
        }
        let bytes = serde_json::to_vec(&entry).or(Err(StoreError::Broken))?.len();
        let rows = self.journal.entry(run).or_default();
        self.order.push((run, rows.len()));
        rows.push(JournalRow { at, entry });
        let client = self.accepted(run)?.client.clone();
        self.add(super::disk_name(&client), super::bytes_of(bytes));
        Ok(())
    }

    fn raise(&mut self, books: &mut dyn Books, at: Wall, alert: Alert) -> Result<(), StoreError> {
        let key = alert.key();
        if let Some(row) = self.alerts.iter_mut().find(|row| !row.over && row.alert.key() == key) {
            row.count = row.count.saturating_add(1);
            row.last = at;
            return Ok(());
        }
        let no = i64::try_from(self.alerts.len()).unwrap_or(i64::MAX).saturating_add(1);
        let respond_by = books.respond_by(at, &alert).filter(|_| alert.incident);
        let opened = alert.opens(no, respond_by);
        let (due, over) = (Some(at), false);
        self.alerts.push(AlertRow {
            no,
            alert,
            since: at,
            last: at,
            count: 1,
            sent: 0,
            due,
            tries: 0,
            over,
            respond_by,
        });
        opened.map_or(Ok(()), |note| self.append(books, at, &note))
    }

    fn sent(&mut self, no: i64, due: Wall, again: Option<Wall>) {
        let Some(row) = self.alerts.iter_mut().find(|row| row.no == no && row.due == Some(due)) else { return };
        match again {
            None => {
                row.due = None;
                row.sent = row.count;
                row.tries = 0;
            }
            Some(again) => {
                row.due = Some(again);
                row.tries = row.tries.saturating_add(1);
            }
        }
    }

    fn append(&mut self, books: &mut dyn Books, at: Wall, note: &Note) -> Result<(), StoreError> {
        let run = note.run.map(|run| self.accepted(run).map(|accepted| accepted.number)).transpose()?;
        let row = books.append(at, run, note)?;
        if let (Log::Client(client), Some(sealed)) = (&note.log, &row.sealed) {
            self.add(super::disk_name(client), super::bytes_of(sealed.len()));
        }
        let rows = self.ledger.entry(note.log.clone()).or_default();
        if u64::try_from(rows.len()) != Ok(row.index) {
            return Err(StoreError::Damaged("a ledger row is missing"));
        }
        rows.push(row);
        self.tiles.entry(note.log.clone()).or_default().extend(books.tile(&note.log));
        if let Some(end) = books.end(&note.log) {
            self.state.insert(super::end_name(&note.log), end);
        }
        Ok(())
    }
}

/// Never at the time that it was due before: by that it is known that it moved.
fn is_due_again(row: &mut AlertRow, at: Wall) {
    row.due = Some(if row.due == Some(at) { at.plus(std::time::Duration::from_millis(1)) } else { at });
    row.tries = 0;
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
