//! One thing on its way to one route: built, sent, and whether the receiver took it. Secrets are put in here alone.

use std::pin::Pin;
use std::time::Duration;

use assent_schema::client::{Carries, RouteKind};
use assent_schema::id::{AgentId, ClientId, ConnectionId, Name, OperationRef, WorkflowId};
use assent_schema::plan::Method;
use assent_schema::time::Moment;
use zeroize::Zeroizing;

use super::routes::{Routes, Target};
use super::tell::{self, Telling};
use crate::content::Content;
use crate::request::is_word;
use crate::request::url::Base;
use crate::retry::backoff::retry_after;
use crate::store::RunId;
use crate::world::{HttpRequest, Mail, Net as _, World};

/// The longest time for one delivery.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time for one mail: servers look things up before they answer.
const MAIL_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest answer that is read, in bytes; it is dropped.
const ANSWER_MOST_BYTES: u64 = 64 << 10;

/// A secret that the vault will give, or not.
pub type ToldSecret<'a> = Pin<Box<dyn Future<Output = Option<Content<Vec<u8>>>> + Send + 'a>>;

/// Since when the plan of a workflow is in trial, where one before it may take its place again.
pub type GoesBack<'a> = Pin<Box<dyn Future<Output = Option<Moment>> + Send + 'a>>;

/// Who tells, and by which routes.
#[derive(Clone, Copy)]
pub struct Teller<'a> {
    /// Where alerts go.
    pub routes: &'a Routes,
    /// Who says so.
    pub agent: &'a AgentId,
    /// What a route takes alerts for, when the vault holds it.
    pub secrets: &'a (dyn Fn(&ConnectionId) -> ToldSecret<'a> + Send + Sync),
    /// Which plan came lately and can be taken back.
    pub goes_back: &'a (dyn Fn(&ClientId, &WorkflowId) -> GoesBack<'a> + Send + Sync),
    /// Whether another try of a run could do more than it did.
    pub may_retry: &'a (dyn Fn(RunId) -> bool + Send + Sync),
    /// What commands must say to find the agent's configuration; nothing where they look for it anyway.
    pub config: Option<&'a str>,
    /// Where the console is, for links, with the slash at its end; nothing where no browser of a person reaches it.
    pub console: Option<&'a str>,
}

impl<'a> Teller<'a> {
    /// One that knows of no console and no configuration, and of no plan that can be taken back.
    pub fn new(
        routes: &'a Routes,
        agent: &'a AgentId,
        secrets: &'a (dyn Fn(&ConnectionId) -> ToldSecret<'a> + Send + Sync),
    ) -> Self {
        Self { routes, agent, secrets, goes_back: &never, may_retry: &always, config: None, console: None }
    }
}

fn always(_: RunId) -> bool {
    true
}

fn never<'a>(_: &ClientId, _: &WorkflowId) -> GoesBack<'a> {
    Box::pin(std::future::ready(None))
}

/// Why a route did not take something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    /// A code from a closed list; `http_` and the status where there was one.
    pub(super) code: String,
    /// How long the receiver wants to be left alone.
    pub(super) after: Option<Duration>,
}

impl NotTaken {
    fn of(code: &str) -> Self {
        Self { code: code.to_owned(), after: None }
    }
}

/// One thing, ready to leave.
pub(super) enum Parcel {
    /// By HTTP.
    Http(Box<HttpRequest>),
    /// As mail.
    Mail(Box<Mail>),
}

/// One stage of an alert for one route.
pub(super) async fn of_alert(
    teller: &Teller<'_>,
    client: &ClientId,
    target: &Target,
    telling: &Telling<'_>,
) -> Result<Parcel, NotTaken> {
    let secret = (teller.secrets)(&target.name).await;
    if let Some(mail) = &target.mail {
        let to = mail.told(telling.message.client.as_ref() == Some(client));
        let message = tell::letter(telling, &mail.from, &to);
        return Ok(mailed(client, target, secret, to, message));
    }
    let key = secret.as_ref().and_then(|secret| std::str::from_utf8(secret.reveal()).ok());
    if key.is_none() && target.via == RouteKind::Pagerduty {
        return Err(NotTaken::of("secret_missing"));
    }
    let body = tell::body(target.via, telling, key);
    let (below, body) = body.ok_or_else(|| NotTaken::of("too_large"))?;
    posted(client, target, secret, below, body)
}

/// A POST of JSON to a route.
pub(super) fn posted(
    client: &ClientId,
    target: &Target,
    secret: Option<Content<Vec<u8>>>,
    below: &str,
    body: Vec<u8>,
) -> Result<Parcel, NotTaken> {
    let mut headers = vec![("content-type".to_owned(), Content::new(b"application/json".to_vec()))];
    let mut path = format!("{}{below}", target.base.path());
    match (target.via, secret) {
        (RouteKind::Slack, Some(secret)) => path = hidden_path(target, secret.reveal())?,
        (RouteKind::Slack, None) => return Err(NotTaken::of("secret_missing")),
        (RouteKind::Webhook | RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook, Some(secret)) => {
            if !is_word(secret.reveal()) {
                return Err(NotTaken::of("bad_secret"));
            }
            let value = [b"Bearer ", secret.reveal().as_slice()].concat();
            headers.push(("authorization".to_owned(), Content::new(value)));
        }
        // It stands in the body, or there is none.
        (RouteKind::Pagerduty | RouteKind::Smtp, _) | (_, None) => {}
    }
    if path.is_empty() {
        path.push('/');
    }
    let operation = Name::new("alert").or(Err(NotTaken::of("bad_route")))?;
    Ok(Parcel::Http(Box::new(HttpRequest {
        client: client.clone(),
        operation: OperationRef { connection: target.name.clone(), operation },
        method: Method::Post,
        tls: target.base.tls(),
        host: target.base.host().to_owned(),
        port: target.base.port(),
        target: Content::new(path),
        headers,
        body: Content::new(body),
        timeout: TIMEOUT,
        most_bytes: ANSWER_MOST_BYTES,
        // Without TLS a URL leads to a private address or nowhere.
        private_addresses: !target.base.tls(),
    })))
}

/// Mail to a route.
pub(super) fn mailed(
    client: &ClientId,
    target: &Target,
    credential: Option<Content<Vec<u8>>>,
    to: Vec<assent_schema::id::MailAddress>,
    message: Vec<u8>,
) -> Parcel {
    let from = target.mail.as_ref().map(|mail| mail.from.clone());
    Parcel::Mail(Box::new(Mail {
        client: client.clone(),
        route: target.name.clone(),
        tls: target.base.tls(),
        host: target.base.host().to_owned(),
        port: target.base.port(),
        credential,
        from,
        to,
        for_all: target.carries == Carries::PostMortems,
        message: Content::new(message),
        timeout: MAIL_TIMEOUT,
    }))
}

/// Where a URL that is a secret leads: it must be one below the endpoint that the release names.
fn hidden_path(target: &Target, secret: &[u8]) -> Result<String, NotTaken> {
    let bad = || NotTaken::of("bad_secret");
    let url = Zeroizing::new(std::str::from_utf8(secret).or(Err(bad()))?.trim_end_matches('/').to_owned());
    let lead = Base::parse(&url).ok_or_else(bad)?;
    let same = (lead.tls(), lead.host(), lead.port()) == (target.base.tls(), target.base.host(), target.base.port());
    if same && lead.path().starts_with(target.base.path()) { Ok(lead.path().to_owned()) } else { Err(bad()) }
}

/// Sends it. Only what the receiver says it took counts as taken.
pub(super) async fn send<W: World>(world: &W, parcel: Parcel) -> Result<(), NotTaken> {
    match parcel {
        Parcel::Mail(mail) => world.net().mail(*mail).await.map_err(|failure| NotTaken::of(failure.code())),
        Parcel::Http(request) => {
            let answer = world.net().exchange(*request).await.map_err(|failure| NotTaken::of(failure.code()))?;
            if (200..300).contains(&answer.status) {
                return Ok(());
            }
            let header = |name| answer.header(name).and_then(|value| std::str::from_utf8(value).ok());
            let after = header("retry-after").and_then(|value| retry_after(value, header("date")));
            Err(NotTaken { code: format!("http_{}", answer.status), after })
        }
    }
}
