//! Sends spans to whoever takes traces. Runs never wait for it: what cannot be sent is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, Name, OperationRef};
use assent_schema::plan::Method;

use super::agent::Agent;
use super::watching::{OWN, TRACES};
use crate::content::Content;
use crate::request::url::Base;
use crate::sync::lock;
use crate::watch::spans::{BATCH_MOST, request};
use crate::world::{HttpRequest, Net as _};

/// How often spans are sent.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// So often a batch is tried, with twice the pause each time.
const TRIES: u32 = 4;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends until the future is dropped; for ever nothing when nobody takes traces.
pub(super) async fn telling(agent: Arc<Agent>) {
    let Some(traces) = agent.config.traces.clone() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(SEND_EVERY).await;
        while agent.tell_spans(&traces.url, PAUSE_FIRST).await == BATCH_MOST {}
    }
}

impl Agent {
    /// Sends one batch; how many spans it had. What is not taken is tried again after a pause, and after twice that.
    pub(super) async fn tell_spans(&self, url: &str, mut pause: Duration) -> usize {
        let batch = lock(&self.seen.watcher).as_mut().map(|watcher| watcher.spans().batch()).unwrap_or_default();
        if batch.is_empty() {
            return 0;
        }
        let body = request(&self.config.agent, env!("CARGO_PKG_VERSION"), &batch).to_string().into_bytes();
        let mut taken = false;
        for attempt in 1..=TRIES {
            match self.send_spans(url, body.clone()).await {
                Ok(()) => {
                    taken = true;
                    break;
                }
                Err(code) => tracing::warn!(%code, attempt, spans = batch.len(), "spans were not taken"),
            }
            if attempt < TRIES {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
        }
        if let Some(watcher) = lock(&self.seen.watcher).as_mut() {
            if taken { watcher.spans().took(batch.len()) } else { watcher.spans().lost(batch.len()) }
        }
        batch.len()
    }

    async fn send_spans(&self, url: &str, body: Vec<u8>) -> Result<(), String> {
        let base = Base::parse(url).ok_or_else(|| "bad_route".to_owned())?;
        let names = (ClientId::new(OWN), ConnectionId::new(TRACES), Name::new("export"));
        let (Ok(client), Ok(connection), Ok(operation)) = names else { return Err("bad_route".to_owned()) };
        let sent = self.world.net.exchange(HttpRequest {
            client,
            operation: OperationRef { connection, operation },
            method: Method::Post,
            tls: base.tls(),
            host: base.host().to_owned(),
            port: base.port(),
            target: Content::new(format!("{}/v1/traces", base.path())),
            headers: vec![("content-type".to_owned(), Content::new(b"application/json".to_vec()))],
            body: Content::new(body),
            timeout: TIMEOUT,
            most_bytes: 64 << 10,
            private_addresses: !base.tls(),
        });
        match sent.await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("http_{}", answer.status)),
            Err(failure) => Err(failure.code().to_owned()),
        }
    }
}
