//! What several clients share in a commit, and which files each client's workflows are: as blobs, of which nothing is read
//! here. It is asked of many commits, so everything is known by the trees that hold it.
//!
//! # Source
//! trust.md section 2, "Teams".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::ClientId;
use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use super::limits::FILE_MOST_BYTES;
use super::pinned::{Pins, lock_of};
use super::weigh::Scales;
use crate::error::Error;

/// The file that says what holds for all clients.
pub const PROJECT_FILE: &str = "assent.toml";
/// The folder of workflows that several clients use.
pub const LIBRARY_FOLDER: &str = "library";

/// What one commit holds of all that.
#[derive(Clone, Debug)]
pub struct Shared {
    /// `assent.toml`.
    pub project: Option<Oid>,
    /// Every file below `library/`, by its path in the source.
    pub library: Arc<Library>,
    /// The clients that have a folder, pinned ones among them where they are here.
    pub clients: Arc<BTreeMap<ClientId, Arc<Configured>>>,
}

/// The files of the library, by path.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The tree that they stand in; absent where there is none.
    pub tree: Option<Oid>,
    /// The files.
    pub files: BTreeMap<String, Oid>,
}

/// What of a client's folder says which shared files count for it.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The folder's tree.
    pub tree: Oid,
    /// `client.toml`.
    pub client: Option<Oid>,
    /// The files of its workflows.
    pub workflows: BTreeSet<Oid>,
}

/// The clients of a commit, each with its folder.
type Clients = Arc<BTreeMap<ClientId, Arc<Configured>>>;

/// Reads commits, and remembers what stood in the same trees.
pub struct SharedReader<'r> {
    repository: &'r Repository,
    scales: Scales,
    libraries: BTreeMap<Oid, Arc<Library>>,
    folders: BTreeMap<Oid, Arc<Configured>>,
    /// By the tree of `clients/` and the blob of `clients.lock`.
    clients: BTreeMap<(Option<Oid>, Option<Oid>), Clients>,
}

impl<'r> SharedReader<'r> {
    /// Reads commits of a repository.
    pub fn new(repository: &'r Repository) -> Self {
        Self {
            repository,
            scales: Scales::of(repository),
            libraries: BTreeMap::new(),
            folders: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }

    /// What a commit holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(&mut self, commit: Oid) -> Result<Shared, Error> {
        self.read(commit).map_err(|e| Error::git(format!("read what clients share in commit {commit}"), e))
    }

    /// A file as text; nothing where it is none, or too large to be one of the source.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, blob: Oid) -> Result<Option<String>, Error> {
        let read = || {
            let odb = self.repository.odb()?;
            if self.scales.size(&odb, blob)? > FILE_MOST_BYTES {
                return Ok(None);
            }
            Ok(String::from_utf8(odb.read(blob)?.data().to_vec()).ok())
        };
        read().map_err(|e| Error::git(format!("read the file {blob}"), e))
    }

    fn read(&mut self, commit: Oid) -> Result<Shared, git2::Error> {
        let tree = self.repository.find_commit(commit)?.tree()?;
        let project = find(&tree, PROJECT_FILE, ObjectType::Blob);
        let library = match find(&tree, LIBRARY_FOLDER, ObjectType::Tree) {
            Some(id) => self.library(id)?,
            None => Arc::default(),
        };
        let key = (find(&tree, "clients", ObjectType::Tree), find(&tree, super::CLIENTS_LOCK, ObjectType::Blob));
        let clients = if let Some(known) = self.clients.get(&key) {
            Arc::clone(known)
        } else {
            let found = Arc::new(self.clients(&tree, key.0)?);
            self.clients.insert(key, Arc::clone(&found));
            found
        };
        Ok(Shared { project, library, clients })
    }

    fn library(&mut self, id: Oid) -> Result<Arc<Library>, git2::Error> {
        if let Some(known) = self.libraries.get(&id) {
            return Ok(Arc::clone(known));
        }
        let mut files = BTreeMap::new();
        self.gather(&self.repository.find_tree(id)?, LIBRARY_FOLDER, 0, &mut files)?;
        let found = Arc::new(Library { tree: Some(id), files });
        self.libraries.insert(id, Arc::clone(&found));
        Ok(found)
    }

    fn gather(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        depth: usize,
        files: &mut BTreeMap<String, Oid>,
    ) -> Result<(), git2::Error> {
        for entry in tree {
            let Ok(name) = entry.name() else { continue };
            let path = format!("{folder}/{name}");
            // No file of the library stands deeper than in a folder of it.
            if entry.kind() == Some(ObjectType::Tree) && depth == 0 {
                let inner = self.repository.find_tree(entry.id())?;
                self.gather(&inner, &path, depth.saturating_add(1), files)?;
            } else {
                files.insert(path, entry.id());
            }
        }
        Ok(())
    }

    fn clients(
        &mut self,
        root: &Tree<'_>,
        folder: Option<Oid>,
    ) -> Result<BTreeMap<ClientId, Arc<Configured>>, git2::Error> {
        let mut trees = BTreeMap::new();
        let lock =
            lock_of(self.repository, &self.scales, root)?.and_then(|lock| Pins::parse(&lock).ok()).unwrap_or_default();
        for (client, pin) in lock.clients {
            let Ok(commit) = Oid::from_str(&pin.commit) else { continue };
            match self.repository.find_commit(commit) {
                // Who may not read the client's repository cannot tell what it uses.
                Err(e) if e.code() == ErrorCode::NotFound => {}
                found => drop(trees.insert(client, found?.tree_id())),
            }
        }
        if let Some(folder) = folder {
            for entry in &self.repository.find_tree(folder)? {
                let client = entry.name().ok().and_then(|name| ClientId::new(name).ok());
                if let (Some(client), Some(ObjectType::Tree)) = (client, entry.kind()) {
                    trees.insert(client, entry.id());
                }
            }
        }
        trees.into_iter().map(|(client, tree)| Ok((client, self.configured(tree)?))).collect()
    }

    fn configured(&mut self, id: Oid) -> Result<Arc<Configured>, git2::Error> {
        if let Some(known) = self.folders.get(&id) {
            return Ok(Arc::clone(known));
        }
        let tree = self.repository.find_tree(id)?;
        let mut workflows = BTreeSet::new();
        if let Some(folder) = find(&tree, "workflows", ObjectType::Tree) {
            for entry in &self.repository.find_tree(folder)? {
                let is_workflow =
                    |name: &str| name.strip_suffix(".toml").is_some_and(|stem| stem.strip_suffix(".test").is_none());
                if entry.kind() == Some(ObjectType::Blob) && entry.name().is_ok_and(is_workflow) {
                    workflows.insert(entry.id());
                }
            }
        }
        let found = Configured { tree: id, client: find(&tree, "client.toml", ObjectType::Blob), workflows };
        let found = Arc::new(found);
        self.folders.insert(id, Arc::clone(&found));
        Ok(found)
    }
}

/// What stands in a folder under a name. Walked, not searched: a tree out of order hides names from whoever searches it.
fn find(tree: &Tree<'_>, name: &str, kind: ObjectType) -> Option<Oid> {
    tree.iter()
        .find(|entry| entry.name_bytes() == name.as_bytes() && entry.kind() == Some(kind))
        .map(|entry| entry.id())
}
