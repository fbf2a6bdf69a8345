//! Events of every webhook dialect that the other APIs do not speak: one API for each, which sends one kind of event.

use super::workflow::{Build, Value, keyed};

/// What a helpdesk has besides, by which people are asked on a record.
const HELPDESK: &str = r#"[channel]
kind = "helpdesk"
post = "ask"
event = "note.written"

[event."note.written"]
record = "answer"
match = { kind = "note" }
[event."note.written".fields]
ticket = { type = "token", class = "reference", written_by = "system" }
by = { at = "author", type = "token", class = "reference", written_by = "system" }
text = { type = "text", most_bytes = 1000, class = "content" }

[operation.ask]
record = "question"
method = "POST"
path = "/tickets/{ticket}/notes"
scopes = ["notes:write"]
effect = "draft"
not_executed = [429]
[operation.ask.params]
ticket = { in = "path", type = "token", class = "reference", target = true }
text = { in = "body", type = "text", most_bytes = 8000, class = "content" }

[webhook]"#;

/// An API that signs its events in one way.
pub(super) struct Horn {
    /// What the generator calls it.
    pub(super) role: &'static str,
    /// Its way of signing.
    dialect: &'static str,
    /// What tells one delivery from others, where no signed id does.
    once: &'static str,
    /// Whether what it sends is signed: else a read has to confirm it first.
    signs: bool,
    /// How it signs, where the dialect is parts.
    parts: &'static str,
}

const fn horn(role: &'static str, dialect: &'static str, once: &'static str) -> Horn {
    Horn { role, dialect, once, signs: true, parts: "" }
}

const fn by_parts(role: &'static str, parts: &'static str) -> Horn {
    Horn { role, dialect: "hmac", once: "\"blow\"", signs: true, parts }
}

/// All of them.
pub(super) const HORNS: [Horn; 15] = [
    horn("stripe", "stripe", ""),
    horn("github", "github", "\"blow\""),
    horn("shopify", "shopify", "\"blow\""),
    horn("zendesk", "zendesk", ""),
    horn("slack", "slack", ""),
    horn("intercom", "intercom", "\"blow\""),
    horn("front", "front", ""),
    horn("adyen", "adyen", "\"blow\""),
    horn("hubspot", "hubspot", "[\"blow\", \"order_id\"]"),
    horn("twilio", "twilio", "\"blow\""),
    Horn { role: "mailgun", dialect: "mailgun", once: "", signs: false, parts: "" },
    by_parts("xero", "header = \"X-Xero-Signature\"\nencoding = \"base64\"\n"),
    by_parts(
        "timed",
        "header = \"X-Signature\"\nencoding = \"hex\"\nprefix = \"v1=\"\nsigned = \"{time}.{body}\"\n\
         time_header = \"X-Time\"\ntime = \"seconds\"\ntolerance = \"2m\"\n",
    ),
    by_parts(
        "precise",
        "header = \"X-Signature\"\nencoding = \"hex\"\nsigned = \"v0:{time}:{body}\"\ntime_header = \"X-Time\"\n\
         time = \"milliseconds\"\n",
    ),
    by_parts(
        "dated",
        "header = \"X-Signature\"\nencoding = \"hex\"\nsigned = \"{body}{time}\"\ntime_header = \"X-Date\"\ntime = \"iso\"\n",
    ),
];

impl Horn {
    /// The integration.
    pub(super) fn text(&self) -> String {
        let once = if self.once.is_empty() { String::new() } else { format!("once = {}", self.once) };
        let (kind, order, blow) = match self.dialect {
            "adyen" => (
                "notificationItems.0.NotificationRequestItem.eventCode",
                "notificationItems.0.NotificationRequestItem.merchantReference",
                "notificationItems.0.NotificationRequestItem.pspReference",
            ),
            _ => ("kind", "order", "blow"),
        };
        let of = if self.dialect == "hubspot" { "integer" } else { "token" };
        let words = [
            ("DIALECT", self.dialect),
            ("MATCH", kind),
            ("ONCE", &once),
            ("ORDER", order),
            ("BLOW", blow),
            ("TYPE", of),
        ];
        let text =
            words.iter().fold(include_str!("horn.toml").to_owned(), |text, (word, with)| text.replace(word, with));
        let slot = "slot = \"webhook\"\n";
        let text = text.replacen(slot, &[slot, self.parts].concat(), 1);
        if self.dialect == "zendesk" { text.replacen("[webhook]", HELPDESK, 1) } else { text }
    }

    /// What it sends, as the event of a scenario.
    fn event(&self) -> String {
        let body = match self.dialect {
            "adyen" => {
                "notificationItems = [{ NotificationRequestItem = { eventCode = \"blown\", merchantReference = \"1017\", pspReference = \"1017\" } }]"
            }
            "hubspot" => "kind = \"blown\"\norder = \"1017\"\nblow = 7",
            _ => "kind = \"blown\"\norder = \"1017\"\nblow = \"1017\"",
        };
        format!("[scenario.event]\n{body}\n")
    }
}

/// What starts runs: one of the events, and what else a trigger has.
pub(super) fn blown(build: &mut Build) -> (String, String, String, String) {
    let horn = build.dice.pick(&HORNS).unwrap_or(&HORNS[0]);
    let connection = build.connection(horn.role);
    let text = format!("[trigger.webhook]\nconnection = \"{connection}\"\nevent = \"horn.blown\"\n");
    if horn.signs {
        build.order_ids.push(Value { path: "trigger.order_id".to_owned(), guard: String::new(), swayed: false });
        build.keyed_by_order = true;
        let limits = keyed(build, "trigger.order_id");
        return (text, limits, String::new(), horn.event());
    }
    build.confirmed();
    (text, "one_at_a_time = \"trigger.order_id\"\n".to_owned(), String::new(), horn.event())
}
