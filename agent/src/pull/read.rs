//! Takes the files of a release out of the object database: regular files with names on the list, sizes first, no checkout.

use std::collections::BTreeMap;
use std::path::Path;

use assent_schema::release::FileName;
use git2::{FileMode, ObjectType, Odb, Oid, Repository, Tree, TreeEntry};

use super::compact::{is_without_changes, without_changes};
use super::{PullFailure, locks};
use crate::cores;

/// The largest file of a release, in bytes.
pub const FILE_MOST_BYTES: usize = 16 * 1024 * 1024;
/// The largest release, in bytes of all its files.
pub const RELEASE_MOST_BYTES: usize = 512 * 1024 * 1024;
/// The most files of a release.
pub const FILES_MOST: usize = 1_000_000;
/// The largest folder of a release, in bytes of its list of names: some 600,000 files of one kind.
pub const FOLDER_MOST_BYTES: usize = 64 * 1024 * 1024;
/// The largest commit, in bytes: nobody writes a message to it that anybody reads.
pub const COMMIT_MOST_BYTES: usize = 64 * 1024;
/// Into how many shares the files are parted that are read at once, and the fewest of one.
const SHARES_MOST: usize = 16;
const SHARE_LEAST: usize = 256;
/// How deep folders stand in each other: `trust/approvers/<client>/`.
const DEPTH_MOST: usize = 3;

/// The longest path that is told of a file that is refused, in characters.
const TOLD_MOST: usize = 200;

/// The files of a release by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Why the files of a release were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead {
    /// What kind of failure it is.
    pub failure: PullFailure,
    /// Which file, and why; empty where it is about none.
    pub what: String,
}

impl NotRead {
    fn refused(path: &str, why: &str) -> Self {
        // Whoever may push to the branch chose the name.
        let told: String = path.escape_debug().take(TOLD_MOST).collect();
        let cut = if path.escape_debug().nth(TOLD_MOST).is_some() { "…" } else { "" };
        Self { failure: PullFailure::FileRefused, what: format!("`{told}{cut}` {why}") }
    }
}

impl From<PullFailure> for NotRead {
    fn from(failure: PullFailure) -> Self {
        Self { failure, what: String::new() }
    }
}

/// What git is told so that what was accepted is there after a crash: packs and references are synced before they count.
const SYNCED: &str = "core.fsyncObjectFiles";

/// Makes the agent's own bare repository unless it is there.
///
/// # Errors
/// [`PullFailure::Broken`] when it can neither be opened nor made.
///
/// # Crash
/// One that was made in part is made whole by the next call: that it is told to sync is the last thing that is written.
pub fn prepare(repository: &Path) -> Result<(), PullFailure> {
    let is_synced = |there: &Repository| there.config().and_then(|config| config.get_bool(SYNCED)).unwrap_or(false);
    if Repository::open_bare(repository).is_ok_and(|there| is_synced(&there) && is_without_changes(&there)) {
        return Ok(());
    }
    // Whoever made a part of it is gone, and left what it had locked. What cannot be tidied is told by what follows.
    drop(locks::take_away(repository));
    let made = Repository::init_bare(repository).or(Err(PullFailure::Broken))?;
    without_changes(&made)?;
    made.config().and_then(|mut config| config.set_bool(SYNCED, true)).or(Err(PullFailure::Broken))
}

/// Reads all files of a commit.
///
/// # Errors
/// [`PullFailure::FileRefused`] when it holds what no release may hold, [`PullFailure::Broken`] when it cannot be read.
pub fn read(path: &Path, commit: &str) -> Result<Files, NotRead> {
    let repository = Repository::open_bare(path).or(Err(PullFailure::Broken))?;
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    let id = Oid::from_str(commit).or(Err(PullFailure::Broken))?;
    // libgit2 reads commits and folders whole: their sizes come first too.
    weighed(&odb, id, ObjectType::Commit, COMMIT_MOST_BYTES).map_err(|failure| match failure {
        PullFailure::FileRefused => NotRead {
            failure,
            what: format!("what the branch stands at is no commit of at most {COMMIT_MOST_BYTES} bytes"),
        },
        failure => failure.into(),
    })?;
    let tree = repository.find_commit(id).or(Err(PullFailure::Broken))?.tree_id();
    let mut walk = Walk { repository: &repository, odb: &odb, found: Vec::new(), bytes: 0 };
    walk.list(tree, "", DEPTH_MOST)?;
    walk.weigh(path)?;
    // Only now, with all names and sizes known to be fine, is any file inflated.
    let found = std::mem::take(&mut walk.found);
    let listed = found.len();
    let read = cores::try_each(&shares(&found), |share| blobs(path, share))?;
    let files: Files = found.iter().map(|(path, _)| path.clone()).zip(read.into_iter().flatten()).collect();
    if files.len() == listed {
        return Ok(files);
    }
    // A folder that lists a name twice says two things at once.
    let mut seen = std::collections::BTreeSet::new();
    let twice = found.iter().find(|(path, _)| !seen.insert(path)).map_or("", |(path, _)| path);
    Err(NotRead::refused(twice, "stands there twice"))
}

/// The size of an object that is of this kind and not larger than that.
pub(super) fn weighed(odb: &Odb<'_>, id: Oid, wanted: ObjectType, most_bytes: usize) -> Result<usize, PullFailure> {
    let (size, kind) = odb.read_header(id).or(Err(PullFailure::Broken))?;
    if kind == wanted && size <= most_bytes { Ok(size) } else { Err(PullFailure::FileRefused) }
}

/// Reads one file of a commit, whatever else the commit holds; `None` when it is not there.
///
/// # Errors
/// As [`read`].
pub fn read_one(repository: &Path, commit: &str, path: &str) -> Result<Option<Vec<u8>>, PullFailure> {
    let repository = Repository::open_bare(repository).or(Err(PullFailure::Broken))?;
    let id = Oid::from_str(commit).or(Err(PullFailure::Broken))?;
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
    let Some(tree) = folder(&repository, id, folders)? else { return Ok(None) };
    let Some(entry) = tree.get_name(name) else { return Ok(None) };
    weighed(&odb, entry.id(), ObjectType::Blob, FILE_MOST_BYTES)?;
    if entry.filemode() != i32::from(FileMode::Blob) {
        return Err(PullFailure::FileRefused);
    }
    odb.read(entry.id()).map(|object| Some(object.data().to_vec())).or(Err(PullFailure::Broken))
}

/// A folder of a commit, each on the way to it weighed before it is read; `None` when it is not there. Without a path it is the
/// outermost.
pub(super) fn folder<'r>(repository: &'r Repository, commit: Oid, path: &str) -> Result<Option<Tree<'r>>, PullFailure> {
    let broken = |_| PullFailure::Broken;
    let odb = repository.odb().map_err(broken)?;
    weighed(&odb, commit, ObjectType::Commit, COMMIT_MOST_BYTES)?;
    let read = |id| {
        weighed(&odb, id, ObjectType::Tree, FOLDER_MOST_BYTES)?;
        repository.find_tree(id).map_err(broken)
    };
    let mut tree = read(repository.find_commit(commit).map_err(broken)?.tree_id())?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let inner = tree.get_name(name).filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
        let Some(inner) = inner else { return Ok(None) };
        tree = read(inner)?;
    }
    Ok(Some(tree))
}

/// The names in a folder of a commit, sorted as git does; nothing when it has no such folder.
///
/// # Errors
/// [`PullFailure`] when it is too large, or cannot be read.
pub fn names(repository: &Repository, commit: Oid, folder: &str) -> Result<Vec<(String, Oid)>, PullFailure> {
    let Some(tree) = self::folder(repository, commit, folder)? else { return Ok(Vec::new()) };
    let named = |entry: TreeEntry<'_>| Some((entry.name().ok()?.to_owned(), entry.id()));
    Ok(tree.iter().filter_map(named).collect())
}

/// The bytes of a file of a release, when it is one of a size that may be.
///
/// # Errors
/// [`PullFailure`] when it is none, or cannot be read.
pub fn blob(repository: &Repository, id: Oid) -> Result<Vec<u8>, PullFailure> {
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    weighed(&odb, id, ObjectType::Blob, FILE_MOST_BYTES)?;
    odb.read(id).map(|object| object.data().to_vec()).or(Err(PullFailure::Broken))
}

struct Walk<'r> {
    repository: &'r Repository,
    odb: &'r Odb<'r>,
    found: Vec<(String, Oid)>,
    bytes: usize,
}

impl Walk<'_> {
    fn list(&mut self, tree: Oid, folder: &str, depth: usize) -> Result<(), NotRead> {
        let what = format!("is no folder of at most {FOLDER_MOST_BYTES} bytes of names");
        named(folder, &what, weighed(self.odb, tree, ObjectType::Tree, FOLDER_MOST_BYTES))?;
        let tree = self.repository.find_tree(tree).or(Err(PullFailure::Broken))?;
        // Git writes no empty folder. With files in each, what is walked is bounded by the number of files; without, three
        // small folders that name one another a thousand times would be walked a billion times.
        if tree.is_empty() {
            return Err(NotRead::refused(folder, "is an empty folder"));
        }
        for entry in &tree {
            let Ok(name) = entry.name() else {
                let name = String::from_utf8_lossy(entry.name_bytes());
                return Err(NotRead::refused(&format!("{folder}{name}"), "has a name that is not UTF-8"));
            };
            let path = format!("{folder}{name}");
            if entry.kind() == Some(ObjectType::Tree) && depth > 0 {
                self.list(entry.id(), &format!("{path}/"), depth - 1)?;
                continue;
            }
            if let Some(why) = objection(&entry, &path) {
                return Err(NotRead::refused(&path, why));
            }
            if self.found.len() >= FILES_MOST {
                let why = format!("is one more file than the {FILES_MOST} of a release");
                return Err(NotRead::refused(&path, &why));
            }
            self.found.push((path, entry.id()));
        }
        Ok(())
    }

    /// Weighs what was found: each file, and all together.
    fn weigh(&mut self, repository: &Path) -> Result<(), NotRead> {
        let sizes = cores::try_each(&shares(&self.found), |share| sizes(repository, share))?;
        for ((path, _), size) in self.found.iter().zip(sizes.into_iter().flatten()) {
            self.bytes = self.bytes.saturating_add(size);
            if self.bytes > RELEASE_MOST_BYTES {
                let why = format!("makes the release larger than {RELEASE_MOST_BYTES} bytes");
                return Err(NotRead::refused(path, &why));
            }
        }
        Ok(())
    }
}

/// Files in shares that are read at once.
fn shares(found: &[(String, Oid)]) -> Vec<&[(String, Oid)]> {
    found.chunks(found.len().div_ceil(SHARES_MOST).max(SHARE_LEAST)).collect()
}

/// The sizes of some files, none of which is inflated for it; each share opens the repository by itself, as in [`blobs`].
fn sizes(repository: &Path, share: &[(String, Oid)]) -> Result<Vec<usize>, NotRead> {
    let repository = Repository::open_bare(repository).or(Err(PullFailure::Broken))?;
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    let what = format!("is no file of at most {FILE_MOST_BYTES} bytes");
    let size = |(path, id): &(String, Oid)| named(path, &what, weighed(&odb, *id, ObjectType::Blob, FILE_MOST_BYTES));
    share.iter().map(size).collect()
}

/// A refusal with the path that it is about.
fn named<T>(path: &str, why: &str, done: Result<T, PullFailure>) -> Result<T, NotRead> {
    done.map_err(|failure| match failure {
        PullFailure::FileRefused => NotRead::refused(path, why),
        failure => failure.into(),
    })
}

/// Why something that stands in a folder is no file of a release; nothing when it may be one.
fn objection(entry: &TreeEntry<'_>, path: &str) -> Option<&'static str> {
    match (entry.kind(), entry.filemode()) {
        (_, mode) if mode == i32::from(FileMode::Link) => Some("is a link"),
        (Some(ObjectType::Commit), _) => Some("is a submodule"),
        (Some(ObjectType::Tree), _) => Some("is a folder deeper than those of a release"),
        (Some(ObjectType::Blob), mode) if mode == i32::from(FileMode::Blob) => {
            FileName::parse(path).is_none().then_some("is no file that a release has")
        }
        (Some(ObjectType::Blob), mode) if mode == i32::from(FileMode::BlobExecutable) => Some("is executable"),
        _ => Some("is no plain file"),
    }
}

/// The bytes of some files; each share of them opens the repository by itself, since none can be used by two threads.
fn blobs(repository: &Path, share: &[(String, Oid)]) -> Result<Vec<Vec<u8>>, PullFailure> {
    let repository = Repository::open_bare(repository).or(Err(PullFailure::Broken))?;
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    let blob = |(_, id): &(String, Oid)| odb.read(*id).map(|object| object.data().to_vec());
    share.iter().map(blob).collect::<Result<_, _>>().or(Err(PullFailure::Broken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Signature;

    /// A machine that died while the repository was made left some of its files, in the order in which they are written.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test takes away what was not written yet")]
    fn a_repository_that_was_made_in_part_is_made_whole() {
        let is_whole = |place: &Path| {
            let there = Repository::open_bare(place).unwrap();
            assert!(there.config().unwrap().get_bool(SYNCED).unwrap());
            there.blob(b"it takes objects").unwrap();
        };
        for left in [&["HEAD", "objects", "refs"][..], &["HEAD"], &["refs"], &["config"], &[]] {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("repo.git");
            prepare(&place).unwrap();
            is_whole(&place);
            for gone in left {
                let gone = place.join(gone);
                if gone.is_dir() { std::fs::remove_dir_all(gone).unwrap() } else { std::fs::remove_file(gone).unwrap() }
            }
            if !left.is_empty() {
                // It died while it wrote this.
                std::fs::write(place.join("config.lock"), b"[co").unwrap();
            }
            prepare(&place).unwrap();
            is_whole(&place);
        }
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        prepare(folder.path()).unwrap();
        is_whole(folder.path());
    }

    /// A bare repository with one commit whose tree has one entry besides `endpoints.json`.
    fn with_entry(name: &str, bytes: &[u8], mode: i32) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let mut tree = repository.treebuilder(None).unwrap();
        tree.insert("endpoints.json", repository.blob(b"{}").unwrap(), 0o100_644).unwrap();
        tree.insert(name, repository.blob(bytes).unwrap(), mode).unwrap();
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let who = Signature::now("a", "a@example.com").unwrap();
        let commit = repository.commit(None, &who, &who, "m", &tree, &[]).unwrap();
        (folder, commit.to_string())
    }

    #[test]
    fn a_release_is_read_and_anything_else_in_it_refuses_it() {
        let (folder, commit) = with_entry("manifest.json", b"{}", 0o100_644);
        assert_eq!(read(folder.path(), &commit).unwrap().len(), 2);
        for (name, mode, why) in [
            ("manifest.json", 0o120_000, "is a link"),
            ("manifest.json", 0o100_755, "is executable"),
            ("manifest.json", 0o160_000, "is a submodule"),
            ("README.md", 0o100_644, "is no file that a release has"),
            ("manifest.json.sig", 0o100_644, "is no file that a release has"),
        ] {
            let (folder, commit) = with_entry(name, b"x", mode);
            let refused = read(folder.path(), &commit).unwrap_err();
            assert_eq!(refused.failure, PullFailure::FileRefused, "{name} {mode:o}");
            assert_eq!(refused.what, format!("`{name}` {why}"), "{name} {mode:o}");
        }
    }

    /// Whoever may push chooses names: what is told of one is bounded, and nothing in it acts on a terminal.
    #[test]
    fn what_is_told_of_a_name_is_short_and_plain() {
        let (folder, commit) = with_entry(&format!("\u{1b}[2J\u{202e}{}", "x".repeat(5000)), b"x", 0o100_644);
        let what = read(folder.path(), &commit).unwrap_err().what;
        assert!(what.starts_with("`\\u{1b}[2J\\u{202e}xxx") && what.len() < 300, "{what}");
    }
}
