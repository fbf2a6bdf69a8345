//! Makes source repositories of any size out of the example: many clients with many workflows, each a little different,
//! everything signed, packed into a bare repository.
//!
//! `tests/support/generate` is another generator, on purpose: it makes what nobody would write and grows with the language.
//! A time can be compared with that of another day only while what is measured stays as it is, and says something only about
//! workflows that people do write, with all of their scenarios.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use assent_compiler::check::survey;
use assent_compiler::source::open_commit;
use assent_schema::id::ClientId;
use assent_schema::uses::DataUse;
use git2::{Buf, Mempack, Odb, Oid, Repository};

use crate::support::signed::{approve, sign_trust};
use crate::support::{Files, NOW, Raw, commit, example, files, tree};

/// The workflows of one client.
pub(crate) const PER_CLIENT: usize = 100;
/// The clients whose files are packed together.
const PER_PACK: usize = 50;
/// When approvals end.
const EXPIRES: &str = "2027-03-01T00:00:00Z";

/// What is generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// How many workflows.
    pub(crate) workflows: usize,
    /// Whether the clients approved all that they do; else nothing.
    pub(crate) approved: bool,
    /// How many scenarios each workflow has at most.
    pub(crate) scenarios: usize,
}

/// A commit in a fresh bare repository with [`PER_CLIENT`] workflows of each client, each with its scenarios. Everything
/// that is signed is signed.
pub(crate) fn repository(folder: &Path, kind: Kind) -> (Repository, Oid) {
    let repository = Repository::init_bare(folder).expect("an empty folder takes a repository");
    let id = {
        let odb = repository.odb().expect("an object database");
        let memory = odb.add_new_mempack_backend(1_000).expect("a backend in memory");
        let mut pack = |objects: &[Oid], trees: &[Oid]| pack(&repository, &odb, &memory, objects, trees);
        let root = source_tree(&repository, kind, &mut pack);
        let id = commit(&repository, root);
        pack(&[id], &[]);
        id
    };
    (Repository::open_bare(folder).expect("the repository"), id)
}

/// A commit that follows, in which one line of one workflow is another.
pub(crate) fn edit(repository: &Repository, head: Oid) -> Oid {
    let path = format!("clients/{}/workflows/w-0001.toml", client_name(0));
    let commit = repository.find_commit(head).expect("the commit");
    let entry = commit.tree().and_then(|tree| tree.get_path(Path::new(&path))).expect("the workflow");
    let blob = repository.find_blob(entry.id()).expect("its text");
    let text = std::str::from_utf8(blob.content()).expect("text").replacen("summary = \"", "summary = \"Now: ", 1);
    let changed = repository.blob(text.as_bytes()).expect("a blob");
    let mut update = git2::build::TreeUpdateBuilder::new();
    update.upsert(path.as_str(), changed, git2::FileMode::Blob);
    let tree = update.create_updated(repository, &commit.tree().expect("a tree")).expect("a tree");
    let tree = repository.find_tree(tree).expect("the tree");
    let who = commit.author();
    repository.commit(None, &who, &who, "An edit", &tree, &[&commit]).expect("a commit")
}

fn source_tree(
    repository: &Repository,
    Kind { workflows, approved, scenarios }: Kind,
    pack: &mut impl FnMut(&[Oid], &[Oid]),
) -> Oid {
    let example = example();
    let clients = workflows.div_ceil(PER_CLIENT);
    let shared = |path: &str| path == "assent.toml" || path.starts_with("catalog/");
    let mut signed: Files = example.iter().filter(|(path, _)| shared(path)).map(own).collect();
    for number in 0..clients {
        for (path, bytes) in client_files(&example, number) {
            signed.insert(format!("clients/{}/{path}", client_name(number)), bytes);
        }
    }
    let trust = sign_trust(&mut signed);
    let uses = uses(&example, &signed, PER_CLIENT.min(workflows), scenarios);
    if approved {
        for number in 0..clients {
            let client = ClientId::new(&client_name(number)).expect("an id");
            approve(&mut signed, &trust, &client, uses.clone(), EXPIRES.parse().expect("a moment"));
        }
    }
    let mut folders: BTreeMap<Vec<u8>, Oid> = BTreeMap::new();
    for number in 0..clients {
        let name = client_name(number);
        let folder = format!("clients/{name}/");
        let own = |(path, bytes): (&String, &Vec<u8>)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone()));
        let mut here: Files = signed.iter().filter_map(own).collect();
        let most = PER_CLIENT.min(workflows - number * PER_CLIENT);
        here.extend((0..most).flat_map(|position| workflow(&example, number, position, scenarios)));
        folders.insert(name.into_bytes(), files(repository, &here));
        if number % PER_PACK == PER_PACK - 1 || number + 1 == clients {
            let some: Vec<Oid> = folders.values().skip(number / PER_PACK * PER_PACK).copied().collect();
            pack(&[], &some);
        }
    }
    let entries: Vec<Raw<'_>> = folders.iter().map(|(name, id)| Raw { mode: "40000", name, id: *id }).collect();
    let clients = tree(repository, &entries);
    signed.retain(|path, _| !path.starts_with("clients/"));
    let rest = files(repository, &signed);
    let mut root = repository.treebuilder(Some(&repository.find_tree(rest).expect("the tree"))).expect("a tree");
    root.insert("clients", clients, 0o040_000).expect("a name");
    let root = root.write().expect("a tree");
    pack(&[root, clients], &[rest]);
    root
}

fn own((path, bytes): (&String, &Vec<u8>)) -> (String, Vec<u8>) {
    (path.clone(), bytes.clone())
}

fn client_name(number: usize) -> String {
    format!("c-{number:04}")
}

/// What a client has besides workflows.
fn client_files(example: &Files, number: usize) -> Files {
    let own = |(path, bytes): (&String, &Vec<u8>)| {
        let path = path.strip_prefix("clients/acme/").filter(|path| !path.starts_with("workflows/"))?;
        let named = format!("name = \"{}\"", client_name(number));
        let bytes = String::from_utf8(bytes.clone()).expect("text").replacen("name = \"acme\"", &named, 1);
        Some((path.to_owned(), bytes.into_bytes()))
    };
    example.iter().filter_map(own).collect()
}

/// One of the example's workflows and its scenarios, with a name, limits and ids of its own.
fn workflow(example: &Files, client: usize, position: usize, scenarios: usize) -> [(String, Vec<u8>); 2] {
    let base = ["refund", "triage", "reply"][position % 3];
    let read = |name: String| {
        let bytes = &example[&format!("clients/acme/workflows/{name}")];
        std::str::from_utf8(bytes).expect("text").to_owned()
    };
    let (number, name) = (client * PER_CLIENT + position, format!("w-{position:04}"));
    let text = read(format!("{base}.toml"))
        .replacen(&format!("name = \"{base}\""), &format!("name = \"{name}\""), 1)
        .replacen("summary = \"", &format!("summary = \"{number}: "), 1)
        .replacen("concurrency = ", &format!("concurrency = {}", number % 9 + 1), 1);
    let tests = read(format!("{base}.test.toml"));
    let tests = first_scenarios(&tests, scenarios).replace("4201", &(1_000_000 + number).to_string());
    [(format!("workflows/{name}.toml"), text.into_bytes()), (format!("workflows/{name}.test.toml"), tests.into_bytes())]
}

/// The beginning of a test file with so many scenarios at most.
fn first_scenarios(text: &str, most: usize) -> &str {
    let next = text.match_indices("\n[[scenario]]").nth(most);
    next.and_then(|(end, _)| text.get(..=end)).unwrap_or(text)
}

/// What a client with so many workflows approves; it is the same for each client.
fn uses(example: &Files, signed: &Files, workflows: usize, scenarios: usize) -> Vec<DataUse> {
    let (_folder, repository) = crate::support::bare();
    let first = client_name(0);
    let other = |path: &str| path.strip_prefix("clients/").is_some_and(|path| !path.starts_with(&first));
    let mut one: Files = signed.iter().filter(|(path, _)| !other(path)).map(own).collect();
    let all = (0..workflows).flat_map(|position| workflow(example, 0, position, scenarios));
    one.extend(all.map(|(path, bytes)| (format!("clients/{first}/{path}"), bytes)));
    let id = commit(&repository, files(&repository, &one));
    let parts = open_commit(&repository, id).expect("the commit that was generated");
    let (survey, _) = survey(&parts, NOW.parse().expect("a moment")).expect("the same");
    survey.judged[first.as_str()].missing.clone()
}

/// Moves what is in memory into a pack, as a clone would have it.
fn pack(repository: &Repository, odb: &Odb<'_>, memory: &Mempack<'_>, objects: &[Oid], trees: &[Oid]) {
    let mut builder = repository.packbuilder().expect("a pack");
    for id in objects {
        builder.insert_object(*id, None).expect("an object");
    }
    for id in trees {
        builder.insert_tree(*id).expect("a tree");
    }
    let mut bytes = Buf::new();
    builder.write_buf(&mut bytes).expect("a pack");
    let mut writer = odb.packwriter().expect("a pack on disk");
    writer.write_all(&bytes).expect("a pack on disk");
    writer.commit().expect("a pack on disk");
    odb.refresh().expect("the packs");
    memory.reset().expect("an empty memory");
}
