//! What a release holds: `manifest.json`, and the plans that stay back with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::canon::Digest;
use crate::client::ActiveWorkflow;
use crate::hidden::walk;
use crate::id::{Environment, Region};
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
    #[serde(deserialize_with = "line")]
    pub compiler: String,
    /// The instant of the checks.
    pub at: Moment,
    /// The window in which it may be accepted.
    pub accept: Window,
    /// Which plan each workflow runs; sorted by client and workflow.
    pub active: Vec<ActiveWorkflow>,
    /// Plans that may run again although they were returned or rolled back: those that this release lets in, and those that one
    /// before it did and that it names still; each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readmitted: Vec<Readmitted>,
    /// Plans that an earlier release named and that a rollback took back: they stay back in every later release until one
    /// readmits them; sorted by plan, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "each_once")]
    pub returned: Vec<Returned>,
    /// Every file of the release but `manifest.json`, `freshness.json` and their signatures.
    pub files: BTreeMap<String, FileEntry>,
}

crate::only!(ManifestType::Release);

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
    /// The number of the release of this generation that let it in, where that was an earlier one: whoever missed that one hears
    /// of it still, and whoever sent the plan back since is told nothing new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

impl Readmitted {
    /// What a release lets in by itself.
    pub fn now(plan: Digest, reason: String) -> Self {
        Self { plan, reason, since: None }
    }

    /// The number of the release that let it in first, as one of this number says it.
    pub fn first(&self, sequence: u64) -> u64 {
        self.since.unwrap_or(sequence)
    }
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
    /// The plans that stay back with this release: those that were taken back, less those that it lets back in by name. What an
    /// earlier one let in was taken back since.
    pub fn stays_back(&self) -> BTreeMap<Digest, &str> {
        let now = self.readmitted.iter().filter(|one| one.since.is_none());
        let readmitted: BTreeSet<Digest> = now.map(|one| one.plan).collect();
        let stays = self.returned.iter().filter(|one| !readmitted.contains(&one.plan));
        stays.map(|one| (one.plan, one.reason.as_str())).collect()
    }

    /// Workflows that it names a plan for which stays back, each with the reason: no honest release has any.
    pub fn named_though_back(&self) -> impl Iterator<Item = (&ActiveWorkflow, &str)> {
        let back = self.stays_back();
        self.active.iter().filter_map(move |active| back.get(&active.plan).map(|reason| (active, *reason)))
    }

    /// The plans that it lets in for somebody who holds the release of this number, each with that of the release that did so
    /// first: what was let in up to there they heard of, and may have sent back since.
    pub fn lets_in(&self, holds: (u32, u64)) -> impl Iterator<Item = (Digest, u64)> {
        let first = |one: &Readmitted| (one.plan, one.first(self.sequence));
        self.readmitted.iter().map(first).filter(move |(_, first)| (self.generation, *first) > holds)
    }

    /// Why what it says of readmissions is what no honest release says: each plan stands there once; what an earlier release let
    /// in has the number of one, and is named still.
    pub fn wrong_readmission(&self) -> Option<(&Readmitted, &'static str)> {
        let mut seen = BTreeSet::new();
        let named: BTreeSet<Digest> = self.active.iter().map(|active| active.plan).collect();
        self.readmitted.iter().find_map(|one| {
            let why = if !seen.insert(one.plan) {
                "it says so twice"
            } else if one.since.is_some_and(|since| since == 0 || since >= self.sequence) {
                "that is no release before it"
            } else if one.since.is_some() && !named.contains(&one.plan) {
                "it does not name that plan"
            } else {
                return None;
            };
            Some((one, why))
        })
    }

    /// What it carries on and the release before it, which is this one, does not have so.
    pub fn invents(&self, before: &Self) -> Option<&Readmitted> {
        let had = |one: &&Readmitted| {
            let same = |other: &Readmitted| Some(other.first(before.sequence)) == one.since && other.plan == one.plan;
            before.readmitted.iter().any(same)
        };
        self.readmitted.iter().filter(|one| one.since.is_some()).find(|one| !had(one))
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
