//! Drives rotations: what [`rotate`](crate::vault::rotate) says is next is done, and what was found is durable before what
//! rests on it. A person, or time, begins one; every step may be the last before a crash.
//!
//! # Source
//! engine.md section 4. Promise P08.

use std::collections::BTreeMap;

use assent_schema::client::{Auth, ConnectionFacts};
use assent_schema::id::{ClientId, ConnectionId, OperationRef, PersonId, SlotId};
use assent_schema::plan::Failure;
use assent_schema::time::Moment;

use super::{Deployed, Engine, Reach, Unreachable};
use crate::request::keyed::{Purpose, keyed};
use crate::request::oauth::{self, Grant};
use crate::request::{self, Call, Failed};
use crate::store::{Log, Note, Store, StoreError, Transaction, Write};
use crate::vault::rotate::{Action, Going, Stage, Standing, Tested};
use crate::vault::{PREVIOUS, Secret, SlotPath, Vault, VaultError, tripwire};
use crate::world::{Clock as _, Net as _, World};

/// Where the store keeps what is known of a slot.
const STANDING: &str = "slot/";

/// A client's slot.
#[derive(Clone, Copy, Debug)]
pub struct OfClient<'a> {
    /// Whose.
    pub client: &'a ClientId,
    /// Of which connection.
    pub connection: &'a ConnectionId,
    /// Which of its slots.
    pub slot: &'a SlotId,
}

impl OfClient<'_> {
    /// Its path in a vault.
    pub fn path(self) -> SlotPath {
        SlotPath::new(self.client.clone(), self.connection.clone(), self.slot.clone())
    }
}

/// How a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The new secret counts.
    Done,
    /// The new secret counts, and so does the one before: senders of webhooks are told of the new one afterwards.
    Both,
    /// The API does not take the new secret, with the code of its answer; the old one counts.
    Refused(String),
    /// Nobody knows yet; the old one counts until then.
    Waits {
        /// Not before then it is tested again.
        until: Moment,
        /// Why it could not be tested.
        code: String,
    },
    /// There is none.
    None,
}

/// Why nothing was rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRotated {
    /// There is no such client, connection or slot here.
    Unknown,
    /// Nothing tells whether the API takes the secret: the integration names no test, or the one that it names is called by
    /// no workflow that runs here.
    Untestable(Option<OperationRef>),
    /// The vault does not do it.
    Vault(VaultError),
    /// What is known of the slot cannot be read or written.
    Store(StoreError),
}

impl From<VaultError> for NotRotated {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<StoreError> for NotRotated {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a test found.
struct Found {
    tested: Tested,
    code: String,
    /// The record that takes the place of the one that was tested: its refresh token was replaced.
    next: Option<Secret>,
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// What is known of a slot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn standing(&self, of: OfClient<'_>) -> Result<Option<Standing>, StoreError> {
        let Some(bytes) = self.store.state(&state(of))? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).or(Err(StoreError::Damaged("what is known of a secret")))
    }

    /// Looks which secret counts in a slot, and since when: another one than before was put there by a person, and is told.
    ///
    /// # Errors
    /// [`NotRotated::Vault`], [`NotRotated::Store`].
    pub async fn look_at_slot(&self, vault: &dyn Vault, of: OfClient<'_>) -> Result<Standing, NotRotated> {
        let known = self.standing(of)?;
        if let Some(known) = known.as_ref().filter(|known| known.going.is_some()) {
            return Ok(known.clone());
        }
        let mark = self.mark(&vault.read(&of.path()).await?);
        if let Some(known) = known.as_ref().filter(|known| known.mark == mark) {
            return Ok(known.clone());
        }
        let new = Standing { mark, since: self.world.clock().now().moment(), going: None };
        let mut writes = vec![written(of, &new)?];
        if known.is_some() {
            writes.push(rotated(of, None));
        }
        self.keep(writes).await?;
        Ok(new)
    }

    /// Whether there is such a slot, and a way to test what is put there.
    ///
    /// # Errors
    /// [`NotRotated::Unknown`], [`NotRotated::Untestable`]: no read of the API tells. A webhook's needs no test.
    pub fn may_be_rotated(&self, of: OfClient<'_>) -> Result<(), NotRotated> {
        let facts = self.deployed.client(of.client).ok_or(NotRotated::Unknown)?;
        let connection = facts.connections.get(of.connection).ok_or(NotRotated::Unknown)?;
        if !connection.slots.contains_key(of.slot) {
            return Err(NotRotated::Unknown);
        }
        if self.can_be_tested(of, connection) || is_webhook(of, connection) {
            return Ok(());
        }
        let test = connection.auth.test().filter(|_| connection.auth.slot() == Some(of.slot));
        let named = test.map(|test| OperationRef { connection: of.connection.clone(), operation: test.clone() });
        Err(NotRotated::Untestable(named))
    }

    /// Begins a rotation to the secret that stands beside the one that counts.
    ///
    /// # Errors
    /// [`NotRotated`]; then nothing changes.
    pub async fn begin_rotation(
        &self,
        vault: &dyn Vault,
        of: OfClient<'_>,
        by: PersonId,
    ) -> Result<Rotation, NotRotated> {
        self.may_be_rotated(of)?;
        vault.staged(&of.path()).await?;
        let known = self.look_at_slot(vault, of).await?;
        let going = if self.verifies(of) { Going::untested(by) } else { Going::begins(by) };
        self.keep(vec![written(of, &Standing { going: Some(going), ..known })?]).await?;
        self.go_on_rotating(vault, of).await
    }

    /// Does what is next until it is over or must wait.
    ///
    /// # Errors
    /// [`NotRotated::Vault`], [`NotRotated::Store`]: it is gone on with at the next look.
    ///
    /// # Crash
    /// A restart goes on.
    pub async fn go_on_rotating(&self, vault: &dyn Vault, of: OfClient<'_>) -> Result<Rotation, NotRotated> {
        let Some(Standing { going: Some(mut going), mark, since }) = self.standing(of)? else {
            return Ok(Rotation::None);
        };
        loop {
            let now = self.world.clock().now().moment();
            match going.next(now) {
                Action::Wait(until) => return Ok(Rotation::Waits { until, code: "waits".to_owned() }),
                Action::Take => {
                    self.take(vault, of, &going.by).await?;
                    return Ok(if self.verifies(of) { Rotation::Both } else { Rotation::Done });
                }
                Action::Test => {
                    let staged = match vault.staged(&of.path()).await {
                        Err(VaultError::Missing) => return self.give_back(vault, of, "secret_missing").await,
                        staged => staged?,
                    };
                    let found = self.probe(of, &staged).await;
                    if let Some(next) = found.next {
                        // The one that was tested is worth nothing any more.
                        vault.stage(&of.path(), next).await?;
                    }
                    let Some(next) = going.after(&found.tested, now) else {
                        return self.give_back(vault, of, &found.code).await;
                    };
                    let known = Standing { mark, since, going: Some(next.clone()) };
                    self.keep(vec![written(of, &known)?]).await?;
                    if let (Stage::Set, Some(until)) = (next.stage, next.not_before) {
                        return Ok(Rotation::Waits { until, code: found.code });
                    }
                    going = next;
                }
            }
        }
    }

    /// The new secret takes the place of the old one.
    async fn take(&self, vault: &dyn Vault, of: OfClient<'_>, by: &PersonId) -> Result<(), NotRotated> {
        let path = of.path();
        let current = vault.read(&path).await?;
        let counts = match vault.staged(&path).await {
            Ok(staged) if staged.reveal() == current.reveal() => current,
            Ok(staged) => {
                if let (true, Some(previous)) = (self.verifies(of), previous(of)) {
                    // Before the new one stands there: until its sender knows that one, events are signed with this one.
                    vault.set(&previous, current).await?;
                }
                vault.renew(&path, staged.clone()).await?;
                staged
            }
            // It was taken, and this is said for the first time.
            Err(VaultError::Missing) => current,
            Err(error) => return Err(error.into()),
        };
        vault.unstage(&path).await?;
        let new = Standing { mark: self.mark(&counts), since: self.world.clock().now().moment(), going: None };
        self.keep(vec![written(of, &new)?, rotated(of, Some(by))]).await?;
        // The next request of the connection gets another token, by the new secret.
        self.tokens.forget(of.client, of.connection);
        Ok(())
    }

    /// The new secret is forgotten; the old one stays.
    async fn give_back(&self, vault: &dyn Vault, of: OfClient<'_>, code: &str) -> Result<Rotation, NotRotated> {
        vault.unstage(&of.path()).await?;
        if let Some(known) = self.standing(of)? {
            self.keep(vec![written(of, &Standing { going: None, ..known })?]).await?;
        }
        Ok(Rotation::Refused(code.to_owned()))
    }

    /// Whether webhooks are verified with the secret of a slot.
    fn verifies(&self, of: OfClient<'_>) -> bool {
        let facts = self.deployed.client(of.client);
        let connection = facts.as_ref().and_then(|facts| facts.connections.get(of.connection));
        connection.is_some_and(|connection| is_webhook(of, connection))
    }

    /// Whether something tells if the API takes a secret: its token endpoint, or the read that the catalog names.
    fn can_be_tested(&self, of: OfClient<'_>, connection: &ConnectionFacts) -> bool {
        if connection.auth.slot() != Some(of.slot) {
            return false;
        }
        connection.auth.token().is_some() || self.test_of(of, &connection.auth).is_some()
    }

    fn test_of(&self, of: OfClient<'_>, auth: &Auth) -> Option<(OperationRef, std::sync::Arc<super::Compiled>)> {
        let name = OperationRef { connection: of.connection.clone(), operation: auth.test()?.clone() };
        let compiled = self.deployed.read_operation(of.client, &name)?;
        Some((name, compiled))
    }

    /// Asks the API whether it takes a secret.
    async fn probe(&self, of: OfClient<'_>, secret: &Secret) -> Found {
        match self.try_out(of, secret).await {
            Ok(next) => Found { tested: Tested::Works, code: "ok".to_owned(), next },
            Err(failed) => {
                let tested = if failed.is_passing() { Tested::Unsure } else { Tested::Refused };
                Found { tested, code: failed.code, next: None }
            }
        }
    }

    async fn try_out(&self, of: OfClient<'_>, secret: &Secret) -> Result<Option<Secret>, Failed> {
        let never = |code: &str| Failed::with_code(Failure::Permanent, code);
        let later = |code: &str| Failed::with_code(Failure::Transient, code);
        // What left the release while the rotation waited may come back.
        let lacks = |what: Unreachable| later(what.code());
        let facts = self.deployed.client(of.client).ok_or_else(|| lacks(Unreachable::Client))?;
        let Reach { connection, endpoint } = self.deployed.reach(of.client, &facts, of.connection).map_err(lacks)?;
        if connection.auth.token().is_some() {
            let grant = Grant {
                client: of.client,
                name: of.connection,
                connection,
                endpoint: endpoint.token_url(),
                record: secret.reveal(),
            };
            let request = oauth::ask(&grant).map_err(|wrong| never(wrong.kind.code()))?;
            let answered = self.world.net().exchange(request).await.map_err(Failed::of_net)?;
            let token = oauth::read(&grant, &answered)?;
            return token.next.map(|next| Secret::new(next.into_inner())).transpose().map_err(|e| never(e.code()));
        }
        let (name, compiled) = self.test_of(of, &connection.auth).ok_or_else(|| lacks(Unreachable::Operation))?;
        let operation = compiled.plan.operations.get(&name).ok_or_else(|| lacks(Unreachable::Operation))?;
        let arguments = BTreeMap::new();
        let call = Call {
            client: of.client,
            reference: &name,
            operation,
            endpoint: &endpoint.url,
            connection,
            arguments: &arguments,
            secret: Some(secret.reveal()),
            idempotency: None,
            cursor: None,
        };
        let built = request::build(&call).map_err(|wrong| never(wrong.kind.code()))?;
        let answered = self.world.net().exchange(built.request).await.map_err(Failed::of_net)?;
        request::read(operation, &answered, tripwire::holds).map(|_| None)
    }

    /// By what the agent knows a secret again. Of a record only what a person gives: its refresh token is replaced by itself.
    pub(super) fn mark(&self, secret: &Secret) -> assent_schema::canon::Digest {
        let given = oauth::given(secret.reveal());
        let bytes = given.as_ref().map_or(secret.reveal(), |given| given.reveal().as_slice());
        keyed(self.agent_key.reveal(), Purpose::Secret, bytes)
    }

    async fn keep(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let at = self.world.clock().now();
        self.store.commit(Transaction { at, writes }).await
    }
}

fn is_webhook(of: OfClient<'_>, connection: &ConnectionFacts) -> bool {
    connection.slots.get(of.slot).is_some_and(|slot| slot.webhook)
}

/// Where the webhook secret before this one stands; nothing where the slot's name is too long for that.
fn previous(of: OfClient<'_>) -> Option<SlotPath> {
    let slot = SlotId::new(&format!("{}{PREVIOUS}", of.slot)).ok()?;
    Some(SlotPath::new(of.client.clone(), of.connection.clone(), slot))
}

fn state(of: OfClient<'_>) -> String {
    format!("{STANDING}{}", of.path())
}

fn written(of: OfClient<'_>, standing: &Standing) -> Result<Write, StoreError> {
    let value = serde_json::to_vec(standing).or(Err(StoreError::Damaged("what is known of a secret")))?;
    Ok(Write::State { name: state(of), value: Some(value) })
}

/// What the client's ledger says of a rotation.
fn rotated(of: OfClient<'_>, by: Option<&PersonId>) -> Write {
    let mut note = Note::new(Log::Client(of.client.clone()), "rotated")
        .fact("connection", of.connection.to_string())
        .fact("slot", of.slot.to_string());
    note.actor = by.cloned();
    Write::Note(Box::new(note))
}
