//! The loops of the agent, which turn until it stops: what time, ends of runs, secrets and alerts ask of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use tokio::sync::mpsc::UnboundedReceiver;

use super::agent::Agent;
use super::tasks::Tasks;
use super::{heartbeat, holders, host, pruning, publishing, pulls, traces, watching};
use crate::deploy::live::EndedRun;
use crate::run::{Deployed as _, acceptance, unsettled};
use crate::store::{RunId, Store as _};
use crate::watch::{GoesBack, Teller, ToldSecret, deliver_due};
use crate::world::Clock as _;

/// How often time alone is looked at: approvals that expire, freezes and trials that end.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Ends of runs that are counted together at most.
const COUNTED_MOST: usize = 1_024;
/// How often alerts that are due are delivered.
const ALERT_EVERY: Duration = Duration::from_secs(1);
/// How often the service manager hears that the agent lives.
const WATCHDOG_EVERY: Duration = Duration::from_secs(10);

/// Starts them all.
pub(super) fn spawn(agent: &Arc<Agent>, ended: UnboundedReceiver<EndedRun>, notify: Option<PathBuf>) -> Tasks {
    let mut loops = Tasks::default();
    loops.spawn("pulls", pulls::pulling(Arc::clone(agent)));
    loops.spawn("ends of runs", counting(Arc::clone(agent), ended));
    loops.spawn("secrets", keeping_secrets(Arc::clone(agent)));
    loops.spawn("time", looking(Arc::clone(agent)));
    loops.spawn("alerts", alerting(Arc::clone(agent)));
    loops.spawn("watch", watching::watching(Arc::clone(agent)));
    loops.spawn("heartbeat", heartbeat::beating(Arc::clone(agent)));
    loops.spawn("traces", traces::telling(Arc::clone(agent)));
    loops.spawn("publishing", publishing::publishing(Arc::clone(agent)));
    loops.spawn("holders", holders::sharing(Arc::clone(agent)));
    loops.spawn("pruning", pruning::pruning(Arc::clone(agent)));
    loops.spawn("watchdog", watchdog(notify));
    // Those that sleep before their first turn are no less well for it.
    for name in heartbeat::LOOPS {
        agent.seen.turned(name, agent.world.clock.boot());
    }
    loops
}

/// Counts the ends of runs for trials: all that came while the ones before were made durable, in one transaction.
async fn counting(agent: Arc<Agent>, mut ended: UnboundedReceiver<EndedRun>) {
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
            () = tokio::time::sleep(agent.look_at_secrets_after(LOOK_EVERY)) => {}
            () = agent.secrets.news.notified() => {}
        }
    }
}

/// Delivers alerts.
async fn alerting(agent: Arc<Agent>) {
    loop {
        let routes = agent.routes();
        let (world, store) = (&*agent.world, &*agent.store);
        let (console, config) = (agent.config.console_url(), agent.config.flag());
        let secrets = |route: &ConnectionId| -> ToldSecret<'_> { Box::pin(agent.field.route_secret(route.clone())) };
        let goes_back = |client: &ClientId, workflow: &WorkflowId| -> GoesBack<'_> {
            let (place, board) = ((client.clone(), workflow.clone()), &agent.board);
            Box::pin(async move { board.lock().await.workflows().get(&place)?.goes_back() })
        };
        // Of a run whose plan or journal is gone nobody says that it cannot go on.
        let may_retry = |run: RunId| {
            let rows = store.journal(run).unwrap_or_default();
            let compiled = acceptance(&rows).and_then(|accepted| agent.field.plan(&accepted.plan));
            compiled.is_none_or(|compiled| unsettled(&rows, &compiled.plan).is_none())
        };
        let (goes_back, config, console) = (&goes_back, config.as_deref(), console.as_deref());
        let teller = Teller {
            goes_back,
            may_retry: &may_retry,
            config,
            console,
            ..Teller::new(&routes, &agent.config.agent, &secrets)
        };
        match deliver_due(world, store, &teller).await {
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
