//! `assent-agent vault connect` from the address that is printed to the record in the vault, with a person's browser played by
//! this test, an API on loopback, and people on the way who want the code, or want their own taken.

#[path = "support/read.rs"]
mod read;

use std::io::{self, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, mpsc};

use assent_agent::config;
use assent_agent::control::server::{Answers, bind, serve};
use assent_agent::control::{Answer, Question, Said};
use assent_agent::identity::Identity;
use assent_agent::real::{RealDice, RealDisk};
use assent_agent::vault::{FileVault, Secret, SlotPath, Vault as _};
use assent_schema::client::{ConnectionFacts, Endpoint};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use read::read_request;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the API saw and does.
#[derive(Default)]
struct Api {
    /// The scopes that it grants.
    scope: Option<&'static str>,
    /// Every form that came to its token endpoint.
    forms: Vec<String>,
    /// Who asked there, as they said it.
    who: Vec<String>,
}

/// Puts one member into an object.
fn put(object: &mut Value, name: &str, value: Value) {
    drop(object.as_object_mut().expect("an object").insert(name.to_owned(), value));
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write_file(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

fn serve_api(api: Arc<Mutex<Api>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Some((head, body)) = read_request(&mut stream) else { continue };
            let answer = {
                let mut api = api.lock().expect("a lock");
                assert!(head.starts_with("POST /api/oauth/token "), "{head}");
                api.forms.push(body);
                api.who.extend(
                    head.lines().filter(|line| line.to_lowercase().starts_with("authorization: ")).map(str::to_owned),
                );
                let mut answer = json!({"access_token": "canary-access", "token_type": "Bearer", "expires_in": 60, "refresh_token": "canary-refresh"});
                if let Some(scope) = api.scope {
                    put(&mut answer, "scope", json!(scope));
                }
                answer.to_string()
            };
            let text =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            drop(stream.write_all(text.as_bytes()));
        }
    });
    port
}

/// The running agent: it knows one connection.
struct Desk(ConnectionFacts, Endpoint);

impl Answers for Desk {
    async fn answer(&self, said: Said) -> Answer {
        match said {
            Said::Question(Question::Connection { .. }) => {
                Answer::Connection(Box::new((self.0.clone(), self.1.clone())))
            }
            Said::Question(Question::OpenVault) => Answer::Done,
            _ => Answer::Refused { what: "another question".to_owned(), help: String::new() },
        }
    }
}

/// A machine with an enrolled agent that runs, and an API.
struct Place {
    folder: tempfile::TempDir,
    config: PathBuf,
    api: Arc<Mutex<Api>>,
    _serving: tokio::runtime::Runtime,
}

fn slot() -> SlotPath {
    SlotPath::parse("acme/shop/oauth").expect("a path")
}

impl Place {
    fn new(more: &Value) -> Self {
        Self::of_scopes(more, &["orders:read"])
    }

    fn of_scopes(more: &Value, scopes: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("agent.toml");
        let text = "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"production\"\nregion = \"eu\"\n\
                    repository = \"releases.git\"\nstate = \"state\"\nlisten = \"127.0.0.1:8080\"\n";
        write_file(&config, text);
        std::fs::create_dir_all(folder.path().join("state")).expect("a folder");
        let api = Arc::new(Mutex::new(Api::default()));
        let port = serve_api(Arc::clone(&api));
        let mut auth = json!({"kind": "oauth2-refresh", "token": "/oauth/token", "slot": "oauth", "authorize": "/oauth/authorize"});
        for (name, value) in more.as_object().expect("members") {
            put(&mut auth, name, value.clone());
        }
        let facts = json!({
            "to": {"integration": {"name": "shop"}}, "host": format!("127.0.0.1:{port}"), "region": "eu", "auth": auth,
            "scopes": scopes, "slots": {"oauth": {"rotate": "90d"}}, "private_addresses": true,
        });
        let endpoint = json!({"url": format!("http://127.0.0.1:{port}/api"), "region": "eu"});
        let facts = serde_json::from_value(facts).expect("facts");
        let endpoint = serde_json::from_value(endpoint).expect("an endpoint");
        let socket = config::load(&config, None).expect("a configuration").state.socket();
        let serving =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = serving.block_on(async { bind(&socket) }).expect("a socket");
        serving.spawn(serve(listener, Arc::new(Desk(facts, endpoint))));
        let place = Self { folder, config, api, _serving: serving };
        assert!(Identity::make(&place.disk(), &RealDice, "eu-1").is_ok());
        let client = r#"{"client_id":"us","client_secret":"canary-secret"}"#;
        let secret = Secret::new(client.as_bytes().to_vec()).unwrap_or_else(|error| panic!("{error}"));
        place.vault().put(&slot(), secret).expect("put");
        place
    }

    fn disk(&self) -> RealDisk {
        RealDisk::open(&self.folder.path().join("state")).expect("a folder")
    }

    fn vault(&self) -> FileVault<RealDisk> {
        let identity = Identity::load(&self.disk()).unwrap_or_else(|error| panic!("{error}"));
        FileVault::open(self.disk(), identity.host).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the slot holds.
    fn record(&self) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let secret = runtime.block_on(async { self.vault().read(&slot()).await });
        serde_json::from_slice(secret.unwrap_or_else(|error| panic!("{error}")).reveal()).expect("JSON")
    }

    /// Starts the command; the address that it prints, and how it ends.
    fn connect(&self) -> (Address, std::thread::JoinHandle<(bool, String, String)>) {
        let (sender, lines) = mpsc::channel();
        let config = self.config.display().to_string();
        let command = std::thread::spawn(move || {
            let arguments = ["assent-agent", "vault", "connect", "acme/shop", "--config", &config];
            let (mut out, mut err) = (Heard { all: String::new(), lines: sender }, Vec::new());
            let exit = assent_agent::command::main(arguments.map(Into::into), &mut out, &mut err);
            let fine = format!("{exit:?}") == format!("{:?}", ExitCode::SUCCESS);
            (fine, out.all, String::from_utf8(err).expect("text"))
        });
        let url = loop {
            let said: String = lines.recv().expect("the command prints an address");
            if let Some(url) = said.lines().find(|line| line.starts_with("http")) {
                break url.to_owned();
            }
        };
        (Address::read(&url), command)
    }
}

/// Standard output, heard line by line.
struct Heard {
    all: String,
    lines: mpsc::Sender<String>,
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.all.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nobody listens any more once the address is known.
        drop(self.lines.send(self.all.clone()));
        Ok(())
    }
}

/// What the person's browser opens.
struct Address {
    url: String,
    port: u16,
    path: String,
    state: String,
    challenge: String,
}

impl Address {
    fn read(url: &str) -> Self {
        let query = url.split_once('?').expect("a query").1;
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).expect(name);
        let redirect = of("redirect_uri");
        let rest = redirect.strip_prefix("http://127.0.0.1:").expect("loopback");
        let (port, path) = rest.split_once('/').expect("a path");
        assert_eq!((of("response_type"), of("code_challenge_method")), ("code".to_owned(), "S256".to_owned()));
        assert_eq!(of("client_id"), "us");
        let (port, path) = (port.parse().expect("a port"), format!("/{path}"));
        assert!(["orders:read", "offline_access orders:read"].contains(&of("scope").as_str()), "{url}");
        Self { url: url.to_owned(), port, path, state: of("state"), challenge: of("code_challenge") }
    }

    /// One request to loopback; its status, or nothing where nobody answers.
    fn come_back(&self, method: &str, host: &str, target: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        // The page stands there before the code is exchanged, so it cannot say what came of that.
        let leads_on = answer.contains("stands in the terminal") || answer.contains("Nothing was agreed to");
        assert_eq!(status == 200, leads_on, "{answer}");
        Some(status)
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn good(&self) -> String {
        format!("{}?code=code-1&state={}", self.path, self.state)
    }
}

/// No secret stands in a file as it is.
fn nothing_is_on_disk(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            nothing_is_on_disk(&path);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            assert!(!bytes.windows(7).any(|window| window == b"canary-"), "{}", path.display());
        }
    }
}

#[test]
fn a_consent_becomes_a_record_whoever_else_comes_to_loopback() {
    let place = Place::new(&json!({}));
    let (address, command) = place.connect();
    let (host, good) = (address.host(), address.good());
    for (what, method, host, target, status) in [
        ("another method", "POST", host.as_str(), good.clone(), 405),
        ("another path", "GET", &host, good.replace("connected", "other"), 404),
        ("another state", "GET", &host, format!("{}?code=evil&state=AAAA", address.path), 400),
        ("no state", "GET", &host, format!("{}?code=evil", address.path), 400),
        ("another name of this machine", "GET", "rebound.example", good.clone(), 400),
    ] {
        assert_eq!(address.come_back(method, host, &target), Some(status), "{what}");
    }
    assert!(place.api.lock().expect("a lock").forms.is_empty(), "no code of others goes to the API");
    assert_eq!(address.come_back("GET", &host, &good), Some(200));
    let (fine, out, err) = command.join().expect("the command ends");
    assert!(fine && out.contains("acme/shop is connected. Granted: orders:read"), "{out}{err}");
    assert_eq!(address.come_back("GET", &host, &good), None, "a code counts once: nobody listens any more");
    let wanted = json!({"client_id": "us", "client_secret": "canary-secret", "refresh_token": "canary-refresh"});
    assert_eq!(place.record(), wanted);
    let api = place.api.lock().expect("a lock");
    let [form] = api.forms.as_slice() else { panic!("one form") };
    let verifier = form.split('&').find_map(|pair| pair.strip_prefix("code_verifier=")).expect("a proof");
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), address.challenge);
    assert!(form.contains("grant_type=authorization_code&code=code-1&redirect_uri="), "{form}");
    assert_eq!(api.who.len(), 1, "the client shows who it is");
    for secret in ["canary-secret", "canary-access", "canary-refresh", verifier] {
        assert!(!out.contains(secret) && !err.contains(secret) && !address.url.contains(secret), "{secret} is printed");
    }
    nothing_is_on_disk(place.folder.path());
}

#[test]
fn a_consent_for_less_or_more_is_not_kept_unless_the_api_gives_no_less() {
    for (scope, more, kept, says) in [
        (Some("profile"), json!({}), false, "lacks what the workflows need: orders:read"),
        (Some("orders:read orders:write"), json!({}), false, "more than the workflows need: orders:write"),
        (
            Some("orders:read orders:write"),
            json!({"grants_all": true}),
            true,
            "more than the workflows need (orders:write)",
        ),
        (None, json!({}), true, "Granted: orders:read"),
    ] {
        let place = Place::new(&more);
        place.api.lock().expect("a lock").scope = scope;
        let (address, command) = place.connect();
        assert_eq!(address.come_back("GET", &address.host(), &address.good()), Some(200));
        let (fine, out, err) = command.join().expect("the command ends");
        assert_eq!(fine, kept, "{out}{err}");
        assert!(out.contains(says) || err.contains(says), "{says}: {out}{err}");
        assert_eq!(place.record().get("refresh_token").is_some(), kept, "{says}");
    }
}

#[test]
fn a_refresh_token_is_what_offline_access_asks_for() {
    let place = Place::of_scopes(&json!({}), &["orders:read", "offline_access"]);
    place.api.lock().expect("a lock").scope = Some("orders:read");
    let (address, command) = place.connect();
    assert!(address.url.contains("scope=offline_access%20orders%3Aread"), "{}", address.url);
    assert_eq!(address.come_back("GET", &address.host(), &address.good()), Some(200));
    let (fine, out, err) = command.join().expect("the command ends");
    assert!(fine && out.contains("acme/shop is connected"), "{out}{err}");
    assert_eq!(place.record()["refresh_token"], "canary-refresh");
}

#[test]
fn a_no_and_an_answer_of_another_issuer_connect_nothing() {
    let place = Place::new(&json!({"issuer": "https://shop.example"}));
    let (address, command) = place.connect();
    let mixed = format!("{}&iss=https%3A%2F%2Fevil.example", address.good());
    assert_eq!(address.come_back("GET", &address.host(), &mixed), Some(400), "a mix-up");
    assert_eq!(address.come_back("GET", &address.host(), &address.good()), Some(400), "nobody says who answers");
    let no = format!("{}?error=access_denied&state={}&iss=https%3A%2F%2Fshop.example", address.path, address.state);
    assert_eq!(address.come_back("GET", &address.host(), &no), Some(200));
    let (fine, _, err) = command.join().expect("the command ends");
    assert!(!fine && err.contains("nothing was agreed to: access_denied"), "{err}");
    assert!(place.api.lock().expect("a lock").forms.is_empty());
    assert_eq!(place.record().get("refresh_token"), None);
}
