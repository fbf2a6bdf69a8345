//! A real agent process that pulls from a real repository, and what it is asked about itself.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use assent_agent::pull::push;
use assent_schema::canon::Digest;
use assent_schema::status::Status;
use assent_schema::time::Moment;
use assent_schema::trust::AgentEntry;
use git2::Repository;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::deploy::fixture::{self, Files};
use crate::large::Large;

const BRANCH: &str = "refs/heads/release/production/eu";
/// The longest time for which anything is awaited.
const WAITED_MOST: Duration = Duration::from_mins(3);

/// The instant of this machine.
pub(crate) fn clock() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Moment::from_seconds(i64::try_from(since.as_secs()).expect("a clock before the end of time"))
}

/// A folder with a bare repository and an agent that was enrolled in it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) listen: String,
    pub(crate) release: Large,
    agent: Option<Child>,
    daemon: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().and_then(|()| agent.wait()).expect("an own process can be ended");
        }
        if let Some(mut daemon) = self.daemon.take() {
            // `git daemon` starts the server as a child of its own, which would stay: both are of one group.
            let group = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).expect("a process");
            kill_process_group(group, Signal::KILL).expect("an own group can be ended");
            daemon.wait().expect("an own process can be waited for");
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// A shop on loopback that answers every request for an order.
pub(crate) fn shop() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut seen = [0; 4_096];
            drop(stream.read(&mut seen));
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"state\":\"paid\"}";
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

impl Site {
    /// Enrols an agent; `served` says that its repository is asked over `git://`. `more` goes into its configuration.
    pub(crate) fn enrol(clients: usize, workflows_each: usize, served: bool, more: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        Repository::init_bare(folder.path().join("agency.git")).expect("a repository");
        let release = Large {
            now: clock(),
            clients,
            workflows_each,
            sequence: 1,
            previous: None,
            agent: fixture::agent("eu-production-1", "production"),
            shop: shop(),
            words: "the first".to_owned(),
        };
        let listen = format!("127.0.0.1:{}", free_port());
        let mut site = Self { folder, listen, release, agent: None, daemon: None };
        let small = Large { clients: 1, workflows_each: 1, ..site.release.clone() };
        site.publish(&small.files());
        let repository =
            if served { site.serve() } else { site.folder.path().join("agency.git").display().to_string() };
        let (root, state) = (fixture::project().to_string(), site.folder.path().join("state").display().to_string());
        let mut args = vec!["enrol", "--root", &root, "--project", "harbor", "--agent", "eu-production-1"];
        args.extend(["--environment", "production", "--region", "eu", "--repository", &repository, "--state", &state]);
        args.extend(["--listen", &site.listen, "--format", "json"]);
        let said: serde_json::Value = serde_json::from_str(&site.call(&args)).expect("what enrolment says");
        let text = |key: &str| said.get(key).and_then(|value| value.as_str()).expect("a text").to_owned();
        site.release.agent = AgentEntry {
            key: text("key").parse().expect("a key"),
            ledger_key: text("ledger_key"),
            ..site.release.agent.clone()
        };
        let config = site.folder.path().join("agent.toml");
        let written = std::fs::read_to_string(&config).expect("a configuration");
        std::fs::write(&config, format!("poll = \"1h\"\n{written}\n{more}")).expect("a configuration");
        site
    }

    fn serve(&mut self) -> String {
        let port = free_port();
        let mut daemon = Command::new("git");
        daemon.args(["daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]);
        daemon.arg(format!("--port={port}")).arg(format!("--base-path={}", self.folder.path().display()));
        daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.daemon = Some(daemon.spawn().expect("a git daemon"));
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < WAITED_MOST, "the git daemon does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        format!("git://127.0.0.1:{port}/agency.git")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("agency.git")
    }

    /// What `--key` takes for the person who is on call; her key lies in a file of its own from the first time on.
    pub(crate) fn hand(&self) -> String {
        let key = self.folder.path().join("ann");
        if !key.exists() {
            std::fs::write(&key, fixture::key("ann").to_openssh("ann").expect("a key").as_bytes()).expect("a file");
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        }
        format!("ann={}", key.display())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent-agent"));
        command.args(args).arg("--config").arg(self.folder.path().join("agent.toml")).env_clear().stdin(Stdio::null());
        command
    }

    /// What a command of the agent prints.
    pub(crate) fn call(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("a program that starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a file");
        let errors = log.try_clone().expect("a file");
        self.agent = Some(self.command(&["run"]).stdout(log).stderr(errors).spawn().expect("a process"));
    }

    /// Ends the agent at once, as a power cut does.
    pub(crate) fn kill(&mut self) {
        let mut agent = self.agent.take().expect("a process");
        agent.kill().and_then(|()| agent.wait()).expect("an own process can be ended");
    }

    /// The id of the process.
    pub(crate) fn process(&self) -> u32 {
        self.agent.as_ref().expect("a process").id()
    }

    /// Puts files on the release branch as one commit. The branch moves last; how long ago that was is the answer.
    pub(crate) fn publish(&self, files: &Files) -> Instant {
        publish(&self.repository(), files)
    }

    /// The next release, with these words in its first plan, as files.
    pub(crate) fn next(&mut self, words: &str) -> Files {
        let previous = Digest::of_file(self.release.files().get("manifest.json").expect("a manifest"));
        self.release.sequence += 1;
        self.release.previous = Some(previous);
        words.clone_into(&mut self.release.words);
        self.release.files()
    }

    /// Asks the agent until its status is as wanted; the time from `began` until then.
    pub(crate) fn wait(&self, began: Instant, wanted: impl Fn(&Status) -> bool) -> Duration {
        loop {
            let output = self.command(&["status", "--format", "json"]).output().expect("a program that starts");
            let now = Instant::now();
            if serde_json::from_slice(&output.stdout).is_ok_and(|status| wanted(&status)) {
                return now.saturating_duration_since(began);
            }
            let log = self.folder.path().join("log");
            assert!(began.elapsed() < WAITED_MOST, "in vain: {}", std::fs::read_to_string(log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Until this sequence is taken and all its plans run.
    pub(crate) fn runs(&self, began: Instant) -> Duration {
        let (sequence, count) = (self.release.sequence, self.release.clients * self.release.workflows_each);
        self.wait(began, |status| {
            let taken = status.release.as_ref().is_some_and(|release| release.sequence == sequence);
            let running = status.workflows.values().flat_map(|all| all.values()).filter(|one| one.plan.is_some());
            taken && running.count() == count
        })
    }
}

/// Puts files on the release branch of a repository.
pub(crate) fn publish(path: &Path, files: &Files) -> Instant {
    let repository = Repository::open_bare(path).expect("a repository");
    push::commit(path, "unnamed", files, clock()).expect("a commit");
    let tip = repository.refname_to_id("refs/heads/unnamed").expect("a branch");
    repository.find_reference("refs/heads/unnamed").and_then(|mut name| name.delete()).expect("a branch");
    let began = Instant::now();
    repository.reference(BRANCH, tip, true, "").expect("a branch");
    began
}
