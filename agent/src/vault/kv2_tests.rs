//! The client of a key-value store against what its published API says.

#[path = "../../../tests/support/kv2.rs"]
#[expect(unreachable_pub, reason = "other crates include it too")]
mod server;

use std::sync::Arc;

use assent_schema::time::Period;
use serde_json::json;
use server::{Asked, Bao};

use super::super::suite::{Kind, does_what_a_vault_does, held, path, secret};
use super::*;
use crate::config::Roots;
use crate::world::{NetFailure, Wall};

/// A network on which there is one server, or none.
#[derive(Clone, Default)]
struct Line {
    bao: Arc<Mutex<Bao>>,
    cut: Arc<Mutex<Option<NetFailure>>>,
}

impl Line {
    fn bao(&self) -> std::sync::MutexGuard<'_, Bao> {
        self.bao.lock().unwrap()
    }
}

impl Net for Line {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, NetFailure> {
        if let Some(failure) = *self.cut.lock().unwrap() {
            return Err(failure);
        }
        assert_eq!((request.host.as_str(), request.port, request.tls), ("bao.example", 8200, true));
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.clone(), text(value.reveal()))).collect();
        let asked = Asked { method, target: request.target.reveal(), headers: &headers, body: request.body.reveal() };
        let (status, body) = self.bao().answer(&asked);
        Ok(HttpResponse { status, headers: Vec::new(), body: Content::new(body.into_bytes()) })
    }
}

/// A clock that is set by hand.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Duration>>);

impl Clock for Hand {
    fn now(&self) -> Wall {
        Wall::from_millis(0)
    }

    fn boot(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

struct Server {
    line: Line,
    clock: Hand,
    prefix: &'static str,
    namespace: Option<&'static str>,
    login: Login,
    _folder: tempfile::TempDir,
}

impl Server {
    fn new(prefix: &'static str, namespace: Option<&'static str>, role: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&file, "canary-of-agent\n").unwrap();
        let line = Line::default();
        line.bao().lease = 3_600;
        let login = if role {
            line.bao().role = Some(("role-1".into(), "canary-of-agent".into()));
            Login::AppRole { mount: "approle".into(), role: "role-1".into(), secret: file }
        } else {
            line.bao().tokens.insert("canary-of-agent".into());
            Login::Token(file)
        };
        Self { line, clock: Hand::default(), prefix, namespace, login, _folder: folder }
    }

    fn vault(&self) -> Kv2Vault<Line, Hand> {
        let at = Kv2 {
            tls: true,
            host: "bao.example".into(),
            port: 8200,
            roots: Roots::Public,
            mount: "secret".into(),
            prefix: self.prefix.into(),
            namespace: self.namespace.map(Into::into),
            login: self.login.clone(),
            timeout: Period::seconds(10),
        };
        Kv2Vault::new(at, self.line.clone(), self.clock.clone())
    }

    fn place(&self, slot: &str) -> String {
        if self.prefix.is_empty() { slot.to_owned() } else { format!("{}/{slot}", self.prefix) }
    }
}

impl Kind for Server {
    async fn fill(&self, slot: &str, text: &str) {
        let namespace = self.namespace.unwrap_or_default();
        self.line.bao().put(namespace, &self.place(slot), json!({"value": text}));
    }

    async fn open(&self) -> Box<dyn Vault> {
        Box::new(self.vault())
    }
}

#[tokio::test]
async fn a_kv2_store_does_what_a_vault_does() {
    does_what_a_vault_does(&Server::new("", None, false)).await;
    does_what_a_vault_does(&Server::new("teams/assent", Some("eu"), true)).await;
}

#[tokio::test]
async fn of_two_writers_one_is_told() {
    let server = Server::new("", None, false);
    server.fill("acme/shop/oauth", "canary-0").await;
    let (slot, first, second) = (path("acme/shop/oauth"), server.vault(), server.vault());
    assert_eq!(first.renew(&slot, secret("x")).await, Err(VaultError::Missing), "it was never read");
    for vault in [&first, &second] {
        assert_eq!(held(vault, "acme/shop/oauth").await, Ok("canary-0".to_owned()));
    }
    first.renew(&slot, secret("canary-1")).await.unwrap();
    assert_eq!(second.renew(&slot, secret("canary-2")).await, Err(VaultError::Changed));
    assert_eq!(held(&second, "acme/shop/oauth").await, Ok("canary-1".to_owned()));
    // A person writes between the reading and the renewal.
    server.fill("acme/shop/oauth", "canary-9").await;
    assert_eq!(second.renew(&slot, secret("canary-2")).await, Err(VaultError::Changed));
    assert_eq!(held(&first, "acme/shop/oauth").await, Ok("canary-9".to_owned()));
    second.set(&slot, secret("canary-10")).await.unwrap();
    assert_eq!(server.line.bao().get("", "acme/shop/oauth"), Some(&json!({"value": "canary-10"})));
}

#[tokio::test]
async fn a_token_is_asked_for_before_it_ends_and_when_it_is_not_taken() {
    let server = Server::new("", None, true);
    server.fill("acme/shop/token", "canary-0").await;
    let vault = server.vault();
    for _ in 0..3 {
        held(&vault, "acme/shop/token").await.unwrap();
    }
    assert_eq!(server.line.bao().logins, 1);
    *server.clock.0.lock().unwrap() = Duration::from_mins(55);
    held(&vault, "acme/shop/token").await.unwrap();
    assert_eq!(server.line.bao().logins, 2);
    // Revoked.
    server.line.bao().tokens.clear();
    held(&vault, "acme/shop/token").await.unwrap();
    assert_eq!(server.line.bao().logins, 3);
    // The secret id is not taken any more: the vault is to be looked at, the slot is not to blame.
    {
        let mut bao = server.line.bao();
        bao.tokens.clear();
        bao.role = Some(("role-1".into(), "another".into()));
    }
    assert_eq!(held(&vault, "acme/shop/token").await, Err(VaultError::Refused));
    assert!(VaultError::Refused.is_outage());
}

#[tokio::test]
async fn a_vault_that_is_away_or_sealed_is_told_from_an_empty_slot() {
    let server = Server::new("", None, false);
    server.fill("acme/shop/token", "canary-0").await;
    let vault = server.vault();
    for failure in [NetFailure::NeverConnected, NetFailure::TimedOut, NetFailure::Malformed, NetFailure::TooLarge] {
        *server.line.cut.lock().unwrap() = Some(failure);
        assert_eq!(held(&vault, "acme/shop/token").await, Err(VaultError::Unreachable), "{failure}");
    }
    *server.line.cut.lock().unwrap() = None;
    server.line.bao().sealed = true;
    assert_eq!(held(&vault, "acme/shop/token").await, Err(VaultError::Unreachable));
    server.line.bao().sealed = false;
    assert_eq!(held(&vault, "acme/shop/token").await, Ok("canary-0".to_owned()));
    for bad in [json!({}), json!({"value": ""}), json!({"value": "a", "base64": "YQ=="}), json!({"base64": "?"})] {
        server.line.bao().put("", "acme/shop/bad", bad);
        assert_eq!(held(&vault, "acme/shop/bad").await, Err(VaultError::BadSecret));
    }
    // Nothing but what is asked for was asked: no request of one client touches another's folder.
    assert!(server.line.bao().seen.iter().all(|asked| asked.starts_with("GET /v1/secret/data/acme/shop/")));
}

#[tokio::test]
async fn what_people_wrote_beside_a_secret_says_when_it_ends() {
    let server = Server::new("", None, false);
    server.fill("acme/shop/token", "canary-0").await;
    let vault = server.vault();
    let slot = path("acme/shop/token");
    assert_eq!(vault.end(&slot).await, Ok(None));
    for (noted, ends) in [
        ("2027-03-01", Some("2027-03-01T00:00:00Z")),
        ("2027-03-01T10:00:00.5+01:00", Some("2027-03-01T09:00:00Z")),
        ("when it ends", None),
    ] {
        let place = (String::new(), "acme/shop/token".to_owned());
        server.line.bao().secrets.get_mut(&place).unwrap().custom = Some(json!({"owner": "us", "expires": noted}));
        assert_eq!(vault.end(&slot).await, Ok(ends.map(|ends| ends.parse().unwrap())), "{noted}");
    }
    assert_eq!(vault.end(&path("acme/shop/none")).await, Ok(None));
}
