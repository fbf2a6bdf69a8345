//! Who changed what: the commits after another one, each with the paths that it changed and its signature.
//!
//! # Source
//! trust.md section 2, "Teams"; git's `gpgsig` header.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::PersonId;
use assent_schema::trust::SignedFile;
use git2::{ErrorCode, ObjectType, Oid, Repository, Sort, Tree};

use super::limits::{DEPTH_MOST, FILE_MOST_BYTES};
use super::pinned::{CLIENTS_LOCK, Pin, Pins, lock_of};
use super::place::{Place, place_of};
use crate::error::Error;

/// The longest chain of commits that is walked.
const COMMITS_MOST: usize = 1_000_000;

/// One commit.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its id.
    pub id: Oid,
    /// How many parents it has.
    pub parents: usize,
    /// The first of them.
    pub first_parent: Option<Oid>,
    /// Who says to have committed it: name and e-mail address, in one line.
    pub committer: String,
    /// The paths that are as in none of its parents; all of them where it has none.
    pub paths: BTreeSet<String>,
    /// The armoured signature and the bytes that it is over.
    pub signature: Option<(Vec<u8>, Vec<u8>)>,
    /// The trust files that it is judged by: those of its first parent; its own where that has no teams.
    pub trust: Arc<TrustFiles>,
    /// Those of the base as well, where the commit does not grow out of it but stands beside it.
    pub beside: Option<Arc<TrustFiles>>,
}

impl Change {
    /// Whether its first parent is a commit, or one of those that came after it.
    fn grows_out_of(&self, base: Oid, after: &BTreeSet<Oid>) -> bool {
        self.first_parent.is_some_and(|parent| parent == base || after.contains(&parent))
    }
}

/// Roots and teams of a commit, nothing of them checked.
#[derive(Clone, Debug, Default)]
pub struct TrustFiles {
    /// `trust/root/<version>.toml`.
    pub roots: BTreeMap<u32, SignedFile>,
    /// `trust/teams.toml`.
    pub teams: Option<SignedFile>,
}

/// The commits that are reachable from one and not from another, oldest first; all of them where there is no other. Where one
/// of them moves a client's pin, the commits of the client's own repository follow that it brings, judged by the same team.
///
/// # Errors
/// When the base is not an ancestor, or the object database cannot be read.
pub fn changes_since(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for mut change in own_changes(repository, base, commit)? {
        let brought = if change.paths.contains(CLIENTS_LOCK) { pinned(repository, &mut change)? } else { Vec::new() };
        changes.push(change);
        changes.extend(brought);
    }
    Ok(changes)
}

/// The commits that a moved pin brings. The pin itself is a change of the client's folder.
fn pinned(repository: &Repository, change: &mut Change) -> Result<Vec<Change>, Error> {
    let failed = |e| Error::git(format!("read {CLIENTS_LOCK} of commit {}", change.id), e);
    // One that cannot be read pins nothing: then every client that was pinned before is touched.
    let pins = |id: Oid| -> Result<Pins, Error> {
        let tree = repository.find_commit(id).and_then(|commit| commit.tree()).map_err(failed)?;
        let lock = lock_of(repository, &tree).map_err(failed)?;
        Ok(lock.and_then(|lock| Pins::parse(&lock).ok()).unwrap_or_default())
    };
    let now = pins(change.id)?.clients;
    let before = change.first_parent.map(pins).transpose()?.unwrap_or_default().clients;
    let clients: BTreeSet<_> = now.keys().chain(before.keys()).filter(|c| now.get(*c) != before.get(*c)).collect();
    let mut brought = Vec::new();
    for client in clients {
        change.paths.insert(format!("clients/{client}"));
        let commit_of = |pin: Option<&Pin>| pin.and_then(|pin| Oid::from_str(&pin.commit).ok());
        let (from, to) = (commit_of(before.get(client)), commit_of(now.get(client)));
        // Who may not read the client's repository cannot judge it either; a release needs all of them.
        let Some(to) = to.filter(|to| from != Some(*to) && repository.find_commit(*to).is_ok()) else { continue };
        for mut inner in own_changes(repository, from, to)? {
            inner.paths = inner.paths.into_iter().map(|path| format!("clients/{client}/{path}")).collect();
            inner.trust = Arc::clone(&change.trust);
            inner.beside.clone_from(&change.beside);
            brought.push(inner);
        }
    }
    Ok(brought)
}

fn own_changes(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    let failed = |e| Error::git(format!("walk the commits up to {commit}"), e);
    if let Some(base) = base.filter(|base| *base != commit) {
        let is_ancestor = repository.graph_descendant_of(commit, base).map_err(failed)?;
        if !is_ancestor {
            return Err(Error::input(format!(
                "{base} is not an ancestor of {commit}: the history between them was rewritten, so nobody can tell who changed what"
            )));
        }
    } else if base.is_none() && repository.is_shallow() {
        return Err(Error::input("the clone is shallow and lacks older commits; run `git fetch --unshallow` first"));
    }
    let mut walk = repository.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).map_err(failed)?;
    walk.push(commit).map_err(failed)?;
    if let Some(base) = base {
        walk.hide(base).map_err(failed)?;
    }
    let mut reader = Reader { repository, trust: BTreeMap::new() };
    let base = base.map(|base| reader.base(base).map(|trust| (base, trust))).transpose().map_err(failed)?;
    // Parents come first, so a first parent that was not seen is older than the base.
    let (mut changes, mut seen) = (Vec::new(), BTreeSet::new());
    for id in walk.take(COMMITS_MOST) {
        let (id, mut change) = id.and_then(|id| Ok((id, reader.change(id)?))).map_err(failed)?;
        change.beside =
            base.as_ref().filter(|(base, _)| !change.grows_out_of(*base, &seen)).map(|(_, trust)| Arc::clone(trust));
        seen.insert(id);
        changes.push(change);
    }
    Ok(changes)
}

struct Reader<'r> {
    repository: &'r Repository,
    /// Trust files by the tree that holds them: they change seldom.
    trust: BTreeMap<Oid, Arc<TrustFiles>>,
}

impl Reader<'_> {
    fn base(&mut self, id: Oid) -> Result<Arc<TrustFiles>, git2::Error> {
        let tree = self.repository.find_commit(id)?.tree()?;
        self.trust(&tree)
    }

    fn change(&mut self, id: Oid) -> Result<Change, git2::Error> {
        let commit = self.repository.find_commit(id)?;
        let parents = commit.parents().map(|parent| parent.tree()).collect::<Result<Vec<_>, _>>()?;
        let tree = commit.tree()?;
        let mut paths = BTreeSet::new();
        let before: Vec<Option<Tree<'_>>> = parents.iter().cloned().map(Some).collect();
        self.compare(Some(&tree), &before, "", 0, &mut paths)?;
        let signature = match self.repository.extract_signature(&id, None) {
            Ok((armour, signed)) => Some((armour.to_vec(), signed.to_vec())),
            Err(e) if e.code() == ErrorCode::NotFound => None,
            Err(e) => return Err(e),
        };
        let of_parent = parents.first().map(|parent| self.trust(parent)).transpose()?;
        let trust = match of_parent.filter(|trust| trust.teams.is_some()) {
            Some(trust) => trust,
            None => self.trust(&tree)?,
        };
        let who = commit.committer();
        let said = |text: Result<&str, _>| text.ok().map(|text: &str| text.escape_debug().to_string());
        let committer = format!("{} <{}>", said(who.name()).unwrap_or_default(), said(who.email()).unwrap_or_default());
        let first_parent = commit.parent_ids().next();
        Ok(Change { id, parents: parents.len(), first_parent, committer, paths, signature, trust, beside: None })
    }

    /// Gathers the paths that are as in none of some trees.
    fn compare(
        &self,
        tree: Option<&Tree<'_>>,
        before: &[Option<Tree<'_>>],
        folder: &str,
        depth: usize,
        paths: &mut BTreeSet<String>,
    ) -> Result<(), git2::Error> {
        let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
        for tree in tree.into_iter().chain(before.iter().flatten()) {
            names.extend(tree.iter().map(|entry| entry.name_bytes().to_vec()));
        }
        for name in names {
            let entry = |tree: &Tree<'_>| {
                let found = tree.get_name_bytes(&name)?;
                Some((found.filemode_raw(), found.id(), found.kind() == Some(ObjectType::Tree)))
            };
            let now = tree.and_then(entry);
            let then: Vec<_> = before.iter().map(|tree| tree.as_ref().and_then(entry)).collect();
            if then.contains(&now) {
                continue;
            }
            let path = format!("{folder}{}", String::from_utf8_lossy(&name));
            let folder_of = |entry: &Option<(i32, Oid, bool)>| match entry {
                Some((_, id, true)) => self.repository.find_tree(*id).map(Some),
                _ => Ok(None),
            };
            let is_plain = |entry: &Option<(i32, Oid, bool)>| matches!(entry, Some((_, _, false)));
            if is_plain(&now) || then.iter().any(is_plain) || depth >= DEPTH_MOST {
                paths.insert(path.clone());
            }
            let inner = folder_of(&now)?;
            let inner_then = then.iter().map(folder_of).collect::<Result<Vec<_>, _>>()?;
            if depth < DEPTH_MOST && (inner.is_some() || inner_then.iter().any(Option::is_some)) {
                self.compare(inner.as_ref(), &inner_then, &format!("{path}/"), depth.saturating_add(1), paths)?;
            }
        }
        Ok(())
    }

    fn trust(&mut self, tree: &Tree<'_>) -> Result<Arc<TrustFiles>, git2::Error> {
        let Some(entry) = tree.get_name("trust").filter(|entry| entry.kind() == Some(ObjectType::Tree)) else {
            return Ok(Arc::default());
        };
        if let Some(known) = self.trust.get(&entry.id()) {
            return Ok(Arc::clone(known));
        }
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let folder = self.repository.find_tree(entry.id())?;
        self.read(&folder, "trust/", &mut files)?;
        if let Some(root) = folder.get_name("root").filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
            self.read(&self.repository.find_tree(root.id())?, "trust/root/", &mut files)?;
        }
        let trust = Arc::new(sorted_out(files));
        self.trust.insert(entry.id(), Arc::clone(&trust));
        Ok(trust)
    }

    /// The files of one folder.
    fn read(&self, tree: &Tree<'_>, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), git2::Error> {
        let odb = self.repository.odb()?;
        for entry in tree {
            let Ok(name) = entry.name() else { continue };
            if entry.kind() == Some(ObjectType::Blob) && odb.read_header(entry.id())?.0 <= FILE_MOST_BYTES {
                let bytes = self.repository.find_blob(entry.id())?.content().to_vec();
                files.insert(format!("{folder}{name}"), bytes);
            }
        }
        Ok(())
    }
}

/// Files of the trust folder by what they are, each with its signatures.
fn sorted_out(files: BTreeMap<String, Vec<u8>>) -> TrustFiles {
    let mut trust = TrustFiles::default();
    let mut signatures: BTreeMap<String, BTreeMap<PersonId, Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in &files {
        if let Place::Signature(of, person) = place_of(path) {
            signatures.entry(of.to_string()).or_default().insert(person, bytes.clone());
        }
    }
    for (path, bytes) in files {
        let place = place_of(&path);
        if !matches!(place, Place::Root(_) | Place::Teams) {
            continue;
        }
        let signed = SignedFile { bytes, signatures: signatures.remove(&path).unwrap_or_default() };
        if let Place::Root(number) = place {
            trust.roots.insert(u32::try_from(number).unwrap_or(u32::MAX), signed);
        } else {
            trust.teams = Some(signed);
        }
    }
    trust
}
