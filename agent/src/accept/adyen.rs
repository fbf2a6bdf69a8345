//! Adyen's standard webhooks: the signature stands in the body, beside what it signs, and signs eight values of it. Pure.
//!
//! All else that such a body says is as anybody could write it who sees one: the compiler takes no fact of a system from
//! there, and what an event is accepted once by is signed.
//!
//! # Source
//! Adyen, "Verify HMAC signatures", standard webhooks; `ADYEN_SIGNED` has the places.

use assent_schema::plan::ADYEN_SIGNED;
use zeroize::Zeroizing;

use super::dialects::{Claim, base64, hex};
use super::webhook::{Delivery, Refused};
use crate::request::json::Json;

/// Where the items stand; as JSON there is one.
const ITEMS: &str = "notificationItems";
/// Where the signature stands.
const SIGNATURE: &str = "notificationItems.0.NotificationRequestItem.additionalData.hmacSignature";
/// The one signed value that a shop makes up.
const REFERENCE: &str = ".merchantReference";
/// How many digits a secret has: 32 bytes in hexadecimal.
const SECRET_DIGITS: usize = 64;

/// Reads what a delivery claims. The body is looked at before anything is believed: the signature is in it.
///
/// # Errors
/// [`Refused::NotJson`], [`Refused::BadBody`].
pub(super) fn read(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let json = Json::parse(delivery.body).or(Err(Refused::NotJson))?;
    // One signature proves one item.
    if !matches!(json.at(ITEMS), Some(Json::List(items)) if items.len() == 1) {
        return Err(Refused::BadBody);
    }
    let proof = base64(json.text_at(SIGNATURE).ok_or(Refused::BadBody)?);
    let values = ADYEN_SIGNED.map(|at| (at, json.text_at(at).unwrap_or_default()));
    // They are joined by colons. The shop's own reference may hold some, and no other: so each has one place.
    if values.iter().any(|(at, value)| value.contains(':') && !at.ends_with(REFERENCE)) {
        return Err(Refused::BadBody);
    }
    let signed = values.map(|(_, value)| value).join(":").into_bytes();
    Ok(Claim { signed, proofs: proof.into_iter().collect(), at: None, id: None, repeats: None })
}

/// The bytes of a secret, which Adyen shows in hexadecimal.
///
/// # Errors
/// [`Refused::BadSecret`].
pub(super) fn secret(secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let text = std::str::from_utf8(secret).ok().filter(|text| text.len() == SECRET_DIGITS);
    let small = Zeroizing::new(text.ok_or(Refused::BadSecret)?.to_ascii_lowercase());
    hex(&small).map(Zeroizing::new).ok_or(Refused::BadSecret)
}

#[cfg(test)]
mod tests {
    use assent_schema::plan::Dialect;
    use assent_schema::time::Moment;

    use super::*;
    use crate::accept::webhook::{Scheme, Secrets, verify};

    /// The example of Adyen's library for PHP, `tests/Adyen/Util/HmacSignatureTest.php`.
    const SECRET: &str = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
    const PUBLISHED: &str = "Ny9gS2veKo5E4w8/OL6xz1/wvT/hYkAXy1xNc/QvO4I=";

    fn body(changed: &[(&str, &str)]) -> String {
        let item = format!(
            r#"{{"pspReference":"7914073381342284","merchantAccountCode":"TestMerchant","merchantReference":"TestPayment-1407325143704","amount":{{"value":1130,"currency":"EUR"}},"eventCode":"AUTHORISATION","success":"true","reason":"ok","additionalData":{{"hmacSignature":"{PUBLISHED}"}}}}"#
        );
        let item = changed.iter().fold(item, |item, (was, is)| item.replace(was, is));
        format!(r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{item}}}]}}"#)
    }

    fn check(body: &str, secret: &str) -> Option<Refused> {
        let scheme = Scheme { dialect: Dialect::Adyen, header: None, hmac: None };
        let secrets = Secrets { current: secret.as_bytes(), previous: None };
        let delivery = Delivery { headers: &[], body: body.as_bytes() };
        verify(scheme, delivery, secrets, Moment::from_seconds(0), &[7; 32]).err()
    }

    #[test]
    fn what_adyen_publishes_verifies() {
        assert_eq!(check(&body(&[]), SECRET), None);
        assert_eq!(check(&body(&[]), &SECRET.to_ascii_lowercase()), None, "hexadecimal in either case");
        assert_eq!(check(&body(&[]), &SECRET.replace('D', "E")), Some(Refused::BadSignature));
    }

    #[test]
    fn each_signed_value_counts() {
        let bad = Some(Refused::BadSignature);
        for (was, is) in [
            ("7914073381342284", "7914073381342285"),
            ("TestMerchant", "OtherMerchant"),
            ("TestPayment", "Payment"),
            ("1130", "1131"),
            ("EUR", "USD"),
            ("AUTHORISATION", "CAPTURE"),
            (r#""success":"true""#, r#""success":"false""#),
            (r#""reason""#, r#""originalReference":"1","reason""#),
            (PUBLISHED, "Ny9gS2veKo5E4w8/OL6xz1/wvT/hYkAXy1xNc/QvO4A="),
            (PUBLISHED, ""),
        ] {
            assert_eq!(check(&body(&[(was, is)]), SECRET), bad, "{was}");
        }
        assert_eq!(check(&body(&[("ok", "refused")]), SECRET), None, "nobody signs the reason");
    }

    #[test]
    fn one_signature_proves_one_item() {
        let one = body(&[]);
        let (_, item) = one.split_once('[').unwrap();
        let item = item.trim_end_matches("]}");
        for (body, refused) in [
            (format!(r#"{{"notificationItems":[{item},{item}]}}"#), Refused::BadBody),
            (r#"{"notificationItems":[]}"#.to_owned(), Refused::BadBody),
            (r#"{"notificationItems":{"0":{}}}"#.to_owned(), Refused::BadBody),
            (one.replace("hmacSignature", "signature"), Refused::BadBody),
            (one.replace("TestMerchant", "Test:Merchant"), Refused::BadBody),
            ("live=true".to_owned(), Refused::NotJson),
        ] {
            assert_eq!(check(&body, SECRET), Some(refused), "{body}");
        }
    }

    #[test]
    fn a_secret_is_as_adyen_shows_it() {
        for bad in
            ["", "DFB1", "a long text that is not a hexadecimal number, sixty-four bytes long", &format!("{SECRET}\n")]
        {
            assert_eq!(check(&body(&[]), bad), Some(Refused::BadSecret), "{bad}");
        }
    }
}
