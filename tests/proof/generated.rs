//! Laws of the compiler over sources that a generator makes: nothing is found in them, and what they do depends neither on
//! order nor on names.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

mod bent;
mod order;
mod whole;

use std::collections::BTreeSet;

use assent_agent::rehearse::rehearse;
use assent_compiler::check::Judged;

use assent_schema::code::Code;
use assent_schema::coverage::{Reached, gaps};
use assent_schema::plan::Plan;
use assent_schema::uses::{DataUse, UseKind, uncovered};
use assent_tests::generate::{Dice, Files, Names, Size, repository};
use assent_tests::scenarios::covered;
use assent_tests::signed::{Checked, Signed};
use serde_json::Value;

/// When everything is signed and checked.
const NOW: &str = "2026-06-01T12:00:00Z";
/// The seeds that everybody's test run takes.
const SEEDS: u64 = 12;
/// Those of which scenarios are looked for: each takes hundreds of runs.
const COVERED: u64 = 2;

/// Checks files that nobody has signed; what only says so is left out, and so is the warning that nothing uses what is
/// computed for the sake of a function.
///
/// # Panics
/// When agents would not read a plan that may be released.
fn checked(files: Files) -> Checked {
    let mut checked = Signed::unsigned(files, NOW.parse().unwrap()).check();
    let is_meant = |code: Code| matches!(code, Code::TrustInvalid | Code::UnapprovedDataUse | Code::UnusedValue);
    checked.findings.retain(|finding| !is_meant(finding.code));
    if checked.findings.is_empty() {
        let judged = checked.survey.judged.values().flat_map(|client| client.workflows.values());
        for workflow in judged {
            let (bytes, _) = workflow.lowered.plan.to_bytes().expect("a plan has bytes");
            assert_eq!(Plan::from_bytes(&bytes).as_ref(), Ok(&*workflow.lowered.plan), "agents read what is written");
        }
    }
    checked
}

fn said(checked: &Checked) -> String {
    let said = checked.findings.iter().map(|finding| {
        let text = checked.source.text(&finding.span.file).unwrap_or_default();
        let there = text.get(finding.span.start..finding.span.end).unwrap_or_default();
        format!("{} in {} at `{there}`: {}\n", finding.code, finding.span.file, finding.message)
    });
    said.collect::<Vec<_>>().concat()
}

#[test]
fn what_the_generator_makes_has_nothing_wrong() {
    for seed in 0..SEEDS {
        let (size, names) = (Size::SMALL, Names::Plain);
        let checked = checked(repository(seed, size, names));
        assert_eq!(said(&checked), "", "seed {seed}");
        assert_eq!(checked.forms().len(), size.clients * (size.workflows + size.library), "seed {seed}");
    }
}

#[test]
fn scenarios_reach_every_branch_of_what_is_made() {
    let seeds = if std::env::var_os("ASSENT_DEEP").is_some() { 0..SEEDS } else { 0..COVERED };
    let mut lacking = Vec::new();
    for seed in seeds {
        let made = repository(seed, Size { clients: 1, ..Size::SMALL }, Names::Plain);
        let (files, _) = covered(made, NOW.parse().unwrap());
        // As files they mean what was run, and a check finds nothing in them.
        let checked = checked(files.clone());
        assert_eq!(said(&checked), "", "seed {seed}");
        for (client, judged) in &checked.survey.judged {
            let found = &checked.survey.resolved.clients[client];
            for (name, judged) in &judged.workflows {
                let (workflow, plan) = (&found.workflows[name], &judged.lowered.plan);
                let digest = judged.lowered.form(workflow).unwrap().digest;
                let ran = rehearse(plan, digest, workflow.tests.as_ref().unwrap(), &found.facts).unwrap();
                let mut reached = Reached::default();
                for one in ran {
                    assert_eq!(one.failures, Vec::<String>::new(), "seed {seed}: {client}/{name}: {}", one.scenario);
                    reached.merge(one.reached);
                }
                for (step, gap) in gaps(plan, &reached) {
                    let text = checked.source.text(&workflow.file).unwrap();
                    lacking.push(format!("seed {seed}: {client}/{name}: {step} {}\n{text}", gap.as_str()));
                }
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

#[test]
fn order_that_means_nothing_changes_no_byte() {
    for seed in 0..SEEDS {
        let files = repository(seed, Size::SMALL, Names::Plain);
        let mut dice = Dice::of(seed, &["order"]);
        let mut other = files.clone();
        for (path, bytes) in &mut other {
            if path.strip_suffix(".toml").is_some() {
                *bytes = order::shuffled(std::str::from_utf8(bytes).unwrap(), &mut dice).into_bytes();
            }
        }
        assert_ne!(files, other);
        let (before, after) = (checked(files), checked(other));
        assert_eq!(said(&after), "", "seed {seed}");
        let bytes = |checked: &Checked| -> Vec<_> {
            let forms = checked.forms().into_iter();
            forms.map(|(name, form)| (name, form.bytes, form.tests.map(|tests| tests.bytes))).collect()
        };
        assert!(bytes(&before) == bytes(&after), "seed {seed}: a plan changed");
    }
}

/// Every data use with names as `Names::Plain` has them, and with what is sorted by name sorted again.
fn uses_renamed(checked: &Checked) -> Vec<String> {
    let uses = checked.survey.judged.values().flat_map(Judged::all_uses);
    let mut all: Vec<String> = uses.map(|one| serde_json::to_string(&one).unwrap()).collect();
    for text in &mut all {
        let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        let plain: String = words.map(plain_word).collect::<Vec<_>>().concat();
        *text = sorted(serde_json::from_str(&plain).unwrap()).to_string();
    }
    all.sort();
    all
}

/// A word, with the character behind it, as `Names::Plain` has it.
fn plain_word(word: &str) -> String {
    let name = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = word.get(name.len()..).unwrap();
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(letters.len()..).unwrap();
    let kind: String = letters.chars().skip(2).collect::<String>().chars().rev().collect();
    let is_name = !number.is_empty() && number.parse().is_ok_and(|n| Names::Other.of(&kind, n) == name);
    if is_name { format!("{kind}{number}{end}") } else { word.to_owned() }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, sorted(value))).collect(),
        // The fields of content that an expression reads stand by name.
        Value::String(text) => match text.split_once(", of ").filter(|(what, _)| what.contains(": that it failed")) {
            Some((what, fields)) => {
                let mut fields: Vec<&str> = fields.split(", ").collect();
                fields.sort_unstable();
                Value::String(format!("{what}, of {}", fields.join(", ")))
            }
            None => Value::String(text),
        },
        other => other,
    }
}

#[test]
fn other_names_change_nothing_but_names() {
    for seed in 0..SEEDS {
        let plain = checked(repository(seed, Size::SMALL, Names::Plain));
        let other = checked(repository(seed, Size::SMALL, Names::Other));
        assert_eq!(said(&other), "", "seed {seed}");
        assert_eq!(uses_renamed(&plain), uses_renamed(&other), "seed {seed}");
    }
}

#[test]
fn a_step_added_never_drops_a_data_use() {
    for seed in 0..SEEDS {
        for length in 1..5 {
            let made = |length| checked(repository(seed, Size { length, clients: 1, ..Size::SMALL }, Names::Plain));
            let (shorter, longer) = (made(length), made(length + 1));
            let all = |checked: &Checked| -> Vec<DataUse> {
                checked.survey.judged.values().flat_map(Judged::all_uses).collect()
            };
            // A release's sum and list grow as one use, and so does what else holds for a client.
            let (mut before, mut after) = (all(&shorter), all(&longer));
            let terms = |uses: &mut [DataUse]| -> BTreeSet<String> {
                uses.iter_mut().flat_map(|one| std::mem::take(&mut one.terms)).collect()
            };
            assert!(terms(&mut before).is_subset(&terms(&mut after)), "seed {seed}, length {length}");
            assert_eq!(uncovered(&before, &after), Vec::<&DataUse>::new(), "seed {seed}, length {length}");
        }
    }
}

#[test]
fn a_class_is_raised_and_never_lowered() {
    let classes = ["public", "reference", "content", "personal"];
    // Fields of the records that are read, with their class in the catalog.
    let fields =
        [("get_ticket", "ticket.body", 2), ("_order\"", "order.payment", 1), ("list_orders", "orders.items.total", 1)];
    let mut tried = BTreeSet::new();
    for seed in 0..SEEDS {
        let files = repository(seed, Size { clients: 1, ..Size::SMALL }, Names::Plain);
        let before = checked(files.clone());
        let flows = files.iter().filter(|(path, _)| path.contains("/workflows/flow") && !path.contains(".test."));
        for (path, bytes) in flows {
            let text = std::str::from_utf8(bytes).unwrap();
            for (_, field, catalog) in fields.iter().filter(|(word, ..)| text.contains(word)) {
                for (wanted, class) in classes.iter().enumerate() {
                    let lines = format!("[class]\n\"{field}\" = \"{class}\"\n\n[limits]\n");
                    let mut other = files.clone();
                    other.insert(path.clone(), text.replacen("[limits]\n", &lines, 1).into_bytes());
                    let after = checked(other);
                    let lowered: Vec<_> = after.findings.iter().filter(|one| one.code == Code::ClassLowered).collect();
                    assert_eq!(
                        lowered.len(),
                        usize::from(wanted < *catalog),
                        "seed {seed}: {field} = {class}:\n{}",
                        said(&after)
                    );
                    tried.insert((*field, wanted < *catalog));
                    let judged = before.survey.judged.iter().filter(|_| wanted >= *catalog);
                    for (client, judged) in judged {
                        let now = after.survey.judged[client].all_uses();
                        let mut uses = judged.all_uses();
                        // A read is approved of the class that is said, and of no other.
                        uses.retain(|one| one.kind != UseKind::Read);
                        // What holds for a lower class does not hold for a higher one, and never the other way round.
                        assert_eq!(uncovered(&uses, &now), Vec::<&DataUse>::new(), "seed {seed}: {field} = {class}");
                    }
                }
            }
        }
    }
    assert_eq!(tried.len(), 2 * fields.len(), "{tried:?}");
}
