//! Which kind of file stands at which path. The path alone decides; a name inside the file must agree with it.
//!
//! # Source
//! language.md section 1, formats.md section 2.

use std::sync::Arc;

use assent_schema::id::{ClientId, IntegrationId, PersonId, ProviderId, WorkflowId};

/// What kind of file stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `assent.toml`.
    Project,
    /// `trust/root/<version>.toml`.
    Root(u64),
    /// `trust/teams.toml`.
    Teams,
    /// `catalog/integrations/<name>.toml`.
    Integration(IntegrationId),
    /// `catalog/providers/<name>.toml`.
    Provider(ProviderId),
    /// `catalog/catalog.lock`.
    CatalogLock,
    /// `library/<name>.toml`.
    Library(WorkflowId),
    /// `clients/<client>/client.toml`.
    Client(ClientId),
    /// `clients/<client>/approvers/<number>.toml`.
    Approvers(ClientId, u64),
    /// `clients/<client>/approvals/<name>.toml`.
    Approval(ClientId),
    /// `clients/<client>/workflows/<name>.toml`.
    Workflow(ClientId, WorkflowId),
    /// `clients/<client>/workflows/<name>.test.toml`.
    Tests(ClientId, WorkflowId),
    /// A prompt, text or incident report: `*.md` of a client or of the library.
    Text,
    /// `<file>.<person>.sig` beside a signed file.
    Signature(Arc<str>, PersonId),
    /// A file of `<file>.<person>.webauthn/` beside a signed file.
    Passkey(Arc<str>, PersonId),
    /// A file that the compiler does not compile, such as a README. Only those that hold what looks like a secret are kept.
    Beside,
    /// As [`Place::Beside`], of a file that is not text: what is random there is data, so only known forms of secrets are sought.
    Data,
}

/// What a path is to the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A file that it reads.
    Read(Place),
    /// A file that it has nothing to do with.
    Ignored,
    /// A file in one of its folders that is none of the kinds that stand there.
    Misplaced,
}

/// The folders in which every file must be of a known kind.
const OURS: [&str; 4] = ["trust", "catalog", "library", "clients"];

/// What a path is to the compiler.
pub(super) fn standing(path: &str) -> Standing {
    let parts: Vec<&str> = path.split('/').collect();
    if let Some(place) = place(&parts) {
        return Standing::Read(place);
    }
    let [folder, .., name] = parts.as_slice() else { return Standing::Ignored };
    // A README and what git or a forge wants beside our files harm nobody.
    let harmless = *name == "README.md" || name.starts_with('.');
    if OURS.contains(folder) && !harmless { Standing::Misplaced } else { Standing::Ignored }
}

/// The kind of file that stands at a path; a file beside the source where it is none of the compiler's.
pub fn place_of(path: &str) -> Place {
    match standing(path) {
        Standing::Read(place) => place,
        Standing::Ignored | Standing::Misplaced => Place::Beside,
    }
}

/// The workflow whose file or scenarios stand at a path, read or not.
pub(super) fn workflow_of(path: &str) -> Option<WorkflowId> {
    let parts: Vec<&str> = path.split('/').collect();
    match plain(&parts)? {
        Place::Workflow(_, name) | Place::Tests(_, name) => Some(name),
        _ => None,
    }
}

fn place(parts: &[&str]) -> Option<Place> {
    if let Some(place) = plain(parts) {
        return Some(place);
    }
    match parts {
        [folders @ .., holder, "authenticator-data" | "client-data.json" | "signature"] => {
            let (file, person) = signed(folders, holder.strip_suffix(".webauthn")?)?;
            Some(Place::Passkey(file, person))
        }
        [folders @ .., name] => {
            let (file, person) = signed(folders, name.strip_suffix(".sig")?)?;
            Some(Place::Signature(file, person))
        }
        [] => None,
    }
}

/// The signed file and the person of `<folders>/<file>.<person>`.
fn signed(folders: &[&str], name: &str) -> Option<(Arc<str>, PersonId)> {
    let (file, person) = name.rsplit_once('.')?;
    let path: Vec<&str> = folders.iter().copied().chain([file]).collect();
    plain(&path)?.is_signed().then_some(())?;
    Some((path.join("/").into(), PersonId::new(person).ok()?))
}

fn plain(parts: &[&str]) -> Option<Place> {
    let toml = |name: &str| name.strip_suffix(".toml").map(str::to_owned);
    let markdown = |name: &str| name.strip_suffix(".md").is_some_and(|stem| !stem.is_empty() && name != "README.md");
    match *parts {
        ["assent.toml"] => Some(Place::Project),
        ["trust", "root", name] => number(&toml(name)?).map(Place::Root),
        ["trust", "teams.toml"] => Some(Place::Teams),
        ["catalog", "integrations", name] => IntegrationId::new(&toml(name)?).ok().map(Place::Integration),
        ["catalog", "providers", name] => ProviderId::new(&toml(name)?).ok().map(Place::Provider),
        ["catalog", "catalog.lock"] => Some(Place::CatalogLock),
        ["library", name] => WorkflowId::new(&toml(name)?).ok().map(Place::Library),
        ["library", "prompts" | "texts", name] => markdown(name).then_some(Place::Text),
        ["clients", client, ref rest @ ..] => in_client(ClientId::new(client).ok()?, rest),
        _ => None,
    }
}

fn in_client(client: ClientId, rest: &[&str]) -> Option<Place> {
    match *rest {
        ["client.toml"] => Some(Place::Client(client)),
        ["approvers", name] => {
            let version = number(name.strip_suffix(".toml")?)?;
            Some(Place::Approvers(client, version))
        }
        ["approvals", name] => {
            let stem = name.strip_suffix(".toml")?;
            (!stem.is_empty()).then_some(Place::Approval(client))
        }
        ["workflows", name] => {
            let stem = name.strip_suffix(".toml")?;
            match stem.strip_suffix(".test") {
                Some(workflow) => Some(Place::Tests(client, WorkflowId::new(workflow).ok()?)),
                None => Some(Place::Workflow(client, WorkflowId::new(stem).ok()?)),
            }
        }
        ["prompts" | "texts" | "incidents", name] => {
            let text = name.strip_suffix(".md").is_some_and(|stem| !stem.is_empty()) && name != "README.md";
            text.then_some(Place::Text)
        }
        _ => None,
    }
}

/// A number from 1 without leading zeros, so that each version has one path.
fn number(text: &str) -> Option<u64> {
    let plain = !text.starts_with('0') && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl Place {
    /// Whether people sign this file, so that its bytes must stay as they are.
    pub fn is_signed(&self) -> bool {
        match self {
            Self::Root(_)
            | Self::Teams
            | Self::CatalogLock
            | Self::Approvers(..)
            | Self::Approval(_)
            // Named by digest in `catalog.lock`.
            | Self::Integration(_)
            | Self::Provider(_) => true,
            Self::Project
            | Self::Library(_)
            | Self::Client(_)
            | Self::Workflow(..)
            | Self::Tests(..)
            | Self::Text
            | Self::Signature(..)
            | Self::Passkey(..)
            | Self::Beside
            | Self::Data => false,
        }
    }

    /// Whether the file holds digests, public keys or data, which are as random as secrets.
    pub fn holds_keys(&self) -> bool {
        matches!(self, Self::Root(_) | Self::Approvers(..) | Self::CatalogLock | Self::Data)
    }

    /// Whether the file holds raw bytes instead of text.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Passkey(..))
    }

    /// Whether the file stands beside a signed one and proves who signed.
    pub fn is_proof(&self) -> bool {
        matches!(self, Self::Signature(..) | Self::Passkey(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_the_kind() {
        let read = |path: &str| match standing(path) {
            Standing::Read(place) => format!("{place:?}"),
            other => format!("{other:?}"),
        };
        let lines: Vec<String> = [
            "assent.toml",
            "trust/root/1.toml",
            "trust/root/01.toml",
            "trust/root/1.toml.alice.sig",
            "trust/teams.toml.alice.webauthn/signature",
            "catalog/integrations/shop.toml",
            "catalog/catalog.lock.alice.sig",
            "library/order-status.toml",
            "clients/acme/client.toml",
            "clients/acme/client.toml.alice.sig",
            "clients/acme/approvals/1.toml.dana.sig",
            "clients/acme/workflows/refund.toml",
            "clients/acme/workflows/refund.test.toml",
            "clients/acme/workflow/refund.toml",
            "clients/acme/prompts/intent.md",
            "clients/acme/README.md",
            "clients/.gitkeep",
            "docs/index.md",
            "README.md",
        ]
        .iter()
        .map(|path| format!("{path}: {}", read(path)))
        .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
