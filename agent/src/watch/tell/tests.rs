use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use serde_json::Value;

use super::super::message::About;
use super::*;

/// What outsiders might get into a field, in one text: markup, mentions, line ends, marks that turn writing around.
const HOSTILE: &str = "<script>alert(1)</script> <!channel> <@U1> <https://evil.example|here> *b* `c` @here @everyone \
    &amp; {{.Labels}} \r\nBcc: thief@evil.example\r\n\r\n.\r\nMAIL FROM:<x@y.example> \u{202e}txet\u{200b}\u{7}\u{2028}end";

fn message(code: &str) -> Message {
    Message {
        kind: "alert",
        schema: 1,
        dedup: Digest::of_file(b"one"),
        agent: Some("eu-1".parse().unwrap()),
        client: Some("acme".parse().unwrap()),
        workflow: Some("refund".parse().unwrap()),
        connection: Some("helpdesk".parse().unwrap()),
        rule: Some(Rule::RunFailed),
        code: code.into(),
        run: None,
        run_name: Some("acme-2.12".parse().unwrap()),
        since: Some("2026-03-02T09:00:00Z".parse().unwrap()),
        count: Some(30),
        waiting: Some(2),
        about: None,
        incident: Some(true),
        respond_by: Some("2026-03-02T13:00:00Z".parse().unwrap()),
        link: Some("https://agent.example/incidents/i-7".into()),
        commands: vec![
            "assent-agent runs show 0101".into(),
            "assent-agent incidents acknowledge i-7".into(),
            "assent-agent runs retry 0101 --why i-7".into(),
        ],
    }
}

fn telling(message: &Message, stage: Stage) -> Telling<'_> {
    let (severity, now) = (Some(Severity::Critical), "2026-03-02T09:00:05Z".parse().unwrap());
    Telling { message, stage, severity, by: None, now }
}

fn sent(via: RouteKind, message: &Message, stage: Stage) -> Value {
    let (_, bytes) = body(via, &telling(message, stage), Some("0123456789abcdef0123456789abcdef")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Every text of a value, with the names of members.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn letter_of(message: &Message, stage: Stage) -> String {
    let to = ["ops@harbor.example".parse().unwrap(), "oncall@harbor.example".parse().unwrap()];
    String::from_utf8(letter(&telling(message, stage), &"alerts@harbor.example".parse().unwrap(), &to)).unwrap()
}

#[test]
fn every_receiver_is_told_who_what_since_when_how_many_wait_until_when_and_what_to_do() {
    let message = message("http_503");
    let slack = sent(RouteKind::Slack, &message, Stage::Raised).to_string();
    let pager = sent(RouteKind::Pagerduty, &message, Stage::Raised).to_string();
    let manager = sent(RouteKind::Alertmanager, &message, Stage::Raised).to_string();
    let hook = sent(RouteKind::AlertmanagerWebhook, &message, Stage::Raised).to_string();
    let mail = letter_of(&message, Stage::Raised).replace("=\r\n", "").replace("\r\n", "\n");
    for (whom, text) in
        [("slack", slack), ("pagerduty", pager), ("alertmanager", manager), ("webhook", hook), ("mail", mail)]
    {
        for part in [
            "acme",
            "refund",
            "run-failed",
            "http_503",
            "2026-03-02T09:00:00Z",
            "30",
            "2 in the manual queue",
            "2026-03-02T13:00:00Z",
            "runs show 0101",
            "acknowledge i-7",
            "runs retry 0101 --why i-7",
            "acme-2.12",
            "https://agent.example/incidents/i-7",
        ] {
            assert!(text.contains(part), "{whom} is not told `{part}`: {text}");
        }
    }
}

#[test]
fn whoever_reads_that_an_incident_was_not_answered_reads_of_what_it_is() {
    let began = "2026-03-02T05:00:00Z".parse().unwrap();
    let about = About { incident: "i-5".into(), rule: Rule::RunFailed, code: "http_503".into(), began };
    let message = Message { rule: Some(Rule::ResponseLate), about: Some(about), ..message("i-5") };
    let mail = letter_of(&message, Stage::Raised).replace("=\r\n", "").replace("\r\n", "\n");
    for line in ["Incident: i-5", "Cause: run-failed (http_503)", "Began: 2026-03-02T05:00:00Z", "Workflow: refund"] {
        assert!(mail.contains(&format!("\n{line}\n")), "{line}: {mail}");
    }
}

#[test]
fn mail_says_what_its_rule_means_and_what_to_do_until_it_is_over() {
    let row = Rule::RunFailed.row();
    let plain = |stage| letter_of(&message("http_503"), stage).replace("=\r\n", "").replace("\r\n", "\n");
    let raised = plain(Stage::Raised);
    let (_, text) = raised.split_once("\n\n").unwrap();
    assert_eq!(text.split("\n\n").nth(1), Some(row.what), "{text}");
    assert!(text.contains(&format!("What to do: {}", row.help)), "{text}");
    assert!(text.ends_with("\nhttps://agent.example/incidents/i-7\n"), "{text}");
    assert!(!plain(Stage::Over).contains("What to do"));
    let abroad = Message { rule: None, ..message("http_503") };
    assert!(!letter_of(&abroad, Stage::Raised).contains("What to do"), "a route abroad is told less");
}

#[test]
fn nothing_that_others_wrote_is_markup_a_mention_or_a_header_anywhere() {
    let message = message(HOSTILE);
    for stage in [Stage::Raised, Stage::Acknowledged, Stage::Over] {
        let slack = sent(RouteKind::Slack, &message, stage);
        let mut found = Vec::new();
        texts(&slack, &mut found);
        for text in &found {
            assert!(!text.contains(['<', '>', '\r', '\u{202e}', '\u{200b}', '\u{7}', '\u{2028}']), "{text:?}");
            assert!(!text.contains("@here") && !text.contains("@everyone"), "{text:?}");
        }
        assert!(!slack.to_string().contains("\"mrkdwn\","), "every text is plain: {slack}");
        for via in [RouteKind::Pagerduty, RouteKind::Alertmanager, RouteKind::AlertmanagerWebhook] {
            let mut found = Vec::new();
            texts(&sent(via, &message, stage), &mut found);
            for text in found {
                let lines = text.split('\n').all(|line| !line.starts_with("Bcc"));
                assert!(lines && !text.contains(['\r', '\u{202e}', '\u{200b}', '\u{7}', '\u{2028}']), "{text:?}");
            }
        }
        let mail = letter_of(&message, stage);
        let (head, rest) = mail.split_once("\r\n\r\n").unwrap();
        assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n']), "{mail:?}");
        let known = [
            "Date",
            "From",
            "To",
            "Subject",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ];
        for line in head.split("\r\n").filter(|line| !line.starts_with(' ')) {
            assert!(known.contains(&line.split(':').next().unwrap()), "{line:?}");
        }
        assert!(rest.split("\r\n").all(|line| !line.starts_with("Bcc") && !line.starts_with('.')), "{rest}");
    }
}

#[test]
fn what_is_too_long_is_cut_to_what_each_receiver_takes() {
    let message = message(&"<&>".repeat(5_000));
    let slack = sent(RouteKind::Slack, &message, Stage::Raised);
    let header = slack["blocks"][0]["text"]["text"].as_str().unwrap().chars().count();
    assert!(header <= 150, "{header}");
    let mut found = Vec::new();
    texts(&slack["blocks"], &mut found);
    assert!(found.iter().all(|text| text.chars().count() <= 3_000));
    let summary = &sent(RouteKind::Pagerduty, &message, Stage::Raised)["payload"]["summary"];
    assert_eq!(summary.as_str().unwrap().chars().count(), 1_024);
}

#[test]
fn letters_about_one_alert_are_one_thread_and_a_repetition_is_the_same_letter() {
    let header = |letter: &str, name: &str| {
        let found = letter.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.map(str::to_owned)
    };
    let (first, again) = (letter_of(&message("a"), Stage::Raised), letter_of(&message("a"), Stage::Raised));
    let over = letter_of(&message("a"), Stage::Over);
    let root = header(&first, "Message-ID");
    assert_eq!((&root, header(&first, "References")), (&header(&again, "Message-ID"), None));
    assert_eq!((header(&over, "References"), header(&over, "In-Reply-To")), (root.clone(), root.clone()));
    assert_ne!(header(&over, "Message-ID"), root);
    assert_eq!(header(&over, "Subject").unwrap(), format!("Re: {}", header(&first, "Subject").unwrap()));
}

#[test]
fn a_post_mortem_is_as_many_messages_of_slack_as_it_needs_and_none_is_refused() {
    let text = format!("# Post-mortem\n{}\n{}", "<line>\n".repeat(10_000), "&".repeat(40_000));
    let messages = slack_texts("Post-mortem of i-7 (acme)", &text).unwrap();
    assert!(messages.len() > 1);
    let mut seen = String::new();
    for message in messages {
        let message: Value = serde_json::from_slice(&message).unwrap();
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        for block in &blocks[1..] {
            let text = block["text"]["text"].as_str().unwrap();
            assert!((1..=3_000).contains(&text.chars().count()));
            seen.push_str(text);
        }
    }
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!(letters(&seen), letters(&escaped), "nothing is lost");
}

#[test]
fn pagerduty_hears_each_stage_under_one_key() {
    let message = message("http_503");
    let event = |stage| sent(RouteKind::Pagerduty, &message, stage);
    let actions = [Stage::Raised, Stage::Acknowledged, Stage::Over].map(|stage| event(stage)["event_action"].clone());
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert_eq!(event(Stage::Raised)["dedup_key"], event(Stage::Over)["dedup_key"]);
    assert_eq!(event(Stage::Raised)["payload"]["severity"], "critical");
    assert_eq!(event(Stage::Raised)["links"][0]["href"], "https://agent.example/incidents/i-7");
}
