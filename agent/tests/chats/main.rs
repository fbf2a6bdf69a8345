//! Decisions in chats and helpdesks, over real loopback HTTP: what is shown there, whose answer counts, and whose does not.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "what is not there fails the test")]

mod place;

use assent_schema::time::Moment;
use place::{LENA, Place, Press, Wanted, buttons, form, now, slack_signature};
use serde_json::Value;

#[expect(clippy::needless_pass_by_value, reason = "an answer is asked once")]
fn refused(answer: (u16, String)) -> String {
    let json: Value = serde_json::from_str(&answer.1).unwrap_or_default();
    json["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_press_of_a_mapped_account_decides_and_the_message_says_so() {
    let place = Place::new(Wanted::default());
    let (message, note) = place.asked(1_250, "secret words");
    let sent = form(&message.body);
    assert_eq!((message.path.as_str(), sent["channel"].as_str()), ("/api/chat.postMessage", LENA.1));
    assert!(sent["blocks"].contains("12.50 EUR") && sent["blocks"].contains("T-1"), "{}", sent["blocks"]);
    assert!(!sent["text"].contains("12.50") && !sent["blocks"].contains("secret words"), "{}", sent["text"]);
    assert!(note.path == "/tickets/T-1/notes" && note.body.contains("12.50 EUR"), "{}", note.body);
    let told = place.noted();
    let first = |what: &str| told.iter().position(|line| line == what).expect("an entry");
    assert!(first("intent - chat.post_message") < first("outcome - ok"), "{told:?}");
    let nonce = &buttons(&message)["assent_yes"];
    assert_eq!(place.press(&Press::yes(nonce)).0, 200);
    let mut reached = [place.next(), place.next(), place.next()];
    reached.sort_by(|a, b| a.path.cmp(&b.path));
    let [update, pay, note] = &reached;
    let paths = [&update.path, &pay.path, &note.path].map(String::as_str);
    assert_eq!(paths, ["/api/chat.update", "/pay", "/tickets/T-1/notes"]);
    let word = nonce.get(..16).expect("a word");
    assert!(
        note.body.contains("lena said yes at ")
            && note.body.contains(&format!("Z. ({word})"))
            && !note.body.contains("12.50"),
        "{}",
        note.body
    );
    let update = form(&update.body);
    assert!(update["blocks"].contains("lena said yes") && !update["blocks"].contains("12.50"), "{}", update["blocks"]);
    assert_eq!((update["ts"].as_str(), update["channel"].as_str()), ("1503435956.000247", "D024BE91L"));
    assert!(place.noted().iter().any(|line| line == "decided lena approve chat"), "the ledger says through what");
}

#[test]
fn a_note_of_a_mapped_account_decides_and_other_notes_do_not() {
    let place = Place::new(Wanted { pays: false, ..Wanted::default() });
    let (_, note) = place.asked(99_900, "x");
    let yes = note.body.split("yes ").nth(1).and_then(|rest| rest.get(..16)).expect("a word").to_owned();
    assert_eq!(place.note("n1", "agent-1", "I think yes, they should have it").0, 200);
    assert_eq!(place.note("n2", "bot", &format!("yes {yes}")).0, 200, "our own note");
    assert_eq!(refused(place.note("n3", "agent-2", &format!("no {yes}"))), "not_in_group");
    assert_eq!(refused(place.note("n4", "agent-9", &format!("yes {yes}"))), "not_in_group");
    assert_eq!(refused(place.note("n5", "agent-1", "yes 0123456789abcdef")), "not_waiting");
    assert_eq!(place.waiting(), 1, "none of them counts");
    assert_eq!(place.note("n6", "agent-1", &format!(" No\n{yes} ")).0, 200);
    assert!(place.noted().iter().any(|line| line == "decided lena refuse desk"));
    assert_eq!(place.waiting(), 0);
    let over = [place.next(), place.next()];
    let over = over.iter().find(|reached| reached.path == "/tickets/T-1/notes").expect("a note that says so");
    let says = over.body.contains("acme/refund: lena said no at ") && over.body.contains(&format!("Z. ({yes})"));
    assert!(says, "{}", over.body);
}

#[test]
fn forged_old_and_repeated_presses_are_refused_and_in_the_ledger() {
    let place = Place::new(Wanted::default());
    let (message, _) = place.asked(1_250, "x");
    let nonce = buttons(&message)["assent_yes"].clone();
    place.noted();
    let yes = Press::yes(&nonce);
    let later = |seconds: i64| Moment::from_seconds(now().seconds() + seconds);
    for (press, code) in [
        (Press { secret: b"another secret of slack", ..yes.clone() }, "bad_signature"),
        (Press { at: later(-400), ..yes.clone() }, "too_old"),
        (Press { at: later(400), ..yes.clone() }, "too_new"),
        (Press { by: (LENA.0, "U0OTTO"), ..yes.clone() }, "not_in_group"),
        (Press { by: (LENA.0, "U0NOBODY"), ..yes.clone() }, "not_in_group"),
        (Press { by: ("T0OTHER", LENA.1), ..yes.clone() }, "not_in_group"),
        (Press { value: &"0".repeat(64), ..yes.clone() }, "not_waiting"),
    ] {
        assert_eq!(refused(place.press(&press)), code);
        let noted = place.noted();
        assert!(noted.len() == 1 && noted[0].starts_with("refused ") && noted[0].ends_with(code), "{code}: {noted:?}");
    }
    let body = "payload=%7B%7D";
    assert_eq!(refused(place.post("/answers/acme/chat", &[], body.as_bytes())), "missing_header");
    let signed = slack_signature(place::SIGNING, now(), body);
    assert_eq!(place.post("/answers/acme/chat", &signed, body.as_bytes()).0, 200, "no press of a button");
    assert_eq!(place.post("/answers/acme/shop", &signed, body.as_bytes()).0, 404);
    assert_eq!(place.post("/answers/other/chat", &signed, body.as_bytes()).0, 404);
    assert_eq!(place.waiting(), 1);
    // The same press again, byte for byte: first it was refused as late by nobody, then it counts once.
    assert_eq!(place.press(&yes).0, 200);
    place.noted();
    assert_eq!(refused(place.press(&yes)), "replayed");
    assert!(place.noted().iter().any(|line| line == "refused - replayed"));
}

#[test]
fn a_field_above_what_slack_may_show_becomes_a_link_and_only_the_page_decides() {
    let show = &["trigger.ticket_id", "trigger.total", "trigger.text"];
    let place = Place::new(Wanted { show, pays: false, ..Wanted::default() });
    let (message, note) = place.asked(1_250, "secret words");
    assert!(!message.body.contains("secret"), "{}", message.body);
    let buttons = buttons(&message);
    assert_eq!(buttons.keys().collect::<Vec<_>>(), ["assent_open"]);
    let (page, nonce) = buttons["assent_open"].rsplit_once('/').expect("a link");
    assert_eq!(page, "https://console.example/decisions");
    // The helpdesk may show content, so there it can be answered.
    assert!(note.body.contains("secret words") && note.body.contains("yes "), "{}", note.body);
    place.noted();
    assert_eq!(place.press(&Press { action: "assent_open", ..Press::yes(nonce) }).0, 200, "a link decides nothing");
    assert_eq!(refused(place.press(&Press::yes(nonce))), "only_the_page");
    assert_eq!((place.noted(), place.waiting()), (vec!["refused lena only_the_page".to_owned()], 1));
}

#[test]
fn money_above_the_client_s_amount_needs_a_signature_and_authors_decide_on_none() {
    let place = Place::new(Wanted::default());
    let (message, note) = place.asked(5_001, "x");
    assert_eq!(buttons(&message).keys().collect::<Vec<_>>(), ["assent_open"]);
    assert!(!note.body.contains("To answer"), "{}", note.body);
    let nonce = buttons(&message)["assent_open"].rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(refused(place.press(&Press::yes(&nonce))), "too_weak");
    assert_eq!(place.waiting(), 1);

    let place = Place::new(Wanted { chat_up_to: None, ..Wanted::default() });
    let (message, _) = place.asked(1, "x");
    let nonce = buttons(&message)["assent_open"].rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(refused(place.press(&Press::yes(&nonce))), "too_weak");

    let place = Place::new(Wanted { author: Some("lena"), ..Wanted::default() });
    let (message, _) = place.asked(1_250, "x");
    assert_eq!(refused(place.press(&Press::yes(&buttons(&message)["assent_yes"]))), "author");
    assert_eq!(place.waiting(), 1);
    assert!(place.is_quiet(), "nothing was paid");
}

#[test]
fn text_from_outside_stays_text_in_both() {
    let show = &["trigger.ticket_id", "trigger.text"];
    let place = Place::new(Wanted { show, pays: false, shows: "content", ..Wanted::default() });
    let (message, note) =
        place.asked(1, "<!channel> <https://evil.example|Yes> & \u{202e}evil\nTo answer: yes 0000000000000000");
    let blocks = &form(&message.body)["blocks"];
    assert!(
        blocks.contains("&lt;!channel&gt;") && blocks.contains('\u{fffd}') && !blocks.contains("mrkdwn"),
        "{blocks}"
    );
    let sent: Value = serde_json::from_str(&note.body).expect("JSON");
    let text = sent["text"].as_str().expect("a text");
    assert!(text.contains("\n| To answer: yes 0000000000000000"), "{text}");
    assert!(text.lines().filter(|line| line.starts_with("To answer")).count() == 1, "{text}");
}
