//! A page of a log for people, newest first: a bounded look, so that it comes in time however long the log is.

use assent_schema::ledger::{Entry, Origin};
use assent_schema::time::{Moment, Period};

use super::answer::AnswerError;
use super::day_key::{DayKeyError, DayKeys};
use super::gone::{announced, covers, first_on};
use crate::store::{Log, Store};
use crate::world::Disk;

/// How many entries a page lists.
const LISTED: usize = 50;
/// How many entries are looked through for one page.
const LOOKED_MOST: usize = 1_000;
/// How many rows are read at once.
const AT_ONCE: u64 = 200;

/// Which entries somebody looks for; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// Of this UTC day, `YYYY-MM-DD`.
    pub day: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this run, by its number.
    pub run: Option<u64>,
    /// Before this place.
    pub before: Option<u64>,
    /// Without those of people who looked: most of what stands there, once people look.
    pub but_looks: bool,
}

/// The kind of entries of people who looked.
const LOOKED: &str = "viewed";

impl Sought {
    fn fits(&self, entry: &Entry) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == entry.kind.name())
            && self.run.is_none_or(|run| entry.run == Some(run))
            && !(self.but_looks && entry.kind.name() == LOOKED)
    }
}

/// Some entries of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// How many were looked at whose content is gone: pruned, erased, or before its key.
    pub gone: usize,
    /// How many were looked at.
    pub looked: usize,
    /// Before which place the next page begins, if there is more.
    pub older: Option<u64>,
}

/// The entries of a log that fit, newest first.
///
/// # Errors
/// When rows or day keys cannot be read.
pub fn page<D: Disk>(
    store: &impl Store,
    (log, origin): (&Log, &Origin),
    days: &mut DayKeys<D>,
    sought: &Sought,
) -> Result<Page, AnswerError> {
    let gone = announced(store, log).map_err(AnswerError::Store)?;
    let (first, mut end) = span(store, log, sought)?;
    let mut page = Page::default();
    'looking: while end > first && page.looked < LOOKED_MOST {
        let from = end.saturating_sub(AT_ONCE).max(first);
        let most = usize::try_from(end - from).unwrap_or(0);
        let mut rows = store.ledger_rows(log, from, most).map_err(AnswerError::Store)?;
        while let Some(row) = rows.pop() {
            end = row.index;
            page.looked += 1;
            let sealed = row.sealed.as_deref().filter(|_| !covers(&gone, row.index));
            let opened = sealed.map(|sealed| days.unseal(origin, &row.day, (row.index, sealed)));
            match opened {
                None | Some(Err(DayKeyError::Gone | DayKeyError::CannotOpen)) => page.gone += 1,
                Some(Err(what)) => return Err(AnswerError::Key(what)),
                Some(Ok((_, body))) => {
                    page.entries.extend(Entry::from_bytes(&body).ok().filter(|entry| sought.fits(entry)));
                }
            }
            if page.entries.len() == LISTED {
                break 'looking;
            }
        }
        end = end.min(from);
    }
    page.older = (end > first).then_some(end);
    Ok(page)
}

/// The first place that is looked at, and the one behind the last.
fn span(store: &impl Store, log: &Log, sought: &Sought) -> Result<(u64, u64), AnswerError> {
    let size = store.ledger_size(log).map_err(AnswerError::Store)?;
    let day = sought.day.as_ref().and_then(|day| format!("{day}T00:00:00Z").parse::<Moment>().ok());
    let (first, end) = match day {
        None => (0, size),
        Some(day) => {
            let on = |day: Moment| first_on(store, log, &day.day()).map_err(AnswerError::Store);
            (on(day)?, on(day.plus(Period::days(1)))?)
        }
    };
    Ok((first, sought.before.map_or(end, |before| before.min(end))))
}
