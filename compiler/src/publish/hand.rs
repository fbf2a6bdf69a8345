//! The keys with which people sign. A plain key file is read here; every other key is used by `ssh-keygen`, which asks for a
//! passphrase at the terminal, asks `ssh-agent`, and waits for the touch of a security key. What a passphrase opened signs until the
//! command ends (`unlocked`).
//!
//! Which key it is stands unprotected in every file, so nobody is asked for a passphrase whose signature would not count.
//!
//! # Source
//! trust.md sections 1 and 3.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assent_schema::named::Kind;
use assent_schema::trust::{BadPrivateKey, Namespace, PublicKey, Signer, sign, verify};

use super::unlocked::{Signs, opened};
use crate::error::Error;
use crate::named::read_named;

/// A key that signs.
pub struct Hand {
    file: PathBuf,
    public: PublicKey,
    private: Private,
}

/// Where the private half is.
enum Private {
    /// Here.
    Own(Box<Signer>),
    /// Behind a passphrase.
    Locked,
    /// Where only `ssh-keygen` reaches it: in an agent, in hardware.
    Elsewhere,
}

impl Hand {
    /// Finds out which key a file holds: a private one as `ssh-keygen` writes it, or the public half of one that `ssh-agent`
    /// holds.
    ///
    /// # Errors
    /// When there is no such file, or no key in it may sign.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let bytes = zeroize::Zeroizing::new(read_named(file, Kind::PrivateKey)?);
        let refused = |why: &dyn std::fmt::Display| Error::input(format!("{} {why}", file.display()));
        let half = |private| -> Result<(PublicKey, Private), Error> {
            Ok((Signer::public_of(&bytes).map_err(|why| refused(&why))?, private))
        };
        let (public, private) = match Signer::from_openssh(&bytes) {
            Ok(own) => (own.public().clone(), Private::Own(Box::new(own))),
            Err(BadPrivateKey::Encrypted) => half(Private::Locked)?,
            Err(BadPrivateKey::Type) => half(Private::Elsewhere)?,
            Err(BadPrivateKey::Form) => (public_half(&bytes).map_err(|why| refused(&why))?, Private::Elsewhere),
        };
        Ok(Self { file: file.to_owned(), public, private })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// An armoured signature over bytes.
    ///
    /// # Errors
    /// When `ssh-keygen` does not sign; then [`Error::is_unsigned`] holds.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String, Error> {
        let opened = match &self.private {
            Private::Own(own) => return Ok(sign(own, namespace, message)),
            Private::Locked => opened(&self.file, &self.public),
            Private::Elsewhere => Signs::ByItself,
        };
        match opened {
            Signs::Opened(agent) => self.sign_elsewhere(namespace, message, Some(&agent)),
            Signs::ByItself => self.sign_elsewhere(namespace, message, None),
            Signs::Not => Err(self.did_not()),
        }
    }

    fn did_not(&self) -> Error {
        let file = self.file.display();
        Error::unsigned(format!(
            "ssh-keygen did not sign with {file}, and says above why: it asks for a passphrase at a terminal, and takes a \
             public half only for a key that ssh-agent holds (`ssh-add`)"
        ))
    }

    #[expect(clippy::disallowed_methods, reason = "only ssh-keygen reaches every kind of key")]
    fn sign_elsewhere(&self, namespace: Namespace, message: &[u8], agent: Option<&str>) -> Result<String, Error> {
        let file = self.file.display();
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-Y", "sign", "-n", namespace.as_str(), "-f"]).arg(&self.file);
        keygen.envs(agent.map(|agent| ("SSH_AUTH_SOCK", agent)));
        // What it asks and says is for the person at the terminal, or for the program that `SSH_ASKPASS` names.
        let mut child = keygen.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| {
            Error::unsigned(format!("{file} is a key that only ssh-keygen signs with, and it did not start: {e}"))
        })?;
        // One that ends early says why by itself.
        let told = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
        let ended = child.wait_with_output().map_err(|e| Error::io("wait for ssh-keygen", e))?;
        if told.is_err() || !ended.status.success() {
            return Err(self.did_not());
        }
        verify(message, &ended.stdout, namespace, &[self.public.clone()].into())
            .map_err(|why| Error::input(format!("what ssh-keygen signed with {file} {why}")))?;
        String::from_utf8(ended.stdout).map_err(|e| Error::internal("read what ssh-keygen signed", e))
    }
}

/// The key of a line that is a public one.
fn public_half(bytes: &[u8]) -> Result<PublicKey, String> {
    let is_public = [&b"ssh-"[..], b"sk-", b"ecdsa-"].iter().any(|start| bytes.starts_with(start));
    if !is_public {
        return Err(BadPrivateKey::Form.to_string());
    }
    String::from_utf8_lossy(bytes).trim_end().parse().map_err(|why| format!("{why}"))
}

/// The command by which a person signs a file with OpenSSH alone, so that the signature lies where it is looked for.
pub fn by_hand(file: &Path, namespace: Namespace, key: &str, person: &str) -> String {
    let file = file.display().to_string();
    let (made, named) = (quoted(&format!("{file}.sig")), quoted(&format!("{file}.{person}.sig")));
    format!("ssh-keygen -Y sign -f {} -n {namespace} {} && mv {made} {named}", quoted(key), quoted(&file))
}

/// A name as a shell takes it, whatever stands in it.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let name = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
    if name.chars().all(|c| plain(c) || c == '/') { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_in_a_shell() {
        assert_eq!(quoted("7-refund.toml"), "7-refund.toml");
        assert_eq!(quoted("-rf"), "./-rf");
        assert_eq!(quoted("a b$(id)'.toml"), r"'a b$(id)'\''.toml'");
        assert_eq!(
            by_hand(Path::new("a b.toml"), Namespace::Approval, "/keys/dana", "dana"),
            "ssh-keygen -Y sign -f /keys/dana -n approval@assent 'a b.toml' && mv 'a b.toml.sig' 'a b.toml.dana.sig'"
        );
    }

    #[test]
    fn a_public_half_is_told_from_what_is_no_key() {
        assert!(public_half(b"hello").unwrap_err().contains("is not a private key"));
        assert!(
            public_half(b"ssh-rsa AAAA me\n").unwrap_err().contains("is not an OpenSSH public key of type ssh-ed25519")
        );
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        assert_eq!(public_half(format!("{} me\n", signer.public()).as_bytes()).as_ref(), Ok(signer.public()));
    }
}
