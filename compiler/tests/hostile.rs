//! Sources that want to harm the compiler: each ends in findings, in bounded time and memory, and never in a panic.

#![expect(clippy::format_collect, reason = "helpers of tests; what does not fit fails the test")]

#[path = "support/bomb.rs"]
mod bomb;
#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;
#[expect(dead_code, unreachable_pub, reason = "other tests include it too")]
#[path = "../../tests/support/until.rs"]
mod until;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use assent_compiler::parse::parse;
use assent_compiler::source::{read_commit, shown_path, tree_digest_of_commit};
use assent_schema::finding::Finding;
use git2::Repository;
use serde_json::Value;
use support::{Files, NOW, Raw, assent, bare, commit, example, files, tree};
use until::{LOOKED, until_every};

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

/// The largest memory that `assent check` ever had over a repository, in KiB, and what it said.
#[expect(clippy::disallowed_methods, reason = "only of another process the memory is its own")]
fn checked_apart(repository: &std::path::Path) -> (u64, String) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["check", "--format", "json", "--no-rehearsal", "--at", NOW, "--repo"])
        .arg(repository)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the compiler");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    until_every(Duration::from_millis(1), "the compiler's end", LOOKED, || {
        let said = std::fs::read_to_string(&status).unwrap_or_default();
        let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
        peak = kib.unwrap_or(0).max(peak);
        child.try_wait().expect("its end")
    });
    let out = child.wait_with_output().expect("what it said").stdout;
    (peak, String::from_utf8(out).expect("text"))
}

/// A few hundred kilobytes that anybody may push would otherwise take as much memory as they like.
#[test]
fn a_small_file_that_is_a_change_of_a_large_one_is_not_read() {
    let (folder, repository) = bare();
    let (pack, commit) = bomb::bomb(384 << 20, &["assent.toml".to_owned(), "notes.md".to_owned()]);
    assert!(pack.len() < 4 << 20);
    let odb = repository.odb().expect("objects");
    let mut writer = odb.packwriter().expect("a pack");
    std::io::Write::write_all(&mut writer, &pack).expect("a pack");
    writer.commit().expect("a pack that git takes");
    repository.reference("refs/heads/main", commit, true, "test").expect("a branch");
    repository.set_head("refs/heads/main").expect("a head");
    let (peak, said) = checked_apart(folder.path());
    assert!(0 < peak && peak < 192 * 1024, "{peak} KiB");
    assert_eq!(said.matches("stores the file as a change of something").count(), 2, "{said}");
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

/// Whoever counts findings sees progress, whatever the form.
#[test]
fn findings_that_are_not_told_are_counted() {
    let unsound = |keys: usize| {
        let mut all = example();
        let more: String = (0..keys).map(|n| format!("k{n} = 1\n")).collect();
        all.insert("assent.toml".into(), [more.as_bytes(), &all["assent.toml"]].concat());
        let (folder, repository) = bare();
        let tree = files(&repository, &all);
        commit(&repository, tree);
        let path = folder.path().to_str().expect("a path").to_owned();
        let check = |format| assent(&["check", "--repo", &path, "--at", NOW, "--format", format, "--no-rehearsal"]).out;
        ["human", "json", "sarif", "github"].map(check)
    };
    for (keys, told) in [(400, "300 findings more of this file"), (101, "1 finding more of this file")] {
        for said in unsound(keys) {
            assert!(said.contains(told), "{keys}: {said}");
        }
    }
    assert!(unsound(100).iter().all(|said| !said.contains("more of this file")));
}

#[test]
fn errors_of_syntax_that_are_not_told_are_counted() {
    let mut all = example();
    all.insert(WORKFLOW.into(), "= 1\n".repeat(500).into_bytes());
    let (_folder, repository) = bare();
    let tree = files(&repository, &all);
    let said = found(&repository, tree);
    let more = said.iter().filter(|finding| finding.message.starts_with("What follows cannot be read in")).count();
    assert_eq!(more, 1, "{said:?}");
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
        let shown = shown_path(&refused.span.file);
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{:?}", refused.span.file);
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

/// What the whole of `assent check` finds, in bounded time: code and file of each, once.
fn checked(all: &Files) -> BTreeSet<(String, String)> {
    told(all).into_iter().collect()
}

/// The same, each time that it is told.
fn told(all: &Files) -> Vec<(String, String)> {
    let (folder, repository) = bare();
    let tree = files(&repository, all);
    commit(&repository, tree);
    let path = folder.path().to_str().expect("a path");
    #[expect(clippy::disallowed_methods, reason = "the bound on time is what is tested")]
    let began = Instant::now();
    let ran = assent(&["check", "--repo", path, "--at", NOW, "--format", "json", "--no-rehearsal"]);
    assert!(began.elapsed() < DEADLINE, "took {:?}", began.elapsed());
    assert_eq!((ran.status, ran.err.as_str()), (1, ""), "findings, and nothing went wrong");
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let text = |finding: &Value, key: &str| finding.get(key).and_then(Value::as_str).expect("a text").to_owned();
    let findings = report.get("findings").and_then(Value::as_array).expect("a list").iter();
    findings.map(|finding| (text(finding, "code"), text(finding, "file"))).collect()
}

/// What is found in a file of the example beside what lacks a signature.
fn checked_in(path: &str, bytes: Vec<u8>) -> BTreeSet<String> {
    let mut all = example();
    all.insert(path.to_owned(), bytes);
    let mut found: BTreeSet<String> =
        checked(&all).into_iter().filter(|(_, file)| file == path).map(|(code, _)| code).collect();
    found.remove("unapproved-data-use");
    found
}

#[test]
fn secrets_are_found_in_files_that_are_large_or_not_text() {
    let secret = ["ghp_", "0123456789abcdefghij", "ABCDEFGHIJ012345"].concat();
    let line = format!("token={secret}\n");
    let latin = [b"Schl\xfcssel: ".as_slice(), line.as_bytes()].concat();
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zero = [b"\0".as_slice(), line.as_bytes()].concat();
    let large = [b"2026-11-30 ok\n".repeat(100_000).as_slice(), line.as_bytes()].concat();
    for (name, bytes) in [("latin", latin), ("wide", wide), ("zero", zero), ("large", large)] {
        assert_eq!(checked_in("notes.txt", bytes), BTreeSet::from(["inline-secret".to_owned()]), "{name}");
    }
    let random: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(checked_in("picture.bin", random), BTreeSet::new(), "what is random in data is no secret");
}

/// The example's workflow with another condition.
fn with_condition(condition: &str) -> Vec<u8> {
    let text = String::from_utf8(example().remove(WORKFLOW).expect("a workflow")).expect("text");
    text.replacen("when = \"has(order.total)\"\n", &format!("when = \"{condition}\"\n"), 1).into_bytes()
}

#[test]
fn expressions_that_explode_are_findings() {
    let nested = |from: &str, to: &str, times: usize| format!("{}true{}", from.repeat(times), to.repeat(times));
    let maps = (0..200).fold("[1]".to_owned(), |inner, n| format!("[1,2,3].map(x{n}, {inner})"));
    for condition in [
        nested("(", ")", 2_000),
        nested("(", ")", 100_000),
        nested("!", "", 4_001),
        nested("!", "", 100_000),
        nested("[", "]", 2_000),
        nested("size([", "])", 500),
        nested("has(order.total) ? ", " : false", 150),
        nested("has(order.total) ? ", " : false", 10_000),
        format!("1{} == 1", "+1".repeat(100_000)),
        format!("{}true", "order.total > order.total && ".repeat(10_000)),
        format!("{maps} == [1]"),
        format!("'{}' == 'a'", "a".repeat(500_000)),
        "a.".repeat(2_000),
        "((((((((((((((((".to_owned(),
    ] {
        let found = checked_in(WORKFLOW, with_condition(&condition));
        let shown: String = condition.chars().take(40).collect();
        assert!(!found.is_empty(), "`{shown}…` is taken");
        assert!(!found.contains("syntax"), "`{shown}…`: {found:?}");
    }
}

/// What is above a limit is not compiled all the same, and nobody reads thousands of findings.
#[test]
fn steps_and_connections_without_end_are_a_few_findings() {
    let appended = |path: &str, more: String| {
        let mut all = example();
        let file = all.get_mut(path).expect("a file");
        file.extend(more.into_bytes());
        told(&all).into_iter().filter(|(_, file)| file == path).count()
    };
    let steps = |n| format!("\n[[step]]\nid = \"x{n}\"\nset = {{ a = \"${{nobody{n}.b}}\" }}\n");
    let few = appended(WORKFLOW, (0..10_000).map(steps).collect());
    assert!((1..300).contains(&few), "{few} findings of a workflow");
    let connections = |n| {
        format!(
            "\n[connections.c{n}]\nintegration = \"nope\"\n[connections.c{n}.endpoint.production]\nurl = \"https://c{n}.example\"\nregion = \"eu\"\n"
        )
    };
    let few = appended("clients/acme/client.toml", (0..2_000).map(connections).collect());
    assert!((1..300).contains(&few), "{few} findings of a client");
}

#[test]
fn libraries_that_use_one_another_without_end_are_findings() {
    let usage = |to: usize| format!("use = \"l{to}\"\n").into_bytes();
    let mut circle = example();
    circle.extend((0..3_000).map(|n| (format!("library/l{n}.toml"), usage((n + 1) % 3_000))));
    circle.insert("clients/acme/workflows/used.toml".into(), usage(7));
    let found = checked(&circle);
    let cycles: Vec<_> = found.iter().filter(|(code, _)| code == "library-cycle").collect();
    assert_eq!(cycles.len(), 1, "a circle is reported once: {cycles:?}");
    // A chain as long that ends nowhere is walked, however deep.
    let mut chain = example();
    chain.extend((0..3_000).map(|n| (format!("library/l{n}.toml"), usage(n + 1))));
    chain.insert("clients/acme/workflows/used.toml".into(), usage(0));
    let found = checked(&chain);
    assert!(found.contains(&("unknown-name".to_owned(), "library/l2999.toml".to_owned())), "the end leads nowhere");
}

#[test]
fn names_that_all_look_alike_are_findings() {
    // `l` and `1` look alike: 4,096 names, and a reader sees one.
    let digit = |n: u32, bit: u32| if n >> bit & 1 == 0 { 'l' } else { '1' };
    let name = |n: u32| format!("x{}", (0..12).map(|bit| digit(n, bit)).collect::<String>());
    let groups: String = (0..4_096).map(|n| format!("{} = [\"lena\"]\n", name(n))).collect();
    let mut all = example();
    let client = all.get_mut("clients/acme/client.toml").expect("a client");
    let text = String::from_utf8(client.clone()).expect("text");
    *client = text.replacen("[groups]\n", &format!("[groups]\n{groups}"), 1).into_bytes();
    assert!(checked(&all).contains(&("lookalike-name".to_owned(), "clients/acme/client.toml".to_owned())));
    let found = checked_in("clients/acme/prompts/t\u{43e}pic.md", b"Say what it is about.\n".to_vec());
    assert_eq!(found, BTreeSet::from(["lookalike-name".to_owned()]), "one letter is Cyrillic");
}

#[test]
fn texts_for_models_and_people_hide_nothing() {
    let paths =
        ["clients/acme/prompts/intent.md", "clients/acme/incidents/2026-05-02.md", "clients/cedar/texts/thanks.md"];
    for path in paths {
        for bad in
            ["\u{0}", "\u{7}", "\u{1b}[8m", "\u{202e}", "\u{2066}", "\u{200b}", "\u{e0041}", "\u{feff}", "\u{85}"]
        {
            let text = format!("+++\ndefault = \"en\"\n[holes]\n+++ en\nRead {bad}this.\n");
            assert_eq!(found_in(path, text.into_bytes()), ["file-refused"], "{bad:?} in {path}");
        }
    }
}

/// An annotation lands where the file is, and nothing in a name reaches a terminal.
#[test]
fn a_path_is_told_as_it_is_and_masked_only_for_people() {
    let (folder, repository) = bare();
    let blob = repository.blob(b"x").expect("a blob");
    let names = ["a\\b.txt", "a\u{1b}[2J.txt", "a\u{202e}b.txt", "a\u{e0041}.txt"];
    let entries = names.map(|name| Raw { mode: "100644", name: name.as_bytes(), id: blob });
    let docs = tree(&repository, &entries);
    commit(&repository, tree(&repository, &[Raw { mode: "40000", name: b"docs", id: docs }]));
    let path = folder.path().to_str().expect("a path");
    let check = |format| assent(&["check", "--repo", path, "--at", NOW, "--format", format, "--no-rehearsal"]).out;
    let all = ["human", "json", "sarif", "github"].map(check);
    for said in &all {
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{e0041}']), "{said}");
    }
    let [human, json, sarif, github] = all;
    let told: Value = serde_json::from_str(&json).expect("JSON");
    let told: BTreeSet<&str> =
        told["findings"].as_array().expect("a list").iter().filter_map(|one| one["file"].as_str()).collect();
    for name in names {
        assert!(told.contains(format!("docs/{name}").as_str()), "{name:?}: {told:?}");
    }
    assert!(human.contains(r"docs/a\b.txt") && human.contains(r"docs/a\u{202e}b.txt"), "{human}");
    assert!(github.contains(r"file=docs/a\b.txt,") && github.contains(r"file=docs/a\u{202e}b.txt,"), "{github}");
    assert!(sarif.contains("docs/a%5Cb.txt") && sarif.contains("docs/a%E2%80%AEb.txt"), "{sarif}");
}

/// Each reason has advice of its own.
#[test]
fn what_is_not_read_says_what_to_do_about_it() {
    let (_folder, repository) = bare();
    let blob = repository.blob(b"x").expect("a blob");
    let large = repository.blob(&vec![b' '; (1 << 20) + 1]).expect("a blob");
    let mut deep = tree(&repository, &[Raw { mode: "100644", name: b"x", id: blob }]);
    for _ in 0..40 {
        deep = tree(&repository, &[Raw { mode: "40000", name: b"d", id: deep }]);
    }
    let long = "n".repeat(3_000);
    for (mode, name, id, help) in [
        ("100644", b"assent.toml".as_slice(), large, "Make it smaller"),
        ("100644", long.as_bytes(), blob, "Give it a shorter path"),
        ("40000", b"d", deep, "Move it up"),
        ("100644", b"git~1", blob, "git and Windows keep this name"),
        ("100644", b"a\\b", blob, "leads to another folder"),
        ("100644", b"\xff", blob, "in UTF-8"),
        ("120000", b"link", blob, "the file that it leads to"),
        ("160000", b"module", blob, "assent trust pin"),
        ("100600", b"mode", blob, "100644 or 100755"),
    ] {
        let one = tree(&repository, &[Raw { mode, name, id }]);
        let found = found(&repository, one);
        let refused: Vec<_> = found.iter().filter(|finding| finding.code.to_string() == "file-refused").collect();
        let shown = String::from_utf8_lossy(name).chars().take(20).collect::<String>();
        assert!(refused.len() == 1 && refused.iter().all(|one| one.help.contains(help)), "{shown}: {refused:?}");
    }
}

/// The reader of TOML does not say where a key is too deep.
#[test]
fn a_key_of_too_many_parts_is_told_where_it_stands() {
    let (_folder, repository) = bare();
    let mut all = example();
    let whole = String::from_utf8(all[WORKFLOW].clone()).expect("text");
    let before = whole.lines().take(2).map(str::len).sum::<usize>() + 2;
    let (head, tail) = whole.split_at(before);
    all.insert(WORKFLOW.into(), format!("{head}concurrency{} = 1\n{tail}", ".a".repeat(100_000)).into_bytes());
    let tree = files(&repository, &all);
    let found = found(&repository, tree);
    let syntax: Vec<_> = found.iter().filter(|finding| finding.code.to_string() == "syntax").collect();
    assert!(syntax.iter().any(|one| one.span.start == before), "{before}: {syntax:?}");
}
