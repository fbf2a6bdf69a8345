//! Access tokens of connections: kept in memory alone, asked for anew shortly before they end, by one task at a time.
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
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::{Effect, Failure, Retry};

use super::compiled::{CompiledCall, CompiledStep};
use super::driver::{Run, Stop};
use super::{Deployed, Engine, Traffic, lock};
use crate::content::Content;
use crate::request::Failed;
use crate::request::oauth::{self, Grant};
use crate::retry::{Breaker, Next, next};
use crate::store::Store;
use crate::world::{Clock as _, Net as _, World};

/// So long before its end a token is not used any more; of one that lives shortly, a tenth of its life.
const EARLY: Duration = Duration::from_mins(1);
/// The code when the vault could not take a new refresh token: the access token waits for it.
const NOT_KEPT: &str = "token_not_kept";

/// Which token a request was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// The tokens of all connections.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<(ClientId, ConnectionId), Arc<Place>>>);

/// The token of one connection.
#[derive(Default)]
struct Place {
    /// Who holds it asks for the next token: a refresh token is never used by two.
    turn: tokio::sync::Mutex<()>,
    held: Mutex<Option<Held>>,
}

struct Held {
    access: Content<Vec<u8>>,
    /// When it is replaced, by the time since the machine started.
    until: Duration,
    generation: u64,
    /// The record that the vault has not taken yet.
    unkept: Option<Content<Vec<u8>>>,
}

impl Tokens {
    fn place(&self, client: &ClientId, connection: &ConnectionId) -> Arc<Place> {
        Arc::clone(lock(&self.0).entry((client.clone(), connection.clone())).or_default())
    }
}

impl Place {
    fn alive(&self, now: Duration) -> Option<Generation> {
        let held = lock(&self.held);
        held.as_ref().filter(|held| now < held.until && held.unkept.is_none()).map(|held| Generation(held.generation))
    }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// What authorises a request of a connection now: the secret of its slot, or the token that is held.
    pub(super) fn secret_of(
        &self,
        client: &ClientId,
        name: &ConnectionId,
        connection: &ConnectionFacts,
    ) -> Option<Content<Vec<u8>>> {
        if oauth::is_used(&connection.auth) {
            let place = self.tokens.place(client, name);
            let held = lock(&place.held);
            return held.as_ref().filter(|held| held.unkept.is_none()).map(|held| held.access.clone());
        }
        connection.auth.slot().and_then(|slot| self.deployed.secret(client, name, slot))
    }

    /// Sees to it that a connection has a token that lives; nothing to do where none is used.
    ///
    /// # Errors
    /// [`Failed`] when the token endpoint gave none.
    pub(super) async fn token(
        &self,
        client: &ClientId,
        name: &ConnectionId,
        connection: &ConnectionFacts,
    ) -> Result<Option<Generation>, Failed> {
        if !oauth::is_used(&connection.auth) {
            return Ok(None);
        }
        let place = self.tokens.place(client, name);
        if let Some(generation) = place.alive(self.world.clock().boot()) {
            return Ok(Some(generation));
        }
        let turn = place.turn.lock().await;
        let done = self.next_token(&place, client, name, connection).await;
        drop(turn);
        done.map(Some)
    }

    /// A request with this token was answered as if it had none: the next one gets another.
    pub(super) fn spoil(&self, client: &ClientId, name: &ConnectionId, sent: Generation) {
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
    ) -> Result<Generation, Failed> {
        self.keep_record(place, client, name, &connection.auth)?;
        let now = self.world.clock().boot();
        if let Some(generation) = place.alive(now) {
            return Ok(generation);
        }
        let failed = |code| Failed::with_code(Failure::Permanent, code);
        let endpoint = self.deployed.endpoint(client, name).ok_or_else(|| failed("no_endpoint"))?;
        let slot = connection.auth.slot().ok_or_else(|| failed("secret_missing"))?;
        let record = self.deployed.credential(client, name, slot).ok_or_else(|| failed("secret_missing"))?;
        let grant = Grant { client, name, connection, endpoint: &endpoint.url, record: record.reveal() };
        let request = oauth::ask(&grant).map_err(|wrong| failed(wrong.kind.code()))?;
        let answered = self.world.net().exchange(request).await;
        let theirs = match &answered {
            Ok(response) => response.status >= 500,
            Err(failure) => Failed::of_net(*failure).is_theirs(),
        };
        self.tell_breaker(client, name, theirs);
        let token = oauth::read(&grant, &answered.map_err(Failed::of_net)?)?;
        let early = EARLY.min(token.lives / 10);
        let generation = {
            let mut held = lock(&place.held);
            let generation = held.as_ref().map_or(0, |held| held.generation).saturating_add(1);
            let until = now.saturating_add(token.lives.saturating_sub(early));
            *held = Some(Held { access: token.access, until, generation, unkept: token.next });
            generation
        };
        self.keep_record(place, client, name, &connection.auth)?;
        Ok(Generation(generation))
    }

    /// Puts a new record into the vault, where one waits for it.
    fn keep_record(&self, place: &Place, client: &ClientId, name: &ConnectionId, auth: &Auth) -> Result<(), Failed> {
        let unkept = lock(&place.held).as_ref().and_then(|held| held.unkept.clone());
        let (Some(record), Some(slot)) = (unkept, auth.slot()) else { return Ok(()) };
        if !self.deployed.renew(client, name, slot, record) {
            return Err(Failed::with_code(Failure::Transient, NOT_KEPT));
        }
        if let Some(held) = lock(&place.held).as_mut() {
            held.unkept = None;
        }
        Ok(())
    }

    /// Tells the breaker of a connection how an exchange went.
    pub(super) fn tell_breaker(&self, client: &ClientId, name: &ConnectionId, theirs: bool) {
        let now = self.world.clock().boot();
        let mut traffic = lock(&self.traffic);
        let traffic = traffic
            .entry((client.clone(), name.clone()))
            .or_insert_with(|| Traffic { breaker: Breaker::default(), bucket: None });
        if theirs {
            traffic.breaker.failed(now);
        } else {
            traffic.breaker.answered();
        }
    }
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Sees to it that a step's connection has a token, with the attempts that reads get. Nobody waits for a token with an
    /// event that is not durable yet.
    ///
    /// # Errors
    /// [`Stop`] when the run ends; [`Failed`] when there is no token: nothing of the step was sent then.
    pub(super) async fn ready(&mut self, name: &ConnectionId) -> Result<Result<Option<Generation>, Failed>, Stop> {
        let facts = Arc::clone(&self.facts);
        let Some(connection) = facts.connections.get(name) else { return Ok(Ok(None)) };
        let client = self.accepted.client.clone();
        let place = self.engine.tokens.place(&client, name);
        if oauth::is_used(&connection.auth) && place.alive(self.engine.world.clock().boot()).is_none() {
            self.flush_all().await?;
        }
        let mut attempt = 0_u32;
        loop {
            attempt = attempt.saturating_add(1);
            let failed = match self.engine.token(&client, name, connection).await {
                Ok(generation) => return Ok(Ok(generation)),
                Err(failed) => failed,
            };
            let passing = matches!(failed.kind, Failure::Transient | Failure::Throttled);
            match next(&Retry::DEFAULT, attempt, failed.retry_after, self.left(), self.dice()) {
                Next::After(delay) if passing => self.engine.world.clock().sleep(delay).await,
                Next::After(_) | Next::NoAttempts | Next::NoTime => return Ok(Err(failed)),
            }
        }
    }

    /// The other side did not take the token: the next request gets another.
    pub(super) fn not_taken(&self, name: &ConnectionId, sent: Generation) {
        self.engine.spoil(&self.accepted.client, name, sent);
    }

    /// Whether a call may be sent again with another token.
    pub(super) fn may_renew(&self, step: &CompiledStep, call: &CompiledCall, failed: &Failed) -> bool {
        call.operation.effect == Effect::None || failed.not_executed || self.key_lives(step)
    }
}
