//! Appends to one log. Pure: time, salt, nonce and key come in as values.

use std::fmt;

use assent_schema::canon::Digest;
use assent_schema::id::{Name, PersonId};
use assent_schema::ledger::tree::TILE;
use assent_schema::ledger::{Entry, EntryError, Frontier, Head, Kind, Origin, Salt, commitment};
use assent_schema::time::Moment;

use super::day_key::DayKey;
use crate::store::{FactText, LedgerRow, LedgerTile};

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// When.
    pub time: Moment,
    /// What.
    pub kind: Kind,
    /// The run's number in this log.
    pub run: Option<u64>,
    /// The step.
    pub step: Option<Name>,
    /// The key of the item, of a step inside an `each`.
    pub item: Option<FactText>,
    /// The attempt, from 1.
    pub attempt: Option<u32>,
    /// Who.
    pub actor: Option<PersonId>,
    /// The plan.
    pub plan: Option<Digest>,
}

/// Why an entry cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// A run's number does not follow the last one, or is of a run that was not accepted.
    BadRun,
    /// The entry cannot be written as such.
    Form(EntryError),
    /// It could not be sealed.
    Seal,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRun => f.write_str("the run's number does not follow"),
            Self::Form(what) => write!(f, "the entry: {what}"),
            Self::Seal => f.write_str("the entry cannot be sealed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// The end of one log, to which entries are added.
#[derive(Clone, Debug)]
pub struct Appender {
    log: Origin,
    frontier: Frontier,
    time: Option<Moment>,
    accepted: u64,
    finished: u64,
    tile: Option<LedgerTile>,
}

impl Appender {
    /// The end of an empty log.
    pub fn new(log: Origin) -> Self {
        Self { log, frontier: Frontier::new(), time: None, accepted: 0, finished: 0, tile: None }
    }

    /// The end of a log that has entries: the frontier over all commitments, the time of the last one, and how many runs
    /// were accepted and ended.
    pub fn resume(log: Origin, frontier: Frontier, time: Moment, accepted: u64, finished: u64) -> Self {
        Self { log, frontier, time: Some(time), accepted, finished, tile: None }
    }

    /// Which log.
    pub fn log(&self) -> &Origin {
        &self.log
    }

    /// Size and root.
    pub fn head(&self) -> Head {
        Head { origin: self.log.clone(), size: self.frontier.size(), root: self.frontier.root() }
    }

    /// The tree's frontier.
    pub(super) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The tile that the last entry ended, if it did.
    pub(super) fn tile(&self) -> Option<LedgerTile> {
        self.tile
    }

    /// The time of the last entry; `None` in an empty log.
    pub(super) fn last_time(&self) -> Option<Moment> {
        self.time
    }

    /// Runs accepted since the log began.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Runs ended since the log began.
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// The time that an entry made now gets: never before that of the last one.
    pub fn time(&self, now: Moment) -> Moment {
        self.time.map_or(now, |last| last.max(now))
    }

    /// Makes the row of the next entry. `key` is that of the day of [`Appender::time`].
    ///
    /// # Errors
    /// [`AppendError`]; then nothing changed.
    pub fn append(
        &mut self,
        new: NewEntry,
        salt: &Salt,
        nonce: [u8; 24],
        key: &DayKey,
    ) -> Result<LedgerRow, AppendError> {
        let (accepted, finished) = self.counts_after(&new)?;
        let index = self.frontier.size();
        let time = self.time(new.time);
        let NewEntry { kind, run, step, item, attempt, actor, plan, .. } = new;
        let item = item.as_ref().map(|item| item.as_str().to_owned());
        let entry = Entry { log: self.log.clone(), index, time, run, step, item, attempt, actor, plan, kind };
        let body = entry.to_bytes().map_err(AppendError::Form)?;
        let sealed = key.seal(&self.log, index, nonce, salt, &body).or(Err(AppendError::Seal))?;
        let commitment = *commitment(salt, &body).as_bytes();
        let (tile, at) = (self.frontier.append(&commitment), index / TILE);
        self.tile = tile.map(|root| LedgerTile { at, root, accepted });
        (self.time, self.accepted, self.finished) = (Some(time), accepted, finished);
        Ok(LedgerRow { index, commitment, sealed: Some(sealed), day: time.day() })
    }

    fn counts_after(&self, new: &NewEntry) -> Result<(u64, u64), AppendError> {
        match (&new.kind, new.run) {
            (Kind::Accepted(_), Some(run)) if run == self.accepted + 1 => Ok((run, self.finished)),
            (Kind::Accepted(_), _) | (Kind::Ended(_), None) => Err(AppendError::BadRun),
            (_, Some(run)) if run == 0 || run > self.accepted => Err(AppendError::BadRun),
            (Kind::Ended(_), Some(_)) => Ok((self.accepted, self.finished + 1)),
            (_, _) => Ok((self.accepted, self.finished)),
        }
    }
}
