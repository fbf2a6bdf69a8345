//! Chats and helpdesks: questions go out, answers come back. What may be shown and what an answer means is `people`'s to say.

mod hear;
mod tell;

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::plan::Chat;

use super::{FrontDesk, Registry};
use crate::run::{Deployed, Question};
use crate::store::Store;
use crate::world::World;

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// How people are asked through a connection: as a question that waits says, else as a workflow that runs now does.
    pub(super) fn chat_of(&self, client: &ClientId, connection: &ConnectionId) -> Option<Chat> {
        let waits = self.engine.asked_elsewhere().into_iter().filter(|question| question.waiting.client == *client);
        let asked = waits.filter_map(|question| self.deployed.plan(&question.waiting.plan));
        let active = self.registry.active().into_iter().filter(|(of, _)| of == client);
        let asks = |(client, workflow): &(ClientId, WorkflowId)| {
            self.deployed.looks(client, workflow).is_some_and(|looks| looks.chats.contains(connection))
        };
        let active = active.filter(asks).filter_map(|(client, workflow)| self.deployed.active(&client, &workflow));
        asked.chain(active).find_map(|compiled| compiled.plan.chats.get(connection).cloned())
    }

    /// Whether a question is asked through a connection.
    fn is_asked_in(question: &Question, connection: &ConnectionId) -> bool {
        question.elsewhere.iter().any(|channel| channel.connection() == Some(connection))
    }
}
