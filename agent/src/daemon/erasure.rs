//! Which entries of a client's log are about one person: those of runs whose journal holds the person's reference.

use std::collections::BTreeSet;

use assent_schema::ledger::{Entry, Origin};
use serde_json::Value;

use super::agent::Agent;
use crate::ledger::{self, DayKeys};
use crate::run::is_old;
use crate::store::{Log, RunFilter, RunId, Store as _, StoreError, life};

/// Runs that are looked at before others have a turn.
const RUNS_AT_ONCE: usize = 200;
/// Rows that are read at once.
const PAGE: usize = 1_000;

/// What is about a person.
#[derive(Default)]
pub(super) struct About {
    /// The entries, in order.
    pub(super) entries: Vec<u64>,
    /// How many runs, that ended.
    pub(super) runs: u64,
    /// How many that are under way: their entries stay, for now.
    pub(super) open: u64,
}

impl Agent {
    /// Looks through the whole journal and log of a client. Blocks, and may take long.
    pub(super) fn about(&self, log: &Log, reference: &str) -> Result<About, StoreError> {
        let Log::Client(client) = log else { return Ok(About::default()) };
        let (mut about, mut numbers, mut before) = (About::default(), BTreeSet::new(), None);
        loop {
            let page = self.store.runs(&RunFilter { client: Some(client.clone()), before, most: RUNS_AT_ONCE })?;
            let Some(last) = page.last() else { break };
            before = Some(last.run);
            for line in &page {
                // What ran before a recovery has its entries in a log that ended, and its number is another run's by now.
                if is_old(&*self.store, line.run)? || !self.mentions(line.run, reference)? {
                    continue;
                }
                if self.store.open_run(line.run)?.is_some() {
                    about.open += 1;
                } else {
                    about.runs += 1;
                    numbers.insert(line.accepted.number);
                }
            }
        }
        let open = about.open > 0;
        about.entries = self.entries_that(log, |entry| {
            let of_run = entry.run.is_some_and(|run| numbers.contains(&run));
            of_run || (!open && entry.item.as_deref() == Some(reference))
        })?;
        Ok(about)
    }

    fn mentions(&self, run: RunId, reference: &str) -> Result<bool, StoreError> {
        for row in self.store.journal(run)? {
            let fact = serde_json::to_value(&row.entry).or(Err(StoreError::Damaged("a row of the journal")))?;
            if holds(&fact, reference) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn entries_that(&self, log: &Log, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<u64>, StoreError> {
        let (origin, mut keys) = (self.origin(log)?, self.day_keys());
        let (mut found, mut next) = (Vec::new(), 0);
        loop {
            let page = self.store.ledger_rows(log, next, PAGE)?;
            let Some(last) = page.last() else { return Ok(found) };
            next = last.index + 1;
            for row in &page {
                let Some(sealed) = &row.sealed else { continue };
                // What cannot be read is found by whoever verifies the log.
                let Ok((_, body)) = keys.unseal(&origin, &row.day, (row.index, sealed)) else { continue };
                if Entry::from_bytes(&body).is_ok_and(|entry| wanted(&entry)) {
                    found.push(row.index);
                }
            }
        }
    }

    /// The name of a log of this agent.
    pub(super) fn origin(&self, log: &Log) -> Result<Origin, StoreError> {
        let own = Origin::first(self.config.project.clone(), self.config.agent.clone());
        let own = Origin { life: life(&*self.store)?, ..own };
        Ok(ledger::origin_of(&own, log))
    }

    /// The day keys of all logs, read anew.
    pub(super) fn day_keys(&self) -> DayKeys<std::sync::Arc<crate::real::RealDisk>> {
        DayKeys::new(std::sync::Arc::clone(&self.disk), std::sync::Arc::clone(&self.identity.host))
    }
}

/// Whether a text stands anywhere in a value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(all) => all.iter().any(|one| holds(one, text)),
        Value::Object(all) => all.values().any(|one| holds(one, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_at_any_depth_and_only_whole() {
        let value =
            serde_json::json!({"accepted": {"fields": {"customer": {"text": "cus-7"}}, "list": [1, ["cus-9"]]}});
        assert!(holds(&value, "cus-7") && holds(&value, "cus-9"));
        assert!(!holds(&value, "cus") && !holds(&value, "customer"));
    }
}
