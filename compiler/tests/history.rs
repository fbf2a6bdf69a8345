//! `assent check --history`: what was committed once and removed is known for good.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use support::signed::commit_after;
use support::{assent, bare, commit, example, files};

#[test]
fn a_secret_of_an_older_commit_is_found_and_never_printed() {
    // Put together here, so that no scanner takes this file for a leak.
    let secret = ["AKIA", "2E0A8F3B244C9986"].concat();
    let (folder, repository) = bare();
    let now = example();
    let mut before = now.clone();
    before.insert("scripts/seed.sh".into(), format!("first\nexport KEY={secret}\n").into_bytes());
    let first = commit(&repository, files(&repository, &before));
    commit_after(&repository, first, files(&repository, &now), "nobody");
    let path = folder.path().to_str().expect("a path");
    let name = format!("{}:scripts/seed.sh", first.to_string().get(..12).expect("an id"));
    for format in ["human", "json", "sarif", "github"] {
        let ran = assent(&["check", "--repo", path, "--format", format]);
        assert!(!ran.out.contains("This looks like"), "{format}: the commit itself is clean: {}", ran.out);
        let ran = assent(&["check", "--repo", path, "--history", "--format", format]);
        assert!(ran.out.contains(&name) || ran.out.contains(&name.replace(':', "%3A")), "{format}: {}", ran.out);
        assert!(!ran.out.contains(&secret), "{format}: {}", ran.out);
    }
    let human = assent(&["check", "--repo", path, "--history"]).out;
    assert!(human.contains("export KEY=********************"), "{human}");
}
