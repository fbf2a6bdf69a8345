//! The running agent: builds the real world, starts loops, stops them in order. The only room that knows all others.

mod acceptance;
mod agent;
mod answers;
mod clocks;
mod doors;
mod ends;
mod erasure;
mod halt;
mod heartbeat;
mod hold;
mod holders;
pub mod host;
mod incidents;
mod learnt;
mod ledger_questions;
mod looks;
mod loops;
mod metrics;
mod office;
mod parts;
mod pokes;
mod pruning;
mod publishing;
mod pulls;
mod recovery;
mod refused;
mod registry;
mod rehearsal;
mod releases;
mod remembered;
mod reserve;
mod resets;
mod runs;
mod secrets;
mod standing;
mod statements;
mod tasks;
mod traces;
mod unread;
pub mod vaults;
mod viewers;
mod watching;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::ledger::Origin;
use assent_schema::time::Moment;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::control::ledger_desk::LedgerDesk;
use crate::deploy::live::{EndedRun, Field};
use crate::deploy::{Board, holds, switch};
use crate::error::{Context as _, Error};
use crate::identity::Identity;
use crate::ledger::Ledgers;
use crate::pin::Pin;
use crate::pull::{compact, locks, loose, read};
use crate::real::{BoundedClock, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use crate::run::Engine;
use crate::store::{Books, Clocks, LedgerRows, Log, RunFilter, Sqlite, Store, StoreError, Write, life};
use crate::watch::Routes;
use crate::world::{Clock as _, Dice as _, Keyring as _, Wall};

use agent::{Agent, TIME};
use doors::Doors;
use parts::{Made, Parts};
use publishing::Said;
use tasks::{Gone, Tasks};

/// Where the store says that the agent went down in order.
const CLEAN: &str = "agent/clean";
/// The code of a kernel that takes no keys.
const KEYRING_REFUSED: &str = "keyring_refused";
/// How long the last words may take after the deadline of a stop.
const LAST_WORDS_MOST: Duration = Duration::from_secs(10);
/// How long what blocks may take when a recovery ends a life of the agent.
const LETS_GO: Duration = Duration::from_secs(30);
/// How long the key lives by which a start finds out whether the kernel takes keys.
const PROBE_LIVES: Duration = Duration::from_secs(1);

/// What only the command line knows.
#[derive(Clone, Debug)]
pub struct Outside {
    /// This program, which is also the child that talks git.
    pub program: PathBuf,
    /// The socket of the service manager.
    pub notify: Option<PathBuf>,
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// When it cannot start; once it runs, it only stops in order.
pub fn run(config: &Config, outside: &Outside) -> Result<(), Error> {
    host::harden()?;
    host::make_privately();
    host::close(config.state.folder())?;
    if config.environment.is_production() {
        host::refuse_plain_swap()?;
    }
    let _lock = host::lock(&config.state.lock())?;
    // One thread drives all runs: that was measured to be as fast as many and has the shorter tail. What blocks goes to
    // threads of its own.
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.tried(|| "cannot start".into())?;
        let ended = runtime.block_on(live(config.clone(), outside))?;
        // Whatever still runs lets go of the store.
        runtime.shutdown_timeout(LETS_GO);
        if let Some(end) = how_it_ends(&ended) {
            return end;
        }
    }
}

/// What the process says at its end; nothing where it begins another life.
fn how_it_ends(ended: &Ended) -> Option<Result<(), Error>> {
    match ended {
        Ended::Stopped => Some(Ok(())),
        // A service that restarts on failure starts it again.
        Ended::Broken => Some(Err(Error::environment("a part of the agent ended by itself")
            .help("Its log says which. Started again, it goes on with what is in the journal."))),
        Ended::Recovered => None,
    }
}

/// Why a life of the agent ended.
enum Ended {
    /// It was told to stop.
    Stopped,
    /// A part of it ended, which none ever does by itself.
    Broken,
    /// On-call signed a recovery, which is done at the next start.
    Recovered,
}

async fn live(config: Config, outside: &Outside) -> Result<Ended, Error> {
    // Before anything else, so that a signal that comes while we start is not lost.
    let mut signals = Signals::new()?;
    let stop_time = config.limits.stop_time.duration();
    let (agent, ended) = build(config, outside.program.clone()).await?;
    start(&agent).await.tried(|| "cannot start from what the state folder holds".into())?;
    let (control, doors) = Doors::open(&agent).await?;
    let desk = doors::desk(&agent).await?;
    // Only now, with everything verified and counted, does any run go on; and none in a store that may not be the newest.
    let resumed = match agent.halted() {
        None => desk.resume().tried(|| "cannot go on with the runs of the journal".into())?,
        Some(_) => 0,
    };
    let (stopping, stopped) = watch::channel(false);
    let mut front = doors.serve(&agent, &desk, &stopped);
    let mut loops = loops::spawn(&agent, ended, outside.notify.clone());
    loops.spawn("control", doors::control(control, &agent, &desk));
    host::notify(outside.notify.as_deref(), "READY=1");
    let (name, version, listen) = (&agent.config.agent, env!("CARGO_PKG_VERSION"), &agent.config.listen);
    tracing::info!(agent = %name, version, %listen, resumed, "ready");

    let end = wait(&agent, &mut signals, &mut front, &mut loops).await;
    host::notify(outside.notify.as_deref(), "STOPPING=1");
    tracing::info!("stopping");
    let drained = async {
        // No new events; then no further step; then what is under way reaches the journal.
        stopping.send_replace(true);
        agent.engine.stop();
        while front.ended().await.is_some() {}
        desk.drain().await;
    };
    if tokio::time::timeout(stop_time, drained).await.is_err() {
        tracing::warn!("stopped at the deadline; what was not finished is in the journal");
    }
    // Whoever did not finish: it was told to stop, which is no plan's fault.
    if tokio::time::timeout(LAST_WORDS_MOST, stop(&agent, loops)).await.is_err() {
        tracing::warn!("the last words could not be said in time");
    }
    Ok(end)
}

/// The signals that tell the agent to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let hear = |kind| signal(kind).tried(|| "cannot hear signals".into());
        Ok(Self { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }
}

/// Waits until this life of the agent ends.
async fn wait(agent: &Agent, signals: &mut Signals, front: &mut Tasks, loops: &mut Tasks) -> Ended {
    tokio::select! {
        () = agent.standing.recovered.notified() => Ended::Recovered,
        _ = signals.terminate.recv() => Ended::Stopped,
        _ = signals.interrupt.recv() => Ended::Stopped,
        // None ever ends by itself: what went wrong there must not look like an agent that works.
        Some(gone) = front.ended() => broken(&gone),
        Some(gone) = loops.ended() => broken(&gone),
    }
}

fn broken(gone: &Gone) -> Ended {
    tracing::error!(part = gone.name, panicked = gone.panicked, "a part of the agent ended");
    Ended::Broken
}

async fn build(
    config: Config,
    program: PathBuf,
) -> Result<(Arc<Agent>, tokio::sync::mpsc::UnboundedReceiver<EndedRun>), Error> {
    let disk = RealDisk::open(config.state.folder())
        .tried(|| format!("cannot open the state folder `{}`", config.state.folder().display()))
        .map_err(|e| e.help("Enrol the agent first: `assent-agent enrol`."))?;
    let disk = Arc::new(disk);
    let identity = Identity::load(&disk)
        .tried(|| "cannot start".into())
        .map_err(|e| e.help("Enrol the agent first: `assent-agent enrol`."))?;
    let pin = Pin::read(&disk).tried(|| "cannot read what is pinned".into())?;
    let pin = pin.ok_or_else(|| {
        Error::environment("no root is pinned here").help("Enrol the agent first: `assent-agent enrol`.")
    })?;
    read::prepare(&config.state.repository()).tried(|| "cannot make the agent's repository".into())?;
    locks::take_away(&config.state.repository()).tried(|| "cannot tidy the agent's repository".into())?;
    // Before anything in it is read: that would not end.
    loose::take_away(&config.state.repository()).tried(|| "cannot tidy the agent's repository".into())?;
    // What cannot go now goes with the first look for a release, or is told there.
    if let Err(failure) = compact::compact(&config.state.repository()) {
        tracing::warn!(code = failure.code(), "what nothing needs of the agent's repository could not be let go of");
    }
    // What transfers left behind that a crash ended; there may be none.
    drop(std::fs::remove_dir_all(config.state.transfers()));
    recovery::finish(&config, &disk).await?;
    let (project, name) = (config.project.clone(), config.agent.clone());
    let books = (Arc::clone(&disk), RealDice, Arc::clone(&identity.host));
    let routes: Arc<Mutex<Arc<Routes>>> = Arc::default();
    let clocks: Arc<dyn Clocks> = Arc::<Mutex<_>>::clone(&routes);
    let mut entered = None;
    let open = |rows: &dyn LedgerRows| -> Result<Box<dyn Books>, StoreError> {
        let ledgers = Ledgers::load(project, name, books, rows)?;
        entered = ledgers.newest();
        Ok(Box::new(ledgers.answered_by(clocks)))
    };
    let store = Sqlite::open(&config.state.database(), open);
    let store = Arc::new(store.tried(|| format!("cannot open `{}`", config.state.database().display()))?);
    let cannot = || "cannot read what the state folder holds".to_owned();
    let trusted = stored_time(&store).tried(cannot)?;
    let world = Arc::new(Real {
        clock: BoundedClock::new(trusted, dated_last(&*store, entered).tried(cannot)?),
        dice: RealDice,
        net: RealNet::new(tls::connector(&[]).tried(|| "cannot set up TLS".into())?),
        disk: RealDisk::open(config.state.folder()).tried(|| "cannot open the state folder".into())?,
        keyring: RealKeyring::new(config.agent.as_str()),
    });
    if !world.keyring.put("probe", &crate::content::Content::new(world.dice.bytes()), PROBE_LIVES) {
        tracing::warn!(
            code = KEYRING_REFUSED,
            "the kernel takes no keys: sealed content lives in this process alone, and a restart loses it"
        );
    }
    store.time_commits(|| RealClock.boot());
    watching::permit_own(&config, &world.net, &BTreeSet::new(), crate::real::Egress::default())
        .tried(|| "cannot use what `agent.toml` says".into())?;
    let vault = vaults::open(&config.vault, Arc::clone(&disk), Arc::clone(&identity.host))?;
    // The beginning of time before the first release.
    let (field, ended) = Field::new(RealClock, vault, trusted.unwrap_or(Moment::from_seconds(0)));
    let field = Arc::new(field);
    let engine = Engine::open(Arc::clone(&world), Arc::clone(&store), Arc::clone(&field)).await.tried(cannot)?;
    let life = life(&*store).tried(cannot)?;
    let own = Origin { life, ..Origin::first(config.project.clone(), config.agent.clone()) };
    let ledger = LedgerDesk::new(config.state.folder(), Arc::clone(&disk), own, &identity);
    let board = Board::new(switch::load(&*store).tried(cannot)?);
    let holds = holds::load(&*store).tried(cannot)?;
    let made = Made { config, pin, identity, disk, world, store, field, engine, routes };
    Ok((Arc::new(Agent::new(Parts { made, ledger, program, board, holds })), ended))
}

/// The trusted time that was stored last; none before the first release.
fn stored_time(store: &Sqlite) -> Result<Option<Moment>, StoreError> {
    let Some(bytes) = store.state(TIME)? else { return Ok(None) };
    let text = String::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(StoreError::Damaged("the stored time"))
}

/// When something was dated last: the newest entry of a ledger, the newest alert, what became last of the newest run. A clock
/// that was believed then is believed on from there.
fn dated_last(store: &impl Store, entered: Option<Moment>) -> Result<Option<Wall>, StoreError> {
    let newest_run = store.runs(&RunFilter { most: 1, ..RunFilter::default() })?;
    let runs = newest_run.iter().flat_map(|line| [Wall::from_millis(line.run.millis()), line.last.at]);
    let alerts = store.alerts()?.into_iter().map(|row| row.last);
    Ok(entered.map(Wall::from).into_iter().chain(runs).chain(alerts).max())
}

/// Verifies what is active again, counts a crash, and makes both durable before any run goes on.
async fn start(agent: &Arc<Agent>) -> Result<(), StoreError> {
    agent.look_back().await?;
    if agent.halted().is_some() {
        // Verified for what it says of people and routes; nothing of it is begun.
        return agent.load_release().await;
    }
    let clean = agent.store.state(CLEAN)?.is_some();
    let mut with = recovery::first_words(&*agent.store, agent.pin.project)?;
    agent.comes_back(!with.is_empty())?;
    if with.is_empty() {
        let logs: BTreeSet<Log> = agent.store.logs()?.into_iter().collect();
        with = publishing::came_up(agent, &logs, clean);
    }
    with.push(Write::State { name: CLEAN.to_owned(), value: None });
    let (_, busy) = acceptance::plans_of_open_runs(&*agent.store)?;
    agent.load_release().await?;
    let now = agent.field.now();
    let up = agent.world.clock.now();
    agent.switch(|board| board.boot(&busy, now), with).await?;
    agent.lives(up);
    agent.look_at_time().await
}

/// The last words, once no run is under way: durable that the agent went down in order, then told to the outside.
async fn stop(agent: &Arc<Agent>, loops: Tasks) {
    loops.shutdown().await;
    if agent.halted().is_some() {
        // Its logs may not be the newest: nothing more is said in them.
        return;
    }
    let now = agent.field.now();
    let used = agent.engine.take_used(true).into_iter().map(|note| Write::Note(Box::new(note)));
    let missed = agent.missed(agent.world.clock.now());
    let with = used.chain(in_order(agent.store.logs(), missed)).collect();
    if let Err(error) = agent.switch(|board| board.halt(now), with).await {
        tracing::error!(%error, "the last words could not be written");
    }
    if let Err(failure) = publishing::publish(agent, &mut Said::default()).await {
        tracing::warn!(code = failure.code(), "the last status could not be pushed");
    }
}

/// What is written when the agent goes down in order. Nothing where not all of it can be said: then the next start does not
/// find that it did.
fn in_order(logs: Result<Vec<Log>, StoreError>, missed: Result<Vec<Write>, StoreError>) -> Vec<Write> {
    match logs.and_then(|logs| Ok((logs, missed?))) {
        Ok((logs, missed)) => {
            let stopped = logs.into_iter().map(|log| Write::Note(Box::new(crate::ledger::stopped(log))));
            let clean = Write::State { name: CLEAN.to_owned(), value: Some(Vec::new()) };
            missed.into_iter().chain(stopped).chain([clean]).collect()
        }
        Err(error) => {
            tracing::error!(%error, "what is said last cannot be read; the next start counts as one after a crash");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
