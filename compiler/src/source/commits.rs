//! Who changed what: the commits after another one, each with the paths that it changed and its signature.
//!
//! # Source
//! trust.md section 2, "Teams"; git's `gpgsig` header.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::ClientId;
use git2::{ErrorCode, ObjectType, Oid, Repository, Sort, Tree};

use super::limits::{DEPTH_MOST, FILE_MOST_BYTES, FILES_MOST};
use super::pinned::{CLIENTS_LOCK, Pin, Pins, lock_of};
use super::text::shown;
use super::trust_files::{Past, TrustFiles, joined, sorted_out, with};
use super::weigh::Scales;
use crate::error::Error;

/// The longest chain of commits that is walked; of more nobody can tell who signed them.
const COMMITS_MOST: usize = 1_000_000;

/// The most parents of one commit: each is compared with each other.
const PARENTS_MOST: usize = 64;

/// One commit.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its id.
    pub id: Oid,
    /// Its parents, in order.
    pub parents: Vec<Oid>,
    /// The client in whose own repository it stands, if it is no commit of the source itself.
    pub of_client: Option<ClientId>,
    /// Who says to have committed it: name and e-mail address, in one line.
    pub committer: String,
    /// The paths that it changed; all of them where it has no parent. A merge did not change what it has from a parent that
    /// changed it, nor what all its parents have.
    pub paths: BTreeSet<String>,
    /// Those of them at which one of its parents has something else: what it took out or changed, and did not only add.
    pub taken: BTreeSet<String>,
    /// The armoured signature and the bytes that it is over.
    pub signature: Option<(Vec<u8>, Vec<u8>)>,
    /// The trust files that it is judged by: those of its first parent; its own where that has no teams.
    pub trust: Arc<TrustFiles>,
    /// Those that stood before it: of the base, wherever the commit grows out of, and of every commit after the base that it
    /// grows out of.
    pub past: Past,
}

/// The commits that are reachable from one and not from another, oldest first; all of them where there is no other. Where one
/// of them moves a client's pin, the commits of the client's own repository follow that it brings, judged by the same team.
///
/// # Errors
/// When the base is not an ancestor, or the object database cannot be read.
pub fn changes_since(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    with_pinned(repository, own_changes(repository, base, commit)?)
}

/// As [`changes_since`], of a commit that need not grow out of the other one: what a merge of both would bring.
///
/// # Errors
/// When the object database cannot be read.
pub fn changes_beside(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    with_pinned(repository, walked(repository, base, commit)?)
}

fn with_pinned(repository: &Repository, own: Vec<Change>) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for mut change in own {
        let brought = if change.paths.contains(CLIENTS_LOCK) { pinned(repository, &mut change)? } else { Vec::new() };
        changes.push(change);
        changes.extend(brought);
    }
    Ok(changes)
}

/// The commits that a moved pin brings. The pin itself is a change of the client's folder.
fn pinned(repository: &Repository, change: &mut Change) -> Result<Vec<Change>, Error> {
    let failed = |e| Error::git(format!("read {CLIENTS_LOCK} of commit {}", change.id), e);
    let scales = Scales::of(repository);
    // One that cannot be read pins nothing: then every client that was pinned before is touched.
    let pins = |id: Oid| -> Result<Pins, Error> {
        let tree = repository.find_commit(id).and_then(|commit| commit.tree()).map_err(failed)?;
        let lock = lock_of(repository, &scales, &tree).map_err(failed)?;
        Ok(lock.and_then(|lock| Pins::parse(&lock).ok()).unwrap_or_default())
    };
    let now = pins(change.id)?.clients;
    let before = change.parents.first().copied().map(pins).transpose()?.unwrap_or_default().clients;
    let clients: BTreeSet<_> = now.keys().chain(before.keys()).filter(|c| now.get(*c) != before.get(*c)).collect();
    let mut brought = Vec::new();
    for client in clients {
        change.paths.insert(format!("clients/{client}"));
        let here = |id: &Oid| repository.find_commit(*id).is_ok();
        let commit_of = |pin: Option<&Pin>| pin.and_then(|pin| Oid::from_str(&pin.commit).ok()).filter(here);
        // From a commit that is gone, everything is new. Who may not read the client's repository cannot judge it either; a
        // release needs all of them.
        let (from, to) = (commit_of(before.get(client)), commit_of(now.get(client)));
        let Some(to) = to.filter(|to| from != Some(*to)) else { continue };
        // Pinned back, or to a line of its own, it brings what is new on that line; the pin itself was judged above.
        let grew = from.is_none_or(|from| repository.graph_descendant_of(to, from).unwrap_or(false));
        let brought_by = if grew { own_changes(repository, from, to)? } else { walked(repository, from, to)? };
        for mut inner in brought_by {
            let below =
                |paths: BTreeSet<String>| paths.into_iter().map(|path| format!("clients/{client}/{path}")).collect();
            (inner.paths, inner.taken) = (below(inner.paths), below(inner.taken));
            inner.of_client = Some(client.clone());
            inner.trust = Arc::clone(&change.trust);
            inner.past = Arc::clone(&change.past);
            brought.push(inner);
        }
    }
    Ok(brought)
}

fn own_changes(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    let failed = |e| Error::git(format!("walk the commits up to {commit}"), e);
    if let Some(base) = base.filter(|base| *base != commit) {
        let grows_out = |of, id| repository.graph_descendant_of(id, of).map_err(failed);
        if grows_out(commit, base)? {
            return Err(Error::input(format!(
                "{base} is not an ancestor of {commit}, which is older: bring it up to date first, with `git pull`"
            )));
        }
        if !grows_out(base, commit)? {
            return Err(Error::input(format!(
                "{base} is not an ancestor of {commit}: the history between them was rewritten, so nobody can tell who changed what"
            )));
        }
    }
    walked(repository, base, commit)
}

/// The commits that are reachable from one and not from another, whether that is an ancestor or not.
fn walked(repository: &Repository, base: Option<Oid>, commit: Oid) -> Result<Vec<Change>, Error> {
    walked_within(repository, base, commit, COMMITS_MOST)
}

/// As [`walked`], of at most so many commits: those that were left out would be judged by nobody, and they are the newest.
fn walked_within(repository: &Repository, base: Option<Oid>, commit: Oid, most: usize) -> Result<Vec<Change>, Error> {
    let failed = |e| Error::git(format!("walk the commits up to {commit}"), e);
    let cut = cut_off(repository)?;
    if base.is_none() && !cut.is_empty() {
        return Err(shallow());
    }
    let mut walk = repository.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).map_err(failed)?;
    walk.push(commit).map_err(failed)?;
    if let Some(base) = base {
        walk.hide(base).map_err(failed)?;
    }
    let mut reader =
        Reader { repository, scales: Scales::of(repository), trust: BTreeMap::new(), none: Arc::default() };
    let of_base = base.map(|base| reader.of_commit(base)).transpose().map_err(failed)?;
    let outside: Past = Arc::new(of_base.into_iter().collect());
    // Parents come first, so a parent that was not seen is the base or older than it.
    let (mut changes, mut seen) = (Vec::new(), BTreeMap::new());
    for (number, id) in walk.enumerate() {
        if number >= most {
            return Err(too_many(base, most));
        }
        let id = id.map_err(failed)?;
        if cut.contains(&id) {
            return Err(shallow());
        }
        let (mut change, parents) = reader.change(id).map_err(failed)?;
        let past = |parent: &Oid| Arc::clone(seen.get(parent).unwrap_or(&outside));
        change.past = if parents.is_empty() { Arc::clone(&outside) } else { joined(parents.iter().map(past)) };
        let own = reader.of_commit(id).map_err(failed)?;
        seen.insert(id, with(&change.past, &own));
        changes.push(change);
    }
    Ok(changes)
}

/// The commits whose parents the clone was made without: what came before them cannot be told.
fn cut_off(repository: &Repository) -> Result<BTreeSet<Oid>, Error> {
    let shallow = match std::fs::read_to_string(repository.commondir().join("shallow")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(Error::io("read `shallow` of the repository", error)),
    };
    let ids = shallow.lines().map(|line| Oid::from_str(line.trim())).collect::<Result<_, _>>();
    ids.map_err(|e| Error::git("read the repository's `shallow`", e))
}

fn too_many(base: Option<Oid>, most: usize) -> Error {
    let after = base.map_or_else(String::new, |base| format!(" after {base}"));
    Error::input(format!(
        "there are more than {most} commits{after}: nobody can tell who signed them all. Take those out of the branch that somebody \
         pushed to hide others"
    ))
}

fn shallow() -> Error {
    Error::input("the clone is shallow and lacks older commits; run `git fetch --unshallow` first")
}

/// What a commit changed, and how many more names are looked at for it.
struct Compared {
    paths: BTreeSet<String>,
    taken: BTreeSet<String>,
    left: usize,
}

struct Reader<'r> {
    repository: &'r Repository,
    scales: Scales,
    /// Trust files by the tree that holds them: they change seldom.
    trust: BTreeMap<Oid, Arc<TrustFiles>>,
    /// Those of a commit that has none.
    none: Arc<TrustFiles>,
}

/// What stands under one name: mode, id, whether it is a folder. More than one thing where somebody forged the tree.
type Stands = Vec<(i32, Oid, bool)>;

type Named = BTreeMap<Vec<u8>, Stands>;

/// Everything in a folder by its name. A tree that is not in git's order hides names from whoever searches it, and from nobody
/// who walks it: so nothing here searches.
fn named(tree: &Tree<'_>) -> Named {
    let mut all = Named::new();
    for entry in tree {
        let stands = (entry.filemode_raw(), entry.id(), entry.kind() == Some(ObjectType::Tree));
        all.entry(entry.name_bytes().to_vec()).or_default().push(stands);
    }
    all
}

/// The folder of this name.
fn folder_in(tree: &Tree<'_>, name: &str) -> Option<Oid> {
    let is_it =
        |entry: &git2::TreeEntry<'_>| entry.name_bytes() == name.as_bytes() && entry.kind() == Some(ObjectType::Tree);
    tree.iter().find(is_it).map(|entry| entry.id())
}

/// Whether a commit has something just as its parents brought it. Where they differ it is brought by one that changed it:
/// a merge that keeps what a parent only had from before takes back what the other one did.
fn is_taken(now: &Stands, then: &[Stands], bases: &[Stands]) -> bool {
    if !then.contains(now) || then.iter().all(|stands| stands == now) {
        return then.contains(now);
    }
    let changed = bases.iter().all(|base| base != now);
    let is_folder = |stands: &Stands| stands.iter().any(|(_, _, folder)| *folder);
    if !is_folder(now) && !then.iter().any(is_folder) {
        return changed;
    }
    // What one parent changed in a folder, another may have changed beside it.
    let rest = |base: &Stands| then.iter().all(|stands| stands == now || stands == base);
    changed && matches!(bases, [base] if rest(base))
}

impl Reader<'_> {
    fn of_commit(&mut self, id: Oid) -> Result<Arc<TrustFiles>, git2::Error> {
        let tree = self.repository.find_commit(id)?.tree()?;
        self.trust(&tree)
    }

    /// What a commit changed, and its parents.
    fn change(&mut self, id: Oid) -> Result<(Change, Vec<Oid>), git2::Error> {
        let commit = self.repository.find_commit(id)?;
        let ids = parents_of(&commit)?;
        let trees = ids.iter().map(|id| self.repository.find_commit(*id)?.tree());
        let parents = trees.collect::<Result<Vec<_>, git2::Error>>()?;
        let tree = commit.tree()?;
        let before: Vec<Option<Tree<'_>>> = parents.iter().cloned().map(Some).collect();
        let bases = bases(self.repository, &ids)?;
        let mut found = Compared { paths: BTreeSet::new(), taken: BTreeSet::new(), left: FILES_MOST };
        self.compare(Some(&tree), (&before, &bases), "", 0, &mut found)?;
        let Compared { paths, taken, .. } = found;
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
        let change = Change {
            id,
            parents: ids.clone(),
            of_client: None,
            committer,
            paths,
            taken,
            signature,
            trust,
            past: Past::default(),
        };
        Ok((change, ids))
    }

    /// Gathers the paths that a commit changed: its tree beside those of its parents, and those from which they went apart.
    fn compare(
        &self,
        tree: Option<&Tree<'_>>,
        (before, bases): (&[Option<Tree<'_>>], &[Option<Tree<'_>>]),
        folder: &str,
        depth: usize,
        found: &mut Compared,
    ) -> Result<(), git2::Error> {
        let now = tree.map(named).unwrap_or_default();
        let all = |trees: &[Option<Tree<'_>>]| -> Vec<Named> {
            trees.iter().map(|tree| tree.as_ref().map(named).unwrap_or_default()).collect()
        };
        let (then, base) = (all(before), all(bases));
        let names: BTreeSet<&Vec<u8>> = now.keys().chain(then.iter().flat_map(BTreeMap::keys)).collect();
        for name in names {
            // A few folders that name one another often enough would be walked for ever.
            found.left = found.left.checked_sub(1).ok_or_else(|| git2::Error::from_str("it changes too many paths"))?;
            let at = |named: &Named| named.get(name).cloned().unwrap_or_default();
            let (now, then): (Stands, Vec<Stands>) = (at(&now), then.iter().map(at).collect());
            let base: Vec<Stands> = base.iter().map(at).collect();
            if is_taken(&now, &then, &base) {
                continue;
            }
            let path = format!("{folder}{}", shown(name));
            let is_plain = |stands: &Stands| stands.len() > 1 || stands.iter().any(|(_, _, folder)| !folder);
            if is_plain(&now) || then.iter().any(is_plain) || depth >= DEPTH_MOST {
                found.paths.insert(path.clone());
                if then.iter().any(|stands| !stands.is_empty() && *stands != now) {
                    found.taken.insert(path.clone());
                }
            }
            let folder_of = |stands: &Stands| match stands.first() {
                Some((_, id, true)) => self.repository.find_tree(*id).map(Some),
                _ => Ok(None),
            };
            let folders = |all: &[Stands]| all.iter().map(folder_of).collect::<Result<Vec<_>, _>>();
            let (inner, inner_then, inner_base) = (folder_of(&now)?, folders(&then)?, folders(&base)?);
            if depth < DEPTH_MOST && (inner.is_some() || inner_then.iter().any(Option::is_some)) {
                let before = (inner_then.as_slice(), inner_base.as_slice());
                self.compare(inner.as_ref(), before, &format!("{path}/"), depth.saturating_add(1), found)?;
            }
        }
        Ok(())
    }

    fn trust(&mut self, tree: &Tree<'_>) -> Result<Arc<TrustFiles>, git2::Error> {
        let Some(id) = folder_in(tree, "trust") else { return Ok(Arc::clone(&self.none)) };
        if let Some(known) = self.trust.get(&id) {
            return Ok(Arc::clone(known));
        }
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let folder = self.repository.find_tree(id)?;
        self.read(&folder, "trust/", &mut files)?;
        if let Some(root) = folder_in(&folder, "root") {
            self.read(&self.repository.find_tree(root)?, "trust/root/", &mut files)?;
        }
        let trust = Arc::new(sorted_out(files));
        self.trust.insert(id, Arc::clone(&trust));
        Ok(trust)
    }

    /// The files of one folder.
    fn read(&self, tree: &Tree<'_>, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), git2::Error> {
        let odb = self.repository.odb()?;
        for entry in tree {
            let Ok(name) = entry.name() else { continue };
            if entry.kind() == Some(ObjectType::Blob) && self.scales.size(&odb, entry.id())? <= FILE_MOST_BYTES {
                let bytes = self.repository.find_blob(entry.id())?.content().to_vec();
                files.insert(format!("{folder}{name}"), bytes);
            }
        }
        Ok(())
    }
}

/// The parents of a commit, each once: whoever pushes commits of their own making may name one as often as they like.
fn parents_of(commit: &git2::Commit<'_>) -> Result<Vec<Oid>, git2::Error> {
    let (mut ids, mut seen) = (Vec::new(), BTreeSet::new());
    ids.extend(commit.parent_ids().filter(|id| seen.insert(*id)));
    if ids.len() > PARENTS_MOST {
        return Err(git2::Error::from_str(&format!(
            "it has more than {PARENTS_MOST} parents, and no merge that git makes has"
        )));
    }
    Ok(ids)
}

/// The trees of the commits from which the parents of a merge went apart; an empty one where there is none.
fn bases<'r>(repository: &'r Repository, parents: &[Oid]) -> Result<Vec<Option<Tree<'r>>>, git2::Error> {
    let mut bases = BTreeSet::new();
    for (place, one) in parents.iter().enumerate() {
        for other in parents.iter().take(place) {
            match repository.merge_bases(*one, *other) {
                Ok(found) => bases.extend(found.iter().map(|id| Some(*id))),
                Err(e) if e.code() == ErrorCode::NotFound => drop(bases.insert(None)),
                Err(e) => return Err(e),
            }
        }
    }
    let tree = |id: Option<Oid>| id.map(|id| repository.find_commit(id)?.tree()).transpose();
    bases.into_iter().map(tree).collect()
}

#[cfg(test)]
#[path = "commits_tests.rs"]
mod tests;
