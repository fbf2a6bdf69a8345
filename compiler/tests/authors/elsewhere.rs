//! Releases that two people sign, each on a machine of their own.

use std::path::{Path, PathBuf};

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::publish::branch;
use tempfile::TempDir;

use super::{agency, reword};

/// An agency in which alice and bruno release together.
fn two() -> (TempDir, Agency) {
    let (folder, agency) = agency();
    agency
        .assent(&["trust", "root", "--role", "release=2:alice,bruno", "--new-generation"].map(str::to_owned))
        .unwrap();
    agency.sign("trust/root/3.toml", &["alice", "bruno"]).unwrap();
    agency.commit_as("alice", "Two people release", &["trust"]).unwrap();
    (folder, agency)
}

fn call(agency: &Agency, command: &str, more: &[&str]) -> Result<String, String> {
    let line = [&[command, "--environment", "staging", "--region", "eu", "--local"], more].concat();
    let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
    match agency.try_assent(&line) {
        Ok((Outcome::Fine, text)) => Ok(text),
        Ok((Outcome::Findings, text)) => Err(text),
        Err(error) => Err(error.to_string()),
    }
}

/// One person signs what lies in a folder, as on a machine on which there is nothing else.
fn sign(agency: &Agency, out: &Path, person: &str) {
    let (file, key) = (out.join("eu/manifest.json").display().to_string(), agency.private(person).unwrap());
    agency.assent(&["trust", "sign", &file, "--key", &key].map(str::to_owned)).unwrap();
}

fn out(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    (path.clone(), path.display().to_string())
}

fn newest(agency: &Agency) -> branch::Files {
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/eu").unwrap();
    tip.map(|tip| branch::read(&repository, tip).unwrap()).unwrap_or_default()
}

#[test]
fn two_people_release_and_roll_back_with_a_key_each() {
    let (folder, agency) = two();
    let (alice, bruno) = (agency.private("alice").unwrap(), agency.private("bruno").unwrap());
    let alone = call(&agency, "release", &["--key", &alice]).unwrap_err();
    assert!(alone.contains("signed by 1 of the 2 people needed"), "{alone}");
    let (first, path) = out(&folder, "first");
    let said = call(&agency, "release", &["--out", &path]).unwrap();
    assert!(said.contains("ssh-keygen -Y sign -f KEY -n release@assent") && said.contains("--from"), "{said}");
    assert!(newest(&agency).is_empty(), "nothing was published");
    // Nobody signed, then one, then both.
    assert!(call(&agency, "release", &["--from", &path]).unwrap_err().contains("signed by 0 of the 2 people needed"));
    sign(&agency, &first, "alice");
    assert!(call(&agency, "release", &["--from", &path]).unwrap_err().contains("signed by 1 of the 2 people needed"));
    sign(&agency, &first, "bruno");
    call(&agency, "release", &["--from", &path]).unwrap();
    let files = newest(&agency);
    assert_eq!(files["manifest.json"], std::fs::read(first.join("eu/manifest.json")).unwrap());
    assert!(files.contains_key("manifest.json.alice.sig") && files.contains_key("manifest.json.bruno.sig"));
    // It is a release: that it is the newest can be said of it.
    let timer = agency.private("timer").unwrap();
    let fresh = ["freshness", "--key", &timer, "--local"].map(str::to_owned);
    agency.assent(&fresh).unwrap();

    // A second one, by a signature from elsewhere and a key that is here.
    reword(&agency, "alice", "You read one ticket. Choose what it is about.\n");
    let (second, path) = out(&folder, "second");
    call(&agency, "release", &["--out", &path]).unwrap();
    sign(&agency, &second, "alice");
    call(&agency, "release", &["--from", &path, "--key", &bruno, "--freshness-key", &timer]).unwrap();
    // And back.
    let (back, path) = out(&folder, "back");
    call(&agency, "rollback", &["--out", &path]).unwrap();
    sign(&agency, &back, "alice");
    assert!(call(&agency, "rollback", &["--from", &path]).unwrap_err().contains("signed by 1 of the 2 people needed"));
    sign(&agency, &back, "bruno");
    call(&agency, "rollback", &["--from", &path]).unwrap();
    assert_eq!(newest(&agency)["manifest.json"], std::fs::read(back.join("eu/manifest.json")).unwrap());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what somebody puts into the folder")]
fn what_comes_back_is_what_would_be_released_or_nothing() {
    let (folder, agency) = two();
    let (out, path) = out(&folder, "out");
    call(&agency, "release", &["--out", &path]).unwrap();
    sign(&agency, &out, "alice");
    sign(&agency, &out, "bruno");
    let refused = |why: &str| {
        let said = call(&agency, "release", &["--from", &path]).unwrap_err();
        assert!(said.contains(why), "{said}");
        assert!(newest(&agency).is_empty(), "nothing was published");
    };
    // A stranger's signature, which counts for nothing.
    let manifest = out.join("eu/manifest.json");
    let stranger = out.join("eu/manifest.json.chen.sig");
    std::fs::copy(out.join("eu/manifest.json.bruno.sig"), &stranger).unwrap();
    refused("chen");
    std::fs::remove_file(stranger).unwrap();
    // Another place.
    let other = ["release", "--environment", "production", "--region", "eu", "--local", "--from", &path];
    let said = agency.try_assent(&other.map(str::to_owned)).unwrap_err().to_string();
    assert!(said.contains("is of the environment staging"), "{said}");
    // Bytes that nobody released, however they are signed.
    let good = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, good.replace("\"sequence\":1", "\"sequence\":9")).unwrap();
    refused("is not what would be released now");
    std::fs::write(&manifest, &good).unwrap();
    // Of the rest of the folder nothing is believed, and another source is another release.
    reword(&agency, "alice", "You read one ticket. Choose what it is about.\n");
    refused("is not what would be released now");
    // Nor is it written over what somebody signs.
    assert!(call(&agency, "release", &["--out", &path]).unwrap_err().contains("is no part of this bundle"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what somebody puts into the folder")]
fn two_people_say_which_release_is_the_newest_with_a_key_each() {
    let (folder, agency) = agency();
    let more = ["trust", "root", "--role", "freshness=2:timer,bruno", "--new-generation"];
    agency.assent(&more.map(str::to_owned)).unwrap();
    agency.sign("trust/root/3.toml", &["alice", "bruno"]).unwrap();
    agency.commit_as("alice", "Two people say what is the newest", &["trust"]).unwrap();
    call(&agency, "release", &["--key", &agency.private("alice").unwrap()]).unwrap();
    let (out, path) = out(&folder, "fresh");
    let fresh = |more: &[&str]| {
        let line = [&["freshness", "--local"], more].concat();
        agency.assent(&line.into_iter().map(str::to_owned).collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    let timer = agency.private("timer").unwrap();
    assert!(fresh(&["--key", &timer]).unwrap_err().contains("signed by 1 of the 2 people needed"));
    let said = fresh(&["--out", &path]).unwrap();
    assert!(said.contains("ssh-keygen -Y sign -f KEY -n freshness@assent"), "{said}");
    assert!(!newest(&agency).contains_key("freshness.json"), "nothing was published");
    assert!(fresh(&["--out", &path]).unwrap_err().contains("is there already"));
    let file = out.join("staging/eu/freshness.json");
    let key = agency.private("bruno").unwrap();
    agency.assent(&["trust", "sign", &file.display().to_string(), "--key", &key].map(str::to_owned)).unwrap();
    assert!(fresh(&["--from", &path]).unwrap_err().contains("signed by 1 of the 2 people needed"));
    // Bytes that nobody would say, however they are signed.
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("\"sequence\":1", "\"sequence\":9")).unwrap();
    assert!(fresh(&["--from", &path, "--key", &timer]).unwrap_err().contains("is not what would be said now"));
    std::fs::write(&file, &good).unwrap();
    fresh(&["--from", &path, "--key", &timer]).unwrap();
    let files = newest(&agency);
    assert_eq!(files["freshness.json"], good.as_bytes());
    assert!(files.contains_key("freshness.json.timer.sig") && files.contains_key("freshness.json.bruno.sig"));
}
