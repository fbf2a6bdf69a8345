//! Where releases go: to a remote that is named, or nowhere, and never silently.

use std::collections::BTreeMap;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::{self, Outside};
use assent_compiler::publish::branch;
use git2::Repository;
use serde_json::Value;

use super::{agency, reword};

const BRANCH: &str = "release/staging/eu";

/// What a command says on standard output and beside it, or why it does nothing.
fn call(agency: &Agency, line: &[&str]) -> Result<(String, String), String> {
    let outside =
        Outside { now: agency.now, variables: BTreeMap::new(), stdout_is_terminal: false, stderr_is_terminal: false };
    let source = agency.source.display().to_string();
    let line = [&["assent"], line, &["--repo", &source]].concat();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let done = command::perform(line.into_iter().map(Into::into), outside, &mut out, &mut err);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    done.map(|_| (text(out), text(err))).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_pushed_is_not_signed_unless_somebody_says_so() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let there = Repository::open_bare(&agency.remote).unwrap();
    let remote = agency.remote.display().to_string();
    repository.remote("upstream", &remote).unwrap();
    let (alice, timer) = (agency.private("alice").unwrap(), agency.private("timer").unwrap());
    let release = ["release", "--environment", "staging", "--region", "eu", "--key", &alice];
    let rollback = ["rollback", "--environment", "staging", "--region", "eu", "--key", &alice];
    let freshness = ["freshness", "--key", &timer];
    let nowhere = |line: &[&str]| {
        let why = call(&agency, line).unwrap_err();
        assert!(why.contains("no remote `origin`") && why.contains("--local"), "{why}");
    };
    let tip = |repository: &Repository| branch::tip(repository, BRANCH).unwrap();
    nowhere(&release);
    assert_eq!((tip(&repository), tip(&there)), (None, None));
    // It stays here where somebody says so, and goes where somebody says that.
    let (said, _) = call(&agency, &[&release[..], &["--local"]].concat()).unwrap();
    assert!(said.contains("not pushed: it is in this clone alone"), "{said}");
    let first = tip(&repository);
    assert!(first.is_some() && tip(&there).is_none());
    nowhere(&freshness);
    nowhere(&rollback);
    assert_eq!(tip(&repository), first, "nothing was signed");
    let (said, _) = call(&agency, &[&freshness[..], &["--local"]].concat()).unwrap();
    assert!(said.contains("is the newest at") && said.contains("not pushed"), "{said}");
    branch::open(&agency.source).unwrap().find_reference(&format!("refs/heads/{BRANCH}")).unwrap().delete().unwrap();
    drop(std::fs::remove_dir_all(repository.commondir().join("assent")));
    let (said, _) = call(&agency, &[&release[..], &["--remote", "upstream"]].concat()).unwrap();
    assert!(said.ends_with("pushed to upstream\n"), "{said}");
    assert!(tip(&there).is_some());
    let (said, _) = call(&agency, &[&freshness[..], &["--remote", &remote]].concat()).unwrap();
    assert!(said.contains(&format!(", pushed to {remote}\n")), "{said}");

    // Who looks learns that it is of this clone alone.
    let (_, beside) = call(&agency, &["status"]).unwrap();
    assert!(beside.contains("no remote `origin`") && beside.contains("--remote"), "{beside}");
    for quiet in [&["--local"][..], &["--remote", "upstream"]] {
        assert_eq!(call(&agency, &[&["status"], quiet].concat()).unwrap().1, "");
    }
    repository.remote_rename("upstream", "origin").unwrap();
    assert_eq!(call(&agency, &["status"]).unwrap().1, "");
    reword(&agency, "alice", "You read one ticket. Choose what it is about.\n");
    let (said, _) = call(&agency, &[&release[..], &["--format", "json"]].concat()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["pushed"], "origin");
    let (said, _) = call(&agency, &rollback).unwrap();
    assert!(said.ends_with("pushed to origin\n"), "{said}");
    let (said, _) = call(&agency, &[&freshness[..], &["--format", "json"]].concat()).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["releases"][0]["pushed"], "origin");
}
