//! Signs files beside themselves, as `<file>.<person>.sig`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::id::PersonId;
use assent_schema::trust::{Namespace, SignatureError, Signer, sign, verify};

use super::listed::listed;
use super::named::read_named;
use super::place;
use crate::error::Error;

/// The largest private key file, in bytes.
const KEY_MOST_BYTES: u64 = 16 << 10;
/// The largest file that is signed beside itself, in bytes.
pub const SIGNED_MOST_BYTES: u64 = 64 << 20;

/// A person and the private key file with which that person signs, written `person=file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Who signs.
    pub person: PersonId,
    /// An OpenSSH private key without a passphrase.
    pub file: PathBuf,
}

impl FromStr for KeyFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (person, file) = text.split_once('=').ok_or("write it as person=key-file")?;
        let person = person.parse().map_err(|e| format!("`{person}` {e}"))?;
        if file.is_empty() {
            return Err("name the key's file behind the `=`".to_owned());
        }
        Ok(Self { person, file: file.into() })
    }
}

impl KeyFile {
    /// Reads the key.
    ///
    /// # Errors
    /// When there is no such file, or it is no key that can sign here.
    pub fn read(&self) -> Result<Signer, Error> {
        read_key(&self.file)
    }
}

/// Reads a private key file of OpenSSH.
///
/// # Errors
/// When there is no such file, or it is no key that can sign here.
pub fn read_key(file: &Path) -> Result<Signer, Error> {
    let bytes = zeroize::Zeroizing::new(read_named(file, KEY_MOST_BYTES)?);
    let is_public = bytes.starts_with(b"ssh-") || bytes.starts_with(b"sk-ssh-");
    let help = if is_public { ": this is the public half, the private one is the file without `.pub`" } else { "" };
    Signer::from_openssh(&bytes).map_err(|e| Error::input(format!("{} {e}{help}", file.display())))
}

/// What is added where nobody could be asked who may sign.
pub const NOT_CHECKED: &str = " (not checked against who may sign: the list that the file names is not here)";

/// A signature that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Where.
    pub path: PathBuf,
    /// Whether a list that stands here says that it counts. Otherwise there is none.
    pub is_checked: bool,
}

/// Signs the bytes of a file and writes the signature beside it, unless the list of who may sign it stands here and would
/// not let it count. Without a list, a signature by another key stays: it may be the one that counts.
///
/// # Errors
/// When the key or the file cannot be read, the signature would not count, or cannot be written.
pub fn sign_beside(file: &Path, namespace: Namespace, key: &KeyFile) -> Result<Beside, Error> {
    let bytes = read_named(file, SIGNED_MOST_BYTES)?;
    let (signer, person) = (key.read()?, &key.person);
    let armour = sign(&signer, namespace, &bytes);
    let path = signature_path(file, person);
    place::refuse_links(&path)?;
    let listed = listed(file, &bytes, namespace, person);
    let is_checked = listed.is_some();
    if let Some(listed) = listed {
        let list = listed.list.display();
        if listed.keys.is_empty() {
            return Err(Error::input(format!(
                "{person} may not sign {}, as {list} says; nothing was written",
                file.display()
            )));
        }
        verify(&bytes, armour.as_bytes(), namespace, &listed.keys).map_err(|why| {
            Error::input(format!(
                "a signature with {} {why}, as {list} says of {person}; nothing was written",
                key.file.display()
            ))
        })?;
    } else if let Ok(old) = std::fs::read(&path) {
        let by_it = [signer.public().clone()].into();
        if verify(&bytes, &old, namespace, &by_it) == Err(SignatureError::UnknownKey) {
            let path = path.display();
            return Err(Error::input(format!(
                "{path} is by another key, and the list of who may sign is not here: remove it first if it does not count; nothing was written"
            )));
        }
    }
    place::put(&path, armour.as_bytes())?;
    Ok(Beside { path, is_checked })
}

/// Where a person's signature of a file lies.
pub fn signature_path(file: &Path, person: &PersonId) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(format!(".{person}.sig"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_with_its_person() {
        let key: KeyFile = "alice=/keys/alice".parse().unwrap();
        assert_eq!((key.person.as_str(), key.file.to_str()), ("alice", Some("/keys/alice")));
        assert!("/keys/alice".parse::<KeyFile>().is_err());
        assert!("alice=".parse::<KeyFile>().is_err());
        assert!("Alice=/keys/alice".parse::<KeyFile>().is_err());
        let path = signature_path(Path::new("trust/root/1.toml"), &key.person);
        assert_eq!(path, Path::new("trust/root/1.toml.alice.sig"));
    }
}
