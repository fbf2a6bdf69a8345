//! Git's smart protocol as a client speaks it, over a plain connection, TLS or SSH; for the child process alone.
//!
//! `packet` is the framing, `smart` the two conversations, `objects` what libgit2 does with packs; `plain`, `https` and
//! `ssh` carry bytes. libgit2 has transports of its own; these are here because TLS and SSH there need OpenSSL (which
//! is built with perl), because its settings for certificates are out of reach without `unsafe`, and because so every
//! byte that a server sends is counted, and what goes wrong has a name.
//!
//! # Source
//! gitprotocol-pack(5), gitprotocol-http(5), gitprotocol-common(5), protocol version 0. trust.md section 5.

#[cfg(test)]
mod cut_tests;
mod https;
mod key_agent;
mod objects;
mod packet;
mod plain;
mod smart;
mod ssh;

use std::io::{self, Read};

use git2::{Oid, Repository};

use super::PullFailure;
use super::transfer::{Request, Task};
use crate::config::Repository as Other;
use crate::content::Content;

/// What is asked of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// It gives objects.
    Fetch,
    /// It takes objects.
    Push,
}

impl Service {
    /// The program that git runs there; also its name in HTTP.
    fn program(self) -> &'static str {
        match self {
            Self::Fetch => "git-upload-pack",
            Self::Push => "git-receive-pack",
        }
    }
}

/// One conversation about one service: the other side speaks first, is asked once, and answers.
trait Talk {
    /// What the other side says first: its references.
    fn hear(&mut self) -> Result<Box<dyn Read + '_>, PullFailure>;

    /// Asks, and gives the answer.
    fn ask(&mut self, question: Vec<u8>) -> Result<Box<dyn Read + '_>, PullFailure>;
}

/// Does one transfer with a server, opened by a credential where it has one. Returns the commit. `tell` hears where a branch
/// stands before anything of it is fetched.
///
/// For SSH the process runs in a folder of this transfer's own.
///
/// # Errors
/// [`PullFailure`].
pub(super) fn transfer(
    repository: &Repository,
    other: &Other,
    request: &Request,
    credential: Option<&Content<Vec<u8>>>,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    let service = match &request.task {
        Task::Fetch { .. } => Service::Fetch,
        Task::Push { .. } => Service::Push,
    };
    let mut talk: Box<dyn Talk> = match other {
        Other::Path(_) => return Err(PullFailure::Broken),
        Other::Git(place) => Box::new(plain::Plain::connect(place, service)?),
        Other::Https(place, roots) => Box::new(https::Https::new(place, roots, credential, service)?),
        Other::Ssh(place, account) => Box::new(ssh::Ssh::start(place, account, service, credential)?),
    };
    let mut budget = packet::Budget::new(request.limits.bytes);
    match &request.task {
        Task::Fetch { branch, into, known } => {
            smart::fetch(&mut *talk, repository, (branch, into), known.as_deref(), &mut budget, tell)
        }
        Task::Push { branch, into } => smart::push(&mut *talk, repository, (branch, into), &mut budget),
    }
}

/// A failure as readers pass it on.
fn as_io(failure: PullFailure) -> io::Error {
    io::Error::other(failure)
}

/// The failure in an error of a reader; any other error is one of the connection.
fn from_io(error: &io::Error) -> PullFailure {
    let named = error.get_ref().and_then(|inner| inner.downcast_ref::<PullFailure>()).copied();
    named.unwrap_or(PullFailure::Unreachable)
}
