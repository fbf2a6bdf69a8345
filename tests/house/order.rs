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
