//! Which plan runs when: two releases, a rollback between them, and a withdrawal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_agent::run::{Compiled, Deployed, Permission, Use};
use assent_agent::sim::SimWorld;
use assent_agent::vault::{Secret, VaultError};
use assent_agent::world::{Clock as _, Wall};
use assent_schema::canon::{self, Digest};
use assent_schema::client::{ClientFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId, SlotId, WorkflowId};
use assent_schema::plan::Plan;

/// Client, workflow, whose plan it is, and how many of a hundred events are its own. The third client is the first one's twin.
pub(crate) const WORKFLOWS: [(&str, &str, &str, usize); 5] = [
    ("acme", "refund", "acme", 35),
    ("acme", "reply", "acme", 25),
    ("borealis", "failed-payment", "borealis", 20),
    ("borealis", "chase", "borealis", 2),
    ("cumulus", "refund", "acme", 18),
];

/// The workflow that goes back to the plan before, and the one that its client withdraws.
pub(crate) const ROLLED_BACK: (&str, &str) = ("acme", "refund");
pub(crate) const WITHDRAWN: (&str, &str) = ("cumulus", "refund");

/// How many plans each workflow has in turn: what runs at first, and two releases.
const VERSIONS: usize = 3;

/// Every plan and client that there is.
pub(crate) struct Field {
    pub(crate) plans: BTreeMap<(ClientId, WorkflowId), Vec<Arc<Compiled>>>,
    pub(crate) clients: BTreeMap<ClientId, Arc<ClientFacts>>,
    pub(crate) begin: Wall,
    pub(crate) span: Duration,
}

fn read<T: serde::de::DeserializeOwned>(file: &str) -> T {
    let path = format!("{}/../agent/tests/plans/{file}.json", env!("CARGO_MANIFEST_DIR"));
    canon::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

impl Field {
    pub(crate) fn new(begin: Wall, span: Duration) -> Self {
        let (mut plans, mut clients) = (BTreeMap::new(), BTreeMap::new());
        for (client, workflow, of, _) in WORKFLOWS {
            let id: ClientId = client.parse().unwrap();
            let facts: ClientFacts = read(&format!("{of}.client"));
            clients.insert(id.clone(), Arc::new(ClientFacts { client: id.clone(), ..facts }));
            let known: Plan = read(&format!("{of}.{workflow}.plan"));
            let version = |number: usize| {
                let summary = format!("{}, release {number}", known.summary);
                let plan = Plan { client: id.clone(), summary, ..known.clone() };
                let (_, digest) = plan.to_bytes().unwrap();
                Arc::new(Compiled::new(Arc::new(plan), digest).unwrap())
            };
            plans.insert((id.clone(), workflow.parse().unwrap()), (0..VERSIONS).map(version).collect());
        }
        Self { plans, clients, begin, span }
    }

    /// How much of the span is over, in percent.
    fn percent(&self, now: Wall) -> u128 {
        now.since(self.begin).as_millis() * 100 / self.span.as_millis()
    }

    /// Which of its plans a workflow begins runs with.
    pub(crate) fn version(&self, client: &str, workflow: &str, now: Wall) -> usize {
        match self.percent(now) {
            0..=19 => 0,
            40..=59 if (client, workflow) == ROLLED_BACK => 0,
            20..=59 => 1,
            _ => 2,
        }
    }

    /// Whether the client withdrew its approval.
    pub(crate) fn is_withdrawn(&self, client: &str, workflow: &str, now: Wall) -> bool {
        (client, workflow) == WITHDRAWN && self.percent(now) >= 80
    }
}

/// The field as an agent sees it at its time.
pub(crate) struct Seen(pub(crate) Arc<Field>, pub(crate) SimWorld);

impl Deployed for Seen {
    fn active(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>> {
        let version = self.0.version(client.as_str(), workflow.as_str(), self.1.now());
        self.0.plans.get(&(client.clone(), workflow.clone()))?.get(version).cloned()
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        self.0.plans.values().flatten().find(|plan| plan.digest == *digest).cloned()
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.0.clients.get(client).cloned()
    }

    fn endpoint(&self, client: &ClientId, connection: &ConnectionId) -> Option<Endpoint> {
        let region = self.0.clients.get(client)?.region.clone();
        Some(Endpoint { url: format!("https://{connection}.example"), region, sandbox: true })
    }

    async fn secret(&self, _: &ClientId, _: &ConnectionId, _: &SlotId) -> Result<Secret, VaultError> {
        Secret::new(b"played".to_vec())
    }

    fn permission(&self, of: &Use<'_>) -> Permission {
        let withdrawn = self.0.is_withdrawn(of.client.as_str(), of.workflow.as_str(), self.1.now());
        if withdrawn { Permission::Stopped("withdrawn") } else { Permission::Go }
    }

    fn ended(&self, _: &ClientId, _: &WorkflowId, _: &Digest, _: bool, _: Duration) {}
}
