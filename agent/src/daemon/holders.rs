//! Gives the checkpoints of each client's ledger to whom the client named: witnesses that cosign, a branch that it owns.
//! Nothing here is waited for: an outage out there stops no run and no other client's checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::client::{Holders, OwnedBranch};
use assent_schema::id::ClientId;
use assent_schema::ledger::{Checkpoint, LogKey};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::agent::Agent;
use crate::config::Repository;
use crate::ledger::{Asked, FILE, NotHanded, Owned, Stands, Trouble, cosign, hand, root_at};
use crate::pull::branch::Branch;
use crate::pull::fetch::{Credential, Transfers};
use crate::pull::{PullFailure, push, read};
use crate::store::{Log, Store as _, Transaction};
use crate::sync::lock;
use crate::watch::{self, Condition};
use crate::world::Clock as _;

/// How often somebody is told of news at least, and looked for after a failure.
const EVERY: Duration = Duration::from_mins(1);
/// How soon after one round the next may be: signing is often, processes are not for nothing.
const REST: Duration = Duration::from_secs(30);
/// The longest pause after failures.
const PAUSE_MOST: Duration = Duration::from_mins(15);
/// How long an outage may last before on-call is told.
const OUTAGE_MOST: Duration = Duration::from_mins(15);
/// Transfers at once: each is a process.
const TRANSFERS_MOST: usize = 4;
/// The largest file of a branch that is looked at, in bytes.
const NOTE_MOST_BYTES: usize = 64 << 10;

/// What is remembered of the holders of one client's ledger.
#[derive(Default)]
struct Held {
    /// Who they were: what is remembered of others is nothing.
    holders: Holders,
    /// Where the branch was left.
    left: Option<Stands>,
    /// What keeps the branch from it, since when.
    branch: Option<Failing>,
    /// What keeps witnesses from signing, since when, by name.
    witnesses: BTreeMap<String, Failing>,
    /// The size that all of them have, so that nothing is done again.
    done: Option<u64>,
    tries: u32,
    /// When the branch is tried next, and when anything is, by the time since boot.
    due: Duration,
    next: Duration,
}

struct Failing {
    code: String,
    grave: bool,
    since: Duration,
}

impl Failing {
    /// The same trouble as before keeps its beginning.
    fn after(before: Option<Self>, code: String, grave: bool, now: Duration) -> Self {
        let since = before.filter(|before| before.code == code).map_or(now, |before| before.since);
        Self { code, grave, since }
    }

    fn is_told(&self, now: Duration) -> bool {
        self.grave || now.saturating_sub(self.since) >= OUTAGE_MOST
    }
}

/// Shares until the future is dropped.
pub(super) async fn sharing(agent: Arc<Agent>) {
    let mut idle: BTreeMap<ClientId, Held> = BTreeMap::new();
    let mut tasks: JoinSet<(ClientId, Held)> = JoinSet::new();
    let (mut busy, places) = (BTreeSet::new(), Arc::new(Semaphore::new(TRANSFERS_MOST)));
    // What was so when each client was looked at last: while one is looked at again, that still stands.
    let mut conditions: BTreeMap<ClientId, Vec<Condition>> = BTreeMap::new();
    loop {
        if agent.halted().is_none() {
            begin(&agent, &mut idle, &mut busy, &mut tasks, &places);
        }
        let rest = tokio::time::sleep(EVERY);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => break,
                () = agent.telling.shared.notified() => break,
                Some(done) = tasks.join_next() => match done {
                    Ok((client, held)) => {
                        busy.remove(&client);
                        conditions.insert(client.clone(), troubles(&client, &held, agent.world.clock.boot()));
                        idle.insert(client, held);
                        conditions.retain(|client, _| idle.contains_key(client) || busy.contains(client));
                        tell(&agent, &conditions).await;
                    }
                    Err(error) => {
                        tracing::error!(panicked = error.is_panic(), "sharing checkpoints of a client ended");
                        busy.clear();
                        tasks.abort_all();
                    }
                },
            }
        }
    }
}

/// Starts a task for each client whose holders do not have its newest checkpoint.
fn begin(
    agent: &Arc<Agent>,
    idle: &mut BTreeMap<ClientId, Held>,
    busy: &mut BTreeSet<ClientId>,
    tasks: &mut JoinSet<(ClientId, Held)>,
    places: &Arc<Semaphore>,
) {
    let Some(taken) = agent.taken() else { return };
    let now = agent.world.clock.boot();
    let holders = |client: &ClientId| taken.clients.get(client)?.ledger.get(&agent.config.environment).cloned();
    idle.retain(|client, _| holders(client).is_some());
    for client in taken.clients.keys() {
        let Some(holders) = holders(client).filter(|_| !busy.contains(client)) else { continue };
        let mut held = idle.remove(client).filter(|held| held.holders == holders).unwrap_or_default();
        let log = Log::Client(client.clone());
        let newest = lock(&agent.telling.newest).get(&log).cloned();
        let public = agent.identity.ledger.verifying_key();
        let key = newest.as_ref().and_then(|newest| LogKey::of_log(&newest.head().origin, public.as_bytes()).ok());
        let is_news = newest.as_ref().map(|newest| newest.head().size) != held.done;
        let (Some(newest), Some(key), true) = (newest, key, is_news && held.next <= now) else {
            idle.insert(client.clone(), held);
            continue;
        };
        held.holders = holders;
        busy.insert(client.clone());
        let (agent, client, places) = (Arc::clone(agent), client.clone(), Arc::clone(places));
        drop(tasks.spawn(async move {
            share(&agent, &client, &mut held, (newest, &key), &places).await;
            (client, held)
        }));
    }
}

/// One round for one client: witnesses first, so that the branch gets their lines too.
async fn share(
    agent: &Arc<Agent>,
    client: &ClientId,
    held: &mut Held,
    (newest, key): (Checkpoint, &LogKey),
    places: &Semaphore,
) {
    let log = Log::Client(client.clone());
    let size = newest.head().size;
    let asked: Vec<Asked> = held.holders.witnesses.iter().filter_map(|witness| Asked::new(witness).ok()).collect();
    let outside = (&*agent.world, &*agent.store);
    let (cosigned, troubles) = cosign(outside, (&log, key), client, &asked, newest).await;
    if !cosigned.witnessed().is_empty() {
        lock(&agent.telling.cosigned).insert(log.clone(), cosigned.clone());
    }
    let now = agent.world.clock.boot();
    let mut before = std::mem::take(&mut held.witnesses);
    let failing = |(name, trouble): (String, Trouble)| {
        tracing::warn!(%client, code = trouble.code(), "a witness did not cosign");
        let failing = Failing::after(before.remove(&name), trouble.code(), trouble.is_grave(), now);
        (name, failing)
    };
    held.witnesses = troubles.into_iter().map(failing).collect();
    if let Some(branch) = held.holders.branch.clone().filter(|_| held.due <= now) {
        match hand_over(agent, client, held, (&branch, places), (&cosigned, key)).await {
            Ok(()) => (held.branch, held.tries) = (None, 0),
            Err(what) => {
                tracing::warn!(%client, code = what.code(), "a checkpoint did not reach the client's branch");
                let failing = Failing::after(held.branch.take(), what.code().to_owned(), what.is_grave(), now);
                held.branch = Some(failing);
                let pauses = 2_u32.saturating_pow(held.tries.min(4));
                held.tries = held.tries.saturating_add(1);
                held.due = now.saturating_add(EVERY.saturating_mul(pauses).min(PAUSE_MOST));
            }
        }
    }
    let well = held.branch.is_none() && held.witnesses.is_empty();
    held.done = well.then_some(size);
    held.next = agent.world.clock.boot().saturating_add(REST);
}

async fn hand_over(
    agent: &Arc<Agent>,
    client: &ClientId,
    held: &mut Held,
    (branch, places): (&OwnedBranch, &Semaphore),
    (checkpoint, key): (&Checkpoint, &LogKey),
) -> Result<(), NotHanded> {
    let broken = NotHanded::Failed(PullFailure::Broken);
    let repository = Repository::owned(branch).ok_or(NotHanded::Failed(PullFailure::Certificate))?;
    let _place = places.acquire().await.or(Err(broken))?;
    let _used = agent.repository.read().await;
    let (vault, whose) = (Arc::clone(&agent.field), client.clone());
    let credential: Credential = Arc::new(move || {
        let (vault, whose) = (Arc::clone(&vault), whose.clone());
        Box::pin(async move { vault.opens_branch(whose).await })
    });
    let owned = OwnedByClient {
        transfers: agent.transfers().with(repository, credential),
        repository: agent.config.state.repository(),
        agent,
        client,
        branch: format!("{}/{}", branch.name, agent.config.agent),
    };
    let log = Log::Client(client.clone());
    let root_at = |size| root_at(&*agent.store, &log, size).ok().flatten();
    match hand(&owned, held.left.as_ref(), (checkpoint, key), root_at).await {
        Ok(left) => {
            held.left = Some(left);
            Ok(())
        }
        Err(what) => {
            held.left = None;
            if let NotHanded::Beyond(note) = &what {
                // By our own key: whoever signed it is us, and our store knows nothing of it.
                let branch = Branch { status: None, checkpoints: [(log.as_str().to_owned(), note.clone())].into() };
                if let Err(error) = agent.compare(&branch).await {
                    tracing::error!(%error, "why the agent stopped could not be written");
                }
            }
            Err(what)
        }
    }
}

/// What on-call is told of the holders of one client's ledger.
fn troubles(client: &ClientId, held: &Held, now: Duration) -> Vec<Condition> {
    let branch = held.branch.iter().filter(|failing| failing.is_told(now)).map(|Failing { code, grave, .. }| {
        Condition::LedgerBranch { client: client.clone(), code: code.clone(), grave: *grave }
    });
    let witnesses = held.witnesses.values().filter(|failing| failing.is_told(now));
    let witnesses = witnesses.map(|Failing { code, grave, .. }| Condition::Witness {
        client: client.clone(),
        code: code.clone(),
        grave: *grave,
    });
    branch.chain(witnesses).collect()
}

/// Tells on-call what keeps checkpoints from their holders, and when nothing does any more.
async fn tell(agent: &Agent, conditions: &BTreeMap<ClientId, Vec<Condition>>) {
    let conditions: Vec<Condition> = conditions.values().flatten().cloned().collect();
    let told = async {
        let mut transaction = Transaction::new(agent.world.clock.now());
        transaction.writes = watch::settle(&agent.store.alerts()?, &[Rule::LedgerBranch, Rule::Witness], &conditions);
        if transaction.writes.is_empty() { Ok(()) } else { agent.store.commit(transaction).await }
    };
    if let Err(error) = told.await {
        tracing::error!(%error, "alerts about holders of checkpoints could not be written");
    }
}

/// The branch of a client, reached by transfers in child processes.
struct OwnedByClient<'a> {
    transfers: Transfers,
    repository: std::path::PathBuf,
    agent: &'a Agent,
    client: &'a ClientId,
    branch: String,
}

impl Owned for OwnedByClient<'_> {
    async fn look(&self) -> Result<Option<Stands>, PullFailure> {
        let into = format!("refs/quarantine/owned/{}", self.client);
        let commit = match self.transfers.fetch(&self.branch, &into, None).await {
            Ok(commit) => commit,
            Err(PullFailure::NoBranch) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let note = match read::read_one(&self.repository, &commit, FILE) {
            Ok(Some(note)) if note.len() <= NOTE_MOST_BYTES => Some(String::from_utf8_lossy(&note).into_owned()),
            // Something else under the name of the file is nothing that this log wrote.
            Ok(Some(_)) | Err(PullFailure::FileRefused) => Some(String::new()),
            Ok(None) => None,
            Err(failure) => return Err(failure),
        };
        Ok(Some(Stands { commit, note }))
    }

    async fn put(&self, over: Option<&str>, note: &str) -> Result<String, PullFailure> {
        let here = format!("owned/{}", self.client);
        let at = self.agent.field.now();
        push::alone(&self.repository, &here, over, &[(FILE, note.as_bytes())], at)?;
        self.transfers.push_into(&here, &self.branch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_lasts_and_what_is_worse_at_once() {
        let at = |minutes: u64| Duration::from_mins(100 + minutes);
        let away = |code: &str, before| Failing::after(before, code.to_owned(), false, at(0));
        let client: ClientId = "acme".parse().unwrap();
        let mut held = Held { branch: Some(away("unreachable", None)), ..Held::default() };
        held.witnesses.insert("one".to_owned(), away("timed_out", None));
        held.witnesses.insert("two".to_owned(), Failing::after(None, "other-history".to_owned(), true, at(0)));
        let told = |held: &Held, now| {
            let told = troubles(&client, held, now);
            told.iter().map(|one| watch::alert(one).key()).collect::<Vec<_>>()
        };
        assert_eq!(told(&held, at(14)), ["witness/acme/-/other-history"]);
        let all = ["ledger-branch/acme/-/unreachable", "witness/acme/-/timed_out", "witness/acme/-/other-history"];
        assert_eq!(told(&held, at(15)), all);
        let incidents =
            troubles(&client, &held, at(15)).iter().map(|one| watch::alert(one).incident).collect::<Vec<_>>();
        assert_eq!(incidents, [false, false, true], "an outage opens none");
        // Another trouble begins anew, the same one goes on.
        held.branch = Some(Failing::after(held.branch.take(), "refused".to_owned(), false, at(10)));
        assert!(!told(&held, at(15)).contains(&"ledger-branch/acme/-/refused".to_owned()));
        held.branch = Some(Failing::after(held.branch.take(), "refused".to_owned(), false, at(20)));
        assert!(told(&held, at(25)).contains(&"ledger-branch/acme/-/refused".to_owned()));
    }
}
