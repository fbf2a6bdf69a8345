//! A workflow whose trigger is `manual`, from the source to a real agent: a person starts it with `assent start`, another decides,
//! and the client's ledger names both.

use std::process::Stdio;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::TIED;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::Stage;
use assent_schema::ledger::Kind;
use assent_schema::ledger::export::entries;
use assent_tests::command;
use assent_tests::stage::working_after;
use serde_json::Value;

const WORKFLOW: &str = r#"name = "credit"
summary = "Ask whether a customer gets a credit note"
purpose = "essential.service.operations.support"

[trigger.manual]
fields = { order_id = { type = "token" }, notes = { type = "integer" } }

[limits]
timeout = "5m"
concurrency = 2
one_at_a_time = "trigger.order_id"

[[step]]
id = "agree"
decide = { by = "support-leads", show = ["trigger.order_id", "trigger.notes"], within = "4h", via = ["cli"] }

[[step]]
id = "no"
when = "!agree.approved"
stop = "refused"

[fallback]
queue = "support"
"#;

/// The three ways that it can go.
fn scenarios() -> String {
    let decide =
        |said: &str, after: &str| format!("[[scenario.decide]]\nstep = \"agree\"\n{said}after = \"{after}\"\n");
    let one = |name: &str, decide: String, stop: &str| {
        format!(
            "[[scenario]]\nname = \"{name}\"\nat = \"2026-03-02T09:00:00Z\"\n\
             event = {{ order_id = \"1007\", notes = 2 }}\n{decide}[scenario.expect]\noutcome = \"done\"\n{stop}calls = []\n\n"
        )
    };
    let refused = "stop = \"refused\"\n";
    [
        one("agreed", decide("choice = \"approve\"\n", "5m"), ""),
        one("refused", decide("choice = \"refuse\"\n", "5m"), refused),
        one("too late", decide("", "5h"), refused),
    ]
    .concat()
}

fn with_a_manual_workflow(agency: &Agency) {
    let folder = agency.source.join("clients/acme/workflows");
    put(&folder.join("credit.toml"), WORKFLOW.as_bytes()).expect("a file");
    put(&folder.join("credit.test.toml"), scenarios().as_bytes()).expect("a file");
    agency.commit("Ask about credit notes").expect("a commit");
}

/// `assent start`, as somebody types it.
fn start(stage: &Stage, what: &str, key: &str, more: &[&str]) -> Result<String, String> {
    let url = stage.production.url();
    let line = [&["start", what, "--agent", &url, "--key", key], more].concat();
    let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
    stage.agency.assent(&line).map_err(|error| error.to_string())
}

#[test]
fn a_person_starts_a_released_workflow_and_the_ledger_names_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = working_after(folder.path(), with_a_manual_workflow);
    let of = |stage: &Stage, person: &str| stage.agency.private(person).expect("a key");
    let (bruno, lena, chen, dana) = (of(&stage, "bruno"), of(&stage, "lena"), of(&stage, "chen"), of(&stage, "dana"));
    let fields = ["--field", "order_id=1007", "--field", "notes=2"];

    let said = start(&stage, "acme/credit", &bruno, &[&fields[..], &["--format", "json"]].concat()).expect("a start");
    let said: Value = serde_json::from_str(&said).expect("json");
    let run = said["run"].as_str().expect("a run").to_owned();
    let shown = stage.wait_decision(&run).expect("a question");
    assert!(shown.contains("trigger.order_id: 1007") && shown.contains("trigger.notes: 2"), "{shown}");
    stage.decide(&run).expect("a decision");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    let said = start(&stage, "acme/credit", &lena, &fields).expect("a decider starts it, too");
    assert!(said.starts_with("started: acme/credit run "), "{said}");

    // Who may not, and what does not fit.
    let imposter = format!("lena={}", chen.replacen("chen=", "", 1));
    for (what, key, more, why) in [
        ("acme/credit", &chen, &fields[..], "nobody called `chen` with this key may start anything for acme"),
        ("acme/credit", &dana, &fields[..], "nobody called `dana` with this key"),
        ("acme/credit", &imposter, &fields[..], "nobody called `lena` with this key"),
        ("acme/credit", &bruno, &["--field", "order_id=1007", "--field", "notes=two"], "needs the field `notes`"),
        ("acme/credit", &bruno, &["--field", "order_id=1007"], "needs the field `notes`"),
        ("acme/credit", &bruno, &[&fields[..], &["--field", "x=1"]].concat(), "takes other fields"),
        ("acme/credit", &bruno, &["--field", "notes=1", "--field", "notes=2"], "the field `notes` is given twice"),
        ("acme/refund", &bruno, &fields[..], "is not at work at this agent, or no person starts it"),
        ("acme/none", &bruno, &fields[..], "is not at work at this agent, or no person starts it"),
    ] {
        let refused = start(&stage, what, key, more).expect_err("a refusal");
        assert!(refused.contains(why), "{what} {more:?}: {refused}");
    }
    // The same words for who decides nothing here.
    let (url, waiting) = (stage.production.url(), ["decide", "--client", "acme", "--agent"]);
    let line = [&waiting[..], &[&url, "--key", &chen]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let refused = stage.agency.assent(&line).expect_err("a refusal").to_string();
    assert!(refused.contains("nobody called `chen` with this key decides for acme at this agent"), "{refused}");

    let export = stage.production.call(&["ledger", "export", "acme"]).expect("an export");
    let entries = entries(export.as_bytes());
    let started: Vec<_> = entries
        .iter()
        .filter(|entry| matches!(&entry.kind, Kind::Accepted(accepted) if accepted.trigger.as_str() == "manual"))
        .filter_map(|entry| entry.actor.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(started, ["bruno", "lena"]);
    let refused = entries.iter().filter(|entry| matches!(entry.kind, Kind::Refused(_)));
    let by: Vec<_> = refused.filter_map(|entry| entry.actor.as_ref().map(ToString::to_string)).collect();
    assert_eq!(by, ["bruno"; 5], "what was signed and refused");
    stage.production.call(&["ledger", "verify"]).expect("a ledger that verifies");

    // An agent of the demo ends with whoever started it, however that went: it hears it at the other end of a pipe.
    stage.production.stop().expect("an agent that stops");
    let mut tied = command(assent_tests::assent(), folder.path());
    tied.args(["agent", "run", "--config"]).arg(stage.production.config()).env(TIED, "1");
    let mut tied = tied.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("an agent");
    stage.production.wait_status(|_| true).expect("an agent that answers");
    assert!(tied.try_wait().expect("a process").is_none(), "it runs while the pipe is open");
    drop(tied.stdin.take());
    assert!(tied.wait().expect("a process").success());
}
