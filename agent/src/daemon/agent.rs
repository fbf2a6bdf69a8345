//! The running agent as one value: what it is made of, and the few things that may change what runs.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::plan::Handover;
use assent_schema::status::{Hold, PullStatus, RefusedStatus, ReleaseStatus, Status, StatusType};
use tokio::sync::Notify;

use super::acceptance::Taken;
use super::parts::{Made, Parts, Pulling, Standing, Telling};
use super::refused::{REFUSED, refused_of};
use super::reserve::Reserve;
use super::vaults::TheVault;
use super::watching::Seen;
use super::{KEYRING_REFUSED, host};
use crate::control::ledger_desk::LedgerDesk;
use crate::deploy::board::Proposal;
use crate::deploy::live::{EndedRun, Field, Snapshot};
use crate::deploy::machine::Event;
use crate::deploy::{Board, NoRollback, Place, Workflow, status, switch};
use crate::error::Error;
use crate::ledger::Pulse;
use crate::pull::PullFailure;
use crate::pull::fetch::{Credential, Transfers};
use crate::real::{BoundedClock, Real, RealClock};
use crate::run::{Deployed as _, Engine};
use crate::store::{Alert, Sqlite, Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::watch::Routes;
use crate::world::Clock as _;

/// Where the store keeps trusted time.
pub(super) const TIME: &str = "agent/time";

/// What runs see.
pub(super) type TheField = Field<RealClock, TheVault>;
/// The real world: what is dated in it is dated by a clock that does no lasting harm.
pub(super) type TheWorld = Real<BoundedClock>;
/// The engine of the real world.
pub(super) type TheEngine = Engine<TheWorld, Sqlite, TheField>;

/// The running agent.
pub(super) struct Agent {
    made: Made,
    pub(super) ledger: Mutex<LedgerDesk>,
    pub(super) pulse: Mutex<Pulse>,
    /// Held to read logs; held alone to announce that something of them goes, and while it goes. So whoever reads sees what
    /// the entries up to one checkpoint say.
    pub(super) reading: tokio::sync::RwLock<()>,
    /// Something was announced.
    pub(super) pruning: Notify,
    binary: OnceLock<Digest>,
    pub(super) transfers: Transfers,
    pub(super) board: tokio::sync::Mutex<Board>,
    pub(super) holds: tokio::sync::Mutex<Vec<Hold>>,
    /// Held from the moment that an incident is read until a step about it is written.
    pub(super) incident_steps: tokio::sync::Mutex<()>,
    /// Held from the moment that something is judged until it counts, so that nothing is judged by what is out of date.
    pub(super) taking: tokio::sync::Mutex<()>,
    /// Held while something writes to the own repository or reads what it just fetched; held alone while what nothing needs goes
    /// from there.
    pub(super) repository: tokio::sync::RwLock<()>,
    /// How many bytes the own repository had when that was done last.
    pub(super) repository_bytes: AtomicU64,
    pub(super) taken: Mutex<Option<Arc<Taken>>>,
    pub(super) pulling: Pulling,
    pub(super) telling: Telling,
    pub(super) standing: Standing,
    /// What is seen of runs and of the agent itself.
    pub(super) seen: Seen,
    /// Room that is kept for a full disk.
    pub(super) reserve: Arc<Reserve>,
    /// What was looked at about secrets, and when.
    pub(super) secrets: super::looks::Looks,
}

impl std::ops::Deref for Agent {
    type Target = Made;

    fn deref(&self) -> &Made {
        &self.made
    }
}

impl Agent {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { made, ledger, program, board, holds } = parts;
        made.field.hold(holds.clone());
        let pulse = Mutex::new(Pulse::new(made.world.clock.now(), made.world.clock.awake()));
        let vault = Arc::clone(&made.field);
        let credential: Credential = Arc::new(move || {
            let vault = Arc::clone(&vault);
            Box::pin(async move { vault.opens_repository().await })
        });
        Self {
            reserve: Arc::new(Reserve::of(&made.config.state)),
            transfers: Transfers::new(program, &made.config, credential),
            made,
            ledger: Mutex::new(ledger),
            pulse,
            reading: tokio::sync::RwLock::default(),
            pruning: Notify::new(),
            binary: OnceLock::new(),
            board: tokio::sync::Mutex::new(board),
            holds: tokio::sync::Mutex::new(holds),
            incident_steps: tokio::sync::Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            repository: tokio::sync::RwLock::default(),
            repository_bytes: AtomicU64::default(),
            taken: Mutex::default(),
            pulling: Pulling::default(),
            telling: Telling::default(),
            standing: Standing::default(),
            seen: Seen::default(),
            secrets: super::looks::Looks::default(),
        }
    }

    /// The SHA-256 of this program. The first call reads all of it, so not on the thread that runs are driven on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn binary(&self) -> Result<Digest, Error> {
        if let Some(digest) = self.binary.get() {
            return Ok(*digest);
        }
        let digest = host::binary_digest()?;
        Ok(*self.binary.get_or_init(|| digest))
    }

    /// Wakes the pull.
    pub(super) fn pull_wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.pulling.pull)
    }

    /// Keeps in mind what keeps the agent from looking for releases, and since when.
    pub(super) fn trouble(&self, failure: Option<PullFailure>) {
        if failure.is_none() {
            self.seen.polled(self.world.clock.boot());
        }
        if self.is_news(&self.pulling.trouble, failure) {
            self.telling.news.notify_one();
        }
    }

    /// What keeps the agent from saying anything to the outside, as far as `assent-agent status` can tell it.
    pub(super) fn cannot_publish(&self, failure: Option<PullFailure>) {
        // That it is over must be said as well; while it lasts, saying so changes nothing.
        if self.is_news(&self.telling.unsaid, failure) && failure.is_none() {
            self.telling.news.notify_one();
        }
    }

    fn is_news(&self, known: &Mutex<Option<PullStatus>>, failure: Option<PullFailure>) -> bool {
        let mut known = lock(known);
        let same = known.as_ref().map(|old| old.code.as_str()) == failure.map(PullFailure::code);
        if !same {
            let since = self.field.now();
            *known = failure.map(|failure| PullStatus { code: failure.code().to_owned(), since });
        }
        !same
    }

    /// Wakes the status push.
    pub(super) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.telling.news)
    }

    /// The routes of alerts.
    pub(super) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&lock(&self.routes))
    }

    /// How transfers are made.
    pub(super) fn transfers(&self) -> &Transfers {
        &self.transfers
    }

    /// The release that was accepted last.
    pub(super) fn taken(&self) -> Option<Arc<Taken>> {
        lock(&self.taken).clone()
    }

    /// Makes what changes in the plans durable, with what belongs to it, and only then lets it count.
    pub(super) async fn switch(
        &self,
        propose: impl FnOnce(&Board) -> Proposal,
        with: Vec<Write>,
    ) -> Result<Proposal, StoreError> {
        self.switch_by(propose, with, None, || ()).await
    }

    /// As [`Agent::switch`]; the ledger names who said so. `counts` lets more count together with the plans: it is called when
    /// all of it is durable, and never when it is not.
    pub(super) async fn switch_by(
        &self,
        propose: impl FnOnce(&Board) -> Proposal,
        with: Vec<Write>,
        by: Option<&PersonId>,
        counts: impl FnOnce(),
    ) -> Result<Proposal, StoreError> {
        let mut board = self.board.lock().await;
        let proposal = propose(&board);
        let mut transaction = switch::transaction(&proposal, self.world.clock.now())?;
        for write in &mut transaction.writes {
            if let Write::Note(note) = write {
                note.actor = by.cloned();
            }
        }
        // First: the words that open a new client's log come before everything that the board has to say in it.
        transaction.writes.splice(0..0, with);
        if !transaction.writes.is_empty() {
            self.store.commit(transaction).await?;
        }
        board.apply(proposal.clone());
        counts();
        self.show(&board);
        if !proposal.is_empty() {
            self.telling.news.notify_one();
        }
        Ok(proposal)
    }

    /// Counts the ends of runs. What runs see is made anew only when a plan came or went: that costs all plans.
    pub(super) async fn count(&self, runs: &[EndedRun]) -> Result<(), StoreError> {
        let mut board = self.board.lock().await;
        let ends = runs.iter().map(|run| {
            let EndedRun { place, plan, went, took_ms } = run;
            (place, Event::Ended { plan: *plan, went: *went, took_ms: *took_ms })
        });
        let proposal = board.after(ends, self.field.now());
        if proposal.is_empty() {
            return Ok(());
        }
        self.store.commit(switch::transaction(&proposal, self.world.clock.now())?).await?;
        let changed = !proposal.changes.is_empty();
        board.apply(proposal);
        if changed {
            self.show(&board);
        }
        self.telling.news.notify_one();
        Ok(())
    }

    /// Lets runs see what the board says now.
    pub(super) fn show(&self, board: &Board) {
        let mut snapshot = Snapshot::default();
        if let Some(taken) = self.taken() {
            taken.show(self.field.now(), &mut snapshot);
        }
        snapshot.take_board(board);
        self.field.replace(snapshot);
    }

    /// Tells on-call something about the agent itself.
    pub(super) async fn alert(&self, rule: Rule, code: &str) {
        let alert = Alert::of(rule, None, code);
        let told = self.store.commit(Transaction::new(self.world.clock.now()).with(Write::Alert(alert))).await;
        if let Err(error) = told {
            tracing::error!(%error, %rule, code, "an alert could not be written");
        }
    }

    /// The causes of all alerts of a rule about the agent itself are gone.
    pub(super) async fn alerts_over(&self, rule: Rule) {
        let ended = async {
            let mut transaction = Transaction::new(self.world.clock.now());
            let open = self.store.alerts()?;
            let mine = open.iter().filter(|row| row.alert.rule == rule && row.alert.client.is_none());
            transaction.writes.extend(mine.map(|row| Write::AlertOver { key: row.alert.key() }));
            if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
        };
        if let Err(error) = ended.await {
            tracing::error!(%error, %rule, "an alert could not be ended");
        }
    }

    /// What it said no to since the release that it accepted last.
    pub(super) fn refusals(&self) -> Result<BTreeSet<RefusedStatus>, StoreError> {
        let mut refused = BTreeSet::new();
        for (name, said) in self.store.states(REFUSED)? {
            if let Some(Ok(digest)) = name.strip_prefix(REFUSED).map(str::parse)
                && let Some((code, what)) = refused_of(&said)
            {
                refused.insert(RefusedStatus { code, digest, what });
            }
        }
        Ok(refused)
    }

    /// How the agent and its workflows stand.
    pub(super) async fn status(&self) -> Result<Status, StoreError> {
        let taken = self.taken();
        let board = self.board.lock().await;
        let snapshot = self.field.snapshot();
        let refused = self.refusals()?;
        Ok(Status {
            kind: StatusType::Status,
            schema: assent_schema::status::SCHEMA,
            project: self.pin.project,
            environment: self.config.environment.clone(),
            region: self.config.region.clone(),
            agent: self.config.agent.clone(),
            time: self.field.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            release: taken.as_ref().map(|taken| ReleaseStatus {
                root: taken.root(),
                generation: taken.bundle.manifest.generation,
                sequence: taken.bundle.manifest.sequence,
                manifest: taken.manifest,
                commit: taken.bundle.manifest.source.commit.clone(),
                fresh: taken.fresh,
            }),
            pull: lock(&self.pulling.trouble).clone(),
            push: lock(&self.telling.unsaid).clone(),
            halt: self.halted(),
            returned: status::returned(&board),
            workflows: status::workflows(
                &board,
                |client: &ClientId| self.field.freshness(client),
                |plan| snapshot.bars(plan),
            ),
            holds: self.field.holds().to_vec(),
            slots: self.slot_statuses()?,
            scopes: self.scope_statuses(),
            vault: self.field.vault_outage().map(|error| error.code().to_owned()),
            keyring: self.world.keyring.is_refused().then(|| KEYRING_REFUSED.to_owned()),
            refused,
            statements: self.said_no(),
        })
    }

    /// All places of the board, for a rollback of everything.
    pub(super) async fn places(&self) -> Vec<Place> {
        self.board.lock().await.workflows().keys().cloned().collect()
    }

    /// Rolls one workflow back. Returns the plans that ran and that runs now.
    pub(super) async fn roll_back(
        &self,
        place: &Place,
        by: &PersonId,
    ) -> Result<Result<(Digest, Digest), NoRollback>, StoreError> {
        let mut outcome = Err(NoRollback::NothingRuns);
        let now = self.field.now();
        let propose = |board: &Board| {
            let from = board.workflows().get(place).and_then(Workflow::active);
            let to = board.workflows().get(place).map_or(Err(NoRollback::NothingRuns), Workflow::rollback_target);
            outcome = from.ok_or(NoRollback::NothingRuns).and_then(|from| Ok((from, to?)));
            // With no target the proposal is empty and nothing is written.
            board.roll_back(place, now).unwrap_or_default()
        };
        self.switch_by(propose, Vec::new(), Some(by), || ()).await?;
        Ok(outcome)
    }
    /// What becomes of the events of a workflow when one of its plans follows another.
    pub(super) fn handover(&self, from: &Digest, to: &Digest) -> Option<Handover> {
        let (from, to) = (self.field.plan(from)?, self.field.plan(to)?);
        Handover::between(&from.plan, &to.plan)
    }
}
