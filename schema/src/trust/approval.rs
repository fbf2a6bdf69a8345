//! One statement of a client: an approval, a rejection or a withdrawal, as a TOML file that people read and sign.
//!
//! # Source
//! trust.md section 3, formats.md section 3. Promise P25.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canon::{self, Digest};
use crate::id::{ClientId, WorkflowId};
use crate::time::{Moment, Period};
use crate::uses::DataUse;

use super::emit::Toml;
use super::error::TrustError;
use super::strict::Sound;

const SCHEMA: u32 = 1;
const FIRST_KEYS: &[&str] = &["type", "schema", "project", "client", "approvers", "serial"];
/// The longest time for which an approval holds.
pub const LASTS_MOST: Period = Period::days(400);
/// The most data uses of one statement.
const USES_MOST: usize = 10_000;
/// The order in which the members of a data use are written, so that it reads from cause to limit.
const USE_ORDER: &[&str] = &[
    "kind",
    "workflow",
    "purpose",
    "from",
    "to",
    "operation",
    "effect",
    "unattended",
    "fields",
    "scopes",
    "guardrail",
    "deciders",
    "requests",
    "provider",
    "agreement",
    "retention",
    "stale_limit",
    "terms",
    "bits",
    "releases",
];

/// What a client says of data uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// Whose data it is.
    pub client: ClientId,
    /// SHA-256 of the client's first approvers file.
    pub approvers: Digest,
    /// Its number among the client's statements. Several may have the same.
    pub serial: u64,
    /// When it was given.
    pub given: Moment,
    /// What it says.
    pub says: Decision,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These uses are approved.
    Approve(Approval),
    /// These uses were asked for and are refused.
    Reject(Vec<Cancelled>),
    /// These uses are approved no longer.
    Withdraw(Vec<Cancelled>),
}

impl Decision {
    /// `approve`, `reject` or `withdraw`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::Reject(_) => "reject",
            Self::Withdraw(_) => "withdraw",
        }
    }
}

/// Approved data uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The moment after its last, at most 400 days after it was given.
    pub expires: Moment,
    /// The uses in full, each once, at least one. Written in the order of their canonical JSON, read in any. Shared with
    /// what is approved at an instant: a large client's are megabytes.
    pub uses: Vec<Arc<DataUse>>,
}

impl Approval {
    /// These uses, approved until then.
    pub fn new(expires: Moment, uses: impl IntoIterator<Item = DataUse>) -> Self {
        Self { expires, uses: uses.into_iter().map(Arc::new).collect() }
    }
}

/// Which uses a rejection or withdrawal is about, or which reset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cancelled {
    /// One approved use.
    Digest(Digest),
    /// Every use of a workflow.
    Workflow(WorkflowId),
    /// Every use.
    All,
    /// No use: that root resets the approvers to the file of this SHA-256. It ends that reset while it waits.
    Reset(Digest),
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<U> {
    #[serde(rename = "type")]
    kind: StatementType,
    schema: u32,
    project: Digest,
    client: ClientId,
    approvers: Digest,
    serial: u64,
    decision: DecisionName,
    given: Moment,
    #[serde(default)]
    expires: Option<Moment>,
    #[serde(rename = "use")]
    uses: Vec<U>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StatementType {
    Approval,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DecisionName {
    Approve,
    Reject,
    Withdraw,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<WorkflowId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset: Option<Digest>,
}

impl<U> File<U> {
    /// The statement, if what all kinds have is right, with what this kind says.
    fn statement(
        mut self,
        file: &str,
        says: impl FnOnce(&mut Self) -> Result<Decision, (&'static str, Cow<'static, str>)>,
    ) -> Result<Statement, TrustError> {
        let StatementType::Approval = self.kind;
        let says = if self.schema != SCHEMA {
            Err(("schema", "is of a schema that this version does not know".into()))
        } else if self.serial == 0 {
            Err(("serial", "has serial 0; the first is 1".into()))
        } else if self.uses.is_empty() || self.uses.len() > USES_MOST {
            Err(("serial", "names no data use, or too many".into()))
        } else {
            says(&mut self)
        };
        let says = says.map_err(|(key, what)| TrustError::at(file, key, what))?;
        let Self { project, client, approvers, serial, given, .. } = self;
        Ok(Statement { project, client, approvers, serial, given, says })
    }
}

impl Named {
    fn cancelled(self) -> Result<Cancelled, &'static str> {
        match self {
            Self { digest: Some(digest), workflow: None, all: None, reset: None } => Ok(Cancelled::Digest(digest)),
            Self { digest: None, workflow: Some(workflow), all: None, reset: None } => {
                Ok(Cancelled::Workflow(workflow))
            }
            Self { digest: None, workflow: None, all: Some(true), reset: None } => Ok(Cancelled::All),
            Self { digest: None, workflow: None, all: None, reset: Some(reset) } => Ok(Cancelled::Reset(reset)),
            _ => {
                Err("names data uses otherwise than by digest, by workflow or by `all = true`, or a reset beside them")
            }
        }
    }
}

impl Statement {
    /// Reads a statement strictly. Signatures are not looked at.
    ///
    /// # Errors
    /// When it is not a statement, lasts too long, or names nothing.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let sound = Sound::parse(file, bytes, |_| FIRST_KEYS)?;
        if sound.text("decision") == Some("approve") {
            sound.read::<File<DataUse>>()?.statement(file, |read| {
                let expires = read.expires.ok_or(("given", "says not when it expires".into()))?;
                if expires <= read.given || expires > read.given.plus(LASTS_MOST) {
                    return Err(("expires", "expires before it is given, or more than 400 days after".into()));
                }
                let distinct: BTreeSet<&DataUse> = read.uses.iter().collect();
                if distinct.len() != read.uses.len() {
                    return Err(("serial", "lists a data use twice".into()));
                }
                if let Some((number, used, key)) = (1_u32..).zip(&read.uses).find_map(lacking) {
                    let kind = used.kind.as_str();
                    return Err(("serial", format!("has a `{kind}` without `{key}` as data use {number}").into()));
                }
                let idles = |(number, used): (u32, &DataUse)| used.idles().map(|key| (number, used.kind.as_str(), key));
                if let Some((number, kind, key)) = (1_u32..).zip(&read.uses).find_map(idles) {
                    return Err(("serial", format!("has a `{kind}` with `{key}` as data use {number}").into()));
                }
                Ok(Decision::Approve(Approval::new(expires, std::mem::take(&mut read.uses))))
            })
        } else {
            sound.read::<File<Named>>()?.statement(file, |read| {
                if read.expires.is_some() {
                    return Err(("expires", "expires, though only an approval does".into()));
                }
                let named = std::mem::take(&mut read.uses).into_iter().map(Named::cancelled);
                let named = named.collect::<Result<_, _>>().map_err(|what: &str| ("serial", what.into()))?;
                match read.decision {
                    DecisionName::Reject => Ok(Decision::Reject(named)),
                    DecisionName::Withdraw => Ok(Decision::Withdraw(named)),
                    DecisionName::Approve => Err(("decision", "decides otherwise than it says".into())),
                }
            })
        }
    }

    /// The file, as [`Statement::parse`] reads it. Uses are sorted and each written once.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn to_toml(&self) -> Result<String, TrustError> {
        let mut toml = Toml::new();
        toml.put("type", &StatementType::Approval);
        toml.put("schema", &SCHEMA);
        toml.put("project", &self.project);
        toml.put("client", &self.client);
        toml.put("approvers", &self.approvers);
        toml.put("serial", &self.serial);
        toml.put("decision", self.says.as_str());
        toml.put("given", &self.given);
        match &self.says {
            Decision::Approve(approval) => {
                toml.put("expires", &approval.expires);
                let broken = |e: canon::CanonError| TrustError::new("the approval", e.to_string());
                for used in sorted(&approval.uses).map_err(broken)? {
                    toml.item("use");
                    if let Ok(Value::Object(record)) = serde_json::to_value(used) {
                        toml.members(&record, USE_ORDER);
                    }
                }
            }
            Decision::Reject(cancelled) | Decision::Withdraw(cancelled) => {
                for one in cancelled {
                    toml.item("use");
                    match one {
                        Cancelled::Digest(digest) => toml.put("digest", digest),
                        Cancelled::Workflow(workflow) => toml.put("workflow", workflow),
                        Cancelled::All => toml.put("all", &true),
                        Cancelled::Reset(approvers) => toml.put("reset", approvers),
                    }
                }
            }
        }
        let text = toml.finish();
        Self::parse("the statement", text.as_bytes()).map(|_| text)
    }

    /// Uses that it cancels; none for an approval.
    pub fn cancels(&self) -> &[Cancelled] {
        match &self.says {
            Decision::Approve(_) => &[],
            Decision::Reject(cancelled) | Decision::Withdraw(cancelled) => cancelled,
        }
    }
}

/// A use with its number in the file and what its kind needs and it leaves out.
fn lacking((number, used): (u32, &DataUse)) -> Option<(u32, &DataUse, &'static str)> {
    used.lacks().map(|key| (number, used, key))
}

/// Uses sorted by their canonical JSON, each once.
fn sorted(uses: &[Arc<DataUse>]) -> Result<Vec<&DataUse>, canon::CanonError> {
    let keyed = uses.iter().map(|used| Ok((canon::to_bytes(&**used)?, &**used)));
    let mut keyed = keyed.collect::<Result<Vec<_>, _>>()?;
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    keyed.dedup_by(|(a, _), (b, _)| a == b);
    Ok(keyed.into_iter().map(|(_, used)| used).collect())
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
