//! Sources that want to harm the compiler: each ends in findings, in bounded time and memory, and never in a panic.

#![expect(clippy::format_collect, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use assent_compiler::parse::parse;
use assent_compiler::source::{read_commit, tree_digest_of_commit};
use assent_schema::finding::Finding;
use git2::Repository;
use support::{Files, Raw, bare, commit, example, files, tree};

/// Far above what any of these takes on a slow machine in a debug build, far below what an attacker wants.
const DEADLINE: Duration = Duration::from_secs(30);

fn found(repository: &Repository, tree: git2::Oid) -> Vec<Finding> {
    #[expect(clippy::disallowed_methods, reason = "the bound on time is what is tested")]
    let began = Instant::now();
    let commit = commit(repository, tree);
    let (source, mut findings) = read_commit(repository, commit).expect("a readable repository");
    let (_, parsed) = parse(source);
    findings.append(parsed);
    assert!(began.elapsed() < DEADLINE, "took {:?}", began.elapsed());
    findings.sorted()
}

fn found_in(path: &str, bytes: Vec<u8>) -> Vec<String> {
    let (_folder, repository) = bare();
    let mut all = example();
    all.insert(path.to_owned(), bytes);
    let tree = files(&repository, &all);
    codes(&found(&repository, tree), path)
}

fn codes(findings: &[Finding], file: &str) -> Vec<String> {
    let mut codes: Vec<String> =
        findings.iter().filter(|f| &*f.span.file == file).map(|f| f.code.to_string()).collect();
    codes.dedup();
    codes
}

const WORKFLOW: &str = "clients/acme/workflows/refund.toml";

#[test]
fn the_example_has_nothing_to_find_here() {
    let (_folder, repository) = bare();
    let tree = files(&repository, &example());
    assert_eq!(found(&repository, tree), Vec::new());
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_by_its_header() {
    assert_eq!(found_in(WORKFLOW, vec![b'#'; 100_000_000]), ["file-refused"]);
}

#[test]
fn a_million_keys_are_too_many_bytes() {
    let keys: String = (0..1_000_000).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(found_in(WORKFLOW, keys.into_bytes()), ["file-refused"]);
}

#[test]
fn as_many_keys_as_fit_are_a_bounded_number_of_findings() {
    let keys: String = (0..95_000).map(|n| format!("k{n}=1\n")).collect();
    assert!(keys.len() <= 1 << 20);
    let found: BTreeSet<String> = found_in(WORKFLOW, keys.into_bytes()).into_iter().collect();
    assert_eq!(found, BTreeSet::from(["bad-value".to_owned(), "unknown-key".to_owned()]));
}

#[test]
fn nesting_without_end_is_a_syntax_error() {
    for text in [
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        "[".repeat(500_000),
    ] {
        assert_eq!(found_in(WORKFLOW, text.into_bytes()), ["syntax"]);
    }
}

#[test]
fn a_file_of_nothing_but_errors_is_a_few_findings() {
    for text in ["=\n".repeat(500_000), "\"".repeat(1_000_000), "a = '''".repeat(100_000), "a=1\n".repeat(200_000)] {
        let found = found_in(WORKFLOW, text.into_bytes());
        assert_eq!(found, ["syntax"]);
    }
}

#[test]
fn characters_that_hide_are_refused() {
    for bad in ["\u{202e}", "\u{0}", "\u{1b}[2J", "\u{feff}", "\u{2066}", "\u{e0041}", "\rx"] {
        assert_eq!(found_in(WORKFLOW, format!("# {bad}\n").into_bytes()), ["file-refused"], "{bad:?}");
    }
    assert_eq!(found_in(WORKFLOW, b"# \xff\xfe\n".to_vec()), ["file-refused"]);
    assert_eq!(found_in("clients/acme/prompts/intent.md", "a\u{200b}b".into()), ["file-refused"]);
    assert_eq!(found_in("catalog/catalog.lock", b"type = \"catalog\"\r\n".to_vec()), ["file-refused"]);
}

#[test]
fn characters_in_names_are_never_printed_raw() {
    let text = "\"\\u001b[2J\" = 1\n[\"\\u202e\"]\n";
    let (_folder, repository) = bare();
    let mut all = example();
    all.insert("assent.toml".into(), text.into());
    let tree = files(&repository, &all);
    for finding in found(&repository, tree) {
        assert!(!finding.message.contains(['\u{1b}', '\u{202e}']), "{finding:?}");
        assert!(!finding.help.contains(['\u{1b}', '\u{202e}']), "{finding:?}");
    }
}

#[test]
fn a_tree_is_plain_files_in_plain_folders() {
    let (_folder, repository) = bare();
    let blob = repository.blob(b"name = 1\n").expect("a blob");
    let inner = tree(&repository, &[Raw { mode: "100644", name: b"x", id: blob }]);
    for (mode, name, id) in [
        ("120000", b"assent.toml".as_slice(), blob),
        ("160000", b"clients", blob),
        ("100644", b"..", blob),
        ("40000", b"..", inner),
        ("40000", b".git", inner),
        ("40000", b".GIT", inner),
        ("100644", b"a/b", blob),
        ("100644", b"a\\b", blob),
        ("100644", b"a\nb", blob),
        ("100644", b"\xff", blob),
        ("100644", "a\u{202e}b".as_bytes(), blob),
        ("100664", b"assent.toml", blob),
        ("100600", b"assent.toml", blob),
    ] {
        let hostile = tree(&repository, &[Raw { mode, name, id }]);
        let findings = found(&repository, hostile);
        let refused = findings.iter().find(|f| f.code.to_string() == "file-refused");
        let refused = refused.unwrap_or_else(|| panic!("{mode} {name:?} was read: {findings:?}"));
        assert!(refused.span.file.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{:?}", refused.span.file);
        let id = commit(&repository, hostile);
        assert!(tree_digest_of_commit(&repository, id).is_err(), "{mode} {name:?} has a tree digest");
    }
}

#[test]
fn two_things_of_one_name_are_refused() {
    let (_folder, repository) = bare();
    let (one, two) = (repository.blob(b"a").expect("a blob"), repository.blob(b"b").expect("a blob"));
    let twice = [Raw { mode: "100644", name: b"x", id: one }, Raw { mode: "100644", name: b"x", id: two }];
    let hostile = tree(&repository, &twice);
    assert!(codes(&found(&repository, hostile), "x").contains(&"file-refused".to_owned()));
}

#[test]
fn folders_without_end_are_refused() {
    let (_folder, repository) = bare();
    let blob = repository.blob(b"x").expect("a blob");
    let mut id = tree(&repository, &[Raw { mode: "100644", name: b"x", id: blob }]);
    for _ in 0..5_000 {
        id = tree(&repository, &[Raw { mode: "40000", name: b"d", id }]);
    }
    assert!(found(&repository, id).iter().any(|f| f.message.contains("too deep")));
}

#[test]
fn a_tree_that_doubles_at_each_level_is_cut_off() {
    let (_folder, repository) = bare();
    let blob = repository.blob(b"x").expect("a blob");
    let mut id = tree(&repository, &[Raw { mode: "100644", name: b"x", id: blob }]);
    for _ in 0..30 {
        id = tree(&repository, &[Raw { mode: "40000", name: b"a", id }, Raw { mode: "40000", name: b"b", id }]);
    }
    assert!(found(&repository, id).iter().any(|f| f.message.contains("more files")));
}

#[test]
fn broken_files_are_findings_and_never_a_panic() {
    let whole = example();
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |most: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % u64::try_from(most.max(1)).unwrap()).unwrap()
    };
    let (_folder, repository) = bare();
    let pieces: [&[u8]; 12] =
        [b"\"", b"'", b"[", b"]", b"{", b"}", b"=", b"\n", b"1.5", b"true", b"[[step]]", "ä".as_bytes()];
    for _ in 0..60 {
        let mut all = Files::new();
        for (path, bytes) in &whole {
            let mut bytes = bytes.clone();
            for _ in 0..roll(4) {
                let at = roll(bytes.len());
                match roll(3) {
                    0 => drop(bytes.drain(at..(at + roll(40)).min(bytes.len()))),
                    1 => drop(bytes.splice(at..at, pieces[roll(pieces.len())].iter().copied())),
                    _ => {
                        let end = (at + roll(200)).min(bytes.len());
                        bytes.extend_from_within(at..end);
                    }
                }
            }
            all.insert(path.clone(), bytes);
        }
        let tree = files(&repository, &all);
        found(&repository, tree);
    }
}
