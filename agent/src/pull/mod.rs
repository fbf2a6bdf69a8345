//! Git as transport: what is fetched is bytes by name, nothing more. Trust begins in `verify`.
//!
//! `transfer` runs in a child process with limits, and `talk` speaks with servers there; `fetch` starts it; `read` takes blobs out of the object database, `past` the manifests of older commits;
//! `pace` says when to look again; `weigh` says of what came, in the child as well, what it takes to read it; `locks` takes away what a process left that died, `loose` objects that a power cut left in part; `shelf` keeps what was accepted, and `compact` lets all else go; `local` moves objects between repositories of one machine, `line` says what the other side lacks of an own branch; `watch` notices a local change; `push` writes the agent's own branch, `branch` reads it.

pub mod branch;
pub mod compact;
pub mod fetch;
mod line;
mod local;
pub mod locks;
pub mod loose;
pub mod pace;
pub mod past;
pub mod push;
pub mod read;
pub mod shelf;
mod talk;
pub mod transfer;
pub mod watch;
mod weigh;

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
    /// The server has no such repository, or does not show it to us.
    NoRepository,
    /// The host shows another key than the pinned one.
    HostKey,
    /// The server's certificate is not one of whom the configuration trusts.
    Certificate,
    /// The server wants credentials, and the vault's slot is empty.
    NoCredentials,
    /// The server does not take our credentials.
    CredentialsRefused,
    /// The server sends us elsewhere; we do not go.
    Redirected,
    /// What came is not what git says: something else answers there, or somebody changed it on the way.
    Garbled,
    /// There is no `ssh` on this machine.
    NoSsh,
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
    /// Every one of them.
    pub const ALL: [Self; 16] = [
        Self::Unreachable,
        Self::NotOwned,
        Self::NoRepository,
        Self::HostKey,
        Self::Certificate,
        Self::NoCredentials,
        Self::CredentialsRefused,
        Self::Redirected,
        Self::Garbled,
        Self::NoSsh,
        Self::NoBranch,
        Self::TooLarge,
        Self::TimedOut,
        Self::PushRefused,
        Self::FileRefused,
        Self::Broken,
    ];

    /// What it means, as one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unreachable => "The repository cannot be opened, or nobody answers at its address.",
            Self::NotOwned => {
                "The repository belongs to another user of the machine, and git reads only what is one's own."
            }
            Self::NoRepository => "The server has no such repository, or does not show it to this agent.",
            Self::HostKey => "The host shows another key than the pinned one.",
            Self::Certificate => "The server's certificate is by nobody whom the configuration trusts.",
            Self::NoCredentials => "The server wants credentials, and the vault's slot is empty.",
            Self::CredentialsRefused => "The server does not take the agent's credentials.",
            Self::Redirected => "The server sends the agent elsewhere, and it does not go.",
            Self::Garbled => "What came is not what git says.",
            Self::NoSsh => "There is no `ssh` on the machine.",
            Self::NoBranch => "The branch is not there.",
            Self::TooLarge => "More bytes or objects came than the limits allow.",
            Self::TimedOut => "It took longer than the limits allow.",
            Self::PushRefused => "The other side did not take the agent's branch.",
            Self::FileRefused => {
                "The branch holds what no release may hold: a link, a submodule, a name that is not on the list, a file too large."
            }
            Self::Broken => "The process that pulls, or the agent's own repository, is broken.",
        }
    }

    /// Its code in log, ledger and status.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NotOwned => "not-owned",
            Self::NoRepository => "no-repository",
            Self::HostKey => "host-key",
            Self::Certificate => "certificate",
            Self::NoCredentials => "no-credentials",
            Self::CredentialsRefused => "credentials-refused",
            Self::Redirected => "redirected",
            Self::Garbled => "garbled",
            Self::NoSsh => "no-ssh",
            Self::NoBranch => "no-branch",
            Self::TooLarge => "too-large",
            Self::TimedOut => "timed-out",
            Self::PushRefused => "push-refused",
            Self::FileRefused => "file-refused",
            Self::Broken => "broken",
        }
    }
}

impl PullFailure {
    /// What somebody can do about it, where that is known.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::NotOwned => Some("Give the repository to the user that the agent runs as."),
            Self::NoRepository => Some("Look at the path in `repository`, and at what this agent may read there."),
            Self::HostKey => {
                Some("Compare `host_key` with what the host's operator says. Do not just copy what it shows.")
            }
            Self::Certificate => {
                Some("Name in `ca` the certificates of whoever signed the server's, or fix the server's.")
            }
            Self::NoCredentials => {
                Some("Set them: `assent-agent vault set agent/repository`, or `enrol --credential`.")
            }
            Self::CredentialsRefused => {
                Some("Set others: `assent-agent vault set agent/repository`, or let the server's operator admit these.")
            }
            Self::Redirected => {
                Some("Write the address where the repository is into `repository`; redirects are not followed.")
            }
            Self::Garbled => {
                Some("See what answers at this address: it is not a git server, or something changes what it says.")
            }
            Self::NoSsh => Some("Install OpenSSH's client."),
            Self::TimedOut | Self::TooLarge => {
                Some("Raise the limits of fetches in `[limits]` if this is what you expect.")
            }
            Self::Unreachable | Self::NoBranch | Self::PushRefused | Self::FileRefused | Self::Broken => None,
        }
    }
}

impl fmt::Display for PullFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for PullFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_stands_in_the_docs_under_its_code() {
        let docs = include_str!("../../../docs/agent.md");
        for (place, failure) in PullFailure::ALL.into_iter().enumerate() {
            assert!(docs.contains(&format!("\n| `{}` |", failure.code())), "{failure}");
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.code(), "one word everywhere");
            assert!(!PullFailure::ALL[place + 1..].contains(&failure), "{failure} twice");
        }
    }
}
