//! Resets of a client's approvers by root: each waits, people are told, the ledger says what became of it.
//!
//! # Source
//! trust.md section 2.

use std::sync::Arc;

use assent_schema::alert::Rule;
use assent_schema::trust::ResetStanding;

use super::acceptance::Taken;
use super::agent::Agent;
use crate::store::{Log, Note, Store as _, StoreError, Transaction, Write};
use crate::verify::SeenReset;
use crate::watch::{self, Condition};
use crate::world::Clock as _;

/// Where the store keeps what the ledger says of each reset: `reset/<client>/<sha256>`.
const TOLD: &str = "reset/";

impl Agent {
    /// Lets a reset count as soon as its time has come. Nothing while none waits.
    pub(super) async fn look_at_resets(self: &Arc<Self>) -> Result<(), StoreError> {
        let now = self.field.trusted();
        let due = |seen: &SeenReset| matches!(seen.standing, ResetStanding::Waits(until) if until <= now);
        let is_due = |taken: Arc<Taken>| taken.bundle.clients.values().any(|client| client.resets.iter().any(due));
        if !self.taken().is_some_and(is_due) {
            return Ok(());
        }
        let taking = self.taking.lock().await;
        let judged = self.judge_again().await;
        drop(taking);
        judged
    }

    /// Makes durable how resets stand, before it counts: what counted once cannot be ended any more.
    pub(super) async fn keep_resets(&self, taken: &Taken) -> Result<(), StoreError> {
        if taken.bundle.clients.values().all(|client| client.resets.is_empty()) {
            return Ok(());
        }
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes = taken.memory()?;
        transaction.writes.extend(self.reset_writes(taken)?);
        self.store.commit(transaction).await
    }

    /// Entries and alerts for each reset that stands otherwise than the ledger says.
    pub(super) fn reset_writes(&self, taken: &Taken) -> Result<Vec<Write>, StoreError> {
        let (mut writes, mut conditions) = (Vec::new(), Vec::new());
        for (client, bundle) in &taken.bundle.clients {
            for SeenReset { reset, standing, .. } in &bundle.resets {
                let until = match standing {
                    ResetStanding::Waits(until) => Some(*until),
                    ResetStanding::Counts | ResetStanding::Vetoed => None,
                };
                let number = reset.number;
                conditions.extend(until.map(|until| Condition::ApproversReset {
                    client: client.clone(),
                    number,
                    until,
                }));
                let name = format!("{TOLD}{client}/{}", reset.approvers);
                let is = standing.as_str();
                if self.store.state(&name)?.as_deref() == Some(is.as_bytes()) {
                    continue;
                }
                let note = Note::new(Log::Client(client.clone()), "approvers-reset").fact("number", number);
                let note = note.fact("approvers", reset.approvers.to_string()).fact("standing", is);
                let note = match until {
                    Some(until) => note.fact("until", until.to_string()),
                    None => note,
                };
                writes.push(Write::State { name, value: Some(is.as_bytes().to_vec()) });
                writes.push(Write::Note(Box::new(note)));
            }
        }
        writes.extend(watch::settle(&self.store.alerts()?, &[Rule::ApproversReset], &conditions));
        Ok(writes)
    }
}
