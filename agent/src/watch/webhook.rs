//! The webhook route: alerts that are due leave as a POST, again and again with growing pauses, until a 2xx.
//!
//! At least once: a crash between the 2xx and the commit sends it again, with the same `dedup`.

use std::time::Duration;

use assent_schema::canon;
use assent_schema::id::{AgentId, ClientId, Name, OperationRef};
use assent_schema::plan::{Method, Retry};
use assent_schema::time::Period;

use super::message::{abroad, message};
use super::routes::{Routes, Target};
use crate::content::Content;
use crate::ledger::Note;
use crate::retry::backoff::{self, Next};
use crate::store::{AlertRow, Log, QueueItem, Store, StoreError, Transaction, Write};
use crate::world::{Clock as _, Dice as _, HttpRequest, Net as _, Wall, World};
use assent_schema::client::Carries;

/// The most alerts of one round; the rest is due in the next.
const ROUND_MOST: usize = 50;
/// The longest time for one delivery.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes; it is dropped.
const ANSWER_MOST_BYTES: u64 = 64 << 10;
/// A route is tried for ever, at least every five minutes.
const RETRY: Retry = Retry { attempts: u32::MAX, first: Period::seconds(5), most: Period::seconds(300) };

/// What became of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Alerts that every route took.
    pub sent: usize,
    /// Alerts that will be tried again.
    pub failed: usize,
    /// Alerts that no route carries.
    pub unrouted: usize,
}

/// Delivers what is due. Called every few seconds.
///
/// # Errors
/// When the store cannot be read or written.
///
/// # Crash
/// An alert is taken off only after all its routes answered.
pub async fn deliver_due<W: World, S: Store>(
    world: &W,
    store: &S,
    routes: &Routes,
    agent: &AgentId,
) -> Result<Delivered, StoreError> {
    let rows = store.alerts_due(world.clock().now(), ROUND_MOST)?;
    let mut delivered = Delivered::default();
    if rows.is_empty() {
        return Ok(delivered);
    }
    let queue = store.queue()?;
    for row in rows {
        let round = Round { world, routes, agent, queue: &queue };
        let result = round.deliver(&row).await;
        match result {
            Taken::ByAll => delivered.sent += 1,
            Taken::NotYet => delivered.failed += 1,
            Taken::NoRoute => delivered.unrouted += 1,
        }
        store.commit(round.after(&row, result)).await?;
    }
    Ok(delivered)
}

/// A POST of JSON to a route.
pub(super) fn request(client: &ClientId, target: &Target, body: Vec<u8>) -> Option<HttpRequest> {
    let path = if target.base.path().is_empty() { "/" } else { target.base.path() };
    Some(HttpRequest {
        client: client.clone(),
        operation: OperationRef { connection: target.name.clone(), operation: Name::new("alert").ok()? },
        method: Method::Post,
        tls: target.base.tls(),
        host: target.base.host().to_owned(),
        port: target.base.port(),
        target: Content::new(path.to_owned()),
        headers: vec![("content-type".to_owned(), Content::new(b"application/json".to_vec()))],
        body: Content::new(body),
        timeout: TIMEOUT,
        most_bytes: ANSWER_MOST_BYTES,
        // Without TLS a URL leads to a private address or nowhere.
        private_addresses: !target.base.tls(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    ByAll,
    NotYet,
    NoRoute,
}

struct Round<'a, W: World> {
    world: &'a W,
    routes: &'a Routes,
    agent: &'a AgentId,
    queue: &'a [QueueItem],
}

impl<W: World> Round<'_, W> {
    async fn deliver(&self, row: &AlertRow) -> Taken {
        let targets = self.targets(row);
        if targets.is_empty() {
            return Taken::NoRoute;
        }
        let mut taken = Taken::ByAll;
        for (client, target) in targets {
            let answer = match self.request(row, client, target) {
                Some(request) => self.world.net().exchange(request).await.ok(),
                None => None,
            };
            if !answer.is_some_and(|answer| (200..300).contains(&answer.status)) {
                taken = Taken::NotYet;
            }
        }
        taken
    }

    /// An alert goes to the routes for alerts, one that opened an incident also to those for incidents.
    fn targets<'b>(&'b self, row: &'b AlertRow) -> Vec<(&'b ClientId, &'b Target)> {
        let mut targets = match &row.alert.client {
            Some(client) => self.routes.of(client).map(|r| r.targets.iter().map(|t| (client, t)).collect()),
            None => Some(self.routes.all()),
        }
        .unwrap_or_default();
        targets.retain(|(_, target)| match target.carries {
            Carries::Alerts => true,
            Carries::Incidents => row.alert.incident,
            Carries::PostMortems => false,
        });
        // One URL may stand in two routes; it is told once.
        let mut seen: Vec<&Target> = Vec::new();
        targets.retain(|(_, target)| {
            let new = seen.iter().all(|known| known.base != target.base);
            seen.push(target);
            new
        });
        targets
    }

    fn request(&self, row: &AlertRow, client: &ClientId, target: &Target) -> Option<HttpRequest> {
        let told = if target.near {
            message(self.agent, row, self.routes.of(client).filter(|_| row.alert.client.is_some()), self.queue)
        } else {
            abroad(self.agent, row)
        };
        request(client, target, canon::to_bytes(&told).ok()?)
    }

    fn after(&self, row: &AlertRow, taken: Taken) -> Transaction {
        let now = self.world.clock().now();
        let transaction = Transaction::new(now);
        match taken {
            Taken::ByAll => {
                let transaction = transaction.with(Write::AlertSent { no: row.no, again: None });
                notes(row, now).into_iter().fold(transaction, |t, note| t.with(Write::Note(Box::new(note))))
            }
            Taken::NotYet | Taken::NoRoute => {
                let again = Some(now.plus(self.pause(row)));
                transaction.with(Write::AlertSent { no: row.no, again })
            }
        }
    }

    fn pause(&self, row: &AlertRow) -> Duration {
        let attempt = u32::try_from(row.tries).unwrap_or(0).saturating_add(1);
        let dice = u64::from_le_bytes(self.world.dice().bytes());
        match backoff::next(&RETRY, attempt, None, Duration::MAX, dice) {
            // Full jitter may say "at once"; a route that just failed gets a second.
            Next::After(pause) => pause.max(Duration::from_secs(1)),
            Next::NoAttempts | Next::NoTime => RETRY.most.duration(),
        }
    }
}

/// What the ledger is told of an alert that was delivered: how long it took.
fn notes(row: &AlertRow, now: Wall) -> Vec<Note> {
    let log = row.alert.client.clone().map_or(Log::Agent, Log::Client);
    if row.sent > 0 {
        return Vec::new();
    }
    let delay = now.since(row.since).as_secs();
    vec![Note::new(log, "alerted").fact("rule", row.alert.rule.as_str()).fact("delay", delay)]
}

#[cfg(test)]
mod tests;
