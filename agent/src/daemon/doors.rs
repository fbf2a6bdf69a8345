//! Where the agent is reached: all doors are open before anything runs, so that what cannot be opened stops the start.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, watch};

use super::agent::{Agent, TheField, TheWorld};
use super::answers::Clerk;
use super::registry::Register;
use super::tasks::Tasks;
use super::{metrics, office};
use crate::config::{Config, TlsFiles};
use crate::console::{self, Console};
use crate::control::server;
use crate::desk::FrontDesk;
use crate::error::{Context as _, Error};
use crate::listen::{self, Certificate, Entrance};
use crate::people::Itself;
use crate::pull::watch::Watch;
use crate::real::RealInboxes;
use crate::store::Sqlite;

/// The front desk of an agent.
pub(super) type TheDesk = FrontDesk<TheWorld, Sqlite, TheField, Register>;

/// The doors that are open.
pub(super) struct Doors {
    hooks: TcpListener,
    console: Option<(SocketAddr, TcpListener)>,
    metrics: Option<(SocketAddr, TcpListener)>,
    inboxes: Option<Arc<RealInboxes>>,
    tls: Option<Arc<Certificate>>,
}

impl Doors {
    /// Opens them, and beside them the one for commands on this host.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(super) async fn open(agent: &Agent) -> Result<(UnixListener, Self), Error> {
        let config = &agent.config;
        let socket = config.state.socket();
        let control = server::bind(&socket).tried(|| format!("cannot listen at `{}`", socket.display()))?;
        let hooks = bind(config.listen, "cannot listen at").await?;
        let tls = certificate(config)?;
        if let Some(tls) = &tls {
            agent.seen.certificate.get_or_init(|| Arc::clone(tls));
        }
        let console = match config.console {
            Some(address) => Some((address, bind(address, "cannot open the console at").await?)),
            None => None,
        };
        let metrics = match config.metrics {
            Some(address) => Some((address, bind(address, "cannot tell metrics at").await?)),
            None => None,
        };
        let inboxes = config.inboxes.as_deref().map(|root| {
            let opened = RealInboxes::open(root).map(Arc::new);
            opened.tried(|| format!("cannot open the inboxes `{}`", root.display())).map_err(|error| {
                error.help("Make the folder, for the agent to read and write, or take `inboxes` out of `agent.toml`.")
            })
        });
        Ok((control, Self { hooks, console, metrics, inboxes: inboxes.transpose()?, tls }))
    }

    /// Serves at each of them, and looks for what comes in by time, by asking and by file, until it is told to stop.
    pub(super) fn serve(self, agent: &Arc<Agent>, desk: &Arc<TheDesk>, stopped: &watch::Receiver<bool>) -> Tasks {
        let config = &agent.config;
        let entrance = |listener| Entrance::new(listener, self.tls.clone(), &config.proxies);
        let stop = || stopped.clone();
        let mut front = Tasks::default();
        let hosts = names(config, config.listen);
        front.spawn("hooks", listen::serve(entrance(self.hooks), hosts, Arc::clone(desk), stop()));
        if let Some((address, listener)) = self.console {
            let office = office::Bureau { agent: Arc::clone(agent), desk: Arc::clone(desk) };
            let console = Console::new(office, names(config, address), config.is_secure());
            front.spawn("console", console::serve(entrance(listener), console, stop()));
        }
        if let Some((address, listener)) = self.metrics {
            let hosts = names(config, address);
            front.spawn(
                "metrics",
                metrics::serve(entrance(listener), hosts, (Arc::clone(agent), Arc::clone(desk)), stop()),
            );
        }
        let (schedules, stopping) = (Arc::clone(desk), stop());
        front.spawn("schedules", async move { schedules.keep_schedules(stopping).await });
        front.spawn("polls", Arc::clone(desk).keep_polls(stop()));
        front.spawn("subscriptions", Arc::clone(desk).keep_subscriptions(stop()));
        let (chats, stopping, console) = (Arc::clone(desk), stop(), config.console_url());
        front.spawn("chats", async move {
            if let Err(error) = chats.keep_chats(console, stopping).await {
                tracing::error!(%error, "what chats were told cannot be read");
            }
        });
        let (woken, inboxes, folders, stopping) = (Arc::new(Notify::new()), self.inboxes, Arc::clone(desk), stop());
        let watched = config.inboxes.as_deref().and_then(|root| Watch::folders(root, Arc::clone(&woken)));
        front.spawn("inboxes", async move {
            folders.keep_inboxes(inboxes, woken, stopping).await;
            drop(watched);
        });
        front
    }
}

/// The front desk, with what it knows of questions and events so far.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn desk(agent: &Arc<Agent>) -> Result<Arc<TheDesk>, Error> {
    let itself = Itself { project: agent.pin.project, agent: agent.config.agent.clone() };
    let registry = Arc::new(Register(Arc::clone(agent)));
    let (world, engine, field) = (Arc::clone(&agent.world), Arc::clone(&agent.engine), Arc::clone(&agent.field));
    FrontDesk::open(world, engine, field, registry, itself).await.tried(|| "cannot open the front desk".into())
}

/// Answers commands on this host until the future is dropped.
pub(super) fn control(
    listener: UnixListener,
    agent: &Arc<Agent>,
    desk: &Arc<TheDesk>,
) -> impl Future<Output = ()> + Send + 'static {
    let starting = Arc::clone(desk);
    let starter = Box::new(move |task| starting.take_up(task));
    server::serve(listener, Arc::new(Clerk::new(Arc::clone(agent), desk.itself().clone(), starter)))
}

async fn bind(address: SocketAddr, cannot: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.tried(|| format!("{cannot} {address}"))
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
