//! The entries of some hours, for people: found by their day, so that a long log is not read from its beginning.

use assent_schema::ledger::{Entry, Origin};
use assent_schema::time::Moment;

use super::answer::AnswerError;
use super::day_key::{DayKeyError, DayKeys};
use crate::store::{Log, Store};
use crate::world::Disk;

/// How many rows are read at once.
const PAGE: usize = 1_000;
/// The most entries of one window: the last of them.
const MOST: usize = 20_000;

/// The entries of a log from one moment to another, both included, in order. Those whose body is gone are left out.
///
/// # Errors
/// When rows or day keys cannot be read.
pub fn window<D: Disk>(
    store: &impl Store,
    log: &Log,
    origin: &Origin,
    days: &mut DayKeys<D>,
    (from, until): (Moment, Moment),
) -> Result<Vec<Entry>, AnswerError> {
    let size = store.ledger_size(log).map_err(AnswerError::Store)?;
    let mut next = first_of_day(store, log, size, &from.day())?;
    let mut found = Vec::new();
    while next < size {
        let page = store.ledger_rows(log, next, PAGE).map_err(AnswerError::Store)?;
        if page.is_empty() {
            break;
        }
        for row in page {
            next = row.index.saturating_add(1);
            if row.day > until.day() {
                return Ok(found);
            }
            let Some(sealed) = &row.sealed else { continue };
            let body = match days.open(origin, &row.day) {
                Ok(key) => key.open(origin, row.index, sealed).ok(),
                Err(DayKeyError::Gone | DayKeyError::CannotOpen) => None,
                Err(what) => return Err(AnswerError::Key(what)),
            };
            let entry = body.and_then(|(_, body)| Entry::from_bytes(&body).ok());
            found.extend(entry.filter(|entry| from <= entry.time && entry.time <= until));
        }
        if found.len() > MOST {
            found.drain(..found.len() - MOST);
        }
    }
    Ok(found)
}

/// The first row that is not of an earlier day: days never go back in a log.
fn first_of_day(store: &impl Store, log: &Log, size: u64, day: &str) -> Result<u64, AnswerError> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let rows = store.ledger_rows(log, middle, 1).map_err(AnswerError::Store)?;
        if rows.first().is_some_and(|row| row.day.as_str() < day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
