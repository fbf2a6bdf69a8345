//! What is told in a chat or helpdesk about a question of a run: its entry first, then the request.
//!
//! The run that asks knows nothing of it: it waits for a person, whichever way they come.
//!
//! # Source
//! engine.md section 8. Promise P11.

use std::collections::BTreeMap;

use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};

use super::compiled::Compiled;
use super::{Deployed, Engine, NotLooked, Permission, Use};
use crate::store::{Log, Note, Store, StoreError, Transaction, Waiting, Write};
use crate::world::{Clock as _, World};

/// How a request that went well is called.
const OK: &str = "ok";

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Calls an operation of a channel, if the run's plan still may do what it does.
    ///
    /// # Errors
    /// [`NotLooked`].
    ///
    /// # Crash
    /// That it was tried is durable before the first byte leaves.
    pub async fn post(
        &self,
        compiled: &Compiled,
        name: &OperationRef,
        arguments: &BTreeMap<Name, Value>,
        (waiting, attempt): (&Waiting, u32),
    ) -> Result<BTreeMap<Name, Value>, NotLooked> {
        let of = Use {
            client: &waiting.client,
            workflow: &waiting.workflow,
            plan: &waiting.plan,
            connection: Some(&name.connection),
            now: self.world.clock().now().moment(),
        };
        if self.is_stopping() || self.deployed.permission(&of) != Permission::Go {
            return Err(NotLooked::NotNow);
        }
        let place = self.place(&compiled.plan, name).await?;
        let built = self.build_there(&place, arguments, None)?;
        let keyed = built.keyed(&self.idempotency);
        let note = |kind| {
            let note = Note::new(Log::Client(waiting.client.clone()), kind);
            let (item, step) = (waiting.item.clone(), Some(waiting.step.clone()));
            Note { run: Some(waiting.run), step, item, attempt: Some(attempt), plan: Some(waiting.plan), ..note }
        };
        let intent = note("intent").fact("operation", name.to_string()).fact("keyed", keyed.to_string());
        self.noted(intent).await.or(Err(not_durable()))?;
        let answer = self.send_there(&place, built).await;
        let code = match &answer {
            Ok(_) => OK.to_owned(),
            Err(NotLooked::Failed { code, .. }) => code.clone(),
            Err(NotLooked::NotNow | NotLooked::Resting) => "not_now".to_owned(),
        };
        self.noted(note("outcome").fact("code", code)).await.or(Err(not_durable()))?;
        answer.map(|answer| answer.fields)
    }

    async fn noted(&self, note: Note) -> Result<(), StoreError> {
        self.store.commit(Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)))).await
    }
}

fn not_durable() -> NotLooked {
    NotLooked::Failed { passing: true, code: "not_durable".to_owned() }
}
