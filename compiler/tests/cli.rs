//! What people and tools see of the command line.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{Ran, assent, bare, commit, example, files};

/// The example with two mistakes, checked.
fn check(format: &str) -> Ran {
    let (folder, repository) = bare();
    let mut all = example();
    let path = "clients/acme/workflows/refund.toml";
    let text = String::from_utf8(all.remove(path).expect("the workflow")).expect("text");
    let text = text.replace("timeout = \"10m\"", "timeuot = \"10m\"").replace("type = \"number\"", "type = \"nubmer\"");
    all.insert(path.into(), text.into_bytes());
    let tree = files(&repository, &all);
    commit(&repository, tree);
    assent(&["check", "--repo", folder.path().to_str().expect("a path"), "--format", format])
}

/// The findings of the broken file alone: what other files lack is not what these tests are about.
fn of_refund(report: &Value) -> Vec<&Value> {
    let findings = report["findings"].as_array().expect("a list");
    findings.iter().filter(|finding| finding["file"] == "clients/acme/workflows/refund.toml").collect()
}

#[test]
fn each_help_is_a_page() {
    let help = assent(&["--help"]).out;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let name =
        |line: &str| Some(line.strip_prefix("  ")?.split_once(' ')?.0.to_owned()).filter(|name| !name.is_empty());
    for command in commands.lines().take_while(|line| !line.is_empty()).filter_map(name).filter(|name| name != "help") {
        insta::assert_snapshot!(format!("help-{command}"), assent(&[command.as_str(), "--help"]).out);
    }
    insta::assert_snapshot!("help", help);
}

#[test]
fn findings_are_exit_status_one() {
    let ran = check("json");
    assert_eq!(ran.status, 1);
    assert_eq!(ran.err, "");
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["workflows"], 11, "{report}");
    assert_eq!(report["at"], support::NOW);
    assert_eq!(report["commit"].as_str().map(str::len), Some(40));
    insta::assert_json_snapshot!("json", of_refund(&report));
}

#[test]
fn who_left_the_scenarios_out_is_told() {
    let told = "The scenarios were not run, as `--no-rehearsal` says.";
    let agency = agency();
    let said = |more: &[&str]| {
        let arguments = ["check", "--worktree", "--repo", &agency].into_iter().chain(more.iter().copied());
        assent(&arguments.collect::<Vec<_>>()).out
    };
    assert!(said(&["--no-rehearsal"]).contains(told));
    assert!(!said(&[]).contains(told));
}

#[test]
fn findings_are_sarif() {
    let log: Value = serde_json::from_str(&check("sarif").out).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), assent_schema::code::Code::ALL.len());
    for result in run["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let results = run["results"].as_array().expect("results");
    let uri = |r: &&Value| r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    let first = results.iter().find(|r| uri(r) == "clients/acme/workflows/refund.toml").expect("a result");
    insta::assert_json_snapshot!("sarif-result", first);
}

#[test]
fn findings_are_annotations() {
    let ran = check("github");
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.contains("refund.toml")).collect();
    insta::assert_snapshot!("github", lines.join("\n"));
}

#[test]
fn what_is_wrong_with_the_call_is_exit_status_two() {
    for (arguments, told) in [
        (vec!["check", "--repo", "/nowhere"], "there is no repository in /nowhere, nor above it"),
        (vec!["explain", "unknown-kye"], "did you mean `unknown-key`?"),
        (vec!["check", "--at", "yesterday"], "an instant in UTC"),
        (vec!["frobnicate"], "unrecognized subcommand"),
    ] {
        let ran = assent(&arguments);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
    }
    let (folder, _repository) = bare();
    let ran = assent(&["check", "--repo", folder.path().to_str().expect("a path")]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("there is no commit yet"), "{}", ran.err);
}

#[test]
fn each_code_is_explained() {
    insta::assert_snapshot!("explain", assent(&["explain", "over-privileged"]).out);
    assert_eq!(assent(&["explain", "--list"]).out, assent(&["explain"]).out);
    let all = assent(&["explain", "--format", "json"]).out;
    let rows: Value = serde_json::from_str(&all).expect("JSON");
    let all = assent_schema::code::Code::ALL.len() + assent_schema::plan::END_CODES.len();
    assert!(rows.as_array().is_some_and(|rows| rows.len() > all + 50), "and those of agents");
    let ran = assent(&["explain", "freshness-invalid"]);
    assert!(ran.status == 0 && ran.out.contains("(a release that an agent refuses)"), "{}{}", ran.out, ran.err);
    assert!(assent(&["explain", "freshness-invlid"]).err.contains("did you mean `freshness-invalid`?"));
    let ran = assent(&["explain", "list_too_long"]);
    assert!(ran.status == 0 && ran.out.contains("What to do:"), "{}", ran.out);
    assert!(assent(&["explain", "bad_anser"]).err.contains("did you mean `bad_answer`?"));
}

#[test]
fn a_request_is_shown_as_it_would_leave() {
    let ran = assent(&["test", "--requests", "--repo", &agency(), "--client", "acme", "--workflow", "refund"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let first = ran.out.split("\n\n").nth(1).expect("a scenario");
    for part in [
        "helpdesk.get_ticket\n        GET https://api.eu.helpdesk.example/tickets/4201\n",
        "        POST https://checkout.eu.payments.example/v72/payments/PSP0000000000001/refunds\n",
        "        authorization: …\n",
        "\"value\":4990",
    ] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    assert!(!ran.out.contains("played"), "no secret is shown");
    let json = assent(&[
        "test",
        "--requests",
        "--repo",
        &agency(),
        "--client",
        "acme",
        "--workflow",
        "refund",
        "--format",
        "json",
    ]);
    let report: Value = serde_json::from_str(&json.out).expect("JSON");
    let requests = &report["workflows"][0]["scenarios"][0]["requests"];
    assert!(requests[0]["url"].as_str().is_some_and(|url| url.starts_with("https://")), "{requests}");
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    let (one, two) = (check("json"), check("json"));
    assert_eq!(one.out, two.out);
}

/// The example in this repository.
fn agency() -> String {
    format!("{}/../examples/agency", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_is_covered() {
    let ran = assent(&["test", "--coverage", "--repo", &agency()]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
}

#[test]
fn what_no_scenario_reaches_is_listed() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for (path, bytes) in example() {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let text = String::from_utf8(bytes).expect("text");
        #[expect(clippy::disallowed_methods, reason = "this test makes a work tree")]
        std::fs::write(path, text.replace("choice = \"refuse\"", "choice = \"approve\"")).expect("a file");
    }
    let repo = folder.path().to_str().expect("a path");
    let ran = assent(&["test", "--coverage", "--repo", repo, "--client", "acme", "--workflow", "refund"]);
    assert_eq!(ran.status, 1);
    insta::assert_snapshot!("uncovered", ran.out);
}

#[test]
fn each_shell_completes() {
    for (shell, told) in [
        ("bash", "_assent()"),
        ("zsh", "#compdef assent"),
        ("fish", "complete -c assent"),
        ("powershell", "assent;check"),
    ] {
        let ran = assent(&["completions", shell]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains(told), "{shell}");
    }
    assert_eq!(assent(&["completions", "smalltalk"]).status, 2);
}

/// The commands of a program, each as the words after its name, read from its help as people do.
fn commands(help: &dyn Fn(&[&str]) -> String, above: &[&str], found: &mut BTreeSet<String>) {
    let mut asked = above.to_vec();
    asked.push("--help");
    let page = help(&asked);
    let Some((_, listed)) = page.split_once("Commands:\n") else { return };
    let name = |line: &str| line.strip_prefix("  ").and_then(|line| line.split(' ').next()).map(str::to_owned);
    let names = listed.lines().take_while(|line| !line.is_empty()).filter_map(name);
    for name in names.filter(|name| !name.is_empty() && name != "help").collect::<Vec<_>>() {
        let mut here = above.to_vec();
        here.push(&name);
        found.insert(here.join(" "));
        commands(help, &here, found);
    }
}

/// The commands that a row of the README names, each below its program: words up to the first that is an argument.
fn named(row: &str) -> Vec<(&'static str, String)> {
    let mut program = None;
    let mut found = Vec::new();
    // What approvers may use instead is not ours.
    for text in row.split('`').skip(1).step_by(2).filter(|text| !text.starts_with("ssh-keygen")) {
        let mut words = text.split(' ').peekable();
        if let Some(known) = ["assent", "assent-agent"].into_iter().find(|known| words.peek() == Some(known)) {
            program = Some(known);
            words.next();
        }
        let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        let command: Vec<&str> = words.take_while(is_name).collect();
        if let (Some(program), false) = (program, command.is_empty()) {
            found.push((program, command.join(" ")));
        }
    }
    found
}

#[test]
fn the_readme_names_the_commands_that_there_are() {
    let readme = std::fs::read_to_string("../README.md").expect("README.md");
    let (_, table) = readme.split_once("## The commands\n").expect("a section");
    let (table, _) = table.split_once("\nExit status").expect("an end");
    let told: BTreeSet<(&str, String)> = table.lines().flat_map(named).collect();
    let of_agent = |arguments: &[&str]| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = std::iter::once("assent-agent").chain(arguments.iter().copied()).map(Into::into);
        assent_agent::command::main(arguments, &mut out, &mut err);
        String::from_utf8(out).expect("text")
    };
    let mut there = BTreeSet::new();
    for (program, help) in [
        ("assent", &(|arguments: &[&str]| assent(arguments).out) as &dyn Fn(&[&str]) -> String),
        ("assent-agent", &of_agent),
    ] {
        let mut found = BTreeSet::new();
        commands(help, &[], &mut found);
        there.extend(found.into_iter().map(|command| (program, command)));
    }
    assert!(there.len() > 40, "the commands were not found: {there:?}");
    let gone: Vec<_> = told.difference(&there).collect();
    assert!(gone.is_empty(), "the README names {gone:?}, which are no commands");
    // A command with others below it may be told by them; how it is called alone its help says.
    let is_told = |(program, command): &&(&str, String)| {
        told.iter().any(|(at, name)| at == program && (name == command || name.starts_with(&format!("{command} "))))
    };
    let lacking: Vec<_> = there.iter().filter(|one| !one.1.contains(' ') && !is_told(one)).collect();
    assert!(lacking.is_empty(), "the README does not name {lacking:?}");
}
