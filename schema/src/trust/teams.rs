//! Who is assigned to which client: `trust/teams.toml`, signed by the `teams` role.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::id::{ClientId, PersonId};

use super::emit::Toml;
use super::error::TrustError;
use super::people::SignedFile;
use super::root::{RoleName, RootChain};
use super::strict;
use super::verified::Verified;

const SCHEMA: u32 = 1;
const FIRST_KEYS: &[&str] = &["type", "schema", "project", "number"];

/// The teams of all clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    /// Always `teams`.
    #[serde(rename = "type")]
    pub kind: TeamsType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Its number, from 1.
    pub number: u64,
    /// The people assigned to each client.
    #[serde(default)]
    pub clients: BTreeMap<ClientId, BTreeSet<PersonId>>,
}

/// The `type` key of such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TeamsType {
    /// The only value.
    Teams,
}

impl Teams {
    /// The teams of a project.
    pub fn new(project: Digest, number: u64, clients: BTreeMap<ClientId, BTreeSet<PersonId>>) -> Self {
        Self { kind: TeamsType::Teams, schema: SCHEMA, project, number, clients }
    }

    /// Reads the file strictly. Signatures are not looked at.
    ///
    /// # Errors
    /// When it is not a teams file.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let read: Self = strict::read(file, bytes, |_| FIRST_KEYS)?;
        if read.schema != SCHEMA || read.number == 0 {
            return Err(TrustError::new(file, "is of a schema that this version does not know, or has number 0"));
        }
        Ok(read)
    }

    /// Verifies the file: the `teams` role signed it, and everybody in it is listed in the root.
    ///
    /// # Errors
    /// When one of that does not hold.
    pub fn verify(file: &str, signed: &SignedFile, roots: &RootChain) -> Result<Verified<Self>, TrustError> {
        let read = Self::parse(file, &signed.bytes)?;
        if read.project != roots.project() {
            return Err(TrustError::new(file, "belongs to another project"));
        }
        let people = &roots.newest().people;
        if let Some(stranger) = read.clients.values().flatten().find(|person| !people.contains_key(*person)) {
            return Err(TrustError::new(file, format!("assigns {stranger}, whom the root does not list")));
        }
        roots.check_role(RoleName::Teams, file, signed)?;
        Ok(Verified::new(&signed.bytes, read))
    }

    /// The file, as [`Teams::parse`] reads it.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        let mut toml = Toml::new();
        toml.put("type", &self.kind);
        toml.put("schema", &self.schema);
        toml.put("project", &self.project);
        toml.put("number", &self.number);
        toml.table(&["clients"]);
        for (client, people) in &self.clients {
            toml.put(client.as_str(), people);
        }
        let text = toml.finish();
        Self::parse("trust/teams.toml", text.as_bytes()).map(|_| text)
    }
}
