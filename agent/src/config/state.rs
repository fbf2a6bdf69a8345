//! The state folder, and what stands where in it.

use std::path::{Path, PathBuf};

/// The state folder, and what stands where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(PathBuf);

impl State {
    /// Takes a folder as state folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Journal, ledger and outbox.
    pub fn database(&self) -> PathBuf {
        self.0.join("agent.db")
    }

    /// The bare repository into which releases are fetched.
    pub fn repository(&self) -> PathBuf {
        self.0.join("repo.git")
    }

    /// Signing key, ledger key and host key.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    /// Day keys of the ledger.
    pub fn ledger_keys(&self) -> PathBuf {
        self.0.join("ledger").join("keys")
    }

    /// The encrypted secrets.
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.age")
    }

    /// What was pinned at enrolment.
    pub fn trust(&self) -> PathBuf {
        self.0.join("trust")
    }

    /// The socket by which local commands reach the running agent.
    pub fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// What transfers lay down while they run; empty otherwise.
    pub fn transfers(&self) -> PathBuf {
        self.0.join("transfers")
    }

    /// Takes room that is given back when the disk is full.
    pub fn reserve(&self) -> PathBuf {
        self.0.join("reserve")
    }

    /// The lock that one running agent holds.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
}
