//! Webhooks: the door, the signature, the fields, the run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assent_schema::expr::Value;
use assent_schema::id::{ClientId, ConnectionId, Name, SlotId, WorkflowId};
use assent_schema::plan::{Event as Awaited, Trigger};

use super::{FrontDesk, Registry};
use crate::accept::event::{self, Taken};
use crate::accept::form;
use crate::accept::{Authentic, Delivery, Refused, Scheme, Secrets, webhook};
use crate::listen::{Event, Receipt};
use crate::run::{Deployed, Heard, NewRun, OfClient};
use crate::store::{Log, Note, RunId, Store, StoreError, Transaction, TriggerKind, Write};
use crate::sync::lock;
use crate::vault::{PREVIOUS, PREVIOUS_LIVES, Secret, VaultError};
use crate::watch::{self, Condition};
use crate::world::{Clock as _, World};

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Judges an event and makes its run durable.
    pub(super) async fn hook(&self, event: Event) -> Receipt {
        let Event { client, workflow, headers, body } = event;
        let Some(compiled) = self.deployed.active(&client, &workflow) else {
            // A sender that hears of no such place may never come back; one that is told to wait does.
            let expected = self.registry.expects(&client, &workflow);
            return if expected { Receipt::Unavailable } else { Receipt::Unknown };
        };
        let trigger = &compiled.plan.trigger;
        let mut inside = match Inside::enter(self, &client) {
            Ok(inside) => inside,
            Err(after) => return Receipt::Busy { after },
        };
        let delivery = Delivery { headers: &headers, body: body.reveal() };
        // Runs that are under way come first: an event may end one and begin another.
        let heard = match self.overhear(&mut inside, (&workflow, trigger), delivery).await {
            Ok(heard) => heard,
            Err(receipt) => return receipt,
        };
        let Trigger::Webhook { connection, dialect, header, hmac, .. } = trigger else {
            return match (heard.is_empty(), compiled.plan.listens()) {
                (false, _) => Receipt::Heard,
                (true, true) => Receipt::Ignored,
                (true, false) => Receipt::Unknown,
            };
        };
        let scheme = Scheme { dialect: *dialect, header: header.as_deref(), hmac: hmac.as_deref() };
        let key = self.webhook_key(&client, &workflow);
        let authentic = match self.check(&client, connection, scheme, delivery, &key).await {
            // Nobody knows whether it is genuine: the sender is to come again.
            Err(NotChecked::Later) => return Receipt::Unavailable,
            Err(NotChecked::Refused(_)) if !heard.is_empty() => return Receipt::Heard,
            Err(NotChecked::Refused(refused)) => {
                tracing::warn!(%client, %workflow, code = refused.code(), "webhook refused");
                return Receipt::Refused(refused);
            }
            Ok(authentic) => authentic,
        };
        if let Err(after) = inside.count() {
            return Receipt::Busy { after };
        }
        let bodies = match form::events(*dialect, delivery.body) {
            Ok(bodies) => bodies,
            Err(_) if !heard.is_empty() => return Receipt::Heard,
            Err(refused) => return Receipt::Refused(refused),
        };
        let whole = Genuine { client: &client, workflow: &workflow, trigger, heard: &heard, key };
        let [body] = bodies.as_slice() else { return self.take_all(&whole, &authentic, &headers, &bodies).await };
        self.take_one(&whole, authentic, (0, Delivery { headers: &headers, body })).await
    }

    /// Takes the events of one delivery, each by itself and in their order, so that a run that one begins hears those behind it.
    /// Where one cannot be taken now the sender is to come again with all:
    /// those that were taken are known by what the catalog names.
    async fn take_all(
        &self,
        whole: &Genuine<'_>,
        authentic: &Authentic,
        headers: &[(String, Vec<u8>)],
        bodies: &[Cow<'_, [u8]>],
    ) -> Receipt {
        let mut told = Receipt::Ignored;
        for (place, body) in bodies.iter().enumerate() {
            let delivery = Delivery { headers, body };
            // What is known of the delivery is known of none of its events.
            let own = Authentic { keys: Vec::new(), ..authentic.clone() };
            match self.take_one(whole, own, (place, delivery)).await {
                later @ (Receipt::Busy { .. } | Receipt::Unavailable | Receipt::Unknown) => return later,
                taken @ Receipt::Accepted(_) => told = taken,
                known @ (Receipt::Duplicate(_) | Receipt::Heard) if matches!(told, Receipt::Ignored) => told = known,
                // What is refused was told to on-call; to hear of it again would help nobody.
                Receipt::Refused(refused) => self.counted.refused(whole.client, whole.workflow, refused.code()),
                Receipt::Duplicate(_) | Receipt::Heard | Receipt::Ignored | Receipt::Challenge(_) => {}
            }
        }
        told
    }

    /// Takes one event, where it stands in its delivery: for runs that are under way first.
    async fn take_one(
        &self,
        whole: &Genuine<'_>,
        authentic: Authentic,
        (place, delivery): (usize, Delivery<'_>),
    ) -> Receipt {
        let Genuine { client, workflow, trigger, heard, key } = *whole;
        let Trigger::Webhook { connection, once, .. } = trigger else { return Receipt::Ignored };
        let heard = match self.hear_own(whole, &authentic.id, (place, delivery)).await {
            Ok(own) => own || heard.contains(&place),
            Err(_) => return Receipt::Unavailable,
        };
        match event::take(trigger, delivery) {
            Err(_) | Ok(Taken::Other) if heard => Receipt::Heard,
            Err(refused) => {
                let field = event::misfit(trigger, delivery.body).map(|bad| bad.to_string());
                tracing::warn!(%client, %workflow, code = refused.code(), field, "webhook refused: a genuine event is lost");
                let (workflow, connection, code) = (workflow.clone(), connection.clone(), refused.code());
                let lost = Condition::EventLost { client: client.clone(), workflow, connection, code };
                let lost = Some(Write::Alert(watch::alert(&lost)));
                let dropped = self.drop_genuine(client, &authentic, code, lost).await;
                dropped.unwrap_or(Receipt::Refused(refused))
            }
            Ok(Taken::Other) => Receipt::Ignored,
            Ok(Taken::Challenge(text)) => Receipt::Challenge(text),
            Ok(Taken::Own) => {
                self.drop_genuine(client, &authentic, "own_event", None).await.unwrap_or(Receipt::Ignored)
            }
            Ok(Taken::Ours(fields)) => {
                let mut authentic = authentic;
                if let Some(value) =
                    once.as_ref().and_then(|once| event::once(&fields, once, &event::exact(trigger, delivery)))
                {
                    authentic.keys.push(webhook::once_key(&key, &value));
                    authentic.id = value;
                }
                self.begin(client.clone(), workflow.clone(), authentic, fields).await
            }
        }
    }

    /// Takes a genuine event of the trigger's own sender for the runs that are under way. False when it concerns none.
    async fn hear_own(
        &self,
        whole: &Genuine<'_>,
        id: &str,
        (place, delivery): (usize, Delivery<'_>),
    ) -> Result<bool, StoreError> {
        let Genuine { client, workflow, trigger, key, .. } = *whole;
        let listens = self.engine.listens(client, workflow);
        let Some(event) = listens.iter().find(|event| is_own(trigger, event)) else { return Ok(false) };
        let (connection, headers, body) = (&event.connection, Some(delivery.headers), delivery.body);
        self.engine.hear(&Heard { client, workflow, connection, headers, body, key: heard_key(&key, id, place) }).await
    }

    /// Takes a delivery for the runs that are under way, if one of the connections that they listen to signed it; where that is
    /// the trigger's own, each of its events is heard when it is taken. The places of the events that a run heard.
    async fn overhear(
        &self,
        inside: &mut Inside<'_, W, S, D, R>,
        (workflow, trigger): (&WorkflowId, &Trigger),
        delivery: Delivery<'_>,
    ) -> Result<BTreeSet<usize>, Receipt> {
        let client = inside.client;
        let key = self.webhook_key(client, workflow);
        let mut heard = BTreeSet::new();
        let mut tried: Vec<ConnectionId> = Vec::new();
        for event in self.engine.listens(client, workflow).into_iter().filter(|event| !is_own(trigger, event)) {
            if tried.contains(&event.connection) {
                continue;
            }
            tried.push(event.connection.clone());
            let (header, hmac) = (event.header.as_deref(), event.hmac.as_deref());
            let scheme = Scheme { dialect: event.dialect, header, hmac };
            let authentic = match self.check(client, &event.connection, scheme, delivery, &key).await {
                Ok(authentic) => authentic,
                Err(NotChecked::Later) => return Err(Receipt::Unavailable),
                Err(NotChecked::Refused(_)) => continue,
            };
            inside.count().map_err(|after| Receipt::Busy { after })?;
            let (connection, headers) = (&event.connection, Some(delivery.headers));
            for (place, body) in form::events(event.dialect, delivery.body).unwrap_or_default().iter().enumerate() {
                let known = heard_key(&key, &authentic.id, place);
                let event = Heard { client, workflow, connection, headers, body, key: known };
                if self.engine.hear(&event).await.or(Err(Receipt::Unavailable))? {
                    heard.insert(place);
                }
            }
        }
        Ok(heard)
    }

    pub(super) async fn check(
        &self,
        client: &ClientId,
        connection: &ConnectionId,
        scheme: Scheme<'_>,
        delivery: Delivery<'_>,
        key: &[u8; 32],
    ) -> Result<Authentic, NotChecked> {
        let facts = self.deployed.client(client).ok_or(Refused::BadSecret)?;
        let slots = facts.connections.get(connection).map(|connection| &connection.slots);
        let slot = slots.and_then(|slots| slots.iter().find(|(_, slot)| slot.webhook)).map(|(name, _)| name);
        let slot = slot.ok_or(Refused::BadSecret)?;
        let current = self.deployed.secret(client, connection, slot).await?;
        let previous = self.before(OfClient { client, connection, slot }).await?;
        let secrets = Secrets { current: current.reveal(), previous: previous.as_ref().map(Secret::reveal) };
        let now = self.world.clock().now().moment();
        Ok(webhook::verify(scheme, delivery, secrets, now, key)?)
    }

    /// The secret before the one that counts in a webhook's slot, while it counts too.
    async fn before(&self, of: OfClient<'_>) -> Result<Option<Secret>, NotChecked> {
        let Ok(slot) = SlotId::new(&format!("{}{PREVIOUS}", of.slot)) else { return Ok(None) };
        let known = self.engine.standing(of).or(Err(NotChecked::Later))?;
        let now = self.world.clock().now().moment();
        if known.is_some_and(|known| known.since.plus(PREVIOUS_LIVES) <= now) {
            return Ok(None);
        }
        match self.deployed.secret(of.client, of.connection, &slot).await {
            Err(error) if error.is_outage() => Err(NotChecked::Later),
            read => Ok(read.ok()),
        }
    }

    /// The run that a delivery to one of a client's workflows began, while its id is kept.
    pub(crate) fn delivered(&self, client: &ClientId, event: &str) -> Result<Option<RunId>, StoreError> {
        let active = self.registry.active().into_iter().filter(|(of, _)| of == client);
        for (client, workflow) in active {
            for key in webhook::keys_of(&self.webhook_key(&client, &workflow), event) {
                if let Some(run) = self.engine.store().delivered(&key)? {
                    return Ok(Some(run));
                }
            }
        }
        Ok(None)
    }

    /// A genuine event that begins nothing is dropped and recorded: our own connection caused it, or it cannot be read.
    /// Nothing where that is durable, with what on-call must hear of it.
    async fn drop_genuine(
        &self,
        client: &ClientId,
        authentic: &Authentic,
        code: &'static str,
        lost: Option<Write>,
    ) -> Option<Receipt> {
        let note = Note::new(Log::Client(client.clone()), "refused")
            .fact("code", code)
            .fact("digest", authentic.hash.to_string());
        let mut transaction = Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)));
        transaction.writes.extend(lost);
        let kept = self.engine.store().commit(transaction).await;
        kept.is_err().then_some(Receipt::Unavailable)
    }

    async fn begin(
        &self,
        client: ClientId,
        workflow: WorkflowId,
        authentic: Authentic,
        fields: BTreeMap<Name, Value>,
    ) -> Receipt {
        let new = NewRun {
            client,
            workflow,
            trigger: TriggerKind::Webhook,
            event: authentic.id,
            keys: authentic.keys,
            fields,
            writes: Vec::new(),
        };
        self.drive(self.engine.begin(new)).await
    }
}

/// A delivery that is genuine, and what it may begin.
#[derive(Clone, Copy)]
struct Genuine<'a> {
    client: &'a ClientId,
    workflow: &'a WorkflowId,
    trigger: &'a Trigger,
    /// The places of its events that a run heard which listens to another connection.
    heard: &'a BTreeSet<usize>,
    /// The workflow's key for hashes of webhooks.
    key: [u8; 32],
}

/// Whether what is said of an event to be heard is what the trigger says of its own: who signs it, and how.
fn is_own(trigger: &Trigger, event: &Awaited) -> bool {
    let Trigger::Webhook { connection, dialect, header, hmac, .. } = trigger else { return false };
    let signs = event.dialect == *dialect && event.header == *header && event.hmac == *hmac;
    event.connection == *connection && signs
}

/// By what an event of a delivery is known again that a run heard.
fn heard_key(key: &[u8; 32], delivery: &str, place: usize) -> [u8; 16] {
    let which = if place == 0 { String::new() } else { format!(" {place}") };
    webhook::once_key(key, &format!("heard {delivery}{which}"))
}

/// Why a delivery is not known to be genuine.
pub(super) enum NotChecked {
    /// It is not.
    Refused(Refused),
    /// The vault with the sender's secret cannot be used now.
    Later,
}

impl From<Refused> for NotChecked {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<VaultError> for NotChecked {
    fn from(error: VaultError) -> Self {
        if error.is_outage() { Self::Later } else { Self::Refused(Refused::BadSecret) }
    }
}

/// One event at a client's door; it leaves when this is dropped.
pub(super) struct Inside<'a, W: World, S: Store, D: Deployed, R: Registry> {
    desk: &'a FrontDesk<W, S, D, R>,
    client: &'a ClientId,
    /// Whether it counts towards the client's rate already.
    counted: bool,
}

impl<'a, W: World, S: Store, D: Deployed, R: Registry> Inside<'a, W, S, D, R> {
    /// Lets an event in to be looked at, or says when there is room again.
    pub(super) fn enter(desk: &'a FrontDesk<W, S, D, R>, client: &'a ClientId) -> Result<Self, Duration> {
        if let Err(after) = lock(&desk.doors).enter(client, desk.world.clock().boot()) {
            desk.engine.at_limit(client, "rate");
            return Err(after);
        }
        Ok(Self { desk, client, counted: false })
    }

    /// Counts an event that is genuine towards the client's rate, once, or says when there is room again.
    pub(super) fn count(&mut self) -> Result<(), Duration> {
        let desk = self.desk;
        if self.counted {
            return Ok(());
        }
        let rate = desk.deployed.client(self.client).and_then(|facts| facts.limits.rate);
        if let Err(after) = lock(&desk.doors).count(self.client, rate, desk.world.clock().boot()) {
            desk.engine.at_limit(self.client, "rate");
            return Err(after);
        }
        self.counted = true;
        Ok(())
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> Drop for Inside<'_, W, S, D, R> {
    fn drop(&mut self) {
        lock(&self.desk.doors).leave(self.client);
    }
}
