//! What each webhook dialect signs and where it says so: headers to the signed bytes and the proofs to compare. Pure.
//!
//! `github`, `shopify`, `intercom`, `adyen` and `twilio` sign neither a time nor a delivery id, `token` signs nothing: events of these name the field by
//! which they are accepted once. `stripe`, `zendesk`, `slack` and `front` sign a time and no id,
//! and a repeat anew: it is known by its body, of `zendesk` together with the id of the invocation.
//!
//! # Source
//! engine.md section 2. Standard Webhooks specification 1.0.0; Stripe "Verify webhook signatures"; GitHub "Validating
//! webhook deliveries"; Shopify "Verify webhook deliveries"; Zendesk "Verifying webhook authenticity"; Slack "Verifying
//! requests"; Intercom "Signed notifications"; Front "Application webhooks"; HubSpot "Request validation"; Twilio "Webhooks
//! security"; Mailgun "Securing webhooks".

use std::collections::BTreeSet;

use assent_schema::plan::Dialect;
use assent_schema::shape::is_token;
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::webhook::{Delivery, Refused, Scheme, TARGET};
use super::{adyen, form, hmac};
use crate::request::json::Json;

/// The most signatures of one delivery that are looked at.
pub(super) const SIGNATURES_MOST: usize = 8;
/// Secrets of `standard-webhooks` have 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Secrets of all others have at least so many bytes: what is shorter can be guessed.
const SECRET_LEAST_BYTES: usize = 8;

/// What a delivery says of itself, before anything is believed.
pub(super) struct Claim {
    /// The bytes that were signed.
    pub(super) signed: Vec<u8>,
    /// What is to be compared: signatures, or for `token` the secret itself.
    pub(super) proofs: Vec<Vec<u8>>,
    /// When it was signed, in seconds since 1970; absent where no time is signed.
    pub(super) at: Option<i64>,
    /// The sender's id of the delivery, where it is signed.
    pub(super) id: Option<String>,
    /// What stays the same when the sender signs a repeat anew, with another time.
    pub(super) repeats: Option<Vec<u8>>,
}

/// Reads what a delivery claims.
///
/// # Errors
/// [`Refused::MissingHeader`], [`Refused::HeaderTwice`], [`Refused::BadHeader`].
pub(super) fn read(scheme: Scheme<'_>, delivery: Delivery<'_>) -> Result<Claim, Refused> {
    match scheme.dialect {
        Dialect::StandardWebhooks => standard(delivery),
        Dialect::Stripe => stripe(delivery),
        Dialect::Github => body_alone(delivery, "x-hub-signature-256", |text| hex(text.strip_prefix("sha256=")?)),
        Dialect::Shopify => body_alone(delivery, "x-shopify-hmac-sha256", base64),
        Dialect::Zendesk => zendesk(delivery),
        Dialect::Slack => slack(delivery),
        Dialect::Intercom => body_alone(delivery, "x-hub-signature", |text| hex(text.strip_prefix("sha1=")?)),
        Dialect::Front => front(delivery),
        Dialect::Adyen => adyen::read(delivery),
        Dialect::Hubspot => hubspot(delivery),
        Dialect::Twilio => twilio(delivery),
        Dialect::Mailgun => mailgun(delivery),
        Dialect::Hmac => hmac::read(delivery, scheme.hmac.ok_or(Refused::MissingHeader)?),
        Dialect::Token => token(delivery, scheme.header.ok_or(Refused::MissingHeader)?),
    }
}

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` over `id.timestamp.body`.
fn standard(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let id = once(delivery.headers, "webhook-id")?;
    let timestamp = once(delivery.headers, "webhook-timestamp")?;
    let signatures = once(delivery.headers, "webhook-signature")?;
    // The id is a fact: it is kept, and shown to people when the event was lost.
    if !is_token(id) {
        return Err(Refused::BadHeader);
    }
    let at = seconds(timestamp)?;
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", delivery.body].concat();
    // Signatures of other versions are passed over, as the specification says.
    let proofs = signatures.split(' ').take(SIGNATURES_MOST).filter_map(|entry| base64(entry.strip_prefix("v1,")?));
    Ok(Claim { signed, proofs: proofs.collect(), at: Some(at), id: Some(id.to_owned()), repeats: None })
}

/// `t=<seconds>,v1=<hex>[,v1=<hex>]` over `t.body`. Other versions are passed over, a second time is refused.
fn stripe(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let header = once(delivery.headers, "stripe-signature")?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut times = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let timestamp = times.next().ok_or(Refused::BadHeader)?;
    if times.next().is_some() {
        return Err(Refused::HeaderTwice);
    }
    let at = seconds(timestamp)?;
    let signatures = parts().filter(|(name, _)| *name == "v1").take(SIGNATURES_MOST);
    let signed = [timestamp.as_bytes(), b".", delivery.body].concat();
    let proofs = signatures.filter_map(|(_, value)| hex(value)).collect();
    // The body has the event's own id.
    Ok(Claim { signed, proofs, at: Some(at), id: None, repeats: Some(delivery.body.to_vec()) })
}

/// Base64 over timestamp and body, one after the other; the timestamp as ISO 8601.
fn zendesk(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, "x-zendesk-webhook-signature")?;
    let timestamp = once(delivery.headers, "x-zendesk-webhook-signature-timestamp")?;
    let at: Moment = timestamp.parse().or(Err(Refused::BadHeader))?;
    let signed = [timestamp.as_bytes(), delivery.body].concat();
    // Bodies are made of templates, so two events may have the same; the id of the invocation, which is not signed, only
    // tells their repeats apart.
    let invocation = once(delivery.headers, "x-zendesk-webhook-invocation-id").ok();
    let repeats = invocation.map(|id| [id.as_bytes(), b"\0", delivery.body].concat());
    Ok(Claim { signed, proofs: base64(signature).into_iter().collect(), at: Some(at.seconds()), id: None, repeats })
}

/// `v0=<hex>` over `v0:timestamp:body`.
fn slack(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, "x-slack-signature")?;
    let timestamp = once(delivery.headers, "x-slack-request-timestamp")?;
    let at = seconds(timestamp)?;
    let signed = [b"v0:", timestamp.as_bytes(), b":", delivery.body].concat();
    let proof = signature.strip_prefix("v0=").and_then(hex);
    // The body has the event's own id, or that of what somebody did.
    let repeats = Some(delivery.body.to_vec());
    Ok(Claim { signed, proofs: proof.into_iter().collect(), at: Some(at), id: None, repeats })
}

/// Base64 over `timestamp:body`; the timestamp in milliseconds.
fn front(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, "x-front-signature")?;
    let timestamp = once(delivery.headers, "x-front-request-timestamp")?;
    let at = milliseconds(timestamp)?;
    let signed = [timestamp.as_bytes(), b":", delivery.body].concat();
    // The body has the event's own id.
    let repeats = Some(delivery.body.to_vec());
    Ok(Claim { signed, proofs: base64(signature).into_iter().collect(), at: Some(at), id: None, repeats })
}

/// Base64 over method, address, body and timestamp, one after the other; the timestamp in milliseconds. A repeat says in its
/// body which it is, so each of its events is known by what the catalog names alone.
fn hubspot(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, "x-hubspot-signature-v3")?;
    let timestamp = once(delivery.headers, "x-hubspot-request-timestamp")?;
    let at = milliseconds(timestamp)?;
    let address = address(delivery)?;
    let signed = [b"POST", address.as_bytes(), delivery.body, timestamp.as_bytes()].concat();
    Ok(Claim { signed, proofs: base64(signature).into_iter().collect(), at: Some(at), id: None, repeats: None })
}

/// Base64 over the address, and behind it each name of the form with each of its values, sorted, what stands there twice once.
fn twilio(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let signature = once(delivery.headers, "x-twilio-signature")?;
    let pairs: BTreeSet<(String, String)> = form::pairs(delivery.body).ok_or(Refused::NotJson)?.into_iter().collect();
    let mut signed = address(delivery)?.into_bytes();
    for (name, value) in pairs {
        signed.extend_from_slice(name.as_bytes());
        signed.extend_from_slice(value.as_bytes());
    }
    Ok(Claim { signed, proofs: base64(signature).into_iter().collect(), at: None, id: None, repeats: None })
}

/// How long the token of `mailgun` is: where it would be shorter, digits of it could be taken for the time's.
const MAILGUN_TOKEN_LENGTH: usize = 50;

/// Hex over timestamp and token, one after the other. All three stand in the body, and nothing else of it is signed: whoever
/// saw one event could send another with them, so a token counts once, whatever stands beside it.
fn mailgun(delivery: Delivery<'_>) -> Result<Claim, Refused> {
    let json = Json::parse(delivery.body).or(Err(Refused::NotJson))?;
    let part = |name: &str| json.text_at(&format!("signature.{name}"));
    let (timestamp, token) = (part("timestamp").ok_or(Refused::BadBody)?, part("token").ok_or(Refused::BadBody)?);
    if token.len() != MAILGUN_TOKEN_LENGTH || !is_token(token) {
        return Err(Refused::BadBody);
    }
    let at = seconds(timestamp).or(Err(Refused::BadBody))?;
    let signed = [timestamp.as_bytes(), token.as_bytes()].concat();
    // The second is by the key of the account above, of which one key verifies all that stand below it.
    let proofs = ["signature", "parent-signature"].into_iter().filter_map(|name| hex(part(name)?)).collect();
    Ok(Claim { signed, proofs, at: Some(at), id: Some(token.to_owned()), repeats: None })
}

/// The address to which a delivery was sent, as its sender has it. The listener lets in its own names alone.
fn address(delivery: Delivery<'_>) -> Result<String, Refused> {
    Ok(format!("https://{}{}", once(delivery.headers, "host")?, once(delivery.headers, TARGET)?))
}

/// One header with the signature of the body.
fn body_alone(delivery: Delivery<'_>, header: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Claim, Refused> {
    let proof = read(once(delivery.headers, header)?);
    Ok(Claim { signed: delivery.body.to_vec(), proofs: proof.into_iter().collect(), at: None, id: None, repeats: None })
}

/// The secret itself in a header, perhaps behind a word like `Bearer`. Nothing is signed: the body's bytes only tell repeats.
fn token(delivery: Delivery<'_>, header: &str) -> Result<Claim, Refused> {
    let value = once(delivery.headers, header)?;
    let value = value.strip_prefix("Bearer ").unwrap_or(value);
    let (signed, proofs) = (delivery.body.to_vec(), vec![value.as_bytes().to_vec()]);
    Ok(Claim { signed, proofs, at: None, id: None, repeats: None })
}

/// The one header of this name, as text.
pub(super) fn once<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Result<&'a str, Refused> {
    let mut values = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let (_, value) = values.next().ok_or(Refused::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refused::HeaderTwice);
    }
    std::str::from_utf8(value).or(Err(Refused::BadHeader))
}

/// Milliseconds since 1970, as whole seconds.
pub(super) fn milliseconds(timestamp: &str) -> Result<i64, Refused> {
    let (whole, millis) = timestamp.split_at_checked(timestamp.len().saturating_sub(3)).ok_or(Refused::BadHeader)?;
    if millis.bytes().all(|b| b.is_ascii_digit()) { seconds(whole) } else { Err(Refused::BadHeader) }
}

/// Seconds since 1970, digits only: another spelling of the same number would be another signed text.
pub(super) fn seconds(timestamp: &str) -> Result<i64, Refused> {
    let plain = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
    timestamp.parse().ok().filter(|_| plain).ok_or(Refused::BadHeader)
}

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The bytes of lower-case hex.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The bytes of a secret: base64 after `whsec_` for `standard-webhooks`, for all others the text as it is.
///
/// # Errors
/// [`Refused::BadSecret`].
pub(super) fn decode_secret(dialect: Dialect, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    match dialect {
        Dialect::StandardWebhooks => {
            let text = secret.strip_prefix(b"whsec_").ok_or(Refused::BadSecret)?;
            let bytes = Zeroizing::new(STANDARD.decode(text).or(Err(Refused::BadSecret))?);
            if SECRET_BYTES.contains(&bytes.len()) { Ok(bytes) } else { Err(Refused::BadSecret) }
        }
        Dialect::Adyen => adyen::secret(secret),
        Dialect::Stripe
        | Dialect::Github
        | Dialect::Shopify
        | Dialect::Zendesk
        | Dialect::Slack
        | Dialect::Intercom
        | Dialect::Front
        | Dialect::Hubspot
        | Dialect::Twilio
        | Dialect::Mailgun
        | Dialect::Hmac
        | Dialect::Token => {
            let plain = secret.len() >= SECRET_LEAST_BYTES && !secret.ends_with(b"\n");
            plain.then(|| Zeroizing::new(secret.to_vec())).ok_or(Refused::BadSecret)
        }
    }
}

#[cfg(test)]
#[path = "dialects_tests.rs"]
mod tests;
