//! What a genuine event says: whether it is for this workflow, and the fields that may be kept. Pure.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::{Dialect, Event, Once, Trigger};
use assent_schema::shape::{Field, Shape};

use super::webhook::{Delivery, Refused};
use crate::request::json::Json;
use crate::request::place::{self, HEADER};
use crate::request::wire::{self, BadField, Exact};
use crate::store::TriggerKind;

/// What an event is to a workflow.
pub enum Taken {
    /// Its trigger, with the declared fields; everything else of the body is dropped here.
    Ours(BTreeMap<Name, Value>),
    /// Our own connection caused it: dropped, so that a workflow never answers itself.
    Own,
    /// Another event of the same connection.
    Other,
    /// The sender asks whether it has the right address, and wants this text back.
    Challenge(String),
}

/// The longest text that is sent back to show that an address is ours.
const CHALLENGE_MOST_BYTES: usize = 1_024;

/// Reads the body of a webhook whose signature was checked.
///
/// # Errors
/// [`Refused::BadBody`] when it is no JSON object or a declared field does not fit.
pub fn take(trigger: &Trigger, delivery: Delivery<'_>) -> Result<Taken, Refused> {
    let Trigger::Webhook { matches, fields, own, dialect, .. } = trigger else { return Ok(Taken::Other) };
    let json = object(delivery.body)?;
    if let Some(text) = challenge(*dialect, delivery.headers, &json) {
        return Ok(Taken::Challenge(text));
    }
    if own.as_ref().is_some_and(|own| stands(delivery, &json, &own.at, &own.equals)) {
        return Ok(Taken::Own);
    }
    if !matches.iter().all(|(at, wanted)| stands(delivery, &json, at, wanted)) {
        return Ok(Taken::Other);
    }
    let fields = wire::take(&json, fields, None).or(Err(Refused::BadBody))?;
    Ok(if is_for_us(trigger, &fields) { Taken::Ours(fields) } else { Taken::Other })
}

/// The declared field that keeps a message from being the event of a trigger, if it is one of them. For people.
pub fn misfit(trigger: &Trigger, body: &[u8]) -> Option<BadField> {
    wire::take(&object(body).ok()?, trigger.fields()?, None).err()
}

/// What an event that is no trigger says.
pub enum Read {
    /// Its declared fields; everything else of the body is dropped here.
    Fields(BTreeMap<Name, Value>),
    /// Another event of the same connection, or one that our own connection caused.
    Other,
}

/// Reads the body of an event that is no trigger, whose signature was checked.
///
/// # Errors
/// As [`take`].
pub fn read(event: &Event, delivery: Delivery<'_>) -> Result<Read, Refused> {
    let json = object(delivery.body)?;
    if event.own.as_ref().is_some_and(|own| stands(delivery, &json, &own.at, &own.equals))
        || !event.matches.iter().all(|(at, wanted)| stands(delivery, &json, at, wanted))
    {
        return Ok(Read::Other);
    }
    wire::take(&json, &event.fields, None).map(Read::Fields).or(Err(Refused::BadBody))
}

/// Whether a text stands at a place of an event.
fn stands(delivery: Delivery<'_>, json: &Json, at: &str, wanted: &str) -> bool {
    place::stands(delivery.headers, json, at, wanted)
}

/// Reads a file of an inbox.
///
/// # Errors
/// As [`take`].
pub fn file(trigger: &Trigger, bytes: &[u8]) -> Result<Taken, Refused> {
    let Trigger::Inbox { fields, .. } = trigger else { return Ok(Taken::Other) };
    let json = object(bytes)?;
    // Another kind of file has other fields: whether it is one is asked first, of what can be read.
    let asked = fields.iter().filter(|(name, _)| trigger.only().is_some_and(|only| only.contains_key(*name)));
    let asked = asked.map(|(name, field)| BTreeMap::from([(name.clone(), field.clone())]));
    let told: BTreeMap<Name, Value> = asked.filter_map(|one| wire::take(&json, &one, None).ok()).flatten().collect();
    if !may_be_for_us(trigger, &told) {
        return Ok(Taken::Other);
    }
    let fields = wire::take(&json, fields, None).or(Err(Refused::BadBody))?;
    Ok(if is_for_us(trigger, &fields) { Taken::Ours(fields) } else { Taken::Other })
}

/// The event that a scenario tells of, as a body without headers: what a header would say of it is taken as said. Nothing
/// when it is none of this workflow's, or its fields do not fit.
pub fn told(trigger: &Trigger, body: &[u8]) -> Option<(TriggerKind, BTreeMap<Name, Value>)> {
    let ours = |taken: Taken| match taken {
        Taken::Ours(fields) => Some(fields),
        Taken::Own | Taken::Other | Taken::Challenge(_) => None,
    };
    Some(match trigger {
        Trigger::Webhook { .. } => {
            let mut by_body = trigger.clone();
            if let Trigger::Webhook { matches, .. } = &mut by_body {
                matches.retain(|at, _| !at.starts_with(HEADER));
            }
            (TriggerKind::Webhook, ours(take(&by_body, Delivery { headers: &[], body }).ok()?)?)
        }
        Trigger::Poll { poll, fields, .. } => {
            let json = object(body).ok()?;
            let own = poll.own.as_ref().and_then(|own| Some((fields.get(own.at.as_str())?, &own.equals)));
            let is_own = own.is_some_and(|(field, equals)| json.text_at(&field.at) == Some(equals.as_str()));
            let fields = wire::take(&json, fields, None).ok()?;
            return (!is_own && is_for_us(trigger, &fields)).then_some((TriggerKind::Poll, fields));
        }
        Trigger::Inbox { .. } => (TriggerKind::Inbox, ours(file(trigger, body).ok()?)?),
        Trigger::Manual { fields } => (TriggerKind::Manual, wire::take(&object(body).ok()?, fields, None).ok()?),
        Trigger::Schedule { .. } => (TriggerKind::Schedule, BTreeMap::new()),
    })
}

/// Whether the fields have the values that the workflow asks for.
pub fn is_for_us(trigger: &Trigger, fields: &BTreeMap<Name, Value>) -> bool {
    trigger.only().into_iter().flatten().all(|(name, wanted)| fact(fields, name).is_some_and(|text| text == *wanted))
}

/// The same of an event that cannot be read whole: what it does not say speaks for it.
pub fn may_be_for_us(trigger: &Trigger, fields: &BTreeMap<Name, Value>) -> bool {
    trigger.only().into_iter().flatten().all(|(name, wanted)| fact(fields, name).is_none_or(|text| text == *wanted))
}

/// The longest text by which an event is accepted once, in bytes: what is longer is told by its digest.
const ONCE_MOST_BYTES: usize = 64;

/// What an event is accepted once by: its fields as text, instants as exactly as they came.
pub fn once(fields: &BTreeMap<Name, Value>, once: &Once, exact: &Exact) -> Option<String> {
    let part = |name: &Name| exact.get(name).cloned().or_else(|| fact(fields, name));
    let whole = once.names().iter().map(part).collect::<Option<Vec<_>>>()?.join("_");
    if whole.len() <= ONCE_MOST_BYTES { Some(whole) } else { Some(Digest::of_file(whole.as_bytes()).to_string()) }
}

/// The instants of a delivery as exactly as they came, where it is accepted once by one.
pub fn exact(trigger: &Trigger, delivery: Delivery<'_>) -> Exact {
    let Trigger::Webhook { fields, once: Some(once), .. } = trigger else { return Exact::new() };
    let is_instant = |name: &Name| fields.get(name).is_some_and(|field| matches!(field.shape, Shape::Instant { .. }));
    if !once.names().iter().any(is_instant) {
        return Exact::new();
    }
    object(delivery.body).map(|json| wire::exact(&json, fields)).unwrap_or_default()
}

/// A fact as text.
fn fact(fields: &BTreeMap<Name, Value>, name: &Name) -> Option<String> {
    match fields.get(name)? {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Instant(moment) => Some(moment.to_string()),
        _ => None,
    }
}

/// Slack asks once, when an address is entered: `{"type": "url_verification", "challenge": …}`, signed like all else.
fn challenge(dialect: Dialect, headers: &[(String, Vec<u8>)], json: &Json) -> Option<String> {
    let kind = json.text_at("type");
    let text = match dialect {
        Dialect::Slack if kind == Some("url_verification") => json.text_at("challenge")?,
        Dialect::Front if kind == Some("sync") => {
            let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-front-challenge"))?;
            std::str::from_utf8(value).ok()?
        }
        Dialect::Slack
        | Dialect::Front
        | Dialect::StandardWebhooks
        | Dialect::Stripe
        | Dialect::Github
        | Dialect::Shopify
        | Dialect::Zendesk
        | Dialect::Intercom
        | Dialect::Adyen
        | Dialect::Hubspot
        | Dialect::Twilio
        | Dialect::Mailgun
        | Dialect::Hmac
        | Dialect::Token => return None,
    };
    (text.len() <= CHALLENGE_MOST_BYTES).then(|| text.to_owned())
}

/// Why what a person gave is not what a trigger declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGiven {
    /// It is no object.
    BadForm,
    /// The trigger declares no such field.
    Undeclared,
    /// The declared field that is missing or does not fit.
    Misfit(Name),
}

/// Reads what a person gives who starts a workflow: each field by its name, as JSON or as text that is read as its shape says.
///
/// # Errors
/// [`NotGiven`]: unlike in events, nothing that was given is dropped.
pub fn given(fields: &BTreeMap<Name, Field>, body: &[u8]) -> Result<BTreeMap<Name, Value>, NotGiven> {
    let json = object(body).or(Err(NotGiven::BadForm))?;
    let Json::Object(members) = &json else { return Err(NotGiven::BadForm) };
    let declared = |key: &str| fields.iter().any(|(name, field)| field.at == key || name.as_str() == key);
    if !members.iter().all(|(key, _)| declared(key)) {
        return Err(NotGiven::Undeclared);
    }
    // People name fields by their names; `at` is where a machine would put them.
    let by_name = fields.iter().filter_map(|(name, field)| {
        let there = json.at(&field.at).is_some() && !field.at.is_empty();
        let at = if there { field.at.clone() } else { name.to_string() };
        let said = match json.at(&at)? {
            Json::Text(text) => wire::said(text, &field.shape),
            json => wire::read(json, &field.shape),
        };
        Some((name.clone(), said))
    });
    let mut taken = BTreeMap::new();
    for (name, said) in by_name {
        taken.insert(name.clone(), said.ok_or(NotGiven::Misfit(name))?);
    }
    let missing = fields.iter().find(|(name, field)| !field.optional && !taken.contains_key(*name));
    missing.map_or(Ok(taken), |(name, _)| Err(NotGiven::Misfit(name.clone())))
}

fn object(body: &[u8]) -> Result<Json, Refused> {
    match Json::parse(body) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) => Err(Refused::BadBody),
        // What begins as JSON does is meant to be some.
        Err(_) if body.trim_ascii_start().starts_with(b"{") => Err(Refused::BadBody),
        Err(_) => Err(Refused::NotJson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trigger() -> Trigger {
        serde_json::from_value(json!({
            "kind": "webhook", "connection": "helpdesk", "event": "ticket.created", "dialect": "standard-webhooks",
            "matches": {"topic": "ticket.created"}, "record": "ticket", "self": {"at": "data.author.type", "equals": "bot"},
            "fields": {
                "ticket_id": {"at": "data.id", "shape": {"type": "token"}, "class": "reference", "written_by": "system"},
                "subject": {"at": "data.subject", "shape": {"type": "text", "most_bytes": 50}, "class": "content", "written_by": "anyone", "optional": true},
            },
        }))
        .unwrap()
    }

    fn check(body: &str) -> &'static str {
        match take(&trigger(), Delivery { headers: &[], body: body.as_bytes() }) {
            Ok(Taken::Ours(_)) => "ours",
            Ok(Taken::Own) => "own",
            Ok(Taken::Other) => "other",
            Ok(Taken::Challenge(_)) => "challenge",
            Err(refused) => refused.code(),
        }
    }

    #[test]
    fn only_the_declared_fields_of_our_event_are_kept() {
        let body = br#"{"topic":"ticket.created","data":{"id":42,"subject":"Hi","email":"lena@example.com"},"x":1}"#;
        let delivery = Delivery { headers: &[], body };
        let Ok(Taken::Ours(fields)) = take(&trigger(), delivery) else { panic!("ours") };
        assert_eq!(fields.keys().map(Name::as_str).collect::<Vec<_>>(), ["subject", "ticket_id"]);
        assert!(fields.get("ticket_id") == Some(&Value::text("42")));
    }

    #[test]
    fn other_events_and_our_own_are_told_apart() {
        assert_eq!(check(r#"{"topic":"ticket.created","data":{"id":"1"}}"#), "ours");
        assert_eq!(check(r#"{"topic":"ticket.closed","data":{"id":"1"}}"#), "other");
        assert_eq!(check(r#"{"data":{"id":"1"}}"#), "other");
        assert_eq!(check(r#"{"topic":["ticket.created"],"data":{"id":"1"}}"#), "other");
        assert_eq!(check(r#"{"topic":"ticket.created","data":{"id":"1","author":{"type":"bot"}}}"#), "own");
        assert_eq!(check(r#"{"topic":"other","data":{"author":{"type":"bot"}}}"#), "own");
    }

    #[test]
    fn a_header_narrows_where_the_body_does_not_say_what_happened() {
        let mut trigger = trigger();
        let Trigger::Webhook { matches, .. } = &mut trigger else { panic!("a webhook") };
        *matches = [("header:x-shopify-topic".to_owned(), "orders/paid".to_owned())].into();
        let is_ours = |values: &[&str]| {
            let headers: Vec<_> =
                values.iter().map(|v| ("X-Shopify-Topic".to_owned(), v.as_bytes().to_vec())).collect();
            let delivery = Delivery { headers: &headers, body: br#"{"data":{"id":"1"}}"# };
            matches!(take(&trigger, delivery), Ok(Taken::Ours(_)))
        };
        assert!(is_ours(&["orders/paid"]));
        assert!(!is_ours(&["orders/create"]));
        assert!(!is_ours(&[]));
        assert!(!is_ours(&["orders/paid", "orders/paid"]));
    }

    #[test]
    fn changes_of_one_record_are_told_apart_by_when_they_happened() {
        let mut trigger = trigger();
        let Trigger::Webhook { fields, once, .. } = &mut trigger else { panic!("a webhook") };
        let updated = json!({"at": "data.updated", "shape": {"type": "instant", "wire": "iso"}, "class": "reference", "written_by": "system"});
        fields.insert(Name::new("updated").unwrap(), serde_json::from_value(updated).unwrap());
        let names = ["ticket_id", "updated"].map(|name| Name::new(name).unwrap());
        *once = Some(Once::Several(names.to_vec()));
        let once_of = |updated: &str| {
            let body = json!({"topic": "ticket.created", "data": {"id": 42, "updated": updated}}).to_string();
            let delivery = Delivery { headers: &[], body: body.as_bytes() };
            let Ok(Taken::Ours(fields)) = take(&trigger, delivery) else { panic!("ours") };
            let Trigger::Webhook { once: Some(names), .. } = &trigger else { panic!("once") };
            super::once(&fields, names, &exact(&trigger, delivery)).unwrap()
        };
        assert_eq!(once_of("2026-03-02T10:00:00+01:00"), "42_2026-03-02T09:00:00Z");
        assert_eq!(once_of("2026-03-02T09:00:00.100Z"), "42_2026-03-02T09:00:00.1Z", "whichever way it is spelled");
        assert_ne!(once_of("2026-03-02T09:00:00.100Z"), once_of("2026-03-02T09:00:00.900Z"));
    }

    #[test]
    fn only_slack_and_front_ask_for_a_text_back() {
        let mut trigger = trigger();
        let body = br#"{"type":"url_verification","challenge":"3eZbrw1a"}"#;
        let delivery = Delivery { headers: &[], body };
        assert!(!matches!(take(&trigger, delivery), Ok(Taken::Challenge(_))));
        let Trigger::Webhook { dialect, .. } = &mut trigger else { panic!("a webhook") };
        *dialect = Dialect::Slack;
        assert!(matches!(take(&trigger, delivery), Ok(Taken::Challenge(text)) if text == "3eZbrw1a"));
        let Trigger::Webhook { dialect, .. } = &mut trigger else { panic!("a webhook") };
        *dialect = Dialect::Front;
        assert!(!matches!(take(&trigger, delivery), Ok(Taken::Challenge(_))));
        let headers = [("x-front-challenge".to_owned(), b"5f1b".to_vec())];
        let asked = |body: &[u8]| matches!(take(&trigger, Delivery { headers: &headers, body }), Ok(Taken::Challenge(text)) if text == "5f1b");
        assert!(
            asked(br#"{"type":"sync","authorization":{"id":"cmp_1"}}"#) && !asked(br#"{"type":"inbound_received"}"#)
        );
    }

    #[test]
    fn a_workflow_takes_only_the_events_it_asks_for() {
        let mut trigger = trigger();
        let Trigger::Webhook { only, .. } = &mut trigger else { panic!("a webhook") };
        *only = [(Name::new("ticket_id").unwrap(), "42".to_owned())].into();
        let is_ours = |body: &str| {
            let delivery = Delivery { headers: &[], body: body.as_bytes() };
            matches!(take(&trigger, delivery), Ok(Taken::Ours(_)))
        };
        assert!(is_ours(r#"{"topic":"ticket.created","data":{"id":42}}"#));
        assert!(!is_ours(r#"{"topic":"ticket.created","data":{"id":43}}"#));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for bad in [
            "[]",
            "1",
            "{",
            r#"{"topic":"ticket.created"}"#,
            r#"{"topic":"ticket.created","data":{"id":"two words"}}"#,
            r#"{"topic":"ticket.created","topic":"x","data":{"id":"1"}}"#,
            r#"{"topic":"ticket.created","data":{"id":"1","subject":7}}"#,
        ] {
            assert_eq!(check(bad), "bad_body", "{bad}");
        }
        for no_json in ["", "payload=%7B%22topic%22%3A%22ticket.created%22%7D", "<xml/>"] {
            assert_eq!(check(no_json), "not_json", "{no_json}");
        }
    }

    #[test]
    fn a_person_gives_exactly_the_declared_fields() {
        let Trigger::Webhook { fields, .. } = trigger() else { panic!("a webhook") };
        let given = |body: &str| given(&fields, body.as_bytes()).map(|fields| fields.len());
        assert_eq!(given(r#"{"ticket_id":"1","subject":"x"}"#), Ok(2));
        assert_eq!(given(r#"{"ticket_id":"1"}"#), Ok(1));
        let misfit = || NotGiven::Misfit("ticket_id".parse().unwrap());
        for (bad, why) in [
            (r#"{"subject":"x"}"#, misfit()),
            (r#"{"ticket_id":"a b"}"#, misfit()),
            (r#"{"ticket_id":"1","other":1}"#, NotGiven::Undeclared),
            ("[]", NotGiven::BadForm),
        ] {
            assert_eq!(given(bad), Err(why), "{bad}");
        }
    }
}
