//! What an agent says of itself on its own branch: `status.json`, signed under `console@assent`. References only.
//!
//! # Source
//! trust.md section 6.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canon::Digest;
use crate::id::{AgentId, ClientId, ConnectionId, Environment, PersonId, Region, Scope, SlotId, WorkflowId};
use crate::ledger::{HeldWhat, Token};
use crate::shape::is_false;
use crate::time::{Moment, Period};

/// The current number of this format.
pub const SCHEMA: u32 = 1;

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Always `status`.
    #[serde(rename = "type")]
    pub kind: StatusType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment of the agent.
    pub environment: Environment,
    /// The region of the agent.
    pub region: Region,
    /// Who speaks.
    pub agent: AgentId,
    /// When.
    pub time: Moment,
    /// The agent's version.
    pub version: String,
    /// The release that it accepted last; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseStatus>,
    /// What keeps it from looking for releases; absent while nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullStatus>,
    /// Why nothing can be given out, as the status itself once it can again; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PullStatus>,
    /// Why nothing is started until somebody on call says that it may go on; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    /// How each workflow stands.
    pub workflows: BTreeMap<ClientId, BTreeMap<WorkflowId, WorkflowStatus>>,
    /// What people stopped for a while, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The secrets of its clients: how old each is, and by when it is to be rotated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<SlotStatus>,
    /// Where an API granted other scopes than the workflows need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeStatus>,
    /// Why its vault cannot be used, as a code; absent while it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Why the kernel keeps no keys of it, as a code: what runs that wait need is then sealed under keys of its process alone,
    /// and a restart loses it. Absent while the kernel keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
    /// What it said no to since the release that it accepted last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<RefusedStatus>,
    /// Plans that went back of workflows that no release names any more, with the code of the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returned: BTreeMap<ClientId, BTreeMap<WorkflowId, BTreeMap<Digest, String>>>,
    /// Rejections and withdrawals that count here and that its release does not hold: they were handed to it directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementStatus>,
}

impl Status {
    /// Every plan that may not run until a release readmits it: whose, and with the code of the reason.
    pub fn went_back(&self) -> impl Iterator<Item = (&ClientId, &WorkflowId, &BTreeMap<Digest, String>)> {
        let named =
            self.workflows.iter().flat_map(|(client, all)| all.iter().map(move |(id, one)| (client, id, &one.refused)));
        let others =
            self.returned.iter().flat_map(|(client, all)| all.iter().map(move |(id, plans)| (client, id, plans)));
        named.chain(others).filter(|(_, _, plans)| !plans.is_empty())
    }
}

/// A rejection or withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementStatus {
    /// Whose.
    pub client: ClientId,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// What it says.
    pub decision: SaidNo,
    /// Its serial: an approval counts against it with a higher one alone.
    pub serial: u64,
    /// Whether it ends every use.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
    /// The workflows of which it ends every use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub workflows: BTreeSet<WorkflowId>,
    /// The uses that it ends one by one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub uses: BTreeSet<Digest>,
}

/// How a client says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaidNo {
    /// To what is proposed.
    Reject,
    /// To what it approved.
    Withdraw,
}

impl StatementStatus {
    /// What it is, as people say it.
    pub fn noun(&self) -> &'static str {
        match self.decision {
            SaidNo::Reject => "rejection",
            SaidNo::Withdraw => "withdrawal",
        }
    }

    /// What it ends, as a part of a sentence.
    pub fn ends(&self) -> String {
        if self.all {
            return "all uses".to_owned();
        }
        let workflows = self.workflows.iter().map(|name| format!("all uses of `{name}`"));
        let uses = self.uses.iter().map(|digest| format!("the use {}", digest.short()));
        let all: Vec<String> = workflows.chain(uses).collect();
        if all.is_empty() { "no use".to_owned() } else { all.join(", ") }
    }
}

/// How old a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotStatus {
    /// Whose.
    pub client: ClientId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// Which slot.
    pub slot: SlotId,
    /// Since when the secret counts, as far as the agent knows; absent while the slot is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// By when it is to be rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    /// The time between rotations.
    pub every: Period,
    /// When it ends by itself, where its API, its vault, it itself or a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Moment>,
    /// Whether a new one is being tested.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rotating: bool,
}

/// What an API granted beside what is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeStatus {
    /// Whose.
    pub client: ClientId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// Granted and not needed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub more: BTreeSet<Scope>,
    /// Needed and not granted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fewer: BTreeSet<Scope>,
}

crate::only!(StatusType::Status);

/// The release that an agent accepted last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseStatus {
    /// The root version.
    pub root: u32,
    /// The generation within which sequences count.
    pub generation: u32,
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of its manifest.
    pub manifest: Digest,
    /// The source commit that it names.
    pub commit: String,
    /// The time of the newest freshness statement; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Moment>,
}

/// A stop by a person: triggers are kept, runs wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its id, as the ledger names it.
    pub id: Token,
    /// Whose.
    pub client: ClientId,
    /// What waits.
    pub what: HeldWhat,
    /// The reason, as a code or ticket id.
    pub why: Token,
    /// Who said so.
    pub by: PersonId,
    /// Since when.
    pub since: Moment,
    /// When it lapses, at the latest.
    pub until: Moment,
}

/// What keeps an agent from looking for releases, or from giving out what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullStatus {
    /// What is wrong, as a code.
    pub code: String,
    /// Since when.
    pub since: Moment,
}

/// Why an agent starts nothing: its store is older than what it published, or another instance holds its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// Since when.
    pub since: Moment,
    /// What was found, as codes.
    pub why: BTreeSet<Token>,
    /// The newest root version that it published; it goes on with none that is older.
    pub root: u32,
    /// Generation and sequence of the newest release that it published; it goes on with none that is older.
    pub release: (u32, u64),
    /// The checkpoints that it published, whole: the logs that begin anew name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<String>,
    /// Thrown when it stopped: a recovery names it, and counts once.
    pub nonce: Digest,
}

/// What lets an agent go on: signed by the role `oncall` under `recover@assent`, `recover.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// Always `recover`.
    #[serde(rename = "type")]
    pub kind: RecoverType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment of the agent.
    pub environment: Environment,
    /// The region of the agent.
    pub region: Region,
    /// Which agent.
    pub agent: AgentId,
    /// What it is recovered from.
    pub why: BTreeSet<Token>,
    /// The nonce of its halt.
    pub nonce: Digest,
}

crate::only!(RecoverType::Recover);

impl Recover {
    /// The recovery of an agent that says this of itself; `None` while it has not stopped.
    pub fn of(status: &Status) -> Option<Self> {
        let halt = status.halt.as_ref()?;
        Some(Self {
            kind: RecoverType::Recover,
            schema: SCHEMA,
            project: status.project,
            environment: status.environment.clone(),
            region: status.region.clone(),
            agent: status.agent.clone(),
            why: halt.why.clone(),
            nonce: halt.nonce,
        })
    }

    /// Whether it is about this agent and this halt.
    pub fn is_of(&self, agent: &AgentId, halt: &Halt) -> bool {
        (&self.agent, self.nonce, &self.why) == (agent, halt.nonce, &halt.why)
    }
}

/// Asks agents to look for releases at once: signed by the role `release` under `poke@assent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poke {
    /// Always `poke`.
    #[serde(rename = "type")]
    pub kind: PokeType,
    /// The number of this format.
    pub schema: u32,
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment of the agents.
    pub environment: Environment,
    /// The region of the agents.
    pub region: Region,
    /// When it was signed. It counts for ten minutes, and once.
    pub time: Moment,
}

crate::only!(PokeType::Poke);

impl Poke {
    /// A poke for the agents of one environment and region.
    pub fn new(project: Digest, environment: Environment, region: Region, time: Moment) -> Self {
        Self { kind: PokeType::Poke, schema: SCHEMA, project, environment, region, time }
    }
}

/// How one workflow stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowStatus {
    /// What stands for it as a whole.
    pub stage: Stage,
    /// The plan that new runs take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The plan that the release names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Digest>,
    /// Why the plan that the release names does not run, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The plan in trial, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialStatus>,
    /// Whether its client's knowledge is too old: nothing starts, nothing is changed outside.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stale: bool,
    /// Plans that may not run until a release readmits them, with the code of the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<Digest, String>,
}

/// What stands for a workflow as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The plan that the release names runs and passed its trial.
    Committed,
    /// It runs, passed no full trial, and its first failure returns it.
    Unproven,
    /// It runs and is watched.
    Trial,
    /// It waits for the end of a freeze; an older plan may run.
    Staged,
    /// An older plan runs, because the named one went back.
    Returned,
    /// An older plan runs, because the named one is not permitted.
    NotPermitted,
    /// Nothing runs.
    Off,
}

impl Stage {
    /// The stage as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Unproven => "unproven",
            Self::Trial => "trial",
            Self::Staged => "staged",
            Self::Returned => "returned",
            Self::NotPermitted => "not-permitted",
            Self::Off => "off",
        }
    }
}

/// A plan in trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialStatus {
    /// Which plan.
    pub plan: Digest,
    /// Since when.
    pub since: Moment,
    /// Runs that ended, crashes included.
    pub runs: u32,
    /// Those among them that failed.
    pub failed: u32,
}

/// Something that an agent said no to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedStatus {
    /// The code of the rule.
    pub code: String,
    /// SHA-256 of what was refused: a manifest, a plan, a statement; of the commit's id where its files are no release.
    pub digest: Digest,
    /// What exactly, as a sentence for people: which file, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}
