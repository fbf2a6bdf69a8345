//! Releases: manifest, freshness, rehearsal statement, and the names of the files that a release may hold.
//!
//! All are canonical JSON, signed beside the file as `<file>.<person>.sig`.
//!
//! # Source
//! trust.md section 4, formats.md section 1.

mod decision;
mod file_name;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::id::{AgentId, ClientId, Environment, Region};
use crate::time::Moment;

pub use crate::choice::Choice;
pub use decision::{DECISION_SCHEMA, Decision, DecisionType, Proof};
pub use file_name::FileName;
pub use manifest::{FileEntry, Manifest, ManifestType, Readmitted, Returned, Source, Window};

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

crate::only!(FreshnessType::Freshness);

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

crate::only!(RehearsalType::Rehearsal);

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

/// How long a freshness statement lives.
pub const FRESHNESS_LIVES: crate::time::Period = crate::time::Period::hours(24);
/// The oldest rehearsal with which a plan is first accepted.
pub const REHEARSAL_MOST: crate::time::Period = crate::time::Period::days(30);
/// The largest step of a sequence or serial.
pub const STEP_MOST: u64 = 1_000;
