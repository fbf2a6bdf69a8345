//! Pages that people write by hand: their lines are as long as an editor shows. Tables, code and pages that tests write are not asked.

use std::fs;

use super::source;

/// The longest line of prose.
const LONGEST: usize = 130;
/// The pages that are wrapped.
const PAGES: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/design.md",
    "docs/agent.md",
    "docs/console.md",
    "docs/engine.md",
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
