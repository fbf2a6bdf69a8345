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
