//! The agent's HTTP listener: webhooks, people, health. Bounded in connections, sizes and times; checks `Host`.
//!
//! What an event or a person's request means is decided behind [`Desk`]. When the caller goes away, hyper drops the handler;
//! what was begun still comes to its end, because runs are tasks of their own, and so is what a person asks.

mod answer;
pub(crate) mod connections;
mod entrance;
mod room;
mod route;
mod validity;
pub mod witness;

use std::sync::Arc;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::HOST;
use hyper::{HeaderMap, Request};
use tokio::sync::watch;
use tokio::time::timeout;

pub use answer::{Receipt, Reply};
pub use entrance::{Certificate, CertificateError, Entrance};
pub use route::Ask;
pub use validity::Validity;

pub(crate) use answer::BUSY;
use answer::{Answer, coded, to_person, to_sender};
use room::Room;
use route::{NoRoute, Route, is_ours, route};

use crate::accept::webhook;
use crate::content::Content;

/// The longest time for the body of a request.
const BODY_MOST: Duration = Duration::from_secs(15);
/// The longest time that a sender is kept waiting. What was begun goes on.
const ANSWER_MOST: Duration = Duration::from_secs(30);
/// When a client whose room is full may try again.
const FULL_AFTER: Duration = Duration::from_secs(2);
/// The largest body of a person's request, in bytes.
const PERSON_MOST_BYTES: usize = 64 * 1024;

/// An event as it came in.
pub struct Event {
    /// Whose workflow is meant.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Content<Vec<u8>>,
}

/// What a chat or helpdesk sent: what somebody answered there.
pub struct FromChat {
    /// Whose connection it is.
    pub client: ClientId,
    /// Which.
    pub connection: ConnectionId,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Content<Vec<u8>>,
}

/// What stands behind the listener.
pub trait Desk: Send + Sync + 'static {
    /// Whether there is such a workflow here, or there may soon be: asked before a body is read.
    fn knows(&self, client: &ClientId, workflow: &WorkflowId) -> bool;

    /// Whether there is such a client here: asked before a body is read.
    fn knows_client(&self, client: &ClientId) -> bool;

    /// Judges an event and makes its run durable.
    ///
    /// A run that was begun goes on when the future is dropped.
    ///
    /// # Crash
    /// On `Accepted` the run is durable; the sender is told so right after.
    fn deliver(&self, event: Event) -> impl Future<Output = Receipt> + Send;

    /// Judges what a chat or helpdesk sent.
    fn chat(&self, from: FromChat) -> impl Future<Output = Reply> + Send;

    /// Answers a person.
    fn person(&self, ask: Ask, body: Content<Vec<u8>>) -> impl Future<Output = Reply> + Send;

    /// Whether runs are accepted at all.
    fn is_ready(&self) -> bool;

    /// There is no room for what a client sends.
    fn at_memory_limit(&self, _: &ClientId) {}

    /// An event was refused before its body was read whole: the code says why.
    fn event_not_read(&self, _: &ClientId, _: &WorkflowId, _: &'static str) {}

    /// What a chat or helpdesk sent was refused before its body was read whole: the code says why.
    fn answer_not_read(&self, _: &ClientId, _: &ConnectionId, _: &'static str) {}

    /// Why nothing is accepted although there is something that events could begin: a code.
    fn ails(&self) -> Option<&'static str> {
        None
    }
}

/// What whoever sends more at once than a client's memory allows is told.
fn at_limit<D: Desk>(desk: &D, client: &ClientId) -> Answer {
    desk.at_memory_limit(client);
    to_sender(&Receipt::Busy { after: FULL_AFTER })
}

/// Serves until `stop` becomes true, then lets connections end.
pub async fn serve<D: Desk>(
    listener: impl Into<Entrance>,
    hosts: Vec<String>,
    desk: Arc<D>,
    stop: watch::Receiver<bool>,
) {
    let (hosts, room) = (Arc::new(hosts), Arc::new(Room::default()));
    let answer = move |request| {
        let (hosts, desk, room) = (Arc::clone(&hosts), Arc::clone(&desk), Arc::clone(&room));
        async move { handle(request, &hosts, desk, &room).await }
    };
    connections::take(listener, answer, stop).await;
}

async fn handle<D: Desk>(request: Request<Incoming>, hosts: &[String], desk: Arc<D>, room: &Room) -> Answer {
    if !is_for_us(&request, hosts) {
        return coded(421, "wrong_host");
    }
    match route(request.method().as_str(), request.uri().path()) {
        Err(NoRoute::NotFound) => coded(404, "not_found"),
        Err(NoRoute::WrongMethod) => coded(405, "wrong_method"),
        Ok(Route::Health) => match desk.ails() {
            Some(code) => coded(503, code),
            None if desk.is_ready() => coded(200, "ready"),
            None => coded(503, "not_ready"),
        },
        // Whoever knows no name of ours takes no memory: nothing of the body is read.
        Ok(Route::Hook { client, workflow }) if !desk.knows(&client, &workflow) => coded(404, "not_found"),
        Ok(Route::Answer { client, .. }) if !desk.knows_client(&client) => coded(404, "not_found"),
        Ok(Route::Hook { client, workflow }) => {
            let Some(_room) = room.take(&client, size(&request)) else {
                desk.event_not_read(&client, &workflow, BUSY);
                return at_limit(&*desk, &client);
            };
            hook(request, client, workflow, desk).await
        }
        Ok(Route::Answer { client, connection }) => {
            let Some(_room) = room.take(&client, size(&request)) else { return at_limit(&*desk, &client) };
            chat(request, client, connection, desk).await
        }
        Ok(Route::Person(ask)) => person(request, ask, desk).await,
    }
}

/// How much room a body may need: what it says, or the most.
fn size(request: &Request<Incoming>) -> usize {
    let most = request.body().size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    most.unwrap_or(webhook::BODY_MOST_BYTES).min(webhook::BODY_MOST_BYTES)
}

/// Whether there is one `Host` header, with one of our names in it, and no other name in the target itself.
///
/// # Source
/// RFC 9112 section 3.2.2: a target in absolute form names the host, whatever the header says.
pub(crate) fn is_for_us<B>(request: &Request<B>, hosts: &[String]) -> bool {
    let target = request.uri().authority().is_none_or(|authority| is_ours(authority.as_str(), hosts));
    let mut values = request.headers().get_all(HOST).iter();
    match (values.next().and_then(|host| host.to_str().ok()), values.next()) {
        (Some(host), None) => target && is_ours(host, hosts),
        _ => false,
    }
}

async fn hook<D: Desk>(request: Request<Incoming>, client: ClientId, workflow: WorkflowId, desk: Arc<D>) -> Answer {
    let (head, body) = request.into_parts();
    let body = match read(body, webhook::BODY_MOST_BYTES).await {
        Ok(body) => body,
        Err(not_read) => {
            desk.event_not_read(&client, &workflow, not_read.code);
            return not_read.answer();
        }
    };
    let mut headers = listed(&head.headers);
    // Some sign the address that they send to.
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    headers.push((webhook::TARGET.to_owned(), target.as_bytes().to_vec()));
    let event = Event { client, workflow, headers, body };
    match timeout(ANSWER_MOST, desk.deliver(event)).await {
        Ok(receipt) => to_sender(&receipt),
        // It is still at it; the sender will ask again and find what became of it.
        Err(_) => to_sender(&Receipt::Unavailable),
    }
}

/// Headers in order, names in lower case.
fn listed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

async fn chat<D: Desk>(request: Request<Incoming>, client: ClientId, connection: ConnectionId, desk: Arc<D>) -> Answer {
    let (head, body) = request.into_parts();
    let body = match read(body, PERSON_MOST_BYTES).await {
        Ok(body) => body,
        Err(not_read) => {
            desk.answer_not_read(&client, &connection, not_read.code);
            return not_read.answer();
        }
    };
    let from = FromChat { client, connection, headers: listed(&head.headers), body };
    finish(async move { to_person(&desk.chat(from).await) }).await
}

async fn person<D: Desk>(request: Request<Incoming>, ask: Ask, desk: Arc<D>) -> Answer {
    let body = match read(request.into_body(), PERSON_MOST_BYTES).await {
        Ok(body) => body,
        Err(not_read) => return not_read.answer(),
    };
    finish(async move { to_person(&desk.person(ask, body).await) }).await
}

/// Does the work in a task of its own and waits for it.
async fn finish(work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    match timeout(ANSWER_MOST, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        // The task panicked, or is still at it; the sender will ask again and find what became of it.
        Ok(Err(_)) | Err(_) => to_sender(&Receipt::Unavailable),
    }
}

/// Why a body could not be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotRead {
    status: u16,
    code: &'static str,
}

impl NotRead {
    /// What whoever sent it is told.
    pub(crate) fn answer(self) -> Answer {
        coded(self.status, self.code)
    }
}

/// Reads a body whole, or says why not.
pub(crate) async fn read(body: Incoming, most: usize) -> Result<Content<Vec<u8>>, NotRead> {
    let too_large = NotRead { status: 413, code: "too_large" };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large);
    }
    match timeout(BODY_MOST, Limited::new(body, most).collect()).await {
        Ok(Ok(whole)) => Ok(Content::new(whole.to_bytes().to_vec())),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err(NotRead { status: 400, code: "bad_body" }),
        Err(_) => Err(NotRead { status: 408, code: "too_slow" }),
    }
}
