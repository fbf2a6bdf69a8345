//! What exported ledgers say for and against each promise. Each is verified by the keys of the root before it is read.

mod agents;
mod attempts;
mod counts;
mod decisions;
mod force;
mod heads;
mod incidents;
mod looks;
mod permits;
mod persons;
mod places;
mod releases;
mod runs;
mod statements;
mod sums;
mod traces;
mod unfinished;

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::client::RETENTION_LEAST;
use assent_schema::counted::counted;
use assent_schema::id::{AgentId, ClientId, ProjectName};
use assent_schema::ledger::export::{self, Summary};
use assent_schema::ledger::{Entry, Kind, LogKey, Origin, Told};
use assent_schema::trust::AgentEntry;

use self::force::Force;
use super::{Notes, Region, Seen};
use crate::publish::history::History;

pub use self::heads::{Held, Holder, Note};

/// One exported ledger.
#[derive(Clone, Debug)]
pub struct Log {
    /// The file's name, for people.
    pub file: String,
    /// What it says, when it verifies.
    pub verified: Result<Verified, String>,
}

/// A ledger that verifies.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which log.
    pub origin: Origin,
    /// What was found in it as a whole.
    pub summary: Summary,
    /// Its entries, without those whose body is gone.
    pub entries: Vec<Entry>,
    /// The commitments of all entries.
    pub commitments: Vec<Digest>,
    /// Its heads that others hold.
    pub held: Held,
}

impl Verified {
    /// What stands before a number that is counted in entries: where bodies are gone, there may have been more.
    fn least(&self) -> &'static str {
        if self.summary.gone == 0 { "" } else { "at least " }
    }
}

/// Every agent that a version of the root lists or listed, as the newest that does says.
pub type Agents = BTreeMap<AgentId, AgentEntry>;

/// Reads an export and verifies it with the key that the root has or had for its agent. `notes` are checkpoints that others hold,
/// of whatever logs.
pub fn read(file: &str, bytes: &[u8], agents: &Agents, project: &ProjectName, notes: &[Note]) -> Log {
    Log { file: file.to_owned(), verified: verified(bytes, agents, project, notes) }
}

fn verified(bytes: &[u8], agents: &Agents, project: &ProjectName, notes: &[Note]) -> Result<Verified, String> {
    let origin = export::origin(bytes).ok_or("it is not an export of a ledger: it ends without a checkpoint")?;
    if origin.project != *project {
        return Err(format!("it is of the project {}", origin.project));
    }
    let agent = agents.get(&origin.agent);
    let agent = agent.ok_or_else(|| format!("no version of the root lists the agent {}", origin.agent))?;
    let point = agent.ledger_point().ok_or_else(|| format!("{} has no ledger key", origin.agent))?;
    let key = LogKey::of_log(&origin, &point).map_err(|e| e.to_string())?;
    let (held, commitments) = (Held::of(&origin, &key, notes), export::commitments(bytes));
    let summary = export::verify(bytes, &key, &[]).map_err(|fault| held.narrowed(fault, &commitments).to_string())?;
    let entries = export::entries(bytes);
    Ok(Verified { origin, summary, entries, commitments, held })
}

/// The region of the agent that writes a log, as it was found.
fn region<'s>(origin: &Origin, seen: &Seen<'s>) -> Option<&'s Region> {
    let (entry, _) = seen.survey.trusted.roots.as_deref()?.listed(&origin.agent)?;
    seen.regions.iter().find(|region| {
        let target = &region.standing.target;
        target.environment == entry.environment && target.region == entry.region
    })
}

/// The releases that the agent of a log could take up; nothing where none were looked at.
fn history<'s>(origin: &Origin, seen: &Seen<'s>) -> Option<&'s History> {
    region(origin, seen).map(|region| &region.history).filter(|history| !history.releases.is_empty())
}

/// Promises that a client's ledger alone can show to be kept: what agents and people did is written nowhere else.
const RECORDED: [&str; 10] = ["P10", "P11", "P12", "P13", "P14", "P18", "P19", "P20", "P21", "P22"];

/// Looks at each ledger.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    let mut clients = BTreeSet::new();
    heads::contradict(seen, notes);
    for log in seen.logs {
        match &log.verified {
            Err(why) => {
                for promise in ["P10", "P11", "P14"] {
                    notes.object(promise, format!("{} does not verify: {why}", log.file));
                }
            }
            Ok(verified) => {
                let client = verified.origin.client.as_ref();
                if client.is_some() && seen.client.is_some() && client != seen.client {
                    continue;
                }
                clients.extend(client);
                whole(log, verified, notes);
                heads::look(verified, seen, notes);
                agents::look(verified, seen, notes);
                kept(verified, seen, notes);
                counts::look(verified, notes);
                unfinished::look(verified, notes);
                looks::look(verified, notes);
                traces::look(verified, seen, notes);
                let strangers = persons::look(verified, seen, notes);
                runs::look(verified, seen, notes);
                releases::look(verified, seen, notes);
                statements::look(verified, seen, notes);
                incidents::look(verified, &strangers, seen, notes);
            }
        }
    }
    let missing: Vec<&str> =
        seen.clients().map(|(id, _)| id).filter(|id| !clients.contains(id)).map(ClientId::as_str).collect();
    if !missing.is_empty() {
        let of = missing.join(", ");
        let what = format!(
            "No ledger of {of} was looked at: export one with `assent-agent ledger export` and name it with `--ledger`."
        );
        notes.miss(&RECORDED, &what);
    }
}

fn whole(log: &Log, verified: &Verified, notes: &mut Notes) {
    let Verified { origin, summary, entries, .. } = verified;
    let said = format!(
        "{}: {origin} verifies, {}, root {}.",
        log.file,
        counted(summary.head.size, "entry"),
        summary.head.root
    );
    notes.see("P11", said);
    if origin.client.is_some() {
        let Summary { accepted, finished, .. } = summary;
        let accepted = counted(accepted, "run");
        notes.see("P11", format!("{origin}: {}{accepted} accepted, {finished} ended.", verified.least()));
    }
    let first = entries.first().map_or_else(|| "none".to_owned(), |entry| entry.time.to_string());
    notes.see(
        "P14",
        format!("{origin}: the oldest entry that can be read is of {first}; bodies gone: {}.", summary.gone),
    );
    for Told { entry, kind, time, why, actor, ranges } in &summary.told {
        let by = actor.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let spans: Vec<String> = ranges.iter().map(|(first, last)| format!("{first} to {last}")).collect();
        let spans = spans.join(", ");
        notes.see("P14", format!("{origin}: entry {entry} of {time}: {kind}{by} ({why}): {spans}."));
    }
}

/// Nothing goes while a person says that all is kept for a matter of law.
fn legal_holds(verified: &Verified, notes: &mut Notes) {
    let mut held: Option<&Entry> = None;
    for entry in &verified.entries {
        match (&entry.kind, held) {
            (Kind::LegalHeld(_), _) => held = Some(entry),
            (Kind::LegalReleased(_), _) => held = None,
            (Kind::Pruned(_) | Kind::Erased(_), Some(since)) => {
                let (origin, since, time) = (&verified.origin, since.time, entry.time);
                let said =
                    format!("{origin}: entries were made unreadable at {time}, and a legal hold of {since} kept them.");
                notes.object("P14", said);
            }
            _ => {}
        }
    }
}

/// Whether what is gone because of its age was old enough. The entry before it that is there is no younger than what
/// is gone: entries stand in the order of their times.
fn kept(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let force = Force::of(verified, seen);
    legal_holds(verified, notes);
    for told in verified.summary.told.iter().filter(|told| told.kind == "pruned") {
        for (first, last) in &told.ranges {
            let before = verified.entries.iter().rev().find(|entry| entry.index < *first);
            // What the client signed: in whichever release, where several may have counted.
            let facts = if force.is_open(told.entry) { Vec::new() } else { force.facts(told.entry) };
            let kept = facts.iter().map(|facts| facts.retention).min().unwrap_or(RETENTION_LEAST).max(RETENTION_LEAST);
            let Some(before) = before.filter(|before| before.time.plus(kept) > told.time) else { continue };
            notes.object(
                "P14",
                format!(
                    "{}: the entries {first} to {last} were written after {} and were gone at {}.",
                    verified.origin, before.time, told.time
                ),
            );
        }
    }
}
