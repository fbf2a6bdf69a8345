//! What a client is shown of its workflows holds nothing of what they handled.

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::stage::{WEBHOOK_SECRET, clock, run_id, webhook};

/// What stands in the ticket and the order that the run reads, and in what the AI drafts.
const CANARIES: [&str; 5] = ["Leaking tent", "CANARY-7f3a", "Robin Example", "555-0142", "we look into it"];

#[test]
fn the_report_and_the_ledgers_show_nothing_of_what_runs_handled() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let now = clock().expect("a clock");
    let (status, body) = webhook(&stage.production, "evt-told", "5003", &WEBHOOK_SECRET, now).expect("an answer");
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("a question");
    stage.decide(&run).expect("a decision");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    let read = |what: &str| stage.outside.look(|seen| seen.requests.iter().any(|request| request == what));
    assert!(read("helpdesk get_ticket 5003") && read("ai chat"), "there was something to tell");

    let exports = folder.path().join("exports");
    std::fs::create_dir_all(&exports).expect("a folder");
    let at = |name: &str| exports.join(name).display().to_string();
    stage.production.call(&["ledger", "export", "--all", &exports.display().to_string()]).expect("ledgers");
    let (remote, moment) = (stage.agency.remote.display().to_string(), clock().expect("a clock").to_string());
    let (acme, agent, page) = (at("acme.ledger"), at("agent.ledger"), at("acme.html"));
    let line = ["report", "acme", "--at", &moment, "--remote", &remote, "--ledger", &acme, "--ledger", &agent];
    let mut told = Vec::new();
    for more in [["--output", &page], ["--format", "json"]] {
        let line: Vec<String> = line.iter().chain(&more).map(|part| (*part).to_owned()).collect();
        let (outcome, text) = stage.agency.try_assent(&line).expect("a command that runs");
        assert_eq!(outcome, Outcome::Fine, "{text}");
        told.push((line.join(" "), text));
    }
    told.extend([acme, agent, page].map(|file| {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        (file, text)
    }));
    for (what, text) in told {
        assert!(!text.is_empty(), "{what} says something");
        let shown = CANARIES.iter().find(|canary| text.contains(**canary));
        assert_eq!(shown, None, "{what} shows content");
    }
}
