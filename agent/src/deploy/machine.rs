//! One workflow's plans: `Staged -> Trial -> Committed | Returned`. Pure: state and event in, state and changes out.
//!
//! What is fetched and verified stands before this room; a plan reaches it only when it passed.
//!
//! # Source
//! trust.md section 6.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::time::{Moment, Period};
use serde::{Deserialize, Serialize};

use super::gates::{self, Health, PROVEN_RUNS, TRIAL_RUNS};
use crate::run::Went;

/// A trial ends after this time, however few runs it had.
pub const TRIAL_TIME: Period = Period::days(7);
/// How many plans that ran healthily are kept for a rollback.
const HEALTHY_MOST: usize = 16;
/// So many unclean stops in a row, without one run that ended, count as a crash of the trial although no run was open.
const UNCLEAN_MOST: u32 = 3;

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
    /// Whether too few runs proved it; then its first failure returns it.
    pub unproven: bool,
    /// How its runs went.
    pub health: Health,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
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
        /// Whether too few runs proved it.
        unproven: bool,
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
        let mut changes = Vec::new();
        match event {
            Event::Accepted { named, denied, readmitted, returned } => {
                self.accept(*named, denied, readmitted, returned, around, &mut changes);
            }
            Event::Ended { plan, went, took_ms } => self.ended(*plan, *went, *took_ms, around, &mut changes),
            Event::Boot { open } => self.boot(*open, around, &mut changes),
            Event::Halt => self.trial.iter_mut().for_each(|trial| (trial.live, trial.unclean) = (false, 0)),
            Event::RollBack => {
                if let (Some(active), Ok(to)) = (self.active(), self.rollback_target()) {
                    self.send_back(active, Some(to), Why::ByHand, around, &mut changes);
                }
            }
            Event::Learnt { returned } => {
                for (plan, why) in returned {
                    self.learn(*plan, *why, around, &mut changes);
                }
            }
            Event::Tick => {}
        }
        self.settle(around, &mut changes);
        if before.is_some()
            && let Some(off) = self.off()
        {
            changes.push(Change::Off(off));
        }
        (self, changes)
    }

    fn accept(
        &mut self,
        named: Option<Digest>,
        denied: &BTreeSet<Digest>,
        readmitted: &BTreeSet<Digest>,
        returned: &BTreeSet<Digest>,
        around: Surroundings,
        changes: &mut Vec<Change>,
    ) {
        self.refused.retain(|plan, _| !readmitted.contains(plan));
        let first_told = named != self.named;
        self.named = named;
        changes.extend(denied.difference(&self.denied).copied().map(Change::Denied));
        self.denied.clone_from(denied);
        self.staged = None;
        for plan in returned {
            self.take_back(*plan, around, changes);
        }
        let Some(named) = named else {
            // A workflow that the release no longer names starts nothing; what runs, ends.
            (self.trial, self.committed) = (None, None);
            return;
        };
        if self.refused.contains_key(&named) {
            if first_told {
                changes.push(Change::StaysRefused(named));
            }
            return self.drop_denied_trial();
        }
        if self.denied.contains(&named) {
            return self.drop_denied_trial();
        }
        let committed = self.committed.as_ref().is_some_and(|committed| committed.plan == named);
        let trial = self.trial.as_ref().is_some_and(|trial| trial.plan == named);
        if committed {
            self.trial = None;
        } else if self.healthy.contains(&named) && !trial {
            // A release that names what ran healthily here is a rollback: no trial, no freeze.
            self.commit(named, false, Health::default(), around, changes);
        } else if !trial {
            // What is in trial runs on until the newer plan may begin: in a freeze nothing else might be there to run.
            self.staged = Some(named);
            if around.frozen {
                changes.push(Change::Staged(named));
            }
        }
    }

    /// A release says that somebody took this plan back. Where it runs, the plan that the release names takes its place at once
    /// if it ran healthily here; else the one before it, until that of the release may begin.
    fn take_back(&mut self, plan: Digest, around: Surroundings, changes: &mut Vec<Change>) {
        let committed = self.committed.as_ref().map(|committed| committed.plan);
        let known = |named: &Digest| committed == Some(*named) || self.healthy.contains(named);
        let to = self.named.filter(|named| *named != plan && known(named) && self.may_run(*named));
        match to.filter(|_| self.runs_or_waits_below(plan) && !self.refused.contains_key(&plan)) {
            Some(to) => self.send_back(plan, Some(to), Why::ByHand, around, changes),
            None => self.learn(plan, Why::ByHand, around, changes),
        }
    }

    /// Whether a plan is in trial or committed.
    fn runs_or_waits_below(&self, plan: Digest) -> bool {
        let trial = self.trial.as_ref().map(|trial| trial.plan);
        let committed = self.committed.as_ref().map(|committed| committed.plan);
        [trial, committed].contains(&Some(plan))
    }

    /// A newer plan ends a trial early. One that ran and never failed is committed, so that there is something to go back
    /// to; any other is forgotten.
    fn end_superseded_trial(&mut self, around: Surroundings, changes: &mut Vec<Change>) {
        let Some(trial) = self.trial.take() else { return };
        let ran_well = trial.health.runs > 0 && trial.health.failed == 0;
        if ran_well && self.may_run(trial.plan) {
            self.commit(trial.plan, trial.health.runs < PROVEN_RUNS, trial.health, around, changes);
        }
    }

    /// A trial whose plan the newest statements deny is over; the plan is not refused, for it did nothing wrong.
    fn drop_denied_trial(&mut self) {
        if self.trial.as_ref().is_some_and(|trial| self.denied.contains(&trial.plan)) {
            self.trial = None;
        }
    }

    fn ended(&mut self, plan: Digest, went: Went, took_ms: u32, around: Surroundings, changes: &mut Vec<Change>) {
        let count = |health: &mut Health| match went {
            Went::Well => health.good(took_ms),
            Went::Badly => health.bad(),
            Went::Aside => health.aside(),
        };
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.plan == plan) {
            count(&mut trial.health);
            trial.unclean = 0;
            return self.gate(around, changes);
        }
        let Some(committed) = self.committed.as_mut().filter(|committed| committed.plan == plan) else { return };
        count(&mut committed.health);
        if committed.unproven && (went == Went::Badly || committed.health.is_barren()) {
            self.return_to_previous(plan, Why::Unproven, around, changes);
        } else if committed.unproven && committed.health.runs >= PROVEN_RUNS {
            committed.unproven = false;
            self.remember_healthy(plan);
        }
    }

    fn boot(&mut self, open: bool, around: Surroundings, changes: &mut Vec<Change>) {
        let Some(trial) = self.trial.as_mut() else { return };
        if trial.live {
            trial.unclean += 1;
            if open || trial.unclean >= UNCLEAN_MOST {
                trial.health.bad();
                trial.unclean = 0;
            }
        }
        trial.live = true;
        self.gate(around, changes);
    }

    /// Returns a trial that does worse than the plan before it.
    fn gate(&mut self, around: Surroundings, changes: &mut Vec<Change>) {
        let before = self.committed.as_ref().map(|committed| &committed.health);
        let verdict = self.trial.as_ref().and_then(|trial| Some((trial.plan, gates::judge(&trial.health, before)?)));
        if let Some((plan, worse)) = verdict {
            self.return_to_previous(plan, worse.into(), around, changes);
        }
    }

    /// Sends a plan back without a person. It goes to the plan just before it, which may be denied by now: then nothing
    /// runs, for nobody chose an older one.
    fn return_to_previous(&mut self, plan: Digest, why: Why, around: Surroundings, changes: &mut Vec<Change>) {
        let previous = self.before(plan).find(|other| !self.refused.contains_key(other));
        self.send_back(plan, previous, why, around, changes);
    }

    /// A plan went back elsewhere: in a life of the agent that this state does not know of, or by a release.
    fn learn(&mut self, plan: Digest, why: Why, around: Surroundings, changes: &mut Vec<Change>) {
        self.staged.take_if(|staged| *staged == plan);
        if self.runs_or_waits_below(plan) && !self.refused.contains_key(&plan) {
            return self.return_to_previous(plan, why, around, changes);
        }
        self.healthy.retain(|other| *other != plan);
        self.refused.entry(plan).or_insert(why);
    }

    fn send_back(
        &mut self,
        plan: Digest,
        to: Option<Digest>,
        why: Why,
        around: Surroundings,
        changes: &mut Vec<Change>,
    ) {
        self.refused.insert(plan, why);
        self.healthy.retain(|other| *other != plan);
        self.trial.take_if(|trial| trial.plan == plan);
        if self.committed.as_ref().map(|committed| committed.plan) != to {
            let since = around.now;
            self.committed = to.map(|plan| Committed { plan, since, unproven: false, health: Health::default() });
        }
        // While another plan is in trial, that one runs on, whatever happens to the plan below it.
        changes.push(Change::Returned { plan, to: self.active(), why });
    }

    /// What time alone decides: a staged plan begins its trial, a trial ends.
    fn settle(&mut self, around: Surroundings, changes: &mut Vec<Change>) {
        if around.frozen {
            return;
        }
        if let Some(plan) = self.staged.take() {
            self.end_superseded_trial(around, changes);
            self.trial = Some(Trial { plan, since: around.now, live: true, unclean: 0, health: Health::default() });
            changes.push(Change::Trial(plan));
        }
        let over = |trial: &Trial| trial.health.runs >= TRIAL_RUNS || around.now.since(trial.since) >= TRIAL_TIME;
        if let Some(trial) = self.trial.take_if(|trial| over(trial)) {
            let unproven = trial.health.runs < PROVEN_RUNS;
            if unproven && trial.health.failed > 0 {
                // It failed once already, and no later runs made up for it.
                self.return_to_previous(trial.plan, Why::Unproven, around, changes);
            } else {
                self.commit(trial.plan, unproven, trial.health, around, changes);
            }
        }
    }

    fn commit(
        &mut self,
        plan: Digest,
        unproven: bool,
        health: Health,
        around: Surroundings,
        changes: &mut Vec<Change>,
    ) {
        self.trial = None;
        self.committed = Some(Committed { plan, since: around.now, unproven, health });
        if !unproven {
            self.remember_healthy(plan);
        }
        changes.push(Change::Committed { plan, unproven });
    }

    fn remember_healthy(&mut self, plan: Digest) {
        self.healthy.retain(|other| *other != plan);
        self.healthy.push(plan);
        if self.healthy.len() > HEALTHY_MOST {
            self.healthy.remove(0);
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_model.rs"]
mod model;
