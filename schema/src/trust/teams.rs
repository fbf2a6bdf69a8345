//! Who is assigned to which client: `trust/teams.toml`, signed by the `teams` role.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::canon::Digest;
use crate::id::{ClientId, PersonId};

use super::emit::Toml;
use super::error::TrustError;
use super::numbered::{self, Numbered, SCHEMA};
use super::people::SignedFile;
use super::root::RoleName;
use super::root_chain::RootChain;
use super::verified::Verified;

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

crate::only!(TeamsType::Teams);

impl Numbered for Teams {
    const ROLE: RoleName = RoleName::Teams;

    fn numbered(&self) -> (u32, Digest, u64) {
        (self.schema, self.project, self.number)
    }
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
        numbered::read(file, bytes)
    }

    /// Verifies the file: the `teams` role signed it, and everybody in it is listed in the root.
    ///
    /// # Errors
    /// When it is of another project, assigns a stranger, or is not signed as the role demands.
    pub fn verify(file: &str, signed: &SignedFile, roots: &RootChain) -> Result<Verified<Self>, TrustError> {
        let people = &roots.newest().people;
        numbered::verify(file, signed, roots, |read: &Self| {
            match read.clients.values().flatten().find(|person| !people.contains_key(*person)) {
                Some(stranger) => {
                    Err(TrustError::new(file, format!("assigns {stranger}, whom the root does not list")))
                }
                None => Ok(()),
            }
        })
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
