//! The digests of all catalog files: `catalog/catalog.lock`, signed by the `catalog` role.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::canon::Digest;

use super::emit::Toml;
use super::error::TrustError;
use super::numbered::{self, Numbered, SCHEMA};
use super::people::SignedFile;
use super::root::RoleName;
use super::root_chain::RootChain;
use super::verified::Verified;

/// What the catalog is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogLock {
    /// Always `catalog`.
    #[serde(rename = "type")]
    pub kind: CatalogType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Its number, from 1.
    pub number: u64,
    /// The digest of each file below `catalog/`: `integrations/shop.toml`.
    #[serde(default)]
    pub files: BTreeMap<String, Digest>,
}

crate::only!(CatalogType::Catalog);

impl Numbered for CatalogLock {
    const ROLE: RoleName = RoleName::Catalog;

    fn numbered(&self) -> (u32, Digest, u64) {
        (self.schema, self.project, self.number)
    }
}

impl CatalogLock {
    /// The lock of some files.
    pub fn new(project: Digest, number: u64, files: BTreeMap<String, Digest>) -> Self {
        Self { kind: CatalogType::Catalog, schema: SCHEMA, project, number, files }
    }

    /// Reads the file strictly. Signatures are not looked at.
    ///
    /// # Errors
    /// When it is not a catalog lock.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        numbered::read(file, bytes)
    }

    /// Verifies the file: the `catalog` role signed it.
    ///
    /// # Errors
    /// When it did not.
    pub fn verify(file: &str, signed: &SignedFile, roots: &RootChain) -> Result<Verified<Self>, TrustError> {
        numbered::verify(file, signed, roots, |_| Ok(()))
    }

    /// What differs between the lock and the files that are there: paths with what is wrong, sorted.
    pub fn differences(&self, files: &BTreeMap<String, Digest>) -> Vec<(String, &'static str)> {
        let changed = files.iter().filter_map(|(path, digest)| match self.files.get(path) {
            None => Some((path.clone(), "is not in catalog.lock")),
            Some(locked) if locked != digest => Some((path.clone(), "differs from catalog.lock")),
            Some(_) => None,
        });
        let missing = self.files.keys().filter(|path| !files.contains_key(*path));
        let mut found: Vec<_> =
            changed.chain(missing.map(|path| (path.clone(), "is in catalog.lock but not there"))).collect();
        found.sort();
        found
    }

    /// The file, as [`CatalogLock::parse`] reads it.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        let mut toml = Toml::new();
        toml.put("type", &self.kind);
        toml.put("schema", &self.schema);
        toml.put("project", &self.project);
        toml.put("number", &self.number);
        toml.table(&["files"]);
        for (path, digest) in &self.files {
            toml.put(path, digest);
        }
        let text = toml.finish();
        Self::parse("catalog/catalog.lock", text.as_bytes()).map(|_| text)
    }
}
