//! What time alone does: approvals expire, knowledge grows old, the clock jumps, the host sleeps.

use super::agent::{Agent, TIME};
use crate::deploy::fresh::Freshness;
use crate::ledger::{Missed, Pulse};
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::watch::{self, Condition};
use crate::world::{Clock as _, Wall};
use assent_schema::alert::Rule;

impl Agent {
    /// Judges the plans again: approvals expire, freezes end, trials end, by time alone.
    pub(super) async fn look_at_time(&self) -> Result<(), StoreError> {
        let now = self.field.now();
        if let Some(taken) = self.taken() {
            let accepted = taken.accepted(now, false);
            self.switch(|board| board.accept(&accepted, now), vec![self.time_write()]).await?;
        }
        self.switch(|board| board.tick(now), Vec::new()).await.map(drop)
    }

    /// Tells on-call when knowledge is old or the clock is wrong, and when it no longer is.
    pub(super) async fn look_at_clocks(&self) {
        let clients = self.taken().map(|taken| taken.clients.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let mut conditions = Vec::new();
        let worst = clients.iter().map(|client| (client, self.field.freshness(client)));
        for (client, freshness) in worst {
            match freshness {
                Freshness::Current => {}
                Freshness::Late => conditions.push(Condition::Stale),
                Freshness::Stale => {
                    conditions.extend([Condition::Stale, Condition::StaleStopped { client: client.clone() }]);
                }
            }
        }
        if self.field.is_clock_wrong() {
            conditions.push(Condition::Clock);
        }
        let told = async {
            let mut transaction = Transaction::new(self.world.clock.now());
            let rules = [Rule::Stale, Rule::StaleStopped, Rule::Clock];
            transaction.writes = watch::settle(&self.store.alerts()?, &rules, &conditions);
            if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
        };
        if let Err(error) = told.await {
            tracing::error!(%error, "alerts about time could not be written");
        }
    }

    pub(super) fn time_write(&self) -> Write {
        let time = self.field.trusted().to_string().into_bytes();
        Write::State { name: TIME.to_owned(), value: Some(time) }
    }

    /// What must be said in each log before the next word about time: that the clock was set, or the host slept, or the
    /// agent stood still.
    pub(super) fn missed(&self, now: Wall) -> Result<Vec<Write>, StoreError> {
        let Some(missed) = lock(&self.pulse).missed(now, self.world.clock.awake()) else { return Ok(Vec::new()) };
        let (code, was) = match missed {
            Missed::Clock(was) => ("clock", Some(was.to_string())),
            Missed::Silence => ("silence", None),
        };
        tracing::warn!(code, was, "time did not go on as it should");
        let logs = self.store.logs()?;
        Ok(logs.into_iter().map(|log| Write::Note(Box::new(missed.note(log)))).collect())
    }

    /// A sign of life, or what was missed, is durable in each log.
    pub(super) fn lives(&self, now: Wall) {
        *lock(&self.pulse) = Pulse::new(now, self.world.clock.awake());
    }

    /// Whether it is time for a sign of life.
    pub(super) fn is_tick_due(&self) -> bool {
        lock(&self.pulse).is_due(self.world.clock.now())
    }

    /// Looks whether time went on as it should, and says so where it did not.
    pub(super) async fn look_at_pulse(&self) -> Result<(), StoreError> {
        if self.halted().is_some() {
            return Ok(());
        }
        let at = self.world.clock.now();
        let writes = self.missed(at)?;
        if writes.is_empty() {
            let mut pulse = lock(&self.pulse);
            *pulse = pulse.looked(at, self.world.clock.awake());
            return Ok(());
        }
        self.store.commit(Transaction { at, writes }).await?;
        self.lives(at);
        Ok(())
    }
}
