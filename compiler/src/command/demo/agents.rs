//! Agent processes: this very binary, started as `assent agent …`, ended with the demo.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assent_schema::canon::Digest;
use assent_schema::status::Status;

use super::source::put;
use crate::error::Error;

/// The longest time for an agent to become what the story needs.
const PATIENCE: Duration = Duration::from_secs(30);
/// The variable by which a started agent is told to end with whoever started it.
pub const TIED: &str = "ASSENT_TIED";
/// How often the story looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// One agent with its folder and, while it runs, its process.
#[derive(Debug)]
pub struct Agent {
    /// The name by which root knows it.
    pub(super) name: String,
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Its folder: configuration, state, log.
    pub(super) folder: PathBuf,
    program: PathBuf,
    process: Option<Child>,
    /// Who gives its commands, with their key.
    asks: Option<String>,
}

/// Where an agent works, and where its releases come from.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// Its environment.
    pub environment: &'a str,
    /// Its region.
    pub region: &'a str,
    /// The repository, as its configuration names it.
    pub repository: &'a str,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Agent {
    /// Enrols an agent: keys, configuration, the pinned root. Its table for the root is in [`Agent::enrolled`].
    ///
    /// # Errors
    /// When the agent's command refuses.
    pub fn enrol(program: &Path, folder: &Path, name: &str, post: &Post<'_>, root: Digest) -> Result<Self, Error> {
        Self::enrol_with(program, folder, name, post, root, &[], &[])
    }

    /// Enrols an agent with more options, and something on its standard input.
    ///
    /// # Errors
    /// When the agent's command refuses.
    pub fn enrol_with(
        program: &Path,
        folder: &Path,
        name: &str,
        post: &Post<'_>,
        root: Digest,
        options: &[&str],
        input: &[u8],
    ) -> Result<Self, Error> {
        let listen = free_address()?;
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(format!("make {}", folder.display()), e))?;
        let agent =
            Self { name: name.to_owned(), listen, folder, program: program.to_owned(), process: None, asks: None };
        let listen = listen.to_string();
        let (root, state) = (root.to_string(), agent.state().display().to_string());
        let mut line = vec![
            "enrol",
            "--root",
            &root,
            "--project",
            "harbor",
            "--agent",
            name,
            "--environment",
            post.environment,
            "--region",
            post.region,
            "--repository",
            post.repository,
            "--state",
            &state,
            "--listen",
            &listen,
            "--format",
            "json",
        ];
        line.extend_from_slice(options);
        let said = agent.call_with_input(&line, input)?;
        put(&agent.enrolled(), said.as_bytes())?;
        Ok(agent)
    }

    /// What root must say about it, as JSON.
    pub fn enrolled(&self) -> PathBuf {
        self.folder.join("enrolled.json")
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.join("agent.toml")
    }

    /// Its log, when it was started.
    pub fn log(&self) -> PathBuf {
        self.folder.join("agent.log")
    }

    /// Its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Where people and webhooks reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// From now on this person, `person=key file`, gives the agent's commands, where none names another.
    pub fn asked_by(&mut self, key: String) {
        self.asks = Some(key);
    }

    /// Puts a secret into a slot.
    ///
    /// # Errors
    /// When the agent's command refuses.
    pub fn set_secret(&self, slot: &str, secret: &str) -> Result<(), Error> {
        self.call_with_input(&["vault", "set", slot], secret.as_bytes()).map(drop)
    }

    /// Starts the process and waits until it listens; how long that took.
    ///
    /// # Errors
    /// When it cannot be started or ends.
    pub fn start(&mut self) -> Result<Duration, Error> {
        let began = now();
        let tried = |e| Error::io(format!("start the agent {}", self.name), e);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).map_err(tried)?;
        let errors = log.try_clone().map_err(tried)?;
        let mut command = self.command(&["run"]);
        // Whatever ends the demo ends its agents: they hear it on the other side of this pipe.
        command.env(TIED, "1").stdin(Stdio::piped()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(tried)?;
        self.process = Some(child);
        let listen = self.listen;
        self.wait_for(|| Ok(std::net::TcpStream::connect_timeout(&listen, LOOK_EVERY).is_ok().then_some(())))?;
        Ok(began.elapsed())
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take()
            && child.kill().is_ok()
        {
            // Killed above, so this returns at once; there is nobody to tell if it does not.
            drop(child.wait());
        }
    }

    /// Asks it to stop in order, and waits.
    ///
    /// # Errors
    /// When it does not end, or ends with an error.
    pub fn stop(&mut self) -> Result<(), Error> {
        let Some(child) = &self.process else { return Ok(()) };
        let id = child.id().to_string();
        // A builtin of every shell: the program of that name is not on every machine.
        let asked = tool("sh").args(["-c", "kill -TERM \"$0\"", &id]).status();
        asked.map_err(|e| Error::io("ask an agent to stop", e))?;
        let began = now();
        while let Some(child) = &mut self.process {
            match child.try_wait().map_err(|e| Error::io("wait for an agent", e))? {
                Some(status) if status.success() => self.process = None,
                Some(status) => return Err(Error::input(format!("the agent {} ended with {status}", self.name))),
                None if began.elapsed() > PATIENCE => return Err(Error::input("the agent does not stop")),
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
        Ok(())
    }

    /// What the agent says of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> Result<Status, Error> {
        let said = self.call(&["status", "--format", "json"])?;
        serde_json::from_str(&said).map_err(|e| Error::internal("read the agent's status", e))
    }

    /// Waits until the agent's status is as wanted; the status and how long it took.
    ///
    /// # Errors
    /// When it does not become so.
    pub fn wait_status(&mut self, wanted: impl Fn(&Status) -> bool) -> Result<(Status, Duration), Error> {
        let began = now();
        loop {
            if let Ok(status) = self.status()
                && wanted(&status)
            {
                return Ok((status, began.elapsed()));
            }
            self.still_runs()?;
            if began.elapsed() > PATIENCE {
                return Err(Error::input(format!(
                    "the agent {} did not become what was awaited; see {}",
                    self.name,
                    self.log().display()
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Looks again and again until there is something.
    ///
    /// # Errors
    /// When there is nothing within the time, or the agent ends.
    pub fn wait_for<T>(&mut self, look: impl FnMut() -> Result<Option<T>, Error>) -> Result<T, Error> {
        self.wait_within(PATIENCE, look)
    }

    /// The same, for so long: for what the agent does twice a minute.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub fn wait_within<T>(
        &mut self,
        patience: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let began = now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            self.still_runs()?;
            if began.elapsed() > patience {
                return Err(Error::input(format!(
                    "the agent {} took too long; see {}",
                    self.name,
                    self.log().display()
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Asks one of the agent's commands again and again until `read` finds something in what it prints.
    ///
    /// # Errors
    /// When there is nothing within the time, or the agent ends.
    pub fn wait_to_say<T>(
        &mut self,
        args: &[&str],
        mut read: impl FnMut(&str) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let began = now();
        loop {
            if let Some(found) = read(&self.call(args)?)? {
                return Ok(found);
            }
            self.still_runs()?;
            if began.elapsed() > PATIENCE {
                return Err(Error::input(format!("`{}` does not come to its end", args.join(" "))));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn still_runs(&mut self) -> Result<(), Error> {
        let Some(child) = &mut self.process else { return Ok(()) };
        match child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(Error::input(format!("the agent {} ended; see {}", self.name, self.log().display()))),
        }
    }

    /// Runs one command of the agent; what it printed.
    ///
    /// # Errors
    /// When it fails or refuses.
    pub fn call(&self, args: &[&str]) -> Result<String, Error> {
        self.call_with_input(args, &[])
    }

    fn call_with_input(&self, args: &[&str], input: &[u8]) -> Result<String, Error> {
        use std::io::Write as _;
        let tried = |e| Error::io(format!("run assent-agent {}", args.join(" ")), e);
        let mut command = self.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(tried)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).map_err(tried)?;
        }
        let output = child.wait_with_output().map_err(tried)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Err(Error::input(format!("assent-agent {}: {out}{err}", args.join(" "))))
    }

    /// `assent agent … --config …`.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = tool(&self.program);
        command.arg("agent").args(args).arg("--config").arg(self.config());
        if let Some(asks) = &self.asks {
            command.env("ASSENT_KEY", asks);
        }
        command
    }
}

/// A program that the demo starts.
#[expect(clippy::disallowed_methods, reason = "the demo starts agents and outside checkers")]
pub(super) fn tool(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// The clock by which the story measures.
#[expect(clippy::disallowed_methods, reason = "the demo measures how long things take")]
pub(super) fn now() -> Instant {
    Instant::now()
}

pub(super) fn free_address() -> Result<SocketAddr, Error> {
    let tried = |e| Error::io("find a free port", e);
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_err(tried)
}
