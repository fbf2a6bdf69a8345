//! Fetches by an agent that has the newest of a branch and nothing of what stood there before, from git itself.

use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use git2::{Oid, Repository};

use super::super::{PullFailure, compact, push, read, shelf};
use super::packet::Budget;
use super::{Talk, smart};

const BRANCH: &str = "release/production/eu";

/// Git's own server of one repository, or taker of pushes.
struct Git(Child);

impl Git {
    #[expect(clippy::disallowed_methods, reason = "the test talks with git itself")]
    fn start(service: &str, repository: &Path) -> Self {
        let mut command = Command::new("git");
        command.arg(service).arg(repository).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

impl Talk for Git {
    fn hear(&mut self) -> Result<Box<dyn Read + '_>, PullFailure> {
        Ok(Box::new(self.0.stdout.as_mut().unwrap()))
    }

    fn ask(&mut self, question: Vec<u8>) -> Result<Box<dyn Read + '_>, PullFailure> {
        self.0.stdin.as_mut().unwrap().write_all(&question).unwrap();
        Ok(Box::new(self.0.stdout.as_mut().unwrap()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the test packs as a forge does")]
fn git(repository: &Path, arguments: &[&str]) {
    let status = Command::new("git").arg("-C").arg(repository).args(arguments).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{arguments:?}");
}

fn fetch(here: &Path, there: &Path) -> Result<String, PullFailure> {
    let (mut git, repository) = (Git::start("upload-pack", there), Repository::open_bare(here).unwrap());
    smart::fetch(
        &mut git,
        &repository,
        (BRANCH, "refs/quarantine/release"),
        None,
        &mut Budget::new(1 << 20),
        &mut |_| (),
    )
}

fn release(there: &Path, text: &str) {
    // Large enough that it is worth leaving out.
    let files = [("manifest.json".to_owned(), text.repeat(1_000).into_bytes())].into();
    push::commit(there, BRANCH, &files, Moment::from_seconds(1)).unwrap();
}

/// A forge knows by its bitmaps everything that a commit leads to, and leaves out what it takes to be here.
#[test]
fn what_comes_back_from_before_is_brought_again() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    read::prepare(here).unwrap();
    Repository::init_bare(there).unwrap();
    for text in ["a", "b"] {
        release(there, text);
    }
    let second = fetch(here, there).unwrap();
    shelf::keep(here, &Digest::of_file(second.as_bytes()), &second).unwrap();
    compact::compact(here).unwrap();
    let first = Repository::open_bare(there).unwrap();
    let first = first.find_commit(Oid::from_str(&second).unwrap()).unwrap().parent_id(0).unwrap().to_string();
    assert!(read::read(here, &first).is_err(), "what stood before is gone");
    release(there, "a");
    git(there, &["repack", "-adb"]);
    let third = fetch(here, there).unwrap();
    assert_eq!(read::read(here, &third).unwrap()["manifest.json"], "a".repeat(1_000).into_bytes());
    // The branch is wound back to what is not here.
    git(there, &["update-ref", &format!("refs/heads/{BRANCH}"), &first]);
    compact::compact(here).unwrap();
    assert_eq!(fetch(here, there), Ok(first.clone()));
    assert!(read::read(here, &first).is_ok());
}

#[test]
fn git_takes_what_goes_on_from_where_it_was_cut_off() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    read::prepare(here).unwrap();
    Repository::init_bare(there).unwrap();
    for text in ["1", "2", "3"] {
        let files = [("status.json".to_owned(), text.as_bytes().to_vec())].into();
        push::commit(here, "status/eu-1", &files, Moment::from_seconds(1)).unwrap();
        let (mut git, repository) = (Git::start("receive-pack", there), Repository::open_bare(here).unwrap());
        let names = ("status/eu-1", "status/eu-1");
        let pushed = smart::push(&mut git, &repository, names, &mut Budget::new(1 << 20)).unwrap();
        compact::pushed(here, "status/eu-1", &pushed).unwrap();
        compact::compact(here).unwrap();
    }
    git(there, &["fsck", "--strict"]);
    // People may push a release from there, and look at what is there.
    git(here, &["fsck"]);
}
