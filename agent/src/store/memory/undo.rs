//! How things were before a write, to put them back where a transaction is refused.

use std::collections::BTreeMap;

use super::super::{AlertRow, Entry, Log, QueueItem, RunId, StepAt, Waiting, Write, disk_name, end_name};
use super::Tables;

/// What is kept of an open run.
type Sealed = Option<Vec<u8>>;

/// How something was before a write, to put it back.
///
/// A copy of all tables would do as well, and make each commit cost as much as everything before it.
pub(super) enum Was {
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

pub(super) struct LogWas {
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
            end: self.state.get(&end_name(log)).cloned(),
            disk: log.client().map(|client| self.sum_was(disk_name(client))),
        }
    }

    /// What a write is going to change, as it is now.
    pub(super) fn was(&self, write: &Write) -> Was {
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
                    counts.into_iter().chain([disk_name(&client)]).map(|name| self.sum_was(name))
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

    pub(super) fn put_back(&mut self, was: Was) {
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
        let name = end_name(&log);
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
}
