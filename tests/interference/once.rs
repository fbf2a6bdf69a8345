//! What is true of every run, whatever it tells and wherever its agent died: it ends once, and each effect happens once.

use std::collections::BTreeSet;

use assent_agent::store::{Aim, Entry};
use assent_schema::id::OperationRef;

use crate::told::{Ready, Trace};

/// What an effect is that was done: which operation, and the key under which it is the same again.
pub(crate) type Did = (OperationRef, Option<String>);

/// What is wrong with a run that was to end, and how many effects were looked at.
pub(crate) fn looked(ready: &Ready, trace: &Trace) -> (usize, Option<String>) {
    let ends = trace.journal.iter().filter(|row| matches!(row.entry, Entry::Ended { .. })).count();
    let is_last = trace.journal.last().is_some_and(|row| matches!(row.entry, Entry::Ended { .. }));
    if ends != 1 || !is_last {
        return (0, Some(format!("ended {ends} times, last {is_last}")));
    }
    let mut effects = 0;
    for (name, operation) in &ready.plan().operations {
        // What a confirming read says here is made up, and may say that nothing happened.
        if operation.effect == assent_schema::plan::Effect::None || operation.confirm.is_some() {
            continue;
        }
        let of = |(of, _): &&Did| of == name;
        let keyed: BTreeSet<&Did> = trace.did.iter().filter(of).filter(|(_, key)| key.is_some()).collect();
        let done = keyed.len() + trace.did.iter().filter(of).filter(|(_, key)| key.is_none()).count();
        let places = trace.journal.iter().filter_map(|row| match &row.entry {
            Entry::Intent(intent) if intent.aim == Aim::Step && intent.operation == *name && !intent.shadow => {
                Some((&intent.step, &intent.item))
            }
            _ => None,
        });
        let places = places.collect::<BTreeSet<_>>().len();
        if done > places {
            return (effects, Some(format!("`{name}` was done {done} times by {places} steps")));
        }
        effects += done;
    }
    (effects, None)
}
