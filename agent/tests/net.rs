//! Requests out over real loopback connections, to servers that are slow, rude, huge or lead elsewhere.

#[path = "support/read.rs"]
mod read;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::real::{Egress, RealNet, tls};
use assent_agent::world::{HttpRequest, HttpResponse, Net as _, NetFailure};
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::Method;
use read::read_request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server that hands each connection to a script; counts connections.
fn serve(script: impl Fn(&mut TcpStream) + Send + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            script(&mut stream);
        }
    });
    (port, count)
}

/// Answers every request of a connection with the same bytes.
fn always(answer: &'static [u8]) -> impl Fn(&mut TcpStream) + Send {
    move |stream| {
        while read_request(stream).is_some() {
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

fn request(method: Method, host: &str, port: u16) -> HttpRequest {
    HttpRequest {
        client: ClientId::new("acme").expect("an id"),
        operation: "shop.get_order".parse().expect("an operation"),
        method,
        tls: false,
        host: host.to_owned(),
        port,
        target: Content::new("/orders/o-1?full=yes".to_owned()),
        headers: vec![("authorization".to_owned(), Content::new(b"Bearer s3cret".to_vec()))],
        body: Content::new(if method == Method::Get { Vec::new() } else { b"{}".to_vec() }),
        timeout: Duration::from_secs(5),
        most_bytes: 1_000,
        private_addresses: true,
    }
}

fn net(host: &str, port: u16) -> RealNet {
    let net = RealNet::new(tls::connector(&[]).expect("the list of roots"));
    let mut egress = Egress::default();
    let client = ClientId::new("acme").expect("an id");
    egress.allow(&client, &ConnectionId::new("shop").expect("an id"), host, port);
    net.permit(egress);
    net
}

#[tokio::main(flavor = "current_thread")]
async fn exchange(request: HttpRequest) -> Result<HttpResponse, NetFailure> {
    let net = net(&request.host.clone(), request.port);
    net.exchange(request).await
}

/// What one exchange with a server of these habits ends in.
fn check(script: impl Fn(&mut TcpStream) + Send + 'static, wanted: NetFailure) {
    let (port, _) = serve(script);
    let failure = exchange(request(Method::Get, "127.0.0.1", port)).err();
    assert_eq!(failure, Some(wanted));
}

#[test]
fn a_request_arrives_as_it_was_built() {
    let (sender, seen) = mpsc::channel();
    let (port, _) = serve(move |stream| {
        let request = read_request(stream).expect("a request");
        sender.send(request).expect("a listener");
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nX-Id: 7\r\nContent-Length: 2\r\n\r\nok"));
    });
    let answer = exchange(request(Method::Post, "127.0.0.1", port)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((answer.status, answer.body.reveal().as_slice()), (200, b"ok".as_slice()));
    assert_eq!(answer.header("x-id"), Some(b"7".as_slice()));
    let (head, body) = seen.recv().expect("a request");
    let seen = head + &body;
    assert!(seen.starts_with("POST /orders/o-1?full=yes HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{seen}");
    assert!(seen.contains("authorization: Bearer s3cret\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{}"), "{seen}");
}

#[test]
fn redirects_and_upgrades_are_not_followed() {
    let (elsewhere, visited) = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let answer =
            format!("HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        check(always(Box::leak(answer.into_boxed_str()).as_bytes()), NetFailure::Redirected);
    }
    check(
        always(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        NetFailure::Redirected,
    );
    assert_eq!(visited.load(Ordering::SeqCst), 0);
}

#[test]
fn answers_have_a_size_and_no_compression() {
    check(always(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), NetFailure::TooLarge);
    check(
        |stream| {
            read_request(stream);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
            while stream
                .write_all(b"ff\r\n")
                .and_then(|()| stream.write_all(&[b'a'; 255]))
                .and_then(|()| stream.write_all(b"\r\n"))
                .is_ok()
            {}
        },
        NetFailure::TooLarge,
    );
    check(always(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"), NetFailure::Compressed);
}

#[test]
fn what_is_no_http_is_told_apart() {
    check(
        |stream| drop((read_request(stream), stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))),
        NetFailure::Malformed,
    );
    check(
        |stream| {
            read_request(stream);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nX: "));
            while stream.write_all(&[b'a'; 4_096]).is_ok() {}
        },
        NetFailure::Malformed,
    );
}

#[test]
fn a_connection_that_ends_after_the_request_leaves_doubt() {
    check(|stream| drop(read_request(stream)), NetFailure::SentNoReply);
    check(
        |stream| drop((read_request(stream), stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))),
        NetFailure::SentNoReply,
    );
}

#[test]
fn a_server_that_takes_too_long_is_given_up() {
    let (hold, _held) = mpsc::channel::<TcpStream>();
    let (port, _) = serve(move |stream| {
        read_request(stream);
        drop(hold.send(stream.try_clone().expect("a clone")));
    });
    let mut slow = request(Method::Get, "127.0.0.1", port);
    slow.timeout = Duration::from_millis(50);
    assert_eq!(exchange(slow).err(), Some(NetFailure::TimedOut));
}

#[test]
fn a_port_where_nobody_listens_was_never_reached() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let failure = exchange(request(Method::Get, "127.0.0.1", port)).err();
    assert_eq!(failure, Some(NetFailure::NeverConnected));
    assert!(!NetFailure::NeverConnected.may_have_run());
}

#[test]
fn private_addresses_are_reached_only_if_the_connection_says_so() {
    let (port, visited) = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    for host in ["127.0.0.1", "::1", "localhost", "0.0.0.0", "127.1", "0x7f000001"] {
        let mut refused = request(Method::Get, host, port);
        refused.private_addresses = false;
        assert_eq!(exchange(refused).err(), Some(NetFailure::AddressRefused), "{host}");
    }
    assert_eq!(visited.load(Ordering::SeqCst), 0);
    assert!(exchange(request(Method::Get, "localhost", port)).is_ok());
}

#[test]
fn only_listed_hosts_of_the_connection_are_reached() {
    let (port, visited) = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let net = net("127.0.0.1", port);
    let mut other = request(Method::Get, "127.0.0.1", port);
    other.operation = "helpdesk.get_ticket".parse().expect("an operation");
    assert_eq!(runtime.block_on(net.exchange(other)).err(), Some(NetFailure::AddressRefused));
    let mut other = request(Method::Get, "127.0.0.1", port);
    other.client = ClientId::new("zenith").expect("an id");
    assert_eq!(runtime.block_on(net.exchange(other)).err(), Some(NetFailure::AddressRefused));
    assert_eq!(visited.load(Ordering::SeqCst), 0);
}

#[test]
fn a_connection_is_used_again_for_the_same_client_only() {
    let (port, connections) = serve(|stream| {
        let stream = stream.try_clone().expect("a clone");
        std::thread::spawn(move || always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(&mut { stream }));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let net = net("127.0.0.1", port);
    let zenith = ClientId::new("zenith").expect("an id");
    let mut egress = Egress::default();
    for client in [&zenith, &ClientId::new("acme").expect("an id")] {
        egress.allow(client, &ConnectionId::new("shop").expect("an id"), "127.0.0.1", port);
    }
    net.permit(egress);
    runtime.block_on(async {
        for _ in 0..5 {
            assert!(net.exchange(request(Method::Post, "127.0.0.1", port)).await.is_ok());
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        let mut other = request(Method::Post, "127.0.0.1", port);
        other.client = zenith;
        assert!(net.exchange(other).await.is_ok());
    });
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_not_used_again() {
    let (close, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let (port, connections) = serve(move |stream| {
        read_request(stream);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        drop(stream.shutdown(std::net::Shutdown::Write));
        // Nothing more comes once the other side has seen that this one closed.
        drop(stream.read_to_end(&mut Vec::new()));
        close.send(()).expect("a test that waits");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let net = net("127.0.0.1", port);
    for _ in 0..3 {
        assert!(runtime.block_on(net.exchange(request(Method::Get, "127.0.0.1", port))).is_ok());
        // The close is known before the next request, as it would be between two real ones.
        runtime.block_on(closed.recv()).expect("a server that closes");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

/// A certificate for `localhost` and its key, made on the spot: no private key stands in the repository.
#[expect(clippy::disallowed_methods, reason = "tests may start openssl")]
fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (key, der) = (file("key.pem"), file("cert.der"));
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).output().expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        &key,
        "-outform",
        "DER",
        "-out",
        &der,
    ]);
    run(&["pkcs8", "-topk8", "-nocrypt", "-in", &key, "-outform", "DER", "-out", &file("key.der")]);
    let read = |name: &str| std::fs::read(file(name)).expect("a file");
    (CertificateDer::from(read("cert.der")), PrivatePkcs8KeyDer::from(read("key.der")).into())
}

#[test]
fn tls_reaches_whom_it_trusts_under_the_name_that_was_asked_for() {
    let (certificate, key) = certificate();
    let config = ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key))
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = [0; 4_096];
                drop(stream.read(&mut head).await);
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await);
                drop(stream.shutdown().await);
            }
        });
        let ask = async |trusted: &[CertificateDer<'static>], host: &str| {
            let net = RealNet::new(tls::connector(trusted).expect("roots"));
            let mut egress = Egress::default();
            egress.allow(
                &ClientId::new("acme").expect("an id"),
                &ConnectionId::new("shop").expect("an id"),
                host,
                port,
            );
            net.permit(egress);
            net.exchange(HttpRequest { tls: true, ..request(Method::Get, host, port) })
                .await
                .map(|answer| answer.status)
        };
        assert_eq!(ask(std::slice::from_ref(&certificate), "localhost").await, Ok(200));
        assert_eq!(ask(&[], "localhost").await, Err(NetFailure::NeverConnected), "nobody vouches for it");
        assert_eq!(ask(&[certificate], "127.0.0.1").await, Err(NetFailure::NeverConnected), "another name");
    });
}
