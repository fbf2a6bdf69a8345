//! Whether people looked before they decided.

use std::collections::BTreeSet;

use assent_schema::ledger::Kind;

use super::{Notes, Verified};

/// Whoever decided on the agent's own page or command line looked at the run before, and that is an entry. Where bodies are
/// gone it cannot be told.
pub(super) fn look(verified: &Verified, notes: &mut Notes) {
    let mut seen = BTreeSet::new();
    for entry in verified.entries.iter().filter(|_| verified.summary.gone == 0) {
        let (Some(who), Some(run)) = (&entry.actor, entry.run) else { continue };
        match &entry.kind {
            Kind::Viewed(_) => drop(seen.insert((who, run))),
            Kind::Decided(decided) if decided.through.is_none() && !seen.contains(&(who, run)) => {
                let origin = &verified.origin;
                let said = format!("{origin}: {who} decided on run {run}, and no entry says that it was looked at.");
                notes.object("P10", said);
            }
            _ => {}
        }
    }
}
