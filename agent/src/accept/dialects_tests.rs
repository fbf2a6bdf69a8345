//! Each dialect against what its provider publishes, and against everything that is nearly right.
//!
//! GitHub, Slack: the worked examples of their pages. Zendesk: the test secret of its page. Stripe, Shopify and that one
//! publish no whole example, nor do Intercom, Front and Mailgun; their expected signatures come from another implementation (Python's `hmac`).

use assent_schema::plan::Dialect;
use assent_schema::time::Moment;

use crate::accept::webhook::{Authentic, Delivery, Refused, Scheme, Secrets, verify};

struct Example {
    dialect: Dialect,
    secret: &'static str,
    body: &'static str,
    headers: &'static [(&'static str, &'static str)],
    at: i64,
    has_time: bool,
}

const GITHUB: Example = Example {
    dialect: Dialect::Github,
    secret: "It's a Secret to Everybody",
    body: "Hello, World!",
    headers: &[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
    at: 0,
    has_time: false,
};

const SHOPIFY: Example = Example {
    dialect: Dialect::Shopify,
    secret: "shop-secret",
    body: r#"{"id":1}"#,
    headers: &[("x-shopify-hmac-sha256", "plW8VGqq0nDMIEhDqaNNW99asdUCy7EIqLZVcQwtAZ0=")],
    at: 0,
    has_time: false,
};

const STRIPE: Example = Example {
    dialect: Dialect::Stripe,
    secret: "whsec_test_secret",
    body: r#"{"id":"evt_1","object":"event"}"#,
    headers: &[(
        "stripe-signature",
        "t=1614265330,v1=42b3d2b2181207b6b299df380bf37599bb895dc182467ba12e046b1916c4cd19,v0=00",
    )],
    at: 1_614_265_330,
    has_time: true,
};

const ZENDESK: Example = Example {
    dialect: Dialect::Zendesk,
    secret: "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=",
    body: r#"{"say": "hello"}"#,
    headers: &[
        ("x-zendesk-webhook-signature", "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk="),
        ("x-zendesk-webhook-signature-timestamp", "2021-07-25T10:00:00Z"),
    ],
    at: 1_627_207_200,
    has_time: true,
};

const SLACK: Example = Example {
    dialect: Dialect::Slack,
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    headers: &[
        ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ("x-slack-request-timestamp", "1531420618"),
    ],
    at: 1_531_420_618,
    has_time: true,
};

const INTERCOM: Example = Example {
    dialect: Dialect::Intercom,
    secret: "intercom-client-secret",
    body: r#"{"type":"notification_event","topic":"ticket.created"}"#,
    headers: &[("x-hub-signature", "sha1=1bae6f8363f4823947020bfcb1766566c06c6986")],
    at: 0,
    has_time: false,
};

const FRONT: Example = Example {
    dialect: Dialect::Front,
    secret: "front-signing-key",
    body: r#"{"type":"inbound_received","payload":{"id":"evt_1"}}"#,
    headers: &[
        ("x-front-signature", "oBauoMs1B/OlqhugAWDtKRqRZenpn3Ak21yLn4ztYVE="),
        ("x-front-request-timestamp", "1614265330123"),
    ],
    at: 1_614_265_330,
    has_time: true,
};

const TOKEN: Example = Example {
    dialect: Dialect::Token,
    secret: "a-long-shared-token",
    body: r#"{"id":1}"#,
    headers: &[("x-token", "a-long-shared-token")],
    at: 0,
    has_time: false,
};

/// The example of HubSpot's library for Python, `tests/unit/test_utils/test_signature.py`.
const HUBSPOT: Example = Example {
    dialect: Dialect::Hubspot,
    secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    body: "{'example_field':'example_value'}",
    headers: &[
        ("x-hubspot-signature-v3", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        ("x-hubspot-request-timestamp", "1693657560000"),
        ("host", "www.example.com"),
        (":path", "/webhook_uri"),
    ],
    at: 1_693_657_560,
    has_time: true,
};

const ALL: [&Example; 9] = [&GITHUB, &SHOPIFY, &STRIPE, &ZENDESK, &SLACK, &INTERCOM, &FRONT, &HUBSPOT, &TOKEN];

fn named(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The examples of Twilio's libraries, `tests/unit/test_request_validator.py` of the one for Python. Their secret is shorter
/// than any that an agent takes, so that what is signed is compared alone.
#[test]
fn what_twilio_publishes_verifies() {
    use hmac::Mac as _;
    let address = [("host", "mycompany.com"), (":path", "/myapp.php?foo=1&bar=2")];
    let call = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    for (body, signature, genuine) in [
        (call, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", true),
        ("Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU=", true),
        (&call.replace("1234&", "1235&"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", false),
        (&format!("{call}&More=1"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", false),
    ] {
        let headers = named(&[&address[..], &[("x-twilio-signature", signature)]].concat());
        let delivery = Delivery { headers: &headers, body: body.as_bytes() };
        let claim = super::read(Scheme { dialect: Dialect::Twilio, header: None, hmac: None }, delivery).ok().unwrap();
        let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"12345").unwrap();
        mac.update(&claim.signed);
        assert_eq!(mac.verify_slice(&claim.proofs[0]).is_ok(), genuine, "{body}");
    }
    let headers = named(&[&address[..], &[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]].concat());
    let secrets = Secrets { current: b"a token that is long enough", previous: None };
    let check = |body: &str, headers: &[(String, Vec<u8>)]| {
        let scheme = Scheme { dialect: Dialect::Twilio, header: None, hmac: None };
        verify(scheme, Delivery { headers, body: body.as_bytes() }, secrets, Moment::from_seconds(0), &[7; 32]).err()
    };
    assert_eq!(check(call, &headers), Some(Refused::BadSignature));
    assert_eq!(check(r#"{"CallSid":"CA1"}"#, &headers), Some(Refused::NotJson));
    assert_eq!(check(call, &headers[1..]), Some(Refused::MissingHeader));
}

/// Form and names are those of Mailgun's page, which publishes no secret; its signature is another implementation's.
#[test]
fn of_mailgun_a_time_and_a_token_are_signed_and_a_token_counts_once() {
    const TOKEN: &str = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123";
    const OWN: &str = "adbb83c91c8abbcfd4e37393fb3b2fa9675c9672c7510e241669951d5f8b7537";
    const ABOVE: &str = "a28c3226597f4c9f4745391a3ab6778eebcf7d1f01c60bf8ab3cf4820cfb1831";
    let check = |secret: &str, at: i64, changed: &[(&str, &str)]| {
        let body = format!(
            r#"{{"signature":{{"timestamp":"1770920772","token":"{TOKEN}","signature":"{OWN}","parent-signature":"{ABOVE}"}},"event-data":{{"event":"failed"}}}}"#
        );
        let body = changed.iter().fold(body, |body, (was, is)| body.replace(was, is));
        let scheme = Scheme { dialect: Dialect::Mailgun, header: None, hmac: None };
        let secrets = Secrets { current: secret.as_bytes(), previous: None };
        let delivery = Delivery { headers: &[], body: body.as_bytes() };
        verify(scheme, delivery, secrets, Moment::from_seconds(at), &[7; 32])
    };
    let own = "mailgun-signing-key";
    let genuine = check(own, 1_770_920_772, &[]).ok().unwrap();
    assert_eq!(genuine.id, TOKEN);
    assert!(check("account-above-key", 1_770_920_772, &[]).is_ok(), "the key of the account above");
    // Nothing else is signed, so another message with the same token is the same delivery.
    assert!(check(own, 1_770_920_772, &[("failed", "delivered")]).is_ok_and(|other| other.keys == genuine.keys));
    for (at, changed, refused) in [
        (1_770_921_073, ("", ""), Refused::TooOld),
        (1_770_920_471, ("", ""), Refused::TooNew),
        (1_770_920_772, ("600e123", "600e124"), Refused::BadSignature),
        (1_770_920_772, ("1770920772", "1770920773"), Refused::BadSignature),
        (1_770_920_772, ("600e123", "600e12"), Refused::BadBody),
        (1_770_920_772, ("1770920772", "17709207.2"), Refused::BadBody),
        (1_770_920_772, ("token", "tokens"), Refused::BadBody),
    ] {
        assert_eq!(check(own, at, &[changed]).err(), Some(refused), "{changed:?}");
    }
    assert_eq!(check("another key, as long", 1_770_920_772, &[]).err(), Some(Refused::BadSignature));
}

fn headers(example: &Example) -> Vec<(String, Vec<u8>)> {
    example.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn check_with(
    example: &Example,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    secrets: Secrets<'_>,
    later: i64,
) -> Result<Authentic, Refused> {
    let scheme = Scheme { dialect: example.dialect, header: Some("x-token"), hmac: None };
    verify(scheme, Delivery { headers, body }, secrets, Moment::from_seconds(example.at + later), &[7; 32])
}

fn check(example: &Example, headers: &[(String, Vec<u8>)], body: &[u8]) -> Option<Refused> {
    let secrets = Secrets { current: example.secret.as_bytes(), previous: None };
    check_with(example, headers, body, secrets, 0).err()
}

#[test]
fn what_the_providers_publish_verifies() {
    for example in ALL {
        assert_eq!(check(example, &headers(example), example.body.as_bytes()), None, "{:?}", example.dialect);
    }
}

/// The same event, signed anew with another time.
fn signed_anew(example: &Example, later: i64, invocation: Option<&str>) -> Vec<(String, Vec<u8>)> {
    use base64::Engine as _;
    use hmac::Mac as _;
    let at = example.at + later;
    let time = match example.dialect {
        Dialect::Zendesk => Moment::from_seconds(at).to_string(),
        _ => at.to_string(),
    };
    let signed = match example.dialect {
        Dialect::Stripe => format!("{time}.{}", example.body),
        Dialect::Zendesk => format!("{time}{}", example.body),
        Dialect::Slack => format!("v0:{time}:{}", example.body),
        _ => panic!("it signs no time"),
    };
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(example.secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let mac = mac.finalize().into_bytes();
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap();
    let hex: String = mac.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let headers = match example.dialect {
        Dialect::Stripe => vec![("stripe-signature", format!("t={time},v1={hex}"))],
        Dialect::Zendesk => vec![
            ("x-zendesk-webhook-signature", base64::engine::general_purpose::STANDARD.encode(mac)),
            ("x-zendesk-webhook-signature-timestamp", time),
        ],
        _ => vec![("x-slack-signature", format!("v0={hex}")), ("x-slack-request-timestamp", time)],
    };
    let invocation = invocation.map(|id| ("x-zendesk-webhook-invocation-id", id.to_owned()));
    let headers = headers.into_iter().chain(invocation);
    headers.map(|(name, value)| (name.to_owned(), value.into_bytes())).collect()
}

#[test]
fn a_repeat_that_its_sender_signs_anew_is_known() {
    let keys = |example: &Example, later: i64, invocation: Option<&str>| {
        let secrets = Secrets { current: example.secret.as_bytes(), previous: None };
        let headers = signed_anew(example, later, invocation);
        let Ok(authentic) = check_with(example, &headers, example.body.as_bytes(), secrets, later) else {
            panic!("it is genuine")
        };
        authentic.keys
    };
    let known = |first: &[[u8; 16]], again: &[[u8; 16]]| again.iter().any(|key| first.contains(key));
    for example in [&STRIPE, &SLACK] {
        assert!(known(&keys(example, 0, None), &keys(example, 60, None)), "{:?}", example.dialect);
    }
    let first = keys(&ZENDESK, 0, Some("8350205582"));
    assert!(known(&first, &keys(&ZENDESK, 60, Some("8350205582"))));
    // Two events of one template have the same body.
    assert!(!known(&first, &keys(&ZENDESK, 60, Some("8350205583"))));
}

#[test]
fn another_body_or_secret_is_a_forgery() {
    for example in ALL {
        let other = Secrets { current: b"another secret, as long", previous: None };
        let (headers, body) = (headers(example), example.body.as_bytes());
        assert_eq!(check_with(example, &headers, body, other, 0).err(), Some(Refused::BadSignature));
        // A token proves who sends, not what is sent.
        if example.dialect != Dialect::Token {
            assert_eq!(check(example, &headers, b"{}"), Some(Refused::BadSignature), "{:?}", example.dialect);
        }
    }
}

#[test]
fn any_changed_character_of_a_signature_is_refused() {
    for example in ALL {
        let (name, good) = example.headers[0];
        for place in 0..good.len() {
            let mut changed = good.as_bytes().to_vec();
            changed[place] = if changed[place] == b'1' { b'2' } else { b'1' };
            let mut headers = headers(example);
            headers[0] = (name.to_owned(), changed);
            // The signature of a version that is passed over may say anything.
            if example.dialect == Dialect::Stripe && place >= good.find(",v0").unwrap() {
                continue;
            }
            assert!(check(example, &headers, example.body.as_bytes()).is_some(), "{:?} {place}", example.dialect);
        }
    }
}

#[test]
fn signed_headers_come_once_and_none_is_missing() {
    for example in ALL {
        for i in 0..example.headers.len() {
            let mut twice = headers(example);
            twice.push((twice[i].0.to_uppercase(), twice[i].1.clone()));
            assert_eq!(check(example, &twice, example.body.as_bytes()), Some(Refused::HeaderTwice));
            let mut missing = headers(example);
            missing.remove(i);
            assert_eq!(check(example, &missing, example.body.as_bytes()), Some(Refused::MissingHeader));
            let mut bytes = headers(example);
            bytes[i].1 = vec![0xff];
            assert_eq!(check(example, &bytes, example.body.as_bytes()), Some(Refused::BadHeader));
        }
    }
    let twice = vec![("stripe-signature".to_owned(), format!("t=1614265330,{}", STRIPE.headers[0].1).into_bytes())];
    assert_eq!(check(&STRIPE, &twice, STRIPE.body.as_bytes()), Some(Refused::HeaderTwice));
}

#[test]
fn a_signed_time_counts_both_ways_and_to_the_second() {
    for example in ALL {
        let secrets = Secrets { current: example.secret.as_bytes(), previous: None };
        for (later, wanted) in [(-301, Some(Refused::TooNew)), (-300, None), (300, None), (301, Some(Refused::TooOld))]
        {
            let found = check_with(example, &headers(example), example.body.as_bytes(), secrets, later).err();
            assert_eq!(found, wanted.filter(|_| example.has_time), "{:?} {later}", example.dialect);
        }
    }
}

#[test]
fn times_have_one_spelling() {
    for bad in ["", "1e9", "+1531420618", " 1531420618", "1531420618.0", "-1"] {
        let slack = vec![headers(&SLACK)[0].clone(), ("x-slack-request-timestamp".to_owned(), bad.into())];
        assert_eq!(check(&SLACK, &slack, SLACK.body.as_bytes()), Some(Refused::BadHeader), "{bad}");
        let stripe = vec![("stripe-signature".to_owned(), format!("t={bad},v1=00").into_bytes())];
        assert_eq!(check(&STRIPE, &stripe, STRIPE.body.as_bytes()), Some(Refused::BadHeader), "{bad}");
    }
    for bad in ["", "12", "1614265330", "161426533012a", "+614265330123", "1614265330.23"] {
        let front = vec![headers(&FRONT)[0].clone(), ("x-front-request-timestamp".to_owned(), bad.into())];
        let refused = check(&FRONT, &front, FRONT.body.as_bytes());
        assert!(matches!(refused, Some(Refused::BadHeader | Refused::TooOld)), "{bad}: {refused:?}");
    }
    for bad in ["2021-07-25", "1627207200", "2021-07-25T10:00:00+00:00", "2021-07-25T10:00:00.000Z"] {
        let zendesk =
            vec![headers(&ZENDESK)[0].clone(), ("x-zendesk-webhook-signature-timestamp".to_owned(), bad.into())];
        assert_eq!(check(&ZENDESK, &zendesk, ZENDESK.body.as_bytes()), Some(Refused::BadHeader), "{bad}");
    }
}

#[test]
fn the_secret_before_counts_while_it_is_kept() {
    for example in ALL {
        let rotating = Secrets { current: b"the next secret, as long", previous: Some(example.secret.as_bytes()) };
        assert!(check_with(example, &headers(example), example.body.as_bytes(), rotating, 0).is_ok());
    }
}

#[test]
fn secrets_are_texts_as_they_are_and_not_guessable() {
    for example in ALL {
        for bad in ["", "short", "pasted with its line end\n"] {
            let secrets = Secrets { current: bad.as_bytes(), previous: None };
            let found = check_with(example, &headers(example), example.body.as_bytes(), secrets, 0).err();
            assert_eq!(found, Some(Refused::BadSecret));
        }
    }
}

#[test]
fn a_repeat_has_the_same_keys_and_a_time_of_its_own_makes_another() {
    for example in ALL {
        let secrets = Secrets { current: example.secret.as_bytes(), previous: None };
        let one = || check_with(example, &headers(example), example.body.as_bytes(), secrets, 0).ok().unwrap();
        assert!(one() == one());
        let signs_anew = matches!(example.dialect, Dialect::Stripe | Dialect::Slack | Dialect::Front);
        assert_eq!(one().keys.len(), 1 + usize::from(signs_anew));
        assert!(assent_schema::shape::is_token(&one().id));
    }
}

#[test]
fn several_signatures_are_looked_at_but_not_many() {
    let good = "v1=42b3d2b2181207b6b299df380bf37599bb895dc182467ba12e046b1916c4cd19";
    let with = |others: usize| {
        let value = format!("t=1614265330,{}{good}", "v1=00,".repeat(others));
        check(&STRIPE, &[("stripe-signature".to_owned(), value.into_bytes())], STRIPE.body.as_bytes())
    };
    assert_eq!(with(super::SIGNATURES_MOST - 1), None);
    assert_eq!(with(super::SIGNATURES_MOST), Some(Refused::BadSignature));
}
