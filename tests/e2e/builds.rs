//! Anyone who has the commit builds the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use assent_tests::{assent, command, stage, succeed};

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("a path below").display().to_string();
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn two_clones_on_different_paths_build_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    // Made and committed, never released: both builds are the first release.
    let (agency, _) = stage::released(folder.path());
    let source = agency.remote.display().to_string();
    let build = |clone: &str, home: &str| {
        let clone = folder.path().join(clone);
        git2::Repository::clone(&source, &clone).expect("a clone");
        let (home, out) = (folder.path().join(home), clone.with_extension("out"));
        std::fs::create_dir_all(&home).expect("a folder");
        let mut build = command(assent(), &home);
        build.args(["build", "--environment", "staging", "--at", &stage::at().to_string(), "--repo"]);
        succeed(build.arg(&clone).arg("--out").arg(&out).current_dir(&home));
        files(&out)
    };
    let (one, other) = (build("one", "a"), build("elsewhere/deeper/another", "b"));
    assert!(one.keys().any(|path| path.starts_with("eu/plans/")), "{:?}", one.keys());
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    let unlike: Vec<_> = one.iter().filter(|(path, bytes)| other.get(*path) != Some(bytes)).map(|(p, _)| p).collect();
    assert!(unlike.is_empty(), "these differ: {unlike:?}");
    let manifest = one.get("eu/manifest.json").expect("a manifest");
    assert!(String::from_utf8_lossy(manifest).contains("\"sequence\":1,"), "not the first release");
}
