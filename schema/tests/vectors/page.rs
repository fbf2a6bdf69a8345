//! `docs/formats.md` shows the published bytes, and parts of plans that are read.

use std::fs;

use assent_schema::canon;
use serde_json::Value;

use super::{folder, vectors};

#[test]
fn the_page_shows_the_published_bytes() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    for (path, bytes) in vectors() {
        // The ledger's long files are named; all others stand in the page as they are.
        if path.ends_with(".ledger") || path == "signed.json" || path.contains(".sig") && !path.contains("1.toml.alice")
        {
            continue;
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(page.contains(text.trim_end()), "docs/formats.md does not show {path} as it is");
    }
}

/// What the page shows of a plan is what a plan may hold: each block that stands behind a name of the format.
#[test]
fn the_page_shows_parts_of_plans_that_are_read() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let block = |after: &str| {
        let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("no `{after}`"));
        let (_, rest) = rest.split_once("```json\n").expect("a block");
        rest.split_once("\n```").expect("its end").0.to_owned()
    };
    let job = block("A **call** of an operation with `job`");
    drop(serde_json::from_str::<assent_schema::plan::Job>(&job).expect("a job"));
    for name in ["**`each`** walks a list", "**`wait`** has `until`"] {
        drop(serde_json::from_str::<assent_schema::plan::Action>(&block(name)).expect(name));
    }
    let text = block("A **text of a file** stands");
    drop(serde_json::from_str::<assent_schema::plan::InLocale>(&text).expect("a text"));
    for text in [job, text] {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value.to_string(), text, "members are sorted and nothing stands between them");
    }
}

/// What the page shows of files that no vector is of is what we read, byte for byte what we write.
#[test]
fn the_page_shows_scenarios_and_endpoints_that_are_read() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let block = |after: &str| {
        let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("no `{after}`"));
        let (_, rest) = rest.split_once("```json\n").expect("a block");
        rest.split_once("\n```").expect("its end").0.to_owned()
    };
    let tests = block("### Scenarios");
    let read: assent_schema::scenario::Tests = canon::from_bytes(tests.as_bytes()).expect("tests");
    assert_eq!(canon::to_bytes(&read).expect("canonical"), tests.as_bytes());
    let endpoints = block("### Endpoints");
    let read: assent_schema::client::Endpoints = canon::from_bytes(endpoints.as_bytes()).expect("endpoints");
    assert_eq!(canon::to_bytes(&read).expect("canonical"), endpoints.as_bytes());
}

/// Each member of a use and of its parts stands in the page: a use is what a client signs.
#[test]
fn the_page_names_each_member_of_a_use() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let (_, table) = page.split_once("The members of a use;").expect("the table");
    let (table, _) = table.split_once("`tests/vectors/statements/").expect("its end");
    let read = |file: &str| fs::read_to_string(folder().join("../../schema/src/uses").join(file)).expect("the source");
    let source = read("mod.rs") + &read("party.rs");
    for name in
        ["DataUse", "FolderParty", "ConnectionParty", "AgentParty", "GroupParty", "GuardrailUse", "AgreementUse"]
    {
        let (_, form) = source.split_once(&format!("pub struct {name} {{\n")).expect(name);
        let (form, _) = form.split_once("\n}").expect("its end");
        let members = form.lines().filter_map(|line| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0));
        let members: Vec<_> = members.collect();
        assert!(!members.is_empty(), "{name}");
        for member in members {
            assert!(table.contains(&format!("`{member}`")), "docs/formats.md does not name {member} of {name}");
        }
    }
}
