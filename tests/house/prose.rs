//! Pages that people write by hand: their lines are as long as an editor shows. Tables, code and pages that tests write are not asked.

use std::collections::BTreeSet;
use std::fs;

use super::source;

/// The longest line of prose.
const LONGEST: usize = 130;
/// The pages that are wrapped.
const PAGES: [&str; 12] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/design.md",
    "docs/agent.md",
    "docs/console.md",
    "docs/engine.md",
    "docs/formats.md",
    "docs/fuzzing.md",
    "docs/language.md",
    "docs/trust.md",
];

#[test]
fn prose_is_wrapped() {
    let root = source("schema").join("../..");
    let mut long = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(root.join(page)).expect("a page");
        let mut is_code = false;
        for (number, line) in (1..).zip(text.lines()) {
            is_code ^= line.trim_start().starts_with("```");
            if !is_code && !line.starts_with('|') && line.chars().count() > LONGEST {
                long.push(format!("{page}:{number}"));
            }
        }
    }
    assert!(long.is_empty(), "wrap these lines at 120: {long:?}");
}

/// What merges leave: the same thing told twice.
#[test]
fn the_changelog_tells_each_thing_once() {
    let text = fs::read_to_string(source("schema").join("../../CHANGELOG.md")).expect("a page");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut told = BTreeSet::new();
    let again: Vec<&str> =
        words.split(". ").filter(|sentence| sentence.len() > 20 && !told.insert(*sentence)).collect();
    assert!(again.is_empty(), "told twice: {again:?}");
}
