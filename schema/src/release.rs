//! Releases: manifest, freshness, rehearsal statement, and the names of the files that a release may hold.
//!
//! All are canonical JSON, signed beside the file as `<file>.<person>.sig`.
//!
//! # Source
//! trust.md section 4, formats.md section 1.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::canon::Digest;
use crate::client::ActiveWorkflow;
use crate::hidden::walk;
use crate::id::{AgentId, ClientId, Environment, PersonId, Region};
use crate::passkey::Assertion;
use crate::time::Moment;

pub use crate::choice::Choice;

/// What a release holds: `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `release`.
    #[serde(rename = "type")]
    pub kind: ManifestType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment it is for.
    pub environment: Environment,
    /// The region it is for.
    pub region: Region,
    /// The root's generation, within which sequences count.
    pub generation: u32,
    /// Its number, from 1.
    pub sequence: u64,
    /// SHA-256 of the previous manifest of this generation; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// The source it was made from.
    pub source: Source,
    /// The compiler's version.
    #[serde(deserialize_with = "line")]
    pub compiler: String,
    /// The instant of the checks.
    pub at: Moment,
    /// The window in which it may be accepted.
    pub accept: Window,
    /// Which plan each workflow runs; sorted by client and workflow.
    pub active: Vec<ActiveWorkflow>,
    /// Plans that may run again although they were returned or rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readmitted: Vec<Readmitted>,
    /// Plans that an earlier release named and that a rollback took back: they stay back in every later release until one
    /// readmits them; sorted by plan, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "each_once")]
    pub returned: Vec<Returned>,
    /// Every file of the release but `manifest.json`, `freshness.json` and their signatures.
    pub files: BTreeMap<String, FileEntry>,
}

/// The `type` member of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestType {
    /// The only value.
    Release,
}

/// The commit that a release was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The git commit id, for people: 40 or 64 hex digits.
    #[serde(deserialize_with = "commit_id")]
    pub commit: String,
    /// The tree SHA-256 of formats.md section 1.
    pub tree: Digest,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its first moment.
    pub from: Moment,
    /// The moment after its last.
    pub until: Moment,
}

/// A plan that may run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readmitted {
    /// Which plan.
    pub plan: Digest,
    /// Why.
    #[serde(deserialize_with = "line")]
    pub reason: String,
}

/// A plan that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// Which plan.
    pub plan: Digest,
    /// Why.
    #[serde(deserialize_with = "line")]
    pub reason: String,
}

impl Manifest {
    /// The plans that stay back with this release: those that were taken back, less those that it lets back in by name.
    pub fn stays_back(&self) -> BTreeMap<Digest, &str> {
        let readmitted: BTreeSet<Digest> = self.readmitted.iter().map(|one| one.plan).collect();
        let stays = self.returned.iter().filter(|one| !readmitted.contains(&one.plan));
        stays.map(|one| (one.plan, one.reason.as_str())).collect()
    }

    /// Workflows that it names a plan for which stays back, each with the reason: no honest release has any.
    pub fn named_though_back(&self) -> impl Iterator<Item = (&ActiveWorkflow, &str)> {
        let back = self.stays_back();
        self.active.iter().filter_map(move |active| back.get(&active.plan).map(|reason| (active, *reason)))
    }
}

fn each_once<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Returned>, D::Error> {
    let returned = Vec::<Returned>::deserialize(from)?;
    if returned.is_sorted_by(|a, b| a.plan < b.plan) {
        Ok(returned)
    } else {
        Err(D::Error::custom("`returned` is sorted by plan and names each once"))
    }
}

/// A text that people are shown beside others: what is in it moves nothing around it.
fn line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if walk(&text).any(|met| met.c.is_control() || met.misleads()) {
        return Err(D::Error::custom("a text here is one line without invisible characters"));
    }
    Ok(text)
}

fn commit_id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex && matches!(text.len(), 40 | 64) {
        Ok(text)
    } else {
        Err(D::Error::custom("a commit is 40 or 64 hex digits"))
    }
}

/// One file of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// Which release is the newest: `freshness.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// Always `freshness`.
    #[serde(rename = "type")]
    pub kind: FreshnessType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment it is for.
    pub environment: Environment,
    /// The region it is for.
    pub region: Region,
    /// The newest root version.
    pub root: u32,
    /// The newest sequence.
    pub sequence: u64,
    /// SHA-256 of the newest manifest.
    pub manifest: Digest,
    /// The statements of each client.
    pub statements: BTreeMap<ClientId, BTreeSet<Digest>>,
    /// When it was signed; it lives 24 h.
    pub time: Moment,
}

/// The `type` member of a freshness statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FreshnessType {
    /// The only value.
    Freshness,
}

/// That a staging agent ran all scenarios of a plan: `rehearsals/<sha256>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Always `rehearsal`.
    #[serde(rename = "type")]
    pub kind: RehearsalType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment of the agent.
    pub environment: Environment,
    /// The region of the agent.
    pub region: Region,
    /// The agent that ran and signed it.
    pub agent: AgentId,
    /// The plan.
    pub plan: Digest,
    /// The lowered scenarios.
    pub tests: Digest,
    /// The engine that ran them.
    pub engine: Engine,
    /// When.
    pub time: Moment,
    /// How each scenario ended, in order of the tests.
    pub results: Vec<ScenarioResult>,
}

/// The `type` member of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RehearsalType {
    /// The only value.
    Rehearsal,
}

/// A build of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// SHA-256 of the binary.
    pub binary: Digest,
}

/// How one scenario ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioResult {
    /// Its name.
    pub scenario: String,
    /// Whether everything that must have happened did.
    pub passed: bool,
}

/// A decision of a person, signed under `decision@assent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Always `decision`.
    #[serde(rename = "type")]
    pub kind: DecisionType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// The agent that asks.
    pub agent: AgentId,
    /// The random id of the run.
    pub run: String,
    /// The step that asks.
    pub step: crate::id::Name,
    /// The plan of the run.
    pub plan: Digest,
    /// The hash of what was shown.
    pub shown: Digest,
    /// Yes or no.
    pub choice: Choice,
    /// A nonce that the agent gave with the question: 64 hex digits.
    pub nonce: Digest,
    /// Who decides.
    pub person: PersonId,
    /// What the person wrote instead, if anything: SHA-256 over `"assent-edits/v1\0"`, the salt of what was shown, and the
    /// canonical JSON of the object from path to text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<Digest>,
}

/// The number of the format of decisions.
pub const DECISION_SCHEMA: u32 = 1;

/// What shows who signed something that an agent asked them to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Proof {
    /// An armoured SSHSIG.
    Ssh(String),
    /// What a passkey signed, with the SHA-256 of the signed bytes as its challenge.
    Passkey(Assertion),
}

impl From<String> for Proof {
    fn from(armour: String) -> Self {
        Self::Ssh(armour)
    }
}

/// The `type` member of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionType {
    /// The only value.
    Decision,
}

/// How long a freshness statement lives.
pub const FRESHNESS_LIVES: crate::time::Period = crate::time::Period::hours(24);
/// The oldest rehearsal with which a plan is first accepted.
pub const REHEARSAL_MOST: crate::time::Period = crate::time::Period::days(30);
/// The largest step of a sequence or serial.
pub const STEP_MOST: u64 = 1_000;

/// The name of a file that a release may hold; no other name may be there.
///
/// `<person>` of a rehearsal's signature is the agent's id.
///
/// # Source
/// trust.md section 4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// `manifest.json`
    Manifest,
    /// `manifest.json.<person>.sig`
    ManifestSignature(PersonId),
    /// `freshness.json`
    Freshness,
    /// `freshness.json.<person>.sig`
    FreshnessSignature(PersonId),
    /// `plans/<sha256>.json`
    Plan(Digest),
    /// `tests/<sha256>.json`
    Tests(Digest),
    /// `clients/<client>.json`
    Client(ClientId),
    /// `endpoints.json`
    Endpoints,
    /// `trust/root/<version>.toml`
    Root(u32),
    /// `trust/root/<version>.toml.<person>.sig`
    RootSignature(u32, PersonId),
    /// `trust/teams.toml`
    Teams,
    /// `trust/teams.toml.<person>.sig`
    TeamsSignature(PersonId),
    /// `trust/catalog.lock`
    CatalogLock,
    /// `trust/catalog.lock.<person>.sig`
    CatalogLockSignature(PersonId),
    /// `trust/approvers/<client>/<number>.toml`
    Approvers(ClientId, u32),
    /// `trust/approvers/<client>/<number>.toml.<person>.sig`
    ApproversSignature(ClientId, u32, PersonId),
    /// `statements/<sha256>.toml`
    Statement(Digest),
    /// `statements/<sha256>.toml.<person>.sig`
    StatementSignature(Digest, PersonId),
    /// `rehearsals/<sha256>.json`
    Rehearsal(Digest),
    /// `rehearsals/<sha256>.json.<agent>.sig`
    RehearsalSignature(Digest, AgentId),
}

impl FileName {
    /// Reads a path; nothing when no file of a release is called so.
    pub fn parse(path: &str) -> Option<Self> {
        let name = Self::parse_form(path)?;
        // One spelling each: `root/01.toml` is no name.
        (name.to_string() == path).then_some(name)
    }

    fn parse_form(path: &str) -> Option<Self> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, kind, signer) = split_file(file)?;
        let name = match (folder, stem, kind) {
            ("", "manifest", "json") => return signed(signer, Self::Manifest, Self::ManifestSignature),
            ("", "freshness", "json") => return signed(signer, Self::Freshness, Self::FreshnessSignature),
            ("", "endpoints", "json") => Self::Endpoints,
            ("plans", stem, "json") => Self::Plan(stem.parse().ok()?),
            ("tests", stem, "json") => Self::Tests(stem.parse().ok()?),
            ("clients", stem, "json") => Self::Client(stem.parse().ok()?),
            ("trust", "teams", "toml") => return signed(signer, Self::Teams, Self::TeamsSignature),
            ("trust", "catalog", "lock") => return signed(signer, Self::CatalogLock, Self::CatalogLockSignature),
            ("trust/root", stem, "toml") => {
                let version = stem.parse().ok()?;
                return signed(signer, Self::Root(version), |p| Self::RootSignature(version, p));
            }
            ("statements", stem, "toml") => {
                let digest = stem.parse().ok()?;
                return signed(signer, Self::Statement(digest), |p| Self::StatementSignature(digest, p));
            }
            ("rehearsals", stem, "json") => {
                let digest = stem.parse().ok()?;
                return signed(signer, Self::Rehearsal(digest), |a| Self::RehearsalSignature(digest, a));
            }
            (folder, stem, "toml") => {
                let client: ClientId = folder.strip_prefix("trust/approvers/")?.parse().ok()?;
                let number = stem.parse().ok()?;
                let file = Self::Approvers(client.clone(), number);
                return signed(signer, file, |p| Self::ApproversSignature(client, number, p));
            }
            _ => return None,
        };
        signer.is_none().then_some(name)
    }

    /// Whether the manifest lists it: everything but manifest, freshness and their signatures.
    pub fn is_listed(&self) -> bool {
        !matches!(self, Self::Manifest | Self::ManifestSignature(_) | Self::Freshness | Self::FreshnessSignature(_))
    }
}

/// The file itself, or its signature by a signer.
fn signed<S: std::str::FromStr>(
    signer: Option<&str>,
    file: FileName,
    signature: impl FnOnce(S) -> FileName,
) -> Option<FileName> {
    match signer {
        None => Some(file),
        Some(signer) => Some(signature(signer.parse().ok()?)),
    }
}

/// Splits `stem.kind` or `stem.kind.signer.sig`.
fn split_file(file: &str) -> Option<(&str, &str, Option<&str>)> {
    let parts: Vec<&str> = file.split('.').collect();
    match *parts.as_slice() {
        [stem, kind] => Some((stem, kind, None)),
        [stem, kind, signer, "sig"] => Some((stem, kind, Some(signer))),
        _ => None,
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest.json"),
            Self::ManifestSignature(person) => write!(f, "manifest.json.{person}.sig"),
            Self::Freshness => f.write_str("freshness.json"),
            Self::FreshnessSignature(person) => write!(f, "freshness.json.{person}.sig"),
            Self::Plan(digest) => write!(f, "plans/{digest}.json"),
            Self::Tests(digest) => write!(f, "tests/{digest}.json"),
            Self::Client(client) => write!(f, "clients/{client}.json"),
            Self::Endpoints => f.write_str("endpoints.json"),
            Self::Root(version) => write!(f, "trust/root/{version}.toml"),
            Self::RootSignature(version, person) => write!(f, "trust/root/{version}.toml.{person}.sig"),
            Self::Teams => f.write_str("trust/teams.toml"),
            Self::TeamsSignature(person) => write!(f, "trust/teams.toml.{person}.sig"),
            Self::CatalogLock => f.write_str("trust/catalog.lock"),
            Self::CatalogLockSignature(person) => write!(f, "trust/catalog.lock.{person}.sig"),
            Self::Approvers(client, number) => write!(f, "trust/approvers/{client}/{number}.toml"),
            Self::ApproversSignature(client, number, person) => {
                write!(f, "trust/approvers/{client}/{number}.toml.{person}.sig")
            }
            Self::Statement(digest) => write!(f, "statements/{digest}.toml"),
            Self::StatementSignature(digest, person) => write!(f, "statements/{digest}.toml.{person}.sig"),
            Self::Rehearsal(digest) => write!(f, "rehearsals/{digest}.json"),
            Self::RehearsalSignature(digest, agent) => write!(f, "rehearsals/{digest}.json.{agent}.sig"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_name_has_one_spelling() {
        let digest = Digest::of_file(b"");
        let good = [
            "manifest.json".to_owned(),
            "manifest.json.alice.sig".to_owned(),
            "freshness.json".to_owned(),
            "freshness.json.timer.sig".to_owned(),
            format!("plans/{digest}.json"),
            format!("tests/{digest}.json"),
            "clients/acme.json".to_owned(),
            "endpoints.json".to_owned(),
            "trust/root/1.toml".to_owned(),
            "trust/root/12.toml.bruno.sig".to_owned(),
            "trust/teams.toml".to_owned(),
            "trust/teams.toml.alice.sig".to_owned(),
            "trust/catalog.lock".to_owned(),
            "trust/catalog.lock.alice.sig".to_owned(),
            "trust/approvers/acme/1.toml".to_owned(),
            "trust/approvers/acme/1.toml.dana.sig".to_owned(),
            format!("statements/{digest}.toml"),
            format!("statements/{digest}.toml.dana.sig"),
            format!("rehearsals/{digest}.json"),
            format!("rehearsals/{digest}.json.eu-staging-1.sig"),
        ];
        for name in &good {
            assert_eq!(FileName::parse(name).map(|n| n.to_string()).as_deref(), Some(name.as_str()), "{name}");
        }
        for bad in [
            "",
            "a",
            "manifest.json.",
            "manifest.json..sig",
            "/manifest.json",
            "plans/x.json",
            "plans/../manifest.json",
            "trust/root/01.toml",
            "trust/root/-1.toml",
            "trust/approvers/acme/x.toml",
            "trust/approvers//1.toml",
            "endpoints.json.alice.sig",
            "clients/acme.json.alice.sig",
            "README.md",
            ".git/config",
            "statements/a.toml",
            "clients/ACME.json",
        ] {
            assert_eq!(FileName::parse(bad), None, "{bad}");
        }
    }
}
