//! The dead-man's ping: asked for only when the agent is truly well, so that whoever expects it alerts when it is not.
//!
//! Well is: nothing stopped the agent, its loops turned, the store takes writes, the repository was looked at not long ago.
//! A ping that fails is logged and told by the routes of alerts; nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::id::{ClientId, ConnectionId, Name, OperationRef};
use assent_schema::plan::Method;

use super::agent::Agent;
use super::watching::{HEARTBEAT, OWN};
use crate::content::Content;
use crate::request::url::Base;
use crate::store::{Store as _, StoreError, Transaction, Write};
use crate::sync::lock;
use crate::watch::{self, Condition};
use crate::world::{Clock as _, HttpRequest, Net as _};

/// The longest time for one ping.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The loops that must have turned, and how long ago at most.
pub(super) const LOOPS: [&str; 3] = ["alerts", "time", "watch"];
const TURNED_WITHIN: Duration = Duration::from_mins(2);
/// How long ago the repository may have been looked at, beside five times its pace.
const POLLED_WITHIN: Duration = Duration::from_mins(10);
/// So many pings in a row that failed are told to on-call.
const FAILURES_TOLD: u32 = 3;
/// Where the store keeps when it was last written to for a ping.
const WRITTEN: &str = "agent/heartbeat";

/// Pings until the future is dropped; for ever nothing when nobody expects it.
pub(super) async fn beating(agent: Arc<Agent>) {
    let Some(beat) = agent.config.heartbeat.clone() else { return std::future::pending().await };
    let mut failures: u32 = 0;
    loop {
        tokio::time::sleep(beat.every.duration()).await;
        match agent.beat(&beat.url).await {
            Beat::Unwell => {}
            Beat::Taken => {
                failures = 0;
                agent.settle_ping(&[]).await;
            }
            Beat::Failed(code) => {
                failures = failures.saturating_add(1);
                tracing::warn!(%code, failures, "the dead-man's ping was not taken");
                if failures >= FAILURES_TOLD {
                    agent.settle_ping(&[Condition::PingFails { code }]).await;
                }
            }
        }
    }
}

/// What became of one ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// There was none: the agent is not well.
    Unwell,
    /// It was taken.
    Taken,
    /// It was not: why, as a code.
    Failed(String),
}

impl Agent {
    /// One ping, if the agent is well.
    pub(super) async fn beat(&self, url: &str) -> Beat {
        if let Some(why) = self.ails().await {
            tracing::error!(why, "no dead-man's ping: the agent is not well");
            return Beat::Unwell;
        }
        let sent = self.ping(url).await;
        let mut pings = lock(&self.seen.pings);
        match sent {
            Ok(()) => {
                pings.0 = pings.0.saturating_add(1);
                Beat::Taken
            }
            Err(code) => {
                pings.1 = pings.1.saturating_add(1);
                Beat::Failed(code)
            }
        }
    }

    /// What is wrong with the agent, if something is: a code.
    pub(super) async fn ails(&self) -> Option<&'static str> {
        let boot = self.world.clock.boot();
        if self.halted().is_some() {
            return Some("halted");
        }
        if self.seen.turn_age(&LOOPS, boot).is_none_or(|age| age > TURNED_WITHIN) {
            return Some("loops");
        }
        let pace = self.config.poll.duration().saturating_mul(5);
        if self.seen.poll_age(boot).is_none_or(|age| age > POLLED_WITHIN.max(pace)) {
            return Some("poll");
        }
        let now = self.world.clock.now();
        let value = Some(now.moment().to_string().into_bytes());
        let written = Transaction::new(now).with(Write::State { name: WRITTEN.to_owned(), value });
        self.store.commit(written).await.is_err().then_some("store")
    }

    async fn ping(&self, url: &str) -> Result<(), String> {
        let base = Base::parse(url).ok_or_else(|| "bad_route".to_owned())?;
        let names = (ClientId::new(OWN), ConnectionId::new(HEARTBEAT), Name::new("ping"));
        let (Ok(client), Ok(connection), Ok(operation)) = names else { return Err("bad_route".to_owned()) };
        let path = if base.path().is_empty() { "/" } else { base.path() };
        let request = HttpRequest {
            client,
            operation: OperationRef { connection, operation },
            method: Method::Get,
            tls: base.tls(),
            host: base.host().to_owned(),
            port: base.port(),
            target: Content::new(path.to_owned()),
            headers: Vec::new(),
            body: Content::new(Vec::new()),
            timeout: TIMEOUT,
            most_bytes: 64 << 10,
            private_addresses: !base.tls(),
        };
        match self.world.net.exchange(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("http_{}", answer.status)),
            Err(failure) => Err(failure.code().to_owned()),
        }
    }

    async fn settle_ping(&self, conditions: &[Condition]) {
        let settled = async {
            let writes = watch::settle(&self.store.alerts()?, &[Rule::Heartbeat], conditions);
            let at = self.world.clock.now();
            if writes.is_empty() { Ok(()) } else { self.store.commit(Transaction { at, writes }).await }
        };
        let settled: Result<(), StoreError> = settled.await;
        if let Err(error) = settled {
            tracing::error!(%error, "that the ping fails could not be written");
        }
    }
}
