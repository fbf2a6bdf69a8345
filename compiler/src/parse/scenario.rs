//! Reads `clients/<client>/workflows/<name>.test.toml`.

use std::collections::BTreeMap;

use super::tree::Written;
use assent_schema::spec::{Decided, Expect, ExpectedCall, Later, Reply, Scenario, Spanned, Tests};
use assent_schema::time::Period;
use serde::Serialize;
use serde_json::Number;

use super::integration::is_header_name;
use super::place::texts_by_path;
use super::reader::{Table, Value};
use super::unique::Unique;
use super::value::{boolean, integer, line, name, parsed, within, word};

/// The most scenarios of one file.
const SCENARIOS_MOST: usize = 1_000;

/// Reads the scenarios of a workflow.
pub(super) fn tests(mut table: Table<'_, '_>) -> Tests {
    let mut names = Unique::new("scenario");
    let scenarios = table.list("scenario", |value| {
        let scenario = scenario(value.clone())?;
        names.check(&value, &scenario.name);
        Some(scenario)
    });
    if scenarios.len() > SCENARIOS_MOST {
        table.bad::<()>(&format!("The file has more than {SCENARIOS_MOST} scenarios."), "Split the workflow.");
    }
    table.done();
    Tests { scenarios }
}

fn scenario(value: Value<'_, '_>) -> Option<Scenario> {
    let mut table = value.table()?;
    let scenario_name = table.need("name", line);
    let at = table.need("at", name);
    let event = table.opt("event", |value| value.spanned(|value| body(&value)));
    let further = table.list("further", further);
    let replies = table.list("reply", reply);
    let decisions = table.list("decide", decided);
    let later = table.list("later", later);
    let expect = table.need("expect", expect);
    table.done();
    Some(Scenario { name: scenario_name?, at: at?, event, further, replies, decisions, later, expect: expect? })
}

/// One more event of the trigger.
fn further(value: Value<'_, '_>) -> Option<(Period, Spanned<String>)> {
    let mut table = value.table()?;
    let after = table.need("after", parsed);
    let event = table.need("event", |value| value.spanned(|value| body(&value)));
    table.done();
    Some((after?, event?))
}

fn reply(value: Value<'_, '_>) -> Option<Reply> {
    let mut table = value.table()?;
    let to = table.need("to", name);
    let status = table.opt("status", within(100..=599)).unwrap_or(200);
    let body = says(&mut table);
    let fault = table.opt("fault", word);
    let after = table.opt("after", parsed);
    let retry_after = table.opt("retry_after", parsed);
    let headers = table.opt("headers", headers).unwrap_or_default();
    table.done();
    Some(Reply { to: to?, status, body, fault, after, retry_after, headers })
}

/// Headers of a reply, by name.
fn headers(value: Value<'_, '_>) -> Option<BTreeMap<String, String>> {
    let headers = texts_by_path(value.clone())?;
    match headers.keys().find(|name| !is_header_name(name)) {
        Some(name) => value.bad(&format!("holds `{}`, and no header is called so", name.escape_debug())),
        None => Some(headers),
    }
}

/// What a reply says: as TOML, as JSON where TOML has no word for it, or as it stands.
fn says(table: &mut Table<'_, '_>) -> Option<Spanned<String>> {
    let ways = ["body", "json", "text"];
    if ways.iter().filter(|way| table.has(way)).count() > 1 {
        let message = "`body`, `json` and `text` are three ways to write one thing.";
        table.bad::<()>(message, "Keep one of them.");
    }
    let body = table.opt("body", |value| value.spanned(|value| body(&value)));
    let json = table.opt("json", |value| value.spanned(as_json));
    let text = table.opt("text", |value| value.spanned(|value| value.text().map(str::to_owned)));
    body.or(json).or(text)
}

/// JSON as it stands: `null`, long numbers and whatever else TOML cannot say.
fn as_json(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Some(text.to_owned()),
        Err(_) => value.bad_with_help("is no JSON", "Write what is no JSON as `text`.".into()),
    }
}

fn decided(value: Value<'_, '_>) -> Option<Decided> {
    let mut table = value.table()?;
    let step = table.need("step", name);
    let person = table.opt("person", name);
    let choice = table.opt("choice", word);
    let after = table.opt("after", parsed).unwrap_or(Period::seconds(0));
    let edits = table.map("edits", edit);
    table.done();
    Some(Decided { step: step?, person, choice, after, edits })
}

/// What a person wrote at a path. Without its quotes a path is a table in a table.
fn edit(value: Value<'_, '_>) -> Option<String> {
    if matches!(value.inner, Written::Table(_)) {
        let help = "Put the path in quotes, like `\"draft.text\"`: a dot makes a table of it.";
        return value.bad_with_help("is a table, and no path with its text", help.into());
    }
    value.text().map(str::to_owned)
}

fn later(value: Value<'_, '_>) -> Option<Later> {
    let mut table = value.table()?;
    let after = table.need("after", name);
    let connection = table.need("connection", name);
    let event = table.need("event", |value| value.spanned(|value| body(&value)));
    table.done();
    Some(Later { after: after?, connection: connection?, event: event? })
}

fn expect(value: Value<'_, '_>) -> Option<Expect> {
    let mut table = value.table()?;
    let outcome = table.need("outcome", |value| value.spanned(word));
    let stop = table.opt("stop", name);
    let calls = table.list("calls", expected_call);
    // Whoever writes an empty list means that nothing was done.
    let only = table.opt("only", boolean).unwrap_or(table.has("calls") && calls.is_empty());
    let kpis = table.map("kpis", integer);
    let queued = table.opt("queued", boolean);
    table.done();
    Some(Expect { outcome: outcome?, stop, calls, only, kpis, queued })
}

fn expected_call(value: Value<'_, '_>) -> Option<ExpectedCall> {
    let mut table = value.table()?;
    let operation = table.need("operation", name);
    let with = table.map("with", |value| body(&value));
    let times = table.opt("times", within(0..=10_000));
    table.done();
    Some(ExpectedCall { operation: operation?, with, times })
}

/// A message's body as JSON text, its members in the order of their names. Here, and in no other file, TOML's floats and
/// dates may stand: APIs send them.
fn body(value: &Value<'_, '_>) -> Option<String> {
    let mut text = Vec::new();
    let written = json(value.inner, &mut text).and_then(|()| String::from_utf8(text).ok());
    written.or_else(|| value.bad("holds a number that JSON does not have"))
}

fn json(value: &Written<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Written::String(text) => put(text.as_ref(), out),
        Written::Boolean(flag) => put(flag, out),
        Written::Integer(digits) => put(&i64::from_str_radix(digits.as_str(), digits.radix()).ok()?, out),
        Written::Float(digits) => put(&Number::from_f64(digits.parse().ok()?)?, out),
        Written::Datetime(moment) => put(&moment.to_string(), out),
        Written::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                separate(position, out);
                json(item.get_ref(), out)?;
            }
            out.push(b']');
            Some(())
        }
        Written::Table(table) => {
            let mut members: Vec<_> = table.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect();
            members.sort_by_key(|(name, _): &(&str, _)| *name);
            out.push(b'{');
            for (position, (name, value)) in members.into_iter().enumerate() {
                separate(position, out);
                put(name, out)?;
                out.push(b':');
                json(value.get_ref(), out)?;
            }
            out.push(b'}');
            Some(())
        }
    }
}

fn separate(position: usize, out: &mut Vec<u8>) {
    if position > 0 {
        out.push(b',');
    }
}

fn put<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(out, value).ok()
}
