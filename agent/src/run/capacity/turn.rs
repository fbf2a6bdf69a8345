//! Whether a run may go on now, its place among the running, and the time that it has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::client::ClientFacts;
use assent_schema::id::{ConnectionId, Name};
use tokio::sync::oneshot;

use crate::run::capacity::lanes::Lane;
use crate::run::compiled::{CompiledAction, CompiledStep};
use crate::run::driver::{End, Run, Stop};
use crate::run::life::begin::NotBegun;
use crate::run::life::progress::Stand;
use crate::run::{Deployed, Engine, Permission, Use, lock};
use crate::store::{Ending, RunId, Store};
use crate::world::{Clock as _, Wall, World};

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Asks for permission, and waits while the run is held.
    pub(in crate::run) async fn may_go_on(&mut self, step: &CompiledStep) -> Result<(), Stop> {
        let connection = match &step.action {
            CompiledAction::Call(call) => Some(&call.name.connection),
            CompiledAction::Ask(ask) => Some(&ask.connection),
            CompiledAction::Decide(_)
            | CompiledAction::Set(_)
            | CompiledAction::Each(_)
            | CompiledAction::Wait(_)
            | CompiledAction::Stop(_) => None,
        };
        self.permitted(&step.id, connection).await
    }

    /// The client's facts as they are deployed now, whichever release the run began with: guardrails, connections, limits
    /// and agreements are always the newest. Where no release names the client any more, the run stops.
    pub(in crate::run) fn client(&self, step: &Name) -> Result<Arc<ClientFacts>, Stop> {
        let gone = || End::early(Ending::Stopped, step, "client_not_here");
        Ok(self.engine.deployed.client(&self.accepted.client).ok_or_else(gone)?)
    }

    pub(in crate::run) async fn permitted(
        &mut self,
        step: &Name,
        connection: Option<&ConnectionId>,
    ) -> Result<(), Stop> {
        let mut held = None;
        loop {
            if self.engine.is_stopping() {
                // What is pending was not promised to anybody; reads and answers are had again.
                return Err(Stop::Leave);
            }
            let of = Use {
                client: &self.accepted.client,
                workflow: &self.accepted.workflow,
                plan: &self.accepted.plan,
                connection,
                now: self.now().moment(),
            };
            match self.engine.deployed.permission(&of) {
                // Its turn may come late; by then something else may forbid it.
                Permission::Go if held.take().is_some() => self.come_back().await?,
                Permission::Go => return Ok(()),
                Permission::Stopped(code) => return Err(End::early(Ending::Stopped, step, code).into()),
                Permission::Held if self.shared.signals.is_cancelled() && !self.has_begun(step) => {
                    return Err(End::cancelled().into());
                }
                Permission::Held => {
                    self.flush_all().await?;
                    if held.is_none() {
                        held = Some(self.engine.held.enter());
                        self.step_aside().await;
                    }
                    let look = self.engine.held.look(self.engine.world.dice());
                    self.wait(look).await;
                }
            }
        }
    }

    /// Waits a while for what is not the run's fault; its place and its time are not used up by it.
    pub(in crate::run) async fn outwait(&mut self, step: &Name) -> Result<(), Stop> {
        self.flush_all().await?;
        let held = self.engine.held.enter();
        self.step_aside().await;
        let look = self.engine.held.look(self.engine.world.dice());
        let engine = Arc::clone(&self.engine);
        let (mut stopping, mut changed) = (engine.stopping.subscribe(), engine.changed.subscribe());
        let before = engine.world.clock().boot();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => {}
            _ = changed.changed() => {}
            () = engine.world.clock().sleep(look) => {}
        }
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
        drop(held);
        if self.engine.is_stopping() {
            return Err(Stop::Leave);
        }
        self.come_back().await?;
        if self.shared.signals.is_cancelled() && !self.has_begun(step) {
            return Err(End::cancelled().into());
        }
        Ok(())
    }

    /// Whether a step may have done something that must be looked after.
    fn has_begun(&self, step: &Name) -> bool {
        matches!(self.progress.stand(step), Some(Stand::Tried(_) | Stand::Walking(_)))
    }

    /// Lets time pass that does not count as taken, or less if the agent goes down.
    pub(in crate::run) async fn wait(&mut self, duration: Duration) {
        let engine = Arc::clone(&self.engine);
        let mut stopping = engine.stopping.subscribe();
        let before = engine.world.clock().boot();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => {}
            () = engine.world.clock().sleep(duration) => {}
        }
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
    }

    /// Lets time pass that counts as taken: between two attempts. Not when the agent goes down: what is known stands in the
    /// journal, and a restart goes on from there.
    pub(in crate::run) async fn pause(&self, duration: Duration) -> Result<(), Stop> {
        let mut stopping = self.engine.stopping.subscribe();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Err(Stop::Leave),
            () = self.engine.world.clock().sleep(duration) => Ok(()),
        }
    }

    pub(in crate::run) fn now(&self) -> Wall {
        self.engine.world.clock().now()
    }

    /// The time that is left of the run's own; waiting for people is not counted.
    pub(in crate::run) fn left(&self) -> Duration {
        let here = self.engine.world.clock().boot().saturating_sub(self.resumed_at).saturating_sub(self.waited);
        self.compiled.plan.limits.timeout.duration().saturating_sub(here.saturating_add(self.taken))
    }

    /// Takes the key again that it had before a stop, if it had begun.
    pub(in crate::run) fn reclaim(&self) {
        if let Some(key) = self.accepted.key.as_deref().filter(|_| self.progress.has_begun()) {
            lock(&self.engine.lanes).reclaim(self.id, &self.accepted.client, &self.accepted.workflow, key);
        }
    }

    /// Waits until every run that a start found has taken its key again: whoever comes first must not get it instead.
    async fn all_came(&mut self) -> Result<(), Stop> {
        if self.accepted.key.is_none() || self.engine.coming.borrow().is_empty() {
            return Ok(());
        }
        self.flush_all().await?;
        let engine = Arc::clone(&self.engine);
        let (mut coming, mut stopping) = (engine.coming.subscribe(), engine.stopping.subscribe());
        let before = engine.world.clock().boot();
        let came = tokio::select! {
            biased;
            _ = coming.wait_for(BTreeSet::is_empty) => Ok(()),
            _ = stopping.wait_for(|stop| *stop) => Err(Stop::Leave),
        };
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
        came
    }

    /// Waits for a place among the running.
    async fn enter(&mut self) -> Result<(), Stop> {
        self.all_came().await?;
        // One that is gone is met by the next step.
        let client = self.engine.deployed.client(&self.accepted.client);
        let lane = Lane {
            client: self.accepted.client.clone(),
            workflow: self.accepted.workflow.clone(),
            key: self.accepted.key.clone(),
            workflow_most: self.compiled.plan.limits.concurrency.max(1),
            client_most: client.map_or(1, |facts| facts.limits.running.max(1)),
        };
        let (door, mut opens) = oneshot::channel();
        {
            let mut lanes = lock(&self.engine.lanes);
            if lanes.enter(self.id, lane) {
                return Ok(());
            }
            lock(&self.engine.doors).insert(self.id, door);
        }
        self.flush_all().await?;
        let engine = Arc::clone(&self.engine);
        let mut stopping = engine.stopping.subscribe();
        let before = engine.world.clock().boot();
        let signals = Arc::clone(&self.shared.signals);
        let opened = tokio::select! {
            biased;
            opened = &mut opens => opened.or(Err(Stop::Leave)),
            _ = stopping.wait_for(|stop| *stop) => Err(Stop::Leave),
            () = signals.cancelled() => Err(End::cancelled().into()),
        };
        self.waited = self.waited.saturating_add(engine.world.clock().boot().saturating_sub(before));
        opened
    }

    /// This task goes on: the run has its place as long as one of its tasks does something.
    pub(in crate::run) async fn come_back(&mut self) -> Result<(), Stop> {
        let shared = Arc::clone(&self.shared);
        let mut busy = shared.busy.lock().await;
        if *busy == 0 {
            self.enter().await?;
        }
        *busy = busy.saturating_add(1);
        Ok(())
    }

    /// This task waits for a person or for time: the place is given back when no other does something.
    pub(in crate::run) async fn step_aside(&self) {
        let mut busy = self.shared.busy.lock().await;
        *busy = busy.saturating_sub(1);
        if *busy == 0 {
            let next = lock(&self.engine.lanes).pause(self.id);
            self.engine.open_doors(next);
        }
    }

    pub(in crate::run) fn leave(&mut self) {
        // A run that never became durable says so to whoever waits.
        self.tell(Err(NotBegun::Stopping));
        self.engine.leave(self.id);
    }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// A run is no longer driven here.
    pub(in crate::run) fn leave(&self, run: RunId) {
        lock(&self.questions).retain(|(of, _), _| *of != run);
        self.forget(run);
        lock(&self.doors).remove(&run);
        let next = lock(&self.lanes).leave(run);
        self.open_doors(next);
    }

    fn open_doors(&self, runs: Vec<RunId>) {
        let mut doors = lock(&self.doors);
        for run in runs {
            if let Some(door) = doors.remove(&run) {
                // A run whose task is gone leaves its place by itself.
                let _went = door.send(());
            }
        }
    }
}
