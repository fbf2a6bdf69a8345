//! Whether a webhook is genuine: signature, age, size. Pure; nothing of the body is parsed before its signature was checked.
//!
//! What each dialect signs, and where it says so, is in [`dialects`](super::dialects).
//!
//! # Source
//! engine.md section 2.

use assent_schema::canon::Digest;
use assent_schema::plan::{Dialect, Hmac};
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac as Keyed, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use super::dialects::{Claim, decode_secret, read};
use crate::request::keyed::{Purpose, keyed};

/// The largest body, in bytes; the listener reads no more.
pub const BODY_MOST_BYTES: usize = 1024 * 1024;
/// How far the sender's clock may be from ours, either way, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// The name under which the target of the request stands among the headers of a delivery: no header has such a name.
pub const TARGET: &str = ":path";

/// How a sender signs.
#[derive(Clone, Copy)]
pub struct Scheme<'a> {
    /// Its way of signing.
    pub dialect: Dialect,
    /// The header that holds the secret itself; for `token` alone.
    pub header: Option<&'a str>,
    /// How it is signed; for `hmac` alone.
    pub hmac: Option<&'a Hmac>,
}

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
    /// The body is no JSON: some senders send a form unless they are told otherwise.
    NotJson,
    /// The body is no JSON object, or a field does not fit its shape.
    BadBody,
}

impl Refused {
    /// Its code in ledger, logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::MissingHeader => "missing_header",
            Self::HeaderTwice => "header_twice",
            Self::BadHeader => "bad_header",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::BadSignature => "bad_signature",
            Self::BadSecret => "bad_secret",
            Self::NotJson => "not_json",
            Self::BadBody => "bad_body",
        }
    }
}

/// A delivery whose signature was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Authentic {
    /// The sender's id of the delivery, where it is signed, else one made of the hash; a `token`.
    pub id: String,
    /// What is known of it afterwards: keyed hashes of its authenticated bytes, of what stays the same when it is signed
    /// anew, and of its id where one is signed. It is new only if none was seen before.
    pub keys: Vec<[u8; 16]>,
    /// The whole keyed hash of its authenticated bytes, for the ledger.
    pub hash: Digest,
}

/// Checks a delivery.
///
/// `key` is the workflow's key for hashes of webhooks.
///
/// # Errors
/// [`Refused`], the first that applies.
pub fn verify(
    scheme: Scheme<'_>,
    delivery: Delivery<'_>,
    secrets: Secrets<'_>,
    now: Moment,
    key: &[u8; 32],
) -> Result<Authentic, Refused> {
    if delivery.body.len() > BODY_MOST_BYTES {
        return Err(Refused::TooLarge);
    }
    let claim = read(scheme, delivery)?;
    if let Some(seconds) = claim.at {
        let hmac = scheme.hmac.filter(|_| scheme.dialect == Dialect::Hmac);
        let tolerance = hmac.and_then(|hmac| hmac.time.as_ref()).map(|time| time.tolerance.as_seconds());
        let tolerance = tolerance.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(TOLERANCE_SECONDS);
        in_time(seconds, now, tolerance)?;
    }
    if !is_genuine(scheme.dialect, &claim, secrets)? {
        return Err(Refused::BadSignature);
    }
    let hash = keyed(key, Purpose::Webhook, &claim.signed);
    let mut keys = Vec::with_capacity(3);
    // An id as bytes could be somebody's body; a zero byte, which no body of JSON holds, keeps them apart.
    keys.extend(claim.id.as_ref().map(|id| id_key(key, id)));
    let repeats = |bytes: &Vec<u8>| short(&keyed(key, Purpose::Webhook, &[b"repeat\0", bytes.as_slice()].concat()));
    keys.extend(claim.repeats.as_ref().map(repeats));
    keys.push(short(&hash));
    let id = claim.id.unwrap_or_else(|| hash.to_string().chars().take(ID_LENGTH).collect());
    Ok(Authentic { id, keys, hash })
}

/// How many digits of a hash stand for the id of a delivery that has none.
const ID_LENGTH: usize = 32;

fn is_genuine(dialect: Dialect, claim: &Claim, secrets: Secrets<'_>) -> Result<bool, Refused> {
    let mut genuine = false;
    for secret in [Some(secrets.current), secrets.previous].into_iter().flatten() {
        let secret = decode_secret(dialect, secret)?;
        for proof in &claim.proofs {
            // All are compared, each in the same time wherever the first difference is.
            genuine |= match dialect {
                Dialect::Token => is_same(&secret, proof),
                Dialect::Intercom | Dialect::Twilio => sha1(&secret, &claim.signed, proof),
                Dialect::StandardWebhooks
                | Dialect::Stripe
                | Dialect::Github
                | Dialect::Shopify
                | Dialect::Zendesk
                | Dialect::Slack
                | Dialect::Front
                | Dialect::Hubspot
                | Dialect::Mailgun
                | Dialect::Hmac
                | Dialect::Adyen => mac(&secret, &claim.signed).is_some_and(|mac| mac.verify_slice(proof).is_ok()),
            };
        }
    }
    Ok(genuine)
}

/// Whether a text is the secret. Both are hashed under one key first, so that the time tells nothing of either.
fn is_same(secret: &[u8], text: &[u8]) -> bool {
    let expected = mac(secret, secret).map(|mac| mac.finalize().into_bytes());
    expected.is_some_and(|expected| mac(secret, text).is_some_and(|mac| mac.verify_slice(&expected).is_ok()))
}

fn in_time(seconds: i64, now: Moment, tolerance: i64) -> Result<(), Refused> {
    let ahead = seconds.saturating_sub(now.seconds());
    match ahead {
        _ if ahead > tolerance => Err(Refused::TooNew),
        _ if ahead < tolerance.saturating_neg() => Err(Refused::TooOld),
        _ => Ok(()),
    }
}

fn mac(secret: &[u8], signed: &[u8]) -> Option<Keyed<Sha256>> {
    // Any length of key is fine for HMAC; the error exists for other algorithms.
    let mut mac = Keyed::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(signed);
    Some(mac)
}

/// Whether an older signature is genuine. What is weak about SHA-1 are collisions, and HMAC does not rest on those.
///
/// # Source
/// RFC 6151 section 2.3 on HMAC with broken hashes; RFC 2202.
fn sha1(secret: &[u8], signed: &[u8], proof: &[u8]) -> bool {
    let Ok(mut mac) = Keyed::<Sha1>::new_from_slice(secret) else { return false };
    mac.update(signed);
    mac.verify_slice(proof).is_ok()
}

/// The key by which an event is accepted once, whichever way it comes: delivered, or found by `reconcile`.
///
/// `key` is the workflow's key for hashes of webhooks.
pub fn once_key(key: &[u8; 32], value: &str) -> [u8; 16] {
    short(&keyed(key, Purpose::Webhook, &[b"once\0", value.as_bytes()].concat()))
}

fn id_key(key: &[u8; 32], id: &str) -> [u8; 16] {
    short(&keyed(key, Purpose::Webhook, &[b"id\0", id.as_bytes()].concat()))
}

/// What is known of an event by its id afterwards: the id that was signed with it, or the field that its trigger names.
pub fn keys_of(key: &[u8; 32], id: &str) -> [[u8; 16]; 2] {
    [id_key(key, id), once_key(key, id)]
}

/// 128 bits of a keyed hash: enough against accidents and against senders, who do not know the key.
fn short(whole: &Digest) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(whole.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
    short
}

/// Whether bytes have the form of a secret of this dialect.
pub fn is_secret(dialect: Dialect, secret: &[u8]) -> bool {
    decode_secret(dialect, secret).is_ok()
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
    let mac = mac(&decode_secret(Dialect::StandardWebhooks, secret)?, &signed).ok_or(Refused::BadSecret)?;
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
        let scheme = Scheme { dialect: Dialect::StandardWebhooks, header: None, hmac: None };
        verify(scheme, Delivery { headers, body }, secrets, Moment::from_seconds(seconds), &KEY)
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
        let many = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(super::super::dialects::SIGNATURES_MOST));
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
