//! Which repositories are read, from where in them, and what is said of those that are not.

#![expect(clippy::disallowed_methods, reason = "the tests make their own folders")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::path::{Path, PathBuf};

use git2::{IndexAddOption, Oid, Repository, Signature, Time};
use support::signed::sign_all;
use support::{Ran, assent, folder};
use tempfile::TempDir;

/// What `assent init` writes, with a commit of it and one more on a branch.
struct Source {
    home: TempDir,
    repository: Repository,
}

impl Source {
    fn new() -> Self {
        let home = TempDir::new().expect("a folder");
        let path = home.path().join("source");
        assert_eq!(assent(&["init", path.to_str().expect("a path")]).status, 0);
        let repository = Repository::open(&path).expect("a repository");
        let source = Self { home, repository };
        source.commit("all");
        source
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("source")
    }

    fn commit(&self, message: &str) -> Oid {
        let mut index = self.repository.index().expect("the index");
        index.add_all(["*"], IndexAddOption::DEFAULT, None).expect("all files");
        index.write().expect("the index is kept");
        let tree = index.write_tree().and_then(|id| self.repository.find_tree(id)).expect("a tree");
        let who = Signature::new("you", "you@example.com", &Time::new(1_780_000_000, 0)).expect("a signature");
        let parent = self.repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        self.repository.commit(Some("HEAD"), &who, &who, message, &tree, &parents).expect("a commit")
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = std::fs::read_to_string(&path).expect("the file");
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("the file is written");
    }
}

fn at(place: &Path, arguments: &[&str]) -> Ran {
    let place = place.to_str().expect("a path");
    assent(&[arguments, &["--repo", place]].concat())
}

#[test]
fn commands_find_the_repository_from_a_folder_in_it() {
    let source = Source::new();
    let inner = source.path().join("clients/acme/workflows");
    for command in [
        &["check"][..],
        &["check", "--worktree"],
        &["check", "--history"],
        &["plan"],
        &["plan", "--worktree"],
        &["test"],
        &["test", "--coverage", "HEAD"],
        &["trust", "allowed-signers"],
    ] {
        let (top, below) = (at(&source.path(), command), at(&inner, command));
        assert_eq!((top.status, &top.out, &top.err), (below.status, &below.out, &below.err), "{command:?}");
        assert!(!top.err.contains("repository"), "{command:?}: {}", top.err);
    }
    // A linked work tree and a repository in the middle of a merge are read as well.
    let linked = source.home.path().join("linked");
    source.repository.worktree("linked", &linked, None).expect("a work tree");
    std::fs::write(source.path().join(".git/MERGE_HEAD"), format!("{}\n", "0".repeat(40))).expect("a merge");
    let top = at(&source.path(), &["check"]);
    for folder in [linked.clone(), linked.join("clients/acme")] {
        let ran = at(&folder, &["check"]);
        assert_eq!((ran.status, &ran.out, &ran.err), (top.status, &top.out, &top.err));
        assert_eq!(at(&folder, &["check", "--worktree"]).status, top.status);
    }
}

#[test]
fn a_source_that_is_a_part_of_a_repository_is_told_so() {
    let home = TempDir::new().expect("a folder");
    let inner = home.path().join("tools/source");
    Repository::init(&inner).expect("a repository");
    assert_eq!(assent(&["init", inner.to_str().expect("a path")]).status, 0);
    std::fs::remove_dir_all(inner.join(".git")).expect("it is a repository no longer");
    Repository::init(home.path()).expect("a repository");
    let ran = at(&inner.join("clients"), &["check"]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("only a part of the repository"), "{}", ran.err);
    let ran = at(&inner.join("clients"), &["check", "--worktree"]);
    assert!(ran.status == 1 && ran.out.contains("only a part of the repository"), "{}", ran.out);
    let other = home.path().join("other");
    let ran = assent(&["init", other.to_str().expect("a path")]);
    assert!(ran.status == 2 && ran.err.contains("git init") && !other.exists(), "{}", ran.err);
}

#[test]
fn a_range_is_gits() {
    let source = Source::new();
    let fork = source.repository.head().and_then(|head| head.peel_to_commit()).expect("a commit");
    source.repository.branch("mine", &fork, false).expect("a branch");
    source.edit("clients/acme/client.toml", "retention = \"180d\"", "retention = \"90d\"");
    source.commit("main goes on");
    source.repository.set_head("refs/heads/mine").expect("a head");
    source.repository.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).expect("the files");
    std::fs::write(source.path().join("notes.txt"), "mine\n").expect("a file");
    source.commit("mine goes on");
    let nothing = at(&source.path(), &["plan", "HEAD..HEAD"]).out;
    for range in ["main...mine", "main...", "...HEAD", "..HEAD", "HEAD..", "..", "..."] {
        let ran = at(&source.path(), &["plan", range]);
        assert_eq!(
            (ran.status, ran.out.as_str(), ran.err.contains("could not")),
            (1, nothing.as_str(), false),
            "{range}"
        );
    }
    let apart = at(&source.path(), &["plan", "main..mine"]).out;
    assert!(apart.contains("180d") && apart != nothing, "{apart}");
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let home = TempDir::new().expect("a folder");
    Repository::init(home.path()).expect("a repository");
    let ran = at(home.path(), &["check"]);
    assert!(ran.status == 2 && ran.err.contains("there is no commit yet"), "{}", ran.err);

    let source = Source::new();
    for (revision, told) in [
        ("nope", "`git fetch` brings more"),
        ("HEAD~9", "`git fetch` brings more"),
        ("0123456789abcdef0123456789abcdef01234567", "`git fetch` brings more"),
        ("v1..v2", "`git fetch` brings more"),
        ("", "`git fetch` brings more"),
        (":/x", "`git fetch` brings more"),
        ("HEAD:assent.toml", "is no commit"),
        ("HEAD^{tree}", "is no commit"),
    ] {
        let ran = at(&source.path(), &["check", revision]);
        assert!(ran.status == 2 && ran.err.contains(told) && !ran.err.contains("class="), "{revision}: {}", ran.err);
    }
    let head = source.repository.head().expect("a head").target().expect("a commit");
    std::fs::write(source.path().join(".git/shallow"), format!("{head}\n")).expect("a shallow clone");
    let ran = at(&source.path(), &["plan", "HEAD~1..HEAD"]);
    assert!(ran.status == 2 && ran.err.contains("git fetch --unshallow"), "{}", ran.err);
    std::fs::remove_file(source.path().join(".git/shallow")).expect("it is whole again");

    // As a clone with `--filter` leaves files out.
    let blob = source.repository.revparse_single("HEAD:clients/acme/client.toml").expect("a file").id().to_string();
    let (folder, name) = blob.split_at(2);
    std::fs::remove_file(source.path().join(".git/objects").join(folder).join(name)).expect("an object");
    let ran = at(&source.path(), &["check", "--no-cache"]);
    assert!(ran.status == 2 && ran.err.contains("git fetch --refetch --no-filter"), "{}", ran.err);
    assert!(!ran.err.contains("class="), "{}", ran.err);
}

/// A power cut leaves objects in part, and a reader that waits for the rest of one waits for ever.
#[test]
fn an_object_that_breaks_off_is_told_before_anything_is_read() {
    let source = Source::new();
    let objects = source.path().join(".git/objects");
    for revision in ["HEAD", "HEAD^{tree}", "HEAD:clients", "HEAD:assent.toml"] {
        let id = source.repository.revparse_single(revision).expect("an object").id().to_string();
        let (folder, name) = id.split_at(2);
        let file = objects.join(folder).join(name);
        let whole = std::fs::read(&file).expect("an object in a file");
        for kept in [whole.len() / 2, whole.len() - 1] {
            std::fs::remove_file(&file).expect("it goes");
            std::fs::write(&file, &whole[..kept]).expect("a part of it comes back");
            for arguments in [["check"].as_slice(), &["check", "--no-cache"], &["plan", "HEAD..HEAD"]] {
                let ran = at(&source.path(), arguments);
                let told = ran.err.contains("breaks off") && ran.err.contains(&file.display().to_string());
                assert!(ran.status == 2 && told && ran.out.is_empty(), "{revision} {arguments:?}: {}", ran.err);
            }
        }
        std::fs::remove_file(&file).expect("it goes");
        std::fs::write(&file, &whole).expect("it is whole again");
    }
    assert_ne!(at(&source.path(), &["check"]).status, 2);
}

/// Also where nobody asks for a history: what is said of it would not be so.
#[test]
fn grafts_are_refused_by_every_command() {
    let source = Source::new();
    let head = source.repository.head().expect("a head").target().expect("a commit");
    std::fs::create_dir_all(source.path().join(".git/info")).expect("a folder");
    std::fs::write(source.path().join(".git/info/grafts"), format!("{head}\n")).expect("a graft");
    for arguments in [["check"].as_slice(), &["plan", "HEAD..HEAD"]] {
        let ran = at(&source.path(), arguments);
        assert!(ran.status == 2 && ran.err.contains("info/grafts"), "{arguments:?}: {}", ran.err);
    }
}

/// What `check` is silent about by itself, `release` refuses: so it says that it did not look, and how to begin anew.
#[test]
fn a_commit_from_before_the_teams_is_told_with_a_way_out() {
    let source = Source::new();
    let ran = at(&source.path(), &["check"]);
    assert!(ran.out.contains("Who signed the commits was not looked at"), "{}", ran.out);
    assert!(!at(&source.path(), &["check", "--worktree"]).out.contains("Who signed"));
    assert!(!at(&source.path(), &["check", "--since", "ROOT"]).out.contains("Who signed"));
    let mut all = folder(&source.path());
    all.retain(|path, _| !path.starts_with(".git/"));
    sign_all(&mut all, "2027-03-01T00:00:00Z".parse().expect("a moment"));
    for (path, bytes) in all {
        let path = source.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    source.commit("who may do what, too late");
    let ran = at(&source.path(), &["check"]);
    assert_eq!(ran.status, 0, "{}", ran.out);
    let ran = at(&source.path(), &["check", "--since", "ROOT"]);
    assert!(ran.status == 1 && ran.out.contains("git checkout --orphan anew"), "{}", ran.out);
}
