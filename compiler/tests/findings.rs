//! Every finding code: what gives it, what does not, and what people see.
//!
//! `findings/base/` is a source with nothing wrong; `findings/<code>/{bad,good}-*.repo` say what differs. Each bad gives
//! exactly what it marks, each good nothing, and each code has both.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assent_compiler::show::codes;
use assent_schema::code::Code;
use serde_json::Value;
use support::fixture::{Expected, Fixture, apply};
use support::signed::commit_after;
use support::{Files, NOW, assent, bare, commit, files_and_links, folder};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings")
}

fn base() -> Files {
    folder(&here().join("base"))
}

/// All fixtures: code, file name, text.
fn fixtures() -> Vec<(String, String, String)> {
    let all = folder(&here()).into_iter().filter_map(|(path, bytes)| {
        let (code, name) = path.strip_suffix(".repo")?.split_once('/')?;
        Some((code.to_owned(), name.to_owned(), String::from_utf8(bytes).expect("text")))
    });
    all.collect()
}

/// A fixture is about one thing: what its scenarios reach matters where that is the thing.
fn check(code: &str, fixture: &Fixture, format: &str) -> String {
    let (folder, repository) = bare();
    let tree = files_and_links(&repository, &fixture.files, "", &fixture.links);
    let path = folder.path().to_str().expect("a path");
    let mut arguments = vec!["check", "--repo", path, "--at", NOW, "--format", format];
    match &fixture.before {
        None => drop(commit(&repository, tree)),
        Some((before, by)) => {
            let before = files_and_links(&repository, before, "", &[]);
            let parent = commit(&repository, before);
            commit_after(&repository, parent, tree, by);
            repository.reference("refs/heads/before", parent, true, "test").expect("a branch");
            arguments.extend(["--since", "before"]);
        }
    }
    if let Some(environment) = &fixture.environment {
        arguments.extend(["--environment", environment]);
    }
    if code != "untested-step" {
        arguments.push("--no-rehearsal");
    }
    let ran = assent(&arguments);
    assert_eq!(ran.err, "");
    assert!(ran.status < 2, "exit status {}", ran.status);
    ran.out
}

fn found(code: &str, fixture: &Fixture) -> Vec<Expected> {
    let report: Value = serde_json::from_str(&check(code, fixture, "json")).expect("JSON");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let number = |finding: &Value, key: &str| usize::try_from(finding[key].as_u64().expect("a number")).unwrap();
    let findings = report["findings"].as_array().expect("a list").iter().map(|finding| Expected {
        file: text(finding, "file"),
        line: number(finding, "line"),
        column: number(finding, "column"),
        end_column: number(finding, "end_column"),
        code: text(finding, "code"),
    });
    let mut findings: Vec<Expected> = findings.collect();
    findings.sort();
    findings
}

#[test]
fn the_base_has_nothing_wrong() {
    assert_eq!(found("", &apply(&base(), "")), []);
}

#[test]
fn each_bad_gives_exactly_what_it_marks_and_each_good_nothing() {
    let base = base();
    let mut wrong = Vec::new();
    for (code, name, text) in fixtures() {
        let fixture = apply(&base, &text);
        let bad = name.starts_with("bad-");
        assert!(bad || name.starts_with("good-"), "{code}/{name}: begin the name with `bad-` or `good-`");
        assert_eq!(bad, !fixture.expected.is_empty(), "{code}/{name}: a bad marks its finding, a good has none");
        assert!(fixture.expected.iter().all(|expected| expected.code == code), "{code}/{name}: marks another code");
        let found = found(&code, &fixture);
        if found != fixture.expected {
            wrong.push(format!("{code}/{name}\n  expected {:?}\n  found    {found:?}", fixture.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_code_has_a_bad_and_a_good() {
    let have: BTreeSet<(String, bool)> =
        fixtures().into_iter().map(|(code, name, _)| (code, name.starts_with("bad-"))).collect();
    let want: BTreeSet<(String, bool)> =
        Code::ALL.iter().flat_map(|code| [true, false].map(|bad| (code.to_string(), bad))).collect();
    let missing: Vec<_> = want.difference(&have).collect();
    let strange: Vec<_> = have.difference(&want).collect();
    assert!(missing.is_empty() && strange.is_empty(), "missing {missing:?}, no such code {strange:?}");
}

/// A rendering without the ids of commits, which any change of the base changes.
fn unnamed(shown: &str) -> String {
    let Some((before, rest)) = shown.split_once(": Commit ") else { return shown.to_owned() };
    format!("{before}: Commit 0123456789ab{}", rest.get(12..).expect("an id"))
}

/// What people see of the first bad fixture of each code.
fn renderings() -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for (code, name, text) in fixtures() {
        if name.starts_with("bad-") && !seen.contains_key(&code) {
            let shown = check(&code, &apply(&base(), &text), "human");
            // The last line holds the commit.
            let findings = shown.trim_end().rsplit_once('\n').map_or("", |(findings, _summary)| findings.trim_end());
            seen.insert(code, unnamed(findings));
        }
    }
    seen
}

#[test]
fn people_see_each_code() {
    for (code, shown) in renderings() {
        insta::assert_snapshot!(code.as_str(), shown);
    }
}

#[test]
fn the_page_of_codes_is_fresh() {
    let renderings = renderings();
    let page = codes::page(&|code| renderings.get(code.row().name).cloned());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/findings.md");
    if std::env::var_os("UPDATE").is_some() {
        #[expect(clippy::disallowed_methods, reason = "this test keeps the page")]
        std::fs::write(&path, &page).expect("a page that can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "docs/findings.md is stale: UPDATE=1 cargo test -p assent-compiler --test findings");
}

#[test]
fn no_code_is_renamed_or_lost() {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.row().name).collect();
    insta::assert_snapshot!("all-codes", names.join("\n"));
}
