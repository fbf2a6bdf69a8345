//! Which plan runs when: two releases, a rollback between them, and a withdrawal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_agent::run::Compiled;
use assent_agent::world::Wall;
use assent_schema::canon;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, WorkflowId};
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

fn read<T: serde::de::DeserializeOwned + serde::Serialize>(file: &str) -> T {
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

    /// How long nothing fails and nobody kills the agent, from the beginning on.
    pub(crate) fn calm(&self) -> Duration {
        self.span / 5
    }

    /// How many of the five stages have begun: the first release, the second, a rollback, the third release, a withdrawal.
    pub(crate) fn stage(&self, now: Wall) -> usize {
        usize::try_from((self.percent(now) / 20).min(4)).unwrap()
    }

    /// Which version a stage releases; nothing when it is the rollback.
    pub(crate) fn version_of(stage: usize) -> Option<usize> {
        [Some(0), Some(1), None, Some(2), Some(2)][stage]
    }

    /// Whether the client withdrew its approval.
    pub(crate) fn is_withdrawn(&self, client: &str, workflow: &str, now: Wall) -> bool {
        (client, workflow) == WITHDRAWN && self.percent(now) >= 80
    }
}
