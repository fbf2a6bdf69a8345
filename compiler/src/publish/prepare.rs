//! What goes into a release, from a checked source, the release before it, and the rehearsals that staging signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::client::ActiveWorkflow;
use assent_schema::id::{AgentId, ClientId, Environment, PersonId, Region, WorkflowId};
use assent_schema::release::{FileName, Manifest, Readmitted, Returned, Source};
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Statement};
use git2::{Oid, Repository};

use super::upon::{check_signed, refused};
use super::{branch, newest};
use crate::bundle::{Ingredients, LoweredWorkflow, Signed, TrustFiles};
use crate::check::Checked;
use crate::check::unassigned_author::Authors;
use crate::error::Error;
use crate::resolve::Workflow;
use crate::source::{Files, Place};

/// One branch of releases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The environment.
    pub environment: Environment,
    /// The region.
    pub region: Region,
}

impl Target {
    /// The branch.
    pub fn branch(&self) -> String {
        branch::release_branch(&self.environment, &self.region)
    }
}

/// The newest release of a branch.
#[derive(Clone, Debug)]
pub struct Published {
    /// All of its files.
    pub files: branch::Files,
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's digest.
    pub digest: Digest,
}

/// Which number a release has and what it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The root's generation.
    pub generation: u32,
    /// From 1 within the generation.
    pub sequence: u64,
    /// SHA-256 of the manifest before; nothing for the first of a generation.
    pub previous: Option<Digest>,
}

impl Numbering {
    /// What follows a release within a generation.
    pub fn after(published: Option<&Published>, generation: u32) -> Self {
        match published.filter(|p| p.manifest.generation == generation) {
            Some(p) => Self { generation, sequence: p.manifest.sequence.saturating_add(1), previous: Some(p.digest) },
            None => Self { generation, sequence: 1, previous: None },
        }
    }
}

/// Reads the newest release of a branch; nothing when there is none yet.
///
/// # Errors
/// When the branch cannot be read, holds no manifest, or an older release than was seen there before; `believed` are manifests
/// that count as the newest nonetheless.
pub fn published(repository: &Repository, target: &Target, believed: &[Digest]) -> Result<Option<Published>, Error> {
    let name = target.branch();
    let tip = branch::tip(repository, &name)?;
    // Which branch it is that holds what none may hold: several are read one after the other.
    let read = |tip| branch::read(repository, tip).map_err(|why| Error::input(format!("the branch {name}: {why}")));
    let release = tip.map(|tip| release_of(&name, read(tip)?)).transpose()?;
    newest::check(repository, target, release.as_ref(), believed)?;
    Ok(release)
}

/// A release's files with its manifest read.
///
/// # Errors
/// When there is no manifest among them.
pub fn release_of(name: &str, files: branch::Files) -> Result<Published, Error> {
    let bytes = files.get("manifest.json").ok_or_else(|| Error::input(format!("{name} holds no manifest")))?;
    let manifest = canon::from_bytes(bytes).map_err(|e| Error::input(format!("the manifest of {name}: {e}")))?;
    let digest = Digest::of_file(bytes);
    Ok(Published { files, manifest, digest })
}

/// What a release says besides the source.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The source commit.
    pub source: Source,
    /// The instant of the checks.
    pub at: Moment,
    /// Its number.
    pub numbering: Numbering,
    /// Plans that this release lets in again.
    pub readmitted: Vec<Readmitted>,
    /// Rehearsals of its plans.
    pub rehearsals: Vec<Signed<AgentId>>,
    /// Who changed what since the release before it.
    pub authors: Authors,
}

/// The commit from which authors are judged anew: that of the newest release, once its signatures hold. Nothing where there
/// is none in the root's generation; the whole history is judged then.
///
/// # Errors
/// When the release is not signed by the release role, or is of another place: a branch that anybody could write must not hide
/// commits. When this clone does not have the commit.
pub fn last_source(
    repository: &Repository,
    published: Option<&Published>,
    target: &Target,
    roots: &RootChain,
) -> Result<Option<Oid>, Error> {
    let Some(published) = published.filter(|p| p.manifest.generation == roots.newest().generation) else {
        return Ok(None);
    };
    check_signed(published, target, roots)?;
    let commit = Oid::from_str(&published.manifest.source.commit).map_err(|e| refused(&e.message()))?;
    match repository.find_commit(commit) {
        Err(e) if e.code() == git2::ErrorCode::NotFound => Err(Error::input(format!(
            "release {} on {} was made of commit {commit}, which this clone does not have: run `git fetch` where that was pushed \
             to, and release what grows out of it",
            published.manifest.sequence,
            target.branch()
        ))),
        found => found.map(|_| Some(commit)).map_err(|e| Error::git(format!("read commit {commit}"), e)),
    }
}

/// Gathers all that goes into one release.
///
/// # Errors
/// When the source has no root.
pub fn gather(
    checked: &Checked,
    target: &Target,
    terms: Terms,
    before: Option<&Published>,
) -> Result<Ingredients, Error> {
    let survey = checked.survey();
    let roots = roots(checked)?;
    let clients = checked.clients_in(&target.region);
    let everybody: BTreeSet<PersonId> = roots.newest().people.keys().cloned().collect();
    // Who wrote it in an earlier release is its author still.
    let earlier = |client: &ClientId, workflow: &WorkflowId| {
        let active = before.into_iter().flat_map(|published| &published.manifest.active);
        active
            .filter(|a| a.client == *client && a.workflow == *workflow)
            .flat_map(|a| &a.authors)
            .cloned()
            .collect::<Vec<_>>()
    };
    let authors = |client: &ClientId, id: &WorkflowId, workflow: &Workflow| {
        let mut authors = terms.authors.of(workflow.sources.iter().map(|path| &**path), &everybody);
        authors.extend(earlier(client, id));
        if authors.is_empty() { everybody.clone() } else { authors }
    };
    let lowered = checked.workflows_in(&target.region).into_iter().map(|(client, workflow, judged)| {
        let form = judged.lowered.form(workflow).map_err(|e| Error::internal("write a plan", e))?;
        let tests = form.tests.ok_or_else(|| Error::input(format!("{} has no scenarios", workflow.file)))?;
        Ok(LoweredWorkflow {
            active: ActiveWorkflow {
                client: client.facts.client.clone(),
                workflow: judged.lowered.plan.workflow.clone(),
                plan: form.digest,
                tests: tests.digest,
                authors: authors(&client.facts.client, &judged.lowered.plan.workflow, workflow),
                source: workflow.file.to_string(),
                lines: workflow.sites.lines(),
            },
            plan: form.bytes,
            tests: tests.bytes,
        })
    });
    let workflows = lowered.collect::<Result<Vec<_>, Error>>()?;
    let of_region = |place: &Place| match place {
        Place::Approvers(client, _) | Place::Approval(client) => clients.contains_key(client),
        _ => true,
    };
    let files = &survey.parsed.source.files;
    let generation = terms.numbering.generation;
    let readmitted = carried_on(terms.readmitted, before, generation, workflows.iter().map(|one| one.active.plan));
    Ok(Ingredients {
        project: roots.project(),
        environment: target.environment.clone(),
        region: target.region.clone(),
        generation,
        sequence: terms.numbering.sequence,
        previous: terms.numbering.previous,
        source: terms.source,
        at: terms.at,
        returned: stays_back(before, &readmitted),
        readmitted,
        workflows,
        endpoints: checked.endpoints(&target.environment, &target.region),
        trust: kept_trust(trust_files(files, &of_region), before, &of_region)?,
        statements: kept_statements(statements(files, &of_region), before, &of_region),
        rehearsals: terms.rehearsals,
        clients,
    })
}

/// The roots of a checked source.
///
/// # Errors
/// When there are none.
pub fn roots(checked: &Checked) -> Result<&RootChain, Error> {
    checked.survey().trusted.roots.as_deref().ok_or_else(|| Error::input("the source has no root"))
}

/// Roots, teams, approvers and the catalog's lock with their signatures, by the names that they have in a release.
fn trust_files(files: &Files, of_region: &impl Fn(&Place) -> bool) -> TrustFiles {
    let mut found = TrustFiles::new();
    for file in files.values() {
        if let Some(name) = trust_name(&file.place).filter(|_| of_region(&file.place)) {
            found.insert(name, file.bytes.to_vec());
        }
    }
    for (path, person, bytes) in signatures(files) {
        let Some(file) = files.get(path).filter(|file| of_region(&file.place)) else { continue };
        if let Some(name) = trust_name(&file.place).and_then(|name| signature_name(name, person)) {
            found.insert(name, bytes);
        }
    }
    found
}

/// What a release lets in again, and what those before it did, for as long as they name the same plans one after the other: an
/// agent that missed one of them hears of it still. Each plan once, sorted.
pub fn carried_on(
    now: Vec<Readmitted>,
    before: Option<&Published>,
    generation: u32,
    named: impl Iterator<Item = Digest>,
) -> Vec<Readmitted> {
    let named: BTreeSet<Digest> = named.collect();
    let before = before.map(|published| &published.manifest).filter(|manifest| manifest.generation == generation);
    let earlier = before.into_iter().flat_map(|manifest| {
        let still = manifest.readmitted.iter().filter(|one| named.contains(&one.plan));
        still.map(|one| Readmitted { since: Some(one.first(manifest.sequence)), ..one.clone() })
    });
    let by_plan: BTreeMap<Digest, Readmitted> = earlier.chain(now).map(|one| (one.plan, one)).collect();
    by_plan.into_values().collect()
}

/// What a rollback took back stays so from release to release, until one readmits it by name.
pub fn stays_back(before: Option<&Published>, readmitted: &[Readmitted]) -> Vec<Returned> {
    let returned = before.into_iter().flat_map(|published| &published.manifest.returned);
    returned.filter(|one| readmitted.iter().all(|again| again.plan != one.plan)).cloned().collect()
}

/// What the release before said of a file that is there as it said; nothing where anybody could have put it.
pub(super) fn listed(before: Option<&Published>) -> impl Iterator<Item = (FileName, &Vec<u8>)> {
    before.into_iter().flat_map(|published| {
        published.manifest.files.iter().filter_map(|(path, entry)| {
            let bytes = published.files.get(path).filter(|bytes| Digest::of_file(bytes) == entry.sha256)?;
            Some((FileName::parse(path)?, bytes))
        })
    })
}

/// Roots and approvers are chains that only grow: a commit that nobody needs to sign may not take the end of one back.
fn kept_trust(
    found: TrustFiles,
    before: Option<&Published>,
    of_region: &impl Fn(&Place) -> bool,
) -> Result<TrustFiles, Error> {
    for (name, bytes) in listed(before) {
        let kept = match &name {
            FileName::Approvers(client, number) => of_region(&Place::Approvers(client.clone(), (*number).into())),
            FileName::Root(_) => true,
            _ => false,
        };
        if kept && found.get(&name) != Some(bytes) {
            return Err(Error::input(format!(
                "the source lacks {name} as the last release has it: a commit took it out or changed it. Put it back; chains of \
                 roots and approvers only grow"
            )));
        }
    }
    Ok(found)
}

/// What a client once said is said for ever: with those of the source go those of the release before, which somebody may have
/// taken out of it.
fn kept_statements(
    mut found: Vec<Signed<PersonId>>,
    before: Option<&Published>,
    of_region: &impl Fn(&Place) -> bool,
) -> Vec<Signed<PersonId>> {
    let mut known: BTreeSet<Digest> = found.iter().map(|signed| Digest::of_file(&signed.bytes)).collect();
    let mut signatures: BTreeMap<Digest, BTreeMap<PersonId, Vec<u8>>> = BTreeMap::new();
    for (name, bytes) in listed(before) {
        if let FileName::StatementSignature(digest, person) = name {
            signatures.entry(digest).or_default().insert(person, bytes.clone());
        }
    }
    for (name, bytes) in listed(before) {
        let FileName::Statement(digest) = name else { continue };
        let of = Statement::parse(&name.to_string(), bytes).ok().map(|statement| Place::Approval(statement.client));
        if of.is_some_and(|place| of_region(&place)) && known.insert(digest) {
            found.push(Signed { bytes: bytes.clone(), signatures: signatures.remove(&digest).unwrap_or_default() });
        }
    }
    found
}

fn signatures(files: &Files) -> impl Iterator<Item = (&Arc<str>, &PersonId, Vec<u8>)> {
    files.values().filter_map(|file| match &file.place {
        Place::Signature(of, person) => Some((of, person, file.bytes.to_vec())),
        _ => None,
    })
}

fn trust_name(place: &Place) -> Option<FileName> {
    match place {
        Place::Root(version) => u32::try_from(*version).ok().map(FileName::Root),
        Place::Teams => Some(FileName::Teams),
        Place::CatalogLock => Some(FileName::CatalogLock),
        Place::Approvers(client, number) => u32::try_from(*number).ok().map(|n| FileName::Approvers(client.clone(), n)),
        _ => None,
    }
}

fn signature_name(file: FileName, person: &PersonId) -> Option<FileName> {
    let person = person.clone();
    match file {
        FileName::Root(version) => Some(FileName::RootSignature(version, person)),
        FileName::Teams => Some(FileName::TeamsSignature(person)),
        FileName::CatalogLock => Some(FileName::CatalogLockSignature(person)),
        FileName::Approvers(client, number) => Some(FileName::ApproversSignature(client, number, person)),
        _ => None,
    }
}

/// The statements with their signatures.
fn statements(files: &Files, of_region: &impl Fn(&Place) -> bool) -> Vec<Signed<PersonId>> {
    let mut by_file: BTreeMap<&Arc<str>, BTreeMap<PersonId, Vec<u8>>> = BTreeMap::new();
    for (path, person, bytes) in signatures(files) {
        by_file.entry(path).or_default().insert(person.clone(), bytes);
    }
    let of_kind = files.iter().filter(|(_, file)| matches!(file.place, Place::Approval(_)) && of_region(&file.place));
    of_kind
        .map(|(path, file)| Signed { bytes: file.bytes.to_vec(), signatures: by_file.remove(path).unwrap_or_default() })
        .collect()
}
