//! Where the git repository is and how its server shows who it is: parsed once, so that nothing else reads URLs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_schema::client::OwnedBranch;
use assent_schema::named::Kind;
pub use assent_schema::remote::Place;
use assent_schema::remote::{self, NoPlace, Remote};
use assent_schema::trust::PublicKey;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Complaint;
use crate::named;

/// Where the git repository is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Repository {
    /// A folder of this machine; a change in it is seen at once.
    Path(PathBuf),
    /// A git daemon. Nothing shows who it is and everybody on the way can read: trust rests on signatures alone.
    Git(Place),
    /// A server that speaks git's smart protocol over TLS.
    Https(Place, Roots),
    /// An account on a server that runs git.
    Ssh(Place, Account),
}

/// Whose certificates a server may show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Roots {
    /// Those that come with the agent: the list of Mozilla.
    Public,
    /// Those of the operator and no others, each as DER.
    Only(Vec<Vec<u8>>),
}

impl Roots {
    /// The settings of a TLS client that believes these and no others.
    ///
    /// # Errors
    /// When one of them is no certificate.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::Only(certificates) => {
                for der in certificates {
                    store.add(CertificateDer::from(der.clone()))?;
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(store).with_no_client_auth())
    }
}

/// An account, and by which key its host is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The host's key; another one is refused.
    pub host_key: PublicKey,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Git(place) => write!(f, "git://{place}"),
            Self::Https(place, _) => write!(f, "https://{place}"),
            Self::Ssh(place, account) => write!(f, "ssh://{}@{place}", account.user),
        }
    }
}

impl Repository {
    /// The branch of a client's own as a place to push to; nothing when it is none that can be reached.
    pub fn owned(branch: &OwnedBranch) -> Option<Self> {
        match branch.remote().ok()? {
            Remote::Https(place) => {
                let roots = match &branch.ca {
                    Some(pem) => Roots::Only(certificates(pem.as_bytes())?),
                    None => Roots::Public,
                };
                Some(Self::Https(place, roots))
            }
            Remote::Ssh(place, user) => {
                let host_key: PublicKey = branch.host_key.as_ref()?.parse().ok()?;
                host_key.is_plain().then_some(Self::Ssh(place, Account { user, host_key }))
            }
        }
    }
}

/// What `agent.toml` says of the repository, besides its URL.
pub(super) struct Shown<'a> {
    /// The host's key, for SSH.
    pub(super) host_key: Option<&'a str>,
    /// The file of certificates, for HTTPS.
    pub(super) ca: Option<&'a Path>,
}

/// Reads what `repository` says. Paths are relative to the folder of the configuration.
pub(super) fn parse(text: &str, shown: &Shown<'_>, folder: &Path) -> Result<Repository, Complaint> {
    let found = match text.split_once("://") {
        Some(("file", path)) => local(path, folder)?,
        Some(("git", rest)) => match authority(rest)? {
            (None, place) => Repository::Git(place),
            (Some(_), _) => {
                return Err(wrong("names a user in a `git://` URL", "A git daemon knows no users; leave it out."));
            }
        },
        Some(("https", rest)) => match authority(rest)? {
            (None, place) => Repository::Https(place, roots(shown.ca, folder)?),
            (Some(_), _) => {
                return Err(wrong(
                    "holds credentials in the URL of `repository`",
                    "Leave them out and put `user:password` into the vault: `assent-agent vault set agent/repository`.",
                ));
            }
        },
        Some(("ssh", rest)) => ssh(rest, shown.host_key)?,
        Some((scheme, _)) => {
            return Err(wrong(
                &format!("names a repository by `{scheme}://`, which the agent does not speak"),
                "Name a path, or a URL that begins with `https://`, `ssh://`, `git://` or `file://`.",
            ));
        }
        None => match scp_like(text) {
            Some((host, path)) => {
                return Err(wrong(
                    "names a repository in the short form of scp",
                    &format!("Write it as a URL: `ssh://{host}/{}`.", path.trim_start_matches('/')),
                ));
            }
            None => local(text, folder)?,
        },
    };
    if shown.host_key.is_some() && !matches!(found, Repository::Ssh(..)) {
        return Err(wrong("says `host_key`, but its repository is not reached by SSH", "Leave `host_key` out."));
    }
    if shown.ca.is_some() && !matches!(found, Repository::Https(..)) {
        return Err(wrong("says `ca`, but its repository is not reached by HTTPS", "Leave `ca` out."));
    }
    Ok(found)
}

fn wrong(what: &str, help: &str) -> Complaint {
    (what.to_owned(), help.to_owned())
}

fn local(path: &str, folder: &Path) -> Result<Repository, Complaint> {
    if path.is_empty() {
        return Err(wrong("says nothing in `repository`", "Name a path or a URL."));
    }
    Ok(Repository::Path(super::absolute(folder.join(path))))
}

/// `host:path`, as scp and git read it: a colon before the first slash.
fn scp_like(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'))
}

fn ssh(rest: &str, host_key: Option<&str>) -> Result<Repository, Complaint> {
    let (user, place) = authority(rest)?;
    let user = remote::account(user).map_err(|what| match what {
        NoPlace::NoUser => wrong("names no user in an `ssh://` URL", "Name one: `ssh://git@host/path`."),
        NoPlace::Credentials => wrong(
            "holds credentials in the URL of `repository`",
            "Leave the password out and put a private key into the vault: `assent-agent vault set agent/repository`.",
        ),
        _ => wrong(
            "names a user in `repository` that cannot be one",
            "Use letters, digits, dots, dashes and underscores.",
        ),
    })?;
    let help = "Ask the host's operator for it; `ssh-keyscan -t ed25519 HOST` shows what to compare.";
    let host_key = host_key.ok_or_else(|| wrong("reaches its repository by SSH and pins no `host_key`", help))?;
    let host_key: PublicKey =
        host_key.parse().map_err(|e| wrong(&format!("says a `host_key` that {e}"), "Write `ssh-ed25519 AAAA…`."))?;
    if !host_key.is_plain() {
        return Err(wrong("pins a hardware key as `host_key`", "Hosts have plain keys: `ssh-ed25519 AAAA…`."));
    }
    Ok(Repository::Ssh(place, Account { user: user.to_owned(), host_key }))
}

/// `[user@]host[:port]/path`.
fn authority(rest: &str) -> Result<(Option<&str>, Place), Complaint> {
    remote::authority(rest)
        .map_err(|what| wrong(&format!("{what} in `repository`"), "Write it like `https://git.example/agency.git`."))
}

pub(super) fn roots(ca: Option<&Path>, folder: &Path) -> Result<Roots, Complaint> {
    let Some(ca) = ca else { return Ok(Roots::Public) };
    let path = folder.join(ca);
    let help = "Name a PEM file with the certificates of whoever signed the server's.";
    let cannot = |why: &str| wrong(&format!("names `{}` as `ca`, which {why}", path.display()), help);
    let pem = named::read(&path, Kind::Authorities).map_err(|e| cannot(&format!("cannot be read: {e}")))?;
    certificates(&pem).map(Roots::Only).ok_or_else(|| cannot("holds no certificate"))
}

/// The certificates of a text, each as DER; nothing when it holds none, or something else in place of one.
fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).map(|one| one.map(|der| der.to_vec())).collect();
    found.ok().filter(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    fn check(text: &str) -> Result<Repository, Complaint> {
        let host_key = text.starts_with("ssh://").then_some(KEY);
        parse(text, &Shown { host_key, ca: None }, Path::new("/etc/assent"))
    }

    #[test]
    fn a_repository_is_said_as_it_was_read() {
        for text in [
            "git://127.0.0.1:9418/agency.git",
            "https://git.example/harbor/agency.git",
            "https://[::1]:8443/agency.git",
            "ssh://git@git.example:2222/~harbor/agency.git",
        ] {
            assert_eq!(check(text).unwrap().to_string(), text);
        }
        assert_eq!(check("https://GIT.example/A.git").unwrap().to_string(), "https://git.example/A.git");
        assert_eq!(check("file:///srv/a.git").unwrap(), Repository::Path("/srv/a.git".into()));
        assert_eq!(check("../a:b.git").unwrap(), Repository::Path("/etc/assent/../a:b.git".into()));
    }

    #[test]
    fn what_cannot_be_a_repository_is_refused_with_a_remedy() {
        for (text, wanted) in [
            ("", "Name a path"),
            ("http://git.example/a.git", "https://"),
            ("git@git.example:harbor/a.git", "ssh://git@git.example/harbor/a.git"),
            ("git.example:/srv/a.git", "ssh://git.example/srv/a.git"),
            ("https://user:secret@git.example/a.git", "vault set agent/repository"),
            ("https://token@git.example/a.git", "vault set agent/repository"),
            ("ssh://git:secret@git.example/a.git", "vault set agent/repository"),
            ("ssh://git.example/a.git", "ssh://git@host"),
            ("ssh://-oProxyCommand=x@git.example/a.git", "letters"),
            ("ssh://git@-oProxyCommand/a.git", "https://git.example/agency.git"),
            ("git://git.example", "https://git.example/agency.git"),
            ("git://git.example:0/a.git", "https://git.example/agency.git"),
            ("git://git.example/a b.git", "https://git.example/agency.git"),
            ("git://git.example/a/../b.git", "https://git.example/agency.git"),
            ("ssh://git@git.example/a'b.git", "https://git.example/agency.git"),
            ("git://user@git.example/a.git", "no users"),
        ] {
            let (what, help) = check(text).unwrap_err();
            assert!(help.contains(wanted), "{text}: {what} {help}");
            assert!(!what.contains("secret") && !help.contains("secret"), "{text}: it says the credential again");
        }
    }

    #[test]
    fn a_host_key_goes_with_ssh_and_certificates_with_https() {
        let here = Path::new("/");
        let parse = |text, host_key, ca| parse(text, &Shown { host_key, ca }, here).map_err(|(what, _)| what);
        assert!(parse("ssh://git@a/b", None, None).unwrap_err().contains("host_key"));
        assert!(parse("ssh://git@a/b", Some("ssh-rsa AAAA"), None).unwrap_err().contains("host_key"));
        assert!(parse("https://a/b", Some(KEY), None).unwrap_err().contains("host_key"));
        assert!(parse("git://a/b", None, Some(Path::new("ca.pem"))).unwrap_err().contains("`ca`"));
        assert!(parse("https://a/b", None, Some(Path::new("nowhere.pem"))).unwrap_err().contains("cannot be read"));
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own folder")]
    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_file_of_certificates_holds_one_at_least() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let read = || parse("https://a/b", &Shown { host_key: None, ca: Some(&ca) }, folder.path());
        for bad in ["", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            write(&ca, bad);
            assert!(read().is_err(), "{bad}");
        }
    }
}
