//! Answers while no agent runs: what the state folder says, read only.

use std::path::Path;

use super::{Answer, Question, answer};
use crate::error::{Context as _, Error};
use crate::store::{Books, LedgerRow, Note, Sqlite, StoreError};
use crate::world::Wall;

/// Books that take no entry: nothing is written while no agent runs.
struct Closed;

impl Books for Closed {
    fn append(&mut self, _: Wall, _: Option<u64>, _: &Note) -> Result<LedgerRow, StoreError> {
        Err(StoreError::Broken)
    }
    fn keep(&mut self) {}
    fn drop_back(&mut self) {}
}

/// Opens the database to read it, while no agent runs.
///
/// # Errors
/// When there is none, or when another process has it open.
pub fn open(database: &Path) -> Result<Sqlite, Error> {
    if !database.is_file() {
        return Err(Error::environment("no agent ever ran in this state folder").help("Start it: `assent-agent run`."));
    }
    Sqlite::open(database, |_| Ok(Box::new(Closed))).tried(|| format!("cannot open `{}`", database.display()))
}

/// Answers what can be answered.
///
/// # Errors
/// When the database cannot be read, or when the question needs a running agent.
pub fn answer(database: &Path, question: &Question) -> Result<Answer, Error> {
    let cannot = || "cannot read the journal".to_owned();
    match question {
        Question::Runs { client, most } => answer::runs(&open(database)?, client.clone(), *most).tried(cannot),
        Question::Run { run } => answer::run(&open(database)?, *run).tried(cannot),
        Question::Queue => answer::queue(&open(database)?).tried(cannot),
        Question::Status | Question::RollBack { .. } | Question::Pull | Question::Checkpoint => {
            Err(Error::environment("no agent runs in this state folder").help("Start it: `assent-agent run`."))
        }
    }
}
