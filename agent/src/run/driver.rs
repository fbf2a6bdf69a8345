//! Drives one run: asks the machine what comes next, does it, and makes it durable before anything leaves.
//!
//! What a step learns is kept in `pending` and becomes durable with the next commit, which always comes before the next
//! request, before the run waits, and at its end. So a run of one effect takes two commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{ConnectionId, Name};
use tokio::sync::oneshot;

use super::begin::NotBegun;
use super::codec;
use super::compiled::{Compiled, CompiledAction, CompiledStep};
use super::lanes::Lane;
use super::machine::{self, Live, Next, Progress, Stand};
use super::values::Values;
use super::{Deployed, Engine, Permission, Use, lock, seal};
use crate::content::Content;
use crate::store::{Accepted, AskEnd, Ending, Entry, Log, Note, Refusal, RunId, Store, StoreError, Transaction, Write};
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
    /// The salt of what is shown to a person.
    pub(super) salt: Content<[u8; 32]>,
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
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) ending: Ending,
    pub(super) stop: Option<Name>,
    pub(super) step: Option<Name>,
    pub(super) code: Option<String>,
    pub(super) connection: Option<ConnectionId>,
}

impl End {
    pub(super) fn done() -> Self {
        Self { ending: Ending::Done, stop: None, step: None, code: None, connection: None }
    }

    pub(super) fn early(ending: Ending, step: &Name, code: impl Into<String>) -> Self {
        Self { ending, stop: None, step: Some(step.clone()), code: Some(code.into()), connection: None }
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
pub(super) fn values(facts: &Arc<ClientFacts>, at: Wall, trigger: Value) -> Values {
    let zone = jiff::tz::TimeZone::get(&facts.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    Values {
        trigger,
        steps: BTreeMap::new(),
        now: at.moment(),
        business: super::guard::business(facts, zone.clone()),
        zone,
    }
}

/// Goes on with a run after a restart.
pub(super) async fn carry_on<W: World, S: Store, D: Deployed>(engine: Arc<Engine<W, S, D>>, id: RunId) {
    let loaded = (|| {
        let open = engine.store.open_run(id)?.ok_or(StoreError::Damaged("a run that is not open"))?;
        Ok::<_, StoreError>((open, engine.store.journal(id)?))
    })();
    let Ok((open, rows)) = loaded else {
        tracing::error!(run = %id, "the journal of a run cannot be read");
        return;
    };
    let Some(Entry::Accepted(accepted)) = rows.first().map(|row| row.entry.clone()) else {
        tracing::error!(run = %id, "a run does not begin with its acceptance");
        return;
    };
    let at = rows.first().map_or(Wall::default(), |row| row.at);
    let plan = engine.deployed.plan(&accepted.plan);
    let (Some(compiled), Some(facts)) = (plan, engine.deployed.client(&accepted.client)) else {
        // The plan is not here (yet): the run stays open for the next start.
        tracing::error!(run = %id, "the plan of a run is not here");
        return;
    };
    let progress = Progress::replay(&rows);
    let trigger = accepted.fields.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
    let mut run = Run {
        id,
        at,
        taken: progress.active,
        progress,
        live: Live { trigger: !accepted.content, whole: std::collections::BTreeSet::new() },
        values: values(&facts, at, Value::Record(trigger)),
        compiled,
        facts,
        accepted: *accepted,
        key: Content::new(crate::world::Dice::bytes(engine.world.dice())),
        has_key: false,
        salt: Content::default(),
        pending: Vec::new(),
        told: None,
        durable: true,
        resumed_at: engine.world.clock().boot(),
        waited: Duration::ZERO,
        engine,
    };
    run.take_facts();
    if let Some(sealed) = &open.sealed {
        run.unseal(sealed);
    }
    if !run.has_key {
        // Hashes of before compare as different from now on; those of now can be compared after the next restart.
        run.pending.push(Write::Reseal { run: id, sealed: run.sealed() });
    }
    drive(run).await;
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
        self.enter().await?;
        self.go().await
    }

    async fn go(&mut self) -> Result<(), Stop> {
        let compiled = Arc::clone(&self.compiled);
        loop {
            match machine::next(&compiled, &self.progress, &self.live) {
                Next::When(step) => self.when(step)?,
                Next::Restore(step) => {
                    self.may_go_on(step).await?;
                    self.restore(step).await?;
                }
                Next::Act(step) => {
                    self.may_go_on(step).await?;
                    self.act(step).await?;
                }
                Next::Finish => return Err(End::done().into()),
                Next::Lost(step) => return Err(End::early(Ending::ContentLost, &step.id, "content_lost").into()),
            }
        }
    }

    fn when(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let Some(when) = &step.when else { return Ok(()) };
        let runs = self.values.truth(when).map_err(|error| expression_failed(step, &error))?;
        self.record(Entry::When { step: step.id.clone(), runs });
        Ok(())
    }

    async fn act(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        match &step.action {
            CompiledAction::Call(call) => self.call(step, call).await,
            CompiledAction::Ask(ask) => self.ask(step, ask).await,
            CompiledAction::Decide(decide) => self.decide(step, decide).await,
            CompiledAction::Set(values) => {
                let values = self.values.parts(values).map_err(|error| expression_failed(step, &error))?;
                self.keep(&step.id, Value::Record(values));
                Ok(())
            }
            CompiledAction::Stop(outcome) => Err(End { stop: Some(outcome.clone()), ..End::done() }.into()),
        }
    }

    async fn restore(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        match &step.action {
            CompiledAction::Call(call) => self.read_again(step, call).await,
            CompiledAction::Ask(ask) => self.answer_again(step, ask).await,
            CompiledAction::Set(_) => self.act(step).await,
            CompiledAction::Decide(_) | CompiledAction::Stop(_) => Ok(()),
        }
    }

    /// Asks for permission, and waits while the run is held.
    async fn may_go_on(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let connection = match &step.action {
            CompiledAction::Call(call) => Some(&call.name.connection),
            CompiledAction::Ask(ask) => Some(&ask.connection),
            CompiledAction::Decide(_) | CompiledAction::Set(_) | CompiledAction::Stop(_) => None,
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
        self.progress.apply(self.now(), &entry);
        self.pending.push(Write::Journal { run: self.id, entry });
    }

    pub(super) fn note(&self, kind: &'static str) -> Note {
        let mut note = Note::new(Log::Client(self.accepted.client.clone()), kind);
        note.run = Some(self.id);
        note.plan = Some(self.accepted.plan);
        note
    }

    /// Keeps a step's result for later steps.
    pub(super) fn keep(&mut self, step: &Name, value: Value) {
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
    pub(super) async fn enter(&mut self) -> Result<(), Stop> {
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
        let opened = tokio::select! {
            biased;
            opened = &mut opens => opened.is_ok(),
            _ = stopping.wait_for(|stop| *stop) => false,
        };
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
        if opened { Ok(()) } else { Err(Stop::Leave) }
    }

    /// Gives the place back while a person decides.
    pub(super) fn step_aside(&self) {
        let next = lock(&self.engine.lanes).pause(self.id);
        self.open_doors(next);
    }

    fn leave(&mut self) {
        // A run that never became durable says so to whoever waits.
        self.tell(Err(NotBegun::Stopping));
        lock(&self.engine.questions).remove(&self.id);
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

    /// What must survive a restart, sealed: the run's key, the salt, the trigger's content, answers and edited texts.
    pub(super) fn sealed(&self) -> Option<Vec<u8>> {
        let mut out = Content::new(Vec::with_capacity(256));
        out.reveal_mut().extend_from_slice(self.key.reveal());
        out.reveal_mut().extend_from_slice(self.salt.reveal());
        codec::write(&self.values.trigger, out.reveal_mut());
        for (name, value) in &self.values.steps {
            let is_answer =
                matches!(self.compiled.step(name.as_str()).map(|s| &s.action), Some(CompiledAction::Ask(_)));
            if is_answer && self.live.whole.contains(name) {
                codec::write(&Value::text(name.as_str()), out.reveal_mut());
                codec::write(value, out.reveal_mut());
            }
        }
        seal::seal(&*self.engine.world, self.id, &out)
    }

    fn unseal(&mut self, sealed: &[u8]) {
        let Some(opened) = seal::open(&*self.engine.world, self.id, sealed) else { return };
        let Some((key, rest)) = opened.reveal().split_first_chunk::<32>() else { return };
        let Some((salt, mut rest)) = rest.split_first_chunk::<32>() else { return };
        let Some(trigger) = codec::read(&mut rest) else { return };
        self.key = Content::new(*key);
        self.has_key = true;
        self.salt = Content::new(*salt);
        self.values.trigger = trigger;
        self.live.trigger = true;
        while !rest.is_empty() {
            let (Some(name), Some(value)) = (codec::read(&mut rest), codec::read(&mut rest)) else { return };
            let Some(name) = name.as_text().and_then(|name| Name::new(name).ok()) else { return };
            self.keep(&name, value);
        }
    }

    /// Results of which the journal has the facts.
    fn take_facts(&mut self) {
        let stands: Vec<_> = self.progress.steps.iter().map(|(name, stand)| (name.clone(), stand.clone())).collect();
        for (name, stand) in stands {
            match stand {
                Stand::Done { kept, shadow: false } => {
                    let fields = kept.iter().map(|(field, fact)| (field.clone(), Value::from(fact))).collect();
                    let effect = self.compiled.step(name.as_str()).is_some_and(CompiledStep::is_effect);
                    if effect {
                        self.values.steps.insert(name, Value::Record(fields));
                    }
                }
                Stand::Answered { ended, facts } => {
                    let fields = facts.iter().map(|(field, fact)| (field.clone(), Value::from(fact))).collect();
                    let value = answer_value(ended, fields);
                    self.values.steps.insert(name, value);
                }
                Stand::Decided { approved, .. } => self.take_decision(&name, approved),
                Stand::Runs
                | Stand::Skipped
                | Stand::Tried(_)
                | Stand::Asked(_)
                | Stand::Passed
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
