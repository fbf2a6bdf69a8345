//! A recovery is done at a start, when nothing else touches the store: all runs under way go to people, all logs end, and new
//! ones begin that name the last checkpoints of the old. A log that was published is never continued otherwise, so it never
//! forks.
//!
//! # Source
//! trust.md section 6; formats.md section 4.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::alert::Rule;
use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::{Checkpoint, Token};
use assent_schema::plan::Plan;
use assent_schema::status::{Halt, Recover};
use serde::{Deserialize, Serialize};

use super::halt::{COMES_BACK, HALT, RECOVERY, Signed};
use super::learnt::{Learnt, Release};
use super::{dated_last, stored_time};
use crate::config::Config;
use crate::control::offline;
use crate::deploy::{Board, switch};
use crate::error::{Context as _, Error};
use crate::ledger;
use crate::pull::shelf;
use crate::real::BoundedClock;
use crate::run::{Compiled, give_up, recovered};
use crate::store::{Alert, Entry, Log, Note, Store, StoreError, Transaction, Write, life};
use crate::world::{Clock as _, Disk, Wall};

/// Where the store keeps what the first entries of the new logs say, until they are written.
const RECOVERED: &str = "agent/recovered";
/// Where a recovery is kept that cannot be read. It is not done; somebody on call signs another.
pub(super) const REFUSED: &str = "recovery.refused";
/// Where lists and schedules stand. What came since the store was left is not known here, and must not be begun twice.
const CURSORS: [&str; 2] = ["schedule/", "poll/"];

/// What the first entries of the new logs say.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovered {
    why: BTreeSet<Token>,
    statement: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<PersonId>,
    /// The logs that ended, by name, each with the checkpoint that was published last.
    logs: BTreeMap<String, Vec<String>>,
    /// How many runs were given up, by client.
    runs: BTreeMap<ClientId, u64>,
    /// What on-call is told of them. Each opens an incident, which is an entry: it waits for the new logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alerts: Vec<Alert>,
}

/// Does what an accepted recovery says, if there is one.
///
/// # Errors
/// When the store or the folder cannot be read or written; then it is done at the next start.
///
/// # Shape
/// One that cannot be read is told and kept as [`REFUSED`], and the agent stays stopped.
///
/// # Crash
/// One transaction; the file goes after it, and is without effect when it was done.
pub(super) async fn finish(config: &Config, disk: &impl Disk) -> Result<(), Error> {
    let cannot = || "cannot recover".to_owned();
    let Some(bytes) = disk.read(RECOVERY).tried(cannot)? else { return Ok(()) };
    let read = Read::of(&bytes);
    if let Err(error) = &read {
        tracing::error!(%error, kept = REFUSED, "the recovery that was signed cannot be read: sign another");
        disk.write(REFUSED, &bytes).tried(cannot)?;
    }
    if let Ok(read) = read {
        let store = offline::open(&config.state.database())?;
        // What is dated here is dated for good.
        let (stored, dated) = (stored_time(&store).tried(cannot)?, dated_last(&store, None).tried(cannot)?);
        let now = BoundedClock::new(stored, dated).now();
        let writes = writes(config, (&store, disk), &read, now).tried(cannot)?;
        if !writes.is_empty() {
            store.commit(Transaction { at: now, writes }).await.tried(cannot)?;
            tracing::warn!("recovered: the logs begin again, and what was under way is in the manual queue");
        }
    }
    disk.remove(RECOVERY).tried(cannot)
}

/// A recovery, as it was signed and what it says.
struct Read {
    signed: Signed,
    says: Recover,
}

impl Read {
    /// Reads what [`super::agent::Agent::recover`] wrote.
    fn of(bytes: &[u8]) -> Result<Self, String> {
        let signed: Signed = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let says = canon::from_bytes(signed.statement.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { signed, says })
    }
}

/// What it changes: nothing when it is about another stop, or was done before.
fn writes(
    config: &Config,
    (store, disk): (&impl Store, &impl Disk),
    Read { signed, says }: &Read,
    now: Wall,
) -> Result<Vec<Write>, StoreError> {
    let Some(halt) = store.state(HALT)? else { return Ok(Vec::new()) };
    let halt: Halt = canon::from_bytes(&halt).or(Err(StoreError::Damaged("why the agent stopped")))?;
    if !says.is_of(&config.agent, &halt) {
        return Ok(Vec::new());
    }
    let (mut writes, mut runs, mut alerts) = (Vec::new(), BTreeMap::<ClientId, u64>::new(), Vec::new());
    for open in store.open_runs()? {
        let rows = store.journal(open.run)?;
        if let Some(Entry::Accepted(accepted)) = rows.first().map(|row| &row.entry) {
            let count = runs.entry(accepted.client.clone()).or_default();
            *count = count.saturating_add(1);
            let compiled = compiled(config, &accepted.plan);
            for write in give_up(open.run, &rows, compiled.as_ref(), now) {
                match write {
                    Write::Alert(alert) => alerts.push(alert),
                    other => writes.push(other),
                }
            }
        }
    }
    for prefix in CURSORS {
        writes.extend(store.states(prefix)?.into_iter().map(|(name, _)| Write::State { name, value: None }));
    }
    let over = store.alerts()?.into_iter().filter(|row| row.alert.rule == Rule::Halted);
    writes.extend(over.map(|row| Write::AlertOver { key: row.alert.key() }));
    let words = Recovered {
        why: halt.why,
        statement: Digest::of_file(signed.statement.as_bytes()),
        by: signed.signatures.keys().next().cloned(),
        logs: ended(store.logs()?, &halt.published),
        runs,
        alerts,
    };
    let value = canon::to_bytes(&words).or(Err(StoreError::Damaged("a recovery without canonical form")))?;
    writes.push(Write::State { name: RECOVERED.to_owned(), value: Some(value) });
    writes.push(recovered(now));
    writes.push(Write::State { name: HALT.to_owned(), value: None });
    writes.extend(returned(store, halt.release, now)?);
    writes.extend(ledger::keep_ended(store, disk, life(store)?, &halt.published)?);
    // Not the life of a recovery that the store knows nothing of, since it was put back again: that one's logs are published.
    let heads = halt.published.iter().filter_map(|note| Checkpoint::peek(note).ok());
    let newest = heads.map(|head| head.origin.life).fold(life(store)?, u32::max);
    writes.push(Write::EndLogs { life: newest.saturating_add(1) });
    Ok(writes)
}

/// What went back since the copy was made that the store is from: the copy names those plans, and they stay refused, but for
/// those that a release let in since.
fn returned(store: &impl Store, published: Release, now: Wall) -> Result<Vec<Write>, StoreError> {
    let returned = Learnt::load(store, published)?.stays_back()?;
    if returned.is_empty() {
        return Ok(vec![Learnt::forget()]);
    }
    let mut writes = switch::states(&Board::new(switch::load(store)?).learn(&returned, now.moment()))?;
    writes.push(Learnt::forget());
    Ok(writes)
}

fn compiled(config: &Config, plan: &Digest) -> Option<Compiled> {
    let bytes = shelf::plans(&config.state.repository(), &[*plan].into()).ok()?.remove(plan)?;
    Compiled::new(Arc::new(canon::from_bytes::<Plan>(&bytes).ok()?), *plan).ok()
}

/// The logs that ended: those that are here, and those that were published and are not even known here.
fn ended(logs: Vec<Log>, published: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut ended: BTreeMap<String, Vec<String>> =
        logs.into_iter().map(|log| (log.as_str().to_owned(), Vec::new())).collect();
    for note in published {
        if let Ok(head) = Checkpoint::peek(note) {
            ended.entry(head.origin.folder().to_owned()).or_default().push(note.clone());
        }
    }
    ended
}

/// The first entries of logs that begin anew: nothing when there was no recovery, or they were written.
///
/// # Errors
/// [`StoreError`].
pub(super) fn first_words(store: &impl Store, project: Digest) -> Result<Vec<Write>, StoreError> {
    let Some(bytes) = store.state(RECOVERED)? else { return Ok(Vec::new()) };
    let known: Recovered = canon::from_bytes(&bytes).or(Err(StoreError::Damaged("the words of a recovery")))?;
    let mut writes = vec![
        Write::State { name: RECOVERED.to_owned(), value: None },
        Write::State { name: COMES_BACK.to_owned(), value: Some(Vec::new()) },
    ];
    let mut logs: Vec<(Log, Vec<String>)> =
        known.logs.into_iter().filter_map(|(name, old)| Some((Log::from_name(&name)?, old))).collect();
    if !logs.iter().any(|(log, _)| *log == Log::Agent) {
        logs.push((Log::Agent, Vec::new()));
    }
    for (log, old) in logs {
        let runs = match log.client() {
            None => known.runs.values().sum::<u64>(),
            Some(client) => known.runs.get(client).copied().unwrap_or_default(),
        };
        let why: Vec<&str> = known.why.iter().map(Token::as_str).collect();
        let note = Note::new(log.clone(), "recovered");
        let note = note.fact("why", why).fact("statement", known.statement.to_string()).fact("runs", runs);
        let notes = [
            ledger::opened(log.clone(), project, old),
            ledger::started(log.clone(), false),
            Note { actor: known.by.clone(), ..note },
            ledger::tick(log),
        ];
        writes.extend(notes.map(|note| Write::Note(Box::new(note))));
    }
    writes.extend(known.alerts.into_iter().map(Write::Alert));
    Ok(writes)
}
