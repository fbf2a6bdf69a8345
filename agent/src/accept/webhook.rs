//! Whether a webhook is genuine: signature, age, size. Pure; nothing of the body is parsed before its signature was checked.
//!
//! Spoken: `standard-webhooks`. The other dialects of the design are refused as `unsupported_dialect` until they are built.
//!
//! # Source
//! engine.md section 2; Standard Webhooks specification 1.0.0.

use assent_schema::canon::Digest;
use assent_schema::plan::Dialect;
use assent_schema::shape::is_token;
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::request::keyed::{Purpose, keyed};

/// The largest body, in bytes; the listener reads no more.
pub const BODY_MOST_BYTES: usize = 1024 * 1024;
/// How far the sender's clock may be from ours, either way, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;
/// The most signatures of one delivery that are looked at.
const SIGNATURES_MOST: usize = 8;
/// Secrets have 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What came in.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Headers in the order in which they came, names in lower case.
    pub headers: &'a [(String, Vec<u8>)],
    /// The body as it came.
    pub body: &'a [u8],
}

/// The secrets that a sender may sign with, as the vault holds them.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// The newest.
    pub current: &'a [u8],
    /// The one before, while a rotation is not finished.
    pub previous: Option<&'a [u8]>,
}

/// Why a delivery is not taken: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// The body is larger than allowed.
    TooLarge,
    /// The trigger's dialect is not spoken by this version.
    UnsupportedDialect,
    /// A signed header is missing.
    MissingHeader,
    /// A signed header stands there twice: two readers could see two different deliveries.
    HeaderTwice,
    /// A signed header has no valid form.
    BadHeader,
    /// It was signed too long ago.
    TooOld,
    /// It was signed in the future.
    TooNew,
    /// No signature verifies.
    BadSignature,
    /// Our own secret has no valid form.
    BadSecret,
    /// The body is no JSON object, or a field does not fit its shape.
    BadBody,
}

impl Refused {
    /// Its code in ledger, logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::UnsupportedDialect => "unsupported_dialect",
            Self::MissingHeader => "missing_header",
            Self::HeaderTwice => "header_twice",
            Self::BadHeader => "bad_header",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::BadSignature => "bad_signature",
            Self::BadSecret => "bad_secret",
            Self::BadBody => "bad_body",
        }
    }
}

/// A delivery whose signature was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Authentic {
    /// The sender's id of the delivery; a `token`.
    pub id: String,
    /// What is known of it afterwards: keyed hashes of its id and of its authenticated bytes. It is new only if neither was
    /// seen before.
    pub keys: [[u8; 16]; 2],
    /// The whole keyed hash of its authenticated bytes, for the ledger.
    pub hash: Digest,
}

/// Checks a delivery.
///
/// `key` is the client's key for hashes of webhooks.
///
/// # Errors
/// [`Refused`], the first that applies.
pub fn verify(
    dialect: Dialect,
    delivery: Delivery<'_>,
    secrets: Secrets<'_>,
    now: Moment,
    key: &[u8; 32],
) -> Result<Authentic, Refused> {
    if delivery.body.len() > BODY_MOST_BYTES {
        return Err(Refused::TooLarge);
    }
    match dialect {
        Dialect::StandardWebhooks => standard(delivery, secrets, now, key),
        Dialect::Stripe | Dialect::Github | Dialect::Shopify | Dialect::Zendesk | Dialect::Slack | Dialect::Token => {
            Err(Refused::UnsupportedDialect)
        }
    }
}

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` over `id.timestamp.body`.
fn standard(delivery: Delivery<'_>, secrets: Secrets<'_>, now: Moment, key: &[u8; 32]) -> Result<Authentic, Refused> {
    let id = once(delivery.headers, "webhook-id")?;
    let timestamp = once(delivery.headers, "webhook-timestamp")?;
    let signatures = once(delivery.headers, "webhook-signature")?;
    // The id is a fact: it is kept, and shown to people when the event was lost.
    if !is_token(id) {
        return Err(Refused::BadHeader);
    }
    in_time(timestamp, now)?;
    let signed: Vec<u8> = [id.as_bytes(), b".", timestamp.as_bytes(), b".", delivery.body].concat();
    let secrets = [Some(secrets.current), secrets.previous];
    let mut genuine = false;
    for secret in secrets.into_iter().flatten() {
        let secret = decode_secret(secret)?;
        for signature in signatures.split(' ').take(SIGNATURES_MOST) {
            genuine |= is_signature(&secret, &signed, signature);
        }
    }
    if !genuine {
        return Err(Refused::BadSignature);
    }
    let hash = keyed(key, Purpose::Webhook, &signed);
    // An id as bytes could be somebody's body; a zero byte, which no body of JSON holds, keeps them apart.
    let known = keyed(key, Purpose::Webhook, &[b"id\0", id.as_bytes()].concat());
    Ok(Authentic { id: id.to_owned(), keys: [short(&known), short(&hash)], hash })
}

/// The one header of this name, as text.
fn once<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Result<&'a str, Refused> {
    let mut values = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let (_, value) = values.next().ok_or(Refused::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refused::HeaderTwice);
    }
    std::str::from_utf8(value).or(Err(Refused::BadHeader))
}

/// Seconds since 1970, digits only: another spelling of the same number would be another signed text.
fn in_time(timestamp: &str, now: Moment) -> Result<(), Refused> {
    let plain = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| plain).ok_or(Refused::BadHeader)?;
    let ahead = seconds - now.seconds();
    match ahead {
        _ if ahead > TOLERANCE_SECONDS => Err(Refused::TooNew),
        _ if ahead < -TOLERANCE_SECONDS => Err(Refused::TooOld),
        _ => Ok(()),
    }
}

/// The bytes of a secret: base64 after `whsec_`.
fn decode_secret(secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let text = secret.strip_prefix(b"whsec_").ok_or(Refused::BadSecret)?;
    let bytes = Zeroizing::new(STANDARD.decode(text).or(Err(Refused::BadSecret))?);
    if SECRET_BYTES.contains(&bytes.len()) { Ok(bytes) } else { Err(Refused::BadSecret) }
}

/// Whether one entry of the signature header is ours: `v1,<base64>`. Other versions are passed over, as the specification
/// says. The comparison takes the same time wherever the first difference is.
fn is_signature(secret: &[u8], signed: &[u8], entry: &str) -> bool {
    let Some(signature) = entry.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok()) else { return false };
    mac(secret, signed).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

fn mac(secret: &[u8], signed: &[u8]) -> Option<Hmac<Sha256>> {
    // Any length of key is fine for HMAC; the error exists for other algorithms.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(signed);
    Some(mac)
}

/// 128 bits of a keyed hash: enough against accidents and against senders, who do not know the key.
fn short(whole: &Digest) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(whole.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
    short
}

/// Signs a delivery as a sender would, for tests, rehearsals and the demo.
///
/// # Shape
/// The three headers, names in lower case.
///
/// # Errors
/// [`Refused::BadSecret`].
pub fn sign(secret: &[u8], id: &str, at: Moment, body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refused> {
    let timestamp = at.seconds().to_string();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let mac = mac(&decode_secret(secret)?, &signed).ok_or(Refused::BadSecret)?;
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Ok(vec![header("webhook-id", id), header("webhook-timestamp", &timestamp), header("webhook-signature", &signature)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification, "Signature scheme".
    const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED_AT: i64 = 1_614_265_330;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const KEY: [u8; 32] = [7; 32];

    fn headers(id: &str, timestamp: &str, signature: &str) -> Vec<(String, Vec<u8>)> {
        [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .into()
    }

    fn genuine() -> Vec<(String, Vec<u8>)> {
        headers(ID, &SIGNED_AT.to_string(), SIGNATURE)
    }

    fn check_at(
        seconds: i64,
        headers: &[(String, Vec<u8>)],
        body: &[u8],
        secrets: Secrets<'_>,
    ) -> Result<Authentic, Refused> {
        verify(Dialect::StandardWebhooks, Delivery { headers, body }, secrets, Moment::from_seconds(seconds), &KEY)
    }

    fn check(headers: &[(String, Vec<u8>)], body: &[u8]) -> Option<Refused> {
        check_at(SIGNED_AT, headers, body, Secrets { current: SECRET, previous: None }).err()
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        assert_eq!(check(&genuine(), BODY), None);
        assert!(sign(SECRET, ID, Moment::from_seconds(SIGNED_AT), BODY) == Ok(genuine()));
    }

    #[test]
    fn any_change_is_a_forgery() {
        assert_eq!(check(&genuine(), b"{}"), Some(Refused::BadSignature));
        let time = SIGNED_AT.to_string();
        assert_eq!(check(&headers("msg_other", &time, SIGNATURE), BODY), Some(Refused::BadSignature));
        assert_eq!(check(&headers(ID, &(SIGNED_AT + 1).to_string(), SIGNATURE), BODY), Some(Refused::BadSignature));
        for forged in [
            "",
            "v1,",
            "v1",
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            assert_eq!(check(&headers(ID, &time, forged), BODY), Some(Refused::BadSignature), "{forged}");
        }
        let other = Secrets { current: b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", previous: None };
        assert_eq!(check_at(SIGNED_AT, &genuine(), BODY, other).err(), Some(Refused::BadSignature));
    }

    #[test]
    fn one_good_signature_among_others_is_enough_but_not_behind_many() {
        let time = SIGNED_AT.to_string();
        assert_eq!(check(&headers(ID, &time, &format!("v1a,AAAA v1,AAAA {SIGNATURE}")), BODY), None);
        let many = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(SIGNATURES_MOST));
        assert_eq!(check(&headers(ID, &time, &many), BODY), Some(Refused::BadSignature));
    }

    #[test]
    fn the_secret_before_counts_while_it_is_kept() {
        let newer: &[u8] = b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let rotating = Secrets { current: newer, previous: Some(SECRET) };
        assert!(check_at(SIGNED_AT, &genuine(), BODY, rotating).is_ok());
        let finished = Secrets { current: newer, previous: None };
        assert_eq!(check_at(SIGNED_AT, &genuine(), BODY, finished).err(), Some(Refused::BadSignature));
    }

    #[test]
    fn old_and_future_deliveries_are_refused_at_the_second() {
        let secrets = Secrets { current: SECRET, previous: None };
        for (later, wanted) in [(-301, Some(Refused::TooNew)), (-300, None), (300, None), (301, Some(Refused::TooOld))]
        {
            assert_eq!(check_at(SIGNED_AT + later, &genuine(), BODY, secrets).err(), wanted, "{later}");
        }
        for bad in ["", "1e9", "+1614265330", " 1614265330", "1614265330.0", "01614265330000", "-1"] {
            assert_eq!(check(&headers(ID, bad, SIGNATURE), BODY), Some(Refused::BadHeader), "{bad}");
        }
    }

    #[test]
    fn a_signed_header_that_comes_twice_is_refused() {
        for i in 0..3 {
            let mut twice = genuine();
            twice.push(twice[i].clone());
            assert_eq!(check(&twice, BODY), Some(Refused::HeaderTwice));
            let mut upper = genuine();
            upper.push((upper[i].0.to_uppercase(), upper[i].1.clone()));
            assert_eq!(check(&upper, BODY), Some(Refused::HeaderTwice));
            let mut missing = genuine();
            missing.remove(i);
            assert_eq!(check(&missing, BODY), Some(Refused::MissingHeader));
        }
    }

    #[test]
    fn ids_are_facts() {
        let time = SIGNED_AT.to_string();
        for bad in ["", "a b", "a/b", "lena@example.com", &"a".repeat(65)] {
            assert_eq!(check(&headers(bad, &time, SIGNATURE), BODY), Some(Refused::BadHeader), "{bad}");
        }
        let mut bytes = genuine();
        bytes[0].1 = vec![0xff];
        assert_eq!(check(&bytes, BODY), Some(Refused::BadHeader));
    }

    #[test]
    fn replays_have_the_same_keys_also_when_the_boundary_moves() {
        let secrets = Secrets { current: SECRET, previous: None };
        let at = |s| Moment::from_seconds(s);
        let keys = |id: &str, time: i64, body: &[u8]| {
            let headers = sign(SECRET, id, at(time), body).ok().unwrap();
            check_at(SIGNED_AT, &headers, body, secrets).ok().unwrap().keys
        };
        let first = keys("a", SIGNED_AT, format!("{}.{{}}", SIGNED_AT + 1).as_bytes());
        assert_eq!(first, keys("a", SIGNED_AT, format!("{}.{{}}", SIGNED_AT + 1).as_bytes()));
        // The same signed bytes read as another id: `a.1614265330` . `1614265331` . `{}`.
        let moved = keys(&format!("a.{SIGNED_AT}"), SIGNED_AT + 1, b"{}");
        assert_ne!(first[0], moved[0]);
        assert_eq!(first[1], moved[1]);
    }

    #[test]
    fn secrets_have_one_form() {
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ",
            "whsec_****",
            &format!("whsec_{}", "A".repeat(88)),
        ] {
            let secrets = Secrets { current: bad.as_bytes(), previous: None };
            assert_eq!(check_at(SIGNED_AT, &genuine(), BODY, secrets).err(), Some(Refused::BadSecret), "{bad}");
        }
    }

    #[test]
    fn a_large_body_is_refused_before_anything_else() {
        assert_eq!(check(&[], &vec![0; BODY_MOST_BYTES + 1]), Some(Refused::TooLarge));
    }
}
