//! Mail, handed to aiosmtpd and read by Python's own reader of mail.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use assent_agent::incident::{Case, Done};
use assent_agent::store::{Store as _, Write};
use assent_agent::watch::{ToldSecret, share};
use assent_schema::id::ConnectionId;
use assent_tests::servers::{Authority, free_address};
use assent_tests::{have, skipped};
use serde_json::{Value, json};

use crate::field::{Field, failed};

/// A server of mail that ends with the test.
struct Server {
    child: Child,
    lines: Receiver<String>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

fn has_aiosmtpd(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import aiosmtpd"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Server {
    fn start(
        mode: &str,
        cert: Option<&(std::path::PathBuf, std::path::PathBuf)>,
        user: Option<(&str, &str)>,
    ) -> Option<Self> {
        // Debian's package is Debian's Python's, which is not always the first on the path.
        let Some(python) = ["/usr/bin/python3", "python3"].into_iter().find(|python| has_aiosmtpd(python)) else {
            skipped("the Python package aiosmtpd is not installed (tests/setup installs it)");
            return None;
        };
        let port = free_address().port();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("watching/smtpd.py");
        let path = |path: Option<&std::path::PathBuf>| path.map_or_else(String::new, |path| path.display().to_string());
        let (user, password) = user.unwrap_or_default();
        let mut child = Command::new(python)
            .arg(script)
            .args([mode, &port.to_string(), &path(cert.map(|c| &c.0)), &path(cert.map(|c| &c.1)), user, password])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server of mail");
        let (sender, lines) = channel();
        let output = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let server = Self { child, lines, port };
        assert_eq!(server.lines.recv_timeout(Duration::from_secs(30)).as_deref(), Ok("ready"));
        Some(server)
    }

    fn mail(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("a mail");
        serde_json::from_str(&line).expect("JSON")
    }

    fn has_none(&self) -> bool {
        self.lines.try_recv().is_err()
    }
}

fn route(to: &[&str]) -> Value {
    json!({"via": "smtp", "endpoint": "post", "mail": {"from": "alerts@harbor.example", "to": to}})
}

fn header<'a>(mail: &'a Value, name: &str) -> Option<&'a str> {
    let headers = mail["headers"].as_array().expect("headers");
    headers.iter().find(|header| header[0] == name).and_then(|header| header[1].as_str())
}

#[tokio::test]
async fn an_alert_and_its_end_are_one_thread_of_mail() {
    let Some(server) = Server::start("plain", None, None) else { return };
    let field = Field::new(
        &route(&["ops@harbor.example", "nobody@harbor.example"]),
        &format!("smtp://127.0.0.1:{}", server.port),
        None,
        None,
    );
    field.write(Write::Alert(failed("http_503"))).await;
    assert_eq!(field.round().await.sent, 1);
    let raised = server.mail();
    assert_eq!((&raised["from"], &raised["to"]), (&json!("alerts@harbor.example"), &json!(["ops@harbor.example"])));
    assert_eq!((&raised["defects"], &raised["tls"]), (&json!([]), &json!(false)));
    let text = raised["text"].as_str().expect("a text");
    for part in ["Client: acme", "Workflow: refund", "Cause: http_503", "Waiting: 0 in", "assent-agent runs retry"] {
        assert!(text.contains(part), "{text}");
    }
    field.write(Write::AlertOver { key: failed("http_503").key() }).await;
    assert_eq!(field.round().await.sent, 1);
    let over = server.mail();
    assert_eq!(header(&over, "References"), header(&raised, "Message-ID"));
    assert_eq!(header(&over, "In-Reply-To"), header(&raised, "Message-ID"));
    assert!(over["text"].as_str().expect("a text").starts_with("Over: "), "{over}");
    field.round().await;
    assert!(server.has_none());
}

#[tokio::test]
async fn what_others_wrote_is_neither_a_header_nor_a_command() {
    let Some(server) = Server::start("plain", None, None) else { return };
    let field = Field::new(&route(&["ops@harbor.example"]), &format!("smtp://127.0.0.1:{}", server.port), None, None);
    let hostile = "a\r\nBcc: thief@evil.example\r\n\r\n.\r\nMAIL FROM:<x@evil.example>\r\n\u{202e}<script>";
    field.write(Write::Alert(failed(hostile))).await;
    assert_eq!(field.round().await.sent, 1);
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["ops@harbor.example"]));
    assert_eq!((header(&mail, "Bcc"), &mail["defects"]), (None, &json!([])));
    assert_eq!(mail["headers"].as_array().expect("headers").len(), 9, "{mail}");
    let text = mail["text"].as_str().expect("a text");
    assert!(text.contains("thief@evil.example") && !text.contains('\u{202e}'), "{text}");
    field.round().await;
    assert!(server.has_none());
}

#[tokio::test]
async fn mail_leaves_over_tls_and_the_server_is_told_who_hands_it_over() {
    if !have("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.certify(folder.path());
    let user = ("eu-1", "canary-password");
    for (mode, scheme) in [("starttls", "smtp"), ("tls", "smtps"), ("login", "smtp")] {
        let cert = (mode != "login").then_some(&certificate);
        let Some(server) = Server::start(mode, cert, Some(user)) else { return };
        let url = format!("{scheme}://127.0.0.1:{}", server.port);
        let field = Field::new(
            &route(&["ops@harbor.example"]),
            &url,
            Some("eu-1:canary-password"),
            Some(&authority.certificate),
        );
        field.write(Write::Alert(failed("http_503"))).await;
        assert_eq!(field.round().await.sent, 1, "{mode}");
        let mail = server.mail();
        assert_eq!((&mail["signed_in"], &mail["tls"]), (&json!(true), &json!(mode != "login")), "{mode}");
        // Another password, or a server whose certificate nobody knows: nothing is said.
        for (secret, trusted) in [("eu-1:other", Some(authority.certificate.as_path())), ("eu-1:canary-password", None)]
        {
            if mode == "login" && trusted.is_none() {
                continue;
            }
            let field = Field::new(&route(&["ops@harbor.example"]), &url, Some(secret), trusted);
            field.write(Write::Alert(failed("http_503"))).await;
            assert_eq!(field.round().await.failed, 1, "{mode}");
            assert!(server.has_none());
        }
    }
}

#[tokio::test]
async fn what_a_server_says_before_tls_began_is_never_read_after_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut piece = [0; 512];
        stream.write_all(b"220 mail\r\n").expect("written");
        let mut hello = Vec::new();
        while !hello.ends_with(b"\r\n") {
            let read = stream.read(&mut piece).expect("a greeting");
            hello.extend(piece.iter().take(read));
        }
        stream.write_all(b"250-mail\r\n250 STARTTLS\r\n").expect("written");
        let mut word = Vec::new();
        while !word.ends_with(b"\r\n") {
            let read = stream.read(&mut piece).expect("a word");
            word.extend(piece.iter().take(read));
        }
        assert_eq!(word, b"STARTTLS\r\n");
        stream.write_all(b"220 go on\r\n250-mail\r\n250 AUTH PLAIN\r\n").expect("written");
        let mut rest = Vec::new();
        // It closes, or says no more.
        drop(stream.read_to_end(&mut rest));
        rest
    });
    let field = Field::new(
        &route(&["ops@harbor.example"]),
        &format!("smtp://127.0.0.1:{port}"),
        Some("u:canary-password"),
        None,
    );
    field.write(Write::Alert(failed("http_503"))).await;
    assert_eq!(field.round().await.failed, 1);
    drop(field);
    assert_eq!(heard.join().expect("no panic"), b"", "not even TLS begins");
}

#[tokio::test]
async fn a_post_mortem_is_mailed_to_the_contacts_whole() {
    let Some(server) = Server::start("plain", None, None) else { return };
    let field = Field::new(&route(&["ops@harbor.example"]), &format!("smtp://127.0.0.1:{}", server.port), None, None);
    field.write(Write::Alert(assent_agent::store::Alert { incident: true, ..failed("http_503") })).await;
    let row = field.store.incidents().expect("read").remove(0);
    let case = Case { row, done: Done::default() };
    let text = format!("# Why\n\nDas Gerät stand still.\n.\nFrom here on: {}\n", "long ".repeat(400));
    let secrets = |route: &ConnectionId| -> ToldSecret<'_> { field.secret(route) };
    let took = share(&field.world, &field.teller(&secrets), &case, &text).await.expect("shared");
    assert_eq!(took.len(), 1);
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["dana@acme.example"]));
    assert_eq!(mail["text"].as_str(), Some(text.as_str()));
    assert_eq!(header(&mail, "Subject"), Some("Post-mortem of i-1 (acme)"));
    // Again: the same letter, for whoever drops repetitions.
    share(&field.world, &field.teller(&secrets), &case, &text).await.expect("shared");
    assert_eq!(header(&server.mail(), "Message-ID"), header(&mail, "Message-ID"));
}
