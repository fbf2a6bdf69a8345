//! An API that gives tokens out: it counts what it is asked, and knows which tokens count.

#[path = "../support/read.rs"]
mod read;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::json;

use read::read_request;

/// What the server saw and handed out.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) used: BTreeSet<String>,
    pub(super) again: u32,
    pub(super) tokens: u32,
    pub(super) orders: u32,
    /// The access token that is taken.
    pub(super) takes: String,
    /// The API takes every token that it gave out after so many, as real ones do, and not the last one alone.
    pub(super) revoked: Option<u32>,
    /// What the answer of the token endpoint says of scopes.
    pub(super) scope: Option<String>,
    /// How many seconds the answer of the token endpoint says that the refresh token lives.
    pub(super) consent: Option<u64>,
    /// What introspection says of scopes.
    pub(super) introspected: Option<String>,
    /// Secrets that are taken; all are while this is empty.
    pub(super) keys: BTreeSet<String>,
}

impl Seen {
    /// Whether a request's head, in lower case, shows a secret that is taken.
    fn knows(&self, head: &str) -> bool {
        let shows = |key: &String| {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("us:{key}")).to_lowercase();
            head.contains(&format!("x-key: {key}\r\n")) || head.contains(&format!("authorization: basic {pair}\r\n"))
        };
        self.keys.is_empty() || self.keys.iter().any(shows)
    }
}

pub(super) fn serve(seen: Arc<Mutex<Seen>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || talk(stream, &seen));
        }
    });
    port
}

fn talk(mut stream: TcpStream, seen: &Mutex<Seen>) {
    while let Some((head, body)) = read_request(&mut stream) {
        let head = head.to_lowercase();
        let (status, answer) = if head.starts_with("post /oauth/token ") {
            token(&head, &body, seen)
        } else if head.starts_with("post /oauth/introspect ") {
            introspect(&head, &body, seen)
        } else {
            order(&head, seen)
        };
        let bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if stream.write_all(bytes.as_bytes()).is_err() {
            return;
        }
    }
}

fn token(head: &str, form: &str, seen: &Mutex<Seen>) -> (&'static str, String) {
    let mut seen = seen.lock().expect("a lock");
    if !seen.knows(head) {
        return ("401 Unauthorized", json!({"error": "invalid_client"}).to_string());
    }
    let of = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    match of("grant_type") {
        Some("refresh_token") => {
            let sent = of("refresh_token").expect("a refresh token").to_owned();
            if !sent.starts_with("refresh-") || !seen.used.insert(sent) {
                seen.again += 1;
                return ("400 Bad Request", json!({"error": "invalid_grant"}).to_string());
            }
        }
        Some("client_credentials") => assert_eq!(of("scope"), Some("orders%3Aread")),
        other => panic!("a grant that nobody knows: {other:?}"),
    }
    seen.tokens += 1;
    seen.takes = format!("access-{}", seen.tokens);
    let next = format!("refresh-{}", seen.tokens);
    let mut answer = match of("refresh_token") {
        Some(_) => {
            json!({"access_token": seen.takes, "token_type": "bearer", "expires_in": 3600, "refresh_token": next})
        }
        None => json!({"access_token": seen.takes, "token_type": "bearer", "expires_in": 3600}),
    };
    if let (Some(scope), Some(members)) = (&seen.scope, answer.as_object_mut()) {
        drop(members.insert("scope".to_owned(), json!(scope)));
    }
    if let (Some(seconds), Some(members)) = (seen.consent, answer.as_object_mut()) {
        drop(members.insert("refresh_token_expires_in".to_owned(), json!(seconds)));
    }
    ("200 OK", answer.to_string())
}

/// Source: RFC 7662 section 2.
fn introspect(head: &str, form: &str, seen: &Mutex<Seen>) -> (&'static str, String) {
    let seen = seen.lock().expect("a lock");
    if !head.contains("authorization: basic ") {
        return ("401 Unauthorized", json!({"error": "invalid_client"}).to_string());
    }
    let token = form.split('&').find_map(|pair| pair.strip_prefix("token="));
    let answer = match &seen.introspected {
        Some(scope) if token == Some(seen.takes.as_str()) => json!({"active": true, "scope": scope}),
        None if token == Some(seen.takes.as_str()) => json!({"active": true}),
        _ => json!({"active": false}),
    };
    ("200 OK", answer.to_string())
}

fn order(head: &str, seen: &Mutex<Seen>) -> (&'static str, String) {
    let mut seen = seen.lock().expect("a lock");
    let by_key = !seen.keys.is_empty() && seen.knows(head);
    let number = head.split_once("authorization: bearer access-").and_then(|(_, rest)| rest.split_once("\r\n"));
    let number: Option<u32> = number.and_then(|(number, _)| number.parse().ok());
    let by_token = match seen.revoked {
        Some(revoked) => number.is_some_and(|number| number > revoked),
        None => head.contains(&format!("authorization: bearer {}\r\n", seen.takes)),
    };
    if !by_key && !by_token {
        return ("401 Unauthorized", "{}".to_owned());
    }
    seen.orders += 1;
    ("200 OK", json!({"id": "o-1"}).to_string())
}
