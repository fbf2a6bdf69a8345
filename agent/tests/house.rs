//! Walls of the house, read from the source: who may say SQL, clocks, sockets and random numbers.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file of the agent with its path below `src`, but those that are tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut todo, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !is_test(&path) {
                let name = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 30, "the sources were not found");
    found
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

/// Code without its tests: they stand at the end of a file.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Asserts that a text stands only in files below some places.
fn only_in(needle: &str, places: &[&str]) {
    for (name, text) in sources() {
        let allowed = places.iter().any(|place| name.starts_with(place));
        assert!(allowed || !product(&text).contains(needle), "`{needle}` in {name}");
    }
}

/// Asserts that files below a place do not import some rooms.
fn never_imports(place: &str, rooms: &[&str]) {
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with(place)) {
        for room in rooms {
            assert!(!product(text).contains(&format!("crate::{room}")), "{name} imports `{room}`");
        }
    }
}

#[test]
fn sql_stands_in_the_store_alone() {
    only_in("rusqlite", &["store/"]);
}

#[test]
fn clocks_and_dice_are_those_of_the_world() {
    only_in("SystemTime", &["real/"]);
    only_in("Instant::now", &["real/"]);
    only_in("getrandom::", &["real/", "vault/", "identity"]);
}

#[test]
fn the_engine_sees_only_the_world() {
    for place in ["run/", "store/", "sim/", "rehearse.rs", "request/", "retry/"] {
        never_imports(place, &["real", "daemon", "command", "deploy", "listen", "pull"]);
        for (name, text) in sources().iter().filter(|(name, _)| name.starts_with(place)) {
            let is_bare = !product(text).contains("tokio::time") && !product(text).contains("tokio::spawn");
            assert!(is_bare, "{name} waits or starts tasks by itself");
        }
    }
}

#[test]
fn pure_rooms_import_no_shell() {
    for place in ["run/machine.rs", "run/lanes.rs", "run/compiled.rs", "request/", "retry/"] {
        never_imports(place, &["real", "sim", "store::Sqlite", "vault", "ledger", "daemon", "command"]);
    }
}

#[test]
fn the_console_reaches_the_agent_through_its_office_alone() {
    never_imports("console/", &["real", "sim", "daemon", "command", "desk", "vault", "pull", "deploy::live"]);
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("console/pages/")) {
        let shows = !product(text).contains("commit(") && !product(text).contains("Store");
        assert!(shows, "{name} does more than show");
    }
}

#[test]
fn nobody_imports_the_daemon_or_commands() {
    for (name, text) in sources() {
        let is_one = name.starts_with("daemon") || name.starts_with("command") || name == "main.rs";
        let imports = product(&text).contains("crate::daemon") || product(&text).contains("crate::command");
        assert!(is_one || !imports, "{name} imports the daemon or a command");
    }
}

#[test]
fn content_has_no_way_out() {
    let (_, content) = sources().into_iter().find(|(name, _)| name == "content.rs").expect("a file");
    let before = content.split("pub struct Content").next().expect("a part");
    let derives = before.rsplit("///").next().expect("a part").contains("derive");
    assert!(!derives, "`Content` derives something");
    for word in ["impl<T: Zeroize> std::fmt::Debug", "impl<T: Zeroize> Serialize", "impl<T: Zeroize> std::fmt::Display"]
    {
        assert!(!content.contains(word), "`Content` can be written out");
    }
}
