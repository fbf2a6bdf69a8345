//! What `assent init` writes checks, tests and can be signed at once.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use assent_schema::time::Moment;
use serde_json::Value;
use support::signed::sign_all;
use support::{assent, bare, commit, files, folder};

#[test]
fn a_new_repository_checks_up_to_what_people_sign_and_is_covered() {
    let home = tempfile::TempDir::new().expect("a folder");
    let path = home.path().join("workflows");
    let repo = path.to_str().expect("a path");
    let ran = assent(&["init", repo]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let again = assent(&["init", repo]);
    assert_eq!(again.status, 2);
    assert!(again.err.contains("is not empty"), "{}", again.err);

    let mut all = folder(&path);
    all.retain(|path, _| !path.starts_with(".git/"));
    assert!(all.contains_key(".gitattributes") && all.contains_key(".gitignore") && all.contains_key("README.md"));
    let (bare_folder, repository) = bare();
    let tree = files(&repository, &all);
    commit(&repository, tree);
    let source = bare_folder.path().to_str().expect("a path");
    let report: Value =
        serde_json::from_str(&assent(&["check", "--repo", source, "--format", "json"]).out).expect("JSON");
    let codes: Vec<_> = report["findings"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["trust-invalid"]);
    let ran = assent(&["test", "--coverage", "HEAD", "--repo", source]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);

    sign_all(&mut all, "2027-03-01T00:00:00Z".parse::<Moment>().expect("a moment"));
    let tree = files(&repository, &all);
    commit(&repository, tree);
    let ran = assent(&["check", "--repo", source]);
    assert_eq!(ran.status, 0, "{}", ran.out);
}
