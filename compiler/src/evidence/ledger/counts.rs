//! What a ledger counts: looks, alerts, failures, retries, rotations.

use std::collections::BTreeMap;

use assent_schema::alert::Rule;
use assent_schema::counted;
use assent_schema::id::{ConnectionId, SlotId};
use assent_schema::ledger::{Entry, Kind};
use assent_schema::time::Moment;

use super::places::is_gap;
use super::unfinished::leaves_work;
use super::{Notes, Verified};

/// What "within minutes" means for an alert, in seconds.
pub(super) const ALERTED_WITHIN: u64 = 300;

/// A slot, with its connection.
type Slot = (ConnectionId, SlotId);

/// What the entries of one log add up to.
#[derive(Debug, Default)]
struct Counted {
    views: BTreeMap<String, u64>,
    /// Seconds from each condition to its delivered alert.
    delays: Vec<u64>,
    rules: BTreeMap<String, u64>,
    failed: u64,
    incidents: u64,
    retries: u64,
    rotated: u64,
    back: u64,
    /// Since when and where which secrets are overdue and were not rotated after that; those of entries that name no slot are one.
    overdue: BTreeMap<Option<Slot>, (Moment, u64)>,
    /// When an API was found to grant more than the workflows need.
    wider: Option<Moment>,
    caught: u64,
}

impl Counted {
    fn of(entries: &[Entry]) -> Self {
        let mut counted = Self::default();
        for entry in entries {
            counted.add(entry);
        }
        counted
    }

    fn add(&mut self, entry: &Entry) {
        match &entry.kind {
            Kind::Viewed(_) => {
                let who = entry.actor.as_ref().map_or_else(|| "nobody named".to_owned(), ToString::to_string);
                *self.views.entry(who).or_default() += 1;
            }
            Kind::Alerted(alerted) => {
                self.delays.push(alerted.delay);
                match Rule::from_name(alerted.rule.as_str()) {
                    Some(Rule::RotationOverdue) => {
                        let slot = alerted.connection.clone().zip(alerted.slot.clone());
                        self.overdue.insert(slot, (entry.time, entry.index));
                    }
                    Some(Rule::ScopeWider) => self.wider = Some(entry.time),
                    Some(Rule::SecretInLog) => self.caught += 1,
                    _ => {}
                }
                *self.rules.entry(alerted.rule.to_string()).or_default() += 1;
            }
            Kind::Ended(ended) if leaves_work(ended) => self.failed += 1,
            Kind::Incident(incident) if incident.state.as_str() == "opened" => self.incidents += 1,
            Kind::Intent(_) if entry.attempt.is_some_and(|attempt| attempt > 1) => self.retries += 1,
            Kind::Rotated(rotated) => {
                self.rotated += 1;
                self.overdue.remove(&Some((rotated.connection.clone(), rotated.slot.clone())));
                // Before entries named the slot, it may have been this one.
                self.overdue.remove(&None);
            }
            Kind::RolledBack(_) => self.back += 1,
            _ => {}
        }
    }
}

/// Looks at all that is counted.
pub(super) fn look(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let counted = Counted::of(&verified.entries);
    looks(verified, &counted, notes);
    alerts(verified, &counted, notes);
    if origin.client.is_some() {
        of_a_client(verified, &counted, notes);
    }
    if counted.caught > 0 {
        let caught = counted.caught;
        let said = format!("{origin}: {caught} times a line of the log was not written because it held a secret.");
        notes.see("P07", said);
    }
}

fn looks(verified: &Verified, counted: &Counted, notes: &mut Notes) {
    let (origin, least) = (&verified.origin, verified.least());
    if counted.views.is_empty() {
        let what = if least.is_empty() {
            "nobody looked at anything"
        } else {
            "no entry that is there says that somebody looked"
        };
        notes.see("P10", format!("{origin}: {what}."));
    }
    for (who, count) in &counted.views {
        notes.see("P10", format!("{origin}: {who} looked {least}{count} times."));
    }
}

/// That nothing of a kind was told says something only where all that was told is there: an incident or alert of before may be
/// what the rest belongs to. Where bodies are gone, and after a recovery, the runs are judged one by one, as far as that goes.
fn tells_all(verified: &Verified) -> bool {
    verified.summary.gone == 0 && verified.origin.is_first()
}

fn alerts(verified: &Verified, counted: &Counted, notes: &mut Notes) {
    let origin = &verified.origin;
    let Counted { delays, rules, failed, incidents, .. } = counted;
    let rules: Vec<String> = rules.iter().map(|(rule, count)| format!("`{rule}` {count}")).collect();
    if !rules.is_empty() {
        notes.see("P12", format!("{origin}: alerts by rule: {}.", rules.join(", ")));
    }
    if *failed > 0 && delays.is_empty() && *incidents == 0 && tells_all(verified) {
        notes.object(
            "P12",
            format!("{origin}: {} could not be finished, and no rule found it.", counted::counted(failed, "run")),
        );
    }
    let Some(longest) = delays.iter().max() else { return };
    notes.see("P13", format!("{origin}: alerts delivered: {}, the slowest after {longest} s.", delays.len()));
    if *longest > ALERTED_WITHIN {
        notes.object("P13", format!("{origin}: an alert was delivered only after {longest} s."));
    }
}

fn of_a_client(verified: &Verified, counted: &Counted, notes: &mut Notes) {
    let Verified { origin, entries, summary, .. } = verified;
    let Counted { failed, incidents, retries, rotated, back, .. } = counted;
    let least = verified.least();
    notes.see(
        "P19",
        format!(
            "{origin}: {least}{} could not be finished; incidents opened: {least}{incidents}.",
            counted::counted(failed, "run")
        ),
    );
    if *failed > 0 && *incidents == 0 && tells_all(verified) {
        notes.object(
            "P19",
            format!("{origin}: {} could not be finished, and no incident was opened.", counted::counted(failed, "run")),
        );
    }
    notes.see("P18", format!("{origin}: further attempts of requests: {least}{retries}."));
    notes.see("P08", format!("{origin}: {least}{}.", counted::counted(rotated, "rotation")));
    for (slot, (at, index)) in &counted.overdue {
        if is_gap(entries, *index, summary.head.size) {
            let said = format!(
                "{origin}: a secret was overdue at {at}; whether it was rotated after that cannot be told, for bodies are gone."
            );
            notes.see("P08", said);
            continue;
        }
        notes.object(
            "P08",
            match slot {
                Some((connection, slot)) => format!(
                    "{origin}: the secret of `{connection}`, slot `{slot}`, is overdue since {at} and was not rotated after that."
                ),
                None => format!("{origin}: a secret is overdue since {at}, and none was rotated after that."),
            },
        );
    }
    if let Some(at) = counted.wider {
        notes.object("P06", format!("{origin}: at {at} an API was found to grant more than the workflows need."));
    }
    notes.see("P17", format!("{origin}: {least}{back} times a workflow went back."));
}
