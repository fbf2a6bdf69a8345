//! Every finding code: what gives it, what does not, and what people see.
//!
//! `findings/base/` is a source with nothing wrong; `findings/<code>/{bad,good}-*.repo` say what differs. Each bad gives
//! exactly what it marks, each good nothing, and each code has both.

#![expect(clippy::string_slice, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

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

fn report(code: &str, fixture: &Fixture) -> Value {
    serde_json::from_str(&check(code, fixture, "json")).expect("JSON")
}

/// Every bad fixture, and what is reported of it: two tests look at them.
fn bad() -> &'static [(String, Fixture, Value)] {
    static BAD: LazyLock<Vec<(String, Fixture, Value)>> = LazyLock::new(|| {
        let base = base();
        let bad = fixtures().into_iter().filter(|(_, name, _)| name.starts_with("bad-"));
        let read = bad.map(|(code, name, text)| {
            let fixture = apply(&base, &text);
            let report = report(&code, &fixture);
            (format!("{code}/{name}"), fixture, report)
        });
        read.collect()
    });
    &BAD
}

fn found(report: &Value) -> Vec<Expected> {
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
    assert_eq!(found(&report("", &apply(&base(), ""))), []);
}

#[test]
fn each_bad_gives_exactly_what_it_marks_and_each_good_nothing() {
    let base = base();
    let mut wrong = Vec::new();
    let mut compare = |name: &str, fixture: &Fixture, report: &Value| {
        let found = found(report);
        if found != fixture.expected {
            wrong.push(format!("{name}\n  expected {:?}\n  found    {found:?}", fixture.expected));
        }
    };
    for (name, fixture, report) in bad() {
        let (code, _) = name.split_once('/').expect("a code and a name");
        assert!(!fixture.expected.is_empty(), "{name}: a bad marks its finding");
        assert!(fixture.expected.iter().all(|expected| expected.code == code), "{name}: marks another code");
        compare(name, fixture, report);
    }
    for (code, name, text) in fixtures().into_iter().filter(|(_, name, _)| !name.starts_with("bad-")) {
        assert!(name.starts_with("good-"), "{code}/{name}: begin the name with `bad-` or `good-`");
        let fixture = apply(&base, &text);
        assert!(fixture.expected.is_empty(), "{code}/{name}: a good has no finding");
        compare(&format!("{code}/{name}"), &fixture, &report(&code, &fixture));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A place is where somebody has to look: never a whole file, and never nothing, but for a file that is not there or that
/// nobody reads (`file-refused`).
#[test]
fn each_finding_points_at_a_part_of_its_file() {
    let mut wrong = Vec::new();
    for (name, fixture, report) in bad() {
        for finding in report["findings"].as_array().expect("a list") {
            let number = |key: &str| usize::try_from(finding[key].as_u64().expect("a number")).unwrap();
            let (code, file) = (finding["code"].as_str().expect("a code"), finding["file"].as_str().expect("a file"));
            let Some(bytes) = fixture.files.get(file).filter(|_| code != "file-refused") else { continue };
            let text = std::str::from_utf8(bytes).expect("text");
            let at = |line: &str, column: &str| {
                let lines: usize = text.split_inclusive('\n').take(number(line) - 1).map(str::len).sum();
                let rest = text[lines..].char_indices().map(|(at, _)| at).chain([text.len() - lines]);
                lines + rest.take(number(column)).last().expect("a column")
            };
            let stretch = text.get(at("line", "column")..at("end_line", "end_column")).expect("a stretch");
            if stretch.trim().is_empty() || (stretch.trim() == text.trim() && text.trim().lines().count() > 1) {
                wrong.push(format!("{name}: {code} in {file} at {stretch:?}"));
            }
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
            // The last lines hold the commit.
            let findings = shown.trim_end().rsplit_once("\n\n").map_or("", |(findings, _summary)| findings.trim_end());
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
    is_fresh("docs/findings.md", &page);
}

/// Whether a page stands in the repository as the tables make it; with `UPDATE` it is written.
fn is_fresh(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var_os("UPDATE").is_some() {
        #[expect(clippy::disallowed_methods, reason = "this test keeps the page")]
        std::fs::write(&path, page).expect("a page that can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "{name} is stale: UPDATE=1 cargo test -p assent-compiler --test findings");
}

#[test]
fn the_page_of_failures_is_fresh() {
    is_fresh("docs/failures.md", &codes::failures());
}

#[test]
fn no_code_is_renamed_or_lost() {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.row().name).collect();
    insta::assert_snapshot!("all-codes", names.join("\n"));
}
