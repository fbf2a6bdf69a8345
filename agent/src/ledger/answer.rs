//! Answers about one log: does it verify, its export, a proof for one entry, a proof since a checkpoint.
//!
//! What is written out goes through the same checks that an outsider applies.

use std::fmt;
use std::io::Write;

use assent_schema::canon::Digest;
use assent_schema::ledger::export::{ExportFault, Summary, Verifier, line};
use assent_schema::ledger::proof::{Consistency, Inclusion};
use assent_schema::ledger::{Checkpoint, Entry, Fault, Head, LogKey, Salt, Tree};

use super::day_key::{DayKeyError, DayKeys};
use crate::store::{LedgerRow, Log, Store, StoreError};
use crate::world::Disk;

/// How many rows are read at once.
const PAGE: usize = 1_000;

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
}

impl<S: Store, D: Disk> Reader<'_, S, D> {
    /// Verifies every entry up to the checkpoint, and that the log grew out of the older heads.
    ///
    /// # Errors
    /// [`AnswerError::Fault`] with the first index and fault.
    pub fn verify(&mut self, older: &[Head]) -> Result<Summary, AnswerError> {
        let mut verifier = Verifier::new(self.checkpoint.head().origin.clone(), older);
        self.each(&mut |_, row, opened| {
            let opened = opened.as_ref().map(|(salt, body)| (salt, body.as_slice()));
            verifier.entry(&Digest::from_bytes(row.commitment), opened).map_err(AnswerError::Fault)
        })?;
        verifier.checkpoint(self.checkpoint.note(), self.key, &[]).map_err(AnswerError::Fault)
    }

    /// Writes the export, verifying it on the way; a fault leaves a part behind that ends without a checkpoint.
    ///
    /// # Errors
    /// As [`Reader::verify`], and when the output cannot be written.
    pub fn export(&mut self, out: &mut impl Write) -> Result<Summary, AnswerError> {
        let mut verifier = Verifier::new(self.checkpoint.head().origin.clone(), &[]);
        self.each(&mut |index, row, opened| {
            let opened = opened.as_ref().map(|(salt, body)| (salt, body.as_slice()));
            let committed = Digest::from_bytes(row.commitment);
            verifier.entry(&committed, opened).map_err(AnswerError::Fault)?;
            let bytes = line(index, &committed, opened).or(Err(fault(Some(index), Fault::BadIndex)))?;
            out.write_all(&bytes).map_err(AnswerError::Output)
        })?;
        let summary = verifier.checkpoint(self.checkpoint.note(), self.key, &[]).map_err(AnswerError::Fault)?;
        out.write_all(b"\n").map_err(AnswerError::Output)?;
        out.write_all(self.checkpoint.note().as_bytes()).map_err(AnswerError::Output)?;
        Ok(summary)
    }

    /// Proves entries to be in the log, in order; what is given out was verified.
    ///
    /// # Errors
    /// [`AnswerError::NotThere`] when there is no such entry below the checkpoint.
    pub fn prove(&mut self, target: Target) -> Result<Vec<Inclusion>, AnswerError> {
        let mut found: Vec<(u64, Opened)> = Vec::new();
        let tree = self.tree(&mut |index, opened| {
            if wanted(target, index, opened) {
                found.push((index, opened.clone()));
            }
        })?;
        if found.is_empty() {
            return Err(AnswerError::NotThere);
        }
        found.into_iter().map(|(index, opened)| self.proof(&tree, index, opened)).collect()
    }

    /// Proves that the log continues an older checkpoint.
    ///
    /// # Errors
    /// [`AnswerError::Fault`] when the older one is not by this log's key, or the log does not continue it.
    pub fn since(&mut self, older: &str) -> Result<Consistency, AnswerError> {
        let older = Checkpoint::verify(older, self.key, &[]).or(Err(fault(None, Fault::BadCheckpoint)))?;
        let tree = self.tree(&mut |_, _| {})?;
        let (old, size) = (older.head().size, self.checkpoint.head().size);
        let path = tree.consistency(old, size).ok_or_else(|| fault(None, Fault::NotConsistent))?;
        let proof = Consistency { old, path, checkpoint: self.checkpoint.note().to_owned() };
        proof.verify(self.key, &older).map_err(|what| fault(None, what))?;
        Ok(proof)
    }

    fn proof(&self, tree: &Tree, index: u64, opened: Opened) -> Result<Inclusion, AnswerError> {
        let size = self.checkpoint.head().size;
        let path = tree.inclusion(index, size).ok_or(AnswerError::NotThere)?;
        let proof = Inclusion { index, opened, path, checkpoint: self.checkpoint.note().to_owned() };
        let row = self.store.ledger_rows(&self.log, index, 1).map_err(AnswerError::Store)?;
        let committed = row.first().map(|row| Digest::from_bytes(row.commitment));
        proof.verify(self.key, committed.as_ref()).map_err(|what| fault(Some(index), what))?;
        Ok(proof)
    }

    fn tree(&mut self, look: &mut dyn FnMut(u64, &Opened)) -> Result<Tree, AnswerError> {
        let mut leaves = Vec::new();
        self.each(&mut |index, row, opened| {
            leaves.push(row.commitment);
            look(index, opened);
            Ok(())
        })?;
        Ok(Tree::new(leaves.iter().map(<[u8; 32]>::as_slice)))
    }

    fn each(
        &mut self,
        take: &mut dyn FnMut(u64, &LedgerRow, &Opened) -> Result<(), AnswerError>,
    ) -> Result<(), AnswerError> {
        let size = self.checkpoint.head().size;
        let mut next = 0;
        while next < size {
            let most = usize::try_from(size - next).unwrap_or(PAGE).min(PAGE);
            let page = self.store.ledger_rows(&self.log, next, most).map_err(AnswerError::Store)?;
            if page.is_empty() {
                return Err(fault(Some(next), Fault::WrongSize));
            }
            for row in &page {
                if row.index != next {
                    return Err(fault(Some(next), Fault::BadIndex));
                }
                let opened = self.open(row)?;
                take(next, row, &opened)?;
                next += 1;
            }
        }
        Ok(())
    }

    /// Salt and body of a row; `None` where they are gone: the sealed part or the key that opens it.
    fn open(&mut self, row: &LedgerRow) -> Result<Opened, AnswerError> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let origin = &self.checkpoint.head().origin;
        match self.days.open(origin, &row.day) {
            Ok(key) => {
                let opened = key.open(origin, row.index, sealed);
                opened.map(Some).or(Err(fault(Some(row.index), Fault::NotOpened)))
            }
            Err(DayKeyError::Gone) => Ok(None),
            Err(DayKeyError::CannotOpen) => Err(fault(Some(row.index), Fault::NotOpened)),
            Err(DayKeyError::Disk(what)) => Err(AnswerError::Key(DayKeyError::Disk(what))),
        }
    }
}

fn wanted(target: Target, index: u64, opened: &Opened) -> bool {
    match target {
        Target::Index(at) => at == index,
        Target::Run(run) => opened.as_ref().is_some_and(|(_, body)| {
            // A cheap look first: a body that does not spell the run's number is not parsed.
            let spelled = format!("\"run\":{run},");
            body.windows(spelled.len()).any(|bytes| bytes == spelled.as_bytes())
                && Entry::from_bytes(body).is_ok_and(|entry| entry.run == Some(run))
        }),
    }
}

fn fault(index: Option<u64>, fault: Fault) -> AnswerError {
    AnswerError::Fault(ExportFault { index, fault })
}
