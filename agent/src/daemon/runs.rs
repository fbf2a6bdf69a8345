//! What on-call may do with runs: let them go on, end them, take their work out of the manual queue or hand it on.

use std::sync::Arc;

use assent_schema::id::{GroupId, PersonId};

use super::agent::Agent;
use super::hold::NotHeld;
use crate::control::{Chosen, HandledRun, Handling, Mode, RunRow, Verb, Which, stored};
use crate::queue;
use crate::run::{Act, Deployed as _, NotAgain, NotBegun, Permission, Task, Use, Way};
use crate::store::{EffectDone, QueueItem, RunFilter, RunId, RunRef, Store as _, StoreError, run_of_name};
use crate::world::Clock as _;

/// The most runs that one command handles: each is some writes, and the answer must come in time.
pub(super) const HANDLED_MOST: usize = 500;
/// The most runs that are looked through for those that fit.
const LOOKED_MOST: usize = 100_000;
/// How many of them are read at once.
const PAGE: usize = 1_000;

impl Agent {
    /// Handles runs, or tells to which it would happen.
    pub(super) async fn handle(
        self: &Arc<Self>,
        (verb, chosen): (Verb, Chosen),
        act: Act,
        mode: Mode,
        start: &(dyn Fn(Task) + Send + Sync),
    ) -> Result<Result<Handling, NotHeld>, StoreError> {
        if let Err(no) = self.may_handle(&act.by) {
            return Ok(Err(no));
        }
        if self.halted().is_some() {
            return Ok(Err(NotHeld::Unknown("the agent starts nothing until it is recovered".into())));
        }
        let queue = self.store.queue()?;
        let (runs, more) = match chosen {
            Chosen::One(run) => {
                let found = match &run {
                    RunRef::Id(run) => Some(*run),
                    RunRef::Name(name) => run_of_name(&*self.store, name)?,
                };
                let Some(found) = found else {
                    return Ok(Err(NotHeld::Unknown(format!("there is no run `{run}` here"))));
                };
                (vec![found], false)
            }
            Chosen::Many(which) => self.fitting(&verb, &which, &queue)?,
        };
        let mut handled = Vec::new();
        for run in runs {
            let Some(row) = stored::row_of(run, &self.store.journal(run)?) else {
                return Ok(Err(NotHeld::Unknown(format!("there is no run `{run}` here"))));
            };
            let done =
                queue.iter().find(|item| item.run == run).map_or_else(Vec::<EffectDone>::new, |i| i.done.clone());
            let handling = match mode {
                Mode::Do => self.one(run, &verb, &act, start).await,
                Mode::Count => self.could(run, &verb, &queue).map(|()| None),
            };
            let (next, why_not) = match handling {
                Ok(next) => (next, None),
                Err(no) => (None, Some(self.why_not(&verb, &no, &row))),
            };
            handled.push(HandledRun { run: row, done, next, why_not });
        }
        self.news().notify_one();
        Ok(Ok(Handling { verb: verb.kind(), mode, runs: handled, more }))
    }

    async fn one(
        self: &Arc<Self>,
        run: RunId,
        verb: &Verb,
        act: &Act,
        start: &(dyn Fn(Task) + Send + Sync),
    ) -> Result<Option<RunId>, NotAgain> {
        let now = self.world.clock.now();
        let way = match verb {
            Verb::Retry => Way::Retry,
            Verb::Skip => Way::Skip,
            Verb::Rerun => Way::Rerun,
            Verb::Cancel => return self.engine.cancel(run, act).await.map(|()| None),
            Verb::Done => return queue::done(&*self.store, run, act, now).await.map(|()| None),
            Verb::Reassign(to) => {
                self.knows_group(run, to)?;
                return queue::reassign(&*self.store, run, to.clone(), act, now).await.map(|()| None);
            }
        };
        let begun = self.engine.again(run, way, act)?;
        start(begun.task);
        match begun.durable.await {
            Ok(Ok(())) => Ok(Some(begun.run)),
            failed => {
                // Perhaps somebody else was quicker.
                self.engine.is_free(run)?;
                Err(NotAgain::NotBegun(failed.ok().and_then(Result::err).unwrap_or(NotBegun::Stopping)))
            }
        }
    }

    /// Whether it could be done with a run; nothing is.
    fn could(&self, run: RunId, verb: &Verb, queue: &[QueueItem]) -> Result<(), NotAgain> {
        let way = match verb {
            Verb::Retry => Way::Retry,
            Verb::Skip => Way::Skip,
            Verb::Rerun => Way::Rerun,
            Verb::Cancel => return self.store.open_run(run)?.map(drop).ok_or(NotAgain::Ended),
            Verb::Done => return queue.iter().find(|item| item.run == run).map(drop).ok_or(NotAgain::NotQueued),
            Verb::Reassign(to) => return self.knows_group(run, to),
        };
        self.engine.may_again(run, way)
    }

    /// Why nothing is done with a run, and what would do it.
    fn why_not(&self, verb: &Verb, no: &NotAgain, row: &RunRow) -> String {
        let said = sentence(no);
        let active = self.field.active(&row.client, &row.workflow);
        let other_runs = active.is_some_and(|active| active.digest != row.plan);
        match (verb, no) {
            // The plan that the run had stays back.
            (Verb::Retry | Verb::Skip, NotAgain::NotBegun(NotBegun::NotAllowed(_))) if other_runs => {
                format!("{said}: `runs rerun` uses the plan that runs now")
            }
            (Verb::Rerun, NotAgain::PlanGone) => self.nothing_runs(row),
            _ => said,
        }
    }

    /// That a workflow is off, and what changes it: no run of it can begin anew.
    fn nothing_runs(&self, row: &RunRow) -> String {
        let RunRow { client, workflow, plan, .. } = row;
        let asked = Use { client, workflow, plan, connection: None, now: self.field.now() };
        let why = match self.field.permission(&asked) {
            Permission::Stopped(code) => format!(" ({code})"),
            Permission::Go | Permission::Held => String::new(),
        };
        format!(
            "no plan of {client}/{workflow} runs here{why}: a release has to name one that may; one that went back it readmits by \
             name, `assent release … --readmit {plan} --reason TEXT`"
        )
    }

    /// The runs that a verb is for, oldest first, and whether there are more.
    fn fitting(&self, verb: &Verb, which: &Which, queue: &[QueueItem]) -> Result<(Vec<RunId>, bool), StoreError> {
        let candidates: Vec<RunId> = match verb {
            Verb::Retry | Verb::Skip | Verb::Done | Verb::Reassign(_) => queue.iter().map(|item| item.run).collect(),
            Verb::Cancel => self.store.open_runs()?.into_iter().map(|open| open.run).collect(),
            Verb::Rerun => self.ended(which)?,
        };
        let mut fitting = Vec::new();
        for run in candidates {
            let row = stored::row_of(run, &self.store.journal(run)?);
            if row.is_some_and(|row| which.fits(&row)) {
                if fitting.len() == HANDLED_MOST {
                    return Ok((fitting, true));
                }
                fitting.push(run);
            }
        }
        Ok((fitting, false))
    }

    /// Runs that ended and that nobody handled, oldest first.
    fn ended(&self, which: &Which) -> Result<Vec<RunId>, StoreError> {
        let (mut ended, mut before) = (Vec::new(), None);
        for _ in 0..LOOKED_MOST.div_ceil(PAGE) {
            let page = self.store.runs(&RunFilter { client: which.client.clone(), before, most: PAGE })?;
            let Some(last) = page.last() else { break };
            before = Some(last.run);
            let too_old = which.since.is_some_and(|since| last.at.moment() < since);
            for line in page {
                let is_over = matches!(line.last.entry, crate::store::Entry::Ended { .. });
                if is_over && self.engine.is_free(line.run).is_ok() {
                    ended.push(line.run);
                }
            }
            if too_old {
                break;
            }
        }
        ended.reverse();
        Ok(ended)
    }

    fn may_handle(&self, by: &PersonId) -> Result<(), NotHeld> {
        self.is_oncall(by).map(|_| ())
    }

    /// A group that decides for the client, or that has a queue of the workflow.
    fn knows_group(&self, run: RunId, to: &GroupId) -> Result<(), NotAgain> {
        let row = stored::row_of(run, &self.store.journal(run)?).ok_or(NotAgain::Unknown)?;
        let decides = self.field.client(&row.client).is_some_and(|facts| facts.deciders.contains_key(to));
        let active = self.field.active(&row.client, &row.workflow);
        let falls_back = active.is_some_and(|compiled| compiled.plan.fallback.queue == *to);
        if decides || falls_back { Ok(()) } else { Err(NotAgain::NoGroup(to.clone())) }
    }
}

fn sentence(no: &NotAgain) -> String {
    match no {
        NotAgain::Unknown => "there is no such run".into(),
        NotAgain::NotEnded => "it is still under way".into(),
        NotAgain::Ended => "it has ended".into(),
        NotAgain::NotQueued => "it has no item in the manual queue".into(),
        NotAgain::Already(next) => format!("run {next} goes on with it"),
        NotAgain::Recovered => "it is older than a recovery, and nobody knows all that it did".into(),
        NotAgain::PlanGone => "its plan is not here: `runs rerun` uses the one that runs now".into(),
        NotAgain::Unread => "its event could not be read; it comes again by itself once it can be".into(),
        NotAgain::Unsettled(operation) => format!(
            "nothing can tell whether {operation} happened: look in the other system, then `runs skip` if it did, else do it by hand and `queue done`"
        ),
        NotAgain::NothingToSkip => "it did not end at a step that could be skipped".into(),
        NotAgain::WouldRepeat(step) => {
            format!("its effect at `{step}` is done or in doubt, and the plan has another step there")
        }
        NotAgain::NoGroup(group) => format!("the client has no group `{group}`"),
        NotAgain::NotBegun(NotBegun::NotAllowed(code)) => format!("it may not run now: {code}"),
        NotAgain::NotBegun(NotBegun::TooMany) => "the client has as many runs as it may have".into(),
        NotAgain::NotBegun(NotBegun::Stopping) => "the agent is stopping".into(),
        NotAgain::NotBegun(NotBegun::Store(error)) => error.to_string(),
        NotAgain::NotBegun(NotBegun::Unknown | NotBegun::Duplicate(_) | NotBegun::Misfit(_) | NotBegun::NoKey) => {
            "no run can begin".into()
        }
    }
}
