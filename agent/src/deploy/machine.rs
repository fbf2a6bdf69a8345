//! One workflow's plans: `Staged -> Trial -> Committed | Returned`. Pure: state and event in, state and changes out.
//!
//! What is fetched and verified stands before this room; a plan reaches it only when it passed.
//!
//! # Source
//! trust.md section 6.

mod turn;

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::gates::{self, Health, PROVEN_RUNS};
use crate::run::Went;
pub use turn::TRIAL_TIME;
use turn::Turn;

/// All that is durable about the plans of one workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The plan that the newest release names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Digest>,
    /// A plan that passed and waits for the end of a freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<Digest>,
    /// The plan in trial; new runs take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The plan that new runs take while none is in trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Committed>,
    /// Plans that ran healthily here; the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healthy: Vec<Digest>,
    /// Plans that may not run until a release readmits them by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<Digest, Why>,
    /// Plans kept here that the newest statements, root and client facts do not permit.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub denied: BTreeSet<Digest>,
}

/// A plan in trial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Which plan.
    pub plan: Digest,
    /// Since when.
    pub since: Moment,
    /// Whether an agent runs with it. Durable before anything starts and taken back by a clean stop: found at a start, it
    /// says that the agent crashed.
    pub live: bool,
    /// Unclean stops since the last run that ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unclean: u32,
    /// How its runs went.
    pub health: Health,
}

/// The plan that passed its trial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// Which plan.
    pub plan: Digest,
    /// Since when.
    pub since: Moment,
    /// Whether enough runs proved it; its first failure returns one that is not.
    #[serde(rename = "unproven")]
    pub proven: Proven,
    /// How its runs went.
    pub health: Health,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Whether enough runs proved a plan. Stored as whether they did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Proven {
    /// At least [`PROVEN_RUNS`] did.
    Yes,
    /// Too few did.
    Not,
}

impl Proven {
    fn by(health: &Health) -> Self {
        if health.runs < PROVEN_RUNS { Self::Not } else { Self::Yes }
    }
}

impl From<bool> for Proven {
    fn from(unproven: bool) -> Self {
        if unproven { Self::Not } else { Self::Yes }
    }
}

impl From<Proven> for bool {
    fn from(proven: Proven) -> Self {
        proven == Proven::Not
    }
}

/// Why a plan went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// More of its runs failed than of those of the plan before it.
    FailureRate,
    /// Its runs took longer.
    Latency,
    /// It failed before it was proven.
    Unproven,
    /// A person rolled it back.
    ByHand,
}

impl Why {
    /// The code by which ledger and status name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::FailureRate => "failure-rate",
            Self::Latency => "latency",
            Self::Unproven => "unproven",
            Self::ByHand => "by-hand",
        }
    }

    /// The reason of this code; one that is not known here stands for somebody's decision.
    pub fn from_code(code: &str) -> Self {
        let all = [Self::FailureRate, Self::Latency, Self::Unproven];
        all.into_iter().find(|why| why.code() == code).unwrap_or(Self::ByHand)
    }
}

impl From<gates::Worse> for Why {
    fn from(worse: gates::Worse) -> Self {
        match worse {
            gates::Worse::FailureRate => Self::FailureRate,
            gates::Worse::Latency => Self::Latency,
        }
    }
}

/// Why no plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Off {
    /// No release names a plan that could run.
    NotNamed,
    /// The newest statements, root and client facts do not permit the plan.
    NotPermitted,
    /// The plan went back and none is left.
    Returned,
    /// A freeze keeps the first plan from starting.
    Frozen,
}

impl Off {
    /// The code by which alerts and status name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotNamed => "not-named",
            Self::NotPermitted => "not-permitted",
            Self::Returned => "returned",
            Self::Frozen => "frozen",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A release or a statement was accepted, or the active set was verified again at a start.
    Accepted {
        /// The plan that the newest release names, whether it passed or not.
        named: Option<Digest>,
        /// Those of the plans kept here, runs under way included, and of the named one, that are not permitted now.
        denied: BTreeSet<Digest>,
        /// The plans that this release lets back in; empty unless the release is new.
        readmitted: BTreeSet<Digest>,
        /// The plans that this release says somebody took back, those that it lets back in left out.
        returned: BTreeSet<Digest>,
    },
    /// A run of a plan ended.
    Ended {
        /// Which plan it had.
        plan: Digest,
        /// How it went.
        went: Went,
        /// How long it took, waiting not counted.
        took_ms: u32,
    },
    /// The agent starts; before any run does.
    Boot {
        /// Whether a run of the plan in trial was under way when the agent stopped last.
        open: bool,
    },
    /// The agent stops cleanly; after the last run stopped.
    Halt,
    /// Time passed.
    Tick,
    /// A person rolls back.
    RollBack,
    /// The agent's state was put back from a copy, and what it published since says which plans went back.
    Learnt {
        /// Those plans, each with its reason.
        returned: BTreeMap<Digest, Why>,
    },
}

/// What the machine must know besides its own state.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The trusted time.
    pub now: Moment,
    /// Whether one of the client's freeze windows is open.
    pub frozen: bool,
}

/// What changed, for ledger, status and alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A plan waits for the end of a freeze.
    Staged(Digest),
    /// A plan began its trial.
    Trial(Digest),
    /// A plan passed.
    Committed {
        /// Which.
        plan: Digest,
        /// Whether enough runs proved it.
        proven: Proven,
    },
    /// A plan went back.
    Returned {
        /// Which.
        plan: Digest,
        /// What runs now.
        to: Option<Digest>,
        /// Why.
        why: Why,
    },
    /// The release names a plan that stays refused.
    StaysRefused(Digest),
    /// The release names a plan, or a plan ran, that is not permitted now.
    Denied(Digest),
    /// Nothing runs any more.
    Off(Off),
}

/// Why a rollback by hand is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRollback {
    /// Nothing runs.
    NothingRuns,
    /// No other plan ran healthily here and is permitted now.
    NoHealthyPlan,
}

impl Workflow {
    /// The plan that new runs take.
    pub fn active(&self) -> Option<Digest> {
        let trial = self.trial.as_ref().map(|trial| trial.plan);
        let committed = self.committed.as_ref().map(|committed| committed.plan);
        trial.into_iter().chain(committed).find(|plan| self.may_run(*plan))
    }

    /// Whether a run that began with this plan may go on: it is not returned and not denied.
    pub fn may_run(&self, plan: Digest) -> bool {
        !self.refused.contains_key(&plan) && !self.denied.contains(&plan)
    }

    /// Why nothing runs; nothing when something does.
    pub fn off(&self) -> Option<Off> {
        if self.active().is_some() {
            return None;
        }
        Some(match self.named {
            None => Off::NotNamed,
            Some(_) if self.staged.is_some() => Off::Frozen,
            Some(named) if self.denied.contains(&named) => Off::NotPermitted,
            Some(_) => Off::Returned,
        })
    }

    /// Every plan whose file must be kept: it runs, waits or may run again.
    pub fn plans(&self) -> BTreeSet<Digest> {
        let trial = self.trial.as_ref().map(|trial| trial.plan);
        let committed = self.committed.as_ref().map(|committed| committed.plan);
        [self.named, self.staged, trial, committed].into_iter().flatten().chain(self.healthy.iter().copied()).collect()
    }

    /// Every plan that is known here: those whose files must be kept, and those that went back or are denied.
    pub fn every_plan(&self) -> BTreeSet<Digest> {
        self.plans().into_iter().chain(self.refused.keys().copied()).chain(self.denied.iter().copied()).collect()
    }

    /// The plan to which a rollback by hand would go: the nearest one before that may run.
    ///
    /// # Errors
    /// When there is none.
    pub fn rollback_target(&self) -> Result<Digest, NoRollback> {
        let active = self.active().ok_or(NoRollback::NothingRuns)?;
        self.before(active).find(|plan| self.may_run(*plan)).ok_or(NoRollback::NoHealthyPlan)
    }

    /// Since when the plan that runs is in trial, where a rollback by hand would find another one.
    pub fn goes_back(&self) -> Option<Moment> {
        let trial = self.trial.as_ref().filter(|trial| self.active() == Some(trial.plan))?;
        self.rollback_target().ok().map(|_| trial.since)
    }

    /// The plans before this one, nearest first: the committed one below a trial, then those that ran healthily.
    fn before(&self, plan: Digest) -> impl Iterator<Item = Digest> {
        let committed = self.committed.as_ref().map(|committed| committed.plan);
        committed.into_iter().chain(self.healthy.iter().rev().copied()).filter(move |other| *other != plan)
    }

    /// Takes one event and says what changed.
    ///
    /// # Crash
    /// Nothing of it counts before the new state is durable; the caller starts nothing before that.
    #[must_use]
    pub fn step(mut self, event: &Event, around: Surroundings) -> (Self, Vec<Change>) {
        let before = self.active();
        let mut changes = Turn::new(&mut self, around).take(event);
        if before.is_some()
            && let Some(off) = self.off()
        {
            changes.push(Change::Off(off));
        }
        (self, changes)
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_model.rs"]
mod model;
