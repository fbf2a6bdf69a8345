//! How the regions stand for a commit: releases and status branches, verified, then judged by `verdict`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_schema::canon::{self, Digest};
use assent_schema::id::{AgentId, ConnectionId, PersonId};
use assent_schema::plan::Plan;
use assent_schema::release::{FileName, Manifest};
use assent_schema::status::Status;
use assent_schema::time::Moment;
use assent_schema::trust::{RoleName, Root, RootChain, SignedFile, verify_placed, verify_status};
use git2::{Oid, Repository};

use super::branch::{self, Files};
use super::prepare::{Published, Target, published};
use super::send::{roots_in, roots_of};
use super::verdict::{Evidence, Finding, Key, Question, RegionVerdict, Released, Verdict, judge};
use crate::error::Error;
use crate::source::limits::FILE_MOST_BYTES;

/// The most releases of one commit that are looked at for what was rolled back.
const RELEASES_MOST: usize = 1_000;
/// What an agent says of itself, on its branch.
pub(super) const STATUS: &str = "status.json";

/// How one environment and region stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which.
    pub target: Target,
    /// The newest release there, where its signatures hold.
    pub release: Option<(u64, Digest)>,
    /// The verdict.
    pub judged: RegionVerdict,
    /// Branches by agents that the root does not list there; they count for nothing.
    pub foreign: BTreeSet<String>,
    /// What each agent says of itself, where it is signed by it.
    pub statuses: BTreeMap<AgentId, Status>,
    /// Why what an agent's branch holds is no word of its own.
    pub unsigned: BTreeMap<AgentId, String>,
}

/// The roots that a commit of the source holds.
///
/// # Errors
/// When it holds none, or they do not hold.
pub fn roots_of_source(repository: &Repository, commit: Oid) -> Result<RootChain, Error> {
    let tried = |e| Error::git(format!("read trust/root of {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|found| found.tree()).map_err(tried)?;
    let folder = tree.get_path(Path::new("trust/root")).and_then(|entry| repository.find_tree(entry.id()));
    let mut files = Files::new();
    for entry in &folder.map_err(tried)? {
        let Some(name) = entry.name().ok() else { continue };
        // What is too large is no root; the check of the source says so.
        let bytes = branch::blob(repository, entry.id(), FILE_MOST_BYTES).map_err(tried)?;
        files.extend(bytes.map(|bytes| (format!("trust/root/{name}"), bytes)));
    }
    let first = files.get("trust/root/1.toml").ok_or_else(|| Error::input("the source has no root"))?;
    let project = Digest::of_file(first);
    roots_in(&files, project)
}

/// Every environment and region for which the root lists an agent or a branch holds releases.
///
/// # Errors
/// When the repository cannot be read.
pub fn targets(repository: &Repository, root: &Root) -> Result<BTreeSet<Target>, Error> {
    let listed = root.agents.values();
    let mut all: BTreeSet<Target> =
        listed.map(|entry| Target { environment: entry.environment.clone(), region: entry.region.clone() }).collect();
    for name in branch::branches(repository, "release/")? {
        let Some((environment, region)) = name.strip_prefix("release/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        if let (Ok(environment), Ok(region)) = (environment.parse(), region.parse()) {
            all.insert(Target { environment, region });
        }
    }
    Ok(all)
}

/// How one environment and region stands for a commit.
///
/// # Errors
/// When the repository cannot be read.
pub fn standing(
    repository: &Repository,
    target: &Target,
    commit: Oid,
    source: &RootChain,
    now: Moment,
) -> Result<Standing, Error> {
    let published = published(repository, target, &[]);
    let newer = published.as_ref().ok().and_then(Option::as_ref);
    let newer = newer.and_then(|release| roots_of(release, source.project()).ok());
    // An agent that a newer root took out does not count, wherever that root is.
    let roots = newer.as_ref().filter(|newer| newer.newest().version > source.newest().version).unwrap_or(source);
    let wanted = commit.to_string();
    let mut release = None;
    let released = match published {
        Err(error) => Err(Finding::new(Verdict::Unknown, error.to_string())),
        Ok(None) => Err(Finding::new(Verdict::Behind, "nothing was released there yet")),
        Ok(Some(published)) => {
            if let Err(finding) = verified(&published, target, roots) {
                Err(finding)
            } else {
                release = Some((published.manifest.sequence, published.digest));
                of_commit(repository, target, &published, &wanted)?
            }
        }
    };
    let (agents, foreign) = agents(repository, target, roots)?;
    let question = Question { commit: &wanted, release: released.as_ref().map_err(Clone::clone), agents: &agents, now };
    let judged = judge(&question);
    let (mut statuses, mut unsigned) = (BTreeMap::new(), BTreeMap::new());
    for (agent, evidence) in agents {
        match evidence {
            Evidence::Says(status) => drop(statuses.insert(agent, *status)),
            Evidence::Broken(why) => drop(unsigned.insert(agent, why)),
            Evidence::Missing => {}
        }
    }
    Ok(Standing { target: target.clone(), release, judged, foreign, statuses, unsigned })
}

/// Checks that the release role signed it for this place.
pub(super) fn verified(release: &Published, target: &Target, roots: &RootChain) -> Result<(), Finding> {
    let signatures = release.files.iter().filter_map(|(path, bytes)| match FileName::parse(path)? {
        FileName::ManifestSignature(person) => Some((person, bytes.clone())),
        _ => None,
    });
    let signatures: BTreeMap<PersonId, Vec<u8>> = signatures.collect();
    let bytes = release.files.get("manifest.json").cloned().unwrap_or_default();
    let signed = SignedFile { bytes, signatures };
    let (environment, region) = (&target.environment, &target.region);
    let manifest = verify_placed::<Manifest>("manifest.json", &signed, RoleName::Release, roots, environment, region)
        .map_err(|why| Finding::new(Verdict::Unknown, why.to_string()))?;
    if manifest.generation != roots.newest().generation {
        return Err(Finding::new(Verdict::Behind, "the newest release is of a generation that is over"));
    }
    Ok(())
}

/// The newest release, if it is of the commit, and what of it was rolled back.
fn of_commit(
    repository: &Repository,
    target: &Target,
    newest: &Published,
    commit: &str,
) -> Result<Result<Released, Finding>, Error> {
    let manifest = &newest.manifest;
    if manifest.source.commit != commit {
        let (sequence, other) = (manifest.sequence, manifest.source.commit.get(..12).unwrap_or_default());
        return Ok(Err(Finding::new(Verdict::Behind, format!("release {sequence} is of commit {other}"))));
    }
    let plans = plans(manifest);
    let first = first_of_commit(repository, target, commit)?.unwrap_or_default();
    let changed = |(key, plan): &(&Key, &Digest)| first.get(*key).is_some_and(|compiled| compiled != *plan);
    let rolled_back = plans.iter().filter(changed).map(|(key, _)| key.clone()).collect();
    let (generation, sequence, manifest) = (manifest.generation, manifest.sequence, newest.digest);
    let uses = plans.values().filter_map(|plan| Some((*plan, connections(newest, plan)?))).collect();
    Ok(Ok(Released { generation, sequence, manifest, plans, rolled_back, uses }))
}

/// The connections of a plan, as its release has it.
fn connections(release: &Published, plan: &Digest) -> Option<BTreeSet<ConnectionId>> {
    let bytes = release.files.get(&FileName::Plan(*plan).to_string())?;
    let plan: Plan = canon::from_bytes(bytes).ok().filter(|_| Digest::of_file(bytes) == *plan)?;
    Some(plan.connections.into_keys().collect())
}

fn plans(manifest: &Manifest) -> BTreeMap<Key, Digest> {
    manifest.active.iter().map(|a| ((a.client.clone(), a.workflow.clone()), a.plan)).collect()
}

/// The plans of the first release of a commit: those that were compiled from it. Later ones of the same commit may name
/// older plans. What stands in the history is not verified: it can only take green away.
fn first_of_commit(
    repository: &Repository,
    target: &Target,
    commit: &str,
) -> Result<Option<BTreeMap<Key, Digest>>, Error> {
    let name = target.branch();
    let tried = |e| Error::git(format!("read the history of {name}"), e);
    let (mut found, mut next) = (None, branch::tip(repository, &name)?);
    for _ in 0..RELEASES_MOST {
        let Some(id) = next else { break };
        let release = repository.find_commit(id).map_err(tried)?;
        let tree = release.tree().map_err(tried)?;
        let Ok(entry) = tree.get_path(Path::new("manifest.json")) else { break };
        let Some(bytes) = branch::blob(repository, entry.id(), branch::FILE_MOST_BYTES).map_err(tried)? else { break };
        let Ok(manifest) = canon::from_bytes::<Manifest>(&bytes) else { break };
        if manifest.source.commit != commit {
            break;
        }
        found = Some(plans(&manifest));
        next = release.parent_id(0).ok();
    }
    Ok(found)
}

/// What each agent says that the root lists there, and the branches of all others.
pub(super) fn agents(
    repository: &Repository,
    target: &Target,
    roots: &RootChain,
) -> Result<(BTreeMap<AgentId, Evidence>, BTreeSet<String>), Error> {
    let prefix = format!("status/{}/{}/", target.environment, target.region);
    let mut foreign: BTreeSet<String> = branch::branches(repository, &prefix)?.into_iter().collect();
    let mut agents = BTreeMap::new();
    let here = |entry: &assent_schema::trust::AgentEntry| {
        entry.environment == target.environment && entry.region == target.region
    };
    for (agent, _) in roots.newest().agents.iter().filter(|(_, entry)| here(entry)) {
        let name = format!("{prefix}{agent}");
        foreign.remove(&name);
        agents.insert(agent.clone(), evidence(repository, &name, agent, roots)?);
    }
    Ok((agents, foreign))
}

fn evidence(repository: &Repository, name: &str, agent: &AgentId, roots: &RootChain) -> Result<Evidence, Error> {
    let tip = branch::tip(repository, name)?;
    Ok(tip.map_or(Evidence::Missing, |tip| said_at(repository, tip, agent, roots)))
}

/// What one commit of an agent's branch says.
pub(super) fn said_at(repository: &Repository, commit: Oid, agent: &AgentId, roots: &RootChain) -> Evidence {
    let tree = match repository.find_commit(commit).and_then(|commit| commit.tree()) {
        Ok(tree) => tree,
        Err(error) => return Evidence::Broken(error.message().to_owned()),
    };
    // Only these two: the branch also holds checkpoints, and a hostile one whatever it likes.
    let read = |path: &str| {
        let entry = tree.get_path(Path::new(path)).ok()?;
        branch::blob(repository, entry.id(), branch::FILE_MOST_BYTES).ok()?
    };
    let (Some(bytes), Some(armour)) = (read(STATUS), read(&format!("{STATUS}.{agent}.sig"))) else {
        return Evidence::Broken("its branch holds no signed status".into());
    };
    verified_status(&bytes, &armour, agent, roots)
}

/// Whether an agent that the root lists signed this of itself.
pub(super) fn verified_status(bytes: &[u8], armour: &[u8], agent: &AgentId, roots: &RootChain) -> Evidence {
    match verify_status(STATUS, bytes, agent, armour, roots.newest(), roots.project()) {
        Ok(status) => Evidence::Says(Box::new((*status).clone())),
        Err(why) => Evidence::Broken(why.to_string()),
    }
}
