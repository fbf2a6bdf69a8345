//! Scenarios whose connections are authorised by tokens that rotate: crashed at every durable write and every request. No
//! refresh token is used twice but where the process died before it could keep the next one, and none is ever stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::sim::{Crash, Reply, Service, Strike};
use assent_agent::vault::{FileVault, Secret, SlotPath};
use assent_agent::world::{HttpRequest, HttpResponse, Wall};
use assent_schema::client::{Auth, ClientAuth};
use assent_schema::id::SlotId;

use serde_json::json;

use crate::story::{HOST_KEY, Story, Workflow, made_up, workflow};
use assent_agent::store::Ending;

/// What every token of these stories begins with; stands in no stored byte.
const CANARY: &str = "tkn-canary-";

/// How a token endpoint takes a refresh token that was used before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// It says no, for good.
    Strict,
    /// It takes the last one once more, as servers do that know of lost replies.
    Lenient,
}

#[derive(Default)]
pub(crate) struct Books {
    refresh: u64,
    access: u64,
    /// How often a refresh token came that was used before.
    again: u64,
    /// Somebody must consent.
    asks: bool,
    /// Requests to the API without a token that lives.
    without: u64,
    dead: BTreeSet<String>,
    /// Access tokens of this number or lower are not taken any more.
    revoked: u64,
    /// Revokes the current token when so many requests were answered.
    revoke_at: Option<u64>,
    seen: u64,
    /// When each access token was handed out.
    given: BTreeMap<u64, Wall>,
    /// Requests with a token whose life was over when they came.
    pub(crate) ended: u64,
    /// When each request to the API came, and for which operation.
    pub(crate) sent: Vec<(Wall, String)>,
}

/// Token endpoint and API in one: hands out tokens, and lets no request through that has none.
struct Guarded<S> {
    behind: S,
    server: Server,
    lives: u64,
    books: Arc<Mutex<Books>>,
}

impl<S: Service> Guarded<S> {
    fn token(&self, now: Wall, request: &HttpRequest) -> HttpResponse {
        let form = String::from_utf8(request.body.reveal().clone()).expect("a form");
        let sent = form.split('&').find_map(|pair| pair.strip_prefix("refresh_token=")).expect("a refresh token");
        let mut books = self.books.lock().expect("a lock");
        if books.dead.contains(sent) {
            books.again += 1;
            let last = format!("{CANARY}r{}", books.refresh.saturating_sub(1));
            if self.server == Server::Strict || sent != last {
                books.asks = true;
                return answer(400, r#"{"error":"invalid_grant"}"#.to_owned());
            }
        }
        books.dead.insert(sent.to_owned());
        books.refresh += 1;
        books.access += 1;
        let number = books.access;
        books.given.insert(number, now);
        let (access, refresh, lives) = (books.access, books.refresh, self.lives);
        answer(
            200,
            format!(
                r#"{{"access_token":"{CANARY}a{access}","token_type":"Bearer","expires_in":{lives},"refresh_token":"{CANARY}r{refresh}"}}"#
            ),
        )
    }

    fn is_let_through(&self, now: Wall, request: &HttpRequest) -> bool {
        let header = request.headers.iter().find(|(name, _)| name == "authorization");
        let sent = header.and_then(|(_, value)| String::from_utf8(value.reveal().clone()).ok()).unwrap_or_default();
        let mut books = self.books.lock().expect("a lock");
        books.seen += 1;
        books.sent.push((now, request.operation.operation.to_string()));
        if books.revoke_at == Some(books.seen) {
            books.revoked = books.access;
        }
        let number = sent.strip_prefix(&format!("Bearer {CANARY}a")).and_then(|number| number.parse::<u64>().ok());
        let given = number.and_then(|number| books.given.get(&number).copied());
        books.ended += u64::from(given.is_some_and(|given| now.since(given) > Duration::from_secs(self.lives)));
        let through = number.is_some_and(|number| number > books.revoked && number <= books.access);
        books.without += u64::from(!through);
        through
    }
}

fn answer(status: u16, body: String) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: Content::new(body.into_bytes()) }
}

impl<S: Service> Service for Guarded<S> {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let after = Duration::from_millis(15);
        if request.operation.connection.as_str() != "shop" {
            return self.behind.answer(now, request);
        }
        if request.operation.operation.as_str() == "oauth_token" {
            return Reply { result: Ok(self.token(now, &request)), after };
        }
        if self.is_let_through(now, &request) {
            return self.behind.answer(now, request);
        }
        Reply { result: Ok(answer(401, "{}".to_owned())), after }
    }
}

fn slot() -> SlotId {
    SlotId::new("token").expect("an id")
}

/// A workflow whose shop hands out tokens.
pub(crate) fn rotating(client: &str, name: &str) -> Workflow {
    let mut workflow = workflow(client, name);
    let facts = Arc::make_mut(&mut workflow.facts);
    let shop = facts.connections.iter_mut().find(|(id, _)| id.as_str() == "shop").map(|(_, shop)| shop);
    shop.expect("a shop").auth = Auth::Oauth2Refresh {
        token: "/oauth/token".into(),
        send: ClientAuth::Header,
        slot: slot(),
        introspect: None,
        authorize: None,
        issuer: None,
        grants_all: false,
    };
    workflow
}

/// A story with its token endpoint, and a vault that a person filled.
pub(crate) fn story(workflow: &Workflow, server: Server, lives: u64) -> (Story<'_>, Arc<Mutex<Books>>) {
    let books = Arc::new(Mutex::new(Books::default()));
    let behind = Arc::clone(&books);
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    let mut story =
        Story::behind(workflow, scenario, 7, |behind_it| Guarded { behind: behind_it, server, lives, books: behind });
    let vault = FileVault::open(story.host.boot(), Arc::clone(&HOST_KEY)).unwrap_or_else(|error| panic!("{error}"));
    let path = SlotPath::new(workflow.facts.client.clone(), "shop".parse().expect("an id"), slot());
    vault.put(&path, record(0)).expect("put");
    let asked = Arc::clone(&books);
    story.consents = Some(Arc::new(move || {
        let mut books = asked.lock().expect("a lock");
        if !std::mem::take(&mut books.asks) {
            return None;
        }
        books.refresh += 1;
        let record = record(books.refresh);
        drop(books);
        Some((path.clone(), record))
    }));
    (story, books)
}

/// What a person puts there after a consent.
fn record(number: u64) -> Secret {
    let record = format!(r#"{{"client_id":"us","client_secret":"{CANARY}s","refresh_token":"{CANARY}r{number}"}}"#);
    Secret::new(record.into_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn no_token_is_stored(story: &Story<'_>) {
    let bytes = story.host.durable_bytes().expect("bytes");
    assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "a token in a durable byte");
}

#[test]
fn a_crash_anywhere_uses_no_refresh_token_twice_but_where_the_next_was_lost() {
    let workflow = rotating("borealis", "overdue");
    // Tokens that live a second: each request asks for one.
    for (server, lives) in [(Server::Strict, 3_600), (Server::Lenient, 3_600), (Server::Strict, 1)] {
        let (calm, books) = story(&workflow, server, lives);
        let first = u64::try_from(calm.host.points().len()).expect("few points");
        calm.live(|_, _| {});
        let expected = calm.check();
        assert_eq!(expected, Some(Ending::Done));
        no_token_is_stored(&calm);
        let calm_books = books.lock().map(|books| (books.again, books.without)).expect("a lock");
        assert_eq!(calm_books, (0, 0));
        for at in first..u64::try_from(calm.host.points().len()).expect("few points") {
            for strike in [Strike::Before, Strike::After, Strike::Lost] {
                let (story, books) = story(&workflow, server, lives);
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                let end = story.check();
                no_token_is_stored(&story);
                let again = books.lock().expect("a lock").again;
                assert!(again <= 1, "{strike:?} {at}: a refresh token came again {again} times");
                // An effect whose reply was lost is in doubt, tokens or not.
                let fine = end == expected || matches!(end, Some(Ending::Failed | Ending::ContentLost));
                assert!(fine, "{end:?} after {strike:?} {at}, used again {again}");
            }
        }
    }
}

#[test]
fn neighbours_and_items_share_one_token() {
    let workflow = rotating("borealis", "overdue");
    let (calm, books) = story(&workflow, Server::Strict, 3_600);
    calm.live(|_, _| {});
    let books = books.lock().expect("a lock");
    assert_eq!((books.refresh, books.again), (1, 0));
    assert!(books.seen > 1, "several requests");
}

#[test]
fn a_token_that_is_not_taken_any_more_is_replaced_once() {
    let workflow = rotating("borealis", "overdue");
    for revoke_at in 1..=2_u64 {
        let (story, books) = story(&workflow, Server::Strict, 3_600);
        books.lock().expect("a lock").revoke_at = Some(revoke_at);
        story.live(|_, _| {});
        // The second is an effect that its API cannot tell from another: it is not sent again.
        assert_eq!(story.check(), Some(Ending::Done), "revoked at {revoke_at}");
        assert_eq!(story.queue().len(), usize::from(revoke_at == 2), "revoked at {revoke_at}");
        let books = books.lock().expect("a lock");
        // Both items were on their way with the old token.
        let wanted = if revoke_at == 1 { (2, 1, 0) } else { (1, 2, 0) };
        assert_eq!((books.refresh, books.without, books.again), wanted, "revoked at {revoke_at}");
    }
}

/// A note that is posted, of which nobody knows whether it was; its API can be asked.
fn in_doubt() -> Workflow {
    let base = rotating("borealis", "overdue");
    let token = |at: &str| json!({"at": at, "shape": {"type": "token"}, "class": "reference", "written_by": "system"});
    let day = |place: &str| json!({"place": place, "at": "day", "shape": {"type": "token"}, "class": "reference"});
    let plan = json!({
        "type": "plan", "schema": 1, "client": "borealis", "workflow": "note", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {"day": token("day")}},
        "limits": {"timeout": "10m", "concurrency": 1}, "connections": {"shop": {"integration": "shop"}},
        "operations": {
            "shop.post": {
                "record": "note", "method": "POST", "path": "/notes", "encoding": "json", "effect": "write", "scopes": [],
                "params": {"day": day("body")}, "response": {}, "most_bytes": 4096, "timeout": "10s",
                "confirm": {"operation": "get_note", "with": {"day": "day"}, "field": "state", "equals": "there", "settles": "1s"}},
            "shop.get_note": {
                "record": "note", "method": "GET", "path": "/notes/{day}", "encoding": "json", "effect": "none", "scopes": [],
                "params": {"day": day("path")}, "response": {"state": token("state")}, "most_bytes": 4096, "timeout": "10s"},
        },
        "steps": [{"id": "post", "action": {"kind": "call", "operation": "shop.post", "with": {"day": "${trigger.day}"},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "ops"},
    });
    let replies = json!([
        {"to": "shop.post", "status": 200, "fault": "lost"},
        {"to": "shop.get_note", "status": 200, "body": r#"{"state":"there"}"#},
    ]);
    made_up(base, plan, r#"{"day":"monday"}"#, &json!(replies))
}

#[test]
fn whether_an_effect_happened_is_asked_with_another_token_where_the_first_is_not_taken() {
    let workflow = in_doubt();
    for revoke_at in [None, Some(2)] {
        let (story, books) = story(&workflow, Server::Strict, 3_600);
        books.lock().expect("a lock").revoke_at = revoke_at;
        story.live(|_, _| {});
        assert_eq!(story.check(), Some(Ending::Done), "revoked at {revoke_at:?}");
        assert_eq!(story.queue().len(), 0, "it happened, and nobody has to look");
        let books = books.lock().expect("a lock");
        let renewed = u64::from(revoke_at.is_some());
        assert_eq!((books.refresh, books.without, books.seen), (1 + renewed, renewed, 2 + renewed));
    }
}
