//! Plans, statements and rehearsals to a bundle: every file of a release but the signatures over manifest and freshness.
//!
//! Pure. The same ingredients give the same bytes on every machine.
//!
//! # Source
//! trust.md section 4. Promise P16.

use std::collections::BTreeMap;

use assent_schema::canon::{self, CanonError, Digest};
use assent_schema::client::{ActiveWorkflow, ClientFacts, Endpoints};
use assent_schema::id::{AgentId, ClientId, Environment, PersonId, Region};
use assent_schema::release::{FileEntry, FileName, Manifest, ManifestType, Readmitted, Returned, Source, Window};
use assent_schema::time::{Moment, Period};

/// How long after its instant a release may be accepted for the first time.
pub const ACCEPT_FOR: Period = Period::days(30);

/// One workflow, lowered: the bytes that are stored and what the manifest says of it.
#[derive(Clone, Debug)]
pub struct LoweredWorkflow {
    /// What the manifest says: names, digests, authors, source lines.
    pub active: ActiveWorkflow,
    /// The plan's canonical bytes.
    pub plan: Vec<u8>,
    /// The lowered scenarios' canonical bytes.
    pub tests: Vec<u8>,
}

/// A file of the source with its signatures, byte for byte.
#[derive(Clone, Debug)]
pub struct Signed<S> {
    /// The signed bytes.
    pub bytes: Vec<u8>,
    /// The armoured signatures by signer.
    pub signatures: BTreeMap<S, Vec<u8>>,
}

/// The files of the source's trust folder, by the name that they have in a release.
pub type TrustFiles = BTreeMap<FileName, Vec<u8>>;

/// All that goes into one bundle. Only what belongs to `region` may be given.
#[derive(Clone, Debug)]
pub struct Ingredients {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The environment it is for.
    pub environment: Environment,
    /// The region it is for.
    pub region: Region,
    /// The root's generation.
    pub generation: u32,
    /// The release's number.
    pub sequence: u64,
    /// SHA-256 of the previous manifest.
    pub previous: Option<Digest>,
    /// The source commit.
    pub source: Source,
    /// The instant of the checks.
    pub at: Moment,
    /// Plans that may run again.
    pub readmitted: Vec<Readmitted>,
    /// Plans that were taken back and stay back.
    pub returned: Vec<Returned>,
    /// The workflows, in any order.
    pub workflows: Vec<LoweredWorkflow>,
    /// The clients' facts.
    pub clients: BTreeMap<ClientId, ClientFacts>,
    /// Where the connections lead.
    pub endpoints: Endpoints,
    /// Roots, teams, approvers chains, catalog lock, with their signatures.
    pub trust: TrustFiles,
    /// Approvals, rejections, withdrawals.
    pub statements: Vec<Signed<PersonId>>,
    /// Rehearsals of the plans.
    pub rehearsals: Vec<Signed<AgentId>>,
}

/// Every file of a release that the manifest lists, and the manifest.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The manifest.
    pub manifest: Manifest,
    /// Its canonical bytes.
    pub manifest_bytes: Vec<u8>,
    /// All files that it lists, by name.
    pub files: BTreeMap<FileName, Vec<u8>>,
}

impl Bundle {
    /// The digest that freshness and the next manifest name.
    pub fn digest(&self) -> Digest {
        Digest::of_file(&self.manifest_bytes)
    }

    /// All files as paths and bytes, the manifest included.
    pub fn paths(&self) -> BTreeMap<String, Vec<u8>> {
        let listed = self.files.iter().map(|(name, bytes)| (name.to_string(), bytes.clone()));
        listed.chain([(FileName::Manifest.to_string(), self.manifest_bytes.clone())]).collect()
    }
}

/// Puts a bundle together.
///
/// # Errors
/// When something holds an integer beyond 2^53 − 1.
pub fn assemble(ingredients: Ingredients) -> Result<Bundle, CanonError> {
    let mut files = ingredients.trust;
    let mut active = Vec::with_capacity(ingredients.workflows.len());
    for workflow in ingredients.workflows {
        files.insert(FileName::Plan(workflow.active.plan), workflow.plan);
        files.insert(FileName::Tests(workflow.active.tests), workflow.tests);
        active.push(workflow.active);
    }
    active.sort();
    for (client, facts) in &ingredients.clients {
        files.insert(FileName::Client(client.clone()), canon::to_bytes(facts)?);
    }
    files.insert(FileName::Endpoints, canon::to_bytes(&ingredients.endpoints)?);
    for statement in ingredients.statements {
        add_signed(&mut files, statement, FileName::Statement, FileName::StatementSignature);
    }
    for rehearsal in ingredients.rehearsals {
        add_signed(&mut files, rehearsal, FileName::Rehearsal, FileName::RehearsalSignature);
    }
    let manifest = Manifest {
        kind: ManifestType::Release,
        schema: assent_schema::plan::SCHEMA,
        project: ingredients.project,
        environment: ingredients.environment,
        region: ingredients.region,
        generation: ingredients.generation,
        sequence: ingredients.sequence,
        previous: ingredients.previous,
        source: ingredients.source,
        compiler: env!("CARGO_PKG_VERSION").to_owned(),
        at: ingredients.at,
        accept: Window { from: ingredients.at, until: ingredients.at.plus(ACCEPT_FOR) },
        active,
        readmitted: ingredients.readmitted,
        returned: ingredients.returned,
        files: BTreeMap::new(),
    };
    close(manifest, files)
}

/// Lists the files in a manifest and gives it its bytes.
///
/// # Errors
/// When the manifest holds an integer beyond 2^53 − 1.
pub fn close(mut manifest: Manifest, files: BTreeMap<FileName, Vec<u8>>) -> Result<Bundle, CanonError> {
    manifest.files = files.iter().map(|(name, bytes)| (name.to_string(), entry(bytes))).collect();
    let manifest_bytes = canon::to_bytes(&manifest)?;
    Ok(Bundle { manifest, manifest_bytes, files })
}

fn add_signed<S>(
    files: &mut BTreeMap<FileName, Vec<u8>>,
    signed: Signed<S>,
    name: impl FnOnce(Digest) -> FileName,
    signature: impl Fn(Digest, S) -> FileName,
) {
    let digest = Digest::of_file(&signed.bytes);
    files.insert(name(digest), signed.bytes);
    for (signer, armour) in signed.signatures {
        files.insert(signature(digest, signer), armour);
    }
}

fn entry(bytes: &[u8]) -> FileEntry {
    FileEntry { size: bytes.len() as u64, sha256: Digest::of_file(bytes) }
}
