//! The walls of the house, read from the source: which rooms import which, what stands in one place alone, what is pure.

mod codes;
mod lock;
mod order;
mod prose;
mod walls;

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are the product.
const CRATES: [&str; 3] = ["schema", "compiler", "agent"];

/// The source folder of a crate.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(name).join("src")
}

/// Every Rust file of a crate without its tests, by its path below `src`.
fn files(name: &str) -> Vec<(String, String)> {
    let root = source(name);
    let (mut todo, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
            if path.is_dir() && !is_test {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !is_test {
                let below = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                found.push((below, product(&fs::read_to_string(&path).expect("text"))));
            }
        }
    }
    found.sort();
    assert!(found.len() > 30, "the sources of {name} were not found");
    found
}

/// A file without the items that only its tests have, wherever they stand.
fn product(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Skips one item: to the brace that closes it, which rustfmt puts below its beginning, or to a line that is all of it.
fn skip_item<'t>(lines: &mut impl Iterator<Item = &'t str>) {
    let mut item =
        lines.by_ref().skip_while(|line| line.trim_start().starts_with("#[") || line.trim_start().starts_with("//"));
    let Some(first) = item.next() else { return };
    drop(item);
    if first.ends_with(';') || first.ends_with('}') {
        return;
    }
    let indent: String = first.chars().take_while(|c| *c == ' ').collect();
    let ends = ["}", "};", ")", ");"].map(|end| format!("{indent}{end}"));
    lines.find(|line| ends.iter().any(|end| line == end));
}

/// What a file says of itself at its beginning.
fn head(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_tests_are_left_out() {
    let text = "use a;\n#[cfg(test)]\nmod tests;\nfn b() {\n}\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n    fn c() {\n    }\n}\nfn d() {\n}\n";
    assert_eq!(product(text), "use a;\nfn b() {\n}\nfn d() {\n}\n");
    assert_eq!(product("#[cfg(test)]\npub(crate) use crate::a::b;\nfn c() {}\n"), "fn c() {}\n");
}
