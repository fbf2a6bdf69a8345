//! Passkeys: made for other pages, without their person, used again, copied, borrowed.
//!
//! Each row signs with an authenticator that does as it is told, and plays against the real listener over HTTP.

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../../agent/tests/console/authenticator.rs"]
mod authenticator;

use assent_schema::passkey::Assertion;
use authenticator::{Authenticator, Kind, Request};

use super::console::played::Place;
use super::console::{question, said};
use super::table::{Attack, Verdict, attack};

const LENA: Authenticator = Authenticator { kind: Kind::Es256, seed: 33 };
const SPARE: Authenticator = Authenticator { kind: Kind::EdDsa, seed: 34 };
const OTTO: Authenticator = Authenticator { kind: Kind::Es256, seed: 35 };

pub(crate) const ROOM: &[Attack] = &[
    attack("a decider signs in with a passkey", "accepted", honest),
    attack("a decider signs in with a passkey of the other algorithm", "accepted", spare),
    attack("a passkey signed on another site's page", "other_origin", other_origin),
    attack("a passkey signed on this host by another port", "other_origin", other_port),
    attack("a passkey signed for another relying party", "other_origin", other_rp),
    attack("a passkey signed in a frame of another site", "bad_signature", framed),
    attack("a passkey signed without a touch", "not_present", no_touch),
    attack("a passkey signed without seeing whose touch it was", "not_present", no_pin),
    attack("what a passkey signed is sent again", "bad_challenge", replayed),
    attack("what a passkey signed is sent after two minutes", "bad_challenge", late),
    attack("a passkey signed another challenge of this agent", "bad_signature", other_challenge),
    attack("a new passkey's first words are sent as a signature", "bad_signature", registration),
    attack("a passkey's count stands still", "counter_back", same_count),
    attack("a passkey's count goes back", "counter_back", lower_count),
    attack("a passkey that counted counts no more", "counter_back", no_count),
    attack("a signature of one algorithm is sent for a key of the other", "bad_signature", confused),
    attack("a decider signs in with another decider's passkey", "bad_signature", borrowed),
    attack("a passkey that no release lists signs in", "bad_signature", unlisted),
    attack("a program signs in with a passkey", "other_origin", program),
    attack("money is agreed to with a passkey", "accepted", money),
    attack("a passkey's no is sent as a yes", "409", other_choice),
    attack("a passkey's yes to another question is sent", "409", other_question),
    attack("a passkey's sign-in is sent as a yes", "401", sign_in_as_yes),
    attack("a passkey's yes is sent again", "404", yes_again),
];

fn place() -> Place {
    let place = Place::new().by_name();
    place.list("lena", &LENA.line("localhost"));
    place.list("lena", &SPARE.line("localhost"));
    place.list("otto", &OTTO.line("localhost"));
    place
}

/// A challenge for Lena.
fn challenge(place: &Place) -> String {
    place.send("/sign-in", "", &[("person", "lena"), ("client", "acme")]).field("challenge")
}

fn honestly(place: &Place, file: &str) -> Request {
    Request::new(file.as_bytes(), &place.origin(), "localhost")
}

fn sent(place: &Place, challenge: &str, assertion: &Assertion) -> Verdict {
    let passkey = serde_json::to_string(assertion).expect("json");
    let answer = place.send("/sign-in/proof", "", &[("challenge", challenge), ("passkey", &passkey)]);
    if answer.header("set-cookie").is_some() { Verdict::accepted() } else { said(place, answer.status) }
}

/// Signs in at a place with a request that was bent.
fn enters(place: &Place, by: Authenticator, bend: impl FnOnce(&mut Request)) -> Verdict {
    let challenge = challenge(place);
    let mut request = honestly(place, &challenge);
    bend(&mut request);
    sent(place, &challenge, &by.sign(&request))
}

fn bent(bend: impl FnOnce(&mut Request)) -> Verdict {
    enters(&place(), LENA, bend)
}

fn honest() -> Verdict {
    bent(|_| {})
}

fn spare() -> Verdict {
    enters(&place(), SPARE, |_| {})
}

fn other_origin() -> Verdict {
    bent(|request| request.origin = "https://evil.example".into())
}

fn other_port() -> Verdict {
    bent(|request| request.origin = "http://localhost:1".into())
}

fn other_rp() -> Verdict {
    bent(|request| request.rp = "evil.example".into())
}

fn framed() -> Verdict {
    bent(|request| request.rest = ",\"crossOrigin\":true")
}

fn no_touch() -> Verdict {
    bent(|request| request.flags = 0b100)
}

fn no_pin() -> Verdict {
    bent(|request| request.flags = 0b001)
}

fn replayed() -> Verdict {
    let place = place();
    let challenge = challenge(&place);
    let assertion = LENA.sign(&honestly(&place, &challenge));
    assert_eq!(sent(&place, &challenge, &assertion), Verdict::accepted());
    sent(&place, &challenge, &assertion)
}

fn late() -> Verdict {
    let place = place();
    let challenge = challenge(&place);
    let assertion = LENA.sign(&honestly(&place, &challenge));
    place.pass(120);
    sent(&place, &challenge, &assertion)
}

fn other_challenge() -> Verdict {
    let place = place();
    let (one, other) = (challenge(&place), challenge(&place));
    sent(&place, &one, &LENA.sign(&honestly(&place, &other)))
}

fn registration() -> Verdict {
    bent(|request| request.kind = "webauthn.create")
}

fn counts(first: u32, second: u32) -> Verdict {
    let place = place();
    assert_eq!(enters(&place, LENA, |request| request.count = first), Verdict::accepted());
    assert_eq!(enters(&place, SPARE, |request| request.count = 1), Verdict::accepted(), "each counts by itself");
    enters(&place, LENA, |request| request.count = second)
}

fn same_count() -> Verdict {
    assert_eq!(counts(7, 8), Verdict::accepted());
    counts(7, 7)
}

fn lower_count() -> Verdict {
    counts(7, 6)
}

fn no_count() -> Verdict {
    counts(7, 0)
}

fn confused() -> Verdict {
    let place = place();
    let challenge = challenge(&place);
    let request = honestly(&place, &challenge);
    let other = SPARE.sign(&request);
    let assertion = Assertion { credential: LENA.sign(&request).credential, ..other };
    sent(&place, &challenge, &assertion)
}

fn borrowed() -> Verdict {
    enters(&place(), OTTO, |_| {})
}

fn unlisted() -> Verdict {
    enters(&Place::new().by_name(), LENA, |_| {})
}

fn program() -> Verdict {
    let place = place();
    let challenge = place.ask("POST", "/sign-in/challenge", &[], r#"{"client":"acme","person":"lena"}"#).body;
    let assertion = LENA.sign(&honestly(&place, &challenge));
    let signed = serde_json::json!({"challenge": challenge, "signature": assertion}).to_string();
    let answer = place.ask("POST", "/sign-in/links", &[], &signed);
    if answer.status == 200 { Verdict::accepted() } else { said(&place, answer.status) }
}

/// Lena's decision on the refund: the hash of what was shown, and the file to sign.
fn decision(place: &Place, cookie: &str, choice: &str) -> (String, String) {
    let shown = place.look(&question(7), cookie).field("shown");
    let page = place.act(&question(7), cookie, &[("shown", &shown), ("choice", choice)]);
    assert!(page.body.contains("data-passkey"), "the page offers no passkey");
    (shown, page.field("decision"))
}

fn answers(place: &Place, cookie: &str, (shown, choice, decision): (&str, &str, &str), by: &Assertion) -> Verdict {
    let passkey = serde_json::to_string(by).expect("json");
    let fields = [("shown", shown), ("choice", choice), ("decision", decision), ("passkey", &passkey)];
    let answer = place.act(&question(7), cookie, &fields);
    if answer.status == 200 {
        assert!(place.done().concat().contains("signed by passkey"));
        return Verdict::accepted();
    }
    place.noted();
    said(place, answer.status)
}

fn money() -> Verdict {
    let place = place();
    let cookie = place.sign_in("lena");
    let (shown, file) = decision(&place, &cookie, "approve");
    answers(&place, &cookie, (&shown, "approve", &file), &LENA.sign(&honestly(&place, &file)))
}

fn other_choice() -> Verdict {
    let place = place();
    let cookie = place.sign_in("lena");
    let (shown, file) = decision(&place, &cookie, "refuse");
    answers(&place, &cookie, (&shown, "approve", &file), &LENA.sign(&honestly(&place, &file)))
}

fn other_question() -> Verdict {
    let place = place();
    let cookie = place.sign_in("lena");
    let (shown, file) = decision(&place, &cookie, "approve");
    let other = file.replace("\"person\":\"lena\"", "\"person\":\"otto\"");
    answers(&place, &cookie, (&shown, "approve", &other), &LENA.sign(&honestly(&place, &other)))
}

fn sign_in_as_yes() -> Verdict {
    let place = place();
    let cookie = place.sign_in("lena");
    let (shown, file) = decision(&place, &cookie, "approve");
    let challenge = challenge(&place);
    answers(&place, &cookie, (&shown, "approve", &file), &LENA.sign(&honestly(&place, &challenge)))
}

fn yes_again() -> Verdict {
    let place = place();
    let cookie = place.sign_in("lena");
    let (shown, file) = decision(&place, &cookie, "approve");
    let assertion = LENA.sign(&honestly(&place, &file));
    assert_eq!(answers(&place, &cookie, (&shown, "approve", &file), &assertion), Verdict::accepted());
    answers(&place, &cookie, (&shown, "approve", &file), &assertion)
}
