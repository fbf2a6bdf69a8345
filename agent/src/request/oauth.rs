//! Access tokens: the request to a token endpoint and what it answers. Pure.
//!
//! # Source
//! engine.md section 4; RFC 6749 sections 2.3.1, 4.4, 5 and 6; RFC 6750; RFC 9700 section 4.14.

use std::time::Duration;

use assent_schema::client::{Auth, ClientAuth, ConnectionFacts};
use assent_schema::id::{ClientId, ConnectionId, Name, OperationRef};
use assent_schema::plan::{Failure, Method};
use assent_schema::time::Period;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::build::{Header, common_headers, header};
use super::json::Json;
use super::limits::HEADER_MOST_BYTES;
use super::read::{self, Failed};
use super::url::{Base, encode};
use super::wrong::{Wrong, WrongKind};
use crate::content::Content;
use crate::world::{HttpRequest, HttpResponse};

/// The longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const ANSWER_MOST_BYTES: u64 = 64 * 1024;
/// How long a token is used whose life the answer does not tell.
const LIFE_UNTOLD: Duration = Duration::from_mins(5);
/// The longest that a token is used, whatever the answer tells.
const LIFE_MOST: Duration = Duration::from_hours(24);
/// The code when a person must consent again: the refresh token is not taken any more.
pub const CONSENT_NEEDED: &str = "consent_needed";
/// The code when the token endpoint says no.
pub const TOKEN_REFUSED: &str = "token_refused";
/// The code when the API says that a token, which it just gave, does not count.
pub const NOT_ACTIVE: &str = "token_not_active";
/// The code when the token endpoint answers with something else than a token.
pub const BAD_TOKEN: &str = "bad_token";

/// What a token is asked with.
#[derive(Clone, Copy)]
pub struct Grant<'a> {
    /// On whose behalf.
    pub client: &'a ClientId,
    /// The connection.
    pub name: &'a ConnectionId,
    /// Its facts.
    pub connection: &'a ConnectionFacts,
    /// The base URL below which tokens are asked for, from `endpoints.json`.
    pub endpoint: &'a str,
    /// The record of the slot: JSON with `client_id`, `client_secret` and, for `oauth2-refresh`, `refresh_token`.
    pub record: &'a [u8],
}

/// The operation by which requests for tokens are known: `connection.oauth_token`.
pub fn operation(connection: &ConnectionId) -> Option<OperationRef> {
    Some(OperationRef { connection: connection.clone(), operation: Name::new("oauth_token").ok()? })
}

/// A record as it was sealed.
struct Record {
    id: Zeroizing<String>,
    secret: Option<Zeroizing<String>>,
    refresh: Option<Zeroizing<String>>,
}

impl Record {
    fn read(bytes: &[u8]) -> Option<Self> {
        let Ok(Json::Object(ref members)) = Json::parse(bytes) else { return None };
        let known = ["client_id", "client_secret", "refresh_token"];
        let of = |name: &str| {
            let found = members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            match found {
                None => Some(None),
                Some(Json::Text(text)) if !text.is_empty() => Some(Some(Zeroizing::new(text.clone()))),
                Some(_) => None,
            }
        };
        let plain = members.iter().all(|(key, _)| known.contains(&key.as_str()));
        let [id, secret, refresh] = known.map(of);
        plain.then_some(Self { id: id??, secret: secret?, refresh: refresh? })
    }

    fn write(&self) -> Content<Vec<u8>> {
        let text = |text: &str| Json::Text(text.to_owned());
        let mut members = vec![("client_id".to_owned(), text(&self.id))];
        members.extend(self.secret.as_ref().map(|secret| ("client_secret".to_owned(), text(secret))));
        members.extend(self.refresh.as_ref().map(|refresh| ("refresh_token".to_owned(), text(refresh))));
        let mut out = Content::new(Vec::with_capacity(HEADER_MOST_BYTES));
        Json::Object(members).write(out.reveal_mut());
        out
    }
}

/// Whether bytes are a record with which a connection's tokens can be asked for.
pub fn is_record(auth: &Auth, bytes: &[u8]) -> bool {
    Record::read(bytes).is_some_and(|record| match auth {
        Auth::Oauth2Client { .. } => record.secret.is_some(),
        // A client of an API that everybody may name has no secret.
        Auth::Oauth2Refresh { .. } => record.refresh.is_some(),
        Auth::Header { .. } | Auth::Basic { .. } | Auth::None {} => false,
    })
}

/// Whether bytes are the record of a client that a person can consent for, and nobody did yet.
pub fn awaits_consent(auth: &Auth, bytes: &[u8]) -> bool {
    let asks = matches!(auth, Auth::Oauth2Refresh { authorize: Some(_), .. });
    asks && Record::read(bytes).is_some_and(|record| record.refresh.is_none())
}

/// Builds the request for a token.
///
/// # Errors
/// [`Wrong`]; nothing can have been sent.
pub fn ask(grant: &Grant<'_>) -> Result<HttpRequest, Wrong> {
    let record = Record::read(grant.record).ok_or(WrongKind::SecretRefused)?;
    let text = |text: &str| Zeroizing::new(text.to_owned());
    match &grant.connection.auth {
        Auth::Oauth2Client { .. } => {
            let mut members = vec![("grant_type", text("client_credentials"))];
            let scopes: Vec<&str> = grant.connection.scopes.iter().map(assent_schema::id::Scope::as_str).collect();
            if !scopes.is_empty() {
                members.push(("scope", text(&scopes.join(" "))));
            }
            send(grant, &members)
        }
        Auth::Oauth2Refresh { .. } => {
            // Without `scope` the new token may do what the consent said and no more.
            let refresh = record.refresh.ok_or(WrongKind::SecretRefused)?;
            send(grant, &[("grant_type", text("refresh_token")), ("refresh_token", refresh)])
        }
        Auth::Header { .. } | Auth::Basic { .. } | Auth::None {} => Err(WrongKind::EndpointRefused.into()),
    }
}

/// Builds the question what a token may do; nothing where the API does not tell.
///
/// # Errors
/// [`Wrong`]; nothing can have been sent.
///
/// # Source
/// RFC 7662 section 2.1.
pub fn introspect(grant: &Grant<'_>, token: &[u8]) -> Result<Option<HttpRequest>, Wrong> {
    let Some(path) = grant.connection.auth.introspect() else { return Ok(None) };
    let token = std::str::from_utf8(token).or(Err(WrongKind::SecretRefused))?;
    let members =
        [("token", Zeroizing::new(token.to_owned())), ("token_type_hint", Zeroizing::new("access_token".to_owned()))];
    to(grant, path, &members).map(Some)
}

/// What an API says that a token may do: its scopes; nothing where it does not say which.
///
/// # Errors
/// [`Failed`]: no such answer, or the token is not active.
///
/// # Source
/// RFC 7662 section 2.2.
pub fn introspected(response: &HttpResponse) -> Result<Option<String>, Failed> {
    if !(200..300).contains(&response.status) {
        return Err(read::by_status_alone(response));
    }
    let bad = || read::named(Failure::Permanent, BAD_TOKEN, response);
    let json = Json::parse(response.body.reveal()).ok().ok_or_else(bad)?;
    match json.at("active") {
        Some(Json::Boolean(true)) => Ok(json.text_at("scope").map(str::to_owned)),
        Some(Json::Boolean(false)) => Err(read::named(Failure::Permanent, NOT_ACTIVE, response)),
        _ => Err(bad()),
    }
}

/// A record of a client that nobody consented to yet.
pub fn without_consent(record: &[u8]) -> Option<Content<Vec<u8>>> {
    Some(Record { refresh: None, ..Record::read(record)? }.write())
}

/// The id that the API knows the agent by, which is no secret.
pub fn client_id(record: &[u8]) -> Option<String> {
    Record::read(record).map(|record| record.id.to_string())
}

/// What a person gave of a record whose refresh token is replaced by itself; nothing for what is none.
pub fn given(record: &[u8]) -> Option<Content<Vec<u8>>> {
    let record = Record::read(record)?;
    record.secret.as_ref()?;
    Some(Record { refresh: None, ..record }.write())
}

/// Builds a request to the token endpoint from the members of its form; who asks is added as the connection says.
///
/// # Errors
/// [`Wrong`]; nothing can have been sent.
pub fn send(grant: &Grant<'_>, members: &[(&str, Zeroizing<String>)]) -> Result<HttpRequest, Wrong> {
    let path = grant.connection.auth.token().ok_or(WrongKind::EndpointRefused)?;
    to(grant, path, members)
}

fn to(grant: &Grant<'_>, path: &str, members: &[(&str, Zeroizing<String>)]) -> Result<HttpRequest, Wrong> {
    let base = Base::parse(grant.endpoint).ok_or(WrongKind::EndpointRefused)?;
    let record = Record::read(grant.record).ok_or(WrongKind::SecretRefused)?;
    let way = match &grant.connection.auth {
        Auth::Oauth2Client { send, .. } | Auth::Oauth2Refresh { send, .. } => *send,
        Auth::Header { .. } | Auth::Basic { .. } | Auth::None {} => return Err(WrongKind::EndpointRefused.into()),
    };
    let mut form = Content::new(String::with_capacity(HEADER_MOST_BYTES));
    for (name, value) in members {
        put(&mut form, name, value);
    }
    let mut headers = common_headers().to_vec();
    headers.push(header("content-type", "application/x-www-form-urlencoded"));
    match (&record.secret, way) {
        (Some(secret), ClientAuth::Header) => headers.push(basic(&record.id, secret)),
        (secret, ClientAuth::Body | ClientAuth::Header) => {
            put(&mut form, "client_id", &record.id);
            if let Some(secret) = secret {
                put(&mut form, "client_secret", secret);
            }
        }
    }
    Ok(HttpRequest {
        client: grant.client.clone(),
        operation: operation(grant.name).ok_or(WrongKind::EndpointRefused)?,
        method: Method::Post,
        tls: base.tls(),
        host: base.host().to_owned(),
        port: base.port(),
        target: Content::new(format!("{}{path}", base.path())),
        headers,
        body: Content::new(std::mem::take(form.reveal_mut()).into_bytes()),
        timeout: TIMEOUT,
        most_bytes: ANSWER_MOST_BYTES,
        private_addresses: grant.connection.private_addresses,
    })
}

fn put(form: &mut Content<String>, name: &str, value: &str) {
    let form = form.reveal_mut();
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    encode(value, form);
}

/// Name and secret are encoded before they are joined, or a colon in one would move into the other.
fn basic(id: &str, secret: &str) -> Header {
    let mut pair = Zeroizing::new(String::with_capacity(HEADER_MOST_BYTES));
    encode(id, &mut pair);
    pair.push(':');
    encode(secret, &mut pair);
    let coded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    ("authorization".to_owned(), Content::new([b"Basic ", coded.as_bytes()].concat()))
}

/// A token.
pub struct Token {
    /// What authorises requests.
    pub access: Content<Vec<u8>>,
    /// How long it may be used, counted from when it was asked for.
    pub lives: Duration,
    /// What it may do, where the answer says so.
    pub scope: Option<String>,
    /// How long the refresh token lives, and with it what a person consented to, where the answer says so.
    pub consent: Option<Period>,
    /// The record that takes the place of the one it was asked with: the refresh token was replaced.
    pub next: Option<Content<Vec<u8>>>,
}

/// Reads the answer of a token endpoint.
///
/// # Errors
/// [`Failed`]; [`CONSENT_NEEDED`] when no further try can help.
pub fn read(grant: &Grant<'_>, response: &HttpResponse) -> Result<Token, Failed> {
    let json = Json::parse(response.body.reveal()).ok();
    if !(200..300).contains(&response.status) {
        return Err(refused(grant, json.as_ref(), response));
    }
    let bad = || read::named(Failure::Permanent, BAD_TOKEN, response);
    let json = json.ok_or_else(bad)?;
    let bearer = json.text_at("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let Some(Json::Text(access)) = json.at("access_token") else { return Err(bad()) };
    let fits = (1..=HEADER_MOST_BYTES).contains(&access.len()) && access.bytes().all(|byte| byte.is_ascii_graphic());
    if !bearer || !fits {
        return Err(bad());
    }
    let told = json.text_at("expires_in").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    Ok(Token {
        access: Content::new(access.clone().into_bytes()),
        lives: told.unwrap_or(LIFE_UNTOLD).min(LIFE_MOST),
        scope: json.text_at("scope").map(str::to_owned),
        consent: consent(grant, &json),
        next: next(grant, &json).map_err(|()| bad())?,
    })
}

/// The members by which servers tell how long a refresh token lives, in seconds. No standard has one; zero means for ever.
const CONSENT_LIVES: [&str; 3] = ["refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"];

fn consent(grant: &Grant<'_>, json: &Json) -> Option<Period> {
    let Auth::Oauth2Refresh { .. } = grant.connection.auth else { return None };
    let told = CONSENT_LIVES.into_iter().find_map(|name| json.text_at(name))?;
    told.parse().ok().filter(|seconds| *seconds > 0).map(|seconds| Period::seconds(seconds).min(Period::MOST))
}

/// The record with the new refresh token; nothing when the old one stays.
fn next(grant: &Grant<'_>, json: &Json) -> Result<Option<Content<Vec<u8>>>, ()> {
    if !matches!(grant.connection.auth, Auth::Oauth2Refresh { .. }) {
        return Ok(None);
    }
    let new = match json.at("refresh_token") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Text(new)) if (1..=HEADER_MOST_BYTES).contains(&new.len()) => Zeroizing::new(new.clone()),
        Some(_) => return Err(()),
    };
    let record = Record::read(grant.record).ok_or(())?;
    let same = record.refresh.as_ref().is_some_and(|old| **old == *new);
    Ok((!same).then(|| Record { refresh: Some(new), ..record }.write()))
}

fn refused(grant: &Grant<'_>, json: Option<&Json>, response: &HttpResponse) -> Failed {
    let renews = matches!(grant.connection.auth, Auth::Oauth2Refresh { .. });
    match json.and_then(|json| json.text_at("error")) {
        Some("invalid_grant") if renews => read::named(Failure::Permanent, CONSENT_NEEDED, response),
        // Section 4.1.2.1 has it for redirects; servers say it here too.
        Some("temporarily_unavailable") => read::named(Failure::Transient, "server_error", response),
        _ if response.status == 429 || response.status >= 500 || response.status == 408 => {
            read::by_status_alone(response)
        }
        _ => read::named(Failure::Permanent, TOKEN_REFUSED, response),
    }
}

/// What is answered in a rehearsal to who asks for a token, or what one may do; nothing when the request does neither.
pub fn reply(request: &HttpRequest) -> Option<Vec<u8>> {
    if request.operation.operation.as_str() != "oauth_token" {
        return None;
    }
    let asks = |first: &[u8]| request.body.reveal().starts_with(first);
    if asks(b"grant_type=") {
        Some(br#"{"access_token":"played","token_type":"Bearer","expires_in":3600}"#.to_vec())
    } else {
        // As `introspect` writes it. That it says no scopes means that all of them are there.
        asks(b"token=").then(|| br#"{"active":true}"#.to_vec())
    }
}
