//! The account of one event: its run ended once, each effect is known and happened once at most, what failed is with people.

use std::collections::{BTreeMap, BTreeSet};

use assent_agent::store::{Aim, Ending, Entry, ItemEnd};
use assent_schema::id::{ClientId, OperationRef};
use assent_schema::plan::Effect;

use crate::systems::Done;

/// What one run comes to.
#[derive(Debug, Default)]
pub struct Judged {
    /// How it ended.
    pub ending: Option<Ending>,
    /// Why and where, if it did not end `done`.
    pub why: Option<String>,
    /// Effects that happened outside.
    pub effects: u64,
    /// Effects of which its journal does not know whether they happened.
    pub doubted: u64,
    /// Effects that its journal names.
    pub known: Vec<OperationRef>,
    /// What is not as it must be.
    pub wrong: Vec<String>,
}

/// What a journal says of its effects, by operation: whether each is surely done, and whether perhaps.
pub fn effects<'a>(journal: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<OperationRef, (bool, bool)> {
    let mut found: BTreeMap<OperationRef, (bool, bool)> = BTreeMap::new();
    let mut operations = BTreeMap::new();
    for entry in journal {
        match entry {
            Entry::Intent(intent) if intent.aim == Aim::Step && intent.effect != Effect::None => {
                operations.insert(intent.step.clone(), intent.operation.clone());
                found.entry(intent.operation.clone()).or_default().1 = true;
            }
            Entry::Outcome(outcome) => {
                let Some(effect) = operations.get(&outcome.step).and_then(|name| found.get_mut(name)) else { continue };
                effect.0 |= !outcome.in_doubt && matches!(outcome.code.as_str(), "ok" | "confirmed");
            }
            _ => {}
        }
    }
    found
}

/// Judges the run of one event by its journal, its items in the manual queue, and what happened outside.
pub fn judge(client: &ClientId, event: &str, journal: &[&Entry], items: usize, done: &Done) -> Judged {
    let mut judged = Judged::default();
    let ends: Vec<&Entry> = journal.iter().copied().filter(|entry| matches!(entry, Entry::Ended { .. })).collect();
    let [Entry::Ended { ending, step, code, .. }] = ends.as_slice() else {
        judged.wrong.push(format!("{event}: ended {} times", ends.len()));
        return judged;
    };
    judged.ending = Some(*ending);
    if let (Some(step), Some(code)) = (step, code) {
        judged.why = Some(format!("{code} at {step}"));
    }
    let failed = |entry: &&Entry| matches!(entry, Entry::Item { how: ItemEnd::Failed, .. });
    let wanted = match ending {
        Ending::Done => usize::from(journal.iter().any(failed)),
        Ending::Superseded => items.min(1),
        Ending::Stopped | Ending::Failed | Ending::ContentLost => 1,
    };
    if items != wanted {
        judged.wrong.push(format!("{event}: {} and {items} items in the queue", ending.as_str()));
    }
    for (operation, (sure, perhaps)) in effects(journal.iter().copied()) {
        let place = (client.clone(), operation, event.to_owned());
        let times = done.get(&place).map_or(0, BTreeSet::len);
        judged.effects = judged.effects.saturating_add(u64::try_from(times).unwrap_or(u64::MAX));
        judged.doubted = judged.doubted.saturating_add(u64::from(!sure && perhaps));
        if times > 1 || (sure && times == 0) {
            judged.wrong.push(format!("{event}: `{}` was done {times} times", place.1));
        }
        judged.known.push(place.1);
    }
    judged
}
