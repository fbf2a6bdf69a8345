//! Signs files beside themselves, as `<file>.<person>.sig`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{Namespace, PublicKey, SignatureError, Signatures, verify};

use super::hand::{Hand, by_hand};
use super::listed::listed;
use super::place;
use crate::error::Error;
use crate::named::{read_if_there, read_named};

/// A person and the key file with which that person signs, written `person=file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Who signs.
    pub person: PersonId,
    /// An OpenSSH private key, or the public half of one that `ssh-agent` holds.
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
    /// Finds the key.
    ///
    /// # Errors
    /// When there is no such file, or no key in it may sign.
    pub fn read(&self) -> Result<Hand, Error> {
        Hand::read(&self.file)
    }
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
/// When the key or the file cannot be read, the signature would not count, nobody signs, or it cannot be written. Where only
/// nobody signs, the command by which a person does that with OpenSSH alone is told.
pub fn sign_beside(file: &Path, namespace: Namespace, key: &KeyFile) -> Result<Beside, Error> {
    let bytes = read_named(file, Kind::Signed)?;
    Pen::ready(file, &bytes, namespace, key)?.sign()
}

/// A key that may sign some bytes of a file, as far as can be told here. Nobody was asked for a passphrase or a touch yet.
pub struct Pen<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    namespace: Namespace,
    key: &'a KeyFile,
    hand: Hand,
    beside: Beside,
}

impl<'a> Pen<'a> {
    /// Looks whether a signature would count and can be written.
    ///
    /// # Errors
    /// When the key cannot be read, or the signature would not count.
    pub fn ready(file: &'a Path, bytes: &'a [u8], namespace: Namespace, key: &'a KeyFile) -> Result<Self, Error> {
        let (hand, path) = (key.read()?, signature_path(file, &key.person));
        place::refuse_links(&path)?;
        let is_checked = may_sign((file, bytes), namespace, key, hand.public())?;
        Ok(Self { file, bytes, namespace, key, hand, beside: Beside { path, is_checked } })
    }

    /// Signs, and writes the signature beside the file.
    ///
    /// # Errors
    /// When the file holds other bytes by now, nobody signs, or the signature cannot be written. Where only nobody signs, the
    /// command by which a person does that with OpenSSH alone is told.
    pub fn sign(self) -> Result<Beside, Error> {
        let Self { file, bytes, namespace, key, hand, beside } = self;
        if read_named(file, Kind::Signed)? != bytes {
            let file = file.display();
            return Err(Error::input(format!("{file} holds something else than what was shown; nothing was signed")));
        }
        let armour = hand.sign(namespace, bytes).map_err(|why| {
            let command = by_hand(file, namespace, &key.file.display().to_string(), key.person.as_str());
            why.with_step(&format!("Where that key is at hand: {command}"))
        })?;
        place::put(&beside.path, armour.as_bytes())?;
        Ok(beside)
    }
}

/// Whether a list that stands here says that the signature counts.
fn may_sign(
    (file, bytes): (&Path, &[u8]),
    namespace: Namespace,
    key: &KeyFile,
    public: &PublicKey,
) -> Result<bool, Error> {
    let (person, path) = (&key.person, signature_path(file, &key.person));
    let Some(listed) = listed(file, bytes, namespace, person) else {
        let Some(old) = read_if_there(&path, Kind::Signature)? else { return Ok(false) };
        if verify(bytes, &old, namespace, &[public.clone()].into()) == Err(SignatureError::UnknownKey) {
            let path = path.display();
            return Err(Error::input(format!(
                "{path} is by another key, and the list of who may sign is not here: remove it first if it does not count; nothing was written"
            )));
        }
        return Ok(false);
    };
    let list = listed.list.display();
    if listed.keys.is_empty() {
        return Err(Error::input(format!(
            "{person} may not sign {}, as {list} says; nothing was written",
            file.display()
        )));
    }
    if !listed.keys.contains(public) {
        let (key, why) = (key.file.display(), SignatureError::UnknownKey);
        return Err(Error::input(format!(
            "a signature with {key} {why}, as {list} says of {person}; nothing was written"
        )));
    }
    Ok(true)
}

/// The signatures that lie beside a file, by whose they are called.
///
/// # Errors
/// When the folder or one of them cannot be read.
pub fn signatures_beside(file: &Path) -> Result<Signatures, Error> {
    let read = |(person, path): (PersonId, PathBuf)| Ok((person, read_named(&path, Kind::Signature)?));
    signature_files(file)?.into_iter().map(read).collect()
}

/// As [`signatures_beside`], without those that cannot be read: anybody may put one there.
///
/// # Errors
/// When the folder cannot be read.
pub fn readable_signatures_beside(file: &Path) -> Result<Signatures, Error> {
    let read = |(person, path): (PersonId, PathBuf)| Some((person, read_named(&path, Kind::Signature).ok()?));
    Ok(signature_files(file)?.into_iter().filter_map(read).collect())
}

fn signature_files(file: &Path) -> Result<Vec<(PersonId, PathBuf)>, Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let tried = |e| Error::io(format!("read {}", folder.display()), e);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(tried)? {
        let path = entry.map_err(tried)?.path();
        let person = path.file_name().and_then(|other| {
            let rest = other.to_str()?.strip_prefix(&*name)?.strip_prefix('.')?;
            rest.strip_suffix(".sig")?.parse::<PersonId>().ok()
        });
        found.extend(person.map(|person| (person, path)));
    }
    Ok(found)
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
