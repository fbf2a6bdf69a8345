//! The files of a release: names on the list, nothing missing, nothing more, sizes and digests as the manifest says.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, PersonId};
use assent_schema::release::{FileName, Manifest};
use assent_schema::trust::{Signatures, SignedFile};

use super::refusal::{Refusal, RefusalCode};
use crate::cores;

/// One file of a release, looked at once.
pub(super) struct Seen<'f> {
    path: &'f str,
    name: FileName,
    bytes: &'f [u8],
    digest: Digest,
}

/// A rehearsal and its signatures by agents.
pub(super) type SignedByAgents<'f> = (&'f [u8], BTreeMap<AgentId, &'f [u8]>);

/// The files of a release by kind, each still unproven.
#[derive(Default)]
pub(super) struct Sorted<'f> {
    pub(super) manifest: SignedFile,
    pub(super) freshness: Option<SignedFile>,
    pub(super) roots: BTreeMap<u32, SignedFile>,
    pub(super) teams: SignedFile,
    pub(super) catalog: SignedFile,
    pub(super) approvers: BTreeMap<ClientId, BTreeMap<u32, SignedFile>>,
    pub(super) statements: BTreeMap<Digest, SignedFile>,
    pub(super) rehearsals: BTreeMap<Digest, SignedByAgents<'f>>,
    pub(super) plans: BTreeMap<Digest, &'f [u8]>,
    pub(super) tests: BTreeMap<Digest, &'f [u8]>,
    pub(super) clients: BTreeMap<ClientId, &'f [u8]>,
    pub(super) endpoints: &'f [u8],
}

impl<'f> Seen<'f> {
    /// Nothing when no file of a release is called so.
    fn of(path: &'f str, bytes: &'f [u8]) -> Option<Self> {
        Some(Self { path, name: FileName::parse(path)?, bytes, digest: Digest::of_file(bytes) })
    }
}

/// Looks at every file: its name, its digest. In order of their paths.
pub(super) fn seen(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Seen<'_>>, Refusal> {
    let all: Vec<(&String, &Vec<u8>)> = files.iter().collect();
    let looked = cores::each(&all, |(path, bytes)| Seen::of(path, bytes));
    let mut seen = Vec::with_capacity(looked.len());
    for (one, path) in looked.into_iter().zip(files.keys()) {
        let one = one.ok_or_else(|| Refusal::new(RefusalCode::FileUnexpected, path.escape_debug()))?;
        check_own_name(&one)?;
        seen.push(one);
    }
    Ok(seen)
}

/// Sorts files by their names.
pub(super) fn sort<'f>(seen: &[Seen<'f>]) -> Result<Sorted<'f>, Refusal> {
    for needed in [FileName::Manifest, FileName::Endpoints, FileName::Teams, FileName::CatalogLock, FileName::Root(1)] {
        if find(seen, &needed.to_string()).is_none() {
            return Err(Refusal::new(RefusalCode::FileMissing, needed));
        }
    }
    let mut sorted = Sorted::default();
    let mut signatures = BTreeMap::new();
    for one in seen {
        place(&mut sorted, &mut signatures, one.name.clone(), one.bytes);
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

/// The file at a path.
fn find<'s, 'f>(seen: &'s [Seen<'f>], path: &str) -> Option<&'s Seen<'f>> {
    seen.binary_search_by(|one| one.path.cmp(path)).ok().and_then(|place| seen.get(place))
}

/// A file that is called by a digest must have it.
fn check_own_name(one: &Seen<'_>) -> Result<(), Refusal> {
    match &one.name {
        FileName::Plan(digest)
        | FileName::Tests(digest)
        | FileName::Statement(digest)
        | FileName::Rehearsal(digest)
            if *digest != one.digest =>
        {
            Err(Refusal::new(RefusalCode::FileChanged, &one.name))
        }
        _ => Ok(()),
    }
}

fn place<'f>(
    sorted: &mut Sorted<'f>,
    signatures: &mut BTreeMap<FileName, Signatures>,
    name: FileName,
    bytes: &'f [u8],
) {
    let file = || SignedFile { bytes: bytes.to_vec(), signatures: Signatures::new() };
    let mut sign = |file: FileName, person: PersonId| {
        signatures.entry(file).or_default().insert(person, bytes.to_vec());
    };
    match name {
        FileName::Manifest => sorted.manifest = file(),
        FileName::ManifestSignature(person) => sign(FileName::Manifest, person),
        FileName::Freshness => sorted.freshness = Some(file()),
        FileName::FreshnessSignature(person) => sign(FileName::Freshness, person),
        FileName::Plan(digest) => drop(sorted.plans.insert(digest, bytes)),
        FileName::Tests(digest) => drop(sorted.tests.insert(digest, bytes)),
        FileName::Client(client) => drop(sorted.clients.insert(client, bytes)),
        FileName::Endpoints => sorted.endpoints = bytes,
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
        FileName::Rehearsal(digest) => sorted.rehearsals.entry(digest).or_default().0 = bytes,
        FileName::RehearsalSignature(digest, agent) => {
            sorted.rehearsals.entry(digest).or_default().1.insert(agent, bytes);
        }
    }
}

/// Where the signatures of a file stand; nothing when the file itself is not there.
fn signatures_of<'s>(sorted: &'s mut Sorted<'_>, file: &FileName) -> Option<&'s mut Signatures> {
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

/// Files in the order of their paths, asked for in that order.
struct InOrder<'s, 'f>(&'s [Seen<'f>]);

impl<'s, 'f> InOrder<'s, 'f> {
    /// The file at a path that stands behind those that were asked for.
    fn at(&mut self, path: &str) -> Option<&'s Seen<'f>> {
        let passed = self.0.iter().take_while(|one| one.path < path).count();
        self.0 = self.0.get(passed..).unwrap_or_default();
        self.0.first().filter(|one| one.path == path)
    }
}

/// Compares all files with the manifest: none missing, none more, each with its size and digest.
pub(super) fn compare(manifest: &Manifest, seen: &[Seen<'_>]) -> Result<(), Refusal> {
    let mut files = InOrder(seen);
    let mut listed = |path: &str| match files.at(path) {
        Some(one) => one.name.is_listed(),
        None => FileName::parse(path).is_some_and(|name| name.is_listed()),
    };
    if let Some(bad) = manifest.files.keys().find(|path| !listed(path)) {
        return Err(Refusal::new(RefusalCode::FileUnexpected, bad.escape_debug()));
    }
    let mut files = InOrder(seen);
    for (path, entry) in &manifest.files {
        let one = files.at(path).ok_or_else(|| Refusal::new(RefusalCode::FileMissing, path))?;
        let size = u64::try_from(one.bytes.len()).unwrap_or(u64::MAX);
        if entry.size != size || entry.sha256 != one.digest {
            return Err(Refusal::new(RefusalCode::FileChanged, path));
        }
    }
    // All that it lists are here: so many, and there is none more.
    if seen.iter().filter(|one| one.name.is_listed()).count() == manifest.files.len() {
        return Ok(());
    }
    match seen.iter().find(|one| one.name.is_listed() && !manifest.files.contains_key(one.path)) {
        Some(extra) => Err(Refusal::new(RefusalCode::FileUnexpected, extra.path)),
        None => Ok(()),
    }
}
