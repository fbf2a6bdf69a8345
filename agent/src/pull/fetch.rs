//! Starts the child that talks git, feeds it one request, and keeps the deadline.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::PullFailure;
use super::transfer::{Answer, Bounds, MESSAGE_MOST_BYTES, Request, Task};
use crate::config::{Config, Limits};

/// The hidden subcommand that the child is started with.
pub const CHILD_COMMAND: &str = "transfer";

/// The program of tests in this crate, whose own binary is no agent: the work of the child is done here, without its limits.
#[cfg(test)]
pub(crate) const IN_THIS_PROCESS: &str = "";

/// How transfers are made: which program, between which repositories, within which bounds.
#[derive(Clone, Debug)]
pub struct Transfers {
    program: PathBuf,
    repository: PathBuf,
    url: String,
    deadline: Duration,
    bounds: Bounds,
}

impl Transfers {
    /// Transfers of one agent; `program` is the agent's own binary.
    pub fn new(program: PathBuf, config: &Config) -> Self {
        let Limits { fetch_time, fetch_bytes, fetch_memory_bytes, .. } = config.limits;
        Self {
            program,
            repository: config.state.repository(),
            url: config.repository.url(),
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
        let known = known.map(str::to_owned);
        self.run(Task::Fetch { branch: branch.to_owned(), into: into.to_owned(), known }).await
    }

    /// Gives a branch to the other side.
    ///
    /// # Errors
    /// [`PullFailure`].
    pub async fn push(&self, branch: &str) -> Result<String, PullFailure> {
        self.run(Task::Push { branch: branch.to_owned() }).await
    }

    async fn run(&self, task: Task) -> Result<String, PullFailure> {
        let request = Request { repository: self.repository.clone(), url: self.url.clone(), task, limits: self.bounds };
        #[cfg(test)]
        if self.program.as_os_str() == IN_THIS_PROCESS {
            let work = tokio::task::spawn_blocking(move || super::transfer::work(&request));
            return work.await.or(Err(PullFailure::Broken))?;
        }
        let answer = tokio::time::timeout(self.deadline, self.exchange(&request)).await;
        match answer.or(Err(PullFailure::TimedOut))?? {
            Answer::Done { commit } => Ok(commit),
            Answer::Failed(failure) => Err(failure),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the fetch child is one of the two processes that may be started")]
    async fn exchange(&self, request: &Request) -> Result<Answer, PullFailure> {
        let mut child = Command::new(&self.program)
            .arg(CHILD_COMMAND)
            .env_clear()
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0"), ("HOME", "/nonexistent")])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // The deadline drops this future, and the child with it.
            .kill_on_drop(true)
            .spawn()
            .or(Err(PullFailure::Broken))?;
        let bytes = serde_json::to_vec(request).or(Err(PullFailure::Broken))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PullFailure::Broken);
        };
        input.write_all(&bytes).await.or(Err(PullFailure::Broken))?;
        drop(input);
        let mut answer = Vec::new();
        output.take(MESSAGE_MOST_BYTES).read_to_end(&mut answer).await.or(Err(PullFailure::Broken))?;
        let status = child.wait().await.or(Err(PullFailure::Broken))?;
        match serde_json::from_slice(&answer) {
            Ok(answer) if status.success() => Ok(answer),
            // Ended by one of its own limits, or by what it read: the same to us.
            _ => Err(PullFailure::TooLarge),
        }
    }
}
