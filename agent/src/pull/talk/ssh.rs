//! Git over SSH, by the host's OpenSSH: what git itself does. Nothing of the host's configuration is read: the pinned key
//! is the only known host, and the key from the vault the only identity; it stays in this process (`key_agent`).
//!
//! # Source
//! `ssh_config(5)`; gitprotocol-pack(5), "SSH Transport".

use std::io::{self, Read, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use assent_schema::trust::{PublicKey, Signer};

use super::super::PullFailure;
use super::{Service, Talk, as_io, key_agent};
use crate::config::{Account, Place};
use crate::content::Content;

/// The name under which the pinned key is written down, whatever host and port are.
const ALIAS: &str = "pinned";
/// The file of the only known host, in the folder of this transfer.
const KNOWN_HOSTS: &str = "known_hosts";
/// What `ssh` is told. Everything that is not said here is a default, because no configuration is read.
const OPTIONS: [&str; 22] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "HostKeyAlias=pinned",
    "HostKeyAlgorithms=ssh-ed25519",
    "UserKnownHostsFile=known_hosts",
    "GlobalKnownHostsFile=none",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "IdentityAgent=agent.sock",
    "IdentityFile=none",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "ProxyCommand=none",
    // A host that is silent for so long is gone; the parent's deadline is above this.
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
];
/// How much is kept of what `ssh` and the other side complain.
const COMPLAINTS_MOST_BYTES: u64 = 4 * 1024;
/// The status with which `ssh` ends for reasons of its own.
const OWN_STATUS: i32 = 255;

/// A command on the other side.
pub(super) struct Ssh {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    complaints: Option<JoinHandle<String>>,
}

impl Drop for Ssh {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ssh {
    /// Logs in and starts git there. The folder that this process runs in is the transfer's own.
    pub(super) fn start(
        place: &Place,
        account: &Account,
        service: Service,
        credential: Option<&Content<Vec<u8>>>,
    ) -> Result<Self, PullFailure> {
        let secret = credential.ok_or(PullFailure::NoCredentials)?;
        let signer = Signer::from_openssh(secret.reveal()).or(Err(PullFailure::CredentialsRefused))?;
        know(&account.host_key)?;
        key_agent::serve(signer)?;
        let mut child = command(place, account, service).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PullFailure::NoSsh,
            _ => PullFailure::Broken,
        })?;
        let input = child.stdin.take();
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(PullFailure::Broken);
        };
        let complaints = Some(std::thread::spawn(move || read_complaints(errors)));
        Ok(Self { child, input, output, complaints })
    }

    /// Why it ended.
    fn why(&mut self) -> PullFailure {
        self.input = None;
        let Ok(status) = self.child.wait() else { return PullFailure::Broken };
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match status.code() {
            Some(OWN_STATUS) => of_complaint(&said),
            // The other side's own words differ from server to server; that git did not start there is what they say.
            Some(_) => PullFailure::NoRepository,
            None => PullFailure::Unreachable,
        }
    }
}

/// OpenSSH has one exit status for all that goes wrong and says the rest in words, which have not changed in decades.
fn of_complaint(said: &str) -> PullFailure {
    if said.contains("Host key verification failed") || said.contains("no matching host key type") {
        PullFailure::HostKey
    } else if said.contains("Permission denied") || said.contains("Too many authentication failures") {
        PullFailure::CredentialsRefused
    } else {
        PullFailure::Unreachable
    }
}

/// Reads to the end, so that nobody waits for a full pipe, and keeps the beginning.
fn read_complaints(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    // What cannot be read was not said.
    drop((&mut errors).take(COMPLAINTS_MOST_BYTES).read_to_end(&mut kept));
    drop(io::copy(&mut errors, &mut io::sink()));
    String::from_utf8_lossy(&kept).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "the folder of this transfer is nobody else's and goes with it")]
fn know(host_key: &PublicKey) -> Result<(), PullFailure> {
    std::fs::write(KNOWN_HOSTS, format!("{ALIAS} {host_key}\n")).or(Err(PullFailure::Broken))
}

#[expect(clippy::disallowed_methods, reason = "`ssh` is git's transport; it is started without a shell")]
fn command(place: &Place, account: &Account, service: Service) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T"]);
    for option in OPTIONS {
        command.args(["-o", option]);
    }
    if let Some(port) = place.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["-l", &account.user, "--", &place.host, &remote(&place.path, service)]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The command there. The path holds nothing that a shell reads inside quotes; the configuration saw to it.
fn remote(path: &str, service: Service) -> String {
    let home = path.strip_prefix('/').filter(|path| path.starts_with('~'));
    format!("{} '{}'", service.program(), home.unwrap_or(path))
}

impl Talk for Ssh {
    fn hear(&mut self) -> Result<Box<dyn Read + '_>, PullFailure> {
        Ok(Box::new(Output(self)))
    }

    fn ask(&mut self, question: Vec<u8>) -> Result<Box<dyn Read + '_>, PullFailure> {
        let written = self.input.as_mut().is_some_and(|input| input.write_all(&question).is_ok());
        if written { Ok(Box::new(Output(self))) } else { Err(self.why()) }
    }
}

/// What comes back; its end is told with its reason.
struct Output<'s>(&'s mut Ssh);

impl Read for Output<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.output.read(buffer)? {
            0 if !buffer.is_empty() => Err(as_io(self.0.why())),
            read => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_is_told_one_quoted_path() {
        assert_eq!(remote("/srv/agency.git", Service::Fetch), "git-upload-pack '/srv/agency.git'");
        assert_eq!(remote("/~harbor/agency.git", Service::Push), "git-receive-pack '~harbor/agency.git'");
    }

    #[test]
    fn what_openssh_says_has_a_code() {
        let check = |said: &str, wanted| assert_eq!(of_complaint(said), wanted, "{said}");
        check("No ED25519 host key is known for pinned\r\nHost key verification failed.\r\n", PullFailure::HostKey);
        check("Unable to negotiate with 127.0.0.1: no matching host key type found.", PullFailure::HostKey);
        check("git@git.example: Permission denied (publickey).\r\n", PullFailure::CredentialsRefused);
        check("ssh: connect to host git.example port 22: Connection refused\r\n", PullFailure::Unreachable);
    }
}
