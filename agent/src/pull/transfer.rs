//! The inside of the child process that talks git: it limits itself, does one transfer, and says how it went.
//!
//! It trusts neither the other side nor its own configuration; whatever goes wrong ends this process alone.
//!
//! # Source
//! trust.md section 5, crates.md (a small pack of deltas can make the process grow by 200 MB).

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use git2::{Config, Oid, Repository};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{PullFailure, local, talk};
use crate::config::Repository as Other;
use crate::content::Content;

/// The most objects that one fetch may receive.
pub(super) const OBJECTS_MOST: usize = 2_000_000;
/// Open files of the child.
const FILES_OPEN_MOST: u64 = 256;
/// The largest request or answer between parent and child, in bytes: a file of certificates fits.
pub const MESSAGE_MOST_BYTES: u64 = 4 * 1024 * 1024;
/// The largest usual request.
const MESSAGE_USUAL_BYTES: usize = 8 * 1024;

/// What the child is to do; a line of JSON on its standard input. After it, to the end, comes what opens the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The agent's own bare repository.
    pub repository: PathBuf,
    /// The other side.
    pub other: Other,
    /// What is moved.
    pub task: Task,
    /// What bounds the child.
    pub limits: Bounds,
}

/// What is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Task {
    /// Takes a branch of the other side into a quarantine reference here.
    Fetch {
        /// The branch there, without `refs/heads/`.
        branch: String,
        /// The whole name of the reference here.
        into: String,
        /// The commit that is known already.
        known: Option<String>,
    },
    /// Gives a branch to the other side, never forced.
    Push {
        /// The branch here, without `refs/heads/`.
        branch: String,
        /// The branch there.
        into: String,
    },
}

/// What bounds the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The most bytes that may be received, and the largest file that may be written.
    pub bytes: u64,
    /// The largest address space.
    pub memory_bytes: u64,
    /// The most seconds of processor time.
    pub cpu_seconds: u64,
}

/// How it went; JSON on the child's standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Answer {
    /// The branch stands at this commit on both sides now.
    Done {
        /// The commit.
        commit: String,
    },
    /// It did not work.
    Failed(PullFailure),
}

/// Where the branch stands that is fetched; a line before the answer, so that it is known when the process comes to no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tip {
    tip: String,
}

/// The commit that a child said it fetches, and its answer, from all that it wrote.
pub fn heard(output: &[u8]) -> (Option<String>, Option<Answer>) {
    let line = output.iter().position(|byte| *byte == b'\n');
    let (first, rest) = line.map_or((&[][..], output), |end| {
        let (first, rest) = output.split_at(end);
        (first, rest.strip_prefix(b"\n").unwrap_or(rest))
    });
    let tip = serde_json::from_slice(first).ok().map(|Tip { tip }| tip);
    let is_name = |tip: &String| tip.len() == 40 && tip.bytes().all(|byte| byte.is_ascii_hexdigit());
    (tip.filter(is_name), serde_json::from_slice(rest).ok())
}

/// Runs the child: limits first, then the request from `input`, then where the branch stands and the answer to `output`.
///
/// # Errors
/// When the answer cannot be written or the limits cannot be set; everything else is an answer.
pub fn child(input: &mut dyn Read, output: &mut dyn Write) -> std::io::Result<()> {
    let mut bytes = read_all(input)?;
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let end = (line + 1).min(bytes.len());
    let credential = bytes.split_off(end);
    let credential = (!credential.is_empty()).then(|| Content::new(credential));
    let request: Request = serde_json::from_slice(&bytes)?;
    limit_self(request.limits)?;
    let mut told = Ok(());
    let done = work_telling(&request, credential.as_ref(), &mut |tip| told = tell(output, tip));
    told?;
    let answer = match done {
        Ok(commit) => Answer::Done { commit },
        Err(failure) => Answer::Failed(failure),
    };
    output.write_all(&serde_json::to_vec(&answer)?)?;
    output.flush()
}

fn tell(output: &mut dyn Write, tip: Oid) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(&Tip { tip: tip.to_string() })?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// Reads to the end. A buffer that grows by itself leaves copies of secrets behind; one that is as large as the largest
/// message costs more to clear than a look for news does.
fn read_all(input: &mut dyn Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut input = input.take(MESSAGE_MOST_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(MESSAGE_USUAL_BYTES));
    loop {
        let free = bytes.capacity().saturating_sub(bytes.len());
        let read = (&mut input).take(free as u64).read_to_end(&mut bytes)?;
        if read < free {
            return Ok(bytes);
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity().saturating_mul(4)));
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

fn limit_self(bounds: Bounds) -> rustix::io::Result<()> {
    let limits = [
        (Resource::As, bounds.memory_bytes),
        (Resource::Fsize, bounds.bytes),
        (Resource::Cpu, bounds.cpu_seconds),
        (Resource::Nofile, FILES_OPEN_MOST),
        (Resource::Core, 0),
    ];
    limits.into_iter().try_for_each(|(what, most)| setrlimit(what, Rlimit { current: Some(most), maximum: Some(most) }))
}

/// Does one transfer in this process, without limits on it. Returns the commit.
///
/// # Errors
/// [`PullFailure`].
pub fn work(request: &Request, credential: Option<&Content<Vec<u8>>>) -> Result<String, PullFailure> {
    work_telling(request, credential, &mut |_| ())
}

/// The same; `tell` hears where the branch stands before anything of it is fetched.
///
/// # Errors
/// [`PullFailure`].
pub(super) fn work_telling(
    request: &Request,
    credential: Option<&Content<Vec<u8>>>,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    let repository = open(request).or(Err(PullFailure::Broken))?;
    match &request.other {
        Other::Path(path) => work_locally(&repository, path, request, tell),
        other => talk::transfer(&repository, other, request, credential, tell),
    }
}

fn work_locally(
    repository: &Repository,
    path: &Path,
    request: &Request,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    match &request.task {
        Task::Fetch { branch, into, known } => {
            local::fetch(repository, path, (branch, into), known.as_deref(), request.limits.bytes, tell)
        }
        Task::Push { branch, into } => {
            let commit = repository.refname_to_id(&format!("refs/heads/{branch}")).or(Err(PullFailure::NoBranch))?;
            local::push(repository, path, commit, &format!("refs/heads/{into}"))?;
            Ok(commit.to_string())
        }
    }
}

/// Opens the own repository with its own configuration alone: system, user and global files do not exist for it.
fn open(request: &Request) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(&request.repository)?;
    repository.set_config(&Config::open(&request.repository.join("config"))?)?;
    Ok(repository)
}
