//! Making a passkey at the console: the line for a signed file, and nothing for what is none.

use crate::authenticator::{Authenticator, FLAGS, Kind, Request};
use crate::played::Place;

const NEW: Authenticator = Authenticator { kind: Kind::EdDsa, seed: 40 };

/// The challenge that the page gives, as bytes whose hash it is, are the session's own; a test reads it off the page and signs
/// client data that holds it.
fn made(place: &Place, cookie: &str, by: Authenticator, bend: impl FnOnce(&mut String)) -> (u16, String) {
    let page = place.look("/passkey", cookie).body;
    let challenge =
        page.split("data-challenge=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a challenge");
    let request =
        Request { kind: "webauthn.create", flags: FLAGS | 0x40, ..Request::new(b"", &place.origin(), "localhost") };
    let mut registration = by.register(&request);
    let mut client =
        format!("{{\"type\":\"webauthn.create\",\"challenge\":\"{challenge}\",\"origin\":\"{}\"}}", place.origin());
    bend(&mut client);
    registration.client_data = authenticator_text(client.as_bytes());
    let answer = place.act("/passkey", cookie, &[("passkey", &serde_json::to_string(&registration).expect("json"))]);
    (answer.status, answer.body)
}

fn authenticator_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_new_passkey_is_a_line_for_a_signed_file_and_grants_nothing() {
    let place = Place::new().by_name();
    for (person, file) in [("lena", "client.toml"), ("alice", "assent trust root --passkey alice=")] {
        let cookie = place.sign_in(person);
        place.noted();
        let (status, body) = made(&place, &cookie, NEW, |_| {});
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(&NEW.line("localhost")) && body.contains(file), "{body}");
        let noted = place.noted();
        assert!(noted.iter().any(|line| line.ends_with(&format!("viewed {person} new-passkey"))), "{noted:?}");
        assert!(place.look("/passkey", &cookie).body.contains("lists none for you"));
    }
}

#[test]
fn what_another_page_or_session_made_is_no_passkey() {
    let place = Place::new().by_name();
    let lena = place.sign_in("lena");
    let evil = |client: &mut String| *client = client.replace(&place.origin(), "https://evil.example");
    assert_eq!(made(&place, &lena, NEW, evil).0, 400);
    let other = |client: &mut String| *client = client.replacen("challenge\":\"", "challenge\":\"x", 1);
    assert_eq!(made(&place, &lena, NEW, other).0, 400);
    for bad in ["", "{}", "[]", "null"] {
        assert_eq!(place.act("/passkey", &lena, &[("passkey", bad)]).status, 400, "{bad}");
    }
    let numbers = Place::new();
    let cookie = numbers.sign_in("lena");
    let page = numbers.look("/passkey", &cookie);
    assert!(
        page.status == 200 && page.body.contains("Passkeys need a host name") && !page.body.contains("data-passkey")
    );
}
