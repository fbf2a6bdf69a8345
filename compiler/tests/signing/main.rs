//! What people sign from the command line: by a key that counts, or not at all.

#![expect(clippy::disallowed_methods, reason = "the tests make their own folders")]

mod keys;
mod links;
mod rotate;
mod serials;
mod shell;
mod shown;
#[expect(dead_code, reason = "each test binary uses its own part")]
#[path = "../support/mod.rs"]
mod support;
#[expect(dead_code, unreachable_pub, reason = "other tests include it too")]
#[path = "../../../tests/support/until.rs"]
mod until;

use std::path::Path;

use assent_schema::trust::Signer;
use support::signed::sign_all;
use support::{Ran, assent, example};
use tempfile::TempDir;

const APPROVERS: &str = "clients/acme/approvers/1.toml";
const TEAMS: &str = "trust/teams.toml";
const ROOT: &str = "trust/root/2.toml";
const LOCK: &str = "catalog/catalog.lock";

/// The signed example on disk, with the keys of those who signed it.
struct Agency(TempDir);

impl Agency {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut all = example();
        sign_all(&mut all, "2027-03-01T00:00:00Z".parse().expect("a moment"));
        for (path, bytes) in all {
            let path = folder.path().join("repo").join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        for (seed, name) in (1..).zip(["alice", "bruno", "dana", "stranger"]) {
            let key = Signer::from_seed(&[seed; 32]).expect("a key").to_openssh(name).expect("a key");
            std::fs::write(folder.path().join(name), &*key).expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn approval(&self) -> String {
        let folder = self.0.path().join("repo/clients/acme/approvals");
        let mut files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.find(|path| path.extension().is_some_and(|e| e == "toml")).expect("an approval").display().to_string()
    }

    fn sign(&self, command: &[&str], file: &str, person: &str, key: &str) -> Ran {
        let key = format!("{person}={}", self.path(key));
        assent(&[command, &[file, "--key", &key]].concat())
    }
}

fn read(path: &str) -> Option<Vec<u8>> {
    std::fs::read(Path::new(path)).ok()
}

#[test]
fn a_signature_that_would_not_count_is_not_written() {
    let agency = Agency::new();
    let repo = |file: &str| agency.path(&format!("repo/{file}"));
    let trust: &[&str] = &["trust", "sign"];
    for (command, file, person) in [
        (&["approve"][..], agency.approval(), "dana"),
        (trust, repo(APPROVERS), "dana"),
        (trust, repo(TEAMS), "alice"),
        (trust, repo(LOCK), "alice"),
        (trust, repo(ROOT), "alice"),
    ] {
        let signature = format!("{file}.{person}.sig");
        let good = read(&signature).expect("a good signature");
        let wrong = agency.sign(command, &file, person, "stranger");
        assert_eq!(wrong.status, 2, "{file}: {}", wrong.out);
        assert!(wrong.err.contains("not listed for this person"), "{file}: {}", wrong.err);
        assert_eq!(read(&signature).as_ref(), Some(&good), "{file}: the good signature stands");
        let nobody = agency.sign(command, &file, "nobody", person);
        assert_eq!(nobody.status, 2, "{file}: {}", nobody.out);
        assert!(nobody.err.contains("nobody may not sign"), "{file}: {}", nobody.err);
        assert_eq!(read(&format!("{file}.nobody.sig")), None, "{file}: nothing was written");
        let again = agency.sign(command, &file, person, person);
        assert_eq!((again.status, again.out.contains("not checked")), (0, false), "{file}: {}{}", again.out, again.err);
        assert_eq!(read(&signature), Some(good), "{file}: as it was");
    }
}

#[test]
fn a_withdrawal_by_a_wrong_key_leaves_nothing() {
    let agency = Agency::new();
    let (repo, approvals) = (agency.path("repo"), agency.path("repo/clients/acme/approvals"));
    let before = support::folder(Path::new(&approvals));
    let key = format!("dana={}", agency.path("stranger"));
    let wrong = assent(&["withdraw", "acme", "--all", "--key", &key, "--repo", &repo]);
    assert_eq!((wrong.status, wrong.err.contains("not listed for this person")), (2, true), "{}", wrong.err);
    assert_eq!(support::folder(Path::new(&approvals)), before);
}

#[test]
fn where_no_list_stands_it_is_told_and_another_key_s_signature_stays() {
    let agency = Agency::new();
    let alone = agency.path("alone.toml");
    std::fs::copy(agency.approval(), &alone).expect("copied");
    let first = agency.sign(&["approve"], &alone, "dana", "dana");
    assert_eq!(first.status, 0, "{}", first.err);
    assert!(first.out.contains("not checked against who may sign"), "{}", first.out);
    let signature = format!("{alone}.dana.sig");
    let good = read(&signature);
    let wrong = agency.sign(&["approve"], &alone, "dana", "stranger");
    assert_eq!(wrong.status, 2, "{}", wrong.out);
    assert!(wrong.err.contains("by another key"), "{}", wrong.err);
    assert_eq!(read(&signature), good);
    assert_eq!(agency.sign(&["approve"], &alone, "dana", "dana").status, 0);
}

#[test]
fn an_approval_is_a_plain_file_of_a_bounded_size() {
    let device = assent(&["approve", "/dev/zero"]);
    assert_eq!((device.status, device.err.contains("is a device, not a file")), (2, true), "{}", device.err);
}

#[test]
fn freshness_for_no_release_is_no_success() {
    let agency = Agency::new();
    let repo = agency.path("repo");
    let repository = git2::Repository::init(&repo).expect("a repository");
    let tree = support::files(&repository, &support::folder(Path::new(&repo).join("trust").as_path()));
    // The root stands where a commit of the source has it.
    let mut builder = repository.treebuilder(None).expect("a builder");
    builder.insert("trust", tree, 0o040_000).expect("inserted");
    let tree = builder.write().expect("a tree");
    support::commit(&repository, tree);
    let key = format!("alice={}", agency.path("alice"));
    let none = assent(&["freshness", "--local", "--repo", &repo, "--key", &key]);
    assert_eq!((none.status, none.out.as_str()), (2, ""), "{}", none.err);
    assert!(none.err.contains("there is no release branch to sign for"), "{}", none.err);
}

#[test]
fn tests_of_a_folder_without_workflows_say_what_to_name() {
    let (folder, _repository) = support::bare();
    let none = assent(&["test", "--repo", folder.path().to_str().expect("a path")]);
    assert_eq!(none.status, 2, "{}", none.out);
    assert!(none.err.contains("assent test HEAD"), "{}", none.err);
}

/// A root that is over is of no use, and one that nobody will live to renew is never looked at again.
#[test]
fn a_root_lasts_into_the_future_and_not_for_ever() {
    let agency = Agency::new();
    let repo = agency.path("repo");
    let next = |expires: &str| assent(&["trust", "root", "--repo", &repo, "--expires", expires]);
    for (expires, said) in [
        ("2026-06-01T12:00:00Z", "is over already"),
        ("2020-01-01T00:00:00Z", "is over already"),
        ("2031-12-01T00:00:00Z", "lasts longer than five years"),
        ("2099-01-01T00:00:00Z", "lasts longer than five years"),
    ] {
        let ran = next(expires);
        assert_eq!(ran.status, 2, "{expires}: {}", ran.out);
        assert!(ran.err.contains(said) && ran.err.contains("--expires 2027-06-01T12:00:00Z"), "{}", ran.err);
        assert_eq!(read(&agency.path("repo/trust/root/3.toml")), None, "{expires}");
    }
    // The date of the version before is kept, unless it is over meanwhile.
    let root = agency.path("repo/trust/root/2.toml");
    let text = std::fs::read_to_string(&root).expect("the root");
    let line = text.lines().find(|line| line.starts_with("expires = ")).expect("a date");
    std::fs::write(&root, text.replace(line, "expires = \"2026-05-31T00:00:00Z\"")).expect("written");
    let ran = assent(&["trust", "root", "--repo", &repo]);
    assert!(ran.status == 2 && ran.err.contains("is over already"), "{}{}", ran.out, ran.err);
    assert_eq!(next("2031-05-31T00:00:00Z").status, 0);
}
