//! What on-call may do to what runs here: hold and resume. Durable first, then it counts.

use std::sync::Arc;

use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::status::Hold;
use assent_schema::time::Period;
use assent_schema::trust::RoleName;

use super::acceptance::Taken;
use super::agent::Agent;
use crate::deploy::holds;
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::watch::{self, Condition};
use crate::world::{Clock as _, Dice as _};

/// The longest hold: one that is forgotten must end.
pub(super) const LASTS_MOST: Period = Period::days(30);

/// Why nothing is held or resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotHeld {
    /// The root does not list the person as on-call.
    NotOnCall(Vec<PersonId>),
    /// There is no such client, workflow or connection here.
    Unknown(String),
    /// It lasts for nothing, or for too long.
    Length,
    /// Nothing is held there.
    NothingHeld,
}

impl Agent {
    /// Stops something for a while. A hold on the same thing is replaced.
    pub(super) async fn hold(
        &self,
        (client, what): (ClientId, HeldWhat),
        by: PersonId,
        why: Token,
        lasts: Period,
    ) -> Result<Result<Hold, NotHeld>, StoreError> {
        if let Err(no) = self.may_hold(&client, &what, &by) {
            return Ok(Err(no));
        }
        if lasts > LASTS_MOST || lasts == Period::seconds(0) {
            return Ok(Err(NotHeld::Length));
        }
        let mut held = self.holds.lock().await;
        let id = format!("h-{:016x}", u64::from_le_bytes(self.world.dice.bytes()));
        let id = Token::new(&id).or(Err(StoreError::Damaged("the id of a hold")))?;
        let since = self.world.clock.now().moment();
        let hold = Hold { id, client, what, why, by, since, until: since.plus(lasts) };
        let mut transaction = Transaction::new(self.world.clock.now());
        let same = |other: &Hold| other.client == hold.client && other.what == hold.what;
        transaction
            .writes
            .extend(held.iter().filter(|other| same(other)).flat_map(|old| holds::end(old, Some(&hold.by))));
        transaction.writes.extend(holds::begin(&hold)?);
        self.store.commit(transaction).await?;
        held.retain(|other| !same(other));
        held.push(hold.clone());
        self.field.hold(held.clone());
        self.news().notify_one();
        Ok(Ok(hold))
    }

    /// Ends a hold.
    pub(super) async fn resume(
        &self,
        (client, what): (ClientId, HeldWhat),
        by: PersonId,
    ) -> Result<Result<Hold, NotHeld>, StoreError> {
        // What is held may have left the release meanwhile.
        if let Err(no) = self.is_oncall(&by) {
            return Ok(Err(no));
        }
        let mut held = self.holds.lock().await;
        let Some(place) = held.iter().position(|hold| hold.client == client && hold.what == what) else {
            return Ok(Err(NotHeld::NothingHeld));
        };
        let ended = held.remove(place);
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes.extend(holds::end(&ended, Some(&by)));
        if let Err(error) = self.store.commit(transaction).await {
            held.insert(place, ended);
            return Err(error);
        }
        self.field.hold(held.clone());
        self.news().notify_one();
        Ok(Ok(ended))
    }

    /// Ends the holds whose time is over, and tells on-call: whatever they were for may not be mended.
    pub(super) async fn end_lapsed_holds(&self) -> Result<(), StoreError> {
        let now = self.world.clock.now().moment();
        let mut held = self.holds.lock().await;
        let (left, over): (Vec<Hold>, Vec<Hold>) = held.iter().cloned().partition(|hold| now < hold.until);
        if over.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::new(self.world.clock.now());
        for hold in over {
            transaction.writes.extend(holds::end(&hold, None));
            let lapsed = Condition::HoldLapsed { client: hold.client, what: hold.what };
            transaction.writes.push(Write::Alert(watch::alert(&lapsed)));
        }
        self.store.commit(transaction).await?;
        *held = left;
        self.field.hold(held.clone());
        self.news().notify_one();
        Ok(())
    }

    /// The release that says so.
    pub(super) fn is_oncall(&self, person: &PersonId) -> Result<Arc<Taken>, NotHeld> {
        let taken = self.taken().ok_or_else(|| NotHeld::Unknown("no release was accepted here yet".into()))?;
        let oncall = taken.people(RoleName::Oncall);
        if oncall.contains(person) { Ok(taken) } else { Err(NotHeld::NotOnCall(oncall.into_iter().collect())) }
    }

    fn may_hold(&self, client: &ClientId, what: &HeldWhat, by: &PersonId) -> Result<(), NotHeld> {
        let taken = self.is_oncall(by)?;
        let facts = taken.clients.get(client);
        let facts = facts.ok_or_else(|| NotHeld::Unknown(format!("there is no client `{client}` here")))?;
        match what {
            HeldWhat::Workflow(workflow) if !taken.workflows().contains_key(&(client.clone(), workflow.clone())) => {
                Err(NotHeld::Unknown(format!("`{client}` has no workflow `{workflow}` here")))
            }
            HeldWhat::Connection(connection) if !facts.connections.contains_key(connection) => {
                Err(NotHeld::Unknown(format!("`{client}` has no connection `{connection}`")))
            }
            HeldWhat::Client | HeldWhat::Workflow(_) | HeldWhat::Connection(_) => Ok(()),
        }
    }
}
