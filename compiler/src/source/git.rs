//! A commit whose parts are read from the object database when they are wanted. Never the work tree, never a checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings, Span};
use assent_schema::id::{ClientId, WorkflowId};
use git2::{Odb, Oid, Repository};

use super::commit::{Entry, read_blob, walk_below, walk_tree};
use super::limits::{FILES_MOST, TOTAL_MOST_BYTES};
use super::pinned::{CLIENTS_LOCK, Pinned, client_of, lock, lock_of};
use super::place::{Place, Standing, standing};
use super::weigh::HEAVY;
use super::{Collector, Folder, Parts, Pending, Scales, Source, advice};
use crate::error::Error;

/// The folder that holds a folder for each client.
const CLIENTS: &str = "clients";

/// A commit of which only the outermost trees were read.
pub struct Commit {
    path: PathBuf,
    id: Oid,
    scales: Scales,
    /// Everything outside of the clients' folders.
    project: Vec<Entry>,
    /// The trees of the clients' folders, those of pinned ones among them.
    clients: BTreeMap<ClientId, Oid>,
    /// What `clients.lock` pins.
    pinned: Pinned,
    /// Repositories that no thread uses now: opening one takes as long as reading a hundred blobs.
    open: Mutex<Vec<Repository>>,
    /// The workflows of each client whose folder was listed.
    listed: Mutex<BTreeMap<ClientId, Arc<BTreeMap<WorkflowId, Pending>>>>,
    files: AtomicUsize,
    bytes: AtomicUsize,
    /// Blobs beside the source in which nothing looks like a secret: the same bytes under many paths are looked through
    /// once.
    clean: Mutex<BTreeSet<Oid>>,
    /// The size of all that was looked through there.
    beside: AtomicUsize,
}

/// Opens a commit.
///
/// # Errors
/// When the object database cannot be read.
pub fn open_commit(repository: &Repository, commit: Oid) -> Result<Commit, Error> {
    let failed = |e| Error::git(format!("read commit {commit}"), e);
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed)?;
    let scales = Scales::of(repository);
    let mut clients = BTreeMap::new();
    let mut project = Vec::new();
    walk_below((repository, &scales), &tree, "", 0, &mut project, &mut |path, tree| {
        let name = path.strip_prefix(CLIENTS).and_then(|rest| ClientId::new(rest.strip_prefix('/')?).ok());
        name.is_some_and(|name| clients.insert(name, tree).is_none())
    })?;
    let lock = lock_of(repository, &scales, &tree).map_err(failed)?;
    let present = clients.keys().collect();
    let pinned = lock.map(|lock| Pinned::of(repository, &lock, &present)).transpose()?.unwrap_or_default();
    clients.extend(pinned.trees.clone());
    Ok(Commit {
        path: repository.path().to_owned(),
        id: commit,
        scales,
        files: AtomicUsize::new(project.len()),
        project,
        clients,
        pinned,
        open: Mutex::new(Vec::new()),
        listed: Mutex::new(BTreeMap::new()),
        bytes: AtomicUsize::new(0),
        clean: Mutex::new(BTreeSet::new()),
        beside: AtomicUsize::new(0),
    })
}

/// Lets objects be read without their SHA-1 made anew, as git itself reads what it stored. For a check alone: of it comes
/// nothing but findings. What is released is hashed again as it is read.
pub fn unhashed<T>(work: impl FnOnce() -> T) -> T {
    git2::opts::strict_hash_verification(false);
    let done = work();
    git2::opts::strict_hash_verification(true);
    done
}

impl Commit {
    /// Leaves aside all clients but one.
    pub fn keep_only(&mut self, client: &ClientId) {
        self.clients.retain(|other, _| other == client);
    }

    /// Leaves aside, in both, the clients of whom nothing differs: where a folder's tree is the same, all in it is, and
    /// what they rest on as well.
    pub fn keep_what_differs(&mut self, other: &mut Self) {
        if self.project_mark() == other.project_mark() {
            let before = self.clients.clone();
            self.clients.retain(|client, tree| other.clients.get(client) != Some(tree));
            other.clients.retain(|client, tree| before.get(client) != Some(tree));
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Repository) -> Result<T, Error>) -> Result<T, Error> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let repository = match free {
            Some(repository) => repository,
            None => Repository::open(&self.path)
                .map_err(|e| Error::git(format!("open the repository {}", self.path.display()), e))?,
        };
        let done = work(&repository);
        lock().push(repository);
        done
    }

    fn reader<T>(
        &self,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
    ) -> Result<(T, Source, Findings), Error> {
        self.with(|repository| {
            let odb = repository.odb().map_err(|e| Error::git("open the object database", e))?;
            let mut reader = Reader { commit: self, repository, odb, collector: Collector::new() };
            let done = work(&mut reader)?;
            let (source, findings) = reader.collector.finish(Some(self.id));
            self.bytes.fetch_add(source.size_bytes(), Ordering::Relaxed);
            Ok((done, source, findings))
        })
    }

    fn is_too_large(&self) -> bool {
        self.files.load(Ordering::Relaxed) > FILES_MOST
            || self.bytes.load(Ordering::Relaxed).saturating_add(self.beside.load(Ordering::Relaxed)) > TOTAL_MOST_BYTES
    }
}

/// Reads blobs into one part.
struct Reader<'r> {
    commit: &'r Commit,
    repository: &'r Repository,
    odb: Odb<'r>,
    collector: Collector,
}

impl Reader<'_> {
    fn take(&mut self, entry: &Entry) -> Result<(), Error> {
        match entry {
            Entry::Refused { path, what, help } => {
                self.collector.refuse(path, format!("The commit holds {what}."), help);
            }
            Entry::File { path, blob, .. } => self.read(path, *blob)?,
        }
        Ok(())
    }

    fn read(&mut self, path: &str, blob: Oid) -> Result<(), Error> {
        let failed = |e| Error::git(format!("read {path} of commit {}", self.commit.id), e);
        match self.collector.begin(path) {
            Some(reading) => {
                read_blob((&self.odb, &self.commit.scales), blob, reading, &mut self.collector).map_err(failed)
            }
            None => self.read_beside(path, blob).map_err(failed),
        }
    }

    fn read_beside(&mut self, path: &str, blob: Oid) -> Result<(), git2::Error> {
        let clean = || self.commit.clean.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = Collector::begin_beside(path).filter(|_| !clean().contains(&blob)) else { return Ok(()) };
        let size = self.commit.scales.size(&self.odb, blob)?;
        let counts = if size == HEAVY { 0 } else { size };
        let before = self.commit.beside.fetch_add(counts, Ordering::Relaxed);
        if !self.collector.admit_beside(&reading, size, before) {
            return Ok(());
        }
        if !self.collector.take_beside(reading, self.odb.read(blob)?.data()) {
            clean().insert(blob);
        }
        Ok(())
    }

    /// Reads a client's folder but for its workflows, of which it says what there is.
    fn client(&mut self, client: &ClientId, tree: Oid) -> Result<Found, Error> {
        let folder = format!("{CLIENTS}/{client}");
        let failed = |e| Error::git(format!("read the folder {folder}"), e);
        let scales = &self.commit.scales;
        if !scales.takes_folder(self.repository, tree).map_err(failed)? {
            let what = "The commit holds a folder whose list of names is too large.";
            self.collector.refuse(&folder, what.to_owned(), advice::TOO_MANY);
            return Ok(Found {
                pending: BTreeMap::new(),
                files: 0,
                mark: mark("assent-client-files/v1", [].into_iter()),
            });
        }
        let tree = self.repository.find_tree(tree).map_err(failed)?;
        let mut entries = Vec::new();
        walk_tree((self.repository, scales), &tree, &folder, 2, &mut entries)?;
        self.commit.files.fetch_add(entries.len(), Ordering::Relaxed);
        let mut pending: BTreeMap<WorkflowId, Pending> = BTreeMap::new();
        let files = entries.len();
        let mut own = Vec::new();
        for entry in entries {
            if let Entry::File { path, blob, .. } = &entry
                && let Standing::Read(place @ (Place::Workflow(_, name) | Place::Tests(_, name))) = &standing(path)
            {
                let empty = || Pending { name: name.clone(), workflow: None, tests: None };
                let one = pending.entry(name.clone()).or_insert_with(empty);
                match place {
                    Place::Tests(..) => one.tests = Some(*blob),
                    _ => one.workflow = Some(*blob),
                }
            } else {
                self.take(&entry)?;
                own.push(entry);
            }
        }
        Ok(Found { pending, files, mark: mark("assent-client-files/v1", own.iter()) })
    }
}

/// What stands in a client's folder.
struct Found {
    pending: BTreeMap<WorkflowId, Pending>,
    files: usize,
    mark: Digest,
}

/// What names entries: each path with what stands there.
fn mark<'e>(domain: &'static str, entries: impl Iterator<Item = &'e Entry>) -> Digest {
    let mut named = Vec::new();
    for entry in entries {
        let (path, what) = match entry {
            Entry::File { path, blob, .. } => (path, blob.as_bytes()),
            Entry::Refused { path, what, .. } => (path, what.as_bytes()),
        };
        named.extend_from_slice(path.as_bytes());
        named.push(0);
        named.extend_from_slice(what);
        named.push(0);
    }
    Digest::tagged(domain, &named)
}

impl Parts for Commit {
    fn commit(&self) -> Option<Oid> {
        Some(self.id)
    }

    fn clients(&self) -> Vec<ClientId> {
        self.clients.keys().cloned().collect()
    }

    fn away(&self) -> Vec<ClientId> {
        self.pinned.away.iter().cloned().collect()
    }

    fn pins(&self) -> BTreeMap<ClientId, Oid> {
        self.pinned.pins.clone()
    }

    fn project(&self) -> Result<(Source, Findings), Error> {
        let ((), source, mut findings) =
            self.reader(|reader| self.project.iter().try_for_each(|entry| reader.take(entry)))?;
        findings.append(self.pinned.findings.clone());
        Ok((source, findings))
    }

    fn project_mark(&self) -> Option<Digest> {
        // What is wrong with pins is no file of the project, so that nothing may be recalled then.
        if !self.pinned.findings.is_empty() {
            return None;
        }
        // What stands beside the source says nothing about clients.
        let counts = |entry: &&Entry| match entry {
            Entry::File { path, .. } => !matches!(standing(path), Standing::Ignored),
            Entry::Refused { .. } => true,
        };
        Some(mark("assent-project-files/v1", self.project.iter().filter(counts)))
    }

    fn client_mark(&self, client: &ClientId) -> Option<Digest> {
        let tree = self.clients.get(client)?;
        Some(Digest::tagged("assent-client-folder/v1", tree.as_bytes()))
    }

    fn count(&self, files: usize, bytes: usize) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn client(&self, client: &ClientId) -> Result<Folder, Error> {
        let Some(tree) = self.clients.get(client).filter(|_| !self.is_too_large()) else {
            return Ok(<_>::default());
        };
        let (found, source, findings) = self.reader(|reader| reader.client(client, *tree))?;
        let Found { pending, files, mark } = found;
        let all = pending.values().cloned().collect();
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(client.clone(), Arc::new(pending));
        Ok(Folder { source, findings, pending: all, files, mark: Some(mark) })
    }

    fn workflows(&self, client: &ClientId, these: &[Pending]) -> Result<(Source, Findings), Error> {
        if self.is_too_large() {
            return Ok(<_>::default());
        }
        let ((), source, findings) = self.reader(|reader| {
            for one in these {
                if let Some(blob) = one.workflow {
                    reader.read(&format!("{CLIENTS}/{client}/workflows/{}.toml", one.name), blob)?;
                }
                if let Some(blob) = one.tests {
                    reader.read(&format!("{CLIENTS}/{client}/workflows/{}.test.toml", one.name), blob)?;
                }
            }
            Ok(())
        })?;
        Ok((source, findings))
    }

    fn too_large(&self) -> Option<Finding> {
        let what = format!("The source has more than {FILES_MOST} files or {TOTAL_MOST_BYTES} bytes in all.");
        let mut findings = Findings::new();
        if self.is_too_large() {
            let help = "Take files out, and keep large ones outside of the repository.";
            findings.add_with_help(Code::FileRefused, Span::new(&"assent.toml".into(), 0..0), what, help);
        }
        findings.sorted().pop()
    }

    fn text(&self, path: &str) -> Option<String> {
        let listed = |client: &ClientId, name: &WorkflowId| {
            let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            listed.get(client)?.get(name).cloned()
        };
        let blob = match standing(path) {
            Standing::Read(Place::Workflow(client, name)) => listed(&client, &name).and_then(|one| one.workflow),
            Standing::Read(Place::Tests(client, name)) => listed(&client, &name).and_then(|one| one.tests),
            Standing::Read(_) | Standing::Ignored | Standing::Misplaced => None,
        };
        let read = self.reader(|reader| {
            let found = || {
                let pinned = client_of(path).and_then(|client| Some((self.pinned.trees.get(&client)?, client)));
                let (tree, path) = match pinned {
                    Some((tree, client)) => {
                        let path = path.strip_prefix(CLIENTS)?.strip_prefix('/')?.strip_prefix(client.as_str())?;
                        (reader.repository.find_tree(*tree).ok()?, path.strip_prefix('/')?)
                    }
                    None => (reader.repository.find_commit(self.id).and_then(|commit| commit.tree()).ok()?, path),
                };
                tree.get_path(path.as_ref()).ok().map(|entry| entry.id())
            };
            let Some(blob) = blob.or_else(found) else { return Ok(None) };
            // The lock is no file of the source, and findings are about it all the same.
            if path == CLIENTS_LOCK {
                let bytes = lock(&reader.odb, &self.scales, blob).map_err(|e| Error::git(format!("read {path}"), e))?;
                return Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()));
            }
            reader.read(path, blob).map(|()| None)
        });
        read.ok().and_then(|(lock, source, _)| lock.or_else(|| source.text(path).map(str::to_owned)))
    }
}
