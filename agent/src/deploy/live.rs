//! What runs see of what is deployed: plans, clients, endpoints, secrets, and whether they may still be used.
//!
//! A snapshot is replaced as a whole once the switch behind it is durable; who looks sees the old one or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, ConnectionTo, Endpoint, LEDGER};
use assent_schema::id::{ClientId, ConnectionId, OperationRef, SlotId, WorkflowId};
use assent_schema::status::Hold;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{CLOCK_MOST_APART, ClockWatch, TrustedTime};
use tokio::sync::mpsc;

use super::board::{Board, Place};
use super::fresh::{self, Freshness};
use super::holds;
use crate::content::Content;
use crate::kept::Looks;
use crate::run::{Compiled, Deployed, Permission, Recent, Runnable, Use, Went, is_plain_read};
use crate::sync::{lock, read, write};
use crate::vault::{Secret, SlotPath, Vault, VaultError};
use crate::world::Clock;

/// The slot of what opens the repository of a branch that a client owns: `<client>/ledger/branch`.
const BRANCH_SLOT: &str = "branch";

/// What is deployed at one instant.
#[derive(Default)]
pub struct Snapshot {
    /// The plan that new runs of each workflow begin with.
    pub active: BTreeMap<Place, Digest>,
    /// All plans that run, may run again, or that a run still has.
    pub plans: BTreeMap<Digest, LivePlan>,
    /// The facts of each client; always the newest.
    pub clients: BTreeMap<ClientId, Arc<ClientFacts>>,
    /// Where connections lead; always the newest.
    pub endpoints: BTreeMap<ClientId, BTreeMap<ConnectionId, Endpoint>>,
    /// The time of the newest freshness statement.
    pub fresh: Option<Moment>,
}

/// A plan as runs see it.
#[derive(Clone)]
pub struct LivePlan {
    /// The plan; it is made ready when it is used.
    pub plan: Arc<Runnable>,
    /// Until when it is permitted, or why it is not.
    pub standing: PlanStanding,
}

/// Whether a plan may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanStanding {
    /// Until the first of the approvals that cover it expires.
    Until(Moment),
    /// It went back, or is not permitted: why, as a code.
    Barred(&'static str),
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedRun {
    /// Which workflow.
    pub place: Place,
    /// Which plan it had.
    pub plan: Digest,
    /// How it went.
    pub went: Went,
    /// How long it took.
    pub took_ms: u32,
}

/// What runs see, and where they report their end.
pub struct Field<C, V> {
    clock: C,
    vault: Mutex<Arc<V>>,
    outage: Mutex<Option<VaultError>>,
    time: Mutex<TrustedTime>,
    watch: Mutex<ClockWatch>,
    snapshot: RwLock<Arc<Snapshot>>,
    holds: RwLock<Arc<[Hold]>>,
    recent: Recent,
    halted: AtomicBool,
    ended: mpsc::UnboundedSender<EndedRun>,
}

impl<C: Clock, V: Vault> Field<C, V> {
    /// A field on which nothing is deployed yet, and where the ends of runs can be heard.
    pub fn new(clock: C, vault: V, stored_time: Moment) -> (Self, mpsc::UnboundedReceiver<EndedRun>) {
        let (ended, heard) = mpsc::unbounded_channel();
        let time = TrustedTime::start(stored_time, clock.boot());
        let field = Self {
            clock,
            vault: Mutex::new(Arc::new(vault)),
            outage: Mutex::default(),
            time: Mutex::new(time),
            watch: Mutex::default(),
            snapshot: RwLock::default(),
            holds: RwLock::default(),
            recent: Recent::default(),
            halted: AtomicBool::new(false),
            ended,
        };
        // Where the clock stands now is what it is held against from here on.
        field.clock_differs();
        (field, heard)
    }

    /// What is deployed now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&read(&self.snapshot))
    }

    /// The plan that new runs of a workflow begin with.
    fn running(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Runnable>> {
        if self.is_halted() {
            return None;
        }
        let snapshot = self.snapshot();
        let plan = snapshot.active.get(&(client.clone(), workflow.clone()))?;
        snapshot.plans.get(plan).map(|live| Arc::clone(&live.plan))
    }

    /// Puts another snapshot in place.
    pub fn replace(&self, snapshot: Snapshot) {
        *write(&self.snapshot) = Arc::new(snapshot);
    }

    /// What is held now.
    pub fn holds(&self) -> Arc<[Hold]> {
        Arc::clone(&read(&self.holds))
    }

    /// Puts other holds in place.
    pub fn hold(&self, holds: Vec<Hold>) {
        *write(&self.holds) = holds.into();
    }

    /// Nothing begins and no run goes on any more in this process.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Release);
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    /// What opens the git repository, when the vault holds something.
    pub async fn opens_repository(&self) -> Option<Content<Vec<u8>>> {
        let read = self.heard(self.vault().read(&SlotPath::Repository).await);
        read.ok().map(|secret| Content::new(secret.reveal().to_vec()))
    }

    /// The vault as it is now.
    pub fn vault(&self) -> Arc<V> {
        Arc::clone(&lock(&self.vault))
    }

    /// Why the vault cannot be used, as it answered last.
    pub fn vault_outage(&self) -> Option<VaultError> {
        *lock(&self.outage)
    }

    /// Remembers what an answer says of the vault itself.
    ///
    /// # Errors
    /// The answer's own.
    pub fn heard<T>(&self, answer: Result<T, VaultError>) -> Result<T, VaultError> {
        let now = answer.as_ref().err().copied().filter(|error| error.is_outage());
        let before = std::mem::replace(&mut *lock(&self.outage), now);
        if let Some(error) = now.filter(|_| before != now) {
            tracing::error!(code = error.code(), "the vault cannot be used: what needs a secret waits");
        }
        answer
    }

    /// What an alert route takes alerts for, when the vault holds something.
    pub async fn route_secret(&self, route: ConnectionId) -> Option<Content<Vec<u8>>> {
        let vault = Arc::clone(&lock(&self.vault));
        let secret = self.heard(vault.read(&SlotPath::Route(route)).await).ok()?;
        Some(Content::new(secret.reveal().to_vec()))
    }

    /// What opens the repository of the branch that a client owns, when the vault holds something.
    pub async fn opens_branch(&self, client: ClientId) -> Option<Content<Vec<u8>>> {
        let path = SlotPath::new(client, LEDGER.parse().ok()?, BRANCH_SLOT.parse().ok()?);
        let vault = Arc::clone(&lock(&self.vault));
        let secret = self.heard(vault.read(&path).await).ok()?;
        Some(Content::new(secret.reveal().to_vec()))
    }

    /// Puts another vault in place.
    pub fn replace_vault(&self, vault: V) {
        *lock(&self.vault) = Arc::new(vault);
    }

    /// Learns a time that somebody signed. `looked` is the time since boot of the look before, in this process, that did not find it.
    pub fn learn(&self, signed: Moment, looked: Option<Duration>) {
        let boot = self.clock.boot();
        lock(&self.watch).learn(signed, looked, boot);
        let mut time = lock(&self.time);
        *time = time.learn(signed, boot);
    }

    /// The trusted time alone: what is stored.
    pub fn trusted(&self) -> Moment {
        lock(&self.time).now(self.clock.boot())
    }

    /// The instant by which expiry is judged.
    pub fn now(&self) -> Moment {
        lock(&self.time).for_expiry(self.clock.boot(), self.clock.now().moment())
    }

    /// What the system's clock says, believed or not: signed times that are beyond it are refused, so that nobody pushes time ahead
    /// of it. What is dated goes by another clock, which learns from them; judged by that one, none could ever tell it that
    /// the agent stood still.
    pub fn host_clock(&self) -> Moment {
        self.clock.now().moment()
    }

    /// How far the system's clock is from where it can be.
    pub fn clock_differs(&self) -> Period {
        let (system, boot) = (self.clock.now().moment(), self.clock.boot());
        let passed = lock(&self.time).now(boot);
        lock(&self.watch).differs(passed, system, boot)
    }

    /// Whether that is so far that people must be told.
    pub fn is_clock_wrong(&self) -> bool {
        self.clock_differs() > CLOCK_MOST_APART
    }

    /// How current the knowledge of a client is.
    pub fn freshness(&self, client: &ClientId) -> Freshness {
        let snapshot = self.snapshot();
        let limit = snapshot.clients.get(client).map_or(Period::seconds(0), |facts| facts.stale_limit);
        fresh::judge(snapshot.fresh, self.now(), limit)
    }
}

impl Snapshot {
    /// Takes what a board says about who runs and who is barred.
    pub fn take_board(&mut self, board: &Board) {
        self.active = board.workflows().iter().filter_map(|(at, w)| Some((at.clone(), w.active()?))).collect();
        for workflow in board.workflows().values() {
            for (plan, why) in &workflow.refused {
                if let Some(live) = self.plans.get_mut(plan) {
                    live.standing = PlanStanding::Barred(why.code());
                }
            }
        }
    }

    /// Why a plan may not be used, if it may not.
    pub fn bars(&self, plan: &Digest) -> Option<&'static str> {
        match self.plans.get(plan)?.standing {
            PlanStanding::Barred(why) => Some(why),
            PlanStanding::Until(_) => None,
        }
    }

    fn barred(&self, of: &Use<'_>, now: Moment) -> Option<&'static str> {
        let Some(facts) = self.clients.get(of.client) else { return Some("client_not_here") };
        match self.plans.get(of.plan).map(|live| live.standing) {
            None => return Some("plan_not_here"),
            Some(PlanStanding::Barred(why)) => return Some(why),
            Some(PlanStanding::Until(until)) if until <= now => return Some("approval-expired"),
            Some(PlanStanding::Until(_)) => {}
        }
        if fresh::judge(self.fresh, now, facts.stale_limit) == Freshness::Stale {
            return Some("stale");
        }
        let connection = of.connection.and_then(|connection| facts.connections.get(connection));
        match connection.map(|connection| &connection.to) {
            Some(ConnectionTo::Provider { agreement, .. }) if !agreement.holds(now) => Some("provider-agreement"),
            Some(ConnectionTo::Provider { .. } | ConnectionTo::Integration { .. }) | None => None,
        }
    }
}

impl<C: Clock + 'static, V: Vault + 'static> Deployed for Field<C, V> {
    fn active(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>> {
        self.running(client, workflow)?.ready(&self.recent)
    }

    fn looks(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Looks> {
        self.running(client, workflow).map(|plan| plan.kept().looks.clone())
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        self.snapshot().plans.get(digest)?.plan.ready(&self.recent)
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.snapshot().clients.get(client).cloned()
    }

    fn endpoint(&self, client: &ClientId, connection: &ConnectionId) -> Option<Endpoint> {
        self.snapshot().endpoints.get(client)?.get(connection).cloned()
    }

    async fn secret(&self, client: &ClientId, connection: &ConnectionId, slot: &SlotId) -> Result<Secret, VaultError> {
        let path = SlotPath::new(client.clone(), connection.clone(), slot.clone());
        self.heard(self.vault().read(&path).await)
    }

    async fn renew(
        &self,
        client: &ClientId,
        connection: &ConnectionId,
        slot: &SlotId,
        record: Secret,
    ) -> Result<(), VaultError> {
        let path = SlotPath::new(client.clone(), connection.clone(), slot.clone());
        let renewed = self.heard(self.vault().renew(&path, record).await);
        if let Err(error) = &renewed {
            tracing::error!(slot = %path, code = error.code(), "a new refresh token could not be kept");
        }
        renewed
    }

    fn read_operation(&self, client: &ClientId, name: &OperationRef) -> Option<Arc<Compiled>> {
        let snapshot = self.snapshot();
        let now = self.now();
        let runs = |(place, plan): (&Place, &Digest)| {
            let (of, workflow) = place;
            let asked = Use { client: of, workflow, plan, connection: Some(&name.connection), now };
            let here = of == client && snapshot.barred(&asked, now).is_none();
            here.then(|| snapshot.plans.get(plan)?.plan.ready(&self.recent)).flatten()
        };
        snapshot.active.iter().filter_map(runs).find(|compiled| is_plain_read(compiled, name))
    }

    fn permission(&self, of: &Use<'_>) -> Permission {
        if self.is_halted() {
            // Not stopped: what became of a run is for the recovery to say.
            return Permission::Held;
        }
        let now = self.now().max(of.now);
        match self.snapshot().barred(of, now) {
            Some(why) => Permission::Stopped(why),
            None if self.holds().iter().any(|hold| holds::stops(hold, of)) => Permission::Held,
            None => Permission::Go,
        }
    }

    fn ended(&self, client: &ClientId, workflow: &WorkflowId, plan: &Digest, went: Went, took: Duration) {
        let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let place = (client.clone(), workflow.clone());
        // Nobody listens any more when the agent is going down; what is not counted then is counted as a crash.
        drop(self.ended.send(EndedRun { place, plan: *plan, went, took_ms }));
    }
}

/// The plans that must be kept for runs and rollbacks.
pub fn needed(board: &Board, of_runs: &BTreeSet<Digest>) -> BTreeSet<Digest> {
    board.plans().union(of_runs).copied().collect()
}
