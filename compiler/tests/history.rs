//! `assent check --history`: what was committed once and removed is known for good.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use support::signed::commit_after;
use support::{assent, bare, commit, example, files};

#[test]
fn a_secret_of_an_older_commit_is_found_and_never_printed() {
    // Put together here, so that no scanner takes this file for a leak.
    let secret = ["AKIA", "2E0A8F3B244C9986"].concat();
    let (folder, repository) = bare();
    let now = example();
    let mut before = now.clone();
    before.insert("scripts/seed.sh".into(), format!("first\nexport KEY={secret}\n").into_bytes());
    let first = commit(&repository, files(&repository, &before));
    commit_after(&repository, first, files(&repository, &now), "nobody");
    let path = folder.path().to_str().expect("a path");
    let name = format!("{}:scripts/seed.sh", first.to_string().get(..12).expect("an id"));
    for format in ["human", "json", "sarif", "github"] {
        let ran = assent(&["check", "--repo", path, "--format", format]);
        assert!(!ran.out.contains("This looks like"), "{format}: the commit itself is clean: {}", ran.out);
        let ran = assent(&["check", "--repo", path, "--history", "--format", format]);
        assert!(ran.out.contains(&name) || ran.out.contains(&name.replace(':', "%3A")), "{format}: {}", ran.out);
        assert!(!ran.out.contains(&secret), "{format}: {}", ran.out);
    }
    let human = assent(&["check", "--repo", path, "--history"]).out;
    assert!(human.contains("export KEY=********************"), "{human}");
}

/// A client in a repository of its own, whose history is looked through too; also that of a pin of before.
#[test]
fn what_pinned_clients_committed_once_is_found_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = git2::Repository::init(folder.path()).expect("a repository");
    let commit = |parent: Option<git2::Oid>, files: &[(&str, &str)]| {
        let mut index = git2::Index::new().expect("an index");
        for (path, text) in files {
            let id = repository.blob(text.as_bytes()).expect("a blob");
            index.add(&entry(path, id, text.len())).expect("an entry");
        }
        let tree = repository.find_tree(index.write_tree_to(&repository).expect("a tree")).expect("a tree");
        let who = git2::Signature::new("a", "a@example.com", &git2::Time::new(1_700_000_000, 0)).expect("a name");
        let parents: Vec<_> = parent.map(|id| repository.find_commit(id).expect("a commit")).into_iter().collect();
        repository.commit(None, &who, &who, "m", &tree, &parents.iter().collect::<Vec<_>>()).expect("a commit")
    };
    let secret = |n: u8| format!("first\nexport KEY={}{n}E0A8F3B244C9986\n", "AKIA");
    let lock = |pin: git2::Oid| {
        let tree = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        format!("[clients.acme]\nrepository = \"acme.git\"\ncommit = \"{pin}\"\ntree = \"{tree}\"\n")
    };
    // Two histories of the client: one that was pinned once, one that is pinned now; each once held a key.
    let gone = commit(None, &[("old.md", &secret(1))]);
    let gone_tip = commit(Some(gone), &[("old.md", "nothing\n")]);
    let first = commit(None, &[("prompts/p.md", &secret(2))]);
    let tip = commit(Some(first), &[("prompts/p.md", "nothing\n")]);
    let before = commit(None, &[("clients.lock", &lock(gone_tip))]);
    let now = commit(Some(before), &[("clients.lock", &lock(tip))]);
    repository.reference("refs/heads/main", now, true, "").expect("a branch");
    repository.set_head("refs/heads/main").expect("a head");

    let path = folder.path().to_str().expect("text");
    let found = assent(&["check", "--repo", path, "--no-rehearsal", "--history"]).out;
    for (commit, file) in [(gone, "old.md"), (first, "prompts/p.md")] {
        let name = format!("{}:{file}", commit.to_string().get(..12).unwrap());
        assert!(found.contains(&name), "{name} in:\n{found}");
    }
    let without = assent(&["check", "--repo", path, "--no-rehearsal"]).out;
    assert!(!without.contains("old.md"), "{without}");
}

fn entry(path: &str, id: git2::Oid, size: usize) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: u32::try_from(size).expect("a small file"),
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
