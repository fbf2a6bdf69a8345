//! Credentials that end: when each does is looked at each hour, and on-call is told in time.

use assent_schema::id::PersonId;
use assent_schema::time::Moment;

use super::agent::Agent;
use super::secrets::{Named, NotDone};
use super::vaults::TheVault;
use crate::run::{Ends, NotRotated, OfClient};
use crate::sync::lock;
use crate::watch::Condition;

impl Agent {
    /// Remembers when what a slot holds ends.
    pub(super) async fn look_at_end(&self, of: OfClient<'_>, vault: &TheVault) -> Result<(), NotRotated> {
        let found = self.engine.ends(vault, of).await?;
        let name: Named = (of.client.clone(), of.connection.clone(), of.slot.clone());
        let mut ends = lock(&self.secrets.ends);
        ends.remove(&name);
        ends.extend(found.map(|found| (name, found)));
        Ok(())
    }

    /// The credentials that end soon, or have.
    pub(super) fn endings(&self) -> Vec<Condition> {
        let now = self.field.now();
        let ends = lock(&self.secrets.ends);
        let soon = ends.iter().filter_map(|((client, connection, slot), Ends { end, what })| {
            let (client, connection, slot) = (client.clone(), connection.clone(), slot.clone());
            end.left(now).map(|left| Condition::CredentialEnds { client, connection, slot, what: *what, left })
        });
        soon.collect()
    }

    /// When what a slot holds ends, as far as anybody said.
    pub(super) fn end_of(&self, named: &Named) -> Option<Moment> {
        lock(&self.secrets.ends).get(named).map(|ends| ends.end.at)
    }

    /// A person says when the secret ends that counts in a slot; or that it does not.
    pub(super) async fn say_end(
        &self,
        (client, connection, slot): &Named,
        at: Option<Moment>,
        by: &PersonId,
    ) -> Result<(), NotDone> {
        self.is_oncall(by).map_err(NotDone::Not)?;
        let of = OfClient { client, connection, slot };
        if !self.client_slots().contains(&(client.clone(), connection.clone(), slot.clone())) {
            return Err(NotDone::Rotated(NotRotated::Unknown));
        }
        self.engine.say_end(&*self.field.vault(), of, at).await.map_err(NotDone::Rotated)?;
        tracing::info!(%client, %connection, %slot, %by, "somebody said when a secret ends");
        self.secrets_changed();
        Ok(())
    }
}
