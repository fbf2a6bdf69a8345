//! What goes wrong around an agent reaches whoever is on call: each rule is provoked from outside, and heard where its alerts
//! go. `holders` does the same for who holds checkpoints.

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{WEBHOOK_SECRET, clock, run_id, secrets, webhook, webhook_to};
use assent_schema::status::Status;
use assent_tests::servers::{Authority, free_address};
use assent_tests::until::{LOOKED, until_so};
use assent_tests::{command, have, run, succeed};
use serde_json::Value;

use super::chats::asks_in_the_chat;
use super::holders::Scene;

/// A workflow that files begin, and one that a list begins, each with a scenario.
const FILED: &str = r#"name = "filed"
summary = "Look at a ticket that another system names"
purpose = "essential.service.operations.support"

[trigger.inbox]
folder = "tickets"
pattern = "*.json"
fields = { ticket = { type = "token" } }

[limits]
timeout = "5m"
concurrency = 1

[[step]]
id = "ticket"
call = "helpdesk.get_ticket"
with = { id = "${trigger.ticket}" }

[[kpi]]
name = "filed"
count = true

[fallback]
queue = "support"
"#;
const CHANGED: &str = r#"name = "changed"
summary = "Look at an order that changed"
purpose = "essential.service.operations"

[trigger.poll]
read = "shop.list_changes"
every = "1m"

[limits]
timeout = "5m"
concurrency = 1

[[step]]
id = "order"
call = "shop.read_order"
with = { id = "${trigger.order_id}" }

[[kpi]]
name = "changed"
count = true

[fallback]
queue = "support"
"#;

const FILED_TEST: &str = r#"[[scenario]]
name = "a file names a ticket"
at = "2026-03-02T09:00:00Z"
event = { ticket = "4201" }
[[scenario.reply]]
to = "helpdesk.get_ticket"
status = 200
body = { type = "ticket", id = "4201", ticket_attributes = { _default_title_ = "Where is it", _default_description_ = "My tent came torn.", contact_id = "c-88" }, ticket_state = { category = "submitted" } }
[scenario.expect]
outcome = "done"
kpis = { filed = 1 }
"#;
const CHANGED_TEST: &str = r#"[[scenario]]
name = "an order changed"
at = "2026-03-02T09:00:00Z"
event = { id = "1017", changed_at = "2026-03-02T08:59:00Z", state = "paid" }
[[scenario.reply]]
to = "shop.read_order"
status = 200
body = { id = "1017", customer = { helpdesk_id = "c-88" }, payment = { reference = "PSP0000000000001" }, total = { cents = 4990, currency = "EUR" }, state = "paid", placed_at = "2026-02-20T10:00:00Z" }
[scenario.expect]
outcome = "done"
kpis = { changed = 1 }
"#;

/// Rows of the database that tell when alerts came, moved into the past: nobody waits for two days here.
const EARLIER: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
hours, code = int(sys.argv[2]), sys.argv[3]
db.execute('UPDATE alert SET since = since - ?, respond_by = respond_by - ? WHERE instr(CAST(body AS TEXT), ?) > 0',
    (hours * 3600000, hours * 3600, code))
db.commit()";

/// Changes a file of the source.
fn edit(agency: &Agency, path: &str, old: &str, new: &str) {
    let path = agency.source.join(path);
    let text = std::fs::read_to_string(&path).expect("a file of the source");
    assert!(text.contains(old), "{} does not say {old}", path.display());
    put(&path, text.replacen(old, new, 1).as_bytes()).expect("a file");
}

/// Adds a line to the agent's own configuration.
fn configure(scene: &Scene, line: &str) {
    let path = scene.agent.config();
    let text = std::fs::read_to_string(&path).expect("a configuration");
    put(&path, format!("{line}\n{text}").as_bytes()).expect("a configuration");
}

/// What every alert says.
fn is_whole(told: &Value, console: &str) {
    let commands = told["commands"].as_array().map_or(0, Vec::len);
    let link = told["link"].as_str().unwrap_or_default();
    let page = if told["incident"] == true { "incidents/i-" } else { "alerts/a-" };
    assert!(commands == 3 && link.starts_with(&format!("http://{console}/{page}")), "{told}");
    assert!(told["since"].is_string() && told["count"].is_u64() && told["waiting"].is_u64(), "{told}");
}

#[test]
fn what_keeps_work_from_beginning_or_going_on_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::set(folder.path());
    let console = free_address().to_string();
    configure(&scene, &format!("console = \"{console}\""));
    scene.work_after(|agency| {
        edit(agency, "clients/acme/client.toml", "[limits]\n", "[limits]\nrate = { requests = 3, per = \"1h\" }\n");
        edit(agency, "clients/acme/workflows/refund.toml", "within = \"4h\"", "within = \"2m\"");
        // Its scenarios answer in time.
        let scenarios = agency.source.join("clients/acme/workflows/refund.test.toml");
        let text = std::fs::read_to_string(&scenarios).expect("scenarios").replace("after = \"5m\"", "after = \"1m\"");
        put(&scenarios, text.as_bytes()).expect("a file");
        for (name, text) in [
            ("filed.toml", FILED),
            ("filed.test.toml", FILED_TEST),
            ("changed.toml", CHANGED),
            ("changed.test.toml", CHANGED_TEST),
        ] {
            put(&agency.source.join("clients/acme/workflows").join(name), text.as_bytes()).expect("a file");
        }
        asks_in_the_chat(agency);
    });
    secrets(&scene.agent).expect("secrets");
    scene.agent.start().expect("an agent that starts");
    let works = |status: &Status| status.workflows.values().flat_map(|all| all.values()).any(|one| one.plan.is_some());
    scene.agent.wait_status(works).expect("workflows at work");

    // Nobody said where files are, and the shop answers with what is no list.
    let inbox = scene.heard("inbox");
    assert_eq!((inbox["code"].as_str(), inbox["workflow"].as_str()), (Some("no_root"), Some("filed")), "{inbox}");
    is_whole(&inbox, &console);

    // A question that does not reach the chat, since nobody gave the token; and that nobody answers in half of its time.
    let now = clock().expect("a clock");
    let (status, body) = webhook(&scene.agent, "evt-1", "4711", &WEBHOOK_SECRET, now).expect("an answer");
    assert_eq!(status, 202, "{body}");
    let asks = run_id(&body).expect("a run");
    let chat = scene.heard("chat");
    assert_eq!((chat["code"].as_str(), chat["connection"].as_str()), (Some("secret_missing"), Some("talk")), "{chat}");
    assert_eq!((chat["run"].as_str(), chat["run_name"].as_str()), (Some(asks.as_str()), Some("acme-1")), "{chat}");
    is_whole(&chat, &console);
    let shown = scene.agent.call(&["runs", "show", "acme-1"]).expect("a run");
    assert!(shown.contains(&asks) && shown.contains("acme-1"), "{shown}");
    assert!(scene.agent.call(&["runs", "show", "acme-99"]).is_err(), "there is no such run");

    // More events than the client may send.
    let busy = (2..12).any(|at| {
        let event = format!("evt-{at}");
        let sent = webhook_to(&scene.agent, "triage", &event, "4711", &WEBHOOK_SECRET, now);
        sent.expect("an answer").0 == 429
    });
    assert!(busy, "its limit is three events");
    let limit = scene.heard("at-limit");
    assert_eq!(limit["code"].as_str(), Some("rate"), "{limit}");
    is_whole(&limit, &console);

    // The vault becomes garbage, then goes away, then is back.
    let vault = scene.agent.state().join("vault.age");
    let kept = std::fs::read(&vault).expect("a vault");
    put(&vault, b"garbage").expect("a file");
    let garbage = scene.heard("vault");
    assert_eq!(garbage["code"].as_str(), Some("vault_cannot_open"), "{garbage}");
    is_whole(&garbage, &console);
    put(&vault, &kept).expect("a file");
    let is_over = || scene.agent.call(&["alerts"]).is_ok_and(|alerts| !alerts.contains("vault_cannot_open"));
    until_so("its end, when the file is back", LOOKED, is_over);

    let poll = scene.heard("poll");
    assert_eq!((poll["code"].as_str(), poll["workflow"].as_str()), (Some("bad_answer"), Some("changed")), "{poll}");
    is_whole(&poll, &console);
    let waits = scene.heard("decision-waits");
    assert_eq!((waits["code"].as_str(), waits["workflow"].as_str()), (Some("half"), Some("refund")), "{waits}");
    is_whole(&waits, &console);
}

#[test]
fn what_time_alone_brings_is_heard() {
    if !have("openssl") || !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::set(folder.path());
    scene.work_after(|_| {});
    secrets(&scene.agent).expect("secrets");
    scene.agent.start().expect("an agent that starts");
    scene.agent.wait_status(|status| status.release.is_some()).expect("a release");
    let opened = scene.agent.call(&["incidents", "open", "acme", "--code", "INC-7"]).expect("an incident");
    let id = opened.split_whitespace().next().expect("an id").to_owned();

    // It began a day ago, then two: nobody explained it to the client.
    let earlier = |scene: &mut Scene, hours: u64| {
        scene.agent.stop().expect("an agent that stops");
        let mut python = command("python3", folder.path());
        python.args(["-c", EARLIER]).arg(scene.agent.state().join("agent.db"));
        succeed(python.args([hours.to_string(), "INC-7".to_owned()]));
        scene.agent.start().expect("an agent that starts");
    };
    earlier(&mut scene, 25);
    let due = scene.heard("post-mortem-due");
    assert_eq!((due["code"].as_str(), due["client"].as_str()), (Some(format!("{id}-24h").as_str()), Some("acme")));
    assert_eq!((due["about"]["incident"].as_str(), due["about"]["code"].as_str()), (Some(id.as_str()), Some("INC-7")));
    let draft = due["commands"][0].as_str().expect("a command");
    assert!(draft.starts_with(&format!("assent-agent incidents draft {id}")), "{draft}");
    earlier(&mut scene, 24);
    let late = scene.heard("post-mortem-late");
    assert_eq!(late["about"]["incident"].as_str(), Some(id.as_str()), "{late}");
    assert_eq!(scene.heard("response-late")["about"]["incident"].as_str(), Some(id.as_str()));

    // The listeners' certificate ended: nobody can send the agent anything, and it says so by its own way out.
    scene.agent.stop().expect("an agent that stops");
    let authority = Authority::make(folder.path(), "authority");
    let (certificate, key) = authority.certify_between(folder.path(), "20240101000000Z", "20240401000000Z");
    let tls = format!("tls = {{ certificate = \"{}\", key = \"{}\" }}", certificate.display(), key.display());
    configure(&scene, &tls);
    scene.agent.start().expect("an agent that starts");
    let over = scene.heard("certificate");
    assert_eq!((over["code"].as_str(), over["incident"].as_bool()), (Some("over"), Some(true)), "{over}");
    let mut asked = command(assent_tests::assent(), folder.path());
    let status = run(asked.args(["agent", "status", "--config"]).arg(scene.agent.config()));
    assert!(String::from_utf8_lossy(&status.stdout).contains("certificate"), "{status:?}");
}
