//! Laws of the compiler over sources that a generator makes: nothing is found in them, and what they do depends neither on
//! order nor on names.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::BTreeSet;

use assent_schema::code::Code;
use assent_schema::plan::Trigger;
use assent_tests::generate::{Files, Names, Size, repository};
use assent_tests::signed::{Checked, Signed};

/// When everything is signed and checked.
const NOW: &str = "2026-06-01T12:00:00Z";
/// The seeds that everybody's test run takes.
const SEEDS: u64 = 12;

/// Checks files that nobody has signed; what only says so is left out.
fn checked(files: Files) -> Checked {
    let mut checked = Signed::unsigned(files, NOW.parse().unwrap()).check();
    let is_unsigned = |code: Code| matches!(code, Code::TrustInvalid | Code::UnapprovedDataUse);
    checked.findings.retain(|finding| !is_unsigned(finding.code));
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
fn the_generator_uses_the_whole_language() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let files = repository(seed, Size::SMALL, Names::Plain);
        let all: String = files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect::<Vec<_>>().concat();
        let words = [
            "call = ",
            "ask = ",
            "decide = ",
            "set = ",
            "each = ",
            "wait = { for",
            "business",
            "wait = { until",
            "wait = { event",
            "stop = ",
            "[[cancel]]",
            "parallel = \"",
            "cache = ",
            "on_error = {",
            "\"collect\"",
            "edit = ",
            "parked = ",
            "sources = ",
            "citations",
            "debounce",
            "per_key",
            "mode = \"shadow\"",
            "text = \"texts/",
            "[settings.",
            "use = ",
            "retry = ",
            "[[guardrail]]",
            "sum = ",
            "by = [",
            "one_of = ",
            "has(",
        ];
        seen.extend(words.into_iter().filter(|word| all.contains(word)).map(str::to_owned));
        let checked = checked(files);
        for workflow in checked.survey.judged.values().flat_map(|judged| judged.workflows.values()) {
            let kind = match workflow.lowered.plan.trigger {
                Trigger::Webhook { .. } => "webhook",
                Trigger::Poll { .. } => "poll",
                Trigger::Inbox { .. } => "inbox",
                Trigger::Schedule { .. } => "schedule",
                Trigger::Manual { .. } => "manual",
            };
            seen.insert(kind.to_owned());
        }
    }
    assert_eq!(seen.len(), 31 + 5, "{seen:?}");
}
