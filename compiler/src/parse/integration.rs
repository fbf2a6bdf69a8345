//! Reads `catalog/integrations/<name>.toml`.

use std::collections::BTreeSet;

use assent_schema::client::Auth;
use assent_schema::id::IntegrationId;
use assent_schema::plan::OwnEvent;
use assent_schema::spec::{Event, Integration, Spanned, Webhook};

use super::client::rate;
use super::field::fields;
use super::operation::operation;
use super::reader::{Table, Value};
use super::value::{line, name, not_one_of, parsed, path, plain_line, texts_by_path, word};

const AUTHS: [&str; 3] = ["header", "basic", "none"];

/// Reads an integration.
pub(super) fn integration(mut table: Table<'_, '_>, stem: &IntegrationId) -> Option<Integration> {
    let id = table.need("name", |value| named_as_file(value, stem));
    let summary = table.need("summary", line);
    let source = table.opt("source", line);
    let auth = table.need("auth", |value| value.spanned(auth));
    let webhook = table.opt("webhook", webhook);
    let rate = table.opt("rate", rate);
    let events = table.map("event", event);
    let operations = table.map("operation", operation);
    if webhook.is_none() && !table.has("webhook") && !events.is_empty() {
        table.bad::<()>("The integration has events and no `[webhook]`.", "Add `[webhook]` with `dialect` and `slot`.");
    }
    table.done();
    Some(Integration { name: id?, summary: summary?, source, auth: auth?, webhook, rate, events, operations })
}

/// A name that must be the file's own.
pub(super) fn named_as_file<T>(value: Value<'_, '_>, stem: &T) -> Option<Spanned<T>>
where
    T: std::str::FromStr<Err: std::fmt::Display> + PartialEq + std::fmt::Display,
{
    let given = value.clone();
    let id: Spanned<T> = name(value)?;
    if id.value == *stem { Some(id) } else { given.bad(&format!("is not the name of the file, `{stem}`")) }
}

/// How requests are authorised.
pub(super) fn auth(value: Value<'_, '_>) -> Option<Auth> {
    let mut table = value.table()?;
    let kind = table.need("kind", |value| Some(value.clone()).zip(value.text().map(str::to_owned)));
    let (kind, word) = kind?;
    let auth = match word.as_str() {
        "header" => Auth::Header {
            name: table.need("name", header_name)?,
            prefix: table.opt("prefix", plain_line),
            slot: table.need("slot", parsed)?,
        },
        "basic" => Auth::Basic { user: table.need("user", plain_line)?, slot: table.need("slot", parsed)? },
        "none" => Auth::None {},
        other => return not_one_of(&kind, other, &AUTHS),
    };
    table.done();
    Some(auth)
}

/// The name of an HTTP header that a connection may set.
///
/// # Source
/// RFC 9110 section 5.1: a token.
pub(super) fn header_name(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let token = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // These decide where a request goes and where it ends; a catalog has no say in that.
    let framing = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect", "trailer"];
    if token && !framing.contains(&text.to_ascii_lowercase().as_str()) {
        Some(text.to_owned())
    } else {
        value.bad("is not the name of a header that a request may carry")
    }
}

fn webhook(value: Value<'_, '_>) -> Option<Webhook> {
    let mut table = value.table()?;
    let dialect = table.need("dialect", |value| value.spanned(word));
    let slot = table.need("slot", name);
    let own = table.opt("self", own_event);
    table.done();
    Some(Webhook { dialect: dialect?, slot: slot?, own })
}

fn own_event(value: Value<'_, '_>) -> Option<OwnEvent> {
    let mut table = value.table()?;
    let at = table.need("at", path);
    let equals = table.need("equals", plain_line);
    table.done();
    Some(OwnEvent { at: at?, equals: equals? })
}

fn event(value: Value<'_, '_>) -> Option<Event> {
    let mut table = value.table()?;
    let record = table.need("record", name);
    let matches = table.need("match", texts_by_path);
    let once = table.opt("once", name);
    let fields = table.need("fields", fields);
    if matches.as_ref().is_some_and(std::collections::BTreeMap::is_empty) {
        table.bad::<()>(
            "`match` is empty, so every message would be this event.",
            "Say which path of the body holds which text.",
        );
    }
    table.done();
    Some(Event { record: record?, matches: matches?, once, fields: fields? })
}

/// HTTP statuses.
pub(super) fn statuses(value: Value<'_, '_>) -> Option<BTreeSet<u16>> {
    value.items()?.map(super::value::within(100..=599)).collect()
}
