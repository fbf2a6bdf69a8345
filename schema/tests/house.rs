//! The order of the rooms: `lib.rs` of each crate lists them in groups, and a room imports the groups above its own alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The source folder of a crate.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(name).join("src")
}

/// Every room with the number of its group.
fn rooms(folder: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(folder.join("lib.rs")).expect("lib.rs");
    let mut found = BTreeMap::new();
    for (group, lines) in text.split("\n\n").enumerate() {
        let names = lines.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        found.extend(names.map(|name| (name.to_owned(), group)));
    }
    assert!(found.len() > 10, "the rooms were not found in {}", folder.display());
    found
}

/// Each file at a path and below it, without its tests.
fn files(path: &Path, found: &mut Vec<(PathBuf, String)>) {
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            files(&entry.expect("an entry").path(), found);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        found.push((path.to_owned(), without_tests(&text)));
    }
}

/// A file without its modules of tests: a line that names one, or the lines up to the brace that closes it.
fn without_tests(text: &str) -> String {
    let mut product = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            product.extend([line, "\n"]);
            continue;
        }
        let item = lines.find(|line| !line.starts_with("#[")).unwrap_or_default();
        if item.ends_with('{') {
            lines.by_ref().take_while(|line| *line != "}").for_each(drop);
        }
    }
    product
}

/// The rooms that a text names in paths from the root of its crate.
fn named(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    paths.filter_map(|path| path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

fn check(name: &str) {
    let folder = source(name);
    let rooms = rooms(&folder);
    for (room, group) in &rooms {
        let mut found = Vec::new();
        files(&folder.join(room), &mut found);
        files(&folder.join(room).with_extension("rs"), &mut found);
        assert!(!found.is_empty(), "the room `{room}` was not found");
        for (file, text) in found {
            for other in named(&text).into_iter().filter(|other| other != room) {
                let is_above = rooms.get(other).is_none_or(|above| above < group);
                assert!(is_above, "{} imports `{other}`, which is not above `{room}`", file.display());
            }
        }
    }
}

#[test]
fn rooms_of_the_schema_import_the_rooms_above_them() {
    check("schema");
}

#[test]
fn rooms_of_the_agent_import_the_rooms_above_them() {
    check("agent");
}

#[test]
fn rooms_of_the_compiler_import_the_rooms_above_them() {
    check("compiler");
}
