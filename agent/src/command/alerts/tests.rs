use std::path::Path;

use assent_schema::alert::Groups;
use assent_schema::time::Moment;

use super::*;
use crate::command::tests::{commands, commands_in_doubt};
use crate::command::{Arguments, Format};
use crate::store::{Alert, RunId};
use clap::Parser as _;

/// What `alerts explain` prints.
fn told(name: Option<&str>) -> String {
    let mut text = Vec::new();
    let explained = Explained { rules: explained(name).unwrap() };
    Output::new(Format::Human, &mut text).show(&explained).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_rule_is_explained_by_its_name() {
    let wanted = "decision-waits\n\n\
                  Half of the time for a decision is over, and nobody has decided.\n\
                  Opens no incident.\n\n\
                  What to do: Reach the people who decide. Without an answer in time, the run takes the way that the \
                  workflow gives for it.\n";
    assert_eq!(told(Some("decision-waits")), wanted);
    assert_eq!(told(None).lines().count(), Rule::ALL.len());
    let error = explained(Some("run-fialed")).err().unwrap();
    assert_eq!(error.to_string(), "there is no rule `run-fialed`");
}

/// The page of all rules.
fn page() -> String {
    let mut page = String::from(
        "# Rules of alerts\n\n\
         Every rule by which on-call is told something: what it means and what to do next. `assent-agent alerts explain RULE` \
         prints one.\n\
         Written by a test from the table in `schema/src/alert.rs`; `UPDATE=1 cargo test -p assent-agent --lib \
         alerts::tests` writes it\n\
         again. A rule is never renamed or reused. Routes and the codes of some rules stand in \
         [agent.md](agent.md#alerts), the codes by\n\
         which runs fail in [failures.md](failures.md).\n",
    );
    for rule in Rule::ALL {
        let row = rule.row();
        let incident = match row.opens_incident {
            Opens::Always => "It opens an incident.",
            Opens::Grave => "It opens an incident when it is grave.",
            Opens::Never => "It opens no incident.",
        };
        let grouped = match row.groups_by_workflow {
            Groups::Cause => "",
            Groups::Place => " Where no connection is to blame, each workflow has an alert of its own.",
            Groups::Workflow => " Each workflow has an alert of its own.",
        };
        let section = format!("\n## {rule}\n\n{} {incident}{grouped}\n\n**What to do:** {}\n", row.what, row.help);
        page.push_str(&section);
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "writes a page of the documentation when asked to")]
fn the_page_of_rules_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alerts.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page(), "docs/alerts.md is stale: UPDATE=1 cargo test -p assent-agent --lib alerts::tests");
}

fn about(rule: Rule, run: bool) -> Alert {
    let alert = Alert::of(rule, Some(&"acme".parse().unwrap()), "x")
        .on(&"shop".parse().unwrap())
        .in_workflow(&"refund".parse().unwrap());
    if run { alert.in_run(RunId::from_bytes([1; 16])) } else { alert }
}

/// Every rule has on-call copy command lines of this very program, and at most three.
#[test]
fn the_commands_of_every_rule_can_be_run_as_they_stand() {
    for rule in Rule::ALL {
        for alert in [about(*rule, false), about(*rule, true), Alert::of(*rule, None, "x")] {
            let commands = commands(alert, None);
            assert!((1..=3).contains(&commands.len()), "{rule}: {commands:?}");
            for line in commands {
                let parsed = Arguments::try_parse_from(line.split(' '));
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            }
        }
    }
}

/// The last command says what the rule means, but where a run can go on, and where nothing else is answered.
#[test]
fn the_last_command_explains_the_rule_and_a_run_that_failed_can_be_tried_again() {
    for rule in Rule::ALL {
        for alert in [about(*rule, true), Alert::of(*rule, None, "x")] {
            let (run, commands) = (alert.run, commands(alert, None));
            let wanted = match (rule, run) {
                (Rule::Halted, _) => "assent-agent ledger verify".to_owned(),
                (Rule::RunFailed | Rule::RunDone, Some(run)) => format!("assent-agent runs retry {run} --why i-7"),
                _ => format!("assent-agent alerts explain {rule}"),
            };
            assert_eq!(commands.last(), Some(&wanted), "{rule}");
        }
    }
    for rule in [Rule::RunFailed, Rule::RunDone] {
        let told = commands_in_doubt(about(rule, true));
        assert!(told.iter().all(|line| !line.contains("runs retry")), "nothing would come of it: {told:?}");
    }
}

/// An outage of an API is no plan's fault: who takes a good plan back cannot run it until a release readmits it.
#[test]
fn a_plan_is_taken_back_only_where_that_can_help() {
    let back = "assent-agent rollback acme/refund".to_owned();
    let (before, after) = (Moment::from_seconds(-1), Moment::from_seconds(1));
    for rule in Rule::ALL {
        let helps = matches!(rule, Rule::AnomalyLatency | Rule::AnomalyFailures);
        assert_eq!(commands(about(*rule, true), Some(before)).contains(&back), helps, "{rule}");
        for other in [None, Some(after)] {
            assert!(
                !commands(about(*rule, true), other).contains(&back),
                "{rule}: no other plan, or trouble was first"
            );
        }
    }
}
