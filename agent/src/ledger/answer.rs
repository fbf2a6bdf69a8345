//! Answers about one log: does it verify, its export, a proof for one entry, a proof since a checkpoint.
//!
//! What is written out goes through the same checks that an outsider applies.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::num::NonZero;
use std::panic::resume_unwind;

use assent_schema::canon::Digest;
use assent_schema::ledger::export::{self, ExportFault, Looked, Summary, Verifier, line};
use assent_schema::ledger::proof::{Consistency, Inclusion};
use assent_schema::ledger::tree::{TILE, consistency_spans, inclusion_spans};
use assent_schema::ledger::{Checkpoint, Entry, Fault, Head, LogKey, Salt};

use super::day_key::{DayKeyError, DayKeys, Openers};
use super::gone::{Ranges, covers};
use super::tiles::Tiles;
use crate::store::{LedgerRow, Log, Store, StoreError};
use crate::world::Disk;

/// How many rows are read at once.
const PAGE: usize = 4_096;
/// Threads at most that look at the rows of a page: an agent has other work to do.
const THREADS_MOST: usize = 4;

/// Which entries proofs are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All entries of a run.
    Run(u64),
    /// The entry at this place.
    Index(u64),
}

/// Why there is no answer.
#[derive(Debug)]
pub enum AnswerError {
    /// Something does not verify.
    Fault(ExportFault),
    /// There is no such run or entry, or the older checkpoint is not of this log.
    NotThere,
    /// No entry of the run can be read, and bodies of the log are gone.
    Unreadable,
    /// The rows cannot be read.
    Store(StoreError),
    /// A day key cannot be read.
    Key(DayKeyError),
    /// The output cannot be written.
    Output(std::io::Error),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "the ledger does not verify: {fault}"),
            Self::NotThere => f.write_str("the ledger has no such entry"),
            Self::Unreadable => f.write_str("no entry of that run can be read: bodies of the ledger are gone"),
            Self::Store(what) => write!(f, "reading the ledger: {what}"),
            Self::Key(what) => write!(f, "reading the ledger: {what}"),
            Self::Output(_) => f.write_str("the output cannot be written"),
        }
    }
}

impl std::error::Error for AnswerError {}

type Opened = Option<(Salt, Vec<u8>)>;

/// Reads one log of a store, with what is needed to open and to verify it.
pub struct Reader<'a, S: Store, D: Disk> {
    /// Where the rows are.
    pub store: &'a S,
    /// Which log.
    pub log: Log,
    /// The key of its checkpoints.
    pub key: &'a LogKey,
    /// The day keys.
    pub days: &'a mut DayKeys<D>,
    /// The newest checkpoint; answers are about its entries, later ones are left out.
    pub checkpoint: &'a Checkpoint,
    /// What was announced as gone, whether or not it is: [`super::announced`].
    pub announced: Ranges,
}

impl<S: Store, D: Disk> Reader<'_, S, D> {
    /// Verifies every entry up to the checkpoint, and that the log grew out of the older heads.
    ///
    /// # Errors
    /// [`AnswerError::Fault`] with the first index and fault.
    pub fn verify(&mut self, older: &[Head]) -> Result<Summary, AnswerError> {
        let mut verifier = Verifier::new(self.checkpoint.head().origin.clone(), older);
        let read = self.looked(&mut |looked| verifier.take(&looked).map_err(AnswerError::Fault));
        if let Err(AnswerError::Fault(found)) = read {
            return Err(self.narrow(found));
        }
        read?;
        verifier.checkpoint(self.checkpoint.note(), self.key, &[]).map_err(|found| self.narrow(found))
    }

    /// Writes the export, verifying it on the way; a fault leaves a part behind that ends without a checkpoint.
    ///
    /// # Errors
    /// As [`Reader::verify`], and when the output cannot be written.
    pub fn export(&mut self, out: &mut impl Write) -> Result<Summary, AnswerError> {
        let mut verifier = Verifier::new(self.checkpoint.head().origin.clone(), &[]);
        self.each(0, &mut |index, row, opened| {
            let opened = opened.as_ref().map(|(salt, body)| (salt, body.as_slice()));
            let committed = Digest::from_bytes(row.commitment);
            verifier.entry(&committed, opened).map_err(AnswerError::Fault)?;
            let bytes = line(index, &committed, opened).or(Err(fault(Some(index), Fault::BadIndex)))?;
            out.write_all(&bytes).map_err(AnswerError::Output)
        })?;
        let summary = verifier.checkpoint(self.checkpoint.note(), self.key, &[]).map_err(|found| self.narrow(found))?;
        out.write_all(b"\n").map_err(AnswerError::Output)?;
        out.write_all(self.checkpoint.note().as_bytes()).map_err(AnswerError::Output)?;
        Ok(summary)
    }

    /// Proves entries to be in the log, in order; what is given out was verified.
    ///
    /// # Errors
    /// [`AnswerError::NotThere`] when there is no such entry below the checkpoint.
    pub fn prove(&mut self, target: Target) -> Result<Vec<Inclusion>, AnswerError> {
        let found = match target {
            Target::Run(run) => self.of_run(run)?,
            Target::Index(index) => self.at(index)?,
        };
        if found.is_empty() {
            let is_run = matches!(target, Target::Run(_));
            return Err(if is_run && !self.announced.is_empty() {
                AnswerError::Unreadable
            } else {
                AnswerError::NotThere
            });
        }
        let size = self.checkpoint.head().size;
        let tiles = Tiles::open(self.store, &self.log, size).map_err(AnswerError::Store)?;
        let proof = |(index, committed, opened): (u64, Digest, Opened)| {
            let spans = inclusion_spans(index, size).ok_or(AnswerError::NotThere)?;
            let path = tiles.path(&spans).map_err(AnswerError::Store)?;
            let proof = Inclusion { index, opened, path, checkpoint: self.checkpoint.note().to_owned() };
            proof.verify(self.key, Some(&committed)).map_err(|what| fault(Some(index), what))?;
            Ok(proof)
        };
        found.into_iter().map(proof).collect()
    }

    /// Proves that the log continues an older checkpoint: up to another one that somebody kept, or to the newest.
    ///
    /// # Errors
    /// [`AnswerError::Fault`] when one of them is not by this log's key, or the log does not continue it.
    pub fn since(&mut self, older: &str, newer: Option<&str>) -> Result<Consistency, AnswerError> {
        let verify = |note: &str| Checkpoint::verify(note, self.key, &[]).or(Err(fault(None, Fault::BadCheckpoint)));
        let older = verify(older)?;
        let newer = newer.map(verify).transpose()?;
        let newer = newer.as_ref().unwrap_or(self.checkpoint);
        let (old, size, all) = (older.head().size, newer.head().size, self.checkpoint.head().size);
        if size > all {
            return Err(among(all, size, Fault::NotConsistent));
        }
        let spans = consistency_spans(old, size).ok_or_else(|| among(size, old, Fault::NotConsistent))?;
        let tiles = Tiles::open(self.store, &self.log, size).map_err(AnswerError::Store)?;
        let path = tiles.path(&spans).map_err(AnswerError::Store)?;
        let proof = Consistency { old, path, checkpoint: newer.note().to_owned() };
        match proof.verify(self.key, &older) {
            Ok(_) => Ok(proof),
            Err(what) => Err(self.narrow(ExportFault::among(0, size, what))),
        }
    }

    /// A fault of a hash over several entries, at those of them that are not as they were written, if that can be told.
    fn narrow(&self, found: ExportFault) -> AnswerError {
        let tells = matches!(found.fault, Fault::WrongRoot | Fault::NotConsistent);
        let Some(begin) = found.index.filter(|_| tells) else { return AnswerError::Fault(found) };
        let size = self.checkpoint.head().size;
        let changed = Tiles::open(self.store, &self.log, size).and_then(|tiles| tiles.changed());
        let Ok((first, end)) = changed else { return AnswerError::Fault(found) };
        let end = found.until.map_or(end, |until| end.min(until + 1));
        AnswerError::Fault(if first.max(begin) < end {
            ExportFault::among(first.max(begin), end, found.fault)
        } else {
            found
        })
    }

    fn at(&mut self, index: u64) -> Result<Vec<(u64, Digest, Opened)>, AnswerError> {
        if index >= self.checkpoint.head().size {
            return Ok(Vec::new());
        }
        let rows = self.store.ledger_rows(&self.log, index, 1).map_err(AnswerError::Store)?;
        let row = rows.first().filter(|row| row.index == index).ok_or_else(|| fault(Some(index), Fault::WrongSize))?;
        Ok(vec![(index, Digest::from_bytes(row.commitment), self.open(row)?)])
    }

    /// The entries of a run. None stands before the tile in which the run was accepted.
    fn of_run(&mut self, run: u64) -> Result<Vec<(u64, Digest, Opened)>, AnswerError> {
        let tiles = self.store.ledger_tiles(&self.log).map_err(AnswerError::Store)?;
        let before = tiles.iter().take_while(|tile| tile.accepted < run).last();
        let begin = before.map_or(0, |tile| (tile.at + 1) * TILE);
        let mut found = Vec::new();
        self.each(begin, &mut |index, row, opened| {
            if is_of_run(run, opened) {
                found.push((index, Digest::from_bytes(row.commitment), opened.clone()));
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn each(
        &mut self,
        begin: u64,
        take: &mut dyn FnMut(u64, &LedgerRow, &Opened) -> Result<(), AnswerError>,
    ) -> Result<(), AnswerError> {
        let mut next = begin;
        while let Some(page) = self.page(next)? {
            for row in &page {
                let opened = self.open(row)?;
                take(row.index, row, &opened)?;
                next += 1;
            }
        }
        Ok(())
    }

    /// The rows from an index on, at most a page; nothing at the checkpoint.
    fn page(&self, next: u64) -> Result<Option<Vec<LedgerRow>>, AnswerError> {
        let size = self.checkpoint.head().size;
        if next >= size {
            return Ok(None);
        }
        let most = usize::try_from(size - next).unwrap_or(PAGE).min(PAGE);
        let page = self.store.ledger_rows(&self.log, next, most).map_err(AnswerError::Store)?;
        if page.is_empty() {
            return Err(among(next, size, Fault::WrongSize));
        }
        match page.iter().zip(next..).find(|(row, index)| row.index != *index) {
            Some((_, index)) => Err(fault(Some(index), Fault::BadIndex)),
            None => Ok(Some(page)),
        }
    }

    /// All entries, each looked at by itself, in their order. Pages are looked at on all cores while the next one is read.
    fn looked(&mut self, take: &mut dyn FnMut(Looked) -> Result<(), AnswerError>) -> Result<(), AnswerError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MOST);
        let mut next = 0;
        let mut page = self.page(next)?;
        while let Some(rows) = page {
            let openers = self.openers(&rows)?;
            next += rows.len() as u64;
            let (openers, announced) = (&openers, &self.announced);
            let (looked, after) = std::thread::scope(|scope| {
                let parts = rows.chunks(rows.len().div_ceil(threads).max(1));
                let look = move |part: &[LedgerRow]| -> Vec<_> {
                    part.iter().map(|row| look(row, openers, announced)).collect()
                };
                let parts: Vec<_> = parts.map(|part| scope.spawn(move || look(part))).collect();
                let after = self.page(next);
                let looked = parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|why| resume_unwind(why)));
                (looked.collect::<Vec<_>>(), after)
            });
            for one in looked {
                take(one?)?;
            }
            page = after?;
        }
        Ok(())
    }

    /// What opens the rows, by day.
    fn openers(&mut self, rows: &[LedgerRow]) -> Result<BTreeMap<String, Openers>, AnswerError> {
        let origin = &self.checkpoint.head().origin;
        let mut openers = BTreeMap::new();
        for row in rows {
            if !openers.contains_key(&row.day) {
                openers.insert(row.day.clone(), self.days.openers(origin, &row.day).map_err(AnswerError::Key)?);
            }
        }
        Ok(openers)
    }

    /// Salt and body of a row; `None` where they are gone: announced, or the sealed part, or the key that opens it.
    fn open(&mut self, row: &LedgerRow) -> Result<Opened, AnswerError> {
        let Some(sealed) = row.sealed.as_deref().filter(|_| !covers(&self.announced, row.index)) else {
            return Ok(None);
        };
        let origin = &self.checkpoint.head().origin;
        opened(row, self.days.unseal(origin, &row.day, (row.index, sealed)))
    }
}

/// The proof that a checkpoint continues the first `old` entries of its log; from nothing it is empty.
///
/// # Errors
/// When the rows cannot be read, or are fewer.
pub fn consistency(
    store: &impl Store,
    log: &Log,
    old: u64,
    checkpoint: &Checkpoint,
) -> Result<Consistency, AnswerError> {
    let size = checkpoint.head().size;
    let spans = if old == 0 { Vec::new() } else { consistency_spans(old, size).ok_or(AnswerError::NotThere)? };
    let tiles = Tiles::open(store, log, size).map_err(AnswerError::Store)?;
    let path = tiles.path(&spans).map_err(AnswerError::Store)?;
    Ok(Consistency { old, path, checkpoint: checkpoint.note().to_owned() })
}

/// What came of opening a row.
fn opened(row: &LedgerRow, unsealed: Result<(Salt, Vec<u8>), DayKeyError>) -> Result<Opened, AnswerError> {
    match unsealed {
        Ok(opened) => Ok(Some(opened)),
        Err(DayKeyError::Gone) => Ok(None),
        Err(DayKeyError::CannotOpen) => Err(fault(Some(row.index), Fault::NotOpened)),
        Err(DayKeyError::Disk(what)) => Err(AnswerError::Key(DayKeyError::Disk(what))),
    }
}

/// Opens a row and looks at it by itself. On whatever thread: the keys are there.
fn look(row: &LedgerRow, openers: &BTreeMap<String, Openers>, announced: &Ranges) -> Result<Looked, AnswerError> {
    let sealed = row.sealed.as_deref().filter(|_| !covers(announced, row.index)).zip(openers.get(&row.day));
    let opened = sealed.map(|(sealed, openers)| opened(row, openers.unseal(row.index, sealed))).transpose()?.flatten();
    let opened = opened.as_ref().map(|(salt, body)| (salt, body.as_slice()));
    Ok(export::look(&Digest::from_bytes(row.commitment), opened))
}

fn is_of_run(run: u64, opened: &Opened) -> bool {
    opened.as_ref().is_some_and(|(_, body)| {
        // A cheap look first: a body that does not spell the run's number is not parsed.
        let spelled = format!("\"run\":{run},");
        body.windows(spelled.len()).any(|bytes| bytes == spelled.as_bytes())
            && Entry::from_bytes(body).is_ok_and(|entry| entry.run == Some(run))
    })
}

fn fault(index: Option<u64>, fault: Fault) -> AnswerError {
    AnswerError::Fault(ExportFault::at(index, fault))
}

fn among(begin: u64, end: u64, fault: Fault) -> AnswerError {
    AnswerError::Fault(ExportFault::among(begin, end, fault))
}
