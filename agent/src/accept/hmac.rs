//! Webhooks whose way of signing the catalog says by its parts: header, encoding, what is signed, which time. Pure.
//!
//! # Source
//! language.md section 2, "Webhooks".

use assent_schema::plan::{Hmac, ProofEncoding, TimeWire};
use assent_schema::time::Moment;

use super::dialects::{Claim, base64, hex, milliseconds, once, seconds};
use super::webhook::{Delivery, Refused};

/// Reads what a delivery claims. Its events name the field by which they are accepted once, so nothing here tells repeats.
///
/// # Errors
/// [`Refused::MissingHeader`], [`Refused::HeaderTwice`], [`Refused::BadHeader`].
pub(super) fn read(delivery: Delivery<'_>, parts: &Hmac) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, &parts.header)?;
    let (timestamp, at) = match &parts.time {
        None => ("", None),
        Some(time) => {
            let text = once(delivery.headers, &time.header)?;
            let at = match time.wire {
                TimeWire::Seconds => seconds(text)?,
                TimeWire::Milliseconds => milliseconds(text)?,
                TimeWire::Iso => text.parse::<Moment>().or(Err(Refused::BadHeader))?.seconds(),
            };
            (text, Some(at))
        }
    };
    // Without its time a plan would take a delivery again for as long as somebody has it.
    if parts.signed.has_time() != at.is_some() {
        return Err(Refused::BadHeader);
    }
    let proof = signature.strip_prefix(parts.prefix.as_str()).and_then(|text| match parts.encoding {
        ProofEncoding::Hex => hex(&text.to_ascii_lowercase()),
        ProofEncoding::Base64 => base64(text),
    });
    let signed = parts.signed.bytes(timestamp, delivery.body);
    Ok(Claim { signed, proofs: proof.into_iter().collect(), at, id: None, repeats: None })
}

#[cfg(test)]
mod tests {
    use assent_schema::plan::Dialect;
    use serde_json::{Value, json};

    use super::super::webhook::{Scheme, Secrets, verify};
    use super::*;

    /// Signatures are those that `openssl dgst -sha256 -hmac SECRET` (`-binary | base64`) gives: Cal.com, Linear and Xero publish
    /// how they sign, and no whole example. Bitbucket signs as GitHub does, under another name.
    const SECRET: &str = "It's a Secret to Everybody";

    fn check(parts: &Value, headers: &[(&str, &str)], body: &str, now: i64) -> Result<(), Refused> {
        let parts: Hmac = serde_json::from_value(parts.clone()).unwrap();
        let scheme = Scheme { dialect: Dialect::Hmac, header: None, hmac: Some(&parts) };
        let headers: Vec<(String, Vec<u8>)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let secrets = Secrets { current: SECRET.as_bytes(), previous: None };
        let delivery = Delivery { headers: &headers, body: body.as_bytes() };
        verify(scheme, delivery, secrets, Moment::from_seconds(now), &[7; 32]).map(|_| ())
    }

    #[test]
    fn the_ways_that_providers_sign_are_parts() {
        let hex_of_body = |header: &str| json!({"header": header, "encoding": "hex"});
        let hello = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        for header in ["X-Cal-Signature-256", "Linear-Signature"] {
            let lower = header.to_ascii_lowercase();
            assert_eq!(check(&hex_of_body(header), &[(&lower, hello)], "Hello World!", 0), Ok(()), "{header}");
        }
        let upper = hello.to_ascii_uppercase();
        assert_eq!(check(&hex_of_body("x-sig"), &[("x-sig", &upper)], "Hello World!", 0), Ok(()));
        let bitbucket = json!({"header": "X-Hub-Signature", "encoding": "hex", "prefix": "sha256="});
        let signed = format!("sha256={hello}");
        assert_eq!(check(&bitbucket, &[("x-hub-signature", &signed)], "Hello World!", 0), Ok(()));
        assert_eq!(check(&bitbucket, &[("x-hub-signature", hello)], "Hello World!", 0), Err(Refused::BadSignature));
        let xero = json!({"header": "x-xero-signature", "encoding": "base64"});
        let base64 = "pHccOfvpDzF8eCToPd7zyq6cs9l2whSs4fKTfhMyY8k=";
        assert_eq!(check(&xero, &[("x-xero-signature", base64)], "Hello World!", 0), Ok(()));
        assert_eq!(check(&xero, &[("x-xero-signature", base64)], "Hello World?", 0), Err(Refused::BadSignature));
        assert_eq!(check(&xero, &[("x-xero-signature", hello)], "Hello World!", 0), Err(Refused::BadSignature));
        assert_eq!(check(&xero, &[], "Hello World!", 0), Err(Refused::MissingHeader));
        let twice = [("x-xero-signature", base64), ("X-Xero-Signature", base64)];
        assert_eq!(check(&xero, &twice, "Hello World!", 0), Err(Refused::HeaderTwice));
    }

    #[test]
    fn a_signed_time_is_near() {
        let timed = |wire: &str| {
            json!({"header": "x-sig", "encoding": "hex", "prefix": "v1=", "signed": "{time}.{body}",
                "time": {"header": "x-time", "wire": wire, "tolerance": "2m"}})
        };
        for (wire, time, signature) in [
            ("seconds", "1614265330", SECONDS),
            ("milliseconds", "1614265330123", MILLISECONDS),
            ("iso", "2021-02-25T15:02:10Z", ISO),
        ] {
            let signature = format!("v1={signature}");
            let headers = [("x-sig", signature.as_str()), ("x-time", time)];
            let at = |now| check(&timed(wire), &headers, r#"{"id":1}"#, now);
            for now in [1_614_265_330 - 120, 1_614_265_330, 1_614_265_330 + 120] {
                assert_eq!(at(now), Ok(()), "{wire}");
            }
            assert_eq!(at(1_614_265_330 - 121), Err(Refused::TooNew), "{wire}");
            assert_eq!(at(1_614_265_330 + 121), Err(Refused::TooOld), "{wire}");
        }
        let forged = [("x-sig", "v1=00"), ("x-time", "1614265330")];
        assert_eq!(check(&timed("seconds"), &forged, r#"{"id":1}"#, 1_614_265_330), Err(Refused::BadSignature));
        let signature = format!("v1={SECONDS}");
        let other = [("x-sig", signature.as_str()), ("x-time", "1614265331")];
        assert_eq!(check(&timed("seconds"), &other, r#"{"id":1}"#, 1_614_265_330), Err(Refused::BadSignature));
        for time in ["", "soon", "+1614265330", "1614265330.5"] {
            let odd = [("x-sig", signature.as_str()), ("x-time", time)];
            assert_eq!(check(&timed("seconds"), &odd, r#"{"id":1}"#, 1_614_265_330), Err(Refused::BadHeader), "{time}");
        }
        // A plan that signs a time and has none, or has one and does not sign it, verifies nothing.
        let mut unsigned = timed("seconds");
        unsigned["signed"] = json!("{body}");
        let headers = [("x-sig", signature.as_str()), ("x-time", "1614265330")];
        assert_eq!(check(&unsigned, &headers, r#"{"id":1}"#, 1_614_265_330), Err(Refused::BadHeader));
    }

    // `printf 'TIME.{"id":1}' | openssl dgst -sha256 -hmac SECRET`.
    const SECONDS: &str = "4fda619c46edad8d12de296ba04b7e68f85dbc376c357ecbb942737fc886f8a1";
    const MILLISECONDS: &str = "a9c49c83fec509eb45e94cd16545354111b6659ac7af27a9aa7e989023a0061f";
    const ISO: &str = "f9cdffd4ed29acfe45dfd58d28146a4f0d8ce733384365391b3f1516182f93d8";
}
