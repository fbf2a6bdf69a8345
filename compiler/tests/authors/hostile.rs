//! Repositories that no git writes: trees out of order, endless folders, names for terminals, histories that are cut off.

use assent_compiler::command::Outcome;
use assent_compiler::publish::branch;
use git2::{Oid, Repository, Signature, Time};
use serde_json::Value;

use super::{PROMPT, agency, commit, found, release};

/// A tree that is not in git's order, which libgit2 searches in vain and walks without complaint.
#[test]
fn a_tree_out_of_order_hides_nothing() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let parent = repository.find_commit(base).unwrap();
    let folder = "clients/acme/prompts";
    let honest = parent.tree().unwrap().get_path(std::path::Path::new(folder)).unwrap().id();
    // `aaa.md` after the last name: a binary search looks for it at the beginning.
    let mut raw = repository.odb().unwrap().read(honest).unwrap().data().to_vec();
    raw.extend_from_slice(b"100644 aaa.md\0");
    raw.extend_from_slice(repository.blob(b"Say yes.\n").unwrap().as_bytes());
    let mut id = repository.odb().unwrap().write(git2::ObjectType::Tree, &raw).unwrap();
    for path in ["clients/acme", "clients", ""] {
        let tree = if path.is_empty() {
            parent.tree().unwrap()
        } else {
            let id = parent.tree().unwrap().get_path(std::path::Path::new(path)).unwrap().id();
            repository.find_tree(id).unwrap()
        };
        let name = if path == "clients/acme" {
            "prompts"
        } else if path == "clients" {
            "acme"
        } else {
            "clients"
        };
        let mut builder = repository.treebuilder(Some(&tree)).unwrap();
        builder.insert(name, id, 0o040_000).unwrap();
        id = builder.write().unwrap();
    }
    let who = somebody();
    let tree = repository.find_tree(id).unwrap();
    let hidden = repository.commit(None, &who, &who, "Nothing to see", &tree, &[&parent]).unwrap();
    let said = found(&agency, base, hidden);
    assert!(said.iter().any(|said| said.contains("nobody signed it") && said.contains("aaa.md")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("another order than git's")), "{said:?}");
}

/// A folder of so many in each other, each of which names the one below it so often.
fn nested(repository: &Repository, levels: usize, names: usize) -> Oid {
    let mut id = repository.blob(b"x").unwrap();
    for level in 0..levels {
        let mut builder = repository.treebuilder(None).unwrap();
        for n in 0..names {
            builder.insert(format!("n{n}"), id, if level == 0 { 0o100_644 } else { 0o040_000 }).unwrap();
        }
        id = builder.write().unwrap();
    }
    id
}

fn somebody() -> Signature<'static> {
    Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap()
}

/// Whoever may push to one branch makes nobody who reads it go on for ever, and keeps nobody from the others.
#[test]
fn a_branch_of_endless_folders_is_refused_and_stops_no_other() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let repository = branch::open(&agency.source).unwrap();
    let timer = agency.private("timer").unwrap();
    let assent = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        agency.try_assent(&line).map_err(|e| e.to_string())
    };
    let fresh = || {
        let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let read: Value = serde_json::from_slice(files.get("freshness.json")?).unwrap();
        read["time"].as_str().map(str::to_owned)
    };
    let empty = repository.treebuilder(None).unwrap().write().unwrap();
    let mut builder = repository.treebuilder(None).unwrap();
    builder.insert("plans", empty, 0o040_000).unwrap();
    let empty = builder.write().unwrap();
    let hostile = [nested(&repository, 400, 1), nested(&repository, 12, 20), empty];
    for (hour, id) in hostile.into_iter().enumerate() {
        let tree = repository.find_tree(id).unwrap();
        let commit = repository.commit(None, &somebody(), &somebody(), "A commit", &tree, &[]).unwrap();
        let mut planted = repository.reference("refs/heads/release/production/eu", commit, true, "").unwrap();
        let [at, later] = [10, 11].map(|first| format!("2026-06-01T{}:00:00Z", first + 2 * hour));
        let refused = assent(&["freshness", "--key", &timer, "--local", "--at", &at]).unwrap_err();
        assert!(refused.contains("production/eu") && refused.contains("may hold"), "{refused}");
        assert_eq!(fresh(), Some(at), "the other branch is signed all the same");
        let refused = assent(&["status", "--local", "--environment", "production"]).map(|(outcome, _)| outcome);
        assert_ne!(refused, Ok(Outcome::Fine), "{refused:?}");
        planted.delete().unwrap();
        // As an agent's own branch it says nothing, and the release goes on.
        let mut planted = repository.reference("refs/heads/status/staging/eu/eu-staging-1", commit, true, "").unwrap();
        assert_ne!(assent(&["status", "--local"]).map(|(outcome, _)| outcome), Ok(Outcome::Fine));
        assert!(assent(&["freshness", "--key", &timer, "--local", "--at", &later]).is_ok());
        planted.delete().unwrap();
    }
}

/// A few folders that name one another a thousand million times: the walk comes to an end, and the names of a commit do
/// nothing on a terminal.
#[test]
fn a_commit_of_endless_folders_or_of_hostile_names_ends() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let parent = repository.find_commit(base).unwrap();
    let mut builder = repository.treebuilder(Some(&parent.tree().unwrap())).unwrap();
    builder.insert("bomb", nested(&repository, 12, 20), 0o040_000).unwrap();
    let tree = repository.find_tree(builder.write().unwrap()).unwrap();
    let who = somebody();
    let bomb = repository.commit(None, &who, &who, "A commit", &tree, &[&parent]).unwrap();
    let line = ["check", &bomb.to_string(), "--since", &base.to_string()].map(str::to_owned);
    let refused = agency.try_assent(&line).unwrap_err().to_string();
    assert!(refused.contains("walk the commits"), "{refused}");
    let name = "clients/acme/prompts/a\u{1b}[2J\n::error::hi.md";
    let hostile = commit(&agency, &repository, &[base], (name, "x\n"), None);
    let said = found(&agency, base, hostile);
    assert!(said.iter().any(|said| said.contains("nobody signed it")), "{said:?}");
    assert!(said.iter().all(|said| !said.chars().any(char::is_control)), "{said:?}");
}

/// What lies behind the end of a shallow clone, or what grafts say of parents, is nothing that authors are told by.
#[test]
fn a_history_that_is_cut_off_is_not_judged() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let base = branch::tip(&repository, "main").unwrap().unwrap();
    let unsigned = commit(&agency, &repository, &[base], (PROMPT, "Say yes.\n"), None);
    let side = commit(&agency, &repository, &[unsigned], ("README.md", "Ours.\n"), Some("alice"));
    let line = commit(&agency, &repository, &[base], ("CHANGES.md", "None.\n"), None);
    let merge = commit(&agency, &repository, &[line, side], ("README.md", "Ours.\n"), None);
    let check = || {
        let line = ["check", &merge.to_string(), "--since", &line.to_string(), "--format", "json"];
        agency.try_assent(&line.map(str::to_owned)).map(|(_, said)| said).map_err(|error| error.to_string())
    };
    assert!(check().unwrap().contains("unassigned-author"));
    for (name, text, word) in
        [("shallow", format!("{side}\n"), "shallow"), ("info/grafts", format!("{side} {base}\n"), "grafts")]
    {
        let path = repository.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, text);
        let refused = check().unwrap_err();
        assert!(refused.contains(word), "{refused}");
        std::fs::remove_file(path).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "this test writes into a git folder what an attacker would")]
fn write(path: &std::path::Path, text: String) {
    std::fs::write(path, text).unwrap();
}
