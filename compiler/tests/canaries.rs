//! No finding, page or plan shows what stands in the messages of scenarios: events, answers, edits, arguments that are
//! expected. Canaries are put in every such place of the example, in files that are right, that are wrong in each way that
//! has a message of its own, and that are no TOML at all.
//!
//! # Source
//! design.md section 5. Promises P01, P11.

#![expect(clippy::string_slice, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::ops::Range;

use support::signed::commit_after;
use support::{Files, NOW, assent, bare, commit, example, files};
use toml::de::{DeTable, DeValue};

/// What no output may hold, in texts; a number follows.
const CANARY: &str = "kanarienvogel";
/// The same in numbers.
const NUMBER: &str = "7770123";
/// Keys of scenarios below which everything is a message.
const MESSAGES: [&str; 4] = ["event", "body", "with", "edits"];
/// How findings are shown.
const FORMATS: [&str; 4] = ["human", "json", "sarif", "github"];
const TESTS: &str = "clients/acme/workflows/refund.test.toml";

/// The places of all values in messages, and what stands there instead.
fn places(table: &DeTable<'_>, is_message: bool, found: &mut Vec<(Range<usize>, String)>) {
    for (key, value) in table {
        value_places(value, is_message || MESSAGES.contains(&key.get_ref().as_ref()), found);
    }
}

fn value_places(value: &toml::Spanned<DeValue<'_>>, is_message: bool, found: &mut Vec<(Range<usize>, String)>) {
    match value.get_ref() {
        DeValue::Table(table) => places(table, is_message, found),
        DeValue::Array(items) => items.iter().for_each(|item| value_places(item, is_message, found)),
        DeValue::String(_) if is_message => found.push((value.span(), format!("\"{CANARY} {}\"", found.len()))),
        DeValue::Integer(_) if is_message => found.push((value.span(), format!("{NUMBER}{:04}", found.len()))),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Scenarios with canaries in all messages, or only where people wrote something: then they still pass.
fn planted(text: &str, everywhere: bool) -> String {
    let root = DeTable::parse(text).expect("TOML").into_inner();
    let mut found = Vec::new();
    places(&root, false, &mut found);
    found.retain(|(place, _)| everywhere || text[place.clone()].contains(' '));
    found.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut planted = text.to_owned();
    for (place, canary) in found {
        planted.replace_range(place, &canary);
    }
    planted
}

fn all_planted(everywhere: bool) -> Files {
    let mut all = example();
    for (_, bytes) in all.iter_mut().filter(|(path, _)| path.ends_with(".test.toml")) {
        *bytes = planted(std::str::from_utf8(bytes).expect("text"), everywhere).into_bytes();
    }
    all
}

/// The commands that look at a source, run on one; all that they print, by command line. The source is a second commit: the
/// first is the example.
fn outputs(all: &Files, rehearse: bool) -> Vec<(String, String)> {
    let (folder, repository) = bare();
    let first = commit(&repository, files(&repository, &example()));
    let second = files(&repository, all);
    commit_after(&repository, first, second, "nobody");
    let path = folder.path().to_str().expect("a path");
    let page = folder.path().join("page.html");
    let page = page.to_str().expect("a path");
    let mut lines: Vec<Vec<&str>> = FORMATS.map(|format| vec!["check", "--format", format]).to_vec();
    if !rehearse {
        for line in &mut lines {
            line.push("--no-rehearsal");
        }
    }
    let range = format!("{first}..main");
    for format in ["human", "markdown", "json"] {
        lines.push(vec!["plan", &range, "--format", format]);
        lines.push(vec!["plan", "--format", format]);
    }
    if rehearse {
        for format in ["human", "json"] {
            lines.push(vec!["test", "main", "--format", format]);
            lines.push(vec!["test", "main", "--coverage", "--format", format]);
        }
    }
    lines.push(vec!["report", "acme", "--output", page]);
    lines.push(vec!["promises"]);
    let mut seen = Vec::new();
    for line in lines {
        let mut arguments = line.clone();
        arguments.extend(["--repo", path, "--at", NOW]);
        let ran = assent(&arguments);
        let written = std::fs::read_to_string(page).unwrap_or_default();
        seen.push((line.join(" "), format!("{}{}{written}", ran.out, ran.err)));
    }
    seen
}

fn silent(all: &Files, what: &str, rehearse: bool) {
    for (line, text) in outputs(all, rehearse) {
        assert!(!text.is_empty(), "{what}: `assent {line}` prints something");
        for canary in [CANARY, NUMBER] {
            let told = text.lines().find(|line| line.contains(canary));
            assert_eq!(told, None, "{what}: `assent {line}` shows a canary");
        }
    }
}

#[test]
fn scenarios_that_pass_show_nothing_of_what_people_wrote() {
    let all = all_planted(false);
    let held: usize = all.values().map(|bytes| String::from_utf8_lossy(bytes).matches(CANARY).count()).sum();
    assert!(held > 100, "{held} canaries");
    silent(&all, "as the example", true);
}

#[test]
fn scenarios_that_fail_show_nothing_of_their_messages() {
    let all = all_planted(true);
    let failing = outputs(&all, true).into_iter().find(|(line, _)| line.starts_with("test")).expect("a test").1;
    assert!(failing.contains("FAIL"), "{failing}");
    silent(&all, "everything planted", true);
}

/// Where a line of a scenario is wrong, or is not even TOML, a canary stands in it or beside it.
#[test]
fn wrong_scenarios_show_nothing_of_their_messages() {
    let reply = "[[scenario.reply]]\nto = \"helpdesk.get_ticket\"\nstatus = 200\n";
    let begin = "[[scenario]]\nname = \"a lead agrees and money moves once\"\nat = \"2026-03-02T09:00:00Z\"\n";
    let expect = "[scenario.expect]\noutcome = \"done\"\n";
    let decide = "[[scenario.decide]]\nstep = \"agree\"\nchoice = \"approve\"\nafter = \"5m\"\n";
    let k = CANARY;
    let wrong = [
        // Not TOML: a text that does not end, a key twice, a table twice, words without quotes, a wrong escape.
        (reply, format!("{reply}bodi = {{ text = \"{k}, a\n")),
        (reply, format!("{reply}bodi = {k} and more\n")),
        (reply, format!("{reply}bodi = {{ text = {k} }}\n")),
        (reply, format!("{reply}bodi = {{ text = \"{k} \\q\" }}\n")),
        (reply, format!("{reply}bodi = [\"{k}\", {k}]\n")),
        (reply, format!("{reply}bodi = \"\"\"{k}\n")),
        (reply, format!("{reply}bodi = {{ text = '{k}\n")),
        // A misspelt key with a message behind it, and keys inside messages.
        (reply, format!("{reply}bodi = {{ text = \"{k}\" }}\n")),
        (begin, format!("{begin}evnt = {{ text = \"{k}\" }}\n")),
        (begin, format!("{begin}evnt = \"{k}\"\n")),
        (decide, format!("{decide}edit = {{ \"draft.text\" = \"{k}\" }}\n")),
        // Values of another type than a message has.
        (decide, format!("{decide}edits = \"{k}\"\n")),
        (decide, format!("{decide}edits = [\"{k}\"]\n")),
        (decide, format!("{decide}edits = {{ \"draft.text\" = [\"{k}\"] }}\n")),
        (decide, format!("{decide}edits = {{ \"{k}\" = \"{k}\" }}\n")),
        (expect, format!("{expect}calls = [\"{k}\"]\n")),
        (expect, format!("{expect}calls = \"{k}\"\n")),
        (expect, format!("{expect}calls = [{{ operation = \"payments.refund\", with = \"{k}\" }}]\n")),
        (expect, format!("{expect}calls = [{{ operation = \"payments.refund\", with = [\"{k}\"] }}]\n")),
        (expect, format!("{expect}calls = [{{ operation = \"payments.refund\", wiht = {{ payment = \"{k}\" }} }}]\n")),
        (
            expect,
            format!(
                "{expect}calls = [{{ operation = \"payments.refund\", with = {{ payment = \"{k}\", amount = nan }} }}]\n"
            ),
        ),
        (reply, format!("{reply}bodi = {{ text = nan, more = \"{k}\" }}\n")),
        (
            begin,
            format!("{begin}further = [{{ after = \"1m\", event = \"{k}\" }}, {{ event = {{ text = \"{k}\" }} }}]\n"),
        ),
        (begin, format!("{begin}further = \"{k}\"\n")),
        (
            begin,
            format!("{begin}later = [{{ after = \"1m\", connection = \"helpdesk\", evnt = {{ text = \"{k}\" }} }}]\n"),
        ),
        (
            begin,
            format!("{begin}later = [{{ after = \"1m\", connection = \"nobody\", event = {{ text = \"{k}\" }} }}]\n"),
        ),
    ];
    for (old, new) in wrong {
        let mut all = all_planted(false);
        let text = String::from_utf8(all.remove(TESTS).expect("the scenarios")).expect("text");
        assert!(text.contains(old), "{old}");
        // `bodi` is `body` where the line is to be wrong in another way.
        let new = if new.contains("bodi = { text = \"kanarienvogel\" }") { new } else { new.replace("bodi", "body") };
        let changed = text.replacen(old, &new, 1);
        // A second `body` or `calls` would be a mistake of its own.
        let changed = without_second(&changed, &new);
        all.insert(TESTS.to_owned(), changed.into_bytes());
        let (folder, repository) = bare();
        commit(&repository, files(&repository, &all));
        let path = folder.path().to_str().expect("a path");
        for format in FORMATS {
            let ran = assent(&["check", "--no-rehearsal", "--format", format, "--repo", path, "--at", NOW]);
            assert!(ran.status < 2, "{}", ran.err);
            let told = ran.out.lines().find(|line| line.contains(CANARY));
            assert_eq!(told, None, "{format} shows a canary of\n{new}");
        }
    }
}

/// The text without the line that follows what was put in, where both say the same key.
fn without_second(text: &str, put: &str) -> String {
    let after = text.find(put).expect("what was put in") + put.len();
    let (before, rest) = text.split_at(after);
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let last = put.trim_end().lines().last().map(key).unwrap_or_default();
    let (next, behind) = rest.split_once('\n').unwrap_or((rest, ""));
    if !last.is_empty() && key(next) == last { format!("{before}{behind}") } else { text.to_owned() }
}
