//! Reads what runs wrote into the journal, after it was durable, and keeps by the hour what came of each workflow.
//!
//! Nothing here is on the way of a run: the journal is read from where the last look ended, and that place is written with
//! the counts, in one transaction. So a crash neither loses nor doubles an event.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{ClientId, ConnectionId, Name, WorkflowId};

use super::alerts::Condition;
use super::anomaly::{Anomaly, Past, Usual};
use super::hours::{DAY_HOURS, Day, HOUR_SECONDS, Hour, hour_of};
use super::numbers::Counts;
use super::spans::Spans;
use crate::store::outcome::{CACHED, SHADOW};
use crate::store::{Entry, FactText, JournalRow, RunId, Store, StoreError, Tail, Transaction, Write};
use crate::world::Wall;

/// Where the store keeps up to which row of the journal was looked.
const CURSOR: &str = "watch/cursor";
/// Where the store keeps the hours: client, workflow and day.
const HOURS: &str = "watch/hours/";
/// So many rows are read at once.
const BATCH: usize = 256;
/// So many batches are read in one look; the rest waits for the next.
const BATCHES_MOST: usize = 40;
/// So many days are kept: six weeks to compare with, and the one that is compared.
const DAYS_KEPT: i64 = 50;
/// The most runs that are kept in mind; what is known of others is read again.
const RUNS_MOST: usize = 50_000;

/// A workflow of a client.
pub type Place = (ClientId, WorkflowId);

/// The most requests of one run whose outcome is waited for at once.
const REQUESTS_MOST: usize = 256;

/// What is known of a run that has not ended.
#[derive(Clone)]
struct Begun {
    place: Place,
    at: Wall,
    /// Whether it waited for people or for time: then how long it took says nothing.
    waited: bool,
    /// Which connection each request goes through of which nothing came yet.
    asks: BTreeMap<Attempt, ConnectionId>,
}

/// A step of a run, of one item, and which attempt.
type Attempt = (Name, Option<FactText>, u32);

/// Whoever watches.
pub struct Watcher {
    cursor: i64,
    written: i64,
    open: BTreeMap<RunId, Begun>,
    days: BTreeMap<(Place, i64), Day>,
    dirty: BTreeSet<(Place, i64)>,
    /// What is usual now, by workflow, and what was unlike in the hour before; and the hour for which that holds.
    usual: BTreeMap<Place, (Option<Usual>, BTreeSet<Anomaly>)>,
    judged: Option<i64>,
    /// Only what comes after this is told to those who count and trace.
    since: Wall,
    counts: Counts,
    spans: Spans,
}

impl Watcher {
    /// Goes on where the last one ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open<S: Store>(store: &S, now: Wall, spans: Spans) -> Result<Self, StoreError> {
        let cursor = store.state(CURSOR)?;
        let cursor =
            cursor.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Self {
            cursor,
            written: cursor,
            open: BTreeMap::new(),
            days: BTreeMap::new(),
            dirty: BTreeSet::new(),
            usual: BTreeMap::new(),
            judged: None,
            since: now,
            counts: Counts::default(),
            spans,
        })
    }

    /// Reads what came since the last look. Returns whether that was all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn look<S: Store>(&mut self, store: &S) -> Result<bool, StoreError> {
        for _ in 0..BATCHES_MOST {
            let rows = store.tail(self.cursor, BATCH)?;
            let all = rows.len() < BATCH;
            for row in rows {
                self.take(store, &row)?;
                self.cursor = row.no;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take<S: Store>(&mut self, store: &S, row: &Tail) -> Result<(), StoreError> {
        for entry in &row.entries {
            self.take_one(store, row, entry)?;
            if row.at >= self.since {
                self.spans.take(row.run, row.at, entry);
            }
        }
        Ok(())
    }

    fn take_one<S: Store>(&mut self, store: &S, row: &Tail, entry: &Entry) -> Result<(), StoreError> {
        match entry {
            Entry::Accepted(accepted) => {
                let place = (accepted.client.clone(), accepted.workflow.clone());
                self.hour(store, &place, row.at)?.accept();
                if row.at >= self.since {
                    self.counts.accepted(&place);
                }
                if self.open.len() >= RUNS_MOST {
                    self.open.pop_first();
                }
                self.open.insert(row.run, Begun { place, at: row.at, waited: false, asks: BTreeMap::new() });
            }
            Entry::Asked(_) | Entry::Rests { .. } | Entry::Quiet {} => {
                if let Some(begun) = self.open.get_mut(&row.run) {
                    begun.waited = true;
                }
            }
            Entry::Ended { ending, .. } => {
                let known = self.open.remove(&row.run);
                let begun = if known.is_some() { known } else { begun(&store.journal(row.run)?) };
                let Some(begun) = begun else { return Ok(()) };
                let took = row.at.millis().saturating_sub(begun.at.millis());
                self.hour(store, &begun.place, row.at)?.end(*ending, (!begun.waited).then_some(took));
                if row.at >= self.since {
                    self.counts.ended(&begun.place, *ending, took);
                }
            }
            Entry::Intent(intent) if row.at >= self.since => {
                let attempt = (intent.step.clone(), intent.item.clone(), intent.attempt);
                let connection = intent.operation.connection.clone();
                if let Some(begun) = self.known(store, row.run)? {
                    if begun.asks.len() >= REQUESTS_MOST {
                        begun.asks.pop_first();
                    }
                    begun.asks.insert(attempt, connection);
                }
            }
            Entry::Outcome(outcome) => {
                let attempt = (outcome.step.clone(), outcome.item.clone(), outcome.attempt);
                let Some(begun) = self.open.get_mut(&row.run) else { return Ok(()) };
                let Some(connection) = begun.asks.remove(&attempt) else { return Ok(()) };
                // Of these nothing was sent.
                if ![CACHED, SHADOW].contains(&outcome.code.as_str()) {
                    self.counts.requested(&begun.place.0, &connection, &outcome.code);
                }
            }
            Entry::When { .. }
            | Entry::Intent(_)
            | Entry::Answered { .. }
            | Entry::Decided { .. }
            | Entry::Passed { .. }
            | Entry::Walked { .. }
            | Entry::Item { .. }
            | Entry::Woke { .. } => {}
        }
        Ok(())
    }

    /// A run that has not ended, also one that began before this process.
    fn known<S: Store>(&mut self, store: &S, run: RunId) -> Result<Option<&mut Begun>, StoreError> {
        if !self.open.contains_key(&run)
            && let Some(begun) = begun(&store.journal(run)?)
        {
            if self.open.len() >= RUNS_MOST {
                self.open.pop_first();
            }
            self.open.insert(run, begun);
        }
        Ok(self.open.get_mut(&run))
    }

    /// The hour of a workflow that a time lies in.
    fn hour<S: Store>(&mut self, store: &S, place: &Place, at: Wall) -> Result<&mut Hour, StoreError> {
        let hour = hour_of(at.millis());
        let (day, of_day) = (hour.div_euclid(DAY_HOURS), hour.rem_euclid(DAY_HOURS));
        let key = (place.clone(), day);
        if !self.days.contains_key(&key) {
            let kept = store.state(&name(place, day))?;
            self.days.insert(key.clone(), kept.map_or_else(Day::new, |bytes| read(&bytes)));
        }
        self.dirty.insert(key.clone());
        Ok(self.days.entry(key).or_default().entry(u8::try_from(of_day).unwrap_or(0)).or_default())
    }

    /// What makes durable what was counted, with the place up to which it was; nothing when nothing is new.
    pub fn unwritten(&self, now: Wall) -> Option<Transaction> {
        if self.cursor == self.written {
            return None;
        }
        let mut transaction = Transaction::new(now);
        for key in &self.dirty {
            let value = self.days.get(key).and_then(|day| serde_json::to_vec(day).ok());
            transaction.writes.push(Write::State { name: name(&key.0, key.1), value });
        }
        let value = Some(self.cursor.to_string().into_bytes());
        transaction.writes.push(Write::State { name: CURSOR.to_owned(), value });
        Some(transaction)
    }

    /// All of that is durable, and nothing was looked at since. Days that are over are forgotten.
    pub fn written(&mut self, now: Wall) {
        self.written = self.cursor;
        self.dirty.clear();
        let today = hour_of(now.millis()).div_euclid(DAY_HOURS);
        self.days.retain(|(_, day), _| *day >= today);
    }

    /// What takes days that are too old out of the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn too_old<S: Store>(store: &S, now: Wall) -> Result<Vec<Write>, StoreError> {
        let oldest = hour_of(now.millis()).div_euclid(DAY_HOURS).saturating_sub(DAYS_KEPT);
        let day = |name: &str| name.rsplit('/').next().and_then(|day| day.parse::<i64>().ok());
        let names = store.states(HOURS)?.into_iter().map(|(name, _)| name);
        let old = names.filter(|name| day(name).is_some_and(|day| day < oldest));
        Ok(old.map(|name| Write::State { name, value: None }).collect())
    }

    /// What is unlike the weeks before, of these workflows, now. The past is read once an hour, at most so many workflows in
    /// one look; each other look compares what came so far.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unlike<S: Store>(
        &mut self,
        store: &S,
        places: &BTreeSet<Place>,
        now: Wall,
        closed: &dyn Fn(&ClientId, i64) -> bool,
        most: usize,
    ) -> Result<Vec<Condition>, StoreError> {
        let hour = hour_of(now.millis());
        if self.judged != Some(hour) {
            // What was unlike stands until it is judged again.
            self.judged = Some(hour);
            self.usual.values_mut().for_each(|(usual, _)| *usual = None);
        }
        self.usual.retain(|place, _| places.contains(place));
        let stale = |place: &&Place| self.usual.get(*place).is_none_or(|(usual, _)| usual.is_none());
        let todo: Vec<Place> = places.iter().filter(stale).take(most).cloned().collect();
        for place in todo {
            let hours = self.past(store, &place)?;
            let first = hours.keys().next().copied().unwrap_or(hour);
            let shut = (first..=hour).filter(|hour| closed(&place.0, *hour)).collect();
            let (found, usual) = Past::new(hours, shut).judge(hour.saturating_sub(1));
            self.usual.insert(place, (Some(usual), found));
        }
        let mut found = Vec::new();
        for (place, (usual, before)) in &self.usual {
            let (day, of_day) = (hour.div_euclid(DAY_HOURS), u8::try_from(hour.rem_euclid(DAY_HOURS)).unwrap_or(0));
            let so_far =
                self.days.get(&(place.clone(), day)).and_then(|day| day.get(&of_day)).cloned().unwrap_or_default();
            let now = usual.as_ref().map_or_else(BTreeSet::new, |usual| usual.judge(&so_far));
            for anomaly in before.union(&now) {
                let (client, workflow) = place.clone();
                found.push(Condition::Unlike { client, workflow, anomaly: *anomaly });
            }
        }
        Ok(found)
    }

    fn past<S: Store>(&self, store: &S, place: &Place) -> Result<BTreeMap<i64, Hour>, StoreError> {
        let prefix = format!("{HOURS}{}/{}/", place.0, place.1);
        let mut hours = BTreeMap::new();
        let mut add = |day: i64, kept: &Day| {
            hours.extend(kept.iter().map(|(of_day, hour)| (day * DAY_HOURS + i64::from(*of_day), hour.clone())));
        };
        for (name, value) in store.states(&prefix)? {
            if let Some(day) = name.strip_prefix(&prefix).and_then(|day| day.parse().ok()) {
                add(day, &read(&value));
            }
        }
        for ((_, day), kept) in self.days.iter().filter(|((of, _), _)| of == place) {
            add(*day, kept);
        }
        Ok(hours)
    }

    /// What was seen since this process began.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is traced.
    pub fn spans(&mut self) -> &mut Spans {
        &mut self.spans
    }
}

/// The moment at which an hour begins.
pub fn begins(hour: i64) -> assent_schema::time::Moment {
    assent_schema::time::Moment::from_seconds(hour.saturating_mul(HOUR_SECONDS))
}

fn name(place: &Place, day: i64) -> String {
    format!("{HOURS}{}/{}/{day}", place.0, place.1)
}

/// A day as it was kept. One that cannot be read has nothing: these are numbers for comparisons, and nothing depends on them.
fn read(bytes: &[u8]) -> Day {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// What the journal of a run says of its beginning.
fn begun(rows: &[JournalRow]) -> Option<Begun> {
    let first = rows.first()?;
    let Entry::Accepted(accepted) = &first.entry else { return None };
    let waited = rows.iter().any(|row| matches!(row.entry, Entry::Asked(_) | Entry::Rests { .. } | Entry::Quiet {}));
    let place = (accepted.client.clone(), accepted.workflow.clone());
    Some(Begun { place, at: first.at, waited, asks: BTreeMap::new() })
}

#[cfg(test)]
mod tests;
