//! What a transaction changes, write by write, and when it may not.

use std::collections::BTreeMap;

use super::super::{
    Accepted, Alert, AlertRow, Books, ENDS, Entry, JournalRow, LIFE, Log, Note, Refusal, RunId, StoreError,
    Transaction, WITH_LOGS, Write, bytes_of, disk_name, end_name, life_of,
};
use super::Tables;
use crate::world::Wall;

impl Tables {
    pub(super) fn accepted(&self, run: RunId) -> Result<&Accepted, StoreError> {
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

    pub(super) fn apply(&mut self, books: &mut dyn Books, transaction: Transaction) -> Result<(), StoreError> {
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
                    self.add(disk_name(client), bytes_of(bytes).saturating_neg());
                }
            }
            Write::EndLogs { life } => {
                let ended = life_of(self.state.get(LIFE).map(Vec::as_slice))?;
                self.ledger = end_all(std::mem::take(&mut self.ledger), ended);
                self.tiles = end_all(std::mem::take(&mut self.tiles), ended);
                let goes_along =
                    |name: &String| WITH_LOGS.iter().any(|prefix| name.starts_with(prefix)) && !name.contains('.');
                let state = std::mem::take(&mut self.state).into_iter();
                let named = |(name, value)| (if goes_along(&name) { format!("{name}.{ended}") } else { name }, value);
                self.state = state.filter(|(name, _)| !name.starts_with(ENDS)).map(named).collect();
                self.state.insert(LIFE.to_owned(), life.to_string().into_bytes());
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
            accepted.life = life_of(self.state.get(LIFE).map(Vec::as_slice))?;
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
        self.add(disk_name(&client), bytes_of(bytes));
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
            self.add(disk_name(client), bytes_of(sealed.len()));
        }
        let rows = self.ledger.entry(note.log.clone()).or_default();
        if u64::try_from(rows.len()) != Ok(row.index) {
            return Err(StoreError::Damaged("a ledger row is missing"));
        }
        rows.push(row);
        self.tiles.entry(note.log.clone()).or_default().extend(books.tile(&note.log));
        if let Some(end) = books.end(&note.log) {
            self.state.insert(end_name(&note.log), end);
        }
        Ok(())
    }
}

/// What is kept of logs, after all of them that were written ended.
fn end_all<T>(logs: BTreeMap<Log, T>, life: u32) -> BTreeMap<Log, T> {
    let ended = |log: Log| if log == log.written() { log.ended(life) } else { log };
    logs.into_iter().map(|(log, kept)| (ended(log), kept)).collect()
}

/// Never at the time that it was due before: by that it is known that it moved.
fn is_due_again(row: &mut AlertRow, at: Wall) {
    row.due = Some(if row.due == Some(at) { at.plus(std::time::Duration::from_millis(1)) } else { at });
    row.tries = 0;
}
