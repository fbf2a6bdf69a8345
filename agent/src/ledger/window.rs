//! The entries of some hours, for people: found by their day, so that a long log is not read from its beginning.

use assent_schema::ledger::{Entry, Origin};
use assent_schema::time::Moment;

use super::answer::AnswerError;
use super::day_key::{DayKeyError, DayKeys};
use super::gone::{announced, covers, first_on};
use crate::store::{Log, Store};
use crate::world::Disk;

/// How many rows are read at once.
const PAGE: usize = 1_000;
/// The most entries of one window: the last of them.
const MOST: usize = 20_000;

/// The entries of a log from one moment to another, both included, in order, of those that are wanted. Those whose body is gone are
/// left out.
///
/// # Errors
/// When rows or day keys cannot be read.
pub fn window_of<D: Disk>(
    store: &impl Store,
    log: &Log,
    origin: &Origin,
    days: &mut DayKeys<D>,
    (from, until): (Moment, Moment),
    wanted: &dyn Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, AnswerError> {
    let size = store.ledger_size(log).map_err(AnswerError::Store)?;
    let gone = announced(store, log).map_err(AnswerError::Store)?;
    let mut next = first_on(store, log, &from.day()).map_err(AnswerError::Store)?;
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
            let Some(sealed) = row.sealed.as_deref().filter(|_| !covers(&gone, row.index)) else { continue };
            let body = match days.unseal(origin, &row.day, (row.index, sealed)) {
                Ok(opened) => Some(opened),
                Err(DayKeyError::Gone | DayKeyError::CannotOpen) => None,
                Err(what) => return Err(AnswerError::Key(what)),
            };
            let entry = body.and_then(|(_, body)| Entry::from_bytes(&body).ok());
            found.extend(entry.filter(|entry| from <= entry.time && entry.time <= until && wanted(entry)));
        }
        if found.len() > MOST {
            found.drain(..found.len() - MOST);
        }
    }
    Ok(found)
}
