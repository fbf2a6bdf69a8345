//! A repository that anybody may push to, and a real agent process that pulls from it and trusts nothing of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use assent_agent::pull::{push, read};
use assent_schema::canon::Digest;
use assent_schema::status::{Status, WorkflowStatus};
use assent_schema::time::Moment;
use assent_schema::trust::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::Repository;
use serde_json::Value;

use super::changes::Changes;
use super::fixture::{Files, key};
use super::world::World;

const BRANCH: &str = "release/production/eu";
/// How long an agent is waited for.
const WAITED_MOST: Duration = Duration::from_mins(2);

/// The instant of this machine: a process takes no other.
pub(crate) fn clock() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Moment::from_seconds(i64::try_from(since.as_secs()).expect("a clock before the end of time"))
}

/// One agent at work on an honest release.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    /// The agent's log and state, and the repository: an agent becomes nothing without a change to one of them.
    changes: Changes,
    process: Option<Child>,
    /// The honest world, at the release that the agent accepted last.
    pub(crate) world: World,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take()
            && child.kill().is_ok()
        {
            child.wait().expect("an own process can be waited for");
        }
    }
}

impl Site {
    /// Enrols an agent, lets root list it, publishes the first release, and waits until its plan runs.
    pub(crate) fn working() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Repository::init_bare(folder.path().join("agency.git")).expect("a repository");
        let mut world = World::at(clock());
        // The example's client lets nothing be committed in its peak season, which may be today.
        world.facts.freeze.clear();
        let changes = Changes::below(folder.path());
        let mut site = Self { folder, changes, process: None, world };
        let ann = key("ann").to_openssh("ann").expect("a key");
        std::fs::write(site.path("ann"), ann).expect("a file");
        site.publish(&site.world.release());
        let enrolled: Value = serde_json::from_str(&site.enrol()).expect("what enrolment says");
        let text = |key: &str| enrolled[key].as_str().expect("a text").to_owned();
        let entry = site.world.roots[1].0.agents.get_mut("eu-production-1").expect("a machine");
        entry.key = text("key").parse::<PublicKey>().expect("a key");
        entry.ledger_key = text("ledger_key");
        site.publish(&site.world.release());
        site.start();
        site.wait("the first release runs", |status| site_plan(status).is_some());
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn enrol(&self) -> String {
        let port =
            std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a port").to_string();
        let (root, repository, state) = (
            self.world.project.to_string(),
            self.path("agency.git").display().to_string(),
            self.path("state").display().to_string(),
        );
        let mut args = vec!["enrol", "--root", &root, "--project", "harbor", "--agent", "eu-production-1"];
        args.extend(["--environment", "production", "--region", "eu", "--repository", &repository, "--state", &state]);
        args.extend(["--listen", &port, "--format", "json"]);
        self.call(&args).expect("an agent that enrols")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent-agent"));
        command.args(args).arg("--config").arg(self.path("agent.toml")).env_clear().stdin(Stdio::null());
        command.env("ASSENT_KEY", format!("ann={}", self.path("ann").display()));
        command
    }

    /// Runs one command of the agent; what it printed, or what it complained.
    pub(crate) fn call(&self, args: &[&str]) -> Result<String, String> {
        let output = self.command(args).output().expect("a program that starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stdout) + &text(&output.stderr))
        }
    }

    /// Fills a slot of the vault of an agent that runs.
    pub(crate) fn fill(&self, slot: &str, secret: &[u8]) {
        let mut command = self.command(&["vault", "set", slot]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a program that starts");
        child.stdin.take().expect("an input").write_all(secret).expect("an input that is read");
        assert!(child.wait().expect("an own process can be waited for").success());
    }

    /// Sends bytes to the agent's listener; the first line of the answer.
    pub(crate) fn send(&self, bytes: &[u8]) -> String {
        let config = std::fs::read_to_string(self.path("agent.toml")).expect("a configuration");
        let address = config.lines().find_map(|line| line.strip_prefix("listen = ")).expect("a listener");
        let mut stream = TcpStream::connect(address.trim_matches('"')).expect("a connection");
        stream.write_all(bytes).expect("a request");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        answer
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::create(self.path("log")).expect("a file");
        let errors = log.try_clone().expect("a file");
        self.process = Some(self.command(&["run"]).stdout(log).stderr(errors).spawn().expect("a process"));
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.process.take().expect("a process");
        child.kill().expect("an own process can be killed");
        child.wait().expect("an own process can be waited for");
    }

    /// Makes files the release, as somebody does who may push anything anywhere.
    pub(crate) fn publish(&self, files: &Files) {
        let path = self.path("agency.git");
        let repository = Repository::open_bare(&path).expect("a repository");
        push::commit(&path, "unnamed", files, clock()).expect("a commit");
        let tip = repository.refname_to_id("refs/heads/unnamed").expect("a branch");
        repository.reference(&format!("refs/heads/{BRANCH}"), tip, true, "").expect("a forced push");
        repository.find_reference("refs/heads/unnamed").and_then(|mut name| name.delete()).expect("a branch");
    }

    /// Publishes what the world holds now as the next release.
    pub(crate) fn release(&mut self, change: impl FnOnce(&mut World)) -> Files {
        self.world.sequence += 1;
        self.world.previous = self.status().release.map(|release| release.manifest);
        change(&mut self.world);
        let files = self.world.release();
        self.publish(&files);
        files
    }

    pub(crate) fn remove_branch(&self) {
        let repository = Repository::open_bare(self.path("agency.git")).expect("a repository");
        repository
            .find_reference(&format!("refs/heads/{BRANCH}"))
            .and_then(|mut name| name.delete())
            .expect("a branch");
    }

    pub(crate) fn status(&self) -> Status {
        self.wait("it answers", |_| true)
    }

    /// Asks the agent until it is as wanted.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let mut last = String::new();
        let began = Instant::now();
        while began.elapsed() < WAITED_MOST {
            match self.call(&["status", "--format", "json"]) {
                Ok(said) => {
                    let status: Status = serde_json::from_str(&said).expect("a status");
                    if wanted(&status) {
                        return status;
                    }
                    last = said;
                }
                Err(said) => last = said,
            }
            self.changes.next();
        }
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("{what} does not come: {last}\n{log}");
    }

    /// Waits until something was refused for this reason; the honest plan must run on.
    pub(crate) fn refuses(&self, code: &str) {
        let plan = site_plan(&self.status());
        let before = self.status().release.map(|release| release.manifest);
        let status = self.wait(code, |status| status.refused.iter().any(|refused| refused.code == code));
        assert_eq!(status.release.map(|release| release.manifest), before, "the last good release stays");
        assert!(plan.is_some() && plan == site_plan(&self.status()), "the last good plan runs on");
    }

    fn branch_head(&self) -> Option<git2::Oid> {
        let repository = Repository::open_bare(self.path("agency.git")).ok()?;
        repository.refname_to_id("refs/heads/status/production/eu/eu-production-1").ok()
    }

    /// A file of the agent's own branch.
    pub(crate) fn branch_file(&self, path: &str) -> Option<String> {
        let commit = self.branch_head()?.to_string();
        let bytes = read::read_one(&self.path("agency.git"), &commit, path).ok()??;
        String::from_utf8(bytes).ok()
    }

    /// Waits until a file of the agent's own branch is as wanted.
    pub(crate) fn wait_for_branch(&self, path: &str, wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while began.elapsed() < WAITED_MOST {
            if self.branch_file(path).is_some_and(|text| wanted(&text)) {
                return;
            }
            self.changes.next();
        }
        panic!("{path} does not come: {:?}", self.branch_file(path));
    }

    /// Waits until the agent published that it took this release, with the checkpoints of now.
    pub(crate) fn published(&self, sequence: u64) {
        self.wait_for_branch("status.json", |text| {
            let status: Status = serde_json::from_str(text).expect("a status");
            status.release.is_some_and(|release| release.sequence == sequence)
        });
    }

    /// Waits until the agent published something after it was started again.
    pub(crate) fn published_by_a_start(&self) {
        let size = |text: &str| text.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
        let before = self.kept_size();
        self.wait_for_branch("checkpoints/acme/checkpoint", |note| size(note) > before);
    }

    /// How long the log of the client was when its state was copied.
    fn kept_size(&self) -> u64 {
        let note = std::fs::read_to_string(self.path("twin/checkpoints/acme/checkpoint")).expect("a checkpoint");
        note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size")
    }

    /// Writes to the agent's own branch, as anybody can who may push.
    pub(crate) fn write_to_branch(&self, files: &[(&str, &[u8])]) {
        let files: Files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        push::commit(&self.path("agency.git"), "status/production/eu/eu-production-1", &files, clock())
            .expect("a commit");
    }

    pub(crate) fn takes(&self, sequence: u64) -> Status {
        self.wait("the release is taken", |status| status.release.as_ref().is_some_and(|it| it.sequence == sequence))
    }

    /// A log as it is exported: the agent's own, or a client's.
    pub(crate) fn export(&self, client: &[&str]) -> String {
        self.call(&[&["ledger", "export"], client].concat()).expect("a ledger")
    }

    /// What the entries of a log say, one in a line.
    pub(crate) fn ledger(&self, client: &[&str]) -> Vec<String> {
        let export = self.export(client);
        let (entries, _) = export.split_once("\n\n").expect("a checkpoint");
        let body = |line: &str| {
            let entry: Value = serde_json::from_str(line).expect("an entry");
            let body = STANDARD.decode(entry["body"].as_str().expect("a body")).expect("base64");
            String::from_utf8(body).expect("text")
        };
        entries.lines().map(body).collect()
    }
}

/// The workflow of the world, as a status shows it.
pub(crate) fn workflow(status: &Status) -> Option<&WorkflowStatus> {
    status.workflows.values().flat_map(|all| all.values()).next()
}

pub(crate) fn site_plan(status: &Status) -> Option<Digest> {
    workflow(status)?.plan
}
