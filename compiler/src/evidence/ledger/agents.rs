//! Agents that the root lists no more: what they wrote while it did is evidence as before, and what is dated after it is not.
//!
//! # Source
//! trust.md section 7: a key that was stolen writes nothing more once root took the agent out.

use assent_schema::ledger::Entry;
use assent_schema::time::{Moment, Period};

use super::{Notes, Seen, Verified, region};

/// Until an agent pulls the release that takes it out, it writes on: as long as freshness may be old.
const HEARS_WITHIN: Period = Period::days(1);

/// Says that the agent of a log is none any more, and holds against it what was written since everybody could know.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let Some(roots) = seen.survey.trusted.roots.as_deref() else { return };
    let Some((_, last)) = roots.listed(&origin.agent).filter(|(_, last)| *last < roots.newest().version) else {
        return;
    };
    let since = last.saturating_add(1);
    let releases = region(origin, seen).map(|region| region.history.releases.as_slice()).unwrap_or_default();
    let released = releases.iter().filter(|past| past.root.is_some_and(|root| root >= since));
    let Some(released) = released.map(|past| past.manifest.at).min() else {
        let said = format!(
            "{origin}: no agent since root {since}, which no release of its region that was looked at carries: until when it \
             might write cannot be told."
        );
        return notes.see("P11", said);
    };
    notes.see("P11", format!("{origin}: no agent since root {since}, released at {released}."));
    if let Some(Entry { index, time, .. }) = first_after(&verified.entries, released) {
        for promise in ["P10", "P11", "P14"] {
            let said = format!(
                "{origin}: the entries from {index} on are of {time} and later, and {} is no agent since root {since}, released at \
                 {released}: somebody wrote on with its key.",
                origin.agent
            );
            notes.object(promise, said);
        }
    }
}

/// The first entry that is more than a day younger than the release.
fn first_after(entries: &[Entry], released: Moment) -> Option<&Entry> {
    entries.iter().find(|entry| entry.time > released.plus(HEARS_WITHIN))
}
