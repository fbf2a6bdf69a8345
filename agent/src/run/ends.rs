//! When the credentials of connections end: what an API told of a consent and what a person said of a secret is kept, each with
//! a mark of what it is about; what a token says of itself is read.
//!
//! # Source
//! engine.md section 6.

use assent_schema::canon::Digest;
use assent_schema::client::Auth;
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::time::{Moment, Period};

use super::{Deployed, Engine, NotRotated, OfClient};
use crate::request::keyed::{Purpose, keyed};
use crate::store::{Store, StoreError, Transaction, Write};
use crate::vault::ends::{End, Ending, Kept, of_token};
use crate::vault::{Secret, Vault, VaultError};
use crate::world::{Clock as _, World};

/// Where the store keeps when secrets end, as somebody said.
const SAID: &str = "slot-ends/";
/// Where it keeps when consents end, as their APIs told.
const TOLD: &str = "consent-ends/";
/// A consent that lives shorter than this is not watched: it is gone before anybody could be told of it, and that is told.
const SHORTEST: Period = Period::days(2);
/// What is damaged when it cannot be read.
const WHAT: &str = "when a secret ends";

/// What is known of the end of what a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// When that is.
    pub end: End,
    /// What is to be done before.
    pub what: Ending,
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// When what a slot holds ends, by whoever said the earliest.
    ///
    /// # Errors
    /// [`NotRotated::Vault`], [`NotRotated::Store`].
    pub async fn ends(&self, vault: &dyn Vault, of: OfClient<'_>) -> Result<Option<Ends>, NotRotated> {
        let path = of.path();
        let secret = match vault.read(&path).await {
            Err(VaultError::Missing) => return Ok(None),
            secret => secret?,
        };
        let kept = vault.end(&path).await?.map(End::at);
        Ok(self.ends_of(of, &secret, kept)?)
    }

    fn ends_of(&self, of: OfClient<'_>, secret: &Secret, kept: Option<End>) -> Result<Option<Ends>, StoreError> {
        let said = self.kept(&format!("{SAID}{}", of.path()), self.mark(secret))?;
        let secrets = [of_token(secret.reveal()), said, kept].into_iter().flatten();
        let secrets = secrets.map(|end| Ends { end, what: Ending::Secret });
        let told = self.kept(&format!("{TOLD}{}", of.path()), self.whole(secret))?;
        let what = if self.is_consented(of) { Ending::Consent } else { Ending::Secret };
        Ok(secrets.chain(told.map(|end| Ends { end, what })).min_by_key(|ends| ends.end.at))
    }

    /// Keeps what a person says of the end of the secret that counts in a slot; nothing takes it back. Another secret in its
    /// place has no end that is known.
    ///
    /// # Errors
    /// [`NotRotated::Vault`], [`NotRotated::Store`].
    pub async fn say_end(&self, vault: &dyn Vault, of: OfClient<'_>, at: Option<Moment>) -> Result<(), NotRotated> {
        let mark = self.mark(&vault.read(&of.path()).await?);
        let kept = at.map(|at| Kept { mark, end: End::at(at) });
        Ok(self.keep_end(format!("{SAID}{}", of.path()), kept).await?)
    }

    /// Keeps how long an API says that a consent lives, with the record that it is about. What cannot be kept is told again
    /// with the next token.
    pub(super) async fn note_consent(&self, of: OfClient<'_>, lives: Period) {
        let Ok(record) = self.deployed.secret(of.client, of.connection, of.slot).await else { return };
        let name = format!("{TOLD}{}", of.path());
        let now = self.world.clock().now().moment();
        let before = self.store.state(&name).ok().flatten();
        let before = before.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let end = End::told(lives, now, before.as_ref().map(|before| before.end));
        let short = end.lives.is_some_and(|lives| lives < SHORTEST);
        let new = (!short).then(|| Kept { mark: self.whole(&record), end });
        if new == before {
            return;
        }
        if let Err(error) = self.keep_end(name, new).await {
            let (client, connection) = (of.client, of.connection);
            tracing::warn!(%client, %connection, %error, "when a consent ends could not be kept");
        }
    }

    /// Asks for a token where a consent lives from one use to the next and half of its life is over: one that is used seldom
    /// must not end for that. Where asking does not move its end, on-call is told in time.
    pub async fn keep_consent(&self, client: &ClientId, name: &ConnectionId) {
        let Some(facts) = self.deployed.client(client) else { return };
        let Some(connection) = facts.connections.get(name) else { return };
        let Some(slot) = connection.auth.slot() else { return };
        let of = OfClient { client, connection: name, slot };
        let Ok(record) = self.deployed.secret(client, name, slot).await else { return };
        let now = self.world.clock().now().moment();
        let told = self.kept(&format!("{TOLD}{}", of.path()), self.whole(&record)).ok().flatten();
        if told.is_some_and(|end| now < end.at && end.is_half_over(now)) {
            self.tokens.forget(client, name);
            if self.authorise(client, name, connection).await.is_err() {
                tracing::warn!(%client, connection = %name, "a consent that ends could not be used");
            }
        }
    }

    fn kept(&self, name: &str, mark: Digest) -> Result<Option<End>, StoreError> {
        let Some(bytes) = self.store.state(name)? else { return Ok(None) };
        let kept: Kept = serde_json::from_slice(&bytes).or(Err(StoreError::Damaged(WHAT)))?;
        Ok((kept.mark == mark).then_some(kept.end))
    }

    async fn keep_end(&self, name: String, kept: Option<Kept>) -> Result<(), StoreError> {
        let value = kept.map(|kept| serde_json::to_vec(&kept)).transpose().or(Err(StoreError::Damaged(WHAT)))?;
        let at = self.world.clock().now();
        self.store.commit(Transaction { at, writes: vec![Write::State { name, value }] }).await
    }

    /// By what a record is known with its refresh token, which is replaced by itself.
    fn whole(&self, secret: &Secret) -> Digest {
        keyed(self.agent_key.reveal(), Purpose::Secret, secret.reveal())
    }

    /// Whether a person consents at the API to what the slot is for.
    fn is_consented(&self, of: OfClient<'_>) -> bool {
        let facts = self.deployed.client(of.client);
        let connection = facts.as_ref().and_then(|facts| facts.connections.get(of.connection));
        connection.is_some_and(|connection| {
            let asks = matches!(connection.auth, Auth::Oauth2Refresh { authorize: Some(_), .. });
            asks && connection.auth.slot() == Some(of.slot)
        })
    }
}
