//! Answers while no agent runs: what the state folder says, read only.

use std::path::Path;
use std::sync::Arc;

use assent_schema::ledger::Origin;

use super::ledger::{LedgerAnswer, LedgerQuestion};
use super::ledger_desk::{LedgerBroken, LedgerDesk};
use super::{Answer, Question};
use crate::config::Config;
use crate::error::{Context as _, Error};
use crate::identity::Identity;
use crate::pull::{branch, push};
use crate::real::RealDisk;
use crate::store::{Books, LedgerRow, Note, Sqlite, StoreError, life};
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

/// Says whether the ledger of a stopped agent verifies. Whatever else is asked is answered by the running agent alone, which
/// writes down who saw it.
///
/// # Errors
/// When the database cannot be read, or when the question needs a running agent.
pub fn answer(config: &Config, question: &Question) -> Result<Answer, Error> {
    match question {
        Question::Ledger(question) if question.is_open() => ledger(config, question).map(Answer::Ledger),
        _ => Err(no_agent()),
    }
}

/// What is said where no agent runs.
pub fn no_agent() -> Error {
    Error::environment("no agent runs in this state folder").help("Start it: `assent-agent run`.")
}

fn ledger(config: &Config, question: &LedgerQuestion) -> Result<LedgerAnswer, Error> {
    let store = open(&config.state.database())?;
    let disk = RealDisk::open(config.state.folder()).tried(|| "cannot open the state folder".into())?;
    let identity = Identity::load(&disk).tried(|| "cannot read the keys of the ledger".into())?;
    let life = life(&store).tried(|| "cannot read the journal".into())?;
    let own = Origin { life, ..Origin::first(config.project.clone(), config.agent.clone()) };
    let mut desk = LedgerDesk::new(config.state.folder(), Arc::new(disk), own, &identity);
    // The folder alone proves little: what others may have seen counts too, as far as it lies here.
    desk.pushed(pushed(config));
    let answer = desk.answer(&store, question.clone());
    answer.map_err(|LedgerBroken(what)| Error::environment(format!("cannot answer about the ledger: {what}")))
}

/// The checkpoints of the agent's own branch, as they were pushed and as they are to be.
fn pushed(config: &Config) -> Vec<String> {
    let repository = config.state.repository();
    let name = push::branch(&config.environment, &config.region, &config.agent);
    let commits = push::known(&repository, &name).into_iter();
    let branches = commits.filter_map(|commit| branch::read(&repository, &commit, config.agent.as_str()).ok());
    branches.flat_map(|branch| branch.checkpoints.into_values()).collect()
}
