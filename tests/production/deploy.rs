//! What the agent does about releases, with the machine of production: trials, gates, the board, one transaction for each
//! switch, and what runs see. What is a stand-in: that a release was pulled and verified, and what its statements permit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_agent::deploy::live::{EndedRun, Field as Live, LivePlan, PlanStanding, Snapshot};
use assent_agent::deploy::machine::Event;
use assent_agent::deploy::{Accepted, Board, Proposal, switch};
use assent_agent::kept::KeptPlan;
use assent_agent::run::Runnable;
use assent_agent::sim::SimWorld;
use assent_agent::store::{Entry, Store as _, StoreError, Write};
use assent_agent::vault::{Asked, Secret, SlotPath, Vault, VaultError};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::client::Endpoint;
use assent_schema::id::ClientId;
use assent_schema::time::{Moment, Period};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::field::{Field, ROLLED_BACK};
use crate::store::Disk;

/// How often the agent looks at what ended and at what time it is.
const LOOK: Duration = Duration::from_secs(20);
/// Where the store keeps how far the releases are.
const STAGE: &str = "production/stage";

/// What runs see.
pub(crate) type Seen = Live<SimWorld, OneSecret>;

/// A vault with the same secret in every slot.
pub(crate) struct OneSecret;

impl Vault for OneSecret {
    fn read<'a>(&'a self, _: &'a SlotPath) -> Asked<'a, Secret> {
        Box::pin(async { Secret::new(b"played".to_vec()) })
    }

    fn set<'a>(&'a self, _: &'a SlotPath, _: Secret) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn renew<'a>(&'a self, _: &'a SlotPath, _: Secret) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn stage<'a>(&'a self, _: &'a SlotPath, _: Secret) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn staged<'a>(&'a self, _: &'a SlotPath) -> Asked<'a, Secret> {
        Box::pin(async { Err(VaultError::Missing) })
    }

    fn unstage<'a>(&'a self, _: &'a SlotPath) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn slots(&self) -> Asked<'_, Vec<SlotPath>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The deployments of one process.
pub(crate) struct Deployments {
    field: Arc<Field>,
    world: Arc<SimWorld>,
    store: Arc<Disk>,
    board: Board,
    pub(crate) seen: Arc<Seen>,
    ended: UnboundedReceiver<EndedRun>,
}

impl Deployments {
    /// As they were made durable, and what the start changes.
    pub(crate) async fn boot(field: Arc<Field>, world: Arc<SimWorld>, store: Arc<Disk>) -> Result<Self, StoreError> {
        let board = Board::new(switch::load(&*store)?);
        let (seen, ended) = Live::new((*world).clone(), OneSecret, field.begin.moment());
        let mut deployments = Self { field, world, store, board, seen: Arc::new(seen), ended };
        let open = deployments.plans_of_open_runs()?;
        let proposal = deployments.board.boot(&open, deployments.now());
        deployments.switch(proposal, Vec::new()).await?;
        deployments.look().await?;
        Ok(deployments)
    }

    /// Goes on until the days are over.
    pub(crate) async fn live(mut self, is_over: impl Fn() -> bool) {
        while !is_over() {
            self.world.sleep(LOOK).await;
            // The process is dead.
            if self.look().await.is_err() {
                return;
            }
        }
    }

    /// Counts runs that ended, and does what is due: the first release, two more, a rollback by hand, a withdrawal.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut ended = Vec::new();
        while let Ok(run) = self.ended.try_recv() {
            ended.push(run);
        }
        let counted = |run: &EndedRun| Event::Ended { plan: run.plan, went: run.went, took_ms: run.took_ms };
        let proposal = self.board.after(ended.iter().map(|run| (&run.place, counted(run))), self.now());
        self.switch(proposal, Vec::new()).await?;
        let (due, done) = (self.field.stage(self.world.now()), self.stage()?);
        for stage in done.map_or(0, |done| done + 1)..=due {
            let place = (ROLLED_BACK.0.parse().unwrap(), ROLLED_BACK.1.parse().unwrap());
            let proposal = match Field::version_of(stage) {
                Some(version) => self.board.accept(&self.accepted(version), self.now()),
                // There may be nothing to go back to: it went back by itself.
                None => self.board.roll_back(&place, self.now()).unwrap_or_default(),
            };
            let at = Write::State { name: STAGE.to_owned(), value: Some(stage.to_string().into_bytes()) };
            self.switch(proposal, vec![at]).await?;
        }
        let proposal = self.board.tick(self.now());
        self.switch(proposal, Vec::new()).await?;
        self.show();
        Ok(())
    }

    fn stage(&self) -> Result<Option<usize>, StoreError> {
        let stage = self.store.state(STAGE)?;
        Ok(stage.map(|stage| String::from_utf8(stage).unwrap().parse().unwrap()))
    }

    fn now(&self) -> Moment {
        self.world.now().moment()
    }

    fn accepted(&self, version: usize) -> Accepted {
        let named = self.field.plans.iter().map(|(place, plans)| (place.clone(), plans[version].digest)).collect();
        Accepted { named, denied: self.denied(), ..Accepted::default() }
    }

    /// Plans that their client withdrew its approval of.
    fn denied(&self) -> BTreeSet<Digest> {
        let now = self.world.now();
        let withdrawn = self
            .field
            .plans
            .iter()
            .filter(|((client, workflow), _)| self.field.is_withdrawn(client.as_str(), workflow.as_str(), now));
        withdrawn.flat_map(|(_, plans)| plans.iter().map(|plan| plan.digest)).collect()
    }

    fn plans_of_open_runs(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let mut plans = BTreeSet::new();
        for run in self.store.open_runs()? {
            if let Some(Entry::Accepted(accepted)) = self.store.journal(run.run)?.first().map(|row| &row.entry) {
                plans.insert(accepted.plan);
            }
        }
        Ok(plans)
    }

    /// First durable, then it counts, then runs see it.
    async fn switch(&mut self, proposal: Proposal, with: Vec<Write>) -> Result<(), StoreError> {
        let mut transaction = switch::transaction(&proposal, self.world.now())?;
        transaction.writes.extend(with);
        if transaction.writes.is_empty() {
            return Ok(());
        }
        self.store.commit(transaction).await?;
        self.board.apply(proposal);
        self.show();
        Ok(())
    }

    fn show(&self) {
        let (now, denied) = (self.now(), self.denied());
        // Whoever signs freshness does so in time: what staleness does is tried elsewhere.
        self.seen.learn(now, None);
        let until = now.plus(Period::days(300));
        let standing = |plan: &Digest| {
            if denied.contains(plan) { PlanStanding::Barred("withdrawn") } else { PlanStanding::Until(until) }
        };
        let plans = self.field.plans.values().flatten();
        let endpoints = |client: &ClientId| {
            let facts = &self.field.clients[client];
            let url = |name: &_| Endpoint {
                url: format!("https://{name}.example"),
                tokens: None,
                region: facts.region.clone(),
                sandbox: true,
            };
            facts.connections.keys().map(|name| (name.clone(), url(name))).collect::<BTreeMap<_, _>>()
        };
        let mut snapshot = Snapshot {
            active: BTreeMap::new(),
            plans: plans
                .map(|plan| {
                    (
                        plan.digest,
                        LivePlan {
                            plan: Arc::new(Runnable::new(Arc::new(KeptPlan::of(&plan.plan).unwrap())).unwrap()),
                            standing: standing(&plan.digest),
                        },
                    )
                })
                .collect(),
            clients: self.field.clients.clone(),
            endpoints: self.field.clients.keys().map(|client| (client.clone(), endpoints(client))).collect(),
            fresh: Some(now),
        };
        snapshot.take_board(&self.board);
        self.seen.replace(snapshot);
    }
}
