//! The fuzzers' targets over their corpus, and over what little changes make of it.
//!
//! An input that a fuzzer found lies in `fuzz/regressions/<target>/` and is run here for ever.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

use std::path::Path;

use assent_tests::targets::{ALL, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What is put into inputs, so that changes mean something more often than bytes alone would.
const WORDS: [&str; 40] = [
    "\n",
    "\"",
    "'",
    "\\",
    "${",
    "}",
    "[[step]]\n",
    "[",
    "]",
    "{",
    "=",
    ".",
    "\"\"\"",
    "has(",
    ")",
    "&&",
    "||",
    "? ",
    ": ",
    "!",
    "0",
    "-1",
    "9007199254740992",
    "true",
    "null",
    "2026-03-29T02:30:00Z",
    "é",
    "\u{202e}",
    "\u{0}",
    "\r\n",
    "a.b",
    "trigger.ticket_id",
    "settings.x",
    "class = \"public\"",
    "when = ",
    "u{1f600}",
    "e9",
    "*/",
    "-----",
    " ",
];

/// The inputs of a folder; none where it is not there.
fn inputs(folder: &str, target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder).join(target.name);
    let files = std::fs::read_dir(&folder).into_iter().flatten();
    let mut files: Vec<_> = files
        .map(|file| {
            let path = file.expect("an entry").path();
            (path.display().to_string(), std::fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

/// The seeds of a target, and what once broke something.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let mut files = inputs("corpus", target);
    assert!(!files.is_empty(), "{} has a corpus", target.name);
    files.extend(inputs("regressions", target));
    files
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Word(prop::sample::Index, usize),
    Drop(prop::sample::Index, prop::sample::Index),
    Double(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), 0..WORDS.len()).prop_map(|(at, word)| Change::Word(at, word)),
        (at(), at()).prop_map(|(from, to)| Change::Drop(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::Double(from, to)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &prop::sample::Index| at.index(bytes.len() + 1);
        let stretch = |from: &prop::sample::Index, to: &prop::sample::Index| {
            let (a, b) = (place(from), place(to));
            // Long stretches would leave nothing of the input, or make it grow without end.
            let from = a.min(b);
            from..a.max(b).min(from + 64)
        };
        match change {
            Change::Byte(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            Change::Word(at, word) => {
                let at = place(at);
                drop(bytes.splice(at..at, WORDS[*word].bytes()));
            }
            Change::Drop(from, to) => {
                let stretch = stretch(from, to);
                drop(bytes.drain(stretch));
            }
            Change::Double(from, to) => {
                let stretch = stretch(from, to);
                let again = bytes[stretch.clone()].to_vec();
                drop(bytes.splice(stretch.start..stretch.start, again));
            }
        }
    }
    bytes
}

/// As many changed inputs as a test that everybody runs may take; fuzzers do the rest.
fn cases(target: &Target) -> u32 {
    if target.name == "source" { 48 } else { 256 }
}

fn holds(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).expect("a target");
    let corpus = corpus(target);
    for (_, bytes) in &corpus {
        (target.run)(bytes);
    }
    let config = Config { cases: cases(target), failure_persistence: None, ..Config::default() };
    let inputs = (prop::sample::select(corpus), prop::collection::vec(change(), 1..6));
    let run = |((_, bytes), changes): ((String, Vec<u8>), Vec<Change>)| {
        (target.run)(&changed(bytes, &changes));
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&inputs, run) {
        panic!("{name}: {error}");
    }
}

#[test]
fn sources_of_anything_are_checked() {
    holds("source");
}

#[test]
fn expressions_of_anything_hold_their_laws() {
    holds("expressions");
}

#[test]
fn templates_of_anything_hold_their_laws() {
    holds("templates");
}

#[test]
fn schedules_of_anything_hold_their_laws() {
    holds("schedules");
}

#[test]
fn canonical_json_of_anything_holds_its_laws() {
    holds("canonical");
}

#[test]
fn statements_of_anything_hold_their_laws() {
    holds("statements");
}

#[test]
fn signatures_of_anything_hold_their_laws() {
    holds("signatures");
}

#[test]
fn notes_of_anything_hold_their_laws() {
    holds("notes");
}

#[test]
fn every_target_is_run_here_and_by_a_fuzzer() {
    let text = include_str!("corpus.rs");
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for target in ALL {
        assert!(text.contains(&format!("holds(\"{}\")", target.name)), "{} is run here", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} is fuzzed", target.name);
    }
}
