//! What messages say: each error once, with what to do about it. Beside the fixtures, for what several codes make together
//! and for advice that a marked place does not show.

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "the helpers of the tests beside the crate, of which each test uses its own part")]
mod support;

use std::path::Path;

use serde_json::Value;
use support::fixture::apply;
use support::{NOW, assent, bare, commit, files_and_links, folder};

/// What a check of a changed base prints.
fn printed(change: &str, arguments: &[&str]) -> String {
    let base = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings/base"));
    let fixture = apply(&base, change);
    let (folder, repository) = bare();
    commit(&repository, files_and_links(&repository, &fixture.files, "", &fixture.links));
    let path = folder.path().to_str().expect("a path");
    let ran = assent(&[&["check", "--repo", path, "--at", NOW], arguments].concat());
    assert_eq!((ran.status, ran.err.as_str()), (1, ""), "{}", ran.out);
    ran.out
}

/// What is wrong with a changed base, as `code line message | help`.
fn check(change: &str) -> Vec<String> {
    let out = printed(change, &["--format", "json", "--no-rehearsal"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let said = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let line = |finding: &Value| {
        let (code, message, help) = (said(finding, "code"), said(finding, "message"), said(finding, "help"));
        format!("{code} {}: {message} | {help}", finding["line"])
    };
    report["findings"].as_array().expect("a list").iter().map(line).collect()
}

/// A change of lines of one file.
fn change(file: &str, lines: &[(&str, &str)]) -> String {
    let edits = lines.iter().flat_map(|(old, new)| {
        let added = new.lines().map(|line| format!("+{line}"));
        std::iter::once(format!("-{old}")).chain(added).collect::<Vec<_>>()
    });
    format!("#- {file}\n{}\n", edits.collect::<Vec<_>>().join("\n"))
}

const SORT: &str = "clients/acme/workflows/sort.toml";
const CLIENT: &str = "clients/acme/client.toml";
const WHEN: &str = "when = \"topic.ended == 'answered' && ticket.visits > 1\"";
const LIMIT: &str = "limit = { tokens = 500, tries = 2 }";

#[test]
fn a_wrong_value_does_not_hide_what_is_wrong_with_expressions() {
    let wrong = "when = \"topic.ended == 'answered' && ticket.visits > 'x'\"";
    let found = check(&change(SORT, &[("timeout = \"5m\"", "timeout = \"5 minutes\""), (WHEN, wrong)]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("bad-value 10:") && found[1].starts_with("type-mismatch 28:"), "{found:#?}");
    // A name that leads nowhere, too.
    let found =
        check(&change(SORT, &[("concurrency = 4", "concurrency = 0"), ("ask = \"assistant\"", "ask = \"asistant\"")]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[1].contains("unknown-name 20:") && found[1].ends_with("Did you mean `assistant`?"), "{found:#?}");
    // What is misspelt and needed does not hide them either.
    let found = check(&change(
        SORT,
        &[("purpose = \"essential.service.operations.support\"", "porpose = \"x\""), (WHEN, wrong)],
    ));
    assert_eq!(found.len(), 2, "{found:#?}");
}

const REFUND: &str = "clients/acme/workflows/refund.toml";

/// A second refund, on the word of whoever wrote the ticket.
const AGAIN: &str = "[[step]]\nid = \"again\"\nwhen = \"ticket.order_id == order.id\"\ncall = \"pay.refund\"\nwith = { order = \"${order.id}\", amount = \"${order.total}\" }\n\n[[kpi]]";
/// A note whose tag is the length of what somebody wrote.
const TAGGED: &str = "[[step]]\nid = \"tagged\"\ncall = \"desk.add_note\"\nwith = { id = \"${trigger.ticket_id}\", text = \"x\", tag = \"${size(ticket.body)}\" }\n\n[fallback]";

#[test]
fn a_wrong_expression_does_not_hide_what_other_steps_may_not_do() {
    let with = "with = { order = \"${order.id}\", amount = \"${order.total}\" }";
    let wrong = with.replace("order.total", "order.total + 1");
    let found = check(&change(REFUND, &[(with, &wrong), ("[[kpi]]", AGAIN)]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("type-mismatch 31:") && found[1].starts_with("model-decides-money 35:"), "{found:#?}");
}

#[test]
fn a_name_that_leads_nowhere_does_not_hide_what_other_steps_may_not_do() {
    // `note` reads what `topic` would have answered, and nothing is said of it.
    let found = check(&change(SORT, &[("ask = \"assistant\"", "ask = \"asistant\""), ("[fallback]", TAGGED)]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("unknown-name 20:") && found[1].starts_with("flow-denied 35:"), "{found:#?}");
    // A call that is lost, and one that is not.
    let found =
        check(&change(SORT, &[("call = \"desk.get_ticket\"", "call = \"desk.get_tiket\""), ("[fallback]", TAGGED)]));
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn what_a_step_that_is_wrong_would_have_proved_is_blamed_on_nobody() {
    let with = "with = { id = \"${ticket.order_id}\", of = \"${ticket.requester}\" }";
    let found = check(&change(REFUND, &[(with, &with.replace("of =", "off ="))]));
    assert_eq!(found.len(), 1, "{found:#?}");
    let decide = |show: &str| {
        format!(
            "decide = {{ by = \"support\", show = [\"{show}\", \"order.total\"], within = \"4h\", via = [\"cli\"] }}"
        )
    };
    let found = check(&change(REFUND, &[(&decide("order.id"), &decide("order.idd"))]));
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn what_was_not_looked_at_is_named_last() {
    let last = |change: &str| printed(change, &["--no-rehearsal"]).lines().last().unwrap_or_default().to_owned();
    assert_eq!(
        last(&change(SORT, &[("ask = \"assistant\"", "ask = \"asistant\"")])),
        "Not checked until these are fixed: the data uses and scenarios of `sort` of acme, whether acme needs all its scopes."
    );
    let shown = last(&change(CLIENT, &[("zone = \"Europe/Berlin\"", "zone = 5")]));
    assert_eq!(shown, "Not checked until these are fixed: the workflows of acme.");
    // A finding that hides nothing is no reason to say so.
    let shown = last(&change(SORT, &[("[fallback]", TAGGED)]));
    assert!(!shown.starts_with("Not looked at"), "{shown}");
}

/// What a check that runs the scenarios says last of a changed base, and each of its codes.
fn rehearsed(change: &str) -> (String, Vec<String>) {
    let last = printed(change, &[]).lines().last().unwrap_or_default().to_owned();
    let report: Value = serde_json::from_str(&printed(change, &["--format", "json"])).expect("JSON");
    let codes =
        report["findings"].as_array().expect("a list").iter().map(|one| one["code"].as_str().unwrap_or_default());
    (last, codes.map(str::to_owned).collect())
}

/// The base's scenarios fail then: of nothing is a note made.
const NO_NOTE: (&str, &str) = (WHEN, "when = \"topic.ended == 'answered' && ticket.visits > 9\"");
const SHOW: &str = "Not checked until these are fixed: what the scenarios of `sort` of acme show.";

#[test]
fn scenarios_that_fail_for_something_that_is_told_are_told_by_nobody() {
    let (last, codes) = rehearsed(&change(SORT, &[NO_NOTE]));
    assert_eq!(codes.iter().filter(|code| *code == "untested-step").count(), 1, "{codes:?}");
    assert!(!last.contains("scenarios"), "{last}");
    // An error of the workflow itself.
    let no_limits = [NO_NOTE, ("[limits]", ""), ("timeout = \"5m\"", ""), ("concurrency = 4", "")];
    let (last, codes) = rehearsed(&change(SORT, &no_limits));
    assert!(!codes.contains(&"untested-step".to_owned()) && last == SHOW, "{last}: {codes:?}");
    // An agreement that does not stand: no AI is asked.
    let training = change("catalog/providers/ai.toml", &[("forbids_training = true", "forbids_training = false")]);
    let (last, codes) = rehearsed(&training);
    assert_eq!((last.as_str(), codes), (SHOW, vec!["provider-agreement".to_owned()]));
    // A catalog that is not as it was locked.
    let changed = change("catalog/integrations/desk.toml", &[("not_executed = [429]", "not_executed = [503]")]);
    let (last, codes) = rehearsed(&format!("{}{}", change(SORT, &[NO_NOTE]), changed.replacen("#- ", "#= ", 1)));
    assert!(
        !codes.contains(&"untested-step".to_owned()) && last.contains("what the scenarios of `sort` of acme show."),
        "{last}: {codes:?}"
    );
}

#[test]
fn terms_are_not_judged_while_what_they_name_cannot_be_read() {
    let broken =
        change("catalog/integrations/pay.toml", &[("summary = \"Orders and payments\"", "summary \"Orders\"")]);
    let broken = broken.replacen("#- ", "#= ", 1);
    let shown = printed(&broken, &["--no-rehearsal"]);
    let last = shown.lines().last().unwrap_or_default();
    assert!(!shown.contains("unapproved-data-use") && last.contains("the terms of acme"), "{shown}");
    // A route that there is not is told where it is named, and nowhere else.
    let routes = change(CLIENT, &[("routes = [\"ops\"]", "routes = [\"opps\"]")]).replacen("#- ", "#= ", 1);
    let found = check(&routes);
    assert!(found.iter().all(|line| !line.starts_with("unapproved-data-use")), "{found:#?}");
    // What is known is judged.
    let shorter = change(CLIENT, &[("retention = \"180d\"", "retention = \"179d\"")]).replacen("#- ", "#= ", 1);
    let found = check(&shorter);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("audit log: approved kept for 180d, not less, now kept for 179d, not less"),
        "{found:#?}"
    );
}

#[test]
fn what_differs_from_what_was_approved_is_told() {
    let found = |from: &str, to: &str| {
        let found = check(&change(SORT, &[(from, to)]).replacen("#- ", "#= ", 1));
        found.into_iter().filter(|line| line.starts_with("unapproved-data-use")).collect::<Vec<_>>()
    };
    let purpose =
        found("purpose = \"essential.service.operations.support\"", "purpose = \"essential.service.operations\"");
    let told = "approved for the purpose `essential.service.operations.support`, now `essential.service.operations` (clients/acme/approvals/";
    // One mistake, told once.
    assert_eq!(purpose.len(), 1, "{purpose:#?}");
    assert!(purpose[0].contains(told) && purpose[0].contains("has not approved what `sort` does"), "{purpose:#?}");
    assert!(purpose[0].contains("| Take the change back, or, if it is meant, show "), "{purpose:#?}");
    let asked =
        found("with = { text = \"${ticket.body}\" }", "with = { text = \"${ticket.body}\", n = \"${ticket.visits}\" }");
    assert_eq!(asked.len(), 1, "{asked:#?}");
    let told = "gives data of desk to the AI at assistant in this way: also gives `ticket.visits` (reference), approved: `ticket.body` (";
    assert!(asked[0].contains(told), "{asked:#?}");
}

#[test]
fn what_could_not_be_read_is_blamed_on_nobody_else() {
    // The step is lost, and with it `topic`, which `note` reads.
    let found = check(&change(SORT, &[(LIMIT, "limit = { tokens = 500, tries = 200 }")]));
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = check(&change(
        SORT,
        &[("answer.about = { one_of = [\"order\", \"other\"] }", "answer.about = { one_of = 3 }")],
    ));
    assert_eq!(found.len(), 1, "{found:#?}");
    // The trigger is lost, and with it what it gives.
    let found = check(&change(SORT, &[("event = \"ticket.created\"", "event = 5")]));
    assert_eq!(found.len(), 1, "{found:#?}");
    // A step without an id could be any of those that are read.
    let found = check(&change(SORT, &[("id = \"topic\"", "id = \"To pic\"")]));
    assert_eq!(found.len(), 1, "{found:#?}");
    // Nobody can say what is missing from `with`.
    let found = check(&change(SORT, &[("with = { text = \"${ticket.body}\" }", "with = { text = 1.5 }")]));
    assert_eq!(found.len(), 1, "{found:#?}");
    // A workflow that is not used has no limits and no fallback, and nothing is said of that.
    let found = check(&change(SORT, &[("queue = \"support\"", "queue = 7"), ("timeout = \"5m\"", "timeout = 5")]));
    assert_eq!(found.len(), 2, "{found:#?}");
}

/// A library workflow, one line of which may be another, and a use of it.
fn library(change: (&str, &str), usage: &str) -> Vec<String> {
    let text = "name = \"ping\"
summary = \"Counts\"
purpose = \"essential.service.operations\"
[settings]
most = { type = \"integer\" }
least = { type = \"integer\", default = 1 }
[trigger.manual]
fields = { number = { type = \"integer\" } }
[limits]
timeout = \"1m\"
concurrency = 1
[[step]]
id = \"sum\"
set = { most = \"${settings.most + settings.least}\", again = \"${trigger.number}\" }
[[step]]
id = \"end\"
when = \"sum.most > 'x'\"
stop = \"enough\"
[fallback]
queue = \"support\"
";
    assert!(text.contains(change.0));
    let added = |text: &str| text.lines().fold(String::new(), |all, line| all + "+" + line + "\n");
    let (lines, usage) = (added(&text.replace(change.0, change.1)), added(usage));
    check(&format!("#- library/ping.toml\n{lines}#- clients/acme/workflows/ping.toml\n{usage}"))
}

#[test]
fn a_wrong_value_in_the_library_hides_nothing_of_it_or_of_who_uses_it() {
    let whole = "use = \"ping\"\n[settings]\nmost = 3\n";
    let codes = |found: &[String]| -> Vec<String> {
        // A workflow without scenarios will do here.
        let told = found.iter().filter(|line| !line.starts_with("no-scenario"));
        told.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    let all = |change: (&str, &str), usage: &str| codes(&library(change, usage));
    // With a mistake of each in a file that can be used.
    let none = ("concurrency = 1", "concurrency = 1");
    assert_eq!(all(none, whole), ["type-mismatch 17"]);
    for (change, line) in [
        (("timeout = \"1m\"", "timeout = \"1 minute\""), 10),
        (("queue = \"support\"", "queue = 7"), 20),
        // Nothing is known of the trigger, and nobody is blamed for it.
        (("number = { type = \"integer\"", "number = { type = \"intger\""), 8),
        (("default = 1", "default = \"one\""), 6),
    ] {
        let first = format!("bad-value {line}");
        let mut wanted = vec![first.clone(), "type-mismatch 17".to_owned()];
        wanted.sort_by_key(|line| line.rsplit(' ').next().and_then(|line| line.parse::<u32>().ok()));
        assert_eq!(all(change, whole), wanted, "{change:?}");
        // What the client says wrong is told beside it.
        let found = all(change, "use = \"ping\"\n[settings]\nmost = \"two\"\nmots = 1\n");
        assert_eq!(found.len(), 4, "{change:?}: {found:?}");
        assert!(found.contains(&"bad-value 3".to_owned()) && found.contains(&"unknown-name 4".to_owned()), "{found:?}");
        let found = all(change, "use = \"ping\"\n");
        assert_eq!(found.len(), 3, "{change:?}: {found:?}");
        assert!(found.contains(&"bad-value 1".to_owned()), "what must be set is told: {found:?}");
    }
}

#[test]
fn who_uses_a_library_workflow_is_not_blamed_for_what_is_wrong_in_it() {
    let whole = "use = \"ping\"\n[settings]\nmost = 3\nleast = 2\n";
    for (old, new) in [
        // A setting whose type is not known: whatever it is set to, and wherever it is read.
        ("most = { type = \"integer\" }", "most = { type = \"intger\" }"),
        ("most = { type = \"integer\" }", "most = 3"),
        ("least = { type = \"integer\", default = 1 }", "least = { type = \"integer\", default = 1.5 }"),
        // A step that could be the one that is read.
        ("id = \"sum\"", "id = \"su m\""),
        ("set = { most", "set = 5\nsett = { most"),
    ] {
        let found = library((old, new), whole);
        let own: Vec<_> = found.iter().filter(|line| !line.starts_with("type-mismatch 17")).collect();
        assert_eq!(own.len(), if new.contains("sett") { 2 } else { 1 }, "{new}: {found:#?}");
    }
    // A setting that the client's own file gives a value that cannot be read is not missing too.
    let found = library(("sum.most > 'x'", "sum.most > 2"), "use = \"ping\"\n[settings]\nmost = 1.5\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn quotes_are_what_is_missing_or_too_many() {
    for (file, old, new, wanted) in [
        (SORT, "timeout = \"5m\"", "timeout = 5m", "A period stands in quotes: `timeout = \"5m\"`."),
        (
            CLIENT,
            "zone = \"Europe/Berlin\"",
            "zone = Europe/Berlin",
            "A text stands in quotes: `zone = \"Europe/Berlin\"`.",
        ),
        (SORT, "concurrency = 4", "concurrency = \"4\"", "Write it without quotes: `4`."),
        (SORT, "timeout = \"5m\"", "timeout = 5", "Write a period in quotes, like `30s` or `5m`."),
        (CLIENT, "contacts = [\"dana\"]", "contacts = \"dana\"", "Put it in brackets: `[\"dana\"]`."),
        (SORT, WHEN, "when = \"topic.about == other && ticket.visits > 1\"", "put it in quotes: `'other'`"),
        (SORT, WHEN, "when = \"topic.ended == 'answered' && ticket.visits > '1'\"", "Write it without quotes: `1`."),
    ] {
        let found = check(&change(file, &[(old, new)]));
        assert!(found.iter().any(|line| line.contains(wanted)), "{new}: {found:#?}");
    }
}

#[test]
fn who_wrote_what_there_is_not_is_told_what_there_is() {
    for (file, old, new, wanted) in [
        (SORT, "call = \"desk.get_ticket\"", "call = \"desk.zzz\"", "| There are `"),
        (SORT, "queue = \"support\"", "queue = \"zzz\"", "| There is only `support`."),
        (SORT, WHEN, "when = \"topic.ended == 'answered' && ticket.xyzzy > 1\"", "| There are `"),
        (CLIENT, "plan = \"growth\"", "plan = \"gold\"", "| Write one of `starter`, `growth`, `scale`."),
        (CLIENT, "retention = \"180d\"", "retention = \"half a year\"", "| Write "),
    ] {
        let found = check(&change(file, &[(old, new)]));
        assert!(found.iter().any(|line| line.contains(wanted)), "{new}: {found:#?}");
    }
}

#[test]
fn another_region_of_the_client_is_named_wherever_it_shows() {
    let moved =
        "#- clients/acme/client.toml\n-plan = \"growth\"\n-region = \"eu\"\n+plan = \"growth\"\n+region = \"us\"\n";
    let found = check(moved);
    let elsewhere: Vec<_> = found.iter().filter(|line| line.starts_with("region-mismatch")).collect();
    assert!(!elsewhere.is_empty(), "{found:#?}");
    for line in elsewhere {
        assert!(line.contains("`region = \"us\"` in line 4 of `clients/acme/client.toml`"), "{line}");
    }
}

#[test]
fn a_letter_of_another_script_is_named_where_every_letter_seems_to_fit() {
    let found = check(&change(SORT, &[("id = \"note\"", "id = \"n\u{43e}te\"")]));
    let letter = "it has the Cyrillic letter `\u{43e}` (U+043E)";
    assert!(found.iter().any(|line| line.starts_with("bad-value") && line.contains(letter)), "{found:#?}");
    let found = check(&change(SORT, &[(WHEN, "when = \"t\u{43e}pic.ended == 'answered'\"")]));
    assert!(found[0].contains("| This is the Cyrillic letter `\u{43e}` (U+043E)"), "{found:#?}");
}

#[test]
fn a_wrong_item_of_a_list_is_not_called_as_the_list() {
    let found = check(&change(CLIENT, &[("support = [\"lena\"]", "support = [\"lena\", \"le na\"]")]));
    assert!(found[0].contains("An item of `support` is not an id"), "{found:#?}");
}

#[test]
fn nobody_is_told_to_revoke_a_scope_because_a_step_is_misspelt() {
    let found = check(&format!("#- {SORT}\n-[[step]]\n-id = \"note\"\n+[[steps]]\n+id = \"note\"\n"));
    assert!(found.iter().any(|line| line.starts_with("unknown-key")), "{found:#?}");
    assert!(!found.iter().any(|line| line.starts_with("over-privileged")), "{found:#?}");
    // Nor because a workflow's file has another ending.
    let text = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings/base"));
    let text = String::from_utf8(text[SORT].clone()).expect("text");
    let moved: String = text.lines().flat_map(|line| ["+", line, "\n"]).collect();
    let tests = "clients/acme/workflows/sort.test.toml";
    let found = check(&format!("#- {SORT}\n#gone\n#- {tests}\n#gone\n#- clients/acme/workflows/sort.tml\n{moved}"));
    assert!(found.iter().any(|line| line.starts_with("file-refused")), "{found:#?}");
    assert!(!found.iter().any(|line| line.starts_with("over-privileged")), "{found:#?}");
}

#[test]
fn what_is_asked_for_otherwise_than_approved_is_told_alone() {
    let found = check(&format!(
        "#= {SORT}\n-{WHEN}\n+{}\n",
        "when = \"topic.ended == 'answered' && ticket.visits > 1 && has(ticket.requester)\""
    ));
    let told = "what `sort` asks for or takes now: `requester` of what `desk.get_ticket` answers is read too";
    assert!(found.iter().any(|line| line.contains(told)), "{found:#?}");
    assert!(!found.iter().any(|line| line.contains("asks for exactly this")), "{found:#?}");
}

#[test]
fn an_approval_whose_signer_left_says_who_counts_and_what_rests_on_it() {
    let contact = change(CLIENT, &[("contacts = [\"dana\"]", "contacts = [\"erik\"]")]);
    let found = check(&format!("#approver follows\n{contact}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    let told = "is signed by 0 of the 1 person needed; the others are erik; dana counts no longer, and ";
    assert!(found[0].starts_with("approval-invalid 6:") && found[0].contains(told), "{found:#?}");
    assert!(found[0].contains(" of `refund`") && found[0].contains("`assent plan --draft acme`"), "{found:#?}");
}

const NOTE: &str = "with = { id = \"${trigger.ticket_id}\", text = \"About: ${topic.about}\" }";

#[test]
fn limits_are_told_as_they_are() {
    let when = |condition: &str| format!("when = \"topic.ended == 'answered' && {condition}\"");
    let retry = format!("{NOTE}\nretry = {{ attempts = 0, first = \"1s\", most = \"1m\" }}");
    for (file, old, new, wanted) in [
        (CLIENT, "rotate = \"180d\"", "rotate = \"1s\"", "Write a value within 1d to 400d."),
        (REFUND, "sum = \"order.total\"", "sum = \"order.total\"\nper = \"400d\"", "Write a value within 1h to 31d."),
        (SORT, NOTE, &*retry, "Write a value within 1 to 20."),
        (SORT, "timeout = \"5m\"", "timeout = \"4000d\"", "Write a period of at most 3660d."),
        (SORT, WHEN, &*when("now - now < duration('4000d')"), "Expected a period of at most 3660d."),
        (
            SORT,
            WHEN,
            &*when("now < timestamp('9999-12-31T23:59:59Z')"),
            "Expected an instant of at most `9999-12-30T22:00:00Z`.",
        ),
    ] {
        let found = check(&change(file, &[(old, new)]));
        assert!(found.len() == 1 && found[0].contains(wanted), "{new}: {found:#?}");
    }
}

/// A catalog whose note is a job.
const JOB: &str = "#- catalog/integrations/desk.toml\n-not_executed = [429]\n+not_executed = [429]\n\
    +job = { id = \"id\", read = \"get_job\", param = \"id\", field = \"state\", done = [\"ready\"], failed = [\"broken\"], within = \"2m\" }\n\
    -[operation.add_note.response]\n+[operation.get_job]\n+record = \"job\"\n+method = \"GET\"\n+path = \"/jobs/{id}\"\n\
    +scopes = [\"tickets:read\"]\n+[operation.get_job.params]\n\
    +id = { in = \"path\", type = \"token\", class = \"reference\" }\n+[operation.get_job.response]\n\
    +state = { type = \"token\", class = \"reference\", written_by = \"system\" }\n+[operation.add_note.response]\n";

#[test]
fn advice_is_about_what_was_written() {
    let after = format!("{NOTE}\non_error = {{ codes = [\"job_failed\"], then = \"continue\" }}");
    let once = change(
        "catalog/integrations/desk.toml",
        &[("match = { topic = \"ticket.created\" }", "match = { topic = \"ticket.created\" }\nonce = [\"a\", \"b\"]")],
    );
    let tokens = "\n-ticket_id = { at = \"id\", type = \"token\", class = \"reference\", written_by = \"system\" }\n\
        +ticket_id = { at = \"id\", type = \"token\", class = \"reference\", written_by = \"system\" }\n\
        +a = { type = \"token\", class = \"reference\" }\n+b = { type = \"token\", class = \"reference\" }\n";
    let beside = "[[step]]\nid = \"beside\"\nparallel = \"p\"\nset = { said = \"${ticket.visits + 1}\" }\n\n[[step]]\n\
        id = \"note\"\nparallel = \"p\"";
    let read = "when = \"topic.ended == 'answered' && beside.said > 1\"";
    for (change, wanted) in [
        (
            format!("{JOB}{}", change(SORT, &[(NOTE, &after)])),
            "| Give the operation a `confirm`: it tells whether a job",
        ),
        (format!("{}{tokens}", once.trim_end()), "| Name one `token`, and beside it fields of type `uuid`"),
        (
            change(SORT, &[("id = \"note\"", beside.trim_start_matches("[[step]]\n")), (WHEN, read)]),
            "| What runs inside an `each`, or together with this step, has no result here.",
        ),
        (
            format!("#- {REFUND}\n-id = \"pay\"\n-when = \"agree.approved\"\n+id = \"pay\"\n"),
            "| `agree` stands before `pay`, which runs whatever it says: add `when = \"agree.approved\"`.",
        ),
        (
            change(CLIENT, &[("contacts = [\"dana\"]", "contacts = [\"dana\"]\ncontact = \"dana\"")]),
            "| `contacts` is there already: what this says belongs there, or nowhere. Remove it here.",
        ),
        (change(SORT, &[(WHEN, "when = \"ticket.visits\"")]), "| Compare it with something, like `… == 0` or `… > 0`."),
    ] {
        let found = check(&change);
        assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}: {found:#?}");
    }
}

/// What a fixture of a code says.
fn of_fixture(text: &str) -> String {
    printed(text, &["--no-rehearsal"])
}

#[test]
fn advice_names_what_is_at_hand() {
    let said = of_fixture(include_str!("findings/marked-target/bad-unused-choice.repo"));
    assert!(said.contains("anyone outside chose the `id` that `note` acts on."), "{said}");
    assert!(
        said.contains("choose among constants with a `set`. `choice.record` is such a value, and nothing uses it."),
        "{said}"
    );
    // That nothing uses it is no finding of its own beside.
    assert!(said.contains("1 error in 1 file"), "{said}");
    let said = of_fixture(include_str!("findings/unused-personal/bad-used-before.repo"));
    assert!(said.contains("`order` reads a record with personal fields, and nothing uses its answer."), "{said}");
    let told = "`acme` approved that `sort` shows data of pay to the group `support` through cli, with `order.email` in it; nothing does so now.";
    assert!(said.contains(told), "{said}");
}

#[test]
fn what_waits_and_what_is_told_is_named_with_its_size() {
    let said = of_fixture(include_str!("findings/not-resumable/bad-two-days.repo"));
    let told = "`agree` needs `ticket.body`, which may be lost when the run has waited 2d: the `within` of `agree`.";
    assert!(said.contains(told), "{said}");
    let text = include_str!("findings/not-resumable/bad-two-days.repo")
        .replace("\"ticket.body\"], within = \"2d\"", "\"ticket.visits\"], within = \"18h\"");
    let later = "-[[kpi]]\n+[[step]]\n+id = \"again\"\n+decide = { by = \"support\", show = [\"ticket.body\"], within = \"6h\", via = [\"cli\"] }\n+\n+[[kpi]]\n";
    let said =
        of_fixture(&format!("{text}{later}").replace(
            "#                                                              ^^^^^^^^^^^^^ not-resumable\n",
            "",
        ));
    let told = "`again` needs `ticket.body`, which may be lost when the run has waited 1d, most of it at `agree`: its `within` is 18h.";
    assert!(said.contains(told), "{said}");
    let said = of_fixture(include_str!("findings/release-budget/bad-too-many-answers.repo"));
    assert!(said.contains("topic.a: one_of 32 (a0, a1, a2, a3 and 28 more): 5 bits"), "{said}");
    assert!(said.contains("and 7 more: 25 bits"), "{said}");
}

#[test]
fn an_amount_that_moves_nothing_is_told_where_it_says_so() {
    let said = of_fixture(include_str!("findings/bad-value/bad-money-of-a-write.repo"));
    assert!(
        said.contains("`amount` says `amount = true`, that it is money which moves, and the operation moves none."),
        "{said}"
    );
    assert!(said.contains("else take `amount = true` out of the parameter, and leave the parameter."), "{said}");
}

#[test]
fn a_value_that_nothing_uses_stops_no_release() {
    let base = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings/base"));
    let fixture = apply(&base, include_str!("findings/unused-value/bad-forgotten.repo"));
    let (folder, repository) = bare();
    commit(&repository, files_and_links(&repository, &fixture.files, "", &fixture.links));
    let path = folder.path().to_str().expect("a path");
    let ran = assent(&["check", "--repo", path, "--at", NOW, "--no-rehearsal"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("warning[unused-value]: `choice.queue` is computed, and nothing uses it."), "{}", ran.out);
    assert!(ran.out.contains("0 errors and 1 warning in 1 file"), "{}", ran.out);
}
