//! The running agent: builds the real world, starts loops, stops them in order. The only room that knows all others.

mod acceptance;
mod agent;
mod answers;
mod clocks;
mod erasure;
mod halt;
mod heartbeat;
mod hold;
mod holders;
pub mod host;
mod incidents;
mod ledger_questions;
mod metrics;
mod office;
mod pokes;
mod pruning;
mod publishing;
mod pulls;
mod recovery;
mod registry;
mod rehearsal;
mod releases;
mod reserve;
mod resets;
mod runs;
mod secrets;
mod statements;
mod traces;
pub mod vaults;
mod viewers;
mod watching;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::id::ConnectionId;
use assent_schema::ledger::Origin;
use assent_schema::time::Moment;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, TlsFiles};
use crate::console::{self, Console};
use crate::control::ledger::LedgerDesk;
use crate::control::server;
use crate::deploy::live::{EndedRun, Field};
use crate::deploy::{Board, holds, switch};
use crate::desk::FrontDesk;
use crate::error::{Context as _, Error};
use crate::identity::Identity;
use crate::ledger::Ledgers;
use crate::listen::{self, Certificate, Entrance};
use crate::people::Itself;
use crate::pin::Pin;
use crate::pull::locks;
use crate::pull::read;
use crate::pull::watch::Watch;
use crate::real::{BoundedClock, Real, RealClock, RealDice, RealDisk, RealInboxes, RealKeyring, RealNet, tls};
use crate::run::Engine;
use crate::store::{Books, Clocks, LedgerRows, Log, Sqlite, Store as _, StoreError, Write, life};
use crate::watch::{Routes, Teller};
use crate::world::{Clock as _, Dice as _, Keyring as _};

use agent::{Agent, Parts, TIME};
use answers::Clerk;
use publishing::Said;
use registry::Register;

/// Where the store says that the agent went down in order.
const CLEAN: &str = "agent/clean";
/// How often time alone is looked at: approvals that expire, freezes and trials that end.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Ends of runs that are counted together at most.
const COUNTED_MOST: usize = 1_024;
/// How often alerts that are due are delivered.
const ALERT_EVERY: Duration = Duration::from_secs(1);
/// How long the last words may take after the deadline of a stop.
const LAST_WORDS_MOST: Duration = Duration::from_secs(10);
/// How long what blocks may take when a recovery ends a life of the agent.
const LETS_GO: Duration = Duration::from_secs(30);
/// How long the key lives by which a start finds out whether the kernel takes keys.
const PROBE_LIVES: Duration = Duration::from_secs(1);
/// How often the service manager hears that the agent lives.
const WATCHDOG_EVERY: Duration = Duration::from_secs(10);

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
    if config.environment.as_str() == "production" {
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
    let mut terminate = signal(SignalKind::terminate()).tried(|| "cannot hear signals".into())?;
    let mut interrupt = signal(SignalKind::interrupt()).tried(|| "cannot hear signals".into())?;
    let stop_time = config.limits.stop_time.duration();
    let (agent, ended) = build(config, outside.program.clone()).await?;
    start(&agent).await.tried(|| "cannot start from what the state folder holds".into())?;

    let socket = agent.config.state.socket();
    let control = server::bind(&socket).tried(|| format!("cannot listen at `{}`", socket.display()))?;
    let listen = agent.config.listen;
    let listener = TcpListener::bind(listen).await.tried(|| format!("cannot listen at {listen}"))?;
    let tls = certificate(&agent.config)?;
    if let Some(tls) = &tls {
        agent.seen.certificate.get_or_init(|| Arc::clone(tls));
    }
    let entrance = |listener| Entrance::new(listener, tls.clone(), &agent.config.proxies);
    let itself = Itself { project: agent.pin.project, agent: agent.config.agent.clone() };
    let registry = Arc::new(Register(Arc::clone(&agent)));
    let (world, engine, field) = (Arc::clone(&agent.world), Arc::clone(&agent.engine), Arc::clone(&agent.field));
    let desk = FrontDesk::open(world, engine, field, registry, itself).await;
    let desk = desk.tried(|| "cannot open the front desk".into())?;
    // Only now, with everything verified and counted, does any run go on; and none in a store that may not be the newest.
    let resumed = match agent.halted() {
        None => desk.resume().tried(|| "cannot go on with the runs of the journal".into())?,
        Some(_) => 0,
    };
    let (stopping, stopped) = watch::channel(false);

    let mut loops = JoinSet::new();
    let mut front = JoinSet::new();
    front.spawn(listen::serve(entrance(listener), names(&agent.config, listen), Arc::clone(&desk), stopped.clone()));
    if let Some(address) = agent.config.console {
        let listener = TcpListener::bind(address).await.tried(|| format!("cannot open the console at {address}"))?;
        let office = office::Bureau { agent: Arc::clone(&agent), desk: Arc::clone(&desk) };
        let console = Console::new(office, names(&agent.config, address), agent.config.is_secure());
        front.spawn(console::serve(entrance(listener), console, stopped.clone()));
    }
    if let Some(address) = agent.config.metrics {
        let listener = TcpListener::bind(address).await.tried(|| format!("cannot tell metrics at {address}"))?;
        front.spawn(metrics::serve(
            entrance(listener),
            names(&agent.config, address),
            Arc::clone(&agent),
            stopped.clone(),
        ));
    }
    let (schedules, schedules_stop) = (Arc::clone(&desk), stopped.clone());
    front.spawn(async move { schedules.keep_schedules(schedules_stop).await });
    front.spawn(Arc::clone(&desk).keep_polls(stopped.clone()));
    let (chats, chats_stop, console) = (Arc::clone(&desk), stopped.clone(), agent.config.console_url());
    front.spawn(async move {
        if let Err(error) = chats.keep_chats(console, chats_stop).await {
            tracing::error!(%error, "what chats were told cannot be read");
        }
    });
    let inboxes = agent.config.inboxes.as_deref().map(|root| {
        let opened =
            RealInboxes::open(root).map(Arc::new).tried(|| format!("cannot open the inboxes `{}`", root.display()));
        opened.map_err(|error| {
            error.help("Make the folder, for the agent to read and write, or take `inboxes` out of `agent.toml`.")
        })
    });
    let inboxes = inboxes.transpose()?;
    let woken = Arc::new(tokio::sync::Notify::new());
    let watched = agent.config.inboxes.as_deref().and_then(|root| Watch::folders(root, Arc::clone(&woken)));
    let folders = Arc::clone(&desk);
    front.spawn(async move {
        folders.keep_inboxes(inboxes, woken, stopped).await;
        drop(watched);
    });
    let starting = Arc::clone(&desk);
    let starter = Box::new(move |task| starting.take_up(task));
    let clerk = Clerk::new(Arc::clone(&agent), desk.itself().clone(), starter);
    loops.spawn(server::serve(control, Arc::new(clerk)));
    loops.spawn(pulls::pulling(Arc::clone(&agent)));
    loops.spawn(counting(Arc::clone(&agent), ended));
    loops.spawn(keeping_secrets(Arc::clone(&agent)));
    loops.spawn(looking(Arc::clone(&agent)));
    loops.spawn(alerting(Arc::clone(&agent)));
    loops.spawn(watching::watching(Arc::clone(&agent)));
    loops.spawn(heartbeat::beating(Arc::clone(&agent)));
    loops.spawn(traces::telling(Arc::clone(&agent)));
    loops.spawn(publishing::publishing(Arc::clone(&agent)));
    loops.spawn(holders::sharing(Arc::clone(&agent)));
    loops.spawn(pruning::pruning(Arc::clone(&agent)));
    loops.spawn(watchdog(outside.notify.clone()));
    // Those that sleep before their first turn are no less well for it.
    for name in heartbeat::LOOPS {
        agent.seen.turned(name, agent.world.clock.boot());
    }
    host::notify(outside.notify.as_deref(), "READY=1");
    tracing::info!(agent = %agent.config.agent, version = env!("CARGO_PKG_VERSION"), listen = %listen, resumed, "ready");

    let mut end = Ended::Stopped;
    tokio::select! {
        () = agent.recovered.notified() => end = Ended::Recovered,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // A loop never ends by itself: what went wrong there must not look like an agent that works.
        Some(ended) = front.join_next() => {
            end = Ended::Broken;
            tracing::error!(panicked = ended.is_err(), "the front of the agent ended");
        }
        Some(ended) = loops.join_next() => {
            end = Ended::Broken;
            tracing::error!(panicked = ended.is_err(), "a loop of the agent ended");
        }
    }
    host::notify(outside.notify.as_deref(), "STOPPING=1");
    tracing::info!("stopping");
    let drained = async {
        // No new events; then no further step; then what is under way reaches the journal.
        stopping.send_replace(true);
        agent.engine.stop();
        while front.join_next().await.is_some() {}
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

/// The certificate of the listeners, if they have one.
fn certificate(config: &Config) -> Result<Option<Arc<Certificate>>, Error> {
    let Some(TlsFiles { certificate, key }) = &config.tls else { return Ok(None) };
    let opened = Certificate::open(certificate, key);
    let (certificate, key) = (certificate.display(), key.display());
    let opened = opened.tried(|| format!("cannot use the certificate `{certificate}` with the key `{key}`"));
    let help = "Name PEM files: the certificate with those that signed it, and its key.";
    opened.map(|opened| Some(Arc::new(opened))).map_err(|error| error.help(help))
}

/// The names by which a listener is reached.
fn names(config: &Config, listen: SocketAddr) -> Vec<String> {
    let own = [listen.ip().to_string(), "localhost".to_owned()];
    own.into_iter().chain(config.hosts.iter().cloned()).collect()
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
    // What transfers left behind that a crash ended; there may be none.
    drop(std::fs::remove_dir_all(config.state.transfers()));
    recovery::finish(&config, &disk).await?;
    let (project, name) = (config.project.clone(), config.agent.clone());
    let books = (Arc::clone(&disk), RealDice, Arc::clone(&identity.host));
    let routes: Arc<Mutex<Arc<Routes>>> = Arc::default();
    let clocks: Arc<dyn Clocks> = Arc::<Mutex<_>>::clone(&routes);
    let open = |rows: &dyn LedgerRows| -> Result<Box<dyn Books>, StoreError> {
        Ok(Box::new(Ledgers::load(project, name, books, rows)?.answered_by(clocks)))
    };
    let store = Sqlite::open(&config.state.database(), open);
    let store = Arc::new(store.tried(|| format!("cannot open `{}`", config.state.database().display()))?);
    let cannot = || "cannot read what the state folder holds".to_owned();
    let trusted = stored_time(&store).tried(cannot)?;
    let world = Arc::new(Real {
        clock: BoundedClock::new(trusted),
        dice: RealDice,
        net: RealNet::new(tls::connector(&[]).tried(|| "cannot set up TLS".into())?),
        disk: RealDisk::open(config.state.folder()).tried(|| "cannot open the state folder".into())?,
        keyring: RealKeyring::new(config.agent.as_str()),
    });
    if !world.keyring.put("probe", &crate::content::Content::new(world.dice.bytes()), PROBE_LIVES) {
        tracing::warn!(
            code = "keyring_refused",
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
    let parts =
        Parts { config, pin, identity, disk, world, store, field, engine, ledger, routes, program, board, holds };
    Ok((Arc::new(Agent::new(parts)), ended))
}

/// The trusted time that was stored last; none before the first release.
fn stored_time(store: &Sqlite) -> Result<Option<Moment>, StoreError> {
    let Some(bytes) = store.state(TIME)? else { return Ok(None) };
    let text = String::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(StoreError::Damaged("the stored time"))
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
async fn stop(agent: &Arc<Agent>, mut loops: JoinSet<()>) {
    loops.shutdown().await;
    if agent.halted().is_some() {
        // Its logs may not be the newest: nothing more is said in them.
        return;
    }
    let now = agent.field.now();
    let logs = agent.store.logs().unwrap_or_default();
    let mut with = agent.missed(agent.world.clock.now()).unwrap_or_default();
    with.extend(agent.engine.take_used(true).into_iter().map(|note| Write::Note(Box::new(note))));
    with.extend(logs.into_iter().map(|log| Write::Note(Box::new(crate::ledger::stopped(log)))));
    with.push(Write::State { name: CLEAN.to_owned(), value: Some(Vec::new()) });
    if let Err(error) = agent.switch(|board| board.halt(now), with).await {
        tracing::error!(%error, "the last words could not be written");
    }
    if let Err(failure) = publishing::publish(agent, &mut Said::default()).await {
        tracing::warn!(code = failure.code(), "the last status could not be pushed");
    }
}

/// Counts the ends of runs for trials: all that came while the ones before were made durable, in one transaction.
async fn counting(agent: Arc<Agent>, mut ended: tokio::sync::mpsc::UnboundedReceiver<EndedRun>) {
    let mut runs = Vec::new();
    while ended.recv_many(&mut runs, COUNTED_MOST).await > 0 {
        if let Err(error) = agent.count(&runs).await {
            tracing::error!(%error, runs = runs.len(), "the ends of runs could not be counted");
        }
        runs.clear();
    }
}

/// Looks at what time alone changes.
async fn looking(agent: Arc<Agent>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // First: whatever is written next may be about time.
        if let Err(error) = agent.look_at_pulse().await {
            tracing::error!(%error, "that time was missed could not be written");
        }
        if let Err(error) = agent.look_at_resets().await {
            tracing::error!(%error, "a reset of approvers whose wait is over could not be judged");
        }
        if let Err(error) = agent.look_at_time().await {
            tracing::error!(%error, "what time changes could not be written");
        }
        if let Err(error) = agent.end_lapsed_holds().await {
            tracing::error!(%error, "holds whose time is over could not be ended");
        }
        agent.look_at_clocks().await;
        if let Err(error) = agent.look_at_incidents().await {
            tracing::error!(%error, "what time does to incidents could not be written");
        }
        agent.world.net.sweep();
        agent.seen.turned("time", agent.world.clock.boot());
    }
}

/// Looks at secrets: at once when a person changed something.
async fn keeping_secrets(agent: Arc<Agent>) {
    loop {
        agent.look_at_secrets().await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = agent.secrets.news.notified() => {}
        }
    }
}

/// Delivers alerts.
async fn alerting(agent: Arc<Agent>) {
    loop {
        let routes = agent.routes();
        let (world, store, console) = (&*agent.world, &*agent.store, agent.config.console_url());
        let secrets = |route: &ConnectionId| -> crate::watch::ToldSecret<'_> {
            Box::pin(agent.field.route_secret(route.clone()))
        };
        let teller =
            Teller { routes: &routes, agent: &agent.config.agent, secrets: &secrets, console: console.as_deref() };
        match crate::watch::deliver_due(world, store, &teller).await {
            Ok(_) => agent.seen.turned("alerts", agent.world.clock.boot()),
            Err(error) => tracing::error!(%error, "alerts could not be delivered"),
        }
        agent.tell_of_full_disk(&teller).await;
        tokio::time::sleep(ALERT_EVERY).await;
    }
}

/// Tells the service manager that this thread still turns.
async fn watchdog(notify: Option<PathBuf>) {
    loop {
        host::notify(notify.as_deref(), "WATCHDOG=1");
        tokio::time::sleep(WATCHDOG_EVERY).await;
    }
}

#[cfg(test)]
mod tests;
