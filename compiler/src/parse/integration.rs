//! Reads `catalog/integrations/<name>.toml`.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::class::Class;
use assent_schema::client::{Auth, ClientAuth};
use assent_schema::id::{IntegrationId, Name, SlotId};
use assent_schema::plan::{ADYEN_SIGNED, Dialect, Hmac, Once, OwnEvent, Signed, SignedTime, bounds, may_refuse};
use assent_schema::shape::{CurrencyWire, Field, Shape, WrittenBy};
use assent_schema::spec::{ChannelKind, ChannelSpec, Event, Integration, Spanned, Webhook};
use assent_schema::time::Period;

use super::client::rate;
use super::field::fields;
use super::operation::operation;
use super::place::{path, texts_by_path};
use super::reader::{Table, Value};
use super::units::{count_all, minor_units};
use super::value::{boolean, line, name, not_one_of, parsed, period, plain_line, word};

pub(super) const AUTHS: [&str; 5] = ["header", "basic", "oauth2-client", "oauth2-refresh", "none"];

/// Reads an integration.
pub(super) fn integration(mut table: Table<'_, '_>, stem: &IntegrationId) -> Option<Integration> {
    let id = table.need("name", |value| named_as_file(value, stem));
    let summary = table.need("summary", line);
    let source = table.opt("source", line);
    let auth = table.need("auth", |value| value.spanned(auth));
    let webhook = table.opt("webhook", webhook);
    let shows = table.opt("shows", word).unwrap_or(Class::Reference);
    let channel = table.opt("channel", |value| value.spanned(channel));
    let rate = table.opt("rate", rate);
    let units = table.opt("minor_units", minor_units).unwrap_or_default();
    let dialect = webhook.as_ref().map(|webhook: &Webhook| webhook.dialect.value);
    let events = table.map("event", |value| event(value, dialect));
    let operations = table.map("operation", operation);
    if webhook.is_none() && !table.has("webhook") && !events.is_empty() {
        let help = "Add `[webhook]` with `dialect` and `slot`.";
        table.lacks::<()>(&["webhook"], "The integration has events and no `[webhook]`.", help);
    }
    table.done();
    let mut integration = Integration {
        name: id?,
        summary: summary?,
        source,
        auth: auth?,
        webhook,
        shows,
        channel,
        rate,
        events,
        operations,
    };
    count_all(&mut integration, &units);
    Some(integration)
}

/// How people are asked.
fn channel(value: Value<'_, '_>) -> Option<ChannelSpec> {
    let mut table = value.table()?;
    let kind: Option<ChannelKind> = table.need("kind", word);
    let post = table.need("post", |value| value.spanned(parsed));
    let update = table.opt("update", |value| value.spanned(parsed));
    let event = table.opt("event", |value| value.spanned(parsed));
    match kind {
        Some(ChannelKind::Helpdesk) if !table.has("event") => {
            let help = "Say which event tells that somebody wrote a note.";
            table.lacks::<()>(&["event"], "`event` is missing: nobody could answer.", help);
        }
        Some(ChannelKind::Helpdesk) if table.has("update") => {
            table.lacks::<()>(&[], "`update` is for `slack`; a note stays.", "Take `update` away.");
        }
        Some(ChannelKind::Slack) if table.has("event") => {
            table.lacks::<()>(&[], "`event` is for `helpdesk`; a press of a button is none.", "Take `event` away.");
        }
        _ => {}
    }
    table.done();
    Some(ChannelSpec { kind: kind?, post: post?, update, event })
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
            test: table.opt("test", parsed),
        },
        "basic" => Auth::Basic {
            user: table.opt("user", plain_line),
            slot: table.need("slot", parsed)?,
            test: table.opt("test", parsed),
        },
        "oauth2-client" => {
            let (token, send, slot) = oauth2(&mut table)?;
            Auth::Oauth2Client { token, send, slot, introspect: table.opt("introspect", token_path) }
        }
        "oauth2-refresh" => {
            let (token, send, slot) = oauth2(&mut table)?;
            Auth::Oauth2Refresh {
                token,
                send,
                slot,
                introspect: table.opt("introspect", token_path),
                authorize: table.opt("authorize", authorize_place),
                issuer: table.opt("issuer", issuer),
                grants_all: table.opt("grants_all", boolean).unwrap_or_default(),
            }
        }
        "none" => Auth::None {},
        other => return not_one_of(&kind, other, &AUTHS),
    };
    table.done();
    Some(auth)
}

/// Where tokens are asked for, how the agent says who it is there, and where its secrets are.
fn oauth2(table: &mut Table<'_, '_>) -> Option<(String, ClientAuth, SlotId)> {
    let token = table.need("token", token_path);
    let send = table.opt("send", word).unwrap_or_default();
    let slot = table.need("slot", parsed);
    Some((token?, send, slot?))
}

/// A path below the endpoint, so that the token comes from a host that the client approved.
fn token_path(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let literal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(literal);
    if text.len() <= 256 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment)) {
        Some(text.to_owned())
    } else {
        value.bad("is not a path like `/oauth/token`; another host stands in the client's endpoint as `tokens`")
    }
}

/// Where a person consents: a path below the endpoint, or an address elsewhere, which only a browser opens.
fn authorize_place(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if text.starts_with('/') {
        return token_path(value);
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:?&=%+".contains(&b);
    let host = text.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    if text.len() <= 512 && text.bytes().all(fine) && host.is_some_and(|host| !host.is_empty()) {
        Some(text.to_owned())
    } else {
        value.bad("is neither a path below the endpoint nor an address like `https://accounts.example/authorize`")
    }
}

/// An issuer as servers name themselves.
///
/// # Source
/// RFC 8414 section 2.
fn issuer(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:".contains(&b);
    if text.len() <= 256 && text.starts_with("https://") && text.bytes().all(fine) {
        Some(text.to_owned())
    } else {
        value.bad("is not an issuer like `https://accounts.example`")
    }
}

/// The name of an HTTP header that a connection may set.
///
/// # Source
/// RFC 9110 section 5.1: a token.
pub(super) fn header_name(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let token = is_header_name(text);
    // These decide where a request goes and where it ends; a catalog has no say in that.
    let framing = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect", "trailer"];
    if token && !framing.contains(&text.to_ascii_lowercase().as_str()) {
        Some(text.to_owned())
    } else {
        value.bad("is not the name of a header that a request may carry")
    }
}

pub(super) fn is_header_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn webhook(value: Value<'_, '_>) -> Option<Webhook> {
    let mut table = value.table()?;
    let dialect = table.need("dialect", |value| value.spanned(word));
    let slot = table.need("slot", name);
    let own = table.opt("self", own_event);
    let is_token = dialect.as_ref().is_some_and(|dialect| dialect.value == Dialect::Token);
    let header = if is_token { Some(table.need("header", header_name)?) } else { None };
    let is_hmac = dialect.as_ref().is_some_and(|dialect| dialect.value == Dialect::Hmac);
    let parts = is_hmac.then(|| hmac(&mut table));
    table.done();
    let hmac = match parts {
        // What is wrong with it was told.
        Some(None) => return None,
        Some(hmac) => hmac,
        None => None,
    };
    Some(Webhook { dialect: dialect?, slot: slot?, header, hmac, own })
}

/// How far a signed time may be off unless said.
const TOLERANCE: Period = Period::minutes(5);

/// How a sender signs, by its parts.
fn hmac(table: &mut Table<'_, '_>) -> Option<Hmac> {
    let header = table.need("header", header_name);
    let encoding = table.need("encoding", word);
    let prefix = table.opt("prefix", plain_line).unwrap_or_default();
    let signed = table.opt("signed", |value| {
        let text = value.text()?.to_owned();
        match Signed::try_from(text) {
            Ok(signed) => Some(signed),
            Err(wrong) => value.bad(wrong),
        }
    });
    let time = table.opt("time_header", header_name);
    let wire = table.opt("time", word).unwrap_or_default();
    let tolerance = table.opt("tolerance", period(bounds::TOLERANCE)).unwrap_or(TOLERANCE);
    let is_misread = table.has("signed") && signed.is_none();
    let signed = signed.unwrap_or_default();
    if !is_misread && signed.has_time() != table.has("time_header") {
        let (what, help) = if signed.has_time() {
            ("`signed` has a `{time}`, and nothing says where that stands.", "Name its header in `time_header`.")
        } else {
            (
                "`time_header` names a time, and it is not signed.",
                "Write `{time}` in `signed`, where the sender has it.",
            )
        };
        return table.bad(what, help);
    }
    for key in ["time", "tolerance"] {
        if table.has(key) && !table.has("time_header") {
            let message = format!("`{key}` is about a time that is signed, and none is.");
            return table.bad(&message, "Add `time_header`, or remove it.");
        }
    }
    let time = time.map(|header| SignedTime { header, wire, tolerance });
    Some(Hmac { header: header?, encoding: encoding?, prefix, signed, time })
}

/// How to tell what our own connection caused.
pub(super) fn own_event(value: Value<'_, '_>) -> Option<OwnEvent> {
    let mut table = value.table()?;
    let at = table.need("at", path);
    let equals = table.need("equals", plain_line);
    table.done();
    Some(OwnEvent { at: at?, equals: equals? })
}

fn event(value: Value<'_, '_>, dialect: Option<Dialect>) -> Option<Event> {
    let mut table = value.table()?;
    let record = table.need("record", name);
    let matches = table.need("match", texts_by_path);
    let once = table.get("once");
    let fields = table.need("fields", fields);
    let once_names = once.clone().and_then(|once| once.spanned(once_of));
    if let (Some(once), Some(names), Some(fields)) = (&once, &once_names, &fields) {
        check_once(once, names.names(), fields);
    }
    if let (None, Some(dialect)) = (&once, dialect.filter(|dialect| !signs_identity(*dialect))) {
        table.lacks::<()>(
            &["once"],
            &format!("`{}` signs no delivery id, and `once` is missing.", dialect.as_str()),
            "Add `once` with the field of the event by which it is accepted once, of class `reference`.",
        );
    }
    if let (Some(Dialect::Adyen), Some(names), Some(fields)) = (dialect, &once_names, &fields) {
        check_adyen(&table, names.names(), fields);
    }
    if let (Some(Dialect::Twilio), Some(fields)) = (dialect, &fields) {
        check_form(&table, fields);
    }
    if matches.as_ref().is_some_and(BTreeMap::is_empty) {
        table.bad::<()>(
            "`match` is empty, so every message would be this event.",
            "Say which path of the body holds which text.",
        );
    }
    // Spelled otherwise it would be a path of the body, and no message this event.
    let header = |path: &&String| path.trim().to_ascii_lowercase().starts_with("header:");
    let is_name = |path: &str| path.strip_prefix("header:").is_some_and(is_header_name);
    if let Some(strange) = matches.iter().flat_map(BTreeMap::keys).filter(header).find(|path| !is_name(path)) {
        let message = format!("`{}` in `match` names no header.", strange.escape_debug());
        table.bad::<()>(&message, "Write `header:` and the header's name, like `header:X-Shopify-Topic`.");
    }
    table.done();
    Some(Event { record: record?, matches: matches?, once: once_names, fields: fields? })
}

/// Whether what is signed tells a repeat from another event.
fn signs_identity(dialect: Dialect) -> bool {
    match dialect {
        Dialect::StandardWebhooks
        | Dialect::Stripe
        | Dialect::Zendesk
        | Dialect::Slack
        | Dialect::Front
        | Dialect::Mailgun => true,
        Dialect::Github
        | Dialect::Shopify
        | Dialect::Intercom
        | Dialect::Adyen
        | Dialect::Hubspot
        | Dialect::Twilio
        // What it is a time of, nobody knows: two events may have the same body.
        | Dialect::Hmac
        | Dialect::Token => false,
    }
}

/// What Adyen does not sign is nothing that a system wrote, and nothing by which an event is accepted once.
fn check_adyen(table: &Table<'_, '_>, once: &[Name], fields: &BTreeMap<Spanned<Name>, Spanned<Field>>) {
    let is_signed = |field: &Field| match &field.shape {
        Shape::Money { wire } => {
            let part = |below: &str| [field.at.as_str(), below].join(".");
            let currency = match &wire.currency {
                CurrencyWire::At(at) => ADYEN_SIGNED.contains(&part(at).as_str()),
                CurrencyWire::Fixed(_) => true,
            };
            currency && ADYEN_SIGNED.contains(&part(&wire.value).as_str())
        }
        _ => ADYEN_SIGNED.contains(&field.at.as_str()),
    };
    let must = |name: &Name, field: &Field| field.written_by == WrittenBy::System || once.contains(name);
    let wrong = fields.iter().find(|(name, field)| must(&name.value, field) && !is_signed(field));
    if let Some((name, _)) = wrong {
        let message = format!("`{}` is not among what `adyen` signs, so anybody may have written it.", name.value);
        table.bad::<()>(
            &message,
            "Remove `written_by = \"system\"`, or read the payment with a step. `once` names `pspReference`, which is signed.",
        );
    }
}

/// A form holds texts alone, so a number of JSON never comes.
fn check_form(table: &Table<'_, '_>, fields: &BTreeMap<Spanned<Name>, Spanned<Field>>) {
    let is_text = |shape: &Shape| match shape {
        Shape::Text { .. } | Shape::Token {} | Shape::Uuid {} | Shape::Decimal {} | Shape::Money { .. } => true,
        Shape::OneOf { numbers, .. } => numbers.is_empty(),
        Shape::Instant { wire } => wire.is_text(),
        Shape::List { of, .. } => matches!(of.shape, Shape::Text { .. } | Shape::Token {} | Shape::Uuid {}),
        Shape::Integer {} | Shape::Boolean {} | Shape::Record { .. } => false,
    };
    if let Some((name, _)) = fields.iter().find(|(_, field)| !is_text(&field.shape)) {
        let message =
            format!("`{}` can never be there: what `twilio` sends is a form, which holds texts alone.", name.value);
        table.bad::<()>(&message, "Use a type that is a text on the wire, like `token`, `text` or `decimal`.");
    }
}

/// The most fields that tell events apart together.
const ONCE_MOST: usize = 4;

/// One field, or several that tell events apart together.
fn once_of(value: Value<'_, '_>) -> Option<Once> {
    if !value.is_list() {
        return name(value).map(|name: Spanned<Name>| Once::One(name.value));
    }
    let given = value.clone();
    let names: Vec<Name> = value.items()?.filter_map(parsed).collect();
    let several = names.iter().collect::<BTreeSet<_>>().len();
    if several == names.len() && (2..=ONCE_MOST).contains(&several) {
        Some(Once::Several(names))
    } else {
        given.bad(&format!("does not name two to {ONCE_MOST} different fields"))
    }
}

/// The fields by which an event is accepted once are always there, are facts, and have one spelling. Of several at most one
/// is a `token`, so that none can be taken for a part of another. An instant alone tells no records apart.
fn check_once(once: &Value<'_, '_>, names: &[Name], fields: &BTreeMap<Spanned<Name>, Spanned<Field>>) {
    let mut tokens = 0;
    for name in names {
        let Some(field) = fields.get(name.as_str()) else {
            once.bad::<()>("names no field of this event");
            return;
        };
        tokens += usize::from(matches!(field.shape, Shape::Token {}));
        let plain = match &field.shape {
            Shape::Token {} | Shape::Uuid {} | Shape::Integer {} => true,
            Shape::Instant { wire } => names.len() > 1 && wire.tells_apart(),
            _ => false,
        };
        if field.optional || !field.class.is_fact() || !plain {
            once.bad_with_help::<()>(
                "names a field that cannot tell events apart",
                "It must be of class `reference`, of type `token`, `uuid` or `integer`, and not optional; beside such a field \
                 an `instant` can stand, as in `once = [\"id\", \"updated_at\"]`."
                    .into(),
            );
            return;
        }
    }
    if tokens > 1 {
        let help =
            "Name one `token`, and beside it fields of type `uuid`, `integer` or `instant`: where those end is known.";
        once.bad_with_help::<()>(
            "names two tokens, which cannot be told apart when they stand beside one another",
            help.into(),
        );
    }
}

/// HTTP statuses after which nothing was done: none of those that say that something was, and none that leave it open.
pub(super) fn refusals(value: Value<'_, '_>) -> Option<BTreeSet<u16>> {
    value.items()?.map(refusal).collect()
}

fn refusal(value: Value<'_, '_>) -> Option<u16> {
    let given = value.clone();
    let status = super::value::within(300..=599)(value)?;
    if may_refuse(status) {
        return Some(status);
    }
    let help = "Remove it. Whether it was done then tells a `confirm`; with an `idempotency` key it is tried again.";
    given.bad_with_help(&format!("is {status}, after which nobody can know whether it was done"), help.to_owned())
}

/// HTTP statuses.
pub(super) fn statuses(value: Value<'_, '_>) -> Option<BTreeSet<u16>> {
    value.items()?.map(super::value::within(100..=599)).collect()
}
