//! An operation that the API answers with a job: the step is over when the job is.
//!
//! # Crash
//! That the API took the job is durable, with its name, before it is looked at; who comes after a crash goes on looking and
//! asks for nothing again.
//!
//! # Source
//! language.md section 2, `job`.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Effect, Job};

use crate::request::{self, Answer};
use crate::run::compiled::{CompiledCall, CompiledStep};
use crate::run::driver::{Run, Stop};
use crate::run::life::progress::{ACCEPTED, OK, Tried};
use crate::run::request::reads::Aside;
use crate::run::steps::call::{Calling, facts_of};
use crate::run::{Deployed, Unreachable};
use crate::store::{Aim, Fact, Store};
use crate::world::{Wall, World};

/// The code when the API says that the job failed.
const FAILED: &str = "job_failed";
/// The code when the job took longer than the catalog says.
const LATE: &str = "job_late";

/// How a job stands.
enum Stands {
    Done,
    Failed,
    /// Not over, and when it is looked at again.
    Open(Duration),
    /// It cannot be seen: why.
    Unseen(String),
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// The API took the job: waits until it is over, then the step has the answer with which it was taken.
    pub(in crate::run) async fn taken(
        &mut self,
        calling: Calling<'_>,
        attempt: u32,
        (job, answer): (&Job, Answer),
    ) -> Result<(), Stop> {
        let Calling { step, call, .. } = calling;
        let Some(id) = answer.fields.get(&job.id).filter(|id| !id.is_absent()).cloned() else {
            let in_doubt = call.operation.effect != Effect::None;
            self.outcome(step, attempt, request::BAD_ANSWER, None, in_doubt, BTreeMap::new());
            return self.give_up(calling, request::BAD_ANSWER).await;
        };
        let kept = facts_of(&call.operation, &answer);
        self.outcome(step, attempt, ACCEPTED, None, false, kept);
        self.flush_all().await?;
        let begun = self.now();
        if self.until_over(calling, (job, &id, begun, attempt)).await? {
            return self.answered(calling, attempt, answer, OK);
        }
        Ok(())
    }

    /// Goes on with a job that an effect began before a restart. True when the step is over.
    pub(in crate::run) async fn take_up(&mut self, calling: Calling<'_>, tried: &Tried) -> Result<bool, Stop> {
        let Calling { step, call, .. } = calling;
        let Some(job) = &call.operation.job else { return Ok(false) };
        let Some(kept) = tried.accepted().filter(|_| call.operation.effect != Effect::None).cloned() else {
            // A read is simply asked for again.
            return Ok(false);
        };
        let Some(id) = kept.get(&job.id).map(Value::from) else { return Ok(false) };
        let attempt = tried.intent.attempt;
        if self.until_over(calling, (job, &id, tried.last, attempt)).await? {
            self.outcome(step, attempt, OK, None, false, kept.clone());
            let fields = kept.iter().map(|(field, fact)| (field.clone(), Value::from(fact)));
            self.values.steps.insert(step.id.clone(), Value::Record(fields.collect()));
        }
        Ok(true)
    }

    /// Looks until the job is over. False when the step ended otherwise.
    async fn until_over(
        &mut self,
        calling: Calling<'_>,
        (job, id, begun, attempt): (&Job, &Value, Wall, u32),
    ) -> Result<bool, Stop> {
        let Calling { step, call, .. } = calling;
        let is_effect = call.operation.effect != Effect::None;
        let over = begun.plus(job.within.duration());
        let mut wait = job.every.duration();
        let code = loop {
            let left = self.left();
            if self.now() >= over || left.is_zero() {
                break if left.is_zero() { "run_timed_out".to_owned() } else { LATE.to_owned() };
            }
            self.pause(wait.min(over.since(self.now())).min(left)).await?;
            self.permitted(&step.id, Some(&call.name.connection)).await?;
            match self.look_at(step, call, job, id, attempt).await? {
                Stands::Done => return Ok(true),
                // A part of it may have happened all the same.
                Stands::Failed => break FAILED.to_owned(),
                Stands::Open(after) => wait = after,
                Stands::Unseen(code) => break code,
            }
        };
        self.outcome(step, attempt, &code, None, is_effect, BTreeMap::new());
        self.give_up(calling, &code).await.map(|()| false)
    }

    /// One look. What passes is no reason to give up: the next look comes anyway.
    async fn look_at(
        &mut self,
        step: &CompiledStep,
        call: &CompiledCall,
        job: &Job,
        id: &Value,
        attempt: u32,
    ) -> Result<Stands, Stop> {
        let name = OperationRef { connection: call.name.connection.clone(), operation: job.read.clone() };
        let compiled = std::sync::Arc::clone(&self.compiled);
        let Some(read) = compiled.plan.operations.get(&name) else {
            return Ok(Stands::Unseen(Unreachable::Operation.code().into()));
        };
        let with = BTreeMap::from([(job.param.clone(), id.clone())]);
        let read = Aside { step, name: &name, operation: read, with: &with, aim: Some(Aim::Job) };
        let every = job.every.duration();
        Ok(match self.look_aside(&read, attempt).await? {
            Ok(answer) => stands(job, answer.fields.get(&job.field), every),
            Err(failed) if failed.is_passing() => Stands::Open(failed.retry_after.unwrap_or(every).max(every)),
            Err(failed) => Stands::Unseen(failed.code),
        })
    }
}

/// What the field of the read says of the job.
fn stands(job: &Job, value: Option<&Value>, every: Duration) -> Stands {
    let word = match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Boolean(truth)) => truth.to_string(),
        _ => return Stands::Open(every),
    };
    match (job.done.contains(&word), job.failed.contains(&word)) {
        (true, _) => Stands::Done,
        (false, true) => Stands::Failed,
        (false, false) => Stands::Open(every),
    }
}

impl Tried {
    /// What was kept when the API took the job; nothing when it did not, or the job is over.
    pub(in crate::run) fn accepted(&self) -> Option<&BTreeMap<Name, Fact>> {
        self.outcome.as_ref().filter(|outcome| outcome.code == ACCEPTED).map(|outcome| &outcome.kept)
    }
}
