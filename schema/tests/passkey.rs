//! Passkeys: what an honest authenticator gives counts, and nothing else does.

#[path = "../../agent/tests/console/authenticator.rs"]
mod authenticator;

use assent_schema::passkey::{Assertion, BadPasskey, Ceremony, Passkey, PasskeyError, rp_of};
use authenticator::{Authenticator, FLAGS, Kind, Request};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const FILE: &[u8] = b"{\"type\":\"decision\"}";
const ORIGIN: &str = "https://console.harbor.example:8443";
const RP: &str = "console.harbor.example";
const LENA: Authenticator = Authenticator { kind: Kind::Es256, seed: 3 };
const TOM: Authenticator = Authenticator { kind: Kind::EdDsa, seed: 4 };

fn honest() -> Request {
    Request::new(FILE, ORIGIN, RP)
}

fn judged(assertion: &Assertion) -> Result<u32, PasskeyError> {
    let known = [LENA.passkey(RP), TOM.passkey(RP)].into();
    assertion.verify(&known, &Ceremony { file: FILE, origin: ORIGIN }).map(|used| used.count)
}

/// What becomes of an honest request that was bent, by both algorithms.
fn bent(change: impl Fn(&mut Request)) -> PasskeyError {
    let [one, other] = [LENA, TOM].map(|who| {
        let mut request = honest();
        change(&mut request);
        judged(&who.sign(&request)).expect_err("it counts")
    });
    assert_eq!(one, other);
    one
}

#[test]
fn an_honest_authenticator_counts_by_both_algorithms() {
    for who in [LENA, TOM] {
        assert_eq!(judged(&who.sign(&honest())), Ok(0));
        assert_eq!(judged(&who.sign(&Request { count: 77, ..honest() })), Ok(77));
        let synced = Request { flags: FLAGS | 0b1_1000, ..honest() };
        assert_eq!(judged(&who.sign(&synced)), Ok(0), "a passkey that is backed up");
        let extended = Request { flags: FLAGS | 0x80, after: b"\xa0".to_vec(), ..honest() };
        assert_eq!(judged(&who.sign(&extended)), Ok(0), "with extensions");
        let later = Request { rest: ",\"crossOrigin\":false,\"other_keys_can_be_added_here\":\"x\"", ..honest() };
        assert_eq!(judged(&who.sign(&later)), Ok(0), "with what later levels add");
        assert_eq!(judged(&who.sign(&Request { rest: "", ..honest() })), Ok(0), "an older browser");
    }
}

#[test]
fn what_was_made_elsewhere_or_for_something_else_is_refused() {
    let origins =
        ["https://console.harbor.example", "https://evil.example", "http://console.harbor.example:8443", "null"];
    for origin in origins {
        assert_eq!(bent(|r| r.origin = origin.to_owned()), PasskeyError::Origin, "{origin}");
    }
    assert_eq!(bent(|r| r.rp = "evil.example".into()), PasskeyError::Rp);
    assert_eq!(bent(|r| r.rp = "harbor.example".into()), PasskeyError::Rp);
    assert_eq!(bent(|r| r.file = b"another".to_vec()), PasskeyError::Challenge);
    assert_eq!(bent(|r| r.kind = "webauthn.create"), PasskeyError::Type);
    assert_eq!(bent(|r| r.kind = "payment.get"), PasskeyError::Type);
    assert_eq!(bent(|r| r.rest = ",\"crossOrigin\":true"), PasskeyError::Type);
    assert_eq!(bent(|r| r.rest = ",\"topOrigin\":\"https://evil.example\""), PasskeyError::Type);
    assert_eq!(bent(|r| r.rest = ",\"origin\":\"https://evil.example\""), PasskeyError::Form, "twice");
    assert_eq!(bent(|r| r.rest = ","), PasskeyError::Form);
}

#[test]
fn nobody_counts_who_did_not_touch_it_or_was_not_recognised() {
    assert_eq!(bent(|r| r.flags = 0b100), PasskeyError::UserPresence);
    assert_eq!(bent(|r| r.flags = 0b001), PasskeyError::UserVerification);
    assert_eq!(bent(|r| r.flags = 0), PasskeyError::UserPresence);
    assert_eq!(bent(|r| r.flags = FLAGS | 0b1_0000), PasskeyError::Form, "backed up, and may not be");
    assert_eq!(bent(|r| r.flags = FLAGS | 0x40), PasskeyError::Type, "carries a key");
    assert_eq!(bent(|r| r.flags = FLAGS | 0x80), PasskeyError::Type, "says extensions and has none");
    assert_eq!(bent(|r| r.after = b"\xa0".to_vec()), PasskeyError::Type, "has extensions and does not say so");
}

#[test]
fn a_key_counts_for_its_own_algorithm_and_its_own_credential() {
    let (lena, tom) = (LENA.sign(&honest()), TOM.sign(&honest()));
    let borrowed = Assertion { credential: lena.credential.clone(), ..tom.clone() };
    assert_eq!(judged(&borrowed), Err(PasskeyError::Mismatch), "an EdDSA signature under a key for ES256");
    let borrowed = Assertion { credential: tom.credential, ..lena.clone() };
    assert_eq!(judged(&borrowed), Err(PasskeyError::Mismatch), "an ES256 signature under a key for EdDSA");
    let stranger = Authenticator { kind: Kind::Es256, seed: 9 }.sign(&honest());
    assert_eq!(judged(&stranger), Err(PasskeyError::UnknownKey));
    let named = Assertion { credential: lena.credential, ..stranger };
    assert_eq!(judged(&named), Err(PasskeyError::Mismatch));
}

#[test]
fn any_changed_byte_is_refused() {
    for whole in [LENA.sign(&honest()), TOM.sign(&honest())] {
        for part in 0..3 {
            let field = |a: &Assertion| [&a.authenticator_data, &a.client_data, &a.signature][part].clone();
            let bytes = URL_SAFE_NO_PAD.decode(field(&whole)).unwrap();
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 1;
                let text = URL_SAFE_NO_PAD.encode(other);
                let mut changed = whole.clone();
                *[&mut changed.authenticator_data, &mut changed.client_data, &mut changed.signature][part] = text;
                assert_eq!(judged(&changed), Err(PasskeyError::Mismatch), "part {part}, byte {at}");
            }
        }
        for text in ["", "=", "AA==", "A", "+/", &"A".repeat(20_000)] {
            assert_eq!(judged(&Assertion { signature: text.into(), ..whole.clone() }), Err(PasskeyError::Form));
        }
    }
    // The same two numbers in longer DER.
    let whole = LENA.sign(&honest());
    let mut der = URL_SAFE_NO_PAD.decode(&whole.signature).unwrap();
    der.insert(1, 0x81);
    let longer = Assertion { signature: URL_SAFE_NO_PAD.encode(der), ..whole };
    assert_eq!(judged(&longer), Err(PasskeyError::Mismatch));
}

#[test]
fn a_line_has_one_spelling() {
    for who in [LENA, TOM] {
        let line = who.line(RP);
        assert_eq!(line.parse::<Passkey>().unwrap().to_string(), line);
        for bad in [
            format!("{line} comment"),
            line.replace(' ', "  "),
            line.replacen("passkey", "Passkey", 1),
            format!("{line}="),
        ] {
            assert_eq!(bad.parse::<Passkey>(), Err(BadPasskey::Form), "{bad}");
        }
        for rp in ["", "127.0.0.1", "Console.example", "a..b", "-a.example", "a.example.", "a_b", "a.example:8443"] {
            assert_eq!(who.line(rp).parse::<Passkey>(), Err(BadPasskey::Rp), "{rp}");
        }
        let of = |spki: &[u8]| format!("passkey {RP} {} {}", URL_SAFE_NO_PAD.encode([7; 16]), STANDARD.encode(spki));
        let spki = who.spki();
        assert!(of(&spki).parse::<Passkey>().is_ok());
        for at in [0, 1, 5, 8] {
            let mut other = spki.clone();
            other[at] ^= 1;
            assert_eq!(of(&other).parse::<Passkey>(), Err(BadPasskey::Key), "byte {at}");
        }
        assert_eq!(of(&spki[..spki.len() - 1]).parse::<Passkey>(), Err(BadPasskey::Key));
        assert_eq!(of(&[spki.as_slice(), &[0]].concat()).parse::<Passkey>(), Err(BadPasskey::Key));
    }
    let credential = |bytes: usize| {
        format!("passkey {RP} {} {}", URL_SAFE_NO_PAD.encode(vec![7; bytes]), STANDARD.encode(TOM.spki()))
    };
    assert_eq!(credential(15).parse::<Passkey>(), Err(BadPasskey::Credential));
    assert_eq!(credential(1_024).parse::<Passkey>(), Err(BadPasskey::Credential));
    assert!(credential(1_023).parse::<Passkey>().is_ok());
}

#[test]
fn points_that_no_honest_key_has_are_refused() {
    let of = |spki: Vec<u8>| {
        format!("passkey {RP} {} {}", URL_SAFE_NO_PAD.encode([7; 16]), STANDARD.encode(spki)).parse::<Passkey>()
    };
    let mut off_curve = LENA.spki();
    off_curve[90] ^= 1;
    let mut compressed = LENA.spki();
    compressed[26] = 2;
    let infinity = [&LENA.spki()[..26], &[0; 65]].concat();
    let small = [&TOM.spki()[..12], &[0; 32]].concat();
    let not_canonical = [&TOM.spki()[..12], &[0xff; 32]].concat();
    for spki in [off_curve, compressed, infinity, small, not_canonical] {
        assert_eq!(of(spki), Err(BadPasskey::Key));
    }
}

#[test]
fn a_registration_gives_the_line_that_its_assertions_count_by() {
    for who in [LENA, TOM] {
        let request = Request { kind: "webauthn.create", flags: FLAGS | 0x40, ..honest() };
        let ceremony = Ceremony { file: FILE, origin: ORIGIN };
        let made = |request: &Request| Passkey::register(&who.register(request), RP, &ceremony);
        assert_eq!(made(&request).unwrap().to_string(), who.line(RP));
        let extended = Request { flags: FLAGS | 0xc0, after: b"\xa0".to_vec(), ..request.clone() };
        assert!(made(&extended).is_ok());
        assert_eq!(made(&Request { flags: FLAGS, ..request.clone() }), Err(PasskeyError::Form), "no credential");
        assert_eq!(made(&Request { after: vec![0], ..request.clone() }), Err(PasskeyError::Form));
        assert_eq!(made(&Request { kind: "webauthn.get", ..request.clone() }), Err(PasskeyError::Type));
        assert_eq!(
            made(&Request { origin: "https://evil.example".into(), ..request.clone() }),
            Err(PasskeyError::Origin)
        );
        assert_eq!(made(&Request { flags: 0x44, ..request.clone() }), Err(PasskeyError::UserPresence));
        let mut other = who.register(&request);
        other.key = URL_SAFE_NO_PAD.encode(Authenticator { seed: 8, ..who }.spki());
        assert_eq!(Passkey::register(&other, RP, &ceremony), Err(PasskeyError::Form), "another key than it holds");
        let mut other = who.register(&request);
        other.credential = URL_SAFE_NO_PAD.encode([9; 32]);
        assert_eq!(Passkey::register(&other, RP, &ceremony), Err(PasskeyError::Form), "another name than it holds");
    }
}

#[test]
fn pages_have_a_site_by_their_name() {
    for (host, rp) in [
        ("localhost:8081", Some("localhost")),
        (ORIGIN.strip_prefix("https://").unwrap(), Some(RP)),
        ("127.0.0.1:8081", None),
        ("[::1]:1", None),
    ] {
        assert_eq!(rp_of(host), rp, "{host}");
    }
    // The same key on this machine without TLS, and on a page below the site.
    let on = |origin: &str, rp: &str| {
        let known = [LENA.passkey(rp)].into();
        LENA.sign(&Request::new(FILE, origin, rp)).verify(&known, &Ceremony { file: FILE, origin }).map(drop)
    };
    assert_eq!(on("http://localhost:8081", "localhost"), Ok(()));
    assert_eq!(on("https://eu.harbor.example", "harbor.example"), Ok(()));
    assert_eq!(on("http://eu.harbor.example", "harbor.example"), Err(PasskeyError::Rp), "without TLS");
    assert_eq!(on("https://evilharbor.example", "harbor.example"), Err(PasskeyError::Rp));
}
