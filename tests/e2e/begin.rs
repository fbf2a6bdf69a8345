//! From nothing to a repository that checks: everything that the README tells one to do, which `assent init` writes, as it
//! stands there, in a home with nothing in it.

use std::path::Path;
use std::process::Output;

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
