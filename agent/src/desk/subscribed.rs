//! Whether the webhooks of workflows still come. The catalog has no operation that reads a provider's subscriptions, so it is
//! told by what is seen here: events that `reconcile` finds and nobody delivered, and deliveries that our secret does not
//! verify. That nothing comes at all, for longer than is usual, is `watch`'s to say.
//!
//! What is known is of this process alone. An alert about deliveries that do not come stays over a restart until one comes.
//!
//! # Source
//! engine.md section 6.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::plan::Trigger;
use assent_schema::time::{Moment, Period};
use tokio::sync::watch;

use super::{FrontDesk, Registry};
use crate::accept::Refused;
use crate::listen::Receipt;
use crate::run::Deployed;
use crate::store::{AlertRow, Store, StoreError, Transaction};
use crate::sync::lock;
use crate::watch::{Condition, settle};
use crate::world::{Clock as _, World};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// So many events that nobody delivered, or deliveries that do not verify, are the fewest that say something.
const LEAST: u32 = 3;
/// For so long it must have been so: a sender that is late may deliver after all.
const SETTLED: Period = Period::minutes(15);
/// For so long a delivery that did not verify says something.
const RECENT: Period = Period::hours(24);

/// A workflow of a client.
type Place<'a> = (&'a ClientId, &'a WorkflowId);

/// How the events of a webhook come otherwise than they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drift {
    /// They are found and not delivered.
    Undelivered,
    /// They are delivered and do not verify.
    Refused,
}

impl Drift {
    const fn code(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered",
            Self::Refused => "refused",
        }
    }
}

/// What came of webhooks since this process began.
pub(super) struct Subscribed {
    /// What happened before may have been missed because nobody listened.
    since: Moment,
    hooks: Mutex<BTreeMap<(ClientId, WorkflowId), Hook>>,
}

/// What came of one.
#[derive(Default)]
struct Hook {
    /// Whether one of its events was delivered.
    delivered: bool,
    /// Events that were found since the last that was delivered.
    missed: Count,
    /// Deliveries that did not verify since the last that did.
    refused: Count,
}

/// How often, and when.
#[derive(Clone, Copy, Default)]
struct Count {
    count: u32,
    times: Option<(Moment, Moment)>,
}

impl Count {
    fn add(&mut self, now: Moment) {
        self.count = self.count.saturating_add(1);
        self.times = Some((self.times.map_or(now, |(first, _)| first), now));
    }

    /// Whether it happened often enough, and is no matter of a moment.
    fn is_settled(&self, now: Moment) -> bool {
        self.count >= LEAST && self.times.is_some_and(|(first, _)| now.since(first) >= SETTLED)
    }

    fn is_recent(&self, now: Moment) -> bool {
        self.times.is_some_and(|(_, last)| now.since(last) < RECENT)
    }
}

impl Hook {
    fn drift(&self, now: Moment) -> Option<Drift> {
        if self.refused.is_settled(now) && self.refused.is_recent(now) {
            // It says why they are missed, too.
            return Some(Drift::Refused);
        }
        self.missed.is_settled(now).then_some(Drift::Undelivered)
    }
}

impl Subscribed {
    pub(super) fn since(now: Moment) -> Self {
        Self { since: now, hooks: Mutex::default() }
    }

    /// Something came to the door of a workflow.
    pub(super) fn came(&self, (client, workflow): Place<'_>, receipt: &Receipt, now: Moment) {
        let mut hooks = lock(&self.hooks);
        let place = (client.clone(), workflow.clone());
        match receipt {
            // What the catalog does not declare is told as that; it is the sender's all the same.
            Receipt::Accepted(_) | Receipt::Duplicate(_) | Receipt::Refused(Refused::NotJson | Refused::BadBody) => {
                hooks.insert(place, Hook { delivered: true, ..Hook::default() });
            }
            Receipt::Refused(Refused::BadSignature) => hooks.entry(place).or_default().refused.add(now),
            // Another event of the same sender: its secret is right, and that is all.
            Receipt::Ignored | Receipt::Challenge(_) => {
                hooks.entry(place).or_default().refused = Count::default();
            }
            // Whoever is asked to come again delivers later what is found meanwhile.
            Receipt::Busy { .. } | Receipt::Unavailable => {
                hooks.entry(place).or_default().missed = Count::default();
            }
            Receipt::Refused(_) | Receipt::Heard | Receipt::Unknown => {}
        }
    }

    /// An event of a workflow was found in a list before it was delivered.
    pub(super) fn found(&self, (client, workflow): Place<'_>, at: Moment, now: Moment) {
        if at >= self.since {
            lock(&self.hooks).entry((client.clone(), workflow.clone())).or_default().missed.add(now);
        }
    }

    /// What does not come as it should now, of the workflows that there are.
    fn drift(&self, active: &BTreeSet<(ClientId, WorkflowId)>, now: Moment) -> Vec<(ClientId, WorkflowId, Drift)> {
        let mut hooks = lock(&self.hooks);
        hooks.retain(|place, _| active.contains(place));
        let drift = hooks.iter().filter_map(|((client, workflow), hook)| {
            hook.drift(now).map(|drift| (client.clone(), workflow.clone(), drift))
        });
        drift.collect()
    }

    /// Whether an event of a workflow was delivered to this process.
    fn was_delivered(&self, client: &ClientId, workflow: &WorkflowId) -> bool {
        lock(&self.hooks).get(&(client.clone(), workflow.clone())).is_some_and(|hook| hook.delivered)
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Tells on-call when events of webhooks do not come as they should, until `stop` becomes true.
    pub async fn keep_subscriptions(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.world.clock().sleep(LOOK_EVERY) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            if let Err(error) = self.look_at_subscriptions().await {
                tracing::error!(%error, "alerts about webhooks could not be written");
            }
        }
    }

    /// Brings the alerts about webhooks in line with what came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_at_subscriptions(&self) -> Result<(), StoreError> {
        let now = self.world.clock().now();
        let active: BTreeSet<_> = self.registry.active().into_iter().collect();
        let open = self.engine.store().alerts()?;
        let mut conditions = Vec::new();
        for (client, workflow, drift) in self.subscribed.drift(&active, now.moment()) {
            if let Some(connection) = self.sender(&client, &workflow) {
                conditions.push(Condition::Webhook { client, workflow, connection, code: drift.code() });
            }
        }
        conditions.extend(open.iter().filter_map(|row| self.still_undelivered(row, &active)));
        let mut transaction = Transaction::new(now);
        transaction.writes = settle(&open, &[Rule::Webhook], &conditions);
        if transaction.writes.is_empty() { Ok(()) } else { self.engine.store().commit(transaction).await }
    }

    /// What an alert of before a restart is about, while nothing was delivered since.
    fn still_undelivered(&self, row: &AlertRow, active: &BTreeSet<(ClientId, WorkflowId)>) -> Option<Condition> {
        let code = Drift::Undelivered.code();
        if row.alert.rule != Rule::Webhook || row.alert.code != code {
            return None;
        }
        let (client, workflow) = (row.alert.client.clone()?, row.alert.workflow.clone()?);
        let connection =
            self.sender(&client, &workflow).filter(|sender| row.alert.connection.as_ref() == Some(sender))?;
        let stands = active.contains(&(client.clone(), workflow.clone()));
        let waits = stands && !self.subscribed.was_delivered(&client, &workflow);
        waits.then_some(Condition::Webhook { client, workflow, connection, code })
    }

    /// Whose webhook begins runs of a workflow.
    fn sender(&self, client: &ClientId, workflow: &WorkflowId) -> Option<ConnectionId> {
        match &self.deployed.active(client, workflow)?.plan.trigger {
            Trigger::Webhook { connection, .. } => Some(connection.clone()),
            Trigger::Poll { .. } | Trigger::Inbox { .. } | Trigger::Schedule { .. } | Trigger::Manual { .. } => None,
        }
    }
}
