//! From nothing to a repository that checks: everything that the README tells one to do, which `assent init` writes, as it
//! stands there, in a home with nothing in it.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use assent_tests::until::{LOOKED, until_so};
use assent_tests::{assent, command, have};

/// Runs a text of the README as somebody types it.
fn bash(text: &str, home: &Path, folder: &Path) -> Output {
    let mut paths = vec![assent().parent().expect("a folder").to_owned()];
    paths.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let path = std::env::join_paths(paths).expect("a path");
    let mut bash = command("bash", home);
    bash.args(["-euo", "pipefail", "-c", text]).env("PATH", path).current_dir(folder);
    bash.stdin(std::process::Stdio::null()).output().expect("bash")
}

/// The commands of the README's table, in its order.
fn table(readme: &str) -> Vec<&str> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |")?.split_once("| `"));
    rows.map(|(_, command)| command).collect()
}

#[test]
fn the_readme_of_a_new_repository_leads_to_one_that_may_be_released() {
    if !have("git") || !have("ssh-keygen") || !have("bash") {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("workflows");
    let ran = |text: &str, place: &Path| {
        let Output { status, stdout, stderr } = bash(text, home.path(), place);
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        (status.code(), said)
    };
    let (code, said) = ran("assent init workflows", home.path());
    assert_eq!(code, Some(0), "{said}");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a README");
    let script = readme.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).expect("commands").0;
    let table = table(&readme);
    assert_eq!(table.len(), 5, "{table:?}");
    // Before anything is signed, what is lacking is told, and the scenarios run.
    let (code, said) = ran(table[0], &folder);
    assert!(code == Some(1) && said.contains("trust-invalid"), "{said}");
    let (code, said) = ran(table[1], &folder);
    assert_eq!(code, Some(0), "{said}");

    let (code, said) = ran(script, &folder);
    assert!(code == Some(0) && said.contains("No findings"), "{said}");
    // What a first release walks, too: each commit was made by somebody of the team.
    let (code, said) = ran("assent check --since $(git rev-list --max-parents=0 HEAD)", &folder);
    assert!(code == Some(0) && said.contains("No findings"), "{said}");
    // A change on a branch, as somebody works on.
    let change = "git switch -q -c change && git commit -q --allow-empty -m 'A change'";
    let (code, said) = ran(change, &folder);
    assert_eq!(code, Some(0), "{said}");
    for line in table {
        let (code, said) = ran(&line.replace("CODE", "unknown-key"), &folder);
        assert_eq!(code, Some(0), "{line}: {said}");
    }
}

/// The commands that `assent init --practice` prints, in its order.
fn printed(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))).collect()
}

/// In a home with nothing in it and git alone in the path, one command makes a repository in which every command that it prints
/// works, an agent included, and no key is ever in it.
#[test]
fn a_practice_repository_works_at_once_and_holds_no_key() {
    if !have("git") {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let (folder, bin) = (home.path().join("workflows"), home.path().join("bin"));
    std::fs::create_dir(&bin).expect("a folder");
    let paths = std::env::var_os("PATH").expect("a path");
    let git = std::env::split_paths(&paths).map(|path| path.join("git")).find(|git| git.is_file()).expect("git");
    std::os::unix::fs::symlink(git, bin.join("git")).expect("a link");
    let program = |line: &str, place: &Path| {
        let mut words = line.split(' ');
        let program = words.next().expect("a program");
        let mut command =
            if program == "assent" { command(assent(), home.path()) } else { command(program, home.path()) };
        command.args(words).env("PATH", &bin).current_dir(place).stdin(std::process::Stdio::null());
        command
    };
    let ran = |line: &str, place: &Path| {
        let Output { status, stdout, stderr } = program(line, place).output().expect("a program that starts");
        (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
    };
    let (code, said) = ran("assent init --practice workflows", home.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("THESE KEYS ARE FOR PRACTICE"), "{said}");
    assert!(said.contains("begin in earnest"), "{said}");
    // Twice it is refused, and nothing is changed.
    let (code, again) = ran("assent init --practice workflows", home.path());
    assert_eq!(code, Some(2), "{again}");

    let lines = printed(&said);
    let lines: Vec<&str> =
        lines.into_iter().filter(|line| line.starts_with("assent ") || line.starts_with("cd ")).collect();
    assert_eq!((lines.len(), lines[0]), (8, "cd workflows"), "{said}");
    let mut agent: Option<Process> = None;
    for line in &lines[1..] {
        if line.contains(" agent run ") {
            agent = Some(Process(program(line, &folder).spawn().expect("an agent")));
            continue;
        }
        // An agent needs a moment to begin, and to say what it thinks of a release.
        let patience = if agent.is_some() { LOOKED } else { Duration::ZERO };
        let is_told = |(code, said): &(Option<i32>, String)| match *line {
            // Green is what has proved itself; what is printed says so.
            "assent status" => said.contains("staging/eu: trial") || said.contains("staging/eu: green"),
            _ => *code == Some(0),
        };
        let mut last = (None, String::new());
        until_so(line, patience, || {
            last = ran(line, &folder);
            assert!(!patience.is_zero() || is_told(&last), "{line}: {last:?}");
            is_told(&last)
        });
    }
    assert!(agent.is_some(), "{said}");

    let (code, said) = ran("git status --porcelain", &folder);
    assert_eq!((code, said.as_str()), (Some(0), ""), "everything is committed");
    // Neither a file of a commit nor the folder holds a private key.
    let (code, said) = ran("git grep -l PRIVATE", &folder);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    let (_, said) = ran("git log --format=%s", &folder);
    assert_eq!(said.lines().count(), 4, "{said}");
}

/// A process that ends with the test.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
