//! Fresh keys for the people of the demo and of the tests, as OpenSSH writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assent_schema::id::PersonId;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

use crate::error::Error;

/// A folder of key files, one a person, `<person>` and `<person>.pub`.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
    public: BTreeMap<PersonId, String>,
}

impl Keys {
    /// An empty folder for keys.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(format!("make {}", folder.display()), e))?;
        Ok(Self { folder: folder.to_owned(), public: BTreeMap::new() })
    }

    /// Makes a key pair for a person, or gives the one made before; the public key as OpenSSH writes it, with `comment`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(&mut self, person: &PersonId, comment: &str) -> Result<String, Error> {
        if let Some(key) = self.public.get(person) {
            return Ok(key.clone());
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|e| Error::internal("read random bytes", e.to_string()))?;
        let pair = Ed25519Keypair::from_seed(&seed);
        let tried = |e: ssh_key::Error| Error::internal(format!("make a key for {person}"), e);
        let key = PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(tried)?;
        let file = self.private(person);
        key.write_openssh_file(&file, LineEnding::LF).map_err(tried)?;
        let public = key.public_key().to_openssh().map_err(tried)?;
        key.public_key().write_openssh_file(&file.with_extension("pub")).map_err(tried)?;
        self.public.insert(person.clone(), public.clone());
        Ok(public)
    }

    /// Where the key files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a person's private key.
    pub fn private(&self, person: &PersonId) -> PathBuf {
        self.folder.join(person.as_str())
    }

    /// The public key of a person, if one was made.
    pub fn public(&self, person: &str) -> Option<&str> {
        self.public.get(person).map(String::as_str)
    }
}
