//! The attempts of a call: until one answers, or none is left.
//!
//! # Source
//! engine.md section 3, "Effects" and "Failing". Promises P18, P19.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::plan::Effect;

use crate::request::{Built, Failed};
use crate::retry::{Next, next};
use crate::run::Deployed;
use crate::run::content::cache::Place;
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::{CACHED, OK, Stand};
use crate::run::request::intent::Made;
use crate::run::request::pages::Attempt;
use crate::run::request::tokens::Generation;
use crate::run::steps::call::{Calling, fail_at};
use crate::store::Store;
use crate::world::World;

/// The code of what was not sent in time.
const TIMED_OUT: &str = "timed_out";

/// A request that can be sent.
struct ReadyCall {
    token: Option<Generation>,
    built: Built,
    /// Where its answer is kept; nothing where none is.
    place: Option<Place>,
}

/// What came of one attempt.
enum Sent {
    /// It was not sent; it may be, as things stand now.
    Nothing,
    /// The step is over.
    Over,
    /// It failed, sent with this token last.
    Failed(Failed, Option<Generation>),
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Attempts until one answers, or none is left.
    pub(in crate::run) async fn attempts(&mut self, calling: Calling<'_>) -> Result<(), Stop> {
        let Calling { step, call, .. } = calling;
        // A token that was not taken costs no attempt, once.
        let mut renewed = false;
        loop {
            let attempt = self.next_attempt(&step.id);
            let mut ready = match self.ready_call(calling).await? {
                Ok(ready) => ready,
                Err(code) => return self.give_up(calling, &code).await,
            };
            if let Some(answer) = ready.place.as_ref().and_then(|place| self.kept(place)) {
                return self.answered(calling, attempt, answer, CACHED);
            }
            if self.let_through(&step.id, &call.name.connection, call.operation.rate).await? {
                // It was waited for: another token or secret may count by now, and the request may lead elsewhere.
                ready = match self.ready_call(calling).await? {
                    Ok(ready) => ready,
                    Err(code) => return self.give_up(calling, &code).await,
                };
            }
            if self.left().is_zero() {
                return Err(fail_at(step, call, "run_timed_out"));
            }
            // Whatever was waited for, the other side may have forgotten the key meanwhile, or the client have set other limits: a
            // repeat would be another effect.
            if let Some(tried) = self.in_doubt(step, call)
                && self.settle(calling, &tried).await?
            {
                return Ok(());
            }
            let (failed, token) = match self.send_once(calling, attempt, ready).await? {
                Sent::Nothing => continue,
                Sent::Over => return Ok(()),
                Sent::Failed(failed, token) => (failed, token),
            };
            if !self.comes_again(calling, attempt, &mut renewed, (&failed, token)).await? {
                return self.give_up(calling, &failed.code).await;
            }
        }
    }

    /// The request with what authorises it now, and where its answer is kept; or the code of why there is none.
    async fn ready_call(&mut self, calling: Calling<'_>) -> Result<Result<ReadyCall, String>, Stop> {
        let Calling { step, call, arguments } = calling;
        let token = match self.ready(&step.id, &call.name.connection).await? {
            Ok(token) => token,
            Err(failed) => return Ok(Err(failed.code)),
        };
        let built = self.build(&self.client(&step.id)?, (&call.name, &call.operation), arguments, &step.id, None);
        Ok(built.map(|built| ReadyCall { token, place: self.place(call, &built), built }))
    }

    /// Sends it, once it is durable that it will be.
    async fn send_once(&mut self, calling: Calling<'_>, attempt: u32, ready: ReadyCall) -> Result<Sent, Stop> {
        let Calling { step, call, arguments } = calling;
        let ReadyCall { mut token, built, place } = ready;
        let intent = self.intent(calling, (attempt, &built));
        if self.make_durable(calling, intent).await? == Made::Nothing {
            // Whatever was so before somebody was waited for may be otherwise: a hold, a withdrawal, a token.
            self.permitted(&step.id, Some(&call.name.connection)).await?;
            return Ok(Sent::Nothing);
        }
        if self.outlived(step, call).is_some_and(|tried| tried.in_doubt) {
            // A store that took nothing for a while. It is not sent, and in doubt as before.
            self.outcome(step, attempt, TIMED_OUT, None, true, BTreeMap::new());
            self.give_up(calling, TIMED_OUT).await?;
            return Ok(Sent::Over);
        }
        let answer = match self.exchange(call, built, arguments, &step.id, &mut token).await? {
            Attempt::Answered(answer) => answer,
            Attempt::Failed(failed) => return Ok(Sent::Failed(failed, token)),
        };
        if let Some(job) = &call.operation.job {
            self.taken(calling, attempt, (job, answer)).await?;
            return Ok(Sent::Over);
        }
        if let Some(place) = &place {
            self.keep_answer(place, &answer);
        }
        self.answered(calling, attempt, answer, OK)?;
        Ok(Sent::Over)
    }

    /// Whether there is another attempt after one that failed; on return its time has come.
    async fn comes_again(
        &mut self,
        calling: Calling<'_>,
        attempt: u32,
        renewed: &mut bool,
        (failed, token): (&Failed, Option<Generation>),
    ) -> Result<bool, Stop> {
        let Calling { step, call, .. } = calling;
        let tried = attempt.saturating_sub(u32::from(*renewed));
        let follows = next(&call.retry, tried, failed.retry_after, self.left(), self.dice());
        self.came_to_nothing(step, attempt, failed, is_in_doubt(calling, failed), follows);
        if failed.status == Some(401)
            && self.takes_another(&call.name.connection, token).await
            && !*renewed
            && self.may_renew(step, call, failed)
        {
            *renewed = true;
            return Ok(true);
        }
        match follows {
            Next::After(delay) if self.may_repeat(calling, failed, delay) => {
                self.flush_all().await?;
                self.pause(delay).await?;
                self.permitted(&step.id, Some(&call.name.connection)).await?;
                Ok(true)
            }
            Next::After(_) | Next::NoAttempts | Next::NoTime => Ok(false),
        }
    }

    /// Whether one more attempt can do no harm after a delay.
    fn may_repeat(&self, calling: Calling<'_>, failed: &Failed, delay: Duration) -> bool {
        let Calling { step, call, .. } = calling;
        if call.operation.effect == Effect::None {
            return failed.is_passing();
        }
        let before_in_doubt = matches!(self.progress.stand(&step.id), Some(Stand::Tried(tried)) if tried.in_doubt);
        if is_in_doubt(calling, failed) || before_in_doubt {
            // The same request under a key that the other side remembers is the same effect.
            return self.key_lives(step, call, delay);
        }
        failed.is_passing() && failed.not_executed
    }
}

/// Whether an attempt that failed so may have done its effect all the same.
fn is_in_doubt(calling: Calling<'_>, failed: &Failed) -> bool {
    calling.call.operation.effect != Effect::None && failed.is_doubtful()
}
