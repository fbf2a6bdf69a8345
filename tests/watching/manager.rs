//! A real Alertmanager: it takes our alerts, and what it sends to webhooks has the form that we send to webhooks.

use std::collections::BTreeSet;

use assent_agent::store::Write;
use assent_tests::servers::{free_address, write};
use assent_tests::{Running, command, have};
use serde_json::{Value, json};

use crate::field::{Field, Hook, failed, get};

/// The members of a value and of all below it, with the kinds of their values; labels and annotations are anybody's.
fn form(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    let free = ["labels", "annotations", "groupLabels", "commonLabels", "commonAnnotations"];
    let last = at.rsplit('.').next().unwrap_or_default();
    match value {
        Value::Object(members) if !free.contains(&last) => {
            members.iter().for_each(|(name, member)| form(member, &format!("{at}.{name}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| form(item, &format!("{at}[]"), found)),
        Value::Object(_) => drop(found.insert(format!("{at}: object"))),
        Value::String(_) => drop(found.insert(format!("{at}: string"))),
        Value::Number(_) => drop(found.insert(format!("{at}: number"))),
        Value::Bool(_) | Value::Null => drop(found.insert(format!("{at}: other"))),
    }
}

#[tokio::test]
async fn an_alertmanager_takes_our_alerts_and_speaks_to_webhooks_as_we_do() {
    if !have("prometheus-alertmanager") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (address, theirs) = (free_address(), Hook::open());
    let configuration = format!(
        "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\nreceivers:\n- name: hook\n  \
         webhook_configs:\n  - url: {}/\n    send_resolved: true\n",
        theirs.url
    );
    let file = folder.path().join("alertmanager.yml");
    write(&file, &configuration);
    let mut program = command("prometheus-alertmanager", folder.path());
    program.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={address}"));
    program.arg(format!("--storage.path={}", folder.path().display())).arg("--cluster.listen-address=");
    let _running = Running::start_heard(&mut program, |line| line.contains("Listening on"));
    let base = format!("http://{address}");

    let field = Field::new(&json!({"via": "alertmanager", "endpoint": "prom"}), &base, None, None);
    field.write(Write::Alert(failed("a\r\n{{ .Labels }}\u{202e}"))).await;
    assert_eq!(field.round().await.sent, 1);
    // What it sends stands in its list.
    let fired = theirs.awaits("what it sends", |one| one["status"] == "firing").await;
    let listed = get(&format!("{base}/api/v2/alerts"), None).expect("its list");
    let alerts: Vec<Value> = serde_json::from_str(&listed).expect("a list");
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (&alerts[0]["labels"]["client"], &alerts[0]["labels"]["alertname"]),
        (&json!("acme"), &json!("run-failed"))
    );
    assert!(alerts[0]["annotations"]["commands"].as_str().expect("commands").contains("assent-agent runs retry"));
    field.write(Write::AlertOver { key: failed("a\r\n{{ .Labels }}\u{202e}").key() }).await;
    assert_eq!(field.round().await.sent, 1);
    let resolved = theirs.awaits("that it is over", |one| one["status"] == "resolved").await;

    // The same two stages by our own webhook have the same form.
    let ours = Hook::open();
    let field = Field::new(&json!({"via": "alertmanager-webhook", "endpoint": "prom"}), &ours.url, Some("token"), None);
    field.write(Write::Alert(failed("a"))).await;
    assert_eq!(field.round().await.sent, 1);
    field.write(Write::AlertOver { key: failed("a").key() }).await;
    assert_eq!(field.round().await.sent, 1);
    let got = ours.got();
    assert_eq!(got.len(), 2);
    for (of_it, of_us) in [(&fired, &got[0]), (&resolved, &got[1])] {
        let (mut a, mut b) = (BTreeSet::new(), BTreeSet::new());
        form(of_it, "", &mut a);
        form(of_us, "", &mut b);
        assert_eq!(a, b);
        assert_eq!((&of_it["version"], &of_it["status"]), (&of_us["version"], &of_us["status"]));
    }
}
