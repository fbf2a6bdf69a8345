//! How people name a run: by its number in the client's ledger, and in which ledger of that name.

use std::fmt;
use std::str::FromStr;

use assent_schema::id::ClientId;
use serde::{Deserialize, Serialize};

use super::fact::{Accepted, Entry};
use super::run_id::RunId;
use super::{RunFilter, Store, StoreError};

/// The life in which no log was recovered yet. It stands in no name.
pub(super) const FIRST: u32 = 1;
/// How many runs are read at once when one is looked for by its name.
const PAGE: usize = 500;
/// The most runs of the client that are looked through, the newest first.
const LOOKED_MOST: usize = 200_000;
/// Runs that are accepted together get their numbers in another order than their ids: no further apart than this.
const APART_MOST: u64 = 1_000;

/// How people name a run: `acme-12` is the twelfth of acme's ledger. After a recovery numbers begin again, in another ledger:
/// `acme-2.12` is the twelfth of the second. So a name never comes to mean another run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunName {
    client: ClientId,
    life: u32,
    number: u64,
}

impl RunName {
    /// The run with this number in the ledger that the agent wrote for a client in this life.
    pub fn new(client: ClientId, life: u32, number: u64) -> Self {
        Self { client, life: life.max(FIRST), number }
    }

    /// Whose run it is.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// In which of the agent's lives it was accepted.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// Its number in the ledger of that life.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, life, number } = self;
        if *life == FIRST { write!(f, "{client}-{number}") } else { write!(f, "{client}-{life}.{number}") }
    }
}

/// A text that is no name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARunName;

impl fmt::Display for NotARunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a run: its id, 32 lower-case hex digits, or its name, like `acme-12`")
    }
}

impl std::error::Error for NotARunName {}

impl FromStr for RunName {
    type Err = NotARunName;

    fn from_str(text: &str) -> Result<Self, NotARunName> {
        let (client, of) = text.rsplit_once('-').ok_or(NotARunName)?;
        let (life, number) = match of.split_once('.') {
            Some((life, number)) => (life.parse().or(Err(NotARunName))?, number),
            None => (FIRST, of),
        };
        let number: u64 = number.parse().or(Err(NotARunName))?;
        let name = Self { client: client.parse().or(Err(NotARunName))?, life, number };
        // One run has one name: no sign, no zeros in front, and the first life is not said.
        if number > 0 && life >= FIRST && name.to_string() == text { Ok(name) } else { Err(NotARunName) }
    }
}

impl TryFrom<String> for RunName {
    type Error = NotARunName;
    fn try_from(text: String) -> Result<Self, NotARunName> {
        text.parse()
    }
}

impl From<RunName> for String {
    fn from(name: RunName) -> Self {
        name.to_string()
    }
}

/// A run as people say it: by its id, or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RunRef {
    /// By its id.
    Id(RunId),
    /// By its name.
    Name(RunName),
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(run) => run.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for RunRef {
    type Err = NotARunName;

    // An id has no hyphen, a name always one.
    fn from_str(text: &str) -> Result<Self, NotARunName> {
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Name))
    }
}

impl TryFrom<String> for RunRef {
    type Error = NotARunName;
    fn try_from(text: String) -> Result<Self, NotARunName> {
        text.parse()
    }
}

impl From<RunRef> for String {
    fn from(run: RunRef) -> Self {
        run.to_string()
    }
}

impl From<RunId> for RunRef {
    fn from(run: RunId) -> Self {
        Self::Id(run)
    }
}

impl Accepted {
    /// How people name the run.
    pub fn name(&self) -> RunName {
        RunName::new(self.client.clone(), self.life, self.number)
    }
}

/// How people name a run, while its journal is kept.
///
/// # Errors
/// [`StoreError`].
pub fn run_name(store: &impl Store, run: RunId) -> Result<Option<RunName>, StoreError> {
    Ok(match store.journal(run)?.first().map(|row| &row.entry) {
        Some(Entry::Accepted(accepted)) => Some(accepted.name()),
        _ => None,
    })
}

/// The run of a name, while its journal is kept and it is among the newest of its client.
///
/// # Errors
/// [`StoreError`].
pub fn run_of_name(store: &impl Store, name: &RunName) -> Result<Option<RunId>, StoreError> {
    let (mut before, mut looked) = (None, 0);
    while looked < LOOKED_MOST {
        let page = store.runs(&RunFilter { client: Some(name.client.clone()), before, most: PAGE })?;
        let Some(last) = page.last() else { return Ok(None) };
        before = Some(last.run);
        looked = looked.saturating_add(page.len());
        if let Some(found) = page.iter().find(|line| line.accepted.name() == *name) {
            return Ok(Some(found.run));
        }
        let last = (last.accepted.life, last.accepted.number.saturating_add(APART_MOST));
        if last < (name.life, name.number) {
            return Ok(None);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_one_name_and_the_first_life_stands_in_none() {
        let name = |life, number| RunName::new("acme".parse().unwrap(), life, number);
        assert_eq!((name(1, 12).to_string(), name(2, 12).to_string()), ("acme-12".into(), "acme-2.12".into()));
        assert_eq!(("acme-12".parse(), "acme-2.12".parse()), (Ok(name(1, 12)), Ok(name(2, 12))));
        let other: RunName = "acme-2-12".parse().unwrap();
        assert_eq!((other.client().as_str(), other.life(), other.number()), ("acme-2", 1, 12));
        for wrong in
            ["", "12", "acme", "acme-", "-12", "acme-0", "acme-012", "acme-1.12", "acme-0.12", "acme-02.12", "acme-+1"]
        {
            assert_eq!(wrong.parse::<RunName>(), Err(NotARunName), "{wrong}");
        }
    }

    #[test]
    fn people_say_a_run_by_its_id_or_its_name() {
        let id = RunId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(RunRef::Id(id)));
        assert_eq!("acme-12".parse::<RunRef>().unwrap().to_string(), "acme-12");
        assert_eq!("refund".parse::<RunRef>(), Err(NotARunName));
    }
}
