//! A refund is decided in a chat: from a commit of the source through signed releases to a real agent process, which asks there
//! and is answered there.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, run_id, webhook};
use assent_schema::ledger::Kind;
use assent_schema::ledger::export::entries;
use assent_tests::until::{SOON, until_so};
use assent_tests::{command, have, run_with_input};
use serde_json::{Value, json};

/// The catalog's entry of the chat.
const TALK: &str = include_str!("talk.toml");
/// What the chat signs with.
const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// Lena there: her workspace and her account.
const LENA: (&str, &str) = ("T1DC2JH3J", "U2CERLKJA");

/// The refund is asked on the page and in the chat, where an account decides on up to 50 euros.
pub(crate) fn asks_in_the_chat(agency: &Agency) {
    let edit = |path: &str, changes: &[(&str, &str)]| {
        let path = agency.source.join(path);
        let mut text = std::fs::read_to_string(&path).expect("a file of the source");
        for (old, new) in changes {
            assert!(text.contains(old), "{} does not say {old}", path.display());
            text = text.replacen(old, new, 1);
        }
        put(&path, text.as_bytes()).expect("a file");
    };
    put(&agency.source.join("catalog/integrations/talk.toml"), TALK.as_bytes()).expect("a file");
    let client = std::fs::read_to_string(agency.source.join("clients/acme/client.toml")).expect("the client");
    let host = client.split("url = \"").nth(1).and_then(|rest| rest.split("/helpdesk").next()).expect("a host");
    let connection = format!(
        "[connections.talk]\nintegration = \"talk\"\nscopes = [\"chat:write\"]\nprivate_addresses = true\n\
         [connections.talk.endpoint.production]\nurl = \"{host}\"\nregion = \"eu\"\n\
         [connections.talk.endpoint.staging]\nurl = \"{host}\"\nregion = \"eu\"\nsandbox = true\n\
         [connections.talk.slots.token]\nrotate = \"90d\"\n[connections.talk.slots.signing]\nrotate = \"180d\"\n\n\
         [connections.helpdesk]\n"
    );
    let account = format!("accounts = {{ talk = \"{}/{}\" }}\n[people.tom]", LENA.0, LENA.1);
    edit(
        "clients/acme/client.toml",
        &[
            ("retention = \"180d\"\n", "retention = \"180d\"\nchat_up_to = { EUR = 5000 }\n"),
            ("[people.tom]", &account),
            ("[connections.helpdesk]\n", &connection),
        ],
    );
    let refund = "clients/acme/workflows/refund.toml";
    edit(
        refund,
        &[("\"ticket.subject\", ", ""), ("via = [\"cli\", \"page\"]", "via = [\"page\", { slack = \"talk\" }]")],
    );
    agency.lock_catalog().expect("a signed catalog");
    agency.commit("Ask about refunds in the chat").expect("a commit");
}

/// What somebody presses, as the chat sends it; OpenSSL signs it with a secret.
fn press(stage: &Stage, nonce: &str, by: (&str, &str), secret: &str) -> u16 {
    let payload = json!({
        "type": "block_actions", "team": {"id": by.0}, "user": {"id": by.1, "team_id": by.0},
        "actions": [{"type": "button", "block_id": "assent", "action_id": "assent_yes", "value": nonce}],
    });
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let at = clock().expect("a clock").seconds();
    let mut openssl = command("openssl", &stage.folder);
    openssl.args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("key:{secret}")]);
    let signed = run_with_input(&mut openssl, format!("v0:{at}:{body}").as_bytes());
    let signed = String::from_utf8_lossy(&signed.stdout).into_owned();
    let hex = signed.trim().rsplit(' ').next().expect("a digest");
    let url = stage.production.url();
    let address = url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("an agent that listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let request = format!(
        "POST /answers/acme/talk HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Slack-Request-Timestamp: {at}\r\n\
         X-Slack-Signature: v0={hex}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// The message of this number that the chat took: its method and its form.
fn message(stage: &mut Stage, place: usize) -> (String, BTreeMap<String, String>) {
    let outside = &stage.outside;
    let (method, form) =
        stage.production.wait_for(|| Ok(outside.look(|seen| seen.messages.get(place).cloned()))).expect("a message");
    (method, form_urlencoded::parse(form.as_bytes()).into_owned().collect())
}

#[test]
fn a_refund_of_a_released_workflow_is_decided_in_the_chat() {
    if !have("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working_after(folder.path(), asks_in_the_chat);
    for (slot, secret) in [("acme/talk/token", "demo-talk-token"), ("acme/talk/signing", SIGNING)] {
        stage.production.set_secret(slot, secret).expect("a secret");
    }
    let at = clock().expect("a clock");
    let (status, body) = webhook(&stage.production, "evt-1", "45", &WEBHOOK_SECRET, at).expect("an answer");
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");

    let (method, asked) = message(&mut stage, 0);
    assert_eq!((method.as_str(), asked["channel"].as_str()), ("chat.postMessage", LENA.1));
    let blocks: Value = serde_json::from_str(&asked["blocks"]).expect("blocks");
    let shown = blocks.to_string();
    assert!(shown.contains("49.00 EUR") && !shown.contains("tent") && !asked["text"].contains("49"), "{shown}");
    let all = blocks.as_array().expect("blocks").iter();
    let buttons = all.filter_map(|block| block["elements"].as_array()).flatten();
    let yes = buttons.filter(|button| button["action_id"] == "assent_yes").find_map(|button| button["value"].as_str());
    let yes = yes.expect("a button").to_owned();

    assert_eq!(press(&stage, &yes, LENA, "another secret of the chat"), 401);
    assert_eq!(press(&stage, &yes, (LENA.0, "U0OTTO"), SIGNING), 403);
    assert_eq!(stage.outside.look(|seen| seen.refunds.len()), 0);
    assert_eq!(press(&stage, &yes, LENA, SIGNING), 200);
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    assert_eq!(stage.outside.look(|seen| (seen.refunds.len(), seen.repeated)), (1, 0));
    let (method, over) = message(&mut stage, 1);
    assert_eq!(method, "chat.update");
    assert!(over["blocks"].contains("lena said yes") && !over["blocks"].contains("49.00"), "{}", over["blocks"]);
    // The same press in the same second would be a replay, and told as that.
    let pressed = clock().expect("a clock").seconds();
    until_so("another second", SOON, || clock().expect("a clock").seconds() > pressed);
    assert_eq!(press(&stage, &yes, LENA, SIGNING), 404, "it is asked no more");
    // Messages, and what is read again for somebody who looks, come after the run's end and are nobody's fault.
    stage.production.call(&["runs", "show", &run, "--reread", "--why", "T-1"]).expect("what it read");
    told_in_the_ledger(&stage, folder.path());
}

/// Who decided through what stands in the client's log, and who was turned away.
fn told_in_the_ledger(stage: &Stage, folder: &Path) {
    let file = folder.join("acme.ledger");
    let output = file.display().to_string();
    stage.production.call(&["ledger", "export", "acme", "--output", &output]).expect("an export");
    let all = entries(&std::fs::read(&file).expect("an export"));
    let decided = all.iter().filter_map(|entry| match &entry.kind {
        Kind::Decided(decided) => Some((entry.actor.clone()?.to_string(), decided.through.clone()?.to_string())),
        _ => None,
    });
    assert_eq!(decided.collect::<Vec<_>>(), [("lena".to_owned(), "talk".to_owned())]);
    let refused = all.iter().filter_map(|entry| match &entry.kind {
        Kind::Refused(refused) => Some(refused.code.to_string()),
        _ => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), ["bad_signature", "not_in_group", "not_waiting"]);
    let ended = all.iter().position(|entry| matches!(entry.kind, Kind::Ended(_))).expect("an end");
    assert!(
        all.iter().skip(ended).any(|entry| matches!(entry.kind, Kind::Intent(_))),
        "something is asked after the end"
    );
    let (remote, at) = (stage.agency.remote.display().to_string(), clock().expect("a clock").to_string());
    let line = ["report", "acme", "--at", &at, "--remote", &remote, "--ledger", &output].map(str::to_owned);
    let (outcome, text) = stage.agency.try_assent(&line).expect("a report");
    assert_eq!(outcome, Outcome::Fine, "{text}");
}
