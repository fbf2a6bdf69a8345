//! Decisions in chats and helpdesks: forged, borrowed, repeated and late presses, accounts of others, texts that want to be more.
//!
//! Each row plays against the real listener over HTTP, with a Slack and a helpdesk that stand in for the real ones.

#[expect(dead_code, reason = "the agent's own tests use more of it")]
#[path = "../../agent/tests/chats/place.rs"]
mod place;

use assent_schema::time::Moment;
use place::{LENA, Place, Press, SIGNING, Wanted, buttons, now, slack_signature};

use super::table::{Attack, Verdict, attack};

pub(crate) const ROOM: &[Attack] = &[
    attack("a press of a button by an account of the group", "accepted", honest),
    attack("a note by an account of the group", "accepted", honest_note),
    attack("a press that nobody signed", "missing_header", unsigned),
    attack("a press that somebody else signed", "bad_signature", forged),
    attack("a press whose choice was changed on its way", "bad_signature", changed),
    attack("a press that Slack signed six minutes ago", "too_old", old),
    attack("a press that Slack will sign in six minutes", "too_new", early),
    attack("a press that was taken is sent again", "replayed", repeated),
    attack("a press by an account of another group", "not_in_group", other_group),
    attack("a press by an account that is nobody's", "not_in_group", nobody),
    attack("a press by the same user id in another workspace", "not_in_group", other_workspace),
    attack("a press about a question that nobody asks", "not_waiting", other_question),
    attack("a press about a question of another connection", "404", other_connection),
    attack("a press where not everything may be shown", "only_the_page", hidden),
    attack("a press about money above what chats decide", "too_weak", above),
    attack("a press about money where the client named no amount", "too_weak", unnamed),
    attack("a press by who wrote the workflow, about money", "author", author),
    attack("a press with two answers in it", "bad_form", two_answers),
    attack("a press of the button that opens the page", "nothing", link),
    attack("a note by an account of another group", "not_in_group", other_agent),
    attack("a note that guesses the word of a question", "not_waiting", guessed),
    attack("a note that only quotes the question", "nothing", quoted),
    attack("a note of our own connection", "nothing", own),
    attack("a note that nobody signed", "missing_header", unsigned_note),
];

/// What became of it: `accepted` where it was decided, the code where it was not.
fn judged(place: &Place, (status, answer): (u16, String)) -> Verdict {
    let json: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    let noted = place.noted();
    match json["code"].as_str() {
        Some("decided") => {
            assert!(
                place.waiting() == 0 && noted.iter().any(|line| line.starts_with("decided lena approve")),
                "{noted:?}"
            );
            Verdict::accepted()
        }
        Some("ignored") if place.waiting() == 1 && noted.is_empty() => Verdict::new("nothing", ""),
        Some(code) if code != "unknown" => {
            let told = noted.iter().any(|line| line.starts_with("refused") && line.ends_with(code));
            assert!(told || code == "not_found", "the ledger does not know of it: {noted:?}");
            Verdict::new(code, noted.join("; "))
        }
        _ => Verdict::new(status.to_string(), answer),
    }
}

/// A question of 12.50 EUR as it reaches Slack, and one press.
fn pressed(wanted: Wanted, change: impl FnOnce(&mut Press<'_>)) -> Verdict {
    let place = Place::new(wanted);
    let (message, _) = place.asked(1_250, "x");
    place.noted();
    let buttons = buttons(&message);
    let value = buttons.get("assent_yes").or_else(|| buttons.get("assent_open")).expect("a button");
    let mut press = Press::yes(value.rsplit('/').next().expect("a nonce"));
    change(&mut press);
    let answer = place.press(&press);
    judged(&place, answer)
}

fn later(seconds: i64) -> Moment {
    Moment::from_seconds(now().seconds() + seconds)
}

fn honest() -> Verdict {
    pressed(Wanted::default(), |_| {})
}

fn unsigned() -> Verdict {
    let place = Place::new(Wanted::default());
    place.asked(1_250, "x");
    place.noted();
    let answer = place.post("/answers/acme/chat", &[], b"payload=%7B%7D");
    judged(&place, answer)
}

fn forged() -> Verdict {
    pressed(Wanted::default(), |press| press.secret = b"another secret of slack")
}

fn changed() -> Verdict {
    let place = Place::new(Wanted::default());
    let (message, _) = place.asked(1_250, "x");
    place.noted();
    let nonce = buttons(&message)["assent_yes"].clone();
    let no = Press { action: "assent_no", ..Press::yes(&nonce) }.body();
    let signed = slack_signature(SIGNING, now(), &no);
    let answer = place.post("/answers/acme/chat", &signed, no.replace("assent_no", "assent_yes").as_bytes());
    judged(&place, answer)
}

fn old() -> Verdict {
    pressed(Wanted::default(), |press| press.at = later(-360))
}

fn early() -> Verdict {
    pressed(Wanted::default(), |press| press.at = later(360))
}

fn repeated() -> Verdict {
    let place = Place::new(Wanted::default());
    let (message, _) = place.asked(1_250, "x");
    let press = buttons(&message)["assent_yes"].clone();
    let press = Press::yes(&press);
    assert_eq!(place.press(&press).0, 200);
    let answer = place.press(&press);
    judged(&place, answer)
}

fn other_group() -> Verdict {
    pressed(Wanted::default(), |press| press.by = (LENA.0, "U0OTTO"))
}

fn nobody() -> Verdict {
    pressed(Wanted::default(), |press| press.by = (LENA.0, "U0NOBODY"))
}

fn other_workspace() -> Verdict {
    pressed(Wanted::default(), |press| press.by = ("T0OTHER", LENA.1))
}

fn other_question() -> Verdict {
    pressed(Wanted::default(), |press| press.value = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")
}

fn other_connection() -> Verdict {
    let place = Place::new(Wanted::default());
    let (message, _) = place.asked(1_250, "x");
    place.noted();
    let nonce = buttons(&message)["assent_yes"].clone();
    let body = Press::yes(&nonce).body();
    let answer = place.post("/answers/acme/shop", &slack_signature(SIGNING, now(), &body), body.as_bytes());
    judged(&place, answer)
}

fn hidden() -> Verdict {
    let show = &["trigger.ticket_id", "trigger.total", "trigger.text"];
    pressed(Wanted { show, pays: false, ..Wanted::default() }, |_| {})
}

fn above() -> Verdict {
    pressed(Wanted { chat_up_to: Some(1_249), ..Wanted::default() }, |_| {})
}

fn unnamed() -> Verdict {
    pressed(Wanted { chat_up_to: None, ..Wanted::default() }, |_| {})
}

fn author() -> Verdict {
    pressed(Wanted { author: Some("lena"), ..Wanted::default() }, |_| {})
}

fn two_answers() -> Verdict {
    let place = Place::new(Wanted::default());
    let (message, _) = place.asked(1_250, "x");
    place.noted();
    let nonce = buttons(&message)["assent_yes"].clone();
    let body = format!("{0}&{0}", Press::yes(&nonce).body());
    let answer = place.post("/answers/acme/chat", &slack_signature(SIGNING, now(), &body), body.as_bytes());
    judged(&place, answer)
}

fn link() -> Verdict {
    pressed(Wanted::default(), |press| press.action = "assent_open")
}

/// A question as it stands in the helpdesk, and one note: by whom, and what of its word.
fn noted(by: &str, text: impl FnOnce(&str) -> String) -> Verdict {
    let place = Place::new(Wanted::default());
    let (_, note) = place.asked(1_250, "x");
    place.noted();
    let word = note.body.split("yes ").nth(1).and_then(|rest| rest.get(..16)).expect("a word");
    let answer = place.note("n1", by, &text(word));
    judged(&place, answer)
}

fn honest_note() -> Verdict {
    noted("agent-1", |word| format!("yes {word}"))
}

fn other_agent() -> Verdict {
    noted("agent-2", |word| format!("yes {word}"))
}

fn guessed() -> Verdict {
    noted("agent-1", |_| "yes 0123456789abcdef".to_owned())
}

fn quoted() -> Verdict {
    noted("agent-1", |word| format!("> yes {word}"))
}

fn own() -> Verdict {
    noted("bot", |word| format!("yes {word}"))
}

fn unsigned_note() -> Verdict {
    let place = Place::new(Wanted::default());
    place.asked(1_250, "x");
    place.noted();
    let answer = place.post("/answers/acme/desk", &[], b"{}");
    judged(&place, answer)
}
