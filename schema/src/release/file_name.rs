//! The names of the files that a release may hold.

use crate::canon::Digest;
use crate::id::{AgentId, ClientId, PersonId};

/// The name of a file that a release may hold; no other name may be there.
///
/// `<person>` of a rehearsal's signature is the agent's id.
///
/// # Source
/// trust.md section 4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// `manifest.json`
    Manifest,
    /// `manifest.json.<person>.sig`
    ManifestSignature(PersonId),
    /// `freshness.json`
    Freshness,
    /// `freshness.json.<person>.sig`
    FreshnessSignature(PersonId),
    /// `plans/<sha256>.json`
    Plan(Digest),
    /// `tests/<sha256>.json`
    Tests(Digest),
    /// `clients/<client>.json`
    Client(ClientId),
    /// `endpoints.json`
    Endpoints,
    /// `trust/root/<version>.toml`
    Root(u32),
    /// `trust/root/<version>.toml.<person>.sig`
    RootSignature(u32, PersonId),
    /// `trust/teams.toml`
    Teams,
    /// `trust/teams.toml.<person>.sig`
    TeamsSignature(PersonId),
    /// `trust/catalog.lock`
    CatalogLock,
    /// `trust/catalog.lock.<person>.sig`
    CatalogLockSignature(PersonId),
    /// `trust/approvers/<client>/<number>.toml`
    Approvers(ClientId, u32),
    /// `trust/approvers/<client>/<number>.toml.<person>.sig`
    ApproversSignature(ClientId, u32, PersonId),
    /// `statements/<sha256>.toml`
    Statement(Digest),
    /// `statements/<sha256>.toml.<person>.sig`
    StatementSignature(Digest, PersonId),
    /// `rehearsals/<sha256>.json`
    Rehearsal(Digest),
    /// `rehearsals/<sha256>.json.<agent>.sig`
    RehearsalSignature(Digest, AgentId),
}

impl FileName {
    /// Reads a path; nothing when no file of a release is called so.
    pub fn parse(path: &str) -> Option<Self> {
        let name = Self::parse_form(path)?;
        // One spelling each: `root/01.toml` is no name.
        (name.to_string() == path).then_some(name)
    }

    fn parse_form(path: &str) -> Option<Self> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, kind, signer) = split_file(file)?;
        let name = match (folder, stem, kind) {
            ("", "manifest", "json") => return signed(signer, Self::Manifest, Self::ManifestSignature),
            ("", "freshness", "json") => return signed(signer, Self::Freshness, Self::FreshnessSignature),
            ("", "endpoints", "json") => Self::Endpoints,
            ("plans", stem, "json") => Self::Plan(stem.parse().ok()?),
            ("tests", stem, "json") => Self::Tests(stem.parse().ok()?),
            ("clients", stem, "json") => Self::Client(stem.parse().ok()?),
            ("trust", "teams", "toml") => return signed(signer, Self::Teams, Self::TeamsSignature),
            ("trust", "catalog", "lock") => return signed(signer, Self::CatalogLock, Self::CatalogLockSignature),
            ("trust/root", stem, "toml") => {
                let version = stem.parse().ok()?;
                return signed(signer, Self::Root(version), |p| Self::RootSignature(version, p));
            }
            ("statements", stem, "toml") => {
                let digest = stem.parse().ok()?;
                return signed(signer, Self::Statement(digest), |p| Self::StatementSignature(digest, p));
            }
            ("rehearsals", stem, "json") => {
                let digest = stem.parse().ok()?;
                return signed(signer, Self::Rehearsal(digest), |a| Self::RehearsalSignature(digest, a));
            }
            (folder, stem, "toml") => {
                let client: ClientId = folder.strip_prefix("trust/approvers/")?.parse().ok()?;
                let number = stem.parse().ok()?;
                let file = Self::Approvers(client.clone(), number);
                return signed(signer, file, |p| Self::ApproversSignature(client, number, p));
            }
            _ => return None,
        };
        signer.is_none().then_some(name)
    }

    /// Whether the manifest lists it: everything but manifest, freshness and their signatures.
    pub fn is_listed(&self) -> bool {
        !matches!(self, Self::Manifest | Self::ManifestSignature(_) | Self::Freshness | Self::FreshnessSignature(_))
    }
}

/// The file itself, or its signature by a signer.
fn signed<S: std::str::FromStr>(
    signer: Option<&str>,
    file: FileName,
    signature: impl FnOnce(S) -> FileName,
) -> Option<FileName> {
    match signer {
        None => Some(file),
        Some(signer) => Some(signature(signer.parse().ok()?)),
    }
}

/// Splits `stem.kind` or `stem.kind.signer.sig`.
fn split_file(file: &str) -> Option<(&str, &str, Option<&str>)> {
    let parts: Vec<&str> = file.split('.').collect();
    match *parts.as_slice() {
        [stem, kind] => Some((stem, kind, None)),
        [stem, kind, signer, "sig"] => Some((stem, kind, Some(signer))),
        _ => None,
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest.json"),
            Self::ManifestSignature(person) => write!(f, "manifest.json.{person}.sig"),
            Self::Freshness => f.write_str("freshness.json"),
            Self::FreshnessSignature(person) => write!(f, "freshness.json.{person}.sig"),
            Self::Plan(digest) => write!(f, "plans/{digest}.json"),
            Self::Tests(digest) => write!(f, "tests/{digest}.json"),
            Self::Client(client) => write!(f, "clients/{client}.json"),
            Self::Endpoints => f.write_str("endpoints.json"),
            Self::Root(version) => write!(f, "trust/root/{version}.toml"),
            Self::RootSignature(version, person) => write!(f, "trust/root/{version}.toml.{person}.sig"),
            Self::Teams => f.write_str("trust/teams.toml"),
            Self::TeamsSignature(person) => write!(f, "trust/teams.toml.{person}.sig"),
            Self::CatalogLock => f.write_str("trust/catalog.lock"),
            Self::CatalogLockSignature(person) => write!(f, "trust/catalog.lock.{person}.sig"),
            Self::Approvers(client, number) => write!(f, "trust/approvers/{client}/{number}.toml"),
            Self::ApproversSignature(client, number, person) => {
                write!(f, "trust/approvers/{client}/{number}.toml.{person}.sig")
            }
            Self::Statement(digest) => write!(f, "statements/{digest}.toml"),
            Self::StatementSignature(digest, person) => write!(f, "statements/{digest}.toml.{person}.sig"),
            Self::Rehearsal(digest) => write!(f, "rehearsals/{digest}.json"),
            Self::RehearsalSignature(digest, agent) => write!(f, "rehearsals/{digest}.json.{agent}.sig"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_name_has_one_spelling() {
        let digest = Digest::of_file(b"");
        let good = [
            "manifest.json".to_owned(),
            "manifest.json.alice.sig".to_owned(),
            "freshness.json".to_owned(),
            "freshness.json.timer.sig".to_owned(),
            format!("plans/{digest}.json"),
            format!("tests/{digest}.json"),
            "clients/acme.json".to_owned(),
            "endpoints.json".to_owned(),
            "trust/root/1.toml".to_owned(),
            "trust/root/12.toml.bruno.sig".to_owned(),
            "trust/teams.toml".to_owned(),
            "trust/teams.toml.alice.sig".to_owned(),
            "trust/catalog.lock".to_owned(),
            "trust/catalog.lock.alice.sig".to_owned(),
            "trust/approvers/acme/1.toml".to_owned(),
            "trust/approvers/acme/1.toml.dana.sig".to_owned(),
            format!("statements/{digest}.toml"),
            format!("statements/{digest}.toml.dana.sig"),
            format!("rehearsals/{digest}.json"),
            format!("rehearsals/{digest}.json.eu-staging-1.sig"),
        ];
        for name in &good {
            assert_eq!(FileName::parse(name).map(|n| n.to_string()).as_deref(), Some(name.as_str()), "{name}");
        }
        for bad in [
            "",
            "a",
            "manifest.json.",
            "manifest.json..sig",
            "/manifest.json",
            "plans/x.json",
            "plans/../manifest.json",
            "trust/root/01.toml",
            "trust/root/-1.toml",
            "trust/approvers/acme/x.toml",
            "trust/approvers//1.toml",
            "endpoints.json.alice.sig",
            "clients/acme.json.alice.sig",
            "README.md",
            ".git/config",
            "statements/a.toml",
            "clients/ACME.json",
        ] {
            assert_eq!(FileName::parse(bad), None, "{bad}");
        }
    }
}
