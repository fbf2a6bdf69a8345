//! Opens a repository: finds it from a folder as git does, looks at its configuration, and says what to do about one that is
//! not read.
//!
//! # Source
//! language.md section 1, "Which repositories are read".

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::config;
use crate::error::Error;
use crate::source::sound;

/// The file at the top of every source.
const PROJECT: &str = "assent.toml";

/// Opens the repository that holds a folder, bare or not.
///
/// # Errors
/// When there is none, it is of a kind that is not read, its configuration includes what is no plain file, it has grafts, or an object
/// of it breaks off; and when the folder holds a source that is only a part of the repository.
pub fn open(folder: &Path) -> Result<Repository, Error> {
    let Some(found) = find(folder) else {
        return Err(Error::input(format!(
            "there is no repository in {}, nor above it: `git init` makes one, or name another",
            folder.display()
        )));
    };
    let source = source_in(folder, &found);
    if let Some(below) = source.filter(|source| *source != found) {
        return Err(Error::input(format!(
            "{} is only a part of the repository {}, and a commit is a source as a whole: make that folder a repository of its own with `git init`, or look at the files with `--worktree` where there is that",
            below.display(),
            found.display()
        )));
    }
    // What was named is called by that name.
    open_exactly(if same(folder, &found) { folder } else { &found })
}

/// Opens the repository in this very folder.
///
/// # Errors
/// As [`open`].
pub(super) fn open_exactly(folder: &Path) -> Result<Repository, Error> {
    config::look_at(folder)?;
    let none = [] as [&std::ffi::OsStr; 0];
    let repository =
        Repository::open_ext(folder, RepositoryOpenFlags::NO_SEARCH, none).map_err(|error| unread(folder, error))?;
    sound::look_at(repository.commondir())?;
    Ok(repository)
}

/// The folder at which the files of a source begin on disk: the nearest that holds `assent.toml`, from this folder up to the
/// top of its repository; else this folder.
pub fn top(folder: &Path) -> PathBuf {
    let source = find(folder).and_then(|found| source_in(folder, &found));
    source.filter(|source| !same(folder, source)).unwrap_or_else(|| folder.to_owned())
}

/// The nearest folder that holds a source, from this one up to the top of the repository.
fn source_in(folder: &Path, found: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let mut below = folder.ancestors().take_while(|above| above.starts_with(found));
    below.find(|above| above.join(PROJECT).is_file()).map(Path::to_path_buf)
}

fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| one == other)
}

/// The nearest folder that is a repository, from this one upwards and on the same disk.
fn find(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let disk = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    let here = disk(&folder);
    let mut on_disk = folder.ancestors().take_while(|above| disk(above) == here);
    on_disk.find(|above| is_repository(above)).map(Path::to_path_buf)
}

/// Whether a folder is the top of a work tree, or holds a repository itself.
pub(super) fn is_repository(folder: &Path) -> bool {
    let is_bare = || folder.join("HEAD").exists() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    folder.join(".git").exists() || is_bare()
}

/// Why a repository is not read, and what to do.
fn unread(folder: &Path, error: git2::Error) -> Error {
    let shown = folder.display();
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    if error.code() == ErrorCode::Owner {
        return Error::input(format!(
            "the repository {shown} belongs to another user of this machine. If you trust it: git config --global --add safe.directory {}",
            whole.display()
        ));
    }
    if error.code() == ErrorCode::NotFound {
        return Error::input(format!(
            "there is no repository in {shown} that can be read: {}; `git -C {shown} status` says more",
            error.message()
        ));
    }
    let kind = error.message();
    if kind.contains("object format") || kind.contains("objectformat") {
        return Error::input(format!(
            "the repository {shown} names objects by another digest than SHA-1, and no other is read. Make one with `git init --object-format=sha1` and commit the files there"
        ));
    }
    if kind.contains("refstorage") {
        return Error::input(format!(
            "the repository {shown} keeps its references otherwise than in files, and only those are read. A clone has files: git clone --ref-format=files {shown} NEW"
        ));
    }
    if kind.contains("extension") {
        return Error::input(format!(
            "the repository {shown} is of a kind that is not read: {kind}. A clone of it made with `git clone` may be"
        ));
    }
    Error::git(format!("open the repository {shown}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test writes what stands on disk")]
    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_repository_is_found_from_every_folder_in_it() {
        let home = tempfile::tempdir().unwrap();
        let top_of = home.path().canonicalize().unwrap().join("agency");
        Repository::init(&top_of).unwrap();
        write(&top_of.join("assent.toml"), "");
        let inner = top_of.join("clients/acme/workflows");
        std::fs::create_dir_all(&inner).unwrap();
        for folder in [&top_of, &inner, &top_of.join(".git"), &top_of.join(".git/refs")] {
            assert_eq!(open(folder).unwrap().workdir().unwrap(), top_of, "{}", folder.display());
        }
        assert_eq!((top(&inner), top(&top_of)), (top_of.clone(), top_of.clone()));
        assert!(open(home.path()).is_err_and(|error| error.to_string().contains("nor above it")));
        let bare = home.path().join("bare.git");
        Repository::init_bare(&bare).unwrap();
        assert!(open(&bare).unwrap().is_bare());
        // A source in a folder of another repository is none of its commits.
        let example = top_of.join("examples/agency");
        write(&example.join("assent.toml"), "");
        std::fs::create_dir_all(example.join("clients")).unwrap();
        assert_eq!(top(&example.join("clients")), example);
        assert!(open(&example).is_err_and(|error| error.to_string().contains("only a part of the repository")));
        assert_eq!(top(home.path()), home.path());
    }

    #[test]
    fn a_kind_of_repository_that_is_not_read_is_told_with_what_to_do() {
        for (config, told) in [
            ("[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n", "--object-format=sha1"),
            (
                "[core]\nrepositoryformatversion = 1\n[extensions]\nrefstorage = reftable\n",
                "git clone --ref-format=files",
            ),
            ("[core]\nrepositoryformatversion = 1\n[extensions]\nother = yes\n", "of a kind that is not read"),
        ] {
            let home = tempfile::tempdir().unwrap();
            Repository::init(home.path()).unwrap();
            write(&home.path().join(".git/config"), config);
            let error = open(home.path()).map(drop).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("class="), "{error}");
        }
        let home = tempfile::tempdir().unwrap();
        let error = unread(home.path(), git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Config, "not owned"));
        assert!(error.to_string().contains("safe.directory /"), "{error}");
    }
}
