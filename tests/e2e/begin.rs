//! From nothing to a repository that checks, by the commands of the README that `assent init` writes.

use assent_tests::{assent, command, have, succeed};

#[test]
fn the_readme_of_a_new_repository_leads_to_one_that_may_be_released() {
    if !have("git") || !have("ssh-keygen") || !have("bash") {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("workflows");
    succeed(command(assent(), home.path()).arg("init").arg(&folder));
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a README");
    let script = readme.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).expect("commands").0;
    let mut paths = vec![assent().parent().expect("a folder").to_owned()];
    paths.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let path = std::env::join_paths(paths).expect("a path");
    let bash = |text: &str| {
        let mut bash = command("bash", home.path());
        succeed(bash.args(["-euo", "pipefail", "-c", text]).env("PATH", &path).current_dir(&folder))
    };
    let said = bash(&format!("git config user.name you; git config user.email you@agency.example\n{script}"));
    assert!(said.contains("No findings"), "{said}");
    // What a first release walks, too: each commit was made by somebody of the team.
    let since = bash("assent check --since $(git rev-list --max-parents=0 HEAD)");
    assert!(since.contains("No findings"), "{since}");
}
