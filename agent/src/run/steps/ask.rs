//! The step that asks an AI provider.
//!
//! # Source
//! language.md sections 3 and 5, engine.md section 3. Promise P24.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::client::{ClientFacts, ConnectionTo};
use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::{Answer, Effect, Retry, kept_of_try};
use assent_schema::shape::Shape;

use crate::request::chat::{self, Question, Said};
use crate::request::{Built, Failed};
use crate::retry::{Next, next};
use crate::run::compiled::{CompiledAction, CompiledAsk, CompiledStep};
use crate::run::driver::{End, Run, Stop, expression_failed};
use crate::run::life::machine::parked_by;
use crate::run::life::progress::{OK, Stand};
use crate::run::life::resume::answer_value;
use crate::run::request::tokens::Generation;
use crate::run::request::usage::Used;
use crate::run::{Deployed, Reach, Unreachable};
use crate::store::{AskEnd, Ending, Entry, Fact, Store};
use crate::vault::Secret;
use crate::world::World;

/// What is asked, evaluated.
struct Asked {
    with: BTreeMap<Name, Value>,
    sources: Option<Value>,
}

/// A question that can be sent.
struct ReadyQuestion {
    token: Option<Generation>,
    facts: Arc<ClientFacts>,
    built: Built,
}

/// What came of asking once.
enum Came {
    /// So the step ends.
    Ended(AskEnd, BTreeMap<Name, Value>),
    /// With an answer that is of no use: another one may be.
    Useless(AskEnd),
    /// Without an answer.
    Failed(Failed),
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) async fn ask(&mut self, step: &CompiledStep, ask: &CompiledAsk) -> Result<(), Stop> {
        let (ended, fields) = match self.tries(step, ask).await {
            Err(Stop::End(End { ending: Ending::Failed, code: Some(code), .. }))
                if step.continue_on.contains(code.as_str()) =>
            {
                self.pass(step, &code);
                return Ok(());
            }
            other => other?,
        };
        let facts = facts_of(ask, &fields);
        self.record(Entry::Answered { step: step.id.clone(), item: self.item.clone(), ended, facts });
        self.keep(&step.id, answer_value(ended, fields));
        Ok(())
    }

    /// Asks up to `tries` times, invalid answers and failures of the provider included.
    async fn tries(&mut self, step: &CompiledStep, ask: &CompiledAsk) -> Result<(AskEnd, BTreeMap<Name, Value>), Stop> {
        let asked = self.evaluate(step, ask)?;
        let retry = Retry { attempts: ask.limit.tries.max(1), ..Retry::DEFAULT };
        let tried = match self.progress.stand(&step.id) {
            Some(Stand::Tried(tried)) => Some((**tried).clone()),
            _ => None,
        };
        if let Some(tried) = &tried {
            self.not_before(tried).await?;
        }
        let begun = tried.map_or(0, |tried| tried.intent.attempt);
        let mut attempt = begun;
        // A restart in the middle of a try gives one more.
        let mut last = retry.attempts.max(begun.saturating_add(1));
        let mut renewed = false;
        loop {
            attempt = attempt.saturating_add(1);
            self.agreement(step, ask)?;
            if self.left().is_zero() {
                return Err(ask_failed(step, ask, "run_timed_out"));
            }
            let mut ready = self.ready_question(step, (ask, &asked)).await?;
            if !affords(ask, attempt, &ready.built) {
                return Ok((AskEnd::OutOfBudget, BTreeMap::new()));
            }
            if self.let_through(&step.id, &ask.connection, None).await? {
                ready = self.ready_question(step, (ask, &asked)).await?;
            }
            // It may have ended while the run waited for its turn.
            self.agreement(step, ask)?;
            let token = ready.token;
            let failed = match self.ask_once(step, (ask, &asked), attempt, ready).await? {
                Came::Ended(end, fields) => return Ok((end, fields)),
                Came::Useless(end) if attempt >= last => return Ok((end, BTreeMap::new())),
                Came::Useless(_) => continue,
                Came::Failed(failed) => failed,
            };
            let tried = attempt.min(retry.attempts.saturating_sub(1));
            let follows = next(&retry, tried, failed.retry_after, self.left(), self.dice());
            if failed.status == Some(401) && !renewed && self.takes_another(&ask.connection, token).await {
                renewed = true;
                last = last.saturating_add(1);
                self.came_to_nothing(step, attempt, &kept(step, failed, true), false, follows);
                continue;
            }
            let is_followed = matches!(follows, Next::After(_)) && attempt < last && failed.is_passing();
            self.came_to_nothing(step, attempt, &kept(step, failed.clone(), is_followed), false, follows);
            match follows {
                Next::After(delay) if is_followed => {
                    self.flush_all().await?;
                    self.pause(delay).await?;
                    self.permitted(&step.id, Some(&ask.connection)).await?;
                }
                Next::After(_) | Next::NoAttempts | Next::NoTime => return Err(ask_failed(step, ask, &failed.code)),
            }
        }
    }

    /// Asks once, and tells what came of it; of a failure, whoever knows what follows does.
    async fn ask_once(
        &mut self,
        step: &CompiledStep,
        (ask, asked): (&CompiledAsk, &Asked),
        attempt: u32,
        ready: ReadyQuestion,
    ) -> Result<Came, Stop> {
        self.ask_intent(step, ask, attempt, &ready.built).await?;
        let mut request = ready.built.request;
        request.timeout = request.timeout.min(self.left().max(Duration::from_secs(1)));
        let response = match self.send(&ask.name, request).await {
            Ok(response) => response,
            Err(failed) => return Ok(Came::Failed(failed)),
        };
        let said = self.question(&ready.facts, (ask, asked), |question| chat::said(question, &response));
        let Said { end, tokens_in, tokens_out } = match said.map_err(|code| ask_failed(step, ask, &code))? {
            Ok(said) => said,
            Err(failed) => return Ok(Came::Failed(failed)),
        };
        let used = Used { tokens_in, tokens_out, ..Used::default() };
        self.engine.uses(&self.accepted.client, &ask.connection, used);
        let (code, came) = match end {
            chat::End::Answered(fields) => (OK, Came::Ended(AskEnd::Answered, fields)),
            chat::End::Refused => (AskEnd::Refused.as_str(), Came::Ended(AskEnd::Refused, BTreeMap::new())),
            chat::End::Invalid => (AskEnd::Invalid.as_str(), Came::Useless(AskEnd::Invalid)),
            chat::End::OutOfBudget => (AskEnd::OutOfBudget.as_str(), Came::Useless(AskEnd::OutOfBudget)),
        };
        self.outcome(step, attempt, code, None, false, BTreeMap::new());
        Ok(came)
    }

    /// The request with what authorises it now, and where it leads.
    async fn ready_question(
        &mut self,
        step: &CompiledStep,
        (ask, asked): (&CompiledAsk, &Asked),
    ) -> Result<ReadyQuestion, Stop> {
        let failed = |code: &str| ask_failed(step, ask, code);
        let token = self.ready(&step.id, &ask.connection).await?.map_err(|unready| failed(&unready.code))?;
        let facts = self.client(&step.id)?;
        let built = self.question(&facts, (ask, asked), chat::ask).map_err(|code| failed(&code))?;
        Ok(ReadyQuestion { token, facts, built: built.map_err(|wrong| failed(wrong.kind.code()))? })
    }

    fn evaluate(&self, step: &CompiledStep, ask: &CompiledAsk) -> Result<Asked, Stop> {
        let with = self.values.parts(&ask.with).map_err(|error| expression_failed(step, &error))?;
        let sources = ask.sources.as_ref().map(|program| self.values.eval(program)).transpose();
        Ok(Asked { with, sources: sources.map_err(|error| expression_failed(step, &error))? })
    }

    /// By date, also while running: an agreement that ended stops the run.
    fn agreement(&self, step: &CompiledStep, ask: &CompiledAsk) -> Result<(), Stop> {
        let facts = self.client(&step.id)?;
        match facts.connections.get(&ask.connection).map(|connection| &connection.to) {
            Some(ConnectionTo::Provider { agreement, .. }) if agreement.holds(self.now().moment()) => Ok(()),
            _ => Err(End {
                connection: Some(ask.connection.clone()),
                ..End::early(Ending::Stopped, &step.id, "provider-agreement")
            }
            .into()),
        }
    }

    fn question<T>(
        &self,
        facts: &ClientFacts,
        (ask, asked): (&CompiledAsk, &Asked),
        then: impl FnOnce(&Question<'_>) -> T,
    ) -> Result<T, String> {
        let client = &self.accepted.client;
        let reach = self.engine.deployed.reach(client, facts, &ask.connection);
        let Reach { connection, endpoint } = reach.map_err(Unreachable::code)?;
        Ok(then(&Question {
            client,
            name: &ask.connection,
            connection,
            endpoint: &endpoint.url,
            secret: self.secret.as_ref().map(Secret::reveal),
            prompt: &ask.prompt,
            with: &asked.with,
            sources: asked.sources.as_ref(),
            answer: &ask.answer,
            limit: &ask.limit,
        }))
    }

    async fn ask_intent(
        &mut self,
        step: &CompiledStep,
        ask: &CompiledAsk,
        attempt: u32,
        built: &Built,
    ) -> Result<(), Stop> {
        let keyed = built.keyed(self.key.reveal());
        self.pend_intent(self.plain_intent(&step.id, attempt, (&ask.name, Effect::None), keyed));
        self.flush_all().await
    }

    /// Gets an answer again: the text that was parked, or another answer of which the facts are the same.
    pub(in crate::run) async fn answer_again(&mut self, step: &CompiledStep, ask: &CompiledAsk) -> Result<(), Stop> {
        let compiled = Arc::clone(&self.compiled);
        if let Some((parker, field, kept)) = parked_by(self.view(&compiled), &step.id) {
            return self.unpark(step, parker, &field, &kept).await;
        }
        let Some(before) = self.progress.steps.remove(&step.id) else { return Ok(()) };
        let Stand::Answered { ended, facts } = &before else { return Ok(()) };
        let (now_ended, fields) = self.tries(step, ask).await?;
        if now_ended != *ended || facts_of(ask, &fields) != *facts {
            return Err(End::early(Ending::ContentLost, &step.id, "answer_differs").into());
        }
        self.keep(&step.id, answer_value(now_ended, fields));
        drop(self.progress.steps.insert(step.id.clone(), before));
        Ok(())
    }

    /// Reads a parked text back from the client's own system.
    async fn unpark(
        &mut self,
        step: &CompiledStep,
        parker: &CompiledStep,
        field: &Name,
        kept: &BTreeMap<Name, Fact>,
    ) -> Result<(), Stop> {
        let CompiledAction::Call(call) = &parker.action else { return Ok(()) };
        let Some(park) = &call.operation.park else { return Ok(()) };
        let lost = || End::early(Ending::ContentLost, &step.id, "not_parked");
        let id = kept.get(&park.id).map(Value::from).ok_or_else(lost)?;
        let arguments = BTreeMap::from([(park.param.clone(), id)]);
        let mut fields = self.read_operation(step, call, &park.read, &arguments).await?;
        let text = fields.remove(&park.field).ok_or_else(lost)?;
        let mut answer = match self.progress.stand(&step.id) {
            Some(Stand::Answered { facts, .. }) => {
                facts.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect()
            }
            _ => BTreeMap::new(),
        };
        answer.insert(field.clone(), text);
        self.keep(&step.id, answer_value(AskEnd::Answered, answer));
        Ok(())
    }
}

/// Whether the step's budget has room for this request.
fn affords(ask: &CompiledAsk, attempt: u32, built: &Built) -> bool {
    let bytes = u64::try_from(built.request.body.reveal().len()).unwrap_or(u64::MAX);
    ask.limit.spend.as_ref().is_none_or(|spend| spend.allows(attempt, bytes, ask.limit.tokens))
}

/// What is kept of a try to which the provider did not answer.
fn kept(step: &CompiledStep, failed: Failed, is_followed: bool) -> Failed {
    if !step.given_content {
        return failed;
    }
    let code = kept_of_try(&failed.code, is_followed).to_owned();
    Failed { code, status: None, ..failed }
}

fn ask_failed(step: &CompiledStep, ask: &CompiledAsk, code: &str) -> Stop {
    End { connection: Some(ask.connection.clone()), ..End::early(Ending::Failed, &step.id, code) }.into()
}

/// The fields of an answer that are facts: declared constants.
fn facts_of(ask: &CompiledAsk, fields: &BTreeMap<Name, Value>) -> BTreeMap<Name, Fact> {
    let fact = |(name, value): (&Name, &Value)| match ask.answer.get(name)? {
        Answer::OneOf(values) => Some((name.clone(), value.to_fact(&Shape::one_of(values.clone())).ok()?)),
        Answer::Number { .. } | Answer::Boolean {} | Answer::Text { .. } | Answer::Citations { .. } => None,
    };
    fields.iter().filter_map(fact).collect()
}
