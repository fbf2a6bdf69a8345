//! One plan on stage: deployed, permitted, connected to hosts that do not exist.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::client::{Auth, ClientFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId, OperationRef, Region, SlotId, WorkflowId};
use assent_schema::time::Moment;

use crate::run::{Compiled, Deployed, Permission, Use, Went, is_plain_read};
use crate::store::{Books, LedgerRow, LedgerRows, Log, Note, StoreError};
use crate::sync::lock;
use crate::vault::{Secret, SlotPath, Vault, VaultError};
use crate::world::Wall;

/// The client's facts as they are deployed now, shared with who puts others there meanwhile.
#[derive(Clone)]
pub struct Newest(Arc<Mutex<Option<Arc<ClientFacts>>>>);

impl Newest {
    /// A release comes: with other facts of the client, or without the client.
    pub fn put(&self, facts: Option<Arc<ClientFacts>>) {
        *lock(&self.0) = facts;
    }

    fn get(&self) -> Option<Arc<ClientFacts>> {
        lock(&self.0).clone()
    }
}

/// A deployment of one plan.
pub struct Stage {
    compiled: Arc<Compiled>,
    facts: Newest,
    region: Region,
    vault: Option<Arc<dyn Vault>>,
    held: Option<(Moment, Moment)>,
}

/// What stands in every slot of a rehearsal: too short for the tripwire, which would find a longer word in the log.
const PLAYED: &[u8] = b"played";
/// The same for a slot that holds a user's name, too.
const PAIR: &[u8] = b"us:them";
/// The same for a slot that holds a record.
const RECORD: &[u8] = br#"{"client_id":"played","client_secret":"played","refresh_token":"played"}"#;

impl Stage {
    /// A plan with its client's facts.
    pub fn new(compiled: Arc<Compiled>, facts: Arc<ClientFacts>) -> Self {
        let region = facts.region.clone();
        Self { compiled, facts: Newest(Arc::new(Mutex::new(Some(facts)))), region, vault: None, held: None }
    }

    /// Where a later release puts the client's facts.
    pub fn newest(&self) -> Newest {
        self.facts.clone()
    }

    /// The same with a vault, for what is told of secrets.
    #[must_use]
    pub fn with_vault(self, vault: Arc<dyn Vault>) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// The same, with everything held from one instant to another.
    #[must_use]
    pub fn held(self, from: Moment, until: Moment) -> Self {
        Self { held: Some((from, until)), ..self }
    }
}

impl Deployed for Stage {
    fn active(&self, client: &ClientId, workflow: &WorkflowId) -> Option<Arc<Compiled>> {
        let plan = &self.compiled.plan;
        (plan.client == *client && plan.workflow == *workflow).then(|| Arc::clone(&self.compiled))
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        (self.compiled.digest == *digest).then(|| Arc::clone(&self.compiled))
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.facts.get().filter(|facts| facts.client == *client)
    }

    fn endpoint(&self, _: &ClientId, connection: &ConnectionId) -> Option<Endpoint> {
        Some(Endpoint {
            url: format!("https://{connection}.example"),
            tokens: None,
            region: self.region.clone(),
            sandbox: true,
        })
    }

    async fn secret(&self, client: &ClientId, name: &ConnectionId, slot: &SlotId) -> Result<Secret, VaultError> {
        let facts = self.facts.get();
        let auth = facts.as_ref().and_then(|facts| facts.connections.get(name)).map(|connection| &connection.auth);
        let played = match auth {
            Some(Auth::Basic { user: None, .. }) => PAIR,
            Some(auth) if auth.token().is_some() && self.vault.is_none() => RECORD,
            _ => PLAYED,
        };
        if let Some(vault) = &self.vault {
            match vault.read(&SlotPath::new(client.clone(), name.clone(), slot.clone())).await {
                Err(VaultError::Missing) => {}
                read => return read,
            }
        }
        Secret::new(played.to_vec())
    }

    async fn renew(
        &self,
        client: &ClientId,
        name: &ConnectionId,
        slot: &SlotId,
        record: Secret,
    ) -> Result<(), VaultError> {
        let Some(vault) = &self.vault else { return Ok(()) };
        vault.renew(&SlotPath::new(client.clone(), name.clone(), slot.clone()), record).await
    }

    fn read_operation(&self, client: &ClientId, name: &OperationRef) -> Option<Arc<Compiled>> {
        let here = self.compiled.plan.client == *client && is_plain_read(&self.compiled, name);
        here.then(|| Arc::clone(&self.compiled))
    }

    fn permission(&self, of: &Use<'_>) -> Permission {
        let is_held = self.held.is_some_and(|(from, until)| from <= of.now && of.now < until);
        if is_held { Permission::Held } else { Permission::Go }
    }

    fn ended(&self, _: &ClientId, _: &WorkflowId, _: &Digest, _: Went, _: Duration) {}
}

/// Books that number rows and keep nothing: rehearsals need no ledger.
#[derive(Default)]
pub struct NoBooks {
    sizes: BTreeMap<Log, u64>,
    kept: BTreeMap<Log, u64>,
}

impl NoBooks {
    /// Books that go on where the rows end.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    pub fn load(rows: &dyn LedgerRows) -> Result<Box<dyn Books>, StoreError> {
        let mut sizes = BTreeMap::new();
        for log in rows.logs()? {
            let size = rows.rows(&log, 0, usize::MAX)?.len();
            sizes.insert(log, u64::try_from(size).unwrap_or(u64::MAX));
        }
        Ok(Box::new(Self { kept: sizes.clone(), sizes }))
    }
}

impl Books for NoBooks {
    fn append(&mut self, at: Wall, _: Option<u64>, note: &Note) -> Result<LedgerRow, StoreError> {
        let size = self.sizes.entry(note.log.clone()).or_default();
        let index = *size;
        *size = size.saturating_add(1);
        Ok(LedgerRow { index, commitment: [0; 32], sealed: None, day: at.moment().day() })
    }

    fn keep(&mut self) {
        self.kept.clone_from(&self.sizes);
    }

    fn drop_back(&mut self) {
        self.sizes.clone_from(&self.kept);
    }
}
