//! Questions and answers about the ledger, as data.

use std::fmt;
use std::path::PathBuf;

use assent_schema::canon;
use assent_schema::id::PersonId;
use assent_schema::ledger::export::Summary;
use assent_schema::ledger::{Origin, Token, Told};
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Log;

/// The most entries in one answer: the last of them.
pub const ENTRIES_MOST: usize = 10_000;

/// What is asked about one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LedgerQuestion {
    /// Which logs there are.
    Logs,
    /// Whether a log verifies, and grew out of an older checkpoint.
    Verify {
        /// Which log.
        log: Log,
        /// The older checkpoint, a note.
        since: Option<String>,
        /// Who must have cosigned, if anybody.
        #[serde(default, skip_serializing_if = "Demand::is_nothing")]
        demand: Demand,
    },
    /// A log as a file that anybody can verify.
    Export {
        /// Which log.
        log: Log,
    },
    /// What entries say.
    Show {
        /// Which log; all when absent.
        log: Option<Log>,
        /// Of this person alone.
        person: Option<PersonId>,
        /// Of this moment or later.
        since: Option<Moment>,
    },
    /// Proofs for all entries of a run.
    ProveRun {
        /// Which log.
        log: Log,
        /// The run's number in it.
        run: u64,
    },
    /// A proof for one entry.
    ProveIndex {
        /// Which log.
        log: Log,
        /// Its place.
        index: u64,
    },
    /// A proof that a log continues an older checkpoint.
    ProveSince {
        /// Which log.
        log: Log,
        /// The older checkpoint, a note.
        since: String,
        /// The newer one, a note; the newest of all when absent.
        until: Option<String>,
    },
}

impl LedgerQuestion {
    /// Whether the answer tells only that a log verifies, or which there are.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Logs | Self::Verify { .. } => true,
            Self::Export { .. }
            | Self::Show { .. }
            | Self::ProveRun { .. }
            | Self::ProveIndex { .. }
            | Self::ProveSince { .. } => false,
        }
    }

    /// The log that it is about; nothing when it is about all.
    pub fn log(&self) -> Option<&Log> {
        match self {
            Self::Logs => None,
            Self::Show { log, .. } => log.as_ref(),
            Self::Verify { log, .. }
            | Self::Export { log }
            | Self::ProveRun { log, .. }
            | Self::ProveIndex { log, .. }
            | Self::ProveSince { log, .. } => Some(log),
        }
    }
}

/// Witnesses of whom so many must have cosigned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Their keys as vkey lines.
    pub witnesses: Vec<String>,
    /// How many of them at least.
    pub threshold: usize,
}

impl Demand {
    fn is_nothing(&self) -> bool {
        self.witnesses.is_empty()
    }
}

/// What a witness signed last of a log that grew out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnessed {
    /// Its name.
    pub witness: String,
    /// Over how many entries.
    pub size: u64,
    /// When, by its own clock.
    pub time: Moment,
}

/// What there is to say about a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LedgerAnswer {
    /// All logs, sorted by name.
    Logs(Vec<Log>),
    /// It verifies.
    Verified(LogSummary),
    /// What entries say, as the bodies that were committed to; the last of them, where there are too many.
    Entries(Vec<Value>),
    /// Output that waits to be taken.
    Written(Vec<OutFile>),
    /// Something does not verify.
    Fault {
        /// The entry, or the first that may be wrong; absent when it is the checkpoint or the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u64>,
        /// The last that may be wrong; absent when it is one entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        /// What is wrong.
        code: String,
    },
    /// There is no such log, run or entry.
    NotThere,
    /// A checkpoint that was named is of another log.
    OtherLog {
        /// Which that one is of.
        origin: Origin,
        /// Which was asked about.
        log: Origin,
    },
    /// No entry of such a run can be read, and bodies of the log are gone: whether one was of it cannot be told.
    Unreadable,
}

/// What was found in a log that verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSummary {
    /// Its origin.
    pub log: Origin,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: canon::Digest,
    /// How many bodies are gone.
    pub gone: u64,
    /// Which entries say so, and of what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// What keeps everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<LegalHold>,
    /// What the witnesses signed that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnessed: Vec<Witnessed>,
    /// Runs accepted, at least.
    pub accepted: u64,
    /// Runs ended, at least.
    pub finished: u64,
    /// Entries after the newest checkpoint: none is signed over them yet, and they were not looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsigned: u64,
}

/// What was made unreadable on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erased {
    /// How many entries.
    pub entries: u64,
    /// Of how many runs.
    pub runs: u64,
    /// How many runs about the same person are under way: their entries stay.
    pub open: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where the store keeps the legal hold of each log.
pub const LEGAL: &str = "ledger/legal/";

/// Nothing of a ledger may go, whatever its age and whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// Its id.
    pub id: Token,
    /// The matter, as a code or ticket id.
    pub why: Token,
    /// Who said so.
    pub by: PersonId,
    /// Since when.
    pub since: Moment,
}

impl fmt::Display for LegalHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, why, by, since } = self;
        write!(f, "legal hold {id} for {why} by {by} since {since}: nothing else goes")
    }
}

/// A file of the state folder that waits to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutFile {
    /// Where it is.
    pub at: PathBuf,
    /// What it is called for people.
    pub name: String,
}

impl LogSummary {
    /// What a log says of itself, before anybody is asked who cosigned it.
    pub(super) fn new(summary: Summary, legal: Option<LegalHold>) -> Self {
        let Summary { head, gone, told, accepted, finished, .. } = summary;
        Self {
            log: head.origin,
            size: head.size,
            root: head.root,
            gone,
            told,
            legal,
            witnessed: Vec::new(),
            accepted,
            finished,
            unsigned: 0,
        }
    }
}
