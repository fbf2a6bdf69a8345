//! What exported ledgers say for and against each promise. Each is verified by the keys of the root before it is read.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::calendar::{BusinessHours, zone};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::ProjectName;
use assent_schema::ledger::export::{self, Summary};
use assent_schema::ledger::{Entry, Kind, LogKey, Origin};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::Root;

use super::{Notes, Seen};

/// What "within minutes" means for an alert.
const ALERTED_WITHIN: u64 = 300;
/// Within which time a post-mortem is shared.
const SHARED_WITHIN: Period = Period::hours(48);

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
}

/// Reads an export and verifies it with the key that the root has for its agent.
pub fn read(file: &str, bytes: &[u8], root: &Root, project: &ProjectName) -> Log {
    Log { file: file.to_owned(), verified: verified(bytes, root, project) }
}

fn verified(bytes: &[u8], root: &Root, project: &ProjectName) -> Result<Verified, String> {
    let origin = export::origin(bytes).ok_or("it is no export of a ledger: it ends without a checkpoint")?;
    if origin.project != *project {
        return Err(format!("it is of the project {}", origin.project));
    }
    let agent = root.agents.get(&origin.agent).ok_or_else(|| format!("the root has no agent {}", origin.agent))?;
    let point = agent.ledger_point().ok_or_else(|| format!("{} has no ledger key", origin.agent))?;
    let key = LogKey::of_log(&origin, &point).map_err(|e| e.to_string())?;
    let summary = export::verify(bytes, &key, &[]).map_err(|fault| fault.to_string())?;
    Ok(Verified { origin, summary, entries: export::entries(bytes) })
}

/// Looks at each ledger.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    let (mut clients, mut any) = (BTreeSet::new(), false);
    for log in seen.logs {
        match &log.verified {
            Err(why) => {
                for promise in ["P10", "P11", "P14"] {
                    notes.object(promise, format!("{} does not verify: {why}", log.file));
                }
            }
            Ok(verified) => {
                any = true;
                let client = verified.origin.client.as_ref();
                if client.is_some() && seen.client.is_some() && client != seen.client {
                    continue;
                }
                clients.extend(client);
                whole(log, verified, notes);
                looked(verified, notes);
                counts(verified, seen, notes);
                releases(verified, notes);
                returns(verified, notes);
                incidents(verified, seen, notes);
            }
        }
    }
    if !any {
        for promise in ["P10", "P11", "P12", "P13", "P19", "P21", "P22"] {
            notes.see(
                promise,
                "No ledger was looked at: export one with `assent-agent ledger export` and name it with `--ledger`.",
            );
        }
    }
}

fn whole(log: &Log, verified: &Verified, notes: &mut Notes) {
    let Verified { origin, summary, entries } = verified;
    let said = format!("{}: {origin} verifies, {} entries, root {}.", log.file, summary.head.size, summary.head.root);
    notes.see("P11", said);
    if origin.client.is_some() {
        notes.see("P11", format!("{origin}: {} runs accepted, {} ended.", summary.accepted, summary.finished));
    }
    let first = entries.first().map_or_else(|| "none".to_owned(), |entry| entry.time.to_string());
    notes.see(
        "P14",
        format!("{origin}: the oldest entry that can be read is of {first}; {} bodies are gone.", summary.gone),
    );
}

fn counts(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let (mut views, mut delays, mut rules) =
        (BTreeMap::<String, u64>::new(), Vec::new(), BTreeMap::<String, u64>::new());
    let (mut failed, mut incidents, mut retries, mut rotated, mut back) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let (mut statements, mut released) = (0_u64, None);
    let (mut overdue, mut wider, mut caught) = (None, None, 0_u64);
    for entry in &verified.entries {
        match &entry.kind {
            Kind::Viewed(_) => {
                let who = entry.actor.as_ref().map_or_else(|| "nobody named".to_owned(), ToString::to_string);
                *views.entry(who).or_default() += 1;
            }
            Kind::Alerted(alerted) => {
                delays.push(alerted.delay);
                match alerted.rule.as_str() {
                    "rotation-overdue" => overdue = Some(entry.time),
                    "scope-wider" => wider = Some(entry.time),
                    "secret-in-log" => caught += 1,
                    _ => {}
                }
                *rules.entry(alerted.rule.to_string()).or_default() += 1;
            }
            Kind::Ended(ended) if ["failed", "stopped", "content-lost"].contains(&ended.outcome.as_str()) => {
                failed += 1;
            }
            Kind::Incident(incident) if incident.state.as_str() == "opened" => incidents += 1,
            Kind::Intent(_) if entry.attempt.is_some_and(|attempt| attempt > 1) => retries += 1,
            Kind::Rotated(_) => {
                rotated += 1;
                overdue = None;
            }
            Kind::RolledBack(_) => back += 1,
            Kind::Statement(_) => statements += 1,
            Kind::Released(release) => released = Some((release.sequence, release.manifest)),
            _ => {}
        }
    }
    if views.is_empty() {
        notes.see("P10", format!("{origin}: nobody looked at anything."));
    }
    for (who, count) in views {
        notes.see("P10", format!("{origin}: {who} looked {count} times."));
    }
    let rules: Vec<String> = rules.into_iter().map(|(rule, count)| format!("`{rule}` {count}")).collect();
    if !rules.is_empty() {
        notes.see("P12", format!("{origin}: alerts by rule: {}.", rules.join(", ")));
    }
    if failed > 0 && delays.is_empty() && incidents == 0 {
        notes.object("P12", format!("{origin}: {failed} runs could not be finished, and no rule found it."));
    }
    if let Some(longest) = delays.iter().max() {
        notes.see("P13", format!("{origin}: {} alerts were delivered, the slowest after {longest} s.", delays.len()));
        if *longest > ALERTED_WITHIN {
            notes.object("P13", format!("{origin}: an alert was delivered only after {longest} s."));
        }
    }
    if origin.client.is_some() {
        notes.see("P19", format!("{origin}: {failed} runs could not be finished, {incidents} incidents were opened."));
        if failed > 0 && incidents == 0 {
            notes.object("P19", format!("{origin}: {failed} runs could not be finished, and no incident was opened."));
        }
        notes.see("P18", format!("{origin}: {retries} requests were further attempts."));
        notes.see("P08", format!("{origin}: {rotated} rotations."));
        if let Some(at) = overdue {
            notes.object("P08", format!("{origin}: a secret is overdue since {at}, and none was rotated after that."));
        }
        if let Some(at) = wider {
            notes.object("P06", format!("{origin}: at {at} an API was found to grant more than the workflows need."));
        }
        notes.see("P17", format!("{origin}: {back} times a workflow went back."));
        notes.see("P25", format!("{origin}: {statements} statements were taken up."));
    }
    if caught > 0 {
        notes.see(
            "P07",
            format!("{origin}: {caught} times a line of the log was not written because it held a secret."),
        );
    }
    if let Some((sequence, manifest)) = released {
        let place = seen.survey.trusted.roots.as_deref().and_then(|roots| roots.newest().agents.get(&origin.agent));
        let branch = place.and_then(|entry| {
            let same = |one: &&crate::publish::standing::Standing| {
                one.target.environment == entry.environment && one.target.region == entry.region
            };
            seen.regions.iter().find(same)?.release
        });
        notes.see("P16", format!("{origin}: took up release {sequence}, manifest {manifest}."));
        if let Some((on_branch, digest)) = branch
            && on_branch == sequence
            && digest != manifest
        {
            notes.object(
                "P16",
                format!("{origin}: release {sequence} on the branch is {digest}, the ledger says {manifest}."),
            );
        }
    }
}

/// Whoever decided on the agent's own page or command line looked at the run before, and that is an entry. Where bodies are
/// gone it cannot be told.
fn looked(verified: &Verified, notes: &mut Notes) {
    let mut seen = BTreeSet::new();
    for entry in verified.entries.iter().filter(|_| verified.summary.gone == 0) {
        let (Some(who), Some(run)) = (&entry.actor, entry.run) else { continue };
        match &entry.kind {
            Kind::Viewed(_) => drop(seen.insert((who, run))),
            Kind::Decided(decided) if decided.through.is_none() && !seen.contains(&(who, run)) => {
                notes.object(
                    "P10",
                    format!(
                        "{}: {who} decided on run {run}, and no entry says that it was looked at.",
                        verified.origin
                    ),
                );
            }
            _ => {}
        }
    }
}

/// Each deployment has a number of its own, and none is smaller than the one before: a rollback is a release too.
fn releases(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let mut last: Option<(u64, Digest)> = None;
    for entry in &verified.entries {
        let Kind::Released(release) = &entry.kind else { continue };
        if let Some((sequence, manifest)) = last
            && (release.sequence < sequence || (release.sequence == sequence && release.manifest != manifest))
        {
            notes.object(
                "P16",
                format!(
                    "{origin}: release {} came after release {sequence}, which is not before it.",
                    release.sequence
                ),
            );
        }
        last = Some((release.sequence, release.manifest));
    }
}

/// A plan that went back begins no run before a release readmits it.
fn returns(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let mut back = BTreeSet::new();
    for entry in &verified.entries {
        match (&entry.kind, entry.plan) {
            (Kind::RolledBack(rolled), _) => drop(back.insert(rolled.from)),
            (Kind::Released(_), _) => back.clear(),
            (Kind::Accepted(_), Some(plan)) if back.contains(&plan) => {
                let plan = plan.short();
                notes.object("P17", format!("{origin}: the plan {plan} went back and began a run at {}.", entry.time));
            }
            _ => {}
        }
    }
}

/// One incident, as the ledger tells it.
#[derive(Debug, Default)]
struct Incident {
    opened: Option<Moment>,
    severity: String,
    acknowledged: Option<Moment>,
    shared: Option<Moment>,
    closed: Option<Moment>,
    file: Option<Digest>,
}

fn incidents(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let mut all: BTreeMap<String, Incident> = BTreeMap::new();
    for entry in &verified.entries {
        let Kind::Incident(told) = &entry.kind else { continue };
        let incident = all.entry(told.id.as_str().to_owned()).or_default();
        told.severity.as_str().clone_into(&mut incident.severity);
        match told.state.as_str() {
            "opened" => incident.opened = Some(entry.time),
            "acknowledged" => incident.acknowledged = Some(entry.time),
            "shared" => (incident.shared, incident.file) = (Some(entry.time), told.file),
            "closed" => incident.closed = Some(entry.time),
            _ => {}
        }
    }
    let facts = origin.client.as_ref().and_then(|client| seen.survey.resolved.clients.get(client));
    for (id, incident) in &all {
        let name = format!("{origin}: {id}");
        if let Some(facts) = facts {
            answered(&name, incident, &facts.facts, seen, notes);
        }
        explained(&name, incident, seen, notes);
    }
    if all.is_empty() {
        notes.see("P20", format!("{origin}: there was no incident."));
    }
}

fn answered(name: &str, incident: &Incident, facts: &ClientFacts, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(opened) = incident.opened else { return };
    let hours = zone(&facts.zone).and_then(|zone| BusinessHours::new(&facts.calendar, zone).ok());
    let until = hours.and_then(|hours| (seen.answer_by)(facts.plan, &incident.severity, opened, &hours));
    let Some(until) = until else { return };
    match incident.acknowledged {
        Some(at) if at <= until => notes.see("P20", format!("{name} was answered {at}, promised by {until}.")),
        Some(at) => notes.object("P20", format!("{name} was answered {at}, promised by {until}.")),
        None if seen.at > until => notes.object("P20", format!("{name} was not answered by {until}.")),
        None => notes.see("P20", format!("{name} is to be answered by {until}.")),
    }
}

fn explained(name: &str, incident: &Incident, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(opened) = incident.opened else { return };
    let due = opened.plus(SHARED_WITHIN);
    match (incident.shared, incident.file) {
        (Some(at), Some(file)) => {
            let kept = seen.postmortems.iter().find(|(_, digest)| **digest == file);
            match kept {
                Some((path, _)) => notes.see("P21", format!("{name}: its post-mortem is `{path}`.")),
                None => notes
                    .object("P21", format!("{name}: the post-mortem that was shared ({file}) is not in the commit.")),
            }
            if at <= due {
                notes.see("P22", format!("{name}: shared {at}, promised by {due}."));
            } else {
                notes.object("P22", format!("{name}: shared {at}, promised by {due}."));
            }
        }
        _ if incident.closed.is_some() => notes.object("P21", format!("{name} was closed without a post-mortem.")),
        _ if seen.at > due => notes.object("P22", format!("{name}: no post-mortem was shared by {due}.")),
        _ => notes.see("P22", format!("{name}: its post-mortem is due {due}.")),
    }
}
