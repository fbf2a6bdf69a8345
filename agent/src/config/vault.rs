//! `[vault]`: where secrets are kept, and how the agent shows there who it is.

use std::path::{Path, PathBuf};

use assent_schema::time::Period;
use serde::Deserialize;

use super::repository::{self, Roots};
use super::{Complaint, absolute};

/// The longest time for one question to a vault, and the time unless the file says otherwise.
const TIMEOUT: (Period, Period) = (Period::minutes(1), Period::seconds(10));
/// The longest name of a mount, prefix, namespace or role, in bytes.
const NAME_MOST_BYTES: usize = 200;

/// Where secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultConfig {
    /// In one file of the state folder, sealed to the host.
    File,
    /// In credentials that systemd decrypts for the service; the folder is absent where systemd did not start this process.
    Systemd(Option<PathBuf>),
    /// In a key-value store, version 2, of HashiCorp Vault or OpenBao.
    Kv2(Box<Kv2>),
}

/// A key-value store, version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv2 {
    /// Whether TLS is used; without it only on loopback.
    pub tls: bool,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whose certificates it may show.
    pub roots: Roots,
    /// Where the engine is mounted.
    pub mount: String,
    /// The path in it below which the slots are; empty for none.
    pub prefix: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// How the agent shows who it is.
    pub login: Login,
    /// The longest time for one question.
    pub timeout: Period,
}

/// How the agent shows a vault who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// By a token, read again whenever it is not taken.
    Token(PathBuf),
    /// By a role, for a token that lives shortly.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// Which role.
        role: String,
        /// The file of its secret id.
        secret: PathBuf,
    },
}

/// The table as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    kind: Kind,
    address: Option<String>,
    ca: Option<PathBuf>,
    mount: Option<String>,
    prefix: Option<String>,
    namespace: Option<String>,
    token: Option<String>,
    role_id: Option<String>,
    secret_id: Option<String>,
    approle: Option<String>,
    timeout: Option<Period>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
    Systemd,
    Kv2,
}

fn wrong(what: impl Into<String>, help: &str) -> Complaint {
    (what.into(), help.to_owned())
}

/// Reads the table. `credentials` is the folder of what systemd decrypted for this process.
pub(super) fn parse(
    written: Option<Written>,
    folder: &Path,
    credentials: Option<&Path>,
) -> Result<VaultConfig, Complaint> {
    let Some(written) = written else { return Ok(VaultConfig::File) };
    match written.kind {
        Kind::Kv2 => kv2(&written, folder, credentials).map(|kv2| VaultConfig::Kv2(Box::new(kv2))),
        kind => {
            if let Some(key) = only_kv2(&written) {
                return Err(wrong(
                    format!("says `vault.{key}`, which only `kind = \"kv2\"` has"),
                    "Leave it out, or say `kind = \"kv2\"`.",
                ));
            }
            let systemd = || VaultConfig::Systemd(credentials.map(Path::to_owned));
            Ok(if kind == Kind::File { VaultConfig::File } else { systemd() })
        }
    }
}

/// The first key that says something about a server.
fn only_kv2(written: &Written) -> Option<&'static str> {
    let texts = [
        ("address", &written.address),
        ("mount", &written.mount),
        ("prefix", &written.prefix),
        ("namespace", &written.namespace),
        ("token", &written.token),
        ("role_id", &written.role_id),
        ("secret_id", &written.secret_id),
        ("approle", &written.approle),
    ];
    let text = texts.into_iter().find(|(_, value)| value.is_some()).map(|(key, _)| key);
    text.or(written.ca.is_some().then_some("ca")).or(written.timeout.is_some().then_some("timeout"))
}

fn kv2(written: &Written, folder: &Path, credentials: Option<&Path>) -> Result<Kv2, Complaint> {
    let (tls, host, port) = address(written.address.as_deref())?;
    if !tls && written.ca.is_some() {
        return Err(wrong("says `vault.ca` for an address without TLS", "Leave it out, or use `https://`."));
    }
    let timeout = written.timeout.unwrap_or(TIMEOUT.1);
    if timeout > TIMEOUT.0 || timeout == Period::seconds(0) {
        let help = format!("Choose a time from 1s to {}.", TIMEOUT.0);
        return Err((format!("says `vault.timeout = \"{timeout}\"`"), help));
    }
    Ok(Kv2 {
        tls,
        host,
        port,
        roots: repository::roots(written.ca.as_deref(), folder)?,
        mount: path("mount", written.mount.as_deref().unwrap_or("secret"))?,
        prefix: written.prefix.as_deref().map_or(Ok(String::new()), |prefix| path("prefix", prefix))?,
        namespace: written.namespace.as_deref().map(|namespace| path("namespace", namespace)).transpose()?,
        login: login(written, folder, credentials)?,
        timeout,
    })
}

fn address(text: Option<&str>) -> Result<(bool, String, u16), Complaint> {
    let help = "Write `address = \"https://vault.example:8200\"`; `http://` only to a loopback address, where a proxy of \
                the vault's own listens.";
    let text = text.ok_or_else(|| wrong("names no `vault.address`", help))?;
    let bad = || wrong(format!("names `{text}` as `vault.address`, which is none"), help);
    let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(bad()),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = assent_schema::remote::host_and_port(authority).ok_or_else(bad)?;
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !tls && !is_loopback {
        return Err(wrong(format!("names `{text}` as `vault.address`, which others could read"), help));
    }
    Ok((tls, host, port.unwrap_or(if tls { 443 } else { 8200 })))
}

/// A path of plain segments, without slashes around it.
fn path(key: &str, text: &str) -> Result<String, Complaint> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let trimmed = text.trim_matches('/');
    if trimmed.len() <= NAME_MOST_BYTES && trimmed.split('/').all(plain) {
        return Ok(trimmed.to_owned());
    }
    Err(wrong(
        format!("says `vault.{key} = \"{text}\"`"),
        "Use letters, digits, `-`, `_` and `.`, parts joined by `/`.",
    ))
}

fn login(written: &Written, folder: &Path, credentials: Option<&Path>) -> Result<Login, Complaint> {
    match (&written.token, &written.role_id, &written.secret_id) {
        (Some(token), None, None) if written.approle.is_none() => {
            Ok(Login::Token(file("token", token, folder, credentials)?))
        }
        (None, Some(role), Some(secret)) => Ok(Login::AppRole {
            mount: path("approle", written.approle.as_deref().unwrap_or("approle"))?,
            role: path("role_id", role)?,
            secret: file("secret_id", secret, folder, credentials)?,
        }),
        _ => Err(wrong(
            "does not say how the agent shows the vault who it is",
            "Name the file of a token (`vault.token`), or a role (`vault.role_id`) and the file of its secret id \
             (`vault.secret_id`); `credential:NAME` is a credential of systemd.",
        )),
    }
}

/// A file that holds a secret: by its path, or as a credential of systemd.
fn file(key: &str, text: &str, folder: &Path, credentials: Option<&Path>) -> Result<PathBuf, Complaint> {
    let Some(name) = text.strip_prefix("credential:") else { return Ok(absolute(folder.join(text))) };
    let plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    match credentials {
        Some(credentials) if plain => Ok(credentials.join(name)),
        _ => Err(wrong(
            format!("names `{text}` as `vault.{key}`, and systemd gave this process no such credential"),
            "Put `LoadCredentialEncrypted=NAME:FILE` into the unit; on a shell use `systemd-run -p` with the same line.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<VaultConfig, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        parse(Some(written), Path::new("/etc/assent"), Some(Path::new("/run/credentials/a"))).map_err(|(what, _)| what)
    }

    #[test]
    fn a_server_is_named_with_who_asks_it() {
        let kv2 = "kind = \"kv2\"\naddress = \"https://bao.example:8200\"\n";
        let VaultConfig::Kv2(found) = check(&format!("{kv2}token = \"vault.token\"\n")).unwrap() else { panic!("kv2") };
        assert_eq!((found.host.as_str(), found.port, found.mount.as_str()), ("bao.example", 8200, "secret"));
        assert_eq!(found.login, Login::Token("/etc/assent/vault.token".into()));
        let role =
            "role_id = \"r-1\"\nsecret_id = \"credential:secret-id\"\nnamespace = \"team/a\"\nprefix = \"/assent/\"\n";
        let VaultConfig::Kv2(found) = check(&format!("{kv2}{role}")).unwrap() else { panic!("kv2") };
        assert_eq!((found.prefix.as_str(), found.namespace.as_deref()), ("assent", Some("team/a")));
        let Login::AppRole { secret, .. } = found.login else { panic!("a role") };
        assert_eq!(secret, Path::new("/run/credentials/a/secret-id"));
    }

    #[test]
    fn what_could_be_read_on_the_way_or_lead_elsewhere_is_refused() {
        let with = |address: &str, more: &str| {
            check(&format!("kind = \"kv2\"\naddress = \"{address}\"\ntoken = \"t\"\n{more}"))
        };
        assert!(with("http://127.0.0.1:8200", "").is_ok());
        assert!(with("http://[::1]:8200", "").is_ok());
        for address in
            ["http://bao.example", "bao.example:8200", "https://u:p@bao.example", "https://bao.example/v1", "https://"]
        {
            assert!(with(address, "").is_err(), "{address}");
        }
        for more in [
            "mount = \"a/../b\"",
            "prefix = \"a b\"",
            "namespace = \"\"",
            "role_id = \"r\"",
            "timeout = \"2m\"",
            "colour = 1",
        ] {
            assert!(with("https://bao.example", more).is_err(), "{more}");
        }
        assert!(check("kind = \"kv2\"\naddress = \"https://bao.example\"\n").unwrap_err().contains("who it is"));
        assert!(check("kind = \"file\"\ntoken = \"t\"\n").unwrap_err().contains("vault.token"));
        assert!(check("kind = \"paper\"\n").is_err());
        assert_eq!(check("kind = \"file\"\n"), Ok(VaultConfig::File));
        assert_eq!(check("kind = \"systemd\"\n"), Ok(VaultConfig::Systemd(Some("/run/credentials/a".into()))));
    }
}
