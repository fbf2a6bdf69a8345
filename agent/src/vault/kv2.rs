//! A key-value store, version 2, of HashiCorp Vault or OpenBao, over HTTPS.
//!
//! A slot is the secret `<prefix>/<client>/<connection>/<slot>` of the mount, with the member `value` (`base64` for what is no
//! text); what is to be tested stands beside it as `<slot>.next`. A secret is fetched when it is needed and dropped with the
//! request that it was for. Writes name the version that they follow (check-and-set), so that of two writers one is told.
//!
//! # Source
//! OpenBao and Vault HTTP API, "KV secrets engine, version 2" (`data`, `metadata`, `options.cas`), "`AppRole` auth method"
//! (`login`) and "HTTP API" (`X-Vault-Token`, `X-Vault-Namespace`, `X-Vault-Request`, status codes).

mod answer;
#[cfg(test)]
#[path = "kv2_tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use assent_schema::id::{ClientId, OperationRef};
use assent_schema::named::{Kind, Unread};
use assent_schema::plan::Method;
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use self::answer::{
    Fields, Keys, Metadata, NOT_THAT_VERSION, Nothing, Version, contains, object, passing, read, secret,
};
use super::{Asked, Secret, SlotPath, Vault, VaultError};
use crate::config::{Kv2, Login};
use crate::content::Content;
use crate::named;
use crate::sync::lock;
use crate::world::{Clock, HttpRequest, HttpResponse, Net};

/// The largest answer, in bytes.
const ANSWER_MOST_BYTES: u64 = 1024 * 1024;
/// The most questions that one list of all slots may take.
const LISTS_MOST: usize = 10_000;
/// What is left of a token's life when the next one is asked for: a tenth.
const EARLY: u32 = 10;

/// A key-value store, version 2.
pub struct Kv2Vault<N: Net, C: Clock> {
    net: N,
    clock: C,
    at: Kv2,
    /// Who holds it logs in, one at a time.
    token: tokio::sync::Mutex<Option<Token>>,
    /// The version of each slot that was read last: what is renewed follows that one.
    versions: Mutex<BTreeMap<SlotPath, u64>>,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    /// Until when it is used, by the time since boot; without an end where absent.
    until: Option<Duration>,
    /// How many there were before.
    number: u64,
}

/// Which of the two secrets of a slot.
#[derive(Clone, Copy)]
enum Which {
    Current,
    Next,
}

impl<N: Net, C: Clock> Kv2Vault<N, C> {
    /// The store at an address. Nothing is asked yet. `net` believes the roots that were named and reaches that host alone.
    pub fn new(at: Kv2, net: N, clock: C) -> Self {
        Self { net, clock, at, token: tokio::sync::Mutex::default(), versions: Mutex::default() }
    }

    fn below(&self, kind: &str, path: &str) -> String {
        let Kv2 { mount, prefix, .. } = &self.at;
        let slash = if prefix.is_empty() || path.is_empty() { "" } else { "/" };
        format!("/v1/{mount}/{kind}/{prefix}{slash}{path}")
    }

    fn place(&self, kind: &str, path: &SlotPath, which: Which) -> String {
        let next = match which {
            Which::Current => "",
            // No name of ours holds a full stop.
            Which::Next => ".next",
        };
        self.below(kind, &format!("{path}{next}"))
    }

    /// One exchange with the token that the agent has, and once more with another where that is not taken any more.
    async fn ask(&self, method: Method, target: &str, body: &[u8]) -> Result<HttpResponse, VaultError> {
        let token = self.token(None).await?;
        let answered = self.exchange(method, target, Some(&token.secret), body).await?;
        if answered.status != 403 {
            return passing(answered);
        }
        let token = self.token(Some(token.number)).await?;
        passing(self.exchange(method, target, Some(&token.secret), body).await?)
    }

    /// The token to ask with; another than the one that was refused.
    async fn token(&self, refused: Option<u64>) -> Result<Token, VaultError> {
        let mut held = self.token.lock().await;
        let now = self.clock.boot();
        let lives = |token: &&Token| token.until.is_none_or(|until| now < until) && Some(token.number) != refused;
        if let Some(token) = held.as_ref().filter(lives) {
            return Ok(token.clone());
        }
        let number = held.as_ref().map_or(0, |token| token.number).saturating_add(1);
        *held = None;
        let (secret, until) = match &self.at.login {
            Login::Token(file) => (from_file(file)?, None),
            Login::AppRole { mount, role, secret } => self.log_in(mount, role, secret, now).await?,
        };
        Ok(held.insert(Token { secret, until, number }).clone())
    }

    async fn log_in(
        &self,
        mount: &str,
        role: &str,
        file: &Path,
        now: Duration,
    ) -> Result<(Secret, Option<Duration>), VaultError> {
        let id = from_file(file)?;
        let id = std::str::from_utf8(id.reveal()).or(Err(VaultError::BadSecret))?;
        let body = object(&[("role_id", role), ("secret_id", id)])?;
        let answered = self.exchange(Method::Post, &format!("/v1/auth/{mount}/login"), None, &body).await?;
        // Who asks without a token and is told that the question is bad has shown a role or an id that is none.
        if matches!(answered.status, 400 | 403 | 404) {
            return Err(VaultError::Refused);
        }
        let auth = read::<Nothing>(&passing(answered)?)?.auth.ok_or(VaultError::Unreachable)?;
        let lives = Duration::from_secs(auth.lease_duration);
        let until = (!lives.is_zero()).then(|| now.saturating_add(lives.saturating_sub(lives / EARLY)));
        Ok((secret(&auth.client_token)?, until))
    }

    async fn exchange(
        &self,
        method: Method,
        target: &str,
        token: Option<&Secret>,
        body: &[u8],
    ) -> Result<HttpResponse, VaultError> {
        let plain = |name: &str, value: &str| (name.to_owned(), Content::new(value.as_bytes().to_vec()));
        let mut headers = vec![plain("accept", "application/json"), plain("x-vault-request", "true")];
        if !body.is_empty() {
            headers.push(plain("content-type", "application/json"));
        }
        headers.extend(self.at.namespace.as_deref().map(|namespace| plain("x-vault-namespace", namespace)));
        headers.extend(token.map(|token| ("x-vault-token".to_owned(), Content::new(token.reveal().to_vec()))));
        let request = HttpRequest {
            client: own_name()?,
            operation: operation()?,
            method,
            tls: self.at.tls,
            host: self.at.host.clone(),
            port: self.at.port,
            target: Content::new(target.to_owned()),
            headers,
            body: Content::new(body.to_vec()),
            timeout: self.at.timeout.duration(),
            most_bytes: ANSWER_MOST_BYTES,
            // An address of the operator's, and a vault is seldom public.
            private_addresses: true,
        };
        self.net.exchange(request).await.or(Err(VaultError::Unreachable))
    }

    /// A slot's newest version, and its number; 0 where there never was one.
    async fn newest(&self, path: &SlotPath, which: Which) -> Result<(Option<Fields>, u64), VaultError> {
        let answered = self.ask(Method::Get, &self.place("data", path, which), &[]).await?;
        let found = match answered.status {
            // Also of a version that was deleted: then its number is said.
            404 => read::<Version>(&answered).ok().and_then(|answer| answer.data),
            200 => Some(read::<Version>(&answered)?.data.ok_or(VaultError::Unreachable)?),
            _ => return Err(VaultError::Unreachable),
        };
        Ok(found.map_or((None, 0), |found| (found.data, found.metadata.version)))
    }

    /// When the newest version ends: the server deletes it then, or somebody noted that it is not taken any more.
    async fn ends(&self, path: &SlotPath) -> Result<Option<Moment>, VaultError> {
        let answered = self.ask(Method::Get, &self.place("data", path, Which::Current), &[]).await?;
        let 200 = answered.status else { return Ok(None) };
        let Some(Version { metadata, .. }) = read::<Version>(&answered)?.data else { return Ok(None) };
        let noted = metadata.noted.and_then(|noted| noted.expires);
        let told = [Some(metadata.deletion_time), noted].into_iter().flatten();
        // RFC 3339, with fractions or another offset too; a date alone is its first moment.
        let read = |text: String| {
            let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text };
            whole.parse::<jiff::Timestamp>().ok().map(Moment::from)
        };
        Ok(told.filter_map(read).min())
    }

    async fn get(&self, path: &SlotPath, which: Which) -> Result<Secret, VaultError> {
        let (fields, version) = self.newest(path, which).await?;
        let fields = fields.ok_or(VaultError::Missing)?;
        let found = match (&fields.value, &fields.base64) {
            (Some(value), None) => secret(value)?,
            (None, Some(coded)) => Secret::new(BASE64.decode(coded.0.as_bytes()).or(Err(VaultError::BadSecret))?)?,
            // Neither, or both: nobody knows which is meant.
            _ => return Err(VaultError::BadSecret),
        };
        if let Which::Current = which {
            lock(&self.versions).insert(path.clone(), version);
        }
        Ok(found)
    }

    /// Writes a version that follows another.
    async fn put(&self, path: &SlotPath, which: Which, secret: &Secret, follows: u64) -> Result<(), VaultError> {
        let field = match std::str::from_utf8(secret.reveal()) {
            Ok(text) => object(&[("value", text)])?,
            Err(_) => object(&[("base64", &*Zeroizing::new(BASE64.encode(secret.reveal())))])?,
        };
        let mut body = Zeroizing::new(Vec::with_capacity(field.len() + 64));
        body.extend_from_slice(format!("{{\"options\":{{\"cas\":{follows}}},\"data\":").as_bytes());
        body.extend_from_slice(&field);
        body.push(b'}');
        let answered = self.ask(Method::Post, &self.place("data", path, which), &body).await?;
        match answered.status {
            200 | 204 => {
                if let Which::Current = which {
                    let version = read::<Metadata>(&answered).ok().and_then(|answer| answer.data);
                    let version = version.map_or(follows.saturating_add(1), |version| version.version);
                    lock(&self.versions).insert(path.clone(), version);
                }
                Ok(())
            }
            400 if contains(answered.body.reveal(), NOT_THAT_VERSION) => Err(VaultError::Changed),
            400 => Err(VaultError::BadSecret),
            404 => Err(VaultError::Refused),
            _ => Err(VaultError::Unreachable),
        }
    }

    /// All names below a folder; folders end with a slash.
    async fn list(&self, folder: &str) -> Result<Vec<String>, VaultError> {
        let place = self.below("metadata", folder);
        let place = place.strip_suffix('/').unwrap_or(&place);
        let answered = self.ask(Method::Get, &format!("{place}?list=true"), &[]).await?;
        match answered.status {
            404 => Ok(Vec::new()),
            200 => Ok(read::<Keys>(&answered)?.data.map_or_else(Vec::new, |keys| keys.keys)),
            _ => Err(VaultError::Unreachable),
        }
    }

    async fn all(&self) -> Result<Vec<SlotPath>, VaultError> {
        let (mut folders, mut found) = (vec![String::new()], Vec::new());
        let mut asked = 0_usize;
        while let Some(folder) = folders.pop() {
            asked = asked.saturating_add(1);
            if asked > LISTS_MOST {
                return Err(VaultError::Unreachable);
            }
            for name in self.list(&folder).await? {
                let path = format!("{folder}{name}");
                match name.strip_suffix('/') {
                    Some(_) if path.matches('/').count() <= 2 => folders.push(path),
                    Some(_) => {}
                    None => found.extend(SlotPath::parse(&path)),
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// What a file holds, without the newline at its end.
fn from_file(file: &Path) -> Result<Secret, VaultError> {
    let mut bytes = named::secret(file, Kind::Secret).map_err(|why| match why {
        Unread::TooLarge(_) => VaultError::BadSecret,
        Unread::Failed(_) | Unread::NoFile(_) | Unread::NoText => VaultError::Refused,
    })?;
    while bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    Secret::new(std::mem::take(&mut *bytes))
}

/// Under which names the agent's own requests to its vault are known to the list of hosts.
///
/// # Errors
/// Never: the name has the right form.
pub fn own_name() -> Result<ClientId, VaultError> {
    ClientId::new("agent").or(Err(VaultError::Unreachable))
}

fn operation() -> Result<OperationRef, VaultError> {
    "vault.ask".parse().or(Err(VaultError::Unreachable))
}

impl<N: Net, C: Clock> Vault for Kv2Vault<N, C> {
    fn read<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        Box::pin(self.get(path, Which::Current))
    }

    fn set<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        Box::pin(async move {
            let (_, version) = self.newest(path, Which::Current).await?;
            self.put(path, Which::Current, &secret, version).await
        })
    }

    fn renew<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        Box::pin(async move {
            let follows = lock(&self.versions).get(path).copied();
            // Never read: whatever is there is not what this follows.
            let follows = follows.ok_or(VaultError::Missing)?;
            self.put(path, Which::Current, &secret, follows).await
        })
    }

    fn stage<'a>(&'a self, path: &'a SlotPath, secret: Secret) -> Asked<'a, ()> {
        Box::pin(async move {
            let (_, version) = self.newest(path, Which::Next).await?;
            self.put(path, Which::Next, &secret, version).await
        })
    }

    fn staged<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Secret> {
        Box::pin(self.get(path, Which::Next))
    }

    fn unstage<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, ()> {
        Box::pin(async move {
            let answered = self.ask(Method::Delete, &self.place("metadata", path, Which::Next), &[]).await?;
            if matches!(answered.status, 200 | 204 | 404) { Ok(()) } else { Err(VaultError::Unreachable) }
        })
    }

    fn slots(&self) -> Asked<'_, Vec<SlotPath>> {
        Box::pin(self.all())
    }

    fn end<'a>(&'a self, path: &'a SlotPath) -> Asked<'a, Option<Moment>> {
        Box::pin(self.ends(path))
    }
}
