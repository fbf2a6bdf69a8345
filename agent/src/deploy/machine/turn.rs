//! One turn of the machine: what an event does to the plans of one workflow. Pure.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::time::Period;

use super::super::gates::{self, Health, PROVEN_RUNS, TRIAL_RUNS};
use super::{Change, Committed, Event, Proven, Surroundings, Trial, Why, Workflow};
use crate::run::Went;

/// A trial ends after this time, however few runs it had.
pub const TRIAL_TIME: Period = Period::days(7);
/// How many plans that ran healthily are kept for a rollback.
const HEALTHY_MOST: usize = 16;
/// So many unclean stops in a row, without one run that ended, count as a crash of the trial although no run was open.
const UNCLEAN_MOST: u32 = 3;

/// A state while an event changes it, and what changed so far.
pub(super) struct Turn<'m> {
    state: &'m mut Workflow,
    around: Surroundings,
    changes: Vec<Change>,
}

impl<'m> Turn<'m> {
    /// A turn in which nothing changed yet.
    pub(super) fn new(state: &'m mut Workflow, around: Surroundings) -> Self {
        Self { state, around, changes: Vec::new() }
    }

    /// Takes one event and then what time alone decides; says what changed.
    pub(super) fn take(mut self, event: &Event) -> Vec<Change> {
        match event {
            Event::Accepted { named, denied, readmitted, returned } => {
                self.accept(*named, denied, readmitted, returned);
            }
            Event::Ended { plan, went, took_ms } => self.ended(*plan, *went, *took_ms),
            Event::Boot { open } => self.boot(*open),
            Event::Halt => self.state.trial.iter_mut().for_each(|trial| (trial.live, trial.unclean) = (false, 0)),
            Event::RollBack => {
                if let (Some(active), Ok(to)) = (self.state.active(), self.state.rollback_target()) {
                    self.send_back(active, Some(to), Why::ByHand);
                }
            }
            Event::Learnt { returned } => returned.iter().for_each(|(plan, why)| self.learn(*plan, *why)),
            Event::Tick => {}
        }
        self.settle();
        self.changes
    }

    fn accept(
        &mut self,
        named: Option<Digest>,
        denied: &BTreeSet<Digest>,
        readmitted: &BTreeSet<Digest>,
        returned: &BTreeSet<Digest>,
    ) {
        self.state.refused.retain(|plan, _| !readmitted.contains(plan));
        let first_told = named != self.state.named;
        self.state.named = named;
        self.changes.extend(denied.difference(&self.state.denied).copied().map(Change::Denied));
        self.state.denied.clone_from(denied);
        self.state.staged = None;
        for plan in returned {
            self.take_back(*plan);
        }
        let Some(named) = named else {
            // A workflow that the release no longer names starts nothing; what runs, ends.
            (self.state.trial, self.state.committed) = (None, None);
            return;
        };
        if self.state.refused.contains_key(&named) {
            if first_told {
                self.changes.push(Change::StaysRefused(named));
            }
            return self.drop_denied_trial();
        }
        if self.state.denied.contains(&named) {
            return self.drop_denied_trial();
        }
        let committed = self.state.committed.as_ref().is_some_and(|committed| committed.plan == named);
        let trial = self.state.trial.as_ref().is_some_and(|trial| trial.plan == named);
        if committed {
            self.state.trial = None;
        } else if self.state.healthy.contains(&named) && !trial {
            // A release that names what ran healthily here is a rollback: no trial, no freeze.
            self.commit(named, Proven::Yes, Health::default());
        } else if !trial {
            // What is in trial runs on until the newer plan may begin: in a freeze nothing else might be there to run.
            self.state.staged = Some(named);
            if self.around.frozen {
                self.changes.push(Change::Staged(named));
            }
        }
    }

    /// A release says that somebody took this plan back. Where it runs, the plan that the release names takes its place at once
    /// if it ran healthily here; else the one before it, until that of the release may begin.
    fn take_back(&mut self, plan: Digest) {
        let committed = self.state.committed.as_ref().map(|committed| committed.plan);
        let known = |named: &Digest| committed == Some(*named) || self.state.healthy.contains(named);
        let to = self.state.named.filter(|named| *named != plan && known(named) && self.state.may_run(*named));
        match to.filter(|_| self.runs_or_waits_below(plan) && !self.state.refused.contains_key(&plan)) {
            Some(to) => self.send_back(plan, Some(to), Why::ByHand),
            None => self.learn(plan, Why::ByHand),
        }
    }

    /// Whether a plan is in trial or committed.
    fn runs_or_waits_below(&self, plan: Digest) -> bool {
        let trial = self.state.trial.as_ref().map(|trial| trial.plan);
        let committed = self.state.committed.as_ref().map(|committed| committed.plan);
        [trial, committed].contains(&Some(plan))
    }

    /// A newer plan ends a trial early. One that ran and never failed is committed, so that there is something to go back
    /// to; any other is forgotten.
    fn end_superseded_trial(&mut self) {
        let Some(trial) = self.state.trial.take() else { return };
        let ran_well = trial.health.runs > 0 && trial.health.failed == 0;
        if ran_well && self.state.may_run(trial.plan) {
            self.commit(trial.plan, Proven::by(&trial.health), trial.health);
        }
    }

    /// A trial whose plan the newest statements deny is over; the plan is not refused, for it did nothing wrong.
    fn drop_denied_trial(&mut self) {
        if self.state.trial.as_ref().is_some_and(|trial| self.state.denied.contains(&trial.plan)) {
            self.state.trial = None;
        }
    }

    fn ended(&mut self, plan: Digest, went: Went, took_ms: u32) {
        let count = |health: &mut Health| match went {
            Went::Well => health.good(took_ms),
            Went::Badly => health.bad(),
            Went::Aside => health.aside(),
        };
        if let Some(trial) = self.state.trial.as_mut().filter(|trial| trial.plan == plan) {
            count(&mut trial.health);
            trial.unclean = 0;
            return self.gate();
        }
        let Some(committed) = self.state.committed.as_mut().filter(|committed| committed.plan == plan) else { return };
        count(&mut committed.health);
        if committed.proven == Proven::Not && (went == Went::Badly || committed.health.is_barren()) {
            self.return_to_previous(plan, Why::Unproven);
        } else if committed.proven == Proven::Not && committed.health.runs >= PROVEN_RUNS {
            committed.proven = Proven::Yes;
            self.remember_healthy(plan);
        }
    }

    fn boot(&mut self, open: bool) {
        let Some(trial) = self.state.trial.as_mut() else { return };
        if trial.live {
            trial.unclean += 1;
            if open || trial.unclean >= UNCLEAN_MOST {
                trial.health.bad();
                trial.unclean = 0;
            }
        }
        trial.live = true;
        self.gate();
    }

    /// Returns a trial that does worse than the plan before it.
    fn gate(&mut self) {
        let before = self.state.committed.as_ref().map(|committed| &committed.health);
        let verdict =
            self.state.trial.as_ref().and_then(|trial| Some((trial.plan, gates::judge(&trial.health, before)?)));
        if let Some((plan, worse)) = verdict {
            self.return_to_previous(plan, worse.into());
        }
    }

    /// Sends a plan back without a person. It goes to the plan just before it, which may be denied by now: then nothing
    /// runs, for nobody chose an older one.
    fn return_to_previous(&mut self, plan: Digest, why: Why) {
        let previous = self.state.before(plan).find(|other| !self.state.refused.contains_key(other));
        self.send_back(plan, previous, why);
    }

    /// A plan went back elsewhere: in a life of the agent that this state does not know of, or by a release.
    fn learn(&mut self, plan: Digest, why: Why) {
        self.state.staged.take_if(|staged| *staged == plan);
        if self.runs_or_waits_below(plan) && !self.state.refused.contains_key(&plan) {
            return self.return_to_previous(plan, why);
        }
        self.state.healthy.retain(|other| *other != plan);
        self.state.refused.entry(plan).or_insert(why);
    }

    fn send_back(&mut self, plan: Digest, to: Option<Digest>, why: Why) {
        self.state.refused.insert(plan, why);
        self.state.healthy.retain(|other| *other != plan);
        self.state.trial.take_if(|trial| trial.plan == plan);
        if self.state.committed.as_ref().map(|committed| committed.plan) != to {
            let since = self.around.now;
            self.state.committed =
                to.map(|plan| Committed { plan, since, proven: Proven::Yes, health: Health::default() });
        }
        // While another plan is in trial, that one runs on, whatever happens to the plan below it.
        self.changes.push(Change::Returned { plan, to: self.state.active(), why });
    }

    /// What time alone decides: a staged plan begins its trial, a trial ends.
    fn settle(&mut self) {
        if self.around.frozen {
            return;
        }
        if let Some(plan) = self.state.staged.take() {
            self.end_superseded_trial();
            self.state.trial =
                Some(Trial { plan, since: self.around.now, live: true, unclean: 0, health: Health::default() });
            self.changes.push(Change::Trial(plan));
        }
        let over = |trial: &Trial| trial.health.runs >= TRIAL_RUNS || self.around.now.since(trial.since) >= TRIAL_TIME;
        if let Some(trial) = self.state.trial.take_if(|trial| over(trial)) {
            let proven = Proven::by(&trial.health);
            if proven == Proven::Not && trial.health.failed > 0 {
                // It failed once already, and no later runs made up for it.
                self.return_to_previous(trial.plan, Why::Unproven);
            } else {
                self.commit(trial.plan, proven, trial.health);
            }
        }
    }

    fn commit(&mut self, plan: Digest, proven: Proven, health: Health) {
        self.state.trial = None;
        self.state.committed = Some(Committed { plan, since: self.around.now, proven, health });
        if proven == Proven::Yes {
            self.remember_healthy(plan);
        }
        self.changes.push(Change::Committed { plan, proven });
    }

    fn remember_healthy(&mut self, plan: Digest) {
        self.state.healthy.retain(|other| *other != plan);
        self.state.healthy.push(plan);
        if self.state.healthy.len() > HEALTHY_MOST {
            self.state.healthy.remove(0);
        }
    }
}
