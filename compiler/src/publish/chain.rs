//! The manifests of a branch, each named by the one after it: what is on the chain was signed, what merely stands on the branch
//! was not.
//!
//! Whoever may push decides what a branch holds. They can leave releases out, and put others between; they cannot make one that
//! the next one names. So what is missing is said of the branch, and of nobody else.

use std::collections::BTreeMap;

use assent_schema::canon::{self, Digest};
use assent_schema::release::Manifest;
use assent_schema::trust::{Root, RootChain};
use git2::{Commit, Oid, Repository};

use super::history::{at, back};
use super::newest::kept_tip;
use super::prepare::{Target, release_of};
use super::send::roots_of;
use super::{branch, standing};
use crate::error::Error;

/// The most releases of older generations of which is asked who signed them: each is read whole.
const ASKED_MOST: usize = 16;

/// One release of the chain.
#[derive(Debug)]
pub(super) struct Link {
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of it.
    pub digest: Digest,
    /// The newest commit that holds it.
    pub commit: Oid,
}

/// The releases of a branch.
#[derive(Debug)]
pub(super) struct Chain {
    /// The newest first.
    pub links: Vec<Link>,
    /// Whether it leads to the first release of the place.
    pub is_whole: bool,
    /// What of the branch does not fit together.
    pub broken: Option<String>,
}

/// Manifests in the order in which they stand on a branch, the newest first.
#[derive(Default)]
struct Shelf {
    links: BTreeMap<Digest, Link>,
    order: Vec<Digest>,
    last: Option<Oid>,
    unread: bool,
}

impl Shelf {
    /// Takes the manifest of a commit, unless the one after it had it too.
    fn take(&mut self, repository: &Repository, commit: &Commit<'_>) -> Result<(), git2::Error> {
        let id = at(&commit.tree()?, "manifest.json").filter(|id| self.last != Some(*id));
        let Some(id) = id else { return Ok(()) };
        self.last = Some(id);
        let bytes = branch::blob(repository, id, branch::FILE_MOST_BYTES)?;
        let read = bytes.and_then(|bytes| Some((Digest::of_file(&bytes), canon::from_bytes(&bytes).ok()?)));
        let Some((digest, manifest)) = read else {
            self.unread = true;
            return Ok(());
        };
        if !self.links.contains_key(&digest) {
            self.order.push(digest);
            self.links.insert(digest, Link { manifest, digest, commit: commit.id() });
        }
        Ok(())
    }
}

/// The way back along a chain.
struct Way<'a> {
    repository: &'a Repository,
    target: &'a Target,
    roots: &'a RootChain,
    shelf: Shelf,
    /// What this clone keeps of the branch as it was; read where the branch lacks something.
    kept: Option<Shelf>,
    /// Whether all commits of the branch are here.
    reached: bool,
    chain: Chain,
}

impl Chain {
    /// Follows the chain of a branch, whose newest release somebody else verified.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub(super) fn read(repository: &Repository, target: &Target, roots: &RootChain) -> Result<Self, Error> {
        let (name, mut shelf) = (target.branch(), Shelf::default());
        let tip = branch::tip(repository, &name)?;
        let reached = back(repository, &name, tip, |commit| shelf.take(repository, commit))?;
        let chain = Self { links: Vec::new(), is_whole: false, broken: None };
        let newest = shelf.order.first().and_then(|newest| shelf.links.remove(newest));
        let mut way = Way { repository, target, roots, shelf, kept: None, reached, chain };
        let mut next = newest;
        while let Some(link) = next {
            next = way.before(&link)?;
            way.chain.links.push(link);
        }
        Ok(way.end())
    }

    fn breaks(&mut self, why: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(why);
    }
}

impl Way<'_> {
    /// The release before one; nothing where it is the first, or the chain ends.
    fn before(&mut self, link: &Link) -> Result<Option<Link>, Error> {
        let Manifest { generation, sequence, previous, .. } = link.manifest;
        let Some(previous) = previous else {
            if sequence == 1 {
                return Ok(self.of_older(generation));
            }
            self.chain.breaks(|| format!("release {sequence} of generation {generation} names none before it"));
            return Ok(None);
        };
        let Some(found) = self.find(previous, sequence)? else { return Ok(None) };
        let older = &found.manifest;
        if older.generation == generation && older.sequence < sequence {
            return Ok(Some(found));
        }
        let older = older.sequence;
        self.chain.breaks(|| format!("release {sequence} names release {older}, which does not come before it"));
        Ok(None)
    }

    /// The release that another one names: of the branch, else of what this clone keeps.
    fn find(&mut self, digest: Digest, by: u64) -> Result<Option<Link>, Error> {
        if let Some(found) = self.shelf.links.remove(&digest) {
            return Ok(Some(found));
        }
        let before = by.saturating_sub(1);
        let kept = match &mut self.kept {
            Some(kept) => kept,
            none => none.insert(kept(self.repository, self.target)?),
        };
        let found = kept.links.remove(&digest);
        if found.is_some() || self.reached {
            let here = if found.is_some() { "; this clone has it still" } else { "" };
            self.chain.breaks(|| format!("the branch lacks release {before}, which release {by} names{here}"));
        }
        Ok(found)
    }

    /// The newest release of an older generation, by those who could sign it then. None of a later one names it.
    fn of_older(&mut self, generation: u32) -> Option<Link> {
        let is_older =
            |digest: &&Digest| self.shelf.links.get(*digest).is_some_and(|link| link.manifest.generation < generation);
        let older: Vec<Digest> = self.shelf.order.iter().filter(is_older).take(ASKED_MOST).copied().collect();
        for digest in older {
            let Some(link) = self.shelf.links.remove(&digest) else { continue };
            if self.is_signed(&link) {
                return Some(link);
            }
            let Manifest { generation, sequence, .. } = link.manifest;
            self.chain.breaks(|| {
                format!("release {sequence} of generation {generation} is not signed by those who could sign it then")
            });
        }
        self.chain.is_whole = self.is_first(generation);
        None
    }

    fn is_signed(&self, link: &Link) -> bool {
        let release = branch::read(self.repository, link.commit).and_then(|files| release_of("the release", files));
        release.is_ok_and(|release| {
            let roots = roots_of(&release, self.roots.project());
            roots.is_ok_and(|roots| standing::verified(&release, self.target, &roots).is_ok())
        })
    }

    /// Whether a place had no release before this generation: nobody was there who could have taken one.
    fn is_first(&self, generation: u32) -> bool {
        let is_there = |root: &Root| {
            let mut places = root.agents.values().map(|agent| (&agent.environment, &agent.region));
            places.any(|place| place == (&self.target.environment, &self.target.region))
        };
        let mut before = (1..).map_while(|version| self.roots.version(version));
        generation == 1 || (self.reached && !before.any(|root| root.generation < generation && is_there(root)))
    }

    /// What of the branch is on no chain.
    fn end(mut self) -> Chain {
        let beside = self.shelf.order.iter().find_map(|digest| self.shelf.links.get(digest));
        if let Some(Link { manifest: Manifest { sequence, .. }, .. }) = beside {
            self.chain.breaks(|| format!("it holds a release {sequence} that no release after it names"));
        }
        if self.shelf.unread {
            self.chain.breaks(|| "one of its manifests cannot be read".to_owned());
        }
        self.chain
    }
}

/// What this clone keeps of a branch. A fetch may move that, and it is believed only where a digest leads there.
fn kept(repository: &Repository, target: &Target) -> Result<Shelf, Error> {
    let (name, mut shelf) = (target.branch(), Shelf::default());
    back(repository, &name, kept_tip(repository, &name), |commit| shelf.take(repository, commit))?;
    Ok(shelf)
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
