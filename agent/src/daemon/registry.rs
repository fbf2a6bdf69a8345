//! What the front desk asks about people and workflows: answered from the release that was accepted last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, PersonId, WorkflowId};
use assent_schema::trust::{PublicKey, SignedFile};

use super::agent::Agent;
use crate::desk::Registry;
use crate::people::NotTaken;
use crate::people::wire::Received;

/// The registry of an agent.
pub(super) struct Register(pub(super) Arc<Agent>);

impl Registry for Register {
    fn active(&self) -> Vec<(ClientId, WorkflowId)> {
        self.0.field.snapshot().active.keys().cloned().collect()
    }

    fn expects(&self, client: &ClientId, workflow: &WorkflowId) -> bool {
        // Before the first release nobody knows.
        self.0.taken().is_none_or(|taken| taken.workflows().contains_key(&(client.clone(), workflow.clone())))
    }

    fn is_halted(&self) -> bool {
        self.0.halted().is_some()
    }

    fn approvers(&self, client: &ClientId) -> Option<Digest> {
        self.0.taken()?.bundle.clients.get(client).map(|client| client.statements.approvers().first())
    }

    fn authors(&self, client: &ClientId, plan: &Digest) -> BTreeSet<PersonId> {
        let Some(taken) = self.0.taken() else { return BTreeSet::new() };
        let of_plan =
            |active: &&assent_schema::client::ActiveWorkflow| active.client == *client && active.plan == *plan;
        let named = taken.workflows().values().map(|workflow| &workflow.active).find(of_plan);
        // An older plan: everybody whom the release names for this client, rather than nobody.
        let all = || taken.workflows().values().map(|w| &w.active).filter(|active| active.client == *client);
        named.map_or_else(|| all().flat_map(|a| a.authors.clone()).collect(), |active| active.authors.clone())
    }

    fn vouched(&self, signed: &SignedFile) -> Result<ClientId, NotTaken> {
        self.0.vouched(signed)
    }

    async fn take_poke(&self, signed: SignedFile) -> Result<(), NotTaken> {
        self.0.take_poke(&signed).await
    }

    async fn take_statement(&self, signed: SignedFile) -> Result<Received, NotTaken> {
        self.0.take_statement(signed).await
    }

    fn assigned(&self, client: &ClientId) -> BTreeMap<PersonId, BTreeSet<PublicKey>> {
        let Some(taken) = self.0.taken() else { return BTreeMap::new() };
        let people = &taken.bundle.roots.newest().people;
        let members = taken.bundle.teams.clients.get(client).into_iter().flatten();
        members.filter_map(|person| Some((person.clone(), people.get(person)?.keys.clone()))).collect()
    }
}
