//! Git as transport: what is fetched is bytes by name, nothing more. Trust begins in `verify`.
//!
//! `transfer` runs in a child process with limits; `fetch` starts it; `read` takes blobs out of the object database;
//! `pace` says when to look again; `shelf` keeps what was accepted; `watch` notices a local change; `push` writes the agent's own branch.

pub mod fetch;
pub mod pace;
pub mod push;
pub mod read;
pub mod shelf;
pub mod transfer;
pub mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why nothing could be pulled or pushed. A closed list: texts of libraries and hosts stay out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullFailure {
    /// The repository cannot be opened or does not answer.
    Unreachable,
    /// It belongs to another user of this machine, and git reads only what is one's own.
    NotOwned,
    /// The branch is not there.
    NoBranch,
    /// More bytes or objects came than allowed.
    TooLarge,
    /// It took longer than allowed.
    TimedOut,
    /// The other side did not take the branch.
    PushRefused,
    /// The branch holds what no release may hold: a link, a submodule, a name that is not on the list, a file too large.
    FileRefused,
    /// The child or the own object database is broken.
    Broken,
}

impl PullFailure {
    /// Its code in log, ledger and status.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NotOwned => "not-owned",
            Self::NoBranch => "no-branch",
            Self::TooLarge => "too-large",
            Self::TimedOut => "timed-out",
            Self::PushRefused => "push-refused",
            Self::FileRefused => "file-refused",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for PullFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for PullFailure {}
