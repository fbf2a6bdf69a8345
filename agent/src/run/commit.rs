//! What a run makes durable: facts are taken at once and committed before anything leaves.

use std::sync::Arc;
use std::time::Duration;

use assent_schema::expr::Value;
use assent_schema::id::Name;

use super::Deployed;
use super::compiled::CompiledAction;
use super::driver::{End, Run, Stop};
use super::life::begin::NotBegun;
use super::life::machine::Scope;
use crate::store::{Ending, Entry, Log, Note, Refusal, Store, StoreError, Transaction, Write};
use crate::world::World;

/// How long to wait before a commit that failed is tried again.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);

/// Why a commit did not happen.
pub(super) enum NotFlushed {
    /// A condition of what was added does not hold; what was pending still is.
    Refused(Refusal),
    /// The task must end.
    Leave,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Takes a fact: into the progress at once, into the journal with the next commit.
    pub(super) fn record(&mut self, entry: Entry) {
        self.note_fact(&entry);
        self.pending.push(Write::Journal { run: self.id, entry });
    }

    /// Takes a fact into the progress.
    pub(super) fn note_fact(&mut self, entry: &Entry) {
        let now = self.now();
        match self.scope {
            Scope::Run => self.progress.apply(now, entry),
            Scope::Item(_) | Scope::One(_) => self.progress.take(now, entry),
        }
    }

    pub(super) fn note(&self, kind: &'static str) -> Note {
        let mut note = Note::new(Log::Client(self.accepted.client.clone()), kind);
        note.run = Some(self.id);
        note.item.clone_from(&self.item);
        note.plan = Some(self.accepted.plan);
        note
    }

    /// Keeps a step's result for later steps.
    pub(super) fn keep(&mut self, step: &Name, value: Value) {
        if matches!(self.compiled.step(step.as_str()).map(|step| &step.action), Some(CompiledAction::Ask(_))) {
            self.shared.remember(self.item.as_ref(), step, &value);
        }
        self.values.steps.insert(step.clone(), value);
        self.live.whole.insert(step.clone());
    }

    /// Commits what is pending and what is added. What is added alone can be refused.
    pub(super) async fn flush(&mut self, added: Vec<Write>) -> Result<(), NotFlushed> {
        if self.pending.is_empty() && added.is_empty() {
            return Ok(());
        }
        let before = self.pending.len();
        let mut writes = std::mem::take(&mut self.pending);
        writes.extend(added);
        loop {
            let transaction = Arc::new(Transaction { at: self.now(), writes });
            let done = self.engine.store.commit(Arc::clone(&transaction)).await;
            writes = Arc::unwrap_or_clone(transaction).writes;
            let error = match done {
                Ok(()) => {
                    writes.clear();
                    self.pending = writes;
                    self.durable = true;
                    self.tell(Ok(()));
                    return Ok(());
                }
                Err(error) => error,
            };
            let over = match error {
                StoreError::Refused(refusal) => Some(self.refused(refusal)),
                error if !self.durable => {
                    self.tell(Err(NotBegun::Store(error)));
                    Some(NotFlushed::Leave)
                }
                error => {
                    tracing::error!(run = %self.id, %error, "a commit failed and is tried again");
                    self.engine.is_stopping().then_some(NotFlushed::Leave)
                }
            };
            if let Some(over) = over {
                writes.truncate(before);
                self.pending = writes;
                return Err(over);
            }
            self.wait(COMMIT_AGAIN).await;
        }
    }

    fn refused(&mut self, refusal: Refusal) -> NotFlushed {
        if let (Refusal::Duplicate(first), false) = (&refusal, self.durable) {
            self.tell(Err(NotBegun::Duplicate(*first)));
            return NotFlushed::Leave;
        }
        NotFlushed::Refused(refusal)
    }

    pub(super) fn tell(&mut self, how: Result<(), NotBegun>) {
        if let Some(told) = self.told.take() {
            // Nobody listens any more when the caller went away; the run goes on all the same.
            drop(told.send(how));
        }
    }

    /// Commits what is pending. The first commit of a run may find that its key had enough runs today.
    pub(super) async fn flush_all(&mut self) -> Result<(), Stop> {
        match self.flush(Vec::new()).await {
            Ok(()) => Ok(()),
            Err(NotFlushed::Refused(Refusal::Over { .. })) if !self.durable => Err(self.superseded()),
            Err(NotFlushed::Refused(_) | NotFlushed::Leave) => Err(Stop::Leave),
        }
    }

    /// The key of the run had as many runs today as it may have: the event is recorded and nothing runs.
    pub(super) fn superseded(&mut self) -> Stop {
        self.pending.retain(|write| !matches!(write, Write::Count { .. }));
        let end = End { code: Some("per_key".to_owned()), ..End::done() };
        End { ending: Ending::Superseded, ..end }.into()
    }
}
