//! Signs a bundle or a freshness statement, checks that the roles are satisfied, and puts it on its branch.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::{self, Digest};
use assent_schema::id::ClientId;
use assent_schema::release::{FileName, Freshness, FreshnessType, Manifest};
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, RoleName, RootChain, Signatures, SignedFile, Statement};
use git2::{Oid, Repository};

use super::branch::{self, Files};
use super::prepare::{Published, Target};
use super::sign::KeyFile;
use crate::bundle::Bundle;
use crate::error::Error;

/// The current number of the freshness format.
const SCHEMA: u32 = 1;

/// Signs a bundle's manifest, beside those who signed it already.
///
/// # Errors
/// When a key cannot be read, or those that signed do not satisfy the release role.
pub fn sign_bundle(bundle: &Bundle, roots: &RootChain, keys: &[KeyFile], before: Signatures) -> Result<Files, Error> {
    let mut signed = sign_all(bundle.manifest_bytes.clone(), Namespace::Release, keys)?;
    for (person, armour) in before {
        signed.signatures.entry(person).or_insert(armour);
    }
    satisfies(roots, RoleName::Release, "manifest.json", &signed)?;
    let mut files = bundle.paths();
    for (person, armour) in signed.signatures {
        files.insert(FileName::ManifestSignature(person).to_string(), armour);
    }
    Ok(files)
}

/// The statement that a release is the newest, as it is signed.
///
/// # Errors
/// When the manifest does not verify.
pub fn freshness(release: &Published, roots: &RootChain, at: Moment) -> Result<Vec<u8>, Error> {
    check_manifest(release, roots)?;
    let manifest = &release.manifest;
    let statement = Freshness {
        kind: FreshnessType::Freshness,
        schema: SCHEMA,
        project: manifest.project,
        environment: manifest.environment.clone(),
        region: manifest.region.clone(),
        root: roots.newest().version,
        sequence: manifest.sequence,
        manifest: release.digest,
        statements: statements(&release.files)?,
        time: at,
    };
    canon::to_bytes(&statement).map_err(|e| Error::internal("write freshness.json", e))
}

/// Puts a signed freshness statement among the files of a release, in place of an older one; `before` signed it already.
///
/// # Errors
/// When a key cannot be read, those that signed do not satisfy the freshness role, or the manifest does not verify.
pub fn sign_freshness(
    release: &Published,
    roots: &RootChain,
    at: Moment,
    keys: &[KeyFile],
    before: Signatures,
) -> Result<Files, Error> {
    let mut signed = sign_all(freshness(release, roots, at)?, Namespace::Freshness, keys)?;
    for (person, armour) in before {
        signed.signatures.entry(person).or_insert(armour);
    }
    satisfies(roots, RoleName::Freshness, "freshness.json", &signed)?;
    let mut files = release.files.clone();
    files.retain(|path, _| !path.starts_with("freshness.json"));
    files.insert(FileName::Freshness.to_string(), signed.bytes);
    for (person, armour) in signed.signatures {
        files.insert(FileName::FreshnessSignature(person).to_string(), armour);
    }
    Ok(files)
}

/// Commits a release to its branch.
///
/// # Errors
/// When git refuses.
pub fn put(repository: &Repository, target: &Target, files: &Files, manifest: &Manifest) -> Result<Oid, Error> {
    let message = format!("Release {} of {}/{}", manifest.sequence, target.environment, target.region);
    branch::write(repository, &target.branch(), files, &message, manifest.at)
}

/// Walks the roots that a release carries; they must be this project's.
///
/// # Errors
/// When they do not hold or are of another project.
pub fn roots_of(release: &Published, project: Digest) -> Result<RootChain, Error> {
    roots_in(&release.files, project)
}

/// Walks the roots among some files; they must be this project's.
///
/// # Errors
/// When they do not hold or are of another project.
pub fn roots_in(files: &Files, project: Digest) -> Result<RootChain, Error> {
    let mut versions: BTreeMap<u32, SignedFile> = BTreeMap::new();
    for (path, bytes) in files {
        match FileName::parse(path) {
            Some(FileName::Root(version)) => versions.entry(version).or_default().bytes.clone_from(bytes),
            Some(FileName::RootSignature(version, person)) => {
                versions.entry(version).or_default().signatures.insert(person, bytes.clone());
            }
            _ => {}
        }
    }
    let roots = RootChain::walk(&versions).map_err(|e| Error::input(e.to_string()))?;
    if roots.project() == project { Ok(roots) } else { Err(Error::input("the roots are of another project")) }
}

fn check_manifest(release: &Published, roots: &RootChain) -> Result<(), Error> {
    let signatures = release.files.iter().filter_map(|(path, bytes)| match FileName::parse(path)? {
        FileName::ManifestSignature(person) => Some((person, bytes.clone())),
        _ => None,
    });
    let bytes = release.files.get("manifest.json").cloned().unwrap_or_default();
    let signed = SignedFile { bytes, signatures: signatures.collect() };
    satisfies(roots, RoleName::Release, "manifest.json", &signed)
}

fn sign_all(bytes: Vec<u8>, namespace: Namespace, keys: &[KeyFile]) -> Result<SignedFile, Error> {
    let mut signatures = BTreeMap::new();
    for key in keys {
        signatures.insert(key.person.clone(), key.read()?.sign(namespace, &bytes)?.into_bytes());
    }
    Ok(SignedFile { bytes, signatures })
}

fn satisfies(roots: &RootChain, role: RoleName, file: &str, signed: &SignedFile) -> Result<(), Error> {
    roots.check_role(role, file, signed).map_err(|e| Error::input(e.to_string()))
}

/// The digests of the statements that a release carries, by client.
fn statements(files: &Files) -> Result<BTreeMap<ClientId, BTreeSet<Digest>>, Error> {
    let mut found: BTreeMap<ClientId, BTreeSet<Digest>> = BTreeMap::new();
    for (path, bytes) in files {
        if let Some(FileName::Statement(digest)) = FileName::parse(path) {
            let statement = Statement::parse(path, bytes).map_err(|e| Error::input(e.to_string()))?;
            found.entry(statement.client.clone()).or_default().insert(digest);
        }
        if let Some(FileName::Client(client)) = FileName::parse(path) {
            found.entry(client).or_default();
        }
    }
    Ok(found)
}
