//! What is asked of the agent's own ledger, by commands and by the console. Everything here blocks.

use std::sync::Arc;

use super::agent::Agent;
use crate::console::{Logged, Signed};
use crate::control::ledger::{LedgerAnswer, LedgerQuestion};
use crate::control::ledger_desk::{LedgerBroken, Prepared};
use crate::ledger::{self, DayKeys, Sought};
use crate::store::Log;
use crate::sync::lock;

impl Agent {
    /// Answers a question about a log; without the lock, which the next round of checkpoints wants.
    pub(super) fn about_ledger(&self, question: LedgerQuestion) -> Result<LedgerAnswer, LedgerBroken> {
        let _reading = self.reading.blocking_read();
        let prepared = lock(&self.ledger).prepare(&*self.store, question)?;
        match prepared {
            Prepared::Answer(answer) => Ok(*answer),
            Prepared::Ask(asked) => asked.answer(&*self.store),
            Prepared::Show(shown) => shown.answer(&*self.store),
        }
    }

    /// Entries of a log, newest first, and what was signed last over it.
    pub(super) fn logged(&self, log: &Log, sought: &Sought) -> Result<Logged, String> {
        let _reading = self.reading.blocking_read();
        let (origin, checkpoint) = {
            let mut desk = lock(&self.ledger);
            let publishers = desk.publishers();
            let key = publishers.log_key(log).map_err(|error| error.to_string())?.to_vkey();
            let signed = publishers.last(log).map(|signed| Signed {
                origin: signed.head().origin.to_string(),
                size: signed.head().size,
                root: signed.head().root,
                note: signed.note().to_owned(),
                key,
            });
            (publishers.origin(log), signed)
        };
        let mut days = DayKeys::new(Arc::clone(&self.disk), Arc::clone(&self.identity.host));
        let page = ledger::page(&*self.store, (log, &origin), &mut days, sought).map_err(|error| error.to_string())?;
        Ok(Logged { page, checkpoint })
    }

    /// A proof of one entry, as a file.
    pub(super) fn proof(&self, log: &Log, index: u64) -> Result<Option<String>, String> {
        let question = LedgerQuestion::ProveIndex { log: log.clone(), index };
        match self.about_ledger(question).map_err(|LedgerBroken(what)| what)? {
            LedgerAnswer::Written(files) => {
                let Some(file) = files.into_iter().next() else { return Ok(None) };
                let text = std::fs::read_to_string(&file.at).map_err(|error| error.to_string())?;
                // It was written for this answer alone.
                drop(std::fs::remove_file(&file.at));
                Ok(Some(text))
            }
            LedgerAnswer::Fault { code, .. } => Err(code),
            _ => Ok(None),
        }
    }
}
