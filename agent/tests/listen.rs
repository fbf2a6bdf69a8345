//! How listeners are reached: by TLS with the certificate that its files hold now, and from the proxies that are listed.

#[path = "../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use assent_agent::content::Content;
use assent_agent::listen::{self, Ask, Certificate, CertificateError, Desk, Entrance, Event, FromChat, Receipt, Reply};
use assent_agent::real::RealClock;
use assent_agent::world::Clock as _;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::time::Moment;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Stands behind the listener and takes nothing.
struct Nobody;

impl Desk for Nobody {
    fn knows(&self, _: &ClientId, _: &WorkflowId) -> bool {
        false
    }

    fn knows_client(&self, _: &ClientId) -> bool {
        false
    }

    async fn chat(&self, _: FromChat) -> Reply {
        Reply::code(404, "not_found")
    }

    async fn deliver(&self, _: Event) -> Receipt {
        Receipt::Unknown
    }

    async fn person(&self, _: Ask, _: Content<Vec<u8>>) -> Reply {
        Reply::code(404, "not_found")
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// Writes a certificate for `localhost` and its key, made on the spot; false where there is no `openssl`.
#[expect(clippy::disallowed_methods, reason = "tests may start openssl")]
fn certify(folder: &Path) -> bool {
    let (key, certificate) = (folder.join("key.pem"), folder.join("cert.pem"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]).arg(key).arg("-out").arg(certificate);
    let Ok(output) = openssl.output() else { return false };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What a client hears who trusts the certificate in a file alone.
async fn heard(address: SocketAddr, trusted: &Path) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    // Whether the other side says that it closes is not what this is about.
    drop(stream.read_to_end(&mut answer).await);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// What a client hears that speaks no TLS.
fn heard_plainly(address: SocketAddr) -> String {
    answered(address, REQUEST)
}

/// What is answered to a request.
fn answered(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A listener and what stops it.
async fn served(entrance: impl FnOnce(TcpListener) -> Entrance) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let hosts = vec!["localhost".to_owned()];
    tokio::spawn(listen::serve(entrance(listener), hosts, Arc::new(Nobody), stopped));
    (address, stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_speaks_tls_with_what_its_files_hold_now() {
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().expect("a folder")).collect();
    if !folders.iter().all(|folder| certify(folder.path())) {
        return skipped::skipped("openssl is not installed (tests/setup installs it)");
    }
    let file = |folder: usize, name: &str| folders[folder].path().join(name);
    let used = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (used.path().join("cert.pem"), used.path().join("key.pem"));
    let put = |from: usize, name: &str| {
        // As `certbot` and others do it: a whole new file under the old name.
        std::fs::copy(file(from, name), used.path().join("new")).expect("a copy");
        std::fs::rename(used.path().join("new"), used.path().join(name)).expect("a file");
    };
    put(0, "cert.pem");
    put(0, "key.pem");
    assert_eq!(
        Certificate::open(&certificate, &file(1, "key.pem")).err(),
        Some(CertificateError::Pair),
        "the key of another"
    );
    let opened = Arc::new(Certificate::open(&certificate, &key).expect("a certificate"));
    let days = |until: Moment| until.since(RealClock.now().moment()).as_seconds().div_ceil(86_400);
    let ends = |certificate: &Certificate| days(certificate.validity().expect("a validity").until);
    assert_eq!(ends(&opened), 2, "as it was made");
    let (address, stop) = served(|listener| Entrance::new(listener, Some(Arc::clone(&opened)), &[])).await;
    let [old, new] = [file(0, "cert.pem"), file(1, "cert.pem")];
    assert!(heard(address, &old).await.expect("an answer").starts_with("HTTP/1.1 200"));
    assert!(heard(address, &new).await.is_err(), "who trusts another is told");
    assert!(!heard_plainly(address).contains("HTTP/1.1 2"), "nothing is answered without TLS");
    // One of two is new so far: the old pair counts.
    put(1, "cert.pem");
    assert!(heard(address, &old).await.expect("an answer").starts_with("HTTP/1.1 200"));
    put(1, "key.pem");
    assert!(heard(address, &new).await.expect("an answer").starts_with("HTTP/1.1 200"));
    assert!(heard(address, &old).await.is_err());
    std::fs::remove_file(&key).expect("a file");
    assert!(heard(address, &new).await.expect("an answer").starts_with("HTTP/1.1 200"), "what was read stays");
    drop(stop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_proxies_that_are_listed_are_answered() {
    for (listed, answered) in [("127.0.0.1", true), ("10.0.0.5", false), ("::ffff:127.0.0.1", true)] {
        let proxies = [listed.parse().expect("an address")];
        let (address, stop) = served(|listener| Entrance::new(listener, None, &proxies)).await;
        assert_eq!(heard_plainly(address).starts_with("HTTP/1.1 200"), answered, "{listed}");
        drop(stop);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_us_wherever_it_names_a_host() {
    let (address, stop) = served(Entrance::from).await;
    let status = |target: &str, hosts: &str| {
        let answer = answered(address, format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes());
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let ours = "Host: localhost\r\n";
    assert_eq!(status("/healthz", ours), "200");
    assert_eq!(status("/healthz", "Host: localhost:8443\r\n"), "200");
    assert_eq!(status("http://localhost/healthz", ours), "200");
    // The target names the host, whatever the header says, and the other way round.
    assert_eq!(status("http://evil.example/healthz", ours), "421");
    assert_eq!(status("http://localhost@evil.example/healthz", ours), "421");
    assert_eq!(status("http://localhost/healthz", "Host: evil.example\r\n"), "421");
    for odd in [
        "",
        "Host:\r\n",
        "Host: evil.example\r\n",
        "Host: localhost, evil.example\r\n",
        "Host: localhost:443@evil.example\r\n",
        "Host: localhost:evil.example\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: [::1\r\n",
    ] {
        let told = status("/healthz", odd);
        assert!(told == "421" || told == "400", "{odd:?}: {told}");
    }
    drop(stop);
}
