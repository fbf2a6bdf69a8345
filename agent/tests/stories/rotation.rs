//! A secret is rotated while a scenario runs, and the machine dies at every durable write and every request: in the end the
//! new secret counts and is said to do so once, or the old one does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::run::{Deployed, Engine, OfClient, Rotation};
use assent_agent::sim::{Crash, Reply, Service, SimWorld, Strike};
use assent_agent::store::{Ending, Store};
use assent_agent::vault::{FileVault, Secret, SlotPath, Vault};
use assent_agent::world::{Clock as _, HttpRequest, HttpResponse, Wall, World};
use assent_schema::client::{Auth, ClientAuth};
use assent_schema::id::{ClientId, ConnectionId, SlotId};
use assent_schema::ledger::Kind;
use base64::Engine as _;

use crate::story::{HOST_KEY, Story, Workflow, workflow};

/// What every secret of these stories begins with; stands in no stored byte.
const CANARY: &str = "rot-canary-";
/// How often a rotation that waits is gone on with.
const LOOKS_MOST: u32 = 200;

/// What a person wants to be rotated.
pub(crate) struct Wanted {
    client: ClientId,
    connection: ConnectionId,
    slot: SlotId,
    record: Secret,
}

impl Wanted {
    fn of(&self) -> OfClient<'_> {
        OfClient { client: &self.client, connection: &self.connection, slot: &self.slot }
    }
}

/// What a person does who puts a new secret there, and does it again after a crash until it is said to be done or refused.
pub(crate) async fn rotate<W: World, S: Store, D: Deployed>(
    world: &SimWorld,
    engine: &Engine<W, S, D>,
    vault: &dyn Vault,
    wanted: &Wanted,
) {
    let of = wanted.of();
    let Ok(current) = vault.read(&of.path()).await else { return };
    let standing = engine.standing(of).expect("read");
    let is_going = standing.as_ref().is_some_and(|standing| standing.going.is_some());
    if !is_going && current.reveal() == wanted.record.reveal() {
        return;
    }
    if !is_going && vault.stage(&of.path(), wanted.record.clone()).await.is_err() {
        return;
    }
    let mut now = if is_going {
        engine.go_on_rotating(vault, of).await
    } else {
        engine.begin_rotation(vault, of, "omar".parse().expect("an id")).await
    };
    for _ in 0..LOOKS_MOST {
        match now {
            Ok(Rotation::Waits { .. }) => {
                world.sleep(Duration::from_secs(30)).await;
                now = engine.go_on_rotating(vault, of).await;
            }
            // A machine that dies cannot write.
            Ok(_) | Err(_) => return,
        }
    }
    panic!("a rotation that waits for ever");
}

/// Token endpoint and API in one: lets those through whose secret it knows.
struct Door<S> {
    behind: S,
    known: Arc<Mutex<BTreeSet<String>>>,
}

fn header(request: &HttpRequest) -> String {
    let found = request.headers.iter().find(|(name, _)| name == "authorization");
    found.and_then(|(_, value)| String::from_utf8(value.reveal().clone()).ok()).unwrap_or_default()
}

fn answer(status: u16, body: String) -> Reply {
    let response = HttpResponse { status, headers: Vec::new(), body: Content::new(body.into_bytes()) };
    Reply { result: Ok(response), after: Duration::from_millis(15) }
}

impl<S: Service> Service for Door<S> {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        if request.operation.connection.as_str() != "shop" {
            return self.behind.answer(now, request);
        }
        let known = self.known.lock().expect("a lock").clone();
        if request.operation.operation.as_str() == "oauth_token" {
            let coded = header(&request);
            let pair = coded.strip_prefix("Basic ").and_then(|coded| {
                base64::engine::general_purpose::STANDARD
                    .decode(coded)
                    .ok()
                    .and_then(|pair| String::from_utf8(pair).ok())
            });
            let secret = pair.as_deref().and_then(|pair| pair.strip_prefix("us:")).unwrap_or_default().to_owned();
            if !known.contains(&secret) {
                return answer(401, r#"{"error":"invalid_client"}"#.to_owned());
            }
            return answer(200, format!(r#"{{"access_token":"t-{secret}","token_type":"Bearer","expires_in":3600}}"#));
        }
        let token = header(&request);
        let is_known = token.strip_prefix("Bearer t-").is_some_and(|secret| known.contains(secret));
        if is_known { self.behind.answer(now, request) } else { answer(401, "{}".to_owned()) }
    }
}

fn slot() -> SlotId {
    SlotId::new("token").expect("an id")
}

fn shop() -> ConnectionId {
    "shop".parse().expect("an id")
}

fn record(secret: &str) -> Secret {
    let record = format!(r#"{{"client_id":"us","client_secret":"{CANARY}{secret}"}}"#);
    Secret::new(record.into_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// A workflow whose shop takes the agent's own tokens.
fn tokened(client: &str, name: &str) -> Workflow {
    let mut workflow = workflow(client, name);
    let facts = Arc::make_mut(&mut workflow.facts);
    let connection = facts.connections.get_mut(&shop()).expect("a shop");
    connection.auth =
        Auth::Oauth2Client { token: "/oauth/token".into(), send: ClientAuth::Header, slot: slot(), introspect: None };
    workflow
}

/// A story in which somebody rotates, at an API that knows these secrets.
fn story<'a>(workflow: &'a Workflow, known: &[&str]) -> Story<'a> {
    let known = known.iter().map(|secret| format!("{CANARY}{secret}")).collect();
    let known = Arc::new(Mutex::new(known));
    let scenario = workflow.tests.scenarios.first().expect("a scenario");
    let mut story = Story::behind(workflow, scenario, 7, |behind| Door { behind, known });
    let vault = vault(&story);
    let path = SlotPath::new(workflow.facts.client.clone(), shop(), slot());
    vault.put(&path, record("old")).expect("put");
    story.rotates = Some(Arc::new(Wanted {
        client: workflow.facts.client.clone(),
        connection: shop(),
        slot: slot(),
        record: record("new"),
    }));
    story
}

fn vault(story: &Story<'_>) -> FileVault<SimWorld> {
    FileVault::open(story.host.boot(), Arc::clone(&HOST_KEY)).unwrap_or_else(|error| panic!("{error}"))
}

/// What counts in the end, whether something is left beside it, and how often a rotation was said.
fn end(story: &Story<'_>) -> (Vec<u8>, bool, usize) {
    let vault = vault(story);
    let path = SlotPath::new(story.workflow.facts.client.clone(), shop(), slot());
    let now = |asked| futures_now(asked);
    let counts = now(vault.read(&path)).unwrap_or_else(|error| panic!("{error}"));
    let said = story.entries().iter().filter(|entry| matches!(entry.kind, Kind::Rotated(_))).count();
    (counts.reveal().to_vec(), now(vault.staged(&path)).is_ok(), said)
}

/// The answer of a vault that answers at once.
fn futures_now<T>(mut asked: assent_agent::vault::Asked<'_, T>) -> Result<T, assent_agent::vault::VaultError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match asked.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("a file answers at once"),
    }
}

fn no_secret_is_stored(story: &Story<'_>) {
    let bytes = story.host.durable_bytes().expect("bytes");
    assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "a secret in a durable byte");
}

#[test]
fn a_rotation_survives_a_crash_anywhere_and_is_said_once() {
    let workflow = tokened("borealis", "overdue");
    for (known, wanted, said) in [(["old", "new"].as_slice(), "new", 1), (["old"].as_slice(), "old", 0)] {
        let calm = story(&workflow, known);
        let first = u64::try_from(calm.host.points().len()).expect("few points");
        calm.live(|_, _| {});
        assert_eq!(calm.check(), Some(Ending::Done));
        assert_eq!(end(&calm), (record(wanted).reveal().to_vec(), false, said));
        no_secret_is_stored(&calm);
        for at in first..u64::try_from(calm.host.points().len()).expect("few points") {
            for strike in [Strike::Before, Strike::After, Strike::Lost] {
                let story = story(&workflow, known);
                story.live(|process, host| host.crash_at((process == 0).then_some(Crash { at, strike })));
                let fine = matches!(story.check(), Some(Ending::Done | Ending::Failed | Ending::ContentLost));
                assert!(fine, "{strike:?} {at}");
                assert_eq!(end(&story), (record(wanted).reveal().to_vec(), false, said), "{strike:?} {at}");
                no_secret_is_stored(&story);
            }
        }
    }
}
