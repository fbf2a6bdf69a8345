//! Requests of a rehearsal as they would leave in production, for people who compare them with what an API takes.

use assent_schema::client::ClientFacts;
use assent_schema::id::OperationRef;
use assent_schema::plan::Method;

use crate::request::oauth;
use crate::world::HttpRequest;

/// What stands for a secret.
const HIDDEN: &str = "…";

/// One request. Its values are the scenario's; what authorises it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which operation.
    pub operation: OperationRef,
    /// Its method.
    pub method: Method,
    /// Where it goes: the host of production, path and query.
    pub url: String,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Sent {
    /// What a request looks like in production.
    pub(super) fn of(request: &HttpRequest, facts: &ClientFacts) -> Self {
        let connection = facts.connections.get(&request.operation.connection);
        let host = connection.map_or(request.host.as_str(), |connection| connection.host.as_str());
        let secret = connection.and_then(|connection| connection.auth.header_name());
        let header = |(name, value): &(String, crate::content::Content<Vec<u8>>)| {
            let shown = match &secret {
                Some(secret) if secret.eq_ignore_ascii_case(name) => HIDDEN.to_owned(),
                _ => String::from_utf8_lossy(value.reveal()).into_owned(),
            };
            (name.clone(), shown)
        };
        // A request for a token holds the secret in its body, or in a header of its own.
        let asks_token = oauth::reply(request).is_some();
        let body = String::from_utf8_lossy(request.body.reveal()).into_owned();
        Self {
            operation: request.operation.clone(),
            method: request.method,
            url: format!("https://{host}{}", request.target.reveal()),
            headers: request
                .headers
                .iter()
                .map(header)
                .filter(|(name, _)| !asks_token || name != "authorization")
                .collect(),
            body: if asks_token { HIDDEN.to_owned() } else { body },
        }
    }
}
