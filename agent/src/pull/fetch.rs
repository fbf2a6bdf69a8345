//! Starts the child that talks git, feeds it one request, and keeps the deadline.

use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::transfer::{self, Answer, Bounds, MESSAGE_MOST_BYTES, Request, Task};
use super::{PullFailure, compact, locks};
use crate::config::{Config, Limits, Repository};
use crate::content::Content;

/// The hidden subcommand that the child is started with.
pub const CHILD_COMMAND: &str = "transfer";

/// The program of tests in this crate, whose own binary is no agent: the work of the child is done here, without its limits.
#[cfg(test)]
pub(crate) const IN_THIS_PROCESS: &str = "";

/// Gives what opens the repository, as the vault has it at that moment.
pub type Credential = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Content<Vec<u8>>>> + Send>> + Send + Sync>;

/// A transfer that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotDone {
    /// Why.
    pub(crate) failure: PullFailure,
    /// Where the branch stands on the other side, once that was known.
    pub(crate) tip: Option<String>,
}

impl From<PullFailure> for NotDone {
    fn from(failure: PullFailure) -> Self {
        Self { failure, tip: None }
    }
}

/// How transfers are made: which program, between which repositories, within which bounds.
#[derive(Clone)]
pub struct Transfers {
    program: PathBuf,
    repository: PathBuf,
    other: Repository,
    credential: Credential,
    scratch: PathBuf,
    count: Arc<AtomicU64>,
    deadline: Duration,
    bounds: Bounds,
}

impl Transfers {
    /// Transfers of one agent; `program` is the agent's own binary.
    pub fn new(program: PathBuf, config: &Config, credential: Credential) -> Self {
        let Limits { fetch_time, fetch_bytes, fetch_memory_bytes, .. } = config.limits;
        Self {
            program,
            repository: config.state.repository(),
            other: config.repository.clone(),
            credential,
            scratch: config.state.transfers(),
            count: Arc::default(),
            deadline: fetch_time.duration(),
            bounds: Bounds {
                bytes: fetch_bytes,
                memory_bytes: fetch_memory_bytes,
                cpu_seconds: fetch_time.as_seconds(),
            },
        }
    }

    /// Takes a branch into a quarantine reference. Returns the commit that it stands at there.
    ///
    /// # Errors
    /// [`PullFailure`].
    pub async fn fetch(&self, branch: &str, into: &str, known: Option<&str>) -> Result<String, PullFailure> {
        self.fetch_named(branch, into, known).await.map_err(|not_done| not_done.failure)
    }

    /// The same; what could not be fetched is named where it is known.
    ///
    /// # Errors
    /// [`NotDone`].
    pub(crate) async fn fetch_named(&self, branch: &str, into: &str, known: Option<&str>) -> Result<String, NotDone> {
        let known = known.map(str::to_owned);
        let fetched = self.run(Task::Fetch { branch: branch.to_owned(), into: into.to_owned(), known }).await;
        if fetched.is_err() {
            // Nobody else fetches into it, and the child is gone.
            locks::take_away_one(&self.repository, into);
        }
        fetched
    }

    /// Gives a branch to the other side.
    ///
    /// # Errors
    /// [`PullFailure`].
    pub async fn push(&self, branch: &str) -> Result<String, PullFailure> {
        let commit = self.push_into(branch, branch).await?;
        compact::pushed(&self.repository, branch, &commit)?;
        Ok(commit)
    }

    /// Gives a branch to the other side under another name.
    ///
    /// # Errors
    /// [`PullFailure`].
    pub async fn push_into(&self, branch: &str, into: &str) -> Result<String, PullFailure> {
        let task = Task::Push { branch: branch.to_owned(), into: into.to_owned() };
        self.run(task).await.map_err(|not_done| not_done.failure)
    }

    /// The same transfers with another repository on the other side.
    #[must_use]
    pub fn with(&self, other: Repository, credential: Credential) -> Self {
        Self { other, credential, ..self.clone() }
    }

    async fn run(&self, task: Task) -> Result<String, NotDone> {
        let credential = if self.wants_credential() { (self.credential)().await } else { None };
        let request =
            Request { repository: self.repository.clone(), other: self.other.clone(), task, limits: self.bounds };
        #[cfg(test)]
        if self.program.as_os_str() == IN_THIS_PROCESS {
            let work = tokio::task::spawn_blocking(move || {
                let mut tip = None;
                let done = transfer::work_telling(&request, credential.as_ref(), &mut |at| tip = Some(at.to_string()));
                done.map_err(|failure| NotDone { failure, tip })
            });
            return work.await.or(Err(PullFailure::Broken))?;
        }
        // Not of the exchange, which the deadline may end: what the child said until then was said.
        let mut said = Vec::new();
        let status = tokio::time::timeout(self.deadline, self.exchange(&request, credential, &mut said)).await;
        let (tip, answer) = transfer::heard(&said);
        let failure = match status {
            Err(_) => PullFailure::TimedOut,
            Ok(Err(failure)) => failure,
            Ok(Ok(status)) => match answer {
                Some(Answer::Done { commit }) if status.success() => return Ok(commit),
                Some(Answer::Failed(failure)) if status.success() => failure,
                // Ended by a signal: by one of its own limits, or by what it read, which is the same to us.
                _ if status.signal().is_some() => PullFailure::TooLarge,
                _ => PullFailure::Broken,
            },
        };
        Err(NotDone { failure, tip })
    }

    fn wants_credential(&self) -> bool {
        matches!(self.other, Repository::Https(..) | Repository::Ssh(..))
    }

    #[expect(clippy::disallowed_methods, reason = "the fetch child is one of the two processes that may be started")]
    async fn exchange(
        &self,
        request: &Request,
        credential: Option<Content<Vec<u8>>>,
        said: &mut Vec<u8>,
    ) -> Result<ExitStatus, PullFailure> {
        let scratch = match self.other {
            Repository::Ssh(..) => Some(Scratch::make(&self.scratch, self.count.fetch_add(1, Ordering::Relaxed))?),
            Repository::Path(_) | Repository::Git(_) | Repository::Https(..) => None,
        };
        let mut child = Command::new(&self.program)
            .arg(CHILD_COMMAND)
            .env_clear()
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0"), ("HOME", "/nonexistent")])
            .current_dir(scratch.as_ref().map_or(Path::new("/"), |scratch| scratch.0.as_path()))
            // A group of its own: what the child starts ends with it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // The deadline drops this future, and the child with it.
            .kill_on_drop(true)
            .spawn()
            .or(Err(PullFailure::Broken))?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let bytes = serde_json::to_vec(request).or(Err(PullFailure::Broken))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PullFailure::Broken);
        };
        input.write_all(&bytes).await.or(Err(PullFailure::Broken))?;
        if let Some(credential) = credential {
            input.write_all(b"\n").await.or(Err(PullFailure::Broken))?;
            input.write_all(credential.reveal()).await.or(Err(PullFailure::Broken))?;
        }
        drop(input);
        let mut output = output.take(MESSAGE_MOST_BYTES);
        // Part by part: what was read stays when the deadline comes.
        while output.read_buf(said).await.or(Err(PullFailure::Broken))? > 0 {}
        let status = child.wait().await.or(Err(PullFailure::Broken))?;
        // From here on its id may be somebody else's.
        group.0 = None;
        Ok(status)
    }
}

/// The child and the processes that it started, while it was not waited for: they end with the transfer.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0
            && let Err(error) = kill_process_group(id, Signal::KILL)
        {
            tracing::warn!(%error, "a transfer could not be ended");
        }
    }
}

/// A folder of one transfer, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn make(all: &Path, number: u64) -> Result<Self, PullFailure> {
        let folder = all.join(format!("{}-{number}", std::process::id()));
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map(|()| Self(folder)).or(Err(PullFailure::Broken))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now goes when the agent starts again.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
