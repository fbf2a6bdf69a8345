//! A run that rests for long is in the store alone: what is kept of it in memory is what wakes it. It comes back as after a
//! restart, so nothing of it depends on how long it was away.
//!
//! # Source
//! engine.md section 3, "Resume": decisions are replayed, reads are repeated, content is read again.

use std::sync::Arc;
use std::time::Duration;

use crate::run::content::seal;
use crate::run::driver::{Run, Stop};
use crate::run::events::deliver::Signals;
use crate::run::life::machine::Scope;
use crate::run::life::resume;
use crate::run::steps::wait::Rest;
use crate::run::{Deployed, Engine};
use crate::store::{RunId, Store};
use crate::world::{Clock as _, Wall, World};

/// A shorter rest is not worth reading everything again.
const LEAST: Duration = Duration::from_mins(10);

/// How long to wait before a run that could not be read is read again.
const AGAIN: Duration = Duration::from_mins(1);

/// A run that is not in memory.
pub(in crate::run) struct Asleep<W, S, D> {
    engine: Arc<Engine<W, S, D>>,
    id: RunId,
    at: Wall,
    rest: Rest,
    signals: Arc<Signals>,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Whether the run can leave memory until then: all of it does nothing else, and what was sealed of it can be opened.
    pub(in crate::run) fn may_leave_memory(&self, over: Wall) -> bool {
        self.scope == Scope::Run && over.since(self.now()) >= LEAST && self.is_kept()
    }

    fn is_kept(&self) -> bool {
        let open = self.engine.store.open_run(self.id).ok().flatten();
        let sealed = open.and_then(|open| open.sealed);
        sealed.is_some_and(|sealed| seal::open(&*self.engine.world, self.id, &sealed).is_some())
    }

    /// Leaves memory.
    pub(in crate::run) fn fall_asleep(self: Box<Self>, rest: Rest) -> Asleep<W, S, D> {
        let Self { engine, id, at, shared, .. } = *self;
        Asleep { engine, id, at, rest, signals: Arc::clone(&shared.signals) }
    }
}

impl<W: World, S: Store, D: Deployed> Asleep<W, S, D> {
    /// Comes back when the rest is over; nothing when the agent goes down before.
    pub(in crate::run) async fn wake(self) -> Option<Box<Run<W, S, D>>> {
        let woken = self.rest.wait(&self.engine, &self.signals, self.at).await;
        let Self { engine, id, signals, .. } = self;
        let mut stopping = engine.stopping.subscribe();
        // What ended the rest is found again by the run itself.
        let mut is_over = matches!(woken, Err(Stop::Leave));
        while !is_over {
            let found = resume::found(&engine, id, Some(Arc::clone(&signals)));
            if found.is_some() {
                return found;
            }
            // A store that cannot be read now may be read later.
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => is_over = true,
                () = engine.world.clock().sleep(AGAIN) => {}
            }
        }
        engine.leave(id);
        None
    }
}
