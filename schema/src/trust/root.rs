//! The root: people, roles, agents and clients, version by version, each signed as the one before it demands.
//!
//! # Source
//! trust.md section 2.

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::emit::Toml;
use super::error::TrustError;
use super::key::PublicKey;
use super::people::{self, Owners, People, Points, Role, Rule};
use super::reset::{RESETS_MOST, Reset};
use super::sshsig::Namespace;
use super::strict;
use crate::canon::Digest;
use crate::id::{AgentId, ClientId, Environment, Region};
use crate::shape::is_false;
use crate::time::Moment;

/// The current number of this format.
const SCHEMA: u32 = 1;

/// A role of the agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Changes the root.
    Root,
    /// Signs releases.
    Release,
    /// Signs which release is the newest.
    Freshness,
    /// Signs the catalog.
    Catalog,
    /// Assigns people to clients.
    Teams,
    /// Recovers agents.
    Oncall,
}

impl RoleName {
    /// Every role. A root names all of them.
    pub const ALL: [Self; 6] = [Self::Root, Self::Release, Self::Freshness, Self::Catalog, Self::Teams, Self::Oncall];

    /// The role as the root names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Release => "release",
            Self::Freshness => "freshness",
            Self::Catalog => "catalog",
            Self::Teams => "teams",
            Self::Oncall => "oncall",
        }
    }

    /// What the role signs.
    pub fn namespaces(self) -> &'static [Namespace] {
        match self {
            Self::Root => &[Namespace::Trust],
            Self::Release => &[Namespace::Release, Namespace::Poke],
            Self::Freshness => &[Namespace::Freshness],
            Self::Catalog => &[Namespace::Catalog],
            Self::Teams => &[Namespace::Teams],
            Self::Oncall => &[Namespace::Recover],
        }
    }
}

impl AsRef<str> for RoleName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// One root version: `trust/root/<version>.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Always `root`.
    #[serde(rename = "type")]
    pub kind: RootType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of version 1; version 1 has none.
    #[serde(default)]
    pub project: Option<Digest>,
    /// Its number, from 1.
    pub version: u32,
    /// After this instant it must have been replaced.
    pub expires: Moment,
    /// Within a generation, sequences of releases count.
    pub generation: u32,
    /// How many different staging agents must agree on a rehearsal.
    pub rehearsals: u32,
    /// Plans that may never run.
    #[serde(default)]
    pub revoked_plans: BTreeSet<Digest>,
    /// Everybody who holds a role or belongs to a team.
    pub people: People,
    /// Who holds which role.
    pub roles: BTreeMap<RoleName, Role>,
    /// The machines.
    #[serde(default)]
    pub agents: BTreeMap<AgentId, AgentEntry>,
    /// The clients.
    #[serde(default)]
    pub clients: BTreeMap<ClientId, ClientEntry>,
}

crate::only!(RootType::Root);

/// A machine that runs workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// Where it is.
    pub region: Region,
    /// What it runs.
    pub environment: Environment,
    /// The key that signs status and rehearsals.
    pub key: PublicKey,
    /// The Ed25519 key that signs checkpoints of its ledgers: base64 of 32 bytes.
    pub ledger_key: String,
    /// Whether its rehearsals count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rehearses: bool,
}

impl AgentEntry {
    /// The 32 bytes of the ledger key; nothing when the text is no such key.
    pub fn ledger_point(&self) -> Option<[u8; 32]> {
        let bytes: [u8; 32] = STANDARD.decode(&self.ledger_key).ok()?.try_into().ok()?;
        PublicKey::ed25519(bytes).ok().map(|key| *key.point())
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// SHA-256 of its first approvers file.
    pub approvers: Digest,
    /// Approvers files that those before them did not sign, in the order in which root wrote them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resets: Vec<Reset>,
}

impl ClientEntry {
    /// A client whose approvers root never reset.
    pub fn new(approvers: Digest) -> Self {
        Self { approvers, resets: Vec::new() }
    }

    /// The reset that an approvers file is, if it is one.
    pub fn reset(&self, number: u32, approvers: &Digest) -> Option<&Reset> {
        self.resets.iter().find(|reset| reset.number == number && reset.approvers == *approvers)
    }
}

impl Root {
    /// A first version: people and roles, nothing else yet.
    pub fn first(expires: Moment, people: People, roles: BTreeMap<RoleName, Role>) -> Self {
        Self {
            kind: RootType::Root,
            schema: SCHEMA,
            project: None,
            version: 1,
            expires,
            generation: 1,
            rehearsals: 1,
            revoked_plans: BTreeSet::new(),
            people,
            roles,
            agents: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }

    /// A copy of this version as the next one, to be changed and signed.
    #[must_use]
    pub fn next(&self, project: Digest) -> Self {
        Self { project: Some(project), version: self.version.saturating_add(1), ..self.clone() }
    }

    /// Reads a root file strictly and checks the rules that hold inside one version. Signatures are not looked at.
    ///
    /// # Errors
    /// When it is not a root file, or breaks a rule.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let root: Self = strict::read(file, bytes, first_keys)?;
        root.check(file)?;
        Ok(root)
    }

    /// The file, as [`Root::parse`] reads it.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        let mut toml = Toml::new();
        toml.put("type", &self.kind);
        toml.put("schema", &self.schema);
        toml.put("project", &self.project);
        toml.put("version", &self.version);
        toml.put("expires", &self.expires);
        toml.put("generation", &self.generation);
        toml.put("rehearsals", &self.rehearsals);
        if !self.revoked_plans.is_empty() {
            toml.put("revoked_plans", &self.revoked_plans);
        }
        put_entries(&mut toml, "people", &self.people, &["keys", "passkeys"]);
        put_entries(&mut toml, "roles", &self.roles, &["threshold", "people"]);
        put_entries(&mut toml, "agents", &self.agents, &["region", "environment", "key", "ledger_key", "rehearses"]);
        put_entries(&mut toml, "clients", &self.clients, &["approvers", "resets"]);
        let text = toml.finish();
        Self::parse(&format!("trust/root/{}.toml", self.version), text.as_bytes()).map(|_| text)
    }

    /// Whose signatures count for a role.
    pub fn rule(&self, role: RoleName) -> Option<Rule<'_>> {
        let Role { threshold, people } = self.roles.get(&role)?;
        Some(Rule { people: &self.people, members: people, threshold: *threshold })
    }

    fn check(&self, file: &str) -> Result<(), TrustError> {
        let refuse = |what: &str| Err(TrustError::new(file, what));
        if self.schema != SCHEMA {
            return refuse("is of a schema that this version does not know");
        }
        match (self.version, self.project) {
            (0, _) => return refuse("has version 0; the first is 1"),
            (1, Some(_)) => return refuse("is version 1 and names a project; it is the project"),
            (1, None) if !self.agents.is_empty() || !self.clients.is_empty() || !self.revoked_plans.is_empty() => {
                return refuse("is version 1 and lists agents, clients or plans; they come from version 2 on");
            }
            (2.., None) => return refuse("names no project"),
            (1.., _) => {}
        }
        if self.generation == 0 || self.rehearsals == 0 {
            return refuse("has a generation or a number of rehearsals of zero");
        }
        self.check_roles(file)?;
        self.check_resets(file)?;
        self.points(file).map(drop)
    }

    fn check_roles(&self, file: &str) -> Result<(), TrustError> {
        for name in RoleName::ALL {
            let role = self.roles.get(&name);
            let role = role.ok_or_else(|| TrustError::new(file, format!("lacks the role {}", name.as_str())))?;
            if let Some(stranger) = role.people.iter().find(|person| !self.people.contains_key(*person)) {
                return Err(TrustError::new(file, format!("gives a role to {stranger}, who is not listed")));
            }
            people::check_threshold(file, &format!("the role {}", name.as_str()), role.threshold, role.people.len())?;
        }
        Ok(())
    }

    fn check_resets(&self, file: &str) -> Result<(), TrustError> {
        for (client, entry) in &self.clients {
            let distinct: BTreeSet<&Reset> = entry.resets.iter().collect();
            let wrong = entry.resets.iter().any(|reset| reset.number < 2) || distinct.len() != entry.resets.len();
            if wrong || entry.resets.len() > RESETS_MOST {
                let what = format!("resets the approvers of {client} to a first file, twice alike, or too often");
                return Err(TrustError::new(file, what));
            }
        }
        Ok(())
    }

    /// Whose the keys that it lists are.
    pub fn owners(&self) -> Owners {
        // A root that was verified lists each key once.
        Owners(self.points("the root").unwrap_or_default())
    }

    /// Every key of every person and machine, each of them listed once.
    pub(super) fn points(&self, file: &str) -> Result<Points, TrustError> {
        let mut points = Points::default();
        points.take_people(file, &self.people)?;
        for (name, agent) in &self.agents {
            if agent.key.application().is_some() {
                return Err(TrustError::new(
                    file,
                    format!("gives the agent {name} a hardware key that nobody can touch"),
                ));
            }
            points.take(file, agent.key.point(), &format!("the agent {name}"))?;
            let ledger = agent.ledger_point();
            let ledger = ledger.ok_or_else(|| TrustError::new(file, format!("has a bad ledger key for {name}")))?;
            points.take(file, &ledger, &format!("the ledger of {name}"))?;
        }
        Ok(points)
    }

    /// The keys of a role.
    pub(super) fn keys(&self, role: RoleName) -> BTreeSet<&PublicKey> {
        let members = self.roles.get(&role).map(|role| &role.people);
        members.into_iter().flatten().filter_map(|name| self.people.get(name)).flat_map(|person| &person.keys).collect()
    }
}

fn first_keys(has: &dyn Fn(&str) -> bool) -> &'static [&'static str] {
    if has("project") { &["type", "schema", "project", "version"] } else { &["type", "schema", "version"] }
}

fn put_entries<K: AsRef<str>, T: Serialize>(toml: &mut Toml, table: &str, entries: &BTreeMap<K, T>, order: &[&str]) {
    for (name, entry) in entries {
        toml.table(&[table, name.as_ref()]);
        if let Ok(Value::Object(record)) = serde_json::to_value(entry) {
            toml.members(&record, order);
        }
    }
}
