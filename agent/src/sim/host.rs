//! One machine: clock, dice, disk and keyring that outlive the processes on it, and the points at which those die.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use assent_schema::time::Moment;

use super::service::Service;
use crate::store::{Books, LedgerRows, Memory, StoreError, Tables};
use crate::sync::lock;
use crate::world::Dice;

/// How often a task may look at the clock before it waits for anything.
const LOOKS_MOST: u64 = 100_000;

/// What happens at a crash point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The process dies just before it is done.
    Before,
    /// The process dies just after it is done, before it learns of it.
    After,
    /// It is done, the reply is lost and the process lives; for writes: the process dies as with `After`.
    Lost,
    /// There is no space for it, and the process lives; a request needs none, nor does a file that goes.
    Full,
}

/// What kind of thing happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A transaction of the store.
    Commit,
    /// A file of the state folder.
    File,
    /// A request.
    Request,
}

/// Where a process is to die: at the so-many-eth durable write or request of the host, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The number of the point.
    pub at: u64,
    /// What happens there.
    pub strike: Strike,
}

pub(super) struct State {
    pub(super) seed: u64,
    pub(super) wall_offset: i64,
    pub(super) boot: Duration,
    /// How often the clock was read since a task was given its turn.
    pub(super) looks: u64,
    /// Who is woken when, those of one instant in the order in which they began to wait.
    pub(super) timers: BTreeMap<(Duration, u64), Waker>,
    pub(super) next_timer: u64,
    pub(super) points: Vec<Point>,
    pub(super) crash: Option<Crash>,
    /// There was no space for the commit that is under way.
    pub(super) was_full: bool,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) keys: BTreeMap<String, ([u8; 32], Duration)>,
    pub(super) service: Box<dyn Service>,
}

impl State {
    /// Time stands still while a task has its turn. One that looks at the clock without end and lets nobody else have a turn would
    /// hold the simulation for ever, without a word: no timer comes, and the executor never counts another poll.
    pub(super) fn look(&mut self) {
        self.looks = self.looks.saturating_add(1);
        assert!(self.looks <= LOOKS_MOST, "a task goes round and round, and waits for nothing");
    }
}

/// A simulated machine.
#[derive(Clone)]
pub struct Host {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) tables: Arc<Mutex<Tables>>,
}

impl Host {
    /// A machine with an empty disk, at a moment, talking to a service.
    pub fn new(seed: u64, at: Moment, service: impl Service) -> Self {
        let state = State {
            seed,
            wall_offset: at.seconds().saturating_mul(1_000),
            boot: Duration::ZERO,
            looks: 0,
            timers: BTreeMap::new(),
            next_timer: 0,
            points: Vec::new(),
            crash: None,
            was_full: false,
            files: BTreeMap::new(),
            keys: BTreeMap::new(),
            service: Box::new(service),
        };
        Self { state: Arc::new(Mutex::new(state)), tables: Arc::default() }
    }

    /// Where the next process is to die.
    pub fn crash_at(&self, crash: Option<Crash>) {
        lock(&self.state).crash = crash;
    }

    /// Durable writes and requests so far.
    pub fn points(&self) -> Vec<Point> {
        lock(&self.state).points.clone()
    }

    /// Puts the wall clock forward or back, in milliseconds.
    pub fn jump(&self, millis: i64) {
        let mut state = lock(&self.state);
        state.wall_offset = state.wall_offset.saturating_add(millis);
    }

    /// The keys of the kernel are gone, as after a boot of the machine.
    pub fn forget_keys(&self) {
        lock(&self.state).keys.clear();
    }

    /// What is durable.
    pub fn tables(&self) -> Arc<Mutex<Tables>> {
        Arc::clone(&self.tables)
    }

    /// Every byte that is durable, for scans.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when a row cannot be written.
    pub fn durable_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = lock(&self.tables).bytes()?;
        let state = lock(&self.state);
        bytes.extend(state.files.iter().flat_map(|(name, file)| name.bytes().chain(file.iter().copied())));
        Ok(bytes)
    }

    /// The world of a new process.
    pub fn boot(&self) -> SimWorld {
        let mut state = lock(&self.state);
        state.timers.clear();
        drop(state);
        SimWorld { host: self.clone(), dead: Arc::default() }
    }
}

/// The world of one simulated process.
#[derive(Clone)]
pub struct SimWorld {
    pub(super) host: Host,
    pub(super) dead: Arc<Mutex<bool>>,
}

impl SimWorld {
    /// Opens the store of the machine.
    ///
    /// # Errors
    /// When the books cannot be loaded.
    pub fn store(
        &self,
        books: impl FnOnce(&dyn LedgerRows) -> Result<Box<dyn Books>, StoreError>,
    ) -> Result<Memory, StoreError> {
        let books = books(&*lock(&self.host.tables))?;
        Ok(Memory::open(self.host.tables(), books).guarded(Arc::new(self.clone())))
    }

    /// Whether the process is dead.
    pub fn crashed(&self) -> bool {
        *lock(&self.dead)
    }

    /// A task is given its turn.
    pub(super) fn turn(&self) {
        lock(&self.host.state).looks = 0;
    }

    /// Moves time to the next timer and wakes it. False when there is none.
    pub(super) fn next_timer(&self) -> bool {
        let mut state = lock(&self.host.state);
        let Some(((due, _), waker)) = state.timers.pop_first() else { return false };
        state.boot = state.boot.max(due);
        drop(state);
        waker.wake();
        true
    }

    /// A number below the bound from the seed.
    pub(super) fn choose(&self, bound: u64) -> u64 {
        if bound <= 1 { 0 } else { Dice::below(self, bound) }
    }

    /// Counts a point and tells what happens there; marks the process as dead if it dies.
    pub(super) fn point(&self, point: Point) -> Option<Strike> {
        let mut state = lock(&self.host.state);
        let number = u64::try_from(state.points.len()).unwrap_or(u64::MAX);
        state.points.push(point);
        let crash = state.crash.filter(|crash| crash.at == number)?;
        state.crash = None;
        Some(crash.strike)
    }

    pub(super) fn die(&self) {
        *lock(&self.dead) = true;
    }

    /// Never returns: the process is dead.
    pub(super) async fn gone<T>(&self) -> T {
        self.die();
        std::future::pending().await
    }
}
