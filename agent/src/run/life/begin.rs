//! An event becomes a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, WorkflowId};
use tokio::sync::oneshot;

use crate::content::Content;
use crate::run::compiled::Compiled;
use crate::run::content::values::Values;
use crate::run::driver::{self, Run};
use crate::run::events::deliver::key_text;
use crate::run::life::machine::{Live, Scope};
use crate::run::life::progress::Progress;
use crate::run::life::resume;
use crate::run::shared::Shared;
use crate::run::{Deployed, Engine, Permission, Task, Use, lock};
use crate::store::{Accepted, Entry, Fact, RunId, Store, StoreError, TriggerKind, Write};
use crate::world::{Clock as _, Dice as _, Wall, World};

/// The code of a run for an item that could not be read.
pub const BAD_ITEM: &str = "bad_item";

/// What begins a run.
pub struct NewRun {
    /// Whose data it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// What kind of trigger.
    pub trigger: TriggerKind,
    /// The delivery id, the scheduled instant, or the start's id; of `reference` shape.
    pub event: String,
    /// Keys by which the event is known again.
    pub keys: Vec<[u8; 16]>,
    /// The trigger's fields.
    pub fields: BTreeMap<Name, Value>,
    /// What becomes durable with the run: a schedule's cursor.
    pub writes: Vec<Write>,
}

/// A run that is about to be durable.
pub struct Begun {
    /// Its id.
    pub run: RunId,
    /// Tells when it is durable, or why it never will be.
    pub durable: oneshot::Receiver<Result<(), NotBegun>>,
    /// The run itself: drive it to its end, whatever becomes of the caller.
    pub task: Task,
}

/// Why no run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotBegun {
    /// No such workflow is active here.
    Unknown,
    /// It may not run now: why, as a code.
    NotAllowed(&'static str),
    /// The event began this run already.
    Duplicate(RunId),
    /// A field does not fit what the catalog declares.
    Misfit(Name),
    /// The value of `one_at_a_time` is none.
    NoKey,
    /// The client has as many runs as it may have.
    TooMany,
    /// The agent is going down.
    Stopping,
    /// The store cannot take it.
    Store(StoreError),
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Takes an event and gives the run that it becomes.
    ///
    /// The run becomes durable when its task is driven: together with its first intent, or before it waits for anything.
    ///
    /// # Errors
    /// [`NotBegun`] when that is known already.
    pub fn begin(self: &Arc<Self>, new: NewRun) -> Result<Begun, NotBegun> {
        self.begin_or_leave(new, None)
    }

    /// Takes an event that cannot be read whole, with those of its fields that can: a run that ends `content-lost` as it
    /// begins, and leaves an item of the manual queue.
    ///
    /// # Errors
    /// As of [`Self::begin`].
    ///
    /// # Crash
    /// That it began and that it ended are durable together.
    pub fn set_aside(self: &Arc<Self>, new: NewRun) -> Result<Begun, NotBegun> {
        self.begin_or_leave(new, Some(BAD_ITEM))
    }

    fn begin_or_leave(self: &Arc<Self>, new: NewRun, unread: Option<&'static str>) -> Result<Begun, NotBegun> {
        if self.is_stopping() {
            return Err(NotBegun::Stopping);
        }
        if self.is_full() {
            return Err(NotBegun::Store(StoreError::Full));
        }
        let compiled = self.deployed.active(&new.client, &new.workflow).ok_or(NotBegun::Unknown)?;
        let now = self.world.clock().now();
        let of = Use {
            client: &new.client,
            workflow: &new.workflow,
            plan: &compiled.digest,
            connection: None,
            now: now.moment(),
        };
        if let Permission::Stopped(code) = self.deployed.permission(&of) {
            return Err(NotBegun::NotAllowed(code));
        }
        let facts = self.deployed.client(&new.client).ok_or(NotBegun::Unknown)?;
        let bytes: usize = new.fields.values().map(Value::room_bytes).sum();
        if let Some(limit) = self.limit_passed(&new.client, &facts, bytes) {
            self.at_limit(&new.client, limit);
            return Err(NotBegun::TooMany);
        }
        let (fact_fields, content) = match unread {
            None => split(&compiled, &new.fields)?,
            Some(_) => (those_that_fit(&compiled, &new.fields), true),
        };
        let run = RunId::new(now, self.world.dice().bytes());
        let begins = self.hours_of_now(&facts);
        let values = resume::values(&begins.hours, now, Value::Record(new.fields), self.pseudonyms(&new.client));
        let key = match compiled.key.as_ref().filter(|_| unread.is_none()) {
            Some(program) => Some(key_text(&values.eval(program).or(Err(NotBegun::NoKey))?).ok_or(NotBegun::NoKey)?),
            None => None,
        };
        let accepted = Accepted {
            client: new.client,
            workflow: new.workflow,
            plan: compiled.digest,
            number: 0,
            life: 1,
            trigger: new.trigger,
            event: new.event,
            fields: fact_fields,
            key,
            content,
            again: None,
            hours: begins.digest,
        };
        let trigger = Live { trigger: true, ..Live::default() };
        let (mut run_state, durable) = self.new_run((run, now), compiled, accepted, values);
        run_state.live = trigger;
        run_state.unread = unread;
        run_state.pending = new.writes;
        run_state.pending.extend(begins.keep);
        run_state.pending.extend(new.keys.into_iter().map(|key| Write::Deliver { key, run }));
        run_state.pend_acceptance();
        Ok(Begun { run, durable, task: Box::pin(driver::drive(Box::new(run_state))) })
    }

    /// The limit that one more event of a client would pass; nothing where it fits.
    fn limit_passed(&self, client: &ClientId, facts: &ClientFacts, bytes: usize) -> Option<&'static str> {
        let most = u64::from(facts.limits.waiting);
        let here = lock(&self.lanes).of_client(client) as u64;
        // Until each run that a start found is known here, the store tells how many there are: as many as before it.
        let stored = || self.store.run_counts(client).map_or(0, |(accepted, ended)| accepted.saturating_sub(ended));
        if here >= most || (!self.coming.borrow().is_empty() && stored() >= most) {
            return Some("waiting");
        }
        self.loads.passed(client, &facts.limits, bytes, (&*self.store, self.world.clock().boot()))
    }

    /// A run of which nothing is durable, and who is told when it is.
    pub(in crate::run) fn new_run(
        self: &Arc<Self>,
        (run, now): (RunId, Wall),
        compiled: Arc<Compiled>,
        accepted: Accepted,
        values: Values,
    ) -> (Run<W, S, D>, oneshot::Receiver<Result<(), NotBegun>>) {
        let (told, durable) = oneshot::channel();
        let shared = Arc::new(Shared::new(self.listen(run, &accepted, &compiled, &values)));
        let weight = self.loads.take(&accepted.client, values.trigger.room_bytes());
        let run_state = Run {
            engine: Arc::clone(self),
            id: run,
            compiled,
            accepted,
            at: now,
            progress: Progress::default(),
            live: Live::default(),
            values,
            key: Content::new(self.world.dice().bytes()),
            has_key: true,
            shared,
            scope: Scope::Run,
            item: None,
            outer: None,
            pending: Vec::new(),
            told: Some(told),
            durable: false,
            taken: std::time::Duration::ZERO,
            resumed_at: self.world.clock().boot(),
            waited: std::time::Duration::ZERO,
            secret: None,
            weight: Some(weight),
            unread: None,
        };
        (run_state, durable)
    }
}

/// The fields that may be durable, and whether there are others.
fn split(compiled: &Compiled, given: &BTreeMap<Name, Value>) -> Result<(BTreeMap<Name, Fact>, bool), NotBegun> {
    let Some(declared) = compiled.plan.trigger.fields() else { return Ok((BTreeMap::new(), false)) };
    let (mut facts, mut content) = (BTreeMap::new(), false);
    for (name, field) in declared {
        let Some(value) = given.get(name).filter(|value| !value.is_absent()) else { continue };
        if field.class.is_fact() {
            // A value that does not fit the shape of a reference is refused on receipt and written nowhere.
            let fact = value.to_fact(&field.shape).or(Err(NotBegun::Misfit(name.clone())))?;
            facts.insert(name.clone(), fact);
        } else {
            content = true;
        }
    }
    Ok((facts, content))
}

/// The fields that may be durable, of an event that cannot be read whole.
fn those_that_fit(compiled: &Compiled, given: &BTreeMap<Name, Value>) -> BTreeMap<Name, Fact> {
    let Some(declared) = compiled.plan.trigger.fields() else { return BTreeMap::new() };
    let facts = declared.iter().filter(|(_, field)| field.class.is_fact());
    facts.filter_map(|(name, field)| Some((name.clone(), given.get(name)?.to_fact(&field.shape).ok()?))).collect()
}

/// The run of the last event of a key, and when the first one came since it was last quiet.
fn waiting(run: RunId, first: Wall) -> Vec<u8> {
    [run.as_bytes().as_slice(), &first.millis().to_be_bytes()].concat()
}

/// When the first event came; nothing where an older agent did not keep it.
pub(in crate::run) fn first_event(waiting: &[u8]) -> Option<Wall> {
    let (_, millis) = waiting.split_last_chunk::<8>().filter(|(run, _)| run.len() == 16)?;
    Some(Wall::from_millis(i64::from_be_bytes(*millis)))
}

/// The name under which the store keeps the run of the last event of a key.
pub(in crate::run) fn last_event(client: &ClientId, workflow: &WorkflowId, key: &str) -> String {
    format!("debounce/{client}/{workflow}/{key}")
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Counts the run for its key and day, where the workflow says how many there may be.
    pub(in crate::run) fn count_of_key(&self) -> Option<Write> {
        let most = self.compiled.plan.limits.per_key_per_day?;
        let key = self.accepted.key.as_ref()?;
        let (client, workflow) = (&self.accepted.client, &self.accepted.workflow);
        let name =
            crate::run::request::guard::day_sum(&self.values.zone, &format!("runs/{client}/{workflow}/{key}"), self.at);
        Some(Write::Count { name, add: 1, most: Some(i64::from(most)) })
    }

    /// The first fact of the run, to be committed with whatever comes first.
    pub(in crate::run) fn pend_acceptance(&mut self) {
        let accepted = self.accepted.clone();
        let sealed = self.sealed();
        let mut note = self
            .note("accepted")
            .fact("id", self.id.to_string())
            .fact("trigger", accepted.trigger.as_str())
            .fact("event", accepted.event.clone());
        // Who started it; who had it run again stands in an entry of its own.
        let by_hand = accepted.trigger == TriggerKind::Manual && accepted.again.is_none();
        note.actor = accepted.event.parse().ok().filter(|_| by_hand);
        let quiet = self.compiled.plan.limits.debounce.is_some();
        if accepted.again.is_some() {
            // The event was counted with the run that took it first, and nobody waits for another.
        } else if let (Some(key), true) = (&accepted.key, quiet) {
            let name = last_event(&accepted.client, &accepted.workflow, key);
            // Events that come together begin together; one of them may count a moment later, which harms nothing.
            let before = self.engine.store.state(&name).ok().flatten();
            let first = before.as_deref().and_then(first_event).unwrap_or(self.at);
            self.pending.push(Write::State { name, value: Some(waiting(self.id, first)) });
        } else {
            // A run that waits for quiet counts when it begins: events that others took the place of are none.
            self.pending.extend(self.count_of_key());
        }
        self.pending.push(Write::Open { run: self.id, sealed });
        self.pending.push(Write::Journal { run: self.id, entry: Entry::Accepted(Box::new(accepted.clone())) });
        self.pending.push(Write::Note(Box::new(note)));
        self.progress.apply(self.at, &Entry::Accepted(Box::new(accepted)));
    }
}
