//! Runs that people handle: `retry`, `skip` and `rerun` begin a new run, since each run ends once; `cancel` ends one.
//!
//! The new run takes over, in the transaction of its acceptance, every effect that the earlier one did or may have done, with
//! the idempotency key under which it went out. So nothing that was done is done again, and what is in doubt is looked after
//! as after a restart. A run is gone on with once: who comes second is told of the run that does.
//!
//! # Source
//! engine.md section 3, "Failing". Promises P10, P18, P19.

use std::sync::Arc;

use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{GroupId, Name, OperationRef, PersonId};
use assent_schema::ledger::Token;

use super::taken_over::Taken;
use super::unsettled::unsettled;
use crate::run::compiled::Compiled;
use crate::run::driver::{self, Run};
use crate::run::events::deliver::{cancel_name, key_text};
use crate::run::life::begin::{BAD_ITEM, Begun, NotBegun};
use crate::run::life::resume;
use crate::run::{Deployed, Engine, Permission, Use, lock};
use crate::store::{Accepted, Ending, Entry, JournalRow, Log, Note, RunId, Store, StoreError, Transaction, Write};
use crate::world::{Clock as _, Dice as _, Wall, World};

/// How a new run goes on with an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// At the step that failed, with the plan that it had.
    Retry,
    /// Behind the step that failed, with the plan that it had.
    Skip,
    /// From the beginning, with the plan that runs now.
    Rerun,
}

impl Way {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Rerun => "rerun",
        }
    }
}

/// Who handles runs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The person.
    pub by: PersonId,
    /// The reason, as a code or ticket id.
    pub why: Token,
}

/// Why a run is not handled so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAgain {
    /// There is no such run.
    Unknown,
    /// It is still under way.
    NotEnded,
    /// It has ended.
    Ended,
    /// It left no work for people, or somebody did it.
    NotQueued,
    /// Another run goes on with it.
    Already(RunId),
    /// A recovery came after it, so nobody knows whether its journal tells all that it did.
    Recovered,
    /// The plan with which it ran is not here any more.
    PlanGone,
    /// Its event could not be read.
    Unread,
    /// It left this effect in doubt, and nothing can tell or safely repeat it: another try would end so too.
    Unsettled(OperationRef),
    /// It did not end at a step.
    NothingToSkip,
    /// The plan that runs now has another step in the place of this one, whose effect is done or in doubt.
    WouldRepeat(Name),
    /// The client has no such group.
    NoGroup(GroupId),
    /// No run can begin.
    NotBegun(NotBegun),
}

impl From<StoreError> for NotAgain {
    fn from(error: StoreError) -> Self {
        Self::NotBegun(NotBegun::Store(error))
    }
}

/// Where the store keeps when a recovery was: of what came before, the journal may not tell all.
const RECOVERED: &str = "engine/recovered";

/// What a recovery writes, so that no run of before it is gone on with.
pub fn recovered(now: Wall) -> Write {
    Write::State { name: RECOVERED.to_owned(), value: Some(now.millis().to_be_bytes().into()) }
}

/// Whether a run is older than a recovery: its number is one of a log that ended.
///
/// # Errors
/// [`StoreError`].
pub fn is_old(store: &impl Store, run: RunId) -> Result<bool, StoreError> {
    let Some(at) = store.state(RECOVERED)? else { return Ok(false) };
    let at = at.try_into().or(Err(StoreError::Damaged("when a recovery was")))?;
    Ok(run.millis() <= i64::from_be_bytes(at))
}

/// Where the store keeps what people did with a run.
fn handled_name(run: RunId) -> String {
    format!("handled/{run}")
}

/// The run that a person let go on with one, if there is any.
///
/// # Errors
/// [`StoreError`].
pub fn goes_on_as(store: &impl Store, run: RunId) -> Result<Option<RunId>, StoreError> {
    let mark = store.state(&handled_name(run))?;
    Ok(mark.and_then(|mark| mark.try_into().ok()).map(RunId::from_bytes))
}

/// What is written when a person handles a run once and for all: the entry first. Refused when somebody else did.
///
/// # Errors
/// [`StoreError`].
pub fn handled(
    store: &impl Store,
    (run, accepted): (RunId, &Accepted),
    what: &str,
    act: &Act,
    next: Option<RunId>,
) -> Result<[Write; 3], StoreError> {
    let mark = next.map_or_else(Vec::new, |next| next.as_bytes().to_vec());
    let swap = Write::Swap { name: handled_name(run), from: None, to: Some(mark) };
    let note = handling_note(store, (run, accepted), what, act)?;
    let note = match next {
        Some(next) => note.fact("next", next.to_string()),
        None => note,
    };
    Ok([swap, Write::Note(Box::new(note)), Write::Unqueue { run }])
}

/// Refuses a transaction when somebody handled the run: an item that is gone never comes back.
pub(crate) fn unhandled(run: RunId) -> Write {
    Write::Swap { name: handled_name(run), from: None, to: None }
}

/// The entry that tells of it. A log that began anew does not know the number of an older run.
pub(crate) fn handling_note(
    store: &impl Store,
    (run, accepted): (RunId, &Accepted),
    what: &str,
    act: &Act,
) -> Result<Note, StoreError> {
    let note = Note::new(Log::Client(accepted.client.clone()), "handled").fact("id", run.to_string());
    let note = note.fact("what", what).fact("why", act.why.as_str());
    let of = (!is_old(store, run)?).then_some(run);
    Ok(Note { run: of, actor: Some(act.by.clone()), plan: Some(accepted.plan), ..note })
}

/// The first fact of a run.
pub(crate) fn acceptance(rows: &[JournalRow]) -> Option<&Accepted> {
    match rows.first().map(|row| &row.entry) {
        Some(Entry::Accepted(accepted)) => Some(accepted),
        _ => None,
    }
}

/// What is written when the event of a run that could not be read is taken after all: nobody handles it any more. Refused
/// when somebody did.
pub fn came_back(run: RunId) -> [Write; 2] {
    [Write::Swap { name: handled_name(run), from: None, to: Some(Vec::new()) }, Write::Unqueue { run }]
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Begins the run that goes on with one that has ended.
    ///
    /// # Errors
    /// [`NotAgain`]; then nothing was done.
    ///
    /// # Crash
    /// The entry that names the person, the new run and all that it takes over are durable together, before it does anything.
    pub fn again(self: &Arc<Self>, of: RunId, way: Way, act: &Act) -> Result<Begun, NotAgain> {
        let prepared = self.prepared(of, way);
        if let Err(NotAgain::NotBegun(NotBegun::TooMany)) = &prepared
            && let Some(before) = acceptance(&self.store.journal(of)?)
        {
            self.at_limit(&before.client, "waiting");
        }
        let Prepared { before, compiled, facts, now, entries } = prepared?;
        let client = &before.client;
        let run = RunId::new(now, self.world.dice().bytes());
        let trigger = before.fields.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
        let begins = self.hours_of_now(&facts);
        let values = resume::values(&begins.hours, now, Value::Record(trigger), self.pseudonyms(client));
        let key = match (&compiled.key, way) {
            (Some(program), Way::Rerun) => values.eval(program).ok().as_ref().and_then(key_text),
            (Some(_), Way::Retry | Way::Skip) => before.key.clone(),
            (None, _) => None,
        };
        let (plan, hours) = (compiled.digest, begins.digest);
        let accepted = Accepted { plan, number: 0, key, again: Some(of), hours, ..before.clone() };
        let entry = handled(&*self.store, (of, &before), way.as_str(), act, Some(run))?;
        let (mut state, durable) = self.new_run((run, now), compiled, accepted, values);
        state.live.trigger = !before.content;
        state.pending.extend(entry);
        state.pending.extend(begins.keep);
        state.pend_acceptance();
        state.take_over(entries);
        Ok(Begun { run, durable, task: Box::pin(driver::drive(Box::new(state))) })
    }

    /// Whether a run could be gone on with so now; nothing is done.
    ///
    /// # Errors
    /// [`NotAgain`], as [`Engine::again`] would say.
    pub fn may_again(&self, of: RunId, way: Way) -> Result<(), NotAgain> {
        self.prepared(of, way).map(drop)
    }

    /// All that is needed to go on with a run, or why not.
    fn prepared(&self, of: RunId, way: Way) -> Result<Prepared, NotAgain> {
        if self.is_stopping() {
            return Err(NotAgain::NotBegun(NotBegun::Stopping));
        }
        let rows = self.store.journal(of)?;
        let before = acceptance(&rows).ok_or(NotAgain::Unknown)?.clone();
        let Some(Entry::Ended { ending, step, code, .. }) = rows.last().map(|row| &row.entry) else {
            return Err(NotAgain::NotEnded);
        };
        if *ending == Ending::ContentLost && code.as_deref() == Some(BAD_ITEM) {
            return Err(NotAgain::Unread);
        }
        self.is_free(of)?;
        if is_old(&*self.store, of)? {
            return Err(NotAgain::Recovered);
        }
        if way != Way::Rerun && !self.store.queue()?.iter().any(|item| item.run == of) {
            return Err(NotAgain::NotQueued);
        }
        let compiled = match way {
            Way::Retry | Way::Skip => self.deployed.plan(&before.plan).ok_or(NotAgain::PlanGone)?,
            Way::Rerun => self.deployed.active(&before.client, &before.workflow).ok_or(NotAgain::PlanGone)?,
        };
        let facts = self.deployed.client(&before.client).ok_or(NotAgain::PlanGone)?;
        let now = self.world.clock().now();
        let (client, workflow, plan) = (&before.client, &before.workflow, &compiled.digest);
        if let Permission::Stopped(code) =
            self.deployed.permission(&Use { client, workflow, plan, connection: None, now: now.moment() })
        {
            return Err(NotAgain::NotBegun(NotBegun::NotAllowed(code)));
        }
        let most = usize::try_from(facts.limits.waiting).unwrap_or(usize::MAX);
        if lock(&self.lanes).of_client(client) >= most {
            return Err(NotAgain::NotBegun(NotBegun::TooMany));
        }
        let taken = Taken { of, way, rows: &rows, ended: (*ending, step.as_ref()), compiled: &compiled };
        let entries = taken.over()?;
        if let Some(operation) = unsettled(&rows, &compiled.plan).filter(|_| way != Way::Skip) {
            return Err(NotAgain::Unsettled(operation));
        }
        Ok(Prepared { before, compiled, facts, now, entries })
    }

    /// Ends a run that is under way, at its next step boundary.
    ///
    /// # Errors
    /// [`NotAgain`]; then nothing was done.
    ///
    /// # Crash
    /// On `Ok` it is durable that it ends, also when it is not driven here now.
    pub async fn cancel(&self, run: RunId, act: &Act) -> Result<(), NotAgain> {
        let rows = self.store.journal(run)?;
        let accepted = acceptance(&rows).ok_or(NotAgain::Unknown)?;
        if self.store.open_run(run)?.is_none() {
            return Err(NotAgain::Ended);
        }
        let note = Write::Note(Box::new(handling_note(&*self.store, (run, accepted), "cancel", act)?));
        let state = Write::Swap { name: cancel_name(run), from: None, to: Some(Vec::new()) };
        match self.store.commit(Transaction::new(self.world.clock().now()).with(state).with(note)).await {
            // It was cancelled before.
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let signals = lock(&self.ears).signals(run);
        if let Some(signals) = signals {
            signals.cancel();
        }
        Ok(())
    }

    /// Nobody handled the run yet.
    ///
    /// # Errors
    /// [`NotAgain`] when somebody did.
    pub fn is_free(&self, run: RunId) -> Result<(), NotAgain> {
        let Some(mark) = self.store.state(&handled_name(run))? else { return Ok(()) };
        Err(mark.try_into().map_or(NotAgain::NotQueued, |next| NotAgain::Already(RunId::from_bytes(next))))
    }
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    fn take_over(&mut self, entries: Vec<Entry>) {
        for mut entry in entries {
            if let Entry::Asked(waiting) = &mut entry {
                waiting.run = self.id;
            }
            self.record(entry);
        }
        self.take_facts();
    }
}

/// What a run begins with that goes on with another.
struct Prepared {
    /// How the other one was accepted.
    before: Accepted,
    compiled: Arc<Compiled>,
    facts: Arc<ClientFacts>,
    now: Wall,
    /// What it takes over.
    entries: Vec<Entry>,
}
