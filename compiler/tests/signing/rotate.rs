//! A key goes and its person stays; what cannot hold is not written.

use assent_schema::trust::{Approvers, People, Root, Signer};

use crate::Agency;
use crate::support::{Ran, assent};

/// A new key of somebody, beside the old one; the file of its public half.
fn key(agency: &Agency, seed: u8, name: &str) -> String {
    let signer = Signer::from_seed(&[seed; 32]).expect("a key");
    let path = agency.path(&format!("{name}.pub"));
    std::fs::write(&path, format!("{} {name}\n", signer.public())).expect("written");
    path
}

fn root(agency: &Agency, more: &[&str]) -> Ran {
    assent(&[&["trust", "root", "--repo", &agency.path("repo")], more].concat())
}

fn keys_of(people: &People, name: &str) -> Vec<String> {
    let found = people.iter().find(|(person, _)| person.as_str() == name).expect("somebody");
    found.1.keys.iter().map(ToString::to_string).collect()
}

fn written(agency: &Agency, version: u32) -> Root {
    let path = agency.path(&format!("repo/trust/root/{version}.toml"));
    Root::parse("the root", &std::fs::read(path).expect("a root")).expect("a root")
}

#[test]
fn one_key_of_a_person_is_exchanged() {
    let agency = Agency::new();
    let (old, new, other) = (key(&agency, 2, "bruno-old"), key(&agency, 40, "bruno-new"), key(&agency, 41, "other"));
    let [gone, comes, unknown] = [&old, &new, &other].map(|file| format!("bruno={file}"));
    let refused = |more: &[&str], why: &str| {
        let ran = root(&agency, more);
        assert!(ran.status == 2 && ran.err.contains(why), "{more:?}: {}", ran.err);
        assert!(!std::path::Path::new(&agency.path("repo/trust/root/3.toml")).exists(), "{more:?}");
    };
    refused(&["--drop-key", &unknown], "bruno has no such key");
    refused(&["--drop-key", &format!("nobody={old}")], "nobody is called nobody");
    refused(&["--drop-key", &gone], "that was the last key of bruno");
    let ran = root(&agency, &["--person", &comes, "--drop-key", &gone]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let keys = keys_of(&written(&agency, 3).people, "bruno");
    assert_eq!(keys, [std::fs::read_to_string(&new).expect("a key").trim_end().rsplit_once(' ').expect("a name").0]);
}

#[test]
fn a_root_that_cannot_hold_is_not_written_and_says_what_lacks() {
    let agency = Agency::new();
    let (old, new) = (key(&agency, 1, "alice-old"), key(&agency, 40, "alice-new"));
    let (gone, comes) = (format!("alice={old}"), format!("alice={new}"));
    let ran = root(&agency, &["--person", &comes, "--drop-key", &gone]);
    assert!(ran.status == 2 && ran.err.contains("--new-generation"), "{}", ran.err);
    assert!(!std::path::Path::new(&agency.path("repo/trust/root/3.toml")).exists());
    let ran = root(&agency, &["--person", &comes, "--drop-key", &gone, "--new-generation"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(written(&agency, 3).generation, written(&agency, 2).generation + 1);
}

#[test]
fn somebody_who_goes_may_come_anew_in_the_same_call() {
    let agency = Agency::new();
    let new = key(&agency, 40, "dana-new");
    let comes = format!("dana={new}");
    let repo = agency.path("repo");
    let old = key(&agency, 3, "dana-old");
    let gone = format!("dana={old}");
    let line = ["trust", "approvers", "acme", "--repo", &repo];
    let last = assent(&[&line[..], &["--drop-key", &gone]].concat());
    assert!(last.status == 2 && last.err.contains("that was the last key of dana"), "{}", last.err);
    for way in [["--drop-key", gone.as_str()], ["--drop-person", "dana"]] {
        let ran = assent(&[&line[..], &["--person", &comes], &way].concat());
        assert_eq!(ran.status, 0, "{}", ran.err);
        let path = agency.path("repo/clients/acme/approvers/2.toml");
        let approvers = Approvers::parse("them", &std::fs::read(&path).expect("a file")).expect("approvers");
        let keys = keys_of(&approvers.people, "dana");
        assert!(keys.len() == 1 && std::fs::read_to_string(&new).expect("a key").starts_with(&keys[0]), "{keys:?}");
        std::fs::remove_file(path).expect("gone");
    }
}
