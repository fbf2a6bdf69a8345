//! One machine: clock, dice, disk and keyring that outlive the processes on it, and the points at which those die.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::Method;
use assent_schema::time::Moment;

use super::service::{Reply, Service};
use crate::content::Content;
use crate::store::{Books, Gate, LedgerRows, Memory, StoreError, Tables};
use crate::sync::lock;
use crate::world::{
    Clock, Dice, Disk, DiskFailure, HttpRequest, HttpResponse, Keyring, Mail, MailFailure, Net, NetFailure, Wall, World,
};

/// How long a commit takes in the simulation, at most, in milliseconds.
const COMMIT_MOST_MILLIS: u64 = 3;
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

struct State {
    seed: u64,
    wall_offset: i64,
    boot: Duration,
    /// How often the clock was read since a task was given its turn.
    looks: u64,
    /// Who is woken when, those of one instant in the order in which they began to wait.
    timers: BTreeMap<(Duration, u64), Waker>,
    next_timer: u64,
    points: Vec<Point>,
    crash: Option<Crash>,
    /// There was no space for the commit that is under way.
    was_full: bool,
    files: BTreeMap<String, Vec<u8>>,
    keys: BTreeMap<String, ([u8; 32], Duration)>,
    service: Box<dyn Service>,
}

impl State {
    /// Time stands still while a task has its turn. One that looks at the clock without end and lets nobody else have a turn would
    /// hold the simulation for ever, without a word: no timer comes, and the executor never counts another poll.
    fn look(&mut self) {
        self.looks = self.looks.saturating_add(1);
        assert!(self.looks <= LOOKS_MOST, "a task goes round and round, and waits for nothing");
    }
}

/// A simulated machine.
#[derive(Clone)]
pub struct Host {
    state: Arc<Mutex<State>>,
    tables: Arc<Mutex<Tables>>,
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
    host: Host,
    dead: Arc<Mutex<bool>>,
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
    fn point(&self, point: Point) -> Option<Strike> {
        let mut state = lock(&self.host.state);
        let number = u64::try_from(state.points.len()).unwrap_or(u64::MAX);
        state.points.push(point);
        let crash = state.crash.filter(|crash| crash.at == number)?;
        state.crash = None;
        Some(crash.strike)
    }

    fn die(&self) {
        *lock(&self.dead) = true;
    }

    /// Never returns: the process is dead.
    async fn gone<T>(&self) -> T {
        self.die();
        std::future::pending().await
    }
}

impl World for SimWorld {
    type Clock = Self;
    type Dice = Self;
    type Net = Self;
    type Disk = Self;
    type Keyring = Self;

    fn clock(&self) -> &Self {
        self
    }

    fn dice(&self) -> &Self {
        self
    }

    fn net(&self) -> &Self {
        self
    }

    fn disk(&self) -> &Self {
        self
    }

    fn keyring(&self) -> &Self {
        self
    }
}

impl Clock for SimWorld {
    fn now(&self) -> Wall {
        let mut state = lock(&self.host.state);
        state.look();
        Wall::from_millis(state.wall_offset).plus(state.boot)
    }

    fn boot(&self) -> Duration {
        let mut state = lock(&self.host.state);
        state.look();
        state.boot
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let due = self.boot().saturating_add(duration);
        Sleep { host: self.host.clone(), due, timer: None }
    }
}

struct Sleep {
    host: Host,
    due: Duration,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let host = self.host.clone();
        let mut state = lock(&host.state);
        if state.boot >= self.due {
            return Poll::Ready(());
        }
        let id = self.timer.unwrap_or(state.next_timer);
        state.next_timer = state.next_timer.max(id.saturating_add(1));
        state.timers.insert((self.due, id), context.waker().clone());
        state.looks = 0;
        self.timer = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.timer {
            lock(&self.host.state).timers.remove(&(self.due, id));
        }
    }
}

impl Dice for SimWorld {
    /// `SplitMix64`: even enough for a simulation, and the same everywhere.
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = lock(&self.host.state);
        for chunk in bytes.chunks_mut(8) {
            state.seed = state.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.iter_mut().zip(z.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        }
    }
}

impl Net for SimWorld {
    /// The service sees the message as the body of a request of the route.
    async fn mail(&self, mail: Mail) -> Result<(), MailFailure> {
        let operation =
            OperationRef { connection: mail.route, operation: Name::new("mail").or(Err(MailFailure::Refused))? };
        let header = |name: &str, value: &str| (name.to_owned(), Content::new(value.as_bytes().to_vec()));
        let from = mail.from.iter().map(|from| header("mail-from", from.as_str()));
        let request = HttpRequest {
            client: mail.client,
            operation,
            method: Method::Post,
            tls: mail.tls,
            host: mail.host,
            port: mail.port,
            target: Content::new("/".to_owned()),
            headers: from.chain(mail.to.iter().map(|to| header("rcpt-to", to.as_str()))).collect(),
            body: mail.message,
            timeout: mail.timeout,
            most_bytes: 0,
            private_addresses: true,
        };
        match self.exchange(request).await?.status {
            200..300 => Ok(()),
            400..500 => Err(MailFailure::Later),
            _ => Err(MailFailure::Refused),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, NetFailure> {
        let fault = self.point(Point::Request);
        if fault == Some(Strike::Before) {
            return self.gone().await;
        }
        let (now, timeout) = (self.now(), request.timeout);
        let Reply { result, after } = lock(&self.host.state).service.answer(now, request);
        if fault == Some(Strike::After) {
            return self.gone().await;
        }
        let late = after >= timeout;
        self.sleep(after.min(timeout)).await;
        if fault == Some(Strike::Lost) {
            return Err(NetFailure::SentNoReply);
        }
        if late { Err(NetFailure::TimedOut) } else { result.map(|response| response.came(self.now())) }
    }
}

impl Disk for SimWorld {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        Ok(lock(&self.host.state).files.get(path).cloned())
    }

    /// A process cannot die inside of a call that does not wait; it dies at the next point instead, with the file changed
    /// or not.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        match self.point(Point::File) {
            Some(Strike::Full) => Err(DiskFailure::Full),
            Some(Strike::Before) => {
                self.die();
                Err(DiskFailure::Broken)
            }
            fault => {
                lock(&self.host.state).files.insert(path.to_owned(), bytes.to_vec());
                if fault.is_none() {
                    return Ok(());
                }
                self.die();
                Err(DiskFailure::Broken)
            }
        }
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        let fault = self.point(Point::File);
        if fault != Some(Strike::Before) {
            lock(&self.host.state).files.remove(path);
        }
        if matches!(fault, None | Some(Strike::Full)) {
            return Ok(());
        }
        self.die();
        Err(DiskFailure::Broken)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let state = lock(&self.host.state);
        let names = state.files.keys().filter_map(|path| path.strip_prefix(prefix.as_str()));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}

impl Keyring for SimWorld {
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>> {
        let state = lock(&self.host.state);
        state.keys.get(name).filter(|(_, until)| state.boot < *until).map(|(key, _)| Content::new(*key))
    }

    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool {
        let mut state = lock(&self.host.state);
        let until = state.boot.saturating_add(lives);
        state.keys.insert(name.to_owned(), (*key.reveal(), until));
        true
    }
}

impl Gate for SimWorld {
    fn before(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let fault = self.point(Point::Commit);
            self.sleep(Duration::from_millis(self.choose(COMMIT_MOST_MILLIS))).await;
            if fault == Some(Strike::Before) {
                return self.gone().await;
            }
            let is_full = fault == Some(Strike::Full);
            if is_full {
                // Nobody else has a turn until `after`.
                lock(&self.host.tables).set_full(true);
                lock(&self.host.state).was_full = true;
            }
            fault.is_some() && !is_full
        })
    }

    fn after(&self, dies: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if std::mem::take(&mut lock(&self.host.state).was_full) {
                lock(&self.host.tables).set_full(false);
            }
            if dies {
                self.gone::<()>().await;
            }
        })
    }
}
