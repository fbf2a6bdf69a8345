//! Consent: a person lets the agent act at an API, by the authorization code grant with a proof key. Pure: the address that the
//! person opens, what comes back to loopback, and the request that turns the code into a record.
//!
//! # Source
//! RFC 6749 sections 4.1 and 5; RFC 7636 (PKCE, S256 alone); RFC 8252 sections 7.3 and 8 (loopback redirect); RFC 9207 (issuer);
//! RFC 9700 section 2.1.

use std::collections::BTreeSet;

use assent_schema::client::{Auth, ConnectionFacts};
use assent_schema::id::{ClientId, ConnectionId, Scope};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::oauth::{self, Grant};
use super::url::encode;
use super::wrong::{Wrong, WrongKind};
use crate::world::HttpRequest;

/// The path of the redirect.
const PATH: &str = "/assent/connected";
/// The longest target that is read, in bytes.
const TARGET_MOST_BYTES: usize = 16 * 1024;

/// One consent that is asked for. Its state and proof key are used once.
pub struct Consent<'a> {
    /// On whose behalf.
    pub client: &'a ClientId,
    /// The connection.
    pub name: &'a ConnectionId,
    /// Its facts.
    pub connection: &'a ConnectionFacts,
    /// The base URL below which tokens are asked for, from `endpoints.json`.
    pub endpoint: &'a str,
    /// The record of the slot: at least `client_id`.
    pub record: &'a [u8],
    /// The port of loopback at which the answer is waited for.
    pub port: u16,
    /// 32 random bytes that tie the answer to this question.
    pub state: Zeroizing<[u8; 32]>,
    /// 32 random bytes that tie the code to this process.
    pub proof: Zeroizing<[u8; 32]>,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The code.
    Code(Code),
    /// The person or the API said no, with a code of the standard's list.
    Denied(&'static str),
    /// Not an answer to this question: the status to answer with. It is waited on.
    Other(u16),
}

/// A code, which is worth a token once. No `Debug` of what it is.
#[derive(PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

/// What the API granted beside what the workflows need.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Granted {
    /// All of it.
    pub scopes: BTreeSet<String>,
    /// More than is needed.
    pub more: BTreeSet<String>,
    /// Needed and not granted.
    pub fewer: BTreeSet<String>,
}

/// The scope that asks for a refresh token. It is granted by giving one, and many leave it out of what they say they granted.
///
/// # Source
/// `OpenID` Connect Core 1.0 section 11.
const OFFLINE: &str = "offline_access";

/// Compares the `scope` of an answer with the scopes that a connection needs. Without it everything that was asked for is
/// granted. Where tokens are asked for with a refresh token there is one, whatever is said of it.
///
/// # Source
/// RFC 6749 sections 3.3 and 5.1.
pub fn granted(connection: &ConnectionFacts, told: Option<&str>) -> Granted {
    let needed: BTreeSet<String> = connection.scopes.iter().map(ToString::to_string).collect();
    let scopes = match told {
        None => needed.clone(),
        // Some write commas, which no scope of the standard holds beside a space.
        Some(told) => told.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
    };
    let more = scopes.difference(&needed).cloned().collect();
    let is_renewed = matches!(connection.auth, Auth::Oauth2Refresh { .. });
    let fewer = needed.difference(&scopes).filter(|scope| !is_renewed || *scope != OFFLINE).cloned().collect();
    Granted { scopes, more, fewer }
}

impl Consent<'_> {
    /// Where the answer comes.
    pub fn redirect(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The address that the person opens. It holds no secret.
    ///
    /// # Errors
    /// [`WrongKind::EndpointRefused`] when the integration does not say where consent is asked for.
    pub fn url(&self) -> Result<String, Wrong> {
        let Auth::Oauth2Refresh { authorize: Some(authorize), .. } = &self.connection.auth else {
            return Err(WrongKind::EndpointRefused.into());
        };
        let below = authorize.starts_with('/');
        let mut url = if below { format!("{}{authorize}", self.endpoint) } else { authorize.clone() };
        let id = oauth::client_id(self.record).ok_or(WrongKind::SecretRefused)?;
        let scopes: Vec<&str> = self.connection.scopes.iter().map(Scope::as_str).collect();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().as_bytes()));
        let redirect = self.redirect();
        let state = self.state_text();
        let mut joint = if url.contains('?') { '&' } else { '?' };
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", scopes.join(" ").as_str()),
            ("state", state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ] {
            if name == "scope" && value.is_empty() {
                continue;
            }
            url.push(joint);
            url.push_str(name);
            url.push('=');
            encode(value, &mut url);
            joint = '&';
        }
        Ok(url)
    }

    /// Judges what came to loopback.
    pub fn heard(&self, method: &str, host: Option<&str>, target: &str) -> Heard {
        // A page elsewhere may lead a browser here under another name.
        if host != Some(format!("127.0.0.1:{}", self.port).as_str()) || target.len() > TARGET_MOST_BYTES {
            return Heard::Other(400);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != PATH {
            return Heard::Other(404);
        }
        if method != "GET" {
            return Heard::Other(405);
        }
        self.answered(query)
    }

    /// Judges an address that a person pasted: the one that the browser ended at.
    pub fn pasted(&self, address: &str) -> Heard {
        let redirect = self.redirect();
        match address.trim().strip_prefix(redirect.as_str()) {
            Some(query) if address.len() <= TARGET_MOST_BYTES => match query.strip_prefix('?') {
                Some(query) => self.answered(query),
                None => Heard::Other(400),
            },
            _ => Heard::Other(404),
        }
    }

    fn answered(&self, query: &str) -> Heard {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        // What comes twice could be read as the one by us and the other by somebody else.
        let one = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_ref());
            let first = found.next();
            if found.next().is_some() { None } else { first }
        };
        let fits = one("state").is_some_and(|state| bool::from(state.as_bytes().ct_eq(self.state_text().as_bytes())));
        if !fits {
            return Heard::Other(400);
        }
        let Auth::Oauth2Refresh { issuer, .. } = &self.connection.auth else { return Heard::Other(400) };
        // Another server's answer to another question, with our state in it: a mix-up. Who names an issuer always says it.
        if issuer.as_deref().is_some_and(|issuer| one("iss") != Some(issuer)) {
            return Heard::Other(400);
        }
        match (one("code"), one("error")) {
            (Some(code), None) if !code.is_empty() => Heard::Code(Code(Zeroizing::new(code.to_owned()))),
            (None, Some(error)) => Heard::Denied(denied(error)),
            _ => Heard::Other(400),
        }
    }

    /// The request that turns the code into a token and a record.
    ///
    /// # Errors
    /// [`Wrong`]; nothing can have been sent.
    pub fn exchange(&self, code: &Code) -> Result<HttpRequest, Wrong> {
        let members = [
            ("grant_type", "authorization_code"),
            ("code", code.0.as_str()),
            ("redirect_uri", self.redirect().as_str()),
            ("code_verifier", &self.verifier()),
        ]
        .map(|(name, value)| (name, Zeroizing::new(value.to_owned())));
        oauth::send(&self.grant(), &members)
    }

    /// With what the answer is read: its `next` is the record.
    pub fn grant(&self) -> Grant<'_> {
        Grant {
            client: self.client,
            name: self.name,
            connection: self.connection,
            endpoint: self.endpoint,
            record: self.record,
        }
    }

    fn verifier(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.proof))
    }

    fn state_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.state))
    }
}

/// The code of an error, from the standard's list; what else is said is not repeated.
///
/// # Source
/// RFC 6749 section 4.1.2.1.
fn denied(error: &str) -> &'static str {
    match error {
        "access_denied" => "access_denied",
        "invalid_request" => "invalid_request",
        "unauthorized_client" => "unauthorized_client",
        "unsupported_response_type" => "unsupported_response_type",
        "invalid_scope" => "invalid_scope",
        "server_error" => "server_error",
        "temporarily_unavailable" => "temporarily_unavailable",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn connection(more: &serde_json::Value) -> ConnectionFacts {
        let mut auth = json!({"kind": "oauth2-refresh", "token": "/oauth/token", "slot": "oauth", "authorize": "/oauth/authorize"});
        for (name, value) in more.as_object().unwrap() {
            auth[name] = value.clone();
        }
        serde_json::from_value(json!({
            "to": {"integration": {"name": "shop"}}, "host": "shop.example", "region": "eu", "auth": auth,
            "scopes": ["orders:read", "orders:write"], "slots": {"oauth": {"rotate": "90d"}},
        }))
        .unwrap()
    }

    fn with<T>(more: &serde_json::Value, check: impl FnOnce(&Consent<'_>) -> T) -> T {
        let (client, name) = (ClientId::new("acme").unwrap(), ConnectionId::new("shop").unwrap());
        let connection = connection(more);
        // The verifier of RFC 7636, appendix B, as bytes.
        let proof: [u8; 32] =
            URL_SAFE_NO_PAD.decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap().try_into().unwrap();
        check(&Consent {
            client: &client,
            name: &name,
            connection: &connection,
            endpoint: "https://shop.example/api",
            record: br#"{"client_id":"us","client_secret":"s"}"#,
            port: 4_711,
            state: Zeroizing::new([7; 32]),
            proof: Zeroizing::new(proof),
        })
    }

    fn good(consent: &Consent<'_>) -> String {
        format!("/assent/connected?code=c-1&state={}", *consent.state_text())
    }

    const HOST: Option<&str> = Some("127.0.0.1:4711");

    #[test]
    fn the_person_is_led_to_the_api_with_state_and_challenge() {
        let url = with(&json!({}), |consent| consent.url().ok().unwrap());
        let (place, query) = url.split_once('?').unwrap();
        assert_eq!(place, "https://shop.example/api/oauth/authorize");
        assert!(query.starts_with("response_type=code&client_id=us&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fassent%2Fconnected&scope=orders%3Aread%20orders%3Awrite&state="));
        // RFC 7636, appendix B.
        assert!(
            query.ends_with("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"),
            "{query}"
        );
        assert!(!url.contains("client_secret"));
        let elsewhere = json!({"authorize": "https://accounts.example/auth?access_type=offline"});
        let url = with(&elsewhere, |consent| consent.url().ok().unwrap());
        assert!(url.starts_with("https://accounts.example/auth?access_type=offline&response_type=code&"), "{url}");
        assert!(with(&json!({"authorize": null}), |consent| consent.url().is_err()));
    }

    #[test]
    fn only_the_answer_to_this_question_is_taken() {
        with(&json!({}), |consent| {
            let target = good(consent);
            assert!(matches!(consent.heard("GET", HOST, &target), Heard::Code(_)));
            let state = consent.state_text();
            for (what, method, host, target, wanted) in [
                ("another method", "POST", HOST, target.clone(), 405),
                ("another path", "GET", HOST, target.replace("connected", "connected/"), 404),
                ("another host", "GET", Some("evil.example:4711"), target.clone(), 400),
                ("no host", "GET", None, target.clone(), 400),
                ("another state", "GET", HOST, format!("/assent/connected?code=c-1&state=x{}", *state), 400),
                ("no state", "GET", HOST, "/assent/connected?code=c-1".into(), 400),
                ("state twice", "GET", HOST, format!("{target}&state={}", *state), 400),
                ("code twice", "GET", HOST, format!("{target}&code=c-2"), 400),
                ("code and error", "GET", HOST, format!("{target}&error=access_denied"), 400),
                ("nothing", "GET", HOST, format!("/assent/connected?state={}", *state), 400),
            ] {
                assert_eq!(consent.heard(method, host, &target), Heard::Other(wanted), "{what}");
            }
            let denied = format!("/assent/connected?error=access_denied&state={}", *state);
            assert_eq!(consent.heard("GET", HOST, &denied), Heard::Denied("access_denied"));
            let strange = format!("/assent/connected?error=tell-me&state={}", *state);
            assert_eq!(consent.heard("GET", HOST, &strange), Heard::Denied("refused"));
            let pasted = format!("http://127.0.0.1:4711{target}\n");
            assert!(matches!(consent.pasted(&pasted), Heard::Code(_)));
            for other in [target, pasted.replace("4711", "4712"), pasted.replace("http", "https")] {
                assert!(matches!(consent.pasted(&other), Heard::Other(_)), "{other}");
            }
        });
    }

    #[test]
    fn an_answer_of_another_issuer_is_a_mix_up() {
        with(&json!({"issuer": "https://shop.example"}), |consent| {
            let target = good(consent);
            assert_eq!(consent.heard("GET", HOST, &target), Heard::Other(400), "none is said");
            let evil = format!("{target}&iss=https%3A%2F%2Fevil.example");
            assert_eq!(consent.heard("GET", HOST, &evil), Heard::Other(400));
            let right = format!("{target}&iss=https%3A%2F%2Fshop.example");
            assert!(matches!(consent.heard("GET", HOST, &right), Heard::Code(_)));
        });
    }

    #[test]
    fn the_code_goes_with_its_proof_to_the_token_endpoint_alone() {
        with(&json!({}), |consent| {
            let Heard::Code(code) = consent.heard("GET", HOST, &good(consent)) else { panic!("a code") };
            let request = consent.exchange(&code).ok().unwrap();
            assert_eq!((request.host.as_str(), request.target.reveal().as_str()), ("shop.example", "/api/oauth/token"));
            assert_eq!(
                String::from_utf8(request.body.reveal().clone()).unwrap(),
                "grant_type=authorization_code&code=c-1&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fassent%2Fconnected\
                 &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            );
        });
    }

    #[test]
    fn more_and_fewer_scopes_are_told_from_what_is_needed() {
        let told = |needed: &[&str], auth: &serde_json::Value, text: Option<&str>| {
            let auth = serde_json::from_value(auth.clone()).unwrap();
            let scopes = needed.iter().map(|scope| Scope::new(scope).unwrap()).collect();
            let found = granted(&ConnectionFacts { auth, scopes, ..connection(&json!({})) }, text);
            let listed = |scopes: BTreeSet<String>| scopes.into_iter().collect::<Vec<_>>().join(" ");
            (listed(found.more), listed(found.fewer))
        };
        let renewed = json!({"kind": "oauth2-refresh", "token": "/oauth/token", "slot": "oauth"});
        for (text, more, fewer) in [
            (None, "", ""),
            (Some("b a"), "", ""),
            (Some("a,b,c"), "c", ""),
            (Some("a d"), "d", "b"),
            (Some(""), "", "a b"),
        ] {
            assert_eq!(told(&["a", "b"], &renewed, text), (more.to_owned(), fewer.to_owned()), "{text:?}");
        }
        // What asks for a refresh token is granted by giving one, which a client's own credentials never do.
        assert_eq!(told(&["a", OFFLINE], &renewed, Some("a")), (String::new(), String::new()));
        let client = json!({"kind": "oauth2-client", "token": "/oauth/token", "slot": "oauth"});
        assert_eq!(told(&["a", OFFLINE], &client, Some("a")).1, OFFLINE);
    }
}
