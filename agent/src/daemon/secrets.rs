//! What the agent does about secrets besides using them: rotations that are under way, how old each is, what the APIs granted,
//! and what on-call must know of the vault.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::client::LEDGER;
use assent_schema::id::{ClientId, ConnectionId, PersonId, Scope, SlotId};
use assent_schema::status::{ScopeStatus, SlotStatus};

use super::agent::Agent;
use super::hold::NotHeld;
use super::vaults::TheVault;
use crate::control::form::Form;
use crate::run::{NotRotated, OfClient, Rotation};
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::vault::rotate::{Due, due, how_due};
use crate::vault::{PREVIOUS, Secret, SlotPath, Vault as _, VaultError, tripwire};
use crate::watch::{self, Condition};
use crate::world::Clock as _;

/// The rules of alerts that stand as long as their condition does.
const RULES: [Rule; 8] = [
    Rule::RotationDue,
    Rule::RotationOverdue,
    Rule::ConsentNeeded,
    Rule::CredentialEnds,
    Rule::ScopeWider,
    Rule::ScopeMissing,
    Rule::Vault,
    Rule::Secret,
];
/// How soon it is looked again while the vault does not open: somebody is putting it back.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A slot of a client, by its names.
pub(super) type Named = (ClientId, ConnectionId, SlotId);

impl Agent {
    /// Looks at everything about secrets, and tells on-call.
    pub(super) async fn look_at_secrets(&self) {
        if self.halted().is_some() {
            return;
        }
        let slots = self.client_slots();
        let boot = self.world.clock.boot();
        if self.field.vault_outage().is_some() {
            // Whether it is over, also where nobody needs a secret now.
            drop(self.field.opens_repository().await);
        }
        self.look_at_vault(&slots).await;
        let hourly = self.secrets.is_slot_look_due(boot, slots.len());
        lock(&self.secrets.misfits).retain(|named| slots.contains(named));
        lock(&self.secrets.ends).retain(|named, _| slots.contains(named));
        for (client, connection, slot) in &slots {
            let of = OfClient { client, connection, slot };
            if let Err(error) = self.look_at_one(of, hourly).await {
                tracing::debug!(slot = %of.path(), error = error.code(), "a slot could not be looked at");
                if let NotRotated::Vault(outage) = error
                    && outage.is_outage()
                {
                    // The others are no better off; on-call is to hear of it now.
                    let _heard = self.field.heard(Err::<(), _>(outage));
                    self.secrets.slots_at.store(0, Ordering::Relaxed);
                    break;
                }
            }
        }
        if self.field.vault_outage().is_none() && self.secrets.is_scope_look_due(boot) {
            let connections: BTreeSet<_> = slots.iter().map(|(client, connection, _)| (client, connection)).collect();
            for (client, connection) in connections {
                self.engine.keep_consent(client, connection).await;
                self.engine.look_at_scopes(client, connection).await;
            }
        }
        if let Err(error) = self.tell_of_secrets().await {
            tracing::error!(%error, "alerts about secrets could not be written");
        }
    }

    /// Looks whether the vault would open if the agent began now. What it read before it goes on with; what somebody put there
    /// meanwhile counts at once.
    async fn look_at_vault(&self, slots: &[Named]) {
        let vault = self.field.vault();
        let looked = vault.look();
        if looked == Ok(true) {
            tracing::info!("the vault's file holds other secrets than before: they count from now on");
            self.secrets_changed();
        }
        let mut fault = looked.err();
        if fault == Some(VaultError::Gone) {
            let had = |(client, connection, slot): &Named| {
                self.engine.standing(OfClient { client, connection, slot }).is_ok_and(|known| known.is_some())
            };
            // Before the first secret there is no file, and nothing is gone.
            let never = vault.slots().await.is_ok_and(|slots| slots.is_empty()) && !slots.iter().any(had);
            fault = fault.filter(|_| !never);
        }
        let before = std::mem::replace(&mut *lock(&self.secrets.fault), fault);
        if let Some(error) = fault.filter(|_| before != fault) {
            tracing::error!(
                code = error.code(),
                "the vault does not open: what was read before is used until a restart, or until it opens again"
            );
        }
    }

    /// How long to wait for the next look, where it is so long while all is well.
    pub(super) fn look_at_secrets_after(&self, every: Duration) -> Duration {
        if lock(&self.secrets.fault).is_some() { LOOK_AGAIN.min(every) } else { every }
    }

    /// Secrets were changed by a person: they are looked at again, and whoever waits for one goes on.
    pub(super) fn secrets_changed(&self) {
        self.secrets.slots_at.store(0, Ordering::Relaxed);
        self.engine.secrets_changed();
        self.secrets.news.notify_one();
    }

    async fn look_at_one(&self, of: OfClient<'_>, hourly: bool) -> Result<(), NotRotated> {
        let vault = self.field.vault();
        let _rotating = self.secrets.rotating.lock().await;
        match self.engine.go_on_rotating(&*vault, of).await? {
            Rotation::Refused(code) => self.rotation_failed(of, code).await?,
            Rotation::Done | Rotation::Both => self.news().notify_one(),
            Rotation::None if hourly => {
                let looked = self.engine.look_at_slot(&*vault, of).await;
                self.look_at_form(of, &vault).await;
                looked?;
                self.look_at_end(of, &vault).await?;
            }
            Rotation::Waits { .. } | Rotation::None => {}
        }
        Ok(())
    }

    /// Remembers whether the secret that counts can be one at all: what fills a vault of another kind asks nobody.
    async fn look_at_form(&self, of: OfClient<'_>, vault: &TheVault) {
        let misfit = match (self.form_of(&of.path()), vault.read(&of.path()).await) {
            (Some(form), Ok(secret)) => form.judge(secret.reveal()).is_err(),
            (None, _) | (_, Err(_)) => false,
        };
        let name: Named = (of.client.clone(), of.connection.clone(), of.slot.clone());
        let mut misfits = lock(&self.secrets.misfits);
        misfits.remove(&name);
        misfits.extend(misfit.then_some(name));
    }

    /// What a secret of a slot looks like; nothing where no release names the slot.
    pub(super) fn form_of(&self, path: &SlotPath) -> Option<Form> {
        match path {
            SlotPath::Repository => Some(Form::Free),
            SlotPath::Route(name) => {
                let routes = self.routes();
                let all = routes.all();
                all.iter().find(|(_, target)| target.name == *name).map(|(_, target)| Form::Route(target.via))
            }
            SlotPath::Client { client, connection, slot } => {
                let snapshot = self.field.snapshot();
                let facts = snapshot.clients.get(client)?;
                if connection.as_str() == LEDGER {
                    return facts.ledger.values().any(|holders| holders.branch.is_some()).then_some(Form::Free);
                }
                let of = facts.connections.get(connection)?;
                if of.auth.slot() == Some(slot) {
                    return Some(Form::Auth(Box::new(of.auth.clone())));
                }
                let name = slot.as_str().strip_suffix(PREVIOUS).unwrap_or(slot.as_str());
                let (_, named) = of.slots.iter().find(|(name_of, _)| name_of.as_str() == name)?;
                let plans = snapshot.plans.values().map(|live| live.plan.kept()).filter(|plan| plan.client == *client);
                let dialects =
                    || plans.filter_map(|plan| plan.read()).flat_map(|plan| plan.dialects(connection)).collect();
                Some(if named.webhook { Form::Webhook(dialects()) } else { Form::Free })
            }
        }
    }

    async fn rotation_failed(&self, of: OfClient<'_>, code: String) -> Result<(), StoreError> {
        let (client, connection) = (of.client.clone(), of.connection.clone());
        let failed = Condition::RotationFailed { client, connection, code };
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes.push(Write::Alert(watch::alert(&failed)));
        self.store.commit(transaction).await
    }

    /// The slots that a release names, webhooks' among them.
    pub(super) fn client_slots(&self) -> Vec<Named> {
        let snapshot = self.field.snapshot();
        let mut slots = Vec::new();
        for (client, facts) in &snapshot.clients {
            for (connection, of) in &facts.connections {
                slots.extend(of.slots.keys().map(|slot| (client.clone(), connection.clone(), slot.clone())));
            }
        }
        slots
    }

    /// All that the vault holds, in memory for as long as this lives.
    ///
    /// # Errors
    /// The vault does not answer.
    pub(super) async fn all_secrets(&self) -> Result<Vec<Secret>, VaultError> {
        let mut paths = vec![SlotPath::Repository];
        for (client, connection, slot) in self.client_slots() {
            let previous = SlotId::new(&format!("{slot}{PREVIOUS}")).ok();
            let slots = std::iter::once(slot).chain(previous);
            paths.extend(slots.map(|slot| SlotPath::new(client.clone(), connection.clone(), slot)));
        }
        let clients = self.field.snapshot();
        let routes: BTreeSet<_> =
            clients.clients.values().flat_map(|facts| &facts.routes).map(|route| &route.endpoint).collect();
        paths.extend(routes.into_iter().cloned().map(SlotPath::Route));
        let (vault, mut secrets) = (self.field.vault(), Vec::new());
        for path in paths {
            match self.field.heard(vault.read(&path).await) {
                Ok(secret) => secrets.push(secret),
                Err(error) if error.is_outage() => return Err(error),
                // Nothing is there, or nothing that can be read.
                Err(_) => {}
            }
        }
        Ok(secrets)
    }

    async fn tell_of_secrets(&self) -> Result<(), StoreError> {
        let mut conditions: Vec<Condition> = Vec::new();
        for slot in self.slot_statuses()? {
            let SlotStatus { client, connection, slot, since, every, .. } = slot;
            let Some(since) = since else { continue };
            match how_due(since, every, self.field.now()) {
                Due::Later => {}
                Due::Soon => conditions.push(Condition::RotationDue { client, connection, slot }),
                Due::Over => conditions.push(Condition::RotationOverdue { client, connection, slot }),
            }
        }
        for (client, connection) in self.engine.consents() {
            conditions.push(Condition::ConsentNeeded { client, connection });
        }
        conditions.extend(self.endings());
        for ((client, connection), granted) in self.engine.drift() {
            let (of, at) = (client.clone(), connection.clone());
            conditions.extend((!granted.more.is_empty()).then_some(Condition::ScopeWider { client, connection }));
            conditions
                .extend((!granted.fewer.is_empty()).then_some(Condition::ScopeMissing { client: of, connection: at }));
        }
        for (client, connection, slot) in lock(&self.secrets.misfits).iter().cloned() {
            conditions.push(Condition::Secret { client, connection, slot });
        }
        let outage = self.field.vault_outage().or(*lock(&self.secrets.fault));
        conditions.extend(outage.map(|error| Condition::Vault { code: error.code().to_owned() }));
        let mut transaction = Transaction::new(self.world.clock.now());
        transaction.writes = watch::settle(&self.store.alerts()?, &RULES, &conditions);
        let tripped = tripwire::tripped();
        if self.secrets.tripped.swap(tripped, Ordering::Relaxed) < tripped {
            transaction.writes.push(Write::Alert(watch::alert(&Condition::SecretInLog)));
        }
        if transaction.writes.is_empty() { Ok(()) } else { self.store.commit(transaction).await }
    }

    /// How old the secret of each slot is, and by when it is to be rotated.
    pub(super) fn slot_statuses(&self) -> Result<Vec<SlotStatus>, StoreError> {
        let snapshot = self.field.snapshot();
        let mut statuses = Vec::new();
        for (client, connection, slot) in self.client_slots() {
            let facts = snapshot.clients.get(&client).and_then(|facts| facts.connections.get(&connection));
            let Some(every) = facts.and_then(|facts| facts.slots.get(&slot)).map(|slot| slot.rotate) else { continue };
            let known = self.engine.standing(OfClient { client: &client, connection: &connection, slot: &slot })?;
            statuses.push(SlotStatus {
                since: known.as_ref().map(|known| known.since),
                due: known.as_ref().map(|known| due(known.since, every)),
                ends: self.end_of(&(client.clone(), connection.clone(), slot.clone())),
                rotating: known.is_some_and(|known| known.going.is_some()),
                every,
                client,
                connection,
                slot,
            });
        }
        Ok(statuses)
    }

    /// What the APIs granted beside what is needed.
    pub(super) fn scope_statuses(&self) -> Vec<ScopeStatus> {
        let fits = |names: &BTreeSet<String>| names.iter().filter_map(|name| Scope::new(name).ok()).collect();
        let drift = self.engine.drift().into_iter();
        drift
            .map(|((client, connection), granted)| ScopeStatus {
                client,
                connection,
                more: fits(&granted.more),
                fewer: fits(&granted.fewer),
            })
            .collect()
    }

    /// Whether somebody may have a new secret tested, before it is put beside the one that counts: there may be one already
    /// that is being tested.
    pub(super) fn may_rotate(&self, (client, connection, slot): &Named, by: &PersonId) -> Result<(), NotDone> {
        self.is_oncall(by).map_err(NotDone::Not)?;
        self.engine.may_be_rotated(OfClient { client, connection, slot }).map_err(NotDone::Rotated)
    }

    /// A person put a new secret beside the one that counts: it is tested and takes its place.
    pub(super) async fn rotate(&self, (client, connection, slot): &Named, by: &PersonId) -> Result<Rotation, NotDone> {
        self.is_oncall(by).map_err(NotDone::Not)?;
        let of = OfClient { client, connection, slot };
        let vault = self.field.vault();
        let _rotating = self.secrets.rotating.lock().await;
        let rotation = self.engine.begin_rotation(&*vault, of, by.clone()).await.map_err(NotDone::Rotated)?;
        self.secrets.news.notify_one();
        self.news().notify_one();
        Ok(rotation)
    }
}

/// Why nothing was rotated.
pub(super) enum NotDone {
    /// The person may not.
    Not(NotHeld),
    /// It cannot be done.
    Rotated(NotRotated),
}

impl NotRotated {
    /// Its code in logs.
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Untestable(_) => "untestable",
            Self::Vault(error) => error.code(),
            Self::Store(_) => "store",
        }
    }

    /// What a person is told: what is wrong and what to do.
    pub(super) fn sentences(&self) -> (String, &'static str) {
        match self {
            Self::Unknown => ("there is no such slot here".to_owned(), "`assent-agent status` lists the slots."),
            Self::Untestable(None) => (
                "nothing tells whether the API takes this secret".to_owned(),
                "Name a read without parameters as `auth.test` of the integration, one that a workflow of the client calls; \
                 or put the secret there at once: `assent-agent vault set`.",
            ),
            Self::Untestable(Some(test)) => (
                format!(
                    "`{test}` tells whether the API takes this secret, and no workflow that runs here for the client calls it"
                ),
                "Call it in a workflow, or name as `auth.test` a read without parameters that one calls; or put the secret \
                 there at once: `assent-agent vault set`.",
            ),
            Self::Vault(VaultError::Missing) => {
                ("the slot is empty".to_owned(), "Put the first secret there: `assent-agent vault set`.")
            }
            Self::Vault(error) => (error.to_string(), "The old secret counts. Ask again when the vault works."),
            Self::Store(error) => (error.to_string(), "The old secret counts. Look at the agent's log."),
        }
    }
}
