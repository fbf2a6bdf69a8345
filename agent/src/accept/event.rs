//! What a genuine event says: whether it is for this workflow, and the fields that may be kept. Pure.

use std::collections::BTreeMap;

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::Trigger;
use assent_schema::shape::Field;

use super::webhook::Refused;
use crate::request::json::Json;
use crate::request::wire;

/// What an event is to a workflow.
pub enum Taken {
    /// Its trigger, with the declared fields; everything else of the body is dropped here.
    Ours(BTreeMap<Name, Value>),
    /// Our own connection caused it: dropped, so that a workflow never answers itself.
    Own,
    /// Another event of the same connection.
    Other,
}

/// Reads the body of a webhook whose signature was checked.
///
/// # Errors
/// [`Refused::BadBody`] when it is no JSON object or a declared field does not fit.
pub fn take(trigger: &Trigger, body: &[u8]) -> Result<Taken, Refused> {
    let Trigger::Webhook { matches, fields, own, .. } = trigger else { return Ok(Taken::Other) };
    let json = object(body)?;
    let stands = |at: &str, wanted: &str| json.text_at(at).is_some_and(|text| text == wanted);
    if own.as_ref().is_some_and(|own| stands(&own.at, &own.equals)) {
        return Ok(Taken::Own);
    }
    if !matches.iter().all(|(at, wanted)| stands(at, wanted)) {
        return Ok(Taken::Other);
    }
    wire::take(&json, fields, None).map(Taken::Ours).or(Err(Refused::BadBody))
}

/// Reads what a person gives to a manual trigger: an object of exactly its fields.
///
/// # Errors
/// [`Refused::BadBody`] when a field does not fit, is missing, or is not declared: a person's slip shall not pass silently.
pub fn given(fields: &BTreeMap<Name, Field>, body: &[u8]) -> Result<BTreeMap<Name, Value>, Refused> {
    let json = object(body)?;
    let Json::Object(members) = &json else { return Err(Refused::BadBody) };
    let declared = |key: &str| fields.iter().any(|(name, field)| field.at == key || name.as_str() == key);
    if !members.iter().all(|(key, _)| declared(key)) {
        return Err(Refused::BadBody);
    }
    // People name fields by their names; `at` is where a machine would put them.
    let by_name = fields.iter().map(|(name, field)| {
        let at = if json.at(&field.at).is_some() && !field.at.is_empty() { field.at.clone() } else { name.to_string() };
        (name.clone(), Field { at, ..field.clone() })
    });
    wire::take(&json, &by_name.collect(), None).or(Err(Refused::BadBody))
}

fn object(body: &[u8]) -> Result<Json, Refused> {
    match Json::parse(body) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) | Err(_) => Err(Refused::BadBody),
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
        match take(&trigger(), body.as_bytes()) {
            Ok(Taken::Ours(_)) => "ours",
            Ok(Taken::Own) => "own",
            Ok(Taken::Other) => "other",
            Err(refused) => refused.code(),
        }
    }

    #[test]
    fn only_the_declared_fields_of_our_event_are_kept() {
        let body = br#"{"topic":"ticket.created","data":{"id":42,"subject":"Hi","email":"lena@example.com"},"x":1}"#;
        let Ok(Taken::Ours(fields)) = take(&trigger(), body) else { panic!("ours") };
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
    fn what_does_not_fit_is_refused() {
        for bad in [
            "",
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
    }

    #[test]
    fn a_person_gives_exactly_the_declared_fields() {
        let Trigger::Webhook { fields, .. } = trigger() else { panic!("a webhook") };
        let given = |body: &str| given(&fields, body.as_bytes()).map(|fields| fields.len());
        assert_eq!(given(r#"{"ticket_id":"1","subject":"x"}"#), Ok(2));
        assert_eq!(given(r#"{"ticket_id":"1"}"#), Ok(1));
        for bad in [r#"{"subject":"x"}"#, r#"{"ticket_id":"1","other":1}"#, r#"{"ticket_id":"a b"}"#, "[]"] {
            assert_eq!(given(bad), Err(Refused::BadBody), "{bad}");
        }
    }
}
