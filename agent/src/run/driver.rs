//! Drives one run: asks the machine what comes next and does it. `commit` makes it durable before anything leaves, `turn`
//! says whether the run may go on, `resume` has what a restart left.
//!
//! What a step learns is kept in `pending` and becomes durable with the next commit, which always comes before the next
//! request, before the run waits, and at its end. So a run of one effect takes two commits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::expr::{Path, Value};
use assent_schema::id::{ConnectionId, Name};
use assent_schema::plan::Mode;
use tokio::sync::oneshot;

use super::capacity::limits::Weight;
use super::compiled::{Compiled, CompiledAction, CompiledStep, Part};
use super::content::values::Values;
use super::life::asleep::Asleep;
use super::life::begin::NotBegun;
use super::life::machine::{self, Live, Next, Outer, Scope, View};
use super::life::progress::{Progress, SHADOW, Stand};
use super::shared::Shared;
use super::steps::wait::Rest;
use super::{Deployed, Engine};
use crate::content::Content;
use crate::store::{Accepted, Ending, Entry, FactText, RunId, Store, Write};
use crate::vault::Secret;
use crate::world::{Wall, World};

/// One run in memory.
pub(super) struct Run<W, S, D> {
    pub(super) engine: Arc<Engine<W, S, D>>,
    pub(super) id: RunId,
    pub(super) compiled: Arc<Compiled>,
    pub(super) accepted: Accepted,
    pub(super) at: Wall,
    pub(super) progress: Progress,
    pub(super) live: Live,
    pub(super) values: Values,
    /// The run's own key, for hashes of content; lives in memory and in the sealed cache only.
    pub(super) key: Content<[u8; 32]>,
    /// Whether the key is the one that earlier hashes were made with.
    pub(super) has_key: bool,
    /// What all tasks of the run share.
    pub(super) shared: Arc<Shared>,
    /// The steps that this task goes through.
    pub(super) scope: Scope,
    /// Inside an `each`, the item's key.
    pub(super) item: Option<FactText>,
    /// What stands around the steps of an item or group.
    pub(super) outer: Option<Arc<Outer>>,
    pub(super) pending: Vec<Write>,
    pub(super) told: Option<oneshot::Sender<Result<(), NotBegun>>>,
    pub(super) durable: bool,
    /// Time that the run took before this process, waiting not counted.
    pub(super) taken: Duration,
    pub(super) resumed_at: Duration,
    /// Time spent waiting for people or holds since then.
    pub(super) waited: Duration,
    /// What authorises the next request of the step that is done now, and no longer.
    pub(super) secret: Option<Secret>,
    /// What the event's content takes up in memory; a part of a run holds none of its own.
    pub(super) weight: Option<Weight>,
    /// Why the event itself could not be read: then nothing is done.
    pub(super) unread: Option<&'static str>,
}

/// Why a step does not return in the ordinary way.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run ends.
    End(End),
    /// The task ends and the run does not: the agent goes down, or the run never became durable.
    Leave,
    /// The task around this one is to get results again that these paths read.
    Needs(BTreeSet<Path>),
    /// The run rests for so long that it leaves memory meanwhile.
    Rests(Rest),
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) ending: Ending,
    pub(super) stop: Option<Name>,
    pub(super) step: Option<Name>,
    pub(super) item: Option<FactText>,
    pub(super) code: Option<String>,
    pub(super) connection: Option<ConnectionId>,
}

impl End {
    pub(super) fn done() -> Self {
        Self { ending: Ending::Done, stop: None, step: None, item: None, code: None, connection: None }
    }

    pub(super) fn early(ending: Ending, step: &Name, code: impl Into<String>) -> Self {
        Self { ending, step: Some(step.clone()), code: Some(code.into()), ..Self::done() }
    }

    /// An event of a `[[cancel]]` came.
    pub(super) fn cancelled() -> Self {
        Self { ending: Ending::Superseded, code: Some("cancelled".to_owned()), ..Self::done() }
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Drives a run until it ends, or until the agent goes down.
pub(super) async fn drive<W: World, S: Store, D: Deployed>(run: Box<Run<W, S, D>>) {
    let mut awake = Some(run);
    while let Some(run) = awake {
        awake = match Box::pin(driven(run)).await {
            Some(asleep) => asleep.wake().await,
            None => None,
        };
    }
}

/// Drives a run until there is nothing to do for a long time, or for good.
async fn driven<W: World, S: Store, D: Deployed>(mut run: Box<Run<W, S, D>>) -> Option<Asleep<W, S, D>> {
    match run.whole().await {
        Err(Stop::Rests(rest)) => return Some(run.fall_asleep(rest)),
        Err(Stop::End(end)) => Box::pin(run.end(end)).await,
        // The agent goes down: what is known of requests that were made need not be found out again.
        Err(Stop::Leave) if run.durable => drop(Box::pin(run.flush(Vec::new())).await),
        Ok(()) | Err(Stop::Leave | Stop::Needs(_)) => {}
    }
    run.leave();
    None
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    async fn whole(&mut self) -> Result<(), Stop> {
        if let Some(code) = self.unread {
            // It came from a list: what cannot be read of another connection's list is another trouble.
            let connection = self.compiled.plan.trigger.poll().map(|poll| poll.read.connection.clone());
            let end = End { ending: Ending::ContentLost, code: Some(code.to_owned()), connection, ..End::done() };
            return Err(end.into());
        }
        self.fall_quiet().await?;
        self.come_back().await?;
        self.go().await
    }

    /// Goes through the steps of this task until something ends it.
    pub(super) async fn go(&mut self) -> Result<(), Stop> {
        let compiled = Arc::clone(&self.compiled);
        loop {
            let next = machine::next(&compiled, self.view(&compiled));
            if self.shared.signals.is_cancelled() && !self.is_inside(&next) {
                return Err(End::cancelled().into());
            }
            match next {
                Next::When(step) => {
                    if let Err(stop) = self.when(step) {
                        self.in_shadow(step, stop)?;
                    }
                }
                Next::Restore(step) => {
                    self.may_go_on(step).await?;
                    self.restore(step).await?;
                }
                Next::Act(step) => {
                    self.may_go_on(step).await?;
                    if let Err(stop) = self.act(step).await {
                        self.in_shadow(step, stop)?;
                    }
                }
                Next::Together(group) => Box::pin(self.together(group)).await?,
                Next::Finish => return Err(End::done().into()),
                Next::Lost(step) => return Err(End::early(Ending::ContentLost, &step.id, "content_lost").into()),
                Next::Needs(paths) => return Err(Stop::Needs(paths.clone())),
            }
        }
    }

    /// In shadow mode nothing is there of what an effect would have answered: what rests on it is passed over, and an effect
    /// that rests on it is recorded by its name alone.
    fn in_shadow(&mut self, step: &CompiledStep, stop: Stop) -> Result<(), Stop> {
        let absent = matches!(&stop, Stop::End(End { code: Some(code), .. }) if code == "expression_absent");
        if !absent || self.compiled.plan.mode != Mode::Shadow {
            return Err(stop);
        }
        match &step.action {
            CompiledAction::Call(call) if step.is_effect() => self.only_name(step, call),
            _ => self.pass(step, SHADOW),
        }
        Ok(())
    }

    /// What is known where this task stands.
    pub(super) fn view<'p>(&self, compiled: &'p Compiled) -> View<'p, '_> {
        let outer = self.outer.as_deref();
        View { steps: self.scope.steps(compiled), progress: &self.progress, live: &self.live, outer }
    }

    /// Whether what comes next has begun and may have done something that must be looked after before the run ends.
    fn is_inside(&self, next: &Next<'_>) -> bool {
        let begun = |step: &CompiledStep| match self.progress.stand(&step.id) {
            Some(Stand::Tried(_)) => step.is_effect(),
            Some(Stand::Walking(_)) => true,
            _ => false,
        };
        match next {
            Next::Act(step) => begun(step),
            Next::Together(group) => group.iter().any(begun),
            Next::When(_) | Next::Restore(_) | Next::Finish | Next::Lost(_) | Next::Needs(_) => false,
        }
    }

    fn when(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let Some(when) = &step.when else { return Ok(()) };
        let runs = self.values.truth(when).map_err(|error| expression_failed(step, &error))?;
        self.record(Entry::When { step: step.id.clone(), item: self.item.clone(), runs });
        if !runs {
            self.take_skipped(step);
        }
        Ok(())
    }

    async fn act(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let acted = self.act_out(step).await;
        self.secret = None;
        acted
    }

    /// Each kind of step has a place of its own in memory, as long as it lasts: a run that rests takes up no room for calls.
    async fn act_out(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        match &step.action {
            CompiledAction::Call(call) => Box::pin(self.call(step, call)).await,
            CompiledAction::Ask(ask) => Box::pin(self.ask(step, ask)).await,
            CompiledAction::Decide(decide) => Box::pin(self.decide(step, decide)).await,
            CompiledAction::Set(values) => self.set(step, values),
            CompiledAction::Each(each) => Box::pin(self.each(step, each)).await,
            CompiledAction::Wait(until) => Box::pin(self.rest(step, until)).await,
            CompiledAction::Stop(outcome) => Err(End { stop: Some(outcome.clone()), ..End::done() }.into()),
        }
    }

    fn set(&mut self, step: &CompiledStep, values: &[(Name, Part)]) -> Result<(), Stop> {
        match self.values.parts(values).map(Value::Record) {
            // The run ends whatever the step says of expressions that fail: how large content is tells of it.
            Ok(values) if !values.is_within(SET_MOST_BYTES) => {
                return Err(End::early(Ending::Failed, &step.id, "expression_too_large").into());
            }
            Ok(values) => self.keep(&step.id, values),
            Err(_) if step.continue_on.contains("expression") => self.pass(step, "expression"),
            Err(error) => return Err(expression_failed(step, &error)),
        }
        Ok(())
    }

    /// The step failed, and the run goes on without it.
    pub(super) fn pass(&mut self, step: &CompiledStep, code: &str) {
        self.record(Entry::Passed { step: step.id.clone(), item: self.item.clone(), code: code.to_owned() });
    }

    pub(super) async fn restore(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let restored = self.restore_out(step).await;
        self.secret = None;
        restored
    }

    async fn restore_out(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        match &step.action {
            CompiledAction::Call(call) => Box::pin(self.read_again(step, call)).await,
            CompiledAction::Ask(ask) => Box::pin(self.answer_again(step, ask)).await,
            CompiledAction::Set(values) => self.set(step, values),
            CompiledAction::Decide(_) | CompiledAction::Each(_) | CompiledAction::Wait(_) | CompiledAction::Stop(_) => {
                Ok(())
            }
        }
    }
}

/// The most room that what one step sets may take. Steps that name a value twice double it, one after the other.
const SET_MOST_BYTES: usize = 1 << 20;

/// An expression that failed ends the run; the code says how, the step where.
pub(super) fn expression_failed(step: &CompiledStep, error: &assent_schema::expr::EvalError) -> Stop {
    End::early(Ending::Failed, &step.id, format!("expression_{}", error.code.as_str())).into()
}
