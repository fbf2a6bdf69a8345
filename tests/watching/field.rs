//! An agent's outbox on the real network, with routes that lead to loopback.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use assent_agent::content::Content;
use assent_agent::ledger::Ledgers;
use assent_agent::real::{Egress, Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use assent_agent::store::{Alert, Books, LedgerRows, RunId, Sqlite, Store as _, Transaction, Write};
use assent_agent::vault::HostKey;
use assent_agent::watch::{Delivered, Routes, Teller, ToldSecret, deliver_due};
use assent_agent::world::Clock as _;
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::id::{AgentId, ConnectionId};
use base64::Engine as _;
use serde_json::{Value, json};

/// An outbox and its routes.
pub(crate) struct Field {
    #[expect(dead_code, reason = "its folder is there as long as it is")]
    pub(crate) folder: tempfile::TempDir,
    pub(crate) world: Real,
    pub(crate) store: Sqlite,
    pub(crate) routes: Routes,
    pub(crate) agent: AgentId,
    pub(crate) secrets: BTreeMap<ConnectionId, String>,
}

impl Field {
    /// One client with one route that carries everything that its kind takes.
    pub(crate) fn new(route: &Value, url: &str, secret: Option<&str>, trusted: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = route["endpoint"].as_str().expect("a name").to_owned();
        let carries = ["alerts", "post-mortems"].map(|what| {
            let mut route = route.clone();
            route.as_object_mut().expect("an object").insert("carries".to_owned(), json!(what));
            route
        });
        let facts: ClientFacts = serde_json::from_value(json!({
            "type": "client", "schema": 1, "client": "acme", "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
            "calendar": {"hours": {"1": "09:00-17:00"}}, "retention": "90d", "stale_limit": "72h", "deciders": {},
            "people": {}, "connections": {}, "limits": {"running": 1, "waiting": 1}, "routes": carries,
            "contacts": ["dana"], "mail": {"dana": "dana@acme.example"},
        }))
        .expect("facts");
        let clients = json!({"acme": {name.clone(): {"url": url, "region": "eu"}}});
        let endpoints: Endpoints = serde_json::from_value(
            json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": clients}),
        )
        .expect("endpoints");
        let routes = Routes::new([&facts], &endpoints).expect("routes");
        let added = trusted.map(certificate).into_iter().collect::<Vec<_>>();
        let net = RealNet::new(tls::connector(&added).expect("TLS"));
        let mut egress = Egress::default();
        let target = routes.of(&facts.client).and_then(|routes| routes.targets.first()).expect("a route");
        egress.allow(&facts.client, &target.name, target.base.host(), target.base.port());
        net.permit(egress);
        let disk = Arc::new(RealDisk::open(folder.path()).expect("a disk"));
        let outside = (Arc::clone(&disk), RealDice, Arc::new(HostKey::generate()));
        let open = |rows: &dyn LedgerRows| {
            let books =
                Ledgers::load("harbor".parse().expect("a name"), "eu-1".parse().expect("an id"), outside, rows)?;
            Ok(Box::new(books) as Box<dyn Books>)
        };
        let store = Sqlite::open(&folder.path().join("agent.db"), open).expect("a store");
        let world = Real {
            clock: RealClock,
            dice: RealDice,
            net,
            disk: RealDisk::open(folder.path()).expect("a disk"),
            keyring: RealKeyring::new("eu-1"),
        };
        let secrets = secret.map(|secret| (name.parse().expect("an id"), secret.to_owned())).into_iter().collect();
        Self { folder, world, store, routes, agent: "eu-1".parse().expect("an id"), secrets }
    }

    /// Makes something durable.
    pub(crate) async fn write(&self, write: Write) {
        let transaction = Transaction::new(self.world.clock.now()).with(write);
        self.store.commit(transaction).await.expect("committed");
    }

    /// Delivers what is due.
    pub(crate) async fn round(&self) -> Delivered {
        let secrets = |route: &ConnectionId| -> ToldSecret<'_> { self.secret(route) };
        deliver_due(&self.world, &self.store, &self.teller(&secrets)).await.expect("a store that works")
    }

    /// Who tells.
    pub(crate) fn teller<'a>(
        &'a self,
        secrets: &'a (dyn Fn(&ConnectionId) -> ToldSecret<'a> + Send + Sync),
    ) -> Teller<'a> {
        Teller { console: Some("https://agent.example/"), ..Teller::new(&self.routes, &self.agent, secrets) }
    }

    /// The secret of its route, as the vault would give it.
    pub(crate) fn secret(&self, route: &ConnectionId) -> ToldSecret<'static> {
        let secret = self.secrets.get(route).map(|secret| Content::new(secret.as_bytes().to_vec()));
        Box::pin(async move { secret })
    }
}

/// The certificate of a PEM file.
fn certificate(path: &Path) -> tokio_rustls::rustls::pki_types::CertificateDer<'static> {
    let text = std::fs::read_to_string(path).expect("a PEM file");
    let coded: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(coded).expect("base64").into()
}

/// An alert about a run that failed.
pub(crate) fn failed(code: &str) -> Alert {
    Alert {
        rule: assent_schema::alert::Rule::RunFailed,
        client: Some("acme".parse().expect("an id")),
        workflow: Some("refund".parse().expect("an id")),
        connection: Some("helpdesk".parse().expect("an id")),
        code: code.into(),
        run: Some(RunId::from_bytes([1; 16])),
        incident: false,
        by: None,
        about: None,
    }
}

/// How long a post is waited for.
const WAITED_MOST: std::time::Duration = std::time::Duration::from_secs(30);

/// Takes posts on loopback and keeps what they say.
pub(crate) struct Hook {
    pub(crate) url: String,
    pub(crate) got: Arc<Mutex<Vec<Value>>>,
    posts: tokio::sync::watch::Receiver<usize>,
}

impl Hook {
    /// Opens one.
    pub(crate) fn open() -> Self {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let got = Arc::<Mutex<Vec<Value>>>::default();
        let keep = Arc::clone(&got);
        let (told, posts) = tokio::sync::watch::channel(0);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = Vec::new();
                let mut piece = [0; 4096];
                let body = loop {
                    match stream.read(&mut piece) {
                        Ok(0) | Err(_) => break None,
                        Ok(read) => bytes.extend(piece.iter().take(read)),
                    }
                    let text = String::from_utf8_lossy(&bytes);
                    let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                    if body.is_some() {
                        break body;
                    }
                };
                keep.lock().expect("no panic").extend(body);
                told.send_modify(|posts| *posts += 1);
                // Whoever asked may be gone.
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
            }
        });
        Self { url, got, posts }
    }

    /// Waits for a post that fits.
    pub(crate) async fn awaits(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut posts = self.posts.clone();
        let came = posts.wait_for(|_| self.got().iter().any(&fits));
        let came = tokio::time::timeout(WAITED_MOST, came).await.map(drop);
        let found = self.got().into_iter().find(|one| fits(one));
        found.unwrap_or_else(|| panic!("{what} did not come: {came:?}, {:?}", self.got()))
    }

    /// What came so far.
    pub(crate) fn got(&self) -> Vec<Value> {
        self.got.lock().expect("no panic").clone()
    }
}

/// One GET on loopback; the body where the status is 200.
pub(crate) fn get(url: &str, accept: Option<&str>) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let rest = url.strip_prefix("http://").expect("a URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = std::net::TcpStream::connect(host).ok()?;
    let accept = accept.map(|accept| format!("accept: {accept}\r\n")).unwrap_or_default();
    let head = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n{accept}connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        return None;
    }
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    Some(if chunked { unchunked(body) } else { body.to_owned() })
}

fn unchunked(body: &str) -> String {
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        let (piece, behind) = after.split_at_checked(size).expect("a whole piece");
        whole.push_str(piece);
        rest = behind.trim_start_matches("\r\n");
    }
    whole
}
