//! Drives one run: asks the machine what comes next, does it, and makes it durable before anything leaves.
//!
//! What a step learns is kept in `pending` and becomes durable with the next commit, which always comes before the next
//! request, before the run waits, and at its end. So a run of one effect takes two commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::client::ClientFacts;
use assent_schema::expr::{Path, Value};
use assent_schema::id::{ConnectionId, Name};
use assent_schema::plan::Mode;
use tokio::sync::oneshot;

use super::begin::NotBegun;
use super::compiled::{Compiled, CompiledAction, CompiledStep, Part};
use super::hear;
use super::lanes::Lane;
use super::machine::{self, Live, Next, Outer, Scope, View};
use super::progress::{Progress, SHADOW, Stand};
use super::shared::Shared;
use super::values::Values;
use super::{Deployed, Engine, Permission, Use, lock};
use crate::content::Content;
use crate::store::{
    Accepted, AskEnd, Ending, Entry, Fact, Log, Note, Refusal, RunId, Store, StoreError, Token, Transaction, Write,
};
use crate::world::{Clock as _, Wall, World};

/// How long to wait before a commit that failed is tried again.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// How often a run that is held looks whether it still is.
const HELD_LOOK: Duration = Duration::from_secs(5);

/// One run in memory.
pub(super) struct Run<W, S, D> {
    pub(super) engine: Arc<Engine<W, S, D>>,
    pub(super) id: RunId,
    pub(super) compiled: Arc<Compiled>,
    pub(super) facts: Arc<ClientFacts>,
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
    pub(super) item: Option<Token>,
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
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) ending: Ending,
    pub(super) stop: Option<Name>,
    pub(super) step: Option<Name>,
    pub(super) item: Option<Token>,
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

/// Why a commit did not happen.
pub(super) enum NotFlushed {
    /// A condition of what was added does not hold; what was pending still is.
    Refused(Refusal),
    /// The task must end.
    Leave,
}

/// The values of a run that has just begun.
pub(super) fn values(facts: &Arc<ClientFacts>, at: Wall, trigger: Value, pseudonyms: Arc<Content<[u8; 32]>>) -> Values {
    let zone = jiff::tz::TimeZone::get(&facts.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    Values {
        trigger,
        steps: BTreeMap::new(),
        outer: None,
        now: at.moment(),
        business: super::guard::business(facts, zone.clone()),
        pseudonyms,
        zone,
    }
}

/// Goes on with a run after a restart.
pub(super) async fn carry_on<W: World, S: Store, D: Deployed>(engine: Arc<Engine<W, S, D>>, id: RunId) {
    let run = found(&engine, id);
    engine.came(id);
    if let Some(run) = run {
        drive(run).await;
    }
}

/// A run as its journal left it; nothing when it cannot be gone on with here.
fn found<W: World, S: Store, D: Deployed>(engine: &Arc<Engine<W, S, D>>, id: RunId) -> Option<Run<W, S, D>> {
    let loaded = (|| {
        let open = engine.store.open_run(id)?.ok_or(StoreError::Damaged("a run that is not open"))?;
        Ok::<_, StoreError>((open, engine.store.journal(id)?))
    })();
    let Ok((open, rows)) = loaded else {
        tracing::error!(run = %id, "the journal of a run cannot be read");
        return None;
    };
    let Some(Entry::Accepted(accepted)) = rows.first().map(|row| row.entry.clone()) else {
        tracing::error!(run = %id, "a run does not begin with its acceptance");
        return None;
    };
    let at = rows.first().map_or(Wall::default(), |row| row.at);
    let plan = engine.deployed.plan(&accepted.plan);
    let (Some(compiled), Some(facts)) = (plan, engine.deployed.client(&accepted.client)) else {
        // The plan is not here (yet): the run stays open for the next start.
        tracing::error!(run = %id, "the plan of a run is not here");
        return None;
    };
    let progress = Progress::replay(&rows);
    let cancelled = engine.store.state(&hear::cancel_name(id)).is_ok_and(|there| there.is_some());
    let trigger = accepted.fields.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
    let values = values(&facts, at, Value::Record(trigger), engine.pseudonyms(&accepted.client));
    let signals = engine.listen(id, &accepted, &compiled, &values);
    if cancelled {
        signals.cancel();
    }
    let mut run = Run {
        id,
        at,
        taken: progress.active,
        progress,
        live: Live { trigger: !accepted.content, whole: BTreeSet::new() },
        values,
        compiled,
        facts,
        accepted: *accepted,
        key: Content::new(crate::world::Dice::bytes(engine.world.dice())),
        has_key: false,
        shared: Arc::new(Shared::new(signals)),
        scope: Scope::Run,
        item: None,
        outer: None,
        pending: Vec::new(),
        told: None,
        durable: true,
        resumed_at: engine.world.clock().boot(),
        waited: Duration::ZERO,
        engine: Arc::clone(engine),
    };
    run.take_facts();
    if let Some(sealed) = &open.sealed {
        // What cannot be read is as if it had not been sealed.
        let _read = run.unseal(sealed);
    }
    if !run.has_key {
        // Hashes of before compare as different from now on; those of now can be compared after the next restart.
        run.pending.push(Write::Reseal { run: id, sealed: run.sealed() });
    }
    Some(run)
}

/// Drives a run until it ends, or until the agent goes down.
pub(super) async fn drive<W: World, S: Store, D: Deployed>(mut run: Run<W, S, D>) {
    let stop = run.whole().await;
    if let Err(Stop::End(end)) = stop {
        run.end(end).await;
    }
    run.leave();
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    async fn whole(&mut self) -> Result<(), Stop> {
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
                Next::Together(group) => self.together(group).await?,
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
        Ok(())
    }

    async fn act(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        match &step.action {
            CompiledAction::Call(call) => self.call(step, call).await,
            CompiledAction::Ask(ask) => self.ask(step, ask).await,
            CompiledAction::Decide(decide) => self.decide(step, decide).await,
            CompiledAction::Set(values) => self.set(step, values),
            CompiledAction::Each(each) => self.each(step, each).await,
            CompiledAction::Wait(until) => self.rest(step, until).await,
            CompiledAction::Stop(outcome) => Err(End { stop: Some(outcome.clone()), ..End::done() }.into()),
        }
    }

    fn set(&mut self, step: &CompiledStep, values: &[(Name, Part)]) -> Result<(), Stop> {
        match self.values.parts(values) {
            Ok(values) => self.keep(&step.id, Value::Record(values)),
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
        match &step.action {
            CompiledAction::Call(call) => self.read_again(step, call).await,
            CompiledAction::Ask(ask) => self.answer_again(step, ask).await,
            CompiledAction::Set(values) => self.set(step, values),
            CompiledAction::Decide(_) | CompiledAction::Each(_) | CompiledAction::Wait(_) | CompiledAction::Stop(_) => {
                Ok(())
            }
        }
    }

    /// Asks for permission, and waits while the run is held.
    pub(super) async fn may_go_on(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let connection = match &step.action {
            CompiledAction::Call(call) => Some(&call.name.connection),
            CompiledAction::Ask(ask) => Some(&ask.connection),
            CompiledAction::Decide(_)
            | CompiledAction::Set(_)
            | CompiledAction::Each(_)
            | CompiledAction::Wait(_)
            | CompiledAction::Stop(_) => None,
        };
        self.permitted(&step.id, connection).await
    }

    pub(super) async fn permitted(&mut self, step: &Name, connection: Option<&ConnectionId>) -> Result<(), Stop> {
        loop {
            if self.engine.is_stopping() {
                // What is pending was not promised to anybody; reads and answers are had again.
                return Err(Stop::Leave);
            }
            let of = Use {
                client: &self.accepted.client,
                workflow: &self.accepted.workflow,
                plan: &self.accepted.plan,
                connection,
                now: self.now().moment(),
            };
            match self.engine.deployed.permission(&of) {
                Permission::Go => return Ok(()),
                Permission::Stopped(code) => return Err(End::early(Ending::Stopped, step, code).into()),
                Permission::Held => {
                    self.flush_all().await?;
                    self.wait(HELD_LOOK).await;
                }
            }
        }
    }

    /// Lets time pass that does not count as taken, or less if the agent goes down.
    pub(super) async fn wait(&mut self, duration: Duration) {
        let engine = Arc::clone(&self.engine);
        let mut stopping = engine.stopping.subscribe();
        let before = engine.world.clock().boot();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => {}
            () = engine.world.clock().sleep(duration) => {}
        }
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
    }

    pub(super) fn now(&self) -> Wall {
        self.engine.world.clock().now()
    }

    /// The time that is left of the run's own; waiting for people is not counted.
    pub(super) fn left(&self) -> Duration {
        let here = self.engine.world.clock().boot().saturating_sub(self.resumed_at).saturating_sub(self.waited);
        self.compiled.plan.limits.timeout.duration().saturating_sub(here.saturating_add(self.taken))
    }

    /// Takes a fact: into the progress at once, into the journal with the next commit.
    pub(super) fn record(&mut self, entry: Entry) {
        self.note_fact(&entry);
        self.pending.push(Write::Journal { run: self.id, entry });
    }

    /// Takes a fact into the progress.
    pub(super) fn note_fact(&mut self, entry: &Entry) {
        let now = self.now();
        match self.scope {
            Scope::Run => self.progress.apply(now, entry),
            Scope::Item(_) | Scope::One(_) => self.progress.take(now, entry),
        }
    }

    pub(super) fn note(&self, kind: &'static str) -> Note {
        let mut note = Note::new(Log::Client(self.accepted.client.clone()), kind);
        note.run = Some(self.id);
        note.item.clone_from(&self.item);
        note.plan = Some(self.accepted.plan);
        note
    }

    /// Keeps a step's result for later steps.
    pub(super) fn keep(&mut self, step: &Name, value: Value) {
        if matches!(self.compiled.step(step.as_str()).map(|step| &step.action), Some(CompiledAction::Ask(_))) {
            self.shared.remember(self.item.as_ref(), step, &value);
        }
        self.values.steps.insert(step.clone(), value);
        self.live.whole.insert(step.clone());
    }

    /// Commits what is pending and what is added. What is added alone can be refused.
    pub(super) async fn flush(&mut self, added: Vec<Write>) -> Result<(), NotFlushed> {
        if self.pending.is_empty() && added.is_empty() {
            return Ok(());
        }
        let before = self.pending.len();
        let mut writes = std::mem::take(&mut self.pending);
        writes.extend(added);
        loop {
            let transaction = Arc::new(Transaction { at: self.now(), writes });
            let done = self.engine.store.commit(Arc::clone(&transaction)).await;
            writes = Arc::unwrap_or_clone(transaction).writes;
            let error = match done {
                Ok(()) => {
                    writes.clear();
                    self.pending = writes;
                    self.durable = true;
                    self.tell(Ok(()));
                    return Ok(());
                }
                Err(error) => error,
            };
            let over = match error {
                StoreError::Refused(refusal) => Some(self.refused(refusal)),
                error if !self.durable => {
                    self.tell(Err(NotBegun::Store(error)));
                    Some(NotFlushed::Leave)
                }
                error => {
                    tracing::error!(run = %self.id, %error, "a commit failed and is tried again");
                    self.engine.is_stopping().then_some(NotFlushed::Leave)
                }
            };
            if let Some(over) = over {
                writes.truncate(before);
                self.pending = writes;
                return Err(over);
            }
            self.wait(COMMIT_AGAIN).await;
        }
    }

    fn refused(&mut self, refusal: Refusal) -> NotFlushed {
        if let (Refusal::Duplicate(first), false) = (&refusal, self.durable) {
            self.tell(Err(NotBegun::Duplicate(*first)));
            return NotFlushed::Leave;
        }
        NotFlushed::Refused(refusal)
    }

    fn tell(&mut self, how: Result<(), NotBegun>) {
        if let Some(told) = self.told.take() {
            // Nobody listens any more when the caller went away; the run goes on all the same.
            drop(told.send(how));
        }
    }

    /// Commits what is pending. The first commit of a run may find that its key had enough runs today.
    pub(super) async fn flush_all(&mut self) -> Result<(), Stop> {
        match self.flush(Vec::new()).await {
            Ok(()) => Ok(()),
            Err(NotFlushed::Refused(Refusal::Over { .. })) if !self.durable => Err(self.superseded()),
            Err(NotFlushed::Refused(_) | NotFlushed::Leave) => Err(Stop::Leave),
        }
    }

    /// The key of the run had as many runs today as it may have: the event is recorded and nothing runs.
    pub(super) fn superseded(&mut self) -> Stop {
        self.pending.retain(|write| !matches!(write, Write::Count { .. }));
        let end = End { code: Some("per_key".to_owned()), ..End::done() };
        End { ending: Ending::Superseded, ..end }.into()
    }

    /// Waits for a place among the running.
    async fn enter(&mut self) -> Result<(), Stop> {
        let lane = Lane {
            client: self.accepted.client.clone(),
            workflow: self.accepted.workflow.clone(),
            key: self.accepted.key.clone(),
            workflow_most: self.compiled.plan.limits.concurrency.max(1),
            client_most: self.facts.limits.running.max(1),
        };
        let (door, mut opens) = oneshot::channel();
        {
            let mut lanes = lock(&self.engine.lanes);
            if lanes.enter(self.id, lane) {
                return Ok(());
            }
            lock(&self.engine.doors).insert(self.id, door);
        }
        self.flush_all().await?;
        let engine = Arc::clone(&self.engine);
        let mut stopping = engine.stopping.subscribe();
        let before = engine.world.clock().boot();
        let mut cancelled = self.shared.signals.cancelled();
        let opened = tokio::select! {
            biased;
            opened = &mut opens => opened.or(Err(Stop::Leave)),
            _ = stopping.wait_for(|stop| *stop) => Err(Stop::Leave),
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(End::cancelled().into()),
        };
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
        opened
    }

    /// This task goes on: the run has its place as long as one of its tasks does something.
    pub(super) async fn come_back(&mut self) -> Result<(), Stop> {
        let shared = Arc::clone(&self.shared);
        let mut busy = shared.busy.lock().await;
        if *busy == 0 {
            self.enter().await?;
        }
        *busy = busy.saturating_add(1);
        Ok(())
    }

    /// This task waits for a person or for time: the place is given back when no other does something.
    pub(super) async fn step_aside(&self) {
        let mut busy = self.shared.busy.lock().await;
        *busy = busy.saturating_sub(1);
        if *busy == 0 {
            let next = lock(&self.engine.lanes).pause(self.id);
            self.open_doors(next);
        }
    }

    fn leave(&mut self) {
        // A run that never became durable says so to whoever waits.
        self.tell(Err(NotBegun::Stopping));
        lock(&self.engine.questions).retain(|(run, _), _| *run != self.id);
        self.engine.forget(self.id);
        lock(&self.engine.doors).remove(&self.id);
        let next = lock(&self.engine.lanes).leave(self.id);
        self.open_doors(next);
    }

    fn open_doors(&self, runs: Vec<RunId>) {
        let mut doors = lock(&self.engine.doors);
        for run in runs {
            if let Some(door) = doors.remove(&run) {
                // A run whose task is gone leaves its place by itself.
                let _went = door.send(());
            }
        }
    }

    /// Results of which the journal has the facts.
    pub(super) fn take_facts(&mut self) {
        let stands: Vec<_> = self.progress.steps.iter().map(|(name, stand)| (name.clone(), stand.clone())).collect();
        let record = |facts: BTreeMap<Name, Fact>| -> BTreeMap<Name, Value> {
            facts.into_iter().map(|(field, fact)| (field, Value::from(&fact))).collect()
        };
        for (name, stand) in stands {
            match stand {
                Stand::Done { kept, shadow: false } => {
                    if self.compiled.step(name.as_str()).is_some_and(CompiledStep::is_effect) {
                        self.values.steps.insert(name, Value::Record(record(kept)));
                    }
                }
                Stand::Answered { ended, facts } => {
                    self.values.steps.insert(name, answer_value(ended, record(facts)));
                }
                Stand::Decided { approved, .. } => self.take_decision(&name, approved),
                Stand::Walking(walk) => self.take_counts(&name, &walk),
                Stand::Woken { arrived, facts } => self.take_event(&name, arrived, record(facts)),
                Stand::Runs
                | Stand::Skipped
                | Stand::Tried(_)
                | Stand::Asked(_)
                | Stand::Passed
                | Stand::Resting { .. }
                | Stand::Done { .. } => {}
            }
        }
    }

    pub(super) fn take_decision(&mut self, step: &Name, approved: bool) {
        if let Ok(name) = Name::new("approved") {
            let fields = BTreeMap::from([(name, Value::Boolean(approved))]);
            self.values.steps.insert(step.clone(), Value::Record(fields));
        }
    }
}

/// An answer's fields and how the `ask` ended.
pub(super) fn answer_value(ended: AskEnd, mut fields: BTreeMap<Name, Value>) -> Value {
    if let Ok(name) = Name::new("ended") {
        fields.insert(name, Value::text(ended.as_str()));
    }
    Value::Record(fields)
}

/// An expression that failed ends the run; the code says how, the step where.
pub(super) fn expression_failed(step: &CompiledStep, error: &assent_schema::expr::EvalError) -> Stop {
    End::early(Ending::Failed, &step.id, format!("expression_{}", error.code.as_str())).into()
}
