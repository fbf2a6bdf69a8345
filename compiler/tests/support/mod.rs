//! Repositories out of memory, and the command line without a process.

pub(crate) mod clerk;
pub(crate) mod fixture;
pub(crate) mod signed;
pub(crate) mod validate;

use std::collections::BTreeMap;
use std::path::Path;

use assent_compiler::command::{self, Outside};
use assent_schema::time::Moment;
use git2::{ObjectType, Oid, Repository, Signature, Time};
use tempfile::TempDir;

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The moment at which every test runs.
pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

/// One entry of a tree that is written as it is, names that git would refuse included.
pub(crate) struct Raw<'a> {
    /// The mode, in octal digits.
    pub(crate) mode: &'a str,
    /// The name, any bytes.
    pub(crate) name: &'a [u8],
    /// What it leads to.
    pub(crate) id: Oid,
}

/// A bare repository with nothing in it.
pub(crate) fn bare() -> (TempDir, Repository) {
    let folder = TempDir::new().expect("a temporary folder");
    let repository = Repository::init_bare(folder.path()).expect("a repository");
    (folder, repository)
}

/// Writes a tree as it is.
pub(crate) fn tree(repository: &Repository, entries: &[Raw<'_>]) -> Oid {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(entry.mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(entry.name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    repository.odb().and_then(|odb| odb.write(ObjectType::Tree, &bytes)).expect("a tree")
}

/// Commits a tree to `main`.
pub(crate) fn commit(repository: &Repository, tree: Oid) -> Oid {
    let who = Signature::new("alice", "alice@example.com", &Time::new(1_780_000_000, 0)).expect("a signature");
    let tree = repository.find_tree(tree).expect("the tree");
    let id = repository.commit(None, &who, &who, "A commit", &tree, &[]).expect("a commit");
    repository.reference("refs/heads/main", id, true, "test").expect("a branch");
    repository.set_head("refs/heads/main").expect("a head");
    id
}

/// Writes files as a tree.
pub(crate) fn files(repository: &Repository, files: &Files) -> Oid {
    files_and_links(repository, files, "", &[])
}

/// Writes files as a tree in which some paths are links.
pub(crate) fn files_and_links(repository: &Repository, files: &Files, folder: &str, links: &[String]) -> Oid {
    let mut here: BTreeMap<Vec<u8>, Oid> = BTreeMap::new();
    let mut folders: BTreeMap<String, Files> = BTreeMap::new();
    for (path, bytes) in files {
        match path.split_once('/') {
            Some((folder, rest)) => {
                folders.entry(folder.to_owned()).or_default().insert(rest.to_owned(), bytes.clone());
            }
            None => {
                here.insert(path.clone().into_bytes(), repository.blob(bytes).expect("a blob"));
            }
        }
    }
    let folders: Vec<(Vec<u8>, Oid)> = folders
        .iter()
        .map(|(name, inner)| {
            let path = format!("{folder}{name}/");
            (name.clone().into_bytes(), files_and_links(repository, inner, &path, links))
        })
        .collect();
    let mode = |name: &[u8]| {
        let linked = links.iter().any(|link| link.strip_prefix(folder).map(str::as_bytes) == Some(name));
        if linked { "120000" } else { "100644" }
    };
    let mut entries: Vec<Raw<'_>> = here.iter().map(|(name, id)| Raw { mode: mode(name), name, id: *id }).collect();
    entries.extend(folders.iter().map(|(name, id)| Raw { mode: "40000", name, id: *id }));
    // Git sorts folders as if their names ended in a slash.
    entries.sort_by_key(|entry| [entry.name, if entry.mode == "40000" { b"/" } else { b"" }].concat());
    tree(repository, &entries)
}

/// What a command line gave.
pub(crate) struct Ran {
    /// The exit status.
    pub(crate) status: u8,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// Runs `assent` in this process, with no environment and at [`NOW`].
pub(crate) fn assent(arguments: &[&str]) -> Ran {
    let outside = Outside {
        now: NOW.parse::<Moment>().expect("a moment"),
        variables: BTreeMap::new(),
        stdout_is_terminal: false,
        stderr_is_terminal: false,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("assent").chain(arguments.iter().copied()).map(Into::into);
    let code = command::main(arguments, outside, &mut out, &mut err);
    let status = (0..=2).find(|n| format!("{code:?}") == format!("{:?}", std::process::ExitCode::from(*n)));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { status: status.expect("a status of 0, 1 or 2"), out: text(out), err: text(err) }
}

/// The files below a folder on disk, by their paths in it.
pub(crate) fn folder(root: &Path) -> Files {
    fn walk(at: &Path, root: &Path, files: &mut Files) {
        for item in std::fs::read_dir(at).expect("a folder") {
            let path = item.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_str().expect("a name").to_owned();
                files.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    let mut files = Files::new();
    walk(root, root, &mut files);
    files
}

/// The example source repository.
pub(crate) fn example() -> Files {
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agency"))
}
