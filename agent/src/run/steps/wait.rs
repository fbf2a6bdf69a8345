//! The step that lets time pass, or waits for an event. The run gives its place back meanwhile, and the time is not counted.
//!
//! # Source
//! language.md section 3. A wait survives restarts: its end was written when it began.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::WAIT_MOST;

use crate::run::compiled::{CompiledStep, CompiledUntil};
use crate::run::driver::{End, Run, Stop, expression_failed};
use crate::run::events::deliver::{self, Arrival, Signals, event_name};
use crate::run::life::progress::Stand;
use crate::run::{Deployed, Engine, lock};
use crate::store::{Ending, Entry, Store};
use crate::world::{Clock as _, Wall, World};

/// How often a waiting run looks at the wall clock, which may jump.
const LOOK: Duration = Duration::from_mins(1);

/// A wait that is not over: what ends it.
#[derive(Debug)]
pub(in crate::run) struct Rest {
    over: Wall,
    /// The name of the event that is waited for.
    event: Option<String>,
}

impl Rest {
    /// Sleeps until the time is over or the event is there.
    pub(in crate::run) async fn wait<W: World, S: Store, D: Deployed>(
        &self,
        engine: &Engine<W, S, D>,
        signals: &Signals,
        since: Wall,
    ) -> Result<Option<Arrival>, Stop> {
        let (mut heard, mut stopping) = (signals.heard(), engine.stopping.subscribe());
        let (clock, event) = (engine.world.clock(), self.event.as_deref());
        let run = signals.run();
        if let Some(name) = event {
            lock(&engine.ears).await_event(run, name);
        }
        let woke = loop {
            if heard.borrow_and_update().cancelled {
                break Err(End::cancelled().into());
            }
            if let Some(arrival) = event.and_then(|name| arrival(engine, name, since)) {
                break Ok(Some(arrival));
            }
            let left = self.over.since(clock.now());
            if left.is_zero() {
                break Ok(None);
            }
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break Err(Stop::Leave),
                _ = heard.changed() => {}
                () = clock.sleep(left.min(LOOK)) => {}
            }
        };
        if let Some(name) = event {
            lock(&engine.ears).no_longer_await(run, name);
        }
        woke
    }
}

/// An event of this name that came since a run was accepted.
fn arrival<W: World, S: Store, D: Deployed>(engine: &Engine<W, S, D>, name: &str, since: Wall) -> Option<Arrival> {
    let bytes = engine.store.state(name).ok()??;
    let arrival: Arrival = serde_json::from_slice(&bytes).ok()?;
    (arrival.at >= since.millis()).then_some(arrival)
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    pub(in crate::run) async fn rest(&mut self, step: &CompiledStep, until: &CompiledUntil) -> Result<(), Stop> {
        let over = match self.progress.stand(&step.id) {
            Some(Stand::Resting { until }) => Wall::from_millis(*until),
            _ => self.begin_rest(step, until)?,
        };
        let event = match until {
            CompiledUntil::Event { awaited, equals } => {
                let key = self.values.eval(equals).map_err(|error| expression_failed(step, &error))?;
                let key =
                    deliver::key_text(&key).ok_or_else(|| End::early(Ending::Failed, &step.id, "bad_event_key"))?;
                let accepted = &self.accepted;
                Some(event_name(&accepted.client, &accepted.workflow, &awaited.on, &key))
            }
            CompiledUntil::For(_) | CompiledUntil::Business(_) | CompiledUntil::At(_) => None,
        };
        let arrived = match (event.as_deref().and_then(|name| arrival(&self.engine, name, self.at)), over <= self.now())
        {
            (Some(arrived), _) => Some(arrived),
            (None, true) => None,
            (None, false) => {
                self.flush_all().await?;
                self.step_aside().await;
                let rest = Rest { over, event };
                if self.may_leave_memory(over) {
                    return Err(Stop::Rests(rest));
                }
                let clock = self.engine.world.clock();
                let before = clock.boot();
                let woken = rest.wait(&self.engine, &self.shared.signals, self.at).await;
                self.waited = self.waited.saturating_add(clock.boot().saturating_sub(before));
                let woken = woken?;
                self.come_back().await?;
                woken
            }
        };
        let facts = arrived.as_ref().map(|arrival| arrival.fields.clone()).unwrap_or_default();
        let (id, item, arrived) = (step.id.clone(), self.item.clone(), arrived.is_some());
        self.record(Entry::Woke { step: id, item, arrived, facts: facts.clone() });
        let fields = facts.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
        self.take_event(&step.id, arrived, fields);
        Ok(())
    }

    fn begin_rest(&mut self, step: &CompiledStep, until: &CompiledUntil) -> Result<Wall, Stop> {
        let now = self.now();
        let latest = now.plus(WAIT_MOST.duration());
        let over = match until {
            CompiledUntil::For(period) => now.plus(period.duration()),
            CompiledUntil::Event { awaited, .. } => now.plus(awaited.within.duration()),
            CompiledUntil::Business(period) => {
                let over = (self.values.business)(now.moment(), *period).map(Wall::from);
                let over = over.filter(|over| *over <= latest);
                over.ok_or_else(|| End::early(Ending::Failed, &step.id, "no_business_time"))?
            }
            CompiledUntil::At(at) => match self.values.eval(at) {
                Ok(Value::Instant(moment)) if Wall::from(moment) <= latest => Wall::from(moment),
                Ok(_) => return Err(End::early(Ending::Failed, &step.id, "no_moment").into()),
                Err(error) => return Err(expression_failed(step, &error)),
            },
        };
        self.record(Entry::Rests { step: step.id.clone(), item: self.item.clone(), until: over.millis() });
        Ok(over)
    }

    /// What later steps can read of a `wait`.
    pub(in crate::run) fn take_event(&mut self, step: &Name, arrived: bool, mut fields: BTreeMap<Name, Value>) {
        let waits_for_event = self.compiled.plan.step(step.as_str()).is_some_and(|step| {
            use assent_schema::plan::{Action, Until};
            matches!(&step.action, Action::Wait { until: Until::Event(_) })
        });
        if waits_for_event && let Ok(name) = Name::new("arrived") {
            fields.insert(name, Value::Boolean(arrived));
        }
        self.values.steps.insert(step.clone(), Value::Record(fields));
    }
}
