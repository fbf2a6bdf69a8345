//! The step that calls an operation.
//!
//! # Source
//! engine.md section 3, "Effects" and "Failing". Promises P11, P18, P19.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Effect, Mode, Operation};

use super::Deployed;
use super::aside::Aside;
use super::compiled::{CompiledCall, CompiledStep};
use super::driver::{End, Run, Stop, expression_failed};
use super::intent::Made;
use super::progress::{CACHED, CONFIRMED, OK, SHADOW, Stand};
use crate::request::{self, Answer, Built, Call, Failed};
use crate::retry::{Next, next};
use crate::store::{Aim, Ending, Entry, Fact, Intent, Store, Write};
use crate::vault::Secret;
use crate::world::{Dice as _, World};

/// The code of what was not sent in time.
const TIMED_OUT: &str = "timed_out";

pub(super) type Arguments = BTreeMap<Name, Value>;

/// What came of one attempt.
pub(super) enum Attempt {
    Answered(Answer),
    Failed(Failed),
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(super) async fn call(&mut self, step: &CompiledStep, call: &CompiledCall) -> Result<(), Stop> {
        let arguments = self.values.parts(&call.with).map_err(|error| expression_failed(step, &error))?;
        let is_effect = call.operation.effect != Effect::None;
        if let Err(failed) = self.ready(&step.id, &call.name.connection).await? {
            return self.give_up(step, call, &arguments, &failed.code).await;
        }
        if is_effect && self.compiled.plan.mode == Mode::Shadow {
            return self.only_record(step, call, &arguments);
        }
        let tried = match self.progress.stand(&step.id) {
            Some(Stand::Tried(tried)) => Some((**tried).clone()),
            _ => None,
        };
        if let Some(tried) = &tried {
            self.not_before(tried).await?;
        }
        if is_effect {
            if let Some(tried) = tried.as_ref().filter(|tried| tried.accepted().is_some())
                && self.take_up(step, call, &arguments, tried).await?
            {
                return Ok(());
            }
            if let Some(tried) = self.in_doubt(step, call)
                && self.settle(step, call, &arguments, &tried).await?
            {
                return Ok(());
            }
            // After it was asked whether it happened: what is done needs no comparison.
            self.same_as_shown(step)?;
        }
        self.attempts(step, call, &arguments).await
    }

    /// Attempts until one answers, or none is left.
    pub(super) async fn attempts(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        arguments: &Arguments,
    ) -> Result<(), Stop> {
        // A token that was not taken costs no attempt, once.
        let mut renewed = 0_u32;
        loop {
            let attempt = self.next_attempt(&step.id);
            let mut token = match self.ready(&step.id, &call.name.connection).await? {
                Ok(token) => token,
                Err(failed) => return self.give_up(step, call, arguments, &failed.code).await,
            };
            let what = (&call.name, &call.operation);
            let mut built = match self.build(&self.client(&step.id)?, what, arguments, &step.id, None) {
                Ok(built) => built,
                Err(code) => return self.give_up(step, call, arguments, &code).await,
            };
            let mut place = self.place(call, &built);
            if let Some(answer) = place.as_ref().and_then(|place| self.kept(place)) {
                return self.answered(step, call, arguments, attempt, answer, CACHED);
            }
            if self.let_through(&step.id, &call.name.connection, call.operation.rate).await? {
                token = match self.ready(&step.id, &call.name.connection).await? {
                    Ok(token) => token,
                    Err(failed) => return self.give_up(step, call, arguments, &failed.code).await,
                };
                built = match self.build(&self.client(&step.id)?, what, arguments, &step.id, None) {
                    Ok(built) => built,
                    Err(code) => return self.give_up(step, call, arguments, &code).await,
                };
                place = self.place(call, &built);
            }
            if self.left().is_zero() {
                return Err(fail_at(step, call, "run_timed_out"));
            }
            // Whatever was waited for, the other side may have forgotten the key meanwhile, or the client have set other limits: a
            // repeat would be another effect.
            if let Some(tried) = self.in_doubt(step, call)
                && self.settle(step, call, arguments, &tried).await?
            {
                return Ok(());
            }
            let intent = self.intent(step, call, arguments, (attempt, &built));
            if self.make_durable(step, call, arguments, intent).await? == Made::Nothing {
                // Whatever was so before somebody was waited for may be otherwise: a hold, a withdrawal, a token.
                self.permitted(&step.id, Some(&call.name.connection)).await?;
                continue;
            }
            if self.outlived(step, call).is_some_and(|tried| tried.in_doubt) {
                // A store that took nothing for a while. It is not sent, and in doubt as before.
                self.outcome(step, attempt, TIMED_OUT, None, true, BTreeMap::new());
                return self.give_up(step, call, arguments, TIMED_OUT).await;
            }
            let failed = match self.exchange(call, built, arguments, &step.id, &mut token).await? {
                Attempt::Answered(answer) => {
                    if let Some(job) = &call.operation.job {
                        return self.taken(step, call, arguments, attempt, (job, answer)).await;
                    }
                    if let Some(place) = &place {
                        self.keep_answer(place, &answer);
                    }
                    return self.answered(step, call, arguments, attempt, answer, OK);
                }
                Attempt::Failed(failed) => failed,
            };
            let in_doubt = call.operation.effect != Effect::None && failed.is_doubtful();
            let tried = attempt.saturating_sub(renewed);
            let follows = next(&call.retry, tried, failed.retry_after, self.left(), self.dice());
            self.came_to_nothing(step, attempt, &failed, in_doubt, follows);
            if failed.status == Some(401)
                && self.takes_another(&call.name.connection, token).await
                && renewed == 0
                && self.may_renew(step, call, &failed)
            {
                renewed = 1;
                continue;
            }
            match follows {
                Next::After(delay) if self.may_repeat(step, call, &failed, in_doubt, delay) => {
                    self.flush_all().await?;
                    self.pause(delay).await?;
                    self.permitted(&step.id, Some(&call.name.connection)).await?;
                }
                Next::After(_) | Next::NoAttempts | Next::NoTime => {
                    return self.give_up(step, call, arguments, &failed.code).await;
                }
            }
        }
    }

    /// No attempt is left. An effect in doubt is looked after first; where nobody can tell, it is left to people, whatever
    /// the step says of going on: that is for failures of which it is known that nothing was done.
    pub(super) async fn give_up(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        arguments: &Arguments,
        code: &str,
    ) -> Result<(), Stop> {
        if let Some(tried) = self.in_doubt(step, call) {
            if self.confirm(step, call, arguments, &tried).await? {
                return Ok(());
            }
            if self.in_doubt(step, call).is_some() {
                return Err(fail_at(step, call, code));
            }
        }
        self.failed(step, call, code)
    }

    /// The step failed for good, and nothing was done: the run goes on without it, or ends.
    pub(super) fn failed(&mut self, step: &CompiledStep, call: &CompiledCall, code: &str) -> Result<(), Stop> {
        if step.continue_on.contains(code) {
            self.pass(step, code);
            return Ok(());
        }
        Err(fail_at(step, call, code))
    }

    /// Whether one more attempt can do no harm after a delay.
    fn may_repeat(
        &self,
        step: &CompiledStep,
        call: &CompiledCall,
        failed: &Failed,
        in_doubt: bool,
        delay: Duration,
    ) -> bool {
        if call.operation.effect == Effect::None {
            return failed.is_passing();
        }
        let before_in_doubt = matches!(self.progress.stand(&step.id), Some(Stand::Tried(tried)) if tried.in_doubt);
        if in_doubt || before_in_doubt {
            // The same request under a key that the other side remembers is the same effect.
            return self.key_lives(step, call, delay);
        }
        failed.is_passing() && failed.not_executed
    }

    pub(super) fn dice(&self) -> u64 {
        u64::from_le_bytes(self.engine.world.dice().bytes())
    }

    /// The request with what authorises the step now, and as far as a list was read.
    pub(super) fn build(
        &self,
        facts: &Arc<ClientFacts>,
        (name, operation): (&OperationRef, &Operation),
        arguments: &Arguments,
        step: &Name,
        cursor: Option<&str>,
    ) -> Result<Built, String> {
        let client = &self.accepted.client;
        let connection = facts.connections.get(&name.connection).ok_or("no_connection")?;
        let endpoint = self.engine.deployed.endpoint(client, &name.connection).ok_or("no_endpoint")?;
        let key = operation.idempotency.as_ref().map(|takes| {
            let item = self.item.as_ref().map(crate::store::FactText::as_str);
            let of = match self.progress.stand(step) {
                Some(Stand::Tried(tried)) => tried.intent.key_of.unwrap_or(self.id),
                _ => self.id,
            };
            request::keyed::idempotency_key(&self.engine.idempotency, &of.to_string(), step, item, takes.form)
        });
        let call = Call {
            client,
            reference: name,
            operation,
            endpoint: &endpoint.url,
            connection,
            arguments,
            secret: self.secret.as_ref().map(Secret::reveal),
            idempotency: key.as_deref(),
            cursor,
        };
        request::build(&call).map_err(|wrong| wrong.kind.code().to_owned())
    }

    pub(super) fn answered(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        arguments: &Arguments,
        attempt: u32,
        answer: Answer,
        code: &str,
    ) -> Result<(), Stop> {
        if asks_whose(&call.operation, arguments) && !request::belongs(&call.operation, arguments, &answer) {
            self.outcome(step, attempt, "not_theirs", None, false, BTreeMap::new());
            return self.failed(step, call, "not_theirs");
        }
        let kept =
            if call.operation.effect == Effect::None { BTreeMap::new() } else { facts_of(&call.operation, &answer) };
        self.outcome(step, attempt, code, None, false, kept);
        self.keep(&step.id, Value::Record(answer.fields));
        Ok(())
    }

    /// A read is done again for what it says; its facts stand in the ledger, the journal knows it as done.
    pub(super) async fn read_again(&mut self, step: &CompiledStep, call: &CompiledCall) -> Result<(), Stop> {
        let before = self.progress.steps.remove(&step.id);
        let done = self.call(step, call).await;
        if let (Err(_), Some(before)) = (&done, before) {
            drop(self.progress.steps.insert(step.id.clone(), before));
        }
        done
    }

    /// A read of the same connection, outside of the plan's steps: where a text was parked.
    pub(super) async fn read_operation(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        read: &Name,
        arguments: &Arguments,
    ) -> Result<BTreeMap<Name, Value>, Stop> {
        let name = OperationRef { connection: call.name.connection.clone(), operation: read.clone() };
        let compiled = Arc::clone(&self.compiled);
        let Some(operation) = compiled.plan.operations.get(&name) else {
            return Err(fail_at(step, call, "no_operation"));
        };
        let read = Aside { step, name: &name, operation, with: arguments, aim: None };
        let answer = self.read_aside(&read).await?;
        answer.map(|answer| answer.fields).map_err(|failed| fail_at(step, call, &failed.code))
    }

    fn only_record(&mut self, step: &CompiledStep, call: &CompiledCall, arguments: &Arguments) -> Result<(), Stop> {
        let (facts, what) = (self.client(&step.id)?, (&call.name, &call.operation));
        let built = match self.build(&facts, what, arguments, &step.id, None) {
            Ok(built) => built,
            Err(code) => return self.failed(step, call, &code),
        };
        let intent = Intent { shadow: true, ..self.intent(step, call, arguments, (1, &built)) };
        let keyed = intent.keyed.unwrap_or(Digest::from_bytes([0; 32]));
        self.record(Entry::Intent(intent));
        let mut note = self.note("intent").fact("operation", call.name.to_string()).fact("keyed", keyed.to_string());
        note.step = Some(step.id.clone());
        note.attempt = Some(1);
        self.pending.push(Write::Note(Box::new(note)));
        self.outcome(step, 1, SHADOW, None, false, BTreeMap::new());
        Ok(())
    }

    /// An effect of which only the name is known.
    pub(super) fn only_name(&mut self, step: &CompiledStep, call: &CompiledCall) {
        // Of a request that cannot be built.
        let keyed = request::keyed::keyed(self.key.reveal(), request::keyed::Purpose::Request, &[]);
        self.record(Entry::Intent(Intent {
            step: step.id.clone(),
            item: self.item.clone(),
            attempt: 1,
            operation: call.name.clone(),
            effect: call.operation.effect,
            aim: Aim::Step,
            keyed: Some(keyed),
            key_until: None,
            key_of: None,
            counted: BTreeMap::new(),
            confirm: None,
            shadow: true,
        }));
        let mut note = self.note("intent").fact("operation", call.name.to_string()).fact("keyed", keyed.to_string());
        note.step = Some(step.id.clone());
        note.attempt = Some(1);
        self.pending.push(Write::Note(Box::new(note)));
        self.outcome(step, 1, SHADOW, None, false, BTreeMap::new());
    }

    /// The effect happened, as a read told; what it answered is not known.
    pub(super) fn confirmed(&mut self, step: &CompiledStep, attempt: u32) {
        self.outcome(step, attempt, CONFIRMED, None, false, BTreeMap::new());
        self.keep(&step.id, Value::Record(BTreeMap::new()));
    }
}

/// The run ends at a call that failed for good.
pub(super) fn fail_at(step: &CompiledStep, call: &CompiledCall, code: &str) -> Stop {
    let connection = Some(call.name.connection.clone());
    End { connection, ..End::early(Ending::Failed, &step.id, code) }.into()
}

/// Whether the workflow asks whose record it is. Where the parameter may be left out, leaving it out asks nothing; the
/// compiler keeps the result marked then.
fn asks_whose(operation: &Operation, arguments: &Arguments) -> bool {
    operation.belongs.as_ref().is_some_and(|belongs| {
        let optional = operation.params.get(&belongs.param).is_some_and(|param| param.optional);
        !optional || arguments.contains_key(&belongs.param)
    })
}

/// The answer's fields of class `reference` or lower that fit their shape.
pub(super) fn facts_of(operation: &Operation, answer: &Answer) -> BTreeMap<Name, Fact> {
    let fact = |(name, value): (&Name, &Value)| {
        let field = operation.response.get(name).filter(|field| field.class.is_fact())?;
        Some((name.clone(), value.to_fact(&field.shape).ok()?))
    };
    answer.fields.iter().filter_map(fact).collect()
}
