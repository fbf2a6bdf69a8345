//! Where bodies that are gone may have changed what is told.

use assent_schema::ledger::Entry;
use assent_schema::time::Moment;

use super::Verified;

/// Whether a body between two entries is gone.
pub(super) fn is_gap(entries: &[Entry], first: u64, last: u64) -> bool {
    let place = |index: u64| entries.partition_point(|entry| entry.index < index);
    let there = place(last).saturating_sub(place(first));
    u64::try_from(there) != Ok(last.saturating_sub(first))
}

/// The place from which on a run is known whole up to an entry of it: that of its beginning, if no body after that is gone.
pub(super) fn is_whole(entries: &[Entry], began: Option<u64>, until: u64) -> bool {
    began.is_some_and(|began| !is_gap(entries, began, until))
}

/// Whether a body from a place up to a moment is gone: then what happened in between is not told whole.
pub(super) fn is_gap_until(verified: &Verified, first: u64, until: Moment) -> bool {
    let Verified { entries, summary, .. } = verified;
    // Entries stand in the order of their times.
    let later = entries.get(entries.partition_point(|entry| entry.time <= until));
    is_gap(entries, first, later.map_or(summary.head.size, |entry| entry.index))
}
