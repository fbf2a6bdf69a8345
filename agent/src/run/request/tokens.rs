//! What authorises requests: the secret of a slot, fetched for the step that needs it; or an access token, kept in memory
//! alone, asked for anew shortly before it ends, by one task at a time.
//!
//! # Crash
//! A refresh token that came with an access token is durable in the vault before the access token is used. Where the
//! process dies between the answer and that write, the old one is tried once more; a server that takes no refresh token
//! twice then asks for consent again.
//!
//! # Source
//! engine.md section 4; RFC 9700 section 4.14.2 (refresh tokens that are replaced).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::client::{Auth, ConnectionFacts};
use assent_schema::id::{ClientId, ConnectionId, Name};
use assent_schema::plan::{Effect, Failure, Retry};

use crate::request::Failed;
use crate::request::consent::{self, Granted};
use crate::request::oauth::{self, CONSENT_NEEDED, Grant};
use crate::retry::{Next, next};
use crate::run::compiled::{CompiledCall, CompiledStep};
use crate::run::driver::{Run, Stop};
use crate::run::{Deployed, Engine, OfClient, Unreachable, lock};
use crate::store::Store;
use crate::vault::{Secret, VaultError};
use crate::world::{Clock as _, Net as _, World};

/// So long before its end a token is not used any more; of one that lives shortly, a tenth of its life.
const EARLY: Duration = Duration::from_mins(1);
/// The code when the vault could not take a new refresh token: the access token waits for it.
const NOT_KEPT: &str = "token_not_kept";

/// Which token a request was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) struct Generation(u64);

/// A connection of a client.
type At = (ClientId, ConnectionId);

/// The tokens of all connections.
#[derive(Default)]
pub(in crate::run) struct Tokens {
    places: Mutex<BTreeMap<At, Arc<Place>>>,
    /// What the APIs granted, where it is not what is needed.
    drift: Mutex<BTreeMap<At, Granted>>,
}

/// The token of one connection.
#[derive(Default)]
struct Place {
    /// Who holds it asks for the next token: a refresh token is never used by two.
    turn: tokio::sync::Mutex<()>,
    held: Mutex<Option<Held>>,
    /// The record whose consent is gone: nobody asks with it again.
    refused: Mutex<Option<Secret>>,
}

struct Held {
    access: Secret,
    /// When it is replaced, by the time since the machine started.
    until: Duration,
    generation: u64,
    /// The record that the vault has not taken yet.
    unkept: Option<Secret>,
}

/// What authorises the next request of a connection.
#[derive(Default)]
pub(in crate::run) struct Ready {
    /// Which token it is, where it is one.
    pub(in crate::run) token: Option<Generation>,
    /// The secret or token; nothing where none is needed.
    pub(in crate::run) secret: Option<Secret>,
}

/// Why nothing authorises a request.
pub(in crate::run) enum Unready {
    /// It failed, as a step fails.
    Failed(Failed),
    /// Not now, and not by anything that the run can do: the vault is away, or a person must consent. Who needs a secret
    /// waits.
    NotNow(&'static str),
}

impl From<Failed> for Unready {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<VaultError> for Unready {
    fn from(error: VaultError) -> Self {
        if error.is_outage() {
            return Self::NotNow(error.code());
        }
        let kind = match error {
            VaultError::Disk(_) | VaultError::Changed => Failure::Transient,
            _ => Failure::Permanent,
        };
        Self::Failed(Failed::with_code(kind, error.code()))
    }
}

impl Tokens {
    /// What is held of a connection's token counts no more.
    pub(in crate::run) fn forget(&self, client: &ClientId, connection: &ConnectionId) {
        let place = self.place(client, connection);
        if let Some(held) = lock(&place.held).as_mut() {
            held.until = Duration::ZERO;
        }
    }

    fn place(&self, client: &ClientId, connection: &ConnectionId) -> Arc<Place> {
        Arc::clone(lock(&self.places).entry((client.clone(), connection.clone())).or_default())
    }
}

impl Place {
    fn alive(&self, now: Duration) -> Option<Ready> {
        let held = lock(&self.held);
        let held = held.as_ref().filter(|held| now < held.until && held.unkept.is_none())?;
        Some(Ready { token: Some(Generation(held.generation)), secret: Some(held.access.clone()) })
    }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// What authorises a request of a connection now: the secret of its slot, or a token that lives, asked for where none is
    /// held.
    ///
    /// # Errors
    /// [`Unready`] when the vault or the token endpoint gave none.
    pub(in crate::run) async fn authorise(
        &self,
        client: &ClientId,
        name: &ConnectionId,
        connection: &ConnectionFacts,
    ) -> Result<Ready, Unready> {
        let Some(slot) = connection.auth.slot() else { return Ok(Ready::default()) };
        if connection.auth.token().is_none() {
            let secret = self.deployed.secret(client, name, slot).await?;
            return Ok(Ready { token: None, secret: Some(secret) });
        }
        let place = self.tokens.place(client, name);
        if let Some(ready) = place.alive(self.world.clock().boot()) {
            return Ok(ready);
        }
        let turn = place.turn.lock().await;
        let done = self.next_token(&place, client, name, connection).await;
        drop(turn);
        done
    }

    /// A request with this token was answered as if it had none: the next one gets another.
    pub(in crate::run) fn spoil(&self, client: &ClientId, name: &ConnectionId, sent: Generation) {
        let place = self.tokens.place(client, name);
        if let Some(held) = lock(&place.held).as_mut().filter(|held| held.generation == sent.0) {
            held.until = Duration::ZERO;
        }
    }

    /// In turn: takes what another got meanwhile, or asks.
    async fn next_token(
        &self,
        place: &Place,
        client: &ClientId,
        name: &ConnectionId,
        connection: &ConnectionFacts,
    ) -> Result<Ready, Unready> {
        self.keep_record(place, client, name, &connection.auth).await?;
        let now = self.world.clock().boot();
        if let Some(ready) = place.alive(now) {
            return Ok(ready);
        }
        let failed = |code| Failed::with_code(Failure::Permanent, code);
        let endpoint = self.deployed.endpoint(client, name).ok_or_else(|| failed(Unreachable::Endpoint.code()))?;
        let slot = connection.auth.slot().ok_or_else(|| failed("secret_missing"))?;
        let record = self.deployed.secret(client, name, slot).await?;
        if lock(&place.refused).as_ref().is_some_and(|refused| refused.reveal() == record.reveal()) {
            return Err(Unready::NotNow(CONSENT_NEEDED));
        }
        if oauth::awaits_consent(&connection.auth, record.reveal()) {
            *lock(&place.refused) = Some(record);
            return Err(Unready::NotNow(CONSENT_NEEDED));
        }
        let grant = Grant { client, name, connection, endpoint: endpoint.token_url(), record: record.reveal() };
        let request = oauth::ask(&grant).map_err(|wrong| failed(wrong.kind.code()))?;
        let answered = self.world.net().exchange(request).await;
        let theirs = match &answered {
            Ok(response) => response.status >= 500,
            Err(failure) => Failed::of_net(*failure).is_theirs(),
        };
        self.tell_breaker(client, name, theirs);
        let read = oauth::read(&grant, &answered.map_err(Failed::of_net)?);
        if read.as_ref().is_err_and(|failed| failed.code == CONSENT_NEEDED) {
            tracing::error!(%client, connection = %name, code = CONSENT_NEEDED, "what uses the connection waits");
            *lock(&place.refused) = Some(record);
            return Err(Unready::NotNow(CONSENT_NEEDED));
        }
        let token = read?;
        *lock(&place.refused) = None;
        let early = EARLY.min(token.lives / 10);
        let access = Secret::new(token.access.into_inner())?;
        let unkept = token.next.map(|next| Secret::new(next.into_inner())).transpose()?;
        let ready = {
            let mut held = lock(&place.held);
            let generation = held.as_ref().map_or(0, |held| held.generation).saturating_add(1);
            let until = now.saturating_add(token.lives.saturating_sub(early));
            let ready = Ready { token: Some(Generation(generation)), secret: Some(access.clone()) };
            *held = Some(Held { access, until, generation, unkept });
            ready
        };
        self.keep_record(place, client, name, &connection.auth).await?;
        if let Some(lives) = token.consent {
            self.note_consent(OfClient { client, connection: name, slot }, lives).await;
        }
        let told = match &ready.secret {
            Some(access) => self.introspect(&grant, access.reveal()).await,
            None => None,
        };
        self.note_scopes(&grant, told.or(token.scope).as_deref());
        Ok(ready)
    }

    /// What the API says that a token may do; nothing where it does not tell, or not now.
    async fn introspect(&self, grant: &Grant<'_>, token: &[u8]) -> Option<String> {
        let request = oauth::introspect(grant, token).ok().flatten()?;
        let answered = self.world.net().exchange(request).await.map_err(Failed::of_net);
        match answered.and_then(|response| oauth::introspected(&response)) {
            Ok(scope) => scope,
            Err(failed) => {
                let (client, connection) = (grant.client, grant.name);
                tracing::warn!(%client, %connection, code = failed.code, "a token could not be introspected");
                None
            }
        }
    }

    /// Remembers what an API granted beside what is needed. Where it says nothing, nothing is known.
    fn note_scopes(&self, grant: &Grant<'_>, told: Option<&str>) {
        let at = (grant.client.clone(), grant.name.clone());
        let found = consent::granted(grant.connection, told);
        let mut drift = lock(&self.tokens.drift);
        if found.more.is_empty() && found.fewer.is_empty() {
            drift.remove(&at);
        } else if drift.insert(at, found.clone()).is_none_or(|before| before != found) {
            let (client, connection, more, fewer) = (grant.client, grant.name, found.more.len(), found.fewer.len());
            tracing::warn!(%client, %connection, more, fewer, "an API granted other scopes than are needed");
        }
    }

    /// Looks what an API granted, where it tells: with the token that is held, or a new one.
    pub async fn look_at_scopes(&self, client: &ClientId, name: &ConnectionId) {
        let facts = self.deployed.client(client);
        let Some(connection) = facts.as_ref().and_then(|facts| facts.connections.get(name)) else { return };
        let (Some(_), Some(slot)) = (connection.auth.introspect(), connection.auth.slot()) else { return };
        let Ok(Ready { secret: Some(access), .. }) = self.authorise(client, name, connection).await else { return };
        let (Some(endpoint), Ok(record)) =
            (self.deployed.endpoint(client, name), self.deployed.secret(client, name, slot).await)
        else {
            return;
        };
        let grant = Grant { client, name, connection, endpoint: endpoint.token_url(), record: record.reveal() };
        if let Some(told) = self.introspect(&grant, access.reveal()).await {
            self.note_scopes(&grant, Some(&told));
        }
    }

    /// Where an API granted other scopes than are needed.
    pub fn drift(&self) -> BTreeMap<At, Granted> {
        lock(&self.tokens.drift).clone()
    }

    /// The connections for which a person must consent.
    pub fn consents(&self) -> Vec<At> {
        let places = lock(&self.tokens.places);
        let waits = |place: &Place| lock(&place.refused).is_some();
        places.iter().filter(|(_, place)| waits(place)).map(|(at, _)| at.clone()).collect()
    }

    /// A person changed secrets: whoever waits for one looks again now.
    pub fn secrets_changed(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Puts a new record into the vault, where one waits for it.
    async fn keep_record(
        &self,
        place: &Place,
        client: &ClientId,
        name: &ConnectionId,
        auth: &Auth,
    ) -> Result<(), Unready> {
        let unkept = lock(&place.held).as_ref().and_then(|held| held.unkept.clone());
        let (Some(record), Some(slot)) = (unkept, auth.slot()) else { return Ok(()) };
        let kept = self.deployed.renew(client, name, slot, record).await;
        match kept {
            Ok(()) => {
                if let Some(held) = lock(&place.held).as_mut() {
                    held.unkept = None;
                }
                Ok(())
            }
            Err(VaultError::Changed) => {
                // Somebody put another record there: what was got by the old one counts no more.
                *lock(&place.held) = None;
                Err(VaultError::Changed.into())
            }
            Err(error) if error.is_outage() => Err(error.into()),
            Err(_) => Err(Failed::with_code(Failure::Transient, NOT_KEPT).into()),
        }
    }

    /// Tells the breaker of a connection how an exchange went.
    pub(in crate::run) fn tell_breaker(&self, client: &ClientId, name: &ConnectionId, theirs: bool) {
        let now = self.world.clock().boot();
        let mut traffic = lock(&self.traffic);
        let traffic = traffic.entry((client.clone(), name.clone())).or_default();
        if theirs {
            traffic.breaker.failed(now);
        } else {
            traffic.breaker.answered();
        }
    }
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Sees to it that a step's request can be authorised, with the attempts that reads get; where the vault is away, as soon
    /// as it is back. Nobody waits for that with an event that is not durable yet.
    ///
    /// # Errors
    /// [`Stop`] when the run ends; [`Failed`] when there is no secret: nothing of the step was sent then.
    pub(in crate::run) async fn ready(
        &mut self,
        step: &Name,
        name: &ConnectionId,
    ) -> Result<Result<Option<Generation>, Failed>, Stop> {
        let client = self.accepted.client.clone();
        let mut attempt = 0_u32;
        loop {
            attempt = attempt.saturating_add(1);
            let facts = self.client(step)?;
            let Some(connection) = facts.connections.get(name) else { return Ok(Ok(None)) };
            if connection.auth.token().is_some() {
                let place = self.engine.tokens.place(&client, name);
                if place.alive(self.engine.world.clock().boot()).is_none() {
                    self.flush_all().await?;
                }
            }
            let failed = match self.engine.authorise(&client, name, connection).await {
                Ok(ready) => {
                    self.secret = ready.secret;
                    return Ok(Ok(ready.token));
                }
                Err(Unready::Failed(failed)) => failed,
                Err(Unready::NotNow(_)) => {
                    self.outwait(step).await?;
                    self.permitted(step, Some(name)).await?;
                    attempt = 0;
                    continue;
                }
            };
            let passing = matches!(failed.kind, Failure::Transient | Failure::Throttled);
            match next(&Retry::DEFAULT, attempt, failed.retry_after, self.left(), self.dice()) {
                Next::After(delay) if passing => self.pause(delay).await?,
                Next::After(_) | Next::NoAttempts | Next::NoTime => return Ok(Err(failed)),
            }
        }
    }

    /// The other side did not take what authorised a request. True when the next one is authorised by something else: by
    /// another token, or by a secret that was rotated meanwhile.
    pub(in crate::run) async fn takes_another(&mut self, name: &ConnectionId, sent: Option<Generation>) -> bool {
        if let Some(sent) = sent {
            self.not_taken(name, sent);
            return true;
        }
        let Some(facts) = self.engine.deployed.client(&self.accepted.client) else { return false };
        let (Some(connection), Some(before)) = (facts.connections.get(name), self.secret.clone()) else {
            return false;
        };
        let ready = self.engine.authorise(&self.accepted.client, name, connection).await;
        ready.is_ok_and(|ready| ready.secret.is_some_and(|secret| secret.reveal() != before.reveal()))
    }

    /// The other side did not take the token: the next request gets another.
    pub(in crate::run) fn not_taken(&self, name: &ConnectionId, sent: Generation) {
        self.engine.spoil(&self.accepted.client, name, sent);
    }

    /// Whether a call may be sent again with another token.
    pub(in crate::run) fn may_renew(&self, step: &CompiledStep, call: &CompiledCall, failed: &Failed) -> bool {
        call.operation.effect == Effect::None || failed.not_executed || self.key_lives(step, call, Duration::ZERO)
    }
}
