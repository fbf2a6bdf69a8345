//! Whether each incident was told, answered, explained and shared in time.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::alert::Rule;
use assent_schema::calendar::{BusinessHours, zone};
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::ledger::kind::Alerted;
use assent_schema::ledger::{Entry, Kind};
use assent_schema::time::{Moment, Period};

use super::counts::ALERTED_WITHIN;
use super::force::Force;
use super::places::{is_gap, is_gap_until};
use super::{Notes, Seen, Verified};

/// Within which time a post-mortem is shared.
const SHARED_WITHIN: Period = Period::hours(48);

/// One incident, as the ledger tells it.
#[derive(Debug, Default)]
struct Incident {
    opened: Option<Moment>,
    /// By when it must be answered, as was promised when it opened.
    respond_by: Option<Moment>,
    cause: String,
    /// Whether what was opened says what it is about, so that alerts name it.
    named: bool,
    severity: String,
    /// Where it opened.
    index: u64,
    acknowledged: Option<Moment>,
    /// When a post-mortem was shared first.
    shared: Option<Moment>,
    /// It was written for a client that had left.
    written: bool,
    /// Whether it had, as far as the releases tell.
    gone: bool,
    closed: Option<Moment>,
    /// The newest post-mortem: a better one takes the place of the one before.
    file: Option<Digest>,
    /// Where that was told; where it opened, as long as nothing was.
    told: u64,
}

/// Looks at each incident. What `strangers` did, by the places of the entries, answers and shares nothing.
pub(super) fn look(verified: &Verified, strangers: &BTreeSet<u64>, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let (force, mut all): (Force<'_>, BTreeMap<String, Incident>) = (Force::of(verified, seen), BTreeMap::new());
    for entry in &verified.entries {
        let Kind::Incident(told) = &entry.kind else { continue };
        let incident = all.entry(told.id.as_str().to_owned()).or_default();
        told.severity.as_str().clone_into(&mut incident.severity);
        told.cause.as_str().clone_into(&mut incident.cause);
        match told.state.as_str() {
            "opened" => {
                (incident.opened, incident.respond_by) = (Some(entry.time), told.respond_by);
                (incident.index, incident.told) = (entry.index, entry.index);
                incident.named = told.code.is_some();
            }
            _ if strangers.contains(&entry.index) => {}
            "acknowledged" => drop(incident.acknowledged.get_or_insert(entry.time)),
            // A better one may follow. In time must be the first; in the commit, the last.
            "shared" => {
                incident.shared.get_or_insert(entry.time);
                (incident.file, incident.told) = (told.file.or(incident.file), entry.index);
            }
            "written" => {
                (incident.written, incident.file) = (true, told.file);
                incident.gone = force.may_have_left(entry.index);
            }
            "closed" => {
                incident.closed = Some(entry.time);
                // It says which post-mortem was shared last. That is believed where the share itself may be gone.
                if is_gap(&verified.entries, incident.told, entry.index) {
                    incident.file = told.file.or(incident.file);
                }
            }
            _ => {}
        }
    }
    for (id, incident) in &all {
        promised(&format!("{origin}: {id}"), incident, (&force, seen), notes);
    }
    let facts = origin.client.as_ref().and_then(|client| seen.survey.resolved.clients.get(client));
    for (id, incident) in &all {
        let name = format!("{origin}: {id}");
        if let Some(until) = answer_by(incident, facts.map(|facts| &*facts.facts), seen) {
            answered(&name, incident, until, (verified, seen.at), notes);
        }
        alerted((id, &name), incident, verified, notes);
        explained(&name, incident, (verified, seen), notes);
    }
    if all.is_empty() {
        notes.see("P20", format!("{origin}: there was no incident."));
    }
}

/// An incident is opened with an alert, which reaches somebody within minutes. One at the very end of a log may still be on its
/// way.
fn alerted((id, name): (&str, &str), incident: &Incident, verified: &Verified, notes: &mut Notes) {
    let (Some(opened), entries) = (incident.opened, verified.entries.as_slice()) else { return };
    let until = opened.plus(Period::seconds(ALERTED_WITHIN));
    let told = entries.iter().find(|entry| match &entry.kind {
        Kind::Alerted(alerted) => entry.time >= opened && tells(alerted, (id, incident)),
        _ => false,
    });
    let is_over = entries.last().is_some_and(|last| last.time > until);
    match told {
        Some(told) if told.time <= until => {}
        _ if is_gap_until(verified, incident.index, until) => unknown("P13", name, "on-call was told in time", notes),
        Some(Entry { time, .. }) => {
            notes.object(
                "P13",
                format!("{name} was opened {opened}, and the first alert of its rule was delivered {time}."),
            );
        }
        None if is_over => {
            notes.object(
                "P13",
                format!("{name} was opened {opened}, and no alert of its rule was delivered after that."),
            );
        }
        None => {}
    }
}

/// Whether an alert is that of an incident. Older agents named none.
fn tells(alerted: &Alerted, (id, incident): (&str, &Incident)) -> bool {
    match &alerted.incident {
        Some(named) => named.as_str() == id,
        None => !incident.named && alerted.rule.as_str() == incident.cause,
    }
}

/// What an incident says of its clock is no later than the client's plan and calendar of then make it.
fn promised(name: &str, incident: &Incident, (force, seen): (&Force<'_>, &Seen<'_>), notes: &mut Notes) {
    let (Some(opened), Some(until)) = (incident.opened, incident.respond_by) else { return };
    if force.history().is_none() || force.is_open(incident.index) {
        return;
    }
    // Only who opened it by hand said how bad it is.
    let by_hand = Rule::from_name(&incident.cause) == Some(Rule::ReportedNormal);
    let severity = if by_hand { incident.severity.as_str() } else { "critical" };
    let clock = |facts: &ClientFacts| {
        let hours = BusinessHours::new(&facts.calendar, zone(&facts.zone)?).ok()?;
        (seen.answer_by)(facts.plan, severity, opened, &hours)
    };
    let clocks: Option<Vec<Moment>> = force.facts(incident.index).into_iter().map(clock).collect();
    if let Some(latest) = clocks.and_then(|clocks| clocks.into_iter().max()).filter(|latest| until > *latest) {
        notes.object(
            "P20",
            format!("{name} says that it is to be answered by {until}, and the client's plan says by {latest}."),
        );
    }
}

/// By when it must be answered: what was promised when it opened. One of before that was kept is judged by the client's plan and
/// calendar as they are in the commit.
fn answer_by(incident: &Incident, facts: Option<&ClientFacts>, seen: &Seen<'_>) -> Option<Moment> {
    let opened = incident.opened?;
    incident.respond_by.or_else(|| {
        let facts = facts?;
        let hours = BusinessHours::new(&facts.calendar, zone(&facts.zone)?).ok()?;
        (seen.answer_by)(facts.plan, &incident.severity, opened, &hours)
    })
}

/// What a body that is gone may have said.
fn unknown(promise: &'static str, name: &str, what: &str, notes: &mut Notes) {
    notes.see(promise, format!("{name}: whether {what} cannot be told, for bodies are gone."));
}

fn answered(name: &str, incident: &Incident, until: Moment, (log, now): (&Verified, Moment), notes: &mut Notes) {
    match incident.acknowledged {
        Some(at) if at <= until => notes.see("P20", format!("{name} was answered {at}, promised by {until}.")),
        _ if now > until && is_gap_until(log, incident.index, until) => {
            unknown("P20", name, "it was answered in time", notes);
        }
        Some(at) => notes.object("P20", format!("{name} was answered {at}, promised by {until}.")),
        None if now > until => notes.object("P20", format!("{name} was not answered by {until}.")),
        None => notes.see("P20", format!("{name} is to be answered by {until}.")),
    }
}

/// Whether what the client got is what the source keeps.
fn committed(name: &str, file: Digest, may_be_better: bool, (seen, notes): (&Seen<'_>, &mut Notes)) {
    match seen.postmortems.iter().find(|(_, digest)| **digest == file) {
        Some((path, _)) => notes.see("P21", format!("{name}: its post-mortem is `{path}`.")),
        None if may_be_better => unknown("P21", name, "the one that was shared last is in the commit", notes),
        None => {
            notes.object("P21", format!("{name}: the post-mortem that was shared ({file}) is not in the commit."));
        }
    }
}

fn explained(name: &str, incident: &Incident, (log, seen): (&Verified, &Seen<'_>), notes: &mut Notes) {
    let Some(opened) = incident.opened else { return };
    let due = opened.plus(SHARED_WITHIN);
    let may_lack = |until| is_gap_until(log, incident.index, until);
    // Nothing is shared any more of what is closed.
    let may_be_better = incident.closed.is_none() && is_gap(&log.entries, incident.told, log.summary.head.size);
    match (incident.shared, incident.file) {
        (Some(at), Some(file)) => {
            committed(name, file, may_be_better, (seen, notes));
            if at <= due {
                notes.see("P22", format!("{name}: shared {at}, promised by {due}."));
            } else if may_lack(due) {
                unknown("P22", name, "a post-mortem was shared in time", notes);
            } else {
                notes.object("P22", format!("{name}: shared {at}, promised by {due}."));
            }
        }
        (_, Some(file)) if incident.written && !incident.gone => {
            notes.object(
                "P22",
                format!("{name}: its post-mortem ({file}) was not shared, and its client had not left."),
            );
        }
        (_, Some(file)) if incident.written => {
            notes.see("P21", format!("{name}: a post-mortem was written ({file})."));
            notes.see("P22", format!("{name}: its client had left, so nobody was there to share it with."));
        }
        // The close says which one it was.
        (None, Some(file)) if incident.closed.is_some_and(may_lack) => {
            committed(name, file, may_be_better, (seen, notes));
            unknown("P22", name, "a post-mortem was shared in time", notes);
        }
        _ if incident.closed.is_some() => notes.object("P21", format!("{name} was closed without a post-mortem.")),
        _ if seen.at > due && may_lack(due) => unknown("P22", name, "a post-mortem was shared in time", notes),
        _ if seen.at > due => notes.object("P22", format!("{name}: no post-mortem was shared by {due}.")),
        _ => notes.see("P22", format!("{name}: its post-mortem is due {due}.")),
    }
}
