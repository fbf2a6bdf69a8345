//! How a release is taken: looked for, verified with all that is remembered, kept, and only then counted; or refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, LEDGER};
use assent_schema::id::{ClientId, ConnectionId};

use super::acceptance::{self, Standpoint, Taken};
use super::agent::Agent;
use super::refused::{REFUSED, refused_state};
use super::remembered;
use crate::deploy::Board;
use crate::pull::fetch::NotDone;
use crate::pull::past::Past;
use crate::pull::read::{Files, NotRead};
use crate::pull::{PullFailure, compact, read, shelf};
use crate::real::Egress;
use crate::request::url::Base;
use crate::store::{Log, Note, Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::verify::Now;
use crate::watch::{self, Condition, Routes};
use crate::world::Clock as _;

/// The reference that a fetch writes; nothing is read from it before it was verified.
const QUARANTINE: &str = "refs/quarantine/release";
/// Where the store keeps the digest of the release that was accepted last.
const RELEASE: &str = "agent/release";
/// How long after a refusal that time can mend the same commit is judged again.
const AGAIN_AFTER: Duration = Duration::from_mins(5);

/// What became of the release that was accepted last when it was judged again.
pub(super) enum Kept {
    /// It is not in the agent's repository.
    Lost,
    /// The agent's repository, or what it holds of it, cannot be read.
    Unreadable(PullFailure),
    /// It is there.
    Judged(Box<Result<Taken, acceptance::Refusal>>),
}

/// A commit that was judged.
#[derive(Clone, Debug)]
pub(super) struct Judged {
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

impl Agent {
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
        let commit = match shelf::find(&repository, &manifest) {
            Ok(Some(commit)) => commit,
            Ok(None) => return Ok(Some(Kept::Lost)),
            Err(failure) => return Ok(Some(Kept::Unreadable(failure))),
        };
        let files = match read::read(&repository, &commit) {
            Ok(files) => files,
            Err(not_read) => return Ok(Some(Kept::Unreadable(not_read.failure))),
        };
        self.judge(&files, &commit, needed).map(|judged| Some(Kept::Judged(Box::new(judged))))
    }

    /// Takes up what is left of the release that was accepted last. Nothing runs from one that is not there or does not
    /// verify; the pull may bring it again.
    pub(super) async fn take_judged(&self, kept: Option<Kept>) {
        match kept {
            None => {}
            Some(Kept::Lost) => {
                tracing::error!("the accepted release is not in the agent's repository");
                self.alert(Rule::ReleaseLost, "not-there").await;
            }
            Some(Kept::Unreadable(failure)) => {
                tracing::error!(
                    code = failure.code(),
                    "the accepted release cannot be read from the agent's repository"
                );
                self.alert(Rule::ReleaseLost, failure.code()).await;
            }
            Some(Kept::Judged(judged)) => match *judged {
                Ok(taken) => match self.keep_resets(&taken).await {
                    Ok(()) => self.take_up(taken),
                    Err(error) => tracing::error!(%error, "how approvers stand could not be kept"),
                },
                Err(refusal) => {
                    tracing::error!(code = refusal.code, what = %refusal.what, "the accepted release does not verify");
                    self.alert(Rule::ReleaseLost, refusal.code).await;
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
    ) -> Result<Result<Taken, acceptance::Refusal>, StoreError> {
        let (pinned, fresh) = remembered::remembered(&*self.store, &self.pin)?;
        let at = Standpoint {
            place: acceptance::place(&self.config),
            pinned,
            now: Now { expiry: self.field.now(), clock: self.field.host_clock(), trusted: self.field.trusted() },
            fresh,
        };
        let repository = self.config.state.repository();
        let is_missing = |plan: &&Digest| !files.contains_key(&format!("plans/{plan}.json"));
        let missing = needed.iter().filter(is_missing).copied().collect();
        // What is not there is named by nothing that runs from here on. A repository that cannot be read says nothing about it.
        let older = shelf::plans(&repository, &missing).map_err(|failure| {
            tracing::error!(code = failure.code(), "the plans of older releases cannot be read");
            StoreError::Broken
        })?;
        let older: Vec<Vec<u8>> = older.into_values().collect();
        let mut past = Past::of(&repository, commit);
        let mut past = |digest| past.as_mut()?.manifest(digest);
        Ok(acceptance::judge(files, commit, &at, &older, self.taken().as_deref(), &mut past))
    }

    /// The commit that need not be judged, at this time since boot.
    pub(super) fn known_commit(&self, boot: Duration) -> Option<String> {
        lock(&self.pulling.judged).as_ref().and_then(|judged| judged.known(boot)).map(str::to_owned)
    }

    /// Looks for a release, and takes or refuses it. Whatever came of that, what it brought and nothing needs goes again.
    pub(super) async fn pull(self: &Arc<Self>) -> Result<(), PullFailure> {
        let looked = self.look_for_release().await;
        self.let_go().await;
        looked
    }

    /// Lets go of what fetches brought, and of the past of what is kept, once there is enough of it. While somebody else uses the
    /// repository, the next look does it.
    async fn let_go(self: &Arc<Self>) {
        let (Ok(_taking), Ok(_alone)) = (self.taking.try_lock(), self.repository.try_write()) else { return };
        let path = self.config.state.repository();
        let kept = self.repository_bytes.load(Ordering::Relaxed);
        let work = tokio::task::spawn_blocking(move || {
            if !compact::is_grown(compact::size(&path), kept) {
                return Ok(kept);
            }
            compact::compact(&path).map(|()| compact::size(&path))
        });
        match work.await.unwrap_or(Err(PullFailure::Broken)) {
            Ok(kept) => self.repository_bytes.store(kept, Ordering::Relaxed),
            Err(failure) => tracing::warn!(code = failure.code(), "what nothing needs could not be let go of"),
        }
    }

    async fn look_for_release(self: &Arc<Self>) -> Result<(), PullFailure> {
        let boot = self.world.clock.boot();
        let known = self.known_commit(boot);
        let branch = format!("release/{}/{}", self.config.environment, self.config.region);
        let commit = match self.transfers.fetch_named(&branch, QUARANTINE, known.as_deref()).await {
            Ok(commit) => commit,
            Err(NotDone { failure, tip }) => {
                self.refuse_unread(failure, &branch, tip.as_deref()).await;
                return Err(failure);
            }
        };
        self.fetched().await.or(Err(PullFailure::Broken))?;
        if known.as_ref() == Some(&commit) {
            lock(&self.pulling.looked).iter_mut().for_each(|looked| *looked = boot);
            return Ok(());
        }
        let taking = self.taking.lock().await;
        let needed = self.needed_plans().await.or(Err(PullFailure::Broken))?;
        let (agent, at) = (Arc::clone(self), commit.clone());
        let judged = tokio::task::spawn_blocking(move || {
            let files = read::read(&agent.config.state.repository(), &at)?;
            agent.judge(&files, &at, &needed).or(Err(NotRead::from(PullFailure::Broken)))
        });
        let verdict = match judged.await.or(Err(PullFailure::Broken))? {
            Ok(verdict) => verdict,
            Err(NotRead { failure: PullFailure::FileRefused, what }) => {
                Err(acceptance::Refusal::of_commit("file-refused", &commit, what))
            }
            Err(not_read) => return Err(not_read.failure),
        };
        let taken = verdict.is_ok();
        let (done, again) = match verdict {
            Ok(taken) => (self.accept(taken, &commit).await, None),
            Err(refusal) => {
                (self.refuse(&refusal).await, refusal.may_pass_later.then(|| boot.saturating_add(AGAIN_AFTER)))
            }
        };
        match done {
            Ok(()) => {
                *lock(&self.pulling.judged) = Some(Judged { commit, again });
                *lock(&self.pulling.looked) = taken.then_some(boot);
            }
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
        with.extend(self.reset_writes(&taken)?);
        let name = taken.manifest.to_string().into_bytes();
        with.push(Write::State { name: RELEASE.to_owned(), value: Some(name) });
        // What was refused before it, be it this one for its time or another, says nothing of where the branch stands now.
        for (name, _) in self.store.states(REFUSED)? {
            with.push(Write::State { name, value: None });
        }
        with.extend(taken.memory()?);
        with.extend(self.lets_in(&taken)?);
        if let Some(signed) = taken.fresh {
            // What was signed since the look before; of what was there already nobody knows how old it is.
            let looked = lock(&self.pulling.looked).filter(|_| before.as_ref().is_some_and(|b| b.fresh < taken.fresh));
            self.field.learn(signed, looked);
            self.world.clock.learn(signed);
        }
        with.push(self.time_write());
        let (newest, accepted) = (taken.manifest, taken.accepted(self.field.now(), new));
        let propose = |board: &Board| board.accept(&accepted, self.field.now());
        // Whom it lets decide, and where it lets the agent reach, counts with its plans: when all of it is durable.
        self.switch_by(propose, with, None, || self.take_up(taken)).await?;
        tracing::info!(manifest = %newest, new, "a release was accepted");
        let needed = self.needed_plans().await?;
        if let Err(failure) = shelf::tidy(&repository, &newest, &needed) {
            tracing::warn!(code = failure.code(), "old releases could not be removed");
        }
        self.telling.news.notify_one();
        Ok(())
    }

    fn take_up(&self, taken: Taken) {
        let mut egress = Egress::default();
        for (client, connections) in &taken.endpoints.clients {
            for (connection, endpoint) in connections {
                for base in super::watching::bases(endpoint) {
                    egress.allow(client, connection, base.host(), base.port());
                }
            }
        }
        for (client, facts) in &taken.clients {
            self.allow_witnesses(client, facts, &mut egress);
        }
        let listed = super::watching::listed(&taken.endpoints, &self.config.region);
        if let Err(error) = super::watching::permit_own(&self.config, &self.world.net, &listed, egress) {
            // It was looked at before the agent began.
            tracing::error!(%error, "what `agent.toml` says cannot be used");
        }
        match Routes::new(taken.clients.values().map(AsRef::as_ref), &taken.endpoints) {
            Ok(routes) => *lock(&self.routes) = Arc::new(routes),
            Err(error) => tracing::error!(%error, "alert routes cannot be used"),
        }
        *lock(&self.taken) = Some(Arc::new(taken));
        self.telling.shared.notify_one();
    }

    /// The witnesses of a client's ledger stand in its facts, not in `endpoints.json`.
    fn allow_witnesses(&self, client: &ClientId, facts: &ClientFacts, egress: &mut Egress) {
        let Ok(name) = LEDGER.parse::<ConnectionId>() else { return };
        let witnesses = facts.ledger.get(&self.config.environment).into_iter().flat_map(|holders| &holders.witnesses);
        for base in witnesses.filter_map(|witness| Base::parse(&witness.url)) {
            egress.allow(client, &name, base.host(), base.port());
        }
    }

    /// Opens the logs of clients that are new here, and tells each log of every version of root that it did not hear of: whoever
    /// changes root leaves no version out by changing it again.
    fn first_words(&self, taken: &Taken) -> Result<Vec<Write>, StoreError> {
        let mut words = Vec::new();
        // The first version is what the logs are opened with.
        let known = remembered::known_root(&*self.store)?.unwrap_or(1);
        let roots = |log: &Log, after: u32| -> Vec<Note> {
            let versions = after.saturating_add(1)..=taken.root();
            versions.map(|version| Note::new(log.clone(), "root").fact("version", version)).collect()
        };
        words.extend(roots(&Log::Agent, known));
        for client in taken.clients.keys() {
            let log = Log::Client(client.clone());
            if self.store.ledger_size(&log)? == 0 {
                words.push(crate::ledger::opened(log.clone(), self.pin.project, Vec::new()));
                words.push(crate::ledger::started(log.clone(), true));
                words.push(crate::ledger::tick(log.clone()));
                words.extend(roots(&log, 1));
            } else {
                words.extend(roots(&log, known));
            }
        }
        Ok(words.into_iter().map(|note| Write::Note(Box::new(note))).collect())
    }

    /// Says no to a release: the active one goes on. Told once for each digest and reason.
    pub(super) async fn refuse(&self, refusal: &acceptance::Refusal) -> Result<(), StoreError> {
        let alert = watch::alert(&Condition::ReleaseRefused { code: refusal.code.to_owned() });
        self.say_no(refusal, [entered(refusal), Write::Alert(alert)]).await
    }

    /// The same, without a word to on-call.
    pub(super) async fn enter(&self, refusal: &acceptance::Refusal) -> Result<(), StoreError> {
        self.say_no(refusal, [entered(refusal)]).await
    }

    /// Lists it with what is refused, and no more.
    pub(super) async fn list(&self, refusal: &acceptance::Refusal) -> Result<(), StoreError> {
        self.say_no(refusal, []).await
    }

    async fn say_no(
        &self,
        refusal: &acceptance::Refusal,
        words: impl IntoIterator<Item = Write>,
    ) -> Result<(), StoreError> {
        tracing::warn!(code = refusal.code, digest = %refusal.digest, what = %refusal.what, "a release was refused");
        let name = format!("{REFUSED}{}", refusal.digest);
        let value = refused_state(refusal.code, &refusal.what);
        if self.store.state(&name)?.as_deref() == Some(value.as_slice()) {
            return Ok(());
        }
        let listed = Write::State { name, value: Some(value) };
        let writes = std::iter::once(listed).chain(words).collect();
        self.store.commit(Transaction { at: self.world.clock.now(), writes }).await?;
        self.telling.news.notify_one();
        Ok(())
    }

    /// Plans whose files must be kept: those of the board and those of runs under way.
    pub(super) async fn needed_plans(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let (of_runs, _) = acceptance::plans_of_open_runs(&*self.store)?;
        Ok(self.board.lock().await.plans().union(&of_runs).copied().collect())
    }
}

/// The entry of a refusal in the agent's own log.
fn entered(refusal: &acceptance::Refusal) -> Write {
    let note = Note::new(Log::Agent, "refused").fact("code", refusal.code).fact("digest", refusal.digest.to_string());
    Write::Note(Box::new(note))
}
