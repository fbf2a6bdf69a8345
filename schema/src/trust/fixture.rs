//! People, keys and signed files for the tests of this room.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::canon::Digest;
use crate::id::PersonId;
use crate::time::Moment;

use super::*;

/// The key of a person: everybody has one that grows from the name.
pub(super) fn key(name: &str) -> Signer {
    Signer::from_seed(Digest::of_file(name.as_bytes()).as_bytes()).unwrap()
}

pub(super) fn id(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

pub(super) fn people(names: &[&str]) -> People {
    names.iter().map(|name| (id(name), Person::new([key(name).public().clone()].into()))).collect()
}

/// A file with honest signatures of some people.
pub(super) fn signed(namespace: Namespace, text: &str, by: &[&str]) -> SignedFile {
    let signatures = by.iter().map(|name| (id(name), sign(&key(name), namespace, text.as_bytes()).into_bytes()));
    SignedFile { bytes: text.as_bytes().to_vec(), signatures: signatures.collect() }
}

pub(super) fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

/// Version 1: three people; root takes two of them, everything else one.
pub(super) fn first_root() -> Root {
    let all: BTreeSet<PersonId> = ["ann", "ben", "cid"].map(id).into();
    let role = |name| (name, Role { threshold: if name == RoleName::Root { 2 } else { 1 }, people: all.clone() });
    let roles = RoleName::ALL.into_iter().map(role).collect();
    Root::first(moment("2027-01-01T00:00:00Z"), people(&["ann", "ben", "cid"]), roles)
}

/// The digest of version 1.
pub(super) fn project() -> Digest {
    Digest::of_file(first_root().to_toml().unwrap().as_bytes())
}

pub(super) fn agent(name: &str, rehearses: bool) -> AgentEntry {
    AgentEntry {
        region: "eu".parse().unwrap(),
        environment: if rehearses { "staging" } else { "production" }.parse().unwrap(),
        key: key(name).public().clone(),
        ledger_key: STANDARD.encode(key(&format!("ledger of {name}")).public().point()),
        rehearses,
    }
}

/// The first approvers of `acme`: dana and emil, either of whom is enough.
pub(super) fn first_approvers() -> Approvers {
    Approvers::first(project(), "acme".parse().unwrap(), 1, people(&["dana", "emil"]))
}

/// Version 2: an agent and a client.
pub(super) fn second_root() -> Root {
    let mut root = first_root().next(project());
    root.agents.insert("eu-1".parse().unwrap(), agent("eu-1", false));
    let approvers = Digest::of_file(first_approvers().to_toml().unwrap().as_bytes());
    root.clients.insert("acme".parse().unwrap(), ClientEntry::new(approvers));
    root
}

/// Root files as they lie in a folder, each signed by some people.
pub(super) fn roots(versions: &[(&Root, &[&str])]) -> BTreeMap<u32, SignedFile> {
    let file = |(root, by): &(&Root, &[&str])| (root.version, signed(Namespace::Trust, &root.to_toml().unwrap(), by));
    versions.iter().map(file).collect()
}

/// Both versions, honestly signed.
pub(super) fn chain() -> RootChain {
    RootChain::walk(&roots(&[(&first_root(), &["ann", "ben"]), (&second_root(), &["ben", "cid"])])).unwrap()
}

/// The client's chain with the first file alone.
pub(super) fn approvers() -> ApproversChain {
    let file = signed(Namespace::Approvers, &first_approvers().to_toml().unwrap(), &["dana", "emil"]);
    let roots = chain();
    ApproversChain::walk(roots.newest(), project(), &"acme".parse().unwrap(), &[(1, file)].into()).unwrap()
}
