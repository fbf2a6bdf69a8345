//! The real programs: `assent` in a process of its own, `ssh-keygen`, `ssh-agent`, and a security key in software.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::validate::skipped::skipped;

use super::until::{SOON, until_so};

/// The passphrase of every protected key.
pub(crate) const PASSPHRASE: &str = "a long passphrase";

/// What is around the programs: nothing but what a test puts there.
pub(crate) struct Shell {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a program said.
pub(crate) struct Said {
    /// Whether it ended well.
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Ends with the test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether OpenSSH is here; a test that is left out says so.
pub(crate) fn have_openssh() -> bool {
    let have = |program: &str| Command::new(program).arg("-?").stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let all = ["ssh-keygen", "ssh-agent", "ssh-add"].map(|program| have(program).map(|mut ran| ran.wait()).is_ok());
    let all = all.into_iter().all(|one| one);
    if !all {
        skipped("OpenSSH is not here (tests/setup installs it)");
    }
    all
}

impl Shell {
    /// One in which nobody answers a question.
    pub(crate) fn mute() -> Self {
        Self::asked("exit 1")
    }

    /// One in which somebody types the passphrase.
    pub(crate) fn typing() -> Self {
        Self::asked(&format!("echo '{PASSPHRASE}'"))
    }

    fn asked(answer: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let program = folder.path().join("askpass");
        let asks = folder.path().join("asks");
        let text = format!("#!/bin/sh\necho asked >> {}\n{answer}\n", asks.display());
        std::fs::write(&program, text).expect("a program");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("a program");
        let variables = vec![
            ("SSH_ASKPASS", program.display().to_string()),
            ("SSH_ASKPASS_REQUIRE", "force".to_owned()),
            ("HOME", folder.path().display().to_string()),
        ];
        Self { folder, variables }
    }

    /// How often somebody was asked since this was asked last.
    pub(crate) fn asks(&self) -> usize {
        let asks = self.folder.path().join("asks");
        let count = std::fs::read_to_string(&asks).unwrap_or_default().lines().count();
        std::fs::write(&asks, "").expect("a file");
        count
    }

    /// Puts a variable there.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    /// Runs a program; standard input is closed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let Output { status, stdout, stderr } =
            command.envs(self.variables.iter().cloned()).output().expect("a program that starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { status: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// Runs a program that must end well; what it printed.
    pub(crate) fn succeed(&self, program: &str, arguments: &[&str]) -> String {
        let said = self.run(program, arguments);
        assert_eq!(said.status, Some(0), "{program} {arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// Runs `assent`.
    pub(crate) fn assent(&self, arguments: &[&str]) -> Said {
        self.run(env!("CARGO_BIN_EXE_assent"), arguments)
    }

    /// Runs `assent`, which must end well; what it printed.
    pub(crate) fn assented(&self, arguments: &[&str]) -> String {
        self.succeed(env!("CARGO_BIN_EXE_assent"), arguments)
    }

    /// Starts an `ssh-agent` that holds a key, which is taken from its file.
    pub(crate) fn agent(&mut self, key: &str) -> Running {
        let socket = self.folder.path().join("agent").display().to_string();
        let agent = Command::new("ssh-agent").args(["-D", "-a", &socket]).stdout(Stdio::null()).spawn();
        let agent = Running(agent.expect("an agent"));
        self.set("SSH_AUTH_SOCK", socket);
        // It listens in a moment.
        until_so("an agent that takes a key", SOON, || self.run("ssh-add", &["-q", key]).status == Some(0));
        std::fs::remove_file(key).expect("the private half goes");
        agent
    }

    /// Makes the key of a security key that OpenSSH takes for real; nothing where there is no C compiler or no OpenSSL.
    pub(crate) fn security_key(&mut self, file: &str) -> Option<()> {
        let (source, module) =
            (format!("{}/tests/signing/security-key.c", env!("CARGO_MANIFEST_DIR")), format!("{file}.so"));
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o", &module, &source, "-lcrypto"]).output();
        if !built.is_ok_and(|built| built.status.success()) {
            skipped("no C compiler, or no OpenSSL to build a security key with");
            return None;
        }
        self.set("SSH_SK_PROVIDER", module);
        let made = self.run("ssh-keygen", &["-q", "-t", "ed25519-sk", "-N", "", "-f", file]);
        if made.status != Some(0) {
            skipped(&format!("this OpenSSH takes no security key of this form: {}", made.err));
            return None;
        }
        Some(())
    }

    /// Protects a private key by the passphrase, and writes its public half beside it.
    pub(crate) fn protect(&self, key: &str) {
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a key");
        let public = self.succeed("ssh-keygen", &["-y", "-f", key]);
        std::fs::write(Path::new(key).with_extension("pub"), public).expect("a public half");
        self.succeed("ssh-keygen", &["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", key]);
    }
}
