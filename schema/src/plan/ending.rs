//! How a run ends. What comes of one request is another thing: an *outcome* is of a request, an *ending* of a run.
//!
//! Ledgers, files of scenarios and commands call the ending of a run `outcome` too: those words are older than this one, and
//! stay.
//!
//! # Source
//! engine.md section 3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All steps ran, or a `stop` ended it.
    Done,
    /// It was no longer allowed to go on.
    Stopped,
    /// A step failed for good.
    Failed,
    /// What it needed was lost and cannot be read again.
    ContentLost,
    /// Another event took its place.
    Superseded,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 5] = [Self::Done, Self::Stopped, Self::Failed, Self::ContentLost, Self::Superseded];

    /// The word in journals, ledgers, expectations and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::ContentLost => "content-lost",
            Self::Superseded => "superseded",
        }
    }

    /// Whether the run left something to people: it did not come to the end that it is for, and nothing newer took its place.
    pub const fn is_unfinished(self) -> bool {
        match self {
            Self::Done | Self::Superseded => false,
            Self::Stopped | Self::Failed | Self::ContentLost => true,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Ending {
    type Err = NoSuchEnding;

    fn from_str(word: &str) -> Result<Self, NoSuchEnding> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == word).ok_or(NoSuchEnding)
    }
}

/// No run ends so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchEnding;

impl fmt::Display for NoSuchEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not how a run ends")
    }
}

impl std::error::Error for NoSuchEnding {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for ending in Ending::ALL {
            assert_eq!(ending.as_str().parse(), Ok(ending));
            assert_eq!(serde_json::to_value(ending).unwrap(), ending.as_str());
            assert_eq!(serde_json::from_value::<Ending>(ending.as_str().into()).unwrap(), ending);
        }
        assert_eq!("refused".parse::<Ending>(), Err(NoSuchEnding));
        assert_eq!(Ending::ALL.map(Ending::as_str), ["done", "stopped", "failed", "content-lost", "superseded"]);
    }
}
