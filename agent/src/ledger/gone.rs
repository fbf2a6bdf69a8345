//! What of a log is gone, and how it goes: announced first, in one transaction with what is to be done; then done step by
//! step, each of which may be the last before a crash.
//!
//! An announced body is treated as gone by everybody who reads, so that a log verifies at every moment between.
//!
//! # Source
//! engine.md section 5; formats.md section 4, `pruned` and `erased`. Promises P01, P14.

use assent_schema::canon;
use assent_schema::ledger::Origin;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::day_key::DayKeys;
use super::logs::store_error;
use crate::store::{GONE, Log, Note, Store, StoreError, Transaction, WORK, Write};
use crate::world::{Dice, Disk, Wall};

/// Bodies that one step removes: few enough that nobody who commits waits long.
const BODIES_MOST: u64 = 2_000;
/// Bodies that one step seals anew.
const SEALED_MOST: usize = 500;

/// Indexes as sorted pairs with both ends, neighbours joined.
pub type Ranges = Vec<(u64, u64)>;

/// What is announced and not done yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Bodies to remove.
    pub bodies: Ranges,
    /// Days whose keys to destroy: nothing of them stays.
    pub days: Vec<String>,
    /// Days of which something stays: it gets a new key, and the old one is destroyed.
    pub anew: Vec<Anew>,
}

/// A day that gets a new key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anew {
    /// Which.
    pub day: String,
    /// The first entry that is not sealed anew yet.
    pub next: u64,
    /// Whether the new key was made; then a new key that is not there any more took the place of the old one.
    pub made: bool,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Done,
    /// What is left waits for the end of a day that entries are still written on.
    Waits,
    /// Something was done; there may be more.
    Went,
}

/// What of a log was announced as gone, ever.
///
/// # Errors
/// [`StoreError`].
pub fn announced(store: &impl Store, log: &Log) -> Result<Ranges, StoreError> {
    Ok(read(store, GONE, log)?.unwrap_or_default())
}

/// What is announced and not done yet.
///
/// # Errors
/// [`StoreError`].
pub fn work(store: &impl Store, log: &Log) -> Result<Option<Work>, StoreError> {
    read(store, WORK, log)
}

/// What announces that more is gone. `note` gets every range that is or was, as formats.md wants it; without one only keys
/// are destroyed, of logs that ended. Refused as moved when somebody announced something meanwhile.
///
/// # Errors
/// [`StoreError`].
pub fn announce(
    store: &impl Store,
    log: &Log,
    more: &[(u64, u64)],
    note: Option<Note>,
    days: Vec<String>,
    anew: Vec<Anew>,
) -> Result<Vec<Write>, StoreError> {
    let before = announced(store, log)?;
    let all = union(&before, more);
    let mut work = work(store, log)?.unwrap_or_default();
    work.bodies.extend(more);
    work.anew.retain(|anew| !days.contains(&anew.day));
    work.anew.extend(anew.into_iter().filter(|new| !days.contains(&new.day)));
    // One key for a day, however much of it goes.
    work.anew.sort_by(|a, b| (&a.day, a.made).cmp(&(&b.day, b.made)));
    work.anew.dedup_by(|later, first| later.day == first.day);
    work.days.extend(days);
    let name = format!("{GONE}{}", log.as_str());
    let from = store.state(&name)?;
    let mut writes = vec![Write::Swap { name, from, to: Some(bytes(&all)?) }, put(log, Some(&work))?];
    let ranges = serde_json::to_value(&all).or(Err(BAD))?;
    writes.extend(note.map(|note| Write::Note(Box::new(note.fact("ranges", ranges)))));
    Ok(writes)
}

/// Does the next thing that was announced.
///
/// # Errors
/// When the store or a key cannot be read or written; then it is done again.
///
/// # Crash
/// Each step may be done twice.
pub async fn step<S: Store, D: Disk>(
    store: &S,
    keys: &mut DayKeys<D>,
    dice: &impl Dice,
    (log, origin): (&Log, &Origin),
    now: Wall,
) -> Result<Step, StoreError> {
    let Some(mut left) = work(store, log)? else { return Ok(Step::Done) };
    let mut writes = Vec::new();
    if let Some((from, to)) = left.bodies.pop() {
        let last = to.min(from.saturating_add(BODIES_MOST - 1));
        writes.push(Write::Prune { log: log.clone(), from, to: last });
        if last < to {
            left.bodies.push((last + 1, to));
        }
    } else if let Some(day) = left.days.pop() {
        keys.destroy(origin, &day).map_err(store_error)?;
    } else if !left.anew.is_empty() {
        match seal_anew(store, keys, dice, (log, origin), &mut left)? {
            Some(sealed) => writes.extend(sealed),
            None => return Ok(Step::Waits),
        }
    }
    writes.push(put(log, Some(&left).filter(|left| **left != Work::default()))?);
    store.commit(Transaction { at: now, writes }).await?;
    Ok(Step::Went)
}

/// The next part of a day that gets a new key; `None` while entries are still written on each of them.
fn seal_anew<S: Store, D: Disk>(
    store: &S,
    keys: &mut DayKeys<D>,
    dice: &impl Dice,
    (log, origin): (&Log, &Origin),
    left: &mut Work,
) -> Result<Option<Vec<Write>>, StoreError> {
    let last = store.ledger_size(log)?.saturating_sub(1);
    let today = store.ledger_rows(log, last, 1)?.pop().map(|row| row.day).unwrap_or_default();
    // On no day of a log that ended is anything written any more.
    let over = |anew: &Anew| anew.day < today || matches!(log, Log::Ended(_));
    let Some(at) = left.anew.iter().position(over) else { return Ok(None) };
    let Some(anew) = left.anew.get_mut(at) else { return Ok(None) };
    if !anew.made {
        keys.make_next(origin, &anew.day, || dice.bytes()).map_err(store_error)?;
        anew.made = true;
        return Ok(Some(Vec::new()));
    }
    let rows = store.ledger_rows(log, anew.next, SEALED_MOST)?;
    let mut writes = Vec::new();
    let mut passed = 0;
    for row in rows.iter().take_while(|row| row.day == anew.day) {
        passed += 1;
        let Some(sealed) = &row.sealed else { continue };
        let again = keys.seal_next(origin, &anew.day, (row.index, sealed), || dice.bytes()).map_err(store_error)?;
        writes.extend(again.map(|sealed| Write::ResealLedger { log: log.clone(), index: row.index, sealed }));
    }
    anew.next += passed;
    if passed == 0 {
        keys.take_next(origin, &anew.day).map_err(store_error)?;
        left.anew.remove(at);
    }
    Ok(Some(writes))
}

/// The first entry of a log that was written on this day or later; its size when there is none. Days never go back.
///
/// # Errors
/// [`StoreError`].
pub fn first_on(store: &impl Store, log: &Log, day: &str) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, store.ledger_size(log)?);
    while low < high {
        let middle = low + (high - low) / 2;
        let row =
            store.ledger_rows(log, middle, 1)?.pop().ok_or(StoreError::Damaged("a row of the ledger is missing"))?;
        if row.day.as_str() < day { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// The entries before a day that are not announced as gone yet.
///
/// # Errors
/// [`StoreError`].
pub fn before(store: &impl Store, log: &Log, day: &str) -> Result<Option<(u64, u64)>, StoreError> {
    let first = match announced(store, log)?.first() {
        Some((0, last)) => last + 1,
        Some(_) | None => 0,
    };
    let end = first_on(store, log, day)?;
    Ok(end.checked_sub(1).filter(|last| first <= *last).map(|last| (first, last)))
}

/// Whether an index lies in sorted ranges.
pub fn covers(ranges: &[(u64, u64)], index: u64) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= index);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| index <= *last)
}

/// Both together, sorted and joined.
pub fn union(some: &[(u64, u64)], more: &[(u64, u64)]) -> Ranges {
    let mut all: Ranges = some.iter().chain(more).copied().collect();
    all.sort_unstable();
    let mut joined = Ranges::new();
    for (first, last) in all {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}

const BAD: StoreError = StoreError::Damaged("what is gone of the ledger");

fn read<T: DeserializeOwned + Serialize>(store: &impl Store, prefix: &str, log: &Log) -> Result<Option<T>, StoreError> {
    let found = store.state(&format!("{prefix}{}", log.as_str()))?;
    found.map(|bytes| canon::from_bytes(&bytes).or(Err(BAD))).transpose()
}

fn bytes(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    canon::to_bytes(value).or(Err(BAD))
}

fn put(log: &Log, work: Option<&Work>) -> Result<Write, StoreError> {
    let value = work.map(bytes).transpose()?;
    Ok(Write::State { name: format!("{WORK}{}", log.as_str()), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sorted_and_joined() {
        assert_eq!(union(&[(0, 4), (9, 9)], &[(5, 6), (8, 8), (20, 21), (3, 3)]), [(0, 6), (8, 9), (20, 21)]);
        assert_eq!(union(&[], &[]), []);
        let ranges = [(2, 4), (7, 7)];
        let covered: Vec<u64> = (0..9).filter(|index| covers(&ranges, *index)).collect();
        assert_eq!(covered, [2, 3, 4, 7]);
    }
}
