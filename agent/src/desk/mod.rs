//! Stands behind the listener: brings events, scheduled times and people to the engine, and the engine's answers back.
//!
//! A thin shell: whether an event is genuine is `accept`'s to say, whether a decision counts is `people`'s, what a run does
//! is `run`'s. The only room that starts the tasks of runs.

mod aside;
mod chats;
mod counted;
mod hooks;
mod inboxes;
mod minds;
pub mod no_longer;
mod persons;
mod polls;
mod schedules;
mod starts;
mod subscribed;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, ConnectionId, PersonId, WorkflowId};
use assent_schema::plan::Rate;
use assent_schema::time::Period;
use assent_schema::trust::{PublicKey, SignedFile};

use crate::accept::Doors;
use crate::content::Content;
use crate::listen::{Ask, Desk, Event, FromChat, Receipt, Reply};
use crate::people::wire::Received;
use crate::people::{Challenges, Itself, NotTaken};
use crate::request::keyed::{Purpose, keyed};
use crate::retry::Bucket;
use crate::run::{Begun, Deployed, Engine, NotBegun, Task};
use crate::store::{RunId, Store, StoreError, Transaction, Write};
use crate::world::{Clock as _, Dice as _, World};

pub use counted::Counted;
pub use minds::Minds;
pub use polls::Seen;
use subscribed::Subscribed;
use tasks::Tasks;

/// What only the deployment knows about people, and which workflows there are.
pub trait Registry: Send + Sync + 'static {
    /// The workflows that new runs may begin of.
    fn active(&self) -> Vec<(ClientId, WorkflowId)>;

    /// Whether a workflow of which no run may begin now is one that this agent has, or may be about to have: then its events
    /// are to be sent again, not given up.
    fn expects(&self, client: &ClientId, workflow: &WorkflowId) -> bool;

    /// Whether nothing is started until somebody on call signs a recovery.
    fn is_halted(&self) -> bool {
        false
    }

    /// SHA-256 of a client's first approvers file.
    fn approvers(&self, client: &ClientId) -> Option<Digest>;

    /// Who wrote the workflow of a plan.
    fn authors(&self, client: &ClientId, plan: &Digest) -> BTreeSet<PersonId>;

    /// The people of the agency who are assigned to a client, with their keys: they may start manual runs.
    fn assigned(&self, client: &ClientId) -> BTreeMap<PersonId, BTreeSet<PublicKey>>;

    /// Whose statement this is, if somebody of that client signed it: asked before anything that costs more than that.
    ///
    /// # Errors
    /// When nobody did, or there is no such client.
    fn vouched(&self, _: &SignedFile) -> Result<ClientId, NotTaken> {
        Err(NotTaken::Unknown)
    }

    /// Takes a request to look for releases now: nothing else happens.
    ///
    /// # Errors
    /// When it is not one of this agent, is not signed as it must be, or comes too late, again or too often.
    fn take_poke(&self, _: SignedFile) -> impl Future<Output = Result<(), NotTaken>> + Send {
        std::future::ready(Err(NotTaken::Unknown))
    }

    /// Takes a statement that somebody handed over, judged as if it had come with a release. On success it is durable and
    /// counts. Who deploys nothing takes none.
    fn take_statement(&self, _: SignedFile) -> impl Future<Output = Result<Received, NotTaken>> + Send {
        std::future::ready(Err(NotTaken::Unknown))
    }
}

/// Statements of one client that are judged in a minute: each may cost a whole release judged again.
const STATEMENTS_RATE: Rate = Rate { requests: 60, per: Period::minutes(1) };
/// Bytes of statements that one approver may hand over in a day: each is kept for ever, and the disk is everybody's.
const STATEMENTS_BYTES: usize = 1 << 20;
/// What the smallest statement counts for: it is an entry in the ledger as well.
const STATEMENT_LEAST_BYTES: usize = 4 << 10;
/// How long until an approver may hand over as much again.
const STATEMENTS_SPAN: Duration = Duration::from_hours(24);
/// Where the key of hashes of webhooks is kept.
const WEBHOOK_KEY: &str = "accept/webhook-key";

/// How much one client hands over.
struct Turns {
    rate: Bucket,
    /// By approver: since when, and how many bytes.
    bytes: BTreeMap<PersonId, (Duration, usize)>,
}

impl Turns {
    fn new() -> Self {
        Self { rate: Bucket::new(STATEMENTS_RATE), bytes: BTreeMap::new() }
    }

    /// Takes a turn for a statement of this size by these people, all of them approvers of the client. One of them must have
    /// room for it: who has used up theirs keeps nobody else from withdrawing.
    fn take(&mut self, now: Duration, by: impl Iterator<Item = PersonId>, size: usize) -> bool {
        if !self.rate.wait(now).is_zero() {
            return false;
        }
        self.rate.take(now);
        let mut may = false;
        for person in by {
            let (since, bytes) = self.bytes.entry(person).or_insert((now, 0));
            if now.saturating_sub(*since) >= STATEMENTS_SPAN {
                (*since, *bytes) = (now, 0);
            }
            let sum = bytes.saturating_add(size.max(STATEMENT_LEAST_BYTES));
            if sum <= STATEMENTS_BYTES {
                (may, *bytes) = (true, sum);
            }
        }
        may
    }
}

/// Everything that comes in.
pub struct FrontDesk<W, S, D, R> {
    world: Arc<W>,
    engine: Arc<Engine<W, S, D>>,
    deployed: Arc<D>,
    registry: Arc<R>,
    itself: Itself,
    webhook_key: Content<[u8; 32]>,
    doors: Mutex<Doors>,
    challenges: Mutex<Challenges>,
    /// By client, of those that the release has.
    statements: Mutex<BTreeMap<ClientId, Turns>>,
    /// Forged answers by client and connection, of those that plans ask through.
    forged: Mutex<BTreeMap<(ClientId, ConnectionId), Bucket>>,
    counted: Counted,
    subscribed: Subscribed,
    tasks: Tasks,
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// A desk before an engine. The first one on a store chooses the key by which webhooks are known again.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub async fn open(
        world: Arc<W>,
        engine: Arc<Engine<W, S, D>>,
        deployed: Arc<D>,
        registry: Arc<R>,
        itself: Itself,
    ) -> Result<Arc<Self>, StoreError> {
        let webhook_key = if let Some(key) = engine.store().state(WEBHOOK_KEY)? {
            key.try_into().or(Err(StoreError::Damaged("the key of webhooks")))?
        } else {
            let key: [u8; 32] = world.dice().bytes();
            let state = Write::State { name: WEBHOOK_KEY.to_owned(), value: Some(key.to_vec()) };
            engine.store().commit(Transaction::new(world.clock().now()).with(state)).await?;
            key
        };
        let challenges = Mutex::new(Challenges::new(world.dice().bytes()));
        let subscribed = Subscribed::since(world.clock().now().moment());
        Ok(Arc::new(Self {
            world,
            engine,
            deployed,
            registry,
            itself,
            webhook_key: Content::new(webhook_key),
            doors: Mutex::default(),
            challenges,
            statements: Mutex::default(),
            forged: Mutex::default(),
            counted: Counted::default(),
            subscribed,
            tasks: Tasks::default(),
        }))
    }

    /// Who the agent is, for what people sign.
    pub(crate) fn itself(&self) -> &Itself {
        &self.itself
    }

    /// What was refused, and how lists answered, since this process began.
    pub fn counted(&self) -> &Counted {
        &self.counted
    }

    /// Goes on with all runs that have not ended. To be called once, before anything is accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resume(&self) -> Result<usize, StoreError> {
        let runs = self.engine.resume()?;
        let count = runs.len();
        for (_, task) in runs {
            self.tasks.start(task);
        }
        Ok(count)
    }

    /// Drives a run that somebody let go on.
    pub fn take_up(&self, task: Task) {
        self.tasks.start(task);
    }

    /// Waits until all runs have ended or left what they do in the journal. The engine was told to stop before.
    pub async fn drain(&self) {
        self.tasks.drain().await;
    }

    /// Drives a run that was begun and waits until it is durable; what its sender is told.
    async fn drive(&self, begun: Result<Begun, NotBegun>) -> Receipt {
        match self.driven(begun).await {
            Ok(run) => Receipt::Accepted(run),
            Err(why) => not_begun(&why),
        }
    }

    /// Drives a run that was begun and waits until it is durable.
    async fn driven(&self, begun: Result<Begun, NotBegun>) -> Result<RunId, NotBegun> {
        let Begun { run, durable, task } = begun?;
        self.tasks.start(task);
        durable.await.unwrap_or(Err(NotBegun::Stopping)).map(|()| run)
    }

    /// The key for hashes of one workflow's events: senders give one event the same id wherever they send it.
    fn webhook_key(&self, client: &ClientId, workflow: &WorkflowId) -> [u8; 32] {
        let place = format!("{client}\0{workflow}");
        *keyed(self.webhook_key.reveal(), Purpose::Webhook, place.as_bytes()).as_bytes()
    }
}

/// What the sender is told of an event that began no run.
fn not_begun(why: &NotBegun) -> Receipt {
    match why {
        NotBegun::Unknown => Receipt::Unknown,
        NotBegun::Duplicate(run) => Receipt::Duplicate(*run),
        NotBegun::Misfit(_) | NotBegun::NoKey => Receipt::Refused(crate::accept::Refused::BadBody),
        NotBegun::TooMany => Receipt::Busy { after: BUSY_AFTER },
        // A hold, a lapsed approval, a full disk: the sender keeps the event and tries again.
        NotBegun::NotAllowed(_) | NotBegun::Stopping | NotBegun::Store(_) => Receipt::Unavailable,
    }
}

/// When a client that has as many runs as it may have is asked to try again.
const BUSY_AFTER: Duration = Duration::from_secs(5);

impl<W: World, S: Store, D: Deployed, R: Registry> Desk for FrontDesk<W, S, D, R> {
    async fn deliver(&self, event: Event) -> Receipt {
        let (client, workflow) = (event.client.clone(), event.workflow.clone());
        let receipt = self.hook(event).await;
        self.subscribed.came((&client, &workflow), &receipt, self.world.clock().now().moment());
        if let Some(code) = counted::code_of(&receipt) {
            self.counted.refused(&client, &workflow, code);
        }
        receipt
    }

    fn knows(&self, client: &ClientId, workflow: &WorkflowId) -> bool {
        self.deployed.looks(client, workflow).is_some() || self.registry.expects(client, workflow)
    }

    fn knows_client(&self, client: &ClientId) -> bool {
        self.deployed.client(client).is_some()
    }

    async fn chat(&self, from: FromChat) -> Reply {
        self.heard(from).await
    }

    async fn person(&self, ask: Ask, body: Content<Vec<u8>>) -> Reply {
        match self.answer(ask, &body).await {
            Ok(reply) => reply,
            Err(why) => Reply::code(why.status(), why.code()),
        }
    }

    fn is_ready(&self) -> bool {
        !self.registry.active().is_empty()
    }

    fn at_memory_limit(&self, client: &ClientId) {
        self.engine.at_limit(client, "memory");
    }

    fn event_not_read(&self, client: &ClientId, workflow: &WorkflowId, code: &'static str) {
        tracing::warn!(%client, %workflow, code, "webhook refused");
        // Before the first release any name may be one of ours: it makes no series.
        if self.deployed.looks(client, workflow).is_some() {
            self.counted.refused(client, workflow, code);
        }
    }

    fn answer_not_read(&self, client: &ClientId, connection: &ConnectionId, code: &'static str) {
        tracing::warn!(%client, %connection, code, "an answer from a chat is refused");
        if self.chat_of(client, connection).is_some() {
            self.counted.refused_answer(client, connection, code);
        }
    }

    fn ails(&self) -> Option<&'static str> {
        if self.registry.is_halted() {
            return Some("halted");
        }
        self.engine.is_full().then_some("disk_full")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_approver_fills_no_disk_and_stops_no_other() {
        let person = |name: &str| std::iter::once(PersonId::new(name).unwrap());
        let (mut turns, size) = (Turns::new(), 60 << 10);
        // Far enough apart for the rate by itself.
        let mut hand = |minute: u64, by: &str, size: usize| turns.take(Duration::from_mins(minute), person(by), size);
        let taken = (0..60).filter(|minute| hand(*minute, "dana", size)).count();
        assert_eq!(taken, STATEMENTS_BYTES / size);
        assert!(!hand(61, "dana", size));
        assert!(hand(62, "erik", 300), "somebody else withdraws");
        assert!(!hand(24 * 60 - 1, "dana", size) && hand(24 * 60, "dana", size), "a day later");
        let taken = (0..600).filter(|minute| hand(3_000 + minute, "erik", 1)).count();
        assert_eq!(taken, STATEMENTS_BYTES / STATEMENT_LEAST_BYTES, "small ones count, too");
    }
}
