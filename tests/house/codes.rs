//! Every code that the engine can give has its row in the table that `assent explain` and `docs/failures.md` are made of, and
//! every rule of alerts is in its table alone, raised, and on its page.

use std::collections::BTreeSet;

use assent_schema::alert::Rule;
use assent_schema::plan::EndCode;

use super::{files, source};

/// Words of the room of runs that are no codes of attempts or ends.
const OTHER: [&str; 7] = [
    // Facts of the entry `used`.
    "received_bytes",
    "sent_bytes",
    "tokens_in",
    "tokens_out",
    // What a decision is answered that does not count; the run waits on.
    "bad_edit",
    "not_waiting",
    "not_what_is_shown",
];

/// The words in quotes that look like a code of several parts.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let quoted = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    quoted.filter(|word| word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// The words that functions give by a `match` on an enumeration of ours, and those of constants.
fn given(text: &str) -> impl Iterator<Item = &str> {
    let arm = |line: &&str| line.trim_start().starts_with("Self::") && line.contains("=> \"");
    let constant = |line: &&str| line.starts_with("pub const ") && line.contains(": &str = \"");
    text.lines().filter(move |line| arm(line) || constant(line)).filter_map(|line| line.split('"').nth(1))
}

#[test]
fn each_code_of_the_engine_is_explained() {
    let (agent, schema) = (files("agent"), files("schema"));
    let of = |name: &str| {
        let found = agent.iter().chain(&schema).find(|(file, _)| file == name);
        found.unwrap_or_else(|| panic!("{name} is not a file")).1.as_str()
    };
    let mut codes: BTreeSet<String> = BTreeSet::new();
    let runs = agent.iter().filter(|(file, _)| file.starts_with("run/"));
    codes.extend(runs.flat_map(|(_, text)| words(text)).filter(|word| !OTHER.contains(word)).map(str::to_owned));
    for file in
        ["request/wrong.rs", "request/read.rs", "request/oauth.rs", "vault/mod.rs", "world/disk.rs", "world/net.rs"]
    {
        // What becomes of mail is told by alerts alone.
        let known = given(of(file)).filter(|word| word.contains('_') && !word.starts_with("mail_"));
        codes.extend(known.map(str::to_owned));
    }
    let expressions: Vec<&str> = given(of("expr/eval.rs")).collect();
    assert!(expressions.contains(&"absent") && codes.len() > 50, "the codes were not found");
    codes.extend(expressions.into_iter().map(|word| format!("expression_{word}")));
    let missing: Vec<&String> = codes.iter().filter(|code| EndCode::from_name(code).is_none()).collect();
    assert!(missing.is_empty(), "add a row to schema/src/plan/end_codes/table.rs for {missing:?}");
}

/// Rules whose names are also kinds of ledger entries, words of other rooms, or too common to look for.
fn is_told_apart(rule: Rule) -> bool {
    rule.as_str().contains('-') && !matches!(rule, Rule::RolledBack | Rule::ApproversReset)
}

#[test]
fn a_rule_of_alerts_is_spelled_in_its_table_alone() {
    for name in ["schema", "compiler", "agent"] {
        for (file, text) in files(name).iter().filter(|(file, _)| file != "alert.rs") {
            for rule in Rule::ALL.iter().filter(|rule| is_told_apart(**rule)) {
                assert!(
                    !text.contains(&format!("\"{rule}\"")),
                    "{name}/src/{file} spells `{rule}`: say `Rule::{rule:?}`"
                );
            }
        }
    }
}

#[test]
fn each_rule_of_alerts_is_raised_and_has_its_page() {
    let agent = files("agent");
    // What on-call is to copy names each rule and raises none.
    let raise = agent.iter().filter(|(file, _)| file != "watch/message.rs" && file != "daemon/recovery.rs");
    let raised: Vec<&str> = raise.flat_map(|(_, text)| text.split("Rule::").skip(1)).collect();
    let page = std::fs::read_to_string(source("agent").join("../../docs/alerts.md")).expect("docs/alerts.md");
    for rule in Rule::ALL {
        let variant = format!("{rule:?}");
        let follows = |rest: &str| {
            rest.strip_prefix(variant.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        assert!(raised.iter().any(|rest| follows(rest)), "`{rule}` is raised nowhere");
        assert!(page.contains(&format!("\n## {rule}\n")), "docs/alerts.md does not explain `{rule}`");
    }
    for page in ["docs/agent.md", "README.md"] {
        let text = std::fs::read_to_string(source("agent").join("../..").join(page)).expect("a page");
        assert!(text.contains("alerts.md)"), "{page} does not link docs/alerts.md");
    }
}
