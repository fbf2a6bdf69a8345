//! The files of a release: names on the list, nothing missing, nothing more, sizes and digests as the manifest says.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, PersonId};
use assent_schema::release::{FileName, Manifest};
use assent_schema::trust::{Signatures, SignedFile};

use super::refusal::{Refusal, RefusalCode};

/// A rehearsal and its signatures by agents.
pub(super) type SignedByAgents = (Vec<u8>, BTreeMap<AgentId, Vec<u8>>);

/// The files of a release by kind, each still unproven.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) manifest: SignedFile,
    pub(super) freshness: Option<SignedFile>,
    pub(super) roots: BTreeMap<u32, SignedFile>,
    pub(super) teams: SignedFile,
    pub(super) catalog: SignedFile,
    pub(super) approvers: BTreeMap<ClientId, BTreeMap<u32, SignedFile>>,
    pub(super) statements: BTreeMap<Digest, SignedFile>,
    pub(super) rehearsals: BTreeMap<Digest, SignedByAgents>,
    pub(super) plans: BTreeMap<Digest, Vec<u8>>,
    pub(super) tests: BTreeMap<Digest, Vec<u8>>,
    pub(super) clients: BTreeMap<ClientId, Vec<u8>>,
    pub(super) endpoints: Vec<u8>,
}

/// Sorts files by their names. Content is looked at only where a name is the digest of it.
pub(super) fn sort(files: &BTreeMap<String, Vec<u8>>) -> Result<Sorted, Refusal> {
    let mut named = BTreeMap::new();
    for (path, bytes) in files {
        let name =
            FileName::parse(path).ok_or_else(|| Refusal::new(RefusalCode::FileUnexpected, path.escape_debug()))?;
        check_own_name(&name, bytes)?;
        named.insert(name, bytes);
    }
    for needed in [FileName::Manifest, FileName::Endpoints, FileName::Teams, FileName::CatalogLock, FileName::Root(1)] {
        if !named.contains_key(&needed) {
            return Err(Refusal::new(RefusalCode::FileMissing, needed));
        }
    }
    let mut sorted = Sorted::default();
    let mut signatures = BTreeMap::new();
    for (name, bytes) in named {
        place(&mut sorted, &mut signatures, name, bytes);
    }
    for (file, found) in signatures {
        *signatures_of(&mut sorted, &file)
            .ok_or_else(|| Refusal::new(RefusalCode::FileUnexpected, format!("{file}.*.sig")))? = found;
    }
    if let Some((digest, _)) = sorted.rehearsals.iter().find(|(_, (bytes, _))| bytes.is_empty()) {
        return Err(Refusal::new(RefusalCode::FileMissing, FileName::Rehearsal(*digest)));
    }
    Ok(sorted)
}

/// A file that is called by a digest must have it.
fn check_own_name(name: &FileName, bytes: &[u8]) -> Result<(), Refusal> {
    match name {
        FileName::Plan(digest)
        | FileName::Tests(digest)
        | FileName::Statement(digest)
        | FileName::Rehearsal(digest)
            if *digest != Digest::of_file(bytes) =>
        {
            Err(Refusal::new(RefusalCode::FileChanged, name))
        }
        _ => Ok(()),
    }
}

fn place(sorted: &mut Sorted, signatures: &mut BTreeMap<FileName, Signatures>, name: FileName, bytes: &[u8]) {
    let file = || SignedFile { bytes: bytes.to_vec(), signatures: Signatures::new() };
    let mut sign = |file: FileName, person: PersonId| {
        signatures.entry(file).or_default().insert(person, bytes.to_vec());
    };
    match name {
        FileName::Manifest => sorted.manifest = file(),
        FileName::ManifestSignature(person) => sign(FileName::Manifest, person),
        FileName::Freshness => sorted.freshness = Some(file()),
        FileName::FreshnessSignature(person) => sign(FileName::Freshness, person),
        FileName::Plan(digest) => drop(sorted.plans.insert(digest, bytes.to_vec())),
        FileName::Tests(digest) => drop(sorted.tests.insert(digest, bytes.to_vec())),
        FileName::Client(client) => drop(sorted.clients.insert(client, bytes.to_vec())),
        FileName::Endpoints => sorted.endpoints = bytes.to_vec(),
        FileName::Root(version) => drop(sorted.roots.insert(version, file())),
        FileName::RootSignature(version, person) => sign(FileName::Root(version), person),
        FileName::Teams => sorted.teams = file(),
        FileName::TeamsSignature(person) => sign(FileName::Teams, person),
        FileName::CatalogLock => sorted.catalog = file(),
        FileName::CatalogLockSignature(person) => sign(FileName::CatalogLock, person),
        FileName::Approvers(client, number) => {
            sorted.approvers.entry(client).or_default().insert(number, file());
        }
        FileName::ApproversSignature(client, number, person) => sign(FileName::Approvers(client, number), person),
        FileName::Statement(digest) => drop(sorted.statements.insert(digest, file())),
        FileName::StatementSignature(digest, person) => sign(FileName::Statement(digest), person),
        FileName::Rehearsal(digest) => sorted.rehearsals.entry(digest).or_default().0 = bytes.to_vec(),
        FileName::RehearsalSignature(digest, agent) => {
            sorted.rehearsals.entry(digest).or_default().1.insert(agent, bytes.to_vec());
        }
    }
}

/// Where the signatures of a file stand; nothing when the file itself is not there.
fn signatures_of<'s>(sorted: &'s mut Sorted, file: &FileName) -> Option<&'s mut Signatures> {
    let signed = match file {
        FileName::Manifest => Some(&mut sorted.manifest),
        FileName::Freshness => sorted.freshness.as_mut(),
        FileName::Root(version) => sorted.roots.get_mut(version),
        FileName::Teams => Some(&mut sorted.teams),
        FileName::CatalogLock => Some(&mut sorted.catalog),
        FileName::Approvers(client, number) => sorted.approvers.get_mut(client).and_then(|files| files.get_mut(number)),
        FileName::Statement(digest) => sorted.statements.get_mut(digest),
        _ => None,
    };
    signed.map(|signed| &mut signed.signatures)
}

/// Compares all files with the manifest: none missing, none more, each with its size and digest.
pub(super) fn compare(manifest: &Manifest, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Refusal> {
    let listed = |path: &str| FileName::parse(path).is_some_and(|name| name.is_listed());
    if let Some(bad) = manifest.files.keys().find(|path| !listed(path)) {
        return Err(Refusal::new(RefusalCode::FileUnexpected, bad.escape_debug()));
    }
    for (path, entry) in &manifest.files {
        let bytes = files.get(path).ok_or_else(|| Refusal::new(RefusalCode::FileMissing, path))?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if entry.size != size || entry.sha256 != Digest::of_file(bytes) {
            return Err(Refusal::new(RefusalCode::FileChanged, path));
        }
    }
    match files.keys().find(|path| listed(path) && !manifest.files.contains_key(*path)) {
        Some(extra) => Err(Refusal::new(RefusalCode::FileUnexpected, extra)),
        None => Ok(()),
    }
}
