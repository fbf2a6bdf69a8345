//! One read outside of any run: what a trigger's list holds now.
//!
//! The same requests, limits and breaker as a step's; no journal, since nothing has begun yet.

use std::collections::BTreeMap;

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::{Failure, Poll};
use assent_schema::time::Moment;

use super::compiled::Compiled;
use super::resume;
use super::tokens::{Ready, Unready};
use super::{Deployed, Engine, Permission, Traffic, Use, lock};
use crate::request::{self, Call, Failed, Paging};
use crate::retry::{Breaker, Bucket, Gate};
use crate::store::Store;
use crate::vault::Secret;
use crate::world::{Clock as _, Net as _, World};

/// What a list holds from a moment on.
pub struct Looked {
    /// Its items, each a record, in the order in which they came.
    pub items: Vec<Value>,
    /// Whether there may be more behind them.
    pub more: bool,
}

/// Why nothing could be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLooked {
    /// Somebody holds it, or it may not be used now: the list keeps.
    NotNow,
    /// The connection is given a rest.
    Resting,
    /// The read failed.
    Failed {
        /// Whether it may work later.
        passing: bool,
        /// A code from a closed list.
        code: String,
    },
}

impl From<Failed> for NotLooked {
    fn from(failed: Failed) -> Self {
        Self::Failed { passing: matches!(failed.kind, Failure::Transient | Failure::Throttled), code: failed.code }
    }
}

impl From<Unready> for NotLooked {
    fn from(unready: Unready) -> Self {
        match unready {
            Unready::Failed(failed) => failed.into(),
            Unready::NotNow(code) => Self::Failed { passing: true, code: code.to_owned() },
        }
    }
}

fn never(code: &str) -> NotLooked {
    NotLooked::Failed { passing: false, code: code.to_owned() }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Reads a trigger's list from a moment on, all pages of it.
    ///
    /// # Errors
    /// [`NotLooked`].
    pub async fn look(&self, compiled: &Compiled, poll: &Poll, since: Moment) -> Result<Looked, NotLooked> {
        let plan = &compiled.plan;
        let of = Use {
            client: &plan.client,
            workflow: &plan.workflow,
            plan: &compiled.digest,
            connection: Some(&poll.read.connection),
            now: self.world.clock().now().moment(),
        };
        if self.is_stopping() || self.deployed.permission(&of) != Permission::Go {
            return Err(NotLooked::NotNow);
        }
        let facts = self.deployed.client(&plan.client).ok_or_else(|| never("no_client"))?;
        let values = resume::values(&facts, self.world.clock().now(), Value::Absent, self.pseudonyms(&plan.client));
        let mut arguments = values.parts(&compiled.poll).map_err(|error| never(error.code.as_str()))?;
        arguments.insert(poll.since.clone(), Value::Instant(since));
        self.pages(compiled, poll, &arguments).await
    }

    async fn pages(
        &self,
        compiled: &Compiled,
        poll: &Poll,
        arguments: &BTreeMap<Name, Value>,
    ) -> Result<Looked, NotLooked> {
        let (client, name) = (&compiled.plan.client, &poll.read);
        let operation = compiled.plan.operations.get(name).ok_or_else(|| never("no_operation"))?;
        let facts = self.deployed.client(client).ok_or_else(|| never("no_client"))?;
        let connection = facts.connections.get(&name.connection).ok_or_else(|| never("no_connection"))?;
        let endpoint = self.deployed.endpoint(client, &name.connection).ok_or_else(|| never("no_endpoint"))?;
        let Ready { token, secret } = self.authorise(client, &name.connection, connection).await?;
        let mut paging = Paging::default();
        let mut cursor = None;
        let mut more;
        loop {
            self.let_look(compiled, poll)?;
            let call = Call {
                client,
                reference: name,
                operation,
                endpoint: &endpoint.url,
                connection,
                arguments,
                secret: secret.as_ref().map(Secret::reveal),
                idempotency: None,
                cursor: cursor.as_ref().map(|cursor: &crate::content::Content<String>| cursor.reveal().as_str()),
            };
            let built = request::build(&call).map_err(|wrong| never(wrong.kind.code()))?;
            let answered = self.world.net().exchange(built.request).await;
            let theirs = match &answered {
                Ok(response) => response.status >= 500,
                Err(failure) => Failed::of_net(*failure).is_theirs(),
            };
            self.tell_breaker(client, &name.connection, theirs);
            let page = match request::read(operation, &answered.map_err(Failed::of_net)?) {
                Err(failed) if failed.status == Some(401) && token.is_some() => {
                    // The next look gets another token.
                    token.inspect(|token| self.spoil(client, &name.connection, *token));
                    return Err(NotLooked::Failed { passing: true, code: failed.code });
                }
                page => page?,
            };
            more = page.cursor.is_some();
            cursor = paging.add(operation, page)?;
            if cursor.is_none() {
                break;
            }
        }
        let fields = paging.finish().map(|answer| answer.fields).unwrap_or_default();
        let items = match fields.into_iter().find(|(field, _)| *field == poll.items) {
            Some((_, Value::List(ref mut items))) => std::mem::take(items),
            _ => Vec::new(),
        };
        let full = most(operation, poll).is_some_and(|most| items.len() >= most);
        Ok(Looked { items, more: more || full })
    }

    /// Whether breaker and rate of the connection let one more read through.
    fn let_look(&self, compiled: &Compiled, poll: &Poll) -> Result<(), NotLooked> {
        let plan = &compiled.plan;
        let now = self.world.clock().boot();
        let of_client = self.deployed.client(&plan.client);
        let of_connection = of_client.and_then(|facts| facts.connections.get(&poll.read.connection)?.rate);
        let rate = plan.operations.get(&poll.read).and_then(|operation| operation.rate).or(of_connection);
        let mut traffic = lock(&self.traffic);
        let place = (plan.client.clone(), poll.read.connection.clone());
        let traffic = traffic.entry(place).or_insert_with(|| Traffic { breaker: Breaker::default(), bucket: None });
        match traffic.breaker.gate(now) {
            Gate::Shut(_) => Err(NotLooked::Resting),
            Gate::Open => {
                let bucket = rate.map(|rate| traffic.bucket.get_or_insert_with(|| Bucket::new(rate)));
                // A run waits for its turn; who only looks comes again later.
                match bucket {
                    Some(bucket) if !bucket.wait(now).is_zero() => Err(NotLooked::Resting),
                    Some(bucket) => {
                        bucket.take(now);
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// The most items of the list.
fn most(operation: &assent_schema::plan::Operation, poll: &Poll) -> Option<usize> {
    match operation.response.get(&poll.items).map(|field| &field.shape) {
        Some(assent_schema::shape::Shape::List { most, .. }) => usize::try_from(*most).ok(),
        _ => None,
    }
}
