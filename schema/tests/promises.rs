//! `docs/promises.md` is what the table says, and the tests that it names are there.

use std::fs;
use std::path::{Path, PathBuf};

use assent_schema::promise;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE=1 rewrites the page")]
fn the_page_is_what_the_table_says() {
    let path = root().join("docs/promises.md");
    let page = promise::page();
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        fs::create_dir_all(root().join("docs")).expect("the folder");
        fs::write(&path, &page).expect("the page is written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/promises.md is stale: run UPDATE=1 cargo test -p assent-schema --test promises");
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let mut sources = String::new();
    for folder in ["schema", "agent", "compiler", "tests"] {
        read_all(&root().join(folder), &mut sources);
    }
    for promise in promise::ALL {
        for test in promise.tests {
            assert!(sources.contains(&format!("fn {test}(")), "{} names a test that is gone: {test}", promise.id);
        }
    }
}

fn read_all(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            read_all(&entry, sources);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&entry).expect("a source file"));
        }
    }
}
