//! The running agent as one value: what it is made of, and the few things that may change what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, LEDGER};
use assent_schema::id::{ClientId, ConnectionId, PersonId};
use assent_schema::ledger::Checkpoint;
use assent_schema::status::{Halt, Hold, PullStatus, RefusedStatus, ReleaseStatus, Status, StatusType};
use tokio::sync::Notify;

use super::host;
use super::intake::{self, Standpoint, Taken};
use super::poking::Pokes;
use crate::config::Config;
use crate::control::books::LedgerDesk;
use crate::deploy::board::Proposal;
use crate::deploy::fresh::Freshness;
use crate::deploy::live::{EndedRun, Field, Snapshot};
use crate::deploy::machine::Event;
use crate::deploy::{Board, NoRollback, Place, Workflow, status, switch};
use crate::error::Error;
use crate::identity::Identity;
use crate::ledger::Pulse;
use crate::pin::Pin;
use crate::pull::fetch::{Credential, Transfers};
use crate::pull::read::Files;
use crate::pull::{PullFailure, read, shelf};
use crate::real::{Egress, Real, RealClock, RealDisk};
use crate::request::url::Base;
use crate::run::Engine;
use crate::store::{Alert, Log, Note, Sqlite, Store as _, StoreError, Transaction, Write};
use crate::vault::FileVault;
use crate::verify::Now;
use crate::watch::{self, Condition, Routes};
use crate::world::{Clock as _, Wall};

/// The reference that a fetch writes; nothing is read from it before it was verified.
const QUARANTINE: &str = "refs/quarantine/release";
/// Where the store keeps the digest of the release that was accepted last.
const RELEASE: &str = "agent/release";
/// Where the store keeps what was refused, by digest.
const REFUSED: &str = "refused/";
/// Where the store keeps trusted time.
pub(super) const TIME: &str = "agent/time";

/// How long after a refusal that time can mend the same commit is judged again.
const AGAIN_AFTER: Duration = Duration::from_mins(5);

/// What became of the release that was accepted last when it was judged again.
pub(super) enum Kept {
    /// It is not in the agent's repository.
    Lost,
    /// It is there.
    Judged(Box<Result<Taken, intake::Refusal>>),
}

/// A commit that was judged.
#[derive(Clone, Debug)]
struct Judged {
    commit: String,
    /// The time since boot from which on it is judged again; never when absent.
    again: Option<Duration>,
}

impl Judged {
    /// The commit, while there is no reason to judge it again.
    fn known(&self, boot: Duration) -> Option<&str> {
        self.again.is_none_or(|again| boot < again).then_some(&self.commit)
    }
}

/// What runs see.
pub(super) type TheField = Field<RealClock, FileVault<Arc<RealDisk>>>;
/// The engine of the real world.
pub(super) type TheEngine = Engine<Real, Sqlite, TheField>;

/// The running agent.
pub(super) struct Agent {
    pub(super) config: Config,
    pub(super) pin: Pin,
    pub(super) identity: Identity,
    pub(super) disk: Arc<RealDisk>,
    pub(super) world: Arc<Real>,
    pub(super) store: Arc<Sqlite>,
    pub(super) field: Arc<TheField>,
    pub(super) engine: Arc<TheEngine>,
    pub(super) ledger: Mutex<LedgerDesk>,
    pulse: Mutex<Pulse>,
    /// Held to read logs; held alone to announce that something of them goes, and while it goes. So whoever reads sees what
    /// the entries up to one checkpoint say.
    pub(super) reading: tokio::sync::RwLock<()>,
    /// Something was announced.
    pub(super) pruning: Notify,
    binary: OnceLock<Digest>,
    transfers: Transfers,
    board: tokio::sync::Mutex<Board>,
    pub(super) holds: tokio::sync::Mutex<Vec<Hold>>,
    /// Held from the moment that an incident is read until a step about it is written.
    pub(super) incident_steps: tokio::sync::Mutex<()>,
    /// Held from the moment that something is judged until it counts, so that nothing is judged by what is out of date.
    pub(super) taking: tokio::sync::Mutex<()>,
    taken: Mutex<Option<Arc<Taken>>>,
    routes: Mutex<Arc<Routes>>,
    /// The commit that was judged last, so that it is not judged again.
    judged: Mutex<Option<Judged>>,
    pull: Arc<Notify>,
    pub(super) pokes: Mutex<Pokes>,
    /// What keeps the agent from looking for releases.
    trouble: Mutex<Option<PullStatus>>,
    news: Arc<Notify>,
    /// There are checkpoints that holders of ledgers may not have.
    pub(super) shared: Notify,
    /// The newest checkpoint of each log, signed and durable.
    pub(super) newest: Mutex<BTreeMap<Log, Checkpoint>>,
    /// Checkpoints with lines of witnesses that the agent's own branch does not have yet.
    pub(super) cosigned: Mutex<BTreeMap<Log, Checkpoint>>,
    /// Why nothing is started.
    pub(super) halt: Mutex<Option<Halt>>,
    /// On-call signed a recovery.
    pub(super) recovered: Notify,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What stands behind these locks is replaced as a whole; a panic leaves the old value.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an agent is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) pin: Pin,
    pub(super) identity: Identity,
    pub(super) disk: Arc<RealDisk>,
    pub(super) world: Arc<Real>,
    pub(super) store: Arc<Sqlite>,
    pub(super) field: Arc<TheField>,
    pub(super) engine: Arc<TheEngine>,
    pub(super) ledger: LedgerDesk,
    pub(super) program: PathBuf,
    pub(super) board: Board,
    pub(super) holds: Vec<Hold>,
}

impl Agent {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { config, pin, identity, disk, world, store, field, engine, ledger, program, board, holds } = parts;
        field.hold(holds.clone());
        let pokes = Mutex::new(Pokes::since(world.clock.now().moment()));
        let pulse = Mutex::new(Pulse::new(world.clock.now(), world.clock.awake()));
        let vault = Arc::clone(&field);
        let credential: Credential = Arc::new(move || vault.opens_repository());
        Self {
            transfers: Transfers::new(program, &config, credential),
            config,
            pin,
            identity,
            disk,
            world,
            store,
            field,
            engine,
            ledger: Mutex::new(ledger),
            pulse,
            reading: tokio::sync::RwLock::default(),
            pruning: Notify::new(),
            binary: OnceLock::new(),
            board: tokio::sync::Mutex::new(board),
            holds: tokio::sync::Mutex::new(holds),
            incident_steps: tokio::sync::Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            taken: Mutex::default(),
            routes: Mutex::default(),
            judged: Mutex::default(),
            pull: Arc::default(),
            pokes,
            trouble: Mutex::default(),
            news: Arc::default(),
            shared: Notify::new(),
            newest: Mutex::default(),
            cosigned: Mutex::default(),
            halt: Mutex::default(),
            recovered: Notify::new(),
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
        Arc::clone(&self.pull)
    }

    /// Keeps in mind what keeps the agent from looking for releases, and since when.
    pub(super) fn trouble(&self, failure: Option<PullFailure>) {
        let mut trouble = lock(&self.trouble);
        let same = trouble.as_ref().map(|old| old.code.as_str()) == failure.map(PullFailure::code);
        if !same {
            let since = self.field.now();
            *trouble = failure.map(|failure| PullStatus { code: failure.code().to_owned(), since });
            self.news.notify_one();
        }
    }

    /// Wakes the status push.
    pub(super) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
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
        self.switch_by(propose, with, None).await
    }

    /// As [`Agent::switch`]; the ledger names who said so.
    async fn switch_by(
        &self,
        propose: impl FnOnce(&Board) -> Proposal,
        with: Vec<Write>,
        by: Option<&PersonId>,
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
        self.show(&board);
        if !proposal.is_empty() {
            self.news.notify_one();
        }
        Ok(proposal)
    }

    /// Counts the ends of runs. What runs see is made anew only when a plan came or went: that costs all plans.
    pub(super) async fn count(&self, runs: &[EndedRun]) -> Result<(), StoreError> {
        let mut board = self.board.lock().await;
        let ends = runs.iter().map(|run| {
            let EndedRun { place, plan, good, took_ms } = run;
            (place, Event::Ended { plan: *plan, good: *good, took_ms: *took_ms })
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
        self.news.notify_one();
        Ok(())
    }

    /// Lets runs see what the board says now.
    fn show(&self, board: &Board) {
        let mut snapshot = Snapshot::default();
        if let Some(taken) = self.taken() {
            taken.show(self.field.now(), &mut snapshot);
        }
        snapshot.take_board(board);
        self.field.replace(snapshot);
    }

    /// Verifies the release that was accepted last again, from the agent's own repository.
    pub(super) async fn load_release(&self) -> Result<(), StoreError> {
        let needed = self.needed_plans().await?;
        let judged = self.judge_kept(&needed)?;
        self.take_judged(judged).await;
        Ok(())
    }

    /// Verifies the release that was accepted last with all that is remembered now; nothing before the first. Blocks.
    pub(super) fn judge_kept(&self, needed: &BTreeSet<Digest>) -> Result<Option<Kept>, StoreError> {
        let Some(manifest) = self.store.state(RELEASE)? else { return Ok(None) };
        let manifest = std::str::from_utf8(&manifest).ok().and_then(|text| text.parse::<Digest>().ok());
        let manifest = manifest.ok_or(StoreError::Damaged("the name of the accepted release"))?;
        let repository = self.config.state.repository();
        let commit = shelf::find(&repository, &manifest).ok().flatten();
        let read = commit.and_then(|commit| Some((read::read(&repository, &commit).ok()?, commit)));
        let Some((files, commit)) = read else { return Ok(Some(Kept::Lost)) };
        self.judge(&files, &commit, needed).map(|judged| Some(Kept::Judged(Box::new(judged))))
    }

    /// Takes up what is left of the release that was accepted last. Nothing runs from one that is not there or does not
    /// verify; the pull may bring it again.
    pub(super) async fn take_judged(&self, kept: Option<Kept>) {
        match kept {
            None => {}
            Some(Kept::Lost) => {
                tracing::error!("the accepted release is not in the agent's repository");
                self.alert("release-lost", "not-there").await;
            }
            Some(Kept::Judged(judged)) => match *judged {
                Ok(taken) => self.take_up(taken),
                Err(refusal) => {
                    tracing::error!(code = refusal.code, what = %refusal.what, "the accepted release does not verify");
                    self.alert("release-lost", refusal.code).await;
                }
            },
        }
    }

    /// Verifies files, with all that is remembered. Blocks.
    fn judge(
        &self,
        files: &Files,
        commit: &str,
        needed: &BTreeSet<Digest>,
    ) -> Result<Result<Taken, intake::Refusal>, StoreError> {
        let (pinned, fresh) = intake::remembered(&*self.store, &self.pin)?;
        let at = Standpoint {
            place: intake::place(&self.config),
            pinned,
            now: Now { expiry: self.field.now(), clock: self.world.clock.now().moment() },
            fresh,
        };
        let repository = self.config.state.repository();
        let missing = needed.iter().filter(|plan| !files.contains_key(&format!("plans/{plan}.json")));
        let older = missing.filter_map(|plan| shelf::plan(&repository, plan).ok().flatten()).collect();
        Ok(intake::judge(files, commit, &at, older))
    }

    /// The commit that need not be judged, at this time since boot.
    pub(super) fn known_commit(&self, boot: Duration) -> Option<String> {
        lock(&self.judged).as_ref().and_then(|judged| judged.known(boot)).map(str::to_owned)
    }

    /// Looks for a release, and takes or refuses it.
    pub(super) async fn pull(self: &Arc<Self>) -> Result<(), PullFailure> {
        let boot = self.world.clock.boot();
        let known = self.known_commit(boot);
        let branch = format!("release/{}/{}", self.config.environment, self.config.region);
        let commit = self.transfers.fetch(&branch, QUARANTINE, known.as_deref()).await?;
        if known.as_ref() == Some(&commit) {
            return Ok(());
        }
        let taking = self.taking.lock().await;
        let needed = self.needed_plans().await.or(Err(PullFailure::Broken))?;
        let (agent, at) = (Arc::clone(self), commit.clone());
        let judged = tokio::task::spawn_blocking(move || {
            let files = read::read(&agent.config.state.repository(), &at)?;
            agent.judge(&files, &at, &needed).or(Err(PullFailure::Broken))
        });
        let verdict = match judged.await.or(Err(PullFailure::Broken))? {
            Ok(verdict) => verdict,
            Err(PullFailure::FileRefused) => Err(intake::Refusal::of_commit("file-refused", &commit)),
            Err(failure) => return Err(failure),
        };
        let (done, again) = match verdict {
            Ok(taken) => (self.accept(taken, &commit).await, None),
            Err(refusal) => {
                (self.refuse(&refusal).await, refusal.may_pass_later.then(|| boot.saturating_add(AGAIN_AFTER)))
            }
        };
        match done {
            Ok(()) => *lock(&self.judged) = Some(Judged { commit, again }),
            // Not judged yet: the next look tries again.
            Err(error) => tracing::error!(%error, "a release could not be taken up"),
        }
        drop(taking);
        Ok(())
    }

    /// Takes a verified release up: kept first, then one transaction, then it counts.
    async fn accept(self: &Arc<Self>, taken: Taken, commit: &str) -> Result<(), StoreError> {
        let repository = self.config.state.repository();
        if let Err(failure) = shelf::keep(&repository, &taken.manifest, commit) {
            tracing::error!(code = failure.code(), "a release could not be kept");
            return Err(StoreError::Broken);
        }
        let before = self.taken();
        let new = before.as_ref().is_none_or(|before| before.manifest != taken.manifest);
        let mut with = self.first_words(&taken)?;
        with.extend(taken.notes(before.as_deref()));
        let name = taken.manifest.to_string().into_bytes();
        with.push(Write::State { name: RELEASE.to_owned(), value: Some(name) });
        // It was refused, if at all, for what came with it or for its time.
        with.push(Write::State { name: format!("{REFUSED}{}", taken.manifest), value: None });
        with.extend(taken.memory()?);
        if let Some(signed) = taken.fresh {
            self.field.learn(signed);
        }
        with.push(self.time_write());
        let (newest, accepted) = (taken.manifest, taken.accepted(self.field.now(), new));
        self.take_up(taken);
        self.switch(|board| board.accept(&accepted, self.field.now()), with).await?;
        tracing::info!(manifest = %newest, new, "a release was accepted");
        let needed = self.needed_plans().await?;
        if let Err(failure) = shelf::tidy(&repository, &newest, &needed) {
            tracing::warn!(code = failure.code(), "old releases could not be removed");
        }
        self.news.notify_one();
        Ok(())
    }

    fn take_up(&self, taken: Taken) {
        let mut egress = Egress::default();
        for (client, connections) in &taken.endpoints.clients {
            for (connection, endpoint) in connections {
                if let Some(base) = Base::parse(&endpoint.url) {
                    egress.allow(client, connection, base.host(), base.port());
                }
            }
        }
        for (client, facts) in &taken.clients {
            self.allow_witnesses(client, facts, &mut egress);
        }
        self.world.net.permit(egress);
        match Routes::new(taken.clients.values().map(AsRef::as_ref), &taken.endpoints) {
            Ok(routes) => *lock(&self.routes) = Arc::new(routes),
            Err(error) => tracing::error!(%error, "alert routes cannot be used"),
        }
        *lock(&self.taken) = Some(Arc::new(taken));
        self.shared.notify_one();
    }

    /// The witnesses of a client's ledger stand in its facts, not in `endpoints.json`.
    fn allow_witnesses(&self, client: &ClientId, facts: &ClientFacts, egress: &mut Egress) {
        let Ok(name) = LEDGER.parse::<ConnectionId>() else { return };
        let witnesses = facts.ledger.get(&self.config.environment).into_iter().flat_map(|holders| &holders.witnesses);
        for base in witnesses.filter_map(|witness| Base::parse(&witness.url)) {
            egress.allow(client, &name, base.host(), base.port());
        }
    }

    /// Judges the plans again: approvals expire, freezes end, trials end, by time alone.
    pub(super) async fn look_at_time(&self) -> Result<(), StoreError> {
        let now = self.field.now();
        if let Some(taken) = self.taken() {
            let accepted = taken.accepted(now, false);
            self.switch(|board| board.accept(&accepted, now), vec![self.time_write()]).await?;
        }
        self.switch(|board| board.tick(now), Vec::new()).await.map(drop)
    }

    /// Tells on-call when knowledge is old or the clock is wrong, and when it no longer is.
    pub(super) async fn look_at_clocks(&self) {
        let clients = self.taken().map(|taken| taken.clients.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let mut conditions = Vec::new();
        let worst = clients.iter().map(|client| (client, self.field.freshness(client)));
        for (client, freshness) in worst {
            match freshness {
                Freshness::Current => {}
                Freshness::Late => conditions.push(Condition::Stale),
                Freshness::Stale => {
                    conditions.extend([Condition::Stale, Condition::StaleStopped { client: client.clone() }]);
                }
            }
        }
        if self.field.is_clock_wrong() {
            conditions.push(Condition::Clock);
        }
        let told = async {
            let mut transaction = Transaction::new(self.world.clock.now());
            let rules = ["stale", "stale-stopped", "clock"];
            transaction.writes = watch::settle(&self.store.alerts()?, &rules, &conditions);
            if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
        };
        if let Err(error) = told.await {
            tracing::error!(%error, "alerts about time could not be written");
        }
    }

    fn time_write(&self) -> Write {
        let time = self.field.trusted().to_string().into_bytes();
        Write::State { name: TIME.to_owned(), value: Some(time) }
    }

    /// Opens the logs of clients that are new here.
    fn first_words(&self, taken: &Taken) -> Result<Vec<Write>, StoreError> {
        let mut words = Vec::new();
        for client in taken.clients.keys() {
            let log = Log::Client(client.clone());
            if self.store.ledger_size(&log)? == 0 {
                words.push(Write::Note(Box::new(crate::ledger::opened(log.clone(), self.pin.project, Vec::new()))));
                words.push(Write::Note(Box::new(crate::ledger::started(log.clone(), true))));
                words.push(Write::Note(Box::new(crate::ledger::tick(log))));
            }
        }
        Ok(words)
    }

    /// Says no to a release: the active one goes on. Told once for each digest and reason.
    async fn refuse(&self, refusal: &intake::Refusal) -> Result<(), StoreError> {
        tracing::warn!(code = refusal.code, digest = %refusal.digest, what = %refusal.what, "a release was refused");
        let name = format!("{REFUSED}{}", refusal.digest);
        if self.store.state(&name)?.as_deref() == Some(refusal.code.as_bytes()) {
            return Ok(());
        }
        let note =
            Note::new(Log::Agent, "refused").fact("code", refusal.code).fact("digest", refusal.digest.to_string());
        let alert = watch::alert(&Condition::ReleaseRefused { code: refusal.code.to_owned() });
        let mut transaction = Transaction::new(self.world.clock.now())
            .with(Write::State { name, value: Some(refusal.code.as_bytes().to_vec()) })
            .with(Write::Note(Box::new(note)));
        transaction.writes.extend(alert.map(Write::Alert));
        self.store.commit(transaction).await?;
        self.news.notify_one();
        Ok(())
    }

    /// Plans whose files must be kept: those of the board and those of runs under way.
    pub(super) async fn needed_plans(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let (of_runs, _) = intake::plans_of_open_runs(&*self.store)?;
        Ok(self.board.lock().await.plans().union(&of_runs).copied().collect())
    }

    /// Tells on-call something about the agent itself.
    pub(super) async fn alert(&self, rule: &str, code: &str) {
        let alert = Alert {
            rule: rule.to_owned(),
            client: None,
            workflow: None,
            connection: None,
            code: code.to_owned(),
            run: None,
            incident: false,
            by: None,
        };
        let told = self.store.commit(Transaction::new(self.world.clock.now()).with(Write::Alert(alert))).await;
        if let Err(error) = told {
            tracing::error!(%error, rule, code, "an alert could not be written");
        }
    }

    /// The causes of all alerts of a rule about the agent itself are gone.
    pub(super) async fn alerts_over(&self, rule: &str) {
        let ended = async {
            let mut transaction = Transaction::new(self.world.clock.now());
            let open = self.store.alerts()?;
            let mine = open.iter().filter(|row| row.alert.rule == rule && row.alert.client.is_none());
            transaction.writes.extend(mine.map(|row| Write::AlertOver { key: row.alert.key() }));
            if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
        };
        if let Err(error) = ended.await {
            tracing::error!(%error, rule, "an alert could not be ended");
        }
    }

    /// What must be said in each log before the next word about time: that the clock was set, or the host slept, or the
    /// agent stood still.
    pub(super) fn missed(&self, now: Wall) -> Result<Vec<Write>, StoreError> {
        let Some(missed) = lock(&self.pulse).missed(now, self.world.clock.awake()) else { return Ok(Vec::new()) };
        tracing::warn!(?missed, "time did not go on as it should");
        let logs = self.store.logs()?;
        Ok(logs.into_iter().map(|log| Write::Note(Box::new(missed.note(log)))).collect())
    }

    /// A sign of life, or what was missed, is durable in each log.
    pub(super) fn lives(&self, now: Wall) {
        *lock(&self.pulse) = Pulse::new(now, self.world.clock.awake());
    }

    /// Whether it is time for a sign of life.
    pub(super) fn is_tick_due(&self) -> bool {
        lock(&self.pulse).is_due(self.world.clock.now())
    }

    /// Looks whether time went on as it should, and says so where it did not.
    pub(super) async fn look_at_pulse(&self) -> Result<(), StoreError> {
        if self.halted().is_some() {
            return Ok(());
        }
        let at = self.world.clock.now();
        let writes = self.missed(at)?;
        if writes.is_empty() {
            let mut pulse = lock(&self.pulse);
            *pulse = pulse.looked(at, self.world.clock.awake());
            return Ok(());
        }
        self.store.commit(Transaction { at, writes }).await?;
        self.lives(at);
        Ok(())
    }

    /// How the agent and its workflows stand.
    pub(super) async fn status(&self) -> Result<Status, StoreError> {
        let taken = self.taken();
        let board = self.board.lock().await;
        let snapshot = self.field.snapshot();
        let mut refused = BTreeSet::new();
        for (name, code) in self.store.states(REFUSED)? {
            if let (Some(Ok(digest)), Ok(code)) = (name.strip_prefix(REFUSED).map(str::parse), String::from_utf8(code))
            {
                refused.insert(RefusedStatus { code, digest });
            }
        }
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
            pull: lock(&self.trouble).clone(),
            halt: self.halted(),
            workflows: status::workflows(
                &board,
                |client: &ClientId| self.field.freshness(client),
                |plan| snapshot.bars(plan),
            ),
            holds: self.field.holds().to_vec(),
            refused,
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
        self.switch_by(propose, Vec::new(), Some(by)).await?;
        Ok(outcome)
    }
}
