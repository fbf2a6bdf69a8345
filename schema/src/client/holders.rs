//! Who holds checkpoints of a client's ledger besides the agent: a git branch that the client owns, and witnesses.
//!
//! # Source
//! engine.md section 5.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ClientFacts;
use crate::id::{BranchName, Region};
use crate::ledger::LogKey;
use crate::remote::{NoPlace, Remote};

/// The name that stands for the holders of a ledger where a connection is named: in the vault, and on the list of hosts that
/// may be reached. No connection of a client that has holders has it.
pub const LEDGER: &str = "ledger";

/// Who holds checkpoints of a client's ledger besides the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holders {
    /// A git branch that the client owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<OwnedBranch>,
    /// Who cosigns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
}

/// A git branch that a client owns; each agent writes `<name>/<agent>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedBranch {
    /// The repository: `https://` or `ssh://`.
    pub repository: String,
    /// The first part of the branch's name.
    pub name: BranchName,
    /// The key of the host, for SSH: `type base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Who signed the server's certificate, for HTTPS, as PEM; whoever browsers trust when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Where it is.
    pub region: Region,
}

/// A witness that cosigns checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its submission prefix, `https://host[:port][/path]`. `http` only to private addresses.
    pub url: String,
    /// Its key as a vkey line: `name+id+base64`.
    pub key: String,
    /// Where it is.
    pub region: Region,
}

/// Why holders of a ledger cannot be what they are said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHolders {
    /// The repository is none.
    Repository(NoPlace),
    /// SSH without the key of the host, HTTPS with one, or SSH with certificates.
    Shown,
    /// The key is no key of a witness.
    Key,
    /// Two witnesses have one name: nobody could tell which of them cosigned.
    Twice,
    /// A connection has the name that stands for the holders.
    Connection,
    /// One of them is in another region than the client: no approval covers that.
    Region,
}

impl fmt::Display for BadHolders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(what) => write!(f, "the repository {what}"),
            Self::Shown => f.write_str("`host_key` goes with `ssh://`, and `ca` with `https://`"),
            Self::Key => f.write_str("a witness has a key that is none of a witness"),
            Self::Twice => f.write_str("two witnesses have one name"),
            Self::Connection => write!(f, "a connection is named `{LEDGER}`"),
            Self::Region => f.write_str("a holder is in another region than the client"),
        }
    }
}

impl OwnedBranch {
    /// Where it is.
    ///
    /// # Errors
    /// When the URL is none, or what shows who the server is does not go with it.
    pub fn remote(&self) -> Result<Remote, BadHolders> {
        let remote = self.repository.parse().map_err(BadHolders::Repository)?;
        let shown = match &remote {
            Remote::Https(_) => self.host_key.is_none(),
            Remote::Ssh(..) => self.host_key.is_some() && self.ca.is_none(),
        };
        if shown { Ok(remote) } else { Err(BadHolders::Shown) }
    }
}

impl Witness {
    /// Its key.
    ///
    /// # Errors
    /// [`BadHolders::Key`] when it is none of a witness.
    pub fn key(&self) -> Result<LogKey, BadHolders> {
        LogKey::from_vkey(&self.key).ok().filter(LogKey::is_of_witness).ok_or(BadHolders::Key)
    }
}

impl ClientFacts {
    /// Looks whether the holders of the ledger can be what is said of them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_holders(&self) -> Result<(), BadHolders> {
        if !self.ledger.is_empty() && self.connections.keys().any(|name| name.as_str() == LEDGER) {
            return Err(BadHolders::Connection);
        }
        for holders in self.ledger.values() {
            let regions = holders.branch.iter().map(|one| &one.region);
            if regions.chain(holders.witnesses.iter().map(|one| &one.region)).any(|region| *region != self.region) {
                return Err(BadHolders::Region);
            }
            holders.branch.as_ref().map_or(Ok(()), |branch| branch.remote().map(drop))?;
            let mut names = BTreeSet::new();
            for witness in &holders.witnesses {
                if !names.insert(witness.key()?.name().to_owned()) {
                    return Err(BadHolders::Twice);
                }
            }
        }
        Ok(())
    }
}
