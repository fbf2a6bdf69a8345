//! All logs of one agent behind the store's `Books`: rows are made inside the commit that they belong to.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::id::{AgentId, ProjectName};
use assent_schema::ledger::kind::Tick;
use assent_schema::ledger::{Entry, Frontier, Head, Kind, Origin};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::append::{AppendError, Appender, NewEntry};
use super::day_key::{DayKeyError, DayKeys};
use super::note::kind_of;
use crate::store::{
    Alert, Books, Clocks, LedgerRow, LedgerRows, LedgerTile, Log, Note, Severity, Store, StoreError, end_name,
};
use crate::vault::HostKey;
use crate::world::{Dice, Disk, DiskFailure, Wall};

/// How many rows are read at once when the logs are loaded.
const PAGE: usize = 1_000;
/// How many entries stand between two kept ends of a log: so many are read at a start at most.
const END_EVERY: u64 = 1_024;

/// The ends of all logs of one agent.
pub struct Ledgers<D: Disk, R: Dice> {
    own: Origin,
    dice: R,
    keys: DayKeys<D>,
    clocks: Option<Arc<dyn Clocks>>,
    logs: BTreeMap<Log, Appender>,
    /// As the logs stood at the last `keep`; only those that changed since.
    before: BTreeMap<Log, Option<Appender>>,
}

impl<D: Disk, R: Dice> Ledgers<D, R> {
    /// Loads the ends of all logs: frontiers from the commitments since the kept end, the time of the last entry, and counts
    /// from the journal.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when rows are missing.
    pub fn load(
        project: ProjectName,
        agent: AgentId,
        (disk, dice, host): (D, R, Arc<HostKey>),
        rows: &dyn LedgerRows,
    ) -> Result<Self, StoreError> {
        let own = Origin { life: rows.life()?, ..Origin::first(project, agent) };
        let keys = DayKeys::new(disk, host);
        let mut ledgers = Self { own, dice, keys, clocks: None, logs: BTreeMap::new(), before: BTreeMap::new() };
        for log in rows.logs()? {
            let end = ledgers.load_log(&log, rows)?;
            ledgers.logs.insert(log, end);
        }
        Ok(ledgers)
    }

    /// The same, which knows by when incidents must be answered.
    #[must_use]
    pub fn answered_by(self, clocks: Arc<dyn Clocks>) -> Self {
        Self { clocks: Some(clocks), ..self }
    }

    /// The time of the newest entry of all logs.
    pub fn newest(&self) -> Option<Moment> {
        self.logs.values().filter_map(Appender::last_time).max()
    }

    /// The name of a log.
    pub fn origin(&self, log: &Log) -> Origin {
        origin_of(&self.own, log)
    }

    fn load_log(&mut self, log: &Log, rows: &dyn LedgerRows) -> Result<Appender, StoreError> {
        let origin = self.origin(log);
        let kept = Kept::read(log, rows)?;
        let mut frontier = kept.frontier()?;
        loop {
            let page = rows.rows(log, frontier.size(), PAGE)?;
            for row in &page {
                if row.index != frontier.size() {
                    return Err(StoreError::Damaged("a row of the ledger is missing"));
                }
                frontier.append(&row.commitment);
            }
            if page.len() < PAGE {
                break;
            }
        }
        let time = self.last_time(log, &origin, (frontier.size(), kept.time), rows)?;
        // The journal counts in the transactions that the entries are part of, and bodies may be gone.
        let (accepted, finished) = rows.counts(log)?;
        Ok(Appender::resume(origin, frontier, time, accepted.max(kept.accepted), finished.max(kept.finished)))
    }

    /// The time of the last entry; where its body is gone, with its day's key or by pruning, what is known of it. A log that
    /// cannot be read is found by whoever verifies it, and keeps nothing from going on.
    fn last_time(
        &mut self,
        log: &Log,
        origin: &Origin,
        (size, kept): (u64, Moment),
        rows: &dyn LedgerRows,
    ) -> Result<Moment, StoreError> {
        let from = size.saturating_sub(PAGE as u64);
        let page = rows.rows(log, from, PAGE)?;
        let mut least = kept;
        for row in page.iter().rev() {
            match self.open(origin, row)? {
                Some(entry) => return Ok(least.max(entry.time)),
                None => least = format!("{}T00:00:00Z", row.day).parse().map_or(least, |day| least.max(day)),
            }
        }
        Ok(least)
    }

    /// The entry of a row; `None` when its body is gone or cannot be read.
    fn open(&mut self, origin: &Origin, row: &LedgerRow) -> Result<Option<Entry>, StoreError> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let opened = match self.keys.unseal(origin, &row.day, (row.index, sealed)) {
            Ok(opened) => Some(opened),
            Err(DayKeyError::Gone | DayKeyError::CannotOpen) => None,
            Err(error @ DayKeyError::Disk(_)) => return Err(store_error(error)),
        };
        Ok(opened.and_then(|(_, body)| Entry::from_bytes(&body).ok()))
    }

    fn kind(&self, note: &Note) -> Result<Kind, StoreError> {
        if note.kind != "tick" {
            return kind_of(note).ok_or(StoreError::Damaged("a note for the ledger has another form"));
        }
        let end = self.logs.get(&note.log);
        let heads: Vec<Head> = match note.log {
            Log::Agent => self.logs.iter().filter(|(log, _)| **log != Log::Agent).map(|(_, end)| end.head()).collect(),
            Log::Client(_) | Log::Ended(_) => self.logs.get(&Log::Agent).map(Appender::head).into_iter().collect(),
        };
        let (accepted, finished) = (end.map_or(0, Appender::accepted), end.map_or(0, Appender::finished));
        Ok(Tick { accepted, finished, heads }.into())
    }
}

/// The end of a log as it was at some size, in the store's state: a start reads on from there. It says nothing that the
/// rows do not say; `ledger verify` takes the rows alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    size: u64,
    peaks: Vec<Digest>,
    time: Moment,
    accepted: u64,
    finished: u64,
}

impl Kept {
    /// The end that was kept last, or that of an empty log.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is another form, or of more rows than there are.
    fn read(log: &Log, rows: &dyn LedgerRows) -> Result<Self, StoreError> {
        let Some(bytes) = rows.end(log)? else {
            let time = Moment::from_seconds(i64::MIN);
            return Ok(Self { size: 0, peaks: Vec::new(), time, accepted: 0, finished: 0 });
        };
        let kept: Self = canon::from_bytes(&bytes).or(Err(StoreError::Damaged("the kept end of a log")))?;
        let last = kept.size.checked_sub(1).ok_or(StoreError::Damaged("the kept end of a log"))?;
        match rows.rows(log, last, 1)?.first() {
            Some(row) if row.index == last => Ok(kept),
            _ => Err(StoreError::Damaged("rows of the ledger are missing")),
        }
    }

    fn frontier(&self) -> Result<Frontier, StoreError> {
        Frontier::from_peaks(self.size, self.peaks.clone()).ok_or(StoreError::Damaged("the kept end of a log"))
    }
}

/// The root of a log where it had so many entries; `None` when it has fewer. Read on from the kept end, where that is not
/// beyond it: what was changed before that is found by whoever reads the whole log, as each process does once.
///
/// # Errors
/// [`StoreError`].
pub fn root_at(store: &impl Store, log: &Log, size: u64) -> Result<Option<Digest>, StoreError> {
    let kept = store.state(&end_name(log))?;
    let kept = kept.and_then(|bytes| canon::from_bytes::<Kept>(&bytes).ok()).filter(|kept| kept.size <= size);
    let mut frontier = kept.and_then(|kept| kept.frontier().ok()).unwrap_or_default();
    while frontier.size() < size {
        let left = usize::try_from(size - frontier.size()).unwrap_or(PAGE).min(PAGE);
        let page = store.ledger_rows(log, frontier.size(), left)?;
        if page.is_empty() {
            return Ok(None);
        }
        for row in &page {
            frontier.append(&row.commitment);
        }
    }
    Ok(Some(frontier.root()))
}

/// The name of a log of the agent whose own log is `own`.
pub(crate) fn origin_of(own: &Origin, log: &Log) -> Origin {
    match log {
        Log::Agent => own.clone(),
        Log::Client(client) => Origin { client: Some(client.clone()), ..own.clone() },
        Log::Ended(ended) => Origin { client: log.client().cloned(), life: ended.life(), ..own.clone() },
    }
}

pub(super) fn store_error(error: DayKeyError) -> StoreError {
    match error {
        DayKeyError::CannotOpen => StoreError::Damaged("a day key of the ledger does not open"),
        DayKeyError::Gone => StoreError::Damaged("a day key of the ledger is gone"),
        DayKeyError::Disk(DiskFailure::Full) => StoreError::Full,
        DayKeyError::Disk(DiskFailure::BadPath | DiskFailure::Broken) => StoreError::Broken,
    }
}

impl<D: Disk, R: Dice> Books for Ledgers<D, R> {
    fn append(&mut self, at: Wall, run: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError> {
        let kind = self.kind(note)?;
        let origin = self.origin(&note.log);
        if !self.before.contains_key(&note.log) {
            self.before.insert(note.log.clone(), self.logs.get(&note.log).cloned());
        }
        let end = self.logs.entry(note.log.clone()).or_insert_with(|| Appender::new(origin.clone()));
        let day = end.time(at.moment()).day();
        let dice = &self.dice;
        let key = self.keys.open_or_make(&origin, &day, || dice.bytes()).map_err(store_error)?;
        let new = NewEntry {
            time: at.moment(),
            kind,
            run,
            step: note.step.clone(),
            item: note.item.clone(),
            attempt: note.attempt,
            actor: note.actor.clone(),
            plan: note.plan,
        };
        // One throw for both: each asks the kernel.
        let mut salt = [0; 32];
        let mut nonce = [0; 24];
        let thrown: [u8; 56] = dice.bytes();
        salt.iter_mut().chain(&mut nonce).zip(thrown).for_each(|(slot, byte)| *slot = byte);
        end.append(new, &salt, nonce, key).map_err(|error| match error {
            AppendError::BadRun => StoreError::Damaged("a run's number does not follow in the ledger"),
            AppendError::Form(_) | AppendError::Seal => StoreError::Damaged("an entry for the ledger has another form"),
        })
    }

    fn prepare(&mut self, at: Wall, logs: &BTreeSet<&Log>) -> Result<(), StoreError> {
        let time = |log: &Log| self.logs.get(log).map_or(at.moment(), |end| end.time(at.moment()));
        let days: Vec<_> = logs.iter().map(|log| (origin_of(&self.own, log), time(log).day())).collect();
        self.keys.make_all(days, || self.dice.bytes()).map_err(store_error)
    }

    fn respond_by(&self, at: Wall, alert: &Alert) -> Option<Moment> {
        self.clocks.as_ref()?.respond_by(alert.client.as_ref(), Severity::of(alert.rule), at)
    }

    fn end(&self, log: &Log) -> Option<Vec<u8>> {
        let end = self.logs.get(log)?;
        let (frontier, time) = (end.frontier(), end.last_time()?);
        if !frontier.size().is_multiple_of(END_EVERY) {
            return None;
        }
        let (size, peaks) = (frontier.size(), frontier.peaks().to_vec());
        let kept = Kept { size, peaks, time, accepted: end.accepted(), finished: end.finished() };
        canon::to_bytes(&kept).ok()
    }

    fn tile(&self, log: &Log) -> Option<LedgerTile> {
        self.logs.get(log)?.tile()
    }

    fn keep(&mut self) {
        self.before.clear();
    }

    fn drop_back(&mut self) {
        for (log, end) in std::mem::take(&mut self.before) {
            match end {
                Some(end) => self.logs.insert(log, end),
                None => self.logs.remove(&log),
            };
        }
    }
}
