//! An agent's front desk and engine over the real world: real HTTP, SQLite with `synchronous=FULL`, sealed ledger.
//!
//! One client with as many workflows as events are under way at once, so that a sender knows the end of its run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use assent_agent::desk::{FrontDesk, Registry};
use assent_agent::kept::KeptPlan;
use assent_agent::ledger::{Ledgers, opened};
use assent_agent::listen;
use assent_agent::people::Itself;
use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::run::{Compiled, Deployed, Engine, Permission, Recent, Runnable, Use, Went};
use assent_agent::sim::NoBooks;
use assent_agent::store::{Log, Sqlite, Store as _, Transaction, Write};
use assent_agent::vault::HostKey;
use assent_agent::vault::{Secret, VaultError};
use assent_agent::world::Clock as _;
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoint};
use assent_schema::id::{AgentId, ClientId, ConnectionId, PersonId, ProjectName, SlotId, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::trust::PublicKey;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::figures::{self, Figures, Times};
use crate::load;

pub(crate) const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The key of the host on which the agents of the bench follow one another.
static HOST: LazyLock<Arc<HostKey>> = LazyLock::new(|| Arc::new(HostKey::generate()));
/// Before anything is counted: connections are made, caches are warm.
const WARM: Duration = Duration::from_millis(500);

/// What is deployed, and who waits for the ends of runs.
pub(crate) struct Deployment {
    secret: Secret,
    pub(crate) facts: Arc<ClientFacts>,
    plans: BTreeMap<WorkflowId, (Runnable, UnboundedSender<Instant>)>,
    recent: Recent,
    api: Endpoint,
}

/// Who waits for the ends of a workflow's runs.
pub(crate) type Ends = Vec<(String, UnboundedReceiver<Instant>)>;

impl Deployment {
    pub(crate) fn new(plans: impl IntoIterator<Item = Plan>, facts: ClientFacts, api: u16) -> (Self, Ends) {
        let (mut running, mut ends) = (BTreeMap::new(), Vec::new());
        for plan in plans {
            let (workflow, kept) = (plan.workflow.clone(), Arc::new(KeptPlan::of(&plan).expect("bytes")));
            let runnable = Runnable::new(kept).unwrap_or_else(|_| panic!("a plan that runs"));
            let (sender, receiver) = unbounded_channel();
            ends.push((workflow.to_string(), receiver));
            running.insert(workflow, (runnable, sender));
        }
        let url = format!("http://127.0.0.1:{api}");
        let api = Endpoint { url, tokens: None, region: "eu".parse().expect("a region"), sandbox: false };
        let secret = Secret::new(SECRET.to_vec()).unwrap_or_else(|error| panic!("{error}"));
        (Self { secret, facts: Arc::new(facts), plans: running, recent: Recent::default(), api }, ends)
    }
}

impl Deployed for Deployment {
    fn active(&self, _: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>> {
        self.plans.get(workflow)?.0.ready(&self.recent)
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        self.plans.values().find(|(plan, _)| plan.kept().digest == *digest)?.0.ready(&self.recent)
    }

    fn client(&self, _: &ClientId) -> Option<Arc<ClientFacts>> {
        Some(Arc::clone(&self.facts))
    }

    fn endpoint(&self, _: &ClientId, _: &ConnectionId) -> Option<Endpoint> {
        Some(self.api.clone())
    }

    async fn secret(&self, _: &ClientId, _: &ConnectionId, slot: &SlotId) -> Result<Secret, VaultError> {
        if matches!(slot.as_str(), "webhook" | "token") { Ok(self.secret.clone()) } else { Err(VaultError::Missing) }
    }

    fn permission(&self, _: &Use<'_>) -> Permission {
        Permission::Go
    }

    fn ended(&self, _: &ClientId, workflow: &WorkflowId, _: &Digest, went: Went, _: Duration) {
        assert_eq!(went, Went::Well, "a run failed");
        if let Some((_, sender)) = self.plans.get(workflow) {
            // The sender of events stops listening when its time is over.
            let _stopped = sender.send(Instant::now());
        }
    }
}

impl Registry for Deployment {
    fn active(&self) -> Vec<(ClientId, WorkflowId)> {
        self.plans.keys().map(|workflow| (self.facts.client.clone(), workflow.clone())).collect()
    }

    fn expects(&self, _: &ClientId, _: &WorkflowId) -> bool {
        false
    }

    fn approvers(&self, _: &ClientId) -> Option<Digest> {
        None
    }

    fn authors(&self, _: &ClientId, _: &Digest) -> BTreeSet<PersonId> {
        BTreeSet::new()
    }

    fn assigned(&self, _: &ClientId) -> BTreeMap<PersonId, BTreeSet<PublicKey>> {
        BTreeMap::new()
    }
}

pub(crate) fn facts(running: u32) -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {}, "people": {}, "routes": [],
        "connections": {"helpdesk": {"to": {"integration": {"name": "intercom"}}, "host": "127.0.0.1", "region": "eu",
            "private_addresses": true, "scopes": ["write_tickets"],
            "auth": {"kind": "header", "name": "Authorization", "prefix": "Bearer", "slot": "token"},
            "slots": {"webhook": {"rotate": "90d", "webhook": true}, "token": {"rotate": "90d"}}}},
        "limits": {"running": running, "waiting": 1_000_000},
    }))
    .expect("facts")
}

/// A webhook, one condition, one POST that changes something outside.
pub(crate) fn plan(workflow: &WorkflowId) -> Plan {
    let field = |at: &str, class: &str, shape: serde_json::Value| json!({"at": at, "shape": shape, "class": class, "written_by": "system"});
    let token = json!({"type": "token"});
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": workflow, "summary": "s", "purpose": "essential.service",
        "mode": "live",
        "trigger": {"kind": "webhook", "connection": "helpdesk", "event": "ticket.created", "dialect": "standard-webhooks",
            "matches": {"topic": "ticket.created"}, "record": "ticket",
            "fields": {"ticket_id": field("data.id", "reference", token.clone()),
                "priority": field("data.priority", "reference", token.clone()),
                "text": field("data.text", "content", json!({"type": "text", "most_bytes": 4_000}))}},
        "limits": {"timeout": "10m", "concurrency": 64}, "connections": {"helpdesk": {"integration": "intercom"}},
        "operations": {"helpdesk.add_note": {
            "record": "note", "method": "POST", "path": "/tickets/{id}/notes", "scopes": ["write_tickets"], "effect": "write",
            "encoding": "json", "most_bytes": 65_536, "timeout": "10s",
            "idempotency": {"place": "header", "at": "Idempotency-Key", "lives": "7d"},
            "params": {
                "id": {"place": "path", "at": "id", "shape": token, "class": "reference", "target": true},
                "body": {"place": "body", "at": "body", "shape": {"type": "text", "most_bytes": 4_000}, "class": "content"}},
            "response": {"id": field("id", "reference", token)}}},
        "steps": [{"id": "note", "when": "trigger.priority == 'high'", "action": {"kind": "call",
            "operation": "helpdesk.add_note", "with": {"id": "${trigger.ticket_id}", "body": "Seen: ${trigger.text}"},
            "retry": {"attempts": 3, "first": "1s", "most": "20s"}}}],
        "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

/// The same, but each run rests before it calls.
pub(crate) fn resting_plan(workflow: &WorkflowId, rests: &str) -> Plan {
    let mut plan = plan(workflow);
    let rest = json!({"id": "rest", "action": {"kind": "wait", "until": {"for": rests}}});
    plan.steps.insert(0, serde_json::from_value(rest).expect("a step"));
    plan.limits.concurrency = 1_000;
    plan
}

/// An agent on a folder of its own, served by the thread `agent` while it is kept.
struct Site {
    address: std::net::SocketAddr,
    store: Arc<Sqlite>,
    ends: Ends,
    stop: watch::Sender<bool>,
    serving: std::thread::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new(workflows: usize, api: u16, ledger: bool) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let plans = (0..workflows).map(|n| plan(&WorkflowId::new(&format!("note-{n}")).expect("an id")));
        let (deployment, ends) = Deployment::new(plans, facts(256), api);
        let deployment = Arc::new(deployment);
        let store = Arc::new(store(folder.path(), ledger));
        let world = Arc::new(world(folder.path(), api));
        let (stop, stopped) = watch::channel(false);
        let (told, address) = std::sync::mpsc::channel();
        let serving = serve(world, Arc::clone(&store), deployment, told, stopped);
        let address = address.recv().expect("an agent that starts");
        Self { address, store, ends, stop, serving, _folder: folder }
    }
}

/// The real world, from which one port of loopback is reached.
pub(crate) fn world(folder: &Path, api: u16) -> Real {
    let net = RealNet::new(tls::connector(&[]).expect("roots"));
    let mut egress = Egress::default();
    let (client, connection) = (ClientId::new("acme").expect("an id"), ConnectionId::new("helpdesk").expect("an id"));
    egress.allow(&client, &connection, "127.0.0.1", api);
    net.permit(egress);
    Real {
        clock: RealClock,
        dice: RealDice,
        net,
        disk: RealDisk::open(folder).expect("a folder"),
        keyring: RealKeyring::new("engine-bench"),
    }
}

/// The store of an agent, its ledger sealed under real day keys; or without one, to know what it costs.
pub(crate) fn store(folder: &Path, ledger: bool) -> Sqlite {
    if !ledger {
        return Sqlite::open(&folder.join("agent.db"), |rows| NoBooks::load(rows)).expect("a store");
    }
    let disk = Arc::new(RealDisk::open(folder).expect("a folder"));
    let parts = (disk, RealDice, Arc::clone(&HOST));
    let (project, agent) = (ProjectName::new("harbor").expect("an id"), AgentId::new("eu-1").expect("an id"));
    let open = |rows: &dyn assent_agent::store::LedgerRows| {
        Ok(Box::new(Ledgers::load(project, agent, parts, rows)?) as Box<dyn assent_agent::store::Books>)
    };
    Sqlite::open(&folder.join("agent.db"), open).expect("a store")
}

/// One thread drives everything, as in the agent.
fn serve(
    world: Arc<Real>,
    store: Arc<Sqlite>,
    deployment: Arc<Deployment>,
    told: std::sync::mpsc::Sender<std::net::SocketAddr>,
    stopped: watch::Receiver<bool>,
) -> std::thread::JoinHandle<()> {
    let work = async move {
        let log = Log::Client(deployment.facts.client.clone());
        let note = Write::Note(Box::new(opened(log, Digest::of_file(b"root"), Vec::new())));
        store.commit(Transaction::new(RealClock.now()).with(note)).await.expect("a ledger");
        let engine = Engine::open(Arc::clone(&world), store, Arc::clone(&deployment)).await.expect("an engine");
        let itself = Itself { project: Digest::of_file(b"root"), agent: AgentId::new("eu-1").expect("an id") };
        let registry = Arc::clone(&deployment);
        let desk = FrontDesk::open(world, engine, deployment, registry, itself).await.expect("a desk");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        told.send(listener.local_addr().expect("an address")).expect("a listener");
        listen::serve(listener, vec!["127.0.0.1".to_owned()], Arc::clone(&desk), stopped).await;
        desk.drain().await;
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::Builder::new().name("agent".into()).spawn(move || runtime().block_on(work)).expect("a thread")
}

/// Measures a fresh agent with so many events under way at once, with its ledger or without.
pub(crate) fn measure(at_once: usize, seconds: u64, ledger: bool) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = api.local_addr().expect("an address").port();
        tokio::spawn(load::answer(api));
        let mut site = Site::new(at_once, port, ledger);
        let begin = Instant::now() + WARM;
        let until = begin + Duration::from_secs(seconds);
        let senders: Vec<_> = std::mem::take(&mut site.ends)
            .into_iter()
            .map(|(workflow, ends)| tokio::spawn(load::send(site.address, workflow, ends, until)))
            .collect();
        tokio::time::sleep_until(begin.into()).await;
        let before = (site.store.commits(), figures::written(), figures::cpu(&["agent", "store"]));
        tokio::time::sleep_until(until.into()).await;
        let after = (site.store.commits(), figures::written(), figures::cpu(&["agent", "store"]));
        let resident = figures::resident(std::process::id());
        let mut runs = Vec::new();
        for sender in senders {
            runs.extend(sender.await.expect("a sender"));
        }
        site.stop.send_replace(true);
        site.serving.join().expect("an agent that stops");
        runs.retain(|run| run.began + run.ended >= begin && run.began + run.ended < until);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let per_run = |count: u64| count as f64 / runs.len() as f64;
        let micros = u64::try_from((after.2.saturating_sub(before.2)).as_micros()).expect("a short time");
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let runs_per_second = runs.len() as f64 / seconds as f64;
        Figures {
            runs_per_second,
            commits_per_run: per_run(after.0 - before.0),
            bytes_per_run: per_run(after.1 - before.1),
            cpu_micros_per_run: per_run(micros),
            resident,
            told: Times::new(runs.iter().map(|run| run.told).collect()),
            ended: Times::new(runs.iter().map(|run| run.ended).collect()),
        }
    })
}
