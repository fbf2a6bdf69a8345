//! The generator makes the whole language: every key of the compiler's tables, every word that a key may hold, every function
//! of expressions. What must occur is what those tables say, so that a key that is added is lacking here until it is made.

use std::collections::{BTreeMap, BTreeSet};

use assent_compiler::parse::keys::{Holds, KINDS, Key, Table};
use assent_schema::expr::FUNCTIONS;
use assent_schema::plan::Trigger;
use assent_tests::generate::{Files, Names, Size, repository};
use toml::Value;

use super::{SEEDS, checked};

/// What is not made, and why.
const NOT_MADE: [(&str, &str); 3] = [
    ("owned-branch.ca", "a certificate is no part of the language, and `host_key` pins the same for SSH"),
    ("provider.class = public", "an AI is asked about what people wrote"),
    ("provider.class = reference", "as above"),
];

/// Kinds of files that are not made, and why.
const KINDS_NOT_MADE: [(&str, &str); 6] = [
    ("test", "scenarios are what the search of `assent_tests::scenarios` finds"),
    ("root", "what is made is unsigned: `assent_tests::signed` signs it"),
    ("teams", "as above"),
    ("approvers", "as above"),
    ("approval", "as above"),
    ("catalog-lock", "as above"),
];

/// Keys whose words are a standard's list and no feature of the language.
const LISTS_OF_OTHERS: [(&str, &str); 2] =
    [("purpose", "data uses of Fideslang"), ("category", "data categories of Fideslang")];

/// One thing that the language has: a key, or a key with a word.
///
/// Keys that several tables share are one: they have one name and one sentence.
type Feature = (String, &'static str, String);

fn key_of(key: &Key) -> Feature {
    (key.name.to_owned(), key.about, String::new())
}

/// Everything that a table can hold.
fn features(table: &'static Table, all: &mut BTreeMap<Feature, &'static str>, known: &mut BTreeSet<&'static str>) {
    if !known.insert(table.name) {
        return;
    }
    for key in table.keys() {
        all.entry(key_of(key)).or_insert(table.name);
        of_value(key, &key.holds, table, all, known);
    }
}

/// What a value is made of, as far as it is looked into here.
enum Made {
    /// One of these words.
    Words(Vec<&'static str>),
    /// A table with known keys.
    Keys(&'static Table),
    /// Values by name.
    Named(&'static Holds),
    /// A list.
    Items(&'static Holds),
    /// One of these.
    Either(&'static [Holds]),
    /// Nothing that has parts.
    Plain,
}

fn made(holds: &'static Holds) -> Made {
    match holds {
        Holds::Word(words) => Made::Words(words()),
        Holds::Words(words) => Made::Words(words.to_vec()),
        Holds::Table(table) => Made::Keys(table),
        Holds::Map(_, of) => Made::Named(of),
        Holds::List(of) => Made::Items(of),
        Holds::Either(of) => Made::Either(of),
        Holds::Text
        | Holds::Form(_)
        | Holds::Integer
        | Holds::Within(..)
        | Holds::Boolean
        | Holds::Decimal
        | Holds::Anything => Made::Plain,
    }
}

fn of_value(
    key: &'static Key,
    holds: &'static Holds,
    table: &'static Table,
    all: &mut BTreeMap<Feature, &'static str>,
    known: &mut BTreeSet<&'static str>,
) {
    match made(holds) {
        Made::Words(words) => put_words(key, &words, table, all),
        Made::Keys(below) => features(below, all, known),
        // Arguments hold arguments.
        Made::Named(of) | Made::Items(of) if std::ptr::eq(of, holds) => {}
        Made::Named(of) | Made::Items(of) => of_value_once(key, of, table, all, known),
        Made::Either(of) => of.iter().for_each(|of| of_value_once(key, of, table, all, known)),
        Made::Plain => {}
    }
}

/// The same of something inside, which may hold itself.
fn of_value_once(
    key: &'static Key,
    holds: &'static Holds,
    table: &'static Table,
    all: &mut BTreeMap<Feature, &'static str>,
    known: &mut BTreeSet<&'static str>,
) {
    if let Holds::Either(of) = holds {
        for of in of.iter().filter(|of| !matches!(of, Holds::Map(..) | Holds::List(_))) {
            of_value(key, of, table, all, known);
        }
    } else {
        of_value(key, holds, table, all, known);
    }
}

fn put_words(key: &Key, words: &[&str], table: &Table, all: &mut BTreeMap<Feature, &'static str>) {
    if LISTS_OF_OTHERS.iter().all(|(name, _)| *name != key.name) {
        let word = |word: &&str| (key.name.to_owned(), key.about, (*word).to_owned());
        all.extend(words.iter().map(word).map(|feature| (feature, table.name)));
    }
}

/// Notes what a file has.
fn note(table: &'static Table, value: &Value, seen: &mut BTreeSet<Feature>) {
    for (name, value) in value.as_table().into_iter().flatten() {
        let Some(key) = table.keys().find(|key| key.name == name) else { continue };
        seen.insert(key_of(key));
        note_value(key, &key.holds, value, seen);
    }
}

fn note_value(key: &'static Key, holds: &'static Holds, value: &Value, seen: &mut BTreeSet<Feature>) {
    match made(holds) {
        Made::Words(_) => {
            if let Some(word) = value.as_str() {
                seen.insert((key.name.to_owned(), key.about, word.to_owned()));
            }
        }
        Made::Keys(table) => note(table, value, seen),
        Made::Named(of) => {
            value.as_table().into_iter().flatten().for_each(|(_, value)| note_value(key, of, value, seen));
        }
        Made::Items(of) => {
            value.as_array().into_iter().flatten().for_each(|value| note_value(key, of, value, seen));
        }
        Made::Either(of) => {
            // A table is meant where it knows every key.
            let knows = |table: &Table| {
                value.as_table().is_some_and(|keys| keys.keys().all(|name| table.keys().any(|key| key.name == name)))
            };
            let fits = |of: &&Holds| !matches!(of, Holds::Table(table) if !knows(table));
            of.iter().filter(fits).for_each(|of| note_value(key, of, value, seen));
        }
        Made::Plain => {}
    }
}

/// What kind of file stands at a path, and its text: of a text with holes the head.
fn file<'a>(path: &str, text: &'a str) -> Option<(&'static str, &'a str)> {
    let kind = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["assent.toml"] => "assent",
        ["catalog", "integrations", _] => "integration",
        ["catalog", "providers", _] => "provider",
        ["library", name] if name.strip_suffix(".toml").is_some() => "library",
        ["clients", _, "client.toml"] => "client",
        ["clients", _, "workflows", name] if !name.ends_with(".test.toml") => "workflow",
        [.., "texts", _] => return Some(("text", text.split("+++").nth(1)?)),
        _ => return None,
    };
    Some((kind, text))
}

fn sources() -> Vec<Files> {
    (0..3 * SEEDS).map(|seed| repository(seed, Size::SMALL, Names::Plain)).collect()
}

#[test]
fn the_generator_uses_the_whole_language() {
    let (mut all, mut known) = (BTreeMap::new(), BTreeSet::new());
    for kind in KINDS.iter().filter(|kind| KINDS_NOT_MADE.iter().all(|(name, _)| *name != kind.name)) {
        features(kind.table, &mut all, &mut known);
    }
    let mut seen = BTreeSet::new();
    for files in sources() {
        for (path, bytes) in &files {
            let Some((name, text)) = file(path, std::str::from_utf8(bytes).unwrap()) else { continue };
            let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
            note(kind.table, &Value::Table(text.parse().unwrap()), &mut seen);
        }
    }
    let named = |(name, _, word): &Feature, table: &str| {
        if word.is_empty() { format!("{table}.{name}") } else { format!("{table}.{name} = {word}") }
    };
    let lacking: BTreeSet<String> = all
        .iter()
        .filter(|(feature, _)| !seen.contains(*feature))
        .map(|(feature, table)| named(feature, table))
        .collect();
    let known: BTreeSet<String> = NOT_MADE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(lacking, known, "what is not made is said, and what is made is not");
    assert!(all.len() > 300, "{}", all.len());
}

#[test]
fn the_generator_calls_every_function() {
    let of_workflows = |path: &&String| path.contains("/workflows/") || path.starts_with("library/");
    let mut text = String::new();
    for files in sources() {
        files.keys().filter(of_workflows).for_each(|path| text += std::str::from_utf8(&files[path]).unwrap());
    }
    let is_called = |name: &str| {
        let call = format!("{name}(");
        let begins = |at: usize| !text.get(..at).unwrap().ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        text.match_indices(&call).any(|(at, _)| begins(at))
    };
    let lacking: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).filter(|name| !is_called(name)).collect();
    assert_eq!(lacking, Vec::<&str>::new());
}

#[test]
fn every_api_of_the_catalog_is_used_whole() {
    let role = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let (mut all, mut used) = (BTreeSet::new(), BTreeSet::new());
    for files in sources() {
        for (path, bytes) in &files {
            let Some(name) = path.strip_prefix("catalog/integrations/") else { continue };
            let role = role(name.trim_end_matches(".toml"));
            let text = std::str::from_utf8(bytes).unwrap();
            let operations = text.lines().filter_map(|line| line.strip_prefix("[operation.")?.strip_suffix(']'));
            all.extend(operations.filter(|name| !name.contains('.')).map(|name| format!("{role}.{name}")));
            all.insert(role);
        }
        for judged in checked(files).survey.judged.values().flat_map(|judged| judged.workflows.values()) {
            let plan = &judged.lowered.plan;
            for operation in plan.operations.keys() {
                used.insert(role(operation.connection.as_str()));
                used.insert(format!("{}.{}", role(operation.connection.as_str()), operation.operation));
            }
            if let Trigger::Webhook { connection, .. } = &plan.trigger {
                used.insert(role(connection.as_str()));
            }
        }
    }
    let lacking: Vec<_> = all.difference(&used).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    assert!(all.len() > 40, "{}", all.len());
}
