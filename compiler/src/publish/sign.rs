//! Signs files beside themselves, as `<file>.<person>.sig`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{Namespace, SignatureError, Signer, sign, verify};

use super::listed::listed;
use crate::error::Error;
use crate::named::{read_if_there, read_named};

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
    let bytes = zeroize::Zeroizing::new(read_named(file, Kind::PrivateKey)?);
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
    let bytes = read_named(file, Kind::Signed)?;
    let (signer, person) = (key.read()?, &key.person);
    let armour = sign(&signer, namespace, &bytes);
    let path = signature_path(file, person);
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
    } else if let Some(old) = read_if_there(&path, Kind::Signature)? {
        let by_it = [signer.public().clone()].into();
        if verify(&bytes, &old, namespace, &by_it) == Err(SignatureError::UnknownKey) {
            let path = path.display();
            return Err(Error::input(format!(
                "{path} is by another key, and the list of who may sign is not here: remove it first if it does not count; nothing was written"
            )));
        }
    }
    write(&path, armour.as_bytes())?;
    Ok(Beside { path, is_checked })
}

/// Where a person's signature of a file lies.
pub fn signature_path(file: &Path, person: &PersonId) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(format!(".{person}.sig"));
    path.into()
}

/// Writes a file whole: into a new one beside it that then takes its place. A link leads to the file that is meant; a device or
/// a pipe is written to and stays what it is.
///
/// # Errors
/// When it cannot be written; then the old one stands.
#[expect(clippy::disallowed_methods, reason = "this is where the compiler writes files that people keep")]
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let tried = |e| Error::io(format!("write {}", path.display()), e);
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), std::fs::create_dir_all).map_err(tried)?;
    let meant = match path.canonicalize() {
        Ok(meant) if meant.is_file() => meant,
        Ok(other) => {
            let opened = std::fs::OpenOptions::new().write(true).open(other);
            return opened.and_then(|mut other| other.write_all(bytes)).map_err(tried);
        }
        Err(_) => path.to_owned(),
    };
    let path = meant.as_path();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written =
        std::fs::File::create(&beside).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    // What a full disk took half of is in nobody's way afterwards.
    written.and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
        drop(std::fs::remove_file(&beside));
        tried(e)
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_not_be_written_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("by a folder")).unwrap();
        assert!(write(&path, b"text").is_err());
        assert!(!folder.path().join("taken.new").exists());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what stood there before")]
    fn what_is_no_plain_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink(), "the link stays one");
        write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!Path::new("/dev/null").is_file(), "a device is not replaced by a file");
        assert!(write(Path::new("/dev/full"), b"gone").unwrap_err().to_string().contains("/dev/full"));
        assert!(write(folder.path(), b"gone").is_err());
    }

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
