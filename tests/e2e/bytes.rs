//! No byte of a release can be changed, and no file added or dropped, without the agent's refusal.

use std::collections::BTreeMap;

use assent_agent::verify::{Refusal, RefusalCode, verify};
use assent_tests::stage::{pinned, place, released, then};

type Files = BTreeMap<String, Vec<u8>>;

/// Files that the manifest cannot name: it is one, signs one, or is named in one. Many of their bytes are tried.
const UNNAMED: [&str; 2] = ["manifest.json", "freshness.json"];

fn refused(files: &Files, trusted: &Files) -> Option<Refusal> {
    verify(files, &pinned(trusted), &place(), then()).err()
}

/// The release with one byte of one file changed.
fn bent(files: &Files, path: &str, at: usize) -> Files {
    let mut files = files.clone();
    *files.get_mut(path).and_then(|bytes| bytes.get_mut(at)).expect("a byte there") ^= 1;
    files
}

#[test]
fn every_changed_byte_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = released(folder.path());
    assert_eq!(refused(&files, &files), None, "the untouched release verifies");
    let mut tried = 0;
    let mut accepted = Vec::new();
    for (path, bytes) in &files {
        assert!(!bytes.is_empty(), "{path} is empty");
        let everywhere = UNNAMED.iter().any(|unnamed| path.starts_with(unnamed));
        let places: Vec<usize> = if everywhere {
            (0..bytes.len()).step_by(bytes.len() / 12).chain([bytes.len() - 1]).collect()
        } else {
            vec![0, bytes.len() / 2, bytes.len() - 1]
        };
        for at in places {
            tried += 1;
            if refused(&bent(&files, path, at), &files).is_none() {
                accepted.push(format!("{path} byte {at}"));
            }
        }
    }
    assert!(accepted.is_empty(), "of {tried} changes these are accepted: {accepted:#?}");
}

#[test]
fn every_dropped_or_doubled_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = released(folder.path());
    let mut accepted = Vec::new();
    for path in files.keys() {
        let mut fewer = files.clone();
        fewer.remove(path);
        if refused(&fewer, &files).is_none() {
            accepted.push(format!("{path} dropped"));
        }
    }
    // One more of every kind that there is, under names that the format knows and names that it does not.
    let more = files.iter().flat_map(|(path, bytes)| {
        let renamed = [
            format!("{path}.orig"),
            format!("{path}.mallory.sig"),
            path.replace("alice", "mallory"),
            path.replace("acme", "mallory"),
            path.replace("/1.toml", "/9.toml"),
            format!("../{path}"),
            format!("more/{path}"),
        ];
        renamed.map(|name| (name, bytes.clone()))
    });
    for (name, bytes) in more {
        let mut larger = files.clone();
        if larger.insert(name.clone(), bytes).is_none() && refused(&larger, &files).is_none() {
            accepted.push(format!("{name} added"));
        }
    }
    assert!(accepted.is_empty(), "these are accepted: {accepted:#?}");
}

#[test]
fn a_refusal_says_which_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = released(folder.path());
    let plan = files.keys().find(|path| path.starts_with("plans/")).expect("a plan");
    let refusal = refused(&bent(&files, plan, 100), &files).expect("a refusal");
    assert_eq!(refusal.code, RefusalCode::FileChanged);
    assert!(refusal.to_string().contains(plan.as_str()), "{refusal}");
}
