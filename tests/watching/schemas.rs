//! Slack and PagerDuty cannot be called from a test: what they are sent is held to their published forms by a validator of
//! somebody else. `schemas/` names where each form was read.

use std::collections::BTreeSet;
use std::path::Path;

use assent_agent::incident::{Act, Case, Done, Step};
use assent_agent::people::chat::{Card, Ended, slack};
use assent_agent::store::{Alert, Store as _, Write};
use assent_agent::watch::{ToldSecret, share};
use assent_schema::canon::Digest;
use assent_schema::id::ConnectionId;
use assent_schema::release::Choice;
use serde_json::{Value, json};

use crate::field::{Field, Hook, failed};

#[path = "../../compiler/tests/support/validate.rs"]
mod validate;

fn hold(schema: &str, values: &[Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("watching/schemas").join(format!("{schema}.json"));
    let published: Value = serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
    let schemas = [(schema.to_owned(), published)].into();
    let named: Vec<_> = values.iter().map(|value| (schema.to_owned(), value.clone())).collect();
    let Some(wrong) = validate::validate(&schemas, &named) else { return };
    for (wrong, value) in wrong.iter().zip(values) {
        assert_eq!(*wrong, None, "{value}");
    }
    // The form can refuse.
    let refused = validate::validate(&schemas, &[(schema.to_owned(), json!({"blocks": [{"type": "header"}]}))]);
    assert!(refused.is_some_and(|wrong| wrong.first().is_some_and(Option::is_some)));
}

const HOSTILE: &str = "<!channel> <@U1> *b* `c` {{x}}\r\nx: y\u{202e}";

/// Each stage of an incident, by one route.
async fn each_stage(field: &Field) {
    for code in ["http_503", HOSTILE] {
        field.write(Write::Alert(Alert { incident: true, ..failed(code) })).await;
    }
    assert_eq!(field.round().await.sent, 2);
    let act = Act { by: "omar".parse().expect("an id"), at: "2026-03-02T09:00:00Z".parse().expect("a moment") };
    for row in field.store.incidents().expect("read") {
        let case = Case { row, done: Done::default() };
        let (case, writes) = case.after(Step::Acknowledge, &act).expect("a step");
        for write in writes {
            field.write(write).await;
        }
        assert_eq!(field.round().await.sent, 1);
        for write in case.after(Step::Resolve, &act).expect("a step").1 {
            field.write(write).await;
        }
        assert_eq!(field.round().await.sent, 1);
    }
}

#[tokio::test]
async fn what_pagerduty_is_sent_has_its_published_form() {
    let hook = Hook::open();
    let key = "0123456789abcdef0123456789abcdef";
    let field = Field::new(&json!({"via": "pagerduty", "endpoint": "page"}), &hook.url, Some(key), None);
    each_stage(&field).await;
    let got = hook.got();
    let actions: Vec<_> = got.iter().filter_map(|event| event["event_action"].as_str()).collect();
    assert_eq!(actions, ["trigger", "trigger", "acknowledge", "resolve", "acknowledge", "resolve"]);
    assert_eq!(got[2]["dedup_key"], got[0]["dedup_key"]);
    hold("pagerduty-events-v2", &got);
}

#[tokio::test]
async fn what_slack_is_sent_has_its_published_form() {
    let hook = Hook::open();
    let secret = format!("{}/services/T0/B0/xyz", hook.url);
    let field = Field::new(&json!({"via": "slack", "endpoint": "chat"}), &hook.url, Some(&secret), None);
    each_stage(&field).await;
    let row = field.store.incidents().expect("read").remove(0);
    let text = format!("# Why\n\n{HOSTILE}\n{}", "<&> long\n".repeat(20_000));
    let secrets = |route: &ConnectionId| -> ToldSecret<'_> { field.secret(route) };
    share(&field.world, &field.teller(&secrets), &Case { row, done: Done::default() }, &text).await.expect("shared");
    let got = hook.got();
    assert!(got.len() > 7, "the post-mortem takes more than one message");
    hold("slack-message", &got);
}

/// The largest and the smallest questions, those that only the page decides, and how each ends.
#[test]
fn a_question_in_slack_has_its_published_form() {
    let card = |values: usize, text: &str, hidden: usize, signature: bool| Card {
        client: "acme".parse().expect("an id"),
        workflow: "refund".parse().expect("an id"),
        summary: text.chars().take(200).collect(),
        by: "support-leads".to_owned(),
        until: "2026-03-02T13:00:00Z".parse().expect("a moment"),
        nonce: Digest::from_bytes([7; 32]),
        values: (0..values).map(|place| (format!("ticket \u{203a} field {place}"), text.to_owned())).collect(),
        hidden,
        signature,
    };
    let page = Some("https://console.example/");
    let mut posts = Vec::new();
    for text in ["12.50 EUR", HOSTILE, &"\u{fc}".repeat(2_960), &"<&>".repeat(190)] {
        for (values, hidden, signature) in [(0, 0, false), (1, 0, false), (30, 0, false), (30, 3, false), (2, 0, true)]
        {
            let card = card(values, text, hidden, signature);
            posts.extend([slack::question(&card, page), slack::question(&card, None)]);
        }
    }
    let (lena, at) = ("lena".parse().expect("an id"), "2026-06-01T10:00:00Z".parse().expect("an instant"));
    for how in [Ended::Decided(Choice::Approve, lena, at), Ended::Late, Ended::Gone] {
        posts.push(slack::ended(("acme", "refund"), &how));
    }
    let values: Vec<Value> = posts.iter().map(|post| json!({"text": post.text, "blocks": post.blocks})).collect();
    hold("slack-question", &values);
    for post in &posts {
        let actions = post.blocks.iter().filter(|block| block["type"] == "actions");
        let buttons: Vec<_> = actions.flat_map(|block| block["elements"].as_array().expect("elements")).collect();
        let names: BTreeSet<_> = buttons.iter().filter_map(|button| button["action_id"].as_str()).collect();
        assert_eq!(names.len(), buttons.len(), "each button is told apart");
    }
}

#[tokio::test]
async fn a_slack_url_that_leads_elsewhere_is_never_followed() {
    let (named, other) = (Hook::open(), Hook::open());
    let secret = format!("{}/services/T0/B0/xyz", other.url);
    let field = Field::new(&json!({"via": "slack", "endpoint": "chat"}), &named.url, Some(&secret), None);
    field.write(Write::Alert(failed("http_503"))).await;
    assert_eq!(field.round().await.failed, 1);
    assert_eq!((named.got(), other.got()), (Vec::new(), Vec::new()));
}
