//! The inside of the child process that talks git: it limits itself, does one transfer, and says how it went.
//!
//! It trusts neither the other side nor its own configuration; whatever goes wrong ends this process alone.
//!
//! # Source
//! trust.md section 5, crates.md (a small pack of deltas can make the process grow by 200 MB).

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use git2::{
    AutotagOption, Config, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, Remote, RemoteCallbacks, Repository,
    RepositoryOpenFlags,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{PullFailure, talk, weigh};
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
            let url = path.to_str().ok_or(PullFailure::Unreachable)?;
            // An anonymous remote: no remote of a configuration is asked, and the only configuration is the repository's own.
            let mut remote = repository.remote_anonymous(url).or(Err(PullFailure::Unreachable))?;
            fetch(repository, &mut remote, (branch, into), known.as_deref(), request.limits.bytes, tell)
        }
        Task::Push { branch, into } => {
            let commit = repository.refname_to_id(&format!("refs/heads/{branch}")).or(Err(PullFailure::NoBranch))?;
            push(repository, path, commit, &format!("refs/heads/{into}"))?;
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

fn fetch(
    repository: &Repository,
    remote: &mut Remote<'_>,
    (branch, into): (&str, &str),
    known: Option<&str>,
    most_bytes: u64,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    remote.connect(Direction::Fetch).map_err(|error| unreachable(&error))?;
    let reference = format!("refs/heads/{branch}");
    // A refspec that matches nothing would be no error: so the branch is looked for first.
    let heads = remote.list().map_err(|error| unreachable(&error))?;
    let tip = heads.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid);
    let tip = tip.ok_or(PullFailure::NoBranch)?;
    if known == Some(tip.to_string().as_str()) {
        return Ok(tip.to_string());
    }
    tell(tip);
    // A child that was ended may have left one.
    weigh::packs(repository)?;
    let too_large = std::cell::Cell::new(false);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        let over = progress.received_bytes() as u64 > most_bytes || progress.total_objects() > OBJECTS_MOST;
        too_large.set(too_large.get() || over);
        !over
    });
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None).remote_callbacks(callbacks);
    let fetched = remote.download(&[format!("+{reference}:{into}")], Some(&mut options));
    drop(options);
    match fetched {
        Ok(()) => {}
        Err(_) if too_large.get() => return Err(PullFailure::TooLarge),
        Err(error) => return Err(unreachable(&error)),
    }
    weigh::packs(repository)?;
    weigh::commit(repository, tip)?;
    // Forced: quarantine holds whatever the branch holds now.
    repository.reference(into, tip, true, "fetch").map_err(|error| unreachable(&error))?;
    Ok(tip.to_string())
}

/// Gives a commit out to a repository on this machine, whether people work in it or not: a remote of libgit2 takes no push into
/// one with a working tree. Only a commit that continues what stands there moves the reference.
fn push(repository: &Repository, path: &Path, commit: Oid, into: &str) -> Result<(), PullFailure> {
    let other = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, [] as [&OsStr; 0]);
    let other = other.map_err(|error| unreachable(&error))?;
    let before = match other.refname_to_id(into) {
        Ok(before) => Some(before),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(unreachable(&error)),
    };
    if before == Some(commit) {
        return Ok(());
    }
    // What is not known here cannot be behind; what people have before them moves under no one's hands but theirs.
    let continues = before.is_none_or(|before| repository.graph_descendant_of(commit, before).unwrap_or(false));
    let worked_on =
        !other.is_bare() && other.find_reference("HEAD").is_ok_and(|head| head.symbolic_target() == Ok(Some(into)));
    if !continues || worked_on {
        return Err(PullFailure::PushRefused);
    }
    let give = || -> Result<(), git2::Error> {
        let mut walk = repository.revwalk()?;
        walk.push(commit)?;
        before.map_or(Ok(()), |before| walk.hide(before))?;
        let mut builder = repository.packbuilder()?;
        builder.insert_walk(&mut walk)?;
        let database = other.odb()?;
        let mut pack = database.packwriter()?;
        builder.foreach(|bytes| pack.write_all(bytes).is_ok())?;
        pack.commit()?;
        match before {
            Some(before) => other.reference_matching(into, commit, true, before, "push")?,
            None => other.reference(into, commit, false, "push")?,
        };
        Ok(())
    };
    give().map_err(|error| match error.code() {
        ErrorCode::Modified | ErrorCode::Exists => PullFailure::PushRefused,
        _ => unreachable(&error),
    })
}

fn unreachable(error: &git2::Error) -> PullFailure {
    match (error.code(), error.class()) {
        (ErrorCode::Owner, _) => PullFailure::NotOwned,
        // What came needs more memory than this process may have.
        (_, ErrorClass::NoMemory) => PullFailure::TooLarge,
        _ => PullFailure::Unreachable,
    }
}
