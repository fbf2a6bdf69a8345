//! What a release branch holds and held, and which checkpoints an agent's branch did: each commit on the way back from the tip.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::client::ClientFacts;
use assent_schema::id::{AgentId, ClientId};
use assent_schema::ledger::NOTE_MOST_BYTES;
use assent_schema::ledger::{Checkpoint, Origin};
use assent_schema::plan::Plan;
use assent_schema::release::{FileName, Manifest};
use assent_schema::time::Moment;
use assent_schema::trust::{RootChain, Statement, Teams};
use git2::{Commit, ErrorCode, Oid, Repository, Tree};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::branch;
use super::chain::{Chain, Link};
use super::prepare::Target;
use crate::error::Error;

/// The most commits of a branch that are looked at: freshness makes one a day at least, an agent one an hour.
const COMMITS_MOST: usize = 100_000;

/// A release that a branch holds or held.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of it.
    pub digest: Digest,
    /// The file of each client, with the digest that the manifest says.
    pub clients: BTreeMap<ClientId, Arc<ClientFacts>>,
    /// Who is assigned to which client; absent where the file cannot be read.
    pub teams: Option<Arc<Teams>>,
    /// The newest root version that it carries.
    pub root: Option<u32>,
    /// The number of the newest approvers file of each client that it carries.
    pub approvers: BTreeMap<ClientId, u32>,
}

impl Past {
    /// Whether it names a plan.
    pub fn names(&self, plan: &Digest) -> bool {
        self.manifest.active.iter().any(|active| active.plan == *plan)
    }

    /// The statements that it holds, by digest.
    pub fn statements(&self) -> impl Iterator<Item = Digest> {
        self.manifest.files.keys().filter_map(|path| match FileName::parse(path)? {
            FileName::Statement(digest) => Some(digest),
            _ => None,
        })
    }
}

/// What a statement says, as far as a name of it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whose data it is.
    pub client: ClientId,
    /// `approve`, `reject` or `withdraw`.
    pub decision: &'static str,
}

/// The releases of a branch.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The newest first.
    pub releases: Vec<Past>,
    /// Every plan that one of them names.
    pub plans: BTreeMap<Digest, Arc<Plan>>,
    /// Every statement that one of them holds.
    pub statements: BTreeMap<Digest, Said>,
    /// What does not fit together.
    pub broken: Option<String>,
    /// Whether it was followed to the first release.
    pub is_whole: bool,
}

/// Whether a branch holds a release that somebody says they took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does, or did.
    There,
    /// It never did.
    Never,
    /// It does not, and whoever may push can have taken it away: its number is above the newest that is there.
    Beyond,
    /// Not all of it is here.
    Unknown,
}

/// What is said of a release that is [`Holds::Beyond`].
pub const BEYOND: &str = "the branch does not hold that: it was wound back, or there never was such a release";

impl History {
    /// Whether it holds a release, by manifest and number.
    pub fn holds(&self, manifest: &Digest, sequence: u64) -> Holds {
        match self.release(manifest) {
            Some(past) if past.manifest.sequence == sequence => Holds::There,
            _ if self.releases.is_empty() || self.is_beyond(sequence) => Holds::Beyond,
            _ if !self.is_whole => Holds::Unknown,
            _ => Holds::Never,
        }
    }

    /// Whether there may have been a release of this number that is not here.
    pub fn may_have_held(&self, sequence: u64) -> bool {
        !self.is_whole || self.is_beyond(sequence)
    }

    /// Whether a number is above the newest release of a generation, of all that there were.
    fn is_beyond(&self, sequence: u64) -> bool {
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        for Past { manifest, .. } in self.releases.iter().filter(|_| self.is_whole) {
            newest.entry(manifest.generation).or_insert(manifest.sequence);
        }
        newest.into_values().any(|newest| newest < sequence)
    }

    /// The release of a manifest.
    pub fn release(&self, manifest: &Digest) -> Option<&Past> {
        self.releases.iter().find(|past| past.digest == *manifest)
    }
}

/// Reads all releases of a branch. Each names the manifest before it, so the signature of the newest vouches for those of its
/// generation; of an older generation the newest that the roots of then vouch for does. Files are held against the manifests.
///
/// # Errors
/// When the repository cannot be read.
pub fn history(repository: &Repository, target: &Target, roots: &RootChain) -> Result<History, Error> {
    let name = target.branch();
    let chain = Chain::read(repository, target, roots)?;
    let (mut history, mut files) = (History::default(), Files::default());
    (history.is_whole, history.broken) = (chain.is_whole, chain.broken);
    for Link { manifest, digest, commit } in chain.links {
        let during = |e| Error::git(format!("read the history of {name}"), e);
        let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(during)?;
        let past = files.release(repository, &tree, (manifest, digest), &mut history);
        history.releases.push(past);
    }
    Ok(history)
}

/// The checkpoints of some logs that an agent's branch holds and held, whole and unverified, the newest first.
///
/// # Errors
/// When the repository cannot be read.
pub fn checkpoints(
    repository: &Repository,
    target: &Target,
    agent: &AgentId,
    wanted: &BTreeSet<Origin>,
) -> Result<Vec<(String, Moment)>, Error> {
    let name = format!("status/{}/{}/{agent}", target.environment, target.region);
    let mut found: BTreeMap<Oid, Option<(String, Moment)>> = BTreeMap::new();
    let folders: BTreeSet<&str> = wanted.iter().map(Origin::folder).collect();
    back(repository, &name, branch::tip(repository, &name)?, |commit| {
        let tree = commit.tree()?;
        for path in
            folders.iter().flat_map(|log| ["checkpoint", "cosigned"].map(|file| format!("checkpoints/{log}/{file}")))
        {
            let Some(id) = at(&tree, &path) else { continue };
            let time = Moment::from_seconds(commit.time().seconds());
            match found.entry(id) {
                // It stood there before as well.
                Entry::Occupied(known) => {
                    if let Some((_, since)) = known.into_mut() {
                        *since = time;
                    }
                }
                Entry::Vacant(new) => {
                    let note = branch::blob(repository, id, NOTE_MOST_BYTES)?;
                    let note = note.and_then(|bytes| String::from_utf8(bytes).ok());
                    // What is no checkpoint at all is of no log.
                    let note =
                        note.filter(|text| Checkpoint::peek(text).is_ok_and(|head| wanted.contains(&head.origin)));
                    new.insert(note.map(|text| (text, time)));
                }
            }
        }
        Ok(())
    })?;
    Ok(found.into_values().flatten().collect())
}

/// Visits the commits of a branch, the newest first; whether that came to the first of them. A clone may be shallow.
pub(super) fn back(
    repository: &Repository,
    name: &str,
    tip: Option<Oid>,
    mut visit: impl FnMut(&Commit<'_>) -> Result<(), git2::Error>,
) -> Result<bool, Error> {
    let tried = |e| Error::git(format!("read the history of {name}"), e);
    let mut next = tip;
    for _ in 0..COMMITS_MOST {
        let Some(id) = next else { return Ok(!repository.is_shallow()) };
        let commit = match repository.find_commit(id) {
            Err(e) if e.code() == ErrorCode::NotFound => return Ok(false),
            found => found.map_err(tried)?,
        };
        visit(&commit).map_err(tried)?;
        next = commit.parent_id(0).ok();
    }
    Ok(false)
}

pub(super) fn at(tree: &Tree<'_>, path: &str) -> Option<Oid> {
    tree.get_path(Path::new(path)).ok().map(|entry| entry.id())
}

/// Clients' files and teams that were read: most releases change none.
#[derive(Default)]
struct Files {
    clients: BTreeMap<Digest, Arc<ClientFacts>>,
    teams: BTreeMap<Digest, Arc<Teams>>,
}

impl Files {
    fn release(
        &mut self,
        repository: &Repository,
        tree: &Tree<'_>,
        (manifest, digest): (Manifest, Digest),
        history: &mut History,
    ) -> Past {
        let mut lacks = None;
        let mut clients = BTreeMap::new();
        for active in &manifest.active {
            if !clients.contains_key(&active.client) {
                let path = format!("clients/{}.json", active.client);
                let said = manifest.files.get(&path).map(|entry| entry.sha256);
                let facts = said.and_then(|said| kept(&mut self.clients, said, || read(repository, tree, &path, said)));
                if facts.is_none() {
                    lacks.get_or_insert(path);
                }
                clients.extend(facts.map(|facts| (active.client.clone(), facts)));
            }
            let path = format!("plans/{}.json", active.plan);
            if kept(&mut history.plans, active.plan, || read(repository, tree, &path, active.plan)).is_none() {
                lacks.get_or_insert(path);
            }
        }
        for path in manifest.files.keys() {
            let Some(FileName::Statement(digest)) = FileName::parse(path) else { continue };
            if !history.statements.contains_key(&digest) {
                let read = stored(repository, tree, path, digest);
                let statement = read.and_then(|bytes| Statement::parse(path, &bytes).ok());
                let said =
                    statement.map(|statement| Said { client: statement.client, decision: statement.says.as_str() });
                history.statements.extend(said.map(|said| (digest, said)));
            }
        }
        let path = FileName::Teams.to_string();
        let said = manifest.files.get(&path).map(|entry| entry.sha256);
        let teams = said.and_then(|said| {
            let parse = |bytes: &[u8]| Teams::parse(&path, bytes).ok();
            kept(&mut self.teams, said, || parse(&stored(repository, tree, &path, said)?))
        });
        let root = manifest.files.keys().filter_map(|path| match FileName::parse(path)? {
            FileName::Root(version) => Some(version),
            _ => None,
        });
        let root = root.max();
        let mut approvers: BTreeMap<ClientId, u32> = BTreeMap::new();
        for path in manifest.files.keys() {
            if let Some(FileName::Approvers(client, number)) = FileName::parse(path) {
                let newest = approvers.entry(client).or_default();
                *newest = number.max(*newest);
            }
        }
        if let Some(path) = lacks.filter(|_| history.broken.is_none()) {
            history.broken = Some(format!("release {} lacks {path}", manifest.sequence));
        }
        Past { manifest, digest, clients, teams, root, approvers }
    }
}

/// What was read once, or is read now.
fn kept<T>(all: &mut BTreeMap<Digest, Arc<T>>, digest: Digest, read: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
    if let Some(found) = all.get(&digest) {
        return Some(Arc::clone(found));
    }
    let found = Arc::new(read()?);
    all.insert(digest, Arc::clone(&found));
    Some(found)
}

/// A file whose digest is known; nothing where it is another one.
fn read<T: DeserializeOwned + Serialize>(
    repository: &Repository,
    tree: &Tree<'_>,
    path: &str,
    said: Digest,
) -> Option<T> {
    canon::from_bytes(&stored(repository, tree, path, said)?).ok()
}

/// The bytes of a file whose digest is known; nothing where it is another one.
fn stored(repository: &Repository, tree: &Tree<'_>, path: &str, said: Digest) -> Option<Vec<u8>> {
    let bytes = branch::blob(repository, at(tree, path)?, branch::FILE_MOST_BYTES).ok()??;
    (Digest::of_file(&bytes) == said).then_some(bytes)
}
