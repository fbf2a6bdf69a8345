//! What the agent says to the outside by its own branch: status, checkpoints, rehearsals. Signed first, then pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::canon::{self, Digest};
use assent_schema::status::Status;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Namespace, sign};

use super::agent::Agent;
use crate::deploy::halt::Why;
use crate::ledger::{PublishError, RoundError};
use crate::pull::{PullFailure, push};
use crate::store::{Log, Note, Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::world::Clock as _;

/// How often checkpoints are signed while there is news.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
/// Changes that come together are pushed together.
const SETTLES: Duration = Duration::from_millis(200);
/// After so long a plan is rehearsed again, so that a release can be made of it on any day.
const REHEARSE_AGAIN: Period = Period::days(20);
/// Where the branch keeps rehearsals.
const REHEARSALS: &str = "rehearsals/";

/// So many pushes in a row that failed are told to on-call.
const FAILURES_TOLD: u32 = 5;

/// What was said to the outside last, and what is still to be said.
#[derive(Default)]
pub(super) struct Said {
    status: Option<Status>,
    /// Checkpoints that were signed and do not stand on the branch yet: they are signed once.
    left: BTreeMap<String, Vec<u8>>,
}

/// Pushes until the future is dropped.
pub(super) async fn publishing(agent: Arc<Agent>) {
    let news = agent.news();
    let (mut said, mut failures) = (Said::default(), 0_u32);
    loop {
        if agent.halted().is_some() {
            // Whoever holds this name may be elsewhere: nothing is signed, and nothing is pushed over it.
            news.notified().await;
            continue;
        }
        if agent.is_tick_due() {
            tick(&agent).await;
        }
        let failure = publish(&agent, &mut said).await.err();
        agent.cannot_publish(failure);
        failures = if failure.is_some() { failures.saturating_add(1) } else { 0 };
        if let Some(failure) = failure {
            // What stands on the branch here is pushed with the next try, whatever changed meanwhile.
            said.status = None;
            tracing::warn!(code = failure.code(), failures, "the status could not be pushed");
            if failures == FAILURES_TOLD {
                agent.alert(Rule::Status, failure.code()).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(CHECKPOINT_EVERY) => {}
            () = news.notified() => tokio::time::sleep(SETTLES).await,
        }
    }
}

/// Signs what is new and pushes it.
pub(super) async fn publish(agent: &Arc<Agent>, said: &mut Said) -> Result<(), PullFailure> {
    let _used = agent.repository.read().await;
    said.left.extend(checkpoints(agent).await?);
    said.left.extend(cosigned(agent));
    let mut files = said.left.clone();
    let (rehearsals, rehearsed) = rehearsals(agent).await;
    files.extend(rehearsals);
    let status = agent.status().await.or(Err(PullFailure::Broken))?;
    // Its own time is no news.
    let same = said.status.as_ref().is_some_and(|old| Status { time: status.time, ..old.clone() } == status);
    if same && files.is_empty() {
        return Ok(());
    }
    put_signed(
        agent,
        &mut files,
        "status.json".into(),
        &canon::to_bytes(&status).or(Err(PullFailure::Broken))?,
        Namespace::Console,
    );
    let branch = push::branch(&agent.config.environment, &agent.config.region, &agent.config.agent);
    push::commit(&agent.config.state.repository(), &branch, &files, status.time)?;
    said.left.clear();
    // Only now, with the statements on the branch, are they not made again.
    if !rehearsed.is_empty() {
        let done = Transaction { at: agent.world.clock.now(), writes: rehearsed };
        agent.store.commit(done).await.or(Err(PullFailure::Broken))?;
    }
    match agent.transfers().push(&branch).await {
        Ok(_) => {
            agent.is_back().await.or(Err(PullFailure::Broken))?;
            agent.alerts_over(Rule::Status).await;
            said.status = Some(status);
            Ok(())
        }
        Err(PullFailure::PushRefused) => {
            // Somebody else wrote to this branch: another instance holds this identity, or somebody who may push. Or this agent
            // did, before its state was put back and recovered.
            if agent.refused(&status).await? {
                agent.alert(Rule::Status, "branch-not-ours").await;
            } else {
                agent.alerts_over(Rule::Status).await;
            }
            said.status = Some(status);
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn put_signed(agent: &Agent, files: &mut BTreeMap<String, Vec<u8>>, name: String, bytes: &[u8], namespace: Namespace) {
    let signature = sign(&agent.identity.signing, namespace, bytes);
    files.insert(format!("{name}.{}.sig", agent.config.agent), signature.into_bytes());
    files.insert(name, bytes.to_vec());
}

/// Signs a checkpoint of each log that has news.
pub(super) async fn checkpoints(agent: &Arc<Agent>) -> Result<BTreeMap<String, Vec<u8>>, PullFailure> {
    let work = Arc::clone(agent);
    // The first round after a start reads whole logs.
    let round = tokio::task::spawn_blocking(move || {
        let mut desk = lock(&work.ledger);
        let new = desk.publishers().round(&*work.store)?;
        let logs = work.store.logs().map_err(RoundError::Store)?;
        let newest = logs.into_iter().filter_map(|log| Some((log.clone(), desk.publishers().last(&log)?.clone())));
        *lock(&work.telling.newest) = newest.collect();
        Ok(new)
    });
    match round.await.or(Err(PullFailure::Broken))? {
        Ok(new) => {
            if !new.is_empty() {
                agent.telling.shared.notify_one();
            }
            Ok(new.into_iter().map(|one| (one.path, one.checkpoint.note().as_bytes().to_vec())).collect())
        }
        Err(error) => {
            tracing::error!(%error, "checkpoints could not be signed");
            if let RoundError::Refused(_, what) = error {
                let why = if what == PublishError::Smaller { Why::LedgerOlder } else { Why::LedgerForked };
                super::halt::stop_for_ledger(agent, why).await;
            }
            Err(PullFailure::Broken)
        }
    }
}

/// The newest checkpoints that witnesses signed, beside those that are the newest of all.
fn cosigned(agent: &Agent) -> BTreeMap<String, Vec<u8>> {
    let signed = std::mem::take(&mut *lock(&agent.telling.cosigned));
    let file = |log: &Log| format!("checkpoints/{}/cosigned", log.as_str());
    signed.into_iter().map(|(log, with)| (file(&log), with.note().as_bytes().to_vec())).collect()
}

/// The hourly sign of life in each log.
async fn tick(agent: &Agent) {
    let written = async {
        let at = agent.world.clock.now();
        let mut transaction = Transaction { at, writes: agent.missed(at)? };
        // The agent's own log last, so that its heads are those of the ticks beside it.
        let mut logs = agent.store.logs()?;
        logs.sort_by_key(|log| *log == Log::Agent);
        transaction.writes.extend(logs.into_iter().map(|log| Write::Note(Box::new(crate::ledger::tick(log)))));
        agent.store.commit(transaction).await?;
        agent.lives(at);
        Ok::<_, StoreError>(())
    };
    if let Err(error) = written.await {
        tracing::error!(%error, "the hourly tick could not be written");
    }
}

/// What is kept of a rehearsal: by which program it was made, and when.
#[derive(Debug, PartialEq, Eq)]
struct Rehearsed {
    binary: Digest,
    time: Moment,
}

impl Rehearsed {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (binary, seconds) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Self { binary: binary.parse().ok()?, time: Moment::from_seconds(seconds.parse().ok()?) })
    }

    fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}", self.binary, self.time.seconds()).into_bytes()
    }

    /// Whether it still says what production wants to know: this program ran the plan, and not long ago.
    fn holds(&self, binary: Digest, now: Moment) -> bool {
        self.binary == binary && now.since(self.time) <= REHEARSE_AGAIN
    }
}

/// Runs the scenarios of plans that were not rehearsed yet, or long ago, or by another program, where root asks this agent to.
/// Returns the signed statements and what says that they were made.
async fn rehearsals(agent: &Arc<Agent>) -> (BTreeMap<String, Vec<u8>>, Vec<Write>) {
    let (mut files, mut done) = (BTreeMap::new(), Vec::new());
    let Some(taken) = agent.taken() else { return (files, done) };
    let root = taken.bundle.roots.newest();
    if !root.agents.get(&agent.config.agent).is_some_and(|entry| entry.rehearses) {
        return (files, done);
    }
    // Which program this is takes reading it, once.
    let asking = Arc::clone(agent);
    let binary = tokio::task::spawn_blocking(move || asking.binary()).await.ok().and_then(Result::ok);
    for workflow in taken.workflows().values() {
        let name = format!("rehearsed/{}/{}", workflow.active.plan, workflow.active.tests);
        // What cannot be read is rehearsed again: a statement more does no harm.
        let known = agent.store.state(&name).ok().flatten().and_then(|bytes| Rehearsed::read(&bytes));
        if known.is_some_and(|known| binary.is_none_or(|binary| known.holds(binary, agent.field.now()))) {
            continue;
        }
        let rehearsed = super::rehearsal::rehearse(agent, &taken, workflow).await;
        let bytes = rehearsed.inspect_err(|error| {
            let (client, workflow) = (&workflow.active.client, &workflow.active.workflow);
            tracing::error!(%client, %workflow, %error, "a plan could not be rehearsed");
        });
        if let Ok((statement, bytes)) = bytes {
            let digest = Digest::of_file(&bytes);
            put_signed(agent, &mut files, format!("{REHEARSALS}{digest}.json"), &bytes, Namespace::Rehearsal);
            let made = Rehearsed { binary: statement.engine.binary, time: statement.time };
            done.push(Write::State { name, value: Some(made.to_bytes()) });
        }
    }
    (files, done)
}

/// The first words of the agent's own log, and that it came up.
pub(super) fn came_up(agent: &Agent, logs: &BTreeSet<Log>, clean: bool) -> Vec<Write> {
    let mut notes = Vec::new();
    if !logs.contains(&Log::Agent) {
        notes.push(crate::ledger::opened(Log::Agent, agent.pin.project, Vec::new()));
        notes.push(crate::ledger::started(Log::Agent, true));
    }
    for log in logs {
        notes.push(crate::ledger::started(log.clone(), clean));
    }
    notes.into_iter().map(|note: Note| Write::Note(Box::new(note))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_holds_for_twenty_days_and_for_the_program_that_made_it() {
        let (ours, other) = (Digest::of_file(b"ours"), Digest::of_file(b"other"));
        let made = Rehearsed { binary: ours, time: Moment::from_seconds(1_772_442_000) };
        let read = Rehearsed::read(&made.to_bytes()).unwrap();
        assert_eq!(read, made);
        assert!(read.holds(ours, made.time) && read.holds(ours, made.time.plus(REHEARSE_AGAIN)));
        assert!(!read.holds(ours, made.time.plus(REHEARSE_AGAIN).plus(Period::seconds(1))));
        assert!(!read.holds(other, made.time));
        // As earlier versions kept it, without either.
        assert_eq!(Rehearsed::read(ours.to_string().as_bytes()), None);
    }
}
