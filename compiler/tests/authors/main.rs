//! Who signed what: releases take only commits of assigned people, and say who wrote each workflow.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

mod back;
mod branches;
mod commits;
mod elsewhere;
mod hostile;
mod merges;
mod remotes;
mod said;
mod shared;
mod upon;

use std::collections::BTreeMap;

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::trust::{Namespace, Signer, sign};
use git2::{Oid, Repository, Signature, Time};
use serde_json::Value;
use tempfile::TempDir;

const PROMPT: &str = "clients/acme/prompts/intent.md";

/// An agency whose clients approved everything.
fn agency() -> (TempDir, Agency) {
    let folder = TempDir::new().unwrap();
    let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
    agency.establish(&[], &[]).unwrap();
    agency.approve_all().unwrap();
    (folder, agency)
}

fn release(agency: &Agency) -> (Outcome, String) {
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    agency.try_assent(&line.map(str::to_owned)).unwrap()
}

/// The authors of each workflow in the newest release.
fn authors(agency: &Agency) -> BTreeMap<String, Vec<String>> {
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let files = branch::read(&repository, tip).unwrap();
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let active = manifest["active"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |one: &Value| {
        let people = one["authors"].as_array().unwrap().iter().map(text).collect();
        (text(&one["workflow"]), people)
    };
    active.iter().map(of).collect()
}

fn reword(agency: &Agency, by: &str, text: &str) {
    put(&agency.source.join(PROMPT), text.as_bytes()).unwrap();
    agency.commit_as(by, "Reword a prompt", &["*"]).unwrap();
}

/// A commit with some parents that sets one file, signed or not.
fn commit(agency: &Agency, repository: &Repository, parents: &[Oid], file: (&str, &str), by: Option<&str>) -> Oid {
    let parents: Vec<_> = parents.iter().map(|id| repository.find_commit(*id).unwrap()).collect();
    let parents: Vec<_> = parents.iter().collect();
    let mut index = git2::Index::new().unwrap();
    index.read_tree(&parents.first().unwrap().tree().unwrap()).unwrap();
    let blob = repository.blob(file.1.as_bytes()).unwrap();
    let entry = git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: blob,
        flags: 0,
        flags_extended: 0,
        path: file.0.as_bytes().to_vec(),
    };
    index.add(&entry).unwrap();
    let tree = repository.find_tree(index.write_tree_to(repository).unwrap()).unwrap();
    let who = Signature::new("somebody", "somebody@harbor.example", &Time::new(1_780_000_000, 0)).unwrap();
    let Some(by) = by else { return repository.commit(None, &who, &who, "A commit", &tree, &parents).unwrap() };
    let buffer = repository.commit_create_buffer(&who, &who, "A commit", &tree, &parents).unwrap();
    let key = std::fs::read(agency.keys.private(&by.parse().unwrap())).unwrap();
    let armour = sign(&Signer::from_openssh(&key).unwrap(), Namespace::Git, &buffer);
    repository.commit_signed(std::str::from_utf8(&buffer).unwrap(), armour.trim_end(), None).unwrap()
}

/// What `check --since` finds of authors between two commits.
fn found(agency: &Agency, since: Oid, commit: Oid) -> Vec<String> {
    let line = ["check", &commit.to_string(), "--since", &since.to_string(), "--format", "json"];
    let (_, said) = agency.try_assent(&line.map(str::to_owned)).unwrap();
    let report: Value = serde_json::from_str(&said).unwrap();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
}
