//! What stands before and after each request, whatever it is for: the breaker and the rate of its connection, and what passed
//! through it.
//!
//! # Source
//! engine.md section 3, "Failing".

use std::time::Duration;

use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::Rate;

use crate::request::Failed;
use crate::retry::Gate;
use crate::run::driver::{End, Run, Stop};
use crate::run::request::usage::Used;
use crate::run::{Deployed, lock};
use crate::store::{Ending, Store};
use crate::world::{Clock as _, Net as _, World};

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// One exchange, with the breaker told how it went.
    pub(in crate::run) async fn send(
        &self,
        name: &OperationRef,
        request: crate::world::HttpRequest,
    ) -> Result<crate::world::HttpResponse, Failed> {
        let sent_bytes = size(request.body.reveal());
        let result = self.engine.world.net().exchange(request).await;
        let received_bytes = result.as_ref().map_or(0, |response| size(response.body.reveal()));
        let used = Used { sent_bytes, received_bytes, ..Used::default() };
        self.engine.uses(&self.accepted.client, &name.connection, used);
        let theirs = match &result {
            Ok(response) => response.status >= 500,
            Err(failure) => Failed::of_net(*failure).is_theirs(),
        };
        self.engine.tell_breaker(&self.accepted.client, &name.connection, theirs);
        result.map_err(Failed::of_net)
    }

    /// Waits for the breaker and the rate of the connection, within the run's time: before each request, whatever it is for.
    /// Whoever waited asks again whether it may go on: a hold or a withdrawal may have come meanwhile.
    ///
    /// True when it waited: what authorises the request is then taken anew, because another token or secret may count by now, and
    /// the request may lead elsewhere.
    pub(in crate::run) async fn let_through(
        &mut self,
        step: &Name,
        connection: &ConnectionId,
        rate: Option<Rate>,
    ) -> Result<bool, Stop> {
        let mut waited = false;
        loop {
            let facts = self.client(step)?;
            let rate = rate.or(facts.connections.get(connection).and_then(|facts| facts.rate));
            let (wait, passed) = {
                let now = self.engine.world.clock().boot();
                let mut traffic = lock(&self.engine.traffic);
                let place = (self.accepted.client.clone(), connection.clone());
                let traffic = traffic.entry(place).or_default();
                match traffic.breaker.gate(now) {
                    Gate::Shut(wait) => (wait.max(Duration::from_millis(1)), false),
                    Gate::Open => {
                        let bucket = rate.map(|rate| traffic.bucket(rate));
                        let turn = bucket.map_or(Duration::ZERO, |bucket| bucket.take(now));
                        (turn, true)
                    }
                }
            };
            if !wait.is_zero() {
                if wait >= self.left() {
                    let end = End::early(Ending::Failed, step, "run_timed_out");
                    return Err(End { connection: Some(connection.clone()), ..end }.into());
                }
                self.flush_all().await?;
                self.pause(wait).await?;
                self.permitted(step, Some(connection)).await?;
                waited = true;
            }
            if passed {
                return Ok(waited);
            }
        }
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
