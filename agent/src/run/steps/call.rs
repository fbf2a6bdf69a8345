//! The step that calls an operation.
//!
//! # Source
//! engine.md section 3, "Effects" and "Failing". Promises P11, P18, P19.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Effect, Mode, Operation};

use crate::request::{self, Answer, Built, Call};
use crate::run::compiled::{CompiledCall, CompiledStep};
use crate::run::driver::{End, Run, Stop, expression_failed};
use crate::run::life::progress::{CONFIRMED, SHADOW, Stand};
use crate::run::request::reads::Aside;
use crate::run::{Deployed, Reach, Unreachable};
use crate::store::{Ending, Fact, Intent, Store};
use crate::vault::Secret;
use crate::world::{Dice as _, World};

pub(in crate::run) type Arguments = BTreeMap<Name, Value>;

/// A call with what it is called with: what a step does, evaluated.
#[derive(Clone, Copy)]
pub(in crate::run) struct Calling<'a> {
    pub(in crate::run) step: &'a CompiledStep,
    pub(in crate::run) call: &'a CompiledCall,
    pub(in crate::run) arguments: &'a Arguments,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) async fn call(&mut self, step: &CompiledStep, call: &CompiledCall) -> Result<(), Stop> {
        let arguments = &self.values.parts(&call.with).map_err(|error| expression_failed(step, &error))?;
        let calling = Calling { step, call, arguments };
        let is_effect = call.operation.effect != Effect::None;
        if let Err(failed) = self.ready(&step.id, &call.name.connection).await? {
            return self.give_up(calling, &failed.code).await;
        }
        if is_effect && self.compiled.plan.mode == Mode::Shadow {
            return self.only_record(calling);
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
                && self.take_up(calling, tried).await?
            {
                return Ok(());
            }
            if let Some(tried) = self.in_doubt(step, call)
                && self.settle(calling, &tried).await?
            {
                return Ok(());
            }
            // After it was asked whether it happened: what is done needs no comparison.
            self.same_as_shown(step)?;
        }
        self.attempts(calling).await
    }

    /// No attempt is left. An effect in doubt is looked after first; where nobody can tell, it is left to people, whatever
    /// the step says of going on: that is for failures of which it is known that nothing was done.
    pub(in crate::run) async fn give_up(&mut self, calling: Calling<'_>, code: &str) -> Result<(), Stop> {
        let Calling { step, call, .. } = calling;
        if let Some(tried) = self.in_doubt(step, call) {
            if self.confirm(calling, &tried).await? {
                return Ok(());
            }
            if self.in_doubt(step, call).is_some() {
                return Err(fail_at(step, call, code));
            }
        }
        self.failed(step, call, code)
    }

    /// The step failed for good, and nothing was done: the run goes on without it, or ends.
    pub(in crate::run) fn failed(&mut self, step: &CompiledStep, call: &CompiledCall, code: &str) -> Result<(), Stop> {
        if step.continue_on.contains(code) {
            self.pass(step, code);
            return Ok(());
        }
        Err(fail_at(step, call, code))
    }

    pub(in crate::run) fn dice(&self) -> u64 {
        u64::from_le_bytes(self.engine.world.dice().bytes())
    }

    /// The request with what authorises the step now, and as far as a list was read.
    pub(in crate::run) fn build(
        &self,
        facts: &Arc<ClientFacts>,
        (name, operation): (&OperationRef, &Operation),
        arguments: &Arguments,
        step: &Name,
        cursor: Option<&str>,
    ) -> Result<Built, String> {
        let client = &self.accepted.client;
        let reach = self.engine.deployed.reach(client, facts, &name.connection);
        let Reach { connection, endpoint } = reach.map_err(Unreachable::code)?;
        let key = operation.idempotency.as_ref().map(|takes| {
            let item = self.item.as_ref().map(crate::store::FactText::as_str);
            let of = match self.progress.stand(step) {
                Some(Stand::Tried(tried)) => tried.intent.key_of.unwrap_or(self.id),
                _ => self.id,
            };
            request::keyed::idempotency_key(self.engine.agent_key.reveal(), &of.to_string(), step, item, takes.form)
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

    pub(in crate::run) fn answered(
        &mut self,
        Calling { step, call, arguments }: Calling<'_>,
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
    pub(in crate::run) async fn read_again(&mut self, step: &CompiledStep, call: &CompiledCall) -> Result<(), Stop> {
        let before = self.progress.steps.remove(&step.id);
        let done = self.call(step, call).await;
        if let (Err(_), Some(before)) = (&done, before) {
            drop(self.progress.steps.insert(step.id.clone(), before));
        }
        done
    }

    /// A read of the same connection, outside of the plan's steps: where a text was parked.
    pub(in crate::run) async fn read_operation(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        read: &Name,
        arguments: &Arguments,
    ) -> Result<BTreeMap<Name, Value>, Stop> {
        let name = OperationRef { connection: call.name.connection.clone(), operation: read.clone() };
        let compiled = Arc::clone(&self.compiled);
        let Some(operation) = compiled.plan.operations.get(&name) else {
            return Err(fail_at(step, call, Unreachable::Operation.code()));
        };
        let read = Aside { step, name: &name, operation, with: arguments, aim: None };
        let answer = self.read_aside(&read).await?;
        answer.map(|answer| answer.fields).map_err(|failed| fail_at(step, call, &failed.code))
    }

    fn only_record(&mut self, calling: Calling<'_>) -> Result<(), Stop> {
        let Calling { step, call, arguments } = calling;
        let (facts, what) = (self.client(&step.id)?, (&call.name, &call.operation));
        let built = match self.build(&facts, what, arguments, &step.id, None) {
            Ok(built) => built,
            Err(code) => return self.failed(step, call, &code),
        };
        let intent = Intent { shadow: true, ..self.intent(calling, (1, &built)) };
        self.pend_intent(intent);
        self.outcome(step, 1, SHADOW, None, false, BTreeMap::new());
        Ok(())
    }

    /// An effect of which only the name is known.
    pub(in crate::run) fn only_name(&mut self, step: &CompiledStep, call: &CompiledCall) {
        // Of a request that cannot be built.
        let keyed = request::keyed::keyed(self.key.reveal(), request::keyed::Purpose::Request, &[]);
        let plain = self.plain_intent(&step.id, 1, (&call.name, call.operation.effect), keyed);
        self.pend_intent(Intent { shadow: true, ..plain });
        self.outcome(step, 1, SHADOW, None, false, BTreeMap::new());
    }

    /// The effect happened, as a read told; what it answered is not known.
    pub(in crate::run) fn confirmed(&mut self, step: &CompiledStep, attempt: u32) {
        self.outcome(step, attempt, CONFIRMED, None, false, BTreeMap::new());
        self.keep(&step.id, Value::Record(BTreeMap::new()));
    }
}

/// The run ends at a call that failed for good.
pub(in crate::run) fn fail_at(step: &CompiledStep, call: &CompiledCall, code: &str) -> Stop {
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
pub(in crate::run) fn facts_of(operation: &Operation, answer: &Answer) -> BTreeMap<Name, Fact> {
    let fact = |(name, value): (&Name, &Value)| {
        let field = operation.response.get(name).filter(|field| field.class.is_fact())?;
        Some((name.clone(), value.to_fact(&field.shape).ok()?))
    };
    answer.fields.iter().filter_map(fact).collect()
}
