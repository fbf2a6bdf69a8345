//! The order of the rooms: `lib.rs` of each crate lists them in groups, and a room imports the groups above its own alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{CRATES, files, source};

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

/// The rooms that a text names in paths from the root of its crate.
fn named(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    paths.filter_map(|path| path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

#[test]
fn rooms_import_the_rooms_above_them() {
    for name in CRATES {
        let rooms = rooms(&source(name));
        for (file, text) in files(name) {
            let room = file.split(['/', '.']).next().unwrap_or_default();
            let Some(group) = rooms.get(room) else { continue };
            for other in named(&text).into_iter().filter(|other| *other != room) {
                let is_above = rooms.get(other).is_none_or(|above| above < group);
                assert!(is_above, "{name}/src/{file} imports `{other}`, which is not above `{room}`");
            }
        }
    }
}

/// What stands between backticks in a text.
fn ticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The first cell of each row of the tables of `ARCHITECTURE.md`, below the first cell of its head.
fn tables(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let first = line.strip_prefix("| ").and_then(|row| row.split(" | ").next());
        match first {
            Some(head) if !inside => found.push((head, Vec::new())),
            Some(row) => found.last_mut().expect("a head").1.push(row),
            None => {}
        }
        inside = line.starts_with('|');
    }
    found
}

/// The rooms of a folder: its files and folders, without what makes a crate or a room of it, and without tests.
fn rooms_of(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let names = entries.filter_map(|path| {
        let is_room = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        is_room.then(|| path.file_stem().expect("a name").to_string_lossy().into_owned())
    });
    names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str()) && !name.ends_with("tests")).collect()
}

#[test]
fn the_map_names_the_rooms_that_are_there_and_no_others() {
    let root = source("schema").join("../..");
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut maps = 0;
    for (head, rows) in tables(&page) {
        // A map has its folder above its names.
        let Some(folder) = ticked(head).next().filter(|folder| folder.ends_with('/')) else { continue };
        let named: Vec<String> =
            rows.iter().flat_map(|row| ticked(row)).map(|name| name.trim_end_matches('/').to_owned()).collect();
        let there = rooms_of(&root.join(folder));
        let once: BTreeSet<String> = named.iter().cloned().collect();
        assert_eq!(named.len(), once.len(), "the map of {folder} names a room twice");
        let (lacking, gone) = (there.difference(&once), once.difference(&there));
        let wrong: Vec<&String> = lacking.chain(gone).collect();
        assert!(wrong.is_empty(), "the map of {folder} in ARCHITECTURE.md and the folder differ in {wrong:?}");
        maps += 1;
    }
    assert!(maps >= CRATES.len(), "{maps} maps were found");
}

#[test]
fn what_the_map_says_is_there() {
    let root = source("schema").join("../..");
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let folders = ["schema/", "agent/", "compiler/", "tests/", "docs/", "examples/", "fuzz/", "deploy/"];
    let is_path =
        |text: &&str| folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(['<', '*', ' ']);
    let paths: BTreeSet<&str> = ticked(&page).filter(is_path).collect();
    let there = |path: &str| root.join(path).exists() || root.join(format!("{path}.rs")).exists();
    let gone: Vec<&&str> = paths.iter().filter(|path| !there(path)).collect();
    assert!(gone.is_empty() && paths.len() > 40, "ARCHITECTURE.md names {gone:?}, which are not there");
}

/// Pages lead to files, too.
#[test]
fn what_the_pages_name_is_there() {
    let root = source("schema").join("../..");
    let mut count = 0;
    for entry in fs::read_dir(root.join("docs")).expect("docs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).expect("a page");
        for name in ticked(&page) {
            let is_path =
                ["schema/src/", "agent/src/", "compiler/src/", "tests/"].iter().any(|at| name.starts_with(at));
            if is_path
                && Path::new(name).extension().is_some_and(|kind| kind == "rs")
                && !name.contains(['<', '*', ' '])
            {
                assert!(root.join(name).exists(), "{} names {name}, which is not there", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 3, "{count} files are named");
}

#[test]
fn the_map_of_the_engine_is_whole() {
    let folder = source("agent").join("run");
    let page = fs::read_to_string(source("agent").join("../../ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, table) = page.split_once("\n| `agent/src/run/` |").expect("a table of the engine");
    let table = table.split("\n\n").next().unwrap_or_default();
    let rows: BTreeSet<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let there = fs::read_dir(&folder).expect("the engine").map(|entry| entry.expect("an entry").path());
    let there: BTreeSet<String> =
        there.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).filter(|name| name != "mod").collect();
    assert_eq!(rows, there.iter().map(String::as_str).collect(), "ARCHITECTURE.md and agent/src/run differ");
    for (file, _) in files("agent").iter().filter(|(file, _)| file.starts_with("run/")) {
        let Some((name, inside)) = file.strip_prefix("run/").and_then(|file| file.split_once('/')) else { continue };
        let row = table.lines().find(|line| line.starts_with(&format!("| `{name}` "))).unwrap_or_default();
        let inside = inside.trim_end_matches(".rs");
        let is_told = inside == "mod" || row.contains(&format!("`{inside}`"));
        assert!(is_told, "the row of `{name}` in ARCHITECTURE.md does not tell of `{inside}`");
    }
}
