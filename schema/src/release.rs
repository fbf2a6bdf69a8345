//! Releases: manifest, freshness, rehearsal statement, and the names of the files that a release may hold.
//!
//! All are canonical JSON, signed beside the file as `<file>.<person>.sig`.
//!
//! # Source
//! trust.md section 4, formats.md section 1.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::client::ActiveWorkflow;
use crate::id::{AgentId, ClientId, Environment, PersonId, Region};
use crate::time::Moment;

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
    /// The git commit id, for people.
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
    pub reason: String,
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
}

/// The `type` member of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionType {
    /// The only value.
    Decision,
}

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Yes.
    Approve,
    /// No.
    Refuse,
}

/// How long a freshness statement lives.
pub const FRESHNESS_LIVES: crate::time::Period = crate::time::Period::hours(24);
/// The oldest rehearsal with which a plan is first accepted.
pub const REHEARSAL_MOST: crate::time::Period = crate::time::Period::days(30);
/// The largest step of a sequence or serial.
pub const STEP_MOST: u64 = 1_000;
