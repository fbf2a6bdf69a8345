//! Requests beside a run: what a chat is told of its question, and what a person reads again. The entry first, then the request.
//!
//! The run itself knows nothing of it, and nothing of what is answered is kept.
//!
//! # Source
//! engine.md section 8. Promise P11.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, OperationRef, WorkflowId};

use crate::run::compiled::Compiled;
use crate::run::{Deployed, Engine, NotLooked, Permission, Use};
use crate::store::{FactText, Log, Note, RunId, Store, StoreError, Transaction, Waiting, Write};
use crate::world::{Clock as _, World};

/// How a request that went well is called.
const OK: &str = "ok";

/// What a request beside a run is about.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// Whose data it is.
    pub client: &'a ClientId,
    /// Which workflow.
    pub workflow: &'a WorkflowId,
    /// The plan of the run.
    pub plan: Digest,
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: &'a Name,
    /// Inside an `each`, the item's key.
    pub item: Option<&'a FactText>,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl<'a> Beside<'a> {
    /// About a question.
    pub fn question(waiting: &'a Waiting, attempt: u32) -> Self {
        let Waiting { client, workflow, plan, run, step, item, .. } = waiting;
        Self { client, workflow, plan: *plan, run: *run, step, item: item.as_ref(), attempt }
    }

    fn note(&self, kind: &'static str) -> Note {
        let note = Note::new(Log::Client(self.client.clone()), kind);
        let (item, step) = (self.item.cloned(), Some(self.step.clone()));
        Note { run: Some(self.run), step, item, attempt: Some(self.attempt), plan: Some(self.plan), ..note }
    }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Calls an operation beside a run, if the run's plan still may do what it does; all pages of what it answers.
    ///
    /// # Errors
    /// [`NotLooked`].
    ///
    /// # Crash
    /// That it was tried is durable before the first byte leaves.
    pub async fn beside(
        &self,
        compiled: &Compiled,
        name: &OperationRef,
        arguments: &BTreeMap<Name, Value>,
        about: Beside<'_>,
    ) -> Result<BTreeMap<Name, Value>, NotLooked> {
        let of = Use {
            client: about.client,
            workflow: about.workflow,
            plan: &about.plan,
            connection: Some(&name.connection),
            now: self.world.clock().now().moment(),
        };
        if self.is_stopping() || self.deployed.permission(&of) != Permission::Go {
            return Err(NotLooked::NotNow);
        }
        let place = self.place(&compiled.plan, name).await?;
        let built = self.build_there(&place, arguments, None)?;
        let keyed = built.keyed(self.agent_key.reveal());
        let intent = about.note("intent").fact("operation", name.to_string()).fact("keyed", keyed.to_string());
        self.noted(intent).await.or(Err(not_durable()))?;
        let answer = match self.all_pages(&place, arguments, Some(built)).await {
            Ok(paging) => paging.whole(place.operation()).map_err(NotLooked::from),
            Err(not_looked) => Err(not_looked),
        };
        let answer = answer.map(|answer| answer.unwrap_or_default().fields);
        let code = match &answer {
            Ok(_) => OK.to_owned(),
            Err(NotLooked::Failed { code, .. }) => code.clone(),
            Err(NotLooked::NotNow | NotLooked::Resting) => "not_now".to_owned(),
        };
        self.noted(about.note("outcome").fact("code", code)).await.or(Err(not_durable()))?;
        answer
    }

    async fn noted(&self, note: Note) -> Result<(), StoreError> {
        self.store.commit(Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)))).await
    }
}

fn not_durable() -> NotLooked {
    NotLooked::Failed { passing: true, code: "not_durable".to_owned(), retry_after: None }
}
