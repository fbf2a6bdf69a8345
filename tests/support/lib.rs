//! Helpers shared by the end-to-end tests: fresh folders, real programs, processes that end with the test.

#![expect(clippy::disallowed_methods, clippy::expect_used, reason = "these helpers start real programs for tests")]

pub mod account;
pub mod browser;
pub mod changes;
pub mod faulty;
pub mod generate;
pub mod scenarios;
pub mod servers;
pub mod signed;
mod skipped;
pub mod stage;
pub mod systems;
pub mod targets;
pub mod until;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub use skipped::skipped;

/// Whether a program can be started; says in one line that the test is skipped when it cannot, and fails in CI.
pub fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        skipped(&format!("{program} is not installed (tests/setup installs it)"));
    }
    found
}

/// A command of an npm package that `tests/setup` puts beside the build; says in one line that the test is skipped when it
/// is not there, and fails in CI.
pub fn tool(name: &str, package: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/node_modules/.bin");
    let program = tools.join(name);
    if program.is_file() {
        return have("node").then_some(program);
    }
    skipped(&format!("{package} is not installed (tests/setup installs it)"));
    None
}

/// The built `assent` command.
///
/// # Panics
/// When the workspace was not built as a whole.
pub fn assent() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    let program = folder.join("assent");
    assert!(program.is_file(), "{} is missing: run `cargo test --workspace`", program.display());
    program
}

/// A command with an empty environment but for PATH, so that nobody's configuration leaks in.
pub fn command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"))
}

/// Runs a command to its end, with bytes on its standard input.
///
/// # Panics
/// When it cannot be started or fed.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
    child.stdin.take().expect("standard input is piped").write_all(input).expect("the program reads its input");
    child.wait_with_output().expect("the program ends")
}

/// Runs a command that must succeed; what it printed.
///
/// # Panics
/// When it fails; says what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A process that is killed when it goes out of scope.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts a process whose standard output is read line by line until `ready` says yes.
    ///
    /// # Panics
    /// When it cannot be started or ends before it is ready.
    pub fn start(command: &mut Command, ready: impl Fn(&str) -> bool) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
        let output = child.stdout.take().expect("standard output is piped");
        let mut lines = BufReader::new(output).lines();
        let found = lines.by_ref().map_while(Result::ok).any(|line| ready(&line));
        assert!(found, "{command:?} ended before it was ready");
        // The pipe must stay open and be drained, else the process would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child }
    }

    /// Starts a process whose standard error is read line by line until `ready` says yes.
    ///
    /// # Panics
    /// When it cannot be started or ends before it is ready; says what it complained of.
    pub fn start_heard(command: &mut Command, ready: impl Fn(&str) -> bool) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
        let errors = child.stderr.take().expect("standard error is piped");
        let mut running = Self { child };
        let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| ready(line)) {
            let Some(line) = lines.next() else {
                let status = running.child.wait().expect("an own process can be waited for");
                panic!("{command:?} ended before it was ready ({status}):\n{}", heard.join("\n"));
            };
            heard.push(line);
        }
        std::thread::spawn(move || lines.for_each(drop));
        running
    }

    /// Starts a process that need not say when it is ready: what it serves was open before.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn begin(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}")) }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once (SIGKILL) and waits.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(mut self) {
        self.child.kill().expect("an own process can be killed");
        self.child.wait().expect("an own process can be waited for");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _status = self.child.wait();
        }
    }
}
