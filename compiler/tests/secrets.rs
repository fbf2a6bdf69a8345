//! A secret is found wherever in a repository it stands: in large files, in other encodings, in names; and what is not looked
//! through is told.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::path::Path;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put as write};
use support::signed::commit_after;
use support::{Files, assent, bare, commit, example, files};

/// Put together here, so that no scanner takes this file for a leak.
fn token() -> String {
    ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat()
}

const FORMATS: [&str; 4] = ["human", "json", "sarif", "github"];

/// The files, each of which holds one secret, and how the place of it is told.
fn leaks() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = format!("Schlüssel:\n{}\n", token());
    let latin = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let wide = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let log = "2026-01-02 a plain line of a log\n".repeat(100_000);
    vec![
        ("notes.txt", latin, "notes.txt:2:1"),
        ("wide.txt", wide, "wide.txt:2:1"),
        ("zero.txt", [b"\0", text.as_bytes()].concat(), "zero.txt:2:1"),
        ("data/export.csv", format!("{log}token={}\n", token()).into_bytes(), "in line 100001"),
    ]
}

#[test]
fn every_file_beside_the_source_is_looked_through() {
    for (path, bytes, told) in leaks() {
        let (folder, repository) = bare();
        let mut now = example();
        let clean = commit(&repository, files(&repository, &now));
        now.insert(path.to_owned(), bytes);
        let leaky = commit_after(&repository, clean, files(&repository, &now), "nobody");
        let repo = folder.path().to_str().expect("a path");
        let ran = assent(&["check", "--repo", repo]).out;
        assert!(ran.contains("inline-secret") && ran.contains("a GitHub token") && ran.contains(told), "{path}: {ran}");
        for format in FORMATS {
            let ran = assent(&["check", "--repo", repo, "--format", format]).out;
            assert!(ran.contains("a GitHub token") && !ran.contains(&token()), "{path}, {format}: {ran}");
        }
        commit_after(&repository, leaky, files(&repository, &example()), "nobody");
        let ran = assent(&["check", "--repo", repo]).out;
        assert!(!ran.contains("inline-secret"), "{path}: {ran}");
        let ran = assent(&["check", "--repo", repo, "--history"]).out;
        let name = format!("{}:{path}", leaky.to_string().get(..12).expect("an id"));
        assert!(ran.contains(&name) && ran.contains("a GitHub token") && !ran.contains(&token()), "{path}: {ran}");
    }
}

#[test]
fn a_name_is_looked_at_and_never_shown() {
    let (folder, repository) = bare();
    let mut now = example();
    let clean = commit(&repository, files(&repository, &now));
    now.insert(format!("docs/{}.txt", token()), b"nothing\n".to_vec());
    let leaky = commit_after(&repository, clean, files(&repository, &now), "nobody");
    let repo = folder.path().to_str().expect("a path");
    for format in FORMATS {
        let ran = assent(&["check", "--repo", repo, "--format", format]).out;
        assert!(ran.contains("The name of this file looks like a GitHub token") && !ran.contains(&token()), "{ran}");
    }
    commit_after(&repository, leaky, files(&repository, &example()), "nobody");
    for format in FORMATS {
        let ran = assent(&["check", "--repo", repo, "--history", "--format", format]).out;
        assert!(ran.contains("The name of this file looks like a GitHub token") && !ran.contains(&token()), "{ran}");
    }
}

/// What cannot be released is refused; what was there once is told and counted.
#[test]
fn what_is_too_large_is_told() {
    let (folder, repository) = bare();
    let mut now = example();
    let clean = commit(&repository, files(&repository, &now));
    now.insert("disk.img".into(), vec![b' '; (64 << 20) + 1]);
    let large = commit_after(&repository, clean, files(&repository, &now), "nobody");
    let repo = folder.path().to_str().expect("a path");
    let ran = assent(&["check", "--repo", repo]).out;
    assert!(ran.contains("file-refused") && ran.contains("disk.img") && ran.contains("not looked through"), "{ran}");
    commit_after(&repository, large, files(&repository, &example()), "nobody");
    for format in FORMATS {
        let ran = assent(&["check", "--repo", repo, "--history", "--format", format]).out;
        assert!(ran.contains("1 file of older commits") && ran.contains(":disk.img"), "{format}: {ran}");
    }
}

#[test]
fn a_work_tree_is_looked_through_as_its_commit_would_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |files: &Files| {
        for (path, bytes) in files {
            write(&folder.path().join(path), bytes).expect("a file");
        }
    };
    let check = |repo: &Path| assent(&["check", "--worktree", "--repo", repo.to_str().expect("text")]).out;
    put(&example());
    let told = check(folder.path());
    assert!(told.contains("Not looked at: files beside the source"), "{told}");
    git2::Repository::init(folder.path()).expect("a repository");
    let clean = check(folder.path());
    assert!(!clean.contains("inline-secret") && !clean.contains("Not looked at"), "{clean}");
    put(&[(".gitignore".to_owned(), b"/ignored\n".to_vec()), ("ignored".to_owned(), token().into_bytes())].into());
    assert_eq!(check(folder.path()), clean);
    for (path, bytes, told) in leaks() {
        put(&[(path.to_owned(), bytes)].into());
        let ran = check(folder.path());
        assert!(ran.contains(path) && ran.contains(told) && !ran.contains(&token()), "{path}: {ran}");
        std::fs::remove_file(folder.path().join(path)).expect("there");
    }
    put(&[(format!("docs/{}", token()), Vec::new())].into());
    let ran = check(folder.path());
    assert!(ran.contains("The name of this file") && !ran.contains(&token()), "{ran}");
}

/// P07 is said of what was looked through, and of nothing else.
#[test]
fn promises_count_what_was_looked_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = "2026-06-01T09:00:00Z".parse().expect("an instant");
    let agency = Agency::found(folder.path(), Lead::AsWritten, at).expect("an agency");
    agency.establish(&[], &[]).expect("roots");
    agency.approve_all().expect("approvals");
    let promises = |files: &[(&str, &[u8])]| {
        for (path, bytes) in files {
            write(&agency.source.join(path), bytes).expect("written");
        }
        agency.commit("Files beside the source").expect("a commit");
        agency.try_assent(&["promises", "--local"].map(str::to_owned)).expect("judged").1
    };
    let export = leaks().into_iter().find(|(path, ..)| *path == "data/export.csv").expect("one").1;
    let said = promises(&[("export.csv", &export)]);
    assert!(said.contains("This looks like a GitHub token, in line 100001") && !said.contains(&token()), "{said}");
    let said = promises(&[("export.csv", b"nothing\n"), ("disk.img", &vec![b' '; (64 << 20) + 1])]);
    assert!(said.contains("Too large to be searched for secrets: 1 file of the commit"), "{said}");
}
