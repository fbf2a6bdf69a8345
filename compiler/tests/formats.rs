//! The forms of findings that other programs read keep the rules of those programs: SARIF 2.1.0, and the commands that
//! GitHub reads from the log of a job. Held for a finding of every code.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use support::validate::validate;
use support::{Files, NOW, assent, bare, commit, files_and_links, fixture, folder};

/// A source with a finding of each code, by code, and one whose path has all that must be escaped.
fn sources() -> BTreeMap<String, (Files, Vec<String>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings");
    let base = folder(&here.join("base"));
    let mut found = BTreeMap::new();
    for (path, bytes) in folder(&here) {
        let Some((code, name)) = path.split_once('/').filter(|(_, name)| name.starts_with("bad-")) else { continue };
        if name.strip_suffix(".repo").is_some() && !found.contains_key(code) {
            let fixture = fixture::changed(&base, std::str::from_utf8(&bytes).unwrap());
            found.insert(code.to_owned(), (fixture.files, fixture.links));
        }
    }
    let mut odd = base;
    // Put together here, so that no scanner takes this file for a leak.
    let secret = ["AKIA", "2E0A8F3B244C9986"].concat();
    odd.insert("notes/50%, more ä.md".into(), format!("first\nkey {secret}\n").into_bytes());
    found.insert("a path with signs".into(), (odd, Vec::new()));
    found
}

/// The findings of a source in a form.
fn check((files, links): &(Files, Vec<String>), format: &str) -> String {
    let (folder, repository) = bare();
    commit(&repository, files_and_links(&repository, files, "", links));
    let path = folder.path().to_str().unwrap();
    let ran = assent(&["check", "--repo", path, "--at", NOW, "--no-rehearsal", "--format", format]);
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    ran.out
}

/// What an object of SARIF may hold, and what it must, of all that we write.
///
/// # Source
/// OASIS SARIF 2.1.0 section 3 and Appendix G.
fn members(kind: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        "log" => (&["version", "runs"], &["$schema"]),
        "run" => (&["tool"], &["results", "columnKind", "originalUriBaseIds", "invocations"]),
        "tool" => (&["driver"], &[]),
        "driver" => (&["name"], &["version", "rules"]),
        "rule" => (&["id"], &["shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"]),
        "result" => (&["message"], &["ruleId", "ruleIndex", "level", "locations", "relatedLocations", "codeFlows"]),
        "text" => (&["text"], &[]),
        "location" => (&[], &["physicalLocation", "message"]),
        // Sections 3.20.14, 3.20.21 and 3.58.
        "invocation" => (&["executionSuccessful"], &["toolExecutionNotifications"]),
        "notification" => (&["message"], &["level"]),
        "physical" => (&["artifactLocation"], &["region"]),
        "artifact" => (&[], &["uri", "uriBaseId"]),
        "region" => (&[], &["startLine", "startColumn", "endLine", "endColumn"]),
        "codeFlow" => (&["threadFlows"], &[]),
        "threadFlow" => (&["locations"], &[]),
        "threadFlowLocation" => (&[], &["location"]),
        other => panic!("no object is called {other}"),
    }
}

/// An object with what it must hold and nothing that its kind does not have.
fn object<'v>(kind: &str, value: &'v Value) -> &'v Value {
    let (must, may) = members(kind);
    let held: BTreeSet<&str> =
        value.as_object().unwrap_or_else(|| panic!("{kind}: {value}")).keys().map(String::as_str).collect();
    assert!(must.iter().all(|key| held.contains(key)), "{kind} lacks something: {value}");
    assert!(held.iter().all(|key| must.contains(key) || may.contains(key)), "{kind} has something more: {value}");
    value
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list: {value}"))
}

fn text(value: &Value) -> &str {
    let text = object("text", value)["text"].as_str().unwrap();
    assert!(!text.trim().is_empty());
    text
}

fn location(value: &Value) {
    let physical = object("physical", &object("location", value)["physicalLocation"]);
    let artifact = object("artifact", &physical["artifactLocation"]);
    let uri = artifact["uri"].as_str().unwrap();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
    assert!(!uri.starts_with('/') && uri.bytes().all(plain), "a relative reference: {uri}");
    assert_eq!(artifact["uriBaseId"], "SRCROOT");
    let region = object("region", &physical["region"]);
    let number = |key: &str| region[key].as_u64().unwrap();
    let (start, end) = ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
    assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{region}");
    if value.get("message").is_some() {
        text(&value["message"]);
    }
}

fn result(value: &Value, rules: &[Value]) {
    object("result", value);
    text(&value["message"]);
    assert!(["error", "warning"].contains(&value["level"].as_str().unwrap()));
    let rule = &rules[usize::try_from(value["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert_eq!(rule["id"], value["ruleId"]);
    assert_eq!(list(&value["locations"]).len(), 1);
    list(&value["locations"]).iter().for_each(location);
    let flows = value.get("codeFlows").map(list).into_iter().flatten();
    for flow in flows {
        for thread in list(&object("codeFlow", flow)["threadFlows"]) {
            let steps = list(&object("threadFlow", thread)["locations"]);
            assert!(!steps.is_empty());
            for step in steps {
                location(&object("threadFlowLocation", step)["location"]);
            }
            assert_eq!(list(&value["relatedLocations"]).len(), steps.len());
        }
    }
    value.get("relatedLocations").map(list).into_iter().flatten().for_each(location);
}

#[test]
fn every_finding_is_sarif_as_its_standard_says() {
    let mut logs = Vec::new();
    for (code, source) in sources() {
        let log: Value = serde_json::from_str(&check(&source, "sarif")).unwrap();
        assert_eq!(object("log", &log)["version"], "2.1.0");
        for run in list(&log["runs"]) {
            object("run", run);
            assert_eq!(run["columnKind"], "unicodeCodePoints");
            assert!(run["originalUriBaseIds"]["SRCROOT"].is_object());
            let driver = object("driver", &object("tool", &run["tool"])["driver"]);
            let rules = list(&driver["rules"]);
            let ids: BTreeSet<&str> = rules.iter().map(|rule| object("rule", rule)["id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), rules.len(), "ids are unique");
            for rule in rules {
                for key in ["shortDescription", "fullDescription", "help"] {
                    text(&rule[key]);
                }
                let tags = list(&rule["properties"]["tags"]);
                let unique: BTreeSet<&str> = tags.iter().map(|tag| tag.as_str().unwrap()).collect();
                assert_eq!(unique.len(), tags.len(), "tags are unique");
            }
            for invocation in list(&run["invocations"]) {
                assert_eq!(object("invocation", invocation)["executionSuccessful"], true);
                for notification in list(&invocation["toolExecutionNotifications"]) {
                    text(&object("notification", notification)["message"]);
                }
            }
            assert!(!list(&run["results"]).is_empty(), "{code}");
            for value in list(&run["results"]) {
                result(value, rules);
            }
        }
        logs.push(("sarif".to_owned(), log));
    }
    // The published schema is not ours to keep here; who has it holds every log to it.
    let Some(path) = std::env::var_os("SARIF_SCHEMA") else { return };
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let verdicts = validate(&BTreeMap::from([("sarif".to_owned(), schema)]), &logs).unwrap();
    assert!(verdicts.iter().all(Option::is_none), "{verdicts:?}");
}

/// A command of a log as the runner of GitHub reads it: its name, its properties, its message.
///
/// # Source
/// GitHub, "Workflow commands for GitHub Actions"; the runner undoes `%25` last.
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let unescape = |text: &str, more: bool| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n");
        let text = if more { text.replace("%3A", ":").replace("%2C", ",") } else { text };
        text.replace("%25", "%")
    };
    let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap();
    let pair = |property: &str| {
        let (key, value) = property.split_once('=').unwrap();
        (key.to_owned(), unescape(value, true))
    };
    (name.to_owned(), properties.split(',').map(pair).collect(), unescape(message, false))
}

#[test]
fn every_annotation_is_read_as_it_was_meant() {
    for (code, source) in sources() {
        let report: Value = serde_json::from_str(&check(&source, "json")).unwrap();
        let annotations = check(&source, "github");
        let findings = list(&report["findings"]);
        let left_out = list(&report["not_looked_at"]);
        assert_eq!(annotations.lines().count(), findings.len() + left_out.len(), "{code}: one line for each");
        for (line, what) in annotations.lines().skip(findings.len()).zip(left_out) {
            let (name, properties, message) = command(line);
            assert_eq!((name.as_str(), properties["title"].as_str()), ("warning", "not-looked-at"), "{line}");
            assert!(message.contains(what.as_str().unwrap()), "{line}");
        }
        for (line, finding) in annotations.lines().zip(findings) {
            let (name, properties, message) = command(line);
            assert_eq!(json!(name), finding["severity"], "{line}");
            let number = |key: &str| finding[key].to_string();
            let wanted = BTreeMap::from([
                ("file", finding["file"].as_str().unwrap().to_owned()),
                ("line", number("line")),
                ("endLine", number("end_line")),
                ("col", number("column")),
                ("endColumn", number("end_column")),
                ("title", finding["code"].as_str().unwrap().to_owned()),
            ]);
            let read = properties.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
            assert_eq!(wanted, read, "{line}");
            let (said, help) = (finding["message"].as_str().unwrap(), finding["help"].as_str().unwrap());
            assert_eq!(message, format!("{said}\n{help}"), "{line}");
        }
    }
}
