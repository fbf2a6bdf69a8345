//! The requests of one attempt: one, or one for each page of a list.
//!
//! All pages are one action with one intent and one outcome: how many there were is how long a list is, which is content and
//! stands in no ledger.
//!
//! # Source
//! engine.md section 1; section 3, "Failing".

use std::time::Duration;

use assent_schema::id::Name;
use assent_schema::plan::Failure;

use crate::request::{self, Answer, Built, Failed, MISFIT, Paging};
use crate::run::Deployed;
use crate::run::compiled::CompiledCall;
use crate::run::driver::{Run, Stop};
use crate::run::request::tokens::Generation;
use crate::run::steps::call::Arguments;
use crate::store::Store;
use crate::vault::tripwire;
use crate::world::World;

/// What came of the requests of one attempt.
pub(in crate::run) enum Attempt {
    Answered(Answer),
    Failed(Failed),
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Sends a request and reads the answer, all pages of it. `token` becomes the one that was sent last.
    pub(in crate::run) async fn exchange(
        &mut self,
        call: &CompiledCall,
        built: Built,
        arguments: &Arguments,
        step: &Name,
        token: &mut Option<Generation>,
    ) -> Result<Attempt, Stop> {
        let mut paging = Paging::default();
        let mut request = built.request;
        loop {
            request.timeout = request.timeout.min(self.left().max(Duration::from_secs(1)));
            let answer = match self.send(&call.name, request).await {
                Ok(response) => request::read(&call.operation, &response, tripwire::holds),
                Err(failed) => Err(failed),
            };
            let page = match answer {
                Ok(page) => page,
                Err(failed) => {
                    if let Some(field) = &failed.field {
                        let (client, workflow) = (&self.accepted.client, &self.accepted.workflow);
                        tracing::warn!(%client, %workflow, %step, operation = %call.name, %field, "{MISFIT}");
                    }
                    return Ok(Attempt::Failed(failed));
                }
            };
            match paging.add(&call.operation, page) {
                Err(failed) => return Ok(Attempt::Failed(failed)),
                Ok(None) => break,
                Ok(Some(cursor)) => {
                    let waited = self.let_through(step, &call.name.connection, call.operation.rate).await?;
                    // A token lives shorter than a long list may take; a secret is fetched again where it may be another.
                    if waited || token.is_some() {
                        match self.ready(step, &call.name.connection).await? {
                            Ok(now) => *token = now,
                            Err(failed) => return Ok(Attempt::Failed(failed)),
                        }
                    }
                    let (facts, what) = (self.client(step)?, (&call.name, &call.operation));
                    match self.build(&facts, what, arguments, step, Some(cursor.reveal())) {
                        Ok(built) => request = built.request,
                        // What came so far is not the list.
                        Err(code) => return Ok(Attempt::Failed(Failed::with_code(Failure::Permanent, &code))),
                    }
                }
            }
        }
        Ok(match paging.whole(&call.operation) {
            Ok(answer) => Attempt::Answered(answer.unwrap_or_default()),
            Err(failed) => Attempt::Failed(failed),
        })
    }
}
