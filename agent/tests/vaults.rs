//! The vault that `agent.toml` names, over real TLS, under the engine: a key-value store of OpenBao's form that is sealed, cut
//! off, and rotated behind the agent's back while runs need its secrets.

#[path = "../../tests/support/kv2.rs"]
#[expect(unreachable_pub, dead_code, reason = "other tests include it too")]
mod kv2;

#[path = "../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use assent_agent::config::{self, VaultConfig};
use assent_agent::daemon::vaults::{self, TheVault};
use assent_agent::deploy::live::{Field, LivePlan, PlanStanding, Snapshot};
use assent_agent::kept::KeptPlan;
use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::run::{Engine, NewRun, Runnable};
use assent_agent::sim::NoBooks;
use assent_agent::store::{Ending, Entry, Memory, RunFilter, Store as _, TriggerKind};
use assent_agent::vault::{HostKey, SlotPath, Vault as _, VaultError};
use assent_agent::world::Clock as _;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::Plan;
use assent_schema::time::Moment;
use kv2::{Asked, Bao};
use serde_json::json;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How a server behaves at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It answers.
    Well,
    /// It takes connections and ends them.
    Rude,
    /// It leads to another place.
    Elsewhere,
}

/// A server with what it holds.
struct Server {
    port: u16,
    bao: Arc<Mutex<Bao>>,
    mood: Arc<Mutex<Mood>>,
}

/// A certificate for `localhost` with its key, in a folder; made on the spot.
#[expect(clippy::disallowed_methods, reason = "tests may start openssl")]
fn certify(folder: &Path, name: &str) -> (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>) {
    let file = |ending: &str| folder.join(format!("{name}.{ending}")).display().to_string();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).output().expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let (key, pem) = (file("key"), file("pem"));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let ends = ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &pem];
    run(&[new.as_slice(), &named, &ends].concat());
    let der = run(&["x509", "-in", &pem, "-outform", "DER"]);
    let key = run(&["pkcs8", "-topk8", "-nocrypt", "-in", &key, "-outform", "DER"]);
    (CertificateDer::from(der), PrivatePkcs8KeyDer::from(key))
}

impl Server {
    fn start(folder: &Path) -> Self {
        let (certificate, key) = certify(folder, "vault");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key.into()))
            .expect("a configuration");
        let (tls, listener) = (Arc::new(tls), TcpListener::bind("127.0.0.1:0").expect("a port"));
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, bao: Arc::default(), mood: Arc::new(Mutex::new(Mood::Well)) };
        let (bao, mood) = (Arc::clone(&server.bao), Arc::clone(&server.mood));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, bao, mood) = (Arc::clone(&tls), Arc::clone(&bao), Arc::clone(&mood));
                std::thread::spawn(move || serve(&tls, stream, &bao, &mood));
            }
        });
        server
    }

    fn bao(&self) -> std::sync::MutexGuard<'_, Bao> {
        self.bao.lock().expect("a lock")
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().expect("a lock") = mood;
    }
}

fn serve(tls: &Arc<ServerConfig>, stream: TcpStream, bao: &Mutex<Bao>, mood: &Mutex<Mood>) {
    let connection = ServerConnection::new(Arc::clone(tls)).expect("a connection");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8(head).expect("a head");
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let mood = *mood.lock().expect("a lock");
        let answer = match mood {
            Mood::Rude => return,
            Mood::Elsewhere => {
                "HTTP/1.1 307 -\r\nLocation: https://127.0.0.1:1/v1\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            Mood::Well => {
                let asked = Asked { method, target, headers: &headers, body: &body };
                let (status, body) = bao.lock().expect("a lock").answer(&asked);
                format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// An API that takes one key.
fn api(key: Arc<Mutex<String>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let takes = format!("x-key: {}\r\n", key.lock().expect("a lock"));
            let status = if head.to_lowercase().contains(&takes) { "200 OK" } else { "401 Unauthorized" };
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{{\"id\":\"o-1\"}}");
            drop(stream.get_mut().write_all(answer.as_bytes()));
        }
    });
    port
}

fn client() -> ClientId {
    ClientId::new("acme").expect("an id")
}

fn shop() -> ConnectionId {
    ConnectionId::new("shop").expect("an id")
}

fn snapshot(port: u16, now: Moment) -> Snapshot {
    let facts: ClientFacts = serde_json::from_value(json!({
        "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {}}, "retention": "90d", "stale_limit": "72h", "deciders": {"leads": []}, "people": {}, "routes": [],
        "connections": {"shop": {"to": {"integration": {"name": "shop"}}, "host": format!("127.0.0.1:{port}"), "region": "eu",
            "auth": {"kind": "header", "name": "x-key", "slot": "token"}, "private_addresses": true,
            "slots": {"token": {"rotate": "90d"}}}},
        "limits": {"running": 8, "waiting": 100},
    }))
    .expect("facts");
    let plan: Plan = serde_json::from_value(json!({
        "type": "plan", "schema": 1, "client": "acme", "workflow": "look", "summary": "s", "purpose": "essential.service", "mode": "live",
        "trigger": {"kind": "manual", "fields": {}},
        "limits": {"timeout": "1s", "concurrency": 8}, "connections": {"shop": {"integration": "shop"}},
        "operations": {"shop.get_order": {
            "record": "order", "method": "GET", "path": "/orders/1", "encoding": "json", "effect": "none", "scopes": [],
            "params": {}, "response": {"id": {"at": "id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"}},
            "most_bytes": 65536, "timeout": "10s"}},
        "steps": [{"id": "order", "action": {"kind": "call", "operation": "shop.get_order", "with": {},
            "retry": {"attempts": 1, "first": "1s", "most": "1s"}}}],
        "fallback": {"queue": "leads"},
    }))
    .expect("a plan");
    let kept = Arc::new(KeptPlan::of(&plan).expect("bytes"));
    let digest = kept.digest;
    let plan = Arc::new(Runnable::new(kept).unwrap_or_else(|_| panic!("a plan that runs")));
    let until = Moment::from_seconds(now.seconds() + 86_400);
    let endpoint = json!({"url": format!("http://127.0.0.1:{port}"), "region": "eu"});
    let endpoint = serde_json::from_value(endpoint).expect("an endpoint");
    Snapshot {
        active: BTreeMap::from([((client(), "look".parse().expect("an id")), digest)]),
        plans: BTreeMap::from([(digest, LivePlan { plan, standing: PlanStanding::Until(until) })]),
        clients: BTreeMap::from([(client(), Arc::new(facts))]),
        endpoints: BTreeMap::from([(client(), BTreeMap::from([(shop(), endpoint)]))]),
        fresh: Some(now),
    }
}

/// The vault that an `agent.toml` with this table names.
fn vault(folder: &Path, table: &str) -> TheVault {
    let file = folder.join("agent.toml");
    let text = format!(
        "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"production\"\nregion = \"eu\"\nrepository = \"agency.git\"\n\
         state = \"state\"\nlisten = \"127.0.0.1:8080\"\n\n[vault]\n{table}"
    );
    write(&file, &text);
    std::fs::create_dir_all(folder.join("state")).expect("a folder");
    let config = config::load(&file, Some(folder)).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(config.vault, VaultConfig::Kv2(_)));
    let disk = Arc::new(RealDisk::open(config.state.folder()).expect("a folder"));
    vaults::open(&config.vault, disk, Arc::new(HostKey::generate())).unwrap_or_else(|error| panic!("{error}"))
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

/// Whether openssl is there. In CI it must be.
#[expect(clippy::disallowed_methods, reason = "asks whether a program is there")]
fn can_certify() -> bool {
    let there = std::process::Command::new("openssl").arg("version").output().is_ok_and(|out| out.status.success());
    if !there {
        skipped::skipped("openssl is not installed (tests/setup installs it)");
    }
    there
}

fn token_table(server: &Server, ca: &str) -> String {
    format!("kind = \"kv2\"\naddress = \"https://localhost:{}\"\nca = \"{ca}.pem\"\ntoken = \"token\"\n", server.port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_over_tls_is_believed_for_its_certificate_alone_and_leads_nowhere_else() {
    if !can_certify() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    certify(folder.path(), "other");
    write(&folder.path().join("token"), "canary-token\n");
    server.bao().tokens.insert("canary-token".to_owned());
    server.bao().put("", "acme/shop/token", json!({"value": "canary-0"}));
    let slot = SlotPath::parse("acme/shop/token").expect("a path");
    let read = |vault: TheVault| {
        let slot = slot.clone();
        async move { vault.read(&slot).await.map(|secret| secret.reveal().to_vec()) }
    };
    let right = || vault(folder.path(), &token_table(&server, "vault"));
    assert_eq!(read(right()).await, Ok(b"canary-0".to_vec()));
    let seen = server.bao().seen.len();
    let wrong = vault(folder.path(), &token_table(&server, "other"));
    assert_eq!(read(wrong).await, Err(VaultError::Unreachable), "another authority");
    let public = token_table(&server, "vault").replace("ca = \"vault.pem\"\n", "");
    assert_eq!(read(vault(folder.path(), &public)).await, Err(VaultError::Unreachable), "nobody's authority");
    let address = token_table(&server, "vault").replace("localhost", "127.0.0.1");
    assert_eq!(read(vault(folder.path(), &address)).await, Err(VaultError::Unreachable), "another name");
    server.is(Mood::Elsewhere);
    assert_eq!(read(right()).await, Err(VaultError::Unreachable), "it leads elsewhere");
    server.is(Mood::Rude);
    assert_eq!(read(right()).await, Err(VaultError::Unreachable), "it says nothing");
    assert_eq!(server.bao().seen.len(), seen, "no token went to whom nobody vouches for");
    // A token of systemd, and a token that is not taken.
    server.is(Mood::Well);
    let credential = token_table(&server, "vault").replace("\"token\"", "\"credential:token\"");
    assert_eq!(read(vault(folder.path(), &credential)).await, Ok(b"canary-0".to_vec()));
    server.bao().tokens.clear();
    assert_eq!(read(right()).await, Err(VaultError::Refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_wait_while_the_vault_is_away_and_go_on_when_it_is_back() {
    if !can_certify() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    write(&folder.path().join("secret-id"), "canary-secret-id");
    {
        let mut bao = server.bao();
        bao.role = Some(("agent".into(), "canary-secret-id".into()));
        bao.lease = 3_600;
        bao.put("eu", "harbor/acme/shop/token", json!({"value": "key-0"}));
        bao.sealed = true;
    }
    let table = format!(
        "kind = \"kv2\"\naddress = \"https://localhost:{}\"\nca = \"vault.pem\"\nprefix = \"harbor\"\nnamespace = \"eu\"\n\
         role_id = \"agent\"\nsecret_id = \"secret-id\"\n",
        server.port
    );
    let key = Arc::new(Mutex::new("key-0".to_owned()));
    let port = api(Arc::clone(&key));
    let net = RealNet::new(tls::connector(&[]).expect("roots"));
    let mut egress = Egress::default();
    egress.allow(&client(), &shop(), "127.0.0.1", port);
    net.permit(egress);
    let world = Arc::new(Real {
        clock: RealClock,
        dice: RealDice,
        net,
        disk: RealDisk::open(folder.path()).expect("a folder"),
        keyring: RealKeyring::new("vaults-test"),
    });
    let now = RealClock.now().moment();
    let (field, _ended) = Field::new(RealClock, vault(folder.path(), &table), now);
    field.replace(snapshot(port, now));
    let (field, store) = (Arc::new(field), Arc::new(Memory::open(Arc::default(), Box::new(NoBooks::default()))));
    let engine = Engine::open(world, Arc::clone(&store), Arc::clone(&field)).await.expect("an engine");
    let start = |number: usize| {
        let run = NewRun {
            client: client(),
            workflow: "look".parse().expect("an id"),
            trigger: TriggerKind::Manual,
            event: format!("start-{number}"),
            keys: Vec::new(),
            fields: BTreeMap::new(),
            writes: Vec::new(),
        };
        tokio::spawn(engine.begin(run).unwrap_or_else(|refused| panic!("{refused:?}")).task)
    };
    let waiting: Vec<_> = (0..8).map(start).collect();
    while field.vault_outage().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(field.vault_outage(), Some(VaultError::Unreachable));
    assert!(waiting.iter().all(|run| !run.is_finished()));
    server.bao().sealed = false;
    engine.secrets_changed();
    for run in waiting {
        run.await.expect("a task that ends");
    }
    assert_eq!(field.vault_outage(), None);
    // Somebody rotates in the vault and at the API: the next request has the new secret, nothing was kept.
    server.bao().put("eu", "harbor/acme/shop/token", json!({"value": "key-1"}));
    "key-1".clone_into(&mut key.lock().expect("a lock"));
    start(8).await.expect("a task that ends");
    let ends = store.runs(&RunFilter { most: 100, ..RunFilter::default() }).expect("runs");
    assert_eq!(ends.len(), 9);
    for line in ends {
        assert!(matches!(line.last.entry, Entry::Ended { ending: Ending::Done, .. }));
    }
}
