//! Makes source repositories of any size out of the example: many workflows, each a little different.

use std::path::Path;

use git2::{FileMode, Repository, Signature, Time};

/// A commit in a fresh bare repository with so many workflows of client `acme`, each with its scenarios.
pub(crate) fn repository(folder: &Path, workflows: usize) -> (Repository, git2::Oid) {
    let repository = Repository::init_bare(folder).expect("an empty folder takes a repository");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agency");
    let tree = {
        let acme = |repository: &Repository| {
            let mut acme = repository.treebuilder(None).expect("a tree");
            let from = example.join("clients/acme");
            let client = std::fs::read(from.join("client.toml")).expect("the example is here");
            insert_blob(repository, &mut acme, "client.toml", &client);
            let prompts = folder_tree(repository, &from.join("prompts"));
            acme.insert("prompts", prompts, FileMode::Tree.into()).expect("a name");
            let mut many = repository.treebuilder(None).expect("a tree");
            for number in 0..workflows {
                let (workflow, tests) = workflow(&from, number);
                insert_blob(repository, &mut many, &format!("w-{number:06}.toml"), workflow.as_bytes());
                insert_blob(repository, &mut many, &format!("w-{number:06}.test.toml"), tests.as_bytes());
            }
            acme.insert("workflows", many.write().expect("a tree"), FileMode::Tree.into()).expect("a name");
            acme.write().expect("a tree")
        };
        let mut clients = repository.treebuilder(None).expect("a tree");
        clients.insert("acme", acme(&repository), FileMode::Tree.into()).expect("a name");
        let mut root = repository.treebuilder(None).expect("a tree");
        root.insert("clients", clients.write().expect("a tree"), FileMode::Tree.into()).expect("a name");
        let catalog = folder_tree(&repository, &example.join("catalog"));
        root.insert("catalog", catalog, FileMode::Tree.into()).expect("a name");
        let project = std::fs::read(example.join("assent.toml")).expect("the example is here");
        insert_blob(&repository, &mut root, "assent.toml", &project);
        root.write().expect("a tree")
    };
    let who = Signature::new("bench", "bench@example.com", &Time::new(1_800_000_000, 0)).expect("a signature");
    let commit = {
        let tree = repository.find_tree(tree).expect("the tree that was written");
        repository.commit(Some("refs/heads/main"), &who, &who, "generated", &tree, &[]).expect("a commit")
    };
    (repository, commit)
}

/// One of the example's workflows and its scenarios, under another name and with another summary and limits.
fn workflow(from: &Path, number: usize) -> (String, String) {
    let base = ["refund", "triage", "reply"][number % 3];
    let read = |name: &str| std::fs::read_to_string(from.join("workflows").join(name)).expect("the example is here");
    let text = read(&format!("{base}.toml"))
        .replacen(&format!("name = \"{base}\""), &format!("name = \"w-{number:06}\""), 1)
        .replacen("concurrency = ", &format!("concurrency = {}", number % 9 + 1), 1);
    (text, read(&format!("{base}.test.toml")))
}

fn folder_tree(repository: &Repository, folder: &Path) -> git2::Oid {
    let mut builder = repository.treebuilder(None).expect("a tree");
    for entry in std::fs::read_dir(folder).expect("the example is here") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("plain names");
        if entry.path().is_dir() {
            let inner = folder_tree(repository, &entry.path());
            builder.insert(&name, inner, FileMode::Tree.into()).expect("a name");
        } else {
            insert_blob(repository, &mut builder, &name, &std::fs::read(entry.path()).expect("a file"));
        }
    }
    builder.write().expect("a tree")
}

fn insert_blob(repository: &Repository, tree: &mut git2::TreeBuilder<'_>, name: &str, bytes: &[u8]) {
    let blob = repository.blob(bytes).expect("a blob");
    tree.insert(name, blob, FileMode::Blob.into()).expect("a name");
}
