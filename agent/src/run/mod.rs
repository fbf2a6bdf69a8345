//! The run engine: a pure machine and the steps it drives.
//!
//! A run is one task. Only that task writes the run's journal; people and timers reach it through [`Engine`]. Nothing here
//! starts tasks: whoever calls [`Engine::begin`] or [`Engine::carry_on`] drives the future that it gets.
//!
//! `driver` asks `life` what comes next and has `steps` do it; a step that asks anything outside does so by `request`. Then
//! there are `events` that reach runs under way, `capacity` for how many go on at once, and `content` for what they see and
//! seal. `ARCHITECTURE.md` has a row for each file and folder.

mod capacity;
mod commit;
mod compiled;
mod content;
mod driver;
mod ends;
mod events;
mod life;
mod request;
mod rotate;
mod runnable;
mod shared;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId, Name, OperationRef, SlotId, WorkflowId};
use assent_schema::plan::{Effect, Rate};
use assent_schema::time::{Moment, Period};
use tokio::sync::{oneshot, watch};

pub use compiled::{Compiled, NotRunnable};
pub use content::reread::Reread;
pub use ends::Ends;
pub use events::deliver::Heard;
pub use life::again::{Act, NotAgain, Way, came_back, goes_on_as, handled, is_old, recovered};
pub(crate) use life::again::{acceptance, handling_note, unhandled};
pub use life::answered::{Answered, answered, asked_by, forget_asked};
pub use life::begin::{BAD_ITEM, Begun, NewRun, NotBegun};
pub use life::blame::Went;
pub use life::give_up::give_up;
pub use life::taken_over::done_before;
pub use life::unsettled::unsettled;
pub use request::outside_runs::Beside;
pub use request::reach::{Reach, Unreachable};
pub use request::trigger_reads::{Looked, NotLooked};
pub use rotate::{NotRotated, OfClient, Rotation};
pub use runnable::{Recent, Runnable};
pub use steps::decide::{DecideError, Question, Verdict};

use crate::content::Content;
use crate::kept::Looks;
use crate::request::keyed::{Purpose, keyed};
use crate::retry::{Breaker, Bucket};
use crate::store::{RunId, StepAt, Store, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::vault::{Secret, VaultError};
use crate::world::{Clock as _, Dice as _, World};

/// Where the agent's own key is kept, under the name of what it was first for. It makes idempotency keys, pseudonyms, and the
/// hashes of secrets and of requests outside of runs; [`Purpose`] keeps them apart.
const AGENT_KEY: &str = "engine/idempotency";

/// Whether a run may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Go,
    /// Not now: somebody holds it.
    Held,
    /// Never again: why, as a code.
    Stopped(&'static str),
}

/// What is deployed: plans, clients, connections, and whether they may still be used. `deploy` has the real one.
///
/// Every call but those for secrets is cheap and sees what was last committed.
pub trait Deployed: Send + Sync + 'static {
    /// The plan that new runs of a workflow begin with.
    fn active(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>>;

    /// What is looked for because of the plan that new runs of a workflow begin with.
    fn looks(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Looks> {
        self.active(client, workflow).map(|compiled| Looks::of(&compiled.plan))
    }

    /// The plan of this name, also when only older runs still use it.
    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>>;

    /// A client's facts.
    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>>;

    /// Where a connection leads here.
    fn endpoint(&self, client: &ClientId, connection: &ConnectionId) -> Option<Endpoint>;

    /// Where a connection of a client leads, by what is known of the client.
    ///
    /// # Errors
    /// [`Unreachable`] when there is no such connection, or it leads nowhere here.
    fn reach<'f>(
        &self,
        client: &ClientId,
        facts: &'f ClientFacts,
        connection: &ConnectionId,
    ) -> Result<Reach<'f>, Unreachable> {
        let known = facts.connections.get(connection).ok_or(Unreachable::Connection)?;
        let endpoint = self.endpoint(client, connection).ok_or(Unreachable::Endpoint)?;
        Ok(Reach { connection: known, endpoint })
    }

    /// The secret of a connection that counts now. The one call that may take its time: some vaults are asked over the
    /// network.
    fn secret(
        &self,
        client: &ClientId,
        connection: &ConnectionId,
        slot: &SlotId,
    ) -> impl Future<Output = Result<Secret, VaultError>> + Send;

    /// Puts the record that follows the one that was read last into a slot; durable on return.
    fn renew(
        &self,
        _: &ClientId,
        _: &ConnectionId,
        _: &SlotId,
        _: Secret,
    ) -> impl Future<Output = Result<(), VaultError>> + Send {
        std::future::ready(Err(VaultError::ReadOnly))
    }

    /// A plan that runs now and has this read, which asks for nothing: what secrets are tested by.
    fn read_operation(&self, _: &ClientId, _: &OperationRef) -> Option<Arc<Compiled>> {
        None
    }

    /// Asked before each step: approvals, agreement, freshness, holds, whether the plan was returned or revoked.
    fn permission(&self, of: &Use<'_>) -> Permission;

    /// A run has ended, durably.
    fn ended(&self, client: &ClientId, workflow: &WorkflowId, plan: &Digest, went: Went, took: Duration);
}

/// What permission is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// Whose data it is.
    pub client: &'a ClientId,
    /// Which workflow.
    pub workflow: &'a WorkflowId,
    /// The plan of the run.
    pub plan: &'a Digest,
    /// The connection that the step uses.
    pub connection: Option<&'a ConnectionId>,
    /// The wall time; who answers takes the later of it and trusted time.
    pub now: Moment,
}

/// What a connection of a client can take now.
#[derive(Default)]
struct Traffic {
    breaker: Breaker,
    /// One for each declared rate, by requests and span: operations of a connection need not have the same.
    buckets: BTreeMap<(u32, Period), Bucket>,
}

impl Traffic {
    /// The bucket of a declared rate.
    fn bucket(&mut self, rate: Rate) -> &mut Bucket {
        self.buckets.entry((rate.requests, rate.per)).or_insert_with(|| Bucket::new(rate))
    }
}

/// Runs workflows.
pub struct Engine<W, S, D> {
    world: Arc<W>,
    store: Arc<S>,
    deployed: Arc<D>,
    lanes: Mutex<capacity::lanes::Lanes>,
    loads: capacity::limits::Loads,
    /// Clients whose events were refused since somebody asked, and by which limit.
    refused: Mutex<BTreeSet<(ClientId, &'static str)>>,
    doors: Mutex<BTreeMap<RunId, oneshot::Sender<()>>>,
    questions: Mutex<BTreeMap<(RunId, StepAt), steps::decide::Open>>,
    ears: Mutex<events::listeners::Ears>,
    /// Runs that a start found and that cannot be reached yet: no event may be taken before they can.
    coming: watch::Sender<BTreeSet<RunId>>,
    traffic: Mutex<BTreeMap<(ClientId, ConnectionId), Traffic>>,
    tokens: request::tokens::Tokens,
    hours: life::hours::Newest,
    used: request::usage::Uses,
    held: capacity::held::HeldRuns,
    agent_key: Content<[u8; 32]>,
    /// How many answers are kept, and the hour in which old ones were last removed.
    kept: AtomicUsize,
    swept: AtomicI64,
    stopping: watch::Sender<bool>,
    /// Nearly no space is left: what is there is for runs that are under way.
    full: AtomicBool,
    /// Counts how often people changed secrets.
    changed: watch::Sender<u64>,
    asked: watch::Sender<u64>,
}

/// Whether an operation of a plan is a read that asks for nothing.
pub fn is_plain_read(compiled: &Compiled, name: &OperationRef) -> bool {
    compiled.plan.operations.get(name).is_some_and(|operation| {
        operation.effect == Effect::None && operation.params.values().all(|param| param.optional)
    })
}

/// A run's task.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// An engine over a store. The first one on a store chooses the agent's own key.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub async fn open(world: Arc<W>, store: Arc<S>, deployed: Arc<D>) -> Result<Arc<Self>, StoreError> {
        let agent_key = if let Some(key) = store.state(AGENT_KEY)? {
            Content::new(key.try_into().or(Err(StoreError::Damaged("the agent's own key")))?)
        } else {
            let key: Content<[u8; 32]> = Content::new(world.dice().bytes());
            let state = Write::State { name: AGENT_KEY.to_owned(), value: Some(key.reveal().to_vec()) };
            store.commit(Transaction::new(world.clock().now()).with(state)).await?;
            key
        };
        Ok(Arc::new(Self {
            world,
            store,
            deployed,
            lanes: Mutex::default(),
            loads: capacity::limits::Loads::default(),
            refused: Mutex::default(),
            doors: Mutex::default(),
            questions: Mutex::default(),
            ears: Mutex::default(),
            coming: watch::Sender::default(),
            traffic: Mutex::default(),
            tokens: request::tokens::Tokens::default(),
            hours: life::hours::Newest::default(),
            used: request::usage::Uses::default(),
            held: capacity::held::HeldRuns::default(),
            agent_key,
            kept: AtomicUsize::new(0),
            swept: AtomicI64::new(i64::MIN),
            stopping: watch::Sender::new(false),
            full: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            asked: watch::Sender::new(0),
        }))
    }

    /// The store.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// From now on no run begins or takes another step; tasks end once what they do is journaled.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether nearly no space is left. Meanwhile no event begins a run; those that are under way go on.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Whether no event begins a run because nearly no space is left.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The key of a client's pseudonyms: another for each client, so that two clients never share a name for one person.
    fn pseudonyms(&self, client: &ClientId) -> Arc<Content<[u8; 32]>> {
        let key = keyed(self.agent_key.reveal(), Purpose::Pseudonyms, client.as_str().as_bytes());
        Arc::new(Content::new(*key.as_bytes()))
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// The tasks of all runs that have not ended, oldest first: what to drive after a start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resume(self: &Arc<Self>) -> Result<Vec<(RunId, Task)>, StoreError> {
        let open = self.store.open_runs()?;
        self.coming.send_modify(|coming| coming.extend(open.iter().map(|run| run.run)));
        open.into_iter().map(|run| Ok((run.run, self.carry_on(run.run)))).collect()
    }

    /// The task of one run that has not ended.
    pub fn carry_on(self: &Arc<Self>, run: RunId) -> Task {
        let engine = Arc::clone(self);
        Box::pin(async move { life::resume::carry_on(engine, run).await })
    }

    /// An event of a client was refused, since the client is at one of its limits.
    pub(crate) fn at_limit(&self, client: &ClientId, limit: &'static str) {
        if lock(&self.refused).insert((client.clone(), limit)) {
            tracing::warn!(%client, limit, "events are refused");
        }
    }

    /// Clients whose events were refused since this was asked last, and by which limit.
    pub fn take_refused(&self) -> BTreeSet<(ClientId, &'static str)> {
        std::mem::take(&mut *lock(&self.refused))
    }

    /// How many runs of a client are known here and have not ended.
    pub fn running(&self, client: &ClientId) -> usize {
        lock(&self.lanes).of_client(client)
    }

    /// Each connection that was used, and whether its breaker lets nothing through now.
    pub fn breakers(&self) -> Vec<((ClientId, ConnectionId), bool)> {
        let traffic = lock(&self.traffic);
        traffic.iter().map(|(place, traffic)| (place.clone(), traffic.breaker.is_stopped())).collect()
    }

    /// Changes whenever a question is put.
    pub fn asked(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// What waits for people, with what is shown to them.
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.questions).values().map(|open| open.question.clone()).collect()
    }

    /// What waits for people and is asked in chats or helpdesks.
    pub fn asked_elsewhere(&self) -> Vec<Question> {
        let questions = lock(&self.questions);
        let elsewhere = questions.values().map(|open| &open.question).filter(|question| !question.elsewhere.is_empty());
        elsewhere.cloned().collect()
    }

    /// Whether this showing of a question still waits.
    pub fn waits(&self, run: RunId, at: &StepAt, nonce: &Digest) -> bool {
        let questions = lock(&self.questions);
        questions.get(&(run, at.clone())).is_some_and(|open| open.question.waiting.nonce == *nonce)
    }

    /// What a run asks people now. One step may ask for several items of an `each`; each question has a nonce of its own.
    pub fn question(&self, run: RunId, step: &Name, nonce: &Digest) -> Option<Question> {
        let questions = lock(&self.questions);
        let of_step = || questions.iter().filter(|((of, at), _)| *of == run && at.step == *step).map(|(_, open)| open);
        let found = of_step().find(|open| open.question.waiting.nonce == *nonce).or_else(|| of_step().next());
        found.map(|open| open.question.clone())
    }

    /// Hands a person's decision to the run that asked. Who may decide was judged before, by `people`.
    ///
    /// # Errors
    /// [`DecideError`]; then nothing was decided.
    ///
    /// # Crash
    /// On `Ok` the decision is durable.
    pub async fn decide(&self, run: RunId, step: &Name, verdict: Verdict) -> Result<(), DecideError> {
        let (answered, answer) = oneshot::channel();
        {
            let mut questions = lock(&self.questions);
            let mut of_step = questions.iter_mut().filter(|((of, at), _)| *of == run && at.step == *step).peekable();
            of_step.peek().ok_or(DecideError::NotWaiting)?;
            let open = of_step.map(|(_, open)| open).find(|open| open.question.waiting.nonce == verdict.nonce);
            let open = open.ok_or(DecideError::NotWhatIsShown)?;
            open.question.judge(&verdict)?;
            let sender = open.verdict.take().ok_or(DecideError::NotWaiting)?;
            sender.send((verdict, answered)).or(Err(DecideError::NotWaiting))?;
        }
        answer.await.unwrap_or(Err(DecideError::NotWaiting))
    }
}
