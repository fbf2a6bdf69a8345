//! What is walked of a history.

use git2::{Signature, Time};

use super::*;

/// The ids of so many empty commits, the oldest first.
fn empty(repository: &Repository, count: i64) -> Vec<Oid> {
    let tree = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
    let mut ids: Vec<Oid> = Vec::new();
    for at in 0..count {
        let who = Signature::new("x", "x@example.com", &Time::new(at, 0)).unwrap();
        let parents: Vec<_> = ids.last().map(|id| repository.find_commit(*id).unwrap()).into_iter().collect();
        let parents: Vec<_> = parents.iter().collect();
        ids.push(repository.commit(None, &who, &who, "x", &tree, &parents).unwrap());
    }
    ids
}

/// Whoever may push could put so many before others that nobody asks who signed those.
#[test]
fn no_commit_is_left_out_because_there_are_many() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init_bare(folder.path()).unwrap();
    let ids = empty(&repository, 4);
    let walked = |base: Option<usize>, most| {
        walked_within(&repository, base.map(|base| ids[base]), ids[3], most).map(|changes| changes.len())
    };
    assert_eq!(walked(None, 4).unwrap(), 4);
    assert_eq!(walked(Some(0), 3).unwrap(), 3);
    assert!(walked(None, 3).unwrap_err().to_string().contains("more than 3 commits: nobody can tell"));
    let refused = walked(Some(0), 2).unwrap_err().to_string();
    assert!(refused.contains(&format!("more than 2 commits after {}", ids[0])), "{refused}");
}

/// A commit that names its parents as `parents` says, as whoever pushes may write it.
fn forged(repository: &Repository, parents: impl Iterator<Item = Oid>) -> Oid {
    let tree = repository.treebuilder(None).unwrap().write().unwrap();
    let named: Vec<String> = parents.map(|id| format!("parent {id}\n")).collect();
    let named = named.concat();
    let text =
        format!("tree {tree}\n{named}author x <x@example.com> 9 +0000\ncommitter x <x@example.com> 9 +0000\n\nx\n");
    repository.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap()
}

#[test]
fn a_parent_that_is_named_again_and_again_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init_bare(folder.path()).unwrap();
    let ids = empty(&repository, 3);
    let tip = forged(&repository, (0..10_000).map(|n| ids[n % 2]));
    let changes = walked_within(&repository, Some(ids[1]), tip, 9).unwrap();
    assert_eq!(changes.last().unwrap().parents, [ids[0], ids[1]]);
    let many = empty(&repository, 70);
    let refused = walked_within(&repository, Some(ids[0]), forged(&repository, many.into_iter()), 200).unwrap_err();
    assert!(refused.to_string().contains("more than 64 parents"), "{refused}");
}
