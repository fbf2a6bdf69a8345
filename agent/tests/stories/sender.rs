//! Who sends the events of a scenario: each at its time, and again until it is taken.

use std::sync::Arc;
use std::time::Duration;

use assent_agent::accept::event;
use assent_agent::run::{Engine, NewRun, NotBegun};
use assent_agent::sim::{SimWorld, Spawner, Stage};
use assent_agent::store::Memory;
use assent_agent::world::{Clock as _, Wall};
use assent_schema::plan::Plan;
use assent_schema::scenario::{Later, Scenario};

use crate::story::arrive;

/// How long until an event that could not be taken is sent again.
const AGAIN: Duration = Duration::from_secs(10);

pub(crate) struct Sender {
    plan: Arc<Plan>,
    /// When the first comes.
    begun_at: Wall,
    /// So long after the first, and what each says.
    events: Vec<(Duration, String)>,
    later: Vec<Later>,
}

impl Sender {
    pub(crate) fn of(plan: &Arc<Plan>, scenario: &Scenario) -> Self {
        let first = (Duration::ZERO, scenario.event.clone().unwrap_or_else(|| "{}".to_owned()));
        let further = scenario.further.iter().map(|further| (further.after.duration(), further.event.clone()));
        Self {
            plan: Arc::clone(plan),
            begun_at: Wall::from_millis(scenario.at.seconds() * 1_000),
            events: std::iter::once(first).chain(further).collect(),
            later: scenario.later.clone(),
        }
    }

    /// How many events there are.
    pub(crate) fn count(&self) -> usize {
        self.events.len()
    }

    /// One event as a run; nothing where it is none of the workflow's.
    pub(crate) fn event(&self, place: usize) -> Option<NewRun> {
        let (_, body) = self.events.get(place)?;
        let (trigger, fields) = event::told(&self.plan.trigger, body.as_bytes())?;
        Some(NewRun {
            client: self.plan.client.clone(),
            workflow: self.plan.workflow.clone(),
            trigger,
            event: format!("evt-{}", place + 1),
            keys: vec![[u8::try_from(place + 1).expect("few events"); 16]],
            fields,
            writes: Vec::new(),
        })
    }

    /// Sends them all. What is no trigger comes after the first.
    pub(crate) async fn send(
        mut self,
        world: &Arc<SimWorld>,
        engine: &Arc<Engine<SimWorld, Memory, Stage>>,
        starter: &Spawner,
    ) {
        for place in 0..self.count() {
            let after = self.events.get(place).map(|(after, _)| *after).expect("an event");
            while place > 0 && world.now() < self.begun_at.plus(after) {
                world.sleep(self.begun_at.plus(after).since(world.now()).min(Duration::from_mins(1))).await;
            }
            while let Some(event) = self.event(place) {
                let begun = engine.begin(event).unwrap_or_else(|refused| panic!("an event was refused: {refused:?}"));
                starter.spawn(begun.task);
                for (number, later) in (0_u8..).zip(std::mem::take(&mut self.later)) {
                    let (world, engine, plan) = (Arc::clone(world), Arc::clone(engine), Arc::clone(&self.plan));
                    let begun_at = self.begun_at;
                    starter.spawn(async move { arrive(&world, &engine, &plan, &later, (begun_at, number)).await });
                }
                match begun.durable.await.expect("an answer") {
                    Ok(()) | Err(NotBegun::Duplicate(_)) => break,
                    // There is no space: it is sent again.
                    Err(NotBegun::Store(_)) => world.sleep(AGAIN).await,
                    Err(why) => panic!("an event was not taken: {why:?}"),
                }
            }
        }
    }
}
