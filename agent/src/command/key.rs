//! Who gives a command, shown by a signature: with a key file of ours to read, else by `ssh-keygen`, which knows
//! passphrases, agents and security keys.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;

use assent_schema::canon;
use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{Namespace, Signer, sign};

use super::Call;
use crate::control::{Answer, Question, Said, client, offline};
use crate::error::{Context as _, Error};
use crate::named;
use crate::people::wire::{self, CommandType, Introduction, SignedCommand};

/// Who gives the command.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Who {
    /// Who you are, as trust/root has it (a decider: as client.toml does), and your SSH key: a private key, or a public one
    /// whose other half `ssh-agent` holds. The ledger names you.
    #[arg(long, global = true, env = "ASSENT_KEY", hide_env_values = true, value_name = "PERSON=FILE")]
    key: Option<Beside>,
}

/// A person and a file, written `person=file`.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// The person.
    pub(super) person: PersonId,
    /// The file.
    pub(super) file: PathBuf,
}

impl FromStr for Beside {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (person, file) = text.split_once('=').ok_or("write it as person=file")?;
        Ok(Self { person: person.parse().map_err(|e| format!("`{person}` {e}"))?, file: file.into() })
    }
}

impl Who {
    /// The person and the key.
    ///
    /// # Errors
    /// When none was named.
    pub(super) fn key(&self) -> Result<&Beside, Error> {
        self.key.as_ref().ok_or_else(|| {
            Error::environment("nobody says who they are").help(
                "Say who you are and where your SSH key is: `--key YOU=FILE`, or ASSENT_KEY=YOU=FILE in the environment.",
            )
        })
    }

    /// The answer to a signed question; a refusal is an error.
    ///
    /// # Errors
    /// When no agent runs, nobody signs, or the agent says no.
    pub(super) fn ask(&self, call: &Call, question: &Question) -> Result<Answer, Error> {
        let key = self.key()?;
        let config = call.config()?;
        let socket = config.state.socket();
        let who = Introduction { client: None, person: key.person.clone() };
        let challenge = client::ask(&socket, &Said::Introduction(who))?.ok_or_else(offline::no_agent)?;
        let challenge = match challenge {
            Answer::Challenge(challenge) => challenge,
            Answer::Refused { what, help } => return Err(Error::refused(what).help(help)),
            _ => return Err(super::ask::unexpected()),
        };
        let question = serde_json::to_string(question).tried(|| "cannot write the question".into())?;
        let command = wire::Command {
            kind: CommandType::Command,
            schema: 1,
            project: challenge.project,
            agent: config.agent,
            person: key.person.clone(),
            nonce: challenge.nonce,
            question: wire::Command::digest(&question),
        };
        let command = canon::to_bytes(&command).tried(|| "cannot write the command".into())?;
        let signature = key.sign(Namespace::Console, &command)?;
        let command = String::from_utf8(command).tried(|| "cannot write the command".into())?;
        let said = Said::Command(SignedCommand { question, command, signature });
        match client::ask(&socket, &said)?.ok_or_else(offline::no_agent)? {
            Answer::Refused { what, help } => Err(Error::refused(what).help(help)),
            answer => Ok(answer),
        }
    }
}

impl Beside {
    /// An armoured SSHSIG over a message.
    ///
    /// # Errors
    /// When the file holds no key, or `ssh-keygen` does not sign with it.
    pub(super) fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, Error> {
        let bytes = named::secret(&self.file, Kind::PrivateKey);
        let bytes = bytes.tried(|| format!("cannot read the key `{}`", self.file.display()))?;
        match Signer::from_openssh(&bytes) {
            Ok(signer) => Ok(sign(&signer, namespace, message)),
            Err(_) => self.sign_elsewhere(namespace, message),
        }
    }

    /// `ssh-keygen -Y sign`: it asks for a passphrase at the terminal, or the agent, or the security key.
    #[expect(clippy::disallowed_methods, reason = "commands are a shell; only ssh-keygen reaches every kind of key")]
    fn sign_elsewhere(&self, namespace: Namespace, message: &[u8]) -> Result<String, Error> {
        let cannot = || format!("cannot sign with `{}`", self.file.display());
        let mut child = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace.as_str(), "-f"])
            .arg(&self.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .tried(cannot)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(message).tried(cannot)?;
        }
        let output = child.wait_with_output().tried(cannot)?;
        let signature = String::from_utf8(output.stdout).ok().filter(|_| output.status.success());
        signature.ok_or_else(|| {
            Error::environment(cannot())
                .help("See what ssh-keygen says above: is it an SSH key, and was that its passphrase?")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that signs reads its key here: `recover`, which signs by itself, and all that ask an agent.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes the files that somebody names")]
    fn no_command_waits_for_a_key_or_reads_it_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        std::fs::File::create(path("large")).unwrap().set_len(Kind::PrivateKey.most_bytes() + 1).unwrap();
        for (file, said) in [
            (path("pipe"), "it is a pipe, not a file".to_owned()),
            ("/dev/zero".into(), "it is a device, not a file".to_owned()),
            (folder.path().to_owned(), "it is a folder, not a file".to_owned()),
            (path("large"), format!("it is larger than {} bytes", Kind::PrivateKey.most_bytes())),
        ] {
            let key = Beside { person: "ann".parse().unwrap(), file };
            let why = key.sign(Namespace::Recover, b"{}").unwrap_err();
            let why = format!("{why:?} {why}");
            assert!(why.contains(&said), "{why}");
        }
    }
}
