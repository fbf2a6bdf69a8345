//! Signs files beside themselves, as `<file>.<person>.sig`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::id::PersonId;
use assent_schema::trust::{Namespace, Signer, sign};

use crate::error::Error;

/// The largest private key file, in bytes.
const KEY_MOST_BYTES: u64 = 16 << 10;

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
    let size = std::fs::metadata(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?.len();
    if size > KEY_MOST_BYTES {
        return Err(Error::input(format!("{} is not a private key: it is too large", file.display())));
    }
    let bytes = std::fs::read(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?;
    let bytes = zeroize::Zeroizing::new(bytes);
    Signer::from_openssh(&bytes).map_err(|e| Error::input(format!("{} {e}", file.display())))
}

/// Signs the bytes of a file and writes the signature beside it; where it was written.
///
/// # Errors
/// When the key or the file cannot be read, or the signature cannot be written.
pub fn sign_beside(file: &Path, namespace: Namespace, key: &KeyFile) -> Result<PathBuf, Error> {
    let bytes = std::fs::read(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?;
    let armour = sign(&key.read()?, namespace, &bytes);
    let beside = signature_path(file, &key.person);
    write(&beside, armour.as_bytes())?;
    Ok(beside)
}

/// Where a person's signature of a file lies.
pub fn signature_path(file: &Path, person: &PersonId) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(format!(".{person}.sig"));
    path.into()
}

/// Writes a file whole: into a new one beside it that then takes its place.
///
/// # Errors
/// When it cannot be written; then the old one stands.
#[expect(clippy::disallowed_methods, reason = "this is where the compiler writes files that people keep")]
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let tried = |e| Error::io(format!("write {}", path.display()), e);
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), std::fs::create_dir_all).map_err(tried)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written =
        std::fs::File::create(&beside).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(tried)?;
    std::fs::rename(&beside, path).map_err(tried)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_with_its_person() {
        let key: KeyFile = "alice=/keys/alice".parse().unwrap();
        assert_eq!((key.person.as_str(), key.file.to_str()), ("alice", Some("/keys/alice")));
        assert!("/keys/alice".parse::<KeyFile>().is_err());
        assert!("Alice=/keys/alice".parse::<KeyFile>().is_err());
        let path = signature_path(Path::new("trust/root/1.toml"), &key.person);
        assert_eq!(path, Path::new("trust/root/1.toml.alice.sig"));
    }
}
