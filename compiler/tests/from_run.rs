//! `assent test --from-run`: what comes out of a run's journal is a scenario that runs at once and goes as the run went, and
//! holds none of the run's values.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{assent, example};
use tempfile::TempDir;

const BEGAN: &str = "2026-03-02T09:00:00Z";
/// What no scenario may hold: every value of the run has it.
const VALUE: &str = "zebra";

fn digest() -> String {
    "ab".repeat(32)
}

/// A run of `acme/refund` as `assent-agent runs show --format json` prints it.
fn story(facts: &[Value]) -> Value {
    let run = "0".repeat(32);
    let accepted = json!({ "accepted": {
        "client": "acme", "workflow": "refund", "plan": digest(), "number": 12, "trigger": "webhook",
        "event": format!("evt-{VALUE}"), "fields": { "ticket_id": { "token": format!("T-{VALUE}") } },
        "key": format!("T-{VALUE}"), "content": false,
    }});
    let journal = std::iter::once(&accepted)
        .chain(facts)
        .enumerate()
        .map(|(minute, entry)| json!({ "at": format!("2026-03-02T09:{minute:02}:00Z"), "entry": entry }));
    json!({
        "run": {
            "run": run, "client": "acme", "workflow": "refund", "plan": digest(), "number": 12, "trigger": "webhook",
            "accepted": BEGAN, "last": BEGAN, "state": "done",
        },
        "journal": journal.collect::<Vec<_>>(),
    })
}

fn intent(step: &str, operation: &str, effect: &str, attempt: u32) -> Value {
    json!({ "intent": { "step": step, "attempt": attempt, "operation": operation, "effect": effect } })
}

fn outcome(step: &str, attempt: u32, code: &str, status: Option<u16>) -> Value {
    let in_doubt = code == "timed_out";
    let mut outcome = json!({ "step": step, "attempt": attempt, "code": code, "in_doubt": in_doubt });
    if let Some(status) = status {
        outcome.as_object_mut().unwrap().insert("status".into(), json!(status));
    }
    json!({ "outcome": outcome })
}

fn when(step: &str, runs: bool) -> Value {
    json!({ "when": { "step": step, "runs": runs } })
}

/// A read that went well.
fn read(step: &str, operation: &str) -> [Value; 2] {
    [intent(step, operation, "none", 1), outcome(step, 1, "ok", Some(200))]
}

fn asked() -> Vec<Value> {
    let mut facts = read("ticket", "helpdesk.get_ticket").to_vec();
    facts.extend([intent("intent", "assistant.ask", "none", 1), outcome("intent", 1, "ok", Some(200))]);
    facts
}

fn answered(intent: &str) -> Value {
    json!({ "answered": { "step": "intent", "ended": "answered", "facts": { "intent": { "token": intent } } } })
}

fn up_to_the_decision() -> Vec<Value> {
    let mut facts = asked();
    facts.extend([answered("refund"), when("order", true)]);
    facts.extend(read("order", "shop.get_order"));
    facts.extend([
        when("agree", true),
        json!({ "asked": {
            "run": "0".repeat(32), "client": "acme", "workflow": "refund", "plan": digest(), "step": "agree",
            "by": "support-leads", "since": 0, "until": 1, "nonce": digest(), "shown": digest(),
        }}),
    ]);
    facts
}

fn decided(choice: &str, by: Option<&str>) -> Value {
    let mut decided = json!({ "step": "agree", "choice": choice });
    if let Some(by) = by {
        decided.as_object_mut().unwrap().insert("by".into(), json!(by));
    }
    json!({ "decided": decided })
}

fn ended(ending: &str, code: Option<&str>) -> Value {
    json!({ "ended": { "ending": ending, "code": code } })
}

#[expect(clippy::disallowed_methods, reason = "this test makes a work tree")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The scenario of a run, and what `assent test` says of a work tree whose workflow has no other.
fn told(story: &Value) -> (String, String) {
    told_of(story, example())
}

/// The same of a changed example.
fn told_of(story: &Value, files: support::Files) -> (String, String) {
    let folder = TempDir::new().unwrap();
    let repo = folder.path().join("repo");
    let of = |what: &str| story["run"][what].as_str().unwrap().to_owned();
    let (client, workflow) = (of("client"), of("workflow"));
    let tests = format!("clients/{client}/workflows/{workflow}.test.toml");
    for (path, bytes) in files {
        put(&repo.join(path), &bytes);
    }
    let file = folder.path().join("run.json");
    put(&file, story.to_string().as_bytes());
    let (repo_name, file) = (repo.to_str().unwrap(), file.to_str().unwrap());
    let made = assent(&["test", "--repo", repo_name, "--from-run", file]);
    assert_eq!(made.status, 0, "{}", made.err);
    assert!(made.err.contains("another plan"), "{}", made.err);
    put(&repo.join(tests), made.out.as_bytes());
    let ran = assent(&["test", "--repo", repo_name, "--client", &client, "--workflow", &workflow]);
    (made.out, if ran.status == 0 { String::new() } else { ran.out })
}

#[test]
fn a_scenario_of_a_run_goes_as_the_run_went() {
    let approved = {
        let mut facts = up_to_the_decision();
        facts.extend([decided("approve", Some("lena")), when("pay", true)]);
        facts.extend([intent("pay", "payments.refund", "money", 1), outcome("pay", 1, "server_error", Some(503))]);
        facts.extend([intent("pay", "payments.refund", "money", 2), outcome("pay", 2, "ok", Some(201))]);
        facts.push(ended("done", None));
        facts
    };
    let refused = {
        let mut facts = up_to_the_decision();
        facts.extend([decided("refuse", Some("tom")), when("pay", false), ended("done", None)]);
        facts
    };
    let late = {
        let mut facts = up_to_the_decision();
        facts.extend([decided("refuse", None), when("pay", false), ended("done", None)]);
        facts
    };
    let shipping = {
        let mut facts = asked();
        facts.extend([answered("shipping"), when("order", false), when("agree", false), when("pay", false)]);
        facts.push(ended("done", None));
        facts
    };
    let unread = vec![
        intent("ticket", "helpdesk.get_ticket", "none", 1),
        outcome("ticket", 1, "unauthorised", Some(401)),
        ended("failed", Some("unauthorised")),
    ];
    for (name, facts) in
        [("approved", approved), ("refused", refused), ("late", late), ("shipping", shipping), ("unread", unread)]
    {
        let (scenario, trouble) = told(&story(&facts));
        assert_eq!(trouble, "", "{name}: {scenario}");
        assert!(!scenario.contains(VALUE) && !scenario.contains("lena"), "{name}: {scenario}");
        insta::assert_snapshot!(format!("from-run-{name}"), scenario);
    }
}

/// The example with refunds that the API takes as jobs.
fn with_job() -> support::Files {
    let mut files = example();
    let path = "catalog/integrations/adyen.toml";
    let text = String::from_utf8(files.remove(path).unwrap()).unwrap();
    let job = r#"job = { id = "id", read = "get_refund", param = "id", field = "state", done = ["settled"], failed = ["failed"], every = "10s", within = "5m" }"#;
    let read = r#"[operation.get_refund]
record = "refund"
method = "GET"
path = "/refunds/{id}"
scopes = ["checkout:refund"]
[operation.get_refund.params]
id = { in = "path", type = "token", class = "reference", target = true }
[operation.get_refund.response]
state = { at = "status", type = "one_of", values = ["open", "settled", "failed"], class = "reference", written_by = "system" }
"#;
    let with_job = text.replacen("[operation.refund.params]", &format!("{job}\n[operation.refund.params]"), 1);
    let changed = with_job.replacen("[operation.create_link]", &format!("{read}\n[operation.create_link]"), 1);
    assert!(changed.len() > text.len() + job.len() + read.len(), "the example has changed");
    files.insert(path.to_owned(), changed.into_bytes());
    files
}

fn look(step: &str, operation: &str) -> Value {
    json!({ "intent": { "step": step, "attempt": 1, "operation": operation, "effect": "none", "aim": "job" } })
}

#[test]
fn a_run_with_a_job_goes_as_it_went() {
    let with_end = |code: &str, ending: &str| {
        let mut facts = up_to_the_decision();
        facts.extend([decided("approve", Some("lena")), when("pay", true)]);
        facts.extend([intent("pay", "payments.refund", "money", 1), outcome("pay", 1, "accepted", Some(202))]);
        facts.extend([look("pay", "payments.get_refund"), look("pay", "payments.get_refund")]);
        let mut end = outcome("pay", 1, code, None);
        end["outcome"]["in_doubt"] = json!(code != "ok");
        facts.extend([end, ended(ending, (code != "ok").then_some(code))]);
        facts
    };
    for (code, ending) in [("ok", "done"), ("job_failed", "failed")] {
        let (scenario, trouble) = told_of(&story(&with_end(code, ending)), with_job());
        assert_eq!(trouble, "", "{code}: {scenario}");
        assert!(scenario.contains("status = 202") && scenario.contains("payments.get_refund"), "{scenario}");
    }
}

/// What no scenario brings about is said, and what is written passes with the end that somebody fills in.
#[test]
fn what_scenarios_do_not_play_is_said_and_its_end_is_left_to_people() {
    let stopped = {
        let mut facts = up_to_the_decision();
        facts.push(json!({ "ended": { "ending": "stopped", "step": "agree", "code": "uncovered" } }));
        facts
    };
    let read_again = {
        let mut facts = up_to_the_decision();
        // The agent began anew while the question waited, and the helpdesk did not answer any more.
        for attempt in 2..6 {
            facts.push(intent("ticket", "helpdesk.get_ticket", "none", attempt));
            facts.push(outcome("ticket", attempt, "server_error", Some(503)));
        }
        facts.push(ended("failed", Some("server_error")));
        facts
    };
    let unread = {
        let mut facts = up_to_the_decision();
        facts.push(ended("content-lost", Some("bad_item")));
        facts
    };
    for (name, facts, said) in [
        (
            "unread",
            unread,
            "# The run stands for an item of a list that could not be read (`bad_item`), which scenarios do not play",
        ),
        (
            "stopped",
            stopped,
            "# The run was stopped, as it was not allowed to go on (`uncovered`), which scenarios do not play",
        ),
        (
            "read-again",
            read_again,
            "# After a restart of the agent the run read `ticket` again, which scenarios do not play",
        ),
    ] {
        let (scenario, trouble) = told(&story(&facts));
        assert!(scenario.contains(said), "{name}: {scenario}");
        assert!(scenario.contains("and cannot here: say how it must end."), "{name}: {scenario}");
        assert_eq!(scenario.matches("to = \"helpdesk.get_ticket\"").count(), 1, "{name}: {scenario}");
        // Nobody answers the question of this scenario: it ends done, as what is to be filled in says until then.
        assert_eq!(trouble, "", "{name}: {scenario}");
    }
}

/// A run that walked so many orders, of a list whose pages are counted.
fn walked(orders: &[&str]) -> Value {
    let of = |entry: Value, order: &str| {
        let mut entry = entry;
        entry.as_object_mut().unwrap().values_mut().for_each(|entry| entry["item"] = json!(order));
        entry
    };
    let mut facts = read("unpaid", "shop.list_orders").to_vec();
    facts.push(json!({ "walked": { "step": "orders", "items": orders } }));
    for order in orders {
        facts.extend([of(when("large", false), order), of(intent("hold", "shop.hold_order", "write", 1), order)]);
        facts.push(of(outcome("hold", 1, "ok", Some(200)), order));
        facts.push(json!({ "item": { "step": "orders", "item": order, "how": "done" } }));
    }
    facts.push(when("quiet", orders.is_empty()));
    if !orders.is_empty() {
        facts.extend([intent("tell", "chat.post", "message", 1), outcome("tell", 1, "ok", Some(200))]);
    }
    facts.push(json!({ "ended": { "ending": "done", "stop": orders.is_empty().then_some("quiet") } }));
    let mut story = story(&facts);
    for (place, value) in [("client", "borealis"), ("workflow", "overdue"), ("trigger", "schedule")] {
        story["run"][place] = json!(value);
        story["journal"][0]["entry"]["accepted"][place] = json!(value);
    }
    story["journal"][0]["entry"]["accepted"]["fields"] = json!({});
    story
}

#[test]
fn a_run_that_walked_a_list_gives_a_list_as_long_in_as_many_pages() {
    let mut files = example();
    let path = "catalog/integrations/shop.toml";
    let text = String::from_utf8(files.remove(path).unwrap()).unwrap();
    let reads = "[operation.list_orders.params]";
    let pages = r#"pages = { count = "items", param = "offset", collect = "items", most = 5 }"#;
    let counted = text.replacen(reads, &format!("{pages}\n{reads}"), 1);
    assert_ne!(counted, text, "the example has changed");
    files.insert(path.to_owned(), counted.into_bytes());
    let walks: [&[&str]; 3] = [&[], &["zebra-1"], &["zebra-1", "zebra-2", "zebra-3"]];
    for orders in walks {
        let (scenario, trouble) = told_of(&walked(orders), files.clone());
        assert_eq!(trouble, "", "{orders:?}: {scenario}");
        assert_eq!(scenario.matches("orders = []").count(), 1, "{scenario}");
        assert!(!scenario.contains(VALUE), "{scenario}");
    }
}

#[test]
fn what_is_no_story_of_a_run_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.json");
    let agency = format!("{}/../examples/agency", env!("CARGO_MANIFEST_DIR"));
    let ask = || assent(&["test", "--repo", &agency, "--from-run", file.to_str().unwrap()]);
    assert_eq!(ask().status, 2);
    put(&file, b"{\"runs\": []}");
    let ran = ask();
    assert!(ran.status == 2 && ran.err.contains("`assent-agent runs show RUN --format json`"), "{}", ran.err);
    // An export says what was done, and not why: the vectors have one.
    let export = format!("{}/../tests/vectors/ledger/acme.ledger", env!("CARGO_MANIFEST_DIR"));
    let ran = assent(&["test", "--repo", &agency, "--from-run", &export]);
    assert!(ran.status == 2 && ran.err.contains("an export of a ledger"), "{}", ran.err);
    let mut other = story(&[]);
    *other.pointer_mut("/run/workflow").unwrap() = json!("unheard-of");
    put(&file, other.to_string().as_bytes());
    let ran = ask();
    assert!(ran.status == 2 && ran.err.contains("acme/unheard-of, which this source does not have"), "{}", ran.err);
}
