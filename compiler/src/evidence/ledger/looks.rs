//! Whether people looked before they decided.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::counted::counted;
use assent_schema::ledger::Kind;

use super::places::is_whole;
use super::{Notes, Verified};

/// Whoever decided on the agent's own page or command line looked at the run before, and that is an entry. Of a run of which
/// bodies are gone before that it cannot be told.
pub(super) fn look(verified: &Verified, notes: &mut Notes) {
    let (mut seen, mut began) = (BTreeSet::new(), BTreeMap::new());
    let (origin, mut unknown) = (&verified.origin, BTreeSet::new());
    for entry in &verified.entries {
        let Some(run) = entry.run else { continue };
        if matches!(entry.kind, Kind::Accepted(_)) {
            began.insert(run, entry.index);
        }
        let Some(who) = &entry.actor else { continue };
        match &entry.kind {
            Kind::Viewed(_) => drop(seen.insert((who, run))),
            Kind::Decided(decided) if decided.through.is_none() && !seen.contains(&(who, run)) => {
                if is_whole(&verified.entries, began.get(&run).copied(), entry.index) {
                    let said =
                        format!("{origin}: {who} decided on run {run}, and no entry says that it was looked at.");
                    notes.object("P10", said);
                } else {
                    unknown.insert(run);
                }
            }
            _ => {}
        }
    }
    if !unknown.is_empty() {
        let count = unknown.len();
        notes.see(
            "P10",
            format!("{origin}: of {} it cannot be told who looked, for bodies are gone.", counted(count, "run")),
        );
    }
}
