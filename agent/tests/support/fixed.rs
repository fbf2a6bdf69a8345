//! The workflows of one client, mostly a single one, deployed: what engine and desk ask for in tests to which no release comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::desk::Registry;
use assent_agent::people::NotTaken;
use assent_agent::people::wire::Received;
use assent_agent::run::{Compiled, Deployed, Permission, Use, Went};
use assent_agent::vault::{Secret, VaultError};
use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId, PersonId, SlotId, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::trust::{PublicKey, SignedFile};

/// The plans of its workflows; there is at least one.
pub(crate) type Plans = Arc<Mutex<Vec<Arc<Compiled>>>>;

/// What is deployed, and what a test wants otherwise.
pub(crate) struct Fixed {
    /// Its plans, deployed one after the other; the last of each workflow is the one that runs.
    pub(crate) plans: Plans,
    pub(crate) facts: Arc<ClientFacts>,
    /// Where every connection leads.
    pub(crate) url: Option<String>,
    /// What stands in the slots, by `<connection>/<slot>`.
    pub(crate) secrets: &'static [(&'static str, &'static [u8])],
    /// A workflow of which no run may begin now.
    pub(crate) expected: Option<&'static str>,
    /// Who wrote the workflow.
    pub(crate) author: Option<&'static str>,
    /// Who of the agency may start runs.
    pub(crate) assigned: BTreeMap<PersonId, BTreeSet<PublicKey>>,
}

/// A plan with its expressions parsed.
pub(crate) fn compiled(plan: Plan) -> Arc<Compiled> {
    let digest = plan.to_bytes().expect("bytes").1;
    Arc::new(Compiled::new(Arc::new(plan), digest).unwrap_or_else(|_| panic!("a plan that runs")))
}

/// The one plan of a workflow.
pub(crate) fn only(compiled: Arc<Compiled>) -> Plans {
    Arc::new(Mutex::new(vec![compiled]))
}

impl Fixed {
    pub(crate) fn new(plans: Plans, facts: ClientFacts) -> Self {
        let (facts, assigned) = (Arc::new(facts), BTreeMap::new());
        Self { plans, facts, url: None, secrets: &[], expected: None, author: None, assigned }
    }
}

impl Deployed for Fixed {
    fn active(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>> {
        let plans = self.plans.lock().expect("a lock");
        plans.iter().rfind(|one| one.plan.client == *client && one.plan.workflow == *workflow).cloned()
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        self.plans.lock().expect("a lock").iter().find(|plan| plan.digest == *digest).cloned()
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        (self.facts.client == *client).then(|| Arc::clone(&self.facts))
    }

    fn endpoint(&self, _: &ClientId, _: &ConnectionId) -> Option<Endpoint> {
        let (url, region) = (self.url.clone()?, self.facts.region.clone());
        Some(Endpoint { url, tokens: None, region, sandbox: false })
    }

    async fn secret(&self, _: &ClientId, of: &ConnectionId, slot: &SlotId) -> Result<Secret, VaultError> {
        let slot = format!("{of}/{slot}");
        let secret = self.secrets.iter().find(|(name, _)| *name == slot);
        secret.map_or(Err(VaultError::Missing), |(_, secret)| Secret::new(secret.to_vec()))
    }

    fn permission(&self, _: &Use<'_>) -> Permission {
        Permission::Go
    }

    fn ended(&self, _: &ClientId, _: &WorkflowId, _: &Digest, _: Went, _: Duration) {}
}

impl Registry for Fixed {
    fn active(&self) -> Vec<(ClientId, WorkflowId)> {
        let plans = self.plans.lock().expect("a lock");
        let all: BTreeSet<_> = plans.iter().map(|one| (one.plan.client.clone(), one.plan.workflow.clone())).collect();
        all.into_iter().collect()
    }

    fn expects(&self, client: &ClientId, workflow: &WorkflowId) -> bool {
        self.facts.client == *client && self.expected == Some(workflow.as_str())
    }

    fn approvers(&self, _: &ClientId) -> Option<Digest> {
        Some(Digest::from_bytes([2; 32]))
    }

    fn authors(&self, _: &ClientId, _: &Digest) -> BTreeSet<PersonId> {
        self.author.into_iter().map(|author| author.parse().expect("a person")).collect()
    }

    fn assigned(&self, _: &ClientId) -> BTreeMap<PersonId, BTreeSet<PublicKey>> {
        self.assigned.clone()
    }

    /// Whose name stands in the file, if that is who signed it.
    fn vouched(&self, signed: &SignedFile) -> Result<ClientId, NotTaken> {
        let client = std::str::from_utf8(&signed.bytes).ok().and_then(|text| text.parse().ok());
        let by = signed.signatures.keys().next().map(|person| person.as_str().to_owned());
        client.filter(|client: &ClientId| by.as_deref() == Some(client.as_str())).ok_or(NotTaken::BadStatement)
    }

    fn take_statement(&self, signed: SignedFile) -> impl Future<Output = Result<Received, NotTaken>> + Send {
        std::future::ready(Ok(Received { statement: Digest::of_file(&signed.bytes), known: false }))
    }
}
