//! Deliveries that are no single JSON object: forms, and lists of events. Pure.
//!
//! # Source
//! WHATWG URL, `application/x-www-form-urlencoded`; HubSpot "Webhooks": a delivery holds up to 100 events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use assent_schema::plan::Dialect;

use super::webhook::Refused;
use crate::request::json::Json;
use crate::request::url;

/// The most events of one delivery.
const EVENTS_MOST: usize = 1_000;
/// The most pairs of a form.
const PAIRS_MOST: usize = 1_000;

/// The names and values of a form; nothing where it is none.
pub(super) fn pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(body).ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'{' | b'[' | b'"'));
    let whole = text.split('&').all(|pair| pair.contains('='));
    let pairs = url::pairs(text);
    (plain && whole && pairs.len() <= PAIRS_MOST).then_some(pairs)
}

/// The events of a delivery whose signature was checked, each as one JSON object. Of a form each name is a text, and one that
/// stands there several times a list of them.
///
/// # Errors
/// [`Refused::NotJson`], [`Refused::BadBody`].
pub fn events(dialect: Dialect, body: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Refused> {
    match dialect {
        Dialect::Twilio => Ok(vec![Cow::Owned(of_form(body)?)]),
        Dialect::Hubspot => match &Json::parse(body).or(Err(Refused::NotJson))? {
            Json::List(events) if (1..=EVENTS_MOST).contains(&events.len()) => {
                Ok(events.iter().map(|event| Cow::Owned(written(event))).collect())
            }
            Json::List(_) => Err(Refused::BadBody),
            _ => Ok(vec![Cow::Borrowed(body)]),
        },
        Dialect::StandardWebhooks
        | Dialect::Stripe
        | Dialect::Github
        | Dialect::Shopify
        | Dialect::Zendesk
        | Dialect::Slack
        | Dialect::Intercom
        | Dialect::Front
        | Dialect::Adyen
        | Dialect::Mailgun
        | Dialect::Hmac
        | Dialect::Token => Ok(vec![Cow::Borrowed(body)]),
    }
}

fn of_form(body: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut names: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for (name, value) in pairs(body).ok_or(Refused::NotJson)? {
        names.entry(name).or_default().push(Json::Text(value));
    }
    let member = |(name, mut values): (String, Vec<Json>)| match (values.pop(), values.is_empty()) {
        (Some(only), true) => (name, only),
        (last, _) => (name, Json::List(values.into_iter().chain(last).collect())),
    };
    Ok(written(&Json::Object(names.into_iter().map(member).collect())))
}

fn written(json: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    json.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, body: &str) -> Result<Vec<String>, Refused> {
        let events = events(dialect, body.as_bytes())?;
        Ok(events.into_iter().map(|event| String::from_utf8(event.into_owned()).unwrap()).collect())
    }

    #[test]
    fn a_form_is_an_object_of_texts() {
        let twilio = |body| check(Dialect::Twilio, body).map(|events| events.concat());
        assert_eq!(
            twilio("MessageSid=SM1&Body=a+b%26%C3%A9&NumMedia=0"),
            Ok(r#"{"Body":"a b&é","MessageSid":"SM1","NumMedia":"0"}"#.into())
        );
        assert_eq!(twilio("A=1&B=&A=2"), Ok(r#"{"A":["1","2"],"B":""}"#.into()));
        for bad in [r#"{"MessageSid":"SM1"}"#, "", "A", "A=1&", "A=\u{e9}"] {
            assert_eq!(twilio(bad), Err(Refused::NotJson), "{bad}");
        }
    }

    #[test]
    fn a_list_is_its_events_and_all_else_is_one() {
        let hubspot = |body| check(Dialect::Hubspot, body);
        assert_eq!(hubspot(r#"[{"eventId":1},{"eventId":2}]"#).unwrap(), [r#"{"eventId":1}"#, r#"{"eventId":2}"#]);
        assert_eq!(hubspot(r#"{"eventId":1}"#).unwrap(), [r#"{"eventId":1}"#]);
        assert_eq!(hubspot("[]"), Err(Refused::BadBody));
        assert_eq!(hubspot("a=1"), Err(Refused::NotJson));
        assert_eq!(check(Dialect::Github, "[1]").unwrap(), ["[1]"]);
    }
}
