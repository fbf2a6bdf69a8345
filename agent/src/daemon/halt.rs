//! An agent that finds its own name used elsewhere, or its store older than what it published, starts nothing, tells on-call,
//! and waits for a signed recovery.
//!
//! # Source
//! trust.md section 6.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::id::PersonId;
use assent_schema::ledger::{Checkpoint, Head, LogKey, Origin, Token};
use assent_schema::status::{Halt, Recover, Status};
use assent_schema::trust::{Namespace, RoleName, SignedFile, verify, verify_placed};
use serde::{Deserialize, Serialize};

use super::acceptance::Taken;
use super::agent::Agent;
use super::learnt::Learnt;
use super::remembered;
use crate::deploy;
use crate::deploy::halt::{self, Own, Published, Why};
use crate::ledger::{checkpoint_path, root_at};
use crate::pull::branch::{self, Branch};
use crate::pull::{PullFailure, push};
use crate::store::{Log, Store as _, StoreError, Transaction, Write, life};
use crate::sync::lock;
use crate::watch::{self, Condition};
use crate::world::{Clock as _, Dice as _, Disk as _};

/// Where the store keeps that nothing may be started, and why.
pub(super) const HALT: &str = "agent/halt";
/// Where the store keeps that it was recovered and has not pushed since.
pub(super) const COMES_BACK: &str = "agent/comes-back";
/// The file of a recovery that was accepted; the next start of the agent does what it says.
pub(super) const RECOVERY: &str = "recovery.json";
/// The reference that the agent's own branch is fetched into.
const QUARANTINE: &str = "refs/quarantine/status";
/// How long a start waits for the repository. Where it is away the agent goes on with what is there, and looks again when it
/// first pushes.
const START_LOOK: Duration = Duration::from_secs(10);

/// A recovery as it was signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    pub(super) statement: String,
    pub(super) signatures: BTreeMap<PersonId, String>,
}

/// Why an agent does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotRecovered {
    /// It did not stop.
    NotHalted,
    /// It has no release that says who is on call.
    NoRelease,
    /// Its root or release is older than what it published; it must pull first.
    Behind,
    /// The statement is about another agent or another halt.
    Other,
    /// The statement is not signed as it must be.
    Invalid(String),
    /// It could not be made durable.
    NotDurable,
}

impl Agent {
    /// Why nothing is started; `None` while all is well.
    pub(super) fn halted(&self) -> Option<Halt> {
        lock(&self.standing.halt).clone()
    }

    /// Looks, before anything runs, whether this agent is the one that published last under its name.
    pub(super) async fn look_back(&self) -> Result<(), StoreError> {
        if let Some(bytes) = self.store.state(HALT)? {
            let halt: Halt = canon::from_bytes(&bytes).or(Err(StoreError::Damaged("why the agent stopped")))?;
            self.stand_still(halt);
            return Ok(());
        }
        // What it kept of its own checkpoints, which may be newer than a database that was put back.
        let kept = Branch { status: None, checkpoints: self.kept_checkpoints()? };
        self.compare(&kept).await?;
        // What it pushed, or was about to, as far as that lies here: whoever took the one away need not know of the other.
        for commit in push::known(&self.config.state.repository(), &self.branch()) {
            self.compare_commit(&commit).await?;
        }
        // Also where that stopped it: what was published says more than what was kept.
        let branch = self.branch();
        let fetched = tokio::time::timeout(START_LOOK, self.transfers().fetch(&branch, QUARANTINE, None)).await;
        match fetched {
            Ok(Ok(commit)) => self.compare_commit(&commit).await.map(drop),
            Ok(Err(PullFailure::NoBranch)) => Ok(()),
            Ok(Err(failure)) => {
                tracing::warn!(code = failure.code(), "what was published could not be looked at");
                Ok(())
            }
            Err(_) => {
                tracing::warn!("what was published could not be looked at in time");
                Ok(())
            }
        }
    }

    /// After a push that was refused: either somebody holds this identity, which stops the agent, or somebody wrote what
    /// proves nothing, and the branch goes on after it. Tells whether that was somebody else: the first push after a recovery
    /// meets what this agent said before its state was put back.
    pub(super) async fn refused(&self, status: &Status) -> Result<bool, PullFailure> {
        let (name, repository) = (self.branch(), self.config.state.repository());
        let commit = match self.transfers().fetch(&name, QUARANTINE, None).await {
            Ok(commit) => commit,
            Err(PullFailure::NoBranch) => {
                // Somebody took it away, and what stood before the newest is not here any more.
                push::first(&repository, &name, status.time)?;
                self.transfers().push(&name).await?;
                self.is_back().await.or(Err(PullFailure::Broken))?;
                return Ok(true);
            }
            Err(failure) => return Err(failure),
        };
        let branch = branch::read(&repository, &commit, self.config.agent.as_str()).unwrap_or_default();
        if self.compare(&branch).await.or(Err(PullFailure::Broken))? {
            return Err(PullFailure::PushRefused);
        }
        let theirs = !(self.standing.returns.load(Ordering::Relaxed) && self.is_own(&branch));
        push::after(&repository, &name, &commit, status.time)?;
        self.transfers().push(&name).await?;
        self.is_back().await.or(Err(PullFailure::Broken))?;
        Ok(theirs)
    }

    /// Takes up whether it was recovered, by the words that it begins with now or before, and has not pushed since.
    pub(super) fn comes_back(&self, recovered: bool) -> Result<(), StoreError> {
        let recovered = recovered || self.store.state(COMES_BACK)?.is_some();
        self.standing.returns.store(recovered, Ordering::Relaxed);
        Ok(())
    }

    /// A push succeeded: from now on whatever else stands on its branch was written by somebody else.
    pub(super) async fn is_back(&self) -> Result<(), StoreError> {
        if self.standing.returns.swap(false, Ordering::Relaxed) {
            let write = Write::State { name: COMES_BACK.to_owned(), value: None };
            self.store.commit(Transaction { at: self.world.clock.now(), writes: vec![write] }).await?;
        }
        Ok(())
    }

    pub(super) fn branch(&self) -> String {
        push::branch(&self.config.environment, &self.config.region, &self.config.agent)
    }

    /// Nobody but this agent writes them: one that it cannot have written is damage, and never as if there were none.
    fn kept_checkpoints(&self) -> Result<BTreeMap<String, String>, StoreError> {
        // The agent's own log is at least as old as any other, also in a database that was put back.
        let logs: BTreeSet<Log> = self.store.logs()?.into_iter().chain([Log::Agent]).collect();
        let mut kept = BTreeMap::new();
        for log in logs {
            let Some(note) = self.disk.read(&checkpoint_path(&log)).or(Err(StoreError::Broken))? else { continue };
            let damaged = || StoreError::Damaged("a kept checkpoint");
            let note = String::from_utf8(note).or(Err(damaged()))?;
            if log == log.written() {
                self.our_head(&log, &note).ok_or_else(damaged)?;
            }
            kept.insert(log.as_str().to_owned(), note);
        }
        Ok(kept)
    }

    async fn compare_commit(&self, commit: &str) -> Result<bool, StoreError> {
        let repository = self.config.state.repository();
        let Ok(branch) = branch::read(&repository, commit, self.config.agent.as_str()) else { return Ok(false) };
        self.compare(&branch).await
    }

    /// Compares and, where that must be, stops. Tells whether it did.
    pub(super) async fn compare(&self, branch: &Branch) -> Result<bool, StoreError> {
        let published = self.signed_by_us(branch);
        let own = self.own(&published)?;
        let whys = halt::judge(&published, &own);
        if whys.is_empty() {
            return Ok(false);
        }
        self.stop_for(&whys, published).await.map(|()| true)
    }

    /// What of it this agent's keys signed. The rest proves nothing: anybody who may push can put it there.
    fn signed_by_us(&self, branch: &Branch) -> Published {
        let mut published = Published::default();
        for (name, note) in &branch.checkpoints {
            // Folders of logs that ended are not published.
            let Some(log) = Log::from_name(name).filter(|log| *log == log.written()) else { continue };
            if let Some(head) = self.our_head(&log, note) {
                published.heads.insert(log, (head, note.clone()));
            }
        }
        if let Some(status) = self.own_status(branch) {
            let codes = |plans: &BTreeMap<Digest, String>| {
                plans.iter().map(|(plan, code)| (*plan, deploy::Why::from_code(code))).collect()
            };
            let went_back =
                status.went_back().map(|(client, workflow, plans)| ((client.clone(), workflow.clone()), codes(plans)));
            published.returned = went_back.collect();
            if let Some(release) = status.release {
                published.root = release.root;
                published.release = (release.generation, release.sequence);
            }
        }
        published
    }

    /// The status of a branch that this agent's key signed.
    fn own_status(&self, branch: &Branch) -> Option<Status> {
        let (bytes, signature) = branch.status.as_ref()?;
        let keys = BTreeSet::from([self.identity.signing.public().clone()]);
        verify(bytes, signature, Namespace::Console, &keys).ok()?;
        let status = canon::from_bytes::<Status>(bytes).ok()?;
        ((status.project, &status.agent) == (self.pin.project, &self.config.agent)).then_some(status)
    }

    /// Whether this agent's keys signed the status and every checkpoint of a branch.
    fn is_own(&self, branch: &Branch) -> bool {
        self.own_status(branch).is_some() && self.signed_by_us(branch).heads.len() == branch.checkpoints.len()
    }

    fn our_head(&self, log: &Log, note: &str) -> Option<Head> {
        let origin = Checkpoint::peek(note).ok()?.origin;
        let first = Origin::first(self.config.project.clone(), self.config.agent.clone());
        if origin != (Origin { life: origin.life, client: log.client().cloned(), ..first }) {
            return None;
        }
        let key = LogKey::of_log(&origin, self.identity.ledger.verifying_key().as_bytes()).ok()?;
        Checkpoint::verify(note, &key, &[]).ok().map(|checkpoint| checkpoint.head().clone())
    }

    fn own(&self, published: &Published) -> Result<Own, StoreError> {
        let (pinned, _) = remembered::remembered(&*self.store, &self.pin)?;
        let life = life(&*self.store)?;
        let mut roots = BTreeMap::new();
        for (log, (head, _)) in published.heads.iter().filter(|(_, (head, _))| head.origin.life == life) {
            if let Some(root) = root_at(&*self.store, log, head.size)? {
                roots.insert(log.clone(), root);
            }
        }
        Ok(Own { life, root: pinned.root.0, release: pinned.sequence, roots })
    }

    /// Durable first, with its alert; then nothing begins any more, and no run goes on.
    pub(super) async fn stop_for(&self, whys: &BTreeSet<Why>, published: Published) -> Result<(), StoreError> {
        if let Some(halt) = self.halted() {
            let Some(learnt) = self.learnt(&halt, published)? else { return Ok(()) };
            return self.store.commit(Transaction::new(self.world.clock.now()).with(learnt)).await;
        }
        let why = whys.iter().filter_map(|why| Token::new(why.code()).ok()).collect();
        let published_notes = published.heads.values().map(|(_, note)| note.clone()).collect();
        let halt = Halt {
            since: self.field.now(),
            why,
            root: published.root,
            release: published.release,
            published: published_notes,
            nonce: Digest::from_bytes(self.world.dice.bytes()),
        };
        tracing::error!(why = ?halt.why, "this agent starts nothing until it is recovered");
        // Before it is durable: what could not be written must not let anything go on.
        self.stand_still(halt.clone());
        let learnt = self.learnt(&halt, published)?;
        let value = canon::to_bytes(&halt).or(Err(StoreError::Damaged("a halt without canonical form")))?;
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes.push(Write::State { name: HALT.to_owned(), value: Some(value) });
        transaction.writes.extend(learnt);
        let codes = whys.iter().map(|why| Condition::Halted { code: why.code().to_owned() });
        transaction.writes.extend(codes.map(|condition| Write::Alert(watch::alert(&condition))));
        self.store.commit(transaction).await
    }

    /// What keeps which plans went back, as far as that was published, until the recovery: nothing where that is known.
    fn learnt(&self, halt: &Halt, published: Published) -> Result<Option<Write>, StoreError> {
        let before = Learnt::load(&*self.store, halt.release)?;
        let mut known = before.clone();
        known.hear(published.returned, published.release);
        // What the release lets in that this agent has: an older word of it going back does not count.
        if let Some(taken) = self.taken() {
            known.let_in(&taken.bundle.manifest);
        }
        (known != before).then(|| known.write()).transpose()
    }

    /// What keeps which plans a release lets in again that is taken while nothing is started: they do not stay back after the
    /// recovery for what was said before it.
    pub(super) fn lets_in(&self, taken: &Taken) -> Result<Option<Write>, StoreError> {
        let Some(halt) = self.halted() else { return Ok(None) };
        let before = Learnt::load(&*self.store, halt.release)?;
        let mut known = before.clone();
        known.let_in(&taken.bundle.manifest);
        (known != before).then(|| known.write()).transpose()
    }

    fn stand_still(&self, halt: Halt) {
        self.field.halt();
        *lock(&self.standing.halt) = Some(halt);
    }

    /// Takes a recovery that on-call signed. The agent then stops in order and starts anew, and does what it says first.
    ///
    /// # Errors
    /// [`NotRecovered`]; then nothing changed.
    pub(super) fn recover(&self, signed: &Signed) -> Result<(), NotRecovered> {
        let halt = self.halted().ok_or(NotRecovered::NotHalted)?;
        let taken = self.taken().ok_or(NotRecovered::NoRelease)?;
        let manifest = &taken.bundle.manifest;
        // Whoever was on call by an older root may not be any more, and an older release may name what was taken out since.
        if taken.root() < halt.root || (manifest.generation, manifest.sequence) < halt.release {
            return Err(NotRecovered::Behind);
        }
        let signatures = signed.signatures.iter().map(|(who, armour)| (who.clone(), armour.clone().into_bytes()));
        let file = SignedFile { bytes: signed.statement.clone().into_bytes(), signatures: signatures.collect() };
        let (environment, region) = (&self.config.environment, &self.config.region);
        let roots = &taken.bundle.roots;
        let recover = verify_placed::<Recover>("recover.json", &file, RoleName::Oncall, roots, environment, region);
        let recover = recover.map_err(|error| NotRecovered::Invalid(error.to_string()))?;
        if !recover.is_of(&self.config.agent, &halt) {
            return Err(NotRecovered::Other);
        }
        let bytes = serde_json::to_vec(signed).or(Err(NotRecovered::NotDurable))?;
        self.disk.write(RECOVERY, &bytes).or(Err(NotRecovered::NotDurable))?;
        self.standing.recovered.notify_one();
        Ok(())
    }
}

/// Stops for a log that does not continue its last checkpoint.
pub(super) async fn stop_for_ledger(agent: &Arc<Agent>, why: Why) {
    let kept = agent.kept_checkpoints().unwrap_or_else(|error| {
        // It stops all the same: what it has no proof of may still be so.
        tracing::error!(%error, "the kept checkpoints cannot be read; the stop is written without them");
        BTreeMap::new()
    });
    let published = agent.signed_by_us(&Branch { status: None, checkpoints: kept });
    if let Err(error) = agent.stop_for(&[why].into(), published).await {
        tracing::error!(%error, "why the agent stopped could not be written");
    }
}
