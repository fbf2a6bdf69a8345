//! Access tokens over real loopback connections: a token server that replaces refresh tokens, an API that takes its tokens,
//! the agent's own engine, vault and network between them.

mod api;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use assent_agent::deploy::live::{Field, LivePlan, PlanStanding, Snapshot};
use assent_agent::kept::KeptPlan;
use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::run::{Engine, NewRun, OfClient, Rotation, Runnable};
use assent_agent::sim::NoBooks;
use assent_agent::store::{Ending, Entry, Memory, RunFilter, Store as _, TriggerKind};
use assent_agent::vault::{FileVault, HostKey, Secret, SlotPath, Vault as _, VaultError};
use assent_agent::world::Clock as _;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, ConnectionId, SlotId};
use assent_schema::plan::Plan;
use assent_schema::time::{Moment, Period};
use serde_json::{Value, json};

use api::{Seen, serve};

fn auth(kind: &str) -> Value {
    match kind {
        "header" => json!({"kind": kind, "name": "x-key", "slot": "oauth", "test": "get_order"}),
        "basic" => json!({"kind": kind, "user": "us", "slot": "oauth", "test": "get_order"}),
        "oauth2-refresh" => {
            json!({"kind": kind, "token": "/oauth/token", "slot": "oauth", "introspect": "/oauth/introspect", "authorize": "/oauth/authorize"})
        }
        _ => json!({"kind": kind, "token": "/oauth/token", "slot": "oauth", "introspect": "/oauth/introspect"}),
    }
}

fn facts(kind: &str, port: u16) -> ClientFacts {
    serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {"leads": []}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": format!("127.0.0.1:{port}"), "region": "eu",
            "scopes": ["orders:read"], "auth": auth(kind),
            "private_addresses": true, "slots": {"oauth": {"rotate": "90d"}}}},
        "limits": {"running": 8, "waiting": 100},
    }))
    .expect("facts")
}

fn plan() -> Plan {
    serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "look", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {}},
        "limits": {"timeout": "10m", "concurrency": 8}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.get_order": {
            "record": "order", "method": "GET", "path": "/orders/1", "encoding": "json", "effect": "none", "scopes": ["orders:read"],
            "params": {}, "response": {"id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}},
            "most_bytes": 65536, "timeout": "10s"}},
        "steps": [{"id": "order", "action": {"kind": "call", "operation": "shop.get_order", "with": {},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "leads"},
    }))
    .expect("a plan")
}

type TheField = Field<RealClock, FileVault<RealDisk>>;

type TheEngine = Arc<Engine<Real, Memory, TheField>>;

/// A machine with a vault and a server.
struct Place {
    folder: tempfile::TempDir,
    host: Arc<HostKey>,
    kind: &'static str,
    port: u16,
    seen: Arc<Mutex<Seen>>,
    store: Arc<Memory>,
}

impl Place {
    fn new(kind: &'static str, record: &Value) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let place = Self {
            folder: tempfile::tempdir().expect("a folder"),
            host: Arc::new(HostKey::generate()),
            kind,
            port: serve(Arc::clone(&seen)),
            seen,
            store: Arc::new(Memory::open(Arc::default(), Box::new(NoBooks::default()))),
        };
        place.set(record);
        place
    }

    fn vault(&self) -> FileVault<RealDisk> {
        let disk = RealDisk::open(self.folder.path()).expect("a folder");
        FileVault::open(disk, Arc::clone(&self.host)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a person does with `vault set`.
    fn set(&self, record: &Value) {
        self.put(&record.to_string());
    }

    fn put(&self, secret: &str) {
        let path = SlotPath::new(client(), shop(), SlotId::new("oauth").expect("an id"));
        self.vault().put(&path, bytes(secret)).expect("put");
    }

    /// A new process.
    async fn boot(&self) -> TheEngine {
        self.boot_with_field().await.0
    }

    /// The same, with what runs see.
    async fn boot_with_field(&self) -> (TheEngine, Arc<TheField>) {
        let net = RealNet::new(tls::connector(&[]).expect("roots"));
        let mut egress = Egress::default();
        egress.allow(&client(), &shop(), "127.0.0.1", self.port);
        net.permit(egress);
        let world = Arc::new(Real {
            clock: RealClock,
            dice: RealDice,
            net,
            disk: RealDisk::open(self.folder.path()).expect("a folder"),
            keyring: RealKeyring::new("tokens-test"),
        });
        let now = RealClock.now().moment();
        let (field, _ended) = Field::new(RealClock, self.vault(), now);
        field.replace(self.snapshot(now));
        let field = Arc::new(field);
        (Engine::open(world, Arc::clone(&self.store), Arc::clone(&field)).await.expect("an engine"), field)
    }

    fn snapshot(&self, now: Moment) -> Snapshot {
        let kept = Arc::new(KeptPlan::of(&plan()).expect("bytes"));
        let digest = kept.digest;
        let plan = Arc::new(Runnable::new(kept).unwrap_or_else(|_| panic!("a plan that runs")));
        let until = Moment::from_seconds(now.seconds() + 86_400);
        let live = LivePlan { plan, standing: PlanStanding::Until(until) };
        let endpoint = json!({"url": format!("http://127.0.0.1:{}", self.port), "region": "eu"});
        let endpoint = serde_json::from_value(endpoint).expect("an endpoint");
        Snapshot {
            active: BTreeMap::from([((client(), "look".parse().expect("an id")), digest)]),
            plans: BTreeMap::from([(digest, live)]),
            clients: BTreeMap::from([(client(), Arc::new(facts(self.kind, self.port)))]),
            endpoints: BTreeMap::from([(client(), BTreeMap::from([(shop(), endpoint)]))]),
            fresh: Some(now),
        }
    }

    /// How so many runs end that begin at once.
    async fn runs(&self, engine: &TheEngine, count: u8) -> Vec<(Ending, Option<String>)> {
        let mut tasks = Vec::new();
        let mut runs = BTreeSet::new();
        for number in 0..count {
            let run = NewRun {
                client: client(),
                workflow: "look".parse().expect("an id"),
                trigger: TriggerKind::Manual,
                event: format!("start-{number}"),
                keys: Vec::new(),
                fields: BTreeMap::new(),
                writes: Vec::new(),
            };
            let begun = engine.begin(run).unwrap_or_else(|refused| panic!("{refused:?}"));
            runs.insert(begun.run);
            tasks.push(tokio::spawn(begun.task));
        }
        for task in tasks {
            task.await.expect("a task that ends");
        }
        let lines = self.store.runs(&RunFilter { most: 1_000, ..RunFilter::default() }).expect("runs");
        let ends = lines.into_iter().filter(|line| runs.contains(&line.run)).map(|line| match line.last.entry {
            Entry::Ended { ending, code, .. } => (ending, code),
            _ => panic!("a run is open"),
        });
        ends.collect()
    }

    /// Nothing that opens a door stands in the state folder as it is.
    fn no_token_is_on_disk(&self) {
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = std::fs::read(&path).expect("a file");
                for token in [b"access-".as_slice(), b"refresh-"] {
                    assert!(!bytes.windows(token.len()).any(|window| window == token), "a token in {}", path.display());
                }
            }
        }
    }
}

fn client() -> ClientId {
    ClientId::new("acme").expect("an id")
}

fn shop() -> ConnectionId {
    ConnectionId::new("shop").expect("an id")
}

fn bytes(secret: &str) -> Secret {
    Secret::new(secret.as_bytes().to_vec()).unwrap_or_else(|error| panic!("{error}"))
}

fn record(refresh: &str) -> Value {
    json!({"client_id": "us", "client_secret": "s", "refresh_token": refresh})
}

const DONE: (Ending, Option<String>) = (Ending::Done, None);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_tokens_rotate_over_restarts_and_none_is_used_twice() {
    let place = Place::new("oauth2-refresh", &record("refresh-0"));
    let engine = place.boot().await;
    assert_eq!(place.runs(&engine, 8).await, vec![DONE; 8]);
    let so_far = place.seen.lock().map(|seen| (seen.tokens, seen.orders)).expect("a lock");
    assert_eq!(so_far, (1, 8));
    // The server forgets the access token: one run more, one token more, nobody notices.
    place.seen.lock().expect("a lock").takes = "another".to_owned();
    assert_eq!(place.runs(&engine, 1).await, [DONE]);
    // A new process knows no access token and the newest refresh token.
    let engine = place.boot().await;
    assert_eq!(place.runs(&engine, 8).await, vec![DONE; 8]);
    {
        let seen = place.seen.lock().expect("a lock");
        assert_eq!((seen.tokens, seen.again, seen.orders), (3, 0, 17));
    }
    place.no_token_is_on_disk();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_is_gone_holds_what_needs_it_until_there_is_a_new_one() {
    let place = Arc::new(Place::new("oauth2-refresh", &record("gone")));
    let (engine, field) = place.boot_with_field().await;
    let running = {
        let (place, engine) = (Arc::clone(&place), Arc::clone(&engine));
        tokio::spawn(async move { place.runs(&engine, 4).await })
    };
    while engine.consents().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(engine.consents(), [(client(), shop())]);
    assert!(!running.is_finished());
    // Who looks again does not ask again with the record that was refused.
    engine.secrets_changed();
    place.set(&record("refresh-9"));
    field.replace_vault(place.vault());
    engine.secrets_changed();
    assert_eq!(running.await.expect("a task that ends"), vec![DONE; 4]);
    assert_eq!(engine.consents(), []);
    let seen = place.seen.lock().expect("a lock");
    assert_eq!((seen.again, seen.tokens), (1, 1), "one question with the record that counts no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_nobody_consented_for_holds_what_needs_it_and_asks_for_nothing() {
    let place = Arc::new(Place::new("oauth2-refresh", &json!({"client_id": "us", "client_secret": "s"})));
    let (engine, field) = place.boot_with_field().await;
    let running = {
        let (place, engine) = (Arc::clone(&place), Arc::clone(&engine));
        tokio::spawn(async move { place.runs(&engine, 2).await })
    };
    while engine.consents().is_empty() {
        tokio::task::yield_now().await;
    }
    // What `vault connect` does.
    place.set(&record("refresh-9"));
    field.replace_vault(place.vault());
    engine.secrets_changed();
    assert_eq!(running.await.expect("a task that ends"), vec![DONE; 2]);
    let seen = place.seen.lock().expect("a lock");
    assert_eq!((seen.again, seen.tokens), (0, 1), "nothing was asked with the record of a client alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_api_grants_beside_what_is_needed_is_seen() {
    let place = Place::new("oauth2-client", &json!({"client_id": "us", "client_secret": "s"}));
    let engine = place.boot().await;
    for (answered, introspected, more, fewer) in [
        (None, None, "", ""),
        (Some("orders:read"), None, "", ""),
        (Some("orders:read orders:write"), None, "orders:write", ""),
        (Some("orders:read"), Some("orders:read refunds:write"), "refunds:write", ""),
        (None, Some("profile"), "profile", "orders:read"),
        (Some("orders:read"), Some("orders:read"), "", ""),
    ] {
        {
            let mut seen = place.seen.lock().expect("a lock");
            seen.scope = answered.map(str::to_owned);
            seen.introspected = introspected.map(str::to_owned);
            // The token is not taken any more: the next run gets another.
            seen.takes = "another".to_owned();
        }
        assert_eq!(place.runs(&engine, 1).await, [DONE]);
        let drift = engine.drift().remove(&(client(), shop())).unwrap_or_default();
        let joined = |scopes: &BTreeSet<String>| scopes.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (joined(&drift.more).as_str(), joined(&drift.fewer).as_str()),
            (more, fewer),
            "{answered:?} {introspected:?}"
        );
    }
    // Once a day it is asked again, with the token that is held.
    let tokens = place.seen.lock().expect("a lock").tokens;
    place.seen.lock().expect("a lock").introspected = Some("orders:read admin".to_owned());
    engine.look_at_scopes(&client(), &shop()).await;
    assert!(engine.drift().contains_key(&(client(), shop())));
    assert_eq!(place.seen.lock().expect("a lock").tokens, tokens);
    place.no_token_is_on_disk();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_api_tells_of_the_end_of_a_consent_is_known_over_restarts_and_goes_with_it() {
    let place = Place::new("oauth2-refresh", &record("refresh-0"));
    let (client, shop, slot) = (client(), shop(), SlotId::new("oauth").expect("an id"));
    let of = OfClient { client: &client, connection: &shop, slot: &slot };
    let days = |engine: &TheEngine| {
        let (engine, vault) = (Arc::clone(engine), place.vault());
        async move {
            let ends = engine.ends(&vault, of).await.expect("an answer");
            // How many days are left, told a moment ago.
            ends.map(|ends| ends.end.at.since(RealClock.now().moment().minus(Period::minutes(5))).as_seconds() / 86_400)
        }
    };
    let engine = place.boot().await;
    assert_eq!(place.runs(&engine, 1).await, [DONE]);
    assert_eq!(days(&engine).await, None, "nobody said it");
    let ask = async |engine: &TheEngine, days: Option<u64>| {
        {
            let mut seen = place.seen.lock().expect("a lock");
            (seen.consent, seen.takes) = (days.map(|days| days * 86_400), "another".to_owned());
        }
        assert_eq!(place.runs(engine, 1).await, [DONE]);
    };
    ask(&engine, Some(60)).await;
    assert_eq!(days(&engine).await, Some(60));
    // It is half over only much later: nothing is asked for its sake.
    let tokens = || place.seen.lock().expect("a lock").tokens;
    let before = tokens();
    engine.keep_consent(&client, &shop).await;
    assert_eq!(tokens(), before);
    let engine = place.boot().await;
    assert_eq!(days(&engine).await, Some(60), "a restart knows it");
    ask(&engine, Some(1)).await;
    assert_eq!(days(&engine).await, None, "so short a life is watched by nobody");
    ask(&engine, Some(60)).await;
    ask(&engine, None).await;
    assert_eq!(days(&engine).await, None, "another refresh token, of which nothing was said");
    place.no_token_is_on_disk();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_gets_its_own_token_once_for_many_runs() {
    let place = Place::new("oauth2-client", &json!({"client_id": "us", "client_secret": "s"}));
    let engine = place.boot().await;
    assert_eq!(place.runs(&engine, 8).await, vec![DONE; 8]);
    assert_eq!(place.seen.lock().expect("a lock").tokens, 1);
    place.no_token_is_on_disk();
}

/// What stands in the slot for a key.
fn keyed(kind: &str, key: &str) -> String {
    match kind {
        "oauth2-client" => json!({"client_id": "us", "client_secret": key}).to_string(),
        _ => key.to_owned(),
    }
}

/// Rotates the key of a connection under runs that never stop, and has the old one revoked at once.
async fn is_rotated_under_runs(kind: &'static str) {
    let place = Arc::new(Place::new(kind, &Value::Null));
    place.put(&keyed(kind, "key-of-old"));
    {
        let mut seen = place.seen.lock().expect("a lock");
        seen.keys = ["key-of-old", "key-of-new"].map(str::to_owned).into();
        seen.revoked = Some(0);
    }
    let (engine, field) = place.boot_with_field().await;
    let (client, connection, slot) = (client(), shop(), SlotId::new("oauth").expect("an id"));
    let of = OfClient { client: &client, connection: &connection, slot: &slot };
    let by = || "omar".parse().expect("an id");
    let vault = field.vault();
    let counts = || async { vault.read(&of.path()).await.map(|secret| secret.reveal().to_vec()) };
    // One that the API does not take is forgotten.
    vault.stage(&of.path(), bytes(&keyed(kind, "key-of-nobody"))).await.expect("staged");
    let refused = engine.begin_rotation(&*vault, of, by()).await;
    assert!(matches!(refused, Ok(Rotation::Refused(_))), "{kind}: {refused:?}");
    assert_eq!(counts().await, Ok(keyed(kind, "key-of-old").into_bytes()), "{kind}");
    assert_eq!(vault.staged(&of.path()).await.err(), Some(VaultError::Missing), "{kind}");
    let running = {
        let (place, engine) = (Arc::clone(&place), Arc::clone(&engine));
        tokio::spawn(async move {
            let mut ends = Vec::new();
            for _ in 0..20 {
                ends.extend(place.runs(&engine, 8).await);
            }
            ends
        })
    };
    while place.seen.lock().expect("a lock").orders < 16 {
        tokio::task::yield_now().await;
    }
    vault.stage(&of.path(), bytes(&keyed(kind, "key-of-new"))).await.expect("staged");
    assert_eq!(engine.begin_rotation(&*vault, of, by()).await, Ok(Rotation::Done), "{kind}");
    {
        let mut seen = place.seen.lock().expect("a lock");
        seen.keys.remove("key-of-old");
        seen.revoked = Some(seen.tokens);
    }
    assert_eq!(running.await.expect("a task that ends"), vec![DONE; 160], "{kind}");
    assert_eq!(counts().await, Ok(keyed(kind, "key-of-new").into_bytes()), "{kind}");
    assert_eq!(engine.go_on_rotating(&*vault, of).await, Ok(Rotation::None), "{kind}");
    // A new process sees the new one; the old one opens nothing any more.
    let engine = place.boot().await;
    assert_eq!(place.runs(&engine, 4).await, vec![DONE; 4], "{kind}");
    place.put(&keyed(kind, "key-of-old"));
    let engine = place.boot().await;
    let (ending, code) = place.runs(&engine, 1).await.remove(0);
    assert_eq!(ending, Ending::Failed, "{kind}: {code:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_rotated_under_runs_that_lose_nothing_and_the_old_one_fails() {
    for kind in ["header", "basic", "oauth2-client"] {
        is_rotated_under_runs(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_somebody_puts_there_is_told_and_one_that_cannot_be_tested_is_not_taken() {
    let place = Place::new("header", &Value::Null);
    place.put("key-of-old");
    let (engine, field) = place.boot_with_field().await;
    let (client, connection, slot) = (client(), shop(), SlotId::new("oauth").expect("an id"));
    let of = OfClient { client: &client, connection: &connection, slot: &slot };
    let first = engine.look_at_slot(&*field.vault(), of).await.expect("a look");
    assert_eq!(engine.look_at_slot(&*field.vault(), of).await.as_ref(), Ok(&first), "the same secret, the same age");
    place.put("key-of-new");
    field.replace_vault(place.vault());
    let second = engine.look_at_slot(&*field.vault(), of).await.expect("a look");
    assert_ne!(first.mark, second.mark);
    let other = SlotId::new("webhook").expect("an id");
    let unknown = OfClient { slot: &other, ..of };
    let refused = engine.begin_rotation(&*field.vault(), unknown, "omar".parse().expect("an id")).await;
    assert_eq!(refused, Err(assent_agent::run::NotRotated::Unknown));
}
