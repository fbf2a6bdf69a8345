//! Scenarios on the real engine in the seeded world: what a staging agent signs and `assent test` prints.
//!
//! Nothing is opened, nothing is real; the engine, its store's rules and the requests it builds are those of production.
//!
//! # Source
//! language.md section 7, trust.md section 4. Promise P15.

mod learn;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::coverage::Reached;
use assent_schema::id::{ClientId, Name, OperationRef, PersonId, WorkflowId};
use assent_schema::plan::{Plan, Trigger};
use assent_schema::release::ScenarioResult;
use assent_schema::scenario::{Decided, Expect, Expected, ExpectedCall, Later, Scenario, Tests};

use crate::accept::event;
use crate::accept::webhook::{Delivery, once_key};
use crate::content::Content;
use crate::run::{Compiled, Engine, Heard, NewRun, NotRunnable, Question, Verdict};
use crate::sim::{Done, Host, NoBooks, Script, Seen, Sent, SimWorld, Spawner, Stage, Stop, run};
use crate::store::{Entry, JournalRow, Memory, RunFilter, Store as _};
use crate::world::Clock as _;

/// The key under which events are told apart here, where no sender has to be kept from choosing what is like what.
const ONCE_KEY: [u8; 32] = [0; 32];
/// How long after a failure an event is sent again.
const SENT_AGAIN: Duration = Duration::from_secs(10);

/// How one scenario went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Its name.
    pub scenario: String,
    /// What should have happened and did not, in words; empty when it passed. Names and codes, never values.
    pub failures: Vec<String>,
    /// What it reached of the plan.
    pub reached: Reached,
    /// Failures that steps met, by code.
    pub codes: BTreeSet<(Name, String)>,
    /// The operations that were called and for which it has no reply.
    pub unanswered: BTreeSet<OperationRef>,
}

impl Rehearsed {
    /// What the rehearsal statement says of it.
    pub fn result(&self) -> ScenarioResult {
        ScenarioResult { scenario: self.scenario.clone(), passed: self.failures.is_empty() }
    }
}

/// Runs all scenarios of a workflow, in order.
///
/// # Errors
/// [`NotRunnable`] when the plan holds what cannot be run.
pub fn rehearse(
    plan: &Plan,
    digest: Digest,
    tests: &Tests,
    facts: &ClientFacts,
) -> Result<Vec<Rehearsed>, NotRunnable> {
    let (compiled, facts) = ready(plan, digest, facts)?;
    let one = |(seed, scenario)| one(&compiled, &facts, scenario, seed, script(&compiled, scenario));
    Ok((SEED_FIRST..).zip(&tests.scenarios).map(one).collect())
}

/// The same, with every request of each scenario as it would leave in production.
///
/// # Errors
/// [`NotRunnable`] when the plan holds what cannot be run.
pub fn rehearse_and_listen(
    plan: &Plan,
    digest: Digest,
    tests: &Tests,
    facts: &ClientFacts,
) -> Result<Vec<(Rehearsed, Vec<Sent>)>, NotRunnable> {
    let (compiled, facts) = ready(plan, digest, facts)?;
    let heard = |(seed, scenario)| {
        let (script, seen) = script(&compiled, scenario);
        let script = script.listening(Arc::clone(&facts));
        let rehearsed = one(&compiled, &facts, scenario, seed, (script, seen.clone()));
        (rehearsed, seen.sent())
    };
    Ok((SEED_FIRST..).zip(&tests.scenarios).map(heard).collect())
}

/// The seed is the scenario's place: the same bytes give the same rehearsal on every machine.
const SEED_FIRST: u64 = 1;

fn ready(plan: &Plan, digest: Digest, facts: &ClientFacts) -> Result<(Arc<Compiled>, Arc<ClientFacts>), NotRunnable> {
    let compiled = Compiled::new(Arc::new(plan.clone()), digest)?;
    Ok((Arc::new(compiled), Arc::new(facts.clone())))
}

fn script(compiled: &Compiled, scenario: &Scenario) -> (Script, Seen) {
    Script::new(Arc::clone(&compiled.plan), &scenario.replies)
}

fn one(
    compiled: &Arc<Compiled>,
    facts: &Arc<ClientFacts>,
    scenario: &Scenario,
    seed: u64,
    (script, seen): (Script, Seen),
) -> Rehearsed {
    let host = Host::new(seed, scenario.at, script);
    let world = host.boot();
    let mut rehearsed = Rehearsed {
        scenario: scenario.name.clone(),
        failures: Vec::new(),
        reached: Reached::default(),
        codes: BTreeSet::new(),
        unanswered: BTreeSet::new(),
    };
    let Ok(store) = world.store(NoBooks::load) else {
        rehearsed.failures.push("the simulated store does not open".to_owned());
        return rehearsed;
    };
    let store = Arc::new(store);
    let events = events(compiled, scenario);
    if !events.is_empty() {
        let stop = play(&world, &store, Stage::new(Arc::clone(compiled), Arc::clone(facts)), facts, scenario, events);
        if stop == Stop::Endless {
            rehearsed.failures.push("the run does not end".to_owned());
        }
    }
    judge(&mut rehearsed, &compiled.plan, &store, &seen, &scenario.expect);
    let body = scenario.event.as_deref().unwrap_or("{}");
    let misfit = event::misfit(&compiled.plan.trigger, body.as_bytes()).filter(|_| !rehearsed.failures.is_empty());
    rehearsed.failures.extend(misfit.map(|field| format!("the event lacks `{field}`, or holds one that does not fit")));
    rehearsed
}

/// The run that an event begins; nothing when it is none of this workflow's, or its fields do not fit.
fn event(compiled: &Compiled, body: Option<&str>, number: usize) -> Option<NewRun> {
    let plan = &compiled.plan;
    let body = body.unwrap_or("{}").as_bytes();
    let (trigger, fields) = event::told(&plan.trigger, body)?;
    let keys = match &plan.trigger {
        Trigger::Webhook { once: Some(once), .. } => {
            let exact = event::exact(&plan.trigger, Delivery { headers: &[], body });
            event::once(&fields, once, &exact).map(|value| once_key(&ONCE_KEY, &value)).into_iter().collect()
        }
        _ => Vec::new(),
    };
    Some(NewRun {
        client: plan.client.clone(),
        workflow: plan.workflow.clone(),
        trigger,
        event: format!("rehearsal-{number}"),
        keys,
        fields,
        writes: Vec::new(),
    })
}

/// The events that a scenario tells of, each with the time at which it comes in.
fn events(compiled: &Compiled, scenario: &Scenario) -> Vec<(Duration, NewRun)> {
    let first = (Duration::ZERO, scenario.event.as_deref());
    let further = scenario.further.iter().map(|further| (further.after.duration(), Some(further.event.as_str())));
    let mut all: Vec<_> = std::iter::once(first)
        .chain(further)
        .enumerate()
        .filter_map(|(number, (after, body))| Some((after, event(compiled, body, number)?)))
        .collect();
    all.sort_by_key(|(after, _)| *after);
    all
}

fn play(
    world: &SimWorld,
    store: &Arc<Memory>,
    stage: Stage,
    facts: &Arc<ClientFacts>,
    scenario: &Scenario,
    events: Vec<(Duration, NewRun)>,
) -> Stop {
    let spawner = Spawner::default();
    let (world_of, store, facts) = (Arc::new(world.clone()), Arc::clone(store), Arc::clone(facts));
    let (decisions, mut later) = (scenario.decisions.clone(), scenario.later.clone());
    let starter = spawner.clone();
    run(world, &spawner, async move {
        let (clock, listening) = (Arc::clone(&world_of), Arc::clone(&world_of));
        let Ok(engine) = Engine::open(world_of, store, Arc::new(stage)).await else { return };
        let people = Arc::clone(&engine);
        let (tasks, clock_of_events) = (starter.clone(), Arc::clone(&clock));
        starter.spawn(async move { decide_all(&clock, &people, &facts, decisions).await });
        let mut passed = Duration::ZERO;
        for (after, new) in events {
            // Each comes so long after the first, whatever became of those before it.
            clock_of_events.sleep(after.saturating_sub(passed)).await;
            passed = after;
            let of = (new.client.clone(), new.workflow.clone());
            if let Ok(begun) = engine.begin(new) {
                tasks.spawn(begun.task);
            }
            for (place, later) in (0_u8..).zip(std::mem::take(&mut later)) {
                let (world, engine, of) = (Arc::clone(&listening), Arc::clone(&engine), of.clone());
                tasks.spawn(async move { arrive(&world, &engine, &of, &later, place).await });
            }
        }
    })
}

/// An event that comes while the run is under way; its sender tries again until it is taken.
async fn arrive(
    world: &SimWorld,
    engine: &Engine<SimWorld, Memory, Stage>,
    (client, workflow): &(ClientId, WorkflowId),
    later: &Later,
    place: u8,
) {
    world.sleep(later.after.duration()).await;
    let connection = &later.connection;
    let body = later.event.as_bytes();
    let heard = Heard { client, workflow, connection, headers: None, body, key: [place; 16] };
    while engine.hear(&heard).await.is_err() {
        world.sleep(SENT_AGAIN).await;
    }
}

/// People who do what the scenario says, each so long after they were asked.
async fn decide_all(
    world: &SimWorld,
    engine: &Engine<SimWorld, Memory, Stage>,
    facts: &ClientFacts,
    decisions: Vec<Decided>,
) {
    let mut asked = engine.asked();
    for decided in decisions {
        let question = loop {
            asked.mark_unchanged();
            let found = engine.questions().into_iter().find(|question| question.waiting.step == decided.step);
            if let Some(question) = found {
                break question;
            }
            if asked.changed().await.is_err() {
                return;
            }
        };
        world.sleep(decided.after.duration()).await;
        if let Some(verdict) = verdict(facts, &decided, &question) {
            // Too late, or not what may be edited: what came of the run tells.
            let _done = engine.decide(question.waiting.run, &decided.step, verdict).await;
        }
    }
}

fn verdict(facts: &ClientFacts, decided: &Decided, question: &Question) -> Option<Verdict> {
    let member = facts.deciders.get(&question.waiting.by).and_then(|people| people.first()).cloned();
    Some(Verdict {
        choice: decided.choice?,
        person: decided.person.clone().or(member).or_else(|| PersonId::new("somebody").ok())?,
        shown: question.waiting.shown,
        nonce: question.waiting.nonce,
        edits: decided.edits.iter().map(|(path, text)| (path.clone(), Content::new(text.clone()))).collect(),
        signature: None,
        through: None,
    })
}

fn judge(rehearsed: &mut Rehearsed, plan: &Plan, store: &Memory, seen: &Seen, expect: &Expect) {
    let journal = journal(store);
    learn::learn(rehearsed, plan, &journal);
    let failures = &mut rehearsed.failures;
    judge_end(failures, &journal, expect);
    judge_calls(failures, &seen.done(), expect);
    for (name, wanted) in &expect.kpis {
        let counted = kpi(store, name);
        if counted != *wanted {
            failures.push(format!("kpi `{name}` should be {wanted} and is {counted}"));
        }
    }
    let queued = store.queue().is_ok_and(|items| !items.is_empty());
    match expect.queued {
        Some(true) if !queued => failures.push("an item should stand in the manual queue and does not".to_owned()),
        Some(false) if queued => failures.push("the manual queue should be empty and is not".to_owned()),
        _ => {}
    }
    rehearsed.unanswered = seen.unscripted().into_iter().collect();
    let told = |operation: &OperationRef| format!("the scenario has no reply for `{operation}`");
    failures.extend(rehearsed.unanswered.iter().map(told));
    // A scenario may be about an answer that does not fit.
    if !failures.is_empty() {
        let tell =
            |(operation, field)| format!("`{operation}` was answered without `{field}`, or with one that does not fit");
        failures.extend(seen.misfits().into_iter().map(tell));
    }
}

fn journal(store: &Memory) -> Vec<JournalRow> {
    let filter = RunFilter { most: 1, ..RunFilter::default() };
    let line = store.runs(&filter).ok().and_then(|lines| lines.into_iter().next());
    line.and_then(|line| store.journal(line.run).ok()).unwrap_or_default()
}

fn judge_end(failures: &mut Vec<String>, journal: &[JournalRow], expect: &Expect) {
    let end = match journal.last().map(|row| &row.entry) {
        None => (Some(Expected::Refused), None, None, None),
        Some(Entry::Ended { ending, stop, step, code }) => {
            (Some(Expected::Ends(*ending)), stop.as_ref(), step.as_ref(), code.as_ref())
        }
        Some(_) => (None, None, None, None),
    };
    let (ended, stop, step, code) = end;
    if ended != Some(expect.outcome) {
        let ended = ended.map_or("not ended", Expected::as_str);
        let step = step.map(|step| format!(" at step `{step}`")).unwrap_or_default();
        let code = code.map(|code| format!(" with `{code}`")).unwrap_or_default();
        failures.push(format!("the run should have ended `{}` and ended `{ended}`{step}{code}", expect.outcome));
    }
    if expect.stop.is_some() && stop != expect.stop.as_ref() {
        let wanted = expect.stop.as_ref().map(Name::as_str).unwrap_or_default();
        failures.push(format!("the run should have stopped as `{wanted}` and did not"));
    }
}

fn judge_calls(failures: &mut Vec<String>, done: &[Done], expect: &Expect) {
    let wanted: Vec<&ExpectedCall> = expect
        .calls
        .iter()
        .flat_map(|call| std::iter::repeat_n(call, usize::try_from(call.times.unwrap_or(1)).unwrap_or(usize::MAX)))
        .collect();
    let mut rest = done.iter();
    for unwanted in expect.calls.iter().filter(|call| call.times == Some(0)) {
        let is_it = |done: &&Done| {
            let same = |(name, text): (&Name, &String)| is_same(done.with.get(name), text);
            done.operation == unwanted.operation && unwanted.with.iter().all(same)
        };
        if done.iter().any(|done| is_it(&done)) {
            failures.push(format!("`{}` should not have been called and was", unwanted.operation));
        }
    }
    for call in &wanted {
        match rest.by_ref().find(|done| done.operation == call.operation) {
            None => failures.push(format!("`{}` should have been called and was not", call.operation)),
            Some(done) => failures.extend(
                call.with
                    .iter()
                    .filter(|(name, text)| !is_same(done.with.get(*name), text))
                    .map(|(name, _)| format!("`{}` was called with another `{name}`", call.operation)),
            ),
        }
    }
    if expect.only && done.len() > wanted.len() {
        let mut names: Vec<_> = done.iter().map(|done| format!("`{}`", done.operation)).collect();
        names.dedup();
        failures.push(format!("{} effects should have been done, and these were: {}", wanted.len(), names.join(", ")));
    }
}

/// Whether what came over the wire is what the scenario says, as JSON or, outside of bodies, as text.
fn is_same(wire: Option<&serde_json::Value>, text: &str) -> bool {
    let Some(wire) = wire else { return false };
    let wanted = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text));
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    *wire == wanted || (!wire.is_object() && !wire.is_array() && plain(wire) == plain(&wanted))
}

fn kpi(store: &Memory, name: &Name) -> i64 {
    let is_it = |sum: &str| sum.split('/').nth(3) == Some(name.as_str());
    let sums = store.sums("kpi/").unwrap_or_default();
    sums.iter().filter(|(sum, _)| is_it(sum)).map(|(_, count)| count).sum()
}

#[cfg(test)]
#[path = "rehearse/told_tests.rs"]
mod tests;
