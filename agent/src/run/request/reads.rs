//! Reads that are no step of the plan: whether an effect happened, how a job stands, where a text was parked.
//!
//! # Source
//! engine.md section 3, "Effects" and "Failing".

use std::time::Duration;

use assent_schema::id::OperationRef;
use assent_schema::plan::{Failure, Operation, Retry};

use crate::request::{self, Answer, Failed};
use crate::retry::{Next, next};
use crate::run::Deployed;
use crate::run::compiled::CompiledStep;
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::OK;
use crate::run::request::tokens::Generation;
use crate::run::steps::call::Arguments;
use crate::store::{Aim, Intent, Note, Store, Write};
use crate::vault::tripwire;
use crate::world::World;

/// What a request is given at least, however little of the run's time is left.
const LEAST: Duration = Duration::from_secs(1);

/// What is read, and for which step.
pub(in crate::run) struct Aside<'a> {
    pub(in crate::run) step: &'a CompiledStep,
    pub(in crate::run) name: &'a OperationRef,
    pub(in crate::run) operation: &'a Operation,
    pub(in crate::run) with: &'a Arguments,
    /// What for; nothing where the journal need not know.
    pub(in crate::run) aim: Option<Aim>,
}

/// What one request came to, and the token that it was sent with.
struct Sent {
    answer: Result<Answer, Failed>,
    token: Option<Generation>,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Reads with the attempts that reads get. A token that is not taken costs none, once.
    pub(in crate::run) async fn read_aside(&mut self, read: &Aside<'_>) -> Result<Result<Answer, Failed>, Stop> {
        let retry = read.operation.retry.unwrap_or(Retry::DEFAULT);
        let (mut attempt, mut renewed) = (0_u32, 0_u32);
        loop {
            attempt = attempt.saturating_add(1);
            let Sent { answer, token } = self.send_aside(read, attempt).await?;
            let failed = match answer {
                Ok(answer) => return Ok(Ok(answer)),
                Err(failed) => failed,
            };
            if renewed == 0 && self.takes_another_aside(read, &failed, token).await {
                renewed = 1;
                continue;
            }
            let tried = attempt.saturating_sub(renewed);
            match next(&retry, tried, failed.retry_after, self.left(), self.dice()) {
                Next::After(delay) if failed.is_passing() => {
                    self.flush_all().await?;
                    self.pause(delay).await?;
                    self.permitted(&read.step.id, Some(&read.name.connection)).await?;
                }
                Next::After(_) | Next::NoAttempts | Next::NoTime => return Ok(Err(failed)),
            }
        }
    }

    /// Reads once; with another token once more, where the first was not taken.
    pub(in crate::run) async fn look_aside(
        &mut self,
        read: &Aside<'_>,
        attempt: u32,
    ) -> Result<Result<Answer, Failed>, Stop> {
        let Sent { answer, token } = self.send_aside(read, attempt).await?;
        match answer {
            Err(failed) if self.takes_another_aside(read, &failed, token).await => {
                self.send_aside(read, attempt).await.map(|sent| sent.answer)
            }
            answer => Ok(answer),
        }
    }

    /// Whether the other side did not take the token, and there is another one.
    async fn takes_another_aside(&mut self, read: &Aside<'_>, failed: &Failed, token: Option<Generation>) -> bool {
        failed.status == Some(401) && self.takes_another(&read.name.connection, token).await
    }

    /// One request: breaker and rate before it, its entries around it.
    async fn send_aside(&mut self, read: &Aside<'_>, attempt: u32) -> Result<Sent, Stop> {
        let (step, connection) = (&read.step.id, &read.name.connection);
        let not_sent = |failed| Ok(Sent { answer: Err(failed), token: None });
        // Without a secret, no turn is taken.
        let mut token = match self.ready(step, connection).await? {
            Ok(token) => token,
            Err(failed) => return not_sent(failed),
        };
        if self.let_through(step, connection, read.operation.rate).await? {
            token = match self.ready(step, connection).await? {
                Ok(token) => token,
                Err(failed) => return not_sent(failed),
            };
        }
        let built = match self.build(&self.client(step)?, (read.name, read.operation), read.with, step, None) {
            Ok(built) => built,
            Err(code) => return not_sent(Failed::with_code(Failure::Permanent, &code)),
        };
        let keyed = built.keyed(self.key.reveal());
        let intent = self.plain_intent(step, attempt, (read.name, read.operation.effect), keyed);
        match read.aim {
            Some(aim) => self.pend_intent(Intent { aim, ..intent }),
            None => self.pending.push(Write::Note(Box::new(self.intent_note(&intent)))),
        }
        self.flush_all().await?;
        let mut request = built.request;
        request.timeout = request.timeout.min(self.left().max(LEAST));
        let response = self.send(read.name, request).await;
        let answer = response.and_then(|response| request::read(read.operation, &response, tripwire::holds));
        let code = answer.as_ref().map_or_else(|failed| failed.code.clone(), |_| OK.to_owned());
        let outcome = self.note("outcome").fact("code", code);
        let outcome = Note { step: Some(step.clone()), attempt: Some(attempt), ..outcome };
        self.pending.push(Write::Note(Box::new(outcome)));
        Ok(Sent { answer, token })
    }
}
