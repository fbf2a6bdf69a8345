//! One verdict on a region for a source commit, from what its agents say. Pure: green only where everything is known and good.
//!
//! # Source
//! trust.md section 6.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::id::{AgentId, ClientId, ConnectionId, WorkflowId};
use assent_schema::ledger::HeldWhat;
use assent_schema::release::FRESHNESS_LIVES;
use assent_schema::status::{RefusedStatus, ReleaseStatus, Stage, Status, WorkflowStatus};
use assent_schema::time::{Moment, Period};
use serde::Serialize;

/// A status older than this is silence: an agent signs one at least every hour, and one push may fail.
pub const SILENT_AFTER: Period = Period::minutes(150);
/// How far an agent's clock may be ahead of ours.
pub(super) const AHEAD_MOST: Period = Period::minutes(10);

/// How something stands, from good to bad: what is made of parts stands as its worst part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Committed, and current.
    Green,
    /// It runs and is watched, or passed no full trial.
    Trial,
    /// People hold it, or it waits for the end of a freeze.
    Held,
    /// The commit did not arrive yet.
    Behind,
    /// The agent said nothing for too long.
    Silent,
    /// Nobody told the agent lately that this is the newest release.
    Stale,
    /// The agent does not permit it, or starts nothing at all.
    Refused,
    /// It went back to an older plan.
    Returned,
    /// Nothing that can be relied on is known.
    Unknown,
}

impl Verdict {
    /// Every verdict, from good to bad.
    pub const ALL: [Self; 9] = [
        Self::Green,
        Self::Trial,
        Self::Held,
        Self::Behind,
        Self::Silent,
        Self::Stale,
        Self::Refused,
        Self::Returned,
        Self::Unknown,
    ];

    /// The verdict as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Trial => "trial",
            Self::Held => "held",
            Self::Behind => "behind",
            Self::Silent => "silent",
            Self::Stale => "stale",
            Self::Refused => "refused",
            Self::Returned => "returned",
            Self::Unknown => "unknown",
        }
    }
}

/// A verdict with what led to it, a sentence without content; empty when it is green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub verdict: Verdict,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Finding {
    /// A verdict with its reason.
    pub fn new(verdict: Verdict, why: impl Into<String>) -> Self {
        Self { verdict, why: why.into() }
    }

    /// Nothing to object to.
    fn green() -> Self {
        Self::new(Verdict::Green, "")
    }
}

/// Which workflow of which client.
pub type Key = (ClientId, WorkflowId);

/// The release by which a commit came to a region, its signatures verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The root's generation.
    pub generation: u32,
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of its manifest.
    pub manifest: Digest,
    /// The plan of each workflow.
    pub plans: BTreeMap<Key, Digest>,
    /// Workflows that run an older plan than the commit's, because somebody rolled the release back.
    pub rolled_back: BTreeSet<Key>,
    /// The connections of each plan that can be read.
    pub uses: BTreeMap<Digest, BTreeSet<ConnectionId>>,
}

/// What an agent's branch holds.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// There is no such branch.
    Missing,
    /// It does not verify, and why.
    Broken(String),
    /// A status that the agent signed.
    Says(Box<Status>),
}

/// What is to be judged of one environment and region.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The source commit.
    pub commit: &'a str,
    /// The release of it; or why there is none to judge by.
    pub release: Result<&'a Released, Finding>,
    /// Every agent that the root lists there.
    pub agents: &'a BTreeMap<AgentId, Evidence>,
    /// When it is asked.
    pub now: Moment,
}

/// How an agent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentVerdict {
    /// The worst of it and its workflows.
    pub finding: Finding,
    /// When it spoke; nothing when nothing of it verifies.
    pub seen: Option<Moment>,
    /// The release that it says it took up: its number and manifest.
    pub release: Option<(u64, Digest)>,
    /// Each workflow of the release, where the agent runs that.
    pub workflows: BTreeMap<Key, Finding>,
}

/// How a region stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionVerdict {
    /// The worst of what is known.
    pub finding: Finding,
    /// Each agent.
    pub agents: BTreeMap<AgentId, AgentVerdict>,
}

/// Judges one environment and region.
pub fn judge(question: &Question<'_>) -> RegionVerdict {
    let one = |(agent, evidence): (&AgentId, &Evidence)| (agent.clone(), judge_agent(question, evidence));
    let agents: BTreeMap<_, _> = question.agents.iter().map(one).collect();
    let finding = match &question.release {
        Err(finding) => finding.clone(),
        Ok(_) if agents.is_empty() => Finding::new(Verdict::Unknown, "the root lists no agent there"),
        Ok(_) => worst(agents.iter().map(|(agent, judged)| (agent.to_string(), &judged.finding))),
    };
    RegionVerdict { finding, agents }
}

/// The worst of some findings, by whose it is.
fn worst<'f>(all: impl Iterator<Item = (String, &'f Finding)>) -> Finding {
    let bad = all.filter(|(_, finding)| finding.verdict != Verdict::Green);
    // The first of several that are equally bad: the order must not depend on how they are visited.
    let bad = bad.reduce(|worst, next| if next.1.verdict > worst.1.verdict { next } else { worst });
    bad.map_or_else(Finding::green, |(who, finding)| Finding::new(finding.verdict, format!("{who}: {}", finding.why)))
}

fn judge_agent(question: &Question<'_>, evidence: &Evidence) -> AgentVerdict {
    let unknown = |why: String| AgentVerdict {
        finding: Finding::new(Verdict::Unknown, why),
        seen: None,
        release: None,
        workflows: BTreeMap::new(),
    };
    let status = match evidence {
        Evidence::Missing => return unknown("it has no status branch".into()),
        Evidence::Broken(why) => return unknown(why.clone()),
        Evidence::Says(status) => status,
    };
    let (finding, workflows) = match &question.release {
        Err(finding) => (finding.clone(), BTreeMap::new()),
        Ok(released) => judge_status(question, released, status),
    };
    let release = status.release.as_ref().map(|release| (release.sequence, release.manifest));
    AgentVerdict { finding, seen: Some(status.time), release, workflows }
}

/// Judges what an agent signed: first when, then which release, then each workflow.
fn judge_status(question: &Question<'_>, released: &Released, status: &Status) -> (Finding, BTreeMap<Key, Finding>) {
    if let Some(finding) = out_of_time(status.time, question.now).or_else(|| elsewhere(question, released, status)) {
        return (finding, BTreeMap::new());
    }
    let known = |key: &Key| released.plans.contains_key(key);
    let mut said = status.workflows.iter().flat_map(|(client, all)| all.keys().map(|id| (client.clone(), id.clone())));
    if let Some((client, workflow)) = said.find(|key| !known(key)) {
        let why = format!("it speaks of {client}/{workflow}, which the release does not name");
        return (Finding::new(Verdict::Unknown, why), BTreeMap::new());
    }
    let one = |(key, plan): (&Key, &Digest)| (key.clone(), judge_workflow(released, status, key, plan));
    let workflows: BTreeMap<_, _> = released.plans.iter().map(one).collect();
    let parts = worst(workflows.iter().map(|((client, id), finding)| (format!("{client}/{id}"), finding)));
    let stale = old_news(status, question.now).filter(|stale| stale.verdict > parts.verdict);
    (stale.unwrap_or(parts), workflows)
}

/// What is wrong with when it was said.
fn out_of_time(said: Moment, now: Moment) -> Option<Finding> {
    if said > now.plus(AHEAD_MOST) {
        return Some(Finding::new(Verdict::Unknown, format!("it speaks from {said}, which has not come")));
    }
    (said < now.minus(SILENT_AFTER)).then(|| Finding::new(Verdict::Silent, format!("it said nothing since {said}")))
}

/// What is wrong where an agent runs another release, or says what cannot be of this one.
fn elsewhere(question: &Question<'_>, released: &Released, status: &Status) -> Option<Finding> {
    let refused = status.refused.iter().find(|refused| refused.digest == released.manifest);
    let refused = refused
        .map(|refused| Finding::new(Verdict::Refused, format!("it refused the release: {}", said_of_refusal(refused))));
    if let Some(halt) = &status.halt {
        let why: Vec<String> = halt.why.iter().map(ToString::to_string).collect();
        let why = format!("it starts nothing until on-call signs a recovery: {}", why.join(", "));
        return Some(Finding::new(Verdict::Refused, why));
    }
    let Some(runs) = &status.release else {
        return Some(refused.unwrap_or_else(|| Finding::new(Verdict::Behind, "it accepted no release yet")));
    };
    if runs.manifest == released.manifest {
        let same = (runs.generation, runs.sequence, runs.commit.as_str());
        let lies = same != (released.generation, released.sequence, question.commit);
        return lies
            .then(|| Finding::new(Verdict::Unknown, "what it says of the release is not what the release says"));
    }
    Some(refused.unwrap_or_else(|| other_release(released, runs)))
}

/// What an agent says of something that it said no to.
pub fn said_of_refusal(refused: &RefusedStatus) -> String {
    let what = refused.what.as_ref().map(|what| format!(" ({})", what.escape_debug())).unwrap_or_default();
    format!("{}{what}", refused.code)
}

fn other_release(released: &Released, runs: &ReleaseStatus) -> Finding {
    let (theirs, ours) = ((runs.generation, runs.sequence), (released.generation, released.sequence));
    if theirs < ours {
        return Finding::new(Verdict::Behind, format!("it runs release {}", runs.sequence));
    }
    let why =
        if theirs == ours { "another release of the same number" } else { "a release that the branch does not hold" };
    Finding::new(Verdict::Unknown, format!("it runs {why}"))
}

/// What is wrong with how lately the agent was told that this release is the newest.
fn old_news(status: &Status, now: Moment) -> Option<Finding> {
    let fresh = status.release.as_ref().and_then(|release| release.fresh);
    match fresh {
        None => Some(Finding::new(Verdict::Stale, "nobody told it that this release is the newest")),
        Some(fresh) if fresh < now.minus(FRESHNESS_LIVES) => Some(Finding::new(
            Verdict::Stale,
            format!("it was told at {fresh} that this release is the newest, not since"),
        )),
        Some(_) => None,
    }
}

fn judge_workflow(released: &Released, status: &Status, key: &Key, plan: &Digest) -> Finding {
    let (client, workflow) = key;
    let Some(said) = status.workflows.get(client).and_then(|all| all.get(workflow)) else {
        return Finding::new(Verdict::Unknown, "the agent does not speak of it");
    };
    if said.named != Some(*plan) {
        return Finding::new(Verdict::Unknown, "the agent names another plan than the release");
    }
    let stands = standing(said, plan);
    let rolled_back = released.rolled_back.contains(key);
    let others = [
        rolled_back.then(|| Finding::new(Verdict::Returned, "the release was rolled back to an older plan")),
        said.stale.then(|| Finding::new(Verdict::Stale, "the agent's knowledge of the client is too old")),
        held(released, status, (key, plan)),
    ];
    others.into_iter().flatten().fold(stands, |worst, next| if next.verdict > worst.verdict { next } else { worst })
}

/// Who holds it. A connection that is held stops the workflows that use it; where that is not known, it may be any.
fn held(released: &Released, status: &Status, ((client, workflow), plan): (&Key, &Digest)) -> Option<Finding> {
    let uses = |connection| released.uses.get(plan).is_none_or(|uses| uses.contains(connection));
    let hold = status.holds.iter().filter(|hold| hold.client == *client).find(|hold| match &hold.what {
        HeldWhat::Client => true,
        HeldWhat::Connection(connection) => uses(connection),
        HeldWhat::Workflow(held) => held == workflow,
    })?;
    let what = match &hold.what {
        HeldWhat::Connection(connection) => format!("connection {connection} is "),
        HeldWhat::Client => "the client is ".to_owned(),
        HeldWhat::Workflow(_) => String::new(),
    };
    Some(Finding::new(Verdict::Held, format!("{what}held by {} until {}: {}", hold.by, hold.until, hold.why)))
}

/// How the plan itself stands. Green only where it is committed and the agent says nothing else of it.
fn standing(said: &WorkflowStatus, plan: &Digest) -> Finding {
    let why = said.why.clone().unwrap_or_else(|| said.stage.as_str().to_owned());
    if let Some(code) = said.refused.get(plan) {
        return Finding::new(Verdict::Returned, code.clone());
    }
    let runs = said.plan == Some(*plan);
    match said.stage {
        Stage::Committed if runs && said.trial.is_none() && said.why.is_none() => Finding::green(),
        Stage::Trial if runs => Finding::new(Verdict::Trial, trial(said)),
        Stage::Unproven if runs => Finding::new(Verdict::Trial, "its trial saw too few runs"),
        Stage::Committed | Stage::Trial | Stage::Unproven => {
            Finding::new(Verdict::Unknown, "what the agent says of it contradicts itself")
        }
        Stage::Staged => Finding::new(Verdict::Held, why),
        Stage::Returned => Finding::new(Verdict::Returned, why),
        Stage::NotPermitted | Stage::Off => Finding::new(Verdict::Refused, why),
    }
}

fn trial(said: &WorkflowStatus) -> String {
    said.trial.as_ref().map_or_else(
        || "in trial".to_owned(),
        |trial| format!("in trial since {}: {}, {} failed", trial.since, counted(trial.runs, "run"), trial.failed),
    )
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
