//! One request outside of any run: what a trigger's list holds now. What a chat is told goes the same way.
//!
//! The same requests, limits and breaker as a step's; no journal, since nothing has begun yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::client::ClientFacts;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, OperationRef};
use assent_schema::plan::{Operation, Plan, Poll, Rate};
use assent_schema::time::Moment;

use crate::request::watched::Unread;
use crate::request::wire::Exact;
use crate::request::{self, Answer, Built, Call, Failed, MISFIT, More, Paging};
use crate::retry::Gate;
use crate::run::compiled::Compiled;
use crate::run::life::hours::Hours;
use crate::run::life::resume;
use crate::run::request::tokens::{Ready, Unready};
use crate::run::{Deployed, Engine, Permission, Reach, Unreachable, Use, lock};
use crate::store::Store;
use crate::vault::{Secret, tripwire};
use crate::world::{Clock as _, Net as _, World};

/// What a list holds from a moment on.
pub struct Looked {
    /// Its items, each a record, in the order in which they came, with its instants as exactly as they came.
    pub items: Vec<(Value, Exact)>,
    /// The items that cannot be read.
    pub unread: Vec<Unread>,
    /// Whether there is more behind them.
    pub more: More,
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
        /// For how long the other side asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl From<Failed> for NotLooked {
    fn from(failed: Failed) -> Self {
        Self::Failed { passing: failed.is_passing(), retry_after: failed.retry_after, code: failed.code }
    }
}

impl From<Unready> for NotLooked {
    fn from(unready: Unready) -> Self {
        match unready {
            Unready::Failed(failed) => failed.into(),
            Unready::NotNow(code) => Self::Failed { passing: true, code: code.to_owned(), retry_after: None },
        }
    }
}

fn never(code: &str) -> NotLooked {
    NotLooked::Failed { passing: false, code: code.to_owned(), retry_after: None }
}

fn lacks(what: Unreachable) -> NotLooked {
    never(what.code())
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
        let facts = self.deployed.client(&plan.client).ok_or_else(|| lacks(Unreachable::Client))?;
        let values =
            resume::values(&Hours::of(&facts), self.world.clock().now(), Value::Absent, self.pseudonyms(&plan.client));
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
        let place = There { watched: Some(&poll.items), ..self.place(&compiled.plan, &poll.read).await? };
        let paging = self.all_pages(&place, arguments, None).await?;
        let cut = paging.is_cut();
        let answer = paging.finish().unwrap_or_default();
        let items = match answer.fields.into_iter().find(|(field, _)| *field == poll.items) {
            Some((_, Value::List(ref mut items))) => std::mem::take(items),
            _ => Vec::new(),
        };
        let full =
            most(place.operation, poll).is_some_and(|most| items.len().saturating_add(answer.unread.len()) >= most);
        let more = match (place.operation.pages.is_some(), cut, full) {
            (true, true, _) | (false, _, true) => More::Yes,
            (true, false, _) => More::No,
            // How many items the API gives at once is its own affair, and it may be fewer than we take.
            (false, _, false) => More::Unknown,
        };
        let exact = answer.exact.into_iter().chain(std::iter::repeat_with(Exact::new));
        Ok(Looked { items: items.into_iter().zip(exact).collect(), unread: answer.unread, more })
    }

    /// What an operation answers, all pages of it. `first` is the request of the first one, where it was built already.
    pub(in crate::run) async fn all_pages(
        &self,
        place: &There<'_>,
        arguments: &BTreeMap<Name, Value>,
        mut first: Option<Built>,
    ) -> Result<Paging, NotLooked> {
        let mut paging = Paging::default();
        let mut cursor = None;
        loop {
            let page = cursor.as_ref().map(|cursor: &crate::content::Content<String>| cursor.reveal().as_str());
            let built = match first.take() {
                Some(built) => built,
                None => self.build_there(place, arguments, page)?,
            };
            let page = self.send_there(place, built).await?;
            cursor = paging.add(place.operation, page)?;
            if cursor.is_none() {
                return Ok(paging);
            }
        }
    }

    /// Where an operation of a plan leads now, with what authorises a request there.
    pub(in crate::run) async fn place<'p>(
        &self,
        plan: &'p Plan,
        name: &'p OperationRef,
    ) -> Result<There<'p>, NotLooked> {
        let client = &plan.client;
        let operation = plan.operations.get(name).ok_or_else(|| lacks(Unreachable::Operation))?;
        let facts = self.deployed.client(client).ok_or_else(|| lacks(Unreachable::Client))?;
        let Reach { connection, endpoint } = self.deployed.reach(client, &facts, &name.connection).map_err(lacks)?;
        let ready = self.authorise(client, &name.connection, connection).await?;
        Ok(There { client, name, operation, facts, url: endpoint.url, ready, watched: None })
    }

    /// A request to there, if breaker and rate of the connection let one more through.
    pub(in crate::run) fn build_there(
        &self,
        place: &There<'_>,
        arguments: &BTreeMap<Name, Value>,
        cursor: Option<&str>,
    ) -> Result<Built, NotLooked> {
        let connection =
            place.facts.connections.get(&place.name.connection).ok_or_else(|| lacks(Unreachable::Connection))?;
        self.let_there(place, place.operation.rate.or(connection.rate))?;
        let call = Call {
            client: place.client,
            reference: place.name,
            operation: place.operation,
            endpoint: &place.url,
            connection,
            arguments,
            secret: place.ready.secret.as_ref().map(Secret::reveal),
            idempotency: None,
            cursor,
        };
        request::build(&call).map_err(|wrong| never(wrong.kind.code()))
    }

    /// Sends it and reads the answer.
    pub(in crate::run) async fn send_there(&self, place: &There<'_>, built: Built) -> Result<Answer, NotLooked> {
        let answered = self.world.net().exchange(built.request).await;
        let theirs = match &answered {
            Ok(response) => response.status >= 500,
            Err(failure) => Failed::of_net(*failure).is_theirs(),
        };
        let connection = &place.name.connection;
        self.tell_breaker(place.client, connection, theirs);
        let response = answered.map_err(Failed::of_net)?;
        let read = match place.watched {
            Some(list) => request::read_watched(place.operation, &response, tripwire::holds, list),
            None => request::read(place.operation, &response, tripwire::holds),
        };
        match read {
            Err(failed) if failed.status == Some(401) && place.ready.token.is_some() => {
                // The next one gets another token.
                place.ready.token.inspect(|token| self.spoil(place.client, connection, *token));
                Err(NotLooked::Failed { passing: true, code: failed.code, retry_after: None })
            }
            answer => {
                if let Err(Failed { field: Some(field), .. }) = &answer {
                    tracing::warn!(client = %place.client, operation = %place.name, %field, "{MISFIT}");
                }
                Ok(answer?)
            }
        }
    }

    /// Whether breaker and rate of the connection let one more request through.
    fn let_there(&self, place: &There<'_>, rate: Option<Rate>) -> Result<(), NotLooked> {
        let now = self.world.clock().boot();
        let mut traffic = lock(&self.traffic);
        let at = (place.client.clone(), place.name.connection.clone());
        let traffic = traffic.entry(at).or_default();
        match traffic.breaker.gate(now) {
            Gate::Shut(_) => Err(NotLooked::Resting),
            Gate::Open => {
                let bucket = rate.map(|rate| traffic.bucket(rate));
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

/// Where one operation leads now.
pub(in crate::run) struct There<'p> {
    client: &'p ClientId,
    name: &'p OperationRef,
    operation: &'p Operation,
    facts: Arc<ClientFacts>,
    url: String,
    ready: Ready,
    /// The list of the answer that is watched.
    watched: Option<&'p Name>,
}

impl There<'_> {
    /// The operation that is there.
    pub(in crate::run) fn operation(&self) -> &Operation {
        self.operation
    }
}

/// The most items of the list.
fn most(operation: &Operation, poll: &Poll) -> Option<usize> {
    match operation.response.get(&poll.items).map(|field| &field.shape) {
        Some(assent_schema::shape::Shape::List { most, .. }) => usize::try_from(*most).ok(),
        _ => None,
    }
}
