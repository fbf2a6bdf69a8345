//! Requests for tokens as the standard writes them, and what token endpoints may answer.

use std::time::Duration;

use assent_schema::client::ConnectionFacts;
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::Failure;
use serde_json::{Value, json};

use super::oauth::{self, CONSENT_NEEDED, Grant, TOKEN_REFUSED, Token, ask, read};
use super::read::Failed;
use crate::content::Content;
use crate::world::HttpResponse;

/// The client of RFC 6749 section 2.3.1.
const RECORD: &str =
    r#"{"client_id":"s6BhdRkqt3","client_secret":"gX1fBat3bV","refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"}"#;

fn connection(auth: &Value) -> ConnectionFacts {
    serde_json::from_value(json!({
        "to": {"integration": {"name": "shop"}}, "host": "server.example.com", "region": "eu",
        "scopes": ["orders:read", "orders:write"], "auth": auth, "slots": {"oauth": {"rotate": "90d"}},
    }))
    .unwrap()
}

fn auth(kind: &str, send: &str) -> Value {
    json!({"kind": kind, "token": "/token", "send": send, "slot": "oauth"})
}

fn with<T>(auth: &Value, record: &str, check: impl FnOnce(&Grant<'_>) -> T) -> T {
    let (client, name) = (ClientId::new("acme").unwrap(), ConnectionId::new("shop").unwrap());
    let connection = connection(auth);
    check(&Grant {
        client: &client,
        name: &name,
        connection: &connection,
        endpoint: "https://server.example.com/api",
        record: record.as_bytes(),
    })
}

/// The request's target, its authorisation and its body.
fn sent(auth: &Value, record: &str) -> Option<(String, String, String)> {
    let request = with(auth, record, |grant| ask(grant).ok())?;
    let authorisation = request.headers.iter().find(|(name, _)| name == "authorization");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let authorisation = authorisation.map(|(_, value)| text(value.reveal())).unwrap_or_default();
    Some((request.target.reveal().clone(), authorisation, text(request.body.reveal())))
}

/// Source: RFC 6749 sections 2.3.1 and 6, the example's authorisation and body.
#[test]
fn a_refresh_is_asked_as_the_standard_writes_it() {
    let (target, authorisation, body) = sent(&auth("oauth2-refresh", "header"), RECORD).unwrap();
    assert_eq!(target, "/api/token");
    assert_eq!(authorisation, "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
    assert_eq!(body, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA");
    let (_, authorisation, body) = sent(&auth("oauth2-refresh", "body"), RECORD).unwrap();
    assert_eq!(authorisation, "");
    assert!(body.ends_with("&client_id=s6BhdRkqt3&client_secret=gX1fBat3bV"), "{body}");
}

/// Source: RFC 6749 section 4.4.2.
/// A rehearsal is not about tokens: what they may do is answered too, where the API is asked that.
#[test]
fn a_rehearsal_answers_who_asks_for_a_token_and_who_asks_what_it_may_do() {
    for kind in ["oauth2-client", "oauth2-refresh"] {
        let mut auth = auth(kind, "body");
        auth["introspect"] = json!("/introspect");
        with(&auth, RECORD, |grant| {
            let played = |body: Vec<u8>| HttpResponse { status: 200, headers: Vec::new(), body: Content::new(body) };
            let token = oauth::reply(&ask(grant).unwrap()).unwrap();
            assert!(read(grant, &played(token)).is_ok());
            let asks = oauth::introspect(grant, b"played").unwrap().unwrap();
            let told = oauth::introspected(&played(oauth::reply(&asks).unwrap()));
            assert_eq!(told.ok(), Some(None), "all scopes are there");
        });
    }
}

#[test]
fn a_client_asks_for_what_was_granted_and_no_more() {
    let (_, authorisation, body) = sent(&auth("oauth2-client", "header"), RECORD).unwrap();
    assert_eq!(authorisation, "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
    assert_eq!(body, "grant_type=client_credentials&scope=orders%3Aread%20orders%3Awrite");
}

#[test]
fn a_colon_moves_nothing_from_the_name_to_the_secret() {
    let record = r#"{"client_id":"a:b","client_secret":"c d"}"#;
    let (_, authorisation, _) = sent(&auth("oauth2-client", "header"), record).unwrap();
    // base64 of `a%3Ab:c%20d`
    assert_eq!(authorisation, "Basic YSUzQWI6YyUyMGQ=");
}

#[test]
fn a_record_of_another_form_is_refused() {
    let kind = auth("oauth2-refresh", "header");
    for record in [
        "",
        "token",
        "[]",
        "{}",
        r#"{"client_id":"a"}"#,
        r#"{"client_id":"","refresh_token":"r"}"#,
        r#"{"client_id":"a","refresh_token":"r","more":"x"}"#,
        r#"{"client_id":"a","refresh_token":7}"#,
    ] {
        assert!(sent(&kind, record).is_none(), "{record}");
    }
    // A public client has no secret.
    let (_, authorisation, body) = sent(&kind, r#"{"client_id":"a","refresh_token":"r"}"#).unwrap();
    assert_eq!((authorisation.as_str(), body.as_str()), ("", "grant_type=refresh_token&refresh_token=r&client_id=a"));
}

fn answered(kind: &str, status: u16, body: &Value) -> Result<Token, Failed> {
    let body = Content::new(body.to_string().into_bytes());
    let response = HttpResponse { status, headers: Vec::new(), body };
    with(&auth(kind, "header"), RECORD, |grant| read(grant, &response))
}

/// Source: RFC 6749 section 5.1.
#[test]
fn a_token_lives_as_long_as_it_says_and_its_successor_is_one_record() {
    let body = json!({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "example", "expires_in": 3600});
    assert!(answered("oauth2-refresh", 200, &body).is_err(), "another type of token");
    let mut body = json!({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "bearer", "expires_in": 3600, "refresh_token": "new"});
    let token = answered("oauth2-refresh", 200, &body).ok().unwrap();
    assert_eq!(
        (token.access.reveal().as_slice(), token.lives),
        (b"2YotnFZFEjr1zCsicMWpAA".as_slice(), Duration::from_hours(1))
    );
    let next: Value = serde_json::from_slice(token.next.unwrap().reveal()).unwrap();
    assert_eq!(next, json!({"client_id": "s6BhdRkqt3", "client_secret": "gX1fBat3bV", "refresh_token": "new"}));
    // The same one again is no successor; a client's own grant has none.
    body["refresh_token"] = json!("tGzv3JOkF0XG5Qx2TlKWIA");
    assert!(answered("oauth2-refresh", 200, &body).ok().unwrap().next.is_none());
    body["refresh_token"] = json!("new");
    assert!(answered("oauth2-client", 200, &body).ok().unwrap().next.is_none());
    body["expires_in"] = json!(999_999_999);
    assert_eq!(answered("oauth2-refresh", 200, &body).ok().unwrap().lives, Duration::from_hours(24));
    for bad in [json!("a b"), json!(""), json!("x\r\nHost: evil"), json!(7), Value::Null] {
        body["access_token"] = bad;
        assert!(answered("oauth2-refresh", 200, &body).is_err());
    }
}

/// Source: RFC 6749 section 5.2.
#[test]
fn who_must_consent_again_is_told_from_who_may_try_again() {
    for (kind, status, error, wanted, code) in [
        ("oauth2-refresh", 400, "invalid_grant", Failure::Permanent, CONSENT_NEEDED),
        ("oauth2-client", 400, "invalid_grant", Failure::Permanent, TOKEN_REFUSED),
        ("oauth2-refresh", 401, "invalid_client", Failure::Permanent, TOKEN_REFUSED),
        ("oauth2-client", 400, "invalid_scope", Failure::Permanent, TOKEN_REFUSED),
        ("oauth2-client", 400, "temporarily_unavailable", Failure::Transient, "server_error"),
        ("oauth2-client", 429, "slow", Failure::Throttled, "throttled"),
        ("oauth2-refresh", 503, "down", Failure::Transient, "server_error"),
    ] {
        let failed = answered(kind, status, &json!({"error": error})).err().unwrap();
        assert_eq!((failed.kind, failed.code.as_str()), (wanted, code), "{kind} {error}");
    }
}
